#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Mistakes that earlier copy offload series made, one test each, numbered as in
# docs/traps.md, which also says where the others are tested.
# vm: --nvme 96M --nvme 64M,logical_block_size=4096,physical_block_size=4096 --timeout 240
# with: build/tests/vm/copy_verify build/tests/vm/copy_once build/tests/vm/copy_kill
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

disk=/dev/nvme0n1 large_blocks=/dev/nvme1n1
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
refused='error=EINVAL copied=0 offloaded=0 emulated=0 error_range=0'

# result NAME WANT COPY_ONCE_ARGUMENT...
result() {
	local name=$1 want=$2
	shift 2
	check_equal "$name" "$(copy_result "$@")" "$want"
}

# offloaded NAME FROM TO LENGTH: within $disk, all by the device, and the bytes are equal.
offloaded() {
	local name=$1 length=$4
	fill $disk "$2" "$length"
	result "$name" "error=0 copied=$length offloaded=$length emulated=0 error_range=1" \
		--mode offload $disk $disk "$2" "$3" "$length"
	check "$name: bytes are equal" copies_are_equal $disk "$2" "$3" "$length"
}

# A request ends by advancing its bio by its whole length, but there are no vectors.
advance() {
	local scheduler
	for scheduler in none mq-deadline kyber; do
		set_queue $disk scheduler $scheduler
		offloaded "trap 1: 16 MiB without vectors, scheduler $scheduler" 0 $((32 << 20)) \
			$((16 << 20))
	done
	set_queue $disk scheduler none
}

# Two commands of the same size, each with a part of the token of its own.
halves() {
	local half=65536
	fill $disk 0 $((2 * half))
	set_queue $disk copy_max_bytes $half
	events_on blk_copy/blk_copy_token_fill blk_copy/blk_copy_token_consume
	result "trap 2: twice what one command does" \
		"error=0 copied=$((2 * half)) offloaded=$((2 * half)) emulated=0 error_range=1" \
		--mode offload $disk $disk 0 1MiB $((2 * half))
	events_off /tmp/events
	set_queue $disk copy_max_bytes $unlimited
	check_equal "trap 2: the token is filled once, and used in two parts" \
		"$(sed -n 's/.*blk_copy_token_\([a-z]*\):.* offset=\([0-9]*\) bytes=\([0-9]*\) .*/\1 \2+\3/p' \
			/tmp/events | xargs)" \
		"fill 0+$((2 * half)) consume 0+$half consume $half+$half"
	check "trap 2: the first half" copies_are_equal $disk 0 1048576 $half
	check "trap 2: the second half" copies_are_equal $disk $half $((1048576 + half)) $half
}

# Both phases are remapped by the partition, each with its own start.
remap() {
	local start1 start2 before
	partition $disk 32MiB -
	start1=$(($(<"/sys/class/block/${disk##*/}p1/start") * 512))
	start2=$(($(<"/sys/class/block/${disk##*/}p2/start") * 512))
	fill $disk $((start1 + 1048576)) 262144
	before=$(digest $disk $((start2 + (3 << 20))) 1048576)
	check "trap 6: from one partition to another" copy_once --mode offload \
		${disk}p1 ${disk}p2 1MiB 2MiB 256KiB
	check "trap 6: the data is where the disk has the partition" copies_are_equal $disk \
		$((start1 + 1048576)) $((start2 + (2 << 20))) 262144
	check_equal "trap 6: nothing behind it" \
		"$(digest $disk $((start2 + (3 << 20))) 1048576)" "$before"
	sfdisk -q --delete $disk
}

# disk_stat FIELD: of the disk's statistics.
disk_stat() { awk -v f="$1" '{print $f}' "/sys/block/${disk#/dev/}/stat"; }

# shellcheck disable=SC2317 # called by wait_for
writes_above() { [ "$(disk_stat 5)" -gt "$1" ]; }

# The limit changes while a copy in tiny commands runs: what is left is emulated.
limits() {
	local pid line offloaded emulated writes
	fill $disk 0 $((40 << 20))
	set_queue $disk copy_max_bytes 512
	writes=$(disk_stat 5)
	copy_once $disk $disk 0 48MiB 40MiB >/tmp/line &
	pid=$!
	wait_for 20 writes_above $((writes + 100))
	set_queue $disk copy_max_bytes 0
	wait $pid || :
	line=$(</tmp/line)
	offloaded=$(copied_by offloaded "$line")
	emulated=$(copied_by emulated "$line")
	echo "# $line"
	check_equal "trap 9: turned off in the middle: everything is copied" \
		"$(copied_by error "$line") $((offloaded + emulated))" "0 $((40 << 20))"
	check "trap 9: some was offloaded before" test "$offloaded" -gt 0
	check "trap 9: the rest was emulated" test "$emulated" -gt 0
	check "trap 9: bytes are equal" copies_are_equal $disk 0 $((48 << 20)) $((40 << 20))
	set_queue $disk copy_max_bytes $unlimited
}

# A token looks through what it has for each command. With all of 16 MiB in one chunk, 512 bytes to a
# command, that took 34 seconds where 1 MiB took a quarter of one.
many_commands() {
	fill $disk 0 $((4 << 20))
	set_queue $disk copy_max_bytes 512
	events_on blk_copy/blk_copy_decide
	result "8192 commands" "error=0 copied=$((4 << 20)) offloaded=$((4 << 20)) emulated=0 error_range=1" \
		--mode offload $disk $disk 0 48MiB 4MiB
	events_off /tmp/events
	set_queue $disk copy_max_bytes $unlimited
	check_equal "8192 commands: at most 1024 to a chunk" \
		"$(sed -n 's/.* bytes=\([0-9]*\) .*/\1/p' /tmp/events | uniq -c | xargs)" '8 524288'
	check "8192 commands: bytes are equal" copies_are_equal $disk 0 $((48 << 20)) $((4 << 20))
}

# submit_bio() only warns about a write to a read-only device.
read_only() {
	local before
	before=$(digest $disk 1048576 65536)
	dmesg -C
	blockdev --setro $disk
	result "trap 11: read-only destination" \
		"error=EPERM copied=0 offloaded=0 emulated=0 error_range=0" \
		--mode emulate $large_blocks $disk 0 1MiB 64KiB
	blockdev --setrw $disk
	check_equal "trap 11: the destination is as it was" "$(digest $disk 1048576 65536)" "$before"
	check_equal "trap 11: the kernel did not have to complain" \
		"$(dmesg | grep -c 'read-only' || :)" 0
}

# In the middle of many small chunks: what was copied before stays, and is what is reported.
read_only_meanwhile() {
	local pid line writes copied n last=4095 before i ranges=()
	for ((i = 0; i <= last; i++)); do
		ranges+=($((i << 12)) $(((48 << 20) + (i << 13))) 4096)
	done
	fill $disk 0 $((16 << 20))
	before=$(digest $disk $(((48 << 20) + (last << 13))) 4096)
	writes=$(disk_stat 5)
	copy_once $disk $disk "${ranges[@]}" >/tmp/line &
	pid=$!
	wait_for 20 writes_above $((writes + 100))
	blockdev --setro $disk
	wait $pid || :
	blockdev --setrw $disk
	line=$(</tmp/line)
	echo "# $line"
	copied=$(copied_by copied "$line")
	n=$((copied >> 12))
	check_equal "trap 11: made read-only in the middle" "$line" \
		"error=EPERM copied=$((n << 12)) offloaded=$copied emulated=0 error_range=$n"
	check "trap 11: some was copied before, and not all" between 1 $last $n
	check_equal "trap 11: the last that was copied is there" \
		"$(digest $disk $(((48 << 20) + ((n - 1) << 13))) 4096)" \
		"$(digest $disk $(((n - 1) << 12)) 4096)"
	check_equal "trap 11: the last that was not is as it was" \
		"$(digest $disk $(((48 << 20) + (last << 13))) 4096)" "$before"
}

# As long as somebody has the device open, what dd writes stays dirty in memory.
page_cache() {
	local want
	exec 9<>$disk
	fill $disk 0 65536
	head -c 65536 /dev/urandom >/tmp/new
	want=$(checksum </tmp/new)
	dd if=$disk of=/dev/null bs=64K count=1 skip=16 status=none
	dd if=/tmp/new of=$disk bs=64K count=1 conv=notrunc status=none
	check "trap 12: copy of what is only in memory yet" copy_once $disk $disk 0 1MiB 64KiB
	check_equal "trap 12: it is at the destination" "$(digest $disk 1048576 65536)" "$want"
	check_equal "trap 12: a reader of the destination does not get old pages" \
		"$(dd if=$disk bs=64K count=1 skip=16 status=none | checksum)" "$want"
	exec 9>&-
}

# Sectors are not blocks.
alignment() {
	result "trap 13: length of a sector, blocks of 4096" "$refused" \
		$large_blocks $large_blocks 0 1MiB 512
	result "trap 13: source a sector off, blocks of 4096" "$refused" \
		$large_blocks $large_blocks 512 1MiB 4096
	result "trap 13: destination has larger blocks" "$refused" $disk $large_blocks 512 0 4096
	result "trap 13: source has larger blocks" "$refused" $large_blocks $disk 0 512 4096
}

overlap() {
	result "trap 14: as a memmove would" "$refused" $disk $disk 0 4096 8192
	result "trap 14: across ranges" "$refused" $disk $disk 0 1MiB 64KiB 1MiB 2MiB 64KiB
	result "trap 14: one destination twice" "$refused" $disk $disk 0 1MiB 64KiB 128KiB 1MiB 64KiB
}

# A token would go around the write pointer. (One that does not: copy_zoned.)
zoned() {
	local dev
	dev=$(null_disk zones size=64 blocksize=512 zoned=1 zone_size=8 zone_nr_conv=4)
	fill "$dev" 0 $((4 << 20))
	check "trap 17: conventional to sequential zone" copy_once "$dev" "$dev" 0 32MiB 4MiB
	check "trap 17: bytes are equal" copies_are_equal "$dev" 0 $((32 << 20)) $((4 << 20))
	check "trap 17: on at the write pointer" copy_once "$dev" "$dev" 1MiB 36MiB 1MiB
	check "trap 17: bytes are equal there" \
		copies_are_equal "$dev" $((1 << 20)) $((36 << 20)) $((1 << 20))
	check_status "trap 17: not at the write pointer" 1 copy_once "$dev" "$dev" 0 40960KiB 64KiB \
		0 41MiB 64KiB
	null_disk_gone zones
}

# NLB and MSRC count from 0, MSSRL and MCL from 1.
boundaries() {
	local range block length want=(1 1 2) i=0 got
	block=$(blockdev --getss $disk)
	range=$(queue $disk copy_max_range_hw_bytes)
	for length in $((range - block)) "$range" $((range + block)); do
		events_on blk_copy/blk_copy_dispatch
		offloaded "trap 18: $((length / block)) blocks" 0 $((8 << 20)) "$length"
		events_off /tmp/events
		got=$(wc -l </tmp/events)
		# The second range of the last one fits the command only if MCL is larger.
		[ "$(queue $disk copy_max_bytes)" -le "$range" ] || want[2]=1
		check_equal "trap 18: commands for $((length / block)) blocks" "$got" "${want[i]}"
		i=$((i + 1))
	done
}

# Copies to neighbouring places are not one copy.
merging() {
	local ranges=() i
	set_queue $disk scheduler mq-deadline
	set_queue $disk nomerges 0
	fill $disk 0 $((8 << 20))
	# Backwards, so that only the destinations are neighbours.
	for ((i = 0; i < 64; i++)); do
		ranges+=($(((63 - i) << 16)) $(((16 << 20) + (i << 16))) 64KiB)
	done
	events_on block/block_bio_backmerge block/block_bio_frontmerge block/block_rq_merge
	result "trap 20: 64 neighbours in one call" \
		"error=0 copied=4194304 offloaded=4194304 emulated=0 error_range=64" \
		--mode offload $disk $disk "${ranges[@]}"
	events_off /tmp/events
	check_equal "trap 20: none was merged" "$(grep -c 'C[RW]' /tmp/events || :)" 0
	check "trap 20: first of them" copies_are_equal $disk $((63 << 16)) $((16 << 20)) 65536
	check "trap 20: last of them" copies_are_equal $disk 0 $(((16 << 20) + (63 << 16))) 65536
	set_queue $disk scheduler none
}

# One tag for everything, and the queue is frozen again and again.
one_tag() {
	local pid n=0 schedulers=(mq-deadline none)
	seed=$((seed + 1))
	queues_hold 1
	copy_verify --src $disk --iterations "$(scaled 30)" --max-bytes 1MiB --copiers 3 \
		--writers 1 --seed $seed >/tmp/copying 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		set_queue $disk scheduler "${schedulers[n % 2]}"
		set_queue $disk copy_max_bytes $unlimited
		n=$((n + 1))
		sleep 0.02
	done
	check "trap 21: queue of depth 1, frozen $n times" wait $pid
	grep '^#' /tmp/copying
	queues_hold
	set_queue $disk scheduler none
}

# Counted once: the first phase moves nothing.
accounting() {
	local read written group=/sys/fs/cgroup/copies line before limit
	read=$(disk_stat 3) written=$(disk_stat 7)
	offloaded_quietly 8MiB
	check_equal "trap 23: sectors written, by disk statistics" $(($(disk_stat 7) - written)) 16384
	check_equal "trap 23: sectors read, by disk statistics" $(($(disk_stat 3) - read)) 0

	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	(echo $BASHPID >$group/cgroup.procs && offloaded_quietly 8MiB)
	line=$(grep "^$(<"/sys/block/${disk##*/}/dev") " $group/io.stat || :)
	check_equal "trap 23: io.stat of the cgroup" \
		"$(grep -oE '[rw]bytes=[0-9]+' <<<"$line" | tr '\n' ' ')" "rbytes=8388608 wbytes=8388608 "

	for limit in wbps rbps; do
		echo "$(<"/sys/block/${disk##*/}/dev") rbps=max wbps=max $limit=4194304" >$group/io.max
		before=$(date +%s%N)
		(echo $BASHPID >$group/cgroup.procs && offloaded_quietly 8MiB)
		check "trap 23: 8 MiB at $limit=4194304 take a second and more" \
			between 1000 60000 $((($(date +%s%N) - before) / 1000000))
	done
	wait_for 5 rmdir $group
}

# cost COMMAND...: what iocost charges a new cgroup for it, microseconds of the device.
cost() {
	local group=/sys/fs/cgroup/cost dev
	dev=$(<"/sys/block/${disk##*/}/dev")
	mkdir $group
	(echo $BASHPID >$group/cgroup.procs && "$@")
	# It adds up from time to time.
	wait_for 10 grep -q "^$dev .*cost.usage=[1-9]" $group/io.stat
	sleep 1
	sed -n "s/^$dev .*cost.usage=\([0-9]*\).*/\1/p" $group/io.stat
	wait_for 5 rmdir $group
}

# shellcheck disable=SC2317 # called by cost
direct() { dd "$@" bs=64K count=256 status=none; }

# A device that reads 32 MiB/s and writes 16 MiB/s, as iocost is told.
iocost() {
	local dev copy read write
	dev=$(<"/sys/block/${disk##*/}/dev")
	echo "$dev ctrl=user model=linear rbps=33554432 rseqiops=4000 rrandiops=4000" \
		"wbps=16777216 wseqiops=4000 wrandiops=4000" >/sys/fs/cgroup/io.cost.model
	echo "$dev enable=1 ctrl=user min=100.00 max=100.00" >/sys/fs/cgroup/io.cost.qos
	copy=$(cost offloaded_quietly 16MiB)
	read=$(cost direct if=$disk of=/dev/null iflag=direct)
	write=$(cost direct if=/dev/zero of=$disk oflag=direct seek=256)
	echo "$dev enable=0" >/sys/fs/cgroup/io.cost.qos
	echo "# iocost: 16 MiB copied $copy us, read $read us, written $write us"
	check "trap 23: iocost charges for the read" between 400000 700000 "$read"
	check "trap 23: iocost charges a copy for a read and a write" \
		between $(((read + write) * 8 / 10)) $(((read + write) * 12 / 10)) "$copy"
}

offloaded_quietly() { copy_once --mode offload $disk $disk 0 16MiB "$1" >/dev/null; }

names() {
	events_on block/block_bio_queue block/block_rq_issue block/block_rq_complete
	offloaded_quietly 64KiB
	events_off /tmp/events
	check "trap 24: the first phase is CR" grep -q 'block_bio_queue: [0-9,]* CR' /tmp/events
	check "trap 24: the second phase is CW" grep -q 'block_bio_queue: [0-9,]* CW' /tmp/events
	check "trap 24: the command is CW" grep -q 'block_rq_issue: [0-9,]* CW' /tmp/events
	check "trap 24: its end is CW" grep -q 'block_rq_complete: [0-9,]* CW' /tmp/events
	check_equal "trap 24: nothing has no name" "$(grep -cE ': [0-9,]+ N' /tmp/events || :)" 0
	check_equal "trap 24: the first phase is no request" \
		"$(grep -cE 'block_rq_[a-z]*: [0-9,]+ CR' /tmp/events || :)" 0
}

# 8 ranges of 1 MiB to 12 MiB and on, where the device ends to be good at 16.5 MiB.
partial() {
	local line copied i ranges=() bad=33792
	modprobe dm_mod
	fill $large_blocks 0 $((8 << 20))
	dm_disk bad "0 $bad linear $disk 0
$bad 8 error
$((bad + 8)) 16384 linear $disk $((bad + 8))"
	for i in 7 6 5 4 3 2 1 0; do
		ranges+=("$i"MiB $((19 - i))MiB 1MiB)
	done
	line=$(copy_result $large_blocks /dev/mapper/bad "${ranges[@]}")
	echo "# $line"
	copied=$(copied_by copied "$line")
	check_equal "trap 25: destination fails" "$(copied_by error "$line")" EIO
	check "trap 25: what is reported lies before the bad place" between 4194304 4718592 "$copied"
	check_equal "trap 25: it names the range that failed" \
		"$(copied_by error_range "$line")" $((copied >> 20))
	for i in 0 1 2 3; do
		check_equal "trap 25: range $i is copied" \
			"$(digest /dev/mapper/bad $(((12 + i) << 20)) 1048576)" \
			"$(digest $large_blocks $(((7 - i) << 20)) 1048576)"
	done
	line=$(copy_result /dev/mapper/bad $large_blocks 16MiB 32MiB 1MiB)
	echo "# $line"
	check_equal "trap 25: source fails" "$(copied_by error "$line")" EIO
	check "trap 25: what is reported lies before the bad place" \
		between 0 524288 "$(copied_by copied "$line")"
	dmsetup remove --noudevsync bad
}

signals() {
	local mode
	for mode in offload emulate; do
		set_queue $disk copy_max_bytes 8192
		program copy_kill --src $disk --mode $mode --bytes 24MiB --rounds "$(scaled 8)" \
			--bound-ms $((4000 * T_SCALE)) --seed $((seed += 1))
	done
	set_queue $disk copy_max_bytes $unlimited
}

# A policy that always says offload, on a disk that cannot; one that never does, on one that can.
policies() {
	local dev policy=/usr/lib/bpfcopy/policy_always.bpf.o
	if [ ! -e $policy ] || ! type bpfcopy >/dev/null 2>&1; then
		skip "trap 34: what a policy says is clamped" "bpfcopy or policy_always is not built"
		return
	fi
	dev=$(null_disk policy size=64 blocksize=512)
	check "trap 34: load always on a disk that cannot copy" bpfcopy load always --dev "$dev"
	program copy_verify --src "$dev" --expect emulate --iterations 10 --seed $((seed += 1))
	check "trap 34: unload" bpfcopy unload --dev "$dev"
	null_disk_gone policy
	check "trap 34: load never on a disk that can" bpfcopy load never --dev $disk
	program copy_verify --src $disk --expect emulate --iterations 10 --seed $((seed += 1))
	check "trap 34: offload only does not ask a policy" \
		copy_once --mode offload $disk $disk 0 1MiB 64KiB
	check "trap 34: unload again" bpfcopy unload --dev $disk
	program copy_verify --src $disk --expect offload --iterations 10 --seed $((seed += 1))
}

# What is about the kernel alone, whatever the disk.
of_the_kernel() {
	read_only
	read_only_meanwhile
	page_cache
	alignment
	overlap
	zoned
	accounting
	iocost
	partial
}

echo "# seed $seed"
advance
halves
remap
limits
many_commands
boundaries
merging
one_tag
names
signals
policies
[ -n "$DISKS" ] || of_the_kernel
finish
