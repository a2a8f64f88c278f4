#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy top: its numbers are those of the device; the screen at several sizes in tmux, and a
# terminal that is as before however it ends.
# vm: --timeout 200
# debug: no
# Many functions are called by check.
# shellcheck disable=SC2317,SC2086
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh
# shellcheck source=tests/vm/watch_lib.sh
. /tests/vm/watch_lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. /tests/vm/nvme_debug_lib.sh

export LC_ALL=C.UTF-8
rows=$tmp/top.rows
errors=$tmp/top.err
nqn=nqn.test:top
sub=$subsystems/$nqn

if [ ! -e /sys/kernel/tracing/events/blk_copy ]; then
	skip 'bpfcopy top' 'this kernel has no copy offload'
	finish
fi
modprobe nvme-debug i_know=1
mkdir $sub
echo 0 >$sub/multipath
# Format 0: from one namespace to another it cannot copy.
echo 1 >$sub/copy_formats
make_ns $sub 1 size=64M
make_ns $sub 2 size=64M
# The halves of a volume; of the weaker, 32 KiB a command.
make_ns $sub 3 size=64M
make_ns $sub 4 size=64M mssrl=16 mcl=64
connect $nqn a
wait_for 20 ns_disk $nqn 4
disk=$(ns_disk $nqn 1)
other=$(ns_disk $nqn 2)
weak=$(ns_disk $nqn 4)
nvme=${disk#/dev/}
echo 600000 >/sys/block/$nvme/queue/io_timeout
modprobe dm-mod
dm_disk volume "0 65536 linear $(ns_disk $nqn 3) 0
65536 65536 linear $weak 0"
volume=$(dm_name volume)

# start OPTION...: in the background; from here on every copy is counted.
start() { watch_start top "$@"; }

# of DEVICE KEY: summed over the frames
of() { get device "map(select(.device == \"$1\").$2) | add"; }

copy() { bpfcopy copy "$@" >/dev/null; }

numbers() {
	local before after commands failed bytes
	echo stats >$sub/namespaces/1/reset
	start --interval 300ms
	copy --step 64KiB $disk $disk@32MiB $((23 * 64))KiB
	copy --step 4KiB --mode emulate $disk $disk@32MiB $((17 * 4))KiB
	copy $disk $other 1MiB
	# Seen by a frame, for they are counted when they end.
	seen() { [ "$(get device "map(select(.device == \"$1\").total_copies) | max")" = "$2" ]; }
	check 'copies to the one' wait_for 30 seen $nvme 40
	check 'and to the other' wait_for 30 seen ${other#/dev/} 1
	stop
	check_equal 'a clean end' $status 0
	before=$(of $nvme offloaded_bytes)
	after=$(stat_of $sub 1 copy)
	read -r commands failed bytes _ <<<"$after"
	check_equal 'bytes offloaded are those of the device' "$before $commands $failed" "$bytes 23 0"
	read -r _ _ bytes _ <<<"$(stat_of $sub 1 write)"
	check_equal 'bytes emulated are those that it wrote' "$(of $nvme emulated_bytes)" "$bytes"
	check_equal 'intervals make the whole' "$(of $nvme copies) $(of $nvme offload_copies) $(of $nvme emulate_copies)" \
		'40 23 17'
	check_equal 'why' "$(of $nvme why_builtin) $(of $nvme why_caller)" '23 17'
	check_equal 'between devices' "$(of ${other#/dev/} why_cross_device) $(of ${other#/dev/} emulated_bytes)" \
		'1 1048576'
	check_equal 'frames sum up' "$(get frame 'map(.copies) | add')" 41
	check_equal 'percentiles are in order' "$(get device 'map(select(.copies > 0)) |
		map(select(.p50_ns <= 0 or .p50_ns > .p99_ns)) | length')" 0
	check_equal 'nothing is lost' "$(get frame '.[-1].lost')" 0
	check_equal 'nothing is alive' "$(get frame '.[-1].tokens')" 0
}

# One that fails, and one that is on its way.
others() {
	start --interval 200ms --dev $disk
	mkdir $sub/faults/hold
	set_attrs $sub/faults/hold opcode=0x19 hold=1 enable=1
	copy $disk $disk@32MiB 64KiB &
	copier=$!
	alive() { [ "$(get frame '.[-1].tokens')" = 1 ]; }
	check 'a copy that is held has a token' wait_for 30 alive
	echo 0 >$sub/faults/hold/enable
	echo all >$sub/faults/hold/release
	wait $copier
	rmdir $sub/faults/hold
	set_queue $disk copy_max_bytes 0
	copy --mode offload $disk $disk@32MiB 64KiB 2>/dev/null || :
	set_queue $disk copy_max_bytes $unlimited
	copy $other $other@32MiB 64KiB
	failed() { [ "$(of $nvme errors)" = 1 ]; }
	check 'a copy that failed' wait_for 30 failed
	stop
	check_equal 'and why' "$(of $nvme why_disabled) $(of $nvme none_copies)" '1 1'
	check_equal '--dev: no other device' "$(get device 'map(.device) | unique | join(" ")')" $nvme
}

# Devices come and go.
plug() {
	start --interval 200ms
	connect nqn.test:plug b
	there() { get device ".[-10:] | map(select(.device == \"$1\" and .there)) | length"; }
	is_there() { [ "$(there $1)" -gt 0 ]; }
	is_gone() { [ "$(there $1)" = 0 ]; }
	wait_for 20 disk_of b
	new=$(disk_of b)
	check 'a disk that comes is there' wait_for 30 is_there ${new#/dev/}
	copy --step 4KiB $new $new@32MiB 1MiB
	disconnect b
	check 'one that goes is not' wait_for 30 is_gone ${new#/dev/}
	copy $disk $disk@32MiB 64KiB
	stop
	check_equal 'and it went on' "$status $(of $nvme copies)" '0 1'
}

text() {
	bpfcopy top -b -n 3 --interval 200ms >$rows
	check_equal 'three frames' "$(grep -c '^bpfcopy top' $rows)" 3
	check_equal 'with a heading each' "$(grep -cE '^DEVICE +COPIES/s OFFLOAD/s EMULATE/s +P50 +P99 +FAIL WHY$' $rows)" 3
	check_equal 'idle disks are there' "$(grep -c "^$nvme  *-  *-  *-" $rows)" 3
	check '80 columns are enough' sh -c "! grep -E '.{81}' $rows"
	bpfcopy top -b --interval 100ms | head -n 1 >$rows || :
	check_equal 'it ends when nobody reads' "$(wc -l <$rows)" 1
	bpfcopy top -o json -n 2 --interval 100ms | jq -r '"\(.schema) \(.frames | length)"' >$rows
	check_equal 'as one document' "$(<$rows)" 'bpfcopy.top/1 2'
}

# bad NAME STATUS PATTERN COMMAND...
bad() {
	local status=0
	"${@:4}" >$rows 2>$errors </dev/null || status=$?
	check_equal "$1: status" $status $2
	check "$1: it says so" grep -q -- "$3" $errors
}

bad_input() {
	bad 'no terminal' 1 'no terminal; -b' bpfcopy top
	bad 'no permission' 5 'takes root' setpriv --reuid=65534 --regid=65534 --clear-groups \
		--inh-caps=-all --bounding-set=-all bpfcopy top -b
	bad 'no such device' 4 'nvme77n1' bpfcopy top -b --dev nvme77n1
	bad 'a full disk' 1 'No space left' sh -c 'bpfcopy top -b --interval 100ms >/dev/full'
}

#
# The screen
#

# One that was told to end may still be there: each has a name of its own.
terminal=0
t() { tmux -L top$terminal "$@"; }
screen() { t capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
# wait_until NAME PATTERN: it is on the screen.
wait_until() {
	wait_for 60 shows "$2" && ok "$1" && return
	screen >$errors
	not_ok "$1" $errors
}
keys() { t send-keys "$@"; }

# What the terminal is before and afterwards, and what became of it.
cat >$tmp/run <<-RUN
	stty -g >$tmp/before
	bpfcopy top --interval 300ms
	echo status=\$?
	stty -g >$tmp/after
	echo ended
RUN
# run_top [ASSIGNMENT]
run_top() {
	keys "clear; $* bash $tmp/run" Enter
	wait_until "on the screen${*:+ ($*)}" '^DEVICE +COPIES/s'
	top=$(pgrep -x bpfcopy | tail -n 1)
}
new_terminal() {
	t kill-server 2>/dev/null || :
	: $((terminal += 1))
	t -f /dev/null new-session -d -x 80 -y 24 'exec bash --norc'
	t set -g status off
}
restored() {
	wait_until "$1: it ended" '^ended'
	check "$1: the terminal is as it was" cmp $tmp/before $tmp/after
	check_equal "$1: so are screen and cursor" "$(t display -p '#{alternate_on} #{cursor_flag}')" '0 1'
}

sizes() {
	new_terminal
	run_top
	(while :; do copy --step 64KiB $disk $disk@48MiB 256KiB; copy --step 16KiB /dev/mapper/volume /dev/mapper/volume@36MiB 256KiB
		sleep 0.1; done) &
	load=$!
	wait_until 'a rate' "^$nvme +[0-9]+ +[0-9.]+[KM]iB"
	wait_until 'the volume, too' "^$volume +[0-9]+ "
	keys s s s s Home Enter
	wait_until 'a device' '^STACK +COPY-MAX'
	wait_until 'its layers' '^  nvme.* 32MiB '
	wait_until 'the weakest of them' "^  ${weak#/dev/} .*<- weakest"
	check_equal 'one is' "$(screen | grep -c weakest)" 1
	wait_until 'its latencies' '^ *[0-9.]+us - +[0-9.]+[um]s +[0-9]+ #'
	t resize-window -x 200 -y 50
	filled() { [ "$(screen | sed -n '50s/^\(q quit\).*/\1/p')" = 'q quit' ]; }
	check '200x50 is filled' wait_for 30 filled
	keys Escape
	wait_until 'back to the list' '^DEVICE +COPIES/s'
	wait_until 'with reasons' 'builtin 100%'
	t resize-window -x 20 -y 5
	tiny() { [ "$(screen | wc -l)" = 5 ] && screen | sed -n 5p | grep -q '^q quit'; }
	check '20x5 has what matters' wait_for 30 tiny
	check_equal 'a heading, two devices' "$(screen | grep -cE '^(DEVICE|nvme|dm-)')" 3
	keys h
	wait_until '20x5: help' '^h \? '
	keys h / n v m e Enter
	t resize-window -x 80 -y 24
	wait_until '80x24 again, filtered' 'filter nvme'
	# What is below the first line may be drawn a moment later.
	no_volume() { [ "$(screen | grep -c "^$volume" || :)" = 0 ]; }
	check 'no volume' wait_for 30 no_volume
	keys Escape
	wait_until 'and not filtered' "^$volume"
	keys p
	wait_until 'paused' PAUSED
	keys p
}

# A recording on the screen, at the pace at which it was made, and to its end.
recorded() {
	new_terminal
	start_recording
	# So that there is a rate for as long as it takes to look at the screen, however slow.
	for _ in {1..15}; do copy --step 64KiB $disk $disk@32MiB 128KiB; done
	sleep 1
	copy --step 64KiB $disk $disk@32MiB 128KiB
	kill -INT $pid
	wait $pid
	keys "clear; bpfcopy top --interval 200ms -r $tmp/recording; echo status=\$?" Enter
	wait_until 'recorded: a rate' "^$nvme +[0-9]+ +[0-9.]+[KM]iB"
	wait_until 'recorded: its end' '^bpfcopy top +[0-9:]+ +END'
	check_equal 'recorded: no other disk' "$(screen | grep -c '^nvme')" 1
	keys Enter
	wait_until 'recorded: a device' '^so far: 32 copies, 2MiB offloaded'
	check_equal 'recorded: of whose parts nothing is known' "$(screen | grep -cE 'STACK|gone' || :)" 0
	keys q
	wait_until 'recorded: q ends it' '^status=0'
}
start_recording() {
	bpfcopy trace --tokens --record=$tmp/recording 2>$errors &
	pid=$!
	wait_for 60 grep -q '^Writing' $errors
}

ends() {
	kill $load
	wait $load 2>/dev/null || :
	keys q
	restored q
	check 'q: status 0' shows '^status=0'
	run_top
	kill -TERM $top
	restored SIGTERM
	check 'SIGTERM: status 0' shows '^status=0'
	run_top
	keys C-c
	restored Ctrl-C
	run_top
	kill -ABRT $top
	restored SIGABRT
	run_top
	kill -KILL $top
	wait_until 'SIGKILL: it ended' ended
	check 'and nothing stays attached' wait_for 10 sh -c '! bpftool prog show | grep -qE "hist_copy_end|count_alloc"'
	new_terminal
	run_top TERM=vt100
	keys q
	restored 'a vt100'
	recorded
	keys 'clear; TERM=dumb bpfcopy top; echo status=$?' Enter
	wait_until 'a terminal without a cursor' 'cannot move the cursor'
	wait_until 'is an error' '^status=1'
	keys 'clear; env -u TERM bpfcopy top; echo status=$?' Enter
	wait_until 'no TERM' 'cannot move the cursor'
	t kill-server
}

for case in numbers others plug text bad_input sizes ends; do
	t_case $case
	$case
done
dmsetup remove volume
disconnect a
remove_subsys $sub
finish
