#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw build/tests/vm/copy_verify build/tests/vm/copy_once
# Protection information of nvme-debug, type 1 with a guard of 16 bits. Its judges are guards
# computed elsewhere and the block layer, which makes and verifies its own; the numbers are
# statements about Copy, see nvme-debug/README.md.
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:pi
sub=$subsystems/$nqn
ns=$sub/namespaces
# Namespaces 1, 2 and 3 have protection information, 4 has none; 3 has blocks of 4096 bytes.
d1='' d2='' d3='' d4=''

# PRINFO: PRACT, and what PRCHK checks.
act=8 guard=4 app=2 ref=1
check_all=7

# CRC-16/T10-DIF of 512 bytes A1h, B2h, and of 4096 bytes A1h.
crc_a=84e6 crc_b=e7fe crc_a4k=e799

# --- helpers ---

# block BYTE [SIZE] [TUPLE]: one of that byte, with what is to follow.
block() {
	head -c "${2:-512}" /dev/zero | tr '\0' "\\$(printf '%03o' $((16#$1)))"
	[ -z "${3:-}" ] || xxd -r -p <<<"$3"
}
# tuple GUARD APP LBA
tuple() { printf '%s%s%08x' "$1" "$2" "$3"; }

# write LBA PRINFO FILE [KEY=VALUE...]: status of a Write of one block to namespace 1.
write() {
	raw nsid=1 opcode=1 cdw10="$1" cdw12=$(($2 << 26)) cdw14="$1" in="$3" "${@:4}"
}
# read LBA PRINFO [KEY=VALUE...]: status of a Read of one block; its content is in $tmp/got.
read_block() {
	local len=520
	(($2 & act)) && len=512
	raw nsid=1 opcode=2 cdw10="$1" cdw12=$(($2 << 26)) cdw14="$1" len=$len out="$tmp/got" \
		"${@:3}"
}
# The tuple of block LBA of a namespace.
tuple_of() {
	raw nsid="${2:-1}" opcode=2 cdw10="$1" len="${3:-520}" out="$tmp/got" >/dev/null
	tail -c 8 "$tmp/got" | xxd -p
}
# verified DISK FIRST COUNT: the status of a Verify that checks guards and reference tags.
verified() {
	local nsid
	nsid=$(<"/sys/block/${1#/dev/}/nsid")
	raw nsid="$nsid" opcode=0xc cdw10="$2" cdw12=$((check_all << 26 | ($3 - 1))) cdw14="$2"
}

id_ns() { nvme id-ns -o json "$dev" -n "$1" | jq -c "$2"; }
integrity() { cat "/sys/block/${1#/dev/}/integrity/$2" 2>/dev/null; }
# shellcheck disable=SC2317 # called by wait_for
integrity_is() { [ "$(integrity "$1" "$2")" = "$3" ]; }
limit() { cat "/sys/block/${1#/dev/}/queue/$2"; }

# copy SDLBA RANGE... [KEY=VALUE...], with PRINFOR and PRINFOW: a Copy to namespace 1.
copy() {
	local args=(nsid=1 sdlba="$3" cdw14="$3" elbt=0 cdw12=$(($1 << 12 | $2 << 26))) a
	for a in "${@:4}"; do
		[[ $a = *=* ]] || a=range=$a
		args+=("$a")
	done
	raw "${args[@]}"
}

# --- what it says, and what the host makes of it ---

test_identify() {
	check_equal 'Identify: 8 bytes of metadata in the block, type 1, last' \
		"$(id_ns 1 '[.lbafs[0].ms, .lbafs[0].ds, .flbas, .mc, .dpc, .dps]')" '[8,9,16,1,17,1]'
	check_equal 'Identify: 4096+8' "$(id_ns 3 '[.lbafs[0].ms, .lbafs[0].ds]')" '[8,12]'
	check_equal 'Identify: none' "$(id_ns 4 '[.lbafs[0].ms, .flbas, .mc, .dpc, .dps]')" \
		'[0,0,0,0,0]'
	check_equal 'the host makes a profile of it' \
		"$(integrity "$d1" format) $(integrity "$d3" format) $(integrity "$d4" format)" \
		'T10-DIF-TYPE1-CRC T10-DIF-TYPE1-CRC none'
	check_equal 'the host does not offload to it' \
		"$(limit "$d1" copy_max_hw_bytes) $(limit "$d3" copy_max_hw_bytes)" '0 0'
	check 'nor is that because it could not' test "$(limit "$d4" copy_max_hw_bytes)" -gt 0
	check_equal 'it states its limits all the same' "$(id_ns 1 '[.mssrl, .mcl, .msrc]')" \
		'[8192,65536,127]'
}

test_values() {
	refused "$ns/4/pi" "${numbers[@]}" 2 yes
	fill "$d4" 1
	echo 1 >$ns/4/pi
	check 'protection information comes at run time' wait_for 30 integrity_is "$d4" format \
		T10-DIF-TYPE1-CRC
	check_equal 'which formats' "$(sum "$d4" 0 1)" "$(zeroes $((1 << 20)))"
	check 'the limits are 0 then' wait_for 30 queue_has "$d4" copy_max_hw_bytes 0
	echo 0 >$ns/4/pi
	check 'and it goes' wait_for 30 integrity_is "$d4" format none
}

# --- Write, Read, Compare, Verify ---

test_write() {
	block a1 512 "$(tuple $crc_a 1234 100)" >"$tmp/good"
	block a1 512 "$(tuple $crc_b 1234 100)" >"$tmp/guard"
	block a1 512 "$(tuple $crc_a 1234 101)" >"$tmp/ref"
	block b2 512 "$(tuple $crc_a ffff 7)" >"$tmp/escape"
	block a1 >"$tmp/data"
	check_equal 'a good tuple' "$(write 100 $check_all "$tmp/good" cdw15=0xffff1234)" '0 0'
	check_equal 'is kept' "$(tuple_of 100)" "${crc_a}123400000064"
	check_equal 'C47 a wrong guard' "$(write 100 $guard "$tmp/guard")" '0x4282 0'
	check_equal 'C47 a wrong reference tag' "$(write 100 $ref "$tmp/ref")" '0x4284 0'
	check_equal 'C47 a wrong application tag' \
		"$(write 100 $app "$tmp/good" cdw15=0xffff1235)" '0x4283 0'
	check_equal 'C47 where the mask has it' "$(write 100 $app "$tmp/good" cdw15=0xfff01235)" \
		'0 0'
	check_equal 'C48 a reference tag that no block can have' \
		"$(write 100 $ref "$tmp/good" cdw14=101)" '0x4181 0'
	{ block b2 512 "$(tuple $crc_b 0000 100)" && block b2 512 "$(tuple $crc_a 0000 101)"; } \
		>"$tmp/second"
	check_equal 'a wrong one in the second block of two' \
		"$(write 100 $((guard | ref)) "$tmp/second" cdw12=$(((guard | ref) << 26 | 1)))" \
		'0x4282 0'
	check_equal 'nothing is written of what is refused' \
		"$(read_block 100 $check_all cdw15=0xffff1234) $(cmp "$tmp/got" "$tmp/good" && echo same)" \
		'0 0 same'
	check_equal 'what is not to be checked is not' \
		"$(write 101 $ref "$tmp/ref") $(write 102 0 "$tmp/guard")" '0 0 0 0'
	check_equal 'application tag FFFFh: nothing is' "$(write 103 $check_all "$tmp/escape")" '0 0'
	check_equal 'PRACT: the tuple is made' \
		"$(write 104 $act "$tmp/data" cdw15=0x5678) $(tuple_of 104)" "0 0 ${crc_a}567800000068"
	check_equal 'without its tuple a block is too short, with PRACT too long' \
		"$(write 104 0 "$tmp/data") $(write 104 $act "$tmp/good")" '0x400f 0 0x400f 0'
}

test_read() {
	check_equal 'PRACT: the tuple is stripped' \
		"$(read_block 100 $((act | check_all)) cdw15=0xffff1234) $(cmp "$tmp/got" "$tmp/data" && echo same)" \
		'0 0 same'
	check_equal 'C47 Read checks guard, application and reference tag' \
		"$(read_block 102 $guard) $(read_block 100 $app cdw15=0xffff4321) $(read_block 102 $ref)" \
		'0x4282 0 0x4283 0 0x4284 0'
	check_equal 'C47 also what it strips' "$(read_block 102 $((act | guard)))" '0x4282 0'
	check_equal 'C48 a reference tag that no block can have' \
		"$(read_block 100 $ref cdw14=7)" '0x4181 0'
	check_equal 'what is not written has tuples of FFh, which are not checked' \
		"$(read_block 900 $check_all) $(tuple_of 900)" '0 0 ffffffffffffffff'
	check_equal 'nor those with application tag FFFFh' "$(read_block 103 $check_all)" '0 0'
	check_equal 'Verify checks, too' \
		"$(verified "$d1" 100 1) $(raw nsid=1 opcode=0xc cdw10=102 cdw12=$((guard << 26)))" \
		'0 0 0x4282 0'
	check_equal 'Compare compares blocks, not tuples' \
		"$(raw nsid=1 opcode=5 cdw10=100 in="$tmp/guard") $(raw nsid=1 opcode=5 cdw10=100 in="$tmp/escape")" \
		'0 0 0x4285 0'
	check_equal 'neither of both strips' \
		"$(raw nsid=1 opcode=5 cdw10=100 cdw12=$((act << 26)) in="$tmp/data") $(
			raw nsid=1 opcode=0xc cdw10=100 cdw12=$((act << 26)))" '0x4181 0 0x4181 0'
	check_equal 'Write Zeroes and deallocation take the tuple along' \
		"$(raw nsid=1 opcode=8 cdw10=100) $(tuple_of 100)" '0 0 ffffffffffffffff'
	block a1 4096 >"$tmp/large"
	raw nsid=3 opcode=1 cdw10=7 cdw12=$((act << 26)) cdw14=7 in="$tmp/large" >/dev/null
	check_equal 'blocks of 4096 bytes' "$(tuple_of 7 3 4104)" "${crc_a4k}000000000007"
}

# --- the block layer's tuples ---

# What dd writes and reads goes with tuples that the host makes and verifies.
test_block_layer() {
	local d nsid
	for d in "$d1" "$d3"; do
		head -c 1111040 /dev/urandom >"$tmp/file"
		dd if="$tmp/file" of="$d" bs=1M oflag=direct,seek_bytes seek=40960 status=none \
			conv=notrunc iflag=fullblock
		dd if="$d" of="$tmp/back" bs=8k iflag=direct,skip_bytes,count_bytes skip=40960 \
			count=1114112 status=none
		check "$(limit "$d" logical_block_size): what is written can be read" \
			cmp -n 1111040 "$tmp/file" "$tmp/back"
	done
	check_equal 'the tuples are good' "$(verified "$d1" 80 2000) $(verified "$d3" 10 200)" \
		'0 0 0 0'
	for nsid in 1 3; do
		d=$(ns_disk $nqn $nsid)
		echo 0 >"/sys/block/${d#/dev/}/integrity/write_generate"
		echo 0 >"/sys/block/${d#/dev/}/integrity/read_verify"
		dd if=/dev/urandom of="$d" bs=64k count=4 oflag=direct status=none
		check_equal "$nsid: without any, the controller makes them" "$(verified "$d" 0 32)" \
			'0 0'
		echo 1 >"/sys/block/${d#/dev/}/integrity/write_generate"
		echo 1 >"/sys/block/${d#/dev/}/integrity/read_verify"
		check "$nsid: and the host verifies them" dd if="$d" of=/dev/null bs=64k count=4 \
			iflag=direct status=none
	done
}

# A disk within the disk: the reference tags are those of the disk.
test_remapped() {
	modprobe dm-mod
	dmsetup create part --table "0 65536 linear $d1 4096"
	dd if="$tmp/file" of=/dev/mapper/part bs=4k count=100 oflag=direct status=none
	check_equal 'dm-linear: tuples are of where they end up' "$(verified "$d1" 4096 800)" '0 0'
	check 'dm-linear: and can be read there' cmp -n 409600 "$tmp/file" \
		<(dd if=/dev/mapper/part bs=4k count=100 iflag=direct status=none)
	dmsetup remove part
}

# corrupt OPCODE: one bit of the first block of the next such command is wrong.
corrupt() {
	[ -d $sub/faults/bit ] || mkdir $sub/faults/bit
	echo 0 >$sub/faults/bit/enable
	set_attrs $sub/faults/bit opcode="$1" nsid=1 action=corrupt times=1 enable=1
}
said_of_reading() {
	{ dd if="$d1" of=/dev/null bs=4k skip="$1" count=1 iflag=direct 2>&1 || :; } |
		sed -n 's/.*error reading .*: //p'
}

test_corruption() {
	local dev_log
	corrupt 1
	dd if=/dev/urandom of="$d1" bs=4k seek=3 count=1 oflag=direct status=none
	check_equal 'what went wrong on the medium is found by the controller' \
		"$(verified "$d1" 24 8)" '0x4282 0'
	check_equal 'and reported as such' "$(said_of_reading 3)" \
		'Invalid or incomplete multibyte or wide character'
	dd if=/dev/urandom of="$d1" bs=4k seek=3 count=1 oflag=direct status=none
	dev_log=$(dmesg | wc -l)
	corrupt 2
	check_equal 'what went wrong on the way is found by the host' "$(said_of_reading 3)" \
		'Invalid or incomplete multibyte or wide character'
	check 'by its guard' grep -q 'guard tag error' <(dmesg | tail -n +"$dev_log")
	check_equal 'the medium is good' "$(verified "$d1" 24 8)" '0 0'
	rmdir $sub/faults/bit
}

# --- Copy: the host's ---

test_host_copy() {
	check_equal 'offload only is refused' \
		"$(copy_result --mode offload "$d1" "$d1" 0 64KiB 64KiB)" \
		"error=EOPNOTSUPP copied=0 offloaded=0 emulated=0 error_range=0"
	program copy_verify --src "$d1" --expect emulate --seed "${SEED:-7}" --iterations 30 \
		--max-bytes 1MiB --copiers 2
	fill "$d1" 4
	check_equal 'copies are emulated' "$(copy_result "$d1" "$d1" 0 32MiB 4MiB)" \
		'error=0 copied=4194304 offloaded=0 emulated=4194304 error_range=1'
	check_equal 'the bytes are right' "$(sum "$d1" 32 4)" "$(sum "$d1" 0 4)"
	check_equal 'the tuples are right: of the new place' "$(verified "$d1" 65536 8192)" '0 0'
	check_equal 'between namespaces, too' \
		"$(copy_result "$d1" "$d2" 0 32MiB 4MiB) $(verified "$d2" 65536 8192)" \
		'error=0 copied=4194304 offloaded=0 emulated=4194304 error_range=1 0 0'
	check_equal 'no Copy was sent' "$(stat_of $sub 1 copy) $(stat_of $sub 2 copy)" '0 0 0 0 0 0 0 0'
}

# --- Copy: the kernel's target in front of it ---

# There are no tuples between host and target: the block layer of the target makes them. What its disk
# copies would have those of another place, so it copies nothing; beside it is a disk that can.
test_target() {
	local target=/sys/kernel/config/nvmet host=nqn.2026-11.test:front all n t1 t4 ctrl said before
	local subsystem=$target/subsystems/$host port=$target/ports/1
	modprobe -a nvme-loop
	mkdir "$subsystem" "$port"
	echo 1 >"$subsystem/attr_allow_any_host"
	all=("$d1" "$d3" "$d4")
	for n in 1 2 3; do
		mkdir "$subsystem/namespaces/$n"
		printf %s "${all[n - 1]}" >"$subsystem/namespaces/$n/device_path"
		echo 1 >"$subsystem/namespaces/$n/enable"
	done
	echo loop >"$port/addr_trtype"
	ln -s "$subsystem" "$port/subsystems/"
	nvme connect -t loop -n "$host" >/dev/null
	for n in 1 2 3; do wait_for 20 ns_disk "$host" $n; done
	t1=$(ns_disk "$host" 1) t4=$(ns_disk "$host" 3)
	ctrl=/dev/$(basename "$(dirname "$(grep -lx "$host" /sys/class/nvme/nvme*/subsysnqn)")")
	before="$(stat_of $sub 1 copy) $(stat_of $sub 3 copy)"
	check_equal 'C45 target: limits of disks with protection information, and of one without' \
		"$(for n in 1 2 3; do
			nvme id-ns -o json "$ctrl" -n $n | jq -c '[.mssrl, .mcl, .msrc]'
		done | xargs)" \
		'[0,0,0] [0,0,0] [65535,65535,127]'
	check_equal 'C45 target: the host takes them over' \
		"$(for n in 1 2 3; do limit "$(ns_disk "$host" $n)" copy_max_hw_bytes; done | xargs)" \
		"0 0 $(limit "$t4" copy_max_hw_bytes)"
	check 'C45 target: which is not 0 for all' test "$(limit "$t4" copy_max_hw_bytes)" -gt 0
	for n in 1 2; do
		# Without the bit that says there is a log page about it.
		said=$(nvme_raw "$ctrl" nsid=$n sdlba=100 range=8+8)
		check_equal "C45 target: Copy is no command of namespace $n" \
			"$(printf '0x%x' $((${said% *} & ~0x2000)))" 0x4001
	done
	check_equal 'C45 target: offload only is refused' \
		"$(copy_result --mode offload "$t1" "$t1" 0 64KiB 64KiB)" \
		"error=EOPNOTSUPP copied=0 offloaded=0 emulated=0 error_range=0"
	fill "$t1" 4
	check_equal 'C46 target: copies are emulated by the host' "$(copy_result "$t1" "$t1" 0 32MiB 4MiB)" \
		'error=0 copied=4194304 offloaded=0 emulated=4194304 error_range=1'
	check_equal 'C46 target: the bytes are right' "$(sum "$t1" 32 4)" "$(sum "$t1" 0 4)"
	check_equal 'C46 target: and are those of its disk' "$(sum "$d1" 32 4)" "$(sum "$t1" 0 4)"
	check_equal 'C48 target: the tuples of its disk are right: of the new place' \
		"$(verified "$d1" 65536 8192)" '0 0'
	check_equal 'C45 target: its disks were sent no Copy' \
		"$(stat_of $sub 1 copy) $(stat_of $sub 3 copy)" "$before"
	fill "$t4" 4
	before=$(stat_of $sub 4 copy)
	check_equal 'C45 target: a disk without copies' "$(copy_result --mode offload "$t4" "$t4" 0 32MiB 4MiB)" \
		'error=0 copied=4194304 offloaded=4194304 emulated=0 error_range=1'
	check_equal 'C45 target: and the bytes are right' "$(sum "$d4" 32 4)" "$(sum "$t4" 0 4)"
	check 'C45 target: by itself' test "$(stat_of $sub 4 copy)" != "$before"
	nvme disconnect -n "$host" >/dev/null
	rm "$port/subsystems/$host"
	rmdir "$subsystem"/namespaces/* "$port"
	# As in copy_nvmet: stock 6.12 warns when a namespace is let go of later than this.
	sleep $((2 * T_SCALE))
	rmdir "$subsystem"
}

# --- Copy: the controller's ---

# Blocks 200 to 207 of namespace 1 and 2: PRACT has made their tuples, application tag 5678h.
prepare() {
	local n i
	block a1 >"$tmp/data"
	for i in {200..207}; do
		for n in 1 2; do
			write "$i" $act "$tmp/data" nsid=$n cdw15=0x5678 >/dev/null
		done
	done
	write 199 0 "$tmp/escape" >/dev/null
	for i in 300 800; do
		raw nsid=1 opcode=8 cdw10=$i cdw12=15 >/dev/null
	done
}

test_copy_within() {
	prepare
	check_equal 'C46 PRACT differs: 0/02h' \
		"$(copy $act 0 300 200+8) $(copy 0 $act 300 200+8)" '0x4002 0 0x4002 0'
	check_equal 'C46 of which nothing is written' "$(tuple_of 300)" ffffffffffffffff
	check_equal 'C46 PRACT on both sides: new tuples' \
		"$(copy $((act | check_all)) $act 300 200+4 204+4 elbat=0x5678 elbatm=0xffff \
			cdw15=0x1111)" '0 0'
	check_equal 'C46 of the new place' "$(verified "$d1" 300 8) $(tuple_of 307)" \
		"0 0 ${crc_a}111100000133"
	check_equal 'C46 PRACT on neither: those of the source go along' \
		"$(copy $check_all $guard 310 200+2 elbat=0x5678 elbatm=0xffff) $(tuple_of 311)" \
		"0 0 ${crc_a}5678000000c9"
	check_equal 'C46 and are checked where they are written' "$(copy 0 $ref 312 200+2)" '0x4284 0'
	check_equal 'C46 and not written if they are wrong' "$(tuple_of 312)" ffffffffffffffff
	check_equal 'C47 a wrong application tag in the second range: DW0 = 1' \
		"$(copy $app 0 320 199+1 200+1 elbat=1 elbatm=0xffff)" '0x4283 1'
	write 208 0 "$tmp/guard" >/dev/null
	check_equal 'C47 a wrong guard' "$(copy $guard 0 320 200+1 208+1)" '0x4282 1'
	check_equal 'C47 a wrong reference tag' "$(copy $ref 0 320 200+1 208+1)" '0x4284 1'
	check_equal 'C47 what is replaced is checked before' "$(copy $((act | guard)) $act 320 208+1)" \
		'0x4282 0'
	check_equal 'C48 a reference tag that no source can have' \
		"$(copy $((act | ref)) $act 320 200+1 201+1 elbt=1)" '0x4181 0'
	check_equal 'C48 or that the destination can not' \
		"$(copy $act $((act | ref)) 320 200+1 cdw14=7)" '0x4181 0'
	check_equal 'C45 what is not written has no tuple, whatever PRINFO says' \
		"$(copy $((act | check_all)) $act 320 800+8) $(tuple_of 320)" '0 0 ffffffffffffffff'
	# Ranges that do not end where pages do, and what is only in part written.
	check_equal 'parts of pages' \
		"$(copy $act $act 1001 200+3 800+1 203+4) $(verified "$d1" 1001 8)" '0 0 0 0'
	check_equal 'C47 Verify of a copied tuple, at the old address' \
		"$(raw nsid=1 opcode=0xc cdw10=311 cdw12=$((ref << 26)) cdw14=311)" '0x4284 0'
}

test_copy_between() {
	behavior 0x0c >/dev/null
	check_equal 'C40 both have it, PRACT is the same: passed on, replaced' \
		"$(copy $check_all $guard 400 2@200+2 format=2 elbat=0x5678 elbatm=0xffff) $(tuple_of 401) $(
			copy $act $act 400 2@200+2 format=2) $(tuple_of 401)" \
		"0 0 ${crc_a}5678000000c9 0 0 ${crc_a}000000000191"
	check_equal 'C40 PRACT differs: 0/02h' \
		"$(copy $act 0 400 2@200+2 format=2) $(copy 0 $act 400 1@200+1 2@200+1 format=2)" \
		'0x4002 0 0x4002 0'
	fill "$d4" 1
	check_equal 'C41 none to some: it has to be inserted' \
		"$(copy 0 0 400 4@200+2 format=2) $(copy 0 $act 400 4@200+2 format=2) $(
			verified "$d1" 400 2)" '0x4185 0 0 0 0 0'
	check_equal 'C41 inserted, the data is there' "$(hash "$d1" 400 2)" "$(hash "$d4" 200 2)"
	check_equal 'C41 some to none: it has to be stripped' \
		"$(copy 0 0 400 1@200+2 format=2 nsid=4) $(copy $((act | guard)) 0 400 1@200+2 format=2 \
			nsid=4) $(hash "$d4" 400 2)" "0x4185 0 0 0 $(hash "$d1" 200 2)"
	check_equal 'C41 and is checked before' \
		"$(copy $((act | guard)) 0 400 1@208+1 format=2 nsid=4)" '0x4282 0'
	check_equal 'C38 another block size' "$(copy $act $act 400 3@2+1 format=2)" '0x4185 0'
	check_equal 'C16 formats 1 and 3 with a small guard' \
		"$(copy $act $act 400 200+1 format=1) $(copy $act $act 400 1@200+1 format=3)" \
		'0x400b 0 0x400b 0'
	check_equal 'C45 no protection information: PRINFO is ignored' \
		"$(copy $check_all $((check_all | act)) 500 200+1 nsid=4 elbt=7)" '0 0'
}

# Two paths: integrity is the disk's, whichever way it goes.
test_multipath() {
	local d
	remove_subsys $sub
	mkdir $sub $sub/controllers/{b,c}
	make_ns $sub 1 size=16M pi=1
	connect $nqn b
	connect $nqn c
	wait_for 20 ns_disk $nqn 1
	d=$(ns_disk $nqn 1)
	check_equal 'multipath: the disk has a profile' "$(integrity "$d" format)" T10-DIF-TYPE1-CRC
	dd if="$tmp/file" of="$d" bs=64k count=8 oflag=direct status=none
	echo inaccessible >$sub/controllers/b/ana_state
	check 'multipath: written by one, read by the other' cmp -n 524288 "$tmp/file" \
		<(dd if="$d" bs=64k count=8 iflag=direct status=none)
	disconnect b
	disconnect c
}

modprobe nvme-debug i_know=1
modprobe nvme-raw
mkdir $sub
set_attrs $sub multipath=0 copy_formats=15
make_ns $sub 1 size=64M pi=1
make_ns $sub 2 size=64M pi=1
make_ns $sub 3 size=64M block_size=4096 pi=1
make_ns $sub 4 size=64M
connect $nqn pi
dev=/dev/$(ctrl_of pi)
for n in 1 2 3 4; do
	wait_for 20 ns_disk $nqn $n
done
d1=$(ns_disk $nqn 1) d2=$(ns_disk $nqn 2) d3=$(ns_disk $nqn 3) d4=$(ns_disk $nqn 4)

test_identify
test_values
test_write
test_read
test_block_layer
test_remapped
test_corruption
test_host_copy
test_target
test_copy_within
test_copy_between
disconnect pi
test_multipath
remove_subsys $sub
check_equal 'no page is left' "$(pages)" 0
check 'unload' modprobe -r nvme-raw nvme-debug
finish
