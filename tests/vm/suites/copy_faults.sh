#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copies while memory and I/O fail, one allocation or request after the other, and while the
# disk is taken away.
# vm: --nvme 32M --nvme 32M --timeout 180
# with: build/tests/vm/copy_fault build/tests/vm/copy_verify build/tests/vm/copy_once
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

disk=/dev/nvme0n1 other=/dev/nvme1n1
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
ranges=$((T_SCALE > 1 ? 8 : 24))

# Every allocation may fail, also one that could wait for memory.
memory_fails() {
	local debug=/sys/kernel/debug
	echo 0 >$debug/failslab/verbose
	echo 0 >$debug/fail_page_alloc/verbose
	echo "$1" >$debug/failslab/ignore-gfp-wait
	echo "$1" >$debug/fail_page_alloc/ignore-gfp-wait
	echo 0 >$debug/fail_page_alloc/min-order
}

io_fails() {
	echo 0 >/sys/kernel/debug/fail_make_request/verbose
	echo "$2" >"/sys/block/${1#/dev/}/make-it-fail"
}

faults() {
	program copy_fault --seed $((seed += 1)) --ranges $ranges "$@"
}

all_paths() {
	faults --src $disk --mode offload "$@"
	faults --src $disk --mode auto "$@"
	faults --src $disk --mode emulate "$@"
	faults --src $disk --dst $other "$@"
}

# The disk goes while copies run: they end, with an error, and soon.
removal() {
	local pid address
	address=$(<"/sys/class/nvme/nvme0/address")
	copy_verify --src $disk --iterations 100000 --copiers 3 --writers 1 \
		--seed $((seed + 1)) >/tmp/copying 2>&1 &
	pid=$!
	sleep 3
	check "copies run before the disk is removed" kill -0 $pid
	echo 1 >"/sys/bus/pci/devices/$address/remove"
	check "they end within 20 seconds" wait_for 20 test ! -d /proc/$pid/task
	check "the disk is gone" test ! -e /sys/block/${disk#/dev/}
	echo 1 >/sys/bus/pci/rescan
	check "and comes back" wait_for 20 test -b $disk
	check "and copies" copy_once --mode offload $disk $disk 0 1MiB 1MiB
}

echo "# seed $seed"
memory_fails N
all_paths
all_paths --gather
io_fails $disk 1
all_paths
io_fails $disk 0
memory_fails Y
removal
finish
