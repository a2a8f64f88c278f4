#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw
# The Copy command of nvme-debug, statement by statement: C1 to C60 are those of the table in
# nvme-debug/README.md. A command goes through nvme_raw, which can say what nvme-cli and the
# NVMe driver's pass-through cannot; where nvme-cli can say it, it does.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:copy
sub=$subsystems/$nqn
ns=$sub/namespaces
all=0xffffffff
trace=/sys/kernel/tracing

# Namespaces 1 and 2 have 512 byte blocks, 3 has 4096, 4 is not active, 5 is huge and empty.
d1='' d2='' d5=''

# --- helpers ---

# copy SDLBA RANGE... [KEY=VALUE...]: status and DW0 of a Copy to namespace 1, format 0.
copy() {
	local args=(nsid=1 sdlba="$1") a
	for a in "${@:2}"; do
		[[ $a = *=* ]] || a=range=$a
		args+=("$a")
	done
	raw "${args[@]}"
}

# One line for each block.
lines() { blocks "$@" | od -An -v -tx1 -w512; }
# Where all copies go that are to be refused, and what is beside it.
snapshot() { hash "$d1" 1000 1048; }

# refused NAME STATUS SDLBA RANGE...: with DW0 = 0, and nothing is written.
refused() {
	local before
	before=$(snapshot)
	check_equal "$1" "$(copy "${@:3}")" "$2 0"
	[ "$(snapshot)" = "$before" ] || not_ok "$1: nothing is written"
}

# copied NAME SDLBA RANGE... [KEY=VALUE...]: and there is what was in the ranges. A range of
# namespace 2 is given as 2@SLBA+BLOCKS, and TIMES are once.
copied() {
	local name=$1 sdlba=$2 r disk want total=0 got
	shift 2
	want=$(for r in "$@"; do
		disk=$d1
		[[ $r != *=* ]] || continue
		[[ $r != 2@* ]] || disk=$d2
		r=${r#*@}
		blocks "$disk" "${r%+*}" "${r#*+}"
	done | sha256sum)
	for r in "$@"; do
		[[ $r = *=* ]] || total=$((total + ${r#*+}))
	done
	got=$(copy "$sdlba" "$@")
	[ "$got" != '0 0' ] || got=$(hash "$d1" "$sdlba" $total)
	check_equal "$name" "$got" "$want"
}

feature() { raw via=0 opcode=9 nsid="$1" cdw10="$2" cdw11="$3"; }
get_feature() { raw via=0 opcode=10 nsid="$1" cdw10="$2"; }
id_ctrl() { nvme id-ctrl -o json "$dev" | jq -c "$1"; }
id_ns() { nvme id-ns -o json "$dev" -n "$1" | jq -c "$2"; }

# start ATTRIBUTE=VALUE...: connect the subsystem, whose attributes these are.
start() {
	set_attrs "$sub" "$@"
	connect $nqn copy
	dev=/dev/$(ctrl_of copy)
	wait_for 20 ns_disk $nqn 5
	wait_for 20 ns_disk $nqn 1
	wait_for 20 ns_disk $nqn 2
	d1=$(ns_disk $nqn 1)
	d2=$(ns_disk $nqn 2)
	d5=$(ns_disk $nqn 5)
}

# --- what it says of itself ---

copy_bits='(.oncs / 256 | floor) % 8'

test_identify() {
	check_equal 'C1 C6 ONCS: Copy, its atomicity, all of it fast' "$(id_ctrl "$copy_bits")" 7
	check_equal 'C2 OCFS is the formats it has' "$(id_ctrl .ocfs)" 15
	check_equal 'C3 MSSRL, MCL, MSRC' "$(id_ns 1 '[.mssrl, .mcl, .msrc]')" '[128,256,7]'
	check_equal 'C5 limits are per namespace' "$(id_ns 2 '[.mssrl, .mcl, .msrc]')" \
		'[8192,65536,127]'
	nvme get-log "$dev" --log-id=5 --log-len=4096 --raw-binary >"$tmp/effects"
	echo 512 >$ns/1/mcl
	check 'C5 the host has another limit after a rescan' wait_for 30 queue_has "$d1" \
		copy_max_hw_bytes $((512 * 512))
	echo 256 >$ns/1/mcl
	check_equal 'C7 effects: supported, changes blocks' \
		"$(od -An -tx4 -j $((1024 + 0x19 * 4)) -N 4 "$tmp/effects" | xargs)" 00000003
	check_equal 'C56 a block is what is atomic: no AWUN, NAWUN' \
		"$(id_ctrl .awun) $(id_ns 1 '[.nawun, (.nsfeat / 2 | floor) % 2]')" '0 [0,0]'
}

test_host_behavior() {
	check_equal 'C8 the NVMe driver sets CDFE to what it uses' "$(get_behavior)" '04 00'
	behavior 0 >/dev/null
	refused 'C8 format 2 is not enabled' 0x4002 1000 1@7+1 format=2
	refused 'C15 format 3 is not enabled' 0x4002 1000 1@7+1 format=3
	check_equal 'C8 set CDFE' "$(behavior 0x0c)" '0 0'
	check_equal 'C8 and get it' "$(get_behavior)" '0c 00'
	check_equal 'C8 a short one is refused' "$(raw via=0 opcode=9 cdw10=0x16 len=508)" \
		'0x400f 0'
	check_equal 'C8 a reserved value is refused' \
		"$(raw via=0 opcode=9 cdw10=0x16 len=512 fill=2)" '0x4002 0'
	check_equal 'C8 which leaves the old one' "$(get_behavior)" '0c 00'
	check_equal 'C8 it is not saveable' \
		"$(raw via=0 opcode=9 cdw10=0x80000016 len=512)" '0x410d 0'
	nvme reset "$dev"
	check_equal 'C8 after a reset it is the driver again' "$(get_behavior)" '04 00'
	check_equal 'C8 the NVMe driver keeps it to itself' "$(admin copy --opcode=9 --cdw10=0x16 \
		-w -l 512 2>&1 | grep -o 'Permission denied')" 'Permission denied'
	check_equal 'C8 set CDFE again' "$(behavior 0x0c)" '0 0'
}

# --- what is copied ---

test_fields() {
	copied 'C29 C30 ranges land in order, a source twice' 1001 511+1 17+31 3+5 17+64
	copied 'C9 C45 C49 C50 no field without a meaning has one, FUA and LR are accepted' 1001 \
		17+31 3+5 cdw12=0xfffff000 cdw13=$all cdw14=$all cdw15=$all cdw2=$all cdw3=$all
	copied 'C9 SDLBA' 1500 900+1
	copied 'C10 format 2: SLBA, NLB, SNSID of an entry' 1001 1@511+2 1@17+31 format=2
	copied 'C12 format 0: what is reserved in an entry is ignored' 1001 17+31 3+5 fill=0xff
	copied 'C36 the source may be in the same namespace' 1001 1@5+3 format=2
	copied 'C37 each entry has its own namespace' 1001 2@5+3 1@7+3 2@900+2 format=2
	copied 'C39 no protection information on either side' 1001 2@100+100 format=2
	copied 'C42 every copy is fast' 1001 2@17+4 1@19+4 format=2 sopt=0x8000
	check 'C49 nvme-cli: FUA' nvme copy "$d1" --sdlba=1001 --slbs=17,3 --blocks=30,4 --format=0 \
		--force-unit-access
	check 'C50 nvme-cli: LR' nvme copy "$d1" --sdlba=1001 --slbs=17,3 --blocks=30,4 --format=0 \
		--limited-retry
	check_equal 'C50 which copies as ever' "$(hash "$d1" 1001 36)" \
		"$({ blocks "$d1" 17 31 && blocks "$d1" 3 5; } | sha256sum)"
	skip C11 'entries of formats 1 and 3 are for 32 and 64 bit guards, which it has not'
	skip C14 'the host cannot say it: suite copy_args'
}

test_formats() {
	local f
	for f in 4 9 15; do
		refused "C15 format $f" 0x4002 1000 7+1 format=$f
	done
	refused 'C16 format 1 without a large guard' 0x400b 1000 7+1 format=1
	refused 'C16 format 3 without a large guard' 0x400b 1000 1@7+1 format=3
	skip C17 'there are no 32 and 64 bit guards'
}

test_limits() {
	local end
	end=$(blockdev --getsz "$d1")
	refused 'C18 more ranges than MSRC + 1' 0x4183 1000 '7+1*9'
	refused 'C19 one block more than MSSRL' 0x4183 1000 7+129
	refused 'C20 one block more than MCL' 0x4183 1000 7+128 7+128 7+1
	copied 'C21 exactly MSRC + 1 ranges' 1000 1+1 2+2 3+3 4+4 5+5 6+6 7+7 8+8
	copied 'C21 exactly MSSRL' 1000 7+128
	copied 'C21 exactly MCL' 1000 7+128 9+128
	echo 65535 >$ns/1/mssrl
	echo 4294967295 >$ns/1/mcl
	refused 'C4 NLB FFFFh is more than any MSSRL' 0x4183 1000 0+65536
	echo 128 >$ns/1/mssrl
	echo 256 >$ns/1/mcl
	refused 'C22 source past the end' 0x4080 1000 $((end - 4))+8
	refused 'C22 source of another namespace past the end' 0x4080 1000 2@131068+8 format=2
	refused 'C23 destination past the end' 0x4080 $((end - 4)) 7+8
	refused 'C23 all of it together past the end' 0x4080 $((end - 4)) 7+3 9+2
	refused 'C24 source wraps around' 0x4080 1000 -4+8
	refused 'C24 destination wraps around' 0x4080 -4 7+8
	copied 'C25 source ends at the last block' 1000 $((end - 8))+8
	copied 'C25 destination ends at the last block' $((end - 8)) 7+8
	refused 'C27 the second entry is bad: nothing is written' 0x4080 1000 7+8 \
		$((end - 4))+8 9+8
}

# 256 entries of 32 bytes are two pages.
test_transfer() {
	echo 255 >$ns/1/msrc
	check_equal 'C13 256 ranges' "$(copy 1000 '7+1*256')" '0 0'
	check_equal 'C13 which are there' "$(hash "$d1" 1000 256)" \
		"$(for _ in {1..256}; do echo "$tmp/block7"; done | xargs cat | sha256sum)"
	refused 'C13 a list one byte short of them' 0x400f 1000 '7+1*256' len=8191
	refused 'C13 no list' 0x400f 1000 7+1 len=0
	refused 'C13 ten ranges where one is' 0x400f 1000 7+1 nr=10
	check_equal 'C13 a longer list than needed' "$(copy 1000 7+1 len=8192)" '0 0'
	echo 7 >$ns/1/msrc
}

# --- overlap ---

# Format 0 may, and then each block is one of the source's.
test_overlap() {
	lines "$d1" 1100 8 >"$tmp/was"
	check_equal 'C31 overlap in format 0' "$(copy 1104 1100+8)" '0 0'
	check_equal 'C31 each block is one of the source, as it was' \
		"$(lines "$d1" 1104 8 | grep -cxFf "$tmp/was")" 8

	refused 'C32 source overlaps the low end' 0x4187 1100 1@1096+8 format=2
	refused 'C32 source overlaps the high end' 0x4187 1100 1@1104+8 format=2
	refused 'C32 source is the destination' 0x4187 1100 1@1100+8 format=2
	refused 'C32 source begins inside of it' 0x4187 1100 1@1102+2 1@7+6 format=2
	refused 'C32 source is around it' 0x4187 1100 1@1098+2 1@1092+20 format=2
	refused 'C32 the second entry overlaps' 0x4187 1100 1@50+8 1@1102+4 format=2
	refused 'C32 it overlaps what another entry writes' 0x4187 1100 1@1110+4 1@50+8 format=2
	copied 'C32 adjacent sources do not overlap' 1100 1@1096+4 1@1112+8 format=2
	copied 'C32 nor does the same place elsewhere' 1100 2@1100+8 format=2
	skip C33 'the host refuses overlap: suite copy_args'
}

# --- namespaces ---

test_namespaces() {
	local n
	for n in 0 8193 $all; do
		refused "C34 SNSID $n" 0x400b 1000 1@7+1 "$n@7+1" format=2
	done
	refused 'C35 SNSID of a namespace that is not active' 0x4002 1000 4@7+1 format=2
	refused 'C35 SNSID of none' 0x4002 1000 1@7+1 77@7+1 format=2
	refused 'C38 another block size' 0x4185 1000 1@7+1 3@7+1 format=2
	for n in 0 8193 $all; do
		check_equal "C60 NSID $n" "$(raw nsid="$n" via=1 sdlba=1000 range=7+1)" '0x400b 0'
	done
	check_equal 'C60 NSID of a namespace that is not active' \
		"$(raw nsid=4 via=1 sdlba=1000 range=7+1)" '0x4002 0'
	refused 'C54 first of a fused pair' 0x4002 1000 7+1 flags=1
	refused 'C54 second of a fused pair' 0x4002 1000 7+1 flags=2
	refused 'C54 both' 0x4002 1000 7+1 flags=3
	skip C43 'all of a subsystem is reachable: suite nvme_debug_faults'
	skip C44 'a copy needs no resources but memory: suite nvme_debug_faults'
}

# --- partial copies ---

# Uncorrectable blocks in the fourth of six ranges.
test_partial() {
	check 'nvme write-uncor' nvme write-uncor "$d1" -n 1 -s 300 -c 1
	check_equal 'reading them fails' "$(raw opcode=2 nsid=1 cdw10=300 cdw12=1 len=1024)" \
		'0x4281 0'
	check_equal 'verifying them, too' "$(raw opcode=0xc nsid=1 cdw10=299 cdw12=9)" '0x4281 0'
	check_equal 'those beside them do not' "$(raw opcode=2 nsid=1 cdw10=302 len=512)" '0 0'
	cp "$tmp/block7" "$tmp/want"
	blocks "$d1" 11 2 >>"$tmp/want"
	blocks "$d1" 13 3 >>"$tmp/want"
	check_equal 'C26 DW0 is the first entry not copied' \
		"$(copy 1000 7+1 11+2 13+3 298+4 17+1 19+1)" '0x4281 3'
	check_equal 'C27 those before it are copied' "$(hash "$d1" 1000 6)" \
		"$(sha256sum <"$tmp/want")"
	check_equal 'C26 the first entry bad: 0' "$(copy 1000 301+1 7+1)" '0x4281 0'
	check 'writing them makes them good' dd if=/dev/zero of="$d1" bs=512 seek=300 count=2 \
		oflag=direct status=none
	copied 'C28 DW0 is 0 on success' 1000 7+1 298+6
}

# --- what may be written ---

# writes LBA: how every command that writes ends there, without repeats.
writes() {
	printf '0000000001000000%02x%02x000000000000' $(($1 & 255)) $(($1 >> 8)) |
		xxd -r -p >"$tmp/dsm"
	{
		raw opcode=1 nsid=1 cdw10="$1" len=512
		raw opcode=4 nsid=1 cdw10="$1"
		raw opcode=8 nsid=1 cdw10="$1"
		raw opcode=9 nsid=1 cdw11=4 in="$tmp/dsm"
		copy "$1" 7+1
	} | sort -u
}

test_write_protect() {
	local before
	before=$(snapshot)
	check_equal 'C51 NWPC: all states' "$(id_ctrl .nwpc)" 7
	check_equal 'C51 protection needs a namespace' \
		"$(feature 0 0x84 1) $(feature $all 0x84 1) $(feature 4 0x84 1)" \
		'0x400b 0 0x400b 0 0x4002 0'
	check_equal 'C51 a state there is not' "$(feature 1 0x84 4)" '0x4002 0'
	check 'C51 nvme set-feature: protect' nvme set-feature "$dev" -f 0x84 -n 1 -v 1
	check_equal 'C51 nvme get-feature' "$(get_feature 1 0x84)" '0 1'
	check_equal 'C51 NSATTR says so, of this namespace' "$(id_ns 1 .nsattr) $(id_ns 2 .nsattr)" \
		'1 0'
	check 'C51 the host hears of it' wait_for 30 sh -c "[ \$(blockdev --getro $d1) = 1 ]"
	check_equal 'C51 all that writes ends with 0/20h' "$(writes 1000)" '0x4020 0'
	check_equal 'C51 nothing is written' "$(snapshot)" "$before"
	check_equal 'C51 it can be read, and be a source' \
		"$(raw nsid=2 sdlba=0 range=1@7+1 format=2) $(hash "$d2" 0 1)" \
		"0 0 $(sha256sum <"$tmp/block7")"
	check_equal 'C51 and flushed' "$(raw opcode=0 nsid=1)" '0 0'
	check_equal 'C51 unprotect' "$(feature 1 0x84 0)" '0 0'
	check 'C51 the host hears of that' wait_for 30 sh -c "[ \$(blockdev --getro $d1) = 0 ]"
	copied 'C51 then it can be written' 1000 7+1
}

# Until there is no power, and for ever.
test_lasting_protection() {
	check_equal 'C51 protect until the power is cycled' "$(feature 1 0x84 2)" '0 0'
	check_equal 'C51 that cannot be undone' "$(feature 1 0x84 0)" '0x410e 0'
	nvme reset "$dev"
	check_equal 'C51 a reset is no power cycle' "$(get_feature 1 0x84)" '0 2'
	check_equal 'C51 protect for ever' "$(feature 2 0x84 3)" '0 0'
	disconnect copy
	start
	check_equal 'C51 one ends when all is disconnected, one does not' \
		"$(get_feature 1 0x84) $(get_feature 2 0x84)" '0 0 0 3'
	check_equal 'C51 for ever is for ever' "$(feature 2 0x84 1)" '0x410e 0'
	echo 0 >$ns/2/enable
	wait_for 20 no_ns_disk $nqn 2
	echo all >$ns/2/reset
	set_attrs $ns/2 size=64M enable=1
	wait_for 20 ns_disk $nqn 2
	d2=$(ns_disk $nqn 2)
	check_equal 'C51 unless it is reset to a new drive' "$(get_feature 2 0x84)" '0 0'
	fill "$d2" 1
	behavior 0x0c >/dev/null
}

# Blocks 1008 to 1023.
test_read_only() {
	local before
	set_attrs $ns/1 ro_start=504K ro_size=8K
	before=$(hash "$d1" 1008 16)
	check_equal 'C52 all that writes read-only blocks ends with 1/82h' "$(writes 1008)" \
		'0x4182 0'
	refused 'C52 one block of many is enough' 0x4182 1000 7+8 7+1
	copied 'C52 up to the first' 1000 7+8
	copied 'C52 after the last' 1024 7+8
	copied 'C52 they can be a source' 1100 1010+8
	check_equal 'C52 they are what they were' "$(hash "$d1" 1008 16)" "$before"
	echo 0 >$ns/1/ro_size
	copied 'C52 and can be written when they are not read-only' 1000 7+16
	check_equal 'C52 the attributes refuse what is no page' \
		"$(put $ns/1/ro_start 512) $(put $ns/1/ro_size -1)" 'Invalid argument Invalid argument'
}

test_deallocated() {
	blkdiscard -o $((512 * 512)) -l 8192 "$d1"
	check_equal 'C53 NSFEAT has DULBE, DLFEAT reads zeroes' \
		"$(id_ns 1 '[(.nsfeat / 4 | floor) % 2, .dlfeat % 8]')" '[1,1]'
	check_equal 'C53 DULBE off: success' "$(copy 1000 7+1 510+8 9+1)" '0 0'
	check_equal 'C53 and zeroes' "$(hash "$d1" 1003 6)" "$(zeroes 3072)"
	fill "$d1" 1
	blkdiscard -o $((512 * 512)) -l 8192 "$d1"
	copy 300 512+8 >/dev/null
	check_equal 'C53 set DULBE' "$(feature 1 5 0x10000)" '0 0'
	check_equal 'deviates from C53: what such a copy has written is deallocated' \
		"$(raw opcode=2 nsid=1 cdw10=300 len=512)" '0x4287 0'
	check_equal 'C53 and get it, of this namespace' "$(get_feature 1 5) $(get_feature 2 5)" \
		'0 65536 0 0'
	refused 'C53 DULBE on: 2/87h' 0x4287 1000 7+1 510+8 9+1
	refused 'C53 of one block, too' 0x4287 1000 527+1
	copied 'C53 what is beside it can be copied' 1000 504+8 528+8
	check_equal 'C53 reading it, too' "$(raw opcode=2 nsid=1 cdw10=527 len=512)" '0x4287 0'
	check_equal 'C53 verifying it, too' "$(raw opcode=0xc nsid=1 cdw10=527)" '0x4287 0'
	dd if=/dev/zero of="$d1" bs=512 seek=520 count=1 oflag=direct status=none
	check_equal 'C53 one written block of a page' \
		"$(copy 1000 520+1) $(copy 1000 520+2) $(copy 1000 519+2)" '0 0 0x4287 0 0x4287 0'
	check_equal 'C53 DULBE for all namespaces' \
		"$(feature $all 5 0x10000) $(get_feature 2 5) $(feature $all 5 0)" '0 0 0 65536 0 0'
	check_equal 'C53 asking for all namespaces at once' "$(get_feature $all 5)" '0x400b 0'
	feature $all 5 0x10000 >/dev/null
	nvme reset "$dev"
	check_equal 'C53 a reset of the only controller ends DULBE' \
		"$(get_feature 1 5) $(get_feature 2 5)" '0 0 0 0'
	behavior 0x0c >/dev/null
	fill "$d1" 1
	blocks "$d1" 7 1 >"$tmp/block7"
}

# Compare, Verify: nvme-cli is the judge.
test_compare() {
	blocks "$d1" 20 8 >"$tmp/data"
	check 'compare: equal' nvme compare "$d1" -s 20 -c 7 -z 4096 -d "$tmp/data"
	check_equal 'compare: not equal' "$(raw opcode=5 nsid=1 cdw10=21 cdw12=7 in="$tmp/data")" \
		'0x4285 0'
	check_equal 'compare: past the end' \
		"$(raw opcode=5 nsid=1 cdw10=$(($(blockdev --getsz "$d1") - 7)) cdw12=7 \
			in="$tmp/data")" '0x4080 0'
	check_equal 'compare: too little data' \
		"$(raw opcode=5 nsid=1 cdw10=20 cdw12=8 in="$tmp/data")" '0x400f 0'
	check 'verify' nvme verify "$d1" -s 0 -c 2047
	check_equal 'verify: past the end' \
		"$(raw opcode=0xc nsid=1 cdw10="$(blockdev --getsz "$d1")")" '0x4080 0'
	check_equal 'they are counted' "$(stat_of "$sub" 1 compare | cut -d ' ' -f 1,2)" '4 3'
}

# --- beside others ---

# torn FILE: the number of blocks in it that are neither all A1h nor all B2h.
torn() { tr '\241\262' ab <"$1" | fold -w 512 | grep -acvE '^(a*|b*)$' || :; }

# pattern BYTE: 64 KiB of it.
pattern() { printf "\\x$1%.0s" {1..65536}; }

# Readers of the destination, and writers of the source.
test_atomic() {
	local pid
	pattern a1 >"$tmp/a"
	pattern b2 >"$tmp/b"
	dd if="$tmp/a" of="$d2" bs=64k seek=0 oflag=direct status=none
	dd if="$tmp/b" of="$d2" bs=64k seek=1 oflag=direct status=none
	dd if="$tmp/a" of="$d1" bs=64k seek=4 oflag=direct status=none
	while :; do
		raw nsid=1 sdlba=512 range=2@0+128 format=2
		raw nsid=1 sdlba=512 range=2@128+128 format=2
	done >"$tmp/copies" &
	pid=$!
	for _ in {1..20}; do blocks "$d1" 512 128; done >"$tmp/seen"
	kill $pid
	wait $pid || :
	check_equal 'C56 readers see blocks as they were or as they will be' "$(torn "$tmp/seen")" 0
	check_equal 'C56 while copies succeed' "$(sort -u "$tmp/copies")" '0 0'

	while :; do
		dd if="$tmp/a" of="$d2" bs=64k oflag=direct status=none
		dd if="$tmp/b" of="$d2" bs=64k oflag=direct status=none
	done &
	pid=$!
	for _ in {1..20}; do
		raw nsid=1 sdlba=512 range=2@0+128 format=2 >>"$tmp/copies"
		blocks "$d1" 512 128
	done >"$tmp/seen"
	kill $pid
	wait $pid || :
	check_equal 'C57 a source that is being written is copied block by block' \
		"$(torn "$tmp/seen")" 0
	check_equal 'C57 while copies succeed' "$(sort -u "$tmp/copies")" '0 0'
}

# long_copy: begin a Copy of 64 GiB of nothing in namespace 5, to its second half, which ends
# up in $tmp/long; sets cid, qid.
long_copy() {
	local line
	echo >$trace/trace
	dd if="$tmp/page" of="$d5" bs=4k seek=$half count=1 oflag=direct status=none
	nvme_raw "$dev" nsid=5 sdlba=$half 'range=0+65535*256' >"$tmp/long" &
	long=$!
	wait_for 20 grep -q 'nvme_cmd_copy' $trace/trace
	line=$(grep 'nvme_cmd_copy' $trace/trace | tail -1)
	cid=$(sed 's/.*cmdid=\([0-9]*\).*/\1/' <<<"$line")
	qid=$(sed 's/.*qid=\([0-9]*\).*/\1/' <<<"$line")
	wait_for 20 first_is_zero
}

# shellcheck disable=SC2317 # called by wait_for
first_is_zero() {
	dd if="$d5" bs=4k skip="$half" count=1 iflag=direct status=none |
		cmp -s - <(head -c 4096 /dev/zero)
}

# stays_away NAME: write where the copy would have gone on; it is still there a second later.
stays_away() {
	local dw0 next
	dw0=$(cut -d ' ' -f 2 "$tmp/long")
	next=$((half + (dw0 + 1) * 65535))
	dd if="$tmp/page" of="$d5" bs=4k seek=$next count=1 oflag=direct status=none
	sleep 1
	check "$1" cmp "$tmp/page" <(dd if="$d5" bs=4k skip=$next count=1 iflag=direct status=none)
}

test_stopped() {
	local half=$((32 << 20)) long cid qid
	head -c 4096 /dev/urandom >"$tmp/page"
	long_copy
	check_equal 'C58 Abort finds the copy' "$(raw via=0 opcode=8 cdw10=$((cid << 16 | qid)))" '0 0'
	wait "$long"
	check_equal 'C58 it ends with 0/07h' "$(cut -d ' ' -f 1 "$tmp/long")" 0x7
	stays_away 'C58 and writes no more'
	check_equal 'C58 Abort of what is not there' "$(raw via=0 opcode=8 cdw10=$((cid << 16 | qid)))" \
		'0 1'
	long_copy
	nvme reset "$dev"
	wait "$long"
	check 'C59 a reset ends a copy with an error' bash -c "! grep -q '^0 ' $tmp/long"
	stays_away 'C59 and it writes no more'
	behavior 0x0c >/dev/null
}

# A format waits for commands that are on their way, elsewhere, too.
test_format() {
	local half=$((32 << 20)) long cid qid format
	head -c 4096 /dev/urandom >"$tmp/page"
	long_copy
	echo 4096 >$ns/1/block_size &
	format=$!
	check 'C55 0/84h while the destination is formatted' wait_for 20 answers '0x84 0' \
		nsid=1 sdlba=1000 range=7+1
	check_equal 'C55 0/84h while the source is' \
		"$(raw nsid=2 sdlba=1000 format=2 range=2@7+1 range=1@7+1)" '0x84 0'
	raw via=0 opcode=8 cdw10=$((cid << 16 | qid)) >/dev/null
	wait "$long" "$format"
	check_equal 'C55 then there is a new namespace' "$(raw nsid=1 sdlba=1000 range=7+1)" '0 0'
	echo 512 >$ns/1/block_size
}
# shellcheck disable=SC2317 # called by wait_for
answers() { [ "$(raw "${@:2}")" = "$1" ]; }

# --- other subsystems ---

test_other_shapes() {
	disconnect copy
	start copy_formats=5 fast_copy=0
	behavior 0x1c >/dev/null
	check_equal 'C2 formats 0 and 2' "$(id_ctrl .ocfs)" 5
	refused 'C15 format 1 is not offered' 0x4002 1000 7+1 format=1
	refused 'C15 format 3 is enabled but not offered' 0x4002 1000 1@7+1 format=3
	check_equal 'C6 not every copy is fast' "$(id_ctrl "$copy_bits")" 3
	refused 'C42 fast copy only, and never fast: DNR' 0x4186 1000 1@7+1 2@7+1 format=2 \
		sopt=0x8000
	copied 'C42 other options mean nothing' 1000 2@7+1 format=2 sopt=0x7fff
	copied 'C12 in format 0 the option is reserved' 1000 7+1 fill=0xff
	disconnect copy
	start fast_copy=2
	behavior 0x0c >/dev/null
	refused 'C42 fast through another controller: no DNR' 0x186 1000 1@7+1 format=2 sopt=0x8000
	disconnect copy
	# The driver does not use format 3, so it sets nothing.
	start fast_copy=1 copy_formats=9
	check_equal 'C8 CDFE is 0 after connect' "$(get_behavior)" '00 00'
	check_equal 'C8 set it to format 3' "$(behavior 8) $(get_behavior)" '0 0 08 00'
	nvme reset "$dev"
	check_equal 'C8 a reset clears it' "$(get_behavior)" '00 00'
	disconnect copy
	start copy_formats=5 copy=0
	check_equal 'C1 no Copy: ONCS, OCFS' "$(id_ctrl "[$copy_bits, .ocfs]")" '[0,0]'
	check_equal 'C1 no Copy: 0/01h' "$(copy 1000 7+1)" '0x4001 0'
	check_equal 'C3 no Copy: no limits' "$(id_ns 1 '[.mssrl, .mcl, .msrc]')" '[0,0,0]'
	nvme get-log "$dev" --log-id=5 --log-len=4096 --raw-binary >"$tmp/effects"
	check_equal 'C7 no Copy: no effects' \
		"$(od -An -tx4 -j $((1024 + 0x19 * 4)) -N 4 "$tmp/effects" | xargs)" 00000000
	disconnect copy
}

modprobe nvme-debug i_know=1
modprobe nvme-raw
# Once: each time the kernel changes its own code, the emulator may lose it.
echo 1 >$trace/events/nvme/nvme_setup_cmd/enable
mkdir $sub
set_attrs $sub multipath=0
make_ns $sub 1 size=64M mssrl=128 mcl=256 msrc=7
make_ns $sub 2 size=64M
make_ns $sub 3 size=64M block_size=4096
mkdir $ns/4
make_ns $sub 5 size=256G block_size=4096 mssrl=65535 mcl=4294967295 msrc=255
start copy_formats=15
fill "$d1" 1
fill "$d2" 1
dd if=/dev/urandom of="$d1" bs=512 seek=$(($(blockdev --getsz "$d1") - 8)) count=8 oflag=direct \
	status=none
blocks "$d1" 7 1 >"$tmp/block7"

test_identify
test_host_behavior
test_fields
test_formats
test_limits
test_transfer
test_overlap
test_namespaces
test_partial
test_write_protect
test_lasting_protection
test_read_only
test_deallocated
test_compare
test_atomic
test_stopped
test_format
test_other_shapes
remove_subsys $sub
echo 0 >$trace/events/nvme/nvme_setup_cmd/enable
check 'unload' modprobe -r nvme-raw nvme-debug
finish
