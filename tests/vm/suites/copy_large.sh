#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A GiB over 64 segments in another order, on one disk: the disk copies all of it, with as few
# commands as its limits and the segments of the destination allow. copy_dm does the rest.
# vm: --nvme 2112M,mssrl=65535,mcl=32768,msrc=127 --timeout 240
# debug: no
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

disk=/dev/nvme0n1
mib=$((1 << 20)) gib=$((1 << 30))
# A command of this disk: mcl blocks of 512 bytes, which is 16 MiB, from up to 128 ranges.
command_mib=16

# shuffled NAME START SIZE...: a device of these pieces of a GiB of the disk, which lie there in
# another order. MiB.
shuffled() {
	local name=$1 at=$2 size n logical=0 table='' sizes
	shift 2
	sizes=("$@")
	local -A place=()
	for n in $(seq 0 $(($# - 1)) | shuf --random-source=<(yes "$name")); do
		place[$n]=$at
		at=$((at + sizes[n]))
	done
	for n in "${!sizes[@]}"; do
		size=${sizes[n]}
		table+="$((logical * 2048)) $((size * 2048)) linear $disk $((place[$n] * 2048))"$'\n'
		logical=$((logical + size))
	done
	[ $logical = 1024 ]
	dm_disk "$name" "$table"
}

# Each MiB of the GiB is unlike the others: 16 MiB of random bytes, turned further each time.
fill_gib() {
	local n
	head -c $((16 * mib)) /dev/urandom >/tmp/block
	for n in $(seq 0 63); do
		dd if=/tmp/block of="$1" bs=64K skip="$n" seek=$((n * 256)) oflag=direct status=none
		[ "$n" = 0 ] || dd if=/tmp/block of="$1" bs=64K count="$n" seek=$((n * 256 + 256 - n)) \
			oflag=direct status=none
	done
	rm /tmp/block
}

# A MiB here and there, around the borders of segments, by another program.
# shellcheck disable=SC2317 # called by check
same_bytes() {
	local at
	for at in 0 6 7 31 32 44 45 500 511 512 1022 1023; do
		[ "$(digest "$1" $((at * mib)) "$mib")" = "$(digest "$2" $((at * mib)) "$mib")" ] ||
			{ echo "MiB $at differs"; return 1; }
	done
}

# least SIZE...: commands that pieces of the destination take, if each is contiguous on the disk.
least() {
	local size sum=0
	for size; do sum=$((sum + (size + command_mib - 1) / command_mib)); done
	echo $sum
}

# moved SOURCE DESTINATION LEAST
moved() {
	local commands
	events_on nvme/nvme_setup_cmd
	check 'all of it by the disk, every byte read again' \
		bpfcopy copy "$1" "$2" ${gib}B --mode offload --step 1GiB --verify
	events_off /tmp/events
	commands=$(grep -c 'cmd=(nvme_cmd_copy ' /tmp/events)
	echo "# $commands commands, at least $3"
	check 'few commands' between "$3" $(($3 * 110 / 100)) "$commands"
	check 'bytes' same_bytes "$1" "$2"
}

modprobe dm_mod
sizes=()
for _ in $(seq 16); do sizes+=(7 25 13 19); done
shuffled source 0 "${sizes[@]}"
shuffled target 1032 "${sizes[@]}"
fill_gib $disk
moved /dev/mapper/source /dev/mapper/target "$(least "${sizes[@]}")"
finish
