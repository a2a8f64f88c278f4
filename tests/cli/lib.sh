# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the scripts here: the program under test, and what they need often.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib.sh
. "$top/tests/lib.sh"
export LC_ALL=C.UTF-8 TZ=UTC
bpfcopy=$top/build/bin/bpfcopy
[ -x "$bpfcopy" ] || { echo "not ok $bpfcopy is not built"; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# refuse NAME STATUS PATTERN ARGUMENT...: it ends with STATUS, says PATTERN (an extended
# regular expression) on stderr and nothing on stdout.
refuse() {
	local name=$1 want=$2 pattern=$3 status=0
	shift 3
	"$bpfcopy" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
	{
		echo "(exit status $status, expected $want and /$pattern/, of: bpfcopy $*)"
		echo 'stdout:'
		cat "$scratch/out"
		echo 'stderr:'
		cat "$scratch/err"
	} >"$scratch/log"
	if [ $status = "$want" ] && grep -qE -- "$pattern" "$scratch/err" &&
		[ ! -s "$scratch/out" ]; then
		ok "$name"
	else
		not_ok "$name" "$scratch/log"
	fi
}

# patched: does the running kernel have copy offload?
patched() { [ -e /sys/kernel/btf/vmlinux ] && grep -q blk_copy_ops /sys/kernel/btf/vmlinux; }
