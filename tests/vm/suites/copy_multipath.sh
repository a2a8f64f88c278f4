#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copies on a disk with two paths: NVMe multipath, two controllers of QEMU's that share a
# namespace. A token names the disk, whatever path it was filled on, and a copy that a path did
# not do is sent on the other one. Copies survive a path that goes away.
#
# The guest starts without multipath, so that each --nvme has a disk as usual.
# vm: --nvme 96M,mssrl=1024,mcl=4096,ctrl.subsys=paths --nvme 0,ctrl.subsys=paths --append nvme_core.multipath=N --timeout 120
# with: build/tests/vm/copy_verify build/tests/vm/copy_once
# Functions are called by name, through wait_for:
# shellcheck disable=SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
length=65536
done_by_device="error=0 copied=$length offloaded=$length emulated=0 error_range=1"

# Number of paths that are usable.
live() { grep -lx live /sys/class/nvme/nvme*/state | wc -l; }

both_live() { [ "$(live)" = 2 ] && [ ${#paths[@]} = 2 ]; }

find_disk() {
	local dir
	paths=() disk=''
	for dir in /sys/block/nvme*; do
		case ${dir##*/} in
		# Its queue comes after it.
		nvme*c*n1) [ ! -e "$dir/queue/copy_max_bytes" ] || paths+=("${dir##*/}") ;;
		*) disk=/dev/${dir##*/} ;;
		esac
	done
	[ -b "$disk" ] && both_live
}

start_multipath() {
	modprobe -r nvme
	modprobe -r nvme_core
	modprobe nvme_core multipath=Y
	modprobe nvme
	wait_for 20 find_disk
	policy=$(echo /sys/class/nvme-subsystem/*/iopolicy)
	echo "# $disk has the paths ${paths[*]}"
}

# result NAME WANT COPY_ONCE_ARGUMENT...
result() {
	local name=$1 want=$2
	shift 2
	check_equal "$name" "$(copy_result "$@")" "$want"
}

# equal NAME [LENGTH]: what was copied from the start to 8 MiB.
equal() { check "$1: bytes are equal" copies_are_equal "$disk" 0 8388608 "${2:-$length}"; }

limits() {
	local name
	for name in copy_max_bytes copy_max_hw_bytes copy_max_range_hw_bytes copy_max_ranges; do
		check_equal "the disk copies as its paths do: $name" \
			"$(<"/sys/block/${disk#/dev/}/queue/$name")" \
			"$(<"/sys/block/${paths[0]}/queue/$name")"
	done
	check "and can" test "$(<"/sys/block/${disk#/dev/}/queue/copy_max_bytes")" -gt 0
}

one_path() {
	fill "$disk" 0 $length
	result "one path: offloaded" "$done_by_device" --mode offload "$disk" "$disk" 0 8MiB $length
	equal "one path"
	program copy_verify --src "$disk" --expect offload --iterations "$(scaled 30)" \
		--max-bytes 4MiB --seed $((seed += 1))
}

# Round robin: the two phases of a copy of one range take different paths.
two_paths() {
	echo round-robin >"$policy"
	fill "$disk" 0 $length
	events_on blk_copy/blk_copy_token_fill blk_copy/blk_copy_token_reject blk_copy/blk_copy_dispatch
	result "trap 7: offloaded on two paths" "$done_by_device" --mode offload "$disk" "$disk" 0 8MiB $length
	events_off /tmp/events
	equal "two paths"
	check_equal "trap 7: what one path filled the other one takes" \
		"$(sed -nE 's/.*blk_copy_(token_)?([a-z]*):.* ([0-9]+:[0-9]+)\+.*/\2 \3/p' /tmp/events |
			sort -u | awk '{print $1; seen[$2] = 1} END {print length(seen)}' | xargs)" \
		"dispatch fill 2"
	program copy_verify --src "$disk" --expect offload --iterations "$(scaled 30)" --max-bytes 2MiB \
		--copiers 2 --writers 1 --seed $((seed += 1))
	echo numa >"$policy"
}

# paths_copy BYTES: copy_max_bytes of the paths, not of the disk.
paths_copy() {
	local path
	for path in "${paths[@]}"; do echo "$1" >"/sys/block/$path/queue/copy_max_bytes"; done
}

# Limits of a path that have become smaller than the disk's: the path itself keeps to them.
lowered() {
	paths_copy 65536
	fill "$disk" 0 262144
	events_on blk_copy/blk_copy_dispatch
	result "limits of the paths lowered: still offloaded" \
		"error=0 copied=262144 offloaded=262144 emulated=0 error_range=1" \
		"$disk" "$disk" 0 8MiB 262144
	events_off /tmp/events
	check_equal "and in commands of that size" "$(grep -c 'bytes=65536 ' /tmp/events || :)" 4
	equal "lowered" 262144
	paths_copy 0
	fill "$disk" 0 262144
	result "turned off on the paths: emulated" \
		"error=0 copied=262144 offloaded=0 emulated=262144 error_range=1" \
		"$disk" "$disk" 0 8MiB 262144
	equal "turned off" 262144
	paths_copy $unlimited
	result "turned on again" "$done_by_device" "$disk" "$disk" 0 8MiB $length
}

# faults KEY=VALUE...: fault injection of both paths.
faults() {
	local path setting
	for path in "${paths[@]}"; do
		for setting; do
			echo "${setting#*=}" >"/sys/kernel/debug/$path/fault_inject/${setting%%=*}"
		done
	done
}

# What ends with an error of the path (3/70h) is sent on another one, with the same token.
failover() {
	fill "$disk" 0 $length
	faults verbose=0 status=0x370 dont_retry=N times=1 probability=100
	events_on nvme/nvme_setup_cmd
	result "a path error: the other path copies" "$done_by_device" \
		"$disk" "$disk" 0 8MiB $length
	events_off /tmp/events
	faults probability=0
	check_equal "a path error: Copy was sent twice" \
		"$(grep -c 'nvme_cmd_copy ' /tmp/events || :)" 2
	equal "a path error"
	result "offloaded again after it" "$done_by_device" "$disk" "$disk" 0 8MiB $length
}

# A copy that a path had cut into pieces goes on to the other path, and the first one is taken
# away before the last piece has ended.
pieces_outlive_path() {
	local address size=1048576
	paths_copy 65536
	fill "$disk" 0 $size
	faults verbose=0 status=0x370 dont_retry=N times=-1 probability=100
	copy_once "$disk" "$disk" 0 8MiB $size >/tmp/pieces &
	sleep 0.5
	address=$(</sys/class/nvme/nvme1/address)
	echo 1 >"/sys/bus/pci/devices/$address/remove"
	check "pieces of a copy: one path is left" wait_for 20 only_one
	check "pieces of a copy: on their way still" kill -0 $!
	for dir in /sys/kernel/debug/nvme*c*n1/fault_inject; do echo 0 >"$dir/probability"; done
	wait $! || :
	check_equal "pieces of a copy: all end" "$(cut -d' ' -f1,2 /tmp/pieces)" "error=0 copied=$size"
	equal "pieces of a copy" $size
	echo 1 >/sys/bus/pci/rescan
	check "pieces of a copy: the path comes back" wait_for 20 find_disk
	paths_copy "$unlimited"
}

# A path is taken away while copies run, and comes back: no copy fails.
path_goes() {
	local pid address
	seed=$((seed + 1))
	copy_verify --src "$disk" --iterations "$(scaled 200)" --max-bytes 1MiB --copiers 2 \
		--writers 1 --seed $seed >/tmp/copying 2>&1 &
	pid=$!
	for address in /sys/class/nvme/nvme*/address; do
		address=$(<"$address")
		sleep 0.3
		kill -0 $pid || not_ok "copies still run when a path goes"
		echo 1 >"/sys/bus/pci/devices/$address/remove"
		check "one path is left" wait_for 20 only_one
		sleep 0.2
		echo 1 >/sys/bus/pci/rescan
		check "and it comes back" wait_for 20 find_disk
	done
	check "copies while one path goes, then the other" wait $pid
	cat /tmp/copying
}

only_one() { [ "$(live)" = 1 ]; }

echo "# seed $seed"
start_multipath
limits
one_path
two_paths
lowered
failover
pieces_outlive_path
path_goes
finish
