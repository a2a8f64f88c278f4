#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Power that goes while dm-kcopyd copies below a file system that is written: clones, snapshots and
# mirrors say on disk which areas are copied, and what the controller has copied may still be in its
# cache. What was synced is there afterwards, and what is said to be copied is. And what the NVMe
# target has copied with FUA.
# quick: yes
# leaks: yes
# vm: --mem 1536 --timeout 200
# with: build/tests/vm/nvme_raw
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

nqn=nqn.test:power
sub=$subsystems/$nqn
mib=$((1 << 20))
# MiB of what is copied, and in regions of 64 sectors.
size=32
sectors=$((size * 2048)) regions=$((size * 32))
mnt=$tmp/mnt
host=nqn.test:front
target=/sys/kernel/config/nvmet/subsystems/$host port=/sys/kernel/config/nvmet/ports/1
synced=0
mkdir -p "$mnt"

# --- the disk ---

start() {
	connect $nqn power
	wait_for 20 ns_disk $nqn 1
	wait_for 20 ns_disk $nqn 2
	disk=$(ns_disk $nqn 1)
	part from $disk 0 $size
	part to $disk 40 $((size + 8))
	part meta "$(ns_disk $nqn 2)" 0 8
}

# part NAME DISK START LENGTH: an area of a disk, in MiB.
part() { dm_disk $1 "0 $(($4 * 2048)) linear $2 $(($3 * 2048))"; }

gone() { dmsetup remove --noudevsync --retry "$@"; }

# After so many Copy commands from here on the controller is gone, and with it the power.
pull_after() {
	echo all >$sub/faults/pull/reset
	set_attrs $sub/faults/pull opcode=0x19 skip=$1 action=remove times=1 enable=1
}

# Nobody is left who could still write when the disk comes back.
# pulled [NAME...]: the devices on top, the uppermost one first.
pulled() {
	umount "$mnt" 2>/dev/null || umount -l "$mnt"
	gone "$@" from to meta
	wait_for 30 sh -c "! [ -e $disk ]"
	echo 0 >$sub/faults/pull/enable
	start
}

# --- files ---

# A file system of old files, at from.
old_files() {
	local f
	blkdiscard -f /dev/mapper/meta
	blkdiscard -f /dev/mapper/to
	mkfs.ext4 -q /dev/mapper/from
	mount /dev/mapper/from "$mnt"
	for f in {1..5}; do
		head -c 4M /dev/urandom >"$mnt/old$f"
	done
	(cd "$mnt" && md5sum old[2-5]) >"$tmp/old"
	umount "$mnt"
	was=$(digest /dev/mapper/from 0 $((size * mib)))
}

# Writes in the middle of an old file and new files besides, each synced, until that fails; what was
# synced is in $tmp/synced. Sets written.
write_files() {
	rm -rf "$tmp/synced"
	mkdir "$tmp/synced"
	written=0
	while head -c 20000 /dev/urandom >"$tmp/new" && put_new 2>/dev/null; do
		mv "$tmp/new" "$tmp/synced/$written"
		written=$((written + 1))
		[ $written -lt 300 ] || break
	done
}

put_new() {
	dd if="$tmp/new" of="$mnt/old1" bs=4k seek=$((written * 37 % 1000)) conv=notrunc status=none &&
		cp "$tmp/new" "$mnt/new$written" && sync "$mnt/old1" "$mnt/new$written"
}

# files_are_there NAME DEVICE
files_are_there() {
	local f lost=0
	check "F23 $1: the power went while files were written" test $written -lt 300
	synced=$((synced + written))
	mount "$2" "$mnt"
	for ((f = 0; f < written; f++)); do
		cmp -s "$tmp/synced/$f" "$mnt/new$f" || lost=$((lost + 1))
	done
	check_equal "F23 $1: what was synced is there" $lost 0
	check "F23 $1: so are old files" sh -c "cd $mnt && md5sum --quiet -c $tmp/old"
	umount "$mnt"
	check "F23 $1: the file system is sound" e2fsck -fn "$2"
}

# --- who copies: kcopyd, and the target ---

clone_table() {
	echo "0 $sectors clone /dev/mapper/meta /dev/mapper/to /dev/mapper/from 64" \
		"${1:-1 no_discard_passdown}" 2 hydration_threshold 8
}

# pulled_clone COPIES
pulled_clone() {
	local said
	old_files
	dm_disk clone "$(clone_table)"
	mount /dev/mapper/clone "$mnt"
	pull_after $1
	write_files
	pulled clone
	dm_disk clone "$(clone_table '2 no_hydration no_discard_passdown')"
	said=$(dmsetup status clone | sed -n 's/.* \([0-9]*\)\/[0-9]* .*/\1/p')
	check "F23 clone, $1: some regions are said to be copied" between 1 $((regions - 1)) "$said"
	dmsetup message clone 0 enable_hydration
	check "F23 clone, $1: it goes on to the end" wait_for 60 hydrated $regions
	gone clone
	check_equal "F23 clone, $1: its source is as it was" \
		"$(digest /dev/mapper/from 0 $((size * mib)))" "$was"
	files_are_there "clone, $1" /dev/mapper/to
}

snapshot_tables() {
	dm_disk snap "0 $sectors snapshot /dev/mapper/from /dev/mapper/to P 64"
	dm_disk origin "0 $sectors snapshot-origin /dev/mapper/from"
}

# pulled_snapshot COPIES
pulled_snapshot() {
	old_files
	snapshot_tables
	mount /dev/mapper/origin "$mnt"
	pull_after $1
	write_files
	pulled origin snap
	snapshot_tables
	check_equal "F23 snapshot, $1: it is as the origin was" \
		"$(digest /dev/mapper/snap 0 $((size * mib)))" "$was"
	gone origin snap
	files_are_there "snapshot, $1" /dev/mapper/from
}

mirror_table() {
	echo "0 $sectors mirror disk 2 /dev/mapper/meta 64 2 /dev/mapper/from 0 /dev/mapper/to 0"
}

in_sync() { [[ $(dmsetup status mirror) = *" $regions/$regions "* ]]; }

# pulled_mirror COPIES
pulled_mirror() {
	old_files
	dm_disk mirror "$(mirror_table)"
	mount /dev/mapper/mirror "$mnt"
	pull_after $1
	write_files
	pulled mirror
	dm_disk mirror "$(mirror_table)"
	check "F23 mirror, $1: it goes on to the end" wait_for 60 in_sync
	gone mirror
	check_equal "F23 mirror, $1: both are the same" \
		"$(digest /dev/mapper/to 0 $((size * mib)))" "$(digest /dev/mapper/from 0 $((size * mib)))"
	files_are_there "mirror, $1" /dev/mapper/to
}

# target_up BACKEND...: namespaces 1 and so on, over loop, so that only their disk loses power.
target_up() {
	local n=0 backend
	mkdir $target $port
	echo 1 >$target/attr_allow_any_host
	for backend; do
		n=$((n + 1))
		mkdir $target/namespaces/$n
		printf %s "$backend" >$target/namespaces/$n/device_path
		echo 1 >$target/namespaces/$n/enable
	done
	echo loop >$port/addr_trtype
	ln -s $target $port/subsystems/
	nvme connect -t loop -n $host >/dev/null
	while [ $n -gt 0 ]; do
		wait_for 20 ns_disk $host $n
		n=$((n - 1))
	done
	front=/dev/$(basename "$(dirname "$(grep -lx $host /sys/class/nvme/nvme*/subsysnqn)")")
}

target_down() {
	nvme disconnect -n $host >/dev/null
	rm $port/subsystems/$host
	rmdir $target/namespaces/* $port
	# As in copy_nvmet: stock 6.12 warns when a namespace is let go of later than this.
	sleep $((2 * T_SCALE))
	rmdir $target
}

# target_copy NSID TO FUA: the first MiB there, to that MiB; prints status and DW0.
target_copy() {
	local blocks
	blocks=$((mib / $(blockdev --getss "$(ns_disk $host $1)")))
	nvme_raw $front nsid=$1 sdlba=$(($2 * blocks)) cdw12=$(($3 << 30)) range=0+$blocks
}

pulled_target() {
	local n was=()
	blkdiscard -f /dev/mapper/from
	mkfs.ext4 -q /dev/mapper/to
	mount /dev/mapper/to "$mnt"
	fallocate -l 16M "$mnt/file"
	sync "$mnt/file"
	target_up /dev/mapper/from "$mnt/file"
	for n in 2 1; do
		fill "$(ns_disk $host $n)" 0 $mib
		sync "$(ns_disk $host $n)"
		was[n]=$(digest "$(ns_disk $host $n)" 0 $mib)
		check_equal "C49 target, namespace $n: a Copy with FUA" "$(target_copy $n 4 1)" '0 0'
	done
	check_equal 'C49 target: a Copy without' "$(target_copy 1 8 0)" '0 0'
	pull_after 0
	check 'C49 target: its disk goes' test "$(target_copy 1 12 0)" != '0 0'
	target_down
	pulled
	mount /dev/mapper/to "$mnt"
	check_equal 'C49 target: a Copy with FUA is durable' \
		"$(digest /dev/mapper/from $((4 * mib)) $mib)" ${was[1]}
	check_equal 'C49 target: so it is in a file' "$(digest "$mnt/file" $((4 * mib)) $mib)" ${was[2]}
	check 'C49 target: one without is not' \
		test "$(digest /dev/mapper/from $((8 * mib)) $mib)" != ${was[1]}
	umount "$mnt"
}

modprobe -a dm_mod dm-snapshot dm-clone dm-mirror nvme-loop
modprobe nvme-debug i_know=1
modprobe nvme-raw
mkdir $sub $sub/faults/pull
set_attrs $sub multipath=0 write_cache=64M
make_ns $sub 1 size=96M
# A Flush of what says what is copied is none of the copies.
make_ns $sub 2 size=8M
# One at a time, so that there is still something to copy when the file system is mounted.
set_attrs $sub/time copy_fixed=5000000 channels=1
start
pulled_clone 400
pulled_clone 600
pulled_snapshot 20
pulled_snapshot 90
pulled_mirror 200
pulled_mirror 500
pulled_target
check "$synced files were synced in all" test $synced -gt 10
gone from to meta
disconnect power
remove_subsys $sub
check_equal 'no page is left' "$(pages)" 0
finish
