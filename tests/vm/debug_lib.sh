# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What suites share that connect nvme-debug controllers, on top of lib.sh.

params=/sys/module/nvme_debug/parameters

# set_param NAME=VALUE...: the shape of the controllers that are connected from now on.
set_param() {
	local p
	for p in "$@"; do
		echo "${p#*=}" >"$params/${p%%=*}"
	done
}

# The block device of controller $1 (its address), as soon as there is one. There is a node before
# the disk can be opened, and before it has a queue; of what it takes, this link comes last.
disk_of() {
	local a c d
	for a in /sys/class/nvme/*/address; do
		[ "$(cat "$a")" = "traddr=$1" ] || continue
		c=${a%/address}
		for d in "$c"/nvme*n*; do
			[ -b "/dev/${d##*/}" ] && [ -e "$d/bdi" ] && echo "/dev/${d##*/}" && return
		done
	done
	return 1
}

ctrl_of() {
	local a
	for a in /sys/class/nvme/*/address; do
		[ "$(cat "$a")" = "traddr=$1" ] && basename "${a%/address}" && return
	done
	return 1
}

# attach ADDRESS [OPTION...]: connect, wait for the disk, say which.
attach() {
	local addr=$1
	shift
	nvme connect -t debug -a "$addr" -n "nqn.test:$addr" "$@" >&2 || return
	wait_for 20 disk_of "$addr" && disk_of "$addr"
}

detach() { nvme disconnect -n "nqn.test:$1" >/dev/null; }

# status_in TEXT: the status in what nvme-cli said, 0 or as in 0x4183: DNR (4000h) and 1/83h.
status_in() {
	if grep -q 'NVMe status:' <<<"$1"; then
		grep -o '(0x[0-9a-f]*)' <<<"$1" | tr -d '()'
	elif grep -q 'is Success' <<<"$1"; then
		echo 0
	else
		echo "no status: $1"
	fi
}
