#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copies to and from zones (trap 17): by a disk that copies to its zones and by one that does not,
# below device mapper, in the order of the write pointers whatever is in flight; with writes to the
# same zone; and what is told and written when a command fails, before, within or after it.
# vm: --nvme 64M,zoned=on,zoned.zone_size=8M --timeout 180
# with: build/tests/vm/copy_once
# Names of disks have no blanks, and many functions are called by name.
# shellcheck disable=SC2046,SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

mib=$((1 << 20))

# --- helpers ---

# on NAME DISK ZONE-SIZE FIRST device|kernel: what the functions below work on. z N is where the Nth
# zone from the one that begins at FIRST begins. The kernel copies where the device cannot.
on() { name=$1 disk=$2 zone=$3 first=$4 by=$5; }
z() { echo $((first + $1 * zone)); }
same() { check_equal "$name: $1" "$2" "$3"; }

result_of() { copy_result "$@" | sed 's/ error_range=.*//'; }
# told ERRNO OFFLOADED EMULATED
told() { echo "error=$1 copied=$(($2 + $3)) offloaded=$2 emulated=$3"; }
# by_it ERRNO BYTES: which the disk or the kernel copied.
by_it() { if [ $by = device ]; then told $1 $2 0; else told $1 0 $2; fi; }

# pointer N: how far zone N is written, or "fu" for a full one. Asking makes it known to the kernel.
pointer() {
	local line
	line=$(blkzone report -o $(($(z $1) / 512)) -c 1 $disk)
	[[ $line =~ wptr\ 0x([0-9a-f]+)\ .*\((..)\) ]]
	[ ${BASH_REMATCH[2]} = fu ] && echo fu || echo $((16#${BASH_REMATCH[1]} * 512))
}

# write AT BYTES: in one piece, for dd writes through the page cache what is less than its bs.
write() { head -c $2 /dev/urandom >/tmp/written && write_file /tmp/written $1; }
write_file() {
	dd if=$1 of=$disk bs=$(stat -c %s $1) seek=$2 oflag=seek_bytes,direct conv=notrunc status=none
}

# begin BYTES: sources, all other zones are empty.
begin() {
	blkzone reset $disk
	fill $disk $(z 0) $1
}

# copied NAME FROM TO LENGTH: it is, to the byte.
copied() {
	same "$1" "$(result_of $disk $disk $2 $3 $4)" "$(by_it 0 $4)"
	same "$1: bytes" "$(digest $disk $3 $4)" "$(digest $disk $2 $4)"
}

# not_copied NAME TO: because it is not at the write pointer.
not_copied() { same "$1" "$(result_of $disk $disk $(z 0) $2 65536)" "$(told EIO 0 0)"; }

# --- any zoned disk; sources are zone 0 and a part of zone 1 ---

at_the_pointer() {
	local at=$((mib + 1536)) rest
	copied 'to an empty zone' $(($(z 0) + 1536)) $(z 2) $at
	copied 'on at the write pointer' $(z 0) $(($(z 2) + at)) 66048
	at=$((at + 66048))
	# What the device must not do with one range.
	copied 'sources in two zones' $(($(z 1) - 4608)) $(($(z 2) + at)) 196608
	at=$((at + 196608)) rest=$((zone - at))
	same 'the write pointer' $(pointer 2) $at
	copied 'from one zone into the next' $(($(z 0) + 4096)) $(($(z 2) + at)) $((rest + 524288))
	same 'one is full, the other begun' "$(pointer 2) $(pointer 3)" 'fu 524288'
	at=$(($(z 3) + 524288))
	same 'scattered sources' "$(result_of $disk $disk $(z 0) $at 4096 $(($(z 1) + 512)) $((at + 4096)) \
		131072 $(($(z 0) + 65536)) $((at + 135168)) 512)" "$(by_it 0 135680)"
	same 'scattered sources: bytes' "$(digest $disk $at 135680)" "$(for r in "$(z 0) 4096" \
		"$(($(z 1) + 512)) 131072" "$(($(z 0) + 65536)) 512"; do
		set -- $r
		dd if=$disk bs=64K skip=$1 count=$2 iflag=skip_bytes,count_bytes,direct,fullblock status=none
	done | checksum)"
}

elsewhere() {
	local at
	at=$(pointer 3)
	not_copied 'behind the write pointer' $(($(z 3) + 65536))
	not_copied 'beyond the write pointer' $(($(z 3) + at + 512))
	not_copied 'to a full zone' $(($(z 2) + 65536))
	same 'nothing moved' "$(pointer 2) $(pointer 3)" "fu $at"
	copied 'and then to where it is' $(z 0) $(($(z 3) + at)) 65536
	at=$((at + 65536))
	# What comes behind the zone that it does not fit into stays as it is.
	write $(z 4) 4096
	same 'into a zone with another write pointer' \
		"$(result_of $disk $disk $(z 0) $(($(z 3) + at)) $((zone - at + zone + 4096)))" \
		"$(by_it EIO $((zone - at)))"
	same 'it ended there' "$(pointer 3) $(pointer 4) $(pointer 5)" 'fu 4096 0'
	same 'and what is told is there' "$(digest $disk $(($(z 3) + at)) $((zone - at)))" \
		"$(digest $disk $(z 0) $((zone - at)))"
}

at_a_time() {
	local i
	copied 'a whole zone' $(z 0) $(z 5) $zone
	same 'it is full' $(pointer 5) fu
	for i in 6 7; do T_CALL=uring copy_once $disk $disk $(z 0) $(z $i) $((2 * mib + 512)) >/tmp/copy$i & done
	wait
	for i in 6 7; do
		same "two at a time, $i" "$(sed 's/ error_range=.*//' /tmp/copy$i)" "$(by_it 0 $((2 * mib + 512)))"
		same "two at a time, $i: bytes" "$(digest $disk $(z $i) $((2 * mib + 512)))" \
			"$(digest $disk $(z 0) $((2 * mib + 512)))"
	done
}

zones() {
	begin $((zone + mib))
	at_the_pointer
	elsewhere
	at_a_time
}

# As any blocks.
conventional() {
	fill $disk 0 $mib
	copied 'conventional to conventional' 0 $((2 * mib + 512)) $((mib - 512))
	copied 'once more' 512 $((2 * mib + 512)) 65536
	copied 'from a sequential zone' $(z 0) $((3 * mib)) 65536
	copied 'to a sequential zone' 0 $(z 8) $mib
}

# --- nvme-debug: a disk that waits and fails where it is told to ---

# strike [ATTRIBUTE=VALUE]...: a fault, by default of the next Copy only.
strike() {
	echo all >$f/reset
	set_attrs $f opcode=0x19 times=1 "$@" enable=1
}
stat_is() { grep -qx "$1 $2" $f/stats; }
let_go() { echo all >$f/release; }
# plugged ZONE N: so many wait for the one that is written there.
plugged() { awk -v z=$1 -v n=$2 '$1 == z && $5 == n { ok = 1 } END { exit !ok }' $plugs; }
# copy_behind AT N: the Nth copy, of 64 KiB, without the locks of the page cache.
copy_behind() { T_CALL=uring copy_once $disk $disk $(($(z 0) + $2 * 65536)) $1 65536 >/tmp/copy$2 & }
write_behind() {
	head -c 65536 /dev/urandom >/tmp/written$2
	write_file /tmp/written$2 $1 2>/tmp/failed$2 &
}
is_copied() { same "$1: copy $2" "$(sed 's/ error_range=.*//' /tmp/copy$2)" "$(told 0 65536 0)"; }

# turns NAME FIRST SECOND OPCODE: copies and writes by turns, each sent when the one before is on its
# way: the first, which the device has, keeps all others waiting, and they land where they belong.
turns() {
	local i at kind=("$2" "$3")
	begin $mib
	at=$(z 2)
	strike opcode=$4 hold=1 slba=$((at / 512)) nlb=128
	for i in {0..7}; do
		${kind[i % 2]}_behind $at $i
		if [ $i = 0 ]; then
			wait_for 30 stat_is held 1 || not_ok "$1: the first is not held"
		elif ! wait_for 30 plugged 2 $i; then
			not_ok "$1: $i do not wait: $(xargs <$plugs)"
			break
		fi
		at=$((at + 65536))
	done
	same "$1: the device has only the first" "$(pointer 2)" 0
	let_go
	wait
	for i in {0..7}; do
		[ ${kind[i % 2]} = write ] || is_copied "$1" $i
	done
	same "$1: all have landed" "$(digest $disk $(z 2) 524288)" "$(for i in {0..7}; do
		[ ${kind[i % 2]} = copy ] || cat /tmp/written$i
		[ ${kind[i % 2]} = write ] || dd if=$disk bs=64K skip=$i count=1 iflag=direct status=none
	done | checksum)"
	same "$1: the write pointer" "$(pointer 2)" 524288
}

# failing NAME OFFLOADED EMULATED ERRNO POINTER [ATTRIBUTE=VALUE]...: a copy of four ranges of 64 KiB to
# an empty zone, which is one command and is struck.
failing() {
	local i got at k=65536
	begin $mib
	at=$(z 2)
	strike "${@:6}"
	got=$(result_of $disk $disk $(z 0) $at $k $(($(z 0) + 2 * k)) $((at + k)) $k \
		$(($(z 0) + 4 * k)) $((at + 2 * k)) $k $(($(z 0) + 6 * k)) $((at + 3 * k)) $k)
	same "$1" "$got" "$(told $4 $2 $3)"
	same "$1: the write pointer" "$(pointer 2)" $5
	for i in 0 2 4 6; do dd if=$disk bs=64K skip=$i count=1 iflag=direct status=none; done >/tmp/sources
	same "$1: bytes" "$(digest $disk $at $(($2 + $3)))" \
		"$(head -c $(($2 + $3)) /tmp/sources | checksum)"
}

# F11: 2/81h and DNR in the third range. F13: sent again. F12: a success that is told as a failure,
# after which nobody knows what is there.
fails() {
	failing 'refused' 0 262144 0 262144 action=status status=0x4183
	failing 'F11 the third range fails' 131072 131072 0 262144 at=range range=2 action=status status=0x4281
	failing 'F11 in the middle' 131072 0 EIO $((131072 + 4096)) at=range range=2 blocks=8 action=status \
		status=0x4281
	failing 'F13 sent again' 262144 0 0 262144 action=status status=6
	same 'F13: twice' "$(grep matches $f/stats)" 'matches 2'
	failing 'F12 done, and then sent again' 0 0 EIO 262144 at=end action=status status=6
	failing 'F12 done, but told that it is not' 0 0 EIO 262144 at=end action=status status=0x4006
	failing 'F39 the write fails, too' 0 0 ENODATA 0 opcode=any slba=$(($(z 2) / 512)) nlb=512 times=0 \
		action=status status=0x4280
}

# Nobody has asked for the write pointer but the copy.
refused_only() {
	begin $mib
	strike action=status status=0x4183
	same 'refused, offload only' "$(result_of --mode offload $disk $disk $(z 0) $(z 2) 65536)" \
		"$(told EOPNOTSUPP 0 0)"
	check "$name: refused, offload only: and written instead" write $(z 2) 65536
	same 'refused, offload only: bytes' "$(digest $disk $(z 2) 65536)" "$(checksum </tmp/written)"
}

# As behind a write that fails: it is told, and not written elsewhere or later.
behind_a_failure() {
	local pid
	begin $mib
	strike hold=1 action=status status=0x4183
	copy_behind $(z 2) 0
	wait_for 30 stat_is held 1 || not_ok "$name: the copy is not held"
	write_behind $(($(z 2) + 65536)) 1
	pid=$!
	wait_for 30 plugged 2 1 || not_ok "$name: the write does not wait"
	let_go
	check_status "$name: a write behind a copy that fails, fails" 1 wait $pid
	wait
	same 'but the copy is emulated' "$(sed 's/ error_range=.*//' /tmp/copy0)" "$(told 0 0 65536)"
	same 'and nothing else is there' "$(pointer 2)" 65536
	check "$name: and can be written then" write_file /tmp/written1 $(($(z 2) + 65536))
}

# Only so much of a zone can be written.
up_to_the_capacity() {
	begin $((zone * 3 / 4))
	same 'more than fits into a zone' "$(result_of $disk $disk $(z 0) $(z 2) $zone)" \
		"$(told EIO $((zone * 3 / 4)) 0)"
	same 'the zone is full, the next one empty' "$(pointer 2) $(pointer 3)" 'fu 0'
	same 'bytes up to there' "$(digest $disk $(z 2) $((zone * 3 / 4)))" "$(digest $disk $(z 0) $((zone * 3 / 4)))"
}

# From a disk whose reads take their time, each its own, to zones: written in order all the same. One
# that fails ends the copy.
reads_out_of_order() {
	local length=$((5 * mib / 2))
	blkzone reset $disk
	fill $plain 0 $((8 * mib))
	strike opcode=2 nsid=2 times=0 probability=400000 delay=20000
	same 'another disk: read and written' "$(result_of $plain $disk 512 $(z 2) $length)" "$(told 0 0 $length)"
	same 'another disk: bytes' "$(digest $disk $(z 2) $length)" "$(digest $plain 512 $length)"
	same 'another disk: offload only' "$(result_of --mode offload $plain $disk 0 $(z 3) 65536)" \
		"$(told EOPNOTSUPP 0 0)"
	strike opcode=2 nsid=2 times=0 slba=$((mib / 512)) nlb=8 action=status status=0x4281
	same 'a read fails' "$(result_of $plain $disk 0 $(z 3) $length)" "$(told ENODATA 0 $mib)"
	check "$name: a read fails: no harm to the zone" write $(($(z 3) + mib)) 4096
	same 'a read fails: what is told is what was written' "$(pointer 3)" $((mib + 4096))
	same 'a read fails: bytes' "$(digest $disk $(z 3) $mib)" "$(digest $plain 0 $mib)"
	echo all >$f/reset
	begin $((zone * 3 / 4))
	same 'from zones to another disk' "$(result_of --mode offload $disk $plain $((zone / 2 + 512)) 0 \
		$((zone - 512)))" "$(told 0 $((zone - 512)) 0)"
	same 'from zones to another disk: bytes' "$(digest $plain 0 $((zone - 512)))" \
		"$(digest $disk $((zone / 2 + 512)) $((zone - 512)))"
}

# Without memory for the list of ranges the disk is asked once more, which a zone allows after it was
# asked where it is to be written.
no_list() {
	local fails=/sys/kernel/debug/failslab
	set_queue $disk scheduler none
	begin $mib
	echo 1 >$fails/task-filter
	echo 1 >$fails/ignore-gfp-wait
	echo -1 >$fails/times
	echo 100 >$fails/probability
	same 'no list of ranges, offload only: for now' \
		"$(result_of --make-it-fail --mode offload $disk $disk $(z 0) $(z 2) 65536)" "$(told EAGAIN 0 0)"
	same 'no list of ranges: the kernel copies' \
		"$(result_of --make-it-fail $disk $disk $(z 0) $(z 2) 65536)" "$(told 0 0 65536)"
	echo 0 >$fails/probability
	echo 0 >$fails/task-filter
	same 'no list of ranges: bytes' "$(digest $disk $(z 2) 65536)" "$(digest $disk $(z 0) 65536)"
	set_queue $disk scheduler mq-deadline
}

# What is stacked on it does not offload.
no_limits() {
	same "$1" "$(cd "/sys/block/$2/queue" && cat zoned copy_max_hw_bytes copy_max_ranges | xargs)" \
		'host-managed 0 0'
}

# --- all of it ---

modprobe -a dm_mod
on 'QEMU' /dev/nvme0n1 $((8 * mib)) 0 device
set_queue $disk scheduler mq-deadline
zones
no_list
# The two halves swapped.
dm_disk halves "0 65536 linear $disk 65536
65536 65536 linear $disk 0"
on 'dm-linear' /dev/mapper/halves $((8 * mib)) 0 kernel
no_limits 'does not pass copies on' "$(dm_name halves)"
zones
dmsetup remove --noudevsync --retry halves

on 'null_blk' "$(null_disk zones size=64 zoned=1 zone_size=4 zone_nr_conv=4)" $((4 * mib)) $((16 * mib)) kernel
zones
conventional
null_disk_gone zones

modprobe nvme-debug i_know=1
nqn=nqn.test:zones
sub=$subsystems/$nqn
f=$sub/faults/f
mkdir $sub $sub/controllers/a $f
echo 0 >$sub/multipath
make_ns $sub 1 size=32M zone_size=4M zone_capacity=3M mssrl=512 mcl=2048 msrc=127
make_ns $sub 2 size=16M
connect $nqn a -k 30
wait_for 20 ns_disk $nqn 1
wait_for 20 ns_disk $nqn 2
plain=$(ns_disk $nqn 2)
on 'nvme-debug' "$(ns_disk $nqn 1)" $((4 * mib)) 0 device
# What is held here is not to be aborted, however slow the machine.
echo 600000 >/sys/block/${disk#/dev/}/queue/io_timeout
plugs=/sys/kernel/debug/block/${disk#/dev/}/zone_wplugs
for scheduler in mq-deadline none; do
	set_queue $disk scheduler $scheduler
	turns "writes behind copies, $scheduler" copy write 0x19
	turns "copies behind writes, $scheduler" write copy 1
done
fails
refused_only
behind_a_failure
up_to_the_capacity
reads_out_of_order
disconnect a
# The paths of a disk: what was lost on one is sent on the other.
echo 1 >$sub/multipath
connect $nqn a -k 30
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
no_limits 'with paths' "${disk#/dev/}"
disconnect a
remove_subsys $sub
check 'unload' modprobe -r nvme-debug
finish
