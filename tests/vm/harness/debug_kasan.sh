#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kasan kernel finds what it is there to find: each kind of mistake is made on purpose,
# by the kernel's own test modules, and has to be seen, named, and count.
# quick: yes
# debug: only kasan
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fails COMMAND: run it, with these options of tests/vm/run, and have its complaints counted;
# they are in $work/err, the kernel's log in $log.
log=build/vm/debug_kasan/dmesg.log
# shellcheck disable=SC2317 # through check
fails() {
	local command=$1 status=0
	shift
	tests/vm/run --debug-kernel kasan --timeout 900 --name debug_kasan "$@" -- bash -c "$command" \
		>"$work/out" 2>"$work/err" || status=$?
	[ "$status" != 201 ] || return 0
	cat "$work/out" "$work/err"
	echo "status $status, expected 201"
	return 1
}

# complained NAME REGEX [COUNT]: at least so many complaints that count.
complained() {
	check "$1" test "$(grep -cE "^splat: .*$2" "$work/err")" -ge "${3:-1}"
}

# One guest for all that the kernel survives.
# shellcheck disable=SC2016 # for the guest's shell
check 'mistakes of memory are a failure' fails '
	modprobe lkdtm
	for mistake in READ_AFTER_FREE SLAB_LINEAR_OVERFLOW ARRAY_BOUNDS; do
		echo $mistake >/sys/kernel/debug/provoke-crash/DIRECT
	done
	exit 0'
complained 'a use after free' 'BUG: KASAN: slab-use-after-free in lkdtm_READ_AFTER_FREE'
complained 'a write beyond the end' 'BUG: KASAN: slab-out-of-bounds in lkdtm_SLAB_LINEAR_OVERFLOW'
complained 'an index beyond the end' 'UBSAN: array-index-out-of-bounds'

# One for leaks, which take long to look for: what stock 6.12 leaks by itself, and
# kmemleak-test, which forgets 8 buffers of kmalloc() when it is loaded and more later.
check 'leaks are a failure' fails \
	'/tests/vm/suites/stock_splats.sh && modprobe kmemleak-test && rmmod kmemleak-test' \
	--leak-check
check 'the commands succeeded' grep -q 'the command ended with 0' "$work/err"
complained 'what was forgotten' 'unreferenced object .*size (32|1024|2048|4096)' 4
check 'by whom' grep -q 'comm "modprobe"' "$log"
check 'what the baseline has is told' grep -q '^stock splat: .*unreferenced object' "$work/err"
check 'and there it is' grep -q 'nvmet_ns_alloc+0x' "$log"
finish
