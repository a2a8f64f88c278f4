#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What has nothing to do with copies is as it was: reads, writes, discards, write zeroes, zones,
# device mapper and NVMe target. The same on the unpatched kernel: `make regress` compares what
# this prints there and here, line by line, so it prints nothing that differs from run to run.
# vm: --nvme 64M --nvme 64M,logical_block_size=4096,physical_block_size=4096 --mem 1536 --timeout 150
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

target=/sys/kernel/config/nvmet
nqn=nqn.2026-11.org.example:regress
subsystem=$target/subsystems/$nqn
tmp=$(mktemp -d)

# say TEXT...: a fact that both kernels have to agree on.
say() { printf '%s\n' "$*" | sed 's/^/# /'; }

# outcome COMMAND...: done, or what it says is wrong.
outcome() {
	local words
	if words=$("$@" 2>&1 >/dev/null); then
		echo "done,"
	else
		sed 's/.*: //; s/$/,/; q' <<<"$words"
	fi
}

# noise BYTES: the same each time, for what a disk counts may depend on what it gets.
noise() {
	awk -v n=$(($1 / 8)) 'BEGIN { srand(7); for (i = 0; i < n; i++) printf "%08x", rand() * 2147483647 }'
}

# --- any disk: what is written is read, limits, statistics, bad requests ---

# both DEV DD-OPERAND...: the same change to a disk and to its model, a file.
both() {
	local dev=$1
	shift
	dd of=$dev conv=notrunc,fsync status=none "$@"
	dd of=$tmp/model conv=notrunc status=none "$@"
}

same() { cmp -n $size $1 $tmp/model; }

limits() {
	local name
	name=$(basename "$(readlink -f "/sys/dev/block/$(stat -L -c '%Hr:%Lr' $1)")")
	(cd /sys/block/$name/queue && grep -s . -- * | grep -v '^copy_')
}

# counted DEV: reads, sectors, writes, sectors, discards, sectors, flushes; and merges.
counted() { awk '{ print $1, $3, $5, $7, $12, $14, $16, $2, $6, $13 }' "/sys/dev/block/$(stat -L -c '%Hr:%Lr' $1)/stat"; }
since() { paste -d' ' <(tr ' ' '\n' <<<"$1") <(tr ' ' '\n' <<<"$2") | awk '{ printf "%d ", $2 - $1 }'; }

# disk NAME DEV [uncounted]: all of it; uncounted if others use it, too.
disk() {
	local name=$1 dev=$2 before size block
	t_case "$name"
	size=$(blockdev --getsize64 $dev)
	[ "$size" -le $((16 << 20)) ] || size=$((16 << 20))
	block=$(blockdev --getss $dev)
	say "$name: $size bytes in blocks of $block"
	say "$(limits $dev)"
	head -c $size /dev/zero >$tmp/model
	dd if=/dev/zero of=$dev bs=1M count=$((size >> 20)) oflag=direct conv=fsync status=none
	before=$(counted $dev)
	both $dev if=$tmp/noise bs=64K count=32 oflag=direct
	both $dev if=$tmp/noise bs=$block count=7 seek=$(((3 << 20) / block)) oflag=direct
	[ -n "${3:-}" ] || say "$name: counted: $(since "$before" "$(counted $dev)")"
	check "$name: what is written is read" same $dev
	both $dev if=$tmp/noise bs=1000 count=999 seek=4111
	check "$name: in pieces that are no blocks" same $dev
	check "$name: write zeroes" blkdiscard -z -o $((1 << 20)) -l $((512 << 10)) $dev
	dd if=/dev/zero of=$tmp/model bs=64K seek=16 count=8 conv=notrunc status=none
	check "$name: they are zeroes, and nothing else is" same $dev
	say "$name: discard: $(outcome blkdiscard -o $((2 << 20)) -l $((1 << 20)) $dev)"
	dd if=$dev bs=64K skip=32 count=16 iflag=direct status=none |
		dd of=$tmp/model bs=64K seek=32 conv=notrunc iflag=fullblock status=none
	check "$name: and nothing else is discarded" same $dev
	bad_requests "$name" $dev $block
}

bad_requests() {
	local name=$1 dev=$2 end
	end=$(blockdev --getsize64 $dev)
	say "$name: refused:" \
		"write behind the end $(outcome dd if=/dev/zero of=$dev bs=4096 seek=$((end / 4096)) count=1 oflag=direct)" \
		"read behind the end $(dd if=$dev bs=4096 skip=$((end / 4096)) count=1 iflag=direct 2>/dev/null | wc -c)," \
		"half a block $(outcome dd if=/dev/zero of=$dev bs=$(($3 / 2)) count=1 oflag=direct)" \
		"discard of half a block $(outcome blkdiscard -o $(($3 / 2)) -l $3 $dev)" \
		"discard behind the end $(outcome blkdiscard -o $end -l 4096 $dev)"
	blockdev --setro $dev
	say "$name: read-only: write $(outcome dd if=/dev/zero of=$dev bs=4096 count=1 oflag=direct)" \
		"zeroes $(outcome blkdiscard -z -l 4096 $dev) discard $(outcome blkdiscard -l 4096 $dev)"
	blockdev --setrw $dev
	check "$name: which changed nothing" same $dev
}

plain_disks() {
	disk nvme-512 /dev/nvme0n1
	disk nvme-4096 /dev/nvme1n1
	disk null-512 "$(null_disk plain blocksize=512 size=64 discard=1)"
	disk null-4096 "$(null_disk large blocksize=4096 size=64 discard=1)"
	truncate -s 64M $tmp/file
	modprobe loop
	disk loop "$(losetup -f --show $tmp/file)" uncounted
	losetup -D
}

# --- device mapper ---

mapped() {
	local half=65536
	modprobe -a dm-mod dm-crypt xts ecb dm-snapshot dm-mirror dm-clone
	dm_disk linear "0 $half linear /dev/nvme0n1 0
$half $half linear /dev/plain 8"
	disk dm-linear /dev/mapper/linear
	say "dm-linear: $(dmsetup table linear)"
	dmsetup remove linear
	dm_disk striped "0 131072 striped 2 128 /dev/nvme0n1 0 /dev/plain 0"
	disk dm-stripe /dev/mapper/striped
	dmsetup remove striped
	dm_disk crypt "0 65536 crypt aes-xts-plain64 $(printf '%064d' 7) 0 /dev/plain 0"
	disk dm-crypt /dev/mapper/crypt uncounted
	dmsetup remove crypt
	copying
}

clone_done() { dmsetup status clone | grep -q ' 1024/1024 '; }
mirror_done() { dmsetup status mirror | grep -q ' 32/32 '; }

# Targets that copy through kcopyd: what comes out is the same, whoever carries it.
copying() {
	dd if=$tmp/noise of=/dev/nvme0n1 bs=1M count=8 oflag=direct status=none
	dd if=/dev/zero of=/dev/plain bs=1M count=64 oflag=direct status=none
	# In this order: the origin splits what is written by the chunks of the snapshots it knows.
	dm_disk snap "0 65536 snapshot /dev/nvme0n1 /dev/plain N 16"
	dm_disk origin "0 65536 snapshot-origin /dev/nvme0n1"
	dd if=/dev/zero of=/dev/mapper/origin bs=64K count=100 seek=3 oflag=direct status=none
	check 'dm-snapshot: as it was when it was made' cmp -n $((8 << 20)) $tmp/noise /dev/mapper/snap
	say "dm-snapshot: $(dmsetup status snap)"
	dmsetup remove origin
	dmsetup remove snap

	dd if=$tmp/noise of=/dev/nvme0n1 bs=1M count=8 oflag=direct status=none
	dm_disk clone "0 8192 clone $(null_disk meta blocksize=4096 size=16) /dev/plain /dev/nvme0n1 8 0 4 hydration_threshold 64 hydration_batch_size 64"
	dmsetup message clone 0 enable_hydration
	check 'dm-clone: all of it comes over' wait_for 60 clone_done
	dmsetup remove clone
	check 'dm-clone: and is equal' cmp -n $((4 << 20)) $tmp/noise /dev/plain

	dd if=/dev/zero of=/dev/plain bs=1M count=64 oflag=direct status=none
	dm_disk mirror "0 32768 mirror core 1 1024 2 /dev/nvme0n1 0 /dev/plain 0 1 handle_errors"
	check 'dm-mirror: it gets in step' wait_for 60 mirror_done
	say "dm-mirror: $(dmsetup status mirror | sed 's/[0-9]*:[0-9]*/DEV/g')"
	dmsetup remove mirror
	check 'dm-mirror: both are equal' cmp -n $((16 << 20)) /dev/nvme0n1 /dev/plain
}

# --- zones ---

zones() {
	local dev
	dev=$(null_disk zoned blocksize=4096 size=64 zoned=1 zone_size=4 zone_nr_conv=2 zone_max_open=4 \
		zone_max_active=6)
	t_case zones
	say "$(limits $dev)"
	zone_rules $dev zoned
	blkzone reset $dev
	dm_disk zoned "0 131072 linear $dev 0"
	zone_rules /dev/mapper/zoned dm-linear
	dmsetup remove zoned
	null_disk_gone zoned
}

# zone_write DEV KIB LENGTH-KIB: status
zone_write() {
	outcome dd if=$tmp/noise of=$1 bs=4K seek=$(($2 / 4)) count=$(($3 / 4)) oflag=direct conv=notrunc
}

zone_rules() {
	local dev=$1 zone=4096
	say "$2: conventional $(zone_write $dev 1000 64) at the pointer $(zone_write $dev $((3 * zone)) 64)" \
		"on $(zone_write $dev $((3 * zone + 64)) 64) again $(zone_write $dev $((3 * zone)) 64)" \
		"not at it $(zone_write $dev $((4 * zone + 64)) 64)" \
		"whole $(zone_write $dev $((5 * zone)) $zone) full $(zone_write $dev $((5 * zone)) 4)"
	say "$2: open $(outcome blkzone open -o $((6 * 8192)) -c 1 $dev)" \
		"close $(outcome blkzone close -o $((6 * 8192)) -c 1 $dev)" \
		"finish $(outcome blkzone finish -o $((7 * 8192)) -c 1 $dev)" \
		"reset $(outcome blkzone reset -o $((3 * 8192)) -c 1 $dev)" \
		"discard $(outcome blkdiscard -o $((5 * zone * 1024)) -l 4096 $dev)" \
		"zeroes $(outcome blkdiscard -z -o $((8 * zone * 1024)) -l 65536 $dev)"
	say "$(blkzone report $dev)"
	check "$2: a zone has what was written" cmp -n $((zone * 1024)) -i 0:$((5 * zone * 1024)) \
		$tmp/noise $dev
}

# --- the target ---

# disk_of_ns NSID: they get their names in the order in which they are found.
disk_of_ns() {
	local file
	file=$(grep -lx $1 /sys/block/nvme2n*/nsid) || return 1
	file=${file%/nsid}
	echo /dev/${file##*/}
}

target_up() {
	local nsid port=$target/ports/1 paths=(none /dev/plain "$tmp/backing")
	modprobe -a nvmet nvme-loop
	truncate -s 64M $tmp/backing
	mkdir $subsystem $port
	echo 1 >$subsystem/attr_allow_any_host
	echo 1234567890abcdef >$subsystem/attr_serial
	for nsid in 1 2; do
		mkdir $subsystem/namespaces/$nsid
		echo 6d8a11c2-5f4e-4d0f-9a4c-bd7c5f2c7e2$nsid >$subsystem/namespaces/$nsid/device_uuid
		echo 6d8a11c2-5f4e-4d0f-9a4c-bd7c5f2c7e2$nsid >$subsystem/namespaces/$nsid/device_nguid
		printf '%s' "${paths[nsid]}" >$subsystem/namespaces/$nsid/device_path
		echo 1 >$subsystem/namespaces/$nsid/enable
	done
	echo loop >$port/addr_trtype
	ln -s $subsystem $port/subsystems/
	nvme connect -t loop -n $nqn >/dev/null
	wait_for 20 disk_of_ns 1
	wait_for 20 disk_of_ns 2
}

# masked FROM LENGTH...: stdin with zeroes there: what says which copies a controller can do.
masked() {
	cat >$tmp/raw
	while [ $# -gt 0 ]; do
		dd if=/dev/zero of=$tmp/raw bs=1 seek=$1 count=$2 conv=notrunc status=none
		shift 2
	done
	od -Ax -tx1 $tmp/raw
}

# answer COMMAND...: the status of a command, as nvme-cli tells it.
answer() {
	local said status=0
	said=$("$@" 2>&1 >/dev/null) || status=$?
	[[ $said =~ 0x[0-9a-f]+ ]] && echo "${BASH_REMATCH[0]}" || echo $status
}

target_answers() {
	local n dev end block
	for n in 1 2; do
		dev=$(disk_of_ns $n)
		block=$(blockdev --getss $dev)
		end=$(($(blockdev --getsize64 $dev) / block))
		say "nvmet $n: past the end: read $(answer nvme read $dev -s $end -c 0 -z $block -d /dev/null)," \
			"write $(answer nvme write $dev -s $((end - 1)) -c 1 -z $((2 * block)) -d $tmp/noise)," \
			"zeroes $(answer nvme write-zeroes $dev -s $end -c 0)," \
			"discard $(answer nvme dsm $dev -d -s $end -b 8)"
		say "nvmet $n: no such command: $(answer nvme io-passthru $dev --opcode=0x7f -n $n)"
		say "$(nvme id-ns $dev -b | masked 74 7)"
	done
	# ONCS, OCFS, and the size of one more in the log of effects.
	say "$(nvme id-ctrl /dev/nvme2 -b | masked 520 2 534 2)"
	say "$(nvme get-log /dev/nvme2 --log-id=5 --log-len=4096 -b | masked $((1024 + 4 * 25)) 4)"
}

targets() {
	dd if=/dev/zero of=/dev/plain bs=1M count=64 oflag=direct status=none
	target_up
	disk nvmet-block "$(disk_of_ns 1)" uncounted
	disk nvmet-file "$(disk_of_ns 2)" uncounted
	target_answers
	nvme disconnect -n $nqn >/dev/null
	rm $target/ports/1/subsystems/$nqn
	rmdir $subsystem/namespaces/? $target/ports/1
	# What still holds a namespace lets go of it a moment later (as in copy_nvmet).
	sleep $((2 * T_SCALE))
	rmdir $subsystem
}

# --- a file system ---

file_system() {
	t_case ext4
	dm_disk ext4 "0 65536 linear /dev/nvme0n1 0
65536 65536 linear /dev/plain 0"
	mkfs.ext4 -q /dev/mapper/ext4
	mount /dev/mapper/ext4 /mnt
	cp -r /tests /mnt/
	check 'ext4: discards what is free' fstrim /mnt
	rm -rf /mnt/tests/vm
	umount /mnt
	check 'ext4: fsck' e2fsck -fn /dev/mapper/ext4
	mount -o ro /dev/mapper/ext4 /mnt
	check 'ext4: what is in it' diff -r /tests/cli /mnt/tests/cli
	umount /mnt
	dmsetup remove ext4
}

noise $((8 << 20)) >$tmp/noise
plain_disks
mapped
zones
targets
file_system
rm -rf $tmp
finish
