#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What crosses the network when dm-clone and dm-snapshot copy on a disk behind NVMe over TCP, with
# copies left to the target and without. Also prints what that costs this machine, which is host and
# target at once; that means something only with tests/vm/run --icount: then nanoseconds are
# instructions (docs/performance.md).
# vm: --nvme 160M,mssrl=4096,mcl=65535,msrc=255 --nvme 16M --timeout 150
# debug: no
# with: fio
# Names of disks have no blanks, and many functions are called by others.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

nqn=nqn.2026-11.org.example:wire
subsystem=/sys/kernel/config/nvmet/subsystems/$nqn
port=/sys/kernel/config/nvmet/ports/1
mib=$((1 << 20)) size=${SIZE:-32} # MiB that are copied
chunk=512 # sectors of a snapshot's chunk, 256 KiB

target_up() {
	mkdir $subsystem $subsystem/namespaces/1 $port
	echo 1 >$subsystem/attr_allow_any_host
	printf /dev/nvme0n1 >$subsystem/namespaces/1/device_path
	echo 1 >$subsystem/namespaces/1/enable
	echo tcp >$port/addr_trtype
	echo ipv4 >$port/addr_adrfam
	echo 127.0.0.1 >$port/addr_traddr
	echo 4420 >$port/addr_trsvcid
	ln -s $subsystem $port/subsystems/
	nvme connect -t tcp -n $nqn -a 127.0.0.1 -s 4420 -k 60 >/dev/null
	wait_for 20 sectors /dev/nvme2n1
}

target_down() {
	nvme disconnect -n $nqn >/dev/null
	rm $port/subsystems/$nqn
	rmdir $port
	echo 0 >$subsystem/namespaces/1/enable
}

part() { dm_disk $1 "0 $(($4 * 2048)) linear $2 $(($3 * 2048))"; }
gone() { dmsetup remove --noudevsync --retry "$@"; }

# spent: bytes sent so far, and nanoseconds in which no processor was idle. The time of the day
# is the clock that counts instructions; idle time is in hundredths.
spent() {
	local up idle
	read -r up idle </proc/uptime
	echo "$(</sys/class/net/lo/statistics/tx_bytes) $(awk -v n="$(nproc)" -v up=$up -v idle=$idle \
		'BEGIN { printf "%.0f", (up * n - idle) * 1e9 }')"
}

# wire VARIABLE COMMAND...: the bytes that it sends.
wire() {
	local -n sent=$1
	local before after
	shift
	before=$(spent)
	"$@"
	after=$(spent)
	sent=$((${after% *} - ${before% *}))
	echo "# $*: $sent bytes sent, $(((${after#* } - ${before#* }) / size)) ns of processor per MiB"
}

hydrated() {
	local words
	read -r -a words <<<"$(dmsetup status clone)"
	[ "${words[6]}" = "$1/$1" ]
}

hydrate() {
	dm_disk clone "0 $((size * 2048)) clone /dev/mapper/meta /dev/mapper/to /dev/mapper/from $chunk 1 no_discard_passdown 2 hydration_threshold 64"
	wait_for 60 hydrated $((size * 2048 / chunk))
	gone clone
}

# One block of each chunk.
write_all_chunks() {
	fio --name=touch --filename=$1 --rw=write:$((chunk / 2 - 4))k --bs=4k --direct=1 --ioengine=psync \
		--number_ios=$((size * 2048 / chunk)) --output=/tmp/fio >&2
}

# with VARIABLE NAME COPY_MAX_BYTES COMMAND...
with() {
	set_queue /dev/nvme2n1 copy_max_bytes $3
	wire "$1" "${@:4}"
	check "$2: bytes" test "$(digest /dev/mapper/to 0 $((size * mib)))" = "$wanted"
}

# saves NAME LESS MORE: what is copied takes less than a hundredth.
saves() {
	check "$1: 99 percent less on the wire" between 1 $(($3 / 100)) $2
}

clones() {
	local read_written copied
	part meta /dev/nvme1n1 0 8
	part to /dev/nvme2n1 $size $size
	for way in read_written copied; do
		dd if=/dev/zero of=/dev/mapper/meta bs=1M count=1 oflag=direct conv=notrunc status=none
		blkdiscard -z /dev/mapper/to
		with $way "dm-clone, $way" "$([ $way = copied ] && echo $unlimited || echo 0)" hydrate
	done
	saves dm-clone $copied $read_written
	gone to meta
}

# The chunks that the snapshot kept, in a file of its own: the snapshot without its origin.
snapshot() {
	dm_disk to "0 $((size * 2048)) snapshot /dev/mapper/from /dev/mapper/cow N $chunk"
	dm_disk origin "0 $((size * 2048)) snapshot-origin /dev/mapper/from"
	write_all_chunks /dev/mapper/origin
}

snapshots() {
	local read_written copied alone
	part cow /dev/nvme2n1 $size $((size + 8))
	wire alone write_all_chunks /dev/mapper/from
	for way in read_written copied; do
		wanted=$(digest /dev/mapper/from 0 $((size * mib)))
		with $way "dm-snapshot, $way" "$([ $way = copied ] && echo $unlimited || echo 0)" snapshot
		gone origin to
	done
	# Not counted: what is written to the origin, which is the same each time.
	saves dm-snapshot $((copied - alone)) $((read_written - alone))
	gone cow
}

modprobe -a dm_mod dm-clone dm-snapshot nvmet nvmet-tcp nvme-tcp
target_up
part from /dev/nvme2n1 0 $size
fill /dev/mapper/from 0 $((size * mib))
wanted=$(digest /dev/mapper/from 0 $((size * mib)))
for case in clones snapshots; do
	t_case $case
	$case
done
gone from
target_down
finish
