# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the suites of policies share that are loaded with the command, on top of copy_lib.sh.
# Names of disks and pins have no blanks.
# shellcheck disable=SC2086
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/copy_lib.sh"

# shellcheck disable=SC2034 # used by the suites
{
	disk=nvme0n1
	number=$(cat /sys/block/$disk/dev)
	pins=/sys/fs/bpf/bpfcopy
	lib=/usr/lib/bpfcopy
}
dest_at=$((64 << 20))
data_bytes=$((4 << 20))

# What is copied, to the beginning of a disk; and zeroes to where it goes.
fill_source() { fill /dev/$1 0 $data_bytes; }
wipe() {
	dd if=/dev/zero of=/dev/$disk bs=64K seek=$dest_at count=$data_bytes \
		iflag=count_bytes,fullblock oflag=seek_bytes,direct status=none
}

# copy BYTES [DISK]: print "OFFLOADED EMULATED".
copy() {
	local on=${2:-$disk}
	bpfcopy copy -o json "$on" "$on@${dest_at}B" "${1}B" |
		jq -r '[.. | objects | select(has("offloaded_bytes"))][0] | "\(.offloaded_bytes) \(.emulated_bytes)"'
}

# same BYTES: the destination is the source, and nothing was written behind it.
same() {
	cmp -n "$1" /dev/$disk /dev/$disk 0 $dest_at &&
		cmp -n $((data_bytes - $1)) /dev/zero /dev/$disk 0 $((dest_at + $1))
}

status() { bpfcopy status -o json 2>/dev/null; }
attached() { status | jq -r '[.policies[]? | "\(.device)=\(.policy)"] | sort | join(" ")'; }
member() { status | jq -r --arg d "$1" ".policies[] | select(.device == \$d) | .$2"; }
# decisions DEVICE REASON: "COUNT BYTES"
decisions() {
	status | jq -r --arg d "$1" --arg r "$2" \
		'.decisions[] | select(.device == $d and .reason == $r) | "\(.decisions) \(.bytes)"'
}

load() { bpfcopy load "$@" >/dev/null; }
unload_all() { bpfcopy unload --all >/dev/null 2>&1 || :; }

is_attached() { [ "$(attached)" = "$1" ]; }
