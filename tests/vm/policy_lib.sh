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
	local on=/dev/${2:-$disk}
	copy_once "$on" "$on" 0 $dest_at "$1" | sed -n 's/.* offloaded=\(.*\) emulated=\(.*\) .*/\1 \2/p'
}

# same BYTES: the destination is the source, and nothing was written behind it.
same() {
	cmp -n "$1" /dev/$disk /dev/$disk 0 $dest_at &&
		cmp -n $((data_bytes - $1)) /dev/zero /dev/$disk 0 $((dest_at + $1))
}

# status TYPE MEMBER...: of the rows of this type, these members. Not with jq, which takes
# longer to start than the rest of a check.
status() {
	bpfcopy status -o ndjson 2>/dev/null | awk -v type="$1" -v members="${*:2}" '
		index($0, "\"type\":\"" type "\"") {
			line = ""
			n = split(members, member, " ")
			for (i = 1; i <= n; i++) {
				match($0, "\"" member[i] "\":[^,}]*")
				skip = length(member[i]) + 3
				line = line " " substr($0, RSTART + skip, RLENGTH - skip)
			}
			gsub("\"", "", line)
			print substr(line, 2)
		}'
}
# "DEVICE=POLICY" of all that is attached, in one line
attached() { status policy device policy | tr ' ' = | sort | paste -sd ' '; }
# member DEVICE MEMBER: of the policy on this device
member() { status policy device "$2" | sed -n "s/^$1 //p"; }
# decisions DEVICE REASON: "COUNT BYTES"
decisions() { status decision device reason decisions bytes | sed -n "s/^$1 $2 //p"; }

# settings DEVICE: "PARAMETER=VALUE" of each, in one line
settings() {
	status parameter device parameter value | sed -nE "s/^$1 (.*) /\1=/p" | sort | paste -sd ' '
}

load() { bpfcopy load "$@" >/dev/null; }
unload_all() { bpfcopy unload --all >/dev/null 2>&1 || :; }

is_attached() { [ "$(attached)" = "$1" ]; }
