#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A GiB over 64 segments in another order, on one disk: the disk copies all of it, with as few
# commands as its limits and the segments of the destination allow. copy_dm does the rest.
# And 4 GiB, of which a signal leaves the most uncopied.
# vm: --nvme 2112M,mssrl=65535,mcl=32768,msrc=127 --nvme 8256M --timeout 300
# with: build/tests/vm/copy_once
# debug: no
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

disk=/dev/nvme0n1 huge=/dev/nvme1n1
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

# --- signals ---

# marks: each 32 MiB of the source of 4 GiB begin with 64 KiB that are like no others.
place() { echo $(($1 * 32 * mib)); }
marks() {
	local n
	for n in $(seq 0 127); do fill $huge "$(place "$n")" 65536; done
}
# shellcheck disable=SC2317 # called by check
marks_copied() {
	local n
	for n in $(seq 0 $(($1 - 1))); do
		copies_are_equal "$huge" "$(place "$n")" "$(place $((128 + n)))" 65536 ||
			{ echo "MiB $((n * 32)) differs"; return 1; }
	done
}

# sectors_written, and whether a GiB of them has been since $written.
sectors_written() { awk '{ print $7 }' /sys/block/${huge#/dev/}/stat; }
# shellcheck disable=SC2317 # called by wait_for
is_well_on() { [ "$(sectors_written)" -gt $((written + gib / 512)) ]; }

# killed NAME ERRNO|... COMMAND...: a copy of 4 GiB dies when it is on for a GiB. It ends soon, what it
# says it has copied is there, and nothing is written much behind it, or later.
killed() {
	local name=$1 errno=$2 pid copied begun
	shift 2
	for n in $(seq 128 255); do
		dd if=/dev/zero of=$huge bs=64K count=1 seek="$(place "$n")" oflag=seek_bytes,direct conv=notrunc status=none
	done
	written=$(sectors_written)
	events_on blk_copy/blk_copy_end
	"$@" >/tmp/line &
	pid=$!
	check "$name: a GiB is written" wait_for 60 is_well_on
	begun=$EPOCHREALTIME
	kill -9 $pid
	wait $pid || :
	check "$name: it ends" wait_for 60 grep -qE "blk_copy_end:.* error=($errno) " $tracing/trace
	echo "# $name: it takes $(((${EPOCHREALTIME/./} - ${begun/./}) / 1000)) ms to end"
	events_off /tmp/events
	copied=$(sed -n 's/.*blk_copy_end:.* offloaded=\([0-9]*\) emulated=\([0-9]*\) .*/\1 \2/p' /tmp/events |
		awk '{ n += $1 + $2 } END { print n + 0 }')
	check "$name: less than all is copied ($((copied / mib)) MiB)" between $gib $((3 * gib)) "$copied"
	check "$name: what is copied is there" marks_copied $((copied / mib / 32))
	# What was under way at the time is not much: a few chunks.
	check_equal "$name: what is not is as it was" \
		"$(digest $huge "$(place $((128 + copied / mib / 32 + 8)))" 65536)" "$nothing"
	fill $huge "$(place 128)" $((16 * mib))
	before=$(digest $huge "$(place 128)" $((16 * mib)))
	sleep 0.5
	check_equal "$name: nothing is written later" "$(digest $huge "$(place 128)" $((16 * mib)))" "$before"
}

signals() {
	local from_to=("$huge" "$huge" 0 4GiB 4GiB) nothing before n
	nothing=$(head -c 65536 /dev/zero | checksum)
	marks
	killed 'killed, offloaded' -4 copy_once --mode offload "${from_to[@]}"
	killed 'killed, emulated' -4 copy_once --mode emulate "${from_to[@]}"
	# All of one call may be under way by then: it is done, and there is no other.
	T_CALL=cfr killed 'killed, copy_file_range' '0|-4' copy_once "${from_to[@]}"
	T_CALL=uring killed 'killed, io_uring' -125 copy_once "${from_to[@]}"
}

modprobe dm_mod
sizes=()
for _ in $(seq 16); do sizes+=(7 25 13 19); done
shuffled source 0 "${sizes[@]}"
shuffled target 1032 "${sizes[@]}"
fill_gib $disk
moved /dev/mapper/source /dev/mapper/target "$(least "${sizes[@]}")"
signals
finish
