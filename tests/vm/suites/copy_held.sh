#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What becomes of a copy whose command is half done in the disk when something happens around
# it: Abort, timeout, reset, a connection, a keep-alive or a path that is lost, a namespace that
# shrinks, goes or is formatted, a map that is swapped, a source that moves to another disk. The
# caller is told the truth, the bytes are right, and a command that the host has given up touches
# nothing afterwards (C58, C59, F7, F35, F38).
# vm: --timeout 180
# with: build/tests/vm/copy_once build/tests/vm/nvme_raw
# Names of disks have no blanks, and many functions are called by name.
# shellcheck disable=SC2086,SC2206,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:held
sub=$subsystems/$nqn
hold=$sub/faults/hold
mib=$((1 << 20)) length=262144
# Where everything goes to.
to=$((32 * mib))

fill() {
	head -c "$3" /dev/urandom |
		dd of="$1" bs=64K seek="$2" oflag=seek_bytes,direct iflag=fullblock \
			conv=notrunc,fsync status=none
}
gone() { dmsetup remove --noudevsync --retry "$@"; }
# linear DISK START LENGTH: in MiB.
linear() { echo "0 $(($3 * 2048)) linear $1 $(($2 * 2048))"; }

# --- ways to copy ---

# by WAY: what the functions below use. A copy is one command: of four sources, or of one where
# there is no way to name more.
by() {
	way=$1 src=$disk dst=$disk from=(0) T_CALL=ioctl
	case $way in
	uring | cfr) T_CALL=$way ;;
	dm)
		dm_disk whole "$(linear $disk 0 64)"
		src=/dev/mapper/whole dst=/dev/mapper/whole
		;;
	esac
	case $way in
	cfr | kcopyd) ;;
	*) from=(0 $((2 * mib)) $((4 * mib)) $((6 * mib))) ;;
	esac
	piece=$((length / ${#from[@]}))
	export T_CALL
}
way_ends() { [ $way != dm ] || gone whole; }

# The device did it. What kcopyd did, and how, it does not say; nor does copy_file_range() say how.
offloaded() {
	case $way in
	kcopyd) echo 'in sync' ;;
	cfr) echo "error=0 copied=$length offloaded=0 emulated=$length error_range=1" ;;
	*) echo "error=0 copied=$length offloaded=$length emulated=0 error_range=4" ;;
	esac
}
emulated() {
	case $way in
	kcopyd | cfr) offloaded ;;
	*) echo "error=0 copied=$length offloaded=0 emulated=$length error_range=4" ;;
	esac
}
# failed ERRNO: nothing counts.
failed() { echo "error=$1 copied=0 offloaded=0 emulated=0 error_range=0"; }

# The bytes that the sources have.
sources() {
	local at
	for at in "${from[@]}"; do
		dd if=$src bs=64K skip=$at count=$piece iflag=skip_bytes,count_bytes,direct,fullblock \
			status=none
	done
}
# there [BYTES]: what is where they go to.
there() { digest $dst $to "${1:-$length}"; }

counted() { grep -qx "$1 $2" $hold/stats; }
in_sync() { [[ " $(dmsetup status mirrored) " = *' 1/1 '* ]]; }

# start_copy: in the background. Sets pid.
start_copy() {
	local ranges=() at n=$to
	if [ $way = kcopyd ]; then
		dm_disk mirrored "0 512 mirror core 2 512 sync 2 $src 0 $dst $((to / 512))"
		(wait_for 60 in_sync && echo 'in sync' >/tmp/result) &
	else
		for at in "${from[@]}"; do
			ranges+=($at $n $piece)
			n=$((n + piece))
		done
		copy_once $src $dst "${ranges[@]}" >/tmp/result &
	fi
	pid=$!
}

# begin [ATTRIBUTE=VALUE]...: a copy of which the command is held in the middle, the first time
# that it is sent. Sets pid, and ctrl, cid and qid of the command.
begin() {
	echo all >$hold/reset
	fill $dst $to $length
	set_attrs $hold opcode=0x19 at=range range=$((${#from[@]} / 2)) blocks=64 hold=1 times=1 "$@" enable=1
	echo >$tracing/trace
	rm -f /tmp/result
	start_copy
	wait_for 30 counted hits 1 || not_ok "$way: no command is struck: $(xargs <$hold/stats)"
	[[ $(grep nvme_cmd_copy $tracing/trace) =~ nvme_setup_cmd:\ (nvme[0-9]+):.*qid=([0-9]+).*cmdid=([0-9]+) ]]
	ctrl=${BASH_REMATCH[1]} qid=${BASH_REMATCH[2]} cid=${BASH_REMATCH[3]}
	address=$(<"/sys/class/nvme/$ctrl/address") address=${address#traddr=}
}

let_go() { echo all >$hold/release; }

# ended NAME WANT [PATTERN]: and what the result says is there is there. Instead of the errno in
# WANT, one that fits the pattern will do.
ended() {
	local name="$1, $way" copied got
	if ! wait_for 60 test ! -d /proc/$pid/task; then
		not_ok "$name: it does not end"
		let_go
	fi
	wait $pid || :
	[ $way != kcopyd ] || gone mirrored
	got=$(cat /tmp/result)
	[ -z "${3:-}" ] || got=$(sed -E "s/^error=($3) /${2%% *} /" <<<"$got")
	check_equal "$name: it is told" "$got" "$2"
	copied=$(copied_by copied "$got")
	[ "$copied" = 0 ] || check_equal "$name: and the bytes are there" "$(there "${copied:-$length}")" \
		"$(sources | head -c "${copied:-$length}" | checksum)"
}

# nobody_writes NAME: what is written now stays, whatever the disk still has of the copy.
nobody_writes() {
	local before
	fill $dst $to $length
	before=$(there)
	let_go
	sleep 0.3
	check_equal "$1, $way: nothing is written afterwards" "$(there)" "$before"
}

# sent NAME N: Copy commands since begin.
sent() { check_equal "$1, $way: commands" "$(grep -c nvme_cmd_copy $tracing/trace)" $2; }

# --- what happens to the command ---

live() { has "/sys/class/nvme/$1/state" live; }
both_live() { [ "$(grep -lx live /sys/class/nvme/*/state | wc -l)" = 2 ]; }
# Live comes first, then the disk is found on it.
both_usable() { both_live && [ "$(grep -lx optimized /sys/block/nvme*c*n1/ana_state | wc -l)" = 2 ]; }
# After it, both paths are as before.
paths_are_back() { wait_for 30 both_usable || not_ok "$1, $way: both paths come back"; }

# io_timeout SECONDS: 600 where nothing is to be aborted, however slow the machine.
io_timeout() {
	local f
	for f in /sys/block/nvme*c*n1/queue/io_timeout; do echo ${1}000 >$f; done
}

C58_abort() {
	begin
	nvme_raw /dev/$ctrl via=0 opcode=8 cdw10=$((cid << 16 | qid)) >/tmp/aborted
	ended $1 "$(offloaded)"
	sent $1 2
	nobody_writes $1
}

F7_timeout() {
	io_timeout 1
	begin
	ended $1 "$(offloaded)"
	sent $1 2
	io_timeout 600
	nobody_writes $1
}

# As often as the driver is willing to try.
F7_timeouts() {
	local retries=/sys/module/nvme_core/parameters/max_retries was
	was=$(<$retries)
	echo 1 >$retries
	io_timeout 1
	begin times=0
	ended $1 "$(emulated)"
	sent $1 2
	echo "$was" >$retries
	io_timeout 600
	nobody_writes $1
}

# It never ends, nor can be aborted: the controller is reset, and another path or try does it.
F35_lost() {
	io_timeout 1
	begin hold=0 action=lose
	ended $1 "$(offloaded)"
	sent $1 2
	io_timeout 600
	nobody_writes $1
	paths_are_back $1
}

C59_reset() {
	begin
	nvme reset /dev/$ctrl
	ended $1 "$(offloaded)"
	sent $1 2
	nobody_writes $1
	paths_are_back $1
}

# A read by the same path takes the connection with it.
C59_connection() {
	local f=$sub/faults/f
	begin
	mkdir $f
	set_attrs $f opcode=2 cntlid="$(<$sub/controllers/$address/cntlid)" action=disconnect times=1 enable=1
	dd if=$disk of=/dev/null bs=4k count=1 iflag=direct status=none
	rmdir $f
	ended $1 "$(offloaded)"
	sent $1 2
	nobody_writes $1
	paths_are_back $1
}

F38_keep_alive() {
	local f=$sub/faults/f
	begin
	mkdir $f
	set_attrs $f admin=1 opcode=0x18 cntlid="$(<$sub/controllers/$address/cntlid)" action=lose times=1 enable=1
	nvme_raw /dev/$ctrl via=0 opcode=9 cdw10=0xf cdw11=1000 >/tmp/kato
	ended $1 "$(offloaded)"
	rmdir $f
	sent $1 2
	nobody_writes $1
	paths_are_back $1
}

# The removal waits for what is on its way, which the disk lets through then.
path_removed() {
	begin
	nvme disconnect -d $ctrl >/dev/null
	ended $1 "$(offloaded)"
	sent $1 1
	nobody_writes $1
	connect $nqn $address -k 30
	paths_are_back $1
	io_timeout 600
}

path_inaccessible() {
	begin
	echo inaccessible >$sub/controllers/$address/ana_state
	let_go
	ended $1 "$(offloaded)"
	sent $1 2
	echo optimized >$sub/controllers/$address/ana_state
	nobody_writes $1
}

rescanned() {
	begin
	echo 1 >/sys/class/nvme/$ctrl/rescan_controller
	let_go
	ended $1 "$(offloaded)"
	sent $1 1
}

# --- what happens to the namespace ---

size_is() { [ "$(blockdev --getsize64 $disk)" = $1 ]; }
resize() { echo $1 >$sub/namespaces/1/size; }

# The end of the device comes before the destination: no read or write would do better.
ns_shrinks() {
	begin
	resize 16M
	let_go
	ended $1 "$(failed EREMOTEIO)"
	wait_for 20 size_is $((16 * mib)) || not_ok "$1: the disk is smaller"
	resize 64M
	wait_for 20 size_is $((64 * mib)) || not_ok "$1: the disk is as large as it was"
}

ns_grows() {
	begin
	resize 96M
	let_go
	ended $1 "$(offloaded)"
	wait_for 20 size_is $((96 * mib)) || not_ok "$1: the disk is larger"
	resize 64M
	wait_for 20 size_is $((64 * mib)) || not_ok "$1: the disk is as large as it was"
}

# What cannot be copied cannot be read and written either: by the disk, which does not know the
# namespace any more, or by the host, if it has heard of that.
ns_goes() {
	begin
	echo 0 >$sub/namespaces/1/enable
	let_go
	ended $1 "$(failed EIO)" 'EOPNOTSUPP|ENODEV'
	wait_for 20 no_ns_disk $nqn 1 || not_ok "$1: the disk goes"
	echo 1 >$sub/namespaces/1/enable
	wait_for 20 ns_disk $nqn 1 || not_ok "$1: the disk comes back"
	disk=$(ns_disk $nqn 1)
}

# path_of CONTROLLER: its disk.
path_of() { basename /sys/block/nvme*c${1#nvme}n1; }
blocks_are() { has /sys/block/$1/queue/logical_block_size $2; }
all_blocks_are() {
	local d
	for d in /sys/block/nvme*n1; do blocks_are ${d##*/} $1 || return 1; done
}
# The controller that does not have the command.
other_path() {
	local a=a
	[ $address != a ] || a=b
	ctrl_of $a
}

# write_new OFFSET LENGTH: new blocks of 4096 bytes there, by the other path: the disk would use the one
# that waits for the command. /tmp/new has the same.
write_new() {
	head -c $2 /dev/urandom >/tmp/piece
	dd if=/tmp/piece of=/tmp/new bs=64K seek=$1 oflag=seek_bytes conv=notrunc status=none
	said=$(nvme_raw "/dev/$(other_path)" nsid=1 opcode=1 cdw10=$(($1 / 4096)) \
		cdw12=$(($2 / 4096 - 1)) in=/tmp/piece)
	[ "$said" = '0 0' ] || not_ok "$way: the other path does not write: $said"
}

# format_meanwhile NAME [ATTRIBUTE=VALUE]...: a copy's command is held, all data is forgotten, and where
# it reads and writes something else is written then. What the disk is like is in /tmp/new.
format_meanwhile() {
	local at
	begin "${@:2}"
	echo 4096 >$sub/namespaces/1/block_size
	wait_for 20 blocks_are "$(path_of "$(other_path)")" 4096 || not_ok "$1, $way: a path hears of the format"
	truncate -s 0 /tmp/new
	truncate -s 64M /tmp/new
	for at in "${from[@]}"; do write_new $at $(((piece + 4095) & ~4095)); done
	write_new $((to & ~4095)) $(((length + 8191) & ~4095))
}

# format_ends NAME: the disk is as /tmp/new says, and gets the blocks that it had.
format_ends() {
	wait_for 20 all_blocks_are 4096 || not_ok "$1: all hear of the format"
	check_equal "$1, $way: nothing else is written" "$(digest $disk 0 $((64 * mib)))" "$(checksum </tmp/new)"
	nobody_writes $1
	echo 512 >$sub/namespaces/1/block_size
	wait_for 20 all_blocks_are 512 || not_ok "$1: the disk has the blocks that it had"
	fill $disk 0 $((8 * mib))
}

# copied_in_new: what the copy was to do is done in /tmp/new as well.
copied_in_new() {
	local at n=$to
	for at in "${from[@]}"; do
		dd if=/tmp/new bs=64K skip=$at count=$piece iflag=skip_bytes,count_bytes status=none |
			dd of=/tmp/new bs=64K seek=$n oflag=seek_bytes iflag=fullblock conv=notrunc status=none
		n=$((n + piece))
	done
}

# By its numbers of blocks, which are larger ones now, the command is beyond the end.
ns_formats() {
	format_meanwhile $1
	let_go
	ended $1 "$(failed EREMOTEIO)"
	sent $1 1
	format_ends $1
}

# The disk refuses it (0/84h), and the host sends it again by the new numbers: what is copied is what is
# there now.
ns_formats_retry() {
	format_meanwhile $1 at=start action=status status=0x84
	let_go
	ended $1 "$(offloaded)"
	sent $1 2
	copied_in_new
	format_ends $1
}

# The same where the new blocks are too large for it: nothing is sent again, as it would go elsewhere.
ns_formats_unaligned() {
	piece=66048 length=$((4 * 66048)) to=$((32 * mib + 512))
	echo stats >$sub/namespaces/1/reset
	format_meanwhile $1 at=start action=status status=0x84
	let_go
	ended $1 "$(failed EIO)" EINVAL
	check_equal "$1, $way: commands that came to the disk" "$(stat_of $sub 1 copy | cut -d' ' -f1)" 1
	check_equal "$1, $way: nothing is in flight" "$(xargs </sys/block/${disk#/dev/}/inflight)" '0 0'
	length=262144 to=$((32 * mib))
	format_ends $1
}

# The same by the other path, which has its own idea of the namespace. The first path looks at it at
# last; when it does so just then, it is read and written.
ns_formats_failover() {
	local want=offloaded
	format_meanwhile $1
	echo inaccessible >$sub/controllers/$address/ana_state
	let_go
	wait_for 60 test ! -d /proc/$pid/task || :
	! grep -q ' offloaded=0 ' /tmp/result || want=emulated
	ended $1 "$($want)"
	[ $want = emulated ] || sent $1 2
	echo optimized >$sub/controllers/$address/ana_state
	paths_are_back $1
	copied_in_new
	format_ends $1
}

# --- what happens to the map ---

# Four sources on a device that moves, while the command is at the disk: it is none of the
# I/O of that device, so nobody waits for it, and what it copies is not what counts.
source_moves() {
	move_source $1 $2 $disk "$(linear $disk 8 8)" offloaded 2
}

# move_source NAME CALL DISK TABLE RESULT COMMANDS: all data goes to 8 MiB of the disk, and of that one,
# and the sources are found by that table then. RESULT is a function.
move_source() {
	way=ioctl from=(0 $((2 * mib)) $((4 * mib)) $((6 * mib))) piece=$((length / 4))
	export T_CALL=$2
	dm_disk moving "$(linear $disk 0 8)"
	dm_disk still "$(linear $disk 16 48)"
	src=/dev/mapper/moving dst=/dev/mapper/still to=$((16 * mib))
	begin
	dd if=$disk of=$disk bs=1M count=8 seek=8 iflag=direct oflag=direct conv=notrunc status=none
	[ $3 = $disk ] ||
		dd if=$disk of=$3 bs=1M count=8 seek=8 iflag=direct oflag=direct conv=notrunc status=none
	check "$1, $T_CALL: the map is swapped meanwhile" timeout 30 dmsetup reload moving --table "$4"
	timeout 30 dmsetup suspend --nolockfs --noudevsync moving
	dmsetup resume --noudevsync --noudevrules moving
	fill $disk 0 $((8 * mib))
	let_go
	ended "$1" "$($5)"
	sent "$1" $6
	nobody_writes "$1"
	to=$((32 * mib))
	gone moving still
}

# Half of what is copied.
half_offloaded() {
	echo "error=0 copied=$length offloaded=$((length / 2)) emulated=$((length / 2)) error_range=4"
}

# To another disk, as pvmove does it: a namespace that the destination's may copy from, or one that it
# may not; and only some of it.
source_changes_disk() {
	local two stranger
	make_ns $sub 2 size=64M mssrl=512 mcl=1024 msrc=127
	wait_for 20 both_have_two || not_ok "$1: a second namespace"
	two=$(ns_disk $nqn 2)
	move_source "$1 of the group" $2 $two "$(linear $two 8 8)" offloaded 2
	rmdir $sub/namespaces/2
	wait_for 20 no_ns_disk $nqn 2 || not_ok "$1: it goes"
	stranger=$(attach held-stranger -k 30)
	move_source "$1" $2 $stranger "$(linear $stranger 8 8)" emulated 1
	move_source "$1 in part" $2 $stranger "0 8192 linear $disk 16384
8192 8192 linear $stranger 24576" half_offloaded 2
	detach held-stranger
}
both_have_two() { [ "$(grep -lx optimized /sys/block/nvme*c*n2/ana_state | wc -l)" = 2 ]; }

suspended() { [[ $(dmsetup info -c --noheadings -o suspended $1) = Suspended ]]; }

# The command is the destination's I/O: who wants to move that waits for it.
destination_moves() {
	local pid2
	way=ioctl from=(0 $((2 * mib)) $((4 * mib)) $((6 * mib))) piece=$((length / 4))
	export T_CALL=$2
	dm_disk moving "$(linear $disk 32 8)"
	src=$disk dst=/dev/mapper/moving to=0
	begin
	dmsetup reload moving --table "$(linear $disk 48 8)"
	dmsetup suspend --nolockfs --noudevsync moving &
	pid2=$!
	sleep 0.5
	check "$1, $T_CALL: suspending waits for the command" test -d /proc/$pid2/task
	let_go
	check "$1, $T_CALL: and no longer" wait_for 30 suspended moving
	wait $pid2
	dd if=$disk of=$disk bs=1M count=8 skip=32 seek=48 iflag=direct oflag=direct conv=notrunc status=none
	dmsetup resume --noudevsync --noudevrules moving
	ended $1 "$(offloaded)"
	sent $1 1
	to=$((32 * mib))
	gone moving
}

# --- all of it ---

modprobe -a dm_mod dm-mirror
modprobe nvme-debug i_know=1
modprobe nvme-raw
mkdir $sub $sub/controllers/a $sub/controllers/b $hold
make_ns $sub 1 size=64M mssrl=512 mcl=1024 msrc=127
connect $nqn a -k 30
connect $nqn b -k 30
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
wait_for 20 both_usable
io_timeout 600
fill $disk 0 $((8 * mib))
events_on nvme/nvme_setup_cmd

# run CASE WAY...
run() {
	local name=$1 each
	shift
	for each; do
		t_case "$name, $each"
		by $each
		$name $name
		way_ends
	done
}

run C58_abort ioctl uring cfr dm
run F7_timeout kcopyd
run F7_timeouts uring
run F35_lost dm
run C59_reset ioctl cfr kcopyd
run C59_connection uring
run F38_keep_alive ioctl
run path_removed dm kcopyd
run path_inaccessible ioctl uring kcopyd
run rescanned ioctl
run ns_shrinks uring
run ns_grows ioctl
run ns_formats ioctl uring
run ns_formats_retry ioctl
run ns_formats_unaligned ioctl uring
run ns_formats_failover ioctl uring
source_moves source_moves ioctl
source_moves source_moves uring
source_changes_disk source_changes_disk ioctl
destination_moves destination_moves ioctl
run ns_goes ioctl
events_off /tmp/events
nvme disconnect -n $nqn >/dev/null
remove_subsys $sub
check 'unload' modprobe -r nvme-raw nvme-debug
finish
