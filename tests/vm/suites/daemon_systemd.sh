#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The daemon's unit under systemd itself: it starts, works within the unit's restrictions, is
# reloaded, and is started again when it dies or hangs. systemd is the first process of a PID
# namespace, with this unit and the journal.
# vm: --nvme 64M --mem 1536 --timeout 150
# with: /lib/systemd/systemd:/usr/lib/systemd/systemd
# with: /usr/bin/systemctl:/usr/bin/systemctl
# with: /lib/systemd/systemd-journald:/usr/lib/systemd/systemd-journald
# with: /lib/systemd/system/systemd-journald.service:/usr/lib/systemd/system/systemd-journald.service
# with: /lib/systemd/system/systemd-journald.socket:/usr/lib/systemd/system/systemd-journald.socket
# with: /usr/bin/journalctl:/usr/bin/journalctl
# with: loader/bpfcopyd/bpfcopyd.service:/etc/systemd/system/bpfcopyd.service
# Names of disks have no blanks, and functions are called by check and wait_for.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

units=/etc/systemd/system
unit=bpfcopyd.service
# It listens to nobody outside of its namespace.
in_systemd() { nsenter -t $init -m -p "$@"; }
systemctl() { in_systemd systemctl "$@"; }
property() { systemctl show --value -p $1 $unit; }
is() { [ "$(property $1)" = "$2" ]; }
# As seen from outside of the namespace.
main_pid() { pgrep -x bpfcopyd; }
inside() { nsenter -t "$(main_pid)" -m "$@"; }
# As root with its mounts, not with its rights.
cannot_write() { ! inside touch $1/x 2>/tmp/said && grep 'Read-only file system' /tmp/said; }
# shellcheck disable=SC2016 # of the shell there
with_its_devices() {
	sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' /sys/fs/cgroup/test/system.slice/$unit "$@"
}

sees_reads() {
	dd if=/dev/$1 of=/dev/null bs=4K count=20 iflag=direct status=none
	bpftool -j map dump name watched | jq -e '[.. | .reads? // empty] | add >= 20'
}

start_systemd() {
	local target
	for target in sysinit basic shutdown; do printf '[Unit]\n' >$units/$target.target; done
	ln -s "$(command -v bpfcopyd)" /usr/sbin/bpfcopyd
	mkdir -p /sys/fs/cgroup/test
	# shellcheck disable=SC2016 # of the shell inside
	unshare --mount --pid --fork --mount-proc sh -c '
		echo 0 >/sys/fs/cgroup/test/cgroup.procs
		exec env -i container=test PATH=/usr/sbin:/usr/bin \
			/usr/lib/systemd/systemd --system --unit=basic.target --show-status=no' </dev/null &
	wait_for 20 pgrep -x systemd >/dev/null
	# What it forks has its name for a moment.
	init=$(pgrep -o -x systemd)
	wait_for 60 systemctl is-active --quiet basic.target
}

printf '[policy.a]\nmatch_name = %s\npolicy = guard\ncopy_max_bytes = 32KiB\n' $disk >$rules
start_systemd

# noted MATCH: "DEVICE POLICY REASON SHA256 PRIORITY" of the unit's newest line with this field.
noted() {
	in_systemd journalctl -q -u $unit -o json "$1" | tail -n 1 |
		jq -r '[.DEVICE, .POLICY, .REASON, .SHA256, .PRIORITY] | map(. // "-") | join(" ")'
}
is_noted() { [ "$(noted "$1")" = "$2" ]; }
hash_of() { sha256sum $lib/policy_$1.bpf.o | cut -d ' ' -f 1; }

is_replaced() { [ "$(main_pid)" ] && [ "$(main_pid)" != $1 ] && is ActiveState active; }

t_case 'start'
check 'the journal starts' systemctl start systemd-journald.service
check 'the unit starts' systemctl start $unit
check_equal 'and says what it does' "$(property ActiveState) $(property StatusText)" 'active 1 rules, 0 disks failed'
check_equal 'the rules are in force' "$(attached) $(limit $disk)" "$disk=guard 32768"

check 'the journal has the policy, by its device' \
	wait_for 30 is_noted POLICY=guard "$disk guard $rules:3 $(hash_of guard) 6"
check 'and the limit' wait_for 30 is_noted REASON=$rules:4 "$disk - $rules:4 - 6"

t_case 'restrictions'
# Of capability(7): 21, 38 and 39.
check_equal 'S10 its capabilities' "$(sed -n 's/^Cap\(Eff\|Bnd\):\t//p' "/proc/$(main_pid)/status" | uniq)" 000000c000200000
check_equal 'S10 and no others to come' "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$(main_pid)/status")" 1
for dir in /etc /usr /var; do
	check "S10 it cannot write $dir" cannot_write $dir
done
check_equal 'S10 its system calls are filtered' \
	"$(sed -n 's/^Seccomp:\t//p' "/proc/$(main_pid)/status")" 2
check 'but its own folder' inside touch /run/bpfcopy/mine
check_equal 'S10 it sees no homes' "$(inside find /root /home -mindepth 1 2>/dev/null)" ''
touch /tmp/ours
check 'nor files in /tmp' inside test ! -e /tmp/ours
check_status 'S10 it cannot open a disk' 1 with_its_devices dd if=/dev/$disk of=/dev/null count=1
check 'but /dev/null' with_its_devices dd if=/dev/null of=/dev/null

t_case 'work'
modprobe nvme-debug i_know=1
printf '[policy.debug]\nmatch_transport = debug\npolicy = never\n' >>$rules
check 'reload' systemctl reload $unit
check 'reads the rules' wait_for 30 is StatusText '2 rules, 0 disks failed'
new=$(attach new)
check 'a disk that comes gets its policy' wait_for 60 is_attached "$disk=guard ${new#/dev/}=never"
# As on any machine, the kernel tells its addresses only to those with more rights.
check 'reads of the disk are seen' sees_reads $disk
sed -i s/never/always/ $rules
check 'its socket is there for all' test -S $socket
check 'apply asks the daemon' bpfcopy policy apply
check_equal 'which does it' "$(attached)" "$disk=guard ${new#/dev/}=always"

t_case 'restart'
pid=$(main_pid) map=$(member $disk map_id)
kill -KILL $pid
check 'one that is killed is started again' wait_for 60 is_replaced $pid
check_equal 'and takes over what is there' "$(attached) $(member $disk map_id)" \
	"$disk=guard ${new#/dev/}=always $map"
mkdir $units/$unit.d
printf '[Service]\nWatchdogSec=10s\nRestartSec=100ms\n' >$units/$unit.d/quick.conf
systemctl daemon-reload
systemctl restart $unit
pid=$(main_pid)
kill -STOP $pid
check 'so is one that hangs' wait_for 60 is_replaced $pid
check_equal 'with the policies of before' "$(member $disk map_id)" $map
systemctl stop $unit
check_equal 'when it is stopped they stay' "$(property ActiveState) $(attached)" \
	"inactive $disk=guard ${new#/dev/}=always"
bpfcopy policy revert >/dev/null
kill -s RTMIN+4 $init || kill $init
finish
