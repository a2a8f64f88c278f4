#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# queue/copy_*: the values follow from what the namespace states, copy_max_bytes can be
# lowered and turned off, nonsense is refused, and commands keep to the limits.
# vm: --nvme 64M --nvme 64M,logical_block_size=4096,physical_block_size=4096 --nvme 64M,mssrl=65535,mcl=4294967295,msrc=255 --nvme 64M,logical_block_size=4096,physical_block_size=4096,mssrl=65535,mcl=4294967295,msrc=255 --nvme 64M,mssrl=5,mcl=17,msrc=0 --nvme 64M,mssrl=0,mcl=0,msrc=0 --timeout 120
# with: build/tests/vm/copy_once
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

declare -A identify

# stated FIELD: of the namespace.
stated() {
	[[ ${identify[$name]} =~ (^|$'\n')$1[[:space:]]*:[[:space:]]*(-?[0-9]+) ]]
	printf '%s\n' "${BASH_REMATCH[2]}"
}

# setup NAME: what the namespace states, by an independent reader of Identify, and what the
# queue should say then. Sets what the functions below work on.
setup() {
	name=$1
	disk=/dev/$name
	block=$(blockdev --getss "$disk")
	[ -n "${identify[$name]:-}" ] || identify[$name]=$(nvme id-ns "$disk")
	mssrl=$(stated mssrl)
	# Printed as a signed number.
	mcl=$(($(stated mcl) & 0xffffffff))
	msrc=$(stated msrc)
	# A bio holds less than 4 GiB, in whole blocks.
	most=$((((1 << 32) - 1) / block * block))
	hw=$((mcl * block < most ? mcl * block : most))
	range=$((mssrl * block))
	ranges=$((msrc + 1))
	[ $hw != 0 ] && [ $range != 0 ] || hw=0 range=0 ranges=0
}

# same TEST GOT WANT
same() { check_equal "$name: $1" "$2" "$3"; }

values() {
	echo "# $disk: mssrl $mssrl mcl $mcl msrc $msrc blocks of $block"
	same "copy_max_hw_bytes" "$(queue "$disk" copy_max_hw_bytes)" $hw
	same "copy_max_bytes starts there" "$(queue "$disk" copy_max_bytes)" $hw
	same "copy_max_range_hw_bytes" "$(queue "$disk" copy_max_range_hw_bytes)" $range
	same "copy_max_ranges" "$(queue "$disk" copy_max_ranges)" $ranges
	same "only copy_max_bytes can be written" \
		"$(cd "/sys/block/$name/queue" && stat -c '%a %n' copy_*)" \
		"$(printf '%s\n' '644 copy_max_bytes' '444 copy_max_hw_bytes' \
			'444 copy_max_range_hw_bytes' '444 copy_max_ranges')"
}

# refused NAME VALUE: writing it fails, and the value stays.
refused() {
	local before
	before=$(queue "$disk" copy_max_bytes)
	if set_queue "$disk" copy_max_bytes "$2" 2>/dev/null; then
		not_ok "$name: $1 is refused"
	else
		same "$1 is refused" "$(queue "$disk" copy_max_bytes)" "$before"
	fi
}

# lowered NAME VALUE EXPECTED
lowered() {
	set_queue "$disk" copy_max_bytes "$2"
	same "$1" "$(queue "$disk" copy_max_bytes)" "$3"
}

writes() {
	refused "a word" all
	refused "a negative number" -4096
	refused "a number with a unit" 64K
	refused "nothing" ""
	refused "half a block" $((block / 2))
	refused "a block and a byte" $((block + 1))
	refused "4 GiB" $((1 << 32))
	refused "more than 64 bits" 99999999999999999999999
	lowered "one block" "$block" $((hw < block ? hw : block))
	lowered "more than the device can is what it can" $most $hw
	lowered "0 turns it off" 0 0
	same "copy_max_hw_bytes stays" "$(queue "$disk" copy_max_hw_bytes)" $hw
}

# Needs copy_max_bytes 0.
off() {
	same "off: offload only is refused" \
		"$(copy_result --mode offload "$disk" "$disk" 0 1MiB 64KiB)" \
		"error=EOPNOTSUPP copied=0 offloaded=0 emulated=0 error_range=0"
	same "off: emulated" "$(copy_result "$disk" "$disk" 0 1MiB 64KiB)" \
		"error=0 copied=65536 offloaded=0 emulated=65536 error_range=1"
}

# commands BYTES [RANGES_ARGUMENT]...: device commands that one copy takes, as dispatched.
commands() {
	events_on blk_copy/blk_copy_dispatch
	copy_once --mode offload "$disk" "$disk" "$@" >/dev/null
	events_off /tmp/events
	wc -l </tmp/events
}

# The fewest commands that the limits allow, and none that exceeds them.
commands_fit() {
	local bytes=$((256 * block)) max want i scattered=()
	for max in $hw $((4 * block)); do
		set_queue "$disk" copy_max_bytes "$max"
		max=$(queue "$disk" copy_max_bytes)
		want=$((range * ranges < max ? range * ranges : max))
		same "256 blocks in commands of $max bytes" \
			"$(commands 0 8MiB $bytes)" $(((bytes + want - 1) / want))
	done
	set_queue "$disk" copy_max_bytes $hw
	for ((i = 0; i < 256; i++)); do
		scattered+=($((2 * i * block)) $(((8 << 20) + i * block)) "$block")
	done
	want=$((hw / block < ranges ? hw / block : ranges))
	same "256 scattered blocks in commands of $want" \
		"$(commands "${scattered[@]}")" $(((256 + want - 1) / want))
}

# Reading the namespaces again must not undo what the administrator lowered.
rescan() {
	for name in "${disks[@]}"; do
		setup "$name"
		set_queue "$disk" copy_max_bytes "$block"
		echo 1 >"/sys/class/nvme/${name%n1}/rescan_controller"
	done
	sleep 2
	for name in "${disks[@]}"; do
		setup "$name"
		same "copy_max_bytes survives a rescan" "$(queue "$disk" copy_max_bytes)" \
			$((hw < block ? hw : block))
	done
}

disks=(nvme{0..5}n1)
for name in "${disks[@]}"; do
	setup "$name"
	values
done
rescan
for name in "${disks[@]}"; do
	setup "$name"
	writes
	off
	[ $hw = 0 ] || commands_fit
done
finish
