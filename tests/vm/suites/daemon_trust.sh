#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the daemon and `policy apply' do not believe, what they do not do without the rights for it,
# and what others do at the wrong moment.
# vm: --nvme 64M --nvme 64M --timeout 240
# with: build/tests/vm/policy_raw
# with: build/tests/vm/copy_once
# with: build/tests/vm/control_client
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

# without CAPABILITIES COMMAND...: separated by commas, each with its minus.
without() { setpriv --bounding-set $1 --inh-caps $1 "${@:2}"; }

# CAP_SYS_ADMIN includes the other two that the unit leaves.
rights() {
	local caps
	t_case 'rights'
	write_rules 'policy = never' 'policy = never'
	for caps in -sys_admin -sys_admin,-bpf -sys_admin,-perfmon; do
		check_status "S5 apply with $caps" 5 without $caps bpfcopy policy apply
		check_status "S5 load with $caps" 5 without $caps bpfcopy load never --dev $disk
		check_status "S5 the daemon with $caps" 5 without $caps timeout 60 bpfcopyd
	done
	check_equal 'S5 nothing is changed' "$(attached) $(limit $disk)" ' 65536'
}

# Who lets everybody load programs is told, and it is his machine.
unprivileged() {
	local file=/proc/sys/kernel/unprivileged_bpf_disabled was
	was=$(<$file)
	start_daemon
	check 'S5 no word of it where only root may load programs' sh -c "! grep unprivileged $log"
	stop_daemon
	echo 0 >$file
	start_daemon
	check 'S5 that every user may load programs is said' said 'set kernel.unprivileged_bpf_disabled to 1 or 2'
	stop_daemon
	echo $was >$file
	bpfcopy policy revert >/dev/null
}

# What others than root can change, or what is not what was listed, is not loaded.
own=/opt/own/policy_mine.bpf.o
list=/etc/bpfcopy/objects.sha256
list_own() { sha256sum $own >$list; }

# refused NAME TEXT: no rule gets the object, and it is said why.
by=()
refused() {
	local status=0
	"${by[@]}" bpfcopy policy apply >/tmp/said 2>&1 || status=$?
	check_equal "$1: refused" "$status" 3
	check "$1: it says so" grep -qF -- "$2" /tmp/said
}

# links HOW: to the object, and to a folder above it.
links() {
	local dir=${own%/*}
	mv $own $own.there
	ln -s $own.there $own
	refused "S6 a link$1" 'is a symbolic link'
	mv $own.there $own
	mv $dir $dir.there
	ln -s $dir.there $dir
	refused "S6 a link on the way$1" 'is a symbolic link, or behind one'
	rm $dir
	mv $dir.there $dir
}

# As RestrictSUIDSGID= of systemd leaves a process.
without_openat2() {
	local how=', without openat2()'
	by=(strace -f -qq -o /tmp/calls -e trace=openat2 -e inject=openat2:error=ENOSYS)
	links "$how"
	chmod o+w ${own%/*}
	refused "S6 a folder that everybody can write$how" 'a folder above it can be written by'
	chmod o-w ${own%/*}
	check 'there was none' grep -q 'ENOSYS.*(INJECTED)' /tmp/calls
	check "what is listed is loaded$how" "${by[@]}" bpfcopy policy apply
	check_equal "by its name$how" "$(attached)" "$disk=mine"
	by=()
	bpfcopy policy revert >/dev/null
}

trust() {
	local map
	t_case 'trust'
	mkdir -p ${own%/*}
	cp $lib/policy_never.bpf.o $own
	write_rules "policy = $own" 'policy ='
	refused 'S6 an object that is in no list' "\"$own\" cannot be used: its hash is in no list"
	check_status 'S6 and no daemon starts' 3 timeout 60 bpfcopyd
	check_equal 'nothing is attached' "$(attached)" ''
	list_own
	chmod o+w $own
	refused 'S6 one that everybody can write' "\"$own\" cannot be used: can be written by everybody"
	chmod o-w,g+w $own
	refused 'S6 one that a group can write' 'can be written by a group'
	chmod g-w $own
	chown 1000 $own
	refused "S6 another user's" 'belongs to another user'
	chown 0 $own
	chmod o+w ${own%/*}
	refused 'S6 one in a folder that everybody can write' 'a folder above it can be written by'
	chmod o-w ${own%/*}
	links ''
	chmod o+w $list
	refused 'S9 a list that everybody can write' "$list: can be written by everybody"
	chmod o-w $list
	echo hello >>$list
	refused 'S9 a list that is none' "$list:2: not as sha256sum writes it"
	list_own
	without_openat2
	check 'what is listed is loaded' apply
	check_equal 'by its name' "$(attached)" "$disk=mine"
	map=$(member $disk map_id)
	cp $lib/policy_always.bpf.o $own
	refused 'S6 one that was changed since it was listed' "not what its hash in $list says"
	check_equal 'S6 what is attached stays' "$(attached) $(member $disk map_id)" "$disk=mine $map"
	check_status 'by hand it can be loaded' 0 load $own --dev $other
	bpfcopy unload --dev $other >/dev/null
}

# With a policy from there attached, and the object changed.
changed_object() {
	local map
	t_case 'changed object'
	map=$(member $disk map_id)
	list_own
	check_equal 'an object that changed under its name is loaded anew' "$(changes --dry-run)" \
		"$disk policy replace"
	start_daemon
	check 'as it is by a daemon that starts' said 'replace'
	check_equal 'it is another one' "$([ "$(member $disk map_id)" != $map ] && attached)" "$disk=mine"
	cp $lib/policy_never.bpf.o $own
	list_own
	kill -HUP $daemon
	check 'and by one that reads the rules again' wait_for 30 said "was $own (another object)"
	check 'status has the files' grep -q "\"files\":\\[\"$rules" <(ask '{"bpfcopy":1,"verb":"status"}')
	stop_daemon
	bpfcopy policy revert >/dev/null
	rm -r ${own%/*} $list
}

# Between the look and the step somebody else is faster.
races() {
	local map
	t_case 'races'
	write_rules 'policy = always' 'policy ='
	apply >/dev/null
	write_rules 'policy =' 'policy ='
	# Looks at bpffs: to sweep, to hold, to detach.
	stop_at statfs 3 bpfcopy policy apply
	wait_for 60 is_stopped
	load never --dev $disk
	map=$(member $disk map_id)
	check 'somebody else was faster: no failure' go_on
	check_equal 'a policy that is loaded while the old one is to be detached stays' \
		"$(attached) $(member $disk map_id)" "$disk=never $map"
	bpfcopy unload --dev $disk >/dev/null
}

# What the environment says, and files that others can change, do not steer a daemon.
files() {
	local calls=openat,fsync,rename
	t_case 'files'
	mkdir -p /tmp/other
	cp $lib/policy_always.bpf.o /tmp/other/policy_never.bpf.o
	write_rules 'policy = never' 'policy ='
	BPFCOPY_LIB=/tmp/other BPFCOPY_SYSFS=/nowhere BPFCOPY_BY_ID=/nowhere start_daemon
	check_equal 'S9 a daemon does not ask the environment where policies and disks are' \
		"$(attached) $(grep -c "$(sha256sum $lib/policy_never.bpf.o | cut -d ' ' -f 1)" $run_dir/state.json)" \
		"$disk=never 1"
	stop_daemon
	chmod g+w $rules
	check_status 'S9 rules that a group can write: no daemon starts' 3 timeout 60 bpfcopyd
	chmod g-w $rules
	chmod o+w ${rules%/*}
	check_status 'S9 nor with a folder that everybody can write' 3 timeout 60 bpfcopyd
	chmod o-w ${rules%/*}
	write_rules 'policy = always' 'policy ='
	strace -qq -o /tmp/calls -e trace=$calls bpfcopy policy apply >/dev/null
	check 'S9 the state is written beside, synced and put in its place' awk '
		/state.json.next.*O_CREAT/ { file = NR }
		/^fsync/ { synced = NR }
		/^rename\(.*state.json.next/ { n++; if (!file || synced < file) bad++ }
		END { exit !n || bad }' /tmp/calls
	bpfcopy policy revert >/dev/null
}

# until_told FILE: the words of a command that waits for this file.
until_told() { echo "until [ -e $1 ]; do sleep 0.1; done"; }

# The first look already, and every one after it.
fails_at_once() {
	local before holder
	t_case 'fails at once'
	write_rules 'policy = always' 'policy = never'
	policy_raw $lib/test_record.bpf.o "dev=$(cat /sys/block/$other/dev)" attach run "$(until_told /tmp/let-go)" \
		>/tmp/raw &
	holder=$!
	wait_for 20 is_attached "$other=record"
	start_daemon
	before=$(processor_time)
	sleep 4
	check 'a disk that cannot be had is not tried all the time' \
		test $(($(processor_time) - before)) -lt 100
	check 'the others have their policy' grep -q "$disk=always" <(attached)
	touch /tmp/let-go
	wait $holder
	check 'it is tried again' wait_for 40 is_attached "$disk=always $other=never"
	stop_daemon
	bpfcopy policy revert >/dev/null
}

asked() { [ "$(grep -c " $socket\$" /proc/net/unix)" -ge 2 ]; }

# Who asks a daemon that starts waits for it, and does nothing behind its back.
while_it_starts() {
	t_case 'while it starts'
	write_rules 'policy = always' 'policy = never'
	flock $run_dir/lock sh -c "touch /tmp/locked; $(until_told /tmp/unlock)" &
	wait_for 20 test -e /tmp/locked
	start_daemon &
	wait_for 20 test -S $socket
	bpfcopy policy revert >/dev/null &
	wait_for 20 asked
	check_equal 'nothing is done before it has started' "$(attached)" ''
	touch /tmp/unlock
	wait
	check_equal 'revert while it starts is done by the daemon' \
		"$(attached) $(ask '{"bpfcopy":1,"verb":"status"}' | get reverted)" ' true'
	daemon=$(ask '{"bpfcopy":1,"verb":"status"}' | get pid)
	kill $daemon
	wait_for 20 test ! -e $socket
	# One that has its lock and no socket yet.
	flock $run_dir/bpfcopyd.pid sh -c 'touch /tmp/starting; sleep 3; touch /tmp/started' &
	wait_for 20 test -e /tmp/starting
	apply >/dev/null
	check 'nor is anything done before it has a socket' test -e /tmp/started
	wait
	bpfcopy policy revert >/dev/null
}

no_bpffs() {
	t_case 'no bpffs'
	umount /sys/fs/bpf
	check_status 'no bpffs: no daemon' 1 bpfcopyd
	check 'it says how to mount it' grep -q 'mount -t bpf' <(bpfcopyd 2>&1)
	mount -t bpf bpf /sys/fs/bpf
}

# A bpffs in which others can write, and one of them was here first.
squatted() {
	t_case 'squatted'
	mkdir -p /tmp/victim
	touch /tmp/victim/counters
	mkdir -m 755 $pins
	chown 1000 $pins
	ln -s /tmp/victim $pins/259:77
	check_status 'S9 pins of another user are refused' 5 bpfcopy policy revert
	check_status 'S9 by the daemon as well' 5 bpfcopyd
	chown 0 $pins
	check_status 'S9 and those that others can list' 5 bpfcopy policy revert
	chmod 700 $pins
	bpfcopy policy revert >/dev/null
	check 'S9 no link is followed to what is removed' test -e /tmp/victim/counters
	rm $pins/259:77
}

# Whoever can open it can lock it, and then no daemon starts.
pid_file() {
	t_case 'pid file'
	install -m 644 /dev/null $run_dir/bpfcopyd.pid
	start_daemon
	check_equal 'S9 nobody else can lock it' "$(stat -c %a $run_dir/bpfcopyd.pid)" 600
	stop_daemon
}

copy_until() {
	for _ in $(seq 2000); do
		copy 4096 $1 >/dev/null
		! said "$1: $2" || return 0
	done
	cat $log
	return 1
}

# Of which every Copy fails, and some time later none.
breaker() {
	local name before sub=/sys/kernel/config/nvme-debug/subsystems/nqn.test:bad fault
	t_case 'circuit breaker'
	printf '[policy.debug]\nmatch_transport = debug\npolicy = always\n' >$rules
	modprobe nvme-debug i_know=1
	start_daemon
	fault=$sub/faults/f
	mkdir $sub
	mkdir $sub/namespaces/1 $fault
	echo 1 >$sub/namespaces/1/enable
	echo 0x19 >$fault/opcode
	# Internal error, do not retry.
	echo 0x4006 >$fault/status
	echo status >$fault/action
	echo 1 >$fault/enable
	nvme connect -t debug -a bad -n nqn.test:bad >/dev/null
	check 'the disk comes' wait_for 60 has_always
	name=$(attached) name=${name%=always}
	before=$(limit $name)
	check 'a device that fails is not asked for a while' copy_until $name 'does not copy for 10 s'
	detach bad
	: >$log
	nvme connect -t debug -a bad -n nqn.test:bad >/dev/null
	check 'another disk comes by its name' wait_for 60 is_attached "$name=always"
	check 'which is judged by what it does itself' copy_until $name 'does not copy for 10 s'
	check 'its limit is 0' wait_for 30 has_limit $name 0
	check 'which is said' wait_for 30 said "$name: set copy_max_bytes 0B"
	check_equal 'status has it' "$(ask '{"bpfcopy":1,"verb":"status"}' | grep -o '"off":\[{"device":"[^"]*"')" "\"off\":[{\"device\":\"$name\""
	check_equal 'copies are emulated, and do not fail' "$(copy 4096 $name)" '0 4096'
	rmdir $fault
	check 'it is asked again' wait_for 60 said "$name: is asked to copy again"
	check 'with the limit that it had' wait_for 30 has_limit $name "$before"
	check_equal 'and copies' "$(copy 4096 $name)" '4096 0'
	detach bad
	stop_daemon
	bpfcopy policy revert >/dev/null
}
has_always() { attached | grep -qx '[^ ]*=always'; }
has_limit() { [ "$(limit $1)" = "$2" ]; }

rights
unprivileged
trust
changed_object
breaker
races
files
fails_at_once
while_it_starts
no_bpffs
squatted
pid_file
finish
