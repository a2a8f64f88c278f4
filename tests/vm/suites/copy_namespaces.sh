#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# From one namespace to another of the same subsystem, with descriptor format 2: bytes, limits,
# paths; what changes about the source while the command runs; what stays apart; and who may send
# such a command past the kernel (S1, S2).
# vm: --timeout 180
# with: build/tests/vm/copy_verify build/tests/vm/copy_once build/tests/vm/nvme_pass build/tests/vm/nvme_raw
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2046,SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:peers other=nqn.test:stranger
sub=$subsystems/$nqn
hold=$sub/faults/hold
mib=$((1 << 20)) seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}

# From copy_lib, not of nvme_debug_lib.
fill() {
	head -c "$3" /dev/urandom |
		dd of="$1" bs=64K seek="$2" oflag=seek_bytes,direct iflag=fullblock \
			conv=notrunc,fsync status=none
}
gone() { dmsetup remove --noudevsync --retry "$@"; }
verify() { program copy_verify --seed $((seed += 1)) "$@"; }
commands() { grep -c 'nvme_cmd_copy' $tracing/trace || :; }
formats() { grep -o 'nvme_cmd_copy.*desfmt=[0-9]' $tracing/trace | sed 's/.*=//' | sort -u | xargs; }
# result_of COMMAND...: the line of copy_once without error_range.
result_of() { copy_result "$@" | sed 's/ error_range=.*//'; }
done_by() { echo "error=0 copied=$2 $([ $1 = device ] && echo "offloaded=$2 emulated=0" || echo "offloaded=0 emulated=$2")"; }

# find_disks: by namespace.
find_disks() {
	local n
	for n in 1 2 3; do wait_for 20 ns_disk $nqn $n; done
	one=$(ns_disk $nqn 1) two=$(ns_disk $nqn 2) large=$(ns_disk $nqn 3)
}

# same_bytes NAME SRC SRC-OFFSET DST DST-OFFSET LENGTH
same_bytes() { check_equal "$1" "$(digest $4 $5 $6)" "$(digest $2 $3 $6)"; }

# stays_apart NAME SRC DST: it is read and written, and copied.
stays_apart() {
	fill $2 0 $mib
	check_equal "$1: it is read and written" "$(result_of $2 $3 0 $mib $mib)" "$(done_by kernel $mib)"
	same_bytes "$1: and copied" $2 0 $3 $mib $mib
	check_equal "$1: nobody else may" "$(result_of --mode offload $2 $3 0 $mib $mib)" \
		'error=EOPNOTSUPP copied=0 offloaded=0 emulated=0'
}

between() {
	check_equal "CDFE is set to format 2" "$(get_behavior)" '04 00'
	echo >$tracing/trace
	fill $one 0 $mib
	check_equal 'it is offloaded' "$(result_of --mode offload $one $two 0 0 $mib)" "$(done_by device $mib)"
	same_bytes 'bytes' $one 0 $two 0 $mib
	check_equal 'in format 2' "$(formats)" 2
	echo >$tracing/trace
	check_equal 'within one' "$(result_of --mode offload $two $two 0 $mib $mib)" "$(done_by device $mib)"
	check_equal 'format 0' "$(formats)" 0
	# The same place of another namespace does not overlap.
	check_equal 'the same sectors' "$(result_of --mode offload $one $two 4096 4096 $mib)" \
		"$(done_by device $mib)"
	verify --src $one --dst $two --mode offload --iterations $(scaled 40) --max-bytes 2MiB
	verify --src $two --dst $one --mode mixed --iterations $(scaled 12) --max-bytes 2MiB --copiers 2 \
		--writers 1
	check_equal 'by copy_file_range()' "$(T_CALL=cfr result_of $one $two 0 $((8 * mib)) $mib |
		cut -d' ' -f1,2)" "error=0 copied=$mib"
	same_bytes 'copy_file_range(): bytes' $one 0 $two $((8 * mib)) $mib
	check_equal 'by io_uring' "$(T_CALL=uring result_of $one $two 0 $((9 * mib)) $mib)" \
		"$(done_by device $mib)"
	same_bytes 'io_uring: bytes' $one 0 $two $((9 * mib)) $mib
}

# A token that is filled by both, and used by both.
mapped() {
	dm_disk left "0 2048 linear $one 0
2048 2048 linear $two 2048"
	dm_disk right "0 1024 linear $two 65536
1024 3072 linear $one 65536"
	fill /dev/mapper/left 0 $((2 * mib))
	echo >$tracing/trace
	check_equal 'volumes over two namespaces' \
		"$(result_of --mode offload /dev/mapper/left /dev/mapper/right 0 0 $((2 * mib)))" \
		"$(done_by device $((2 * mib)))"
	same_bytes 'volumes: bytes' /dev/mapper/left 0 /dev/mapper/right 0 $((2 * mib))
	verify --src /dev/mapper/left --dst /dev/mapper/right --mode offload --iterations $(scaled 20) \
		--max-bytes 256KiB --max-ranges 32
	gone left right
}

apart() {
	stays_apart 'another block size' $one $large
	stays_apart 'another subsystem' $one $stranger
	disconnect a
	set_attrs $sub copy_formats=1
	connect $nqn a
	find_disks
	dev=/dev/$(ctrl_of a)
	check_equal 'no format 2: CDFE is left alone' "$(get_behavior)" '00 00'
	stays_apart 'no format 2' $one $two
	disconnect a
	set_attrs $sub copy_formats=5
	connect $nqn a
	find_disks
	dev=/dev/$(ctrl_of a)
}

# A reset makes the controller forget what the host told it.
after_a_reset() {
	nvme reset $dev
	check_equal 'after a reset: CDFE' "$(get_behavior)" '04 00'
	# While the host looks at one namespace after the other, tokens get stale.
	check 'after a reset: offloaded' wait_for 20 is_offloaded
}
is_offloaded() {
	[ "$(result_of --mode offload $one $two 0 0 $mib)" = "$(done_by device $mib)" ]
}

counted() { grep -qx "$1 $2" $hold/stats; }
size_is() { [ "$(blockdev --getsize64 $1)" = $2 ]; }

# hold_copy: a copy whose command is held half-way.
hold_copy() {
	fill $one 0 262144
	echo all >$hold/reset
	set_attrs $hold opcode=0x19 at=range range=0 blocks=64 hold=1 times=1 enable=1
	echo >$tracing/trace
	copy_once $one $two 0 $((4 * mib)) 262144 >$tmp/result &
	pid=$!
	wait_for 30 counted hits 1 || not_ok "no command is held: $(xargs <$hold/stats)"
}

# The queue of the source is not held while the command runs.
source_changes() {
	# What is held here is not to be aborted, however slow the machine.
	echo 600000 >/sys/block/${two#/dev/}/queue/io_timeout
	mkdir $hold
	hold_copy
	echo all >$hold/release
	wait $pid || :
	check_equal 'nothing changes: one command' "$(sed 's/ error_range=.*//' $tmp/result) $(commands)" \
		"$(done_by device 262144) 1"
	hold_copy
	echo 96M >$sub/namespaces/1/size
	check 'the source grows' wait_for 20 size_is $one $((96 * mib))
	# By the device, or, when the host was still looking at its namespaces the second time, not.
	echo all >$hold/release
	wait $pid || :
	check 'the source grows: copied again' grep -qE \
		'copied=262144 (offloaded=262144 emulated=0 .* 2|offloaded=0 emulated=262144 .* [12])$' \
		<<<"$(cat $tmp/result) $(commands)"
	same_bytes 'the source grows: bytes' $one 0 $two $((4 * mib)) 262144
	hold_copy
	echo 0 >$sub/namespaces/1/enable
	check 'the source goes' wait_for 20 no_ns_disk $nqn 1
	# Another one with its number: not what was meant. The host does not look at it yet: it waits for
	# the command to end first.
	set_attrs $sub/namespaces/1 size=64M enable=1
	echo all >$hold/release
	wait $pid || :
	check 'the source goes: an error' grep -qE '^error=(EIO|ENODEV|EOPNOTSUPP) copied=0 ' $tmp/result
	rmdir $hold
	find_disks
}

# nobody COMMAND...: without any right but those of files.
nobody() {
	setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
}
# past NAME WANT FORMAT: what pass-through says to who may write to $two.
past() { check_equal "$1" "$(nobody nvme_pass $two 2 $3 1)" "$2"; }

# Namespace 1 they may not even open.
beside_the_kernel() {
	chmod 600 $one
	chmod 666 $two
	fill $one 0 65536
	check_status 'S1: the source has to be open' 2 nobody copy_once $one $two 0 0 4096
	past 'S2: format 0 is allowed' 0 0
	past 'S2: format 2 takes an administrator' EACCES 2
	past 'S2: so does format 3' EACCES 3
	past 'S2: and what there is not' EACCES 15
	past 'S2: whatever else is in there' EACCES 0xfffff2
	check_equal 'S2: who is one may' "$(nvme_pass $two 2 2 1)" 0
	same_bytes 'S2: and it is that block' $one 4096 $two 32768 512
}

# has_paths ADDRESS: to each of the three namespaces, usable.
has_paths() {
	[ "$(grep -lx optimized "/sys/class/nvme/$(ctrl_of $1)"/nvme*c*n*/ana_state | wc -l)" = 3 ]
}

# Two controllers, one disk for each namespace.
paths() {
	connect $nqn b
	find_disks
	wait_for 20 has_paths a
	wait_for 20 has_paths b
	fill $one 0 $mib
	check_equal 'two paths' "$(result_of --mode offload $one $two 0 0 $mib)" "$(done_by device $mib)"
	disconnect a
	check_equal 'the other path' "$(result_of --mode offload $one $two 0 $mib $mib)" "$(done_by device $mib)"
	same_bytes 'the other path: bytes' $one 0 $two $mib $mib
	disconnect b
}

# without_multipath: the host takes each path for a disk of its own.
without_multipath() {
	modprobe -r nvme-debug nvme-raw nvme
	modprobe -r nvme-fabrics || :
	modprobe -r nvme-core
	modprobe nvme-core multipath=N
	modprobe nvme-debug i_know=1
}

# The disk of a namespace as a controller has it.
disk_by() {
	local f
	for f in "/sys/class/nvme/$(ctrl_of $1)"/nvme*n*/nsid; do
		f=${f%/nsid}
		if has $f/nsid $2 && [ -b /dev/${f##*/} ] && [ -e $f/bdi ]; then
			echo /dev/${f##*/}
			return
		fi
	done 2>/dev/null
	return 1
}

# One namespace that is two disks: what a copy from one to the other does must not depend on that.
twice() {
	local again
	connect $nqn b
	wait_for 20 disk_by a 1 >/dev/null
	wait_for 20 disk_by b 1 >/dev/null
	one=$(disk_by a 1) again=$(disk_by b 1)
	check "one namespace is two disks" test $one != $again
	fill $one 0 $mib
	echo >$tracing/trace
	check_equal 'C32 by the other path' "$(result_of --mode offload $one $again 0 $((4 * mib)) $mib)" \
		"$(done_by device $mib)"
	same_bytes 'C32 by the other path: bytes' $one 0 $one $((4 * mib)) $mib
	echo >$tracing/trace
	check_equal 'C32 it overlaps itself' "$(result_of --mode offload $one $again 0 4096 $mib)" \
		'error=EINVAL copied=0 offloaded=0 emulated=0'
	check_equal 'C32 by one block' "$(result_of $one $again 0 $((mib - 512)) $mib)" \
		'error=EINVAL copied=0 offloaded=0 emulated=0'
	check_equal 'C32 no command is sent' "$(commands)" 0
	check_equal 'C32 side by side' "$(result_of --mode offload $one $again 0 $mib $mib)" "$(done_by device $mib)"
	same_bytes 'C32 side by side: bytes' $one 0 $again $mib $mib
	disconnect a
	disconnect b
}

# make_both MULTIPATH: the subsystems, and a controller of the first.
make_both() {
	mkdir $sub $subsystems/$other
	echo $1 >$sub/multipath
	make_ns $sub 1 size=64M mssrl=64 mcl=256 msrc=15
	make_ns $sub 2 size=64M mssrl=128 mcl=1024 msrc=127
	make_ns $sub 3 size=64M block_size=4096
	make_ns $subsystems/$other 1 size=64M
	connect $nqn a
	find_disks
	dev=/dev/$(ctrl_of a)
}

if [ ! -e /sys/kernel/tracing/events/blk_copy ]; then
	skip 'copies between namespaces' 'this kernel has no copy offload'
	finish
fi
echo "# seed $seed"
modprobe nvme-debug i_know=1
modprobe nvme-raw
modprobe dm-mod
echo 1 >$tracing/events/nvme/nvme_setup_cmd/enable
make_both 0
connect $other x
wait_for 20 ns_disk $other 1
stranger=$(ns_disk $other 1)
for case in between mapped apart after_a_reset source_changes beside_the_kernel; do
	t_case $case
	$case
done
disconnect a
disconnect x
remove_subsys $sub
remove_subsys $subsystems/$other
t_case paths
make_both 1
paths
remove_subsys $sub
remove_subsys $subsystems/$other
t_case twice
without_multipath
make_both 1
twice
remove_subsys $sub
remove_subsys $subsystems/$other
echo 0 >$tracing/events/nvme/nvme_setup_cmd/enable
finish
