# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the nvme_debug_* suites share that use configfs, on top of debug_lib.sh.
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/debug_lib.sh"

# A suite that ends early says where.
set -E
trap 'echo "# ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND: status $?" >&2' ERR

# shellcheck disable=SC2034 # used by the suites
subsystems=/sys/kernel/config/nvme-debug/subsystems
# A debug kernel takes several times as long.
debug_kernel=''
if [ -e /proc/lockdep ] || [ -e /sys/kernel/debug/kmemleak ]; then
	# shellcheck disable=SC2034 # used by the suites
	debug_kernel=1
fi

# try FILE VALUE: write it with a newline; sets said to the kernel's answer, or nothing.
said=''
try() {
	said=''
	{ printf '%s\n' "$2" >"$1"; } 2>"$tmp/said" && return
	read -r said <"$tmp/said" || :
	said=${said##*: }
}
# put FILE VALUE: the same, and print it.
put() {
	try "$@"
	printf '%s' "$said"
}

# Values that no number is.
# shellcheck disable=SC2034 # used by the suites
long=$(printf 'x%.0s' {1..5000})
# shellcheck disable=SC2034 # used by the suites
numbers=('' ' ' -1 - + x 1x 0x 1.5 '1 2' 99999999999999999999 18446744073709551616 "$long")

# refused FILE VALUE...: each with -EINVAL and a line in the log, of which only the end matters.
refused() {
	local file=$1 v log
	local name=${file#"${file%/*/*}"/}
	shift
	for v in "$@"; do
		try "$file" "$v"
		[ "$said" = 'Invalid argument' ] || check_equal "$name=$v refused" "$said" EINVAL
	done
	log=$(dmesg | tail -n $((3 * $# + 20)))
	for v in "$@"; do
		v=${v%%$'\n'*}
		[[ $log = *"nvme_debug: $name=${v:0:48} refused: give "* ]] ||
			not_ok "$name=${v:0:48} refused, and why"
	done
	ok "$name: $# bad values refused, and why"
}

# busy FILE VALUE WHAT: refused with -EBUSY, and what to do first.
busy() {
	local name=${1#"${1%/*/*}"/}
	check_equal "$name cannot change now" "$(put "$1" "$2")" 'Device or resource busy'
	[[ $(dmesg | tail -n 20) = *"nvme_debug: $name refused: in use, $3 first"* ]] ||
		not_ok "$name cannot change now, and why"
}

# set_attrs DIRECTORY NAME=VALUE...
set_attrs() {
	local a
	for a in "${@:2}"; do
		echo "${a#*=}" >"$1/${a%%=*}"
	done
}

# make_ns DIRECTORY NSID NAME=VALUE...: a namespace, enabled.
make_ns() {
	mkdir "$1/namespaces/$2"
	set_attrs "$1/namespaces/$2" "${@:3}" enable=1
}

# connect NQN ADDRESS [OPTION...]
connect() { nvme connect -t debug -n "$1" -a "$2" "${@:3}" >/dev/null; }

# disconnect ADDRESS
disconnect() { nvme disconnect -d "$(ctrl_of "$1")" >/dev/null; }

# ns_disk NQN NSID [FILE]: the disk people use, whatever number of paths it has, once there is this
# file of it. See disk_of().
ns_disk() {
	local f d
	for f in /sys/block/nvme*n*/nsid; do
		d=${f%/nsid}
		if [ -b "/dev/${d##*/}" ] && [ -e "$d/${3:-bdi}" ] && has "$f" "$2" &&
			has "$d/device/subsysnqn" "$1"; then
			echo "/dev/${d##*/}"
			return
		fi
	done 2>/dev/null
	return 1
}

no_ns_disk() { ! ns_disk "$@" nsid; }

# has FILE VALUE: the file's line is that. Not by $(<FILE): the file of a device that goes cannot be
# read any more, and bash 5.2 then ends the script, even where it only asks.
has() {
	local line
	read -r line <"$1" && [ "$line" = "$2" ]
}

# between LOW HIGH VALUE
between() {
	echo "$3, expected $1 to $2"
	[ "$3" -ge "$1" ] && [ "$3" -le "$2" ]
}

# queue_has DISK ATTRIBUTE VALUE
queue_has() { has "/sys/block/${1#/dev/}/queue/$2" "$3"; }

# remove_subsys DIRECTORY: and all that is in it.
remove_subsys() {
	local dirs=()
	mapfile -t dirs < <(find "$1" -mindepth 2 -maxdepth 2 -type d)
	rmdir "${dirs[@]}" "$1"
}

# admin ADDRESS OPTION...: the status of an admin command.
admin() { status_in "$(nvme admin-passthru "/dev/$(ctrl_of "$1")" "${@:2}" 2>&1 || :)"; }

# stat_of DIRECTORY NSID OPCODE: commands, errors, bytes, ranges so far.
stat_of() {
	local op rest
	while read -r op rest; do
		[ "$op" != "$3" ] || echo "$rest"
	done <"$1/namespaces/$2/stats"
}

fill() { dd if=/dev/urandom of="$1" bs=1M count="$2" oflag=direct status=none; }
sum() { dd if="$1" bs=1M skip="$2" count="$3" iflag=direct status=none | sha256sum; }
zeroes() { head -c "$1" /dev/zero | sha256sum; }
pages() { echo "$(<$params/pages)"; }

# What the suites share that use nvme_raw: $dev is the controller, $tmp a directory.
tmp=$(mktemp -d)
dev=''

# raw KEY=VALUE...: status and DW0 of a command.
raw() { nvme_raw "$dev" "$@"; }

# blocks DISK FIRST COUNT: their bytes (512 byte blocks).
blocks() { dd if="$1" bs=512 skip="$2" count="$3" iflag=direct status=none; }
hash() { blocks "$@" | sha256sum; }

# behavior CDFE: Set Features 16h.
behavior() {
	printf '00000000%02x00%s' "$1" "$(printf '0%.0s' {1..1012})" | xxd -r -p >"$tmp/hbs"
	raw via=0 opcode=9 cdw10=0x16 in="$tmp/hbs"
}
# The two bytes of CDFE that Get Features 16h returns. A controller that a command's end resets has
# no open() until it is live again.
get_behavior() {
	wait_for 20 has "/sys/class/nvme/${dev#/dev/}/state" live
	raw via=0 opcode=10 cdw10=0x16 len=512 out="$tmp/got" >/dev/null
	od -An -tx1 -j 4 -N 2 "$tmp/got" | xargs
}

# begin FILE COMMAND...: in the background; what it says ends up there. Sets pid.
begin() {
	local file=$1
	shift
	"$@" >"$file" &
	pid=$!
}

# ended: what begin() has started. That it could not be sent shows in what it did not say.
ended() { wait "${1:-$pid}" || echo "# a command in the background: status $?"; }

# letters BYTES: of each block that comes, which letter all of it is of, or "torn". It is compared
# as a line: to look at each byte takes ten times as long.
letters() {
	fold -w "$1" | awk '{
		c = substr($0, 1, 1)
		if (!(c in same))
			for (same[c] = c; length(same[c]) < length($0); )
				same[c] = same[c] same[c]
		print $0 == same[c] ? c : "torn"
	}'
}
