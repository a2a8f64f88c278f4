#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy copy: what it copies, what it says, and what it refuses.
# vm: --nvme 256M --nvme 128M,logical_block_size=4096 --timeout 300
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh

disk=nvme0n1
other=nvme1n1
output=/tmp/out
errors=/tmp/err

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'bpfcopy copy' 'this kernel has no copy offload'
	finish
fi

head -c 32M /dev/urandom | dd of=/dev/$disk bs=1M conv=fsync status=none

# copy ARGUMENT...: its result in $output, messages in $errors, exit status in $status.
copy() {
	status=0
	bpfcopy copy -o ndjson "$@" >$output 2>$errors || status=$?
}

get() { jq -r ".$1" $output; }

# result NAME WANT: exit status, and the copied, offloaded and emulated MiB.
result() {
	local got
	got="$status $(jq -r '[.copied_bytes, .offloaded_bytes, .emulated_bytes] |
		map(. / 1048576 | tostring) | join(" ")' $output)"
	check_equal "$1" "$got" "$2"
	[ "$got" = "$2" ] || sed 's/^/#   /' $errors
}

# same DEV-A OFFSET-A DEV-B OFFSET-B MIB, past the page cache
same() {
	cmp <(dd if=/dev/$1 bs=1M iflag=direct skip=$2 count=$5 status=none) \
		<(dd if=/dev/$3 bs=1M iflag=direct skip=$4 count=$5 status=none)
}

# untouched DEV OFFSET MIB: it still holds zeroes.
untouched() {
	dd if=/dev/$1 bs=1M iflag=direct skip=$2 count=$3 status=none | cmp -n $(($3 << 20)) - /dev/zero
}

# refuse NAME STATUS REGEX ARGUMENT...
refuse() {
	local name=$1 want=$2 regex=$3
	shift 3
	copy "$@"
	if [ $status = $want ] && grep -qE -- "$regex" $errors; then
		ok "$name"
	else
		printf '(exit status %s, expected %s and /%s/)\n' $status $want "$regex" >>$errors
		not_ok "$name" $errors
	fi
}

modes() {
	copy --verify $disk $disk@64MiB 16MiB
	result 'auto: the device copies' '0 16 16 0'
	check_equal 'auto: verified' "$(get verified)" equal
	check 'auto: right bytes' same $disk 0 $disk 64 16
	check 'auto: nothing behind it' untouched $disk 80 16

	copy --verify --mode=emulate $disk@16MiB $disk@96MiB 16MiB
	result 'emulate: the kernel copies' '0 16 0 16'
	check 'emulate: right bytes' same $disk 16 $disk 96 16

	copy --verify --mode=offload $disk@16MiB $disk@128MiB 16MiB
	result 'offload: the device copies' '0 16 16 0'
	check 'offload: right bytes' same $disk 16 $disk 128 16
}

across_devices() {
	refuse 'offload across devices is refused' 1 'cannot do this by themselves' \
		--mode=offload $disk $other 1MiB
	check_equal 'and says so' "$(get error)" EOPNOTSUPP
	check 'and writes nothing' untouched $other 0 1
	copy --verify $disk $other@8MiB 4MiB
	result 'auto across devices is emulated' '0 4 0 4'
	check 'across devices: right bytes' same $disk 0 $other 8 4
	refuse 'the larger logical block counts' 2 'multiples .*4096B' $disk@512B $other 4KiB
}

ranges() {
	local i
	for ((i = 0; i < 5000; i++)); do
		echo "$((i % 4096 * 4))KiB $((160 * 1024 + i * 4))KiB 4KiB"
	done >/tmp/list
	copy --verify --ranges=/tmp/list $disk $disk
	check_equal '5000 ranges' "$status $(get ranges) $(get copied_bytes)" "0 5000 $((5000 * 4096))"
	check_equal '5000 ranges take two calls' "$(get calls)" 2
	check '5000 ranges: right bytes' same $disk 0 $disk 160 16

	printf '0 192MiB 1MiB\n4MiB 196MiB 8MiB # large\n1MiB 200MiB 512B\n' >/tmp/list
	refuse 'ranges that overlap each other' 2 '^bpfcopy copy: /tmp/list:3: two ranges' \
		--ranges=/tmp/list $disk $disk
	check 'nothing is written before all are checked' untouched $disk 192 1
}

steps() {
	copy --step=1MiB $disk $disk@200MiB 8MiB
	result 'in steps' '0 8 8 0'
	check_equal 'as many calls as steps' "$(get calls)" 8
	check 'in steps: right bytes' same $disk 0 $disk 200 8
}

# Memory behind nothing: it reads as zeroes, whatever was written.
verify_finds_differences() {
	modprobe null_blk nr_devices=1 memory_backed=0 gb=1 2>/dev/null || :
	if [ ! -b /dev/nullb0 ]; then
		skip 'verify finds differences' 'no null_blk'
		return
	fi
	refuse 'verify finds differences' 1 'byte [0-9]+ of /dev/nvme0n1 .*differ' \
		--verify $disk@1MiB nullb0 1MiB
	check_equal 'and the result says so' "$(get verified) $(get copied_bytes)" 'differs 1048576'
	modprobe -r null_blk
}

partitions() {
	printf 'start=8MiB, size=32MiB\nstart=40MiB, size=32MiB\n' |
		sfdisk --quiet --no-reread --force /dev/$other >/dev/null 2>$errors || :
	wait_for $((5 * T_SCALE)) test -e /sys/block/$other/${other}p2 || :
	if [ ! -e /sys/block/$other/${other}p2 ]; then
		skip partitions "no partitions: $(head -n 1 $errors)"
		return
	fi
	copy --verify ${disk}@3MiB /dev/${other}p2@1MiB 2MiB
	result 'to a partition' '0 2 0 2'
	refuse 'past the end of a partition' 2 'end of the destination' ${disk} ${other}p2@31MiB 2MiB
	refuse 'a partition and its disk overlap' 2 'overlaps' ${other}p1 $other@8MiB 1MiB
}

protected() {
	blockdev --setro /dev/$other
	refuse 'read-only destination' 1 'read-only' $disk $other 1MiB
	blockdev --setrw /dev/$other
	modprobe dm_mod
	dmsetup create holder --table "0 131072 linear /dev/$disk 0"
	refuse 'destination in use' 1 'in use' $other $disk 1MiB
	dmsetup remove holder
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		bpfcopy copy $disk $other 1MiB >$output 2>$errors || status=$?
	check_equal 'no permission' $status 5
	check 'no permission: it says so' grep -q "source /dev/$disk: permission denied" $errors
}

# A signal ends it between two calls; what it reports as copied is copied. Writes are so slow
# that the copy would take minutes.
interrupted() {
	local pid copied start=$((64 << 20)) length=$((64 << 20)) signal=$1
	head -c 96M /dev/zero | dd of=/dev/$disk bs=1M seek=64 conv=fsync status=none
	modprobe dm-delay
	dm_disk slow "0 $((length / 512)) delay /dev/$disk $((start / 512)) 0 /dev/$disk $((start / 512)) 20"
	writes_before=$(writes)
	bpfcopy copy -o ndjson --mode=emulate --step=4KiB $disk /dev/mapper/slow 64MiB >$output 2>$errors &
	pid=$!
	check "$signal: it copies" wait_for $((60 * T_SCALE)) some_writes
	status=0
	kill -$signal $pid
	wait_for $((60 * T_SCALE)) test ! -d /proc/$pid || kill -KILL $pid
	wait $pid || status=$?
	dmsetup remove slow
	copied=$(get copied_bytes)
	check_equal "$signal: interrupted" "$status $(get error)" '1 EINTR'
	check "$signal: in the middle" between 4096 $((length - 4096)) "$copied"
	check "$signal: it says how far it came" grep -q "after $copied of $length bytes: interrupted" $errors
	check "$signal: what is reported is copied" \
		cmp -n $copied /dev/$disk /dev/$disk 0 $start
	check "$signal: nothing behind it" \
		cmp -n $((length - copied)) /dev/zero /dev/$disk 0 $((start + copied))
}
writes() { awk '{ print $5 }' /sys/block/$disk/stat; }
some_writes() { [ "$(writes)" -gt $((writes_before + 4)) ]; }

progress_bar() {
	script -qec "bpfcopy copy --mode=emulate --step=64KiB $disk $disk@64MiB 32MiB" /tmp/typescript \
		>/dev/null
	check 'a bar on a terminal' grep -qE 'copy \[=* *\] +[0-9]+% of 32MiB, [0-9.]+.iB/s' /tmp/typescript
	check 'it is wiped away' grep -q $'\r\033\\[K' /tmp/typescript
	copy $disk $disk@64MiB 32MiB
	check 'none elsewhere' test ! -s $errors
}

t_case modes
modes
t_case across_devices
across_devices
t_case ranges
ranges
t_case steps
steps
t_case verify_finds_differences
verify_finds_differences
t_case partitions
partitions
t_case protected
protected
t_case interrupted
interrupted INT
interrupted TERM
t_case progress_bar
progress_bar
finish
