#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Writers, readers and copies by all ways in, at the same time and of the same few blocks, while
# commands are slow, fail in the middle or fail after all was done, and paths come and go; and
# through an NVMe target besides; and while kcopyd moves the disk below them.
# Every block that was read, and in the end every block there is, is explained from a log by
# a program that has seen nothing else (history_check, which says by which rules). Whether
# that program would notice is tried first.
# vm: --timeout 180
# with: build/tests/vm/copy_history build/tests/vm/history_check
# Names of disks have no blanks, and functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:history
sub=$subsystems/$nqn
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
ms=${MS:-3000}

# --- would it notice? ---

# verdict LINE...: what is wrong with the log of these lines, or good.
verdict() {
	local status=0
	printf '%s\n' "$@" >/tmp/planted
	history_check /tmp/planted >/tmp/verdict 2>&1 || status=$?
	case $status in
	0) echo good ;;
	1) sed -n 's/^# \([a-z]*\): .*/\1/p' /tmp/verdict | sort -u | xargs ;;
	2) echo unusable ;;
	esac
}

# planted NAME WANT LINE...
planted() { check_equal "the checker: $1" "$(verdict "${@:3}")" "$2"; }

checker() {
	planted 'what was written is read' good 'w 1 2 1 0 a' 'r 3 4 0 a'
	planted 'writes at the same time, either order' good 'w 1 9 1 0 a' 'w 2 8 1 0 b' 'r 10 11 0 a'
	planted 'a copy, old data during it and new data after it' good \
		'w 1 2 2 0 a b' 'c 3 10 1 0 1 1' 'r 4 5 1 b' 'r 11 12 1 a'
	planted 'a copy takes what its source has at any time' good \
		'w 1 2 2 0 a b' 'c 3 10 1 0 1 1' 'w 4 5 1 0 c' 'r 11 12 1 c'
	planted 'a copy of a copy that runs' good \
		'w 1 2 3 0 a b c' 'c 3 9 1 0 1 1' 'c 3 9 1 1 2 1' 'r 10 11 2 a'
	planted 'a copy that failed: old' good 'w 1 2 2 0 a b' 'c 3 10 0 0 1 1' 'r 11 12 1 b'
	planted 'a copy that failed: new' good 'w 1 2 2 0 a b' 'c 3 10 0 0 1 1' 'r 11 12 1 a'
	planted 'P1 a copy that did nothing' stale 'w 1 2 2 0 a b' 'c 3 10 1 0 1 1' 'r 11 12 1 b'
	planted 'P1 a copy of half of it' stale \
		'w 1 2 4 0 a b c d' 'c 3 10 2 0 2 2' 'r 11 12 2 a d'
	planted 'P1 a copy of another block' alien \
		'w 1 2 3 0 a b c' 'c 3 10 1 0 1 1' 'r 11 12 1 c'
	planted 'P1 a copy of what its source had before' alien \
		'w 1 2 2 0 a b' 'w 20 21 1 0 c' 'c 30 40 1 0 1 1' 'r 50 51 1 a'
	planted 'P1 a copy of what its source had afterwards' alien \
		'w 1 2 2 0 a b' 'c 3 10 1 0 1 1' 'w 20 21 1 0 c' 'r 22 23 1 c'
	planted 'P1 copies of copies, in the wrong order' alien \
		'w 1 2 3 0 a b c' 'c 3 4 1 1 2 1' 'c 5 9 1 0 1 1' 'r 10 11 2 a'
	planted 'P2 a copy of too much' alien 'w 1 2 4 0 a b c d' 'c 3 10 1 0 2 1' 'r 11 12 3 b'
	planted 'P3 a copy that failed, and other data' alien \
		'w 1 2 3 0 a b c' 'c 3 10 0 0 1 1' 'r 11 12 1 c'
	planted 'P4 a copy that writes after it has failed' stale \
		'w 1 2 2 0 a b' 'c 3 10 0 0 1 1' 'r 11 12 1 b' 'r 13 14 1 a'
	planted 'P4 a copy that writes over later data' stale \
		'w 1 2 2 0 a b' 'c 3 10 1 0 1 1' 'w 11 12 1 1 c' 'r 13 14 1 a'
	planted 'a write that is lost' stale 'w 1 2 1 0 a' 'w 3 4 1 0 b' 'r 5 6 0 a'
	planted 'new data, then old, then new' stale \
		'w 1 2 1 0 a' 'w 3 9 1 0 b' 'r 4 5 0 b' 'r 6 7 0 a' 'r 8 8 0 b'
	planted 'data before it is written' early 'w 5 9 1 0 a' 'r 1 2 0 a'
	planted 'a block that is half one, half another' torn 'w 1 2 2 0 a b' 'r 3 4 0 ? b'
	planted 'a line that is none' unusable 'w 1 2 1 0 a' 'x 3 4 0 a'
	planted 'a time that runs backwards' unusable 'w 2 1 1 0 a'
	planted 'nothing was read' unusable 'w 1 2 1 0 a'
}

# --- histories ---

# happen DEV [ALIAS]: so much, and its logs.
happen() {
	rm -f /tmp/log.*
	copy_history --dev $1 ${2:+--alias $2} --log /tmp/log --seed $((seed += 1)) --ms $ms
}

# explained NAME DEV [ALIAS]
explained() {
	t_case "$1"
	check "$1: everything could be done" happen "${@:2}"
	check "$1: every block is explained" history_check /tmp/log.*
	history_check /tmp/log.* | grep '^# operations' || :
}

# not_explained NAME WANT DEV: the disk does wrong, and it shows.
not_explained() {
	t_case "$1"
	happen $3 >/tmp/said || :
	check_status "the checker: $1" 1 history_check /tmp/log.*
	history_check /tmp/log.* >/tmp/verdict || :
	check "the checker: $1: $2" grep -q "^# $2: " /tmp/verdict
}

# fault NAME ATTRIBUTE=VALUE...: of Copy commands, some of them.
fault() {
	mkdir $sub/faults/$1
	set_attrs $sub/faults/$1 opcode=0x19 seed=$((seed % 65536)) "${@:2}" enable=1
}
no_faults() { rmdir $sub/faults/*; }

# Slow in the middle; an error there; one that asks for another try although all was done; a
# plain refusal. What is not done is read and written, so no copy fails.
faults() {
	fault slow at=range delay=2000 probability=300000
	fault broken at=range range=1 action=status status=0x4281 probability=100000
	fault undone at=end action=status status=6 probability=50000
	fault refused action=status status=0x4002 probability=50000
}

both_live() { [ "$(grep -lx live /sys/class/nvme/*/state | wc -l)" = 2 ]; }

# One path after the other is reset or cannot be used, until /tmp/enough.
paths() {
	local n=0 at
	while [ ! -e /tmp/enough ]; do
		for at in a b; do
			nvme reset "/dev/$(ctrl_of $at)"
			wait_for 20 both_live
			echo inaccessible >$sub/controllers/$at/ana_state
			sleep 0.2
			echo optimized >$sub/controllers/$at/ana_state
			n=$((n + 1))
		done
	done
	echo $n >/tmp/paths
}

# What the host asks the target for, the target asks the disk for.
target=/sys/kernel/config/nvmet
export_disk() {
	modprobe -a nvmet nvme-loop
	mkdir $target/subsystems/$1 $target/ports/1
	echo 1 >$target/subsystems/$1/attr_allow_any_host
	mkdir $target/subsystems/$1/namespaces/1
	printf '%s' $disk >$target/subsystems/$1/namespaces/1/device_path
	echo 1 >$target/subsystems/$1/namespaces/1/enable
	echo loop >$target/ports/1/addr_trtype
	ln -s $target/subsystems/$1 $target/ports/1/subsystems/
	nvme connect -t loop -n $1 >/dev/null
	wait_for 20 ns_disk $1 1
}
# Stock 6.12 warns when a subsystem goes before who holds its namespace.
unexport() {
	nvme disconnect -n $1 >/dev/null
	rm $target/ports/1/subsystems/$1
	rmdir $target/subsystems/$1/namespaces/1 $target/ports/1
	sleep $((2 * T_SCALE))
	rmdir $target/subsystems/$1
}

# dm-clone takes the disk's first half to the second, and back, until /tmp/enough. No write may be
# lost to one of its copies, and it is kcopyd who has the disk make them: what the callers ask for,
# a clone reads and writes.
clone_table() { echo "0 $half clone /dev/mapper/meta$(($1 % 2)) /dev/mapper/half$((1 - $1 % 2)) /dev/mapper/half$(($1 % 2)) 8 1 no_discard_passdown 2 hydration_threshold 64"; }
empty_meta() { dd if=/dev/zero of=/dev/mapper/meta$(($1 % 2)) bs=512K count=1 oflag=direct conv=notrunc status=none; }
clone_there() {
	local n
	half=$(($(sectors $disk) / 2))
	for n in 0 1; do
		dm_disk half$n "0 $half linear $disk $((n * half))"
		dm_disk meta$n "0 $half linear $(ns_disk $nqn 2) $((n * half))"
		empty_meta $n
	done
	dm_disk clone "$(clone_table 0)"
}
moves() {
	local n=0
	while [ ! -e /tmp/enough ]; do
		wait_for 20 hydrated $((half / 8))
		n=$((n + 1))
		empty_meta $n
		dmsetup suspend clone
		dmsetup load clone --table "$(clone_table $n)"
		dmsetup resume --noudevsync clone
	done
	echo $n >/tmp/moves
}

map() { dm_disk $1 "0 $(sectors $disk) linear $disk 0"; }

echo "# seed $seed"
checker
modprobe -a dm_mod dm-clone
modprobe nvme-debug i_know=1
mkdir $sub $sub/controllers/a $sub/controllers/b
make_ns $sub 1 size=1M mssrl=4 mcl=12 msrc=3
connect $nqn a -k 30
connect $nqn b -k 30
wait_for 20 both_live
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
explained 'a disk' $disk
faults
explained 'a disk with faults' $disk
export_disk nqn.test:exported
explained 'a disk with faults, and an NVMe target that has it' $disk "$(ns_disk nqn.test:exported 1)"
unexport nqn.test:exported
map one
map other
rm -f /tmp/enough
paths >/tmp/out 2>&1 &
explained 'a disk by two names, with faults, on two paths that come and go' /dev/mapper/one /dev/mapper/other
touch /tmp/enough
check 'paths came and went' wait $!
echo "# $(cat /tmp/paths) times"
# The workers of a ring may let go of them a moment after its program has ended.
dmsetup remove --noudevsync --retry one other
make_ns $sub 2 size=1M
wait_for 20 ns_disk $nqn 2
clone_there
rm -f /tmp/enough
echo stats >$sub/namespaces/1/reset
moves >/tmp/out 2>&1 &
explained 'a disk that moves, with faults' /dev/mapper/clone
touch /tmp/enough
check 'it moved' wait $!
echo "# $(cat /tmp/moves) times"
read -r copies _ <<<"$(stat_of $sub 1 copy)"
check "kcopyd had the disk copy: $copies times" test "$copies" -gt 100
dmsetup remove --noudevsync --retry clone
dmsetup remove --noudevsync --retry half0 half1 meta0 meta1
no_faults
ms=2000
fault lies action=status status=0
not_explained 'a disk that says it has copied, and has not' stale $disk
no_faults
fault lies action=corrupt
not_explained 'a disk that copies wrong' torn $disk
no_faults
nvme disconnect -n $nqn >/dev/null
remove_subsys $sub
finish
