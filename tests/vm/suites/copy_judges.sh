#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Judges that know nothing of copies: fio writes and verifies, bpftrace counts, nvme-cli
# copies the same blocks; and copies while the queue is frozen and its limits change.
# vm: --nvme 96M --nvme 96M,logical_block_size=4096,physical_block_size=4096,mssrl=1024,mcl=4096 --nvme 48M --mem 2048 --timeout 240
# with: bpftrace build/tests/vm/copy_verify build/tests/vm/copy_once
# Functions are called by name, through check and while_copying:
# shellcheck disable=SC2317
set -euo pipefail
# Before copy_lib.sh, whose fill() it is.
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

other=/dev/nvme2n1 nqn=nqn.test:judged
sub=$subsystems/$nqn

# own_namespace: on one whose size and limits can change.
own_namespace() {
	mkdir "$sub"
	echo 0 >"$sub/multipath"
	make_ns "$sub" 1 size=96M block_size=4096
	connect $nqn judged -k 30
	wait_for 20 ns_disk $nqn 1
	on "$(basename "$(ns_disk $nqn 1)")"
}

# on NAME: what the functions below work on.
on() {
	name=$1
	disk=/dev/$name
	block=$(blockdev --getss "$disk")
}

# fio_job DEV OPTION...: 16 MiB of blocks that carry their own offset and checksum.
fio_job() {
	local dev=$1
	shift
	fio --name=judge --filename="$dev" --rw=randwrite --bs=4k-64k --bsrange=4k-64k \
		--blockalign=4k --size=16M --direct=1 --ioengine=psync --norandommap=0 \
		--randseed=7 --verify=crc32c --verify_fatal=1 "$@"
}

# fio compares the offset, so the copy goes to the same offset of another partition.
fio_verifies() {
	partition "$disk" 40MiB 40MiB
	check "$name: fio writes" fio_job "${disk}p1" --do_verify=0
	check "$name: the copy, offloaded" copy_once --mode offload "${disk}p1" "${disk}p2" 0 0 16MiB
	check "$name: fio verifies the offloaded copy" fio_job "${disk}p2" --verify_only
	check "$name: the copy, to another disk" copy_once "${disk}p1" $other 0 0 16MiB
	check "$name: fio verifies the emulated copy" fio_job $other --verify_only
	# Would it notice?
	fill "${disk}p2" $((9 << 20)) 4096
	check "$name: fio notices 4 KiB that are wrong" fio_complains "${disk}p2"
	sfdisk -q --delete "$disk"
}

fio_complains() {
	! fio_job "$1" --verify_only >/tmp/fio 2>&1 && grep '^verify: bad' /tmp/fio
}

bpftrace_counts() {
	local script='tracepoint:blk_copy:blk_copy_end { @copies = count(); @bytes = sum(args->bytes); }'
	script+=' BEGIN { printf("ready\n"); }'
	bpftrace -e "$script" >/tmp/bpftrace 2>&1 &
	local pid=$!
	check "$name: bpftrace is ready" wait_for $((120 * T_SCALE)) grep -q ready /tmp/bpftrace
	copy_once --count 23 "$disk" "$disk" 0 48MiB $((3 * block)) >/dev/null
	kill -INT $pid
	check "$name: bpftrace ends" wait_for $((120 * T_SCALE)) test ! -d /proc/$pid
	check_equal "$name: bpftrace counts the 23 copies" \
		"$(sed -n 's/^@copies: //p' /tmp/bpftrace)" 23
	check_equal "$name: bpftrace adds up their bytes" \
		"$(sed -n 's/^@bytes: //p' /tmp/bpftrace)" $((23 * 3 * block))
}

# Blocks 100-107 to 200 and to 300, by nvme-cli's own command and by ours.
nvme_cli_agrees() {
	fill "$disk" 0 1048576
	check "$name: nvme copy" nvme copy "$disk" --sdlba=200 --slbs=100 --blocks=7 --format=0
	check "$name: the same with BLKCOPY" copy_once --mode offload "$disk" "$disk" \
		$((100 * block)) $((300 * block)) $((8 * block))
	check "$name: nvme copy and BLKCOPY made the same" \
		copies_are_equal "$disk" $((200 * block)) $((300 * block)) $((8 * block))
	check "$name: and it is the source" \
		copies_are_equal "$disk" $((100 * block)) $((300 * block)) $((8 * block))
}

# while_copying NAME COMMAND...: COMMAND again and again while random copies run.
while_copying() {
	local what="$name: $1" pid n=0
	shift
	copy_verify --src "$disk" --iterations "$(scaled 40)" --max-bytes 4MiB --copiers 2 \
		--seed $((RANDOM + 1)) >/tmp/copying 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		"$@" $n
		n=$((n + 1))
		sleep 0.01
	done
	printf '# %s: %s times\n' "$what" $n
	check "$what while copies run" wait $pid
	grep '^#' /tmp/copying
}

# Copies whose tokens take long to fill, one block to a range, until it is killed.
long_tokens() {
	local i ranges=()
	for ((i = 0; i < 4096; i++)); do
		ranges+=($((i * block)) $(((48 << 20) + i * block)) "$block")
	done
	exec copy_once --count 1000000 "$disk" "$disk" "${ranges[@]}"
}

# Set from the recorded events: tokens, how many were too old to be used; again, how many
# copies with such a token were offloaded nevertheless, with a new one; bad, copies that
# failed, but for the one that was killed.
count_stale() {
	read -r tokens again bad < <(awk '
		/blk_copy_token_reject:.* status=-11 / { sub(/.*copy=/, ""); old[$1]; tokens++ }
		/blk_copy_end:/ && !/ error=(0|-4) / { bad++ }
		/blk_copy_end:.* emulated=0 .* error=0 / { sub(/.*copy=/, ""); again += $1 in old }
		END { print tokens + 0, again + 0, bad + 0 }' $tracing/trace)
}

# stale_tokens NAME COMMAND...: what COMMAND changes between the two phases is noticed, and the
# token made anew. The moment is a matter of luck, so COMMAND is repeated until it was met.
stale_tokens() {
	local what="$name: $1" pid n=0 end=$((SECONDS + 90 * T_SCALE)) tokens=0 again=0 bad=0
	shift
	fill "$disk" 0 $((4096 * block))
	echo >$tracing/trace
	long_tokens >/dev/null &
	pid=$!
	while [ $n -lt 5 ] || { [ "$again" = 0 ] && [ $SECONDS -lt $end ]; }; do
		"$@" $n
		n=$((n + 1))
		sleep 0.03
		[ $((n % 5)) != 0 ] || count_stale
	done
	check "$what: copies run until then" kill $pid
	wait $pid || :
	count_stale
	printf '# %s: %s times, %s tokens were stale, %s such copies were offloaded\n' "$what" $n \
		"$tokens" "$again"
	check "$what between the phases: tokens are stale" test "$tokens" -gt 0
	check "$what between the phases: they are made anew" test "$again" -gt 0
	check_equal "$what between the phases: no copy fails" "$bad" 0
	check "$what between the phases: bytes are equal" \
		copies_are_equal "$disk" 0 $((48 << 20)) $((4096 * block))
}

rejected_in_the_middle() {
	awk '/blk_copy_token_reject:.* status=-11 / && !/ offset=0 / { n++ } END { print n + 0 }' $tracing/trace
}

# The same where some commands of a chunk are done already: all of it is copied again, once, and
# by the disk, as nothing else is allowed. The disk is not changed again as soon as that.
stale_in_the_middle() {
	local what="$name: $1 in the middle of a chunk" pid n=0 end=$((SECONDS + 90 * T_SCALE))
	shift
	set_queue "$disk" copy_max_bytes $((16 * block))
	fill "$disk" 0 $((16 << 20))
	echo >$tracing/trace
	copy_once --count 1000000 --until-error --mode offload "$disk" "$disk" 0 48MiB 16MiB >/tmp/line &
	pid=$!
	while [ -d /proc/$pid/task ] && [ "$(rejected_in_the_middle)" -lt 5 ] && [ $SECONDS -lt $end ]; do
		"$@" $n
		n=$((n + 1))
		sleep 0.$((5 + RANDOM % 5))
	done
	printf '# %s: %s times, %s tokens were stale\n' "$what" $n "$(rejected_in_the_middle)"
	check "$what: copies run until then" kill $pid
	wait $pid || :
	cat /tmp/line
	check "$what: tokens are stale" test "$(rejected_in_the_middle)" -gt 0
	check_equal "$what: no copy fails, none is emulated" \
		"$(grep blk_copy_end $tracing/trace | grep -cvE ' emulated=0 .* error=(0|-4) ' || :)" 0
	check "$what: bytes are equal" copies_are_equal "$disk" 0 $((48 << 20)) $((16 << 20))
	set_queue "$disk" copy_max_bytes "$unlimited"
}

switch_scheduler() {
	local all=(none mq-deadline kyber)
	set_queue "$disk" scheduler "${all[$1 % 3]}"
}

change_limit() {
	local all=(0 "$block" $((7 * block)) "$unlimited")
	set_queue "$disk" copy_max_bytes "${all[$1 % 4]}"
}

# The number of hardware queues of a null_blk.
change_queues() { echo $((1 + $1 % 2)) >"/sys/kernel/config/nullb/$name/submit_queues"; }

# Its controller tells the host, and what it sends meanwhile may be too large already.
change_mcl() { echo $((8 << ($1 % 5))) >"$sub/namespaces/1/mcl"; }

# As change_limit(), but the device can still do it.
lower_limit() { set_queue "$disk" copy_max_bytes $(((64 + $1 % 64) * block)); }

change_depth() {
	set_queue "$disk" scheduler mq-deadline
	set_queue "$disk" nr_requests $((4 + $1 % 5 * 16))
}

rescan() {
	echo 1 >"/sys/class/nvme/${name%n1}/rescan_controller"
}

# There is always enough of it for what is copied.
resize() { echo $((96 + $1 % 2 * 16))M >"$sub/namespaces/1/size"; }

# Everything reads as zeroes after it.
format() { nvme format "$disk" -n 1 -b "$block" --force >/dev/null; }

reset() {
	echo 1 >"/sys/class/nvme/${name%n1}/reset_controller"
	sleep 0.2
}

for name in nvme0n1 nvme1n1; do
	on $name
	fio_verifies
	nvme_cli_agrees
done
on nvme0n1
# It takes long, and once is enough: it looks at the kernel, not at the disk.
[ -n "$DISKS" ] || bpftrace_counts
while_copying "switching the scheduler" switch_scheduler
while_copying "changing the depth of the queue" change_depth
while_copying "resetting the controller" reset
on nvme1n1
while_copying "changing copy_max_bytes" change_limit
set_queue "$disk" copy_max_bytes "$unlimited"
while_copying "rescanning the controller" rescan
events_on blk_copy/blk_copy_token_reject blk_copy/blk_copy_end
stale_tokens "rescanning the controller" rescan
stale_tokens "resetting the controller" reset
stale_tokens "lowering copy_max_bytes" lower_limit
# nvme-debug has no such command.
[ -n "$DISKS" ] || stale_tokens "formatting the namespace" format
stale_in_the_middle "rescanning the controller" rescan
stale_in_the_middle "resetting the controller" reset
if [ -n "$DISKS" ]; then
	own_namespace
	stale_tokens "trap 8: resizing the namespace" resize
	stale_in_the_middle "resizing the namespace" resize
	while_copying "changing MCL" change_mcl
else
	on "$(basename "$(null_disk queues size=64 copy=1 submit_queues=2)")"
	while_copying "changing the number of hardware queues" change_queues
fi
events_off /tmp/events
finish
