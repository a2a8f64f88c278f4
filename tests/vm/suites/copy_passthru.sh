#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A target that hands a whole controller on (nvmet's passthru): what its host has copied, the controller
# does, within a namespace and between two; DW0 of a Copy that fails and a controller that resets come
# through; over loop and over TCP.
# vm: --timeout 120
# with: build/tests/vm/copy_verify build/tests/vm/copy_once build/tests/vm/nvme_raw
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

local_nqn=nqn.test:local nqn=nqn.2026-11.org.example:whole
sub=$subsystems/$local_nqn
target=/sys/kernel/config/nvmet
mib=$((1 << 20)) seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}

verify() { program copy_verify --seed $((seed += 1)) "$@"; }
# copies: Copy commands that the controller had for its two namespaces so far, failed ones among them.
copies() {
	local n commands rest sum=0
	for n in 1 2; do
		read -r commands rest <<<"$(stat_of $sub $n copy)"
		sum=$((sum + ${commands:-0}))
	done
	echo $sum
}
done_by_device() { echo "error=0 copied=$1 offloaded=$1 emulated=0 error_range=${2:-1}"; }

# find_disks: the host's, and the controller's own.
find_disks() {
	local n
	for n in 1 2; do wait_for 20 ns_disk $nqn $n >/dev/null; done
	one=$(ns_disk $nqn 1) two=$(ns_disk $nqn 2)
	own_one=$(ns_disk $local_nqn 1) own_two=$(ns_disk $local_nqn 2)
	dev=$(grep -lx $nqn /sys/class/nvme/nvme*/subsysnqn)
	dev=${dev%/subsysnqn}
	dev=/dev/${dev##*/}
}

# target_up TRANSPORT
target_up() {
	local where=() port=$target/ports/1
	mkdir $target/subsystems/$nqn $port
	echo 1 >$target/subsystems/$nqn/attr_allow_any_host
	printf '/dev/%s' "$(ctrl_of a)" >$target/subsystems/$nqn/passthru/device_path
	# Its identifiers are those of the disks that are here already.
	echo 1 >$target/subsystems/$nqn/passthru/clear_ids
	echo 1 >$target/subsystems/$nqn/passthru/enable
	echo $1 >$port/addr_trtype
	if [ $1 = tcp ]; then
		set_attrs $port addr_adrfam=ipv4 addr_traddr=127.0.0.1 addr_trsvcid=4420
		where=(-a 127.0.0.1 -s 4420)
	fi
	ln -s $target/subsystems/$nqn $port/subsystems/
	nvme connect -t $1 -n $nqn "${where[@]}" >/dev/null
	find_disks
}

target_down() {
	nvme disconnect -n $nqn >/dev/null
	rm $target/ports/1/subsystems/$nqn
	echo 0 >$target/subsystems/$nqn/passthru/enable
	rmdir $target/ports/1
	sleep $((2 * T_SCALE))
	rmdir $target/subsystems/$nqn
}

# offloads NAME SRC DST DST-OFFSET OWN-SRC OWN-DST: one Copy, and the controller's disks have the bytes.
offloads() {
	local before
	fill $2 0 $mib
	before=$(copies)
	check_equal "$1: offloaded" "$(copy_result --mode offload $2 $3 0 $4 $mib)" "$(done_by_device $mib)"
	check_equal "$1: in one command" $(($(copies) - before)) 1
	check_equal "$1: bytes" "$(digest $6 $4 $mib)" "$(digest $5 0 $mib)"
}

by_whom() {
	check_equal 'the limits are the controller'\''s' \
		"$(queue $one copy_max_hw_bytes) $(queue $one copy_max_range_hw_bytes) $(queue $one copy_max_ranges)" \
		"$(queue $own_one copy_max_hw_bytes) $(queue $own_one copy_max_range_hw_bytes) $(queue $own_one copy_max_ranges)"
	offloads 'within a namespace' $one $one $((8 * mib)) $own_one $own_one
	offloads 'between two' $one $two 0 $own_one $own_two
	check_equal 'S4 format 2 is on at both ends' "$(get_behavior)" '04 00'
	verify --src $one --mode offload --iterations "$(scaled 30)" --max-bytes 2MiB
	verify --src $one --dst $two --mode mixed --iterations "$(scaled 20)" --max-bytes 1MiB --copiers 2 --writers 1
}

# The third of four ranges fails: what is before it is not copied again.
partial() {
	local fault=$sub/faults/third
	fill $one 0 $mib
	mkdir $fault
	set_attrs $fault opcode=0x19 at=range range=2 action=status status=0x4281 times=1 enable=1
	check_equal 'the third range fails: the kernel copies the rest' "$(copy_result $one $one \
		0 $((8 * mib)) 65536 131072 $((8 * mib + 65536)) 65536 \
		262144 $((8 * mib + 131072)) 65536 393216 $((8 * mib + 196608)) 65536)" \
		'error=0 copied=262144 offloaded=131072 emulated=131072 error_range=4'
	rmdir $fault
	check_equal 'the third range fails: bytes' "$(digest $own_one $((8 * mib)) 262144)" \
		"$(for at in 0 131072 262144 393216; do
			dd if=$own_one bs=64K skip=$at count=65536 iflag=skip_bytes,count_bytes,direct status=none
		done | checksum)"
}

# copies_go_on: a copy that the controller does, after what has been done to it.
copies_go_on() { [ "$(copy_result --mode offload $one $two 0 $mib $mib)" = "$(done_by_device $mib)" ]; }

resets() {
	local i pid
	fill $one 0 $((8 * mib))
	(for ((i = 0; i < 6; i++)); do
		nvme reset "/dev/$(ctrl_of a)"
		sleep 0.3
	done) &
	pid=$!
	verify --src $one --dst $two --mode auto --iterations "$(scaled 40)" --max-bytes 2MiB --copiers 2
	wait $pid
	check 'the controller was reset: it copies again' wait_for 20 copies_go_on
	check_equal 'the controller was reset: bytes' "$(digest $own_two $mib $mib)" "$(digest $own_one 0 $mib)"
}

# What the controller refuses, the host is told.
bad_commands() {
	local size
	size=$(sectors $one)
	check_equal 'C22 a source behind the end' "$(status_of nsid=1 sdlba=0 range=$size+1)" 0x80
	check_equal 'C15 a format there is not' "$(status_of nsid=1 sdlba=0 range=1000+8 format=9 len=32)" 0x2
}
# status_of FIELD=VALUE...: without the bits that say not to retry and that there is a log page.
status_of() {
	local status rest
	read -r status rest <<<"$(raw "$@")"
	printf '0x%x\n' $((status & 0x7ff))
}

if [ ! -e $tracing/events/blk_copy ]; then
	skip 'copies through a passthru target' 'this kernel has no copy offload'
	finish
fi
echo "# seed $seed"
modprobe nvme-debug i_know=1
modprobe -a nvme-loop nvme-tcp nvmet-tcp nvme-raw
mkdir $sub
make_ns $sub 1 size=64M
make_ns $sub 2 size=64M
connect $local_nqn a
for transport in loop tcp; do
	t_case $transport
	target_up $transport
	by_whom
	partial
	bad_commands
	resets
	target_down
done
disconnect a
remove_subsys $sub
finish
