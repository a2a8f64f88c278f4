#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo, in the guest: guest.sh ARCHIVE SHA256
# Two devices that copy by themselves, a file system on each, and a copy of it made by
# `bpfcopy copy` under a policy that changes on the way. The last part of the script checks
# everything that was shown; the first thing that does not add up ends it with status 1.
set -eEuo pipefail
shopt -s inherit_errexit
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/demo/report.sh
. /tests/demo/report.sh
# shellcheck source=tests/demo/daemon.sh
. /tests/demo/daemon.sh
# shellcheck source=tests/demo/pictures.sh
. /tests/demo/pictures.sh

archive=$1
archive_sum=$2
part_mib=192   # the file system, and the partition for its copy; of these are copied:
small_mib=64   # as copies of 32 KiB
list_mib=32    # in pieces of 32 KiB too, but 256 of them to a copy
large_mib=32   # as copies of 16 MiB
one_mib=64     # as one copy
piece_kib=32
other_mib=12   # last: three copies of 4 MiB, to show other reasons
dir=/tmp/demo
record=$dir/record
small_copies=$((small_mib * 1024 / piece_kib))
mkdir -p $dir /mnt/archive

heading() { printf '\n== %s\n' "$*"; }

# Show a command, then run it.
run() {
	printf '$ %s\n' "$*"
	"$@"
}

failed() {
	printf '\nFAILED: %s\n' "$*"
	exit 1
}
trap 'failed "guest.sh, line $LINENO: $BASH_COMMAND"' ERR

# --- What there is to work with

debug_is_there() {
	debug=$(grep -lsx 'nvme-debug *' /sys/block/*/device/model | cut -d/ -f4 || :)
	[ -b "/dev/$debug" ]
}

connect() {
	heading '1. Two devices that can copy inside themselves'
	echo "One is QEMU's NVMe controller, the other nvme-debug, a controller simulated in memory."
	modprobe nvme-debug i_know=1 "size=$((2 * part_mib + 16))M"
	printf '$ modprobe nvme-debug i_know=1\n'
	run nvme connect -t debug -a disk0 -n nqn.2024-01.org.example:disk0
	qemu=nvme0n1
	wait_for 10 debug_is_there
	devices=("$qemu" "$debug")
	run bpfcopy dev list
	echo '(nvme1n1 only brings the archive in. COPY-MAX: the most that one Copy command may copy.)'
}

# make_fs DISK: two equal partitions, ext4 with the archive on the first.
make_fs() {
	printf 'label: gpt\nsize=%sMiB\nsize=%sMiB\n' $part_mib $part_mib |
		sfdisk -q --wipe always "/dev/$1" >/dev/null
	wait_for 5 test -b "/dev/${1}p2"
	mke2fs -q -F -t ext4 -m 0 "/dev/${1}p1"
	mkdir -p "/mnt/$1"
	mount "/dev/${1}p1" "/mnt/$1"
	cp "/mnt/archive/$archive" "/mnt/$1/"
	umount "/mnt/$1"
}

make_data() {
	local dev jobs=() job
	heading '2. A file system on each, with the kernel source archive in it'
	mount -o ro /dev/nvme1n1 /mnt/archive
	for dev in "${devices[@]}"; do
		make_fs "$dev" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do wait "$job"; done
	for dev in "${devices[@]}"; do
		echo "${dev}p1: ext4, $part_mib MiB, holds $archive." \
			"${dev}p2: $part_mib MiB, empty."
	done
	umount /mnt/archive
}

# --- The policy, and who watches it

start_recorder() {
	bpfcopy trace -o ndjson --fail-on-loss >$record 2>$record.err &
	recorder=$!
	wait_for 20 grep -q '"hello"' $record || failed "bpfcopy trace: $(<$record.err)"
}

load_policies() {
	local dev
	heading '3. A policy on each: offload copies of 64 KiB and more'
	echo "Smaller ones are read and written by the kernel."
	for dev in "${devices[@]}"; do
		run bpfcopy load threshold --dev "$dev" min_bytes=64KiB
	done
	start_recorder
}

# ranges FROM_MIB TO_MIB PIECE_KIB: the list for bpfcopy copy. Offsets are the same on both
# partitions, as it is a file system's image that is copied.
ranges() {
	seq $(($1 * 1024)) "$3" $(($2 * 1024 - 1)) | sed "s/.*/&KiB &KiB ${3}KiB/"
}

# excerpt FIRST: of a live trace, the first rows, those around a change of path, and the sums.
# -W interactive: each line at once.
excerpt() {
	mawk -W interactive -v first="$1" '
		sums || NF == 0 { sums = 1; if (NF) print "  | " $0; next }
		NR <= first + 1 { print "  | " $0; path = $6; last = NR; held = $0; next }
		$6 != path {
			if (NR - last > 2) print "  | ..."
			if (NR - last > 1) print "  | " held
			print "  | " $0
			last = NR; path = $6
		}
		{ held = $0 }'
}

# watch DISK COPIES FIRST: show a live trace until so many copies have ended.
watch() {
	bpfcopy trace --dev "$1" --count "$2" --duration 90s >$dir/live 2>$dir/live.err &
	tracer=$!
	wait_for 20 grep -q Tracing $dir/live.err || failed "bpfcopy trace: $(<$dir/live.err)"
	tail -n +1 -s 0.1 -f --pid=$tracer $dir/live | excerpt "$3" &
	viewer=$!
}

# The viewer looks ten times a second: let what it shows come before the next command.
settle() { sleep 0.3; }

watched() {
	wait $tracer || failed "bpfcopy trace: $(<$dir/live.err)"
	wait $viewer
}

# copy NAME ARGUMENT...: what the caller is told is kept for the sums.
copy() {
	local name=$1
	shift
	bpfcopy copy -o json "$@" >"$dir/$name.result"
}

# show_copy NAME ARGUMENT...
show_copy() {
	echo '$' "bpfcopy copy ${*:2}"
	copy "$@" || failed "$1: bpfcopy copy ended with $?"
}

# part DISK FROM_MIB: source and destination
part() { printf '%s\n' "${1}p1@${2}MiB" "${1}p2@${2}MiB"; }

# --- The copy

copy_small() {
	local dev=$1 half=$((small_mib / 2)) from to
	watch "$dev" $small_copies 3
	from=$(part "$dev" 0)
	to=$(part "$dev" $half)
	# shellcheck disable=SC2086 # two words each
	show_copy "$dev.below" --step ${piece_kib}KiB $from ${half}MiB
	settle
	echo '$' "bpfcopy load threshold --dev $dev min_bytes=4KiB"
	bpfcopy load threshold --dev "$dev" min_bytes=4KiB >$dir/load
	grep -qw replaced $dir/load || failed "$dev: the policy was not replaced: $(<$dir/load)"
	# shellcheck disable=SC2086
	show_copy "$dev.above" --step ${piece_kib}KiB $to ${half}MiB
	watched
}

copy_large() {
	local dev=$1 list=$dir/$1.ranges end=$((small_mib + list_mib)) at
	ranges $small_mib $end $piece_kib >"$list"
	at=$(part "$dev" $end)
	watch "$dev" $((list_mib / 8 + large_mib / 16)) 100
	show_copy "$dev.list" --ranges "$list" --step 8MiB "${dev}p1" "${dev}p2"
	settle
	# shellcheck disable=SC2086
	show_copy "$dev.large" --step 16MiB $at ${large_mib}MiB
	watched
}

# under_way DISK WRITES: it wrote this often since.
under_way() {
	local stat
	read -r -a stat <"/sys/block/$1/stat"
	[ "${stat[4]}" -gt $(($2 + 100)) ]
}

# One copy, which the kernel asks about piece by piece: so slowly that another policy comes in
# between. Which of the two decided what is in the record of a tracepoint.
copy_one() {
	local dev=$1 at copier stat
	at=$(part "$dev" $((part_mib - one_mib)))
	run bpfcopy load /usr/lib/bpfcopy/example_gentle.bpf.o --dev "$dev" \
		max_inflight=0 piece_bytes=512B
	watch "$dev" 1 100
	events_on blk_copy/blk_copy_decide
	read -r -a stat <"/sys/block/$dev/stat"
	# shellcheck disable=SC2086
	show_copy "$dev.one" $at ${one_mib}MiB &
	copier=$!
	wait_for 20 under_way "$dev" "${stat[4]}" || failed "$dev: the copy does not begin"
	run bpfcopy load threshold --dev "$dev" min_bytes=4KiB
	wait $copier
	watched
	events_off "$dir/$dev.decisions"
	print_decisions "$dev"
}

copy_all() {
	local dev
	heading "4. The first $small_mib MiB: $small_copies copies of $piece_kib KiB, and another policy half-way"
	echo "Below 64 KiB the kernel reads and writes. From 4 KiB on, the device copies."
	for dev in "${devices[@]}"; do copy_small "$dev"; done
	heading "5. The next $list_mib MiB: 256 ranges of $piece_kib KiB to a copy; then $large_mib MiB: 16 MiB to a copy"
	for dev in "${devices[@]}"; do copy_large "$dev"; done
	heading "6. The last $one_mib MiB: one copy, and another policy in the middle of it"
	echo "The first is the example of docs/writing-a-policy.md, told to be a bad policy: read and"
	echo "write, one block at a time. A bad policy is slow, not wrong."
	for dev in "${devices[@]}"; do copy_one "$dev"; done
}

# Copies that are not the policy's to decide. They repeat what is copied already, but for the
# one from the other device, which goes behind the partitions.
copy_otherwise() {
	local dev=$1 other=$2 behind=$((2 * part_mib + 8))
	watch "$dev" 3 100
	copy "$dev.caller" --mode emulate "${dev}p1" "${dev}p2" 4MiB ||
		failed "$dev: bpfcopy copy --mode emulate ended with $?"
	copy "$dev.cross" "${other}p1" "$dev@${behind}MiB" 4MiB ||
		failed "$dev: bpfcopy copy from $other ended with $?"
	bpfcopy unload --dev "$dev" >/dev/null
	copy "$dev.builtin" "${dev}p1" "${dev}p2" 4MiB ||
		failed "$dev: bpfcopy copy without a policy ended with $?"
	watched
}

other_reasons() {
	heading '7. Every copy has its reason: --mode emulate; another device; no policy any more'
	copy_otherwise "$qemu" "$debug"
	copy_otherwise "$debug" "$qemu"
}

# --- Is it the same?

# verify DISK: fsck of the copy, and the archive in it.
verify() {
	local dev=$1 sum fsck
	fsck=$(e2fsck -fn "/dev/${dev}p2" 2>&1) ||
		failed "${dev}p2: fsck finds the copy damaged: $fsck"
	mount -o ro "/dev/${dev}p2" "/mnt/$dev"
	sum=$(sha256sum "/mnt/$dev/$archive")
	umount "/mnt/$dev"
	[ "${sum%% *}" = "$archive_sum" ] ||
		failed "${dev}p2: $archive has sha256 ${sum%% *}, the original $archive_sum"
	[ "$(sha256sum <"/dev/${dev}p1")" = "$(sha256sum <"/dev/${dev}p2")" ] ||
		failed "${dev}p1 and ${dev}p2 differ"
	echo "${dev}p2: fsck finds it clean; sha256 of $archive is that of the original;"
	echo "    every byte of the partition is that of ${dev}p1"
}

verify_all() {
	local dev jobs=() job
	heading '8. The copies: fsck, the archive inside, every byte'
	for dev in "${devices[@]}"; do
		verify "$dev" >"$dir/$dev.verdict" &
		jobs+=($!)
	done
	for dev in "${devices[@]}"; do
		job=${jobs[0]}
		jobs=("${jobs[@]:1}")
		wait "$job" || { cat "$dir/$dev.verdict"; exit 1; }
		cat "$dir/$dev.verdict"
	done
}

connect
make_data
load_policies
copy_all
other_reasons
verify_all
summary
daemon_act
picture_act
