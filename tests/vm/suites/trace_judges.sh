#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What `bpfcopy trace' says of a fixed mix of copies is what others say, copy for copy: the callers,
# the scripts in contrib/bpftrace, perf and trace-cmd; its sums are those of the device, of diskstats
# and of QEMU. Also with several tracers and a policy that changes, and when there are more copies
# than it can read.
# vm: --nvme 64M --mem 2048 --timeout 300
# with: contrib/bpftrace:/contrib/bpftrace build/tests/vm/copy_list build/tests/vm/copy_once perf trace-cmd
# debug: no
# Many functions are called by check; names of disks have no blanks.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. /tests/vm/nvme_debug_lib.sh

# With COPIES=10000 it takes some minutes.
copies=${COPIES:-1000}
nqn=nqn.test:judges
sub=$subsystems/$nqn
out=$tmp/trace.ndjson

if [ ! -e $tracing/events/blk_copy ]; then
	skip 'bpfcopy trace and its judges' 'this kernel has no copy offload'
	finish
fi
modprobe nvme-debug i_know=1
mkdir $sub
echo 0 >$sub/multipath
make_ns $sub 1 size=64M
connect $nqn a
wait_for 60 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
name=${disk#/dev/}

# start FILE OPTION...: a trace in the background; its process is in $pid.
start() {
	local file=$1
	shift
	bpfcopy trace -o ndjson "$@" >$file 2>$file.err &
	pid=$!
	wait_for 60 grep -q '"type":"hello"' $file && return
	not_ok "bpfcopy trace $*: it does not begin" $file.err
	finish
}

# ends NAME PID: with status 0, on SIGTERM
ends() {
	kill $2
	check "$1" wait $2
}

# copies_of FILE: a line for each copy of copy_list: ID SRC DST BYTES OFFLOADED EMULATED WHY ERROR LATENCY PATH POLICY
copies_of() {
	grep '"type":"copy"' $1 | grep '"comm":"copy_list"' | jq -r '[.copy_id, .src_sector, .dst_sector, .bytes,
		.offloaded_bytes, .emulated_bytes, .reason, .error // 0, .latency_ns, .path, .policy // "-"] | join(" ")'
}
# told FILE: what callers were told, of such lines
told() { awk '{ print "bytes=" $4, "offloaded=" $5, "emulated=" $6, "error=" $8 }' $1; }
# sum FIELD FILE
sum() { awk -v n=$1 '{ s += $n } END { printf "%d\n", s }' $2; }

#
# The judges
#

# All scripts at once; what a script says first is read when all of it is attached.
start_scripts() {
	local script
	judges=()
	for script in /contrib/bpftrace/*.bt; do
		BPFTRACE_PERF_RB_PAGES=4096 $script >$tmp/${script##*/} 2>$tmp/${script##*/}.err &
		judges+=($!)
	done
	check 'all scripts begin' wait_for 400 begun ${#judges[@]}
}
begun() { [ "$(grep -lE '^(Counting|COPY )' $tmp/*.bt | wc -l)" = $1 ]; }

# bpftrace misses a signal that comes while it prints: it may have to be told again, but not when it
# prints its maps.
stop_scripts() {
	local pid script
	wait_for 100 snooped || not_ok 'copysnoop.bt does not show all copies'
	kill -INT "${judges[@]}"
	for script in /contrib/bpftrace/*.bt; do
		pid=${judges[0]}
		judges=("${judges[@]:1}")
		check "${script##*/} ends" wait_for 200 gone $pid $tmp/${script##*/}
		wait $pid || not_ok "${script##*/} ends well" $tmp/${script##*/}.err
	done
}
snooped() { [ "$(grep -c '^[0-9]' $tmp/copysnoop.bt)" -ge $copies ]; }
gone() {
	[ -d /proc/$1 ] || return 0
	: $((polls += 1))
	[ $((polls % 100)) != 0 ] || grep -q '^@' $2 || kill -INT $1
	return 1
}
polls=0

# device: bytes that it copied, read and wrote; how many commands copied
device() {
	local commands copied read written
	read -r commands _ copied _ <<<"$(stat_of $sub 1 copy)"
	read -r _ _ read _ <<<"$(stat_of $sub 1 read)"
	read -r _ _ written _ <<<"$(stat_of $sub 1 write)"
	echo "${copied:-0} ${read:-0} ${written:-0} ${commands:-0}"
}
# diskstats: bytes read and written
diskstats() { awk '{ print $3 * 512, $7 * 512 }' /sys/block/$name/stat; }

mixed() {
	local read written
	start_scripts
	start $out --tokens --fail-on-loss --buffer 64MiB
	echo stats >$sub/namespaces/1/reset
	read -r read written < <(diskstats)
	# One runs the other, and starts it when it is ready.
	trace-cmd record -q -b 8192 -e blk_copy:blk_copy_end -o $tmp/trace.dat \
		perf record -q -B -N -m 2048 -a -e blk_copy:blk_copy_end -o $tmp/perf.data \
		sh -c "exec copy_list $disk $copies 7 >$tmp/callers" >$tmp/record 2>&1 ||
		not_ok 'trace-cmd and perf record' $tmp/record
	device >$tmp/device
	diskstats | awk -v r=$read -v w=$written '{ print $1 - r, $2 - w }' >$tmp/diskstats
	ends 'nothing is lost' $pid
	stop_scripts
	copies_of $out >$tmp/rows
}

# same FILE FILE: of what differs, a few lines are enough.
same() {
	diff "$1" "$2" >$tmp/diff && return
	head -n 10 $tmp/diff
	return 1
}

# events: of what a tool prints of blk_copy_end: ID BYTES OFFLOADED EMULATED WHY LATENCY.
events() { sed -nE "$event"; }

copy_for_copy() {
	local event='s/.*copy=([0-9]+) .* bytes=([0-9]+) offloaded=([0-9]+) emulated=([0-9]+) .* reason=(.*) error=.* latency=([0-9]+)$/\1 \2 \3 \4 \5 \6/p'
	check_equal 'a row for each copy' "$(wc -l <$tmp/rows)" $copies
	check_equal 'two paths and two reasons' "$(cut -d ' ' -f 7,10 $tmp/rows | sort -u | xargs)" \
		'builtin offload caller emulate caller offload'
	check 'callers were told what the rows say, copy for copy' same $tmp/callers <(told $tmp/rows)
	check 'copysnoop.bt says what the rows say, copy for copy' same \
		<(awk '$1 ~ /^[0-9]+$/ { sub(".*[+]", "", $2); sub(".*[+]", "", $3); print }' $tmp/copysnoop.bt) \
		<(cut -d ' ' -f 1-9 $tmp/rows)
	cut -d ' ' -f 1,4-7,9 $tmp/rows >$tmp/short
	check 'so does perf' same <(perf script -i $tmp/perf.data 2>/dev/null | events) $tmp/short
	check 'so does trace-cmd' same <(trace-cmd report -i $tmp/trace.dat 2>/dev/null | events) $tmp/short
}

# by FIELDS FIELD: sums of a field of the rows, as "KEY, KEY: SUM"; of 0, how many
by() {
	awk -v by="$1" -v n=$2 '{
			key = ""
			for (i = split(by, k, ","); i; i--) key = $k[i] (key == "" ? "" : ", " key)
			s[key] += n ? $n : 1
		}
		END { for (key in s) printf "%s: %d\n", key, s[key] }' $tmp/rows | sort
}
# map NAME SCRIPT: what a script printed of its map @NAME, as "KEY: VALUE"; or of @NAME
map() { sed -nE "s/^@$1\[(.*)\]: ([0-9]+)\$/\1: \2/p; s/^@$1: ([0-9]+)\$/\1/p" $tmp/$2 | sort; }

scripts() {
	check_equal 'copylat.bt counts copies by path' "$(map copies copylat.bt)" "$(by 10 0)"
	check_equal 'and their bytes' "$(map bytes copylat.bt)" "$(by 10 4)"
	check_equal 'copywhy.bt adds up bytes by path and reason' "$(map bytes copywhy.bt)" \
		"$(by 10,7 4 | sed 's/: /, 0: /')"
	check_equal 'tokenlife.bt counts tokens' "$(map created tokenlife.bt) $(map freed tokenlife.bt)" \
		"$(tail -n 1 $out | jq -r '"\(.tokens_created) \(.tokens_freed)"')"
	check_equal 'and what they copied' "$(map done_bytes tokenlife.bt)" "$(sum 5 $tmp/rows)"
	check_equal 'and none is alive' "$(map alive tokenlife.bt)" ''
	check_equal 'copywho.bt adds up by program' "$(map bytes copywho.bt)" "copy_list: $(sum 4 $tmp/rows)"
	check 'and knows from where' grep -q blkdev_ioctl $tmp/copywho.bt
}

device_agrees() {
	local offloaded emulated commands
	offloaded=$(sum 5 $tmp/rows)
	emulated=$(sum 6 $tmp/rows)
	commands=$(grep -c '"step":"dispatch"' $out)
	check_equal 'the device copied what was offloaded, read and wrote what was emulated; commands are those of the trace' \
		"$(<$tmp/device)" "$offloaded $emulated $emulated $commands"
	check_equal 'diskstats have the emulated bytes as read, and all as written' \
		"$(<$tmp/diskstats)" "$emulated $((offloaded + emulated))"
}

# units: of 512000 bytes, read and written by the host, as QEMU counts them itself.
units() { nvme smart-log /dev/nvme0n1 -o json | jq -r '"\(.data_units_read) \(.data_units_written)"'; }

qemu_agrees() {
	local before after all
	read -r -a before < <(units)
	start $tmp/qemu
	copy_list /dev/nvme0n1 400 11 >$tmp/callers
	ends 'a trace of QEMU' $pid
	read -r -a after < <(units)
	copies_of $tmp/qemu >$tmp/rows.qemu
	check 'callers were told what the rows say' same $tmp/callers <(told $tmp/rows.qemu)
	all=$(sum 6 $tmp/rows.qemu)
	check 'QEMU was written what was emulated, and no more' between $((all / 512000 - 1)) $((all / 512000 + 1)) $((after[1] - before[1]))
	check 'and read' between $((all / 512000 - 1)) $((all / 512000 + 1)) $((after[0] - before[0]))
}

# A copy that lasts while thousands come and go. The tracer has 4096 places for them.
lasting() {
	local held more=4200
	# Who waits here is not to be aborted, however slow the machine.
	echo 600000 >/sys/block/$name/queue/io_timeout
	null_disk fast size=64 copy=1 >/dev/null
	mkdir $sub/faults/hold
	set_attrs $sub/faults/hold opcode=0x19 hold=1 enable=1
	start $tmp/lasting --split
	bpfcopy copy $disk $disk@32MiB 4KiB >/dev/null &
	held=$!
	wait_for 60 grep -qx 'held 1' $sub/faults/hold/stats
	copy_once --count $more /dev/fast /dev/fast 0 32MiB 4KiB >/dev/null
	echo 0 >$sub/faults/hold/enable
	echo all >$sub/faults/hold/release
	wait $held
	ends 'a trace of many' $pid
	rmdir $sub/faults/hold
	null_disk_gone fast
	grep '"type":"copy"' $tmp/lasting | jq -c '[.copy_id, .comm, .token_ns, .device_ns]' >$tmp/places
	check_equal 'of all is known where the time went' "$(grep -c null $tmp/places || :) $(wc -l <$tmp/places)" \
		"0 $((more + 1))"
	check_equal 'also of one that found its place taken' "$(jq -s '(map(select(.[1] == "bpfcopy"))[0][0]) as $id |
		map(select(.[0] == $id + 4096 and .[3] > 0)) | length' $tmp/places)" 1
}

blkparse_shows() {
	local end=0 all
	# It says nowhere that it has begun.
	strace -f -e trace=ioctl -o $tmp/ioctls blktrace -d $disk -D $tmp -o blk >$tmp/blktrace 2>&1 &
	pid=$!
	check 'blktrace begins' wait_for 60 grep -q 'BLKTRACESTART.* = 0' $tmp/ioctls
	copy_list $disk 50 9 >$tmp/callers
	pkill -x blktrace
	wait $pid || end=$?
	check_equal 'blktrace ends' $end 0
	blkparse -q -D $tmp -i blk -f '%a %d %n %C\n' >$tmp/blkparse 2>&1 || not_ok 'blkparse' $tmp/blkparse
	all=$(sed -E 's/.*offloaded=([0-9]+) emulated=([0-9]+) .*/\1 \2/' $tmp/callers |
		awk '{ n += $1 + $2 } END { print n }')
	check_equal 'blkparse shows what is sent and what ends, as writes' \
		"$(for i in D C; do awk -v a=$i '$1 == a && $2 ~ /^W/ { n += $3 * 512 } END { print n }' $tmp/blkparse; done | xargs)" \
		"$all $all"
}

for case in mixed copy_for_copy scripts device_agrees qemu_agrees lasting blkparse_shows; do
	t_case $case
	$case
done
disconnect a
remove_subsys $sub
finish
