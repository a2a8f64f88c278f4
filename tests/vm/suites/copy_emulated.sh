#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Devices that cannot copy by themselves: the same call works, by reading and writing, which
# overlap.
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

null_blk
overlap
loop
device_mapper
mixed_pair
finish
