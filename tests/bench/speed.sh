#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Part of `make bench`, in the guest: how many MB/s nvme-debug, null_blk and QEMU's nvme read,
# write and copy, one command at a time, by the clock on the wall. Prints a line of JSON for
# each, {"name", "value"}.
set -eEuo pipefail
shopt -s inherit_errexit
trap 'echo "speed.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh

# speed NAME DISK OPERATION KIND BYTES: the batch in the middle.
speed() {
	copybench "$4" "/dev/$2" 50 25 "$5" | jq -c --arg name "$1-$3-$5" --argjson bytes "$5" \
		'{ name: $name, value: ($bytes * 1000 / .median | . * 10 | round / 10) }'
}

# controller NAME DISK
controller() {
	local bytes
	for bytes in 4096 131072; do
		copybench fill "/dev/$2" 50 1 "$bytes" >/dev/null
		speed "$1" "$2" read read "$bytes"
		speed "$1" "$2" write write "$bytes"
		speed "$1" "$2" copy offload "$bytes"
	done
}

disk_is_there() {
	disk=$(grep -lsx 'nvme-debug *' /sys/block/*/device/model | cut -d/ -f4 || :)
	[ -b "/dev/$disk" ]
}

modprobe nvme-debug i_know=1 size=64M
nvme connect -t debug -a bench -n nqn.2024-01.org.example:bench >/dev/null
wait_for 10 disk_is_there
modprobe null_blk nr_devices=0
mkdir /sys/kernel/config/nullb/bench
for attribute in memory_backed=1 copy=1 size=64 blocksize=512 power=1; do
	echo "${attribute#*=}" >"/sys/kernel/config/nullb/bench/${attribute%=*}"
done
controller nvme-debug "$disk"
controller null_blk bench
controller qemu nvme0n1
