#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Everything that BLKCOPY must refuse: on disks and partitions, with blocks of 512 and 4096
# bytes, next to a mounted file system, and behind the end of a partition that was made smaller.
# And what those see who read meanwhile.
# leaks: yes
# vm: --nvme 64M --nvme 96M,logical_block_size=4096,physical_block_size=4096 --nvme 96M --timeout 180
# with: build/tests/vm/ioctl_args build/tests/vm/copy_fuzz build/tests/vm/copy_once
# with: build/tests/vm/copy_readers
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

small=/dev/nvme0n1 large=/dev/nvme1n1 parted=/dev/nvme2n1

whole_disks() {
	program ioctl_args $small $large $parted
	program ioctl_args $large $small
}

# As nobody, with what root opened.
random_requests() {
	local seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))} calls
	calls=$(scaled 5000)
	program copy_fuzz --calls "$calls" --seed "$seed" $small $parted
	[ -z "$DISKS" ] || return 0
	program copy_fuzz --calls "$calls" --seed $((seed + 1)) $small $large
	program copy_fuzz --calls "$calls" --seed $((seed + 2)) $large $small
}

# What borders on the second partition of a disk with three.
neighbours() {
	echo "$(digest "$1p1" 20M 4M) $(digest "$1p3" 0 4M)"
}

# A partition ends where another one begins: neither of its neighbours may change.
partitions_of() {
	local disk=$1 src=$2 before
	partition "$disk" 24MiB 40MiB -
	fill "${disk}p1" 20M $((4 << 20))
	fill "${disk}p3" 0 $((4 << 20))
	before=$(neighbours "$disk")
	program ioctl_args "${disk}p2" "$src"
	check_equal "partitions next to ${disk}p2 are as they were" "$(neighbours "$disk")" "$before"
}

# The same blocks, once as the disk's and once as the partition's.
overlap_through_partition() {
	local start refused='error=EINVAL copied=0 offloaded=0 emulated=0 error_range=0'
	start=$(($(<"/sys/class/block/${parted##*/}p2/start") * 512))
	check_equal "overlap: partition onto the disk below it" \
		"$(copy_result ${parted}p2 $parted 0 $((start + 4096)) 8192)" "$refused"
	check_equal "overlap: disk onto a partition of it" \
		"$(copy_result $parted ${parted}p2 $((start + 4096)) 0 8192)" "$refused"
	check "touch: partition to right behind it on the disk" \
		copy_once ${parted}p2 $parted 0 $((start + 8192)) 8192
	check "same offsets in two partitions" copy_once ${parted}p2 ${parted}p3 0 0 8192
}

mounted() {
	local refused='error=EBUSY copied=0 offloaded=0 emulated=0 error_range=0' part=${parted}p2
	mkfs.ext4 -q -b 1024 $part
	mount $part /mnt
	fill /tmp/data 0 3000000
	cp /tmp/data /mnt/data
	check_equal "mounted destination" \
		"$(copy_result ${parted}p1 $part 0 8MiB 1MiB)" "$refused"
	check_equal "mounted destination, emulate only" \
		"$(copy_result --mode emulate ${parted}p1 $part 0 8MiB 1MiB)" "$refused"
	check_equal "disk with a mounted partition" \
		"$(copy_result $small $parted 0 40MiB 1MiB)" "$refused"
	check "the file on the mounted file system is as it was" cmp /tmp/data /mnt/data
	sync -f /mnt/data
	check "mounted source" copy_once $part $small 0 0 40MiB
	umount /mnt
	check "fsck of what was mounted" e2fsck -fn $part
	check "not mounted any more" copy_once ${parted}p1 ${parted}p3 0 0 1MiB
	mount -o ro $small /mnt
	check "the file is in the copy of the mounted file system" cmp /tmp/data /mnt/data
	umount /mnt
}

# A swap device and a device that another one is stacked on are claimed too.
claimed() {
	local refused='error=EBUSY copied=0 offloaded=0 emulated=0 error_range=0'
	mkswap -q ${parted}p1 >/dev/null
	swapon ${parted}p1
	check_equal "destination is swap" \
		"$(copy_result $small ${parted}p1 0 1MiB 64KiB)" "$refused"
	swapoff ${parted}p1
	modprobe dm_mod
	dm_disk above "0 $(sectors ${parted}p1) linear ${parted}p1 0"
	check_equal "destination is below a device mapper device" \
		"$(copy_result $small ${parted}p1 0 1MiB 64KiB)" "$refused"
	dmsetup remove --noudevsync above
}

# readers WAY MODE DISK: somebody reads what is copied to, again and again, through the cache.
readers() {
	export T_CALL=$1
	program copy_readers --mode "$2" --rounds "$(scaled 100)" --dev "$3"
	unset T_CALL
}

# By ioctl they wait; by io_uring nobody does, what they read meanwhile is dropped afterwards.
readers_in_a_race() {
	readers ioctl auto $small
	readers ioctl emulate $large
	readers uring auto $large
	readers uring emulate $small
	readers cfr auto $small
}

# writes_above N: has the disk with partitions done more writes than so many?
# shellcheck disable=SC2317 # called by wait_for
writes_above() { [ "$(writes)" -gt "$1" ]; }
writes() { awk '{print $5}' "/sys/block/${parted##*/}/stat"; }

# slowly MODE ARGUMENT...: a copy that takes seconds to come to that end. An
# offloaded one has tiny commands, an emulated one is in a cgroup that may write 4 MiB a second.
# (Not the other way round: a limit holds a whole chunk back that is checked already.)
slowly() {
	[ "$1" = auto ] || echo $BASHPID >/sys/fs/cgroup/slow/cgroup.procs
	copy_once --mode "$@"
}

# read_back LENGTH: what the source has.
read_back() {
	dd if=${parted}p1 bs=64K count="$1" iflag=count_bytes,direct,fullblock status=none
}

# resized N MODE: partition N, 1 is the source and 2 the destination, is made smaller while a copy
# runs: from 24 MiB to 18.5 MiB, in the middle of a chunk, which has 1024 commands. The copy is in the
# first one then, so nothing that is behind the new end is under way yet, and nothing may come there.
resized() {
	local side=([1]=source [2]=destination) end=$((37 << 19)) name n pid line want
	name="${side[$1]} made smaller, $2"
	blkdiscard -z ${parted}p2
	# The table says it, the kernel hears of it from partx, by BLKPG_RESIZE_PARTITION.
	sfdisk -q --no-reread --no-tell-kernel -N "$1" $parted <<<"size=18944KiB" >/dev/null
	n=$(writes)
	slowly "$2" ${parted}p1 ${parted}p2 0 0 24MiB >/tmp/line &
	pid=$!
	check "$name: the copy has begun" wait_for 20 writes_above $((n + 10))
	partx --update --nr "$1" $parted
	check "$name: it goes on" kill -0 $pid
	check_equal "$name: the size is another one" "$(blockdev --getsize64 "${parted}p$1")" $end
	wait $pid || :
	line=$(</tmp/line)
	# The device refuses that chunk, the kernel gets as far as the partition goes.
	want="offloaded=$((18 << 20)) emulated=$((1 << 19))"
	[ "$2" = auto ] || want="offloaded=0 emulated=$end"
	check_equal "$name: the copy ends where the partition does" "$line" \
		"error=EIO copied=$end $want error_range=0"
	# As large as before, to look behind the end.
	sfdisk -q --no-reread -N "$1" $parted <<<"size=24MiB" >/dev/null
	check_equal "$name: what it reports is copied, and what is behind it is as it was" \
		"$(digest ${parted}p2 0 $((24 << 20)))" \
		"$( (read_back $end && head -c $(((24 << 20) - end)) /dev/zero) | checksum)"
}

resize_during_copy() {
	local mode before
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/slow
	echo "$(<"/sys/block/${parted##*/}/dev") wbps=4194304" >/sys/fs/cgroup/slow/io.max
	set_queue $parted copy_max_bytes 1024
	partition $parted 24MiB 24MiB
	wipefs -q -a ${parted}p1 ${parted}p2
	fill ${parted}p1 0 $((24 << 20))
	before=$(read_back $((24 << 20)) | checksum)
	for mode in auto emulate; do
		resized 2 $mode
		resized 1 $mode
	done
	check_equal "the source of those is as it was" "$(read_back $((24 << 20)) | checksum)" "$before"
	set_queue $parted copy_max_bytes $unlimited
	wait_for 5 rmdir /sys/fs/cgroup/slow
}

whole_disks
random_requests
partitions_of $parted $small
overlap_through_partition
if [ -z "$DISKS" ]; then
	mounted
	claimed
	partitions_of $large $small
	resize_during_copy
	readers_in_a_race
fi
finish
