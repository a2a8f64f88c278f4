#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Part of `make bench`, in the guest: how much one copies on a disk behind NVMe over TCP, by copies of
# the target and by reading and writing, each at the queue depth that suits it best. Host and target
# are network namespaces of one machine, and so share its processors. First the link between them is
# as fast as it can be; then, for each size, each direction has an eighth of what reading and writing
# moved. Prints a line of JSON for each, {"setting", "bytes", "ranges", "how", "depth", "mib_s",
# "wire"}: wire is what crosses the link, both directions, for 1 MiB that is copied.
set -eEuo pipefail
shopt -s inherit_errexit
trap 'echo "wire.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh

nqn=nqn.2026-11.org.example:wire
subsystem=/sys/kernel/config/nvmet/subsystems/$nqn
port=/sys/kernel/config/nvmet/ports/1
msec=${MSEC:-100}

# The target's disk, of nvme-debug: it has ranges of 2 MiB, and 32 MiB in a command.
target_disk() {
	local parameters=/sys/module/nvme_debug/parameters word
	modprobe nvme-debug i_know=1
	for word in size=400M mssrl=8192 mcl=65536 msrc=127 queue_depth=128; do
		echo "${word#*=}" >"$parameters/${word%%=*}"
	done
	nvme connect -t debug -a disk -n nqn.2024-01.org.example:disk >/dev/null
	wait_for 10 backing_is_there
}
# shellcheck disable=SC2317 # called by wait_for
backing_is_there() {
	backing=$(grep -lsx 'nvme-debug *' /sys/block/*/device/model | cut -d/ -f4 || :)
	[ -b "/dev/$backing" ]
}

# A namespace of the network with the other end of a cable in it.
network() {
	modprobe -a veth sch_tbf
	unshare -n sleep infinity &
	there=$!
	wait_for 10 is_apart
	ip link add near type veth peer name far
	ip link set far netns "/proc/$there/ns/net"
	ip addr add 10.0.0.1/24 dev near
	ip link set near up
	target ip addr add 10.0.0.2/24 dev far
	target ip link set far up
	target ip link set lo up
}

# shellcheck disable=SC2317 # called by wait_for
is_apart() { [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$there/ns/net")" ]; }

target() { nsenter -t "$there" -n "$@"; }

# The port's socket belongs to the namespace of who switches it on.
export_disk() {
	modprobe -a nvmet nvmet-tcp nvme-tcp
	mkdir "$subsystem" "$subsystem/namespaces/1" "$port"
	echo 1 >"$subsystem/attr_allow_any_host"
	printf '%s' "/dev/$backing" >"$subsystem/namespaces/1/device_path"
	printf 4096 >"$subsystem/namespaces/1/copy_mssrl"
	printf 65536 >"$subsystem/namespaces/1/copy_mcl"
	echo 1 >"$subsystem/namespaces/1/enable"
	echo tcp >"$port/addr_trtype"
	echo ipv4 >"$port/addr_adrfam"
	echo 10.0.0.2 >"$port/addr_traddr"
	echo 4420 >"$port/addr_trsvcid"
	target ln -s "$subsystem" "$port/subsystems/"
	connect
}

connect() {
	nvme connect -t tcp -n "$nqn" -a 10.0.0.2 -s 4420 >/dev/null
	wait_for 20 remote_disk
}

# reading and writing warms up: TCP learns how much it may send, anew when the link is another one.
again() {
	nvme disconnect -n "$nqn" >/dev/null
	connect
	copy_speed --dev "$disk" --how pair --depth 16 --msec $((3 * msec)) >/dev/null
}

remote_disk() {
	local ctrl
	ctrl=$(grep -lx "$nqn" /sys/class/nvme/nvme*/subsysnqn) || return
	ctrl=${ctrl%/subsysnqn}
	disk=/dev/${ctrl##*/}n1
	[ -b "$disk" ]
}

# shape RATE: of each direction, in bytes per second; without one, no limit.
shape() {
	local run dev
	for dev in near far; do
		run=
		[ $dev = near ] || run=target
		$run tc qdisc del dev $dev root 2>/dev/null || :
		# A burst is what one tick of the clock lets through, and a packet of a large send at least.
		[ -z "${1:-}" ] || $run tc qdisc add dev $dev root tbf rate "$1bps" burst 256kb latency 200ms
	done
}

wire_bytes() { echo $(($(</sys/class/net/near/statistics/tx_bytes) + $(</sys/class/net/near/statistics/rx_bytes))); }

# measure SETTING BYTES RANGES HOW DEPTH
measure() {
	local before result
	before=$(wire_bytes)
	result=$(copy_speed --dev "$disk" --how "$4" --bytes "$2" --ranges "$3" --depth "$5" --msec "$msec")
	jq -c --argjson sent $(($(wire_bytes) - before)) --arg setting "$1" --argjson bytes "$2" --argjson ranges "$3" \
		--arg how "$4" --argjson depth "$5" '{ $setting, $bytes, $ranges, $how, $depth,
			mib_s: (.bytes / 1048576 / (.ns / 1e9)), wire: ($sent / (.bytes / 1048576)) }' <<<"$result"
}

# best SETTING BYTES RANGES HOW DEPTH...: at the depth that suits it best. Each has three tries: something
# holds up reading and writing for tens of milliseconds now and then, and is not to count.
best() {
	local depth
	for depth in "${@:5}" "${@:5}" "${@:5}"; do measure "${@:1:4}" "$depth"; done | jq -cs 'max_by(.mib_s)'
}

# size BYTES RANGES DEPTH...: in both settings.
size() {
	local line rate
	shape
	again
	line=$(best unshaped "$1" "$2" pair "${@:3}")
	echo "$line"
	best unshaped "$1" "$2" copy "${@:3}"
	rate=$(jq '.mib_s * 1048576 / 8 | round' <<<"$line")
	shape "$rate"
	again
	best shaped "$1" "$2" pair "${@:3}"
	best shaped "$1" "$2" copy "${@:3}"
}

target_disk
network
export_disk
[ "$(<"/sys/block/${disk#/dev/}/queue/copy_max_bytes")" = $((32 << 20)) ] || {
	echo "wire.sh: one Copy command cannot have 32 MiB" >&2
	exit 1
}
# So that no place is touched for the first time while it is measured.
dd if=/dev/urandom of="$disk" bs=4M oflag=direct status=none 2>/dev/null || :
size 8192 1 1 16 64
size 8192 8 4 16
size 2097152 16 1 2
