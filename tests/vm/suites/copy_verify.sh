#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Random copies, every byte checked: on one disk, between disks, on partitions, with writers
# elsewhere on the device; offloaded and emulated; with the limits that QEMU's controller
# has by default, blocks of 4096 bytes, large limits, and small odd ones.
# quick: yes
# vm: --nvme 64M --nvme 64M,logical_block_size=4096,physical_block_size=4096 --nvme 520M,mssrl=65535,mcl=1048576,msrc=255 --nvme 64M,mssrl=7,mcl=13,msrc=2 --nvme 32M,mssrl=1,mcl=1,msrc=0 --timeout 240
# with: build/tests/vm/copy_verify
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

plain=/dev/nvme0n1 blocks=/dev/nvme1n1 large=/dev/nvme2n1 odd=/dev/nvme3n1 single=/dev/nvme4n1
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}

# verify ITERATIONS OPTION...
verify() {
	local iterations
	iterations=$(scaled "$1")
	shift
	program copy_verify --seed $((seed += 1)) --iterations "$iterations" "$@"
}

one_disk() {
	local disk=$1 largest
	printf '# %s: %s bytes, ranges of %s, %s ranges\n' "$disk" \
		"$(queue "$disk" copy_max_bytes)" "$(queue "$disk" copy_max_range_hw_bytes)" \
		"$(queue "$disk" copy_max_ranges)"
	# From one block to half the disk, once in one range and once in 256.
	largest=$((($(blockdev --getsize64 "$disk") / 2 / 1048576 - 4) / T_SCALE))MiB
	verify 3 --src "$disk" --mode offload --max-bytes "$largest"
	verify 50 --src "$disk" --mode auto --expect offload --max-bytes 2MiB
	verify 30 --src "$disk" --mode emulate --max-bytes 2MiB
	verify 12 --src "$disk" --mode mixed --max-bytes $((8192 / T_SCALE))KiB \
		--max-ranges $((4096 / T_SCALE / T_SCALE))
}

# Others copy and write meanwhile.
crowded() {
	verify 15 --src "$1" --mode mixed --max-bytes 1MiB --copiers 3 --writers 2
}

# There is nothing to offload, whatever each of the two can do.
two_disks() {
	verify 20 --src "$1" --dst "$2" --expect emulate --max-bytes 2MiB
	verify 10 --src "$2" --dst "$1" --expect emulate --max-bytes 2MiB --copiers 2 --writers 1
}

# Offloaded too, also from one to another.
partitions() {
	local disk=$1
	partition "$disk" 24MiB -
	verify 30 --src "${disk}p2" --mode offload --max-bytes 2MiB
	verify 30 --src "${disk}p1" --dst "${disk}p2" --mode offload --max-bytes 2MiB
	verify 10 --src "${disk}p2" --dst "${disk}p1" --mode mixed --max-bytes 2MiB --copiers 2 \
		--writers 1
}

echo "# seed $seed"
if [ "$T_SCALE" != 1 ]; then
	partition $large 128MiB
	large=${large}p1
fi
for disk in $plain $blocks $large $odd; do one_disk "$disk"; done
verify 3 --src $large --mode emulate --max-bytes $((256 / T_SCALE))MiB
# Each block is a command.
verify 20 --src $single --mode offload --max-bytes 1MiB
for disk in $plain $blocks $odd; do crowded "$disk"; done
two_disks $plain $blocks
two_disks $odd $single
for disk in $plain $blocks $odd; do partitions "$disk"; done
finish
