#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# queue/copy_*: the values follow from what the namespace states, copy_max_bytes can be
# lowered and turned off, nonsense is refused, and commands keep to the limits. Namespaces
# that state limits: a zoned one, and one with metadata, which still cannot copy; and one of 512 byte
# blocks on 4096 byte ones.
# vm: --nvme 64M --nvme 64M,logical_block_size=4096,physical_block_size=4096 --nvme 64M,mssrl=65535,mcl=4294967295,msrc=255 --nvme 64M,logical_block_size=4096,physical_block_size=4096,mssrl=65535,mcl=4294967295,msrc=255 --nvme 64M,mssrl=5,mcl=17,msrc=0 --nvme 64M,mssrl=0,mcl=0,msrc=0 --nvme 64M,zoned=on,zoned.zone_size=8M --nvme 64M,ms=8,pi=1 --timeout 120
# with: build/tests/vm/copy_once build/tests/vm/copy_verify build/tests/vm/ioctl_args
# Functions are called by name, through check and cannot_copy:
# shellcheck disable=SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "$0")/../debug_lib.sh"

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
	if [ $hw = 0 ] || [ $range = 0 ]; then none; fi
}

none() { hw=0 range=0 ranges=0; }

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

# commands RANGES_ARGUMENT...: device commands that one copy takes, as dispatched.
commands() {
	echo >$tracing/trace
	copy_once --mode offload "$disk" "$disk" "$@" >/dev/null
	grep -c blk_copy_dispatch $tracing/trace
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

# emulated WHAT FROM TO LENGTH: the kernel copies, and what is there can be read.
emulated() {
	fill "$disk" "$2" "$4"
	same "$1: offload only is refused" \
		"$(copy_result --mode offload "$disk" "$disk" "$2" "$3" "$4")" \
		"error=EOPNOTSUPP copied=0 offloaded=0 emulated=0 error_range=0"
	same "$1: emulated" "$(copy_result "$disk" "$disk" "$2" "$3" "$4")" \
		"error=0 copied=$4 offloaded=0 emulated=$4 error_range=1"
	check "$name: $1: bytes are equal" copies_are_equal "$disk" "$2" "$3" "$4"
}

# Every block has a checksum and its own address with it: copied as they are, they are wrong.
protected() {
	same "has protection information" \
		"$(<"/sys/block/$name/integrity/format")" T10-DIF-TYPE1-CRC
	emulated "trap 15, to other addresses" 0 $((16 << 20)) $((4 << 20))
	blockdev --flushbufs "$disk"
	check "$name: trap 15, the destination's tags are right" \
		nvme read "$disk" -s $((32768 + 7)) -c 7 -z 4096 -y 64 -d /tmp/data -M /tmp/meta \
		--prinfo=7 --ref-tag=$((32768 + 7))
	check_status "$name: trap 15, and others would be noticed" 1 \
		not_zero nvme read "$disk" -s $((32768 + 7)) -c 7 -z 4096 -y 64 -d /tmp/data \
		-M /tmp/meta --prinfo=7 --ref-tag=7
}

not_zero() { "$@" >/dev/null 2>&1 || return 1; }

# cannot_copy NAME COMMAND: a namespace that states limits, but is of another kind.
cannot_copy() {
	setup "$1"
	check "$name: the namespace states limits" test $hw -gt 0
	none
	values
	"$2"
}

# result NAME WANT COPY_ONCE_ARGUMENT...
result() {
	local what=$1 want=$2
	shift 2
	same "$what" "$(copy_result "$@")" "$want"
}

bad_physical_sizes() {
	local bad
	for bad in 0 256 1024 8192 4K; do
		check_status "physical_block_size=$bad is refused" 1 \
			not_zero set_param physical_block_size=$bad
		check "and why is said" \
			grep -q "physical_block_size=$bad refused: give 512 or 4096 bytes" <(dmesg)
	done
}

# Alignment is that of logical blocks; physical ones are none of a copy's business.
large_physical_blocks() {
	local refused='error=EINVAL copied=0 offloaded=0 emulated=0 error_range=0' large=/dev/nvme1n1
	local around
	set_param size=64M block_size=512 physical_block_size=4096
	name=$(attach e512 -k 30)
	name=${name#/dev/}
	setup "$name"
	values
	same "logical and physical block size" \
		"$(queue "$disk" logical_block_size) $(queue "$disk" physical_block_size)" "512 4096"
	fill "$disk" 0 $((2 << 20))
	around="$(digest "$disk" 1048576 512) $(digest "$disk" $((1048576 + 2048)) 2048)"
	result "3 logical blocks within a physical one" \
		"error=0 copied=1536 offloaded=1536 emulated=0 error_range=1" \
		--mode offload "$disk" "$disk" 4608 $((1048576 + 512)) 1536
	check "$name: bytes are equal" copies_are_equal "$disk" 4608 $((1048576 + 512)) 1536
	same "the rest of the physical block is as it was" \
		"$(digest "$disk" 1048576 512) $(digest "$disk" $((1048576 + 2048)) 2048)" "$around"
	result "half a logical block" "$refused" "$disk" "$disk" 0 1MiB 256
	result "half a logical block off" "$refused" "$disk" "$disk" 256 1MiB 512
	result "to blocks of 4096" "error=0 copied=4096 offloaded=0 emulated=4096 error_range=1" \
		"$disk" $large 4096 8192 4096
	result "512 bytes to blocks of 4096" "$refused" "$disk" $large 4096 8192 512
	result "from 512 bytes off, to blocks of 4096" "$refused" "$disk" $large 512 8192 4096
	result "from blocks of 4096, to 512 bytes off" "$refused" $large "$disk" 8192 512 4096
	program copy_verify --src "$disk" --expect offload --iterations "$(scaled 20)" \
		--max-bytes 1MiB --seed 11
	program ioctl_args "$disk" $large
	detach e512
}

# block_size is the least that physical_block_size can be.
small_physical_blocks() {
	set_param block_size=4096 physical_block_size=512
	name=$(attach n4k -k 30)
	name=${name#/dev/}
	setup "$name"
	same "logical and physical block size" \
		"$(queue "$disk" logical_block_size) $(queue "$disk" physical_block_size)" "4096 4096"
	detach n4k
}

# few_to_a_chunk NAME: at most 1024 commands, of which one source of 5 blocks is each, whatever the bytes
# that they might have.
few_to_a_chunk() {
	setup "$1"
	events_on blk_copy/blk_copy_decide
	check "$name: 1639 commands" copy_once --mode offload "$disk" "$disk" 0 32MiB 4MiB
	events_off /tmp/events
	same "chunks of 1639 commands" "$(sed -n 's/.* bytes=\([0-9]*\) .*/\1/p' /tmp/events | xargs)" \
		"$((1024 * 5 * 512)) $(((8192 - 1024 * 5) * 512))"
}

disks=(nvme{0..5}n1)
for name in "${disks[@]}" nvme6n1; do
	setup "$name"
	values
done
same "is zoned" "$(queue "$disk" zoned)" host-managed
rescan
# Turning events on and off takes a second, and clearing a large buffer too.
events_on blk_copy/blk_copy_dispatch
echo 256 >$tracing/buffer_size_kb
for name in "${disks[@]}"; do
	setup "$name"
	writes
	off
	[ $hw = 0 ] || commands_fit
done
events_off /tmp/events
few_to_a_chunk nvme4n1
cannot_copy nvme7n1 protected
modprobe nvme-debug i_know=1
bad_physical_sizes
large_physical_blocks
small_physical_blocks
finish
