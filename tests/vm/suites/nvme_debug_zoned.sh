#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw fio
# Zoned namespaces of nvme-debug: what it answers to any command, and what nvme-cli, blkzone and
# fio make of it.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:zoned
sub=$subsystems/$nqn
ns=$sub/namespaces
# Namespace 1: zones of 2048 blocks, of which 1536 can be written; 5 active, 3 open. 2 is not zoned.
# 3: no bounds, blocks of 4096 bytes. 4: protection information.
zone=2048 capacity=1536 d1='' d3=''

# States, as a zone descriptor has them.
empty=1 implicit=2 explicit=3 closed=4 readonly=13 full=14 offline=15
close=1 finish=2 open=3 reset=4 set_offline=5 all=0x100

# --- helpers ---

# write INDEX BLOCKS [AT]: to a zone of namespace 1, AT blocks from its start.
write() {
	raw nsid=1 opcode=1 cdw10=$(($1 * zone + ${3:-0})) cdw12=$(($2 - 1)) len=$(($2 * 512)) \
		fill=0xaa
}
# append INDEX BLOCKS [KEY=VALUE...]: DW0 is where.
append() {
	raw nsid=1 opcode=0x7d cdw10=$(($1 * zone)) cdw12=$(($2 - 1)) len=$(($2 * 512)) fill=0xbb \
		"${@:3}"
}
# send INDEX ACTION [KEY=VALUE...]: Zone Management Send.
send() { raw nsid=1 opcode=0x79 cdw10=$(($1 * zone)) cdw13=$(($2)) "${@:3}"; }
# receive SLBA CDW13 BYTES [KEY=VALUE...]: Zone Management Receive, into $tmp/zones.
receive() {
	raw nsid=1 opcode=0x7a cdw10="$1" cdw12=$(($3 / 4 - 1)) cdw13=$(($2)) len="$3" \
		out="$tmp/zones" "${@:4}"
}
# numbers_at BYTES...: 64 bit numbers there.
numbers_at() {
	local at
	for at in "$@"; do od -An -v -td8 -j "$at" -N 8 "$tmp/zones"; done | xargs
}
# zone INDEX: its state, and its write pointer from its start if it has one.
zone() {
	local state wp
	receive $(($1 * zone)) 0x10000 128 >/dev/null
	state=$(od -An -tu1 -j 65 -N 1 "$tmp/zones")
	wp=$(numbers_at 88)
	[ "$wp" = -1 ] || wp=$((wp - $1 * zone))
	echo "$((state >> 4)) $wp"
}
# states INDEX...: of some zones.
states() {
	local i s
	for i in "$@"; do
		s=$(zone "$i")
		echo "${s% *}"
	done | xargs
}
reset_all() { send 0 $reset\|$all >/dev/null; }
# what blkzone says: so many zones in a condition.
conditions() { blkzone report "$d1" | grep -o 'zcond: *[0-9]*([a-z]*)' | grep -c "($1)" || :; }

# --- what it says, and what the host makes of it ---

test_identify() {
	check_equal 'Identify Namespace: zones and limits' "$(nvme zns id-ns -o json "$d1" |
		jq -c '[.zoc, .ozcs, .mar, .mor, .lbafe[0].zsze, .lbafe[0].zdes]')" '[0,1,4,2,2048,0]'
	check_equal 'Identify Controller: Zone Append is bound by MDTS' \
		"$(nvme zns id-ctrl -o json "$dev" | jq .zasl)" 0
	check_equal 'a size of whole zones' "$(nvme id-ns -o json "$d1" | jq .nsze)" $((16 * zone))
	raw via=0 nsid=1 opcode=6 cdw10=3 len=4096 out="$tmp/zones" >/dev/null
	check_equal 'its command set is in the descriptors' \
		"$(od -An -tx1 -j 40 -N 5 "$tmp/zones" | xargs)" '04 01 00 00 02'
	check_equal 'Identify Namespace of one that is not zoned' \
		"$(raw via=0 nsid=2 opcode=6 cdw10=5 cdw11=$((2 << 24)) len=4096)" '0x402c 0'
	raw via=0 nsid=0 opcode=6 cdw10=7 cdw11=$((2 << 24)) len=4096 out="$tmp/zones" >/dev/null
	check_equal 'which namespaces are zoned' \
		"$(od -An -td4 -N 16 "$tmp/zones" | xargs)" '1 3 4 0'
	raw via=0 nsid=0 opcode=6 cdw10=0x1c cdw11=0 len=4096 out="$tmp/zones" >/dev/null
	check_equal 'one combination of command sets: both' "$(numbers_at 0 8)" '5 0'
	check_equal 'it is the one' "$(raw via=0 opcode=9 cdw10=0x19 cdw11=0) $(
		raw via=0 opcode=9 cdw10=0x19 cdw11=1)" '0 0 0x402b 0'
	raw via=0 opcode=2 cdw10=$((1023 << 16 | 5)) cdw14=$((2 << 24)) len=4096 out="$tmp/zones" >/dev/null
	check_equal 'effects: Send changes blocks, Receive does not, Append does' \
		"$(for o in 79 7a 7d; do od -An -tx4 -j $((1024 + 4 * 16#$o)) -N 4 "$tmp/zones"; done |
			xargs)" '00000003 00000001 00000003'
}

test_host() {
	local q=/sys/block/${d1#/dev/}/queue
	check_equal 'the host has a zoned disk' \
		"$(cd "$q" && cat zoned nr_zones chunk_sectors max_active_zones max_open_zones | xargs)" \
		'host-managed 16 2048 5 3'
	check 'with Zone Append' [ "$(<"$q/zone_append_max_bytes")" -gt 0 ]
	check 'the host can have it copy' [ "$(<"$q/copy_max_hw_bytes")" -gt 0 ]
	check_equal 'all zones are empty' "$(conditions em)" 16
	check_equal 'their capacity' "$(blkzone report -c 1 "$d1" | grep -o 'cap 0x[0-9a-f]*')" \
		'cap 0x000600'
}

test_values() {
	refused $ns/2/zone_size "${numbers[@]}" 1 4097 17T
	refused $ns/2/zone_capacity "${numbers[@]}" 1 4097 17T
	refused $ns/2/max_active "${numbers[@]}" 16777217
	refused $ns/2/max_open "${numbers[@]}" 16777217
	refused $ns/2/zone_readonly "${numbers[@]}" 0 4096
	refused $ns/1/zone_offline "${numbers[@]}" 1 16777216 17592186044416
	busy $ns/1/zone_size 4M 'set enable to 0'
	busy $ns/1/zone_capacity 4096 'set enable to 0'
}

# --- write pointers ---

test_write() {
	check_equal 'a zone is written from its start' "$(write 0 8)" '0 0'
	check_equal 'which opens it' "$(zone 0)" "$implicit 8"
	check_equal 'then on' "$(write 0 8 8)" '0 0'
	check_equal 'not before the write pointer' "$(write 0 8 8)" '0x41bc 0'
	check_equal 'nor beyond it' "$(write 0 8 24)" '0x41bc 0'
	check_equal 'Write Zeroes moves it' \
		"$(raw nsid=1 opcode=8 cdw10=16 cdw12=7) $(zone 0)" "0 0 $implicit 24"
	check_equal 'Write Uncorrectable moves it' \
		"$(raw nsid=1 opcode=4 cdw10=24 cdw12=7) $(zone 0)" "0 0 $implicit 32"
	check_equal 'what moves no data obeys it' \
		"$(raw nsid=1 opcode=8 cdw10=16 cdw12=7) $(raw nsid=1 opcode=4 cdw10=24 cdw12=7)" \
		'0x41bc 0 0x41bc 0'
	check_equal 'up to the capacity' "$(write 0 $((capacity - 32)) 32)" '0 0'
	check_equal 'which fills the zone' "$(zone 0)" "$full -1"
	check_equal 'a full zone' "$(write 0 8 $capacity)" '0x41b9 0'
	check_equal 'not beyond the capacity' "$(write 1 $((capacity + 1)))" '0x41b8 0'
	check_equal 'nothing of it' "$(zone 1)" "$empty 0"
	check_equal 'past the end of the namespace' "$(write 16 1)" '0x4080 0'
	check_equal 'a read may go from one zone into another' \
		"$(raw nsid=1 opcode=2 cdw10=$((zone - 4)) cdw12=7 len=4096)" '0 0'
	check_equal 'beyond the write pointer are zeroes' "$(hash "$d1" $zone 8)" "$(zeroes 4096)"
}

test_append() {
	check_equal 'Zone Append says where' "$(append 1 8) $(append 1 4) $(append 1 1)" \
		"0 $zone 0 $((zone + 8)) 0 $((zone + 12))"
	check_equal 'it is there' "$(hash "$d1" $zone 13)" \
		"$(head -c $((13 * 512)) /dev/zero | tr '\0' '\273' | sha256sum)"
	check_equal 'and the write pointer after it' "$(zone 1)" "$implicit 13"
	check_equal 'nvme-cli: zone-append' "$(nvme zns zone-append "$d1" -s $zone -z 512 \
		-d <(head -c 512 /dev/zero) 2>&1 | grep -io 'success')" Success
	check_equal 'to a zone, not into it' "$(append 0 1 cdw10=$((zone + 1)))" '0x4002 0'
	check_equal 'more than is left' "$(append 1 $((capacity - 13)))" '0x41b8 0'
	check_equal 'to a full zone' "$(append 0 1)" '0x41b9 0'
	raw nsid=3 opcode=8 cdw12=255 >/dev/null
	check_equal 'nor to one that is full to its end' \
		"$(raw nsid=3 opcode=0x7d len=4096)" '0x41b9 0'
	check_equal 'another namespace has none' \
		"$(raw nsid=2 opcode=0x7d cdw10=0 cdw12=0 len=512) $(raw nsid=2 opcode=0x79 cdw13=4) $(
			raw nsid=2 opcode=0x7a cdw12=31 len=128)" '0x4001 0 0x4001 0 0x4001 0'
	check_equal 'statistics' "$(stat_of $sub 1 zone_append)" "7 3 7168 0"
}

# --- states ---

# into STATE: zone 4, which is empty.
into() {
	case $1 in
	"$implicit") write 4 8 ;;
	"$explicit") send 4 $open ;;
	"$closed") write 4 8 && send 4 $close ;;
	"$full") send 4 $finish ;;
	esac >/dev/null
}
# moves ACTION FROM STATUS TO: of zone 4.
moves() {
	send 4 $reset >/dev/null
	into "$2"
	check_equal "zone state $2, action $1" "$(send 4 "$1") $(states 4)" "$3 0 $4"
}

test_actions() {
	reset_all
	check_equal 'Select All: reset' "$(states 0 1)" "$empty $empty"
	check_equal 'what was there is gone' "$(hash "$d1" 0 8)" "$(zeroes 4096)"
	moves $close $empty 0x41bf $empty
	moves $close $implicit 0 $closed
	moves $close $explicit 0 $closed
	moves $close $closed 0 $closed
	moves $close $full 0x41bf $full
	moves $finish $empty 0 $full
	moves $finish $implicit 0 $full
	moves $finish $explicit 0 $full
	moves $finish $closed 0 $full
	moves $finish $full 0 $full
	moves $open $empty 0 $explicit
	moves $open $implicit 0 $explicit
	moves $open $explicit 0 $explicit
	moves $open $closed 0 $explicit
	moves $open $full 0x41bf $full
	moves $reset $empty 0 $empty
	moves $reset $implicit 0 $empty
	moves $reset $explicit 0 $empty
	moves $reset $closed 0 $empty
	moves $reset $full 0 $empty
	moves $set_offline $empty 0x41bf $empty
	moves $set_offline $full 0x41bf $full
	into $full
	check_equal 'a closed zone is opened by a write' \
		"$(write 5 8) $(send 5 $close) $(write 5 8 8) $(zone 5)" "0 0 0 0 0 0 $implicit 16"
	check_equal 'not where a zone begins' "$(send 0 $reset cdw10=1)" '0x4002 0'
	check_equal 'no such zone' "$(send 16 $reset)" '0x4080 0'
	check_equal 'no such action, no descriptor extensions' \
		"$(send 0 0) $(send 0 6) $(send 0 0x10) $(send 0 0xff)" \
		'0x4002 0 0x4002 0 0x4002 0 0x4002 0'
	echo 4 >$ns/1/max_open
	write 6 8 >/dev/null
	send 7 $open >/dev/null
	check_equal 'Select All: close' "$(send 0 $close\|$all) $(states 4 5 6 7)" \
		"0 0 $full $closed $closed $closed"
	check_equal 'Select All: open' "$(send 0 $open\|$all) $(states 3 4 5 6 7)" \
		"0 0 $empty $full $explicit $explicit $explicit"
	check_equal 'Select All: finish' "$(send 0 $finish\|$all) $(states 3 5 6 7)" \
		"0 0 $empty $full $full $full"
	echo 3 >$ns/1/max_open
	reset_all
}

test_limits() {
	local i
	for i in 0 1 2 3; do write $i 1 >/dev/null; done
	check_equal 'one write more than may be open closes another zone' "$(states 0 1 2 3)" \
		"$closed $implicit $implicit $implicit"
	write 4 1 >/dev/null
	check_equal 'active: no more than five' "$(write 5 1) $(append 5 1) $(send 5 $open)" \
		'0x41bd 0 0x41bd 0 0x41bd 0'
	check_equal 'finish ends that' "$(send 0 $finish) $(write 5 1)" '0 0 0 0'
	check_equal 'Select All: open, more than may be open' "$(send 0 $close\|$all) $(
		send 0 $open\|$all) $(states 1 2 3 4 5)" \
		"0 0 0x41be 0 $closed $closed $closed $closed $closed"
	for i in 1 2 3; do send $i $open >/dev/null; done
	check_equal 'open: no more than three that are to be' "$(send 4 $open) $(write 4 1 1)" \
		'0x41be 0 0x41be 0'
	check_equal 'close ends that' "$(send 3 $close) $(write 4 1 1)" '0 0 0 0'
	reset_all
}

test_report() {
	local i
	for i in 2 5 9; do write $i 8 >/dev/null; done
	send 9 $finish >/dev/null
	check_equal 'a report of all' "$(receive 0 0 $((64 * 17))) $(numbers_at 0 80 $((80 + 15 * 64)))" \
		"0 0 16 0 $((15 * zone))"
	check_equal 'what there is no room for is counted' \
		"$(receive $((5 * zone + 3)) 0 192) $(numbers_at 0 80 144)" \
		"0 0 11 $((5 * zone)) $((6 * zone))"
	check_equal 'unless that is not asked for' \
		"$(receive $((5 * zone)) 0x10000 192) $(numbers_at 0)" '0 0 2'
	check_equal 'by state' "$(for i in 1 2 3 4 5 6 7; do
		receive 0 $((i << 8)) 64 >/dev/null
		numbers_at 0
	done | xargs)" '13 2 0 0 1 0 0'
	check_equal 'the first that is full' "$(receive 0 0x500 128) $(numbers_at 0 80)" \
		"0 0 1 $((9 * zone))"
	check_equal 'no such state, no extended report' \
		"$(receive 0 0x800 128) $(receive 0 1 128) $(receive 0 0 60)" '0x4002 0 0x4002 0 0x4002 0'
	check_equal 'past the end, and other lengths than the command says' \
		"$(receive $((16 * zone)) 0 128) $(receive 0 0 128 len=124)" '0x4080 0 0x400f 0'
	check_equal 'nvme-cli: report-zones' "$(nvme zns report-zones -o json "$d1" -S 5 |
		jq -c '[.nr_zones, .zone_list[0].slba, .zone_list[0].cap]')" "[1,$((9 * zone)),$capacity]"
	check_equal 'blkzone: report' "$(conditions em) $(conditions oi) $(conditions fu)" '13 2 1'
	reset_all
}

test_broken() {
	write 1 8 >/dev/null
	write 2 8 >/dev/null
	echo 1M >$ns/1/zone_readonly
	echo $((2 << 20)) >$ns/1/zone_offline
	check_equal 'states of broken zones' "$(zone 1) $(zone 2)" "$readonly -1 $offline -1"
	check_equal 'writes to them' "$(write 1 8 8) $(write 2 8 8) $(append 1 1) $(append 2 1)" \
		'0x41ba 0 0x41bb 0 0x41ba 0 0x41bb 0'
	check_equal 'reads of one that is read-only' \
		"$(raw nsid=1 opcode=2 cdw10=$zone cdw12=7 len=4096)" '0 0'
	check_equal 'reads of one that is offline, or into it' \
		"$(raw nsid=1 opcode=2 cdw10=$((2 * zone)) cdw12=7 len=4096) $(
			raw nsid=1 opcode=2 cdw10=$((2 * zone - 1)) cdw12=7 len=4096)" \
		'0x41bb 0 0x41bb 0'
	check_equal 'a Copy from there' "$(raw nsid=1 sdlba=0 range=$((2 * zone))+8)" '0x41bb 0'
	check_equal 'they cannot be reset' "$(send 1 $reset) $(send 2 $reset) $(send 1 $open)" \
		'0x41bf 0 0x41bf 0 0x41bf 0'
	reset_all
	check_equal 'Select All leaves them alone' "$(states 0 1 2)" "$empty $readonly $offline"
	check_equal 'one that is read-only can be taken offline' \
		"$(send 1 $set_offline) $(states 1) $(send 2 $set_offline)" "0 0 $offline 0 0"
	check_equal 'the host sees them' "$(conditions of)" 2
	# A new drive.
	echo 0 >$ns/1/enable
	check 'the host knows' wait_for 20 no_ns_disk $nqn 1
	echo 5M >$ns/1/zone_size
	echo $((1 << 20)) >$ns/1/zone_size
	echo 1 >$ns/1/enable
	check 'and that it is back' wait_for 20 ns_disk $nqn 1
	d1=$(ns_disk $nqn 1)
	check_equal 'another zone size and back: as new' "$(states 1 2)" "$empty $empty"
}

# --- Copy ---

test_copy() {
	head -c 65536 /dev/urandom >"$tmp/data"
	raw nsid=1 opcode=1 cdw10=0 cdw12=127 in="$tmp/data" >/dev/null
	check_equal 'Copy writes at the write pointer' \
		"$(raw nsid=1 sdlba=$zone range=0+64 range=96+16) $(zone 1)" "0 0 $implicit 80"
	check_equal 'what was to be copied' "$(hash "$d1" $zone 80)" \
		"$({ blocks "$d1" 0 64 && blocks "$d1" 96 16; } | sha256sum)"
	check_equal 'nowhere else' "$(raw nsid=1 sdlba=$zone range=0+8) $(
		raw nsid=1 sdlba=$((zone + 96)) range=0+8) $(zone 1)" \
		"0x41bc 0 0x41bc 0 $implicit 80"
	raw nsid=1 opcode=8 cdw10=$((zone + 80)) cdw12=$((capacity - 80 - 9)) >/dev/null
	check_equal 'not beyond the capacity' "$(raw nsid=1 sdlba=$((zone + capacity - 8)) range=0+8 \
		range=8+1) $(zone 1)" "0x41b8 0 $implicit $((capacity - 8))"
	check_equal 'up to it' "$(raw nsid=1 sdlba=$((zone + capacity - 8)) range=0+8) $(states 1)" \
		"0 0 $full"
	check_equal 'nor to a full zone' "$(raw nsid=1 sdlba=$((zone + capacity)) range=0+8)" '0x41b9 0'
	check_equal 'a range may lie in two zones' \
		"$(raw nsid=1 sdlba=$((2 * zone)) range=$((zone - 8))+16)" '0 0'
	raw nsid=1 opcode=4 cdw10=128 cdw12=7 >/dev/null
	check_equal 'a Copy that fails has moved the write pointer as far as DW0 says' \
		"$(raw nsid=1 sdlba=$((2 * zone + 16)) range=0+8 range=124+8) $(zone 2)" \
		"0x4281 1 $implicit 28"
	behavior 4 >/dev/null
	check_equal 'from another namespace' \
		"$(raw nsid=1 sdlba=$((3 * zone)) range=2@0+8 format=2) $(zone 3)" "0 0 $implicit 8"
	check_equal 'and to one' "$(raw nsid=2 sdlba=0 range=1@0+64 format=2)" '0 0'
}

# The write pointer is where the Copy is; others wait their turn, and lose it.
test_held_copy() {
	mkdir $sub/faults/f
	set_attrs $sub/faults/f opcode=0x19 at=range range=1 blocks=4 hold=1 enable=1
	begin "$tmp/held" raw nsid=1 sdlba=$((5 * zone)) range=0+8 range=16+8
	check 'a Copy is held' wait_for 20 grep -qx 'held 1' $sub/faults/f/stats
	check_equal 'the write pointer is where it is' "$(zone 5)" "$implicit 12"
	echo all >$sub/faults/f/release
	ended "$pid"
	check_equal 'it goes on from there' "$(<"$tmp/held") $(zone 5)" "0 0 $implicit 16"
	begin "$tmp/held" raw nsid=1 sdlba=$((5 * zone + 16)) range=0+8 range=16+8
	check 'another is held' wait_for 20 grep -qx 'held 1' $sub/faults/f/stats
	send 5 $reset >/dev/null
	echo all >$sub/faults/f/release
	ended "$pid"
	check_equal 'it does not go on where there is something else' "$(<"$tmp/held") $(zone 5)" \
		"0x41bc 1 $empty 0"
	rmdir $sub/faults/f
}

# --- the life of the namespace ---

test_life() {
	reset_all
	write 0 8 >/dev/null
	send 1 $open >/dev/null
	write 2 8 >/dev/null
	send 2 $close >/dev/null
	write 15 8 >/dev/null
	echo 1 >$sub/power_cut
	check 'the host is back' wait_for 60 has "/sys/class/nvme/${dev#/dev/}/state" live
	check_equal 'without power no zone stays open' "$(zone 0) $(zone 1) $(zone 2)" \
		"$closed 8 $empty 0 $closed 8"
	check_equal 'what was written is there' "$(hash "$d1" 0 8)" \
		"$(head -c 4096 /dev/zero | tr '\0' '\252' | sha256sum)"
	echo $((15 * 1048576 + 4096)) >$ns/1/size
	check_equal 'a smaller size' "$(write 15 1)" '0x4080 0'
	check 'of which the host hears' wait_for 30 queue_has "$d1" nr_zones 15
	echo 16M >$ns/1/size
	check 'and of a larger one' wait_for 30 queue_has "$d1" nr_zones 16
	check_equal 'what was cut off is new' "$(zone 15) $(hash "$d1" $((15 * zone)) 8)" \
		"$empty 0 $(zeroes 4096)"
	echo 65536 >$ns/1/ro_size
	check_equal 'read-only blocks' "$(send 0 $reset) $(write 0 8 8)" '0x4182 0 0x4182 0'
	echo 0 >$ns/1/ro_size
	reset_all
}

# A host that enables the NVM command set alone.
test_command_set() {
	local cc
	cc=$(raw via=0 opcode=0x7f nsid=4 cdw11=0x14)
	cc=${cc#0 }
	check_equal 'the host has enabled all command sets' $((cc >> 4 & 7)) 6
	raw via=0 opcode=0x7f nsid=0 cdw11=0x14 cdw12=$((cc & ~0x70)) >/dev/null
	check_equal 'otherwise there would be no zoned namespace' "$(write 0 1) $(
		raw nsid=2 opcode=1 len=512)" '0x4002 0 0 0'
	raw via=0 opcode=0x7f nsid=0 cdw11=0x14 cdw12="$cc" >/dev/null
}

# What is appended has reference tags of the start of its zone, and then of its place.
test_pi() {
	local remap=$((1 << 25)) check_all=$((7 << 26)) act=$((1 << 29)) i
	for i in 0 1; do
		head -c 512 /dev/zero
		printf '00001234%08x' $((zone + i)) | xxd -r -p
	done >"$tmp/blocks"
	a() { raw nsid=4 opcode=0x7d cdw10=$zone cdw12=$(($1)) cdw14="${2:-$zone}" "${@:3}"; }
	check_equal 'protection information: tuples move with their blocks' \
		"$(a $remap\|$check_all\|1 $zone in="$tmp/blocks" cdw15=0xffff1234) $(
			a $remap\|$check_all\|1 $zone in="$tmp/blocks" cdw15=0xffff1234)" \
		"0 $zone 0 $((zone + 2))"
	check_equal 'or are made' "$(a $remap\|$act $zone len=512)" "0 $((zone + 4))"
	check_equal 'all of them are right' "$(raw nsid=4 opcode=0xc cdw10=$zone \
		cdw12=$((check_all | 4)) cdw14=$zone cdw15=0)" '0 0'
	check_equal 'wrong ones are found' "$(a $remap\|$check_all\|1 $((zone + 1)) in="$tmp/blocks") $(
		a $remap\|$check_all $zone len=520 fill=1)" '0x4181 0 0x4282 0'
	check_equal 'who does not know the place cannot know the tag' \
		"$(a $check_all\|1 $zone in="$tmp/blocks")" '0x4181 0'
}

# --- a host's tools ---

test_tools() {
	check 'blkzone: open' blkzone open -o $zone -c 1 "$d1"
	check_equal 'it is' "$(states 1)" $explicit
	check 'blkzone: finish' blkzone finish -o $zone -c 1 "$d1"
	check_equal 'it is, too' "$(states 1)" $full
	check 'blkzone: reset' blkzone reset "$d1"
	check_equal 'all are empty' "$(conditions em)" 16
	check 'fio writes zones and verifies them' fio --name=z --filename="$d3" --direct=1 \
		--zonemode=zbd --rw=randwrite --bs=4k-64k --size=4M --io_size=4M --ioengine=libaio \
		--iodepth=4 --verify=crc32c --verify_fatal=1 --do_verify=1 --max_open_zones=4 --group_reporting
}

# Linux has no zones of such a size.
test_odd_size() {
	mkdir $ns/5
	set_attrs $ns/5 size=12M zone_size=3M enable=1
	check 'the host says what it does not like' wait_for 30 bash -c \
		'dmesg | tail -n 50 | grep -q "invalid zone size: 6144 for namespace: 5"'
	rmdir $ns/5
}

modprobe nvme-debug i_know=1
modprobe nvme-raw
mkdir $sub
set_attrs $sub multipath=0
make_ns $sub 1 size=$((16 * 1048576 + 65536)) zone_size=1M zone_capacity=768K max_active=5 max_open=3
make_ns $sub 2 size=16M
make_ns $sub 3 size=16M zone_size=1M block_size=4096
make_ns $sub 4 size=16M zone_size=1M pi=1
connect $nqn zoned -k 120
for n in 1 2 3 4; do
	check "namespace $n is there" wait_for 20 ns_disk $nqn $n
done
dev=/dev/$(ctrl_of zoned)
d1=$(ns_disk $nqn 1) d3=$(ns_disk $nqn 3)
test_identify
test_host
test_values
test_write
test_append
test_actions
test_limits
test_report
test_broken
test_copy
test_held_copy
test_life
test_command_set
test_pi
test_tools
test_odd_size
nvme disconnect -n $nqn >/dev/null
remove_subsys $sub
check_equal 'no page is left' "$(pages)" 0
check 'unload' modprobe -r nvme-raw nvme-debug
finish
