# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the copy_* suites share, on top of lib.sh.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tracing=/sys/kernel/tracing
# For copy_max_bytes: as much as the device can.
# shellcheck disable=SC2034 # used by the suites
unlimited=$(((1 << 32) - 4096))

# DISKS="SIZE[,PARAMETER=VALUE]... ...": with this set, a suite gets disks of nvme-debug instead
# of QEMU's, by the same names: /dev/nvme0n1 is the first. The parameters are the module's.
# A suite NAME_debug.sh sets it and sources NAME.sh; NAME.sh may leave out there what does
# not depend on the disk (`[ -n "$DISKS" ] || ...`).
DISKS=${DISKS:-}

# T_SCALE divides how much a suite does: a debug kernel takes several times as long.
if [ -z "${T_SCALE:-}" ]; then
	T_SCALE=1
	if [ "$(zcat /proc/config.gz | grep -cE '^CONFIG_(KASAN|PROVE_LOCKING)=y')" != 0 ]; then
		T_SCALE=4
	fi
fi

# scaled N: N / T_SCALE, at least 3 (the first copies of copy_verify are the corners).
scaled() { echo $(($1 / T_SCALE > 3 ? $1 / T_SCALE : 3)); }

# program NAME ARGUMENT...: a program that prints result lines of its own.
program() {
	local status=0
	t_case "$*"
	"$@" || status=$?
	[ $status -le 1 ] || printf 'not ok %s\n#   ended with status %s\n' "$*" $status
	[ $status = 0 ] || tap_failed=$((tap_failed + 1))
}

# queue DEV ATTRIBUTE: value of a queue attribute of a disk, or of a partition's disk.
queue() {
	local name=${1#/dev/}
	case $name in nvme*) name=${name%p[0-9]} ;; esac
	printf '%s\n' "$(<"/sys/block/$name/queue/$2")"
}

# set_queue DEV ATTRIBUTE VALUE
set_queue() { echo "$3" >"/sys/block/${1#/dev/}/queue/$2"; }

# copy_result ARGUMENT...: the line of copy_once, whether or not the copy succeeded.
copy_result() { copy_once "$@" || :; }

# copied_by PATH RESULT: bytes that the line of copy_once says went PATH (offloaded, ...).
copied_by() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" <<<"$2"; }

# fill DEV OFFSET LENGTH: random bytes.
fill() {
	head -c "$3" /dev/urandom |
		dd of="$1" bs=64K seek="$2" oflag=seek_bytes,direct iflag=fullblock \
			conv=notrunc,fsync status=none
}

# Of standard input. Nobody forges blocks here, and SHA-256 takes the guest five times as long.
checksum() { md5sum | cut -d' ' -f1; }

# digest DEV OFFSET LENGTH: checksum of what the device has, around the page cache.
digest() {
	dd if="$1" bs=64K skip="$2" count="$3" iflag=skip_bytes,count_bytes,direct,fullblock \
		status=none | checksum
}

# copies_are_equal DEV FROM TO LENGTH
copies_are_equal() { [ "$(digest "$1" "$2" "$4")" = "$(digest "$1" "$3" "$4")" ]; }

# between LOW HIGH VALUE
between() {
	echo "$3, expected $1 to $2"
	[ "$3" -ge "$1" ] && [ "$3" -le "$2" ]
}

# partition DEV SIZE...: a GPT with partitions of these sizes; "-" is the rest.
partition() {
	local dev=$1 size script='label: gpt'
	shift
	for size; do
		script+=$'\n'"size=$size"
		[ "$size" != - ] || script=${script%size=-}size=+
	done
	sfdisk -q --wipe always "$dev" <<<"$script" >/dev/null
	wait_for 5 test -b "${dev}p$#"
}

# events_on EVENT...: start recording these tracepoints (SYSTEM/NAME), from nothing.
events_on() {
	local event
	echo 0 >$tracing/tracing_on
	echo 0 >$tracing/events/enable
	echo 16384 >$tracing/buffer_size_kb
	for event; do echo 1 >"$tracing/events/$event/enable"; done
	echo >$tracing/trace
	echo 1 >$tracing/tracing_on
}

# events_off FILE: stop, and put what was recorded into FILE.
events_off() {
	echo 0 >$tracing/tracing_on
	echo 0 >$tracing/events/enable
	grep -v '^#' $tracing/trace >"$1" || :
}

# How many events were lost since events_on.
events_lost() {
	cat $tracing/per_cpu/cpu*/stats |
		awk '/^(overrun|commit overrun|dropped events):/ { n += $NF } END { print n }'
}

# null_disk NAME [ATTRIBUTE=VALUE]...: a null_blk with memory; prints its device.
null_disk() {
	local dir=/sys/kernel/config/nullb/$1 attribute
	[ -d /sys/kernel/config/nullb ] || modprobe null_blk nr_devices=0
	mkdir "$dir"
	echo "/dev/$1"
	shift
	for attribute in memory_backed=1 "$@"; do
		echo "${attribute#*=}" >"$dir/${attribute%%=*}"
	done
	echo 1 >"$dir/power"
}

null_disk_gone() {
	echo 0 >"/sys/kernel/config/nullb/$1/power"
	rmdir "/sys/kernel/config/nullb/$1"
}

# dm_disk NAME TABLE: a device mapper device; there is no udev to wait for.
dm_disk() {
	dmsetup create "$1" --noudevsync --noudevrules --table "$2"
	dmsetup mknodes "$1"
	[ -b "/dev/mapper/$1" ]
}

# hydrated REGIONS: has dm-clone's device `clone' all of them at its new place?
hydrated() {
	local fields
	read -r -a fields <<<"$(dmsetup status clone)"
	[ "${fields[6]}" = "$1/$1" ]
}

# Name below /sys/block of a device mapper device.
dm_name() {
	local number
	number=$(stat -L -c '%Hr:%Lr' "/dev/mapper/$1")
	basename "$(readlink -f "/sys/dev/block/$number")"
}

# sectors DISK: of one that can be opened, which is later than that it is in /dev.
sectors() { blockdev --getsz "$1"; }

# connect_disk N [PARAMETER=VALUE]...: the Nth of DISKS, from 0, with these parameters too.
connect_disk() {
	local n=$1 all shape
	shift
	read -r -a all <<<"$DISKS"
	IFS=, read -r -a shape <<<"${all[n]}"
	set_param block_size=512 mssrl=8192 mcl=65536 msrc=127 queue_depth=128 memory=0 \
		"size=${shape[0]}" "${shape[@]:1}" "$@"
	[ "$(attach "disk$n" -k 30 | tail -n 1)" = "/dev/nvme${n}n1" ] && return
	echo "disk $n of nvme-debug (${all[n]}) did not become /dev/nvme${n}n1" >&2
	return 1
}

# connect_disks [PARAMETER=VALUE]...: all of DISKS.
connect_disks() {
	local n all
	read -r -a all <<<"$DISKS"
	for n in "${!all[@]}"; do connect_disk "$n" "$@"; done
}

# controller DEV: its controller, such as nvme0.
controller() {
	local name=${1#/dev/}
	echo "${name%n[0-9]*}"
}

# take_away DEV: its controller goes, whoever uses it.
take_away() {
	if [ -n "$DISKS" ]; then
		local nvme
		nvme=$(controller "$1")
		detach "disk${nvme#nvme}"
	else
		echo 1 >"/sys/class/nvme/$(controller "$1")/device/remove"
	fi
}

# bring_back DEV: what was taken away.
bring_back() {
	if [ -n "$DISKS" ]; then
		local nvme
		nvme=$(controller "$1")
		connect_disk "${nvme#nvme}"
	else
		echo 1 >/sys/bus/pci/rescan
		wait_for 20 sectors "$1"
	fi
}

# reconnect_pci [PARAMETER=VALUE]: load the driver again. One after the other, the
# controllers get the names that they had.
reconnect_pci() {
	local nvme addresses=() n
	for nvme in /sys/class/nvme/nvme*; do addresses+=("$(<"$nvme/address")"); done
	modprobe -r nvme
	echo 0 >/sys/bus/pci/drivers_autoprobe
	modprobe nvme "$@"
	for n in "${!addresses[@]}"; do
		echo "${addresses[n]}" >/sys/bus/pci/drivers/nvme/bind
		wait_for 20 sectors "/dev/nvme${n}n1"
	done
	echo 1 >/sys/bus/pci/drivers_autoprobe
}

# queues_hold [N]: connect all disks again, with queues that hold N commands at a time;
# without N, as they were. What nvme-debug had in memory is gone.
queues_hold() {
	local n all
	if [ -z "$DISKS" ]; then
		reconnect_pci ${1:+io_queue_depth=$(($1 + 1))}
		return
	fi
	read -r -a all <<<"$DISKS"
	for n in "${!all[@]}"; do detach "disk$n"; done
	connect_disks ${1:+queue_depth=$(($1 + 2))}
}

if [ -n "$DISKS" ]; then
	# shellcheck source=tests/vm/debug_lib.sh
	. "$(dirname "${BASH_SOURCE[0]}")/debug_lib.sh"
	modprobe nvme-debug i_know=1
	connect_disks
fi
