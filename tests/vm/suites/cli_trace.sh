#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy trace: every copy is one row, filters, formats, clean ends, counted losses.
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
output=/tmp/trace.out
errors=/tmp/trace.err
pid=''

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'bpfcopy trace' 'this kernel has no copy offload'
	finish
fi

head -c 16M /dev/urandom | dd of=/dev/$disk bs=1M conv=fsync status=none

# start ARGUMENT...: trace in the background, ready.
start() {
	: >$errors
	bpfcopy trace "$@" >$output 2>$errors &
	pid=$!
	wait_for $((60 * T_SCALE)) started "$@" && return
	not_ok "bpfcopy trace $*: it does not begin" $errors
	finish
}
started() {
	case " $* " in
	*' ndjson '*) grep -q '"type":"hello"' $output ;;
	# JSON comes at the end and nobody is told before: ask the kernel who is attached.
	*' json '*) bpftool link show | grep -c blk_copy_token_free ;;
	*) grep -q '^Tracing' $errors ;;
	esac
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

copy() { bpfcopy copy "$@" >/dev/null; }

# rows TYPE FILTER: rows of a type in NDJSON, through jq
rows() { jq -r "select(.type == \"$1\") | $2" $output; }
count() { rows "$1" .type | wc -l; }

every_copy_is_a_row() {
	local i began
	began=$(date +%s)
	start -o ndjson
	for i in 1 2 3; do copy $disk $disk@64MiB ${i}MiB; done
	copy --mode=emulate $disk@1MiB $disk@96MiB 4KiB
	copy --step=1MiB $disk $disk@64MiB 4MiB
	stop
	check_equal 'SIGTERM is a clean end' $status 0
	check_equal 'the first line is a hello' "$(head -n 1 $output | jq -r .type)" hello
	check_equal 'the last line is a bye' "$(tail -n 1 $output | jq -r .type)" bye
	check_equal 'every line names its schema' \
		"$(jq -r .schema $output | sort -u)" bpfcopy.trace/1
	check_equal 'a row per copy' "$(count copy)" 8
	check_equal 'lengths' "$(rows copy .bytes | tr '\n' ' ')" \
		'1048576 2097152 3145728 4096 1048576 1048576 1048576 1048576 '
	check_equal 'paths' "$(rows copy .path | uniq -c | tr -s ' \n' ' ')" \
		' 3 offload 1 emulate 4 offload '
	check_equal 'reasons' "$(rows copy .reason | sort | uniq -c | tr -s ' \n' ' ')" \
		' 7 builtin 1 caller '
	check_equal 'sectors' "$(rows copy 'select(.path == "emulate") |
		"\(.src_sector) \(.dst_sector)"')" '2048 196608'
	check_equal 'who asked' "$(rows copy '"\(.origin) \(.comm) \(.device) \(.src_device)"' | sort -u)" \
		"ioctl bpfcopy $disk $disk"
	check_equal 'a latency each' "$(rows copy 'select(.latency_ns > 0) | 1' | wc -l)" 8
	check_equal 'no error' "$(rows copy .error | sort -u)" null
	check 'times are those of the clock' recent
	check_equal 'totals' "$(rows bye '"\(.copies) \(.bytes) \(.offloaded_bytes) \(.emulated_bytes) \(.errors) \(.lost)"')" \
		'8 10489856 10485760 4096 0 0'
	check_equal 'tokens are freed' "$(rows bye '.tokens_created - .tokens_freed')" 0
	check_equal 'latencies per path' "$(rows path 'select(.p50_ns > 0 and .p99_ns >= .p50_ns) |
		"\(.path) \(.copies)"' | sort | tr '\n' ' ')" 'emulate 1 offload 7 '
}
recent() {
	local now ts
	now=$(date +%s)
	ts=$(rows copy '.ts_ns / 1e9 | floor' | sed -n 1p)
	echo "from $began to $now, row $ts"
	[ $ts -ge $began ] && [ $ts -le $now ]
}

for_people() {
	start
	copy $disk $disk@64MiB 1MiB
	copy --mode=emulate $disk $disk@64MiB 1MiB
	stop INT
	check_equal 'SIGINT is a clean end too' $status 0
	check 'a heading' grep -qE '^TIME +DEVICE +SRC +DST +LEN +PATH +WHY +LAT +ERR$' $output
	check 'a row' grep -qE "^[0-9:]{8}\.[0-9]{3} $disk +0 +131072 +1MiB offload +builtin +[0-9.]+[mu]s -" $output
	check '80 columns are enough' sh -c "! grep -E '.{81}' $output"
	check 'totals on stderr' grep -qE '^2 copies, 0 failed; tokens: 1 created, 1 freed; lost 0 \(0\.00 %\)$' $errors
}

failures() {
	start
	copy $disk $disk@64MiB 4KiB
	failing_copies
	stop
	check 'no device to copy to' grep -qE " 8 +4KiB none +unsupported +[0-9.]+[mu]s EIO\$" $output
	check 'no device to copy by itself' grep -qE " 16 +8KiB none +unsupported +[0-9.]+[mu]s EOPNOTSUPP\$" $output
	check 'two of three failed' grep -qE '^3 copies, 2 failed; ' $errors
	check 'and took no path' grep -qE '^none +2 +0B ' $output
}
# One that no device does, one that no device can do by itself.
failing_copies() {
	copy $disk /dev/mapper/broken@4KiB 4KiB 2>/dev/null || :
	copy --mode=offload $disk blank@8KiB 8KiB 2>/dev/null || :
}

one_document() {
	start -o json
	copy $disk $disk@64MiB 1MiB
	stop
	check_equal 'JSON is one document' \
		"$(jq -r '"\(.schema) \(.copies | length) \(.hello.kernel) \(.bye.copies)"' $output)" \
		"bpfcopy.trace/1 1 $(uname -r) 1"
}

tokens() {
	start -o ndjson --tokens
	copy $disk $disk@64MiB 1MiB
	stop
	check_equal 'every token has a beginning and an end' \
		"$(rows token 'select(.step == "alloc" or .step == "free") | .token_id' | sort | uniq -c |
			awk '$1 != 2' | wc -l)" 0
	check_equal 'a token is filled, consumed, completed' \
		"$(rows token .step | sort -u | tr '\n' ' ')" 'alloc complete consume dispatch fill free '
	check_equal 'a freed token tells what was done' \
		"$(rows token 'select(.step == "free") | .done_bytes' | awk '{ n += $1 } END { print n }')" 1048576
	check_equal 'tokens know their copy' \
		"$(rows token .copy_id | sort -u)" "$(rows copy .copy_id)"
}

# A filter in the kernel must let pass what jq selects from the rows of a tracer without any:
# NAME|OPTIONS|CONDITION, with the process PID.
filter_list="path offload|--path=offload|.path == \"offload\"
path emulate|--path=emulate|.path == \"emulate\"
path mixed|--path=mixed|.path == \"mixed\"
minimum size|--min-size=128KiB|.bytes >= 131072
minimum latency|--min-latency=300ms|.latency_ns >= 300000000
failures|--errors|.error
one process|--pid=PID|.pid == PID
destination|--dev=blank|.device == \"blank\"
source or destination|--dev=${disk}p1|.device == \"${disk}p1\" or .src_device == \"${disk}p1\"
all together|--dev=$disk --path=emulate --min-size=32KiB|.path == \"emulate\" and .bytes >= 32768
origin|--origin=copy_file_range|.origin == \"copy_file_range\"
reason|--reason=caller|.reason == \"caller\"
name of the task|--comm=copy_once|.comm == \"copy_once\"
cgroup|--cgroup=traced|.pid == PID
failures of a size|--errors --min-size=8KiB|.error and .bytes >= 8192"

# One copy of each kind. $1 is a process that waits to become one.
all_kinds() {
	copy $disk $disk@64MiB 1MiB
	copy --mode=emulate $disk $disk@64MiB 64KiB
	copy --mode=emulate $disk $disk@64MiB 4KiB
	copy $disk ${disk}p1 12KiB
	copy ${disk}p1 $disk 12KiB
	copy $disk blank 12KiB
	T_CALL=cfr copy_once /dev/$disk /dev/$disk 0 64MiB 12KiB >/dev/null
	T_CALL=uring copy_once /dev/$disk /dev/$disk 0 64MiB 12KiB >/dev/null
	copy $disk /dev/mapper/slow 4KiB
	failing_copies
	echo >/tmp/go
	wait $1
	# The first chunk finds nothing in flight and is offloaded, those behind it are not.
	bpfcopy load /usr/lib/bpfcopy/example_gentle.bpf.o --dev $disk max_inflight=1 piece_bytes=16KiB >/dev/null
	copy $disk $disk@64MiB 64KiB
	bpfcopy unload --dev $disk >/dev/null
}

# start_filters PID: a tracer for each filter, all at once; their processes are in $tracers.
start_filters() {
	local name options i=0 file
	tracers=()
	while IFS='|' read -r name options _; do
		: $((i += 1))
		bpfcopy trace -o ndjson ${options/PID/$1} >/tmp/filter.$i 2>/tmp/filter.$i.err &
		tracers+=($!)
	done <<<"$filter_list"
	for file in $(seq -f /tmp/filter.%g $i); do
		wait_for $((120 * T_SCALE)) grep -q '"type":"hello"' $file || cat $file.err
	done
}

filters() {
	local name condition want got all waiting i=0
	mkfifo /tmp/go
	sh -c "read -r _ </tmp/go; exec bpfcopy copy $disk $disk@64MiB 20KiB" >/dev/null &
	waiting=$!
	mkdir -p /sys/fs/cgroup/traced/below
	echo $waiting >/sys/fs/cgroup/traced/below/cgroup.procs
	start -o ndjson
	start_filters $waiting
	all_kinds $waiting
	kill -TERM "${tracers[@]}"
	for i in "${!tracers[@]}"; do
		wait ${tracers[i]} || not_ok "filter $((i + 1)) ends well" /tmp/filter.$((i + 1)).err
	done
	stop
	rmdir /sys/fs/cgroup/traced/below /sys/fs/cgroup/traced
	all=$(count copy)
	check_equal 'a row for each kind of copy' "$all" 13
	i=0
	while IFS='|' read -r name _ condition; do
		: $((i += 1))
		want=$(rows copy "select(${condition//PID/$waiting}) | .copy_id")
		got=$(jq -r 'select(.type == "copy") | .copy_id' /tmp/filter.$i)
		check_equal "filter by $name" "$got" "$want"
		check "filter by $name: some, not all" between 1 $((all - 1)) "$(wc -w <<<"$want")"
		check_equal "filter by $name: totals" "$(jq -r 'select(.type == "bye") | .copies' /tmp/filter.$i)" \
			"$(wc -w <<<"$want")"
	done <<<"$filter_list"
}

ends() {
	start -o ndjson --count=2
	copy --step=64KiB $disk $disk@64MiB 1MiB
	ended
	check_equal 'count ends it' "$status $(count copy)" '0 2'
	start -o ndjson --duration=1s
	ended
	check_equal 'duration ends it' "$status $(rows bye .copies)" '0 0'
}

# Stopped, it cannot read: the buffer fills up, and what does not fit is counted.
losses() {
	local seen lost
	start -o ndjson --tokens --fail-on-loss
	kill -STOP $pid
	copy --step=4KiB $disk $disk@64MiB 16MiB
	copy --step=4KiB $disk $disk@64MiB 16MiB
	kill -CONT $pid
	stop
	lost=$(rows bye .lost)
	seen=$(count copy)
	if [ "$lost" = 0 ]; then
		not_ok 'events are lost when nobody reads'
		return
	fi
	ok 'events are lost when nobody reads'
	check_equal 'the loss is the exit status' $status 7
	check 'and on stderr' grep -q "$lost events were lost" $errors
	check_equal 'inline and total agree' "$(rows lost .lost | awk '{ n += $1 } END { print n }')" "$lost"
	check_equal 'totals count every copy' "$(rows bye .copies)" $((2 * 4096))
	check 'some were seen' test "$seen" -gt 0 -a "$seen" -lt $((2 * 4096))
}

no_permission() {
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		bpfcopy trace --count=1 >$output 2>$errors || status=$?
	check_equal 'no permission' $status 5
	check 'no permission: it says so' grep -q 'takes root' $errors
}

reader_goes_away() {
	local status=0
	bpfcopy trace -o ndjson 2>$errors | head -n 1 >$output &
	pid=$!
	wait_for $((20 * T_SCALE)) grep -q hello $output
	# What it says is there when it ends, and the pipe has a reader until it has ended.
	wait_for $((20 * T_SCALE)) test ! -d /proc/$pid
	copy $disk $disk@64MiB 64KiB
	wait_for $((10 * T_SCALE)) sh -c "! pgrep -x bpfcopy >/dev/null" || status=1
	check_equal 'it ends when nobody reads its output' $status 0
	check_equal 'without a word' "$(cat $errors)" ''
	wait $pid || :
}

printf 'start=128MiB, size=32MiB\n' | sfdisk -q /dev/$disk >/dev/null
null_disk blank size=64 >/dev/null
null_disk under size=8 >/dev/null
modprobe dm-delay
dm_disk slow "0 8 delay /dev/under 0 500"
dm_disk broken "0 131072 error"
wait_for $((5 * T_SCALE)) test -b /dev/${disk}p1

for case in every_copy_is_a_row for_people failures one_document tokens filters ends losses \
	no_permission reader_goes_away; do
	t_case $case
	$case
done
finish
