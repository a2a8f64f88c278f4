#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Random copies, every byte checked: on one disk, between disks, on partitions, with writers
# elsewhere on the device; offloaded and emulated; once for each set of NVMe limits.
# vm: --nvme 160M --nvme 64M --timeout 180
# vm: --nvme 160M,logical_block_size=4096,physical_block_size=4096 --nvme 64M --timeout 180
# vm: --nvme 520M,mssrl=65535,mcl=1048576,msrc=255 --nvme 64M,mssrl=65535,mcl=4294967295,msrc=255 --timeout 180
# vm: --nvme 160M,mssrl=7,mcl=13,msrc=2 --nvme 64M,mssrl=1,mcl=1,msrc=0 --timeout 180
# with: build/tests/vm/copy_verify
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

disk=/dev/nvme0n1 other=/dev/nvme1n1
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
# As large as fits: source and destination on one disk.
largest=$(($(blockdev --getsize64 $disk) / 2 / 1048576 - 4))MiB

printf '# limits: %s bytes, ranges of %s, %s ranges; seed %s\n' \
	"$(queue $disk copy_max_bytes)" "$(queue $disk copy_max_range_hw_bytes)" \
	"$(queue $disk copy_max_ranges)" "$seed"

verify() { program copy_verify --seed $((seed += 1)) "$@"; }

# All sizes from a block up, and the largest once with one range and once with 256.
verify --src $disk --mode offload --iterations 3 --max-bytes "$largest"
verify --src $disk --mode auto --expect offload --iterations "$(scaled 150)" --max-bytes 2MiB
verify --src $disk --mode emulate --iterations "$(scaled 80)" --max-bytes 2MiB
verify --src $disk --mode mixed --iterations "$(scaled 80)" --max-bytes 8MiB --max-ranges 4096

# Others use the disk meanwhile.
verify --src $disk --mode mixed --iterations "$(scaled 40)" --max-bytes 1MiB \
	--copiers 3 --writers 2

# Two disks: nothing to offload.
verify --src $other --dst $disk --expect emulate --iterations "$(scaled 60)" --max-bytes 2MiB
verify --src $disk --dst $other --expect emulate --iterations "$(scaled 30)" --max-bytes 2MiB \
	--copiers 2 --writers 1

# Partitions of a disk: offloaded too, also from one to another.
partition $disk 64MiB -
verify --src ${disk}p2 --mode offload --iterations "$(scaled 60)" --max-bytes 2MiB
verify --src ${disk}p1 --dst ${disk}p2 --mode offload --iterations "$(scaled 60)" --max-bytes 2MiB
verify --src ${disk}p2 --dst ${disk}p1 --mode mixed --iterations "$(scaled 30)" --max-bytes 2MiB \
	--copiers 2 --writers 1
finish
