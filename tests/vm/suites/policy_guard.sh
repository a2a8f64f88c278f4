#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm: --jump --timeout 180
# with: build/tests/vm/copy_once fio
# debug: no
# The guard and budget policies on a device whose commands share one path of 16 MiB/s, on a clock
# that counts instructions: how long small random reads take while others copy.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:guard
sub=$subsystems/$nqn
disk=''

# copied: bytes that the device has copied.
copied() { sed -n 's/^copy [0-9]* [0-9]* \([0-9]*\) .*/\1/p' $sub/namespaces/1/stats; }

now_us() { echo "${EPOCHREALTIME/./}"; }

# reads SECONDS: the 99th percentile of small random reads, ns.
reads() {
	fio --name=reads --filename="$disk" --rw=randread --bs=4k --size=64M --direct=1 \
		--ioengine=psync --thread --numjobs=2 --thinktime=2ms --time_based --runtime="$1" \
		--group_reporting --output-format=json >"$tmp/fio"
	jq '.jobs[0].read.clat_ns.percentile["99.000000"]' "$tmp/fio"
}

# One copy after the other, until the file "copying" goes.
copy_storm() {
	while [ -e "$tmp/copying" ]; do
		copy_once "$disk" "$disk" 64MiB 128MiB 1MiB >/dev/null
	done
}

# under_load SECONDS: "P99 BANDWIDTH" of reads and copies at the same time.
under_load() {
	local p99 before since pid
	touch "$tmp/copying"
	copy_storm &
	pid=$!
	# The first seconds are for the policy to find out.
	sleep 2
	before=$(copied) since=$(now_us)
	p99=$(reads "$1")
	echo "$p99 $((($(copied) - before) * 1000000 / ($(now_us) - since)))"
	rm "$tmp/copying"
	wait $pid
}

# said A B: in words
said() { echo "p99 of reads $((${1% *} / 1000)) us, copies $((${1#* } >> 10)) KiB/s"; }

trips() { bpfcopy status -o ndjson | grep -c '"type":"trip"' || :; }
chunk_now() { bpfcopy status -o ndjson | sed -n 's/.*"type":"trip".*"to_bytes":\([0-9]*\).*/\1/p' | tail -n 1; }

test_guard() {
	local alone free guarded
	echo all >$sub/time/reset
	set_attrs $sub/time read_fixed=4000000 copy_fixed=200000 bandwidth=16M
	alone=$(reads 4)
	free=$(under_load 4)
	bpfcopy load guard --dev "$disk" "target_ns=$((alone * 12 / 10000))us" \
		least_bytes=4KiB >/dev/null
	guarded=$(under_load 8)
	bpfcopy status >"$tmp/status"
	echo "# alone: p99 of reads $((alone / 1000)) us"
	echo "# without guard: $(said "$free")"
	echo "# with guard: $(said "$guarded")"
	check 'guard: without it reads suffer' test "${free% *}" -gt $((alone * 2))
	check 'guard: with it their p99 is at most 1.5 times what it is alone' \
		test "${guarded% *}" -le $((alone * 3 / 2))
	check 'guard: and copies keep half their bandwidth' \
		test "${guarded#* }" -ge $((${free#* } / 2))
	check 'guard: it tells when it tripped' test "$(trips)" -ge 2
	check 'guard: and to what it made chunks smaller' test "$(chunk_now)" -lt $((1 << 20))
	sed -n '/TRIP/,$s/^/# /p' "$tmp/status"
	check 'guard: status shows it to people' grep -qE 'DEVICE +TRIP +AGO +READS +SLOW' "$tmp/status"
	bpfcopy unload --dev "$disk" >/dev/null
	check 'guard: nothing of it is left' test ! -e "/sys/fs/bpf/bpfcopy/$(<"/sys/block/${disk#/dev/}/dev")"
}

# took COMMAND...: in us
took() {
	local since
	since=$(now_us)
	"$@" >/dev/null
	echo $(($(now_us) - since))
}

# in_cgroups: 8 MiB in each of two cgroups.
# shellcheck disable=SC2317 # called by took
in_cgroups() {
	local cg
	for cg in a b; do
		(
			echo "$BASHPID" >"/sys/fs/cgroup/$cg/cgroup.procs"
			exec copy_once "$disk" "$disk" 0 128MiB 8MiB
		)
	done
}

# copies MIB: how long that takes, us.
copies() { took copy_once "$disk" "$disk" 0 128MiB "$1MiB"; }

budget() { bpfcopy load budget --dev "$disk" "$@" >/dev/null; }

# Each chunk of 16 MiB takes 33 ms, and the device can do any number at once.
test_budget() {
	local free limited shared own
	echo all >$sub/time/reset
	set_attrs $sub/time copy_fixed=200000 copy_per_kib=2000
	free=$(copies 32)
	check 'budget: without it two chunks at a time' between 33000 60000 "$free"
	budget rate_bytes=64MiB burst_ns=10ms
	limited=$(copies 32)
	echo "# 32 MiB: $free us, with a budget of 64 MiB/s $limited us"
	check 'budget: a copy takes the time that the rate gives it' between 480000 600000 "$limited"
	budget rate_bytes=1MiB burst_ns=10ms least_bytes=256KiB
	check 'budget: but not longer than with the smallest chunks' between 85000 120000 "$(copies 32)"

	mkdir -p /sys/fs/cgroup/a /sys/fs/cgroup/b
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	budget rate_bytes=32MiB burst_ns=250ms
	shared=$(took in_cgroups)
	budget rate_bytes=32MiB burst_ns=250ms per_cgroup=yes
	own=$(took in_cgroups)
	echo "# 8 MiB in two cgroups: $shared us from one budget, $own us from one each"
	check 'budget: two cgroups share one' test "$shared" -ge 220000
	check 'budget: or have one each' test "$own" -le 120000

	budget most_inflight=1
	check 'budget: one in flight' between 66000 100000 "$(copies 32)"
	bpfcopy unload --dev "$disk" >/dev/null
}

modprobe nvme-debug i_know=1 size=256M
mkdir $sub
set_attrs $sub multipath=0
make_ns $sub 1
connect $nqn guard
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
fill "$disk" 128

test_guard
test_budget
finish
