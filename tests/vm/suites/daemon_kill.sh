#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# SIGKILL at any moment: while rules are applied, while disks come and go. Every disk has the
# old policy or the new one, no pin is left over, and the next daemon makes it whole.
# vm: --nvme 64M --nvme 64M --timeout 150
# debug: no
# DAEMON_KILLS=N and DAEMON_SEED=N: how often, and which moments.
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

kills=${DAEMON_KILLS:-10}
seed=${DAEMON_SEED:-$RANDOM}
RANDOM=$seed
echo "# DAEMON_SEED=$seed DAEMON_KILLS=$kills"

# Two sets of rules, that have nothing in common.
write_rules() {
	local first=never second=always limit=32KiB
	[ $1 = 0 ] || first=always second=never limit=16KiB
	cat >$rules <<-RULES
		[policy.first]
		match_name = $disk
		policy = $first
		copy_max_bytes = $limit
		[policy.second]
		match_name = $other
		policy = $second
		[policy.debug]
		match_transport = debug
		policy = threshold
	RULES
}
wanted() { if [ $1 = 0 ]; then echo "$disk=never $other=always"; else echo "$disk=always $other=never"; fi; }

# old_or_new: of each disk, its policy is one of both, or, of the one that comes and goes, none.
old_or_new() {
	attached | tr ' ' '\n' >/tmp/now
	cat /tmp/now
	[ "$(grep -cE "^$disk=(never|always)$" /tmp/now)" = 1 ] &&
		[ "$(grep -cE "^$other=(never|always)$" /tmp/now)" = 1 ] &&
		! grep -vE "^($disk|$other)=(never|always)$|=threshold$" /tmp/now
}

is_whole() {
	local want
	want=$(wanted $1)
	[ ! -b /dev/nvme2n1 ] || want="$want nvme2n1=threshold"
	[ "$(attached)" = "$want" ]
}

# As many pins as policies, each with its link and its counters.
no_pin_too_many() {
	find $pins -mindepth 1
	check_equal "$1" "$(pinned)" "$(cd /sys/block && for d in $(attached | sed 's/=[^ ]*//g'); do
		cat $d/dev
	done | sort | paste -sd ' ')"
	check_equal 'and nothing else in them' "$(find $pins -mindepth 2 -printf '%f\n' | sort -u | paste -sd ' ')" \
		'counters link'
}

# A random time, up to what a change of everything takes.
random_sleep() { sleep "$(printf '0.%03d' $((RANDOM % $1)))"; }

modprobe nvme-debug i_know=1
write_rules 0
start_daemon
bad=0 set=0
for ((i = 0; i < kills; i++)); do
	set=$((1 - set))
	write_rules $set
	case $((i % 3)) in
	0 | 1) kill -HUP $daemon ;;
	2)
		if [ -b /dev/nvme2n1 ]; then detach come; else attach come >/dev/null & fi
		kill -HUP $daemon
		;;
	esac
	random_sleep 400
	end_daemon KILL 2>/dev/null || :
	old_or_new >/tmp/found || { bad=$((bad + 1)); cat /tmp/found; }
	wait
	if ! start_daemon || ! wait_for 60 is_whole $set; then
		bad=$((bad + 1))
		echo "# after kill $i: $(attached), not $(wanted $set)"
		cat $log
	fi
done
check_equal "$kills kills: always the old policy or the new one, and then whole" $bad 0
no_pin_too_many 'as many pins as policies' | grep -E '^(ok|not ok|#)'

# The command, too, and with nobody to mend it but the next one.
stop_daemon
bad=0
for ((i = 0; i < kills; i++)); do
	set=$((1 - set))
	write_rules $set
	bpfcopy policy apply >/dev/null 2>&1 &
	random_sleep 600
	kill -KILL $! 2>/dev/null || :
	wait $! 2>/dev/null || :
	old_or_new >/tmp/found || { bad=$((bad + 1)); cat /tmp/found; }
done
check_equal "$kills kills of the command: the same" $bad 0
check 'the next one does what is missing' bpfcopy policy apply
check 'all of it' is_whole $set
no_pin_too_many 'as many pins as policies then' | grep -E '^(ok|not ok|#)'
bpfcopy policy revert >/dev/null
check_equal 'and revert knows what was before' "$(attached) $(pinned) $(limit $disk)" '  65536'

# A step fails, as the other disk's limit cannot be written, and what was done is undone. Killed at
# each call of the way back: it never decides without the program with which it watches the disk.
undone_rules() {
	printf '[policy.a]\nmatch_name = %s\npolicy = %s\n[policy.b]\nmatch_name = %s\ncopy_max_bytes = %s\n' \
		$disk $1 $other $2 >$rules
}
watches() {
	attached
	find $pins
	[ "$(attached)" = $disk=guard ] && [ -e "$(pin_of $disk)/probe-$(member $disk map_id)-0" ]
}
read_only=/sys/block/$other/queue/copy_max_bytes
cat $read_only >/tmp/limit
mount --bind /tmp/limit $read_only
mount -o remount,bind,ro $read_only
undone_rules guard 64KiB
check 'a policy that watches' bpfcopy policy apply
undone_rules never 16KiB
calls=bpf,unlink,unlinkat,rename,renameat,renameat2
check_status 'a change that fails' 1 strace -qq -e trace=$calls -o /tmp/calls bpfcopy policy apply
check 'is undone' watches
# "NAME NUMBER" of each call from just before the old policy is in force again.
awk -F '(' '{ line[NR] = $1 " " ++n[$1] }
	/BPF_LINK_UPDATE/ { last = NR }
	END { for (i = last - 1; i <= NR; i++) print line[i] }' /tmp/calls >/tmp/since
check 'in several calls' test "$(wc -l </tmp/since)" -gt 3
check_equal 'by a second change of what the link holds' "$(grep -c BPF_LINK_UPDATE /tmp/calls)" 2
bad=0
while read -r call i <&3; do
	undone_rules never 16KiB
	strace -qq -o /dev/null -e trace=$calls -e inject=$call:signal=KILL:when=$i bpfcopy policy apply \
		>/dev/null 2>&1 || :
	[ "$(attached)" = $disk=never ] || watches >/tmp/found || { bad=$((bad + 1)); cat /tmp/found; }
	undone_rules guard 64KiB
	bpfcopy policy apply >/dev/null
	watches >/tmp/found || { bad=$((bad + 1)); cat /tmp/found; }
done 3</tmp/since
check_equal "killed in it at $(wc -l </tmp/since) calls: it watches while it decides" $bad 0
umount $read_only
bpfcopy policy revert >/dev/null
finish
