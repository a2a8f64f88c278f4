#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest, on a clock that counts instructions: "NAME INSTRUCTIONS" of a 4 KiB read and write
# with O_DIRECT, on disks that both kernels have. The cheapest of the batches: no timer in it.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh

target=/sys/kernel/config/nvmet
subsystem=$target/subsystems/regress

pair() {
	copybench fill "$2" 100 1 >/dev/null
	copybench pair "$2" 100 100 >/tmp/measured
	echo "$1 $(jq .min /tmp/measured)"
}

# What the NVMe driver and the target cost together, without a network and without a device.
loop_disk() {
	modprobe nvme-loop
	mkdir "$subsystem" $target/ports/1 "$subsystem/namespaces/1"
	echo 1 >"$subsystem/attr_allow_any_host"
	printf '%s' "$1" >"$subsystem/namespaces/1/device_path"
	echo 1 >"$subsystem/namespaces/1/enable"
	echo loop >$target/ports/1/addr_trtype
	ln -s "$subsystem" $target/ports/1/subsystems/
	nvme connect -t loop -n regress >/dev/null
	wait_for 20 test -b /dev/nvme0n1
}

{
	disk=$(null_disk plain blocksize=512 size=64 irqmode=0)
	pair null_blk "$disk"
	modprobe dm-mod
	dm_disk linear "0 131072 linear $disk 0"
	pair dm-linear /dev/mapper/linear
	dmsetup remove linear
	loop_disk "$disk"
	pair nvme-loop /dev/nvme0n1
} | sort
