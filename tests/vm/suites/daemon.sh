#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rules are applied to disks, as a whole or not at all, and the daemon keeps them applied:
# to disks that come, after policies that go, over its own death.
# vm: --nvme 64M --nvme 64M --timeout 150
# with: build/tests/vm/policy_raw
# with: build/tests/vm/control_client
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

without_daemon() {
	t_case 'without daemon'
	write_rules $'policy = threshold\nthreshold.min_bytes = 128KiB\ncopy_max_bytes = 32KiB' \
		'policy = threshold'
	check_equal 'a dry run tells' "$(changes --dry-run)" \
		"$disk copy_max_bytes set,$disk policy attach,$other policy attach"
	check_equal 'and changes nothing' "$(attached) $(limit $disk)" " 65536"
	check_equal 'apply tells the same' "$(changes)" \
		"$disk copy_max_bytes set,$disk policy attach,$other policy attach"
	check_equal 'and does it' "$(attached) $(limit $disk)" \
		"$disk=threshold $other=threshold 32768"
	check_equal 'again, there is nothing to do' "$(changes)" ''
	write_rules 'policy = never' 'policy ='
	check_equal 'other rules: restore, replace, detach' "$(changes)" \
		"$disk copy_max_bytes restore,$disk policy replace,$other policy detach"
	check_equal 'that was done' "$(attached) $(limit $disk)" "$disk=never 65536"
	load always --dev $other
	check_equal 'what was loaded by hand is left alone' "$(changes)" ''
	write_rules 'policy = never' 'policy = never'
	check_equal 'but a rule is stronger' "$(changes)" "$other policy replace"
	bpfcopy policy revert >/dev/null
	check_equal 'revert leaves nothing' "$(attached) $(pinned) $(limit $disk)" '  65536'
}

# held COMMAND...: while another program holds the slot of the other disk.
held() {
	policy_raw $lib/test_record.bpf.o "dev=$(cat /sys/block/$other/dev)" attach run "$*"
}

observe() {
	t_case 'observe'
	if ! load threshold --dev $disk observe=yes --dry-run 2>/dev/null; then
		skip 'observe' 'this policy has no such parameter'
		return
	fi
	write_rules $'policy = threshold\nmode = observe\ncopy_max_bytes = 32KiB' 'mode = off'
	apply >/dev/null
	check_equal 'to observe is a parameter, and no limit is set' \
		"$(grep -o '"threshold[^"]*"' $run_dir/state.json) $(limit $disk)" \
		'"threshold observe=yes" 65536'
	write_rules $'policy = threshold\nmode = enforce\ncopy_max_bytes = 32KiB' 'mode = off'
	check_equal 'to enforce replaces it' "$(changes)" \
		"$disk copy_max_bytes set,$disk policy replace"
	bpfcopy policy revert >/dev/null
}

transaction() {
	t_case 'transaction'
	write_rules $'policy = threshold\nthreshold.min_bytes = 8KiB\ncopy_max_bytes = 32KiB' 'policy ='
	apply >/dev/null
	write_rules $'policy = never\ncopy_max_bytes = 16KiB' 'policy = never'
	held 'bpfcopy policy apply >/tmp/said 2>&1' >/tmp/raw
	check_equal 'a disk that cannot be had fails all of it' "$(tail -n 1 /tmp/raw)" 'run 1'
	check 'which says which line' grep -q "$rules:7: $other: .*another program" /tmp/said
	check_equal 'the first disk is as it was' "$(attached) $(limit $disk)" \
		"$disk=threshold 32768"
	write_rules $'policy = never\ncopy_max_bytes = 16KiB' 'policy = /tmp/gone.bpf.o'
	check_status 'an object that is not there' 3 apply
	check_equal 'changes nothing' "$(attached) $(limit $disk)" "$disk=threshold 32768"
	# There is something where its pin goes: the second fails when the first is done.
	write_rules $'policy = never\ncopy_max_bytes = 16KiB' 'policy = never'
	mkdir -m 700 "$(pin_of $other)" "$(pin_of $other)/link"
	check_status 'no room for the pin of the second' 5 apply
	check_equal 'and the first is put back' "$(attached) $(limit $disk)" "$disk=threshold 32768"
	check 'the very same: nothing to do' nothing_to_do
	rmdir "$(pin_of $other)/link" "$(pin_of $other)" 2>/dev/null || :
	probes
	bpfcopy policy revert >/dev/null
}

# What watches for a policy comes back with it.
probes() {
	local before
	write_rules 'policy = guard' 'policy ='
	apply >/dev/null
	before=$(find "$(pin_of $disk)" -printf '%f\n' | sort)
	write_rules $'policy = never' 'policy = never'
	mkdir -m 700 "$(pin_of $other)" "$(pin_of $other)/link"
	check_status 'after a policy with probes: no room either' 5 apply
	check_equal 'and its pins are those of before' \
		"$(attached) $(find "$(pin_of $disk)" -printf '%f\n' | sort)" "$disk=guard $before"
	rmdir "$(pin_of $other)/link" "$(pin_of $other)" 2>/dev/null || :
}

nothing_to_do() {
	write_rules $'policy = threshold\nthreshold.min_bytes = 8KiB\ncopy_max_bytes = 32KiB' 'policy ='
	[ -z "$(changes)" ]
}

no_room() {
	t_case 'no room for the state'
	write_rules $'policy = never\ncopy_max_bytes = 32KiB' 'policy = never'
	mount -t tmpfs -o size=8k tmpfs $run_dir
	dd if=/dev/zero of=$run_dir/full bs=4k 2>/dev/null || :
	check_status 'apply fails' 1 apply
	check_equal 'before it changed anything' "$(attached) $(limit $disk)" ' 65536'
	umount $run_dir
	check 'with room, it works' apply
	echo rubbish >$run_dir/state.json
	check_status 'a state that is not ours is not overwritten' 1 apply
	check 'it says what to do' grep -q 'remove it' <(apply 2>&1)
	rm $run_dir/state.json
	unload_all
	echo 65536 >/sys/block/$disk/queue/copy_max_bytes
}

# --- another disk by the same name ---

# The rules are about this serial number alone.
rules_for() {
	printf '[policy.old]\nmatch_serial = %s\npolicy = never\ncopy_max_bytes = 32KiB\n' "$1" >$rules
}

# A disk that rules are about: sets name, number and untouched, its limit.
old_disk() {
	name=$(attach old) name=${name#/dev/}
	number=$(cat /sys/block/$name/dev) untouched=$(limit $name)
	rules_for "$(serial $name)"
}

# It goes, and another comes.
swap_disks() {
	detach old
	check_equal "$1: another disk has its name and number" \
		"$(attach new) $(cat /sys/block/$name/dev)" "/dev/$name $number"
}

# is_left_alone CASE: the disk that came, and the state knows nothing of it.
is_left_alone() {
	check_equal "$1: the other disk is left alone" "$(attached) $(limit $name) $(pinned)" " $untouched "
	check_equal "$1: nor is there anything to do" "$(changes)" ''
	check "$1: nor to remember" sh -c "! grep $name $run_dir/state.json"
	detach new
}

# What was decided about a disk is not done to the one that comes in its place: neither when the
# step begins, nor in the middle of it.
same_name() {
	local name number untouched tracer call
	t_case 'another disk by the same name'
	modprobe nvme-debug i_know=1
	for call in 'fsync 1' 'statfs 3'; do
		old_disk
		stop_at $call bpfcopy policy apply
		check "$call: stopped" wait_for 60 is_stopped
		swap_disks "$call"
		check "$call: that is no failure" go_on
		is_left_alone "$call"
	done
	old_disk
	apply >/dev/null
	stop_at fsync 1 bpfcopy policy revert
	check 'going back: stopped' wait_for 60 is_stopped
	swap_disks 'going back'
	load always --dev $name
	echo 16384 >/sys/block/$name/queue/copy_max_bytes
	check 'going back: that is no failure' go_on
	check_equal 'going back: what the other one has stays' "$(attached) $(limit $name)" \
		"$name=always 16384"
	unload_all
	detach new
}

# The same, and the daemon hears of both disks only afterwards.
same_name_daemon() {
	local name number untouched tracer
	t_case 'another disk by the same name, in the daemon'
	rules_for nobody
	start_daemon
	old_disk
	stop_at fsync 1 -p $daemon
	wait_for 20 grep -q '^TracerPid:.*[1-9]' /proc/$daemon/status
	kill -HUP $daemon
	check 'daemon: stopped' wait_for 60 is_stopped
	swap_disks daemon
	kill -CONT $daemon
	# It answers when all of that is done.
	check_equal 'daemon: looks again' "$(ask '{"bpfcopy":1,"verb":"apply"}' | grep -c '"changes":\[\]')" 1
	kill $tracer
	wait $tracer || :
	check 'daemon: never attached to that name' sh -c "! grep '$name: attach' $log"
	is_left_alone daemon
	stop_daemon
}

# The rest has a daemon.

adopts() {
	local links
	t_case 'adopts'
	write_rules $'policy = threshold\ncopy_max_bytes = 32KiB' 'policy = never'
	start_daemon
	check_equal 'at start it applies the rules' "$(attached) $(limit $disk)" \
		"$disk=threshold $other=never 32768"
	links=$(member $disk link_id)
	check_status 'another daemon does not start' 1 bpfcopyd
	check 'and says who runs' grep -q "another bpfcopyd runs already, as process $daemon" \
		<(bpfcopyd 2>&1)
	stop_daemon
	check_equal 'what it attached stays' "$(attached)" "$disk=threshold $other=never"
	start_daemon
	check_equal 'the next one adopts it' "$(member $disk link_id)" "$links"
	check_equal 'without a change' "$(grep -cE 'attach|replace|set' $log)" 0
}

hot_plug() {
	local new name dev
	t_case 'hot-plug'
	cat >>$rules <<-RULES
		[policy.debug]
		match_transport = debug
		policy = threshold
		threshold.min_bytes = 1MiB
		copy_max_bytes = <= 1MiB
	RULES
	kill -HUP $daemon
	modprobe nvme-debug i_know=1
	new=$(attach new) name=${new#/dev/}
	dev=$(cat /sys/block/$name/dev)
	check 'a disk that comes gets its policy' wait_for 30 said "$name: attach threshold"
	check_equal 'and its limit' "$(limit $name)" 1048576
	check_equal 'of the others nothing changed' "$(attached)" \
		"$disk=threshold $other=never $name=threshold"
	detach new
	check 'when it goes, that is told' wait_for 30 said "$name: the disk is gone"
	check 'and its pins are swept out' wait_for 30 test ! -e "$pins/$dev"
	new=$(attach new)
	check 'when it comes again, so does its policy' wait_for 30 is_attached \
		"$disk=threshold $other=never ${new#/dev/}=threshold"
	detach new
	wait_for 30 is_attached "$disk=threshold $other=never"
}

reload() {
	t_case 'reload'
	cp $rules /tmp/good
	printf '[policy.bad]\nmatch_all = yes\npolcy = never\n' >>$rules
	kill -HUP $daemon
	check 'broken rules: the line is named' wait_for 30 said "$rules:$(grep -c '' $rules):"
	check 'and the last good set stays' wait_for 30 said 'that are in force stay in force'
	check_equal 'as do the policies' "$(attached)" "$disk=threshold $other=never"
	check_status 'apply through the daemon: the same' 3 apply
	bpfcopy unload --dev $other >/dev/null
	check 'by which it goes on' wait_for 30 is_attached "$disk=threshold $other=never"
	cp /tmp/good $rules
	sed -i 's/^policy = never/policy = always/' $rules
	kill -HUP $daemon
	check 'mended rules are applied' wait_for 30 is_attached "$disk=threshold $other=always"
}

behind_its_back() {
	t_case 'behind its back'
	bpftool link detach id "$(member $disk link_id)"
	check 'a policy that is detached is reported' wait_for 30 said \
		"$disk: its policy was detached by somebody else"
	check 'and attached again' wait_for 30 is_attached "$disk=threshold $other=always"
	check_equal 'with no pin too many' "$(pinned)" \
		"$(cat /sys/block/{$disk,$other}/dev | sort | paste -sd ' ')"
}

revert() {
	local new
	check_equal 'revert through the daemon' "$(bpfcopy policy revert | awk 'NR > 1 { print $1, $2, $3 }' | paste -sd ,)" \
		"$disk copy_max_bytes restore,$disk policy detach,$other policy detach"
	check_equal 'everything is as before' "$(attached) $(pinned) $(limit $disk)" '  65536'
	new=$(attach new)
	check_equal 'it is told so' "$(ask '{"bpfcopy":1,"verb":"status"}' | grep -c '"reverted":true.*"disks":\[\]')" 1
	check_equal 'and leaves new disks alone' "$(attached)" ''
	check 'until the next apply' apply
	check 'which includes them' grep -q "${new#/dev/}=threshold" <(attached)
	detach new
}

without_daemon
observe
transaction
no_room
same_name
same_name_daemon
adopts
hot_plug
reload
behind_its_back
revert
stop_daemon
finish
