#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The other ways to copy from user space, BLOCK_URING_CMD_COPY and copy_file_range(): what they
# refuse, many copies at a time, and what becomes of copies whose ring, files or task goes.
# quick: yes
# leaks: yes
# vm: --nvme 16M --nvme 16M,logical_block_size=4096,physical_block_size=4096 --timeout 150
# with: build/tests/vm/ioctl_args build/tests/vm/copy_fuzz build/tests/vm/copy_many
# with: build/tests/vm/copy_once build/tests/vm/copy_verify
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

small=/dev/nvme0n1 large=/dev/nvme1n1
nqn=nqn.test:calls
sub=$subsystems/$nqn

# by WAY PROGRAM ARGUMENT...
by() {
	export T_CALL=$1
	shift
	program "$@"
	unset T_CALL
}

refusals() {
	local seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
	by uring ioctl_args $small $large
	by uring ioctl_args $large $small
	by cfr ioctl_args $small $large
	by cfr ioctl_args $large $small
	by uring copy_fuzz --calls "$(scaled 500)" --seed "$seed" $small $large
	program copy_many --dev $small --copies 4 --how bad
	program copy_many --dev $small --copies 2 --how reused
}

# What would have to wait goes to a thread that may, everything else does not.
nowait() {
	events_on io_uring/io_uring_queue_async_work
	program copy_many --dev $small --copies 3 --how cached
	check_equal 'what would wait is given to others: 2 of 3' "$(punted)" 2
	program copy_many --dev $large --copies 3 --how cached
	check_equal 'what would wait is given to others: 4 of 6' "$(punted)" 4
	events_off /tmp/events
}
punted() { grep -c 'io_uring_queue_async_work:' $tracing/trace || :; }

at_a_time() {
	program copy_many --dev $small --how wait
	program copy_many --dev $small --copies 500 --bytes 4KiB --how wait
	program copy_many --dev $large --how files
	program copy_many --dev $small --how registered
}

flushes() { awk '{ print $16 }' "/sys/block/${small#/dev/}/stat"; }
# copy_file_range() on a file opened with O_SYNC is as durable as a write to it.
durable() {
	local before
	export T_CALL=cfr
	before=$(flushes)
	copy_once $small $small 0 8MiB 64KiB >/dev/null
	check_equal 'copy_file_range: no flush that nobody asked for' "$(flushes)" "$before"
	copy_once --sync $small $small 0 8MiB 64KiB >/dev/null
	check 'copy_file_range: a file opened with O_SYNC is flushed' test "$(flushes)" -gt "$before"
	unset T_CALL
}

# Security modules and who has to permit access are asked about both files, source first.
asked() {
	local how
	echo 'p:copies/asked rw_verify_area how=%di pos=%dx count=%cx' >>$tracing/kprobe_events
	for how in ioctl uring; do
		events_on copies/asked
		by $how copy_once $small $small 0 8MiB 64KiB >/dev/null
		events_off /tmp/events
		# What is asked about a file as a whole, which reads and writes do not ask.
		check_equal "$how: access is asked for" \
			"$(sed -n 's/ *copy_once-.* how=\(0x[01]\) pos=0x0 count=0x0$/\1/p' /tmp/events | xargs)" \
			'0x0 0x1'
	done
	echo '-:copies/asked' >>$tracing/kprobe_events
}

# One call of copy_file_range() copies 64 MiB, which is how long it has the locks; and what is
# wrong with a later part is found in the first one.
bounded() {
	local disk
	set_param size=256M block_size=4096
	disk=$(attach bounded -k 30)
	export T_CALL=cfr
	events_on blk_copy/blk_copy_start
	check 'copy_file_range: 100 MiB' copy_once "$disk" "$disk" 0 128MiB 100MiB
	events_off /tmp/events
	check_equal 'copy_file_range: 64 MiB in a call' \
		"$(sed -n 's/.* bytes=\([0-9]*\) .*/\1/p' /tmp/events | xargs)" "$((64 << 20)) $((36 << 20))"
	check_equal 'copy_file_range: what is wrong behind 64 MiB' \
		"$(copy_result "$disk" "$disk" 0 128MiB $(((64 << 20) + 512)))" \
		'error=EINVAL copied=0 offloaded=0 emulated=0 error_range=0'
	unset T_CALL
	detach bounded
	set_param size=256M block_size=512
}

# --- a disk that holds the commands, so that what runs does run ---

# shellcheck disable=SC2317 # called by wait_for
held() { grep -qx "held $1" "$sub/faults/hold/stats"; }
hold() {
	echo all >"$sub/faults/hold/reset"
	set_attrs "$sub/faults/hold" opcode=0x19 hold=1 enable=1
}
let_go() {
	echo 0 >"$sub/faults/hold/enable"
	echo all >"$sub/faults/hold/release"
}

# shellcheck disable=SC2317 # called by wait_for
nobody_holds() { T_CALL=ioctl copy_once --exclusive "$1" "$1" 0 1MiB 64KiB; }

ends() { grep -c 'blk_copy_end:' $tracing/trace || :; }
# shellcheck disable=SC2317 # called by wait_for
ended() { [ "$(ends)" -ge "$1" ]; }

start_disk() {
	local timeout
	mkdir "$sub" "$sub/faults/hold"
	# queued() holds 256 commands, on whatever queue each of them is, and still writes.
	set_attrs "$sub" queue_depth=1024
	make_ns "$sub" 1 size=16M mssrl=128 mcl=128
	connect $nqn calls -k 30 -Q 1024
	wait_for 20 ns_disk $nqn 1
	disk=$(ns_disk $nqn 1)
	# What is held here is not to be aborted, however slow the machine.
	for timeout in "/sys/class/nvme/$(ctrl_of calls)"/nvme*n1/queue/io_timeout; do
		echo 600000 >"$timeout"
	done
}

# begin HOW COPIES RANGES HELD: copies in the disk, each of so many ranges of 64 KiB that do not
# touch, of which so many commands are held. Sets pid.
begin() {
	rm -f /tmp/ready
	mkfifo /tmp/over
	hold
	events_on blk_copy/blk_copy_end
	copy_many --dev "$disk" --copies "$2" --ranges "$3" --bytes 64KiB --how "$1" --ready /tmp/ready \
		</tmp/over >/tmp/said &
	pid=$!
	exec {over}>/tmp/over
	check "$1: $4 commands are held" wait_for 60 held "$4"
}

# over: what begin has started may look at the disk. Sets status.
over() {
	status=0
	exec {over}>&-
	wait "$pid" || status=$?
	rm /tmp/over
	events_off /tmp/events
}

# Nobody waits for any of them: all are submitted, and each has a command at the device.
nobody_waits() {
	begin files 16 1 16
	check 'submitting waits for no copy' wait_for 60 test -e /tmp/ready
	check_equal 'nothing has ended' "$(ends)" 0
	let_go
	over
	cat /tmp/said
	check_equal 'the files are gone, the copies are done' $status 0
}

# how_they_ended: of the copies in /tmp/events, each errno and how often.
how_they_ended() {
	sed -n 's/.* error=\(-*[0-9]*\) .*/\1/p' /tmp/events | sort | uniq -c | xargs
}

# Two copies, of which four commands each are held, when the ring goes. KIND: of the ring.
ring_goes() {
	begin "$1" 2 32 8
	echo -n . >&$over
	check "$1: it is closed" wait_for 60 test -e /tmp/ready
	let_go
	check "$1: its copies end" wait_for 60 ended 2
	over
	cat /tmp/said
	check_equal "$1: what is written then stays" $status 0
	check_equal "$1: they were canceled" "$(how_they_ended)" '2 -125'
	check "$1: nobody holds the disk any more" wait_for 20 nobody_holds "$disk"
}

task_goes() {
	begin sleep 2 32 8
	kill -9 "$pid"
	wait "$pid" || :
	let_go
	check 'killed: its copies end' wait_for 60 ended 2
	over
	check_equal 'killed: they were canceled' "$(how_they_ended)" '2 -125'
	check 'killed: nobody holds the disk any more' wait_for 20 nobody_holds "$disk"
}

# shellcheck disable=SC2317 # called by wait_for
cancels() { grep -q io_uring_cancel_generic "/proc/$pid/stack"; }

# The process becomes another program: its copies stop first, and then nothing is written.
program_goes() {
	begin exec 2 32 8
	echo -n . >&$over
	check 'exec: it waits for the copies' wait_for 60 cancels
	check_status 'exec: the other program has not begun' 1 test -e /tmp/ready
	let_go
	check 'exec: its copies end' wait_for 60 ended 2
	check 'exec: the other program begins' wait_for 60 test -e /tmp/ready
	over
	cat /tmp/said
	check_equal 'exec: what it writes stays' $status 0
	check_equal 'exec: they were canceled' "$(how_they_ended)" '2 -125'
	check 'exec: nobody holds the disk any more' wait_for 20 nobody_holds "$disk"
}

# shellcheck disable=SC2317 # called by wait_for
had() { [ "$(grep -c "blk_copy_$1:" "$tracing/trace" || :)" = "$2" ]; }

# As many copies to a disk that does not answer as there are workers for it. Those to another disk
# do not mind; one more to this disk waits for its turn, and ends as soon as its ring goes.
queued() {
	local others
	rm -f /tmp/ready
	mkfifo /tmp/over
	hold
	events_on blk_copy/blk_copy_start blk_copy/blk_copy_decide blk_copy/blk_copy_end
	copy_many --dev "$disk" --copies 256 --bytes 16KiB --how sleep &
	others=$!
	check 'queued: 256 copies have begun' wait_for 60 had decide 256
	check 'queued: the device has all of them' wait_for 60 held 256
	check 'queued: one to another disk does not wait' timeout 60 copy_many --dev $small --copies 1 \
		--how files
	check 'queued: nor for any of the others' had end 1
	copy_many --dev "$disk" --copies 1 --how ring --ready /tmp/ready </tmp/over >/tmp/said &
	pid=$!
	exec {over}>/tmp/over
	check 'queued: there is one more' wait_for 60 had start 258
	echo -n . >&$over
	check 'queued: its ring goes' wait_for 60 test -e /tmp/ready
	check 'queued: it ends, as soon' wait_for 60 had end 2
	check 'queued: it had not begun' had decide 257
	kill -9 $others
	wait $others || :
	let_go
	check 'queued: the others end' wait_for 60 had end 258
	over
	cat /tmp/said
	check_equal 'queued: what is written then stays' $status 0
	check_equal 'queued: it was canceled' "$(grep -c ' error=-125 ' /tmp/events)" 1
	check 'queued: nobody holds the disk any more' wait_for 20 nobody_holds "$disk"
}

# A cancel that comes while a copy is queued takes, for a moment, the bit that says that it is. The copy must
# not be lost: it would never end.
claimed() {
	modprobe work_claim
	fill "$small" 0 65536
	check 'claimed: the copy ends' timeout 60 env T_CALL=uring copy_once "$small" "$small" 0 1MiB 64KiB
	check_equal 'claimed: it was' "$(</sys/module/work_claim/parameters/claimed)" 1
	check 'claimed: bytes' copies_are_equal "$small" 0 $((1 << 20)) 65536
	modprobe -r work_claim
}

# --- null_blk ---

null() {
	local disk plain
	plain=$(null_disk plain size=8)
	check_equal 'null_blk: not by default' "$(queue "$plain" copy_max_hw_bytes)" 0
	disk=$(null_disk copies size=32 copy=1 blocksize=512)
	check_equal 'null_blk: how many ranges' "$(queue "$disk" copy_max_ranges)" 256
	check "null_blk: it copies" copy_once --mode offload "$disk" "$disk" 0 16MiB 4MiB
	program copy_verify --src "$disk" --mode offload --iterations "$(scaled 30)"
	program copy_many --dev "$disk" --copies 16 --how files
	# The second of three ranges cannot be read.
	fill "$disk" 0 $((1 << 20))
	echo "+256-256" >/sys/kernel/config/nullb/copies/badblocks
	check_equal 'null_blk: what is before a bad block is copied, and counts' \
		"$(copy_result --mode offload "$disk" "$disk" 0 20MiB 64KiB 128KiB 20544KiB 64KiB \
			256KiB 20608KiB 64KiB)" \
		"error=EIO copied=65536 offloaded=65536 emulated=0 error_range=1"
	check 'null_blk: bytes' copies_are_equal "$disk" 0 $((20 << 20)) 65536
	null_disk_gone copies
	null_disk_gone plain
	# More than a tick's share of the bandwidth would never be begun.
	disk=$(null_disk slow size=32 copy=1 mbps=50)
	check 'null_blk: a slow one copies' timeout 60 copy_once --mode offload "$disk" "$disk" 0 16MiB 16MiB
	null_disk_gone slow
	disk=$(null_disk zoned size=32 copy=1 zoned=1 zone_size=4)
	check_equal 'null_blk: not with zones' "$(queue "$disk" copy_max_hw_bytes)" 0
	null_disk_gone zoned
}

refusals
nowait
at_a_time
durable
asked
modprobe nvme-debug i_know=1
bounded
start_disk
nobody_waits
ring_goes ring
ring_goes deferred
task_goes
program_goes
queued
disconnect calls
remove_subsys "$sub"
null
# Last: without an end, the guest does not end either.
claimed
finish
