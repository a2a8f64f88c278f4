#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tracer: every copy is one row, tokens live and die, what is lost is counted.
# vm: --nvme 256M --timeout 240
# debug: yes
# Many functions are called by check; $a belongs to jq.
# shellcheck disable=SC2317,SC2016
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh

disk=nvme0n1
out=/tmp/trace.ndjson

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip trace "this kernel has no copy offload"
	finish
fi

# start OPTION...: trace in the background, from here on every copy is seen.
start() {
	: >$out
	bpfcopy trace -o ndjson "$@" >$out 2>/tmp/trace.err &
	tracer=$!
	wait_for 60 grep -q '"type":"hello"' $out || { cat /tmp/trace.err; return 1; }
}

# stop: end it; its exit status is in $stopped.
stop() {
	stopped=0
	kill -INT $tracer
	wait $tracer || stopped=$?
}

# rows TYPE [KEY VALUE]: how many
rows() {
	grep "\"type\":\"$1\"" $out | grep -c "${2:+\"$2\":\"$3\"}" || :
}

# get TYPE JQ-FILTER: of all rows of that type as an array
get() { grep "\"type\":\"$1\"" $out | jq -sr "$2"; }
bye() { get bye ".[0].$1"; }

# copy BYTES [OPTION...]
copy() { bpfcopy copy "$disk" "$disk@64MiB" "$1B" "${@:2}" >/dev/null; }

exact() {
	t_case "exact counts"
	start --tokens
	# 23 copies: a prime, so that no factor hides a miscount.
	copy $((17 * 65536)) --step 64KiB
	copy $((5 * 4096)) --step 4KiB --mode emulate
	copy 131072
	stop
	check_equal "it ends well" $stopped 0
	check_equal "23 copies, 23 rows" "$(rows copy)" 23
	check_equal "and 23 in the sum" "$(bye copies)" 23
	check_equal "18 of them offloaded" "$(rows copy path offload)" 18
	check_equal "5 emulated" "$(rows copy path emulate)" 5
	check_equal "because the caller said so" "$(rows copy reason caller)" 5
	check_equal "the others by the built-in rule" "$(rows copy reason builtin)" 18
	check_equal "bytes offloaded" "$(bye offloaded_bytes)" $((17 * 65536 + 131072))
	check_equal "bytes emulated" "$(bye emulated_bytes)" $((5 * 4096))
	check_equal "rows say the same" "$(get copy 'map(.offloaded_bytes) | add')" "$(bye offloaded_bytes)"
	check_equal "nothing failed" "$(bye errors)" 0
	check_equal "nothing is lost" "$(bye lost)" 0
	check_equal "every copy has an id of its own" "$(get copy 'map(.copy_id) | unique | length')" 23
	check_equal "every one took time" "$(get copy 'map(select(.latency_ns <= 0)) | length')" 0
	check_equal "the ioctl is the origin" "$(rows copy origin ioctl)" 23
	check_equal "and bpfcopy the program" "$(rows copy comm bpfcopy)" 23
	check_equal "two paths have percentiles" "$(rows path)" 2
	check_equal "in order" "$(get path 'map(select(.p50_ns > .p99_ns or .p50_ns == 0)) | length')" 0
	check_equal "p99 is that of the rows, within a bucket" "$(percentile_right)" true
}

# The slowest of fewer than 100 copies is the 99th percentile.
percentile_right() {
	local slowest p99
	slowest=$(get copy 'map(select(.path == "offload").latency_ns) | max')
	p99=$(get path 'map(select(.path == "offload"))[0].p99_ns')
	jq -n "($p99 - $slowest) / $slowest | fabs < 0.07"
}

tokens() {
	t_case "tokens"
	check_equal "a token per offloaded copy" "$(bye tokens_created)" 18
	check_equal "all are freed" "$(bye tokens_freed)" 18
	check_equal "alloc rows" "$(rows token step alloc)" 18
	check_equal "free rows" "$(rows token step free)" 18
	check_equal "every token is filled" \
		"$(get token 'map(select(.step == "fill").token_id) | unique | length')" 18
	check_equal "what is consumed completes" "$(rows token step complete)" "$(rows token step consume)"
	check_equal "none is rejected" "$(rows token step reject)" 0
	check_equal "what is freed was done" \
		"$(get token 'map(select(.step == "free" and .done_bytes != .bytes)) | length')" 0
	check_equal "a token only grows older" "$(get token 'group_by(.token_id) |
		map(select(map(.age_ns) as $a | (.[0].step != "alloc") or ($a[-1] < ($a | max)))) |
		length')" 0
	check_equal "the parts make the whole" "$(get token 'group_by(.token_id) |
		map(select((map(select(.step == "complete").bytes) | add) != .[0].bytes)) | length')" 0
}

filters() {
	t_case "filters"
	start --path emulate
	copy 65536
	copy 65536 --mode emulate
	stop
	check_equal "by path" "$(get copy 'map(.path) | join(" ")')" emulate
	check_equal "totals are filtered too" "$(bye copies)" 1

	start --min-size 128KiB
	copy 65536
	copy 131072
	stop
	check_equal "by size" "$(get copy 'map(.bytes) | join(" ")')" 131072

	start --min-latency 1h
	copy 65536
	stop
	check_equal "by latency" "$(rows copy)" 0

	start --pid $$
	copy 65536
	stop
	check_equal "by process" "$(rows copy)" 0

	start --errors
	copy 65536
	stop
	check_equal "by failure" "$(rows copy)" 0

	printf 'start=100MiB, size=32MiB\n' | sfdisk -q /dev/$disk >/dev/null
	start --dev ${disk}p1
	copy 65536
	bpfcopy copy $disk@0 ${disk}p1@0 64KiB >/dev/null
	stop
	check_equal "by partition" "$(get copy 'map(.device) | join(" ")')" ${disk}p1

	start --dev $disk
	copy 65536
	bpfcopy copy $disk@0 ${disk}p1@0 64KiB >/dev/null
	stop
	check_equal "a disk includes its partitions" "$(rows copy)" 2
	sfdisk -q --delete /dev/$disk
}

ends() {
	t_case "ends"
	start --count 3
	copy $((5 * 4096)) --step 4KiB
	check "after a number of copies" wait $tracer
	check_equal "and not one row more" "$(rows copy)" 3
	check_equal "but the sum knows them all" "$(bye copies)" 5
	check "after a while" bpfcopy trace --duration 300ms -o ndjson
	start
	kill -TERM $tracer
	check "on SIGTERM" wait $tracer
	check_equal "with a last line" "$(rows bye)" 1
}

# A reader that is stopped loses rows, but no count.
losses() {
	local copies=8192 seen
	t_case "losses"
	start --tokens --fail-on-loss
	kill -STOP $tracer
	copy $((copies * 4096)) --step 4KiB
	kill -CONT $tracer
	stop
	check_equal "losses can be an exit status" $stopped 7
	check_equal "no copy is lost from the sum" "$(bye copies)" $copies
	check_equal "nor a token" "$(bye tokens_created) $(bye tokens_freed)" "$copies $copies"
	check "rows are lost" test "$(bye lost)" -gt 0
	# alloc, fill, consume, complete, free and the copy itself
	seen=$(($(rows copy) + $(rows token)))
	check_equal "and it is known how many" $((seen + $(bye lost))) $((6 * copies))
	check_equal "the rows between say so, too" "$(get lost 'map(.lost) | add')" "$(bye lost)"
}

two_tracers() {
	t_case "two tracers"
	bpfcopy trace -o ndjson --count 1 >/tmp/other.ndjson &
	other=$!
	wait_for 60 grep -q hello /tmp/other.ndjson || :
	start --count 1
	copy 65536
	check "one sees it" wait $other
	check "and so does the other" wait $tracer
}

head -c 8M /dev/urandom | dd of=/dev/$disk bs=1M conv=fsync status=none
exact
tokens
filters
ends
losses
two_tracers
finish
