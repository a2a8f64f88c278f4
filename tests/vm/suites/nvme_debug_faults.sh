#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw
# Faults of nvme-debug: which commands they strike, what becomes of those, and that a command
# which was held, aborted, reset or lost touches nothing afterwards.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:faults
sub=$subsystems/$nqn
ns=$sub/namespaces
faults=$sub/faults
trace=/sys/kernel/tracing
d1='' d2=''

# --- helpers ---

# fault NAME ATTRIBUTE=VALUE...: this, and else what is the default.
fault() {
	[ -d "$faults/$1" ] || mkdir "$faults/$1"
	echo all >"$faults/$1/reset"
	set_attrs "$faults/$1" "${@:2}" enable=1
}
no_fault() { rmdir "${@/#/$faults/}"; }

# fault_has NAME COUNTER NUMBER
# shellcheck disable=SC2317 # also called by wait_for
fault_has() { grep -qx "$2 $3" "$faults/$1/stats"; }
counted() { xargs <"$faults/$1/stats"; }

# copy SDLBA RANGE... [KEY=VALUE...]: status and DW0 of a Copy from namespace 2 to namespace 1.
copy() {
	local args=(nsid=1 format=2 sdlba="$1") a
	for a in "${@:2}"; do
		[[ $a = *=* ]] || a=range=2@$a
		args+=("$a")
	done
	raw "${args[@]}"
}

# read_block LBA...: status of a Read each, in one line.
read_block() {
	local lba
	for lba; do raw opcode=2 nsid=1 cdw10="$lba" len=512 | cut -d ' ' -f 1; done | xargs
}
# fates N: of N Reads, 1 for each that is struck, else 0.
fates() {
	raw opcode=2 nsid=1 len=512 repeat="$1" |
		sed 's/^0 0$/0/; s/^0x.*/1/' | tr -d '\n'
}

# traced COMMAND...: run it, and have the commands that the host sends meanwhile in the trace.
traced() {
	echo >$trace/trace
	"$@"
}

# copy_ids: sets cid and qid, of the last Copy that was traced.
copy_ids() {
	[[ $(grep nvme_cmd_copy $trace/trace | tail -1) =~ qid=([0-9]+).*cmdid=([0-9]+) ]]
	qid=${BASH_REMATCH[1]} cid=${BASH_REMATCH[2]}
}

# begin_copy [ATTRIBUTE=VALUE]...: a Copy of eight ranges of eight blocks to block 1000, which
# a fault holds, that has these attributes too. Sets pid, cid, qid, held.
begin_copy() {
	fault hold opcode=0x19 hold=1 "$@"
	traced begin_eight
	copy_ids
	held=$(image)
}
# shellcheck disable=SC2317 # called by traced
begin_one() {
	begin "$tmp/copy" copy 1000 0+8
	wait_for 20 fault_has hold hits 1
}
# shellcheck disable=SC2317 # called by traced
begin_eight() {
	begin "$tmp/copy" copy 1000 0+8 100+8 200+8 300+8 400+8 500+8 600+8 700+8
	wait_for 20 fault_has hold held 1
}

# source_of RANGES: the bytes of so many ranges of it; they do not change.
source_of() {
	local i
	[ -e "$tmp/source" ] ||
		for i in {0..7}; do blocks "$d2" $((i * 100)) 8; done >"$tmp/source"
	head -c $((4096 * $1)) "$tmp/source"
}

# image: where it goes, and what is beside that.
image() { hash "$d1" 900 300; }
# scribble: other data there. Whoever writes now is seen.
scribble() {
	dd if=/dev/urandom of="$d1" bs=512 seek=900 count=300 oflag=direct status=none
}

# nobody_writes NAME: the fault lets go, and what is there stays.
nobody_writes() {
	local before
	before=$(image)
	echo all >"$faults/hold/release"
	sleep 0.5
	check_equal "$1" "$(image)" "$before"
}

# io_timeout SECONDS: of nvme_raw, and of the disk.
io_timeout() {
	echo "$1" >/sys/module/nvme_core/parameters/io_timeout
	echo "${1}000" >"/sys/block/${d1#/dev/}/queue/io_timeout"
}

# start [OPTION...]: connect, wait for the disks.
start() {
	connect $nqn faults "$@"
	dev=/dev/$(ctrl_of faults)
	wait_for 20 ns_disk $nqn 1
	wait_for 20 ns_disk $nqn 2
	d1=$(ns_disk $nqn 1)
	d2=$(ns_disk $nqn 2)
	behavior 0x0c >/dev/null
}

# --- values ---

test_values() {
	local f=$faults/f before all
	mkdir "$f"
	before=$(cd "$f" && cat [!r]*)
	refused "$f/admin" "${numbers[@]}" 2
	refused "$f/opcode" "${numbers[@]}" 256 Any 'any x'
	refused "$f/nsid" "${numbers[@]}" 4294967296
	refused "$f/cntlid" "${numbers[@]}" 65520
	refused "$f/slba" "${numbers[@]}"
	refused "$f/nlb" "${numbers[@]}"
	refused "$f/skip" "${numbers[@]}" 4294967296
	refused "$f/every" "${numbers[@]}" 0 4294967296
	refused "$f/probability" "${numbers[@]}" 1000001
	refused "$f/seed" "${numbers[@]}" 4294967296
	refused "$f/times" "${numbers[@]}" 4294967296
	refused "$f/at" "${numbers[@]}" 0 star starts Start
	refused "$f/range" "${numbers[@]}" 256
	refused "$f/blocks" "${numbers[@]}" 4294967296
	refused "$f/hold" "${numbers[@]}" 2
	refused "$f/delay" "${numbers[@]}" 4294967296
	refused "$f/action" "${numbers[@]}" 0 non nothing
	refused "$f/status" "${numbers[@]}" 0x800 0x8000 0x7fff 0x14000
	refused "$f/enable" "${numbers[@]}" 2
	refused "$f/release" "${numbers[@]}" 0 4294967296 ALL
	refused "$f/reset" '' 1 ALL "$long"
	check_equal 'stats is read-only' "$(put "$f/stats" 0)" 'Permission denied'
	check_equal 'refused values leave the old ones' "$(cd "$f" && cat [!r]*)" "$before"
	all=(admin=1 opcode=255 nsid=4294967295 cntlid=65519 slba=18446744073709551615
		nlb=18446744073709551615 skip=4294967295 every=4294967295 probability=0
		seed=4294967295 times=4294967295 at=end range=255 blocks=4294967295 hold=1
		delay=4294967295 action=remove status=0x47ff)
	set_attrs "$f" "${all[@]}"
	check_equal 'the ends of each range are taken' \
		"$(for a in "${all[@]%%=*}"; do echo "$a=$(<"$f/$a")"; done | xargs)" \
		"$(xargs <<<"${all[*]/opcode=255/opcode=0xff}")"
	echo 1 >"$f/enable"
	for a in "${all[@]}"; do
		[ "$(put "$f/${a%%=*}" "${a#*=}")" = 'Device or resource busy' ] ||
			not_ok "${a%%=*} cannot change while it is enabled"
	done
	busy "$f/status" 1 'set enable to 0'
	echo all >"$f/reset"
	check_equal 'reset: disabled, and as made' "$(cd "$f" && cat [!r]*)" "$before"
	rmdir "$f"
}

# --- which commands ---

test_filters() {
	fault f opcode=2 action=status status=0x4281
	check_equal 'by opcode: Read' "$(raw opcode=2 nsid=1 len=512)" '0x4281 0'
	check_equal 'by opcode: not Flush' "$(raw opcode=0 nsid=1)" '0 0'
	fault f action=status status=0x4006
	check_equal 'any opcode' "$(raw opcode=0 nsid=1) $(raw opcode=0xc nsid=1)" \
		'0x4006 0 0x4006 0'
	check_equal 'not admin commands' "$(raw via=0 opcode=10 cdw10=7 | cut -d ' ' -f 1)" 0
	fault f admin=1 opcode=10 action=status status=0x4002
	check_equal 'admin commands' "$(raw via=0 opcode=10 cdw10=7) $(raw opcode=0 nsid=1)" \
		'0x4002 0 0 0'
	fault f nsid=2 action=status
	check_equal 'by namespace, with the default status' \
		"$(raw opcode=0 nsid=1) $(raw opcode=0 nsid=2)" '0 0 0x4006 0'
	fault f cntlid=2 action=status
	check_equal 'by controller: not this one' "$(raw opcode=0 nsid=1)" '0 0'
	fault f cntlid=1 action=status
	check_equal 'by controller: this one' "$(raw opcode=0 nsid=1)" '0x4006 0'

	fault f slba=100 nlb=8 action=status status=0x4281
	check_equal 'by blocks: one before, first, last, one behind' \
		"$(read_block 99 100 107 108)" '0 0x4281 0x4281 0'
	check_equal 'by blocks: up to, into, around, behind' "$(
		raw opcode=0xc nsid=1 cdw10=92 cdw12=7
		raw opcode=0xc nsid=1 cdw10=92 cdw12=8
		raw opcode=0xc nsid=1 cdw10=0 cdw12=1000
		raw opcode=0xc nsid=1 cdw10=108 cdw12=1000
	)" $'0 0\n0x4281 0\n0x4281 0\n0 0'
	check_equal 'by blocks: those a Copy writes' \
		"$(copy 90 0+5 0+5) $(copy 90 0+5 0+6) $(copy 108 0+1)" '0 0 0x4281 0 0 0'
	check_equal 'by blocks: Flush has none' "$(raw opcode=0 nsid=1)" '0 0'
	fault f slba=18446744073709551615 nlb=2 action=status
	check_equal 'by blocks: no wrapping around' "$(read_block 0 1)" '0 0'
	no_fault f
}

test_choice() {
	local first
	fault f opcode=2 nsid=1 action=status skip=2 every=3 times=2
	check_equal 'skip, every, times' "$(fates 12)" 000010010000
	check_equal 'are counted' "$(counted f)" 'matches 12 hits 2 held 0'
	set_attrs $faults/f enable=0 enable=1
	check_equal 'from the start when it is enabled again' "$(fates 6)" 000010
	fault f opcode=2 nsid=1 action=status probability=300000 seed=7
	first=$(fates 60)
	check 'a probability of 30 %' between 8 28 "$(tr -d 0 <<<"$first" | tr -d '\n' | wc -c)"
	set_attrs $faults/f enable=0 enable=1
	check_equal 'repeats with the same seed' "$(fates 60)" "$first"
	set_attrs $faults/f enable=0 seed=8 enable=1
	check 'another seed, others' test "$(fates 60)" != "$first"
	fault f opcode=2 nsid=1 action=status probability=0
	check_equal 'a probability of 0' "$(fates 10)" 0000000000
	set_attrs $faults/f enable=0 probability=1000000 enable=1
	check_equal 'a probability of 1' "$(fates 10)" 1111111111

	fault f opcode=2 nsid=1 action=status status=0x4281 times=1
	fault g opcode=2 nsid=1 action=status status=0x4282 times=2
	check_equal 'of two faults the older strikes' "$(read_block 0 0 0 0)" \
		'0x4281 0x4282 0x4282 0'
	check_equal 'both count' "$(counted f), $(counted g)" \
		'matches 4 hits 1 held 0, matches 4 hits 2 held 0'
	no_fault f g
}

# --- status ---

test_status() {
	local before errors
	before=$(image)
	fault f opcode=0x19 action=status status=0x4188
	check_equal 'C43 unreachable' "$(copy 1000 0+8)" '0x4188 0'
	fault f opcode=0x19 action=status status=0x189
	check_equal 'C44 without resources, without DNR' "$(copy 1000 0+8)" '0x189 0'
	fault f opcode=0x19 action=status status=0
	check_equal 'a success that is none' "$(copy 1000 0+8)" '0 0'
	check_equal 'none of them writes' "$(image)" "$before"
	read -r _ errors _ < <(stat_of "$sub" 1 copy)
	fault f opcode=0x19 action=status at=end status=0x4006
	check_equal 'F12 a failure that is none' "$(copy 1000 0+8)" '0x4006 0'
	check_equal 'F12 it is all there' "$(hash "$d1" 1000 8)" "$(hash "$d2" 0 8)"
	check_equal 'F12 and the controller knows' "$(stat_of "$sub" 1 copy | cut -d ' ' -f 2)" \
		"$errors"
	no_fault f
}

# Range n of eight fails, for each n; then within range 5.
test_ranges() {
	local n good=yes want
	for n in {0..7}; do
		scribble
		want=$({ source_of "$n" && blocks "$d1" $((1000 + 8 * n)) $((64 - 8 * n)); } |
			sha256sum)
		fault f opcode=0x19 action=status status=0x4281 at=range range="$n"
		[ "$(copy 1000 0+8 100+8 200+8 300+8 400+8 500+8 600+8 700+8)" = "0x4281 $n" ] &&
			[ "$(hash "$d1" 1000 64)" = "$want" ] || good=$n
	done
	check_equal 'C26 C27 F11 DW0 is the range that fails, those before it are copied' "$good" yes
	for n in '0x4281 5' '0 0'; do
		fault f opcode=0x19 action=status status="${n% *}" at=range range=5 blocks=3
		scribble
		want=$({ source_of 5 && blocks "$d2" 500 3 && blocks "$d1" 1043 21; } | sha256sum)
		check_equal "C26 a range that ends with ${n% *} in the middle" \
			"$(copy 1000 0+8 100+8 200+8 300+8 400+8 500+8 600+8 700+8)" "$n"
		check_equal 'C26 is copied up to there' "$(hash "$d1" 1000 64)" "$want"
	done
	check_equal 'a Copy without that range is not struck' "$(copy 1000 0+8) $(counted f)" \
		'0 0 matches 1 hits 1 held 0'
	no_fault f
}

# --- hold ---

test_hold() {
	local pid qid cid held before more
	before=$(image)
	begin_copy
	check_equal 'held at the start: nothing is written' "$(image)" "$before"
	begin "$tmp/copy2" copy 1100 0+8
	more=$pid
	check 'a second one is held, too' wait_for 20 fault_has hold held 2
	check_equal 'reads are not' "$(read_block 0)" 0
	check 'a namespace can change meanwhile' timeout 60 \
		bash -c "echo 4096 >$ns/1/ro_size && echo 0 >$ns/1/ro_size"
	check_equal 'and controllers, too' "$(raw via=0 opcode=10 cdw10=7 | cut -d ' ' -f 1)" 0
	echo 1 >$faults/hold/release
	check 'the first is released' wait_for 20 fault_has hold held 1
	wait_for 20 test -s "$tmp/copy"
	check_equal 'it succeeds' "$(<"$tmp/copy")" '0 0'
	check_equal 'and has copied' "$(hash "$d1" 1000 64)" "$(source_of 8 | sha256sum)"
	check 'the second is still held' test ! -s "$tmp/copy2"
	echo 0 >$faults/hold/enable
	check_equal 'disabled, it holds no others' "$(copy 1150 0+8)" '0 0'
	check 'but what it has' fault_has hold held 1
	echo all >$faults/hold/release
	ended "$more"
	check_equal 'until it is released' "$(<"$tmp/copy2")" '0 0'

	begin_copy at=end
	check_equal 'held at the end: all is written' "$(hash "$d1" 1000 64)" \
		"$(source_of 8 | sha256sum)"
	no_fault hold
	ended
	check_equal 'a fault that goes lets go' "$(<"$tmp/copy")" '0 0'

	fault hold admin=1 opcode=6 hold=1 times=1
	begin "$tmp/id" nvme id-ctrl "$dev"
	check 'an Identify is held' wait_for 20 fault_has hold held 1
	echo all >$faults/hold/release
	check 'and answered' wait "$pid"
	no_fault hold
}

# What it was based on is looked at again.
test_hold_and_change() {
	local pid qid cid held before
	scribble
	before=$(hash "$d1" 1020 200)
	begin_copy at=range range=2 blocks=4
	check_equal 'held in a range: it is there up to that' "$(hash "$d1" 1000 20)" \
		"$({ source_of 2 && blocks "$d2" 200 4; } | sha256sum)"
	check_equal 'and the rest is not' "$(hash "$d1" 1020 200)" "$before"
	echo all >$faults/hold/release
	ended
	check_equal 'then it goes on' "$(<"$tmp/copy") $(hash "$d1" 1000 64)" \
		"0 0 $(source_of 8 | sha256sum)"

	begin_copy at=range range=2
	echo 5 >$ns/1/mssrl
	echo all >$faults/hold/release
	ended
	check_equal 'limits that changed meanwhile: 1/83h, DW0 is where it was' "$(<"$tmp/copy")" \
		'0x4183 2'
	# A host that looks at them while a Copy is held has all others wait for that.
	wait_for 20 queue_has "$d1" copy_max_range_hw_bytes 2560
	echo 8192 >$ns/1/mssrl
	wait_for 20 queue_has "$d1" copy_max_range_hw_bytes $((8192 * 512))

	begin_copy at=range range=2
	echo 0 >$ns/2/enable
	echo all >$faults/hold/release
	ended
	check_equal 'a source that is gone: 0/02h' "$(<"$tmp/copy")" '0x4002 2'
	wait_for 20 no_ns_disk $nqn 2
	echo 1 >$ns/2/enable
	wait_for 20 ns_disk $nqn 2
	d2=$(ns_disk $nqn 2)
	no_fault hold
}

# stopped NAME STATUS: the copy has ended with that where it was held; nothing writes afterwards.
stopped() {
	ended
	check_equal "$1" "$(<"$tmp/copy")" "$2"
	check_equal "$1: it was stopped where it was" "$(image)" "$held"
	scribble
	nobody_writes "$1: nothing is written afterwards"
}

test_stopped() {
	local pid qid cid held
	begin_copy at=range range=2
	check_equal 'Abort of a Copy that is held' "$(raw via=0 opcode=8 cdw10=$((cid << 16 | qid)))" \
		'0 0'
	stopped 'C58 Abort' '0x7 2'
	check_equal 'C58 there is nothing to abort any more' \
		"$(raw via=0 opcode=8 cdw10=$((cid << 16 | qid)))" '0 1'
	begin_copy
	raw via=0 opcode=8 cdw10=$((cid << 16 | qid)) >/dev/null
	stopped 'C58 Abort before it has begun' '0x7 0'

	begin_copy at=range range=2
	nvme reset "$dev"
	stopped 'C59 reset' '0x370 2'
	behavior 0x0c >/dev/null

	# Time enough to see it held.
	io_timeout 5
	begin_copy at=range range=2
	stopped 'F7 timeout' '0x7 2'
	check_equal 'F7 the controller was not reset for it' "$(get_behavior)" '0c 00'
	io_timeout 30
	no_fault hold
}

test_stopped_admin() {
	local pid
	fault hold admin=1 opcode=9 hold=1 times=1
	begin "$tmp/set" raw via=0 opcode=9 cdw10=4 cdw11=300
	wait_for 20 fault_has hold held 1
	nvme reset "$dev"
	ended
	check_equal 'a reset ends a Set Features that is held' "$(<"$tmp/set")" '0x8 0'
	check_equal 'which has set nothing' "$(raw via=0 opcode=10 cdw10=4)" '0 0'
	no_fault hold
	behavior 0x0c >/dev/null
}

# Nor after the controller has missed the host: once it is held, and before it times out.
test_keep_alive() {
	local pid qid cid held
	disconnect faults
	start -k ${debug_kernel:+1}2
	io_timeout 120
	begin_copy at=range range=2
	fault ka admin=1 opcode=0x18 action=lose times=1
	stopped 'C59 F38 keep-alive' '0x370 2'
	check 'C59 F38 it was lost' fault_has ka hits 1
	no_fault hold ka
	io_timeout 30
	disconnect faults
	start
}

# --- never, late, wrong ---

test_lost() {
	local pid qid cid before
	before=$(image)
	# Twice that, and it is reset: not before the Abort.
	io_timeout 5
	fault hold opcode=0x19 action=lose times=1
	traced begin_one
	copy_ids
	check_equal 'F35 a lost command cannot be aborted' \
		"$(raw via=0 opcode=8 cdw10=$((cid << 16 | qid)))" '0 1'
	ended
	check_equal 'F35 it ends with a reset' "$(<"$tmp/copy") $(get_behavior)" '0x8 0 04 00'
	check_equal 'F35 and has done nothing' "$(image)" "$before"
	behavior 0x0c >/dev/null
	io_timeout 1
	fault hold opcode=2 action=lose times=1
	check 'F35 a Read that is lost is sent again' dd if="$d1" of=/dev/null bs=4k count=1 \
		iflag=direct status=none
	check 'F35 it was lost' fault_has hold hits 1
	io_timeout 30
	no_fault hold
	get_behavior >/dev/null
	behavior 0x0c >/dev/null
}

# took COMMAND...: milliseconds.
took() {
	local begin=${EPOCHREALTIME/./}
	"$@" >/dev/null
	echo $(((${EPOCHREALTIME/./} - begin) / 1000))
}

test_delay() {
	fault f opcode=2 delay=300000
	check 'a delay' between 300 5000 "$(took read_block 0)"
	fault f opcode=2 delay=300000 at=end action=status status=0x4281
	check 'a delay, then a status' between 300 5000 "$(took read_block 0)"
	check_equal 'which is that' "$(read_block 0)" 0x4281
	fault f opcode=2 delay=4000000000
	begin "$tmp/read" read_block 0
	wait_for 20 fault_has f hits 1
	check 'a removal does not wait for a delay' timeout 60 nvme disconnect -n $nqn
	ended
	no_fault f
	# A controller that has failed stays so until the host finds out, by a timeout.
	start -k 120
}

# bits FILE FILE: how many bits differ, and in which block.
bits() {
	local at a b
	{ cmp -l "$1" "$2" || :; } | while read -r at a b; do
		a=$((8#$a ^ 8#$b))
		echo "$(((at - 1) / 512)):$a"
	done
}

test_corrupt() {
	local read=(opcode=2 nsid=1 cdw10=1000 cdw12=15 len=8192)
	raw "${read[@]}" out="$tmp/good" >/dev/null
	fault f opcode=2 action=corrupt blocks=3
	raw "${read[@]}" out="$tmp/bad" >/dev/null
	no_fault f
	check_equal 'corrupt Read: one bit in one block' "$(bits "$tmp/good" "$tmp/bad")" 3:1
	blocks "$d1" 1000 16 >"$tmp/bad"
	check 'corrupt Read: the media is good' cmp "$tmp/good" "$tmp/bad"
	fault f opcode=1 action=corrupt blocks=15
	dd if="$tmp/good" of="$d1" bs=8k seek=2 count=1 oflag=direct status=none
	no_fault f
	blocks "$d1" 32 16 >"$tmp/bad"
	check_equal 'corrupt Write: one bit in one block' "$(bits "$tmp/good" "$tmp/bad")" 15:1
	source_of 8 >"$tmp/good"
	fault f opcode=0x19 action=corrupt blocks=17
	copy 1000 0+8 100+8 200+8 300+8 400+8 500+8 600+8 700+8 >/dev/null
	no_fault f
	blocks "$d1" 1000 64 >"$tmp/bad"
	check_equal 'corrupt Copy: one bit in one block' "$(bits "$tmp/good" "$tmp/bad")" 17:1
}

# Whoever took a second completion for another command's would fail that.
test_twice() {
	local n
	fault f opcode=2 action=twice
	dd if="$d1" of="$tmp/twice" bs=4k count=20 iflag=direct status=none
	n=$(dmesg | grep -c 'genctr mismatch' || :)
	no_fault f
	dd if="$d1" of="$tmp/once" bs=4k count=20 iflag=direct status=none
	check 'complete twice: the data is right' cmp "$tmp/once" "$tmp/twice"
	# The kernel does not log more than ten in a row.
	check 'complete twice: the host has refused the second ones' test "$n" -ge 5
}

# --- the controller ---

test_controller() {
	local pid before
	behavior 0x0c >/dev/null
	fault f opcode=2 nsid=1 action=disconnect times=1
	check 'a connection that is lost: the host comes back' dd if="$d1" of=/dev/null bs=4k count=1 \
		iflag=direct status=none
	check 'it was lost' fault_has f hits 1
	check 'there was a reset' wait_for 20 reset_was

	behavior 0x0c >/dev/null
	fault f opcode=2 nsid=1 action=fatal times=1
	begin "$tmp/fatal" raw opcode=2 nsid=1 len=512
	wait_for 20 fault_has f hits 1
	check 'a controller that has failed says so' bash -c \
		"nvme get-property $dev --offset=0x1c | grep -q 'value: 3'"
	io_timeout 1
	check 'the host finds out and resets it' dd if="$d1" of=/dev/null bs=4k count=1 \
		iflag=direct status=none
	ended
	check_equal 'which ends what was lost' "$(<"$tmp/fatal")" '0x8 0'
	check 'there was a reset' wait_for 20 reset_was
	check 'then it works again' bash -c \
		"nvme get-property $dev --offset=0x1c | grep -q 'value: 1'"

	io_timeout 30
	before=$(image)
	fault f opcode=2 nsid=1 action=remove times=1
	check 'F5 pulled out: an error, soon' wait_for 20 \
		bash -c "! dd if=$d1 of=/dev/null bs=4k skip=1000 count=1 iflag=direct status=none"
	check 'F5 it is gone' wait_for 20 gone
	check 'F5 so is the disk' wait_for 20 no_ns_disk $nqn 1
	start
	check_equal 'F5 plugged in again: the data is there' "$(image)" "$before"
	no_fault f
}
# shellcheck disable=SC2317 # called by wait_for
reset_was() { [ "$(get_behavior)" = '04 00' ]; }
# shellcheck disable=SC2317 # called by wait_for
gone() { ! ctrl_of faults; }

modprobe nvme-debug i_know=1 size=16M
modprobe nvme-raw
# Once: each time the kernel changes its own code, the emulator may lose it.
echo 1 >$trace/events/nvme/nvme_setup_cmd/enable
mkdir $sub
set_attrs $sub multipath=0 copy_formats=5
make_ns $sub 1
make_ns $sub 2
start
fill "$d1" 1
fill "$d2" 1

test_values
test_filters
test_choice
test_status
test_ranges
test_hold
test_hold_and_change
test_stopped
test_stopped_admin
test_keep_alive
test_lost
test_delay
test_corrupt
test_twice
test_controller
disconnect faults
mkdir $faults/left
check 'a subsystem with a fault stays' bash -c "! rmdir $sub 2>/dev/null"
remove_subsys $sub
echo 0 >$trace/events/nvme/nvme_setup_cmd/enable
check 'unload' modprobe -r nvme-raw nvme-debug
finish
