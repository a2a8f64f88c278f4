# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the copy_* suites share, on top of lib.sh.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tracing=/sys/kernel/tracing
# For copy_max_bytes: as much as the device can.
# shellcheck disable=SC2034 # used by the suites
unlimited=$(((1 << 32) - 4096))

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

# digest DEV OFFSET LENGTH: sha256 of what the device has, around the page cache.
digest() {
	dd if="$1" bs=64K skip="$2" count="$3" iflag=skip_bytes,count_bytes,direct,fullblock \
		status=none | sha256sum | cut -d' ' -f1
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

# Name below /sys/block of a device mapper device.
dm_name() {
	local number
	number=$(stat -L -c '%Hr:%Lr' "/dev/mapper/$1")
	basename "$(readlink -f "/sys/dev/block/$number")"
}

sectors() { blockdev --getsz "$1"; }
