#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Data on stdout, all else on stderr; what becomes of output that cannot be written.
# Functions are called by check.
# shellcheck disable=SC2317,SC2086
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/cli/make-sysfs" "$scratch/sysfs"
export BPFCOPY_SYSFS=$scratch/sysfs

# pipe_closed STATUS COMMAND...: the reader ends before the first row: no message, no hang.
pipe_closed() {
	local want=$1 status=0 pipe
	shift
	exec {pipe}> >(:)
	wait $! || :
	"$@" timeout 60 "$bpfcopy" dev list -o ndjson 1>&"$pipe" 2>"$scratch/err" || status=$?
	exec {pipe}>&-
	cat "$scratch/err"
	echo "$status"
	[ ! -s "$scratch/err" ] && [ "$status" = "$want" ]
}
# Ended by SIGPIPE, as any filter; where the parent ignores that, an error.
check 'pipe closed' pipe_closed 141 env --default-signal=PIPE
check 'pipe closed, SIGPIPE ignored' pipe_closed 1 env --ignore-signal=PIPE

full_disk() {
	local status=0
	"$bpfcopy" dev list -o "$1" >/dev/full 2>"$scratch/err" || status=$?
	cat "$scratch/err"
	[ $status = 1 ] &&
		grep -q 'No space left on device' "$scratch/err" &&
		[ "$(wc -l <"$scratch/err")" = 1 ]
}
for format in table json ndjson; do
	check "disk full, $format" full_disk $format
done

# Every line, and every document, is JSON that names its schema first.
if command -v python3 >/dev/null; then
	check 'JSON parses' sh -c "'$bpfcopy' dev list -o json |
		python3 -c 'import json, sys; d = json.load(sys.stdin);
assert list(d)[0] == \"schema\" and d[\"schema\"] == \"bpfcopy.dev/1\", d'"
	check 'NDJSON parses' sh -c "'$bpfcopy' dev list -o ndjson |
		python3 -c 'import json, sys
for line in sys.stdin:
	d = json.loads(line)
	assert list(d)[:2] == [\"schema\", \"type\"], d'"
else
	skip 'JSON parses' 'no python3'
fi

finish
