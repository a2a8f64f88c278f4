#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Disks come and go, many at a time and without waiting, under the daemon: in the end those that
# are there have their policy, the others left nothing behind, and it is the same daemon.
# vm: --nvme 64M --timeout 120
# with: build/tests/vm/control_client
# DAEMON_STORM=N: how many disks.
# Names of disks have no blanks, and functions are called by wait_for.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

disks=${DAEMON_STORM:-10}

# As nvme connect and disconnect do it: a hundred of these at once take longer than all else.
plug() { echo "transport=debug,traddr=s$1,nqn=nqn.test:s$1" >/dev/nvme-fabrics; }
pull() {
	local file
	# It complains of those that go meanwhile, too.
	file=$(grep -lsx nqn.test:s$1 /sys/class/nvme/*/subsysnqn || :)
	echo 1 >${file%/*}/delete_controller
}
# For all that was begun, but not for the daemon. Fails if one of them did.
wait_others() {
	local pid status=0
	for pid in $(jobs -p); do
		[ $pid = $daemon ] || wait $pid || status=1
	done
	return $status
}

# As the kernel has them, and as the daemon made them.
here() { grep -lsx 'nvme-debug *' /sys/block/*/device/model | cut -d/ -f4 | sed /c/d | sort | paste -sd ' '; }
with_policy() { attached | tr ' ' '\n' | sed -n 's/=always$//p' | sort | paste -sd ' '; }
agrees() { [ "$(here | wc -w)" = $1 ] && [ "$(here)" = "$(with_policy)" ]; }
have_limit() { [ "$(for name in $(here); do limit $name; done | sort | uniq -c | xargs)" = "$1" ]; }
has_none_failed() { ask '{"bpfcopy":1,"verb":"status"}' | grep -q '"failed":{}'; }
has_pins() { [ "$(pinned | wc -w)" = $1 ]; }
has_descriptors() { [ "$(find /proc/$daemon/fd -type l | wc -l)" = $1 ]; }

modprobe nvme-debug i_know=1 size=1M
printf '[policy.debug]\nmatch_transport = debug\npolicy = always\ncopy_max_bytes = 32KiB\nmode = enforce\n' >$rules
# A change of many disks needs more descriptors than this: the daemon takes what it may.
ulimit -Sn 30
start_daemon
open=$(find /proc/$daemon/fd -type l | wc -l) began=$SECONDS

for ((i = 1; i <= disks; i++)); do plug $i & done
check "$disks disks come at once" wait_others
check 'they have their policy' wait_for 300 agrees $disks
check 'and their limit' wait_for 60 have_limit "$disks 32768"
echo "# $((SECONDS - began)) s"

# change LINE: of the rule, and done at once on all of them.
change() {
	sed -i "\$s/.*/$1/" $rules
	bpfcopy policy apply >/dev/null 2>/tmp/said
}
have_mode() { [ "$(status policy mode | sort | uniq -c | xargs)" = "$disks $1" ]; }
check 'all are changed at once' change 'mode = observe'
check 'each is another one' have_mode observe
# Enough for any of them, not for all.
few=$(($(find /proc/$daemon/fd -type l | wc -l) + 25))
prlimit --pid $daemon --nofile=$few:$few
check_status 'a change that runs out of descriptors' 1 change 'mode = enforce'
check 'says so' grep -q 'Too many open files' /tmp/said
check 'and changes nothing' have_mode observe
prlimit --pid $daemon --nofile=1024:1024
check 'with more of them it is done' change 'mode = enforce'
check 'on all' have_mode enforce

# Half of them go while the others go and come twice: some go before anybody looked at them.
left=$(((disks + 1) / 2))
for ((i = 1; i <= disks; i++)); do
	{ pull $i && { [ $((i % 2)) = 0 ] || { plug $i && pull $i && plug $i; }; }; } &
done
check 'disks go, and half of them come again' wait_others
check 'those that are there have their policy' wait_for 300 agrees $left
check 'and nothing else has pins' wait_for 60 has_pins $left
check 'no disk is left over as failed' wait_for 60 has_none_failed

for ((i = 1; i <= disks; i++)); do
	[ $((i % 2)) = 0 ] || pull $i &
done
check 'all go' wait_others
check 'none is left' wait_for 300 agrees 0
check 'nor its pins' wait_for 60 has_pins 0
check 'nor its descriptors' wait_for 60 has_descriptors $open
check_equal 'it is the same daemon' "$(ask '{"bpfcopy":1,"verb":"status"}' | get pid)" $daemon
echo "# $((SECONDS - began)) s for $disks disks in and out"
stop_daemon
bpfcopy policy revert >/dev/null
finish
