#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copies on device mapper devices: linear and striped ones copy as the disks below do, piece by
# piece, and stay right when the map changes in the middle; all others are read and written.
# vm: --nvme 256M,mssrl=4096,mcl=65535,msrc=255 --nvme 96M --nvme 64M,logical_block_size=4096,physical_block_size=4096 --mem 1536 --timeout 180
# with: build/tests/vm/copy_verify
# with: build/tests/vm/copy_once
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

disk=/dev/nvme0n1 small=/dev/nvme1n1 blocks=/dev/nvme2n1
mib=$((1 << 20)) seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
trace=/tmp/trace

gone() { dmsetup remove --noudevsync "$@"; }

# linear DISK START LENGTH [DISK START LENGTH]...: a table of these pieces, in MiB.
linear() {
	local at=0
	while [ $# -ge 3 ]; do
		echo "$((at * 2048)) $(($3 * 2048)) linear $1 $(($2 * 2048))"
		at=$((at + $3))
		shift 3
	done
}

# shuffled DISK START LENGTH PIECE SEED: that area of the disk in pieces, in another order. MiB.
shuffled() {
	local piece
	for piece in $(seq 0 $(($3 / $4 - 1)) | shuf --random-source=<(yes $5)); do
		echo $1 $(($2 + piece * $4)) $4
	done | {
		local words
		mapfile -t words
		# shellcheck disable=SC2048 # three words each
		linear ${words[*]}
	}
}

verify() { program copy_verify --seed $((seed += 1)) "$@"; }

# sector_of NAME: what /sys/block/NAME/stat says was read, and written.
transferred() { awk '{ print $3, $7 }' "/sys/block/$1/stat"; }

limits_of() {
	local attribute
	for attribute in copy_max_bytes copy_max_hw_bytes copy_max_range_hw_bytes copy_max_ranges; do
		queue $1 $attribute
	done | tr '\n' ' '
}

# states NAME WANT TABLE: the limits of a device with this table.
states() {
	dm_disk it "$3"
	check_equal "limits: $1" "$(limits_of "$(dm_name it)")" "$2"
	gone it
}

limits() {
	local none='0 0 0 0 ' null
	states 'linear: those of the disk' "$(limits_of $disk)" "$(linear $disk 1 10)"
	states 'striped: those of the disk' "$(limits_of $small)" "0 32768 striped 2 128 $small 0 $small 65536"
	states 'two disks: the smaller ones' "$(limits_of $small)" "$(linear $disk 1 10 $small 0 10)"
	states 'blocks of 4096' "$(limits_of $blocks)" "$(linear $blocks 1 10)"
	null=$(null_disk plain size=64)
	states 'one that cannot is enough' "$none" "$(linear $disk 1 10 $null 0 10)"
	null_disk_gone plain
	states 'a hole' "$none" "$(linear $disk 1 10)
20480 8 error"
	states 'trap 10: delay did not opt in' "$none" "0 2048 delay $disk 0 1"
	states 'trap 10: flakey did not opt in' "$none" "0 2048 flakey $disk 0 10 0"
	states 'trap 10: snapshot-origin did not opt in' "$none" "0 2048 snapshot-origin $disk"
	set_queue $disk copy_max_bytes 0
	states 'a disk that may not' "$none" "$(linear $disk 1 10)"
	set_queue $disk copy_max_bytes $unlimited
	set_queue $disk copy_max_bytes $mib
	states 'a disk that may do less' "$mib $mib ${limits#* * }" "$(linear $disk 1 10)"
	set_queue $disk copy_max_bytes $unlimited
}

random_copies() {
	local n
	n=$(scaled 40)
	dm_disk one "$(linear $disk 3 60)"
	verify --src /dev/mapper/one --mode offload --iterations $n --max-bytes 4MiB
	gone one
	dm_disk one "$(shuffled $disk 0 64 1 a)"
	dm_disk other "$(shuffled $disk 64 64 2 b)"
	verify --src /dev/mapper/one --mode offload --iterations $n --max-bytes 16MiB
	verify --src /dev/mapper/one --dst /dev/mapper/other --mode offload --iterations $n --max-bytes 8MiB
	verify --src /dev/mapper/other --dst /dev/mapper/one --mode mixed --iterations $n --max-bytes 4MiB \
		--copiers 3 --writers 2
	# A map of a map.
	dm_disk top "$(shuffled /dev/mapper/one 0 32 1 c)"
	verify --src /dev/mapper/top --dst /dev/mapper/other --mode offload --iterations $n --max-bytes 4MiB
	gone top
	gone one other
	dm_disk one "0 131072 striped 2 16 $disk 0 $disk 131072"
	verify --src /dev/mapper/one --mode offload --iterations $n --max-bytes 2MiB
	gone one
	dm_disk one "$(shuffled $blocks 0 48 1 d)"
	verify --src /dev/mapper/one --mode offload --iterations $n --max-bytes 4MiB
	gone one
	# Who can do what depends on the place.
	dm_disk one "$(linear $disk 0 10 $small 0 12 $disk 32 26)"
	verify --src /dev/mapper/one --iterations $n --max-bytes 8MiB --copiers 2 --writers 1
	gone one
	dm_disk one "0 65536 striped 2 64 $disk 0 $small 0"
	verify --src /dev/mapper/one --iterations $n --max-bytes 1MiB
	gone one
}

# commands NAME WANT SRC DST FROM TO LENGTH: so many of the device, and bytes are equal.
commands() {
	local result
	events_on blk_copy/blk_copy_dispatch
	result=$(copy_result $3 $4 $5 $6 $7)
	events_off $trace
	check_equal "commands: $1" "$result, $(grep -c blk_copy_dispatch: $trace)" \
		"error=0 copied=$7 offloaded=$7 emulated=0 error_range=1, $2"
	check_equal "commands: $1: bytes" "$(digest $4 $6 $7)" "$(digest $3 $5 $7)"
}

# No more than there are contiguous places to write to: sources become ranges of one command.
fewest() {
	dm_disk one "$(shuffled $disk 0 64 1 a)"
	dm_disk other "$(shuffled $disk 64 64 2 b)"
	dm_disk whole "$(linear $disk 128 64)"
	fill /dev/mapper/one 0 $((64 * mib))
	commands 'scattered to contiguous' 4 /dev/mapper/one /dev/mapper/whole 0 0 $((64 * mib))
	commands 'contiguous to scattered' 32 /dev/mapper/whole /dev/mapper/other 0 0 $((64 * mib))
	commands 'scattered to scattered' 32 /dev/mapper/one /dev/mapper/other 0 0 $((64 * mib))
	commands 'boundaries at other places' 2 /dev/mapper/one /dev/mapper/other $((mib / 2)) 0 $((4 * mib))
	commands 'in one piece' 1 /dev/mapper/one /dev/mapper/one 0 $((40 * mib)) 4096
	gone one other whole
}

crossing() {
	local result
	dm_disk one "$(linear $disk 0 16 $small 0 16)"
	fill /dev/mapper/one 0 $((32 * mib))
	events_on blk_copy/blk_copy_fallback
	result=$(copy_result /dev/mapper/one /dev/mapper/one $((15 * mib)) $((4 * mib)) $((3 * mib)))
	events_off $trace
	check_equal 'crossing: only what lies on the other disk is read and written' "$result" \
		"error=0 copied=$((3 * mib)) offloaded=$mib emulated=$((2 * mib)) error_range=1"
	check_equal 'crossing: and that is why' "$(sed -n 's/.* reason=\([^ ]*\).*/\1/p' $trace)" cross-device
	check 'crossing: bytes' copies_are_equal /dev/mapper/one $((15 * mib)) $((4 * mib)) $((3 * mib))
	check_equal 'crossing: offload only is refused in the middle' \
		"$(copy_result --mode offload /dev/mapper/one /dev/mapper/one $((15 * mib)) $((4 * mib)) $((3 * mib)))" \
		"error=EOPNOTSUPP copied=$mib offloaded=$mib emulated=0 error_range=0"
	gone one
	# Two names of one place: only at the bottom it shows that they overlap.
	dm_disk one "$(linear $disk 0 16)"
	dm_disk other "$(linear $disk 1 16)"
	fill $disk 0 $((4 * mib))
	was=$(digest $disk 0 $((4 * mib)))
	check_equal 'trap 14: a destination that is the source, by another name' \
		"$(copy_result /dev/mapper/one /dev/mapper/other 0 0 $((2 * mib)))" \
		"error=EINVAL copied=0 offloaded=0 emulated=0 error_range=0"
	check_equal 'trap 14: and nothing is written' "$(digest $disk 0 $((4 * mib)))" "$was"
	gone one other
	dm_disk one "$(linear $disk 0 16)"
	set_queue $disk copy_max_bytes 0
	check_equal 'trap 9: the disk below has changed its mind' \
		"$(copy_result /dev/mapper/one /dev/mapper/one 0 $((8 * mib)) $mib)" \
		"error=0 copied=$mib offloaded=0 emulated=$mib error_range=1"
	set_queue $disk copy_max_bytes $unlimited
	gone one
}

# What the administrator allows a device is not changed by a new table.
kept_off() {
	dm_disk one "$(linear $disk 0 16)"
	set_queue "$(dm_name one)" copy_max_bytes 0
	remap one "$(linear $disk 0 20)"
	check_equal 'copy_max_bytes=0 survives a new table' "$(queue "$(dm_name one)" copy_max_bytes)" 0
	set_queue "$(dm_name one)" copy_max_bytes $unlimited
	check_equal 'and can be taken back' "$(queue "$(dm_name one)" copy_max_bytes)" "$(queue $disk copy_max_bytes)"
	gone one
}

# A copy was let in while the table could copy, and held up; then comes a table that cannot.
throttled() {
	local group=/sys/fs/cgroup/slow table name
	name=$(printf '%064d' 7)
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	for table in "0 32768 mirror core 2 2048 nosync 2 $disk 0 $disk 65536" \
		"0 32768 crypt aes-xts-plain64 $name 0 $disk 0" "0 32768 delay $disk 0 0"; do
		dm_disk one "$(linear $disk 0 16)"
		fill /dev/mapper/one 0 $mib
		echo "$(stat -L -c %Hr:%Lr /dev/mapper/one) wbps=131072" >$group/io.max
		(echo $BASHPID >$group/cgroup.procs &&
			exec copy_once /dev/mapper/one /dev/mapper/one $((4 * mib)) $((8 * mib)) $((mib / 4)) $((4 * mib + mib / 4)) $((8 * mib + mib / 4)) 4096 >/tmp/result) &
		sleep 0.5
		check "a table without copies, ${table:8:6}: the copy is held up" kill -0 $!
		remap one "$table"
		wait $! || :
		check_equal "a table without copies, ${table:8:6}: the rest is read and written" \
			"$(cut -d' ' -f1,2 /tmp/result)" "error=0 copied=$((mib / 4 + 4096))"
		# What was copied before it was encrypted is not, when it is read as if it were.
		[[ $table = *crypt* ]] || check "a table without copies, ${table:8:6}: bytes" \
			copies_are_equal /dev/mapper/one $((4 * mib)) $((8 * mib)) $((mib / 4 + 4096))
		echo "$(stat -L -c %Hr:%Lr /dev/mapper/one) wbps=max" >$group/io.max
		gone one
	done
	wait_for 5 rmdir $group
}

accounted() {
	local name
	dm_disk one "$(linear $disk 0 16 $disk 20 16)"
	name=$(dm_name one)
	before=$(transferred $name) below=$(transferred ${disk#/dev/})
	copy_result --mode offload /dev/mapper/one /dev/mapper/one 0 $((16 * mib)) $mib >/dev/null
	check_equal 'trap 23: a copy is written once, and not read' "$(transferred $name)" \
		"${before% *} $((${before#* } + 2048))"
	check_equal 'trap 23: below, too' "$(transferred ${disk#/dev/})" "${below% *} $((${below#* } + 2048))"
	gone one
}

# remap NAME TABLE: as LVM does it.
remap() {
	dmsetup reload $1 --table "$2"
	dmsetup suspend --nolockfs --noudevsync $1
	dmsetup resume --noudevsync --noudevrules $1
}

# held MODE: a copy that stands between its two phases, because its destination is suspended.
held() {
	fill /dev/mapper/moving 0 $((4 * mib))
	wanted=$(digest /dev/mapper/moving 0 $((4 * mib)))
	events_on blk_copy
	dmsetup suspend --nolockfs --noudevsync aside
	copy_once --mode $1 /dev/mapper/moving /dev/mapper/aside 0 0 $((4 * mib)) >/tmp/result &
	wait_for 20 grep -q blk_copy_token_fill: $tracing/trace
}

# let_go NAME WANT: the copy goes on, and is of what the source had.
let_go() {
	dmsetup resume --noudevsync --noudevrules aside
	wait $!
	events_off $trace
	check_equal "$1: it is told" "$(</tmp/result), $(grep -c blk_copy_token_alloc: $trace)" "$2"
	check_equal "$1: it has the bytes" "$(digest /dev/mapper/aside 0 $((4 * mib)))" "$wanted"
}

# A piece of the source moves to another place, and what was its place is written by others.
moved() {
	local mode same="error=0 copied=$((4 * mib)) offloaded=$((4 * mib)) emulated=0 error_range=1"
	dm_disk aside "$(linear $disk 64 16)"
	for mode in auto offload; do
		dm_disk moving "$(linear $disk 0 16)"
		held $mode
		dd if=$disk of=$disk bs=1M count=16 seek=32 iflag=direct oflag=direct conv=notrunc status=none
		remap moving "$(linear $disk 32 16)"
		fill $disk 0 $((16 * mib))
		let_go "trap 4: the source moved between the phases, $mode" "$same, 2"
		gone moving
	done
	dm_disk moving "$(linear $disk 0 16)"
	held auto
	let_go 'trap 4: nothing moved' "$same, 1"
	held auto
	dm_disk bystander "$(linear $disk 100 1)"
	gone bystander
	let_go 'trap 4: something came and went' "$same, 1"
	# Another device altogether moves: nobody looks which, and the copy is made again.
	dm_disk bystander "$(linear $disk 100 1)"
	held auto
	remap bystander "$(linear $disk 101 1)"
	let_go 'trap 4: something moved' "$same, 2"
	gone moving bystander
	# A token that is stale is no fault of a disk.
	dm_disk moving "0 32768 striped 2 128 $disk 0 $disk 65536"
	gone aside
	dm_disk aside "0 32768 striped 2 128 $disk 131072 $disk 262144"
	held auto
	set_queue $disk copy_max_bytes $unlimited
	let_go 'a stale token on stripes' "$same, 2"
	check 'a stale token on stripes: no stripe is called dead' \
		grep -q ' AA$' <(dmsetup status aside | sed 's/ *$//; s/ 1 AA/ AA/')
	gone moving aside
}

# migrate FROM TO: what the source has moves there, and others write where it was. MiB.
migrate() {
	dmsetup reload one --table "$(linear $disk $2 8)"
	dmsetup suspend --nolockfs --noudevsync one
	dd if=$disk of=$disk bs=1M count=8 skip=$1 seek=$2 iflag=direct oflag=direct conv=notrunc status=none
	dmsetup resume --noudevsync --noudevrules one
	fill $disk $(($1 * mib)) $((8 * mib))
}

# The source moves to and fro while it is copied, and the destination's map changes.
swapping() {
	local loops=0
	dm_disk one "$(linear $disk 0 8)"
	dm_disk other "$(linear $disk 64 8)"
	rm -f /tmp/ready /tmp/enough
	# Before it is looked at: the copies that it has so far are others.
	events_on blk_copy/blk_copy_start
	(
		# copy_verify writes the source before it copies.
		wait_for 60 grep -q blk_copy_start: $tracing/trace
		while [ ! -e /tmp/enough ]; do
			migrate 0 32
			remap other "$(linear $disk 64 3 $disk 67 5)"
			migrate 32 0
			remap other "$(linear $disk 64 8)"
			loops=$((loops + 1))
		done
		echo $loops >/tmp/loops
	) &
	verify --src /dev/mapper/one --dst /dev/mapper/other --iterations "$(scaled 200)" --max-bytes 1MiB \
		--copiers 2 --writers 0
	touch /tmp/enough
	wait
	check 'the source moved' between 1 1000000 "$(</tmp/loops)"
	gone one other
}

policies() {
	dm_disk one "$(linear $disk 0 16)"
	bpfcopy load never --dev "$(dm_name one)" >/dev/null
	check_equal 'a policy of the upper device decides' \
		"$(copy_result /dev/mapper/one /dev/mapper/one 0 $((8 * mib)) $mib)" \
		"error=0 copied=$mib offloaded=0 emulated=$mib error_range=1"
	bpfcopy unload --dev "$(dm_name one)" >/dev/null
	check_equal 'and no other' "$(copy_result /dev/mapper/one /dev/mapper/one 0 $((8 * mib)) $mib)" \
		"error=0 copied=$mib offloaded=$mib emulated=0 error_range=1"
	gone one
}

echo "# seed $seed"
modprobe -a dm_mod dm-delay dm-flakey dm-snapshot dm-mirror
# The kernel asks for the modules of the cipher.
type -P modprobe >/proc/sys/kernel/modprobe
limits=$(limits_of $disk)
for case in limits random_copies fewest crossing kept_off throttled accounted moved swapping policies; do
	t_case $case
	$case
done
finish
