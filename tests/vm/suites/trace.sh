#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tracer: every copy is one row, tokens live and die, what is lost is counted.
# vm: --nvme 256M --nvme 32M --timeout 240
# with: build/tests/vm/copy_fault
# debug: yes
# Many functions are called by check; $a belongs to jq.
# shellcheck disable=SC2317,SC2016
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh

disk=nvme0n1
other=nvme1n1
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
	wait_for $((60 * T_SCALE)) grep -q '"type":"hello"' $out && return
	not_ok "bpfcopy trace $*: it does not begin" /tmp/trace.err
	finish
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
	check_equal "what is consumed becomes a command" "$(rows token step dispatch)" "$(rows token step consume)"
	check_equal "what is consumed completes" "$(rows token step complete)" "$(rows token step consume)"
	check_equal "none is rejected" "$(rows token step reject)" 0
	check_equal "what is freed was done" \
		"$(get token 'map(select(.step == "free" and .done_bytes != .bytes)) | length')" 0
	check_equal "a token only grows older" "$(get token 'map(select(.age_ns)) | group_by(.token_id) |
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

	printf 'start=100MiB, size=32MiB\n' | sfdisk -q /dev/$disk >/dev/null
	wait_for $((5 * T_SCALE)) test -b /dev/${disk}p1
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
	chosen_tokens
	sfdisk -q --delete /dev/$disk
}

# steps: what happened to the tokens of each copy that had some
steps() {
	get token 'group_by(.copy_id)[] | "\(map(.bytes) | max): \(map(.step) | unique | join(" "))"'
}

# The parts of a token are on the whole disk: it is the copy that a filter chooses.
chosen_tokens() {
	local life='alloc complete consume dispatch fill free'
	t_case "chosen tokens"
	start --tokens --dev ${disk}p1
	copy 65536
	bpfcopy copy $disk@0 ${disk}p1@0 128KiB >/dev/null
	bpfcopy copy ${disk}p1@0 $disk@0 192KiB >/dev/null
	stop
	check_equal "tokens by partition" "$(steps)" "131072: $life"$'\n'"196608: $life"
	check_equal "those of the rows" "$(get token 'map(.copy_id) | unique | @text')" \
		"$(get copy 'map(.copy_id) | sort | @text')"
	check_equal "their parts are on the disk" \
		"$(get token 'map(select(.device) | .device) | unique | join(" ")')" $disk
	check_equal "the totals know all tokens" "$(bye tokens_created) $(bye tokens_freed)" "3 3"

	start --tokens --dev $other
	copy 65536
	stop
	check_equal "none of another disk" "$(rows token)" 0

	start --tokens --min-size 128KiB
	copy 65536
	copy 131072
	stop
	check_equal "tokens by size" "$(steps)" "131072: $life"
	check_equal "nothing is lost by choosing" "$(bye lost)" 0
}

# because NAME WANT: the reasons, paths and errors of all rows
because() { check_equal "$1" "$(get copy 'map("\(.reason) \(.path) \(.error)") | join(", ")')" "$2"; }

# A row for every reason that a copy can have; builtin and caller are in "exact counts".
reasons() {
	local max
	t_case "reasons"
	null_disk blank size=64 >/dev/null
	start
	bpfcopy load never --global >/dev/null
	copy 65536
	bpfcopy load always --dev $disk >/dev/null
	copy 65536
	bpfcopy unload --all >/dev/null
	stop
	because "a policy" "global-policy emulate null, policy offload null"

	start
	bpfcopy copy $disk $other 64KiB >/dev/null
	bpfcopy copy $disk blank 64KiB >/dev/null
	stop
	because "no common device" "cross-device emulate null, unsupported emulate null"

	start
	max=$(queue $disk copy_max_bytes)
	set_queue $disk copy_max_bytes 0
	copy 65536
	copy 65536 --mode offload 2>/dev/null || :
	set_queue $disk copy_max_bytes "$max"
	stop
	because "switched off" "disabled emulate null, disabled none EOPNOTSUPP"
	check_equal "a failure is in the sum" "$(bye errors)" 1
	null_disk_gone blank
}

# Limits keep changing while a token is made, and again while the second one is. That takes
# long: its parts are read operations of a cgroup that may do only a few in a second.
stale() {
	local group=/sys/fs/cgroup/slow i nr=16 pid max
	t_case "stale"
	max=$(queue $disk copy_max_bytes)
	for ((i = 0; i < nr; i++)); do
		echo "${i}MiB $((192 * 1024 + i * 4))KiB 4KiB"
	done >/tmp/ranges
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	echo "$(<"/sys/block/$disk/dev") riops=$((nr / 2))" >$group/io.max
	start --tokens
	while :; do
		set_queue $disk copy_max_bytes 32768
		set_queue $disk copy_max_bytes "$max"
		sleep 0.1
	done &
	pid=$!
	check "a token that is stale twice" sh -c "echo \$\$ >$group/cgroup.procs &&
		exec bpfcopy copy --ranges /tmp/ranges $disk $disk"
	kill $pid
	wait $pid || :
	rmdir $group
	set_queue $disk copy_max_bytes "$max"
	stop
	check_equal "and says so" "$(get copy 'map("\(.reason) \(.path) \(.error)") | join(", ")')" \
		"stale emulate null"
	check_equal "rejected twice, because of the change" \
		"$(get token 'map(select(.step == "reject") | .error) | join(" ")')" "EAGAIN EAGAIN"
	check_equal "two tokens in all" "$(bye tokens_created) $(bye tokens_freed)" "2 2"
	check_equal "of which nothing was used" \
		"$(get token 'map(select(.step == "free") | .done_bytes) | add')" 0
}

# Each allocation and each request fails once: the copies go on without, and say why.
faults() {
	local debug=/sys/kernel/debug reason
	t_case "faults"
	echo 0 | tee $debug/fail{slab,_page_alloc,_make_request}/verbose >/dev/null
	echo N | tee $debug/fail{slab,_page_alloc}/ignore-gfp-wait >/dev/null
	echo 1 >/sys/block/$disk/make-it-fail
	start --split
	program copy_fault --src /dev/$disk --mode auto --ranges 2
	stop
	echo 0 >/sys/block/$disk/make-it-fail
	for reason in nomem failed; do
		check "a copy that is not offloaded: $reason" test "$(get copy "map(select(.reason == \"$reason\" and
			.emulated_bytes > 0)) | length")" -ge 1
	done
	check_equal "what the device did not do took time to emulate" "$(get copy 'map(select(
		(.emulated_bytes > 0) != (.emulate_ns > 0) or .emulate_ns > .latency_ns)) | length')" 0
	check_equal "with no error" "$(get copy 'map(select(.error)) | length')" 0
	check_equal "and for no other reason" "$(get copy 'map(.reason) | unique | join(" ")')" \
		"builtin failed nomem"
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
	# alloc, fill, consume, dispatch, complete, free and the copy itself
	seen=$(($(rows copy) + $(rows token)))
	check_equal "and it is known how many" $((seen + $(bye lost))) $((7 * copies))
	check_equal "the rows between say so, too" "$(get lost 'map(.lost) | add')" "$(bye lost)"
}

two_tracers() {
	t_case "two tracers"
	bpfcopy trace -o ndjson --count 1 >/tmp/other.ndjson &
	other=$!
	wait_for $((60 * T_SCALE)) grep -q hello /tmp/other.ndjson || :
	start --count 1
	copy 65536
	check "one sees it" wait $other
	check "and so does the other" wait $tracer
}

head -c 8M /dev/urandom | dd of=/dev/$disk bs=1M conv=fsync status=none
exact
tokens
filters
reasons
stale
faults
ends
losses
two_tracers
finish
