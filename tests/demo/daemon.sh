# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The last act of the demo: rules in a file, and the daemon that keeps them. Sourced by guest.sh.
# shellcheck disable=SC2086,SC2154 # names without blanks; set by guest.sh

rules=/etc/bpfcopy/bpfcopy.conf

# Show a command that is to end with a status, and what it prints.
run_status() {
	local want=$1 status=0
	shift
	run "$@" || status=$?
	[ "$status" = "$want" ] || failed "$* ended with $status, not $want"
}

write_rules() {
	mkdir -p ${rules%/*}
	cat >$rules <<-'RULES'
		[policy.local]
		match_transport = pcie
		policy = threshold
		threshold.min_bytes = 128KiB
		copy_max_byte = 50%

		[policy.lab]
		match_serial = LAB-0001
		mode = observe
		policy = threshold
		threshold.min_bytes = 1MiB
	RULES
	run cat $rules
	run_status 3 bpfcopy policy check
	run sed -i s/max_byte/max_bytes/ $rules
	run_status 0 bpfcopy policy check
}

start_daemon() {
	printf '$ bpfcopyd &\n'
	bpfcopyd 2>$dir/bpfcopyd.log &
	daemon=$!
	wait_for 30 grep -q 'ready, with 2 rules' $dir/bpfcopyd.log || failed "bpfcopyd: $(<$dir/bpfcopyd.log)"
	cat $dir/bpfcopyd.log
	logged=$(wc -l <$dir/bpfcopyd.log)
	run bpfcopy policy explain "$qemu"
}

# What the daemon said since.
more_log() {
	tail -n +$((logged + 1)) $dir/bpfcopyd.log
	logged=$(wc -l <$dir/bpfcopyd.log)
}

# A controller that says it is LAB-0001, in a slot where there was none.
plug_in() {
	local sub=/sys/kernel/config/nvme-debug/subsystems/nqn.2024-01.org.example:lab
	mkdir $sub
	echo LAB-0001 >$sub/serial
	mkdir $sub/namespaces/1
	echo 1 >$sub/namespaces/1/enable
	printf '\nA device with the serial number LAB-0001 is plugged in.\n'
	run nvme connect -t debug -a lab -n nqn.2024-01.org.example:lab
	wait_for 30 grep -q 'attach threshold .*observe=yes' $dir/bpfcopyd.log ||
		failed "bpfcopyd: $(<$dir/bpfcopyd.log)"
	more_log
	lab=$(sed -n 's/^bpfcopyd: \(.*\): attach threshold .*observe=yes.*/\1/p' $dir/bpfcopyd.log)
}

# lab_copy NAME EXPECTED: of 4 MiB in pieces, below what the rule says; who is to have copied them.
lab_copy() {
	printf '$ bpfcopy copy --step 256KiB %s %s@32MiB 4MiB\n' "$lab" "$lab"
	copy "$1" --step 256KiB "$lab" "$lab@32MiB" 4MiB || failed "$1: bpfcopy copy ended with $?"
	[ "$(jq -c '.copy | [.offloaded_bytes, .emulated_bytes]' "$dir/$1.result")" = "$2" ] ||
		failed "$1: $(<"$dir/$1.result")"
}

# Who copied so far, as monitoring sees it: both copies of lab_copy, each by its path.
show_stats() {
	run bpfcopy stats
	bpfcopy stats -o json >$dir/stats.json
	[ "$(jq -c --arg lab "$lab" '[.copies[] | select(.device == $lab) | [.path, .offloaded_bytes, .emulated_bytes]]
		| sort' $dir/stats.json)" = '[["emulate",0,4194304],["offload",4194304,0]]' ] ||
		failed "stats: $(<$dir/stats.json)"
	run bpfcopy stats --collect=stop
}

observe_and_enforce() {
	run bpfcopy stats --collect=start
	lab_copy observed '[4194304,0]'
	echo 'It copied by itself: the policy only counts what it would have said:'
	run bpfcopy status
	run sed -i s/observe/enforce/ $rules
	run bpfcopy policy apply
	more_log
	lab_copy enforced '[0,4194304]'
	echo 'Now the kernel read and wrote. Both, for monitoring (there is -o prom, too):'
	show_stats
	echo 'And back to how everything was:'
	run bpfcopy policy revert
}

daemon_act() {
	heading '10. For good: rules in a file, and a daemon that keeps them'
	write_rules
	start_daemon
	plug_in
	observe_and_enforce
	kill $daemon
	wait $daemon || failed "bpfcopyd ended with $?: $(<$dir/bpfcopyd.log)"
}
