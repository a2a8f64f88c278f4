#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the daemon has to do with the rest of a system: udev's events and links, what it tells
# systemd, and the fields of its lines in the journal. udev is the real one.
# vm: --nvme 64M --timeout 120
# with: build/tests/vm/control_client
# with: /bin/udevadm:/usr/bin/udevadm
# with: /lib/udev/rules.d:/usr/lib/udev/rules.d
# Names of disks have no blanks, and functions are called by check and wait_for.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

by_id=/dev/disk/by-id
has_link() { find $by_id -lname "*/${1#/dev/}" 2>/dev/null | grep -q .; }

start_udev() {
	mkdir -p /run/udev
	# By its name it knows what it is to be.
	(exec -a systemd-udevd udevadm --daemon --resolve-names=never) >/tmp/udevd.log 2>&1
	udevadm trigger --subsystem-match=block --action=add
	udevadm settle --timeout=60
}

# What systemd and the journal would get; stderr is what systemd says is the journal's.
start_heard() {
	mkdir -p /run/systemd/journal
	control_client /run/systemd/notify hear >/tmp/notify &
	control_client /run/systemd/journal/socket hear >/tmp/journal &
	wait_for 20 test -S /run/systemd/notify -a -S /run/systemd/journal/socket
	: >$log
	# What the test harness waits for on stderr goes to the journal now.
	(
		exec 2>>$log
		export JOURNAL_STREAM NOTIFY_SOCKET=/run/systemd/notify WATCHDOG_USEC=4000000
		JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2)
		exec bpfcopyd
	) &
	daemon=$!
	wait_for 60 grep -q '^READY=1' /tmp/notify || {
		cat $log /tmp/notify /tmp/journal
		return 1
	}
}
ready_again() { [ "$(grep -c '^READY=1' /tmp/notify)" -ge 2 ]; }
in_journal() { grep -aqxF -- "$1" /tmp/journal; }

t_case 'udev'
modprobe nvme-debug i_know=1
start_udev
check 'udev makes links' has_link $disk
cat >$rules <<-RULES
	[policy.old]
	match_by_id = *$(serial $disk)
	policy = never
	[policy.new]
	match_transport = debug
	match_by_id = *
	policy = always
	copy_max_bytes = 1MiB
RULES
start_heard
check_equal 'a disk is matched by its links' "$(attached)" "$disk=never"
new=$(attach new)
check 'a disk that comes gets its policy when udev is done with it' \
	wait_for 60 is_attached "$disk=never ${new#/dev/}=always"
check 'so the link is there' has_link $new
check_equal 'and its limit' "$(limit ${new#/dev/})" 1048576
detach new
check 'it goes' wait_for 60 in_journal "MESSAGE=${new#/dev/}: the disk is gone, and its policy with it"

t_case 'journal'
check 'a line' in_journal "MESSAGE=$disk: attach never ($rules:3)"
check 'its disk' in_journal "DEVICE=${new#/dev/}"
check 'its policy' in_journal POLICY=always
check 'S6 the hash of its object' in_journal "SHA256=$(sha256sum $lib/policy_always.bpf.o | cut -d' ' -f1)"
check 'its rule' grep -aq "^REASON=$rules:[0-9]" /tmp/journal
check 'its priority' in_journal PRIORITY=6
check_equal 'nothing else is said' "$(cat $log)" ''

t_case 'systemd'
check 'it says what it does' grep -q '^STATUS=2 rules, 0 disks failed' /tmp/notify
check 'and that it lives' wait_for 30 grep -q '^WATCHDOG=1' /tmp/notify
kill -HUP $daemon
check 'that it reads the rules again' wait_for 30 grep -q '^RELOADING=1' /tmp/notify
check 'and has' wait_for 30 ready_again
sed -i 's/^policy = never/policy = always/' $rules
printf '[policy.bad]\nmatch_name = %s\npolicy = /nowhere.o\n' $disk >>$rules
kill -HUP $daemon
check 'what is wrong is an error' wait_for 30 in_journal 'PRIORITY=3'
stop_daemon
check 'that it ends' wait_for 30 grep -q '^STOPPING=1' /tmp/notify
udevadm control --exit || :
# shellcheck disable=SC2046 # numbers
kill $(jobs -p) 2>/dev/null || :
finish
