#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# The configfs tree of nvme-debug: every attribute with bad values, in the wrong order and in
# use; namespaces that come, go and change while a host looks. nvme-cli is the judge.
set -euo pipefail
# A serial number with an umlaut.
export LC_ALL=C.UTF-8
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:shape
sub=$subsystems/$nqn

# --- values ---

test_namespace_values() {
	local ns=$sub/namespaces/1 before
	local all=(size memory block_size physical_block_size pi zone_size zone_capacity max_active
		max_open mssrl mcl msrc ro_start ro_size uuid)
	before=$(cd "$ns" && cat "${all[@]}" enable)
	refused "$ns/size" "${numbers[@]}" 0 1 4095 4097 1048577 17T 64Q KK -4096 1m \
		18446744073709551615K 9999999999999T
	refused "$ns/memory" "${numbers[@]}" 1 4097 17T
	refused "$ns/block_size" "${numbers[@]}" 0 1 513 1024 8192 512K
	refused "$ns/physical_block_size" "${numbers[@]}" 0 1 513 1024 8192 4K
	refused "$ns/pi" "${numbers[@]}" 2 512
	refused "$ns/ro_start" "${numbers[@]}" 1 512 4097 17T
	refused "$ns/ro_size" "${numbers[@]}" 1 512 4097 17T
	refused "$ns/mssrl" "${numbers[@]}" 0 65536
	refused "$ns/mcl" "${numbers[@]}" 0 4294967296
	refused "$ns/msrc" "${numbers[@]}" 256
	refused "$ns/enable" "${numbers[@]}" 2 yes
	refused "$ns/uuid" '' x 12345678-1234-1234-1234-123456789ab \
		12345678-1234-1234-1234-123456789abcd 12345678-1234-1234-1234-123456789abg \
		00000000-0000-0000-0000-000000000000 "$long"
	refused "$ns/reset" '' 0 1 al alll 'all x' "$long"
	check_equal 'stats is read-only' "$(put "$ns/stats" 0)" 'Permission denied'
	check_equal 'refused values leave the old ones' \
		"$(cd "$ns" && cat "${all[@]}" enable)" "$before"
	set_attrs "$ns" size=1M size=16T size=0x100000 memory=4K memory=0 block_size=4096 \
		physical_block_size=4096 pi=1 zone_size=0 zone_size=16T zone_capacity=0 zone_capacity=4K \
		max_active=0 max_active=16777216 max_open=0 max_open=16777216 \
		mssrl=1 mssrl=65535 mcl=1 mcl=4294967295 msrc=0 msrc=255 \
		ro_start=4K ro_start=16T ro_size=0 ro_size=4096 \
		uuid=12345678-1234-1234-1234-123456789abc
	check_equal 'the ends of each range are taken' \
		"$(cd "$ns" && cat "${all[@]}" | xargs)" \
		'1048576 0 4096 4096 1 17592186044416 4096 16777216 16777216 65535 4294967295 255 17592186044416 4096 12345678-1234-1234-1234-123456789abc'
	echo all >"$ns/reset"
	check_equal 'reset: as the module parameters say, but for the UUID' \
		"$(cd "$ns" && cat "${all[@]}" | xargs)" \
		'268435456 0 512 512 0 0 0 0 0 8192 65536 127 0 0 12345678-1234-1234-1234-123456789abc'
}

test_subsystem_values() {
	local all=(serial model queue_depth io_queues copy copy_formats fast_copy write_cache
		multipath anatt aerl) before
	before=$(cd "$sub" && cat "${all[@]}")
	refused "$sub/serial" '' 123456789012345678901 naïve "$long"
	check_equal 'no control characters' "$(put "$sub/serial" $'tab\there')" 'Invalid argument'
	check 'also not in the log' grep -q 'serial=tab\\there refused' <(dmesg)
	refused "$sub/model" '' 12345678901234567890123456789012345678901 "$long"
	refused "$sub/queue_depth" "${numbers[@]}" 2 1025
	refused "$sub/io_queues" "${numbers[@]}" 0 129
	refused "$sub/copy" "${numbers[@]}" 2 Y
	refused "$sub/copy_formats" "${numbers[@]}" 0 16
	refused "$sub/fast_copy" "${numbers[@]}" 3
	refused "$sub/multipath" "${numbers[@]}" 2
	refused "$sub/anatt" "${numbers[@]}" 0 256
	refused "$sub/aerl" "${numbers[@]}" 16
	refused "$sub/reset" '' 1 ALL "$long"
	check_equal 'subsystem: refused values leave the old ones' "$(cd "$sub" && cat "${all[@]}")" \
		"$before"
	set_attrs "$sub" serial=12345678901234567890 "model=Model with blanks" queue_depth=3 \
		queue_depth=1024 io_queues=1 copy=0 copy_formats=1 copy_formats=15 fast_copy=2 \
		write_cache=1G multipath=0 anatt=1 anatt=255 aerl=0 aerl=15
	check_equal 'subsystem: the ends of each range are taken' \
		"$(cd "$sub" && cat "${all[@]}" | xargs)" \
		'12345678901234567890 Model with blanks 1024 1 0 15 2 1073741824 0 255 15'
	echo all >"$sub/reset"
	check_equal 'subsystem: reset' "$(cd "$sub" && cat "${all[@]}")" "$before"
}

test_controller_values() {
	local path=$sub/controllers/a
	refused "$path/ana_state" '' 0 1 optimize 'optimized x' Optimized "$long"
	refused "$path/io_queues" "${numbers[@]}" 129
	refused "$path/reset" '' 1 "$long"
	check_equal 'cntlid is read-only' "$(put "$path/cntlid" 1)" 'Permission denied'
	check_equal 'device is read-only' "$(put "$path/device" x)" 'Permission denied'
	set_attrs "$path" ana_state=change io_queues=128
	check_equal 'controller: values are taken' "$(cat "$path"/{ana_state,io_queues} | xargs)" \
		'change 128'
	echo all >"$path/reset"
	check_equal 'controller: reset' \
		"$(cat "$path"/{ana_state,io_queues,cntlid,device} | xargs)" 'optimized 0 0'
}

# mkdir_fails DIRECTORY ERROR NAME...
mkdir_fails() {
	local name said
	for name in "${@:3}"; do
		said=$(mkdir "$1/$name" 2>&1) || :
		[ "${said##*: }" = "$2" ] ||
			check_equal "mkdir ${1##*/}/${name:0:40}: $2" "${said##*: }" "$2"
	done
	ok "mkdir in ${1##*/}: $(($# - 2)) names refused: $2"
}

test_names() {
	mkdir_fails "$sub/namespaces" 'Invalid argument' 0 00 01 +1 -1 ' 1' 1x x 8193 4294967297 \
		18446744073709551617
	mkdir_fails "$sub/namespaces" 'File exists' 1
	mkdir_fails $subsystems 'Invalid argument' nqn.2014-08.org.nvmexpress.discovery \
		"${long:0:223}"
	mkdir_fails $subsystems 'File exists' $nqn
	mkdir_fails $subsystems/.. 'Operation not permitted' more
	check 'a name of 222 bytes' mkdir "$subsystems/${long:0:222}"
	check 'goes again' rmdir "$subsystems/${long:0:222}"
	check 'the largest namespace id' mkdir "$sub/namespaces/8192"
	rmdir "$sub/namespaces/8192"
}

# --- in use ---

rmdir_fails() { check_equal "rmdir ${1##*/}: $2" "$(rmdir "$1" 2>&1 | sed 's/.*: //')" "$2"; }

test_in_use() {
	local attr
	rmdir_fails "$sub" 'Directory not empty'
	rmdir_fails "$sub/namespaces" 'Operation not permitted'
	check 'connect where no namespace is enabled' connect $nqn a -i 1
	check_equal 'it has no disk' "$(ns_disk $nqn 1 || echo none)" none
	check_equal 'its directory knows it' "$(cat "$sub"/controllers/a/{cntlid,device} | xargs)" \
		"1 $(ctrl_of a)"
	for attr in serial=x model=x queue_depth=64 io_queues=2 copy=0 multipath=0 anatt=5 aerl=1 \
		reset=all; do
		busy "$sub/${attr%=*}" "${attr#*=}" 'disconnect its controllers'
	done
	busy "$sub/controllers/a/io_queues" 2 'disconnect it'
	rmdir "$sub/namespaces/1"
	rmdir_fails "$sub" 'Device or resource busy'
	check_status 'modprobe -r refuses' 1 modprobe -r nvme-debug
	check 'the same address twice is refused' bash -c \
		"! nvme connect -t debug -a a -n $nqn -D"
	check 'also for another subsystem' bash -c '! nvme connect -t debug -a a -n nqn.test:other'
	make_ns "$sub" 1 size=16M
	busy "$sub/namespaces/1/uuid" 12345678-1234-1234-1234-123456789abc 'set enable to 0'
	busy "$sub/namespaces/1/reset" all 'set enable to 0'
	disconnect a
	check_equal 'disconnected, the directory says so' \
		"$(cat "$sub"/controllers/a/{cntlid,device} | xargs)" 0
	check_status 'modprobe -r refuses while there is a directory' 1 modprobe -r nvme-debug
}

# A name that is in use without a directory, and a subsystem that wants one controller.
test_one_controller() {
	connect nqn.test:plain plain
	mkdir_fails $subsystems 'Device or resource busy' nqn.test:plain
	check 'an implicit subsystem has one controller' bash -c \
		'! nvme connect -t debug -a plain2 -n nqn.test:plain -D'
	disconnect plain
	check 'then mkdir does' mkdir $subsystems/nqn.test:plain
	set_attrs $subsystems/nqn.test:plain multipath=0
	check 'multipath=0: one controller' connect nqn.test:plain plain
	check 'but not two' bash -c '! nvme connect -t debug -a plain2 -n nqn.test:plain -D'
	check_equal 'CMIC, ANACAP are 0' "$(nvme id-ctrl -o json "/dev/$(ctrl_of plain)" |
		jq -c '[.cmic, .anacap]')" '[0,0]'
	check_equal 'there is no ANA log' "$(admin plain --opcode=2 --cdw10=0x000f000c -r -l 64)" 0x4109
	disconnect plain
	rmdir $subsystems/nqn.test:plain
}

# --- what the host sees ---

test_connect_shape() {
	set_attrs "$sub" queue_depth=33 io_queues=1 anatt=7 aerl=2 serial=S1 model=M1
	connect $nqn a
	local id c
	c=$(ctrl_of a)
	id=$(nvme id-ctrl -o json "/dev/$c")
	check_equal 'Identify has what the attributes say' \
		"$(jq -c '[.sn, .mn, .cmic, .anatt, .anacap, .anagrpmax, .nanagrpid, .nn, .aerl,
			.oaes, .maxcmd]' <<<"$id" | tr -d ' ')" \
		'["S1","M1",10,7,95,1,1,8192,2,2304,33]'
	check_equal 'one I/O queue, 32 entries used' \
		"$(cat /sys/class/nvme/"$c"/{queue_count,sqsize} | xargs)" '2 32'
	disconnect a
	set_attrs "$sub" io_queues=2
	set_attrs "$sub/controllers/a" io_queues=1
	connect $nqn a
	connect $nqn b -D
	check_equal 'queues of one controller only' "$(cat \
		"/sys/class/nvme/$(ctrl_of a)/queue_count" \
		"/sys/class/nvme/$(ctrl_of b)/queue_count" | xargs)" '2 3'
	disconnect a
	disconnect b
	set_attrs "$sub/controllers/a" reset=all
	set_attrs "$sub" reset=all
}

# size_in_blocks DISK BLOCKS
# shellcheck disable=SC2317 # called by check
size_in_blocks() { [ "$(nvme id-ns "$1" -o json | jq .nsze)" = "$2" ]; }

test_come_and_go() {
	local d
	connect $nqn a
	check 'the enabled one is there' wait_for 10 ns_disk $nqn 1
	make_ns "$sub" 5 size=8M block_size=4096
	check 'one more appears' wait_for 10 ns_disk $nqn 5
	d=$(ns_disk $nqn 5)
	check_equal 'with its size and blocks' "$(blockdev --getsize64 --getss "$d" | xargs)" \
		'8388608 4096'
	mkdir "$sub/namespaces/3"
	check_equal 'active namespaces' "$(nvme list-ns "/dev/$(ctrl_of a)" | xargs)" \
		'[ 0]:0x1 [ 1]:0x5'
	check_equal 'allocated namespaces' "$(nvme list-ns -a "/dev/$(ctrl_of a)" | xargs)" \
		'[ 0]:0x1 [ 1]:0x3 [ 2]:0x5'
	echo 0 >"$sub/namespaces/5/enable"
	check 'disabled, it goes' wait_for 10 no_ns_disk $nqn 5
	echo 1 >"$sub/namespaces/5/enable"
	check 'enabled, it is back' wait_for 10 ns_disk $nqn 5
	rmdir "$sub/namespaces/5"
	check 'removed, it goes' wait_for 10 no_ns_disk $nqn 5
	check_equal 'only one is left' "$(nvme list-ns "/dev/$(ctrl_of a)" | xargs)" '[ 0]:0x1'
	rmdir "$sub/namespaces/3"
}

# sectors_are DISK SECTORS
# shellcheck disable=SC2317 # called by check
sectors_are() { has "/sys/block/${1#/dev/}/size" "$2"; }

test_resize() {
	local d want
	d=$(ns_disk $nqn 1)
	dd if=/dev/urandom of="$d" bs=1M count=16 oflag=direct status=none
	want=$(sum "$d" 0 4)
	echo 4M >"$sub/namespaces/1/size"
	check_equal 'shrunk, a read beyond is refused at once' "$(status_in "$(nvme read "$d" \
		-s 8192 -c 0 -z 512 -d /dev/null 2>&1 || :)")" 0x4080
	check 'the host has the smaller size' wait_for 10 sectors_are "$d" 8192
	check_equal 'what is beyond is not kept' "$(pages)" 1024
	echo 32M >"$sub/namespaces/1/size"
	check 'the host has the larger size' wait_for 10 sectors_are "$d" 65536
	check_equal 'what was before the end is there' "$(sum "$d" 0 4)" "$want"
	check_equal 'what was beyond is zero' "$(sum "$d" 4 12)" "$(zeroes 12582912)"
	check 'nvme-cli sees it' size_in_blocks "$d" 65536
	echo 8K >"$sub/namespaces/1/memory"
	check_equal 'NCAP and NUSE follow the memory' \
		"$(nvme id-ns "$d" -o json | jq -c '[.ncap, .nuse]')" '[16,16]'
	check 'no room for more' grep -q 'No space left' \
		<(dd if=/dev/urandom of="$d" bs=4k seek=5000 count=2 oflag=direct 2>&1)
	echo 0 >"$sub/namespaces/1/memory"
	check 'there is again' dd if=/dev/urandom of="$d" bs=4k seek=5000 count=2 oflag=direct
}

test_format() {
	local d
	d=$(ns_disk $nqn 1)
	echo 512 >"$sub/namespaces/1/block_size"
	check 'the same block size leaves the data' test "$(pages)" -gt 0
	echo 4096 >"$sub/namespaces/1/block_size"
	check_equal 'a new block size erases' "$(pages)" 0
	check 'the host has the new blocks' wait_for 10 queue_has "$d" logical_block_size 4096
	check 'and the same bytes' sectors_are "$d" 65536
	check 'nvme-cli sees it' size_in_blocks "$d" 8192
	check_equal 'all is zero' "$(sum "$d" 0 32)" "$(zeroes 33554432)"
	fill "$d" 1
	echo 512 >"$sub/namespaces/1/block_size"
	check 'and back' wait_for 10 queue_has "$d" logical_block_size 512
	check_equal 'all is zero again' "$(sum "$d" 0 1)" "$(zeroes 1048576)"
}

# Limits are in force with the next command; the host hears of them and has them soon.
test_limits() {
	local d ns=$sub/namespaces/1
	d=$(ns_disk $nqn 1)
	nvme copy "$d" --sdlba=4096 --slbs=0 --blocks=255 --format=0 >/dev/null
	set_attrs "$ns" mssrl=64
	check_equal 'a copy over the new MSSRL' "$(status_in "$(nvme copy "$d" --sdlba=4096 \
		--slbs=0 --blocks=64 --format=0 2>&1 || :)")" 0x4183
	check 'the host has MSSRL' wait_for 10 queue_has "$d" copy_max_range_hw_bytes 32768
	set_attrs "$ns" mcl=100
	check_equal 'a copy over the new MCL' "$(status_in "$(nvme copy "$d" --sdlba=4096 \
		--slbs=0,100 --blocks=63,63 --format=0 2>&1 || :)")" 0x4183
	set_attrs "$ns" mcl=128
	check 'the host has MCL' wait_for 10 queue_has "$d" copy_max_hw_bytes 65536
	set_attrs "$ns" msrc=0
	check_equal 'a copy over the new MSRC' "$(status_in "$(nvme copy "$d" --sdlba=4096 \
		--slbs=0,100 --blocks=0,0 --format=0 2>&1 || :)")" 0x4183
	check 'the host has MSRC' wait_for 10 queue_has "$d" copy_max_ranges 1
	check_equal 'nvme-cli has all three' "$(nvme id-ns "$d" -o json |
		jq -c '[.mssrl, .mcl, .msrc]')" '[64,128,0]'
	set_attrs "$ns" mssrl=8192 mcl=65536 msrc=127
	check 'and all back' wait_for 10 queue_has "$d" copy_max_ranges 128
}

test_data_stays() {
	local d want
	d=$(ns_disk $nqn 1)
	fill "$d" 2
	want=$(sum "$d" 0 2)
	disconnect a
	check_equal 'data stays after the last disconnect' "$(pages)" 512
	connect $nqn c
	wait_for 10 ns_disk $nqn 1
	d=$(ns_disk $nqn 1)
	check_equal 'reconnected, by another address: the same data' "$(sum "$d" 0 2)" "$want"
	set_attrs "$sub/namespaces/1" enable=0
	wait_for 10 no_ns_disk $nqn 1
	set_attrs "$sub/namespaces/1" enable=1
	wait_for 10 ns_disk $nqn 1
	check_equal 'data outlives disable and enable' "$(sum "$(ns_disk $nqn 1)" 0 2)" "$want"
	disconnect c
}

test_stats() {
	local d
	connect $nqn a
	wait_for 10 ns_disk $nqn 1
	d=$(ns_disk $nqn 1)
	wait_for 10 test "$(stat_of "$sub" 1 read | cut -d' ' -f1)" -gt 0
	udevadm settle 2>/dev/null || :
	echo stats >"$sub/namespaces/1/reset"
	dd if=/dev/zero of="$d" bs=64k count=3 oflag=direct status=none
	nvme copy "$d" --sdlba=4096 --slbs=0,16,32 --blocks=7,7,7 --format=0 >/dev/null
	nvme copy "$d" --sdlba=4096 --slbs=99999999 --blocks=7 --format=0 >/dev/null 2>&1 || :
	nvme dsm "$d" -n 1 -d -s 0,64 -b 8,8 >/dev/null
	nvme write-zeroes "$d" -n 1 -s 0 -c 7 >/dev/null
	nvme flush "$d" -n 1 >/dev/null
	nvme io-passthru "$d" --opcode=0x7e --namespace-id=1 >/dev/null 2>&1 || :
	check_equal 'stats: write, copy, dsm, write zeroes, flush, other' \
		"$(for op in write copy dsm write_zeroes flush other; do
			stat_of "$sub" 1 $op
		done | xargs)" '3 0 196608 0 2 1 12288 4 1 0 8192 2 1 0 4096 0 1 0 0 0 1 1 0 0'
	echo stats >"$sub/namespaces/1/reset"
	check_equal 'reset clears them' "$(stat_of "$sub" 1 write)" '0 0 0 0'
	disconnect a
}

# --- under load ---

# The readers and writers below see errors, by right; what matters is that all goes on.
test_busy_changes() {
	local d i load
	connect $nqn a
	for i in 1 2 3; do
		make_ns "$sub" 2 size=32M
		wait_for 10 ns_disk $nqn 2
		d=$(ns_disk $nqn 2)
		dd if=/dev/zero of="$d" bs=64k count=100000 oflag=direct status=none 2>/dev/null &
		load=$!
		(while nvme copy "$d" --sdlba=32768 --slbs=0 --blocks=8191 --format=0; do :; done) \
			>/dev/null 2>&1 &
		sleep 0.3
		case $i in
		1) check_equal 'resize under load' "$(put "$sub/namespaces/2/size" 16M)" '' ;;
		2) check_equal 'format under load' "$(put "$sub/namespaces/2/block_size" 4096)" '' ;;
		3) check_equal 'disable under load' "$(put "$sub/namespaces/2/enable" 0)" '' ;;
		esac
		sleep 0.3
		check "rmdir $i under load" timeout 90 rmdir "$sub/namespaces/2"
		check "the writer $i ends" wait_for 20 bash -c "! kill -0 $load"
		wait
		check "the disk $i is gone" wait_for 10 no_ns_disk $nqn 2
	done
	make_ns "$sub" 2 size=32M
	wait_for 10 ns_disk $nqn 2
	dd if=/dev/zero of="$(ns_disk $nqn 2)" bs=64k count=100000 oflag=direct status=none \
		2>/dev/null &
	sleep 0.3
	check 'disconnect under load' timeout 90 nvme disconnect -n $nqn
	wait
}

test_end() {
	remove_subsys "$sub"
	check_equal 'no page is left' "$(pages)" 0
	check 'unload' modprobe -r nvme-debug
	check 'and load' modprobe nvme-debug i_know=1
	modprobe -r nvme-debug
}

# bytes NUMBER: without its suffix.
bytes() {
	case $1 in
	*K) echo $((${1%K} << 10)) ;;
	*M) echo $((${1%M} << 20)) ;;
	*G) echo $((${1%G} << 30)) ;;
	*T) echo $((${1%T} << 40)) ;;
	*) echo "$1" ;;
	esac
}

# What modinfo says of parameters is true: default, both ends of the range and what is beyond.
test_modinfo() {
	local line name from to default step nr=0
	local rule='^([a-z_]+):.*: ([0-9KMGT]+) (to|or) ([0-9KMGT]+)(.*) \(default ([0-9KMGT]+)\)'
	while IFS= read -r line; do
		[[ $line =~ $rule ]] || {
			[[ $line = 'pages:Read-only: '* ]] || not_ok "modinfo: $line"
			continue
		}
		name=${BASH_REMATCH[1]} default=$(bytes "${BASH_REMATCH[6]}")
		from=$(bytes "${BASH_REMATCH[2]}") to=$(bytes "${BASH_REMATCH[4]}") step=1
		[[ ${BASH_REMATCH[5]} != *'multiple of 4096'* ]] || step=4096
		nr=$((nr + 1))
		[ "$name" != i_know ] || continue
		check_equal "modinfo: $name: the default" "$(<$params/"$name")" "$default"
		check_equal "modinfo: $name: from, to, one less, one more" "$(
			put $params/"$name" "$from"
			put $params/"$name" "$to"
			put $params/"$name" $((from - step))
			put $params/"$name" $((to + step))
		)" 'Invalid argumentInvalid argument'
		[ "${BASH_REMATCH[3]}" != or ] || [ $((to - from)) = 1 ] || check_equal \
			"modinfo: $name: nothing between" "$(put $params/"$name" $((from + 1)))" \
			'Invalid argument'
		echo "$default" >$params/"$name"
	done < <(modinfo -p nvme-debug)
	check_equal 'modinfo: parameters with unit, range and default' $nr 18
}

modprobe nvme-debug i_know=1
test_modinfo
mkdir $sub $sub/namespaces/1 $sub/controllers/a
test_namespace_values
test_subsystem_values
test_controller_values
test_names
test_in_use
test_one_controller
test_connect_shape
test_come_and_go
test_resize
test_format
test_limits
test_data_stays
test_stats
test_busy_changes
test_end
finish
