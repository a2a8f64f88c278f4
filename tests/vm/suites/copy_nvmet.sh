#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The NVMe target copies: what a host asks for in one command, the target's disk does, or its
# kernel, or its file system; over loop and over TCP. Bad commands are refused before a byte
# moves (numbers as in nvme_debug_copy).
# vm: --nvme 128M,mssrl=4096,mcl=65535,msrc=255 --mem 1536 --timeout 180
# with: build/tests/vm/copy_verify
# with: build/tests/vm/copy_once
# with: build/tests/vm/nvme_raw
# with: mkfs.xfs
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"

target=/sys/kernel/config/nvmet
nqn=nqn.2026-11.org.example:copies
subsystem=$target/subsystems/$nqn
mib=$((1 << 20)) seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
# What is exported, by namespace.
backends=(none /dev/nvme0n1 /dev/plain /mnt/files/disk /dev/mapper/holes)

# attribute NSID NAME VALUE: set it; a namespace takes it while it is off.
attribute() { printf '%s' "$3" >$subsystem/namespaces/$1/$2; }

# target_up TRANSPORT: export it all on port 1.
target_up() {
	local nsid port=$target/ports/1
	mkdir $subsystem $port
	echo 1 >$subsystem/attr_allow_any_host
	for nsid in 1 2 3 4; do
		mkdir $subsystem/namespaces/$nsid
		attribute $nsid device_path ${backends[nsid]}
		attribute $nsid enable 1
	done
	echo $1 >$port/addr_trtype
	if [ $1 = tcp ]; then
		echo ipv4 >$port/addr_adrfam
		echo 127.0.0.1 >$port/addr_traddr
		echo 4420 >$port/addr_trsvcid
	fi
	ln -s $subsystem $port/subsystems/
	attach_host $1
}

attach_host() {
	local where=()
	[ $1 = loop ] || where=(-a 127.0.0.1 -s 4420)
	nvme connect -t $1 -n $nqn "${where[@]}" >/dev/null
	wait_for 20 all_there
}

all_there() {
	disks=()
	ctrl=$(grep -lx $nqn /sys/class/nvme/nvme*/subsysnqn) || return 1
	ctrl=${ctrl%/subsysnqn}
	ctrl=/dev/${ctrl##*/}
	mapfile -t -O 1 disks <<<"$(nvme_disks)"
	[ ${#disks[@]} = 4 ]
}

# The disks of the subsystem, by namespace; without those that are going.
nvme_disks() {
	local dir nsid
	for dir in /sys/block/nvme*n*; do
		case ${dir##*/} in *c*) continue ;; esac
		[ ${dir##*/} != nvme0n1 ] || continue
		nsid=$(cat $dir/nsid 2>/dev/null) || continue
		[ -z "$nsid" ] || echo "$nsid /dev/${dir##*/}"
	done | sort -n | cut -d' ' -f2
}

target_down() {
	local nsid
	nvme disconnect -n $nqn >/dev/null
	rm $target/ports/1/subsystems/$nqn
	for nsid in 1 2 3 4; do rmdir $subsystem/namespaces/$nsid; done
	rmdir $target/ports/1
	# What still holds a namespace lets go of it a moment later, and stock 6.12 warns when its
	# subsystem is gone by then (nvmet_subsys_free, seen once in five runs).
	sleep $((2 * T_SCALE))
	rmdir $subsystem
}

verify() { program copy_verify --seed $((seed += 1)) "$@"; }

# raw NSID FIELD=VALUE...: status and DW0. The target also says that it has a log page about it.
raw() {
	local status result
	read -r status result <<<"$(nvme_raw $ctrl nsid=$1 "${@:2}")"
	printf '0x%x %s\n' $((status & ~0x2000)) $result
}

refused() { check_equal "$1" "$(raw "${@:3}")" "$2 0"; }

identified() {
	local id
	check 'C1 Copy is one of the commands' test $(($(nvme id-ctrl $ctrl -o json | jq .oncs) & 256)) != 0
	check_equal 'C2 format 0 is what it knows' \
		"$(nvme id-ctrl $ctrl -b | od -An -tu2 -j534 -N2 | tr -d ' ')" 1
	id=$(nvme id-ns ${disks[1]} -b | od -An -v -tu1 -j74 -N7 |
		awk '{ print $1 + 256 * $2, $3 + 256 * ($4 + 256 * ($5 + 256 * $6)), $7 }')
	check_equal 'C3 MSSRL, MCL and MSRC' "$id" '65535 65535 127'
	check_equal 'C7 the effects log' "$(nvme get-log $ctrl --log-id=5 --log-len=4096 -b |
			od -An -tx4 -j$((1024 + 4 * 25)) -N4 | tr -d ' ')" 00000003
	check_equal 'the host takes them over' \
		"$(queue ${disks[1]} copy_max_ranges) $(queue ${disks[1]} copy_max_range_hw_bytes)" \
		"128 $((65535 * 512))"
}

# ended: of the target's own copies in /tmp/events: offloaded, emulated.
ended() {
	awk '/ blk_copy_end: / && / origin=5 / {
		for (i = 1; i <= NF; i++) {
			split($i, word, "=")
			if (word[1] == "offloaded") o += word[2]
			if (word[1] == "emulated") e += word[2]
		}
	} END { print o + 0, e + 0 }' /tmp/events
}

# copied NSID WANT NAME: one copy from the host, and what the target made of it.
copied() {
	local disk=${disks[$1]}
	fill $disk 0 $mib
	events_on blk_copy/blk_copy_end
	check_equal "$3: the host has it copied" \
		"$(copy_result --mode offload $disk $disk 0 $((8 * mib)) $((mib / 2)) $((mib / 2)) $((9 * mib)) $((mib / 2)))" \
		"error=0 copied=$mib offloaded=$mib emulated=0 error_range=2"
	events_off /tmp/events
	check_equal "$3: the target" "$(ended)" "$2"
	check "$3: bytes" copies_are_equal $disk 0 $((8 * mib)) $((mib / 2))
	check "$3: bytes" copies_are_equal $disk $((mib / 2)) $((9 * mib)) $((mib / 2))
}

by_whom() {
	copied 1 "$mib 0" 'a disk that can'
	copied 2 "0 $mib" 'a disk that cannot'
	copied 3 '0 0' 'a file'
	bpfcopy load never --dev nvme0n1 >/dev/null
	copied 1 "0 $mib" 'a policy of the target against it'
	bpfcopy unload --dev nvme0n1 >/dev/null
}

random_copies() {
	local nsid
	for nsid in 1 2 3; do
		verify --src ${disks[nsid]} --mode offload --iterations "$(scaled 30)" --max-bytes 2MiB
		verify --src ${disks[nsid]} --mode mixed --iterations "$(scaled 20)" --max-bytes 1MiB --copiers 2 --writers 1
	done
}

# nvme-cli knows nothing of all this.
judge() {
	fill ${disks[1]} 0 $mib
	check 'nvme copy' nvme copy ${disks[1]} --sdlba=65536 --slbs=0,1024 --blocks=1023,1023
	check 'nvme copy: bytes' copies_are_equal ${disks[1]} 0 $((65536 * 512)) $mib
	check 'nvme copy, a file' nvme copy ${disks[3]} --sdlba=8192 --slbs=0,128 --blocks=127,127
	check 'nvme copy, a file: bytes' copies_are_equal ${disks[3]} 0 $((8192 * 4096)) $mib
}

# A block device that is opened as a file copies as one.
as_a_file() {
	attribute 2 enable 0
	# The host is told later: what is there until then is the old one.
	wait_for 20 test ! -e ${disks[2]} || :
	attribute 2 buffered_io 1
	attribute 2 enable 1
	check 'a block device as a file' wait_for 20 all_there
	fill ${disks[2]} 0 $mib
	check 'a block device as a file: the host has it copied' \
		copy_once --mode offload ${disks[2]} ${disks[2]} 0 $((8 * mib)) $mib
	check 'a block device as a file: bytes' copies_are_equal ${disks[2]} 0 $((8 * mib)) $mib
	attribute 2 enable 0
	attribute 2 buffered_io 0
	attribute 2 enable 1
	check 'and as it was' wait_for 20 all_there
}

# The target's disk has become smaller, and the host does not know.
shrunk() {
	dmsetup reload holes --table '0 8192 linear /dev/bad 0'
	dmsetup resume --noudevsync holes
	check_equal 'C24 beyond the end of a disk that has shrunk' \
		"$(raw 4 sdlba=10000 range=0+8)" '0x4080 0'
	check_equal 'C24 a source there' "$(raw 4 sdlba=0 range=10000+8)" '0x4080 0'
	dmsetup reload holes --table "$holes"
	dmsetup resume --noudevsync holes
}

# What the trace events of both sides say of a Copy.
traced() {
	local what='sdlba=300, nr=1, desfmt=0, ctrl=0x4000'
	events_on nvme/nvme_setup_cmd nvmet/nvmet_req_init
	raw 1 sdlba=300 range=0+8 range=16+8 cdw12=0x40000000 >/dev/null
	events_off /tmp/events
	check 'the host traces a Copy' grep -q "nvme_setup_cmd:.*nvme_cmd_copy $what" /tmp/events
	check 'the target traces a Copy' grep -q "nvmet_req_init:.*nvme_cmd_copy.* $what" /tmp/events
}

bad_commands() {
	local nsid size was
	size=$(sectors ${disks[1]})
	was=$(digest ${disks[1]} 0 $((8 * mib)))
	refused 'C13 a list that is too short' 0x400f 1 sdlba=0 range=100+8 range=200+8 len=32
	refused 'C13 a list that is too long' 0x400f 1 sdlba=0 range=100+8 len=64
	for nsid in 1 2 3 4 15; do
		refused "C15 format $nsid" 0x4002 1 sdlba=0 range=1000+8 format=$nsid len=32
	done
	refused 'C18 more ranges than MSRC' 0x4183 1 sdlba=0 'range=1000+1*129'
	refused 'C19 a range longer than MSSRL' 0x4183 1 sdlba=0 range=70000+65536
	refused 'C20 more in all than MCL' 0x4183 1 sdlba=0 range=70000+40000 range=110000+40000
	refused 'C22 a source behind the end' 0x4080 1 sdlba=0 range=$((size - 7))+8
	refused 'C22 a source far behind the end' 0x4080 1 sdlba=0 range=$size+1
	refused 'C23 a destination behind the end' 0x4080 1 sdlba=$((size - 7)) range=0+8
	refused 'C24 a source that wraps' 0x4080 1 sdlba=0 range=18446744073709551612+8
	refused 'C24 a destination that wraps' 0x4080 1 sdlba=18446744073709551612 range=0+8
	refused 'C33 source and destination overlap' 0x4187 1 sdlba=1000 range=1004+8
	refused 'C33 a later source does' 0x4187 1 sdlba=1000 range=3000+8 range=1004+8
	check_equal 'refused commands write nothing' "$(digest ${disks[1]} 0 $((8 * mib)))" "$was"
	check_equal 'C21 as many ranges as MSRC allows' "$(raw 1 sdlba=0 'range=1000+1*128')" '0x0 0'
	check_equal 'C19 as long as MSSRL allows' "$(raw 1 sdlba=0 range=70000+65535)" '0x0 0'
	check_equal 'C25 the last block' "$(raw 1 sdlba=$((size - 8)) range=0+8)" '0x0 0'
	check_equal 'C12 garbage in reserved bytes' "$(raw 1 sdlba=0 range=1000+8 fill=0xa5)" '0x0 0'
	check_equal 'C49 FUA' "$(raw 1 sdlba=0 range=1000+8 cdw12=0x40000000)" '0x0 0'
	refused 'C22 a file: a source behind the end' 0x4080 3 sdlba=0 range=$(($(sectors ${disks[3]}) / 8))+1
	refused 'C33 a file: overlap' 0x4187 3 sdlba=100 range=104+8
}

# numbered DISK FIRST COUNT: blocks there that begin with their numbers, from 0 on.
numbered() {
	seq 0 $(($3 - 1)) | awk '{ printf "%-511d\n", $1 }' |
		dd of=$1 bs=64K seek=$(($2 * 512)) oflag=seek_bytes,direct iflag=fullblock \
			conv=notrunc,fsync status=none
}
# numbers DISK FIRST COUNT: which blocks they are; their sum, when it is all of each.
numbers() {
	dd if=$1 bs=64K skip=$(($2 * 512)) count=$(($3 * 512)) iflag=skip_bytes,count_bytes,direct,fullblock \
		status=none | awk 'length($0) != 511 { $1 = "torn" } { print $1 }' | checksum
}

takes_256() { all_there && disk_says copy_max_ranges 256; }

# 256 ranges of 32 bytes are two pages, which the target has to read to the last: 130 are the first, and a
# bit of the second. Every other block, backwards, so that no two ranges can be taken for each other.
two_pages() {
	local n disk size at=120000 all=() some=() blocks=() was
	attribute 1 enable 0
	attribute 1 copy_msrc 255
	attribute 1 enable 1
	nvme ns-rescan $ctrl
	check 'C13 two pages: the host learns of 256 ranges' wait_for 20 takes_256
	disk=${disks[1]} size=$(sectors ${disks[1]})
	numbered $disk 1000 512
	for ((n = 511; n > 0; n -= 2)); do
		all+=(range=$((1000 + n))+1)
		blocks+=($(((1000 + n) * 512)) $(((at + ${#all[@]} - 1) * 512)) 512)
	done
	some=("${all[@]:0:130}")
	fill $disk $((at * 512)) $mib
	was=$(digest $disk $((at * 512)) $mib)
	refused 'C13 two pages: the second is missing' 0x400f 1 sdlba=$at "${all[@]}" len=4096
	refused 'C13 two pages: all but one range' 0x400f 1 sdlba=$at "${all[@]}" len=$((255 * 32))
	refused 'C13 two pages: one range too many' 0x400f 1 sdlba=$at "${all[@]}" len=$((257 * 32))
	refused 'C22 two pages: a bad range is the last' 0x4080 1 sdlba=$at "${all[@]:0:255}" \
		range=$size+1
	check_equal 'C13 two pages: nothing is written' "$(digest $disk $((at * 512)) $mib)" "$was"
	check_equal 'C13 two pages: 130 ranges' "$(raw 1 sdlba=$at "${some[@]}")" '0x0 0'
	check_equal 'C13 two pages: 130 ranges, bytes' "$(numbers $disk $at 130)" "$(seq 511 -2 253 | checksum)"
	check_equal 'C13 two pages: 256 ranges' "$(raw 1 sdlba=$((at + 1000)) "${all[@]}")" '0x0 0'
	check_equal 'C13 two pages: 256 ranges, bytes' "$(numbers $disk $((at + 1000)) 256)" \
		"$(seq 511 -2 1 | checksum)"
	events_on nvme/nvme_setup_cmd
	check_equal 'C13 two pages: the host has 256 copied' \
		"$(copy_result --mode offload $disk $disk "${blocks[@]}")" \
		"error=0 copied=$((256 * 512)) offloaded=$((256 * 512)) emulated=0 error_range=256"
	events_off /tmp/events
	check_equal 'C13 two pages: in one command' "$(grep 'nvme_setup_cmd: .*nvme_cmd_copy' /tmp/events |
		grep -v 'disk=nvme0n1,' | sed 's/.* sdlba=\(.*\), desfmt.*/\1/')" "$at, nr=255"
	check_equal 'C13 two pages: the host, bytes' "$(numbers $disk $at 256)" "$(seq 511 -2 1 | checksum)"
}

# A hole in the source: what is before it is copied, and DW0 says which range is not.
partial() {
	fill ${disks[4]} 0 65536
	check_equal 'C26 the third range cannot be read' \
		"$(raw 4 sdlba=8192 range=0+64 range=64+32 range=16384+8 range=0+8 | cut -d' ' -f2)" 2
	check 'C27 what is before it is copied' copies_are_equal ${disks[4]} 0 $((8192 * 512)) $((96 * 512))
	check_equal 'C27 the first one cannot' "$(raw 4 sdlba=8192 range=16384+8 range=0+8 | cut -d' ' -f2)" 0
	check_equal 'C27 nor can the destination be written' \
		"$(raw 4 sdlba=16383 range=0+1 range=1+1 | cut -d' ' -f2)" 1
}

disk_says() { [ "$(queue ${disks[1]} $1 2>/dev/null)" = $2 ]; }

limits() {
	local value
	for value in x -1 65536 99999999999999999999; do
		attribute 1 enable 0
		check_status "copy_mssrl=$value is refused" 1 attribute 1 copy_mssrl "$value"
	done
	check_status 'copy_msrc=256 is refused' 1 attribute 1 copy_msrc 256
	attribute 1 copy_mssrl 64
	attribute 1 copy_mcl 100
	attribute 1 copy_msrc 1
	attribute 1 enable 1
	check_status 'not while it is on' 1 attribute 1 copy_mcl 5
	nvme ns-rescan $ctrl
	check 'the host learns of limits' wait_for 20 disk_says copy_max_ranges 2
	check_equal 'C18 that are kept' "$(raw 1 sdlba=0 'range=1000+1*3')" '0x4183 0'
	check_equal 'C19 that are kept' "$(raw 1 sdlba=0 range=1000+65)" '0x4183 0'
	check_equal 'C20 that are kept' "$(raw 1 sdlba=0 range=1000+64 range=2000+37)" '0x4183 0'
	check_equal 'C21 and reached' "$(raw 1 sdlba=0 range=1000+64 range=2000+36)" '0x0 0'
	verify --src ${disks[1]} --mode offload --iterations "$(scaled 10)" --max-bytes 256KiB
	attribute 1 enable 0
	attribute 1 copy_mcl 0
	attribute 1 enable 1
	nvme ns-rescan $ctrl
	check 'without Copy' wait_for 20 disk_says copy_max_bytes 0
	check_equal 'C1 it is no command' "$(raw 1 sdlba=0 range=1000+8)" '0x4001 0'
}

# What crosses the wire when the target copies, and when the host does.
on_the_wire() {
	local before offloaded emulated length=$((16 * mib)) sent=/sys/class/net/lo/statistics/tx_bytes
	before=$(<$sent)
	copy_result --mode offload ${disks[2]} ${disks[2]} 0 $((32 * mib)) $length >/dev/null
	offloaded=$(($(<$sent) - before))
	before=$(<$sent)
	copy_result --mode emulate ${disks[2]} ${disks[2]} 0 $((32 * mib)) $length >/dev/null
	emulated=$(($(<$sent) - before))
	echo "# 16 MiB over TCP: $emulated bytes on the wire by reading and writing, $offloaded by Copy"
	check 'tcp: reading and writing crosses twice' test $emulated -gt $((2 * length))
	check 'tcp: Copy saves 99 % and more' test $((offloaded * 100)) -lt $emulated
}

# A file in a file system that can let two places have the same blocks: nothing is moved at all.
shared_blocks() {
	local disk before length=$((16 * mib))
	null_disk shares size=320 >/dev/null
	mkfs.xfs -q /dev/shares
	mkdir -p /mnt/shared
	mount /dev/shares /mnt/shared
	truncate -s 64M /mnt/shared/disk
	mkdir $subsystem/namespaces/5
	attribute 5 device_path /mnt/shared/disk
	attribute 5 enable 1
	check 'shared blocks: a fifth disk' wait_for 20 fifth_disk
	fill $disk 0 $length
	sync -f /mnt/shared
	before=$(stat -f -c %f /mnt/shared)
	check_equal 'shared blocks: offloaded' "$(copy_result --mode offload $disk $disk 0 $((32 * mib)) $length)" \
		"error=0 copied=$length offloaded=$length emulated=0 error_range=1"
	sync -f /mnt/shared
	check 'shared blocks: takes no room, for 4096 blocks' between 0 64 $((before - $(stat -f -c %f /mnt/shared)))
	check 'shared blocks: bytes' copies_are_equal $disk 0 $((32 * mib)) $length
	before=$(digest $disk 0 $length)
	fill $disk $((32 * mib)) $mib
	check_equal 'shared blocks: what is written to the copy is not in the source' "$(digest $disk 0 $length)" "$before"
	rmdir $subsystem/namespaces/5
	check 'shared blocks: gone' wait_for 20 test ! -b $disk
	umount /mnt/shared
	null_disk_gone shares
}

fifth_disk() {
	disk=$(nvme_disks | sed -n 5p)
	[ -b "$disk" ]
}

echo "# seed $seed"
modprobe -a xfs nvme-loop nvme-tcp nvmet-tcp dm_mod nvme-raw
null_disk plain size=64 blocksize=512 >/dev/null
null_disk under size=128 blocksize=512 >/dev/null
mkfs.ext4 -q -b 4096 /dev/under
mkdir -p /mnt/files
mount /dev/under /mnt/files
truncate -s 64M /mnt/files/disk
null_disk bad size=64 blocksize=512 >/dev/null
holes='0 16384 linear /dev/bad 0
16384 64 error
16448 114624 linear /dev/bad 16448'
dm_disk holes "$holes"
for transport in loop tcp; do
	t_case $transport
	target_up $transport
	identified
	by_whom
	random_copies
	judge
	bad_commands
	partial
	traced
	[ $transport != loop ] || shrunk
	[ $transport != loop ] || as_a_file
	[ $transport != loop ] || shared_blocks
	[ $transport != tcp ] || on_the_wire
	two_pages
	limits
	target_down
done
finish
