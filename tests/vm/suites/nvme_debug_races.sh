#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw /usr/bin/chrt
# What nvme-debug does when two things happen at once: a connect beside those who look at the
# controller, reset it or make its directory; I/O beside a missed keep-alive; writers beside
# discards in a full namespace; readers and writers beside a Copy in physical blocks of 4 KiB;
# the module's removal beside connects.
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:races
sub=$subsystems/$nqn
tmp=$(mktemp -d)

# end PID...: of loops in the background.
end() {
	kill "$@"
	wait "$@" || :
}

# --- connects ---

# Whoever waits for a connect to finish reads `device`.
look() {
	local name
	while :; do
		read -r name <"$sub/controllers/a/device" || :
		[ -z "$name" ] || [ "${name#nvme}" != "$name" ] || echo "$name"
	done
}

# As soon as there is a controller, reset it, and again.
reset_all() {
	local f
	while :; do
		for f in /sys/class/nvme/*/reset_controller; do
			{ echo 1 >"$f"; } 2>/dev/null || :
		done
	done
}

# No namespace: a reset beside a scan that finds one is more than Linux 6.12 can stand.
test_connects() {
	local i n looks resets failed=0
	n=$(scaled 16)
	look >"$tmp/names" 2>/dev/null &
	looks=$!
	for ((i = 0; i < n; i++)); do
		{ connect $nqn a && disconnect a; } || failed=$((failed + 1))
	done
	check_equal "$n connects while their device is being looked at" $failed 0
	reset_all &
	resets=$!
	failed=0
	for ((i = 0; i < n; i++)); do
		connect $nqn a -k 30 || failed=$((failed + 1))
		wait_for 20 gone || not_ok 'a disconnect beside resets'
	done
	end "$looks" "$resets"
	check_equal "$n connects while the controller is being reset" $failed 0
	check_equal 'the device is nothing or a name' "$(sort -u "$tmp/names")" ''
	connect $nqn a
	make_ns $sub 1 size=1M
	check 'after all that there are events' wait_for 10 ns_disk $nqn 1
	disconnect a
}

# A reset may get the better of a disconnect, but not for ever.
# shellcheck disable=SC2317 # called by wait_for
gone() { nvme disconnect -n "$nqn" >/dev/null 2>&1 && ! ctrl_of a >/dev/null; }

# The directory is the subsystem that is connected, or there is none: never a second one.
test_one_nqn() {
	local i j n both=0 two=0
	n=$(scaled 6)
	for ((i = 0; i < n; i++)); do
		nvme connect -t debug -a i -n nqn.test:i >/dev/null 2>&1 &
		# At another moment each time.
		for ((j = 0; j < i * 160; j++)); do :; done
		if mkdir $subsystems/nqn.test:i 2>/dev/null; then
			wait $! && both=$((both + 1))
			if ctrl_of i >/dev/null 2>&1 && rmdir $subsystems/nqn.test:i 2>/dev/null; then
				two=$((two + 1))
			fi
		else
			wait $! || :
		fi
		nvme disconnect -n nqn.test:i >/dev/null 2>&1 || :
		[ ! -e $subsystems/nqn.test:i ] || rmdir $subsystems/nqn.test:i
	done
	check_equal "$n connects beside a mkdir of their NQN ($both in it): never two" $two 0
}

# --- a connect that is late ---

# in_kernel PID FUNCTION: it is in there.
# shellcheck disable=SC2317 # called by wait_for
in_kernel() { grep -q " $2+" "/proc/$1/stack"; }

# Both wait for the lock that a Copy keeps who changes something from giving back: first the
# connect, which from then on no processor likes to run, then the mkdir.
test_late_connect() {
	local dev copy change connect made refused=0 ns=$sub/namespaces/5
	make_ns $sub 5 size=256G block_size=4096 mssrl=65535 mcl=4294967295 msrc=255
	connect $nqn a
	dev=/dev/$(ctrl_of a)
	wait_for 10 ns_disk $nqn 5
	mkdir $sub/faults/copies
	set_attrs $sub/faults/copies opcode=0x19 enable=1
	nvme_raw "$dev" nsid=5 sdlba=$((32 << 20)) 'range=0+65535*96' >"$tmp/copy" &
	copy=$!
	wait_for 20 grep -qx 'matches 1' $sub/faults/copies/stats
	echo 4096 >$ns/ro_size &
	change=$!
	check 'somebody waits for a Copy' wait_for 20 in_kernel $change ndbg_subsys_sync
	taskset -c 1 nvme connect -t debug -a i -n nqn.test:i >/dev/null 2>&1 &
	connect=$!
	check 'a connect waits for that' wait_for 20 in_kernel $connect ndbg_join
	/with/chrt -i -p 0 $connect
	taskset -c 1 mkdir $subsystems/nqn.test:i 2>/dev/null &
	made=$!
	check 'so does a mkdir' wait_for 20 in_kernel $made ndbg_subsys_create
	check 'all of them get there' wait "$copy" "$change" "$connect"
	wait $made || refused=$?
	check_equal 'the mkdir is refused: there is one of that name' $refused 1
	check 'the connect has it' ctrl_of i
	nvme disconnect -n nqn.test:i >/dev/null
	[ ! -e $subsystems/nqn.test:i ] || rmdir $subsystems/nqn.test:i
	disconnect a
	rmdir $sub/faults/copies $sub/namespaces/5
}

# --- keep-alive ---

test_keep_alive() {
	local d i fio missed
	d=$(attach ka -k 20)
	check_equal 'KAS is 100 ms' "$(nvme id-ctrl -o json "$d" | jq .kas)" 1
	nvme set-feature "/dev/$(ctrl_of ka)" -f 0xf -v 30001 >/dev/null
	check 'and the timeout rounded up to that' grep -q 'value:0x00007594' \
		<(nvme get-feature "/dev/$(ctrl_of ka)" -f 0xf)
	fio --name=k --filename="$d" --rw=randread --bs=4k --direct=1 --ioengine=libaio \
		--iodepth=16 --size=8m --time_based --runtime="$((debug_kernel ? 12 : 6))" \
		>"$tmp/fio" 2>&1 &
	fio=$!
	for i in {1..5}; do
		sleep 0.9
		wait_for 10 has "/sys/class/nvme/$(ctrl_of ka)/state" live || :
		# The host counts in seconds, so it cannot keep this promise.
		nvme set-feature "/dev/$(ctrl_of ka)" -f 0xf -v 100 >/dev/null 2>&1 || :
	done
	check 'a missed keep-alive is no error for who reads' wait $fio
	grep -i 'error' "$tmp/fio" | head -n 5 | sed 's/^/# /' || :
	missed=$(dmesg | grep -c 'no Keep Alive for 200 ms, resetting' || :)
	check "it was missed ($missed times)" test "$missed" -ge 2
	check 'the controller is back' wait_for 20 has "/sys/class/nvme/$(ctrl_of ka)/state" live
	detach ka
}

# --- memory ---

# As many pages as there is memory for: they always fit.
test_full() {
	local d
	set_param size=1M memory=64K
	d=$(attach full)
	set_param size=256M memory=0
	check 'writes beside discards, in as many pages as fit' fio --direct=1 --filename="$d" \
		--size=64k --time_based --runtime=5 --output="$tmp/fio" \
		--name=w --rw=randwrite --bs=512 --ioengine=libaio --iodepth=8 --numjobs=2 \
		--name=t --rw=randtrim --bs=4k --ioengine=psync
	grep -i 'error' "$tmp/fio" | head -n 5 | sed 's/^/# /' || :
	check_equal 'the next page does not fit' "$(status_in "$(dd if=/dev/zero bs=4k count=17 \
		status=none | nvme write "$d" -s 0 -c 135 -z 69632 2>&1 || :)")" 0x4081
	detach full
}

# --- physical blocks ---

# of BYTE BLOCKS FIRST: write them.
of() {
	head -c $((512 * $2)) /dev/zero | tr '\0' "\\$1" |
		dd of="$d" bs=512 seek="$3" oflag=direct iflag=fullblock status=none
}

# rows FIRST COUNT: of physical blocks from block FIRST, a letter for the byte that each is of, or
# "torn"; read 64 KiB at a time.
rows() {
	dd if="$d" bs=64k skip=$((512 * $1)) count=$((4096 * $2)) status=none \
		iflag=direct,skip_bytes,count_bytes |
		tr '\241\262' ab | letters 4096
}

# all_seen N: N looks are enough, or ten times as many if each has seen the same.
all_seen() { [ $i -ge $((10 * $1)) ] || { [ $i -ge "$1" ] && [ "$(sort -u "$tmp/rows" | wc -l)" -ge 2 ]; }; }

# 128 ranges of 12 blocks make 192 physical blocks, and no range begins where one does.
test_physical_blocks() {
	local d dev copies writes i n
	n=$(scaled 40)
	make_ns $sub 2 size=16M physical_block_size=4096
	connect $nqn a
	dev=/dev/$(ctrl_of a)
	wait_for 10 ns_disk $nqn 2
	d=$(ns_disk $nqn 2)
	check_equal 'NAWUN, NABSN' "$(nvme id-ns -o json "$d" | jq -c '[.nawun, .nabsn]')" '[7,7]'
	of 241 1544 0
	of 262 1544 2048
	of 241 1536 4096
	while :; do
		nvme_raw "$dev" nsid=2 sdlba=4096 'range=4+12*128'
		nvme_raw "$dev" nsid=2 sdlba=4096 'range=2052+12*128'
	done >"$tmp/copies" &
	copies=$!
	i=0
	until all_seen "$n"; do
		rows 4096 192
		i=$((i + 1))
	done >"$tmp/rows"
	end $copies
	# The one that it was about to make may still be on its way.
	wait_for 20 bash -c '! pgrep -x nvme_raw'
	check_equal 'C56 what is atomic for a Write is for a Copy: readers see one or the other' \
		"$(sort -u "$tmp/rows" | xargs)" 'a b'
	check_equal 'C56 of copies that succeed' "$(sort -u "$tmp/copies")" '0 0'

	head -c 786432 /dev/zero | tr '\0' '\241' >"$tmp/a"
	head -c 786432 /dev/zero | tr '\0' '\262' >"$tmp/b"
	while :; do
		dd if="$tmp/a" of="$d" bs=768k oflag=direct status=none
		dd if="$tmp/b" of="$d" bs=768k oflag=direct status=none
	done &
	writes=$!
	i=0
	until all_seen "$n"; do
		nvme_raw "$dev" nsid=2 sdlba=4100 range=0+1536 >>"$tmp/copies"
		rows 4100 192
		i=$((i + 1))
	done >"$tmp/rows"
	end $writes
	check_equal 'C57 and writers of the source: one or the other was copied' \
		"$(sort -u "$tmp/rows" | xargs)" 'a b'
	check_equal 'C57 beside copies that succeed' "$(sort -u "$tmp/copies")" '0 0'
	disconnect a
}

# --- unloading ---

# Connects and disconnects, without a program that takes longer to start than they do.
connect_all() {
	local f n=0
	while [ ! -e "$tmp/enough" ]; do
		echo transport=debug,traddr=u,nqn=nqn.test:u >/dev/nvme-fabrics || continue
		n=$((n + 1))
		echo $n >"$tmp/connected"
		for f in /sys/class/nvme/*/delete_controller; do
			echo 1 >"$f"
		done
	done 2>/dev/null
}

# Either it is refused, as a controller is there, or the module goes; a connect finds it or not.
test_unload() {
	local i n connects refused=0 gone=0 said
	n=$(scaled 60)
	echo 0 >"$tmp/connected"
	connect_all &
	connects=$!
	for ((i = 0; i < n || (i < 10 * n && (gone == 0 || refused == 0)); i++)); do
		if rmmod nvme-debug 2>"$tmp/said"; then
			gone=$((gone + 1))
			insmod "$module" i_know=1
		else
			refused=$((refused + 1))
			grep -q 'in use\|busy\|unavailable' "$tmp/said" || not_ok 'why it is not unloaded' "$tmp/said"
		fi
	done
	touch "$tmp/enough"
	wait $connects
	read -r said <"$tmp/connected"
	check "unloading $gone times of $i beside $said connects" test $gone -gt 0 -a $refused -gt 0 -a "$said" -gt 0
	check 'a connect finds it afterwards' attach u
	detach u
}

modprobe nvme-debug i_know=1
modprobe nvme-raw
module=$(modinfo -n nvme-debug)
mkdir $sub $sub/controllers/a
test_connects
test_one_nqn
test_late_connect
test_physical_blocks
remove_subsys $sub
test_keep_alive
test_full
check_equal 'no page is left' "$(pages)" 0
test_unload
check 'unload' modprobe -r nvme-raw nvme-debug
finish
