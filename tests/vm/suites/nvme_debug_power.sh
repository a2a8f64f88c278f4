#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw build/tests/vm/copy_once fio
# The volatile write cache of nvme-debug, and what is left of it when the power is cut: what was
# flushed, or written with FUA, is there; of what was not each block is as it was before or
# after, and nothing else.
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:power
sub=$subsystems/$nqn
# Namespaces 1 and 2 have blocks of 512 bytes, 3 has physical blocks of 4096 bytes over these.
d1='' d2='' d3=''
fua=$((1 << 30))

# --- helpers ---

start() {
	connect $nqn power
	dev=/dev/$(ctrl_of power)
	disks
}
disks() {
	local n
	for n in 1 2 3; do
		wait_for 20 ns_disk $nqn $n
	done
	d1=$(ns_disk $nqn 1)
	d2=$(ns_disk $nqn 2)
	d3=$(ns_disk $nqn 3)
}

# write DISK BYTE FIRST COUNT [OFLAG]: 4 KiB pages, of that byte, as one or more commands.
write() {
	head -c $(($4 * 4096)) /dev/zero | tr '\0' "\\$(printf '%03o' $((16#$2)))" |
		dd of="$1" bs=64k seek=$(($3 * 4096)) iflag=fullblock oflag="direct,seek_bytes${5:+,$5}" \
			conv=notrunc status=none
}

# flush DISK: a Flush of its namespace, nothing else.
flush() { raw nsid="$(<"/sys/block/${1#/dev/}/nsid")" opcode=0; }

# shellcheck disable=SC2317 # called by wait_for
is_live() { has "/sys/class/nvme/${dev#/dev/}/state" live; }

# power_cut SEED: and wait until the host is back.
power_cut() {
	echo "$1" >$sub/power_cut
	wait_for 30 is_live
}

# blocks_of DISK FIRST COUNT [BYTES]: which bytes its blocks are of, and how many of each, 4 KiB
# pages. A block that has more than one, or another than those that are written here, is torn.
blocks_of() {
	dd if="$1" bs=4k skip="$2" count="$3" iflag=direct status=none |
		tr '\000\241\262\303\324\345' zabcde | letters "${4:-512}" | awk '
		BEGIN { split("00 a1 b2 c3 d4 e5", byte, " ") }
		{ i = index("zabcde", $0); n[i ? byte[i] : "torn"]++ }
		END { for (b in n) print b, n[b] }' | sort
}

# all DISK BYTE FIRST COUNT: all blocks are of that byte.
# shellcheck disable=SC2317 # called by check
all() { [ "$(blocks_of "$1" "$3" "$4")" = "$2 $(($4 * 8))" ]; }

# mixed NAME DISK OLD NEW FIRST COUNT: each block is one of both, and there are both.
mixed() {
	local got
	got=$(blocks_of "$2" "$5" "$6" | cut -d ' ' -f 1 | xargs)
	check_equal "$1" "$got" "$(printf '%s\n' "$3" "$4" | sort | xargs)"
}

# --- what it says ---

test_identify() {
	check_equal 'Identify: a cache, and Flush of all namespaces' \
		"$(nvme id-ctrl -o json "$dev" | jq .vwc)" 7
	check_equal 'the host flushes, and has FUA' \
		"$(cat "/sys/block/${d1#/dev/}/queue/"{write_cache,fua} | xargs)" 'write back 1'
	check_equal 'feature 06h: enabled' "$(raw via=0 opcode=10 cdw10=6)" '0 1'
	check_equal 'feature 06h: what is reserved' "$(raw via=0 opcode=9 cdw10=6 cdw11=2)" \
		'0x4002 0'
}

test_values() {
	disconnect power
	refused $sub/write_cache "${numbers[@]}" 1 4097 2G
	refused $sub/power_cut "${numbers[@]}" 4294967296 all
	check_status 'power_cut is write-only' 1 cat $sub/power_cut
	echo 0 >$sub/write_cache
	start
	check_equal 'no cache: VWC' "$(nvme id-ctrl -o json "$dev" | jq .vwc)" 6
	check_equal 'no cache: no feature 06h' \
		"$(raw via=0 opcode=10 cdw10=6) $(raw via=0 opcode=9 cdw10=6)" '0x4002 0 0x4002 0'
	busy $sub/write_cache 4096 'disconnect its controllers'
	write "$d1" a1 0 64
	power_cut 1
	check 'no cache: a power cut loses nothing' all "$d1" a1 0 64
	disconnect power
	echo 16M >$sub/write_cache
	start
}

# --- what is durable ---

test_flush() {
	local seed
	for seed in 1 2 3; do
		write "$d1" a1 0 64
		check_equal "flush $seed" "$(flush "$d1")" '0 0'
		write "$d1" b2 64 64
		power_cut $seed
		check "flush $seed: what was written before is there" all "$d1" a1 0 64
		mixed "flush $seed: of what was not, blocks are old or new" "$d1" "$old" b2 64 64
		write "$d1" c3 64 64
		flush "$d1" >/dev/null
		old=c3
	done
	write "$d1" d4 0 64
	write "$d2" d4 0 64
	check_equal 'Flush of one namespace' "$(flush "$d2")" '0 0'
	power_cut 4
	check 'is of that one' all "$d2" d4 0 64
	mixed 'and of no other' "$d1" a1 d4 0 64
	write "$d1" e5 0 64
	write "$d2" e5 0 64
	check_equal 'Flush of all namespaces' "$(raw nsid=0xffffffff via=1 opcode=0)" '0 0'
	power_cut 5
	check 'is of all: one' all "$d1" e5 0 64
	check 'is of all: the other' all "$d2" e5 0 64
}
old=00

# The same commands, the same seed: the same blocks. Another seed, others.
test_seed() {
	local seen=() seed
	for seed in 7 7 8; do
		write "$d1" a1 0 64
		flush "$d1" >/dev/null
		write "$d1" b2 0 64
		power_cut $seed
		seen+=("$(hash "$d1" 0 512)")
	done
	check_equal 'a seed loses the same blocks each time' "${seen[1]}" "${seen[0]}"
	check 'another seed others' [ "${seen[2]}" != "${seen[0]}" ]
}

test_fua() {
	write "$d1" a1 0 64
	flush "$d1" >/dev/null
	write "$d1" b2 0 64 sync
	power_cut 1
	check 'what O_SYNC has written is there' all "$d1" b2 0 64
	head -c 4096 /dev/zero | tr '\0' '\303' >"$tmp/c3"
	write "$d1" a1 0 64
	check_equal 'a Write with FUA' \
		"$(raw nsid=1 opcode=1 cdw10=8 cdw12=$((fua | 7)) in="$tmp/c3")" '0 0'
	power_cut 2
	check 'a Write with FUA is durable' all "$d1" c3 1 1
	mixed 'and nothing else' "$d1" b2 a1 2 62
	write "$d1" a1 0 64
	flush "$d1" >/dev/null
	write "$d1" b2 0 64
	check_equal 'feature 06h: disable the cache' "$(raw via=0 opcode=9 cdw10=6)" '0 0'
	write "$d1" c3 64 64
	power_cut 3
	check 'disabled: what was in it is there' all "$d1" b2 0 64
	check 'disabled: and what is written then' all "$d1" c3 64 64
	check_equal 'a reset enables it' "$(raw via=0 opcode=10 cdw10=6)" '0 1'
}

# What has no data goes through the cache: a deallocated block does not come back.
test_deallocate() {
	write "$d1" a1 0 64
	flush "$d1" >/dev/null
	write "$d1" b2 0 64
	blkdiscard -o 65536 -l 65536 "$d1"
	raw nsid=1 opcode=8 cdw10=0 cdw12=63 >/dev/null
	power_cut 1
	check 'zeroes stay' all "$d1" 00 0 8
	check 'deallocated blocks stay so' all "$d1" 00 16 16
}

# Half of 4 KiB is never left where 4 KiB are atomic.
test_atomic() {
	write "$d3" a1 0 64
	flush "$d3" >/dev/null
	write "$d3" b2 0 64
	power_cut 1
	check_equal 'physical blocks of 4096 bytes are lost as a whole' \
		"$(blocks_of "$d3" 0 64 4096 | cut -d ' ' -f 1 | xargs)" 'a1 b2'
	write "$d1" a1 0 64
	flush "$d1" >/dev/null
	write "$d1" b2 0 64
	power_cut 1
	check 'blocks of 512 bytes are not' grep -q torn <(blocks_of "$d1" 0 64 4096)
}

# The cache is bounded: what came first has left it.
test_bound() {
	disconnect power
	echo 64K >$sub/write_cache
	start
	write "$d1" a1 0 512
	flush "$d1" >/dev/null
	write "$d1" b2 0 512
	power_cut 1
	check 'no more than fits is lost' all "$d1" b2 0 496
	disconnect power
	echo 16M >$sub/write_cache
	start
}

# --- copies ---

test_copy() {
	local result
	write "$d1" a1 0 64
	write "$d1" 00 128 64
	flush "$d1" >/dev/null
	check_equal 'a Copy' "$(raw nsid=1 sdlba=1024 range=0+512)" '0 0'
	power_cut 1
	mixed 'F23 a Copy alone is in the cache: blocks are old or new' "$d1" 00 a1 128 64
	check_equal 'C49 a Copy with FUA' "$(raw nsid=1 sdlba=1024 range=0+512 cdw12=$fua)" '0 0'
	power_cut 2
	check 'C49 a Copy with FUA is durable' all "$d1" a1 128 64
	write "$d1" b2 0 64
	check_equal 'C49 FUA is of the destination' "$(raw nsid=1 sdlba=1024 range=0+512 cdw12=$fua)" \
		'0 0'
	power_cut 3
	mixed 'C49 the source is old or new' "$d1" a1 b2 0 64
	check 'C49 the destination is what the source was' all "$d1" b2 128 64
	write "$d1" c3 0 64
	check_equal 'F23 a copy by the controller' \
		"$(copied_by offloaded "$(copy_result --mode offload "$d1" "$d1" 0 1MiB 256KiB)")" 262144
	flush "$d1" >/dev/null
	power_cut 4
	check 'F23 flushed: it is durable' all "$d1" c3 256 64
	result=$(copy_result --mode emulate "$d1" "$d1" 0 2MiB 256KiB)
	check_equal 'F23 a copy by the host' "$(copied_by emulated "$result")" 262144
	power_cut 5
	mixed 'F23 not flushed: blocks are old or new' "$d1" 00 c3 512 64
	copy_result --mode emulate "$d1" "$d1" 0 2MiB 256KiB >/dev/null
	flush "$d1" >/dev/null
	power_cut 6
	check 'F23 flushed: durable, too' all "$d1" c3 512 64
}

# A Copy that is half done when the power goes: what it has written is old or new, and it
# writes no more.
test_cut_copy() {
	write "$d1" a1 0 64
	write "$d1" 00 128 64
	flush "$d1" >/dev/null
	mkdir $sub/faults/half
	set_attrs $sub/faults/half opcode=0x19 at=range range=0 blocks=256 hold=1 times=1 enable=1
	begin "$tmp/half" raw nsid=1 sdlba=1024 range=0+512
	wait_for 20 grep -qx 'held 1' $sub/faults/half/stats
	power_cut 1
	ended "$pid"
	rmdir $sub/faults/half
	check 'F23 a Copy that is cut ends with an error' grep -qv '^0 ' "$tmp/half"
	mixed 'F23 the half it has written is old or new' "$d1" 00 a1 128 32
	check 'F23 the rest is as it was' all "$d1" 00 160 32
}

# --- under load ---

# More commands than are in flight have ended since, or nobody sends any.
# shellcheck disable=SC2317 # called by wait_for
goes_on() { ! kill -0 "$pid" 2>/dev/null || [ "$(commands)" -ge $((before + 8)) ]; }
commands() { awk '/^(read|write) / { n += $2 } END { print n }' $sub/namespaces/1/stats; }

# Power goes again and again while a host writes: no I/O error, no wrong data that was synced. A host
# that got nowhere in between would give up after the fifth time.
test_load() {
	local pid seed before
	fio --name=w --filename="$d1" --rw=randwrite --bs=4k-64k --direct=1 --sync=1 --size=4M \
		--ioengine=libaio --iodepth=4 --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--serialize_overlap=1 --loops=2 --randseed=5 >"$tmp/fio" 2>&1 &
	pid=$!
	for seed in {1..8}; do
		kill -0 $pid 2>/dev/null || break
		power_cut "$seed"
		before=$(commands)
		sleep 0.1
		wait_for 10 goes_on
	done
	check 'fio with O_SYNC, while the power is cut: all is there' wait $pid
	check 'and it has seen no error' grep -q 'err= 0' "$tmp/fio"
}

# --- losing it all at once ---

# pull NSID OPCODE SKIP: the controller goes with such a command.
pull() {
	mkdir $sub/faults/pull
	set_attrs $sub/faults/pull nsid="$1" opcode="$2" skip="$3" action=remove times=1 enable=1
}

# plug: once it is gone, it comes back.
plug() {
	wait_for 30 sh -c "! [ -e $dev ]"
	rmdir $sub/faults/pull
	start
}

# Who removes it cannot flush it, nor shut it down.
test_pull() {
	write "$d1" a1 0 192
	flush "$d1" >/dev/null
	write "$d1" b2 0 64
	copy_once --mode offload "$d1" "$d1" 0 512KiB 256KiB >/dev/null
	flush "$d2" >/dev/null
	pull 1 2 0
	check_status 'pulled out with a read' 1 dd if="$d1" of=/dev/null bs=4k count=1 iflag=direct \
		status=none
	plug
	mixed 'pulled out: what was written and not flushed is old or new' "$d1" a1 b2 0 64
	mixed 'pulled out: so is what was copied' "$d1" a1 b2 128 64
	check 'pulled out: what was flushed is there' all "$d1" a1 64 64
}

# A file system on a disk that is pulled out while files are written: what was synced is there.
test_file_system() {
	local n=0 f
	mkfs.ext4 -q "$d2"
	mkdir -p "$tmp/mnt"
	mount "$d2" "$tmp/mnt"
	pull 2 1 40
	while head -c 20000 /dev/urandom >"$tmp/new" && cp "$tmp/new" "$tmp/mnt/f$n" 2>/dev/null &&
		sync "$tmp/mnt/f$n" 2>/dev/null; do
		mv "$tmp/new" "$tmp/f$n"
		n=$((n + 1))
		[ $n -lt 200 ] || break
	done
	check 'pulled out while files were written' [ $n -gt 0 -a $n -lt 200 ]
	umount "$tmp/mnt" 2>/dev/null || umount -l "$tmp/mnt"
	plug
	mount "$d2" "$tmp/mnt"
	for ((f = 0; f < n; f++)); do
		cmp -s "$tmp/f$f" "$tmp/mnt/f$f" || not_ok "file $f of $n is what was synced"
	done
	ok "pulled out: $n files that were synced are there"
	umount "$tmp/mnt"
	check 'the file system is sound' e2fsck -fn "$d2"
}

test_shutdown() {
	write "$d1" a1 0 64
	flush "$d1" >/dev/null
	write "$d1" b2 0 64
	disconnect power
	start
	check 'disconnecting shuts down, which flushes' all "$d1" b2 0 64
}

modprobe nvme-debug i_know=1
modprobe nvme-raw
mkdir $sub
set_attrs $sub multipath=0 write_cache=16M
make_ns $sub 1 size=64M
make_ns $sub 2 size=64M
make_ns $sub 3 size=64M physical_block_size=4096
start

test_identify
test_values
test_flush
test_seed
test_fua
test_deallocate
test_atomic
test_bound
test_copy
test_cut_copy
test_load
test_shutdown
test_pull
test_file_system
disconnect power
remove_subsys $sub
check_equal 'no page is left' "$(pages)" 0
check 'unload' modprobe -r nvme-raw nvme-debug
finish
