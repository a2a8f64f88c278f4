#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --icount --timeout 240
# with: build/tests/vm/nvme_raw
# The time model of nvme-debug, on a clock that counts instructions: what commands take is what
# they are to take, to within one timer tick. And in which context they complete.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:time
sub=$subsystems/$nqn
time=$sub/time
trace=/sys/kernel/tracing
ms=1000000
# What is done beside waiting takes a fraction of that, unless the kernel checks all it does.
tick=$((4 * ms))
[ -z "$debug_kernel" ] || tick=$((5 * tick))
d1=''

# --- helpers ---

# model ATTRIBUTE=VALUE...: these, and else what is the default.
model() {
	echo all >$time/reset
	set_attrs $time "$@"
}

# ns KEY=VALUE...: what a command takes; fails if it does.
ns() {
	local status dw0 took
	read -r status dw0 took < <(raw nsid=1 time=1 "$@")
	[ "$status $dw0" = '0 0' ] || echo "status $status"
	echo "$took"
}
read_ns() { ns opcode=2 cdw12=$(($1 * 2 - 1)) len=$(($1 * 1024)); }
write_ns() { ns opcode=1 cdw12=$(($1 * 2 - 1)) len=$(($1 * 1024)); }
copy_ns() { ns sdlba=4096 range=0+$(($1 * 2)); }

# is NAME MODELLED COMMAND...: what it says is that, to within a tick, and no less. An emulator
# that was held up itself gets another try; a command that is too quick never. Sets tries, how many.
is() {
	local took
	for tries in 1 2 3; do
		took=$("${@:3}")
		if [[ $took = *[!0-9]* ]] || [ "$took" -lt "$2" ]; then break; fi
		if [ "$took" -lt $(($2 + tick)) ]; then
			ok "$1: $((took / 1000)) us for $(($2 / 1000))"
			return
		fi
	done
	check_equal "$1" "$took" "$2 to $(($2 + tick)) ns"
}

# counter NAME: of the model.
counter() { sed -n "s/^$1 //p" $time/stats; }

# --- values ---

test_values() {
	local all before a
	before=$(cd $time && cat [!r]* read_*)
	for a in read write copy other; do
		refused "$time/${a}_fixed" "${numbers[@]}" 1000000001
		refused "$time/${a}_per_kib" "${numbers[@]}" 1000000001
	done
	refused "$time/jitter" "${numbers[@]}" 101
	refused "$time/seed" "${numbers[@]}" 4294967296
	refused "$time/channels" "${numbers[@]}" 65
	refused "$time/bandwidth" "${numbers[@]}" 4095 2T
	refused "$time/completion" "${numbers[@]}" 0 Timer 'timer x'
	refused "$time/reset" '' 1 ALL "$long"
	check_equal 'stats is read-only' "$(put "$time/stats" 0)" 'Permission denied'
	check_equal 'refused values leave the old ones' "$(cd $time && cat [!r]* read_*)" "$before"
	all=(read_fixed=1000000000 write_per_kib=1000000000 copy_fixed=1 other_per_kib=3 jitter=100
		seed=4294967295 channels=64 bandwidth=1099511627776 completion=timer)
	set_attrs $time "${all[@]}"
	check_equal 'the ends of each range are taken' \
		"$(for a in "${all[@]%%=*}"; do echo "$a=$(<"$time/$a")"; done | xargs)" "${all[*]}"
	echo all >$time/reset
	check_equal 'reset: nothing takes any time' "$(cd $time && cat [!r]* read_*)" "$before"
}

# --- what commands take ---

test_costs() {
	local tries flushes
	model
	is 'no model: Read' 0 read_ns 4
	model read_fixed=$((20 * ms)) read_per_kib=100000
	is 'Read, 4 KiB' $((20 * ms + 400000)) read_ns 4
	is 'Read, 512 KiB' $((20 * ms + 51200000)) read_ns 512
	is 'Verify, 512 KiB' $((20 * ms + 51200000)) ns opcode=0xc cdw12=1023
	is 'not Write' 0 write_ns 512
	model write_fixed=$((30 * ms)) write_per_kib=50000
	is 'Write, 512 KiB' $((30 * ms + 25600000)) write_ns 512
	is 'not Copy' 0 copy_ns 512
	model copy_fixed=$((40 * ms)) copy_per_kib=20000
	is 'Copy, 4 KiB' $((40 * ms + 80000)) copy_ns 4
	is 'Copy, 1 MiB' $((40 * ms + 20480000)) copy_ns 1024
	is 'not Flush' 0 ns opcode=0
	model other_fixed=$((25 * ms))
	is 'Flush' $((25 * ms)) ns opcode=0
	flushes=$tries
	is 'not Read' 0 read_ns 4
	check_equal 'each was counted' "$(counter commands)" $((flushes + tries))
	check_equal 'with what it should take' "$(counter modelled)" $((flushes * 25 * ms))
}

# Where a Copy pays depends on its size.
test_crossover() {
	local small large
	model copy_fixed=$((20 * ms)) copy_per_kib=10000 read_per_kib=50000 write_per_kib=50000
	small=$(($(read_ns 8) + $(write_ns 8)))
	large=$(($(read_ns 512) + $(write_ns 512)))
	check 'crossover: a small Copy is slower than Read and Write' test "$(copy_ns 8)" -gt $small
	check 'crossover: a large one is faster' test "$(copy_ns 512)" -lt $large
}

# jittered SEED: the sum of what ten Reads are to take; what they have taken is in $tmp/took.
jittered() {
	model read_fixed=$((20 * ms)) jitter=50 seed="$1"
	for _ in {1..10}; do read_ns 4; done >"$tmp/took"
	counter modelled
}

test_jitter() {
	local first sum
	first=$(jittered 3)
	sum=$(($(tr '\n' + <"$tmp/took")0))
	check 'jitter: measured as modelled' within "$sum" "$first" $((10 * tick))
	check 'jitter: between 10 and 30 ms each' bounded $((10 * ms)) $((30 * ms + tick)) "$tmp/took"
	check 'jitter: not all the same' spread $((4 * ms)) "$tmp/took"
	check_equal 'jitter: repeats with the same seed' "$(jittered 3)" "$first"
	check 'jitter: another seed, others' test "$(jittered 4)" != "$first"
}
# within MEASURED MODELLED TOLERANCE
# shellcheck disable=SC2317 # called by check
within() {
	echo "$1 for $2"
	[ "$1" -ge "$2" ] && [ "$1" -lt $(($2 + $3)) ]
}
# bounded LOW HIGH FILE: all numbers in it are between these.
# shellcheck disable=SC2317 # called by check
bounded() {
	cat "$3"
	[ "$(sort -n "$3" | head -1)" -ge "$1" ] && [ "$(sort -n "$3" | tail -1)" -lt "$2" ]
}
# spread NS FILE: the numbers in it are apart by that at least.
# shellcheck disable=SC2317 # called by check
spread() {
	cat "$2"
	[ $(($(sort -n "$2" | tail -1) - $(sort -n "$2" | head -1))) -gt "$1" ]
}

# --- together ---

test_bandwidth() {
	local pid took before
	model bandwidth=4M
	is 'bandwidth: Read, 128 KiB' 31250000 read_ns 128
	is 'bandwidth: Write, 128 KiB' 31250000 write_ns 128
	is 'bandwidth: Copy, 128 KiB, in and out' 62500000 copy_ns 128
	is 'bandwidth: Flush moves nothing' 0 ns opcode=0
	is 'bandwidth: Read, 4 KiB, alone' 976562 read_ns 4
	before=$(counter commands)
	raw nsid=1 sdlba=4096 range=0+4096 >"$tmp/copy" &
	pid=$!
	wait_for 20 more_are_counted "$before"
	took=$(read_ns 4)
	wait $pid
	check 'bandwidth: a Read behind a Copy of 2 MiB waits for it' within "$took" $((500 * ms)) \
		$((600 * ms))
	model read_fixed=$((20 * ms)) bandwidth=1G
	is 'bandwidth: more than enough' $((20 * ms)) read_ns 4
}
# more_are_counted COMMANDS: than so many.
# shellcheck disable=SC2317 # called by wait_for
more_are_counted() { [ "$(counter commands)" -gt "$1" ]; }

# four: ns from the first of four Reads at once to the end of the last.
four() {
	local begin=${EPOCHREALTIME/./}
	for _ in {1..4}; do read_ns 4 >/dev/null & done
	wait
	echo $(((${EPOCHREALTIME/./} - begin) * 1000))
}

test_channels() {
	model read_fixed=$((400 * ms))
	check 'channels: no bound' within "$(four)" $((400 * ms)) $((390 * ms))
	model read_fixed=$((400 * ms)) channels=1
	check 'channels: one, one after the other' within "$(four)" $((1600 * ms)) $((390 * ms))
	model read_fixed=$((400 * ms)) channels=2
	check 'channels: two' within "$(four)" $((800 * ms)) $((390 * ms))
	model read_fixed=$((400 * ms)) channels=64
	check 'channels: more than there are Reads' within "$(four)" $((400 * ms)) $((390 * ms))
}

# --- completion ---

# context MODE: the contexts (. process, s softirq, h hard interrupt) in which ten Reads complete.
context() {
	echo "$1" >$time/completion
	echo >$trace/trace
	echo 1 >$trace/events/block/block_rq_complete/enable
	dd if="$d1" of=/dev/null bs=4k count=10 iflag=direct status=none
	echo 0 >$trace/events/block/block_rq_complete/enable
	sed -nE 's/.*\[[0-9]+\] ..(.).*block_rq_complete.*/\1/p' $trace/trace | sort -u | xargs
}

test_completion() {
	local mode want
	model
	check_equal 'completion: immediate' "$(context immediate)" .
	check_equal 'completion: softirq' "$(context softirq)" s
	check_equal 'completion: timer, in hard interrupts' "$(context timer)" h
	want=$(hash "$d1" 0 2048)
	for mode in softirq timer; do
		model completion=$mode write_fixed=$ms copy_fixed=$ms
		check_equal "completion $mode: Copy" "$(raw nsid=1 sdlba=4096 range=0+2048)" '0 0'
		check_equal "completion $mode: the data is there" "$(hash "$d1" 4096 2048)" "$want"
		dd if="$d1" of=/dev/null bs=4k iflag=direct status=none &
		for _ in {1..3}; do nvme reset "$dev"; done
		check "completion $mode: resets under load" wait $!
	done
}

# --- stopping ---

test_removal() {
	local pid
	model read_fixed=1000000000 channels=1
	for _ in {1..30}; do raw opcode=2 nsid=1 len=512 >/dev/null 2>&1 & done
	pid=$!
	wait_for 20 more_are_counted 0
	check 'a removal does not wait for the model' timeout 15 nvme disconnect -n $nqn
	wait $pid || :
	wait
	model
}

# --- tracepoints ---

# traced OPCODE: of what the controller has traced of I/O commands of namespace 1: commands,
# errors, bytes, ranges.
traced() {
	awk -v opcode="$1" '/nvme_debug_command:/ {
		for (i = 1; i <= NF; i++) {
			split($i, f, "=")
			v[f[1]] = f[2]
		}
		if (v["qid"] == 0 || v["nsid"] != 1 || v["opcode"] != opcode)
			next
		commands++
		errors += v["status"] != "0x0" && v["status"] != "0"
		bytes += v["bytes"]
		ranges += v["ranges"]
	}
	END { print commands + 0, errors + 0, bytes + 0, ranges + 0 }' "$tmp/trace"
}
# ids EVENT: queue, command id and status of each, in order.
ids() {
	grep "$1: " "$tmp/trace" | sed 's/.*qid=\([0-9]*\).*cmdid=\([0-9]*\).*status=\([0-9a-fx]*\).*/\1 \2 \3/' |
		sed 's/ 0$/ 0x0/' | sort
}

test_trace() {
	local name opcode
	model read_fixed=$ms read_per_kib=1000 copy_fixed=$((2 * ms)) other_fixed=$ms
	echo stats >$sub/namespaces/1/reset
	echo >$trace/trace
	echo 1 >$trace/events/nvme_debug/enable
	echo 1 >$trace/events/nvme/nvme_complete_rq/enable
	{
		raw opcode=2 nsid=1 cdw12=7 len=4096 repeat=20
		raw opcode=2 nsid=1 cdw10=0xffffffff len=512
		raw opcode=1 nsid=1 cdw12=15 len=8192 repeat=5
		raw nsid=1 sdlba=4096 range=0+8 range=16+24
		raw nsid=1 sdlba=4096 range=0+8 range=999999999+1
		raw opcode=12 nsid=1 cdw12=7
		raw opcode=0x55 nsid=1
		raw via=0 opcode=6 cdw10=1 len=4096
		raw via=0 opcode=0xc1
	} >"$tmp/said"
	echo 0 >$trace/events/nvme_debug/enable
	echo 0 >$trace/events/nvme/nvme_complete_rq/enable
	cp $trace/trace "$tmp/trace"
	for name in read=0x2 write=0x1 copy=0x19 verify=0xc other=0x55; do
		opcode=${name#*=} name=${name%=*}
		check_equal "trace: $name is what the statistics say" "$(traced "$opcode")" \
			"$(stat_of $sub 1 "$name")"
	done
	check_equal 'trace: of the others, too' "$(grep -c 'qid=0 .*opcode=0x6 .*status=0x\?0 ' "$tmp/trace") $(
		grep -c 'qid=0 .*opcode=0xc1 .*status=0x4001 ' "$tmp/trace")" '1 1'
	check_equal 'trace: modelled is what the model says' \
		"$(sed -n 's/.*nvme_debug_command:.* qid=[1-9].*modelled=//p' "$tmp/trace" |
			awk '{ sum += $1 } END { print NR, sum }')" \
		"$(counter commands) $(counter modelled)"
	check_equal 'trace: the host was told just that' "$(ids nvme_complete_rq)" \
		"$(ids nvme_debug_command)"
	model
}

modprobe nvme-debug i_know=1 size=16M
modprobe nvme-raw
mkdir $sub
set_attrs $sub multipath=0
make_ns $sub 1
# What it traces are the commands that are sent here, not Keep Alive.
connect $nqn time -k 120
dev=/dev/$(ctrl_of time)
wait_for 20 ns_disk $nqn 1
d1=$(ns_disk $nqn 1)
fill "$d1" 1

test_values
test_costs
test_crossover
test_jitter
test_bandwidth
test_channels
test_completion
test_trace
test_removal
remove_subsys $sub
check 'unload' modprobe -r nvme-raw nvme-debug
finish
