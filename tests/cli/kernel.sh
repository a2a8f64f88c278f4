#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# On a kernel without copy offload every verb says what is missing and exits with 6.
# Functions are called by check.
# shellcheck disable=SC2317,SC2086
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

if patched; then
	skip 'unpatched kernel' 'this kernel has copy offload'
	finish
fi

status_tells() {
	local status=0
	"$bpfcopy" status >"$scratch/out" 2>"$scratch/err" || status=$?
	cat "$scratch/out" "$scratch/err"
	[ $status = 6 ] &&
		grep -qF "this kernel ($(uname -r)) lacks" "$scratch/err" &&
		grep -qE 'no struct blk_copy_ops|no BTF' "$scratch/err" &&
		grep -q '^copy policies  *no ' "$scratch/out" &&
		grep -q '^copy tracepoints  *no ' "$scratch/out"
}
check 'status says what is missing' status_tells

status_json() {
	local status=0
	"$bpfcopy" status -o ndjson >"$scratch/out" 2>/dev/null || status=$?
	cat "$scratch/out"
	[ $status = 6 ] &&
		grep -q '"feature":"copy policies","present":"no"' "$scratch/out"
}
check 'status says it in JSON too' status_json

refuse 'load --global' 6 'lacks copy offload' load threshold --global
refuse 'load --all' 6 'lacks copy offload' load threshold --all
refuse 'unload --all' 6 'lacks copy offload' unload --all
refuse 'trace' 6 'copy tracepoints' trace --count=1

# A loop device of our own: never a disk of this machine.
loop=''
drop_loop() { [ -z "$loop" ] || losetup -d "$loop"; rm -rf "$scratch"; }
trap drop_loop EXIT
truncate -s 1M "$scratch/image"
if loop=$(losetup --find --show "$scratch/image" 2>"$scratch/err"); then
	refuse 'copy' 6 'do not know the ioctl BLKCOPY' \
		copy "$loop" "$loop@512KiB" 4KiB
	check 'dev show: limits are not known' sh -c \
		"'$bpfcopy' dev show '$loop' | grep -q '^copy_max_bytes  *-\$'"
else
	skip 'copy' "no loop device: $(head -n 1 "$scratch/err")"
fi

finish
