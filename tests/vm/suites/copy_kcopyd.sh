#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dm-kcopyd lets the devices copy: snapshots, clones and mirrors, none of which knows. What it
# promised before still holds when devices refuse, fail or hear a policy.
# vm: --nvme 192M,mssrl=4096,mcl=65535,msrc=255 --nvme 64M --mem 1536 --timeout 120
# with: build/tests/vm/copy_once
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

disk=/dev/nvme0n1 other=/dev/nvme1n1
mib=$((1 << 20))
trace=/tmp/trace

gone() { dmsetup remove --noudevsync --retry "$@"; }

# part NAME DISK START LENGTH: an area of a disk, in MiB.
part() { dm_disk $1 "0 $(($4 * 2048)) linear $2 $(($3 * 2048))"; }

# ended: what became of the copies in $trace: offloaded, emulated, errors.
ended() {
	awk 'BEGIN { o = e = f = 0 } / blk_copy_end: / && / origin=4 / {
		for (i = 1; i <= NF; i++) {
			split($i, word, "=")
			if (word[1] == "offloaded") o += word[2]
			if (word[1] == "emulated") e += word[2]
			if (word[1] == "error" && word[2] != 0) f++
		}
	} END { print o, e, f }' $trace
}

# Each chunk of the origin is copied before it is written for the first time.
# snapshot NAME ORIGIN COW: write here and there; the snapshot stays as it was.
snapshot() {
	local was sectors chunk
	sectors=$(sectors $2)
	was=$(digest $2 0 $((sectors * 512)))
	dm_disk snap "0 $sectors snapshot $2 $3 P 64"
	dm_disk origin "0 $sectors snapshot-origin $2"
	events_on blk_copy/blk_copy_start blk_copy/blk_copy_end
	for chunk in 0 1 7 100 $((sectors / 64 - 1)); do
		dd if=/dev/urandom of=/dev/mapper/origin bs=4k count=1 seek=$((chunk * 8 + 3)) \
			oflag=direct conv=notrunc status=none
	done
	events_off $trace
	check_equal "snapshot, $1: it is as the origin was" "$(digest /dev/mapper/snap 0 $((sectors * 512)))" "$was"
	check "snapshot, $1: the origin is not" test "$(digest $2 0 $((sectors * 512)))" != "$was"
	gone origin snap
	dd if=/dev/zero of=$3 bs=4k count=1 oflag=direct conv=notrunc status=none
}

snapshots() {
	part under $disk 0 16
	part cow $disk 20 16
	fill /dev/mapper/under 0 $((16 * mib))
	snapshot 'one disk' /dev/mapper/under /dev/mapper/cow
	check_equal 'snapshot, one disk: the disk copies' "$(ended)" "$((5 * 32768)) 0 0"
	bpfcopy load never --global >/dev/null
	snapshot 'a policy against it' /dev/mapper/under /dev/mapper/cow
	check_equal 'snapshot, a policy against it: it is asked each time' "$(ended)" "0 0 5"
	bpfcopy unload --global >/dev/null
	gone cow
	part cow $other 0 16
	snapshot 'two disks' /dev/mapper/under /dev/mapper/cow
	check_equal 'snapshot, two disks: kcopyd finds out once' "$(ended)" "0 0 1"
	gone cow
	dm_disk cow "0 32768 delay $disk 40960 0"
	snapshot 'what cannot copy' /dev/mapper/under /dev/mapper/cow
	check_equal 'snapshot, what cannot copy: kcopyd does not ask' "$(ended)" "0 0 0"
	gone cow under
}

# clone NAME [COMMAND...]: of /dev/mapper/from at /dev/mapper/to, hydrated to the end; the
# command comes right before.
clone() {
	local sectors
	sectors=$(sectors /dev/mapper/from)
	dd if=/dev/zero of=/dev/mapper/meta bs=1M count=1 oflag=direct conv=notrunc status=none
	dd if=/dev/zero of=/dev/mapper/to bs=1M count=$((sectors / 2048)) oflag=direct conv=notrunc status=none
	events_on blk_copy/blk_copy_start blk_copy/blk_copy_end
	"${@:2}"
	dm_disk clone "0 $sectors clone /dev/mapper/meta /dev/mapper/to /dev/mapper/from 64 1 no_discard_passdown 2 hydration_threshold 64"
	check "clone, $1: is done" wait_for 60 hydrated $((sectors / 64))
	events_off $trace
	gone clone
	check_equal "clone, $1: bytes" "$(digest /dev/mapper/to 0 $((sectors * 512)))" \
		"$(digest /dev/mapper/from 0 $((sectors * 512)))"
}

# fault STATUS TIMES: so many commands of the disk end with this, for good.
fault() {
	local dir=/sys/kernel/debug/${disk#/dev/}/fault_inject word
	for word in verbose=0 dont_retry=1 status=$1 times=$2 probability=100; do
		echo ${word#*=} >$dir/${word%=*}
	done
}

clones() {
	part from $disk 0 16
	part to $disk 64 16
	part meta $other 0 8
	fill /dev/mapper/from 0 $((16 * mib))
	clone 'one disk'
	check_equal 'clone, one disk: the disk copies' "$(ended)" "$((16 * mib)) 0 0"
	gone to
	part to $other 16 16
	clone 'to another disk'
	# Of 512 regions, the first up to 64 are on their way when the first one says so; then it is
	# one in 32.
	check_equal 'clone, to another disk: nothing can be offloaded' "$(ended | cut -d' ' -f1,2)" "0 0"
	check 'clone, to another disk: kcopyd asks now and then' between 2 160 "$(ended | cut -d' ' -f3)"
	gone to
	# A reservation conflict is no reason to go around it: the copy fails, and kcopyd reads and
	# writes as it did before.
	part to $disk 64 16
	clone 'commands that fail' fault 0x83 3
	fault 0 0
	# One more than three when both processors look at the number of times at once.
	check 'clone, commands that fail: so did copies' between 1 4 "$(ended | cut -d' ' -f3)"
	# It goes away in the middle of it, again and again.
	for _ in 1 2 3 4 5 6; do
		dm_disk clone "0 32768 clone /dev/mapper/meta /dev/mapper/to /dev/mapper/from 64 1 no_discard_passdown 2 hydration_threshold 64"
		gone clone
	done
	clone 'after it went away'
	check_equal 'clone, after it went away: the disk copies' "$(ended)" "$((16 * mib)) 0 0"
	gone to from meta
}

in_sync() {
	local words
	read -r -a words <<<"$(dmsetup status mirrored)"
	[[ " ${words[*]} " = *" $1/$1 "* ]]
}

# mirror NAME LEG...: the first leg is copied to the others. Regions of 1 MiB.
mirror() {
	local name=$1 legs=() leg
	shift
	for leg; do legs+=("$leg" 0); done
	events_on blk_copy/blk_copy_start blk_copy/blk_copy_end
	${faulty:+fault $faulty}
	dm_disk mirrored "0 $(sectors $1) mirror core 2 2048 sync $# ${legs[*]}"
	check "mirror, $name: is in sync" wait_for 60 in_sync $(($(sectors $1) / 2048))
	gone mirrored
	events_off $trace
	for leg in "${@:2}"; do
		check_equal "mirror, $name: bytes" "$(digest $leg 0 $((16 * mib)))" "$(digest $1 0 $((16 * mib)))"
	done
}

mirrors() {
	local n
	for n in 0 1 2; do part leg$n $disk $((n * 32)) 16; done
	fill /dev/mapper/leg0 0 $((16 * mib))
	mirror 'two legs' /dev/mapper/leg0 /dev/mapper/leg1
	check_equal 'mirror, two legs: the disk copies' "$(ended)" "$((16 * mib)) 0 0"
	# A region is more than kcopyd does at once.
	fill /dev/mapper/leg0 0 $((16 * mib))
	faulty='0x83 1' mirror 'commands that fail' /dev/mapper/leg0 /dev/mapper/leg1
	fault 0 0
	# Or two, when both processors look at the number of times at once.
	check 'mirror, commands that fail: one did' grep -qE \
		"^($((16 * mib - mib / 2)) 0 1|$((15 * mib)) 0 2)$" <<<"$(ended)"
	fill /dev/mapper/leg0 0 $((16 * mib))
	mirror 'three legs' /dev/mapper/leg0 /dev/mapper/leg1 /dev/mapper/leg2
	check_equal 'mirror, three legs: kcopyd reads once' "$(ended)" "0 0 0"
	gone leg0 leg1 leg2
}

# Zeroes have no source, which is trap 29 as well.
zeroes() {
	part from $disk 0 16
	part cow $disk 20 16
	part pool $disk 64 32
	part meta $other 0 8
	fill /dev/mapper/pool 0 $((32 * mib))
	dd if=/dev/zero of=/dev/mapper/meta bs=1M count=1 oflag=direct conv=notrunc status=none
	dm_disk thinpool "0 65536 thin-pool /dev/mapper/meta /dev/mapper/pool 128 0"
	dmsetup message thinpool 0 'create_thin 0'
	dm_disk thin "0 32768 thin /dev/mapper/thinpool 0"
	dd if=/dev/urandom of=/dev/mapper/thin bs=4k count=1 seek=1 oflag=direct conv=notrunc status=none
	check_equal 'trap 29: a new block of a thin device is zeroed' \
		"$(digest /dev/mapper/thin 8192 57344)" "$(head -c 57344 /dev/zero | checksum)"
	# A snapshot of a thin device breaks sharing with a copy within the pool.
	fill /dev/mapper/thin 0 $mib
	was=$(digest /dev/mapper/thin 0 $mib)
	dmsetup suspend --noudevsync thin
	dmsetup message thinpool 0 'create_snap 1 0'
	dmsetup resume --noudevsync --noudevrules thin
	events_on blk_copy/blk_copy_start blk_copy/blk_copy_end
	dd if=/dev/urandom of=/dev/mapper/thin bs=4k count=1 seek=1 oflag=direct conv=notrunc status=none
	sync
	events_off $trace
	check_equal 'thin: sharing is broken by a copy of the disk' "$(ended)" "65536 0 0"
	dm_disk snap "0 32768 thin /dev/mapper/thinpool 1"
	check_equal 'thin: the snapshot is as it was' "$(digest /dev/mapper/snap 0 $mib)" "$was"
	gone snap thin thinpool meta pool cow from
}

modprobe -a dm_mod dm-snapshot dm-clone dm-mirror dm-delay dm-thin-pool
for case in snapshots clones mirrors zeroes; do
	t_case $case
	$case
done
finish
