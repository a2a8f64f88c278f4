# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the suites of rules and of the daemon share, on top of policy_lib.sh.
# Names of disks have no blanks.
# shellcheck disable=SC2086,SC2317
# shellcheck source=tests/vm/policy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/policy_lib.sh"
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/debug_lib.sh"

# shellcheck disable=SC2034 # used by the suites
{
	rules=/etc/bpfcopy/bpfcopy.conf
	run_dir=/run/bpfcopy
	socket=$run_dir/control
	other=nvme1n1
	log=/tmp/bpfcopyd.log
}
daemon=''
mkdir -p /etc/bpfcopy

serial() { tr -d ' \n' <"/sys/block/$1/device/serial"; }
pin_of() { echo "$pins/$(cat "/sys/block/$1/dev")"; }
pinned() { find $pins -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort | paste -sd ' '; }
limit() { cat "/sys/block/$1/queue/copy_max_bytes"; }
said() { grep -qF -- "$1" $log; }

# write_rules FIRST SECOND: rules for both disks, by serial number.
write_rules() {
	cat >$rules <<-RULES
		[policy.first]
		match_serial = $(serial $disk)
		$1
		[policy.second]
		match_serial = $(serial $other)
		$2
	RULES
}

apply() { bpfcopy policy apply "$@"; }
# What apply says it does: "DEVICE KEY ACTION" in one line.
changes() { apply "$@" | awk 'NR > 1 { print $1, $2, $3 }' | paste -sd ,; }

# With the rights of bpfcopyd.service and no others.
as_daemon=(setpriv --bounding-set '-all,+bpf,+perfmon,+sys_admin' --no-new-privs --inh-caps -all)
start_daemon() {
	: >$log
	"${as_daemon[@]}" bpfcopyd 2>>$log &
	daemon=$!
	wait_for 30 said 'ready, with' || {
		cat $log
		return 1
	}
}

# end_daemon SIGNAL: its exit status.
end_daemon() {
	local status=0
	kill -$1 $daemon
	wait $daemon || status=$?
	daemon=''
	return $status
}
stop_daemon() { end_daemon TERM; }

# Of the daemon, in hundredths of a second.
processor_time() { awk '{ print $14 + $15 }' /proc/$daemon/stat; }

# ask REQUEST: what the daemon answers.
ask() { printf '%s\n' "$1" | control_client $socket; }

# stop_at CALL N COMMAND...: in the background, stopped by its Nth CALL until go_on. With -p PID
# instead of a command, that process.
stop_at() {
	rm -f /tmp/strace
	strace -f -qq -o /tmp/strace -e trace=$1 -e inject=$1:signal=SIGSTOP:when=$2 "${@:3}" >/tmp/said 2>&1 &
	tracer=$!
}
is_stopped() { grep -q 'stopped by SIGSTOP' /tmp/strace; }
# Its exit status.
go_on() {
	pkill -CONT -x bpfcopy
	wait $tracer
}

# get MEMBER[|MEMBER]...: the values of these members of an answer, in one line. Not with jq, which
# takes longer to start than the daemon to answer.
get() { grep -oE "\"($1)\":[^],}]*" | cut -d : -f 2- | paste -sd ' '; }
