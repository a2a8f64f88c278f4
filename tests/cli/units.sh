#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The systemd unit is valid and hardened.
# Functions are called by check.
# shellcheck disable=SC2317
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

unit=$top/loader/bpfcopyd/bpfcopyd.service

# score: as systemd-analyze sees it, times 10; 0 is best.
score() {
	systemd-analyze security --offline=yes --no-pager "$unit" |
		sed -n 's/.*exposure level for [^:]*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}

# All but that the program is not installed here.
unit_is_valid() {
	! systemd-analyze verify --man=no "$unit" 2>&1 | grep -v 'is not executable'
}

# calls GROUP: the system calls of a group, and of the groups in it.
calls() {
	systemd-analyze syscall-filter --no-pager "$1" | sed '1d;s/^ *//;/^#/d;/^$/d' |
		while read -r call; do
			case $call in
			@*) calls "$call" ;;
			*) echo "$call" ;;
			esac
		done
}

# allowed CALL...: none of these is filtered out.
allowed() {
	local group call denied=()
	read -r -a denied <<<"$(sed -n 's/^SystemCallFilter=~//p' "$unit")"
	{ calls @system-service; echo bpf; } >"$scratch/allowed"
	for group in "${denied[@]}"; do calls "$group"; done >"$scratch/denied"
	for call; do
		grep -qx "$call" "$scratch/allowed" || return 1
		! grep -x "$call" "$scratch/denied" || return 1
	done
}

if type -P systemd-analyze >/dev/null; then
	check 'the unit is valid' unit_is_valid
	check 'its exposure is at most 2.0' test "$(score)" -le 20
	# What it was seen to call that belongs to groups which look superfluous.
	check 'the calls it makes are not filtered out' allowed bpf membarrier timerfd_create \
		timerfd_settime signalfd4 epoll_ctl accept4 flock statfs fsync rename ftruncate
else
	skip 'the unit is hardened' 'no systemd-analyze here'
fi
check 'it has the rights that it needs' \
	grep -qx 'CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_ADMIN' "$unit"
finish
