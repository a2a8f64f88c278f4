#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# policy check and policy explain: the files in conf/, each with what is said about it in
# NAME.txt beside it. After a change that is meant: UPDATE=1 tests/cli/policy.sh.
# Functions are called by check.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
shopt -s nullglob

"$top/tests/cli/make-sysfs" "$scratch/sysfs"
mkdir "$scratch/by-id"
ln -s ../../nvme0n1 "$scratch/by-id/nvme-QEMU_NVMe_Ctrl_deadbeef"
ln -s ../../nvme0n1p1 "$scratch/by-id/nvme-QEMU_NVMe_Ctrl_deadbeef-part1"
ln -s ../../nvme0n1 "$scratch/by-id/nvme-eui.0011223344556677"
ln -s ../../sda "$scratch/by-id/ata-Samsung_SSD_850"
# What a group could write would be refused.
umask 022
export BPFCOPY_SYSFS=$scratch/sysfs BPFCOPY_BY_ID=$scratch/by-id
# Some policies, and not all: their list is in golden messages.
mkdir "$scratch/lib"
ln -s "$top"/build/bpf/policy_{always,never,threshold}.bpf.o "$scratch/lib"
export BPFCOPY_LIB=$scratch/lib

# said GOLDEN COMMAND...: what it prints and its status are those of the file GOLDEN.
said() {
	local golden=$1 status=0
	shift
	"$@" >"$scratch/out" 2>&1 </dev/null || status=$?
	echo "(exit status $status)" >>"$scratch/out"
	[ -z "${UPDATE:-}" ] || cp "$scratch/out" "$golden"
	diff -u "$golden" "$scratch/out"
}

# in_conf NAME ARGUMENT...: in the folder of files, so that messages have short names
in_conf() {
	local golden=$top/tests/cli/conf/$1.txt
	shift
	(cd "$top/tests/cli/conf" && said "$golden" "$bpfcopy" "$@")
}

# Files

for file in "$top"/tests/cli/conf/*.conf; do
	name=$(basename "$file" .conf)
	check "policy check: $name" in_conf "$name" policy check "$name.conf"
done
check 'policy check -o json' in_conf json-output \
	policy check -o json no-unit.conf sets-nothing.conf
check 'policy check: all files of a folder' in_conf folder policy check .
check 'policy check: no such file' in_conf no-such-file policy check nope.conf good.conf

# Files that ship, and the examples of the manual

no_complaint() {
	"$bpfcopy" policy check "$1" >"$scratch/out"
	cat "$scratch/out"
	grep -qE '^0 errors, 0 warnings in 1 file, [1-9]' "$scratch/out"
}
BPFCOPY_LIB=$top/build/bpf
for file in "$top"/policy/*.conf "$top"/policy/examples/*.conf; do
	check "shipped: $(basename "$file")" no_complaint "$file"
done
# shellcheck disable=SC2016 # marks of Markdown
sed -n '/^```ini$/,/^```$/ { /^```/d; p }' "$top/docs/policies.md" >"$scratch/manual.conf"
check 'examples of docs/policies.md' no_complaint "$scratch/manual.conf"

BPFCOPY_LIB=/nowhere
check 'without any object, names are not checked' no_complaint "$scratch/manual.conf"
BPFCOPY_LIB=$scratch/lib

# Bytes that editors would not keep: NAME, bytes for printf, what is said.
bytes() {
	local name=$1
	mkdir -p "$scratch/bytes"
	# shellcheck disable=SC2059 # the bytes are the format
	printf "$2" >"$scratch/bytes/$name.conf"
	refuse_check "bytes: $name" "$3" "$scratch/bytes/$name.conf"
}

# refuse_check NAME PATTERN ARGUMENT...: policy check ends with 3 and prints PATTERN, and no
# byte that a terminal would obey.
refuse_check() {
	local name=$1 pattern=$2 status=0
	shift 2
	"$bpfcopy" policy check "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
	{
		echo "(exit status $status, expected 3 and /$pattern/)"
		cat -v "$scratch/out" "$scratch/err"
	} >"$scratch/log"
	if [ $status = 3 ] && grep -qE -- "$pattern" "$scratch/out" && [ ! -s "$scratch/err" ] &&
		! LC_ALL=C grep -q '[^ -~]' "$scratch/out"; then
		ok "$name"
	else
		not_ok "$name" "$scratch/log"
	fi
}

rule='[policy.a]\nmatch_all = yes\n'
bytes nul "${rule}mode = o\\0ff\\n" ':3:9: error: control character'
bytes escape "${rule}mode = \\033[31moff\\n" ':3:8: error: control character'
bytes c1 "${rule}# \\302\\2331m\\n" ':3:3: error: control character'
bytes dos "${rule}mode = off\\r\\n" ':3:11: error: control character'
bytes latin1 "${rule}# M\\374nchen\\n" ':3:4: error: not UTF-8'
bytes overlong "${rule}# \\300\\257\\n" ':3:3: error: not UTF-8'
bytes surrogate "${rule}# \\355\\240\\200\\n" ':3:3: error: not UTF-8'
bytes cut-character "${rule}# \\342\\202" ':3:3: error: not UTF-8'
bytes bom "\\357\\273\\277${rule}mode = off\\n" ':1:1: error: byte order mark'
bytes utf-16 '\377\376[\0p\0]\0\n\0' ':1:1: error: byte order mark'
bytes key-in-umlauts "${rule}möde = off\\n" 'error: unknown key "m\?\?de"'
bytes no-newline "${rule}mode = of" 'did you mean "off"'

# Sizes

long=$(printf '%05000d' 0)
printf '[policy.a]\nmatch_model = %s\nmode = off\n' "$long" >"$scratch/long.conf"
refuse_check 'a value of 5000 bytes' ':2:15: error: value of more than 4096 bytes' \
	"$scratch/long.conf"
printf '[policy.a]\nmatch_model = %s|*\nmode = off\n' "${long:0:4094}" >"$scratch/long.conf"
check 'a value of 4096 bytes' "$bpfcopy" policy check "$scratch/long.conf"
printf '[policy.%s]\n%s = 1\n' "$long" "$long" >"$scratch/long.conf"
refuse_check 'names of 5000 bytes' 'unknown key "0+\.\.\."' "$scratch/long.conf"
head -c 5000000 /dev/zero | tr '\0' '#' >"$scratch/long.conf"
refuse_check 'a file of 5 MB' 'error: larger than 4 MiB' "$scratch/long.conf"
awk 'BEGIN { for (i = 0; i < 100000; i++) print "=" }' >"$scratch/long.conf"
refuse_check '100,000 errors' '^100000 errors' "$scratch/long.conf"
mkfifo "$scratch/fifo.conf"
refuse_check 'a pipe' 'error: not a file' "$scratch/fifo.conf"

many_rules() {
	awk 'BEGIN { for (i = 0; i < 5000; i++)
		printf "[policy.r%d]\npriority = %d\nmatch_serial = dead*\n" \
			"copy_max_bytes = %dKiB\n", i, i % 1000, 4 * (i + 1) }' >"$scratch/many.conf"
	timeout 60 "$bpfcopy" policy explain nvme0n1 --config "$scratch/many.conf" \
		--key copy_max_bytes >"$scratch/out"
	[ "$(wc -l <"$scratch/out")" = 5001 ] &&
		sed -n 2p "$scratch/out" | grep -q 'hardware limit 8MiB.*many.conf:20000$'
}
check '5000 rules for one device' many_rules

# The standard places

root=$scratch/root
vendor=$root/usr/lib/bpfcopy etc=$root/etc/bpfcopy dropin=$root/etc/bpfcopy/bpfcopy.conf.d
mkdir -p "$vendor" "$dropin"
rule() { printf '[policy.%s]\nmatch_all = yes\npolicy = %s\n' "$1" "$2"; }
rule vendor never >"$vendor/10-default.conf"
rule masked nonsense >"$vendor/20-masked.conf"
rule linked nonsense >"$vendor/30-linked.conf"
rule admin always >"$etc/bpfcopy.conf"
rule mask threshold >"$dropin/20-masked.conf"
ln -s /dev/null "$dropin/30-linked.conf"
echo 'garbage' >"$dropin/README"
echo 'garbage' >"$dropin/.hidden.conf"
echo 'garbage' >"$dropin/50.conf~"

winners() {
	"$bpfcopy" policy explain nvme0n1 --root "$root" --key policy >"$scratch/out"
	sed -i "s|$root||" "$scratch/out"
	diff -u - "$scratch/out" <<-'OUT'
		KEY    VALUE     LIVE RULE   SAYS      WHY                       FROM
		policy threshold -    mask   threshold later file, same priority /etc/bpfcopy/bpfcopy.conf.d/20-masked.conf:3
		policy -         -    admin  always    lost: mask comes later    /etc/bpfcopy/bpfcopy.conf:3
		policy -         -    vendor never     lost: mask comes later    /usr/lib/bpfcopy/10-default.conf:3
	OUT
}
check 'order of files, and masks' winners
check 'check of the standard places' sh -c "
	'$bpfcopy' policy check --root '$root' | grep -qx '0 errors, 0 warnings in 3 files, 3 rules'"

# What others could change is refused.
chmod o+w "$dropin/20-masked.conf"
refuse_check 'a file that everybody can write' \
	'20-masked.conf: error: can be written by everybody' --root "$root"
chmod o-w "$dropin/20-masked.conf"
chmod o+w "$dropin"
refuse_check 'a folder that everybody can write' \
	'bpfcopy.conf.d: error: can be written by everybody' --root "$root"
chmod o-w "$dropin"
chmod o+w "$root/etc"
refuse_check 'a folder above that everybody can write' \
	'etc/bpfcopy: error: a folder above it can be written by everybody' --root "$root"
chmod +t "$root/etc"
check 'unless it is like /tmp' "$bpfcopy" policy check --root "$root"
chmod o-w,-t "$root/etc"
chmod 1777 "$dropin"
refuse_check 'a folder like /tmp' 'bpfcopy.conf.d: error: can be written by' --root "$root"
chmod 755 "$dropin"
odd=$(printf '40-\033[31m.conf')
echo x >"$dropin/$odd"
refuse_check 'an odd name of a file' '40-\?\[31m.conf:1:1: error: no = in' --root "$root"
rm "$dropin/$odd"
mv "$etc/bpfcopy.conf" "$scratch/elsewhere.conf"
ln -s "$scratch/elsewhere.conf" "$etc/bpfcopy.conf"
refuse_check 'a link' 'bpfcopy.conf: error: is a symbolic link' --root "$root"
rm "$scratch/elsewhere.conf"
refuse_check 'a link to nothing' 'bpfcopy.conf: error: is a symbolic link' --root "$root"
rm "$etc/bpfcopy.conf"
mkdir "$etc/bpfcopy.conf"
refuse_check 'a folder for a file' 'bpfcopy.conf: error: not a file' --root "$root"
rmdir "$etc/bpfcopy.conf"
rule admin always >"$etc/bpfcopy.conf"
if [ "$(id -u)" = 0 ]; then
	rule user always >"$dropin/60-user.conf"
	chown 65534 "$dropin/60-user.conf"
	refuse_check "another user's file" '60-user.conf: error: belongs to another user' \
		--root "$root"
	chown 0:65534 "$dropin/60-user.conf"
	chmod 664 "$dropin/60-user.conf"
	refuse_check 'a file that a group can write' '60-user.conf: error: can be written by a' \
		--root "$root"
	rm "$dropin/60-user.conf"
	rule secret never >"$scratch/secret.conf"
	chmod 600 "$scratch/secret.conf"
	chmod 755 "$scratch"
	unreadable() {
		local status=0
		setpriv --reuid 65534 --clear-groups "$bpfcopy" policy check \
			"$scratch/secret.conf" >"$scratch/out" || status=$?
		cat "$scratch/out"
		[ "$status" = 3 ] && grep -q 'secret.conf: error: Permission denied' "$scratch/out"
	}
	check 'an unreadable file' unreadable
else
	skip "other users' files" 'not root'
fi
chmod g+w "$etc/bpfcopy.conf"
refuse_check "a file that the owner's group can write" 'bpfcopy.conf: error: can be written by a' \
	--root "$root"
chmod g-w "$etc/bpfcopy.conf"
# A link in an image does not lead out of it.
inside() {
	mkdir -p "$scratch/image/etc" "$scratch/outside"
	echo secret >"$scratch/outside/bpfcopy.conf"
	ln -s "$scratch/outside" "$scratch/image/etc/bpfcopy"
	"$bpfcopy" policy check --root "$scratch/image" 2>&1 | tee "$scratch/out"
	grep -q '0 rules' "$scratch/out" && ! grep -q secret "$scratch/out"
}
check 'a link stays below the root' inside
refuse_check 'a root that is not there' 'nowhere: error: No such file' --root "$scratch/nowhere"
check 'no configuration at all' sh -c "
	mkdir '$scratch/empty' && '$bpfcopy' policy check --root '$scratch/empty'"

# A file that goes away between the look at the folder and the look at it is none.
vanish() {
	local i status end=$((SECONDS + 2))
	while [ "$SECONDS" -lt "$end" ]; do
		for i in 1 2 3 4 5 6 7 8; do rule "v$i" never >"$dropin/7$i.conf"; done
		rm -f "$dropin"/7?.conf
	done &
	for i in $(seq 50); do
		"$bpfcopy" policy check --root "$root" >"$scratch/out" 2>&1 || {
			# Half a rule is an error, a file that is gone is not.
			grep -qE 'No such file|Stale' "$scratch/out" && { cat "$scratch/out"; return 1; }
		}
	done
	wait
	rm -f "$dropin"/7?.conf
}
check 'files that vanish' vanish

# Explain

explain=$top/tests/cli/conf/explain.rules
explained() { (cd "$top/tests/cli/conf" && said "$golden" "$bpfcopy" policy explain "$@"); }
for dev in nvme0n1 nvme0n1p1 nvme11n1 sda dm-0 nvme10n1; do
	golden=$top/tests/cli/conf/explain-$dev.txt
	check "explain $dev" explained "$dev" --config explain.rules
done
"$bpfcopy" dev list -o json >"$scratch/snapshot"
unset BPFCOPY_SYSFS BPFCOPY_BY_ID
for dev in nvme0n1 nvme11n1 sda dm-0 nvme10n1; do
	golden=$top/tests/cli/conf/explain-$dev.txt
	UPDATE='' check "explain $dev, from a snapshot" \
		explained "$dev" --config explain.rules --snapshot "$scratch/snapshot"
done
golden=$top/tests/cli/conf/explain-key.txt
check 'explain --key -o json, by a by-id link' explained --config explain.rules --key policy \
	-o json --snapshot "$scratch/snapshot" /dev/disk/by-id/nvme-eui.0011223344556677

args=(policy explain --config "$explain" --snapshot)
refuse 'not in the snapshot' 4 'snapshot: nvme7n7 is not in it' "${args[@]}" "$scratch/snapshot" \
	nvme7n7
refuse 'which one in the snapshot?' 2 'not about one device: want DEV' \
	"${args[@]}" "$scratch/snapshot"
refuse 'no snapshot' 1 'no such file' "${args[@]}" "$scratch/nope" nvme0n1
echo 'DEVICE SIZE' >"$scratch/table"
refuse 'a snapshot that is no JSON' 1 'table: not a JSON document' "${args[@]}" "$scratch/table"
echo '{"schema":"bpfcopy.dev/2","devices":[]}' >"$scratch/newer"
refuse 'a snapshot of another schema' 1 'newer: not what .bpfcopy dev show' \
	"${args[@]}" "$scratch/newer"
for text in '[]' '{"schema":1}' '{"schema":"bpfcopy.dev/1"}' \
	'{"schema":"bpfcopy.dev/1","devices":{}}'; do
	echo "$text" >"$scratch/odd"
	refuse "an odd snapshot: $text" 1 'not what .bpfcopy dev show' "${args[@]}" "$scratch/odd"
done
odd_types() {
	echo '{"schema":"bpfcopy.dev/1","devices":[{"disk":7,"model":[],"by_id":{},
		"copy_max_hw_bytes":"x","device":"odd"}]}' >"$scratch/odd"
	"$bpfcopy" "${args[@]}" "$scratch/odd" odd
}
check 'values of odd types are not known' odd_types
refuse 'explain with a broken configuration' 3 'did you mean "copy_max_bytes"' \
	policy explain nvme0n1 --config "$top/tests/cli/conf/unknown-key.conf" \
	--snapshot "$scratch/snapshot"
refuse 'explain: no such device' 4 'nvme7n7: no such device' policy explain nvme7n7
refuse 'explain what?' 2 'which device\? want DEV' policy explain

finish
