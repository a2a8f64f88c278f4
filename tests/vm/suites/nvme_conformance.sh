#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The statements about Copy that can be put to any controller, put to four: nvme-debug, QEMU's,
# and the kernel's target over a disk and over a file. What the specification asks is the same
# for all; where one answers otherwise, that is in the table of nvme-debug/README.md, and only
# that. The numbers are those of nvme_debug_copy.sh.
# vm: --nvme 64M,mssrl=64,mcl=128,msrc=7 --mem 1024 --timeout 240
# with: build/tests/vm/nvme_raw
# with: nvme-debug/README.md
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

target=/sys/kernel/config/nvmet
nqn=nqn.test:conformance
readme=/with/README.md

# --- whom to ask ---

# Of the controller that is asked: its name, its device, the namespace, its disk, its limits.
who='' nsid='' disk='' bs='' mssrl='' mcl='' msrc='' end=''

# ask WHO DISK: the namespace is that of the disk.
ask() {
	who=$1 disk=$2
	nsid=$(<"/sys/block/${disk#/dev/}/nsid")
	dev=${disk%n*}
	read -r mssrl mcl msrc < <(nvme id-ns "$dev" -n "$nsid" -b | od -An -v -tu1 -j74 -N7 |
		awk '{ print $1 + 256 * $2, $3 + 256 * ($4 + 256 * ($5 + 256 * $6)), $7 }')
	bs=$(blockdev --getss "$disk")
	end=$(($(blockdev --getsize64 "$disk") / bs))
	fill "$disk" 8
	dd if=/dev/urandom of="$disk" bs="$bs" seek=$((end - 8)) count=8 oflag=direct status=none
	echo "# $who: $dev, namespace $nsid, mssrl=$mssrl mcl=$mcl msrc=$msrc"
}

blocks() { dd if="$1" bs="$bs" skip="$2" count="$3" iflag=direct status=none; }
lines() { blocks "$@" | od -An -v -tx1 -w"$bs"; }

# What it answers: status without DNR and More, and DW0.
raw() {
	local status result
	read -r status result <<<"$(nvme_raw "$dev" "$@")"
	printf '0x%x %s\n' $((status & 0x7ff)) "$result"
}
copy() {
	local args=(nsid="$nsid" sdlba="$1") a
	for a in "${@:2}"; do
		[[ $a = *=* ]] || a=range=$a
		args+=("$a")
	done
	raw "${args[@]}"
}

# deviates CASE GOT: is that in the table?  | CASE | asked | who: answer; who: answer |
deviates() {
	local row
	row=$(grep -F "| $1 |" "$readme") || return 1
	[[ "$row;" = *" $who: $2"[\;\ ]* ]]
}

asked=0 differ=()
# answers CASE WANT GOT
answers() {
	asked=$((asked + 1))
	if [ "$3" = "$2" ]; then
		# Another version of QEMU may be right.
		if [ "$who" != QEMU ] && grep -F "| $1 |" "$readme" | grep -q " $who: "; then
			not_ok "$who: $1: as the specification asks, but in the table of deviations"
		else
			ok "$who: $1"
		fi
	elif deviates "$1" "$3"; then
		ok "$who: $1: $3 instead of $2, as the table says"
		differ+=("$1")
	else
		check_equal "$who: $1" "$3" "$2"
	fi
}

# --- statements ---

snapshot() { hash "$disk" 1000 512; }

# refuses CASE STATUS SDLBA RANGE...: with DW0 = 0, and nothing is written.
refuses() {
	local before got
	before=$(snapshot)
	got=$(copy "${@:3}")
	[ "$(snapshot)" = "$before" ] || got+=', written'
	answers "$1" "$2 0" "$got"
}

# copies CASE SDLBA RANGE... [KEY=VALUE...]
copies() {
	local name=$1 sdlba=$2 r want got total=0
	shift 2
	want=$(for r in "$@"; do
		[[ $r = *=* ]] || blocks "$disk" "${r%+*}" "${r#*+}"
	done | sha256sum)
	for r in "$@"; do
		[[ $r = *=* ]] || total=$((total + ${r#*+}))
	done
	got=$(copy "$sdlba" "$@")
	if [ "$got" = '0x0 0' ] && [ "$(hash "$disk" "$sdlba" $total)" != "$want" ]; then
		got='wrong data'
	fi
	answers "$name" '0x0 0' "$got"
}

id_field() { nvme id-ctrl -o json "$dev" | jq "$1"; }

test_identify() {
	answers 'C1 ONCS has Copy' 1 "$(id_field '.oncs / 256 | floor % 2')"
	answers 'C2 OCFS has format 0' 1 "$(id_field '.ocfs % 2')"
	answers 'C3 limits are not 0' yes "$([ "$mssrl" -gt 0 ] && [ "$mcl" -gt 0 ] && echo yes || echo no)"
	# Before version 2.1 that bit was reserved, but for formats 2 and 3.
	if [ "$(id_field '.ver >= 131328 or .ocfs >= 4')" = true ]; then
		answers 'C6 ONCS has NVMCSA' 1 "$(id_field '.oncs / 512 | floor % 2')"
	fi
	answers 'C7 effects: supported, changes blocks' 00000003 "$(
		nvme get-log "$dev" --log-id=5 --log-len=4096 -b | od -An -tx4 -j $((1024 + 100)) -N 4 | xargs)"
}

test_formats() {
	local f
	# The NVMe driver enables format 2 where there is one.
	behavior 0 >/dev/null
	for f in 2 3; do
		refuses "C15 format $f, not enabled" 0x2 1000 "$nsid@7+1" format=$f
	done
	for f in 4 15; do
		refuses "C15 format $f, reserved" 0x2 1000 7+1 format=$f len=32
	done
	if [ "$(id_field '.ocfs / 2 | floor % 2')" = 1 ]; then
		refuses 'C16 format 1 without a large guard' 0xb 1000 7+1 format=1
	else
		refuses 'C15 format 1, not offered' 0x2 1000 7+1 format=1
	fi
}

# repeat N RANGE...: that many times.
repeat() {
	local i
	for ((i = 0; i < $1; i++)); do printf '%s\n' "${@:2}"; done
}

test_limits() {
	local many
	if [ "$msrc" -lt 255 ]; then
		refuses 'C18 more ranges than MSRC + 1' 0x183 1000 "7+1*$((msrc + 2))"
	fi
	if [ "$mssrl" -lt 65535 ]; then
		refuses 'C19 one block more than MSSRL' 0x183 1000 7+$((mssrl + 1))
	fi
	refuses 'C4 NLB FFFFh is more than any MSSRL' 0x183 1000 0+65536
	if [ "$mcl" -lt $((mssrl * (msrc + 1))) ]; then
		mapfile -t many < <(repeat $((mcl / mssrl)) 7+"$mssrl")
		refuses 'C20 one block more than MCL' 0x183 1000 "${many[@]}" 7+$((mcl % mssrl + 1))
	fi
	mapfile -t many < <(repeat $((msrc + 1)) 7+1)
	copies 'C21 exactly MSRC + 1 ranges' 1000 "${many[@]}"
	if [ "$mssrl" -le 1024 ]; then
		copies 'C21 exactly MSSRL' $((end - mssrl)) 0+"$mssrl"
	fi
}

test_bounds() {
	refuses 'C22 source past the end' 0x80 1000 $((end - 4))+8
	refuses 'C23 destination past the end' 0x80 $((end - 4)) 7+8
	refuses 'C23 all of it together past the end' 0x80 $((end - 4)) 7+3 9+2
	refuses 'C24 source wraps around' 0x80 1000 -4+8
	refuses 'C24 destination wraps around' 0x80 -4 7+8
	copies 'C25 source ends at the last block' 1000 $((end - 8))+8
	copies 'C25 destination ends at the last block' $((end - 8)) 7+8
}

test_order() {
	local was got
	copies 'C29 C30 ranges land in order, a source twice' 1001 511+1 17+31 3+5 17+20
	was=$(lines "$disk" 1100 8)
	got=$(copy 1104 1100+8)
	[ "$got" != '0x0 0' ] || got=$(lines "$disk" 1104 8 | grep -cxFf <(echo "$was"))
	answers 'C31 overlap in format 0: each block is one of the source' 8 "$got"
	# The first is copied and said to be, or nothing is.
	was=$(snapshot)
	got=$(copy 1000 7+8 $((end - 4))+8)
	case $got in
	*' 1') [ "$(hash "$disk" 1000 8)" = "$(hash "$disk" 7 8)" ] || got+=', not copied' ;;
	*' 0') [ "$(snapshot)" = "$was" ] || got+=', written' ;;
	esac
	answers 'C27 the second range is bad: DW0 says what is copied' 0x80 "${got% [01]}"
}

test_fields() {
	copies 'C12 format 0: what is reserved is ignored' 1001 17+31 3+5 fill=0xff
	copies 'C45 no protection information: PRINFO is ignored' 1001 17+31 \
		cdw12=$((0x3c00f000)) cdw14=77 cdw15=0xffff0001
	copies 'C49 FUA is accepted' 1001 17+31 cdw12=$((1 << 30))
	copies 'C50 LR is accepted' 1001 17+31 cdw12=$((1 << 31))
	refuses 'C54 fused, first' 0x2 1000 7+1 flags=1
	refuses 'C54 fused, second' 0x2 1000 7+1 flags=2
	answers 'C60 NSID 0' '0xb 0' "$(raw nsid=0 via="$nsid" sdlba=1000 range=7+1)"
	answers 'C60 NSID of all' '0xb 0' "$(raw nsid=0xffffffff via="$nsid" sdlba=1000 range=7+1)"
	answers 'C60 NSID beyond NN' '0xb 0' "$(raw nsid=0xfffffff0 via="$nsid" sdlba=1000 range=7+1)"
}

statements() {
	local before=$tap_failed
	test_identify
	test_formats
	test_limits
	test_bounds
	test_order
	test_fields
	echo "# $who: $asked cases, ${#differ[@]} otherwise than the specification, $((tap_failed - before)) not as expected"
	asked=0 differ=()
}

# --- the controllers ---

debug_up() {
	modprobe nvme-debug i_know=1 size=64M mssrl=64 mcl=128 msrc=7
	attach conformance >/dev/null
}

# Namespace 1 is a disk of null_blk, 2 is a file.
target_up() {
	modprobe null_blk nr_devices=0
	mkdir /sys/kernel/config/nullb/disk
	set_attrs /sys/kernel/config/nullb/disk memory_backed=1 size=64 blocksize=512 power=1
	truncate -s 64M /tmp/file
	modprobe nvmet
	modprobe nvme-loop
	mkdir $target/subsystems/$nqn $target/ports/1
	echo 1 >$target/subsystems/$nqn/attr_allow_any_host
	mkdir $target/subsystems/$nqn/namespaces/{1,2}
	printf /dev/disk >$target/subsystems/$nqn/namespaces/1/device_path
	printf /tmp/file >$target/subsystems/$nqn/namespaces/2/device_path
	set_attrs $target/subsystems/$nqn/namespaces/1 copy_mssrl=64 copy_mcl=128 copy_msrc=7 enable=1
	set_attrs $target/subsystems/$nqn/namespaces/2 copy_mssrl=64 copy_mcl=128 copy_msrc=7 enable=1
	echo loop >$target/ports/1/addr_trtype
	ln -s $target/subsystems/$nqn $target/ports/1/subsystems/
	nvme connect -t loop -n $nqn >/dev/null
	check 'the target is there' wait_for 20 ns_disk $nqn 1
	check 'all of it' wait_for 20 ns_disk $nqn 2
}

target_down() {
	nvme disconnect -n $nqn >/dev/null
	rm $target/ports/1/subsystems/$nqn
	rmdir $target/subsystems/$nqn/namespaces/* $target/ports/1
	# See copy_nvmet.sh.
	sleep 1
	rmdir $target/subsystems/$nqn
	rmdir /sys/kernel/config/nullb/disk
	rm /tmp/file
}

modprobe nvme-raw
# What the target refuses it also logs, at length.
echo 3 >/proc/sys/kernel/printk
debug_up
ask nvme-debug "$(disk_of conformance)"
statements
detach conformance
ask QEMU /dev/nvme0n1
statements
target_up
ask nvmet-disk "$(ns_disk $nqn 1)"
statements
ask nvmet-file "$(ns_disk $nqn 2)"
statements
target_down
finish
