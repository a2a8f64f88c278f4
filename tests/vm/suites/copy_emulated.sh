#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Devices that cannot copy by themselves: the same call works, by reading and writing, which
# overlap. Also in a cgroup that has little memory, and none any more.
# vm: --nvme 64M --timeout 180
# with: build/tests/vm/copy_verify build/tests/vm/copy_once
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

disk=/dev/nvme0n1
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}

# emulated NAME DEV [OPTION]...: DEV, NAME below /sys/block, states no limits and copies.
emulated() {
	local name=$1 dev=$2 attribute
	shift 2
	for attribute in copy_max_bytes copy_max_hw_bytes copy_max_range_hw_bytes copy_max_ranges; do
		check_equal "$name: $attribute is 0" "$(queue "$name" $attribute)" 0
	done
	check_equal "$name: offload only is refused" \
		"$(copy_result --mode offload "$dev" "$dev" 0 64KiB 64KiB)" \
		"error=EOPNOTSUPP copied=0 offloaded=0 emulated=0 error_range=0"
	program copy_verify --src "$dev" --expect emulate --seed $((seed += 1)) \
		--iterations "$(scaled 40)" --max-bytes 2MiB "$@"
}

null_blk() {
	local dev
	dev=$(null_disk plain size=64 blocksize=512)
	emulated "${dev#/dev/}" "$dev" --copiers 2 --writers 1
	null_disk_gone plain
	dev=$(null_disk blocks size=64 blocksize=4096)
	emulated "${dev#/dev/}" "$dev"
	null_disk_gone blocks
	dev=$(null_disk bio size=64 blocksize=512 queue_mode=0)
	emulated "${dev#/dev/}" "$dev"
	null_disk_gone bio
}

loop() {
	local dev
	modprobe loop
	truncate -s 64M /tmp/image
	dev=$(losetup --find --show /tmp/image)
	emulated "${dev#/dev/}" "$dev"
	losetup -d "$dev"
	rm /tmp/image
}

device_mapper() {
	modprobe -a dm_mod dm-delay
	dm_disk delay "0 $(sectors $disk) delay $disk 0 0"
	emulated "$(dm_name delay)" /dev/mapper/delay
	dmsetup remove --noudevsync delay
	# The kernel asks for the modules of the cipher.
	type -P modprobe >/proc/sys/kernel/modprobe
	# Small: a cipher in an emulator is slow.
	dm_disk crypt "0 8192 crypt aes-xts-plain64 $(printf '%064d' 7) 0 $disk 0"
	emulated "$(dm_name crypt)" /dev/mapper/crypt --max-bytes 256KiB
	dmsetup remove --noudevsync crypt
}

# From a disk that can copy to one that cannot, and back.
mixed_pair() {
	local dev
	dev=$(null_disk pair size=64 blocksize=4096)
	program copy_verify --src $disk --dst "$dev" --expect emulate --seed $((seed += 1)) \
		--iterations "$(scaled 40)"
	program copy_verify --src "$dev" --dst $disk --expect emulate --seed $((seed += 1)) \
		--iterations "$(scaled 40)"
	null_disk_gone pair
}

# in_flight EVENTS: what block_rq_issue and block_rq_complete say: writes, how many of them
# were issued with a read in flight, most requests in flight, most bytes.
in_flight() {
	awk '
	/block_rq_issue:/ {
		match($0, /block_rq_issue: [^ ]+ [A-Z]+ [0-9]+/)
		split(substr($0, RSTART, RLENGTH), f, " ")
		op = substr(f[3], 1, 1)
		now[op]++
		bytes += f[4]
		if (op == "W") { writes++; if (now["R"]) beside++ }
		if (now["R"] + now["W"] > most) most = now["R"] + now["W"]
		if (bytes > most_bytes) most_bytes = bytes
	}
	/block_rq_complete:/ {
		match($0, /block_rq_complete: [^ ]+ [A-Z]+ \(\) [0-9]+ \+ [0-9]+/)
		split(substr($0, RSTART, RLENGTH), f, " ")
		now[substr(f[3], 1, 1)]--
		bytes -= f[7] * 512
	}
	END { print writes + 0, beside + 0, most + 0, most_bytes + 0 }' "$1"
}

# Every request takes 20 ms, longer than a slow machine takes to send it: what is not in flight at
# the same time is easily seen. Neither a large range nor many small ones wait for each other.
overlap() {
	local dev small=() i writes beside most bytes
	dev=$(null_disk slow size=64 blocksize=4096 max_sectors=256 irqmode=2 \
		completion_nsec=20000000)
	fill "$dev" 0 $((8 << 20))
	for ((i = 0; i < 64; i++)); do small+=($((i << 16)) $(((32 << 20) + (i << 17))) 64KiB); done
	for i in large small; do
		events_on block/block_rq_issue block/block_rq_complete
		if [ $i = large ]; then
			check "overlap: 8 MiB in one range" copy_once "$dev" "$dev" 0 16MiB 8MiB
		else
			check "overlap: 4 MiB in 64 ranges" copy_once "$dev" "$dev" "${small[@]}"
		fi
		check_equal "overlap, $i: no event was lost" "$(events_lost)" 0
		events_off /tmp/events
		read -r writes beside most bytes <<<"$(in_flight /tmp/events)"
		check_equal "overlap, $i: writes" "$writes" 64
		check "overlap, $i: writes that begin with a read in flight" \
			between 48 64 "$beside"
		check "overlap, $i: requests in flight" between 4 8 "$most"
		check "overlap, $i: memory in flight" between $((4 << 16)) $((1 << 20)) "$bytes"
	done
	check "overlap: bytes are equal" copies_are_equal "$dev" 0 $((16 << 20)) $((8 << 20))
	null_disk_gone slow
}

# --- a cgroup with little memory ---

group=/sys/fs/cgroup/little
# Where copies go to.
to=$((32 << 20))

# Groups that are removed, but not gone.
dying() { sed -n 's/^nr_dying_descendants //p' /sys/fs/cgroup/cgroup.stat; }
# shellcheck disable=SC2317 # called by wait_for
nobody_holds() { [ "$(dying)" -le "$1" ]; }
oom_kills() { sed -n 's/^oom_kill //p' $group/memory.events; }
# is_waiting PID: has it opened both, and waits to be told to copy?
# shellcheck disable=SC2317 # called by wait_for
is_waiting() { [ "$(readlink "/proc/$1"/fd/* | grep -cx "$disk")" = 2 ]; }

# start_in_group ARGUMENT...: a copy by a process of the cgroup, which begins when descriptor 7 is
# closed: to start a program takes more memory than to copy. Sets pid.
start_in_group() {
	rm -f /tmp/go /tmp/line
	mkfifo /tmp/go
	echo max >$group/memory.max
	(echo $BASHPID >$group/cgroup.procs && exec copy_once --mode emulate --stdin "$@" \
		</tmp/go >/tmp/line) &
	pid=$!
	exec 7>/tmp/go
	wait_for 20 is_waiting $pid
}

# limit_to BYTES: more than the group has now, without what its processors have set aside.
limit_to() {
	echo 0 >$group/memory.high
	echo max >$group/memory.high
	echo $(($(<$group/memory.current) + $1)) >$group/memory.max
}

# told: error and bytes, as the kernel tells everybody; a process that was killed tells nobody.
told() {
	sed -n 's/.*blk_copy_end:.* emulated=\([0-9]*\) .* error=\([-0-9]*\) .*/\2 \1/p' \
		$tracing/trace | xargs
}

# as_told NAME LENGTH [COPIED]: so much was copied, and nothing behind it.
as_told() {
	local copied=${3:-0}
	check_equal "$1: what is told is copied, and nothing else" "$(digest $disk $to "$2")" \
		"$( (dd if=$disk bs=64K count="$copied" iflag=count_bytes,direct status=none &&
			head -c $(($2 - copied)) /dev/zero) | checksum)"
}

# A list of ranges is charged to who copies, 96 KiB here, and so is what it has read of it: with a
# bit more each time, it is killed before the copy, killed in it, and at last not killed.
little_by_little() {
	local ranges=() i more status=0 well=0 killed=0 name copied length=$((2 << 20))
	for ((i = 0; i < 4096; i++)); do ranges+=($((i << 9)) $((to + (i << 9))) 512); done
	for more in 0 96 160 192 256 4096; do
		name="little memory, $more KiB more"
		blkdiscard -z -o $to -l $length $disk
		start_in_group $disk $disk "${ranges[@]}"
		events_on blk_copy/blk_copy_end
		limit_to $((more << 10))
		exec 7>&-
		status=0
		{ wait $pid; } 2>/dev/null || status=$?
		if [ $status = 137 ]; then
			killed=$((killed + 1))
			copied=$(told)
			as_told "$name, killed" $length "${copied##* }"
		else
			well=$((well + 1))
			check_equal "$name: it ends well" "$status $(told) $(</tmp/line)" \
				"0 0 $length error=0 copied=$length offloaded=0 emulated=$length error_range=4096"
			as_told "$name" $length $length
		fi
	done
	check_equal "little memory: only those were killed that had too little" "$(oom_kills)" $killed
	check "little memory: $killed were killed" test $killed -gt 0
	check "little memory: $well were not" test $well -gt 0
}

# writes_above N: has the disk done more writes than so many?
# shellcheck disable=SC2317 # called by wait_for
writes_above() { [ "$(awk '{print $5}' "/sys/block/${disk#/dev/}/stat")" -gt "$1" ]; }

# killed_meanwhile WAY ERROR: two chunks, 4 MiB a second. In the first there is no memory any more.
killed_meanwhile() {
	local name="no memory any more, $1" length=$((28 << 20)) first=$((16 << 20)) n kills status=0
	kills=$(oom_kills)
	blkdiscard -z -o $to -l $length $disk
	n=$(awk '{print $5}' "/sys/block/${disk#/dev/}/stat")
	T_CALL=$1 start_in_group $disk $disk 0 $to $length
	events_on blk_copy/blk_copy_end
	exec 7>&-
	wait_for 20 writes_above $((n + 4))
	echo 0 >$group/memory.max
	{ wait $pid; } 2>/dev/null || status=$?
	check_equal "$name: the process is killed" "$status $(($(oom_kills) - kills))" '137 1'
	check "$name: the copy ends" wait_for 20 grep -q blk_copy_end: $tracing/trace
	check_equal "$name: it is told" "$(told)" "$2 $first"
	as_told "$name" $length $first
}

little_memory() {
	local before
	before=$(dying)
	echo +memory +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	fill $disk 0 $((28 << 20))
	little_by_little
	echo "$(<"/sys/block/${disk#/dev/}/dev") wbps=4194304" >$group/io.max
	killed_meanwhile ioctl -4
	killed_meanwhile uring -125
	events_off /tmp/events
	# The pages of that file are the group's.
	rm /tmp/line /tmp/go
	check "little memory: nothing is left of it" between 0 $((128 << 10)) "$(<$group/memory.current)"
	check "little memory: the group goes" wait_for 10 rmdir $group
	check "little memory: nobody holds it" wait_for 30 nobody_holds "$before"
}

null_blk
overlap
loop
device_mapper
mixed_pair
little_memory
finish
