#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# struct blk_copy_ops and struct blk_copy_ctx, member by member: what a policy sees, what it is
# told, and what the kernel makes of what it says. What the policy wrote down
# (test_record.bpf.o) is held against what the tracepoints say of the same copy.
# vm: --nvme 128M --nvme 32M,logical_block_size=4096,physical_block_size=4096 --timeout 120
# with: build/tests/vm/copy_once
# with: build/tests/vm/policy_raw
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

disk=nvme0n1 blocks=nvme1n1
number=$(cat /sys/block/$disk/dev)
policy=/usr/lib/bpfcopy/test_record.bpf.o
kib=1024 mib=$((1 << 20))
chunk=$((64 * kib))
to=$((64 * mib))
events=/tmp/events calls=/tmp/calls

# asked POLICY COMMAND: run the command with this policy attached, words as for policy_raw;
# then there are $events, $calls, and $result, the line of copy_once.
asked() {
	echo >$tracing/trace
	policy_raw $policy $1 attach run "$2" calls 1 >$calls
	grep -v '^#' $tracing/trace >$events || :
	result=$(grep '^error=' $calls || :)
}

# copied POLICY ARGUMENT...: that command is a copy, arguments as for copy_once.
copied() { asked "$1" "copy_once ${*:2}"; }

# values FILE EVENT FIELD...: of the lines with this word, the values of these fields.
values() {
	awk -v event="$2" -v fields="${*:3}" '
		index(" " $0 " ", " " event " ") {
			line = ""
			for (i = split(fields, field, " "); i > 0; i--) {
				match($0, " " field[i] "=[^ ]*")
				skip = length(field[i]) + 2
				line = substr($0, RSTART + skip, RLENGTH - skip) " " line
			}
			print line
		}' $1 | sed 's/ $//'
}

# event NAME FIELD..., decided FIELD..., told FIELD...: from the tracepoints; what decide
# saw; what complete was told.
event() { values $events "blk_copy_$1:" "${@:2}"; }
decided() { values $calls what=1 "$@"; }
told() { values $calls what=2 "$@"; }

# counted: how often which line, one behind the other, as "2xA 1xB".
counted() {
	uniq -c | awk '{ n = $1; $1 = ""; printf("%s%dx%s", NR > 1 ? " " : "", n, substr($0, 2)) }'
}

# happened SECTOR: what told() should say of a copy to there. Not of the chunks that were in
# flight behind an error: nobody wants them any more.
happened() {
	event chunk copy offset bytes path status latency | awk -v at="$1" '$5 != -125 {
		$2 = at + $2 / 512
		$4 = $4 == "offload" ? 1 : $4 == "emulate" ? 2 : $4 == "mixed" ? 3 : $4
		print
	}'
}

# check_told NAME WANT [SECTOR]: complete was told of the copy what happened, and that is WANT.
check_told() {
	check_equal "$1" "$(event chunk path status | grep -v ' -125$' | counted)" "$2"
	check_equal "$1: and complete hears it" \
		"$(told copy_id dst_sector nr_bytes path status latency_ns)" "$(happened "${3:-$((to / 512))}")"
}

# fault STATUS: the next command of the disk ends with this NVMe status, for good.
fault() {
	local dir=/sys/kernel/debug/$disk/fault_inject word
	for word in verbose=0 dont_retry=1 status=$1 times=1 probability=100; do
		echo ${word#*=} >$dir/${word%=*}
	done
}

complete() {
	local several=$((4 * $(queue $disk copy_max_bytes)))
	local here="/dev/$disk /dev/$disk 0 $to"
	copied "dev=$number verdict=1 chunk=$chunk" $here $((8 * chunk))
	check_told 'complete: offloaded' '8xoffload 0'
	copied "dev=$number verdict=2 chunk=$chunk" $here $((8 * chunk))
	check_told 'complete: emulated' '8xemulate 0'

	# A chunk of one command, then one of several: the first ends with 0/06h, Internal Error,
	# then with 0/83h, Reservation Conflict, which must not be emulated.
	fault 6
	copied "dev=$number verdict=1 chunk=$chunk" $here $chunk
	check_told 'complete: the device did not do it' '1xemulate 0'
	fault 6
	copied "dev=$number verdict=1" $here $several
	check_told 'complete: the device did a part' '1xmixed 0'
	fault 0x83
	copied "dev=$number verdict=1 chunk=$chunk depth=1" $here $((3 * chunk))
	check_told 'complete: the device refused' '1xoffload -52'
	check_equal 'complete: so did the copy' "${result%% *}" error=EBADE
}

complete_fails() {
	local size=$((16 * chunk / 512))
	dm_disk holes "0 256 linear /dev/$disk 0
256 128 error
384 $((size - 384)) linear /dev/$disk 384"
	copied "dev=$(stat -L -c %Hr:%Lr /dev/mapper/holes) chunk=$chunk" \
		/dev/$disk /dev/mapper/holes $to 0 $((16 * chunk))
	check_told 'complete: emulation failed' '2xemulate 0 1xemulate -5' 0
	check_equal 'complete: and only what is before it counts' "$result" \
		"error=EIO copied=$((2 * chunk)) offloaded=0 emulated=$((2 * chunk)) error_range=0"
	check 'complete: not told of what was in flight behind it' \
		between 1 3 "$(event chunk status | grep -cx -- -125)"
	dmsetup remove --noudevsync holes
}

# With one chunk in flight, its latency is no more than the time since the one before it.
in_order() {
	told now_ns latency_ns | awk '
		{ print }
		$2 <= 0 || (NR > 1 && $2 > $1 - before) { bad++ }
		{ before = $1 }
		END { exit bad || NR < 2 }'
}

# all_took NS: or more. dm-delay counts ticks, so ask it for more than that.
all_took() {
	told latency_ns | awk -v ns=$1 '{ print } $1 < ns { bad++ } END { exit bad || !NR }'
}

latency() {
	local ms=40
	copied "dev=$number verdict=1 chunk=$chunk depth=1" /dev/$disk /dev/$disk 0 $to $((16 * chunk))
	check 'latency: no longer than it took' in_order
	check 'latency: all together no longer than the copy' \
		between 1 "$(event end latency)" "$(told latency_ns | awk '{ n += $1 } END { print n }')"
	dm_disk slow "0 $((64 * chunk / 512)) delay /dev/$disk 0 0 /dev/$disk 0 $ms"
	slow=$(stat -L -c %Hr:%Lr /dev/mapper/slow)
	copied "dev=$slow chunk=$chunk depth=1" /dev/$disk /dev/mapper/slow $to 0 $((4 * chunk))
	check 'latency: a slow disk takes its time' all_took $((ms * 1000000 / 2))
	check 'latency: and no more than that' in_order
	replaced
	dmsetup remove --noudevsync slow
}

# The policy changes when a slow copy has begun: what one decided the other is not told of.
replaced() {
	local words="dev=$slow chunk=$chunk depth=1"
	echo >$tracing/trace
	policy_raw $policy $words $policy $words load use 1 attach \
		run "copy_once /dev/$disk /dev/mapper/slow $to 0 $((48 * chunk)) >/tmp/result &
			i=0; until [ \$(grep -c blk_copy_decide: $tracing/trace) -ge 4 ] ||
				[ \$((i += 1)) -gt 200 ]; do sleep 0.02; done" \
		use 2 update run 'while pgrep -x copy_once; do sleep 0.05; done' calls 2 >$calls
	grep -v '^#' $tracing/trace >$events
	check_equal 'replaced: the copy succeeds' "$(cut -d' ' -f1,2 /tmp/result)" "error=0 copied=$((48 * chunk))"
	check_equal 'replaced: in the middle of it' "$(event decide policy | uniq | wc -l)" 2
	check_equal 'replaced: every chunk is decided on once' "$(event decide offset | sort -u | wc -l)" 48
	check_equal 'replaced: the new one is told of what it decided' \
		"$(told dst_sector)" "$(decided dst_sector)"
	check 'replaced: which is the rest' between 1 44 "$(told dst_sector | wc -l)"
}

# slots POLICY POLICY NAME WANT: a global policy and one of the disk, two chunks; who was asked, who
# was told (global, disk), and who decided.
slots() {
	local global disk_calls
	echo >$tracing/trace
	policy_raw $policy dev=0 chunk=$chunk $1 attach $policy dev=$number chunk=$chunk $2 attach \
		run "copy_once /dev/$disk /dev/$disk 0 $to $((2 * chunk))" counts 1 counts 2 >$calls
	grep -v '^#' $tracing/trace >$events
	global=$(grep ^counts $calls | sed -n 1p | cut -d' ' -f3,4)
	disk_calls=$(grep ^counts $calls | sed -n 2p | cut -d' ' -f3,4)
	check_equal "slots: $3" "$global, $disk_calls, $(event decide reason path | counted)" "$4"
}

who_decides() {
	slots verdict=2 verdict=1 'the policy of the disk decides' '0 0, 2 2, 2xpolicy offload'
	slots verdict=2 verdict=0 'or else the global one, and is told' '2 2, 2 0, 2xglobal-policy emulate'
	slots verdict=0 verdict=0 'or else neither, and that of the disk is told' '2 0, 2 2, 2xbuiltin offload'
	slots verdict=-1 verdict=3 'S7 rubbish is no answer' '2 0, 2 2, 2xbuiltin offload'
	asked "dev=$number verdict=1" "copy_once --mode offload /dev/$disk /dev/$disk 0 $to $chunk &&
		copy_once --mode emulate /dev/$disk /dev/$disk 0 $to $chunk"
	check_equal 'slots: nobody is asked when the caller insists' \
		"$(event decide reason | counted), $(decided path)$(told path)" '2xcaller, '
}

# dev_t DISK: as the kernel keeps it
dev_t() { awk -F: '{ print $1 * 1048576 + $2 }' /sys/block/$1/dev; }

context() {
	local cgroup=/sys/fs/cgroup/policy dev
	dev=$(dev_t $disk)
	copied "dev=$number" /dev/$disk /dev/$disk 0 $to 4096 $mib $((to + 4096)) 8192 \
		0 $((to + 8 * mib)) 8192
	check_equal 'context: the chunk, its copy and its disks' \
		"$(decided copy_bytes nr_bytes nr_ranges src_sector dst_sector src_dev dst_dev origin flags | head -n 1)" \
		"20480 12288 2 0 $((to / 512)) $dev $dev 1 0"
	check_equal 'context: the next chunk' "$(decided nr_bytes nr_ranges dst_sector inflight | sed -n 2p)" \
		"8192 1 $(((to + 8 * mib) / 512)) 1"
	check_equal 'context: both are of one copy' "$(decided copy_id | uniq)" "$(event start copy)"
	check_equal 'context: what the disk can do' \
		"$(decided can_offload max_bytes max_range_bytes max_ranges inflight | head -n 1)" \
		"1 $(queue $disk copy_max_bytes) $(queue $disk copy_max_range_hw_bytes) $(queue $disk copy_max_ranges) 0"
	copied "dev=$number" /dev/$blocks /dev/$disk $mib $to 4096
	check_equal 'context: the source is another disk' \
		"$(decided can_offload src_dev dst_dev src_sector)" "0 $(dev_t $blocks) $dev 2048"

	mkdir $cgroup
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	asked "dev=$number" "echo \$\$ >$cgroup/cgroup.procs; copy_once /dev/$disk /dev/$disk 0 $to 4096"
	check_equal 'context: the cgroup that asks' "$(decided cgroup_id)" "$(stat -c %i $cgroup)"

	partition /dev/$disk 16M 16M
	copied "dev=$number" /dev/${disk}p1 /dev/${disk}p2 $mib $((2 * mib)) 4096
	check_equal 'context: sectors of partitions, numbers of disks' \
		"$(decided src_sector dst_sector src_dev dst_dev)" "2048 4096 $dev $dev"
	sfdisk -q --delete /dev/$disk
}

# chunks NAME WANT DISK LENGTH POLICY
chunks() {
	copied "dev=$(cat /sys/block/$3/dev) $5" /dev/$3 /dev/$3 0 $((20 * mib)) $4
	check_equal "chunk_bytes: $1" "$(event decide bytes | counted)" "$2"
	check_equal "chunk_bytes: $1: so it is done and told" \
		"$(event chunk bytes | counted), $(told nr_bytes | counted)" "$2, $2"
}

chunk_bytes() {
	local verdict
	for verdict in 1 2 0; do
		chunks "with verdict $verdict" "4x$chunk" $disk $((4 * chunk)) "verdict=$verdict chunk=$chunk"
	done
	chunks 'is rounded down' '10x99840 1x50176' $disk $mib chunk=100000
	chunks 'is a logical block at least' 8x512 $disk 4096 chunk=1
	chunks 'also one of 4096 bytes' 4x4096 $blocks $((16 * kib)) chunk=5000
	chunks 'no opinion' "1x16777216 1x2097152" $disk $((18 * mib)) chunk=0
	chunks 'S7 makes nothing larger' "1x16777216 1x2097152" $disk $((18 * mib)) chunk=4294967295
}

# most BEGIN END: how many there were at a time.
most() {
	awk -v begin="blk_copy_$1:" -v end="blk_copy_$2:" '
		index($0, " " begin) && ++now > most { most = now }
		index($0, " " end) { now-- }
		END { print most + 0 }' $events
}

# at_once DEPTH ARGUMENT...: copy until two commands or more were in the device at a time: nobody
# makes it slow, so when it is fast enough there never is a second one. $deepest is what it came to.
at_once() {
	local try now
	deepest=0
	for try in 1 2 3 4 5 6 7 8 9 10; do
		copied "dev=$number verdict=1 chunk=$chunk depth=$1" "${@:2}"
		now=$(most dispatch token_complete)
		deepest=$((now > deepest ? now : deepest))
		[ $deepest -lt 2 ] || return 0
		[ "$1" != 1 ] || return 0
	done
	echo "# $try copies, and never two commands at a time"
}

# A chunk is one command here: what is in flight in the device is limited, too.
max_depth() {
	local depth most deepest depths=(1 2 3 4 0 5 4294967295) here="/dev/$disk /dev/$disk 0 $to $((64 * chunk))"
	[ "$T_SCALE" = 1 ] || depths=(1 3 0)
	for depth in "${depths[@]}"; do
		most=$((depth < 1 || depth > 4 ? 4 : depth))
		at_once $depth $here
		check_equal "max_depth $depth: chunks in flight, and tokens" \
			"$(most decide chunk) $(most token_alloc token_free)" "$most $most"
		check "max_depth $depth: commands" between $((most < 2 ? 1 : 2)) $most $deepest
		check_equal "max_depth $depth: what the policy sees" \
			"$(decided inflight | sort -n | tail -n 1)" $((most - 1))
	done
	for depth in 1 0; do
		copied "dev=$number verdict=2 chunk=$chunk depth=$depth" $here
		check_equal "max_depth $depth: emulated" "$(most decide chunk)" $((depth ? depth : 4))
	done
}

modprobe -a dm_mod dm-delay
fill /dev/$disk 0 $((20 * mib))
events_on blk_copy
for case in complete complete_fails latency who_decides context chunk_bytes max_depth; do
	t_case $case
	$case
done
finish
