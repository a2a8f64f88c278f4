#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo, in the guest: guest.sh ARCHIVE SHA256
# Two devices that copy by themselves, a file system on each, and a copy of it made by
# `bpfcopy copy` under a policy that changes on the way. The last part of the script checks
# everything that was shown; the first thing that does not add up ends it with status 1.
set -eEuo pipefail
shopt -s inherit_errexit
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh
# shellcheck source=tests/demo/report.sh
. /tests/demo/report.sh

archive=$1
archive_sum=$2
part_mib=192   # the file system, and the partition for its copy
small_mib=96   # of these: copied in pieces of 32 KiB, each a copy of its own
list_mib=32    # then: pieces of 32 KiB too, but 256 of them to a copy
piece_kib=32
large_kib=16384
other_mib=12   # last: three copies of 4 MiB, to show other reasons
dir=/tmp/demo
record=$dir/record
small_copies=$((small_mib * 1024 / piece_kib))
mkdir -p $dir /mnt/archive
# Nothing is ever written to it: see nap.
mkfifo $dir/never
exec 9<>$dir/never

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

connect() {
	heading '1. Two devices that can copy inside themselves'
	echo "One is QEMU's NVMe controller, the other nvme-debug, a controller simulated in memory."
	modprobe nvme-debug i_know=1 "size=$((2 * part_mib + 16))M"
	printf '$ modprobe nvme-debug i_know=1\n'
	run nvme connect -t debug -a disk0 -n nqn.2024-01.org.example:disk0
	qemu=nvme0n1
	debug=$(grep -lsx 'nvme-debug *' /sys/block/*/device/model | cut -d/ -f4)
	wait_for 10 test -b "/dev/$debug"
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

watched() {
	wait $tracer || failed "bpfcopy trace: $(<$dir/live.err)"
	wait $viewer
}

# copy NAME ARGUMENT...: copy on one processor, and keep what the caller is told for the sums.
copy() {
	local name=$1
	shift
	exec taskset -c 0 bpfcopy copy -o json "$@" >"$dir/$name.result"
}

nap() { read -rt "$1" -u 9 _ || :; }

# pace DISK PID: slow the copy down, so that the policy changes in its middle and not after
# it: let it run for a moment again and again, say when it is well on its way, and hold it
# half-way until it is released. A stopped process finishes the copy it is in, so
# latencies stay true. All on one processor, or the copy could run away meanwhile.
pace() {
	local rows
	taskset -cp 0 $BASHPID >/dev/null
	until [ -e "$dir/$1.released" ]; do
		rows=$(wc -l <$dir/live)
		[ "$rows" -lt $((small_copies / 16)) ] || : >"$dir/$1.under-way"
		if [ "$rows" -lt $((small_copies / 2)) ]; then
			kill -CONT "$2" || return 0
			nap 0.005
			kill -STOP "$2" || return 0
		fi
		nap 0.1
	done
	kill -CONT "$2" || :
}

# under_way DISK PACER: wait until pace says so.
under_way() {
	until [ -e "$dir/$1.under-way" ]; do
		kill -0 "$2" 2>/dev/null || failed "$1: the copy ended before the policy could change"
		nap 0.1
	done
}

# --- The copy

copy_small() {
	local dev=$1 list=$dir/$1.small copier pacer
	ranges 0 $small_mib $piece_kib >"$list"
	echo '$' "bpfcopy copy --ranges FILE --step ${piece_kib}KiB ${dev}p1 ${dev}p2 &"
	watch "$dev" $small_copies 3
	copy "$dev.small" --ranges "$list" --step ${piece_kib}KiB "${dev}p1" "${dev}p2" &
	copier=$!
	pace "$dev" $copier 2>/dev/null &
	pacer=$!
	under_way "$dev" $pacer
	echo '$' "bpfcopy load threshold --dev $dev min_bytes=4KiB"
	bpfcopy load threshold --dev "$dev" min_bytes=4KiB >$dir/load
	grep -qw replaced $dir/load || failed "$dev: the policy was not replaced: $(<$dir/load)"
	: >"$dir/$dev.released"
	wait $copier || failed "$dev: bpfcopy copy ended with $?"
	wait $pacer
	watched
}

copy_large() {
	local dev=$1 list=$dir/$1.list large=$dir/$1.large
	ranges $small_mib $((small_mib + list_mib)) $piece_kib >"$list"
	ranges $((small_mib + list_mib)) $part_mib $large_kib >"$large"
	echo '$' "bpfcopy copy --ranges FILE --step 8MiB ${dev}p1 ${dev}p2"
	echo '$' "bpfcopy copy --ranges FILE --step 16MiB ${dev}p1 ${dev}p2"
	watch "$dev" $((list_mib / 8 + (part_mib - small_mib - list_mib) / 16)) 100
	(copy "$dev.list" --ranges "$list" --step 8MiB "${dev}p1" "${dev}p2") ||
		failed "$dev: bpfcopy copy of many ranges ended with $?"
	(copy "$dev.large" --ranges "$large" --step 16MiB "${dev}p1" "${dev}p2") ||
		failed "$dev: bpfcopy copy of large ranges ended with $?"
	watched
}

copy_all() {
	local dev
	heading "4. The first $small_mib MiB: $small_copies copies of $piece_kib KiB, and another policy in the middle"
	echo "Below 64 KiB the kernel reads and writes. From 4 KiB on, the device copies."
	for dev in "${devices[@]}"; do copy_small "$dev"; done
	heading "5. The next $list_mib MiB: 256 ranges of $piece_kib KiB to a copy; the rest: 16 MiB to a copy"
	for dev in "${devices[@]}"; do copy_large "$dev"; done
}

# Copies that are not the policy's to decide. They repeat what is copied already, but for the
# one from the other device, which goes behind the partitions.
copy_otherwise() {
	local dev=$1 other=$2 behind=$((2 * part_mib + 8))
	watch "$dev" 3 100
	(copy "$dev.caller" --mode emulate "${dev}p1" "${dev}p2" 4MiB) ||
		failed "$dev: bpfcopy copy --mode emulate ended with $?"
	(copy "$dev.cross" "${other}p1" "$dev@${behind}MiB" 4MiB) ||
		failed "$dev: bpfcopy copy from $other ended with $?"
	bpfcopy unload --dev "$dev" >/dev/null
	(copy "$dev.builtin" "${dev}p1" "${dev}p2" 4MiB) ||
		failed "$dev: bpfcopy copy without a policy ended with $?"
	watched
}

other_reasons() {
	heading '6. Every copy has its reason: --mode emulate; another device; no policy any more'
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
	heading '7. The copies: fsck, the archive inside, every byte'
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
