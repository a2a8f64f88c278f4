#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The copies of copy_verify.sh on nvme-debug: both block sizes, the limits that QEMU's controller
# has by default and large ones, partitions, 16 TiB, every byte checked; and nvme-cli as the judge of what a
# copy is: its Copy command and BLKCOPY leave the same bytes.
# vm: --mem 3072 --timeout 240
# with: build/tests/vm/copy_verify build/tests/vm/copy_once
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "$0")/../debug_lib.sh"

mib=$((1 << 20))
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}

# verify ITERATIONS OPTION...
verify() {
	local iterations
	iterations=$(scaled "$1")
	shift
	program copy_verify --src "$disk" --seed $((seed += 1)) --iterations "$iterations" "$@"
}

# shape NAME PARAMETER=VALUE...: a controller, put to work.
shape() {
	local name=$1
	shift
	set_param "$@"
	disk=$(attach "$name" -k 30 | tail -n 1)
	printf '# %s: blocks of %s, at most %s bytes, ranges of %s, %s ranges\n' "$name" \
		"$(queue "$disk" logical_block_size)" "$(queue "$disk" copy_max_bytes)" \
		"$(queue "$disk" copy_max_range_hw_bytes)" "$(queue "$disk" copy_max_ranges)"
	verify 40 --mode auto --expect offload --max-bytes 2MiB
	verify 15 --mode mixed --max-bytes 1MiB --copiers 3 --writers 2
	verify 3 --mode offload --max-bytes "$largest"
}

# The same source, copied by each to a place of its own.
# shellcheck disable=SC2317 # called by check
nvme_cli_agrees() {
	local size=$((64 * 512)) theirs=$((8192 * 512)) ours=$((16384 * 512))
	fill "$disk" 0 $((1024 * 1024))
	nvme copy "$disk" --slbs=16,512,200 --blocks=63,63,63 --sdlba=8192 --format=0
	copy_once --mode offload "$disk" "$disk" $((16 * 512)) "$ours" "$size" \
		$((512 * 512)) $((ours + size)) "$size" $((200 * 512)) $((ours + 2 * size)) "$size"
	copies_are_equal "$disk" "$theirs" "$ours" $((3 * size)) &&
		copies_are_equal "$disk" $((512 * 512)) $((ours + size)) "$size"
}

partitions() {
	partition "$disk" 64MiB -
	verify 20 --src "${disk}p2" --mode offload --max-bytes 2MiB
	verify 20 --src "${disk}p1" --dst "${disk}p2" --mode offload --max-bytes 2MiB
	verify 10 --src "${disk}p2" --dst "${disk}p1" --mode mixed --max-bytes 1MiB --copiers 2 \
		--writers 1
}

# moved MODE FROM TO: a MiB, on the disk of 16 TiB.
moved() {
	check "16 TiB: $1 from $2 to $3" copy_once --mode "$1" "$disk" "$disk" "$2" "$3" 1MiB
	check "16 TiB: $1 from $2 to $3: bytes are equal" copies_are_equal "$disk" "$2" "$3" $mib
}

# 16 GiB in one call, from 1 TiB to 2 TiB: most of it was never written, and stays so.
many_gib() {
	local at size=$((16 << 30)) from=$((1 << 40)) to=$((2 << 40))
	for at in 0 $((size / 2 - 4096)) $((size - mib)); do fill "$disk" $((from + at)) $mib; done
	check_equal '16 GiB in one call' "$(copy_result --mode offload "$disk" "$disk" $from $to $size)" \
		"error=0 copied=$size offloaded=$size emulated=0 error_range=1"
	for at in 0 $((size / 2 - 4096)) $((size - mib)); do
		check "16 GiB in one call: bytes at $at" \
			copies_are_equal "$disk" $((from + at)) $((to + at)) $mib
	done
}

# More blocks than 32 bits can number, and more bytes than there is memory.
huge() {
	local mode i=1 end=$((16 << 40)) pages
	set_param size=16T block_size=512
	disk=$(attach huge -k 30 | tail -n 1)
	pages=$(<$params/pages)
	fill "$disk" $((end - mib)) $mib
	for mode in offload emulate; do
		moved $mode $((end - mib)) $((i * mib))
		moved $mode $((i * mib)) $((end - (i + 1) * mib))
		i=$((i + 1))
	done
	check_equal "16 TiB: past the end" \
		"$(copy_result "$disk" "$disk" $((end - 4096)) 0 8192)" \
		"error=EINVAL copied=0 offloaded=0 emulated=0 error_range=0"
	many_gib
	check_equal "16 TiB: pages in memory" $(($(<$params/pages) - pages)) $(((5 + 2 * 3) * 256))
	detach huge
}

echo "# seed $seed"
modprobe nvme-debug i_know=1
largest=64MiB
shape small size=160M block_size=512 mssrl=128 mcl=128 msrc=127
partitions
detach small
shape small4k size=160M block_size=4096 mssrl=128 mcl=128 msrc=127
detach small4k
largest=256MiB
shape large size=640M block_size=512 mssrl=65535 mcl=1048576 msrc=255
check 'nvme copy and BLKCOPY leave the same bytes' nvme_cli_agrees
detach large
shape large4k size=640M block_size=4096 mssrl=8192 mcl=131072 msrc=255
detach large4k
huge
check 'the module goes' modprobe -r nvme-debug
finish
