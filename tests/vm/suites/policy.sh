#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Policies: load, replace, unload, and everything that can be wrong about them.
# leaks: yes
# vm: --nvme 256M --timeout 300
# debug: yes
# Names of disks and pins have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh

disk=nvme0n1
number=$(cat /sys/block/$disk/dev)
pins=/sys/fs/bpf/bpfcopy
lib=/usr/lib/bpfcopy
source_at=0
dest_at=$((64 << 20))
data_bytes=$((8 << 20))

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip policy "this kernel has no copy offload"
	finish
fi

fill() { head -c $data_bytes /dev/urandom | dd of=/dev/$disk bs=1M conv=fsync status=none; }
wipe() { head -c $data_bytes /dev/zero | dd of=/dev/$disk bs=1M oseek=$((dest_at >> 20)) conv=fsync status=none; }

# copy BYTES: print "OFFLOADED EMULATED".
copy() {
	bpfcopy copy -o json "$disk@$source_at" "$disk@${dest_at}B" "${1}B" |
		jq -r '[.. | objects | select(has("offloaded_bytes"))][0] | "\(.offloaded_bytes) \(.emulated_bytes)"'
}

# same BYTES: the destination is the source, and nothing was written behind it.
same() {
	cmp -n "$1" /dev/$disk /dev/$disk $source_at $dest_at &&
		cmp -n $((data_bytes - $1)) /dev/zero /dev/$disk 0 $((dest_at + $1))
}

status() { bpfcopy status -o json 2>/dev/null; }
attached() { status | jq -r '[.policies[]? | "\(.device)=\(.policy)"] | sort | join(" ")'; }
member() { status | jq -r --arg d "$1" ".policies[] | select(.device == \$d) | .$2"; }
# decisions DEVICE REASON: "COUNT BYTES"
decisions() {
	status | jq -r --arg d "$1" --arg r "$2" \
		'.decisions[] | select(.device == $d and .reason == $r) | "\(.decisions) \(.bytes)"'
}

load() { bpfcopy load "$@" >/dev/null; }
unload_all() { bpfcopy unload --all >/dev/null 2>&1 || :; }

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
	local exact=(wanted=yes small=255 below=-32768 size_bytes=5GiB pause_ns=1500us)
	t_case "parameters"
	check "every kind of parameter" load $lib/test_params.bpf.o --dev $disk "${exact[@]}"
	check_equal "reaches the program as it is" "$(copy 65536)" "0 65536"
	check "other values" load $lib/test_params.bpf.o --dev $disk "${exact[@]}" small=254
	check_equal "do too" "$(copy 65536)" "65536 0"
	unload_all
	refused "unknown parameter" 2 'no parameter "min"; it has: min_bytes, max_bytes' \
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
	refused "writes what is read-only" 1 'only chunk_bytes and max_depth' \
		bpfcopy load $lib/test_badwrite.bpf.o --dev $disk
	refused "uses what may be NULL" 1 "refused program nullderef_decide" \
		bpfcopy load $lib/test_nullderef.bpf.o --dev $disk
	refused "a decide that may sleep" 1 'attach to unsupported member decide' \
		bpfcopy load $lib/test_sleepable.bpf.o --dev $disk
	refused "a dry run sees it too" 1 'only chunk_bytes and max_depth' \
		bpfcopy load $lib/test_badwrite.bpf.o --dev $disk --dry-run
	check_equal "none of them is attached" "$(attached)" ""
	check "a policy that is there survives a bad one" keeps_old
	unload_all
}

keeps_old() {
	load never --dev $disk || return 1
	! load $lib/test_badwrite.bpf.o --dev $disk 2>/dev/null || return 1
	[ "$(attached)" = "$disk=never" ]
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

is_attached() { [ "$(attached)" = "$1" ]; }

rubbish() {
	local what
	t_case "rubbish"
	for what in verdict=1 verdict=-1 verdict=3 verdict=-2147483648 verdict=2147483647 \
		"chunk=4294967295 verdict=1" "chunk=4294967295 verdict=2" \
		"chunk=1 verdict=1" "chunk=513 verdict=2" "chunk=65535 verdict=1" \
		"depth=0 verdict=1" "depth=4294967295 verdict=1" "depth=1 verdict=2" \
		"depth=4294967295 chunk=4294967295 verdict=-1"; do
		wipe
		# shellcheck disable=SC2086
		load $lib/test_rubbish.bpf.o --dev $disk $what
		check "right bytes with $what" copied_right 3149824
	done
	check "a bad verdict is reported" grep -q 'policy test_rubbish returned -1' <(dmesg)
	unload_all
}

copied_right() {
	local done_bytes
	done_bytes=$(copy "$1") || return 1
	echo "offloaded and emulated: $done_bytes"
	[ $((${done_bytes/ /+})) = "$1" ] && same "$1"
}

examples() {
	local name
	t_case "examples of the documentation"
	for name in gentle learn; do
		wipe
		check "$name loads" load $lib/example_$name.bpf.o --dev $disk
		check "$name copies right" copied_right 1048576
		check "$name decides" test "$(member $disk decisions)" -gt 0
	done
	unload_all
}

# A task that copies over and over, each to a place of its own, until told to stop.
copier() {
	local at=$((dest_at + $1 * data_bytes))
	while [ ! -e /tmp/stop ]; do
		bpfcopy copy "$disk@$source_at" "$disk@${at}B" ${data_bytes}B >/dev/null || return 1
		cmp -n $data_bytes /dev/$disk /dev/$disk 0 $at || return 1
		echo x >>/tmp/copied.$1
	done
}

churn() {
	local i pids=() pid
	t_case "churn"
	rm -f /tmp/stop /tmp/copied.*
	copier 1 & pids+=($!)
	copier 2 & pids+=($!)
	for i in {1..10}; do
		load threshold --dev $disk min_bytes="${i}MiB"
		load never --dev $disk
		load $lib/test_rubbish.bpf.o --dev $disk verdict=1 chunk=$((i << 16))
		load never --global
		bpfcopy unload --dev $disk >/dev/null
		bpfcopy unload --global >/dev/null
	done
	touch /tmp/stop
	for pid in "${pids[@]}"; do check "a task that copied during 60 changes" wait "$pid"; done
	check "both copied in the meantime" test -s /tmp/copied.1 -a -s /tmp/copied.2
	check_equal "nothing is left" "$(attached)" ""
}

race() {
	local i pids=() pid failed=0
	t_case "race"
	for i in {1..6}; do load threshold --dev $disk min_bytes="${i}KiB" & pids+=($!); done
	for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
	check_equal "six loads at once all succeed" $failed 0
	check_equal "and one policy is there" "$(attached)" "$disk=threshold"
	check_equal "with one pin" "$(ls $pins)" "$number"
	unload_all
}

null_disk() {
	mkdir /sys/kernel/config/nullb/gone
	echo 1 >/sys/kernel/config/nullb/gone/memory_backed
	echo 64 >/sys/kernel/config/nullb/gone/size
	echo 1 >/sys/kernel/config/nullb/gone/power
	wait_for 10 test -b /dev/gone
}

removal() {
	local dev again
	t_case "removal"
	modprobe null_blk nr_devices=0
	null_disk
	dev=$(cat /sys/block/gone/dev)
	check "a policy on a disk that can only be emulated" load threshold --dev gone
	rmdir /sys/kernel/config/nullb/gone
	check_equal "it goes with the disk" "$(attached)" ""
	check "its dead pin can be swept out" bpfcopy unload --dev "$dev"
	check "and is gone" test ! -e "$pins/$dev"

	null_disk
	load never --dev gone
	rmdir /sys/kernel/config/nullb/gone
	null_disk
	again=$(cat /sys/block/gone/dev)
	check "a new disk starts without one" is_attached ""
	if [ "$dev" = "$again" ]; then
		check "a dead pin is no obstacle for the same number" load threshold --dev gone
		check_equal "and is replaced" "$(attached)" "gone=threshold"
	else
		skip "a dead pin is no obstacle for the same number" "it got $again instead of $dev"
	fi
	rmdir /sys/kernel/config/nullb/gone
	rmmod null_blk
	bpfcopy unload --dev "$again" >/dev/null 2>&1 || :
}

# The block device of the nvme-debug controller with this address.
debug_disk() {
	local address disks
	for address in /sys/class/nvme/*/address; do
		[ "$(cat "$address")" = "traddr=$1" ] || continue
		disks=("${address%/address}"/nvme*n*)
		[ ! -b "/dev/${disks[0]##*/}" ] || { echo "${disks[0]##*/}"; return; }
	done
	return 1
}

# Copy until the disk is gone; 4 is "no such device".
copy_until_gone() {
	local status=0
	while [ $status = 0 ]; do
		bpfcopy copy "$1@0" "$1@32MiB" 32MiB >/dev/null 2>&1 || status=$?
		echo x >>/tmp/gone.$2
	done
}

removal_under_load() {
	local i gone dev pids pid
	t_case "removal under load"
	if ! modprobe nvme-debug i_know=1; then
		skip "removal under load" "there is no nvme-debug"
		return
	fi
	for i in 1 2 3; do
		rm -f /tmp/gone.*
		pids=()
		nvme connect -t debug -a gone -n nqn.test:gone >/dev/null
		wait_for 20 debug_disk gone
		gone=$(debug_disk gone)
		dev=$(cat "/sys/block/$gone/dev")
		load $lib/test_rubbish.bpf.o --dev $gone verdict=1 chunk=65536
		copy_until_gone $gone 1 & pids+=($!)
		copy_until_gone $gone 2 & pids+=($!)
		wait_for 60 test -s /tmp/gone.1 -a -s /tmp/gone.2
		check_equal "round $i: the policy was asked" "$(attached)" "$gone=test_rubbish"
		nvme disconnect -n nqn.test:gone >/dev/null
		for pid in "${pids[@]}"; do check "round $i: a copy ends with the disk" wait $pid; done
		check_equal "round $i: the policy went with it" "$(attached)" ""
		check "round $i: its dead pin is swept out" bpfcopy unload --dev $dev
	done
	check "the module can be unloaded" modprobe -r nvme-debug
}

fill
wipe
life_of_a_policy
slots
parameters
bad_objects
bad_places
taken
fill
rubbish
examples
fill
churn
race
removal
removal_under_load
finish
