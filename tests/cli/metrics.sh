#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Metrics are what others can read: our own checker, and the parsers of Prometheus' client.
# Functions are called by check.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/cli/make-sysfs" "$scratch/sysfs"
export BPFCOPY_SYSFS=$scratch/sysfs
checker=$top/build/tests/vm/prom_check
sample=$top/build/tests/unit/prom

check 'the checker' "$checker" --self-test
"$sample" openmetrics >"$scratch/all.openmetrics"
"$sample" text >"$scratch/all.text"
# This kernel cannot copy: limits are there, and that it cannot.
status=0
"$bpfcopy" stats -o prom >"$scratch/here.openmetrics" 2>/dev/null || status=$?
check_equal 'a kernel without copies: status' $status 6
"$bpfcopy" stats --textfile="$scratch/here.text" 2>/dev/null || :
check 'a kernel without copies: limits' grep -q '^bpfcopy_device_copy_max_hw_bytes{device="nvme0n1"} ' \
	"$scratch/here.openmetrics"
for name in all here; do
	check "$name: OpenMetrics" sh -c "'$checker' <'$scratch/$name.openmetrics'"
	check "$name: the older format" sh -c "'$checker' --text <'$scratch/$name.text'"
done

# They raise an exception for what they do not like.
read_by_others() {
	/usr/bin/python3 -c "
import sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
for name in sys.argv[1:]:
	read = openmetrics if name.endswith('.openmetrics') else parser
	families = list(read.text_string_to_metric_families(open(name).read()))
	assert families and all(f.documentation for f in families), name
	assert not [f.name for f in families if f.type in ('unknown', 'untyped')], name
	print(len(families), name)
" "$scratch"/*.openmetrics "$scratch"/*.text
}
if /usr/bin/python3 -c 'import prometheus_client' 2>/dev/null; then
	check "read by Prometheus' own parsers" read_by_others
else
	skip "read by Prometheus' own parsers" 'no python3-prometheus-client'
fi

refuse 'textfile: no such folder' 1 'no such file' stats --textfile="$scratch/no/m.prom"
refuse 'textfile: no regular file' 1 'not a regular file' stats --textfile=/dev/null
check 'which is still there' test -c /dev/null
finish
