#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every way a guest can end is reported as what it is. A harness that calls a panic a
# success makes every other test worthless.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

vm() { tests/vm/run --timeout 60 "$@"; }

# Check the status, that stderr says WORD, and that it holds one reproduce line.
expect() {
	local name=$1 want=$2 word=$3 err status=0
	shift 3
	err=$(mktemp)
	vm "$@" >/dev/null 2>"$err" || status=$?
	if [ $status = "$want" ] && grep -q "$word" "$err" &&
		[ "$(grep -c '^reproduce: tests/vm/run ' "$err")" = 1 ]; then
		ok "$name"
	else
		echo "(status $status, expected $want and a line with '$word')" >>"$err"
		not_ok "$name" "$err"
	fi
	rm -f "$err"
}

lkdtm='modprobe lkdtm; echo'
provoke='/sys/kernel/debug/provoke-crash/DIRECT'

check 'a command that succeeds' vm -- true
expect 'a command that exits 3' 3 reproduce -- bash -c 'exit 3'
expect 'a command that is not there exits 127' 127 reproduce -- no-such-command
expect 'a command killed by a signal exits 128+n' 137 reproduce -- bash -c 'kill -9 $$'
expect 'a status of the harness is not believed' 199 'status was 200' -- bash -c 'exit 200'
expect 'a panic (sysrq c)' 200 PANIC -- bash -c 'echo c >/proc/sysrq-trigger; sleep 30'
expect 'an oops is a panic' 200 PANIC -- bash -c "$lkdtm EXCEPTION >$provoke; sleep 30"
expect 'a WARNING, though the command exits 0' 201 SPLAT -- \
	bash -c "$lkdtm WARNING >$provoke; exit 0"
expect 'a hang' 202 TIMEOUT --timeout 15 -- sleep 1000
expect 'a power off without a verdict' 203 'NO VERDICT' -- poweroff -f
expect 'a forged verdict of another run' 203 'NO VERDICT' -- \
	bash -c 'echo "verdict 0123456789abcdef 0" >/dev/vport0p2; poweroff -f'
check 'an allowed complaint' vm --allow-splat lkdtm_WARNING -- \
	bash -c "$lkdtm WARNING >$provoke"
finish
