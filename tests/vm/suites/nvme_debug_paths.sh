#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 200
# with: build/tests/vm/copy_verify
# Several nvme-debug controllers of one subsystem: one disk, several paths, ANA states that
# change under load. fio judges the data, sysfs and nvme-cli what the host makes of it.
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:paths
sub=$subsystems/$nqn

# ana ADDRESS STATE: as if a path had changed.
ana() { echo "$2" >"$sub/controllers/$1/ana_state"; }

# host_ana_is ADDRESS STATE: what the host has read of it, of all its namespaces.
# shellcheck disable=SC2317 # called by check
host_ana_is() { [ "$(sort -u "/sys/class/nvme/$(ctrl_of "$1")"/nvme*c*n*/ana_state)" = "$2" ]; }

# has_both ADDRESS: the host has found both namespaces there.
# shellcheck disable=SC2317 # called by wait_for
has_both() { [ "$(cat "/sys/class/nvme/$(ctrl_of "$1")"/nvme*c*n*/nsid | sort | xargs)" = '1 4' ]; }

# served ADDRESS: reads and writes of a controller so far.
served() {
	nvme smart-log -o json "/dev/$(ctrl_of "$1")" |
		jq -r '(.host_read_commands | tonumber) + (.host_write_commands | tonumber)'
}

# goes_by NAME WAY OTHER: a write and a read go by controller WAY, not by OTHER.
goes_by() {
	local name=$1 way other
	way=$(served "$2") other=$(served "$3")
	dd if=/dev/urandom of="$disk" bs=4k seek=100 count=4 oflag=direct status=none
	dd if="$disk" of=/dev/null bs=4k skip=100 count=4 iflag=direct status=none
	check_equal "$name" "$(($(served "$2") - way)) $(($(served "$3") - other))" '8 0'
}

# A load that runs until unload, and knows what it has written.
load() {
	fio --name=load --filename="$disk" --rw=randwrite --bsrange=4k-64k --size=8m --offset=8m \
		--direct=1 --ioengine=libaio --iodepth=4 --verify=crc32c --verify_backlog=32 \
		--time_based --runtime=600 --randseed=11 >"$tmp/fio" 2>&1 &
	fio=$!
	# Copies of the other namespace; each program stamps, copies and compares all of it.
	touch "$tmp/copying"
	(while [ -e "$tmp/copying" ]; do
		copy_verify --src "$other" --iterations 25 --max-bytes 1MiB --mode auto || break
	done) >"$tmp/copy" 2>&1 &
	copies=$!
	wait_for 20 busy 1
}

# Ends the load and judges it.
unload() {
	local status=0
	kill -INT $fio
	wait $fio || status=$?
	check 'fio has verified and saw no error' grep -q 'err= 0' "$tmp/fio"
	check 'and no wrong data' bash -c "! grep -iE 'verify: bad|verify failed' $tmp/fio"
	check 'it ran until it was told to end' test "$status" = 128
	rm "$tmp/copying"
	wait "$copies" || :
	check 'copies were made' grep -q '^ok' "$tmp/copy"
	check 'no copy failed or was wrong' bash -c "! grep '^not ok' $tmp/copy"
}

# busy COMMANDS: so many writes more than at the beginning.
# shellcheck disable=SC2317 # called by wait_for
busy() { [ "$(stat_of "$sub" 1 write | cut -d' ' -f1)" -ge $((writes + $1)) ]; }

# goes_on NAME: there are more writes than before.
goes_on() {
	writes=$(stat_of "$sub" 1 write | cut -d' ' -f1)
	check "$1" wait_for 20 busy 5
}

test_one_disk() {
	check_equal 'two controllers, two namespaces: two disks' "$(echo /dev/nvme*n* | xargs -n 1)" \
		"$(printf '%s\n' "$disk" "$other" | sort)"
	check_equal 'two live paths' "$(nvme list-subsys | grep -c ' debug traddr=[ab] live')" 2
	check_equal 'controller ids of one subsystem' \
		"$(cat "$sub"/controllers/[ab]/cntlid | xargs)" '1 2'
	check_equal 'NMIC, ANAGRPID' "$(nvme id-ns "$disk" -o json | jq -c '[.nmic, .anagrpid]')" '[1,1]'
	check_equal 'the ANA log: one group, the namespaces in it' \
		"$(nvme get-log "/dev/$(ctrl_of a)" -i 12 -l 56 -b | od -An -v -td4 -w4 | xargs)" \
		'0 0 1 0 1 2 0 0 1 0 0 0 1 4'
	check_equal 'the ANA log: groups only' "$(nvme ana-log -g "/dev/$(ctrl_of a)" |
		awk '/nnsids|state/ { print $NF }' | xargs)" '0 optimized'
}

# Which way I/O goes in each pair of states.
test_states() {
	local state
	for state in non-optimized inaccessible persistent-loss change; do
		ana a $state
		check "the host knows: $state" wait_for 10 host_ana_is a $state
		goes_by "$state: all I/O by the other path" b a
		check_equal "$state: nvme-cli reads it" "$(nvme ana-log -g "/dev/$(ctrl_of a)" |
			awk '/state/ { print $NF }')" $state
		ana a optimized
		check "$state: and back" wait_for 10 host_ana_is a optimized
	done
	ana b inaccessible
	wait_for 10 host_ana_is b inaccessible
	goes_by 'b inaccessible: all by a' a b
	ana a non-optimized
	wait_for 10 host_ana_is a non-optimized
	goes_by 'a path that is not optimal is better than none' a b
	check_equal 'NUSE is 0 where nothing can be reached' "$(nvme admin-passthru \
		"/dev/$(ctrl_of b)" --opcode=6 --namespace-id=1 -r -l 4096 -b 2>/dev/null |
		od -An -td8 -j 16 -N 8 | xargs)" 0
	ana a optimized
	ana b optimized
	wait_for 10 host_ana_is a optimized
	wait_for 10 host_ana_is b optimized
}

# What commands end with when the host has not heard of the state yet: nor can it, as long as
# it does not want to.
test_statuses() {
	local state want flushes
	flushes=$(stat_of "$sub" 1 flush)
	ana b inaccessible
	wait_for 10 host_ana_is b inaccessible
	echo 1 >/sys/kernel/tracing/events/nvme/nvme_complete_rq/enable
	for state in inaccessible:0x302 persistent-loss:0x301 change:0x303; do
		want=${state#*:} state=${state%:*}
		nvme set-feature "/dev/$(ctrl_of a)" -f 0xb -v 0 >/dev/null
		ana a "$state"
		echo >/sys/kernel/tracing/trace
		dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct status=none &
		check "$state: commands end with $want" wait_for 10 grep -q \
			"qid=[1-9].*status=$want\$" /sys/kernel/tracing/trace
		nvme set-feature "/dev/$(ctrl_of a)" -f 0xb -v 0x900 >/dev/null
		ana a optimized
		check "$state: and succeed in the end" wait_for 20 wait $!
		check "$state: and back" wait_for 10 host_ana_is a optimized
	done
	echo 0 >/sys/kernel/tracing/events/nvme/nvme_complete_rq/enable
	check_equal 'none of them was a flush' "$(stat_of "$sub" 1 flush)" "$flushes"
	ana b optimized
	wait_for 10 host_ana_is b optimized
}

test_load() {
	local i
	load
	for i in $(seq "$(scaled 6)"); do
		ana a inaccessible
		ana b non-optimized
		ana a optimized
		ana b inaccessible
		ana a change
		sleep 0.2
		ana b optimized
		ana a persistent-loss
		sleep 0.2
		ana a non-optimized
		sleep 0.1
	done
	goes_on 'I/O goes on'
	ana a inaccessible
	ana b inaccessible
	wait_for 10 host_ana_is a inaccessible
	wait_for 10 host_ana_is b inaccessible
	sleep 1
	writes=$(stat_of "$sub" 1 write)
	sleep 0.5
	check_equal 'no path: I/O waits' "$(stat_of "$sub" 1 write | cut -d' ' -f1,3)" \
		"$(cut -d' ' -f1,3 <<<"$writes")"
	ana b optimized
	goes_on 'a path: it goes on'
	ana a optimized
	for i in 1 2; do
		check "reset $i of one path" nvme reset "/dev/$(ctrl_of a)"
		goes_on 'I/O goes on'
		check "disconnect $i of one path" disconnect a
		goes_on 'I/O goes on'
		connect $nqn a -D -k 30
		check 'its id is the one it had' has "$sub/controllers/a/cntlid" 1
		ana b inaccessible
		goes_on 'it is of use at once'
		ana b optimized
		# A reset beside a scan that finds one is more than Linux 6.12 can stand.
		wait_for 20 has_both a
	done
	rmdir "$sub/controllers/b"
	mkdir "$sub/controllers/b"
	goes_on 'a directory that comes and goes is no matter'
	unload
}

# A change that does not end: the host resets the controller after twice ANATT, which is long
# elsewhere, where somebody looks at one.
test_anatt() {
	nvme disconnect -n $nqn >/dev/null
	set_attrs $sub anatt=1
	connect $nqn a -k 30
	wait_for 20 host_ana_is a optimized
	ana a change
	check 'ANATT: the host gives up waiting' \
		wait_for 20 bash -c 'dmesg | grep -q "ANATT timeout, resetting controller"'
	ana a optimized
	check 'and takes the path again' wait_for 20 host_ana_is a optimized
}

# write_block N: on its way by path a, the only optimized one.
# shellcheck disable=SC2317 # called by check
write_block() { dd if="$tmp/block" of="$disk" bs=4k seek="$1" oflag=direct status=none; }
# shellcheck disable=SC2317 # called by check
has_block() { cmp "$tmp/block" <(dd if="$disk" bs=4k skip="$1" count=1 iflag=direct status=none); }

# A path that goes with commands on it, held or not: they go by the other.
test_faults() {
	local fault=$sub/faults/f pid
	head -c 4096 /dev/urandom >"$tmp/block"
	ana b non-optimized
	wait_for 10 host_ana_is b non-optimized
	mkdir "$fault"
	set_attrs "$fault" opcode=1 hold=1 times=1 enable=1
	write_block 1 &
	pid=$!
	check 'F36 a Write is held on its path' wait_for 20 grep -qx 'held 1' "$fault/stats"
	disconnect a
	check 'F36 which goes: it does not fail' wait $pid
	check 'F36 and is written by the other' has_block 1
	connect $nqn a -D -k 30
	wait_for 20 host_ana_is a optimized

	set_attrs "$fault" enable=0 hold=0 cntlid="$(<"$sub/controllers/a/cntlid")" action=status \
		status=0x371 enable=1
	check 'F36 a path error: sent by the other' write_block 2
	check 'F36 and written' has_block 2
	check 'F36 the fault was of one controller' grep -qx 'hits 1' "$fault/stats"

	set_attrs "$fault" enable=0 action=remove enable=1
	check 'F5 F36 a path that is pulled out: a Write does not fail' write_block 3
	check 'F5 F36 and is written' has_block 3
	check 'F5 F36 the path is gone' wait_for 20 has "$sub/controllers/a/device" ''
	rmdir "$fault"
	# The host may not be through with the old one.
	wait_for 20 connect $nqn a -D -k 30
	wait_for 20 host_ana_is a optimized
	ana b optimized
	wait_for 10 host_ana_is b optimized
}

# Without a directory a path is as by default; one made later is about the same controller.
test_directories() {
	connect $nqn c -D -k 30
	wait_for 10 host_ana_is c optimized
	mkdir "$sub/controllers/c"
	check_equal 'a directory after the connect knows the controller' \
		"$(cat "$sub"/controllers/c/{cntlid,device,ana_state} | xargs)" \
		"3 $(ctrl_of c) optimized"
	ana c inaccessible
	check 'and changes it' wait_for 10 host_ana_is c inaccessible
	rmdir "$sub/controllers/c"
	check 'without it the path is as by default' wait_for 10 host_ana_is c optimized
	mkdir "$sub/controllers/c"
	ana c non-optimized
	disconnect c
	connect $nqn c -D -k 30
	check 'a directory before the connect shapes it' wait_for 10 host_ana_is c non-optimized
	echo all >"$sub/controllers/c/reset"
	check 'reset' wait_for 10 host_ana_is c optimized
	disconnect c
}

modprobe nvme-debug i_know=1
mkdir $sub $sub/controllers/{a,b}
set_attrs $sub anatt=60
make_ns $sub 1 size=64M
make_ns $sub 4 size=24M
connect $nqn a -k 30
connect $nqn b -D -k 30
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
wait_for 20 ns_disk $nqn 4
other=$(ns_disk $nqn 4)
wait_for 20 host_ana_is b optimized
writes=0
test_one_disk
test_states
test_statuses
test_load
test_directories
test_faults
test_anatt
nvme disconnect -n $nqn >/dev/null
remove_subsys $sub
check 'no page is left' test "$(pages)" = 0
check 'unload' modprobe -r nvme-debug
finish
