#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Policies, and nothing between them and the kernel: whom it takes, whom it refuses and with
# which errno, when it calls init and exit, and what happens to the link of a disk that goes.
# leaks: yes
# vm: --nvme 128M --nvme 32M,logical_block_size=4096,physical_block_size=4096 --timeout 120
# with: build/tests/vm/copy_once
# with: build/tests/vm/policy_raw
# Names of disks have no blanks, and the cases are called by name.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

disk=nvme0n1 other=nvme1n1
number=$(cat /sys/block/$disk/dev)
seq=$(cat /sys/block/$disk/diskseq)
lib=/usr/lib/bpfcopy
record=$lib/test_record.bpf.o
# The policy that most cases attach, and another one for another disk.
mine="$record dev=$number"
others="$record dev=$(cat /sys/block/$other/dev)"
copy="copy_once /dev/$disk /dev/$disk 0 64MiB 64KiB >/dev/null"

# raw NAME WANT WORD...: what policy_raw says, line behind line.
raw() { check_equal "$1" "$(policy_raw "${@:3}" 2>&1 | paste -sd ' ')" "$2"; }

# The numbers are calls of init, decide, complete, exit, and of those that exit overtook.
init_and_exit() {
	raw 'init, then decide and complete, then exit' \
		'attach 0 counts 1 0 0 0 0 run 0 counts 1 1 1 0 0 detach 0 counts 1 1 1 1 0' \
		$mine attach counts 1 run "$copy" counts 1 detach counts 1
	raw 'init refuses, and the place is free' 'attach ENOSPC counts 1 0 0 0 0 attach 0' \
		$mine refuse=-28 attach counts 1 $mine attach
	raw 'init refuses with what is no errno' 'attach EINVAL counts 1 0 0 0 0' \
		$mine refuse=5 attach counts 1
	raw 'init is not called for a place that is taken' \
		'attach 0 attach EEXIST counts 1 0 0 0 0 run 0 counts 1 1 1 0 0' \
		$mine attach $mine attach counts 1 run "$copy" counts 1
	raw 'nor exit' 'attach 0 attach EEXIST counts 0 0 0 0 0' $mine attach $mine attach counts 2
	raw 'update calls init of the new one and exit of the old one' \
		'attach 0 update 0 run 0 counts 1 0 0 1 0 counts 1 1 1 0 0' \
		$mine attach $mine update run "$copy" counts 1 counts 2
	raw 'init refuses an update, and the old one stays' \
		'attach 0 update ENOSPC run 0 counts 1 1 1 0 0 counts 1 0 0 0 0' \
		$mine attach $mine refuse=-28 update run "$copy" counts 1 counts 2
	raw 'the program ends without detaching, and the place is free' 'attach 0' $mine attach
	raw 'as it was before' 'attach 0' $mine attach
}

# decide is slow and is running nearly all the time while three policies come and go.
exit_waits() {
	local pid slow="$mine chunk=65536 spin=20000"
	copy_once --count 1000000 /dev/$disk /dev/$disk 0 64MiB 1MiB >/dev/null &
	pid=$!
	policy_raw $slow load $slow load $slow load use 1 attach run 'sleep 0.5' \
		use 2 update run 'sleep 0.5' use 3 update run 'sleep 0.5' detach \
		counts 1 counts 2 counts 3 >/tmp/raw
	kill $pid
	wait $pid 2>/dev/null || :
	check_equal 'exit comes once, after the last decide and complete' \
		"$(awk '/^counts/ { print $2, ($3 > 0), ($4 > 0), $5, $6 }' /tmp/raw | paste -sd ,)" \
		'1 1 1 1 0,1 1 1 1 0,1 1 1 1 0'
}

refusals() {
	local part
	raw 'a disk' 'attach 0' $mine attach
	raw 'a disk with its diskseq' 'attach 0' $mine diskseq=$seq attach
	raw 'another diskseq' 'attach ESTALE counts 0 0 0 0 0' $mine diskseq=$((seq + 1)) attach counts 1
	raw 'abi 0' 'attach EINVAL' $mine abi=0 attach
	raw 'abi 2' 'attach EINVAL' $mine abi=2 attach
	raw 'flags' 'attach EINVAL' $mine flags=1 attach
	raw 'what is reserved' 'attach EINVAL' $mine rsvd=1 attach
	raw 'no name' 'attach EINVAL' $mine name= attach
	raw 'no decide' 'attach EINVAL' $lib/test_nodecide.bpf.o dev=$number attach
	raw 'no link' 'attach EOPNOTSUPP' $lib/test_nolink.bpf.o dev=$number attach
	raw 'an absent disk' 'attach ENODEV counts 0 0 0 0 0' \
		$record dev=${number%:*}:99999 attach counts 1
	raw 'a major number that nobody has' 'attach ENODEV' $record dev=4000:1 attach
	partition /dev/$disk 16M
	part=$(cat /sys/class/block/${disk}p1/dev)
	raw 'a partition' 'attach EINVAL counts 0 0 0 0 0' $record dev=$part attach counts 1
	sfdisk -q --delete /dev/$disk
	raw 'a disk that is taken' 'attach 0 attach EEXIST' $mine attach $mine attach
	raw 'the global place, taken' 'attach 0 attach EEXIST' $record dev=0 attach $record dev=0 attach
	raw 'two disks' 'attach 0 attach 0' $mine attach $others attach
	raw 'one map for two links' 'attach 0 attach EBUSY' $mine attach attach
}

bad_updates() {
	raw 'update with the map that is there' 'attach 0 update EBUSY run 0 counts 1 1 1 0 0' \
		$mine attach update run "$copy" counts 1
	raw 'update to another disk' 'attach 0 update EINVAL run 0 counts 1 1 1 0 0' \
		$mine attach $others update run "$copy" counts 1
	raw 'update with another diskseq' 'attach 0 update ESTALE run 0 counts 1 1 1 0 0' \
		$mine attach $mine diskseq=$((seq + 1)) update run "$copy" counts 1
	raw 'update of what is detached' 'attach 0 detach 0 update ENOLINK attach 0' \
		$mine attach detach $mine update attach
	raw 'a map that was replaced can come back' 'attach 0 update 0 update 0 run 0 counts 2 1 1 1 0' \
		$mine attach $mine update use 1 update run "$copy" counts 1
}

has_line() { grep -qx -- "$1" /tmp/raw; }

removal() {
	local dev pid
	null_disk gone size=32 >/dev/null
	wait_for 10 test -b /dev/gone
	dev=$(cat /sys/block/gone/dev)
	policy_raw $record dev=$dev attach poll 1 $record dev=$dev load use 1 poll 60 counts 1 \
		use 2 update attach >/tmp/raw 2>&1 &
	pid=$!
	check 'a link is quiet while its disk is there' wait_for 20 has_line 'poll nothing'
	null_disk_gone gone
	wait $pid || :
	check_equal 'removal hangs up, calls exit, and nothing can be attached any more' \
		"$(paste -sd ' ' /tmp/raw)" \
		'attach 0 poll nothing poll EPOLLHUP counts 1 0 0 1 0 update ENOLINK attach ENODEV'
	modprobe -r null_blk
}

for case in init_and_exit exit_waits refusals bad_updates removal; do
	t_case $case
	$case
done
check_equal 'no link is left' "$(bpftool -j link show | jq 'map(select(.type == "struct_ops")) | length')" 0
finish
