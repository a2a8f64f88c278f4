#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy hist: what it counts is what bpfcopy trace shows, copy for copy; nothing is lost
# without being counted; formats, clean ends.
# vm: --nvme 256M --timeout 300
# with: build/tests/vm/copy_once
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh

disk=nvme0n1
output=/tmp/hist.out
errors=/tmp/hist.err
rows=/tmp/trace.out
pid=''

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'bpfcopy hist' 'this kernel has no copy offload'
	finish
fi

head -c 16M /dev/urandom | dd of=/dev/$disk bs=1M conv=fsync status=none

# start ARGUMENT...: count in the background, ready.
start() {
	: >$output
	: >$errors
	bpfcopy hist "$@" >$output 2>$errors &
	pid=$!
	wait_for $((60 * T_SCALE)) started || { not_ok "bpfcopy hist $*: it does not begin" $errors; finish; }
}
# With JSON nobody is told: the kernel knows who is attached.
started() { grep -q '^Counting' $errors || grep -q '"hello"' $output || [ "$(links)" -gt 0 ]; }
programs() { bpftool prog show | grep -c 'name hist_copy_end' || :; }
# A program is there before it is attached.
links() {
	local ids
	ids=$(bpftool prog show | sed -n 's/^\([0-9]*\):.* name hist_copy_end .*/\1/p' | paste -sd '|')
	bpftool link show | grep -cE " prog ($ids)( |\$)" || :
}

# stop [SIGNAL]: end it; its exit status is in $status.
stop() {
	kill -${1:-TERM} $pid
	ended
}
ended() {
	status=0
	wait $pid || status=$?
}

# copies N SIZE [MODE]: N of them in one process.
copies() { copy_once --count $1 --mode ${3:-auto} /dev/$disk /dev/$disk 0 64MiB $2 >/dev/null; }

# The same is asked of both: whatever trace shows is in the histograms, and nothing else.
mix() {
	copies 41 4KiB
	copies 7 64KiB
	copies 2 1MiB
	copies 17 4KiB emulate
	T_CALL=cfr copies 5 12KiB
	copy_once --count 3 /dev/$disk /dev/blank 0 0 8KiB >/dev/null
	copy_once --count 2 /dev/$disk ${disk_part} 0 0 20KiB >/dev/null
	copy_once --mode offload /dev/$disk /dev/blank 0 0 8KiB >/dev/null || :
	bpfcopy load threshold --dev $disk min_bytes=64KiB >/dev/null
	copies 6 4KiB
	copies 3 64KiB
	bpfcopy unload --dev $disk >/dev/null
	bpfcopy load never --global >/dev/null
	copies 4 4KiB
	bpfcopy unload --global >/dev/null
}
# Of both: the policy that decided.
decided='if .reason == "policy" or .reason == "global-policy" then .policy else null end'
disk_part=/dev/${disk}p1

tracer=''
trace_start() {
	bpfcopy trace -o ndjson >$rows 2>/tmp/trace.err &
	tracer=$!
	wait_for $((60 * T_SCALE)) grep -q '"hello"' $rows
}
trace_stop() {
	kill -TERM $tracer
	wait $tracer
	jq -s 'map(select(.type == "copy"))' $rows >/tmp/copies.json
}

# same_as_trace FIELDS: for each combination of FIELDS, as jq expressions of a row of trace,
# the same copies, bytes, errors, sum and largest latency; and in each bucket as many copies as
# rows that belong there.
same_as_trace() {
	jq -rn --slurpfile copies /tmp/copies.json --slurpfile hist $output '
		def key: '"$1"' | map(. // "" | tostring) | join(" ");
		def numbers: [length, (map(.offloaded_bytes) | add), (map(.emulated_bytes) | add),
			(map(select(.error)) | length), (map(.latency_ns) | add), (map(.latency_ns) | max)];
		($copies[0] | group_by(key) | map({ key: (.[0] | key), value: . }) | from_entries) as $groups
		| ($hist[0].series | map({ key: key, value: [.copies, .offloaded_bytes, .emulated_bytes,
			.errors, .latency_sum_ns, .max_ns] }) | from_entries) as $series
		| ($groups | map_values(numbers)) as $want
		| (if $want != $series then "series: \($series), trace: \($want)" else empty end),
		($hist[0].latencies[] | . as $b | key as $k
			| ($groups[$k] | map(select(.latency_ns >= $b.ge_ns and .latency_ns < $b.lt_ns)) | length) as $n
			| select($n != .copies) | "\(.) in trace: \($n)"),
		($hist[0].sizes[] | . as $b | key as $k
			| ($groups[$k] | map(select(.bytes >= $b.ge_bytes and .bytes < $b.lt_bytes)) | length) as $n
			| select($n != .copies) | "\(.) in trace: \($n)"),
		([$hist[0].latencies, $hist[0].sizes | map(.copies) | add] | unique
			| select(. != [$copies[0] | length]) | "buckets have \(.) copies")' >/tmp/differ
	cat /tmp/differ
	[ ! -s /tmp/differ ]
}

# percentiles_agree: with those of the rows, as exact as buckets are.
percentiles_agree() {
	jq -rn --slurpfile copies /tmp/copies.json --slurpfile hist $output '
		def rank($p): sort | .[((length * $p + 999) / 1000 | floor) - 1];
		($copies[0] | map(.latency_ns)) as $ns | $hist[0].series[0]
		| ([.p50_ns, 500], [.p90_ns, 900], [.p99_ns, 990], [.p999_ns, 999])
		| (.[1]) as $p | ($ns | rank($p)) as $want
		| select((.[0] - $want | fabs) > $want * 0.0626 + 1) | "\($p): \(.[0]), in trace \($want)"' >/tmp/differ
	cat /tmp/differ
	[ ! -s /tmp/differ ]
}

# All of them at once, beside a tracer: they do not disturb each other.
same_copies() {
	local by i=0 bys=('dev,path,policy,origin' 'dev,path' origin policy) pids=()
	trace_start
	for by in "${bys[@]}"; do
		bpfcopy hist -o json --by=$by >/tmp/by.$i 2>/tmp/by.$i.err &
		pids+=($!)
		: $((i += 1))
	done
	wait_for $((60 * T_SCALE)) attached $i
	mix
	kill -TERM "${pids[@]}"
	for i in "${!pids[@]}"; do
		status=0
		wait ${pids[i]} || status=$?
		check_equal "by ${bys[i]}: a clean end" "$status $(cat /tmp/by.$i.err)" '0 '
	done
	trace_stop
	check_equal 'copies of all kinds' "$(jq length /tmp/copies.json)" 91
	output=/tmp/by.0 check 'by all: the same as trace, copy for copy' same_as_trace "[.device, .path, .reason, ($decided), .origin]"
	check_equal 'combinations' "$(jq '.series | length' /tmp/by.0)" 9
	check_equal 'policies have names' "$(jq -c '.series | map("\(.reason) \(.policy)") | unique' /tmp/by.3)" \
		'["builtin null","caller null","global-policy never","policy threshold","unsupported null"]'
	output=/tmp/by.1 check 'by device and path, the default' same_as_trace '[.device, .path]'
	output=/tmp/by.2 check 'by origin' same_as_trace '[.origin]'
	output=/tmp/by.3 check 'by who decided' same_as_trace "[.reason, ($decided)]"
	for i in "${!bys[@]}"; do
		check "by ${bys[i]}: of a recording of these copies, bucket for bucket the same" \
			diff <(bpfcopy hist -r $rows -o json --by=${bys[i]} | but_times) <(but_times </tmp/by.$i)
	done
	check_equal 'what is not told apart is null' \
		"$(jq -c '.series[0] | [.device, .path, .reason]' /tmp/by.2)" '[null,null,null]'
	check_equal 'nothing is lost' "$(jq -c '.bye | [.copies, .errors, .lost]' /tmp/by.0)" '[91,1,0]'
	check_equal 'nothing stays attached' "$(programs)" 0
}
attached() { [ "$(programs)" = $1 ] && [ "$(links)" = $1 ]; }
but_times() { jq -S 'del(.hello, .bye.ts_ns) | del(.[][]? | objects | .from_ns, .to_ns)'; }

percentiles() {
	trace_start
	start -o json --origin=ioctl --by=origin --min-size=4KiB
	copies "$(scaled 300)" 4KiB
	stop
	trace_stop
	check 'percentiles are those of the rows' percentiles_agree
}

# NAME|OPTIONS|CONDITION on the rows of a tracer without any.
filter_list="latency|--min-latency=1ms|.latency_ns >= 1000000
origin|--origin=copy_file_range|.origin == \"copy_file_range\"
failures|--errors|.error
partition|--dev=${disk}p1|.device == \"${disk}p1\"
disk, path and size|--dev=$disk --path=offload --min-size=64KiB|.path == \"offload\" and .bytes >= 65536"

filters() {
	local name options condition pids=() i=0
	trace_start
	while IFS='|' read -r name options condition; do
		bpfcopy hist -o json --by=path $options >/tmp/filter.$i 2>/tmp/filter.$i.err &
		pids+=($!)
		: $((i += 1))
	done <<<"$filter_list"
	wait_for $((60 * T_SCALE)) attached $i
	mix
	kill -TERM "${pids[@]}"
	wait "${pids[@]}"
	trace_stop
	i=0
	while IFS='|' read -r name options condition; do
		check_equal "filter by $name" "$(jq -c .bye.copies /tmp/filter.$i)" \
			"$(jq "map(select($condition)) | length" /tmp/copies.json)"
		: $((i += 1))
	done <<<"$filter_list"
}

for_people() {
	start
	copies 20 4KiB
	copies 10 64KiB
	stop INT
	check_equal 'SIGINT is a clean end' $status 0
	check 'which copies' grep -qE "^$disk offload: 30 copies, 720KiB, 0 failed\$" $output
	check 'percentiles above the bars' grep -qE '^p50 [0-9.]+[mu]s  p90 .*  p99 .*  p99\.9 .*  max [0-9.]+[mu]?s$' $output
	check 'latencies' grep -qE '^[0-9.]+[mu]s to [0-9.]+[mu]s +[0-9]+ #+$' $output
	check 'sizes' grep -qE '^4KiB to 6KiB +20 #{44}$' $output
	check 'shorter where there are fewer' grep -qE '^64KiB to 96KiB +10 #{22}$' $output
	check '80 columns are enough' sh -c "! grep -E '.{81}' $output"
	check 'totals on stderr' grep -qx '30 copies, 0 failed; lost 0 (0\.00 %)' $errors
}

intervals() {
	start -o ndjson --interval=300ms
	copies 3 4KiB
	wait_for $((20 * T_SCALE)) grep -q '"series"' $output
	copies 4 4KiB
	wait_for $((20 * T_SCALE)) sh -c "[ \$(grep -c '\"series\"' $output) -ge 2 ]"
	stop
	check_equal 'each copy is in one interval' \
		"$(jq -s 'map(select(.type == "series") | .copies) | add' $output)" 7
	check_equal 'the totals are of all' "$(jq -c 'select(.type == "bye") | .copies' $output)" 7
	check_equal 'no interval begins before the one before has ended' \
		"$(jq -s 'map(select(.type == "series")) | [.[:-1], .[1:]] | transpose
			| map(select(.[1].from_ns < .[0].to_ns)) | length' $output)" 0
}

# On a terminal each block takes the place of the one before; the last is about all.
in_place() {
	script -qec "bpfcopy hist --interval=200ms" $output </dev/null >/dev/null &
	wait_for $((60 * T_SCALE)) attached 1
	copies 5 4KiB
	wait_for $((20 * T_SCALE)) screens 3
	copies 6 4KiB
	wait_for $((20 * T_SCALE)) screens 5
	pkill -INT -x bpfcopy
	wait
	check 'blocks are written over each other' screens 6
	check 'the last one is about the whole run' grep -q ': 11 copies' $output
}

screens() { [ "$(grep -c $'\e\[H\e\[J' $output)" -ge $1 ]; }

# Room for one combination: copies of another one are lost, and that is counted.
losses() {
	start -o json --max-series=1 --by=path --fail-on-loss
	copies 9 4KiB
	copies 4 4KiB emulate
	stop
	check_equal 'counted and lost are all' "$(jq -c '[.bye.copies, .bye.lost]' $output)" '[9,4]'
	check_equal 'the loss is the exit status' $status 7
	check 'and on stderr' grep -q '4 copies were lost' $errors
	start --max-series=1 --by=path
	copies 9 4KiB
	copies 3 4KiB emulate
	stop
	check_equal 'without --fail-on-loss it is not' $status 0
	check 'but is told' grep -qx '9 copies, 0 failed; lost 3 (25\.00 %)' $errors
}

# cells FILE: its cells have as many copies as were counted.
cells() { sed -nE 's/.*<title>.*: ([0-9]+) (copy|copies) in .*/\1/p' $1 | awk '{ n += $1 } END { print n + 0 }'; }

heatmap() {
	local file=/tmp/h/map.svg page=/tmp/h/map.html
	mkdir -p /tmp/h
	mount -t tmpfs -o size=1M none /tmp/h
	start --by=dev --heatmap=$file
	copies 30 4KiB
	copies 20 4KiB emulate
	check 'nothing is there before the end' test ! -e $file
	stop
	check_equal 'a clean end' "$status $(cat $errors)" \
		$'0 Counting copies; Ctrl-C ends.\n50 copies, 0 failed; lost 0 (0.00 %)'
	check 'by device, although the picture is by path' grep -q "^$disk: 50 copies" $output
	check_equal 'a cell for every copy' "$(cells $file)" 50
	check 'a plot for each path' sh -c "grep -q '>offload: 30 copies, p50 ' $file && grep -q '>emulate: 20 copies, p50 ' $file"
	check_equal 'read by whom the umask lets' "$(stat -c %a $file)" 644
	bpfcopy hist --duration=100ms --heatmap=$page >/dev/null 2>$errors
	check 'a page' sh -c "head -n 1 $page | grep -qi '^<!DOCTYPE html>' && tail -n 1 $page | grep -q '</html>'"
	# No room: the old file stays.
	echo old >$file
	dd if=/dev/zero of=/tmp/h/full bs=4k status=none 2>/dev/null || :
	status=0
	bpfcopy hist --duration=100ms --heatmap=$file >/dev/null 2>$errors || status=$?
	check_equal 'disk full: status' $status 1
	check 'disk full: it says so' grep -qx "bpfcopy: $file: No space left on device" $errors
	check_equal 'disk full: nothing else has changed' "$(cat $file; echo /tmp/h/*)" \
		$'old\n/tmp/h/full /tmp/h/map.html /tmp/h/map.svg'
	ln -s /dev/null /tmp/h/null.svg
	status=0
	bpfcopy hist --duration=1s --heatmap=/tmp/h/null.svg >/dev/null 2>$errors || status=$?
	check_equal 'no regular file' "$status $(cat $errors)" '1 bpfcopy: /tmp/h/null.svg: not a regular file'
	umount /tmp/h
}

# A device that goes is still known by its name.
vanish() {
	null_disk fleeting size=8 >/dev/null
	start --by=dev
	copy_once --count 3 /dev/$disk /dev/fleeting 0 0 4KiB >/dev/null
	sleep 1
	null_disk_gone fleeting
	copies 2 4KiB
	stop
	check 'a device that is gone' grep -q '^fleeting: 3 copies' $output
	check 'and those that are not' grep -q "^$disk: 2 copies" $output
}

# Killed, it leaves nothing behind.
killed() {
	start
	kill -KILL $pid
	ended
	check 'killed: nothing stays attached' wait_for $((20 * T_SCALE)) attached 0
}

ends() {
	start -o ndjson --duration=1s
	ended
	check_equal 'duration ends it' "$status $(jq -c 'select(.type == "bye") | .copies' $output)" '0 0'
	bpfcopy hist --interval=100ms 2>$errors | head -n 1 >$output || :
	check_equal 'it ends when nobody reads' "$(wc -l <$output)" 1
	status=0
	bpfcopy hist --duration=100ms -o json >/dev/full 2>$errors || status=$?
	check_equal 'disk full: status' $status 1
	check 'disk full: it says so' grep -q 'No space left on device' $errors
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		bpfcopy hist --duration=1s >$output 2>$errors || status=$?
	check_equal 'no permission' $status 5
	check 'no permission: it says so' grep -q 'takes root' $errors
}

printf 'start=128MiB, size=32MiB\n' | sfdisk -q /dev/$disk >/dev/null
null_disk blank size=64 >/dev/null
wait_for $((5 * T_SCALE)) test -b /dev/${disk}p1

for case in same_copies percentiles filters for_people intervals in_place losses heatmap vanish killed ends; do
	t_case $case
	$case
done
finish
