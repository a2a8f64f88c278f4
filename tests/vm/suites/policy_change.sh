#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Policies under copies: whatever they answer and however often they change, the bytes are
# right; and they go with their disk, in the middle of a copy too.
# quick: yes
# leaks: yes
# vm: --nvme 256M --timeout 120
# with: build/tests/vm/copy_once
# Names of disks and pins have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/policy_lib.sh
. "$(dirname "$0")/../policy_lib.sh"
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "$0")/../debug_lib.sh"

# What a policy may answer. On a debug kernel every fourth of them.
answers=(verdict=-1 verdict=1 verdict=3 verdict=-2147483648 "chunk=4294967295 verdict=2"
	verdict=2147483647 "chunk=4294967295 verdict=1" "chunk=65535 verdict=1"
	"depth=4294967295 chunk=4294967295 verdict=-1" "depth=0 verdict=1" "depth=4294967295 verdict=1"
	"depth=1 verdict=2")

rubbish() {
	local i
	t_case "rubbish"
	for ((i = 0; i < ${#answers[@]}; i += T_SCALE)); do answer "${answers[i]}" 3149824; done
	# With chunks of a block a little takes long.
	answer "chunk=1 verdict=1" 262656
	answer "chunk=513 verdict=2" 262656
	check "a bad verdict is reported" grep -q 'policy test_rubbish returned -1' <(dmesg)
	unload_all
}

# answer PARAMETERS BYTES: what is copied under a policy that answers so is right.
answer() {
	wipe
	load $lib/test_rubbish.bpf.o --dev $disk $1
	check "right bytes with $1" copied_right $2
}

# copied_right BYTES: to zeroes, of which there are some behind them.
copied_right() {
	copy_once /dev/$disk /dev/$disk 0 $dest_at $1 | tee /tmp/copied
	grep -q "^error=0 copied=$1 " /tmp/copied && same $1
}

examples() {
	local name
	t_case "examples of the documentation"
	for name in gentle learn; do
		wipe
		check "$name loads" load $lib/example_$name.bpf.o --dev $disk
		check "$name copies right" copied_right 1048576
		check "$name decides" test "$(member $disk decisions)" -gt 0
	done
	unload_all
}

# A task that copies over and over, each to a place of its own, until told to stop.
copier() {
	local at=$((dest_at + $1 * data_bytes))
	while [ ! -e /tmp/stop ]; do
		copy_once /dev/$disk /dev/$disk 0 $at $data_bytes >>/tmp/copied.$1 || return 1
		cmp -n $data_bytes /dev/$disk /dev/$disk 0 $at || return 1
	done
}

changes() {
	local i
	for ((i = 1; i <= rounds; i++)); do
		load threshold --dev $disk min_bytes="${i}MiB"
		load never --dev $disk
		load $lib/test_rubbish.bpf.o --dev $disk verdict=1 chunk=$((i << 16))
		load never --global
		bpfcopy unload --dev $disk >/dev/null
		bpfcopy unload --global >/dev/null
	done
}

churn() {
	local rounds pids=() pid policies
	rounds=$(scaled 6)
	t_case "churn"
	rm -f /tmp/stop /tmp/copied.*
	events_on blk_copy/blk_copy_decide
	copier 1 & pids+=($!)
	copier 2 & pids+=($!)
	changes
	touch /tmp/stop
	for pid in "${pids[@]}"; do check "a task that copied during $((6 * rounds)) changes" wait "$pid"; done
	events_off /tmp/events
	# A policy that nobody asked in its time is not seen: there are 4 with an opinion in a round.
	policies=$(sed -n 's/.* policy=\([1-9][0-9]*\)$/\1/p' /tmp/events | sort -u | wc -l)
	check "policies that had a say" between $((2 * rounds)) $((4 * rounds)) "$policies"
	check "both tasks saw both paths" saw_both_paths /tmp/copied.1 /tmp/copied.2
	check_equal "nothing is left" "$(attached)" ""
}

saw_both_paths() {
	local file
	for file; do
		echo "$file: $(sed 's/.*\(offloaded=.*\) error_range.*/\1/' "$file" | sort | uniq -c | paste -sd ,)"
		grep -q "offloaded=$data_bytes emulated=0" "$file" || return 1
		grep -q "offloaded=0 emulated=$data_bytes" "$file" || return 1
	done
}

race() {
	local i pids=() pid failed=0
	t_case "race"
	for i in {1..6}; do load threshold --dev $disk min_bytes="${i}KiB" & pids+=($!); done
	for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
	check_equal "six loads at once all succeed" $failed 0
	check_equal "and one policy is there" "$(attached)" "$disk=threshold"
	check_equal "with one pin" "$(ls $pins)" "$number"
	unload_all
}

removal() {
	local dev again
	t_case "removal"
	null_disk gone size=64 >/dev/null
	wait_for 10 test -b /dev/gone
	dev=$(cat /sys/block/gone/dev)
	check "a policy on a disk that can only be emulated" load threshold --dev gone
	null_disk_gone gone
	check_equal "it goes with the disk" "$(attached)" ""
	check "its dead pin can be swept out" bpfcopy unload --dev "$dev"
	check "and is gone" test ! -e "$pins/$dev"

	null_disk gone size=64 >/dev/null
	wait_for 10 test -b /dev/gone
	load never --dev gone
	null_disk_gone gone
	null_disk gone size=64 >/dev/null
	wait_for 10 test -b /dev/gone
	again=$(cat /sys/block/gone/dev)
	check "a new disk starts without one" is_attached ""
	if [ "$dev" = "$again" ]; then
		check "a dead pin is no obstacle for the same number" load threshold --dev gone
		check_equal "and is replaced" "$(attached)" "gone=threshold"
	else
		skip "a dead pin is no obstacle for the same number" "it got $again instead of $dev"
	fi
	null_disk_gone gone
	modprobe -r null_blk
	bpfcopy unload --dev "$again" >/dev/null 2>&1 || :
}

# Copy until that fails, and tell how: 1 in a copy, whose line is the last of the file, 2 for no
# disk any more. A copy has 512 chunks: hardly any time is spent between two.
copy_until_gone() {
	local status=0
	while [ $status = 0 ]; do
		copy_once $1 $1 0 32MiB 32MiB >>$2 2>/dev/null || status=$?
	done
	return $status
}
asked() { [ "$(member $1 decisions)" -gt 0 ]; }

removal_under_load() {
	local round gone name dev file pids pid
	t_case "removal under load"
	modprobe nvme-debug i_know=1
	: >/tmp/last
	for round in 1 2 3; do
		pids=()
		gone=$(attach gone) name=${gone#/dev/}
		dev=$(cat "/sys/block/$name/dev")
		load $lib/test_rubbish.bpf.o --dev $name verdict=1 chunk=65536
		for file in /tmp/gone.1 /tmp/gone.2; do
			: >$file
			copy_until_gone $gone $file & pids+=($!)
		done
		wait_for 60 test -s /tmp/gone.1 -a -s /tmp/gone.2
		check "round $round: the policy is asked" asked $name
		detach gone
		for pid in "${pids[@]}"; do check "round $round: a task ends with the disk" ended_by $pid; done
		tail -qn 1 /tmp/gone.[12] >>/tmp/last
		check_equal "round $round: the policy went with it" "$(attached)" ""
		check "round $round: its dead pin is swept out" bpfcopy unload --dev $dev
	done
	check "a copy was in flight when its disk went" grep -E 'error=(EIO|ENODEV|ENXIO) ' /tmp/last
	check "and what was copied before that is known" \
		grep -qE 'copied=([1-9][0-9]*) offloaded=\1 emulated=0' <(grep -v error=0 /tmp/last)
	check "the module can be unloaded" modprobe -r nvme-debug
}

# ended_by PID: its last copy failed (1), or did not find the disk any more (2).
ended_by() {
	local status=0
	wait $1 || status=$?
	echo "status $status"
	[ $status = 1 ] || [ $status = 2 ]
}

fill_source $disk
rubbish
examples
churn
race
removal
removal_under_load
finish
