#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# SIGKILL at any moment: while rules are applied, while disks come and go. Every disk has the
# old policy or the new one, no pin is left over, and the next daemon makes it whole.
# vm: --nvme 64M --nvme 64M --timeout 150
# with: build/tests/vm/daemon_kill
# DAEMON_KILLS=N, COMMAND_KILLS=N and DAEMON_SEED=N: how often each is killed, at which moments.
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

kills=${DAEMON_KILLS:-30} command_kills=${COMMAND_KILLS:-30}
seed=${DAEMON_SEED:-$RANDOM}
echo "# DAEMON_SEED=$seed DAEMON_KILLS=$kills COMMAND_KILLS=$command_kills"

modprobe nvme-debug i_know=1
program daemon_kill $kills $seed $disk $other daemon "${as_daemon[@]}" bpfcopyd
# And with nobody to mend it but the next one.
program daemon_kill $command_kills $seed $disk $other command bpfcopy policy apply
bpfcopy policy revert >/dev/null
check_equal 'and revert knows what was before' "$(attached) $(pinned) $(limit $disk)" '  65536'

# A step fails, as the other disk's limit cannot be written, and what was done is undone. Killed at
# each call of the way back: it never decides without the program with which it watches the disk.
undone_rules() {
	printf '[policy.a]\nmatch_name = %s\npolicy = %s\n[policy.b]\nmatch_name = %s\ncopy_max_bytes = %s\n' \
		$disk $1 $other $2 >$rules
}
# What is attached there, and by what it watches.
watches() {
	local row
	row=$(status policy device policy map_id)
	echo "$row"
	find $pins
	[ "${row% *}" = "$disk guard" ] && [ -e "$(pin_of $disk)/probe-${row##* }-0" ]
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
	watches >/tmp/found || grep -q "^$disk never " /tmp/found || { bad=$((bad + 1)); cat /tmp/found; }
	undone_rules guard 64KiB
	bpfcopy policy apply >/dev/null
	watches >/tmp/found || { bad=$((bad + 1)); cat /tmp/found; }
done 3</tmp/since
check_equal "killed in it at $(wc -l </tmp/since) calls: it watches while it decides" $bad 0
umount $read_only
bpfcopy policy revert >/dev/null
finish
