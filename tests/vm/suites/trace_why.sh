#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy trace: who asked for a copy, who decided, where the time went; and what it makes of a
# kernel that tells less, of devices that go, of more copies than it can read, of others who watch,
# of a clock that is set, and of being killed.
# vm: --nvme 64M --timeout 300
# with: build/tests/vm/copy_once build/tests/vm/copy_list
# debug: no
# Names of disks have no blanks, many functions are called by check, and $s belongs to jq.
# shellcheck disable=SC2086,SC2317,SC2016
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh

disk=nvme0n1
out=/tmp/trace.ndjson
errors=/tmp/trace.err
btf=/sys/kernel/btf/vmlinux

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'bpfcopy trace' 'this kernel has no copy offload'
	finish
fi

# start OPTION...: trace in the background, from here on every copy is seen.
start() {
	: >$out
	bpfcopy trace -o ndjson "$@" >$out 2>$errors &
	tracer=$!
	wait_for $((60 * T_SCALE)) grep -q '"type":"hello"' $out && return
	not_ok "bpfcopy trace $*: it does not begin" $errors
	finish
}

# stop: end it; its exit status is in $stopped.
stop() {
	stopped=0
	kill -INT $tracer
	wait $tracer || stopped=$?
}

copy() { bpfcopy copy "$@" >/dev/null; }
by_ring() { T_CALL=uring copy_once "$@" >/dev/null; }

# get TYPE JQ-FILTER: of all rows of that type as an array
get() { grep "\"type\":\"$1\"" $out | jq -sr "$2"; }
# each FORMAT: of every copy, in order
each() { get copy "map(\"$1\") | join(\", \")"; }

# The mode is asked for when the row is made, while the policy is there.
has_rows() { [ "$(grep -c '"type":"copy"' $out)" -ge $1 ]; }

who_decided() {
	t_case 'who decided'
	start
	copy $disk $disk@32MiB 64KiB
	copy --mode=emulate $disk $disk@32MiB 64KiB
	bpfcopy load threshold --dev $disk min_bytes=64KiB >/dev/null
	copy $disk $disk@32MiB 64KiB
	copy $disk $disk@32MiB 4KiB
	copy --mode=offload $disk $disk@32MiB 4KiB
	wait_for 10 has_rows 5
	bpfcopy load threshold --dev $disk min_bytes=64KiB observe=yes >/dev/null
	copy $disk $disk@32MiB 4KiB
	wait_for 10 has_rows 6
	bpfcopy load never --global >/dev/null
	copy $disk $disk@32MiB 4KiB
	wait_for 10 has_rows 7
	bpfcopy unload --all >/dev/null
	copy $disk $disk@32MiB 4KiB
	stop
	check_equal 'each row tells who decided: policy, slot, mode' \
		"$(get copy '.[] | "\(.path) \(.decided_by) \(.policy) \(.policy_slot) \(.policy_mode)"')" \
		'offload builtin null null null
emulate caller null null null
offload policy threshold disk enforce
emulate policy threshold disk enforce
offload caller null null null
offload builtin threshold disk observe
emulate global-policy never global enforce
offload builtin null null null'
}

# It is gone when the copy ends, which takes 6 seconds, but is one chunk: it is asked once.
policy_that_went() {
	t_case 'a policy that went'
	start
	bpfcopy load never --dev slow >/dev/null
	copy --step=16MiB slow slow@32MiB 16MiB &
	wait_for 60 in_flight slow
	bpfcopy unload --dev slow >/dev/null
	wait $!
	stop
	check_equal 'that a policy decided is known, though it is gone' \
		"$(each '\(.path) \(.decided_by) \(.policy) \(.policy_mode)')" 'emulate policy null null'
}
in_flight() {
	local counts
	read -r -a counts <"/sys/block/$1/inflight"
	[ $((counts[0] + counts[1])) -gt 0 ]
}

who_asked() {
	local id
	t_case 'who asked'
	printf 'start=16MiB, size=8MiB\n' | sfdisk -q /dev/$disk >/dev/null
	wait_for 60 test -b /dev/${disk}p1
	start --comm=copy_once --stack
	by_ring /dev/$disk /dev/$disk 0 32MiB 64KiB
	copy $disk $disk@32MiB 64KiB
	copy_once /dev/$disk /dev/${disk}p1 0 0 4KiB >/dev/null
	stop
	sfdisk -q --delete /dev/$disk
	check_equal 'an asynchronous copy is of who asked, not of the worker in which it ends' \
		"$(each '\(.origin) \(.comm)')" 'io_uring copy_once, ioctl copy_once'
	check_equal 'stacks lead from the system call to the copy' "$(get copy '.[] | .stack |
		map(select(test("^(blkdev_issue_copy|blk_ioctl_copy|io_uring_cmd|do_syscall_64)[+]")) |
		sub("[+].*"; "")) | join(" ")')" \
		'io_uring_cmd do_syscall_64
blkdev_issue_copy blk_ioctl_copy do_syscall_64'
	id=nvme-$(<"/sys/block/$disk/wwid")
	check_equal 'devices have a name that stays' "$(each '\(.device) \(.device_id)')" \
		"$disk $id, ${disk}p1 $id-part1"
	check_equal 'so has the source' "$(get copy '.[1] | "\(.src_device) \(.src_device_id)"')" "$disk $id"
}

# holds NAME CONDITION: of every copy
holds() {
	check_equal "$1" "$(get copy "map(select(($2) | not) |
		{path, latency_ns, decide_ns, token_ns, queue_ns, device_ns, emulate_ns})")" '[]'
}

where_time_goes() {
	local other=.decide_ns+.token_ns+.queue_ns
	t_case 'where the time goes'
	start --split
	copy --mode=offload slow slow@32MiB 4KiB
	copy --mode=emulate slow slow@32MiB 4KiB
	by_ring /dev/slow /dev/slow 0 32MiB 4KiB
	stop
	check_equal 'slow commands' "$(each '\(.path)')" 'offload, emulate, offload'
	# The device takes a fifth of a second for anything.
	holds 'a copy is in its device' '.path != "offload" or (.device_ns >= 2e8 and .emulate_ns == 0)'
	holds 'or is read and written' '.path != "emulate" or (.emulate_ns >= 4e8 and .device_ns == 0)'
	holds 'what else it does is told apart' '.decide_ns > 0 and (.path != "offload" or
		(.token_ns > 0 and .queue_ns > 0))'
	holds 'one chunk is in one place at a time' \
		"$other + .device_ns + .emulate_ns <= .latency_ns and $other < .latency_ns / 2"

	start --split
	copy --mode=offload slow slow@32MiB 32MiB
	copy --mode=emulate slow slow@32MiB 4MiB
	stop
	holds 'many at a time count once' '[.decide_ns, .token_ns, .queue_ns, .device_ns, .emulate_ns] as $s |
		.latency_ns as $l | $s | all(. <= $l)'
	holds 'and nearly all of it is known' '[.device_ns, .emulate_ns] | max >= 2e8'

	start
	copy --mode=offload $disk $disk@32MiB 4KiB
	stop
	holds 'it is told if it is asked for' '.decide_ns == null and .device_ns == null'
}

# forget NAME: for what is run by "${elsewhere[@]}", the kernel's BTF does not know this tracepoint.
forget() { sed "s/btf_trace_$1/btf_trace_${1%?}X/" $btf >/tmp/btf; }
elsewhere=(unshare -m sh -c 'mount --bind /tmp/btf "$0" && exec "$@"' "$btf")

lacking() {
	t_case 'a kernel that lacks tracepoints'
	: >$out
	forget blk_copy_dispatch
	"${elsewhere[@]}" bpfcopy trace -o ndjson --split --tokens >$out 2>$errors &
	tracer=$!
	wait_for 60 grep -q '"type":"hello"' $out || :
	copy --mode=offload $disk $disk@32MiB 4KiB
	stop
	check_equal 'it traces what there is' "$stopped $(each '\(.path) \(.bytes)')" '0 offload 4096'
	check 'and says what is missing' grep -q 'this kernel has no blk_copy_dispatch: ' $errors
	check_equal 'in the hello, too' "$(get hello '.[0].missing')" blk_copy_dispatch
	check_equal 'a step less' "$(get token 'map(.step) | unique | join(" ")')" 'alloc complete consume fill free'
	holds 'what it would tell is not known' '.queue_ns == null and .device_ns == null and .token_ns > 0'
	forget blk_copy_end
	check_status 'without the end of copies there is nothing to trace' 6 \
		"${elsewhere[@]}" bpfcopy trace --count=1
	check_status 'the same one, when it is there' 0 bpfcopy trace --duration=10ms
	forget blk_copy_token_free
	check_status 'histograms do not need tokens' 0 "${elsewhere[@]}" bpfcopy hist --duration=10ms
	check_equal 'the screen goes without them' \
		"$("${elsewhere[@]}" bpfcopy top -o json -n 1 --interval=10ms | jq -c '.frames | map(.tokens)')" '[null]'
	check_status 'and who asks for tokens is told' 6 "${elsewhere[@]}" bpfcopy tokens
	check 'which one is missing' grep -q 'no tracepoint blk_copy_token_free' <("${elsewhere[@]}" bpfcopy tokens 2>&1)
}

# The events of a device are not gone with it, nor is its name.
gone() {
	t_case 'a device that goes'
	null_disk gone size=64 >/dev/null
	start
	copy $disk gone 4KiB
	wait_for 60 grep -q '"type":"copy"' $out
	kill -STOP $tracer
	copy $disk gone 8KiB
	null_disk_gone gone
	null_disk again size=64 >/dev/null
	copy $disk again 12KiB
	kill -CONT $tracer
	stop
	null_disk_gone again
	check_equal 'it keeps its name, also if another one has its number' \
		"$(each '\(.device) \(.bytes)')" 'gone 4096, gone 8192, again 12288'
}

# Nobody is stopped: the reader is too slow for one page.
one_page() {
	local copies=4096 seen
	t_case 'a buffer of one page'
	start --tokens --buffer=4KiB --fail-on-loss
	copy --step=4KiB $disk $disk@32MiB $((copies * 4096))B
	stop
	seen=$(($(get copy length) + $(get token length)))
	check_equal 'rows are lost' $stopped 7
	check_equal 'what is lost and what is not are all' \
		$((seen + $(get bye '.[0].lost'))) $((7 * copies))
	check_equal 'no copy is lost from the sum' "$(get bye '.[0].copies')" $copies
	check 'some were seen' test $seen -gt 0
	check_status 'a buffer that is too large' 2 bpfcopy trace --buffer=2GiB
}

# Two processors that do nothing but copy, on disks that do nothing else.
flood() {
	local i pids=()
	for i in 1 2; do
		copy_once --count $1 /dev/fast$i /dev/fast$i 0 32MiB 4KiB >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
}

floods() {
	local copies=7500 seen
	t_case 'a flood'
	null_disk fast1 size=64 copy=1 >/dev/null
	null_disk fast2 size=64 copy=1 >/dev/null
	start --fail-on-loss
	flood $copies
	stop
	check_equal 'a flood, larger than the buffer: nothing is lost' \
		"$stopped $(grep -c '"type":"copy"' $out) $(get bye '.[0] | "\(.copies) \(.lost)"')" \
		"0 $((2 * copies)) $((2 * copies)) 0"
	copies=1500
	start --tokens --buffer=4KiB --fail-on-loss
	flood $copies
	stop
	seen=$(grep -cE '"type":"(copy|token)"' $out)
	check_equal 'with a buffer of one page: what is lost and what is delivered are what was issued' \
		$((seen + $(get bye '.[0].lost'))) $((2 * copies * 7))
	check_equal 'and the sums are whole' "$stopped $(get bye '.[0] | "\(.copies) \(.tokens_created) \(.tokens_freed)"')" \
		"7 $((2 * copies)) $((2 * copies)) $((2 * copies))"
	null_disk_gone fast1
	null_disk_gone fast2
}

# begun FILE...: there is a hello in each of them.
begun() { [ "$(cat "$@" | grep -c '"type":"hello"')" = $# ]; }

# Two tracers, one that is killed, a histogram, and a policy that changes meanwhile.
together() {
	local i pids=() options=('' '--path=emulate --split --tokens' '--stack')
	t_case 'together'
	: >/tmp/policies
	for i in 0 1 2; do
		bpfcopy trace -o ndjson --fail-on-loss ${options[i]} >/tmp/t$i 2>/tmp/t$i.err &
		pids+=($!)
	done
	bpfcopy hist -o ndjson --by=path,policy --fail-on-loss >/tmp/t3 2>/tmp/t3.err &
	pids+=($!)
	bpfcopy load threshold --dev $disk min_bytes=64KiB >/dev/null
	check 'four watch' wait_for 60 begun /tmp/t{0,1,2,3}
	copy_list /dev/$disk 400 5 >/tmp/callers
	wait_for 60 rows_made 400
	kill -9 ${pids[2]}
	decided
	bpfcopy load threshold --dev $disk min_bytes=16KiB observe=yes >/dev/null
	copy_list /dev/$disk 400 6 >>/tmp/callers
	wait_for 60 rows_made 800
	decided
	bpfcopy unload --dev $disk >/dev/null
	wait ${pids[2]} 2>/dev/null || :
	for i in 0 1 3; do
		kill ${pids[i]}
		check "watcher $i ends, and has lost nothing" wait ${pids[i]}
	done
	check 'one has a row for each copy, as callers were told' diff /tmp/callers <(jq -r 'select(.type == "copy") |
		"bytes=\(.bytes) offloaded=\(.offloaded_bytes) emulated=\(.emulated_bytes) error=\(.error // 0)"' /tmp/t0)
	check 'the other has those that it asked for' diff <(rows_of /tmp/t0 '.path == "emulate"') <(rows_of /tmp/t1 true)
	check_equal 'the policy was asked about the bytes of the rows that name it' "$(cat /tmp/policies)" \
		"$(for i in enforce observe; do rows_of /tmp/t0 ".policy_mode == \"$i\"" | jq -s 'map(.[1]) | add'; done)"
	check_equal 'the histogram has the same, by who decided' \
		"$(jq -sr 'map(select(.type == "series")) | map("\(.path) \(.reason) \(.copies)") | sort[]' /tmp/t3)" \
		"$(jq -sr 'map(select(.type == "copy")) | group_by([.path, .reason])[] |
			"\(.[0].path) \(.[0].reason) \(length)"' /tmp/t0)"
	check 'the one that was killed leaves nothing' wait_for 60 nothing_is_ours
}
# The mode is asked for when the row is made, as in has_rows().
rows_made() { [ "$(grep -c '"type":"copy"' /tmp/t0)" -ge $1 ]; }
rows_of() { jq -c "select(.type == \"copy\") | select($2) | [.copy_id, .bytes, .reason, .policy, .latency_ns]" $1; }
# decided: bytes that the policy was asked about, so far; in pieces, if a copy has several ranges
decided() {
	bpfcopy status -o json | jq '[.decisions[] | select(.device == "'$disk'").bytes] | add' >>/tmp/policies
}

# Forward by a day, back by two, forward by one: it is right whenever somebody waits for something.
clock_steps() {
	local now
	t_case 'a clock that is set'
	start
	now=$(date +%s)
	copy $disk $disk@32MiB 4KiB
	date -s '+1 day' >/dev/null
	copy $disk $disk@32MiB 8KiB
	date -s '-2 days' >/dev/null
	copy $disk $disk@32MiB 12KiB
	date -s '+1 day' >/dev/null
	stop
	check_equal 'rows go on counting from the hello' "$(get copy 'map(.ts_ns / 1e9) |
		. == sort and .[0] > '$now' - 2 and .[2] < '$now' + 3600')" true
	check_equal 'latencies are those of the copies' "$(get copy 'map(select(.latency_ns > 3600e9)) | length')" 0

	bpfcopy hist -o ndjson --duration=8s >$out 2>$errors &
	tracer=$!
	wait_for 60 grep -q '"type":"hello"' $out || :
	date -s '-1 day' >/dev/null
	copy $disk $disk@32MiB 4KiB
	check 'a duration is of time that passes' timeout 120 tail --pid=$tracer -f /dev/null
	date -s '+1 day' >/dev/null
	check 'it ends well' wait $tracer
	check_equal 'and knows how long it was' \
		"$(get series 'map([.copies, ((.to_ns - .from_ns) / 1e9 | . > 1 and . < 600)])[0] | @text')" '[1,true]'
}

ours() { bpftool prog show | grep -cE 'name (copy|token)_' || :; }

killed() {
	t_case 'killed'
	start --split --tokens --stack
	check 'while it runs, its programs are there' test "$(ours)" -gt 5
	kill -9 $tracer
	wait $tracer 2>/dev/null || :
	check 'nothing is left of it' wait_for 60 nothing_is_ours
	copy $disk $disk@32MiB 64KiB
}
nothing_is_ours() { [ "$(ours)" = 0 ]; }

bad_filters() {
	t_case 'filters that cannot be'
	check_status 'no such cgroup' 4 bpfcopy trace --cgroup=nowhere
	check_status 'no cgroup at all' 4 bpfcopy trace --cgroup=/tmp
	check_status 'no name of a task' 2 bpfcopy trace --comm=1234567890123456
	check_status 'no reason' 2 bpfcopy trace --reason=because
}

null_disk slow size=128 copy=1 irqmode=2 completion_nsec=200000000 >/dev/null
for case in who_decided policy_that_went who_asked where_time_goes lacking gone one_page floods \
	together clock_steps killed bad_filters; do
	$case
done
finish
