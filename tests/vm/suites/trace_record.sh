#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy trace --record and --perfetto, live: nothing that was written is lost, whatever happens.
# Reading recordings is tested in tests/cli/replay.sh.
# vm: --nvme 64M --timeout 150
# with: build/tests/vm/copy_list
# debug: no
# Names of files have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh

disk=nvme0n1
recording=/tmp/recording
picture=/tmp/picture.json
errors=/tmp/trace.err

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'bpfcopy trace --record' 'this kernel has no copy offload'
	finish
fi

# start OPTION...: trace in the background, from here on every copy is seen.
start() {
	bpfcopy trace "$@" >/tmp/rows 2>$errors &
	tracer=$!
	wait_for $((60 * T_SCALE)) grep -qE '^(Writing|Tracing)' $errors && return
	not_ok "bpfcopy trace $*: it does not begin" $errors
	finish
}
stop() {
	stopped=0
	kill -INT $tracer
	wait $tracer || stopped=$?
}
copies() { copy_list /dev/$disk $1 3 >/dev/null; }
# rows TYPE FILE: how many
rows() { grep -c "\"type\":\"$1\"" $2 || :; }

whole() {
	local got
	t_case whole
	start --record=$recording --perfetto=$picture --split --stack
	copies 200
	reads 20
	stop
	check_equal 'it ends well, and prints no rows' "$stopped $(wc -c </tmp/rows)" '0 0'
	check 'totals on stderr' grep -q '^200 copies, 0 failed; ' $errors
	check_equal 'all copies are recorded' "$(rows copy $recording)" 200
	check_equal 'it is for its owner alone' "$(stat -c %a $recording)" 600
	got=$(bpfcopy trace --replay=$recording --tokens -o ndjson 2>/dev/null | grep -v '"type":"path"')
	check 'what is replayed is what was recorded, but for other I/O' diff <(echo "$got") \
		<(grep -vE '"type":"(path|io)"' $recording)
	check_equal 'the latencies per path, too' \
		"$(bpfcopy trace -r $recording -o ndjson 2>/dev/null | jq -c 'select(.type == "path")')" \
		"$(jq -c 'select(.type == "path")' $recording)"
	check_equal 'the picture is right' "$(jq -r -f /tests/perfetto.jq $picture)" ''
	check_equal 'a slice for each copy, token and command' \
		"$(jq -c '.traceEvents | map(select(.ph == "X")) | [(map(select(.args.latency_ns and .args.copy_id)) | length),
			(map(select(.cat == "tokens")) | length), (map(select(.cat == "commands")) | length)]' $picture)" \
		"$(jq -sc '[(map(select(.type == "copy")) | length), (map(select(.step == "free")) | length),
			(map(select(.step == "complete")) | length)]' $recording)"
	check_equal 'one for each other read, and none for those of emulated copies' \
		"$(other_io '[.[0].pid, .[0].name, length, (map(.args.bytes) | add)]')" '[1,"read",20,81920]'
	bpfcopy trace --replay=$recording --perfetto=$picture.again 2>/dev/null
	check 'the recording makes the same picture' cmp $picture $picture.again
}

# reads N: of 4 KiB each, that are no copy's
reads() { dd if=/dev/$disk of=/dev/null bs=4k count=$1 iflag=direct status=none; }
# other_io FILTER: of the slices of other I/O in the picture
other_io() { jq -c '.traceEvents | map(select(.cat == "other I/O")) | '"$1" $picture; }

# Other I/O has half of the buffer; what it is not given is counted.
other_io_lost() {
	local issued=500 seen
	t_case 'other I/O'
	start --perfetto=$picture --buffer=4KiB
	kill -STOP $tracer
	reads $issued
	kill -CONT $tracer
	stop
	seen=$(other_io length)
	check_equal 'other I/O: delivered and lost are what was issued' \
		$((seen + $(sed -nE 's/.*; lost ([0-9]+) .*/\1/p' $errors))) $issued
	check 'some of it is lost, some is not' test $seen -gt 0 -a $seen -lt $issued
	start --perfetto=$picture --dev=$disk
	reads 5
	dd if=/dev/other of=/dev/null bs=4k count=7 iflag=direct status=none
	stop
	check_equal 'other I/O of the device that is asked for' "$(other_io length)" 5
}

killed() {
	t_case killed
	start --record=$recording
	copies 50
	wait_for 60 is_recorded 50
	kill -9 $tracer
	wait $tracer 2>/dev/null || :
	bpfcopy trace -r $recording -o ndjson >/tmp/rows 2>$errors && status=0 || status=$?
	check_equal 'who is killed loses nothing' "$status $(rows copy /tmp/rows)" '7 50'
	check 'replay says that there is no end' grep -q 'ends here without its last row' $errors
}
is_recorded() { [ "$(rows copy $recording)" = $1 ]; }

full_disk() {
	t_case 'a full disk'
	mkdir -p /tmp/small
	mount -t tmpfs -o size=64k tmpfs /tmp/small
	start --record=/tmp/small/recording
	copies 300
	wait_for 60 test ! -d /proc/$tracer
	stopped=0
	wait $tracer || stopped=$?
	check_equal 'it ends' $stopped 1
	check 'and says why, and how much is there' grep -qE \
		'cannot write /tmp/small/recording: No space left on device; the [0-9]+ rows in it are whole' $errors
	bpfcopy trace -r /tmp/small/recording -o ndjson >/tmp/rows 2>/tmp/replay.err && status=0 || status=$?
	check 'many are' test "$(rows copy /tmp/rows)" -gt 50
	check_equal 'and all that are said to be' "$status $(($(rows copy /tmp/rows) + 1))" \
		"7 $(sed -nE 's/.*the ([0-9]+) rows in it.*/\1/p' $errors)"
	check_equal 'none is cut' "$(tail -c 1 /tmp/small/recording | xxd -p)" 0a
	umount /tmp/small
}

no_rights() {
	local status=0
	t_case 'no rights'
	echo precious >/tmp/mine
	chown 65534 /tmp/mine
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		bpfcopy trace --record=/tmp/mine 2>$errors || status=$?
	check_equal 'without rights nothing is traced' $status 5
	check_equal 'and nothing is overwritten' "$(cat /tmp/mine)" precious
}

null_disk other size=8 >/dev/null
for case in whole other_io_lost killed full_disk no_rights; do
	$case
done
finish
