#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --nvme 64M --timeout 300
# nvme-debug, with nvme-cli, dd, fio and blkdiscard as judges; they also judge QEMU's
# controller (the --nvme above) where it should do the same. Names like C18 are the
# conformance statements of the Copy command that a case is about.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "$0")/../debug_lib.sh"

tmp=$(mktemp -d)
# A debug kernel looks for what the standard one cannot see; what the standard one has judged
# many times over it need not see as often.
connects=8
if [ -e /proc/lockdep ] || [ -e /sys/kernel/debug/kmemleak ]; then
	connects=4
fi
qemu=''
[ ! -b /dev/nvme0n1 ] || qemu=/dev/nvme0n1

copy_bits='[(.oncs / 256 | floor) % 2, .ocfs]'

# --- helpers ---

# le BYTES VALUE: append VALUE to $hex, least significant byte first.
le() {
	local i v=$2 byte
	for ((i = 0; i < $1; i++)); do
		printf -v byte '%02x' $((v & 255))
		hex+=$byte
		v=$((v >> 8))
	done
}

# ranges SLBA:BLOCKS...: a Copy list (format 0) in $tmp/list.
ranges() {
	local r hex=''
	for r in "$@"; do
		le 8 0
		le 8 "${r%:*}"
		le 2 $((${r#*:} - 1))
		le 14 0
	done
	xxd -r -p <<<"$hex" >"$tmp/list"
}

# raw_copy DISK SDLBA NR FORMAT [LENGTH]: send Copy with the list in $tmp/list; print the
# status, 0 or what the controller said, as in 0x4183: DNR (4000h) and 1/83h.
raw_copy() {
	local length=${5:-$(stat -c %s "$tmp/list")} out
	out=$(nvme io-passthru "$1" --opcode=0x19 --namespace-id=1 --write \
		--input-file="$tmp/list" --data-len="$length" --cdw10=$(($2 & 0xffffffff)) \
		--cdw11=$(($2 >> 32 & 0xffffffff)) --cdw12=$((($3 - 1) | $4 << 8)) 2>&1) || :
	status_in "$out"
}

# admin OPTION...: the status of an admin command to the controller of disk d0.
admin() { status_in "$(nvme admin-passthru "$(ctrl_path d0)" "$@" 2>&1 || :)"; }
ctrl_path() { echo "/dev/$(ctrl_of "$1")"; }

sum() { dd if="$1" bs="$2" skip="$3" count="$4" iflag=direct status=none | sha256sum; }
fill() { dd if=/dev/urandom of="$1" bs=1M count="$2" oflag=direct status=none; }
# blank UNIT FIRST COUNT: zero that part of what we expect, $tmp/want.
blank() { dd if=/dev/zero of="$tmp/want" bs="$1" seek="$2" count="$3" conv=notrunc status=none; }
zeroes() { head -c "$1" /dev/zero | sha256sum; }
pages() { cat $params/pages; }
# check_said NAME PATTERN: the kernel log has it.
check_said() { check "$1" grep -q "$2" <(dmesg); }

# --- parameters ---

test_refused_loads() {
	check_status 'does not load without i_know' 1 modprobe nvme-debug
	check_said 'and says why' 'nvme_debug: .*load it with i_know=1'
	check_status 'load with size=1 refused' 1 modprobe nvme-debug i_know=1 size=1
	check_said 'and says why' 'nvme_debug: size=1 refused: give '
	check_status 'load with an empty mcl refused' 1 modprobe nvme-debug i_know=1 mcl=
	check_said 'and says why' 'nvme_debug: mcl= refused: give '
	check_status 'load with copy=maybe refused' 1 modprobe nvme-debug i_know=1 copy=maybe
	check_said 'and says why' 'nvme_debug: copy=maybe refused: give 0 or 1'
	check_status 'load with physical_block_size=1024 refused' 1 modprobe nvme-debug i_know=1 \
		physical_block_size=1024
	check_said 'and says why' 'nvme_debug: physical_block_size=1024 refused: give '
	check_status 'load with pages=3 refused' 1 modprobe nvme-debug i_know=1 pages=3
	check_said 'and says why' 'nvme_debug: pages is read-only'
}

test_refused_parameters() {
	local p log
	local bad=(size=0 size=1 size=1048577 size=17T size=64Q size=-1 size=KK size=1.5M
		size=99999999999999999999 size=9999999999999T memory=1 memory=17T
		block_size=0 block_size=513 block_size=1024 block_size=8192
		physical_block_size= physical_block_size=0 physical_block_size=513
		physical_block_size=1024 physical_block_size=8192 physical_block_size=-512
		physical_block_size=4K physical_block_size=4294967808
		copy=2 copy=Y copy_formats=0 copy_formats=16 fast_copy=3 mssrl=0 mssrl=65536
		mssrl=-1 mcl=0 mcl=4294967296 msrc=256 msrc=x queue_depth=2 queue_depth=1025)
	for p in "${bad[@]}"; do
		if (set_param "$p") 2>/dev/null; then
			not_ok "set $p refused"
		fi
	done
	log=$(dmesg)
	for p in "${bad[@]}"; do
		if [[ $log = *"nvme_debug: $p refused: give "* ]]; then
			ok "$p refused, and why"
		else
			not_ok "$p refused, and why"
		fi
	done
	check_equal 'refused values leave the old ones' \
		"$(cd $params && cat size memory block_size physical_block_size mssrl mcl msrc queue_depth \
			copy copy_formats fast_copy | xargs)" \
		'268435456 0 512 512 8192 65536 127 128 1 5 1'
}

# --- identify, admin ---

test_identify() {
	local id
	id=$(nvme id-ctrl -o json "$(ctrl_path d0)")
	check_equal 'C1 C2 ONCS has Copy, OCFS format 0' \
		"$(jq -c "$copy_bits" <<<"$id")" '[1,5]'
	check_equal 'MN and SN name it' "$(jq -r '.mn, .sn' <<<"$id" | xargs)" \
		'nvme-debug nvme-debug-d0'
	id=$(nvme id-ns -o json "$(disk_of d0)")
	check_equal 'C3 MSSRL, MCL, MSRC, size' \
		"$(jq -c '[.mssrl, .mcl, .msrc, .nsze, .lbafs[0].ds]' <<<"$id")" \
		'[8192,65536,127,131072,9]'
	nvme get-log "$(ctrl_path d0)" --log-id=5 --log-len=4096 --raw-binary >"$tmp/effects"
	check_equal 'C7 the effects log has Copy: supported, changes blocks' \
		"$(od -An -tx4 -j $((1024 + 0x19 * 4)) -N 4 "$tmp/effects" | xargs)" 00000003
	check_equal 'identifiers agree' "$(nvme ns-descs "$(disk_of d0)" | awk '/nguid/ {print $3}')" \
		"$(jq -r .nguid <<<"$id")"
}

test_admin() {
	check_equal 'unknown admin opcode' "$(admin --opcode=0xc1)" 0x4001
	check_equal 'unknown CNS' "$(admin --opcode=6 --cdw10=0x7f -r -l 4096)" 0x4002
	check_equal 'Identify of a namespace that is not there' \
		"$(admin --opcode=6 --namespace-id=2 -r -l 4096)" 0x400b
	check_equal 'Identify with a short buffer' \
		"$(admin --opcode=6 --cdw10=1 -r -l 4092)" 0x400f
	check_equal 'unknown log page' "$(admin --opcode=2 --cdw10=0x3ff007f -r -l 4096)" 0x4109
	check_equal 'unknown feature' "$(admin --opcode=0xa --cdw10=0x7f)" 0x4002
	check_equal 'a second event request is one too many' "$(admin --opcode=0xc)" 0x4105
	check 'Abort: not aborted' grep -q 'result: 0x00000001' \
		<(nvme admin-passthru "$(ctrl_path d0)" --opcode=8 2>&1)
	check 'Keep Alive' test "$(admin --opcode=0x18)" = 0
	check 'SMART counts what was read' test "$(nvme smart-log -o json "$(ctrl_path d0)" |
		jq -r .host_read_commands)" -gt 0
	check 'firmware log' nvme fw-log "$(ctrl_path d0)"
	check 'error log' nvme error-log "$(ctrl_path d0)"
	check 'feature 07h' nvme get-feature "$(ctrl_path d0)" -f 7
}

# --- data ---

# test_data NAME DISK
test_data() {
	local name=$1 disk=$2
	dd if=/dev/urandom of="$tmp/data" bs=1M count=8 status=none
	dd if="$tmp/data" of="$disk" bs=1M oflag=direct status=none
	check_equal "$name: random data reads back" "$(sum "$disk" 1M 0 8)" \
		"$(sha256sum <"$tmp/data")"
	dd if="$tmp/data" of="$disk" bs=4096 seek=3001 count=77 oflag=direct status=none
	check_equal "$name: at an odd place too" "$(sum "$disk" 4096 3001 77)" \
		"$(head -c $((77 * 4096)) "$tmp/data" | sha256sum)"
	check_equal "$name: what was not written is zero" "$(sum "$disk" 1M 48 8)" \
		"$(zeroes 8388608)"
	blkdiscard -z -o 1048576 -l 2097152 "$disk"
	cp "$tmp/data" "$tmp/want"
	blank 1M 1 2
	check_equal "$name: write zeroes, and nothing beside" "$(sum "$disk" 1M 0 8)" \
		"$(sha256sum <"$tmp/want")"
	blkdiscard -o 4194304 -l 1048576 "$disk"
	blank 1M 4 1
	check_equal "$name: discarded reads zero, nothing beside" "$(sum "$disk" 1M 0 8)" \
		"$(sha256sum <"$tmp/want")"
	check "$name: fio verify, mixed sizes, depth 8" fio --name=v --filename="$disk" \
		--rw=randwrite --bsrange=4k-64k --size=8m --offset=16m --direct=1 \
		--ioengine=libaio --iodepth=8 --verify=crc32c --randseed=7
}

# Blocks smaller than a page, when the namespace has them.
test_small_blocks() {
	local disk=$1
	head -c 32768 "$tmp/data" >"$tmp/blocks"
	dd if="$tmp/blocks" of="$disk" bs=4k oflag=direct status=none
	cp "$tmp/blocks" "$tmp/want"
	check 'write zeroes inside pages' nvme write-zeroes "$disk" -n 1 -s 3 -c 9
	blank 512 3 10
	check_equal 'zeroes only those blocks' "$(sum "$disk" 512 0 64)" \
		"$(sha256sum <"$tmp/want")"
	check 'deallocate inside pages' nvme dsm "$disk" -n 1 -d -s 20,60 -b 3,1
	blank 512 20 3
	blank 512 60 1
	check_equal 'deallocates only those blocks' "$(sum "$disk" 512 0 64)" \
		"$(sha256sum <"$tmp/want")"
	check_equal 'a range past the end is refused' "$(status_in "$(nvme dsm "$disk" -n 1 -d \
		-s 131071 -b 2 2>&1 || :)")" 0x4080
	check_equal 'write zeroes past the end too' "$(status_in "$(nvme write-zeroes "$disk" \
		-n 1 -s 131071 -c 1 2>&1 || :)")" 0x4080
}

# Another Flush than that of a user is not sent: there is no cache that could lose anything.
test_flush() {
	local d
	d=$(disk_of d0)
	check_equal 'no volatile write cache; Flush of all namespaces' \
		"$(nvme id-ctrl -o json "$(ctrl_path d0)" | jq .vwc)" 6
	check_equal 'the host knows that' "$(cat "/sys/block/${d#/dev/}/queue/write_cache")" \
		'write through'
	check 'Flush' nvme flush "$d" -n 1
	check_equal 'Flush: the data is still there' "$(sum "$d" 512 0 64)" \
		"$(head -c 32768 "$tmp/want" | sha256sum)"
}

# 16 TiB, of which only what was written takes memory. Block numbers have more than 32 bits.
test_huge() {
	local d end before want
	set_param size=16T
	d=$(attach huge)
	set_param size=64M
	end=$(blockdev --getsz "$d")
	check_equal '16T: size in blocks' "$end" $((1 << 35))
	before=$(pages)
	dd if=/dev/urandom of="$tmp/last" bs=4k count=2 status=none
	dd if="$tmp/last" of="$d" bs=4k seek=$((end / 8 - 2)) oflag=direct status=none
	want=$(sha256sum <"$tmp/last")
	check_equal '16T: the last blocks read back' "$(sum "$d" 4k $((end / 8 - 2)) 2)" "$want"
	check_equal '16T: the blocks before are zero' "$(sum "$d" 4k $((end / 8 - 4)) 2)" \
		"$(zeroes 8192)"
	check_equal '16T: so are the same ones modulo 2^32' \
		"$(sum "$d" 4k $(((end - 16) % (1 << 32) / 8)) 2)" "$(zeroes 8192)"
	ranges $((end - 16)):16
	check_equal '16T: Copy from the end to the start' "$(raw_copy "$d" 0 1 0)" 0
	check_equal '16T: it is there' "$(sum "$d" 4k 0 2)" "$want"
	ranges 0:16
	check_equal '16T: Copy from the start to close to the end' \
		"$(raw_copy "$d" $((end - 64)) 1 0)" 0
	check_equal '16T: it is there, too' "$(sum "$d" 4k $((end / 8 - 8)) 2)" "$want"
	check_equal '16T: Copy past the end' "$(raw_copy "$d" $((end - 8)) 1 0)" 0x4080
	check_equal '16T: pages in memory' $(($(pages) - before)) 6
	detach huge
	check_equal '16T: and none when it is gone' "$(pages)" "$before"
}

# test_copy NAME DISK BLOCKSIZE: nvme copy moves the right bytes.
test_copy() {
	local name=$1 disk=$2 bs=$3 want
	fill "$disk" 4
	want=$(sum "$disk" "$bs" 100 8)
	check "$name: nvme copy" nvme copy "$disk" --sdlba=205 --slbs=100 --blocks=7 --format=0
	check_equal "$name: destination is the source" "$(sum "$disk" "$bs" 205 8)" "$want"
	want=$({ dd if="$disk" bs="$bs" skip=511 count=1 status=none
		dd if="$disk" bs="$bs" skip=17 count=31 status=none
		dd if="$disk" bs="$bs" skip=3 count=5 status=none
		dd if="$disk" bs="$bs" skip=17 count=64 status=none; } | sha256sum)
	check "$name: nvme copy of four ranges" nvme copy "$disk" --sdlba=601 \
		--slbs=511,17,3,17 --blocks=0,30,4,63 --format=0
	check_equal "$name: C29 C30 ranges land in order, a source twice" \
		"$(sum "$disk" "$bs" 601 101)" "$want"
	check "$name: copy of what was never written" nvme copy "$disk" --sdlba=601 \
		--slbs=$((40 * 1048576 / bs)) --blocks=49 --format=0
	check_equal "$name: C53 leaves zeroes" "$(sum "$disk" "$bs" 601 50)" \
		"$(zeroes $((50 * bs)))"
}

# --- Copy: what of it fails ---

# The completion of the last Copy of disk $1 as the host saw it: DW0 and status.
last_completion() {
	grep "disk=${1#/dev/}," /sys/kernel/tracing/trace | tail -1 |
		grep -oE 'res=[^,]*|status=.*' | xargs
}

test_partial_copy() {
	local d
	set_param memory=64K
	d=$(attach part)
	set_param memory=0
	dd if=/dev/urandom of="$d" bs=4k count=15 oflag=direct status=none
	echo 1 >/sys/kernel/tracing/events/nvme/nvme_complete_rq/enable
	ranges 0:8 8:8
	check_equal 'full half way through' "$(raw_copy "$d" 800 2 0)" 0x4081
	check_equal 'C26 DW0 is the first range not copied' "$(last_completion "$d")" \
		'res=0x1 status=0x4081'
	check_equal 'C27 the range before it is copied' "$(sum "$d" 4k 100 1)" "$(sum "$d" 4k 0 1)"
	ranges 0:8
	check_equal 'copy over what is there' "$(raw_copy "$d" 8 1 0)" 0
	check_equal 'C28 DW0 is 0 on success' "$(last_completion "$d")" 'res=0x0 status=0x0'
	echo 0 >/sys/kernel/tracing/events/nvme/nvme_complete_rq/enable
	check 'a full disk says ENOSPC' grep -q 'No space left' \
		<(dd if=/dev/urandom of="$d" bs=4k seek=500 count=2 oflag=direct 2>&1)
	blkdiscard -l 32768 "$d"
	check 'after a discard there is room' dd if=/dev/zero of="$d" bs=4k seek=500 count=2 \
		oflag=direct
	detach part
}

test_without_copy() {
	local d
	set_param copy=0
	d=$(attach off)
	set_param copy=1
	ranges 0:1
	check_equal 'C1 no Copy: invalid opcode' "$(raw_copy "$d" 100 1 0)" 0x4001
	check_equal 'C1 no Copy: ONCS, OCFS' "$(nvme id-ctrl -o json "$(ctrl_path off)" |
		jq -c "$copy_bits")" '[0,0]'
	check_equal 'C3 no Copy: no limits' "$(nvme id-ns -o json "$d" |
		jq -c '[.mssrl, .mcl, .msrc]')" '[0,0,0]'
	detach off
}

# --- life ---

test_in_use() {
	check_status 'modprobe -r refuses while a controller is connected' 1 modprobe -r nvme-debug
	check 'the same address twice is refused' \
		bash -c '! nvme connect -t debug -a d0 -n nqn.test:other -D'
	check_said 'and says why' 'address d0 is connected already'
	check 'one subsystem has one controller' \
		bash -c '! nvme connect -t debug -a other -n nqn.test:d0 -D'
	check 'no address is refused' bash -c '! echo transport=debug,nqn=x >/dev/nvme-fabrics'
	check 'the discovery NQN is refused' bash -c \
		'! echo transport=debug,traddr=x,nqn=nqn.2014-08.org.nvmexpress.discovery >/dev/nvme-fabrics'
	check_equal 'still two controllers' "$(grep -l '^debug' /sys/class/nvme/*/transport | wc -l)" 2
}

test_reset() {
	local d i fio
	d=$(disk_of d0)
	fill "$d" 4
	local want
	want=$(sum "$d" 1M 0 4)
	fio --name=r --filename="$d" --rw=randwrite --bs=4k --size=4m --offset=32m --direct=1 \
		--ioengine=libaio --iodepth=4 --verify=crc32c --loops=20 --time_based \
		--runtime=4 --verify_backlog=64 >"$tmp/fio" 2>&1 &
	fio=$!
	for i in 1 2 3; do
		sleep 0.5
		check "reset $i under load" nvme reset "$(ctrl_path d0)"
		nvme copy "$d" --sdlba=30000 --slbs=0 --blocks=2047 --format=0 >/dev/null || :
	done
	check 'fio saw no error and no wrong data' wait $fio
	check_equal 'data outlives resets' "$(sum "$d" 1M 0 4)" "$want"
}

# A completion is dropped: the command times out twice, the controller is reset, the host
# sends it again. The clock of both timeouts is nvme_core.io_timeout.
test_timeout() {
	local d fail=/sys/kernel/debug/fail_io_timeout
	if [ ! -e $fail/times ]; then
		skip 'lost completion' 'the kernel has no FAIL_IO_TIMEOUT'
		return
	fi
	echo 1 >/sys/module/nvme_core/parameters/io_timeout
	d=$(attach slow)
	echo 0 >$fail/verbose
	echo 1 >$fail/times
	echo 100 >$fail/probability
	echo 1 >"/sys/block/${d#/dev/}/io-timeout-fail"
	check 'a read whose completion was lost succeeds in the end' \
		timeout 90 dd if="$d" of=/dev/null bs=4k count=1 iflag=direct
	echo 0 >"/sys/block/${d#/dev/}/io-timeout-fail"
	echo 0 >$fail/probability
	check_said 'by a timeout' 'opcode 0x2 .*timeout'
	echo 30 >/sys/module/nvme_core/parameters/io_timeout
	detach slow
}

test_keep_alive() {
	local d
	# Which it misses after twice that.
	d=$(attach ka -k 2)
	sleep 5
	check_equal 'keep-alive keeps it alive' \
		"$(cat "/sys/class/nvme/$(ctrl_of ka)/state")" live
	check 'and it never expired' bash -c '! dmesg | grep -q "no Keep Alive"'
	# The host counts in seconds, so it cannot keep this promise.
	check 'promise a sign of life every 100 ms' nvme set-feature "$(ctrl_path ka)" -f 0xf -v 100
	check 'the controller misses it' \
		wait_for 10 bash -c 'dmesg | grep -q "no Keep Alive for 200 ms"'
	# Which the host has seen, and rounds up.
	check 'and is back after a reset, with a promise of a second' wait_for 20 \
		bash -c "nvme get-feature $(ctrl_path ka) -f 0xf | grep -q 'value:0x000003e8'"
	check 'it still reads' dd if="$d" of=/dev/null bs=4k count=1 iflag=direct
	detach ka
}

# Writers, copies and discards side by side; each minds its own part.
test_together() {
	local d fio i
	d=$(disk_of d4)
	fio --name=t --filename="$d" --rw=randwrite --bs=4k --size=4m --offset=32m --direct=1 \
		--ioengine=libaio --iodepth=4 --verify=crc32c --time_based --runtime=3 \
		--verify_backlog=64 >"$tmp/fio" 2>&1 &
	fio=$!
	fill "$d" 4
	local want
	want=$(sum "$d" 1M 0 2)
	for i in 1 2 3 4 5 6; do
		nvme copy "$d" --sdlba=$((1024 + i * 512)) --slbs=0 --blocks=511 --format=0 >/dev/null
		blkdiscard -o $((24 << 20)) -l $((4 << 20)) "$d"
	done
	for i in 1 6; do
		check_equal "copy $i beside writers and discards" \
			"$(sum "$d" 2M $((2 + i)) 1)" "$want"
	done
	check 'the writer found its data' wait $fio
}

test_disconnect_busy() {
	local d writer i status
	for i in 1 2 3; do
		d=$(attach busy)
		dd if=/dev/zero of="$d" bs=64k count=100000 oflag=direct status=none 2>/dev/null &
		writer=$!
		(while nvme copy "$d" --sdlba=65536 --slbs=0 --blocks=8191 --format=0; do :; done) \
			>/dev/null 2>&1 &
		sleep 0.5
		check "disconnect $i under load" timeout 90 nvme disconnect -n nqn.test:busy
		status=0
		wait $writer || status=$?
		check_equal "the writer $i ends with an error" $status 1
		wait
	done
	check 'all its memory is freed' wait_for 10 grep -qx 0 $params/pages
}

test_life() {
	local i d
	for ((i = 0; i < connects; i++)); do
		d=$(attach "l$i")
		dd if=/dev/zero of="$d" bs=64k count=2 oflag=direct status=none
		detach "l$i"
	done
	check_equal "$connects connects and disconnects leave no page" "$(pages)" 0
	for i in 1 2 3; do
		check "unload and load $i" bash -c \
			'modprobe -r nvme-debug && modprobe nvme-debug i_know=1'
		d=$(attach x)
		dd if=/dev/zero of="$d" bs=64k count=2 oflag=direct status=none
		detach x
	done
	check_equal 'no page is left' "$(pages)" 0
	check 'unload' modprobe -r nvme-debug
	check 'the page count at unload was 0' bash -c '! dmesg | grep -q "WARNING.*ndbg_exit"'
}

test_refused_loads
modprobe nvme-debug i_know=1
test_refused_parameters

set_param size=64M
check 'connect, 512 byte blocks' attach d0
set_param block_size=4096
check 'connect, 4096 byte blocks' attach d4
set_param block_size=512
check_equal 'both block sizes side by side' \
	"$(blockdev --getss --getss "$(disk_of d0)") $(blockdev --getss "$(disk_of d4)")" \
	"$(printf '512\n512 4096')"

test_identify
test_data 'nvme-debug 512' "$(disk_of d0)"
test_small_blocks "$(disk_of d0)"
test_flush
test_data 'nvme-debug 4096' "$(disk_of d4)"
test_copy 'nvme-debug 512' "$(disk_of d0)" 512
test_copy 'nvme-debug 4096' "$(disk_of d4)" 4096
if [ "$qemu" ]; then
	test_copy 'QEMU' "$qemu" 512
else
	skip 'QEMU: nvme copy' 'this run has no QEMU controller (--nvme)'
fi
test_admin
test_partial_copy
test_without_copy
test_huge
test_in_use
test_reset
test_together
test_timeout
test_keep_alive
detach d0
detach d4
test_disconnect_busy
test_life
finish
