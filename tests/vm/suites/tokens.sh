#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy tokens: who is alive, how far, whose; leaks within a second; what is lost is counted.
# vm: --timeout 120
# debug: no
# Many functions are called by check; $from belongs to jq.
# shellcheck disable=SC2317,SC2086,SC2016
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh
# shellcheck source=tests/vm/watch_lib.sh
. /tests/vm/watch_lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. /tests/vm/nvme_debug_lib.sh

rows=$tmp/tokens.rows
errors=$tmp/tokens.err
nqn=nqn.test:tokens
sub=$subsystems/$nqn

if [ ! -e /sys/kernel/tracing/events/blk_copy ]; then
	skip 'bpfcopy tokens' 'this kernel has no copy offload'
	finish
fi
modprobe nvme-debug i_know=1
mkdir $sub
echo 0 >$sub/multipath
make_ns $sub 1 size=64M
connect $nqn a
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
name=${disk#/dev/}
# Who waits here is not to be aborted, however slow the machine.
echo 600000 >/sys/block/$name/queue/io_timeout

# A Copy that arrives waits until it is released.
mkdir $sub/faults/hold
set_attrs $sub/faults/hold opcode=0x19 hold=1

# hold: from now on; held: one does; release: all go on.
hold() { echo 1 >$sub/faults/hold/enable; }
held() { grep -qx 'held 1' $sub/faults/hold/stats; }
release() {
	echo 0 >$sub/faults/hold/enable
	echo all >$sub/faults/hold/release
}

# start OPTION...: in the background; from here on everything is seen.
start() { watch_start tokens "$@"; }
bye() { get bye ".[0] | $1"; }
some() { grep -q "$1" $rows; }

# copy_held: one that waits in the device; its process is $copier.
copy_held() {
	hold
	bpfcopy copy $disk $disk@32MiB 1MiB >/dev/null &
	copier=$!
	wait_for 30 held
}

nobody() {
	start --duration 100ms
	wait $pid
	check_equal 'nobody is alive' "$(bye '"\(.alive) \(.created) \(.freed) \(.found) \(.lost)"')" '0 0 0 0 0'
	check_equal 'and no lifetimes' "$(get lifetime length)" 0
}

lifetimes() {
	local recorder
	bpfcopy trace --tokens --record=$tmp/recording 2>$tmp/recording.err &
	recorder=$!
	wait_for 60 grep -q '^Writing' $tmp/recording.err
	start --watch
	# 23: a prime.
	bpfcopy copy --step 64KiB $disk $disk@32MiB $((23 * 64))KiB >/dev/null
	stop
	kill $recorder
	check 'it is recorded, too' wait $recorder
	check_equal 'of the recording, it is the same' \
		"$(bpfcopy tokens -r $tmp/recording -o json | jq -c '[.bye.created, .bye.freed, .bye.alive, .bye.p50_ns, .lifetimes]')" \
		"$(get bye '.[0] | [.created, .freed, .alive, .p50_ns] | @json' | sed 's/]$//'),$(get lifetime 'map({from_ns, to_ns, tokens}) | @json')]"
	check_equal 'a clean end' $status 0
	check_equal 'created, freed' "$(bye '"\(.created) \(.freed) \(.alive) \(.lost)"')" '23 23 0 0'
	check_equal 'a lifetime each' "$(get lifetime 'map(.tokens) | add')" 23
	check_equal 'in powers of two' "$(get lifetime 'map(select(.to_ns != 2 * .from_ns)) | length')" 0
	check_equal 'percentiles are among them' "$(get lifetime 'map(.from_ns) as $from | map(.to_ns) as $to |
		('"$(bye .p50_ns)"' >= ($from | min)) and ('"$(bye .p99_ns)"' < ($to | max))')" true
}

alive() {
	local row
	start --watch --interval 100ms
	copy_held
	check 'a token that is held is alive' wait_for 30 some '"state":"consumed"'
	release
	wait $copier
	stop
	row='map(select(.state == "consumed"))[0]'
	check_equal 'whose it is' "$(get token "$row"' | "\(.origin) \(.comm) \(.pid) \(.device) \(.src_device) \(.disk)"')" \
		"ioctl bpfcopy $copier $name $name $name"
	check_equal 'how far it got' "$(get token "$row"' |
		"\(.bytes) \(.filled_bytes) \(.consumed_bytes) \(.done_bytes) \(.failed_bytes) \(.rejects) \(.extents)"')" \
		'1048576 1048576 1048576 0 0 0 1'
	check_equal 'it only grows older' "$(get token 'map(.age_ns) | . == sort and .[0] > 0')" true
	check_equal 'one token, one id' "$(get token 'map(.token_id) | unique | length')" 1
	check_equal 'frames count it' "$(get frame 'map(.alive) | max')" 1
	check_equal 'in the end it is freed' "$(bye '"\(.alive) \(.created) \(.freed)"')" '0 1 1'
}

# Sources that are not contiguous are extents of their own.
extents() {
	printf '0 32MiB 4KiB\n8KiB 32772KiB 4KiB\n12KiB 32776KiB 4KiB\n4KiB 32780KiB 4KiB\n' >$tmp/ranges
	start --watch --interval 100ms
	hold
	bpfcopy copy --ranges $tmp/ranges $disk $disk >/dev/null &
	copier=$!
	wait_for 30 some '"state":"consumed"' || :
	release
	wait $copier
	stop
	check_equal 'three extents of four ranges' "$(get token 'map(.extents) | max')" 3
}

# Asynchronous: a worker makes the token, and the holder is who asked.
by_the_kernel() {
	modprobe copy_client
	start --watch --interval 100ms
	hold
	printf 'src=%s dst=%s bytes=65536 dst_at=33554432' $disk $disk >/dev/copy_client &
	copier=$!
	check 'a copy of the kernel' wait_for 30 some '"state":"consumed"'
	release
	wait $copier
	stop
	check_equal 'the holder is who asked' "$(get token '.[0] | "\(.origin) \(.pid) \(.comm)"')" "kernel $copier tokens.sh"
	modprobe -r copy_client
}

old_ones() {
	start --leaks --older-than 500ms
	copy_held
	check 'a token that is too old is reported' wait_for 30 some '"type":"token"'
	sleep 1
	release
	wait $copier
	stop
	check_equal 'once' "$(get token length)" 1
	check 'within a second of the limit' between 500000000 1500000000 "$(get token '.[0].age_ns')"
	check_equal 'it is held, not leaked' "$(get token '.[0].state')" consumed
	check_equal 'the stack begins where it was made' \
		"$(get token '.[0].stack[0] | split("+")[0]')" blk_copy_token_alloc
	check_equal 'and has who asked for the copy' "$(get token '.[0].stack |
		map(split("+")[0]) | map(select(. == "blkdev_issue_copy" or . == "blkdev_ioctl")) | length')" 2
	check_equal 'totals' "$(bye '"\(.leaks) \(.alive) \(.lost)"')" '1 0 0'
}

# The copy is over and its token is not freed: however young, it is a leak.
real_leak() {
	start --leaks --older-than 1h --count 2
	modprobe token_leak tokens=2
	bpfcopy copy --step 64KiB $disk $disk@32MiB 192KiB >/dev/null
	check 'it ends after two leaks' wait_for 30 sh -c "! kill -0 $pid"
	wait $pid || not_ok 'with status 0' $errors
	check_equal 'leaks are known when the copy is over' "$(get token 'map(.state) | unique | join(" ")')" leaked
	check 'within a second' test "$(get token 'map(.age_ns) | max')" -lt 1500000000
	check_equal 'all of it was done' "$(get token 'map(.done_bytes) | join(" ")')" '65536 65536'
	check_equal 'the third was freed' "$(bye '"\(.leaks) \(.alive) \(.created - .freed)"')" '2 2 2'

	start --watch --interval 100ms
	modprobe -r token_leak
	wait_for 30 some '"freed":2' || :
	stop
	check_equal 'those before us are found when something happens' "$(bye '"\(.found) \(.freed)"')" '0 2'
}

before_us() {
	copy_held
	start --watch --interval 100ms
	wait_for 30 some '"type":"frame"'
	check_equal 'who was there before is not seen' "$(get frame '.[0].alive')" 0
	release
	wait $copier
	stop
	check_equal 'but found by the next step' "$(bye '"\(.found) \(.created) \(.freed)"')" '1 0 1'
}

# More tokens than there is room for.
too_many() {
	local more=100 max=16384
	modprobe token_leak tokens=$((max + more))
	start --watch --fail-on-loss --interval 1min
	bpfcopy copy --step 4KiB $disk@0 $disk@32MiB 32MiB >/dev/null
	bpfcopy copy --step 4KiB $disk@0 $disk@32MiB 32MiB >/dev/null
	bpfcopy copy --step 4KiB $disk@0 $disk@32MiB $((4 * more))KiB >/dev/null
	stop
	modprobe -r token_leak
	check_equal 'losses are the exit status' $status 7
	check_equal 'none is lost from the count' "$(bye '"\(.created) \(.freed)"')" "$((max + more)) 0"
	check_equal 'what had no room is' "$(bye .lost)" $more
}

for_people() {
	local people=$tmp/people
	hold
	bpfcopy tokens --leaks --older-than 200ms --count 1 >$people 2>$errors &
	pid=$!
	wait_for 60 grep -q '^Watching tokens' $errors
	bpfcopy copy $disk $disk@32MiB 1MiB >/dev/null &
	copier=$!
	check 'it ends after a leak' wait $pid
	check 'a heading' grep -qE '^ +TOKEN +AGE STATE +LEN EXT DEVICE +ORIGIN +PID COMM$' $people
	check 'a row' grep -qE "^ +[0-9]+ +[0-9.]+m?s consumed +1MiB +1 $name +ioctl +$copier bpfcopy$" $people
	check 'a stack' grep -qE '^        blk_copy_token_alloc\+0x[0-9a-f]+$' $people
	check '80 columns are enough' sh -c "! grep -E '.{81}' $people"
	check 'totals on stderr' grep -qE '^1 tokens created, 0 freed, .* 1 leaks, 1 still there; lost 0$' $errors

	bpfcopy tokens --watch --interval 200ms --count 3 >$people 2>$errors
	check_equal 'three screens' "$(grep -c '  alive ' $people)" 3
	check_equal 'without a terminal, no control characters' "$(tr -d '[:print:]\n' <$people | wc -c)" 0
	release
	wait $copier
}

# A clean end whatever happens to it.
ends() {
	local status=0
	start --watch
	kill -KILL $pid
	wait $pid || :
	check 'killed, nothing stays attached' wait_for 10 sh -c "! bpftool prog show | grep -qw token_free"
	bpfcopy tokens --watch --interval 100ms -o ndjson | head -n 2 >$rows || status=$?
	check_equal 'it ends when nobody reads' "$(wc -l <$rows)" 2
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		bpfcopy tokens >$rows 2>$errors || status=$?
	check_equal 'no permission' $status 5
	check 'no permission: it says so' grep -q 'takes root' $errors
	status=0
	bpfcopy tokens -o ndjson --watch --interval 100ms >/dev/full 2>$errors || status=$?
	check_equal 'a full disk' $status 1
	check 'a full disk: it says so' grep -q 'No space left' $errors
}

for case in nobody lifetimes alive extents by_the_kernel old_ones real_leak before_us too_many \
	for_people ends; do
	t_case $case
	$case
done
disconnect a
rmdir $sub/faults/hold
remove_subsys $sub
finish
