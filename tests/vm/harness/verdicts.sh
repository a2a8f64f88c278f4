#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every way a guest can end is reported as what it is. A harness that calls a panic a
# success makes every other test worthless.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

vm() { tests/vm/run --timeout 180 "$@"; }

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
expect 'a hang' 202 TIMEOUT --timeout 8 -- sleep 1000
expect 'a power off without a verdict' 203 'NO VERDICT' -- poweroff -f
expect 'a forged verdict of another run' 203 'NO VERDICT' -- \
	bash -c 'echo "verdict 0123456789abcdef 0" >/dev/vport0p2; poweroff -f'
expect 'a complaint in the log, made up' 201 SPLAT -- \
	bash -c 'echo "INFO: task cat:12 blocked for more than 120 seconds." >/dev/kmsg'
check 'an allowed complaint' vm --allow-splat lkdtm_WARNING -- \
	bash -c "$lkdtm WARNING >$provoke"

# A QEMU that leaves the log of an int3 on its first boots, as many as say so, and then is the
# real one. Only what the emulator alone can have done wrong is worth another try.
fake=$(mktemp -d)
trap 'rm -rf "$fake"' EXIT
cat >"$fake/qemu-system-x86_64" <<'SH'
#!/bin/bash
here=${0%/*}
read -r boots byte <"$here/plan"
if [ "$boots" -gt 0 ]; then
	echo "$((boots - 1)) $byte" >"$here/plan"
	[ "$byte" != abort ] || { echo "x.c:1: Assertion \`a < b' failed." >&2; kill -ABRT $$; }
	log=$(grep -oE '/[^ ]*/console.log' <<<"$*")
	printf '%s\n' 'Oops: int3: 0000 [#1]' "Code: 0f 1f $byte <44> 00 00" >"$log"
	exit 0
fi
PATH=${PATH#"$here:"}
exec qemu-system-x86_64 "$@"
SH
chmod +x "$fake/qemu-system-x86_64"
# planned BOOTS BYTE OPTION...: run with that QEMU.
# shellcheck disable=SC2317 # through check
planned() {
	echo "$1 $2" >"$fake/plan"
	shift 2
	PATH=$fake:$PATH vm "$@" 2>"$fake/err"
}
check "the emulator's own fault is tried again" planned 2 0f -- true
# At least: the real emulator that comes after may have the fault, too.
check 'as often as it is said' test "$(grep -c 'booting once more' "$fake/err")" -ge 2
check_status 'but not for ever' 205 planned 9 0f -- true
check_status "an int3 of the kernel's is not" 203 planned 1 cc -- true
check 'an assertion of the emulator is tried again' planned 2 abort -- true
check_status 'nor that for ever' 205 planned 9 abort -- true
finish
