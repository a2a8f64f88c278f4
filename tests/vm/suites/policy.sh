#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Policies and the command: load, replace, unload, parameters, and everything that can be wrong
# about them.
# vm: --nvme 256M --nvme 128M --timeout 120
# with: build/tests/vm/copy_once
# Names of disks and pins have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/policy_lib.sh
. "$(dirname "$0")/../policy_lib.sh"

other=nvme1n1

# check_message NAME STATUS REGEX COMMAND...: exit status and message.
check_message() {
	local name=$1 want=$2 regex=$3 out got=0
	shift 3
	out=$(mktemp)
	"$@" >"$out" 2>&1 || got=$?
	if [ $got = "$want" ] && grep -qE -- "$regex" "$out"; then
		ok "$name"
	else
		printf '(exit status %s, expected %s and /%s/)\n' "$got" "$want" "$regex" >>"$out"
		not_ok "$name" "$out"
	fi
	rm -f "$out"
}

# refused: as check_message, and nothing was attached.
refused() {
	check_message "$@"
	[ -z "$(ls $pins 2>/dev/null)" ] || { not_ok "$1: leaves nothing behind"; unload_all; }
}

life_of_a_policy() {
	local link map
	t_case "life of a policy"
	check "load" load threshold --dev $disk
	check_equal "it stays when the command has ended" "$(attached)" "$disk=threshold"
	check "its link is pinned" test -e "$pins/$number/link"
	check "its counters are pinned" test -e "$pins/$number/counters"
	check_equal "status knows the pin" "$(member $disk pin)" "$pins/$number/link"
	check_equal "a copy below the minimum is emulated" "$(copy 32768)" "0 32768"
	check_equal "a copy from the minimum on is offloaded" "$(copy 65536)" "65536 0"
	check "the bytes are right" same 65536
	check_equal "below-min is counted" "$(decisions $disk below-min)" "1 32768"
	check_equal "offload is counted" "$(decisions $disk offload | cut -d' ' -f2)" 65536

	link=$(member $disk link_id) map=$(member $disk map_id)
	check "another process replaces it" load threshold --dev $disk min_bytes=4KiB max_bytes=512KiB
	check_equal "the link is the same" "$(member $disk link_id)" "$link"
	check "the policy behind it is another" test "$(member $disk map_id)" != "$map"
	check_equal "counters begin anew" "$(decisions $disk offload)" "0 0"
	check_equal "the new minimum is in force" "$(copy 32768)" "32768 0"
	check_equal "the new maximum is in force" "$(copy 1048576)" "0 1048576"
	check_equal "above-max is counted" "$(decisions $disk above-max | cut -d' ' -f2)" 1048576
	check "another policy replaces it" load never --dev $disk
	check_equal "and decides" "$(copy 65536)" "0 65536"

	check "unload" bpfcopy unload --dev $disk
	check_equal "nothing is attached" "$(attached)" ""
	check "no pin is left" test ! -e "$pins/$number"
	check_equal "the built-in rule decides" "$(copy 65536)" "65536 0"
	check_status "unload when there is nothing" 4 bpfcopy unload --dev $disk
}

slots() {
	t_case "slots"
	check "load into the global slot" load never --global
	check_equal "it decides for a disk without a policy" "$(copy 65536)" "0 65536"
	check "a disk of its own mind" load always --dev $disk
	check_equal "the policy of the disk goes first" "$(copy 65536)" "65536 0"
	check "a disk without an opinion" load empty --dev $disk
	check_equal "leaves it to the global policy" "$(copy 65536)" "0 65536"
	check_equal "both are shown" "$(attached)" "global=never $disk=empty"
	check "unload all" bpfcopy unload --all
	check_equal "both are gone" "$(attached)" ""
	check "a dry run" load threshold --dev $disk --dry-run
	check_equal "attaches nothing" "$(attached)" ""
	check "and leaves no pin" test ! -e "$pins/$number"
}

parameters() {
	local exact=(wanted=yes small=255 below=-32768 size_bytes=5GiB pause_ns=1500us words=second)
	t_case "parameters"
	check "every kind of parameter" load $lib/test_params.bpf.o --dev $disk "${exact[@]}"
	check_equal "reaches the program as it is" "$(copy 65536)" "0 65536"
	check_equal "is shown as it was given" "$(settings $disk)" \
		"below=-32768 pause_ns=1500us size_bytes=5GiB small=255 wanted=yes words=second"
	check "other values" load $lib/test_params.bpf.o --dev $disk "${exact[@]}" small=254
	check_equal "do too" "$(copy 65536)" "65536 0"
	unload_all
	refused "unknown parameter" 2 'no parameter "min"; it has: observe, min_bytes, max_bytes,' \
		bpfcopy load threshold --dev $disk min=4KiB
	refused "size without a unit" 2 'min_bytes=4096: .*unit' \
		bpfcopy load threshold --dev $disk min_bytes=4096
	refused "value too large" 2 'small=256: too large' \
		bpfcopy load $lib/test_params.bpf.o --dev $disk small=256
	refused "no number" 2 'small=x: .*number' \
		bpfcopy load $lib/test_params.bpf.o --dev $disk small=x
	refused "neither yes nor no" 2 'wanted=2: .*yes or no' \
		bpfcopy load $lib/test_params.bpf.o --dev $disk wanted=2
}

shapes() {
	local at=$((dest_at + 512))
	t_case "threshold: shapes and origins"
	load threshold --dev $disk min_bytes=0 align_bytes=4KiB most_ranges=2
	check_equal "aligned" "$(copy 8192)" "8192 0"
	check_equal "a length that is not aligned" "$(copy 8704)" "0 8704"
	check_equal "a place that is not" \
		"$(copy_once /dev/$disk /dev/$disk 0 $at 8192 | cut -d' ' -f3,4)" "offloaded=0 emulated=8192"
	check_equal "unaligned is counted" "$(decisions $disk unaligned)" "2 16896"
	check_equal "two ranges" "$(copy_once /dev/$disk /dev/$disk 0 $dest_at 4096 \
		16384 $((dest_at + 4096)) 4096 | cut -d' ' -f3,4)" "offloaded=8192 emulated=0"
	check_equal "three" "$(copy_once /dev/$disk /dev/$disk 0 $dest_at 4096 \
		16384 $((dest_at + 4096)) 4096 32768 $((dest_at + 8192)) 4096 |
		cut -d' ' -f3,4)" "offloaded=0 emulated=12288"
	check_equal "many-ranges is counted" "$(decisions $disk many-ranges)" "1 12288"
	load threshold --dev $disk min_bytes=0 origins=kernel,nvmet
	check_equal "an origin that is not wanted" "$(copy 8192)" "0 8192"
	check_equal "is counted" "$(decisions $disk origin)" "1 8192"
	load threshold --dev $disk min_bytes=0 origins=ioctl
	check_equal "one that is" "$(copy 8192)" "8192 0"
	unload_all
}

observing() {
	t_case "observe"
	check "load with observe=yes" load never --dev $disk observe=yes
	check_equal "status says so" "$(member $disk mode)" observe
	check_equal "it changes nothing" "$(copy 65536)" "65536 0"
	check_equal "and counts what it would have done" "$(decisions $disk emulate)" "1 65536"
	check "a global policy is asked" load never --global
	check_equal "and decides" "$(copy 65536)" "0 65536"
	bpfcopy unload --global >/dev/null
	check "what it writes is taken back" load $lib/example_gentle.bpf.o --dev $disk observe=yes \
		piece_bytes=4KiB
	check_equal "a chunk stays whole" "$(copy 65536), $(decisions $disk offload)" "65536 0, 1 65536"
	check "enforce again" load $lib/example_gentle.bpf.o --dev $disk piece_bytes=4KiB
	check_equal "status says so, too" "$(member $disk mode)" enforce
	check_equal "then it is cut" "$(copy 65536), $(decisions $disk offload)" "65536 0, 16 65536"
	unload_all
	check "a policy is told its disk" load $lib/test_needsdisk.bpf.o --dev $disk
	check_equal "by the number that it sees" "$(copy 65536)" "0 65536"
	unload_all
	refused "and refuses the global slot" 2 'learns about its disk' \
		bpfcopy load $lib/test_needsdisk.bpf.o --global
}

# One object, two disks: parameters and counters of their own.
two_disks() {
	t_case "two disks"
	check "one policy on two disks" load threshold --dev $disk min_bytes=64KiB
	check "with another minimum" load threshold --dev $other min_bytes=1MiB
	check_equal "both are attached" "$(attached)" "$disk=threshold $other=threshold"
	check_equal "$disk: offloads what it may" "$(copy 262144)" "262144 0"
	check_equal "$other: has a minimum of its own" "$(copy 262144 $other)" "0 262144"
	check_equal "$disk: again" "$(copy 65536)" "65536 0"
	check_equal "$other: offloads what it may" "$(copy 1048576 $other)" "1048576 0"
	check_equal "$other: counts what it decided" \
		"$(decisions $other offload), $(decisions $other below-min)" "1 1048576, 1 262144"
	check_equal "$disk: too" "$(decisions $disk offload), $(decisions $disk below-min)" "2 327680, 0 0"
	check "one is replaced" load threshold --dev $other min_bytes=4KiB
	check_equal "$other: has the new minimum" "$(copy 4096 $other)" "4096 0"
	check_equal "$disk: keeps its own, and its counters" \
		"$(copy 4096), $(decisions $disk offload)" "0 4096, 2 327680"
	check "one is unloaded" bpfcopy unload --dev $disk
	check_equal "and the other stays" "$(attached)" "$other=threshold"
	unload_all
}

keeps_old() {
	load never --dev $disk || return 1
	! load $lib/test_badwrite.bpf.o --dev $disk 2>/dev/null || return 1
	[ "$(attached)" = "$disk=never" ]
}

bad_objects() {
	t_case "bad objects"
	printf 'hello\n' >/tmp/text.bpf.o
	: >/tmp/empty.bpf.o
	head -c 3000 $lib/policy_threshold.bpf.o >/tmp/cut.bpf.o
	refused "no such policy" 4 'no policy "nosuch".*threshold' bpfcopy load nosuch --dev $disk
	refused "no such file" 4 '/tmp/nosuch.o: No such file' bpfcopy load /tmp/nosuch.o --dev $disk
	refused "a text file" 1 'not a BPF object' bpfcopy load /tmp/text.bpf.o --dev $disk
	refused "an empty file" 1 'not a BPF object' bpfcopy load /tmp/empty.bpf.o --dev $disk
	refused "a truncated object" 1 'not a BPF object' bpfcopy load /tmp/cut.bpf.o --dev $disk
	refused "a program of this machine" 1 'not a BPF object' bpfcopy load /bin/busybox --dev $disk
	refused "a directory" 1 'not a BPF object' bpfcopy load /tmp/ --dev $disk
	refused "no struct blk_copy_ops" 1 'no struct blk_copy_ops' \
		bpfcopy load $lib/test_nopolicy.bpf.o --dev $disk
	refused "two policies in one object" 1 'more than one policy \(first, second\)' \
		bpfcopy load $lib/test_two.bpf.o --dev $disk
	refused "no decide" 1 'no decide function' bpfcopy load $lib/test_nodecide.bpf.o --dev $disk
	refused "the wrong section" 1 'struct_ops.link' bpfcopy load $lib/test_nolink.bpf.o --dev $disk
	refused "S7 writes what is read-only" 1 'only chunk_bytes and max_depth' \
		bpfcopy load $lib/test_badwrite.bpf.o --dev $disk
	refused "uses what may be NULL" 1 "refused program nullderef_decide" \
		bpfcopy load $lib/test_nullderef.bpf.o --dev $disk
	refused "a decide that may sleep" 1 'attach to unsupported member decide' \
		bpfcopy load $lib/test_sleepable.bpf.o --dev $disk
	refused "a license that is not the GPL" 1 'must have a GPL compatible license' \
		bpfcopy load $lib/test_notgpl.bpf.o --dev $disk
	refused "a newer struct blk_copy_ops" 1 'kernel refused policy test_newer' \
		bpfcopy load $lib/test_newer.bpf.o --dev $disk
	refused "a dry run sees it too" 1 'only chunk_bytes and max_depth' \
		bpfcopy load $lib/test_badwrite.bpf.o --dev $disk --dry-run
	check_equal "none of them is attached" "$(attached)" ""
	check "a policy that is there survives a bad one" keeps_old
	unload_all
}

bad_places() {
	t_case "bad places"
	printf 'size=16MiB\n' | sfdisk -q /dev/$disk >/dev/null
	refused "a partition" 2 "$disk" bpfcopy load threshold --dev ${disk}p1
	sfdisk -q --delete /dev/$disk
	refused "an absent device" 4 'no such device' bpfcopy load threshold --dev nvme9n9
	refused "no place at all" 2 '\-\-dev' bpfcopy load threshold
	refused "not privileged" 5 'root' \
		setpriv --reuid 1000 --clear-groups --bounding-set -all bpfcopy load threshold --dev $disk
	refused "no bpffs" 1 'mount -t bpf' \
		unshare -m sh -c "umount /sys/fs/bpf && exec bpfcopy load threshold --dev $disk"
}

taken() {
	t_case "taken"
	load never --dev $disk
	mv "$pins/$number/link" /sys/fs/bpf/foreign
	check_equal "the policy of another program is shown" "$(attached) $(member $disk pin)" "$disk=never null"
	check_message "it is not replaced" 1 'link [0-9]+.*bpfcopy did not attach' \
		bpfcopy load threshold --dev $disk
	check_message "nor unloaded" 1 'link [0-9]+.*bpfcopy did not attach' bpfcopy unload --dev $disk
	check_equal "it decides on" "$(copy 65536)" "0 65536"
	rm /sys/fs/bpf/foreign
	check "the slot is free when it is gone" wait_for 10 is_attached ""
	check "and can be taken" load threshold --dev $disk
	unload_all
}

# tested POLICY... --case=...: "VERDICT REASON CHUNK DEPTH" of each case, in one line.
tested() {
	bpfcopy policy test "$@" -o ndjson |
		jq -r 'select(.type == "answer") | "\(.verdict) \(.reason) \(.chunk_bytes) \(.max_depth)"' |
		paste -sd ,
}

# Without attaching it.
asked() {
	local name
	t_case "asked"
	check_equal 'threshold' "$(tested threshold --case=bytes=4KiB --case=bytes=1MiB --case=bytes=1MiB,can_offload=no)" \
		'emulate below-min null null,offload offload null null,default cannot-offload null null'
	check_equal 'with parameters' "$(tested threshold min_bytes=2MiB origins=nvmet align_bytes=4KiB \
		--case=bytes=2MiB --case=bytes=2MiB,origin=nvmet --case=bytes=2MiB,origin=nvmet,src=512B)" \
		'emulate origin null null,offload offload null null,emulate unaligned null null'
	check_equal 'observing' "$(tested never observe=yes --case=bytes=4KiB)" 'default emulate null null'
	check_equal 'the size of chunks and their number' \
		"$(tested $lib/example_gentle.bpf.o piece_bytes=256KiB --case=bytes=1MiB --case=bytes=1MiB,inflight=9)" \
		'offload offload 262144 null,emulate emulate 262144 null'
	check_equal 'budget: the first chunk empties the bucket' \
		"$(tested budget rate_bytes=1MiB --case=bytes=8MiB --case=bytes=8MiB | tr , '\n' | cut -d ' ' -f 1,2 | uniq -c | xargs)" \
		'2 offload over-budget'
	for name in always empty adaptive guard; do
		check "$name can be asked" bpfcopy policy test $name --case=bytes=64KiB
	done
	check_equal 'nothing was attached' "$(attached)" ''
	refused 'a parameter that it does not have' 2 'it has: ' bpfcopy policy test always x=1 --case=bytes=4KiB
	refused 'an object that is none' 1 'not a BPF object' bpfcopy policy test /etc/passwd --case=bytes=4KiB
	refused 'one without the program for tests' 1 'no program for tests' \
		bpfcopy policy test $lib/test_sleepable.bpf.o --case=bytes=4KiB
	refused 'one that uses what may be NULL' 1 'refused program nullderef_decide_test' \
		bpfcopy policy test $lib/test_nullderef.bpf.o --case=bytes=4KiB
}

fill_source $disk
fill_source $other
wipe
life_of_a_policy
slots
two_disks
shapes
observing
asked
taken
# What the command refuses is the same on every kernel.
if [ "$T_SCALE" = 1 ]; then
	parameters
	bad_objects
	bad_places
fi
finish
