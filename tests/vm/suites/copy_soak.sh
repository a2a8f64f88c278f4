#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Everything at once, for a time: copies on QEMU's disk, on one of nvme-debug whose Copy commands
# fail, stop half-way and stall, between the two and on maps that move, each byte checked; while
# policies, limits and maps change and controllers are reset. `make soak` does it for longer.
# vm: --nvme 96M,mssrl=1024,mcl=4096 --timeout 150
# with: build/tests/vm/copy_verify
# Names of disks have no blanks, and many functions are called by others.
# shellcheck disable=SC2086,SC2206,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../copy_lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../nvme_debug_lib.sh"

seconds=${SOAK:-15} seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
qemu=/dev/nvme0n1
nqn=nqn.test:soak
sub=$subsystems/$nqn
faults=(refused media stopped stalled)
tmp=/tmp/soak

# fault NAME ATTRIBUTE=VALUE...: of Copy commands, parts in a million.
fault() {
	mkdir $sub/faults/$1
	set_attrs $sub/faults/$1 opcode=0x19 seed=$seed "${@:2}" enable=1
}

simulated_disk() {
	mkdir $sub
	make_ns $sub 1 size=160M mssrl=512 mcl=4096 msrc=31
	fault refused probability=20000 action=status status=0x6
	fault media probability=20000 at=range range=2 action=status status=0x4281
	fault stopped probability=20000 at=range range=1 blocks=3 action=status status=0x4286
	fault stalled probability=20000 at=end delay=30000
	connect $nqn soak -k 60
	wait_for 20 ns_disk $nqn 1 >/dev/null
	debug=$(ns_disk $nqn 1)
}

part() { dm_disk $1 "0 $(($4 * 2048)) linear $2 $(($3 * 2048))"; }

going() { [ ! -e $tmp/enough ]; }

# copier NAME OPTION...: copy_verify again and again, each time with another seed.
copier() {
	local n=0 status
	while going; do
		n=$((n + 1)) status=0
		copy_verify --seed $((seed + n * 1000)) --iterations 12 --max-bytes 1MiB \
			"${@:2}" >>$tmp/copier.$1 2>&1 || status=$?
		[ $status = 0 ] || { echo "status $status" >>$tmp/copier.$1; return; }
	done
}

# changer NAME: one change after the other, counted.
changer() {
	local n=0
	while going; do
		"$1" $n || { echo "$1 $n: $?" >>$tmp/changer.bad; return; }
		n=$((n + 1))
		echo $n >$tmp/changer.$1
		sleep 0.1
	done
}

policies() {
	local disk=$qemu
	[ $(($1 % 2)) = 0 ] || disk=$debug
	case $(($1 / 2 % 4)) in
	0) bpfcopy load never --dev $disk ;;
	1) bpfcopy load threshold min_bytes=64KiB --dev $disk ;;
	2) bpfcopy load always --dev $disk ;;
	3) bpfcopy unload --dev $disk ;;
	esac >/dev/null
}

limits() {
	local values=(65536 0 $unlimited 1048576) disk
	for disk in $qemu $debug; do set_queue $disk copy_max_bytes ${values[$1 % 4]}; done
}

# The same place, cut otherwise: the kernel cannot know, and copies again what it met.
maps() {
	local table="0 32768 linear $debug 0"
	[ $(($1 % 2)) = 0 ] || table="0 4096 linear $debug 0
4096 28672 linear $debug 4096"
	dmsetup reload from --table "$table"
	dmsetup suspend --nolockfs --noudevsync from
	dmsetup resume --noudevsync --noudevrules from
}

resets() {
	local disk=$qemu
	[ $(($1 % 2)) = 0 ] || disk=$debug
	nvme reset /dev/"$(controller $disk)"
	sleep 1
}

# sum FIELD: of all lines of the copiers.
sum() { sed -n "s/^# .*\b$1=\([0-9]*\).*/\1/p" $tmp/copier.* | awk '{ n += $1 } END { printf "%d", n }'; }

struck() { sed -n 's/^hits //p' "${faults[@]/%//stats}" | awk '{ n += $1 } END { print n + 0 }'; }

somebody_struck() { [ "$(cd $sub/faults && struck)" -gt 0 ]; }

# wrong FILE...: what copiers said besides that all is well.
wrong() { sed '/^ok \|^# copies/d' "$@"; }

summary() {
	local changes
	changes=$(cat $tmp/changer.{policies,limits,maps,resets} | awk '{ n += $1 } END { print n + 0 }')
	echo "# $seconds s: $(sum copies) copies, $(sum bytes) bytes copied and compared" \
		"($(sum offloaded) by devices), $(cd $sub/faults && struck) faults," \
		"$changes changes, $(wrong $tmp/copier.* | grep -c '^not ok' || :) mismatches"
}

mkdir $tmp
: >$tmp/changer.bad
echo "# seed $seed"
modprobe -a dm_mod
modprobe nvme-debug i_know=1
simulated_disk
part from $debug 0 16
part to $debug 16 16
part near $debug 32 16
part far $qemu 0 16
part alone $qemu 16 32
copier map --src /dev/mapper/from --dst /dev/mapper/to --copiers 2 --writers 1 &
copier two --src /dev/mapper/near --dst /dev/mapper/far --copiers 1 --writers 1 &
copier one --src /dev/mapper/alone --copiers 2 --writers 1 &
for change in policies limits maps resets; do changer $change & done
sleep $seconds
# A slow machine has not sent many commands by then.
wait_for 60 somebody_struck || :
touch $tmp/enough
wait
for name in map two one; do
	check "copies of '$name': at least one round" grep -q '^ok ' $tmp/copier.$name
	check_equal "copies of '$name': nothing went wrong" "$(wrong $tmp/copier.$name)" ''
done
check 'devices copied' test "$(sum offloaded)" -gt 0
check 'the kernel copied' test "$(sum emulated)" -gt 0
check 'commands failed' somebody_struck
for change in policies limits maps resets; do check "$change changed" test -s $tmp/changer.$change; done
check_equal 'every change was made' "$(<$tmp/changer.bad)" ''
summary
bpfcopy unload --all >/dev/null
dmsetup remove --noudevsync --retry from to near far alone
disconnect soak
remove_subsys $sub
check 'and nothing is left over' modprobe -r nvme-debug
finish
