#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Everything that BLKCOPY must refuse: on disks and partitions, with blocks of 512 and 4096
# bytes, and next to a mounted file system.
# leaks: yes
# vm: --nvme 64M --nvme 96M,logical_block_size=4096,physical_block_size=4096 --nvme 96M --timeout 120
# with: build/tests/vm/ioctl_args build/tests/vm/copy_fuzz build/tests/vm/copy_once
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

whole_disks
random_requests
partitions_of $parted $small
overlap_through_partition
if [ -z "$DISKS" ]; then
	mounted
	claimed
	partitions_of $large $small
fi
finish
