#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One round of `make bench`, in the guest, on a clock that counts instructions. Prints a line
# of JSON per measurement, {"name", "value", ...}: instructions of one operation, from the
# batch in the middle unless it says otherwise.
#
# The device is nvme-debug, since all that it does is done by the guest's processor and so
# is counted, to the digit. QEMU's controller works outside of the guest: a copy on it costs
# the guest waiting, whose length differs each time.
set -eEuo pipefail
shopt -s inherit_errexit
trap 'echo "guest.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh

tracing=/sys/kernel/tracing
operations=100
batches=100
bytes=4096

connect() {
	modprobe nvme-debug i_know=1 size=64M
	nvme connect -t debug -a bench -n nqn.2024-01.org.example:bench >/dev/null
	wait_for 10 disk_is_there
}
disk_is_there() {
	disk=$(grep -lsx 'nvme-debug *' /sys/block/*/device/model | cut -d/ -f4 || :)
	[ -b "/dev/$disk" ]
}

# nvme-debug beside null_blk, which is as simple as a disk can be: what the NVMe driver and the
# controller cost.
controllers() {
	local copying=$disk name attribute
	modprobe null_blk nr_devices=0
	mkdir /sys/kernel/config/nullb/bench
	for attribute in memory_backed=1 copy=1 size=64 blocksize=512 power=1; do
		echo "${attribute#*=}" >"/sys/kernel/config/nullb/bench/${attribute%=*}"
	done
	for name in nvme-debug null_blk; do
		[ $name = nvme-debug ] || disk=bench
		for bytes in 4096 131072; do
			batches=$((bytes == 4096 ? 100 : 20))
			bench fill 1 >/dev/null
			measure "$name-read-$bytes" read
			measure "$name-write-$bytes" write
			measure "$name-copy-$bytes" offload
		done
	done
	disk=$copying bytes=4096 batches=100
	device nvme-debug-device-read-4096 read
}

# 32 KiB in one part, in eight that share a command, and in eight on a disk that takes one range a
# command: one bio for each range and phase, or one for each range and one for all.
parts() {
	local copying=$disk
	bytes=32768 batches=20
	bench fill 1 >/dev/null
	measure parts-1 offload
	measure parts-8 gather
	echo 0 >/sys/module/nvme_debug/parameters/msrc
	nvme connect -t debug -a single -n nqn.2024-01.org.example:single >/dev/null
	wait_for 10 single_is_there
	bench fill 1 >/dev/null
	measure parts-8-single gather
	disk=$copying
	nvme disconnect -n nqn.2024-01.org.example:single >/dev/null
}
single_is_there() {
	disk=$(grep -lsx 1 /sys/block/nvme*/queue/copy_max_ranges | cut -d/ -f4 || :)
	[ -b "/dev/$disk" ]
}

bench() { copybench "$1" "/dev/$disk" $operations "${2:-$batches}" "$bytes"; }

# measure NAME KIND [STATISTIC [BATCHES]]
measure() {
	bench "$2" "${4:-$batches}" >/tmp/measured
	jq -c --arg name "$1" --arg of "${3:-median}" '{ name: $name, value: .[$of] } + .' /tmp/measured
}

# One that learns gets two copies first, to know both paths: what is measured has to be offloaded.
with_policy() {
	local name=$1
	shift
	bpfcopy load "$@" --dev "$disk" >/dev/null
	bpfcopy copy "$disk" "$disk@32MiB" 4KiB --step 4KiB >/dev/null
	bpfcopy copy "$disk" "$disk@32MiB" 4KiB --step 4KiB >/dev/null
	measure "$name" offload
	bpfcopy unload --dev "$disk" >/dev/null
}

# with_tracer NAME reader|stopped OPTION...: what the tracer's programs cost, with its reader
# stopped, so that it takes no time from the batches (so few that it would not be woken); or what
# it costs altogether on this one processor, on average, with a reader that prints JSON.
with_tracer() {
	local name=$1 reader=$2 tracer
	shift 2
	bpfcopy trace -o ndjson --fail-on-loss "$@" >/tmp/trace 2>/tmp/trace.err &
	tracer=$!
	wait_for 20 grep -q '"hello"' /tmp/trace
	if [ "$reader" = stopped ]; then
		kill -STOP $tracer
		measure "$name" offload median 14
		kill -CONT $tracer
	else
		measure "$name" offload mean
	fi
	kill -TERM $tracer
	wait $tracer || { cat /tmp/trace.err; return 1; } >&2
}

# with_counters NAME VERB OPTION...: what bpfcopy VERB costs each copy; nobody has to read.
with_counters() {
	local name=$1 pid
	shift
	bpfcopy "$@" -o ndjson --fail-on-loss >/tmp/hist 2>/tmp/hist.err &
	pid=$!
	wait_for 20 grep -q '"hello"' /tmp/hist
	kill -STOP $pid
	measure "$name" offload
	kill -CONT $pid
	kill -TERM $pid
	wait $pid || { cat /tmp/hist.err; return 1; } >&2
}

# with_script NAME SCRIPT [BATCHES]: what bpftrace costs each copy.
with_script() {
	local name=$1 script=$2 pid
	BPFTRACE_PERF_RB_PAGES=1024 bpftrace "$script" >/tmp/script 2>&1 &
	pid=$!
	# Nobody is to hear that it was killed.
	disown $pid
	# What a script says first is read when all of it is attached.
	wait_for 60 grep -qE '^(Counting|COPY )' /tmp/script
	kill -STOP $pid
	measure "$name" offload median "${3:-$batches}"
	kill -KILL $pid || { cat /tmp/script; return 1; } >&2
	wait_for 60 test ! -d /proc/$pid
}

# device NAME KIND: what nvme-debug itself does for an operation, as the graph tracer sees
# it: the whole of ndbg_io_cmd(), summed over its calls.
device() {
	echo ndbg_io_cmd >$tracing/set_ftrace_filter
	echo ndbg_io_cmd >$tracing/set_graph_function
	echo 16384 >$tracing/buffer_size_kb
	echo function_graph >$tracing/current_tracer
	bench "$2" >/dev/null
	echo 0 >$tracing/tracing_on
	# A long one has a mark before its time.
	sed -nE 's/.*[ )]([0-9]+\.[0-9]+) us .*ndbg_io_cmd.*/\1/p' $tracing/trace >/tmp/durations
	echo nop >$tracing/current_tracer
	echo >$tracing/set_ftrace_filter
	echo >$tracing/set_graph_function
	echo 1 >$tracing/tracing_on
	jq -cnR --arg name "$1" --argjson operations $(((batches + 1) * operations)) '
		[inputs | tonumber * 1000]
		| { name: $name, value: (add / $operations), calls: length }' </tmp/durations
}

# size SUFFIX BYTES BATCHES: the same at another size, without tracer and policy.
size() {
	bytes=$2 batches=$3
	bench fill 1 >/dev/null
	measure "pair$1" pair
	measure "emulate$1" emulate
	measure "passthrough$1" passthrough
	measure "offload$1" offload
	device "device-pair$1" pair
	device "device-offload$1" offload
}

connect
size '' 4096 100
measure syscall nothing
with_policy offload-empty empty
with_policy offload-observe never observe=yes
with_policy offload-always always
with_policy offload-threshold threshold min_bytes=4KiB
with_policy offload-threshold-all threshold min_bytes=4KiB max_bytes=1GiB align_bytes=4KiB most_ranges=8 \
	origins=ioctl
with_policy offload-adaptive adaptive try_percent=0 switch_percent=1000000
with_policy offload-budget budget rate_bytes=1TiB
with_policy offload-budget-cgroup budget rate_bytes=1TiB per_cgroup=yes
with_policy offload-guard guard
with_tracer offload-trace stopped
with_tracer offload-trace-tokens stopped --tokens
with_tracer offload-trace-split stopped --split
with_tracer offload-trace-reader reader
with_counters offload-hist hist
with_counters offload-hist-all hist --by=dev,path,policy,origin
with_counters offload-top top
with_counters offload-tokens tokens --watch
with_script offload-trace-bpftrace /tests/bench/trace.bt 14
with_script offload-trace-split-bpftrace /tests/bench/split.bt 14
with_script offload-hist-bpftrace /tests/bench/hist.bt
with_script offload-top-bpftrace /tests/bench/top.bt
with_script offload-tokens-bpftrace /contrib/bpftrace/tokenlife.bt
measure offload-again offload
parts
size -64k 65536 20
size -1m 1048576 3
controllers
