#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A device that vanishes in the middle of a command: each verb ends in time, says what it has
# to say, and leaves nothing behind.
# vm: --nvme 64M --timeout 180
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh

disk=nvme0n1
output=/tmp/out
errors=/tmp/err
calls=/tmp/calls
pins=/sys/fs/bpf/bpfcopy
status='' tracee='' number=''

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'devices that vanish' 'this kernel has no copy offload'
	finish
fi

# appear [ATTRIBUTE=VALUE]...: the device, with nothing of an earlier one left.
appear() {
	null_disk gone size=64 "$@" >/dev/null
	number=$(</sys/block/gone/dev)
	[ ! -e $pins/$number ] || bpfcopy unload --dev $number >/dev/null
}

# stop_at CALL N COMMAND...: run it in the background, until its Nth system call of that name
# is over.
stop_at() {
	local call=$1 n=$2
	shift 2
	rm -f $calls
	# Only what comes out of the command itself is in the files.
	strace -qq -o $calls -e trace=$call -e inject=$call:signal=SIGSTOP:when=$n \
		"$@" >$output 2>$errors &
	tracer=$!
	wait_for 120 grep -q 'stopped by SIGSTOP' $calls && tracee=$(pgrep -P $tracer)
}

# go_on: it ends by itself, in time; its exit status is in $status.
go_on() {
	kill -CONT $tracee
	status=0
	wait_for 60 test ! -d /proc/$tracee || kill -KILL $tracee
	wait $tracer || status=$?
}

# vanish_at CALL N COMMAND...: the device goes while the command stands there.
vanish_at() {
	if ! stop_at "$@"; then
		not_ok "$3 $4 stops at $1 $2" $errors
		pkill -KILL -P $tracer || :
		kill -KILL $tracer 2>/dev/null || :
		wait $tracer || :
	fi
	null_disk_gone gone
	[ -z "$tracee" ] || go_on
	tracee=''
}

# said NAME STATUS REGEX: how it ended, and what it said.
said() {
	if [[ $status =~ ^($2)$ ]] && [[ $(<$errors) =~ $3 ]]; then
		ok "$1"
	else
		printf '(exit status %s, expected %s and /%s/)\n' "$status" "$2" "$3" >>$errors
		not_ok "$1" $errors
	fi
}

copying() {
	appear
	vanish_at ioctl 20 bpfcopy copy -o ndjson --step 4KiB $disk gone 1MiB
	said 'copy: the destination vanishes' '1|4' '^bpfcopy: .* of 1048576 bytes: '
	check 'copy: what was copied before counts' \
		test "$(jq .copied_bytes $output)" -gt 0 -a "$(jq .copied_bytes $output)" -lt 1048576
	check_equal 'copy: and is gone' "$(bpfcopy dev show gone >$output 2>&1 || echo $?)" 4

	appear
	vanish_at ioctl 20 bpfcopy copy -o ndjson --step 4KiB gone $disk 1MiB
	said 'copy: the source vanishes' '1|4' '^bpfcopy: .* of 1048576 bytes: '
}

verifying() {
	appear
	vanish_at pread64 3 bpfcopy copy -o ndjson --verify $disk gone 4MiB
	said 'verify: the destination vanishes' '1|4' '^bpfcopy: verifying: '
	check_equal 'verify: it is not called equal' "$(jq -c '[.copied_bytes, .verified]' $output)" \
		'[4194304,null]'
}

# The events of a device are not gone with it. Each of its writes takes a while, so this time
# the device goes in the middle of a copy, not between two.
tracing_it() {
	local watcher copier rows=/tmp/rows
	appear irqmode=2 completion_nsec=50000000
	bpfcopy trace -o ndjson --dev gone >$rows 2>/tmp/trace.err &
	watcher=$!
	wait_for 60 grep -q hello $rows
	bpfcopy copy $disk gone 4KiB >/dev/null
	bpfcopy copy $disk gone 64MiB >$output 2>$errors &
	copier=$!
	wait_for 60 writes_are_under_way
	null_disk_gone gone
	status=0
	wait $copier || status=$?
	said 'copy: the destination vanishes under it' '1|4' '^bpfcopy: .* of 67108864 bytes: '
	bpfcopy copy $disk $disk@1MiB 64KiB >/dev/null
	kill -INT $watcher
	status=0
	wait $watcher || status=$?
	check_equal 'trace: it goes on and ends well' $status 0
	check_equal 'trace: a row for the copy before, one for that which failed' \
		"$(jq -rs 'map(select(.type == "copy") | "\(.bytes) \(.error != null)") | join(", ")' $rows)" \
		'4096 false, 67108864 true'
	check_equal 'trace: the totals know both' \
		"$(jq -rs 'map(select(.type == "bye"))[0] | "\(.copies) \(.errors)"' $rows)" '2 1'
	check_status 'trace: a device that is gone already' 4 bpfcopy trace --dev gone --count 1
}
writes_are_under_way() {
	local stat
	read -r -a stat </sys/block/gone/stat
	[ "${stat[4]}" -gt 4 ]
}

# load_call NAME: the number of the bpf() call that does this when a policy is loaded.
load_call() { awk -v name="$1" '$0 ~ name { print NR; exit }' /tmp/load.calls; }

loading() {
	local attach point
	appear
	strace -qq -o /tmp/load.calls -e trace=bpf bpfcopy load threshold --dev gone >/dev/null
	null_disk_gone gone
	attach=$(load_call BPF_LINK_CREATE)
	check 'load: it attaches after some other calls' test "${attach:-0}" -gt 4
	# Before anything, right before it is attached, right after, and when it is pinned.
	for point in 1 $((attach - 1)) $attach $((attach + 2)); do
		appear
		vanish_at bpf $point bpfcopy load threshold --dev gone
		said "load: gone at call $point" 4 '^bpfcopy: gone: .*(gone|no such block device)$'
		check_equal "load: nothing is attached" "$(bpfcopy status -o json 2>/dev/null |
			jq '.policies | length')" 0
		check "load: nor pinned" test ! -e $pins/$number
	done
	check 'load: the name is free' load_again
}
load_again() {
	appear
	bpfcopy load threshold --dev gone &&
		bpfcopy unload --dev gone
	null_disk_gone gone
}

showing_status() {
	local point nr
	appear
	bpfcopy load threshold --dev gone >/dev/null
	nr=$(strace -qq -e trace=bpf bpfcopy status 2>&1 >/dev/null | grep -c '^bpf(')
	null_disk_gone gone
	check 'status: it asks the kernel' test "$nr" -gt 7
	for point in 1 2 4 $nr; do
		appear
		bpfcopy load threshold --dev gone >/dev/null
		vanish_at bpf $point bpfcopy status -o json
		said "status: gone at call $point" 0 ''
		check "status: what it prints is whole" jq -e '.policies | length <= 1' $output
		check_status "status: what is pinned can be unloaded" 0 bpfcopy unload --dev $number
		check "status: and is gone" test ! -e $pins/$number
	done
}

# What is pinned of a disk that is gone goes with --all, also when nothing else is attached.
sweeping() {
	local others=$pins/others
	appear
	bpfcopy load threshold --dev gone >/dev/null
	null_disk_gone gone
	check 'unload --all: a pin is left of a removed disk' test -e $pins/$number/link
	mkdir $others
	check_status 'unload --all: succeeds' 0 bpfcopy unload --all
	check 'unload --all: nothing is left of it' test ! -e $pins/$number
	check 'unload --all: what is not ours is' test -e $others
	rmdir $others
	bpfcopy load threshold --dev $disk >/dev/null
	appear
	bpfcopy load threshold --dev gone >/dev/null
	null_disk_gone gone
	check_equal 'unload --all: a disk that is there is told of' \
		"$(bpfcopy unload --all -o json | jq -r '.unloads[].device')" $disk
	check_equal 'unload --all: neither leaves anything' "$(ls $pins)" ''
}

listing() {
	appear
	vanish_at getdents64 1 bpfcopy dev list -o json
	said 'dev list: gone while it reads' 0 ''
	check_equal 'dev list: it is not listed, others are' \
		"$(jq -r '.devices | map(.device) | (index("gone") == null and index("'$disk'") != null)' $output)" true
}

cases=(copying tracing_it)
# The others are about what bpfcopy makes of it, and slow on a debug kernel.
[ $T_SCALE != 1 ] || cases+=(verifying loading showing_status sweeping listing)
for case in "${cases[@]}"; do
	t_case $case
	$case
done
finish
