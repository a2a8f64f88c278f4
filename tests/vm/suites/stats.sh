#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bpfcopy stats: copies are counted with nothing running; metrics are right to the letter, and
# every name that the dashboard asks for is there.
# vm: --nvme 256M --timeout 240
# with: build/tests/vm/copy_once build/tests/vm/prom_check contrib/grafana/bpfcopy.json
# Names of disks have no blanks, and many functions are called by check.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. /tests/vm/copy_lib.sh
# shellcheck source=tests/vm/gojq.sh
. /tests/vm/gojq.sh

disk=nvme0n1
output=/tmp/stats.out
errors=/tmp/stats.err
dashboard=/with/bpfcopy.json
pins=/sys/fs/bpf/bpfcopy/hist

if [ ! -e /sys/block/$disk/queue/copy_max_bytes ]; then
	skip 'bpfcopy stats' 'this kernel has no copy offload'
	finish
fi

# copies N SIZE [MODE] [DESTINATION]
copies() { copy_once --count $1 --mode ${3:-auto} /dev/$disk ${4:-/dev/$disk} 0 64MiB $2 >/dev/null; }

# stats ARGUMENT...: its exit status is in $status.
stats() {
	status=0
	bpfcopy stats "$@" >$output 2>$errors || status=$?
}
attached() { bpftool prog show | grep -c 'name hist_copy_end' || :; }
# The kernel lets go of what was pinned a moment later.
attached_is() { [ "$(attached)" = $1 ]; }

# metric NAME [LABEL=VALUE]...: the sample that has these labels.
metric() {
	local name=$1 label pattern='' line
	shift
	line=$(grep -E "^${name}[{ ]" $output)
	for label; do
		pattern="[{,]${label%%=*}=\"${label#*=}\"[,}]"
		line=$(grep -E "$pattern" <<<"$line")
	done
	echo ${line##* }
}

nothing_counted() {
	stats
	check_equal 'not started: no failure' $status 0
	check 'not started: it says how' grep -q 'stats --collect=start' $errors
	stats -o prom
	check 'not started: metrics' prom_check <$output
	check_equal 'not started: says the metric' "$(metric bpfcopy_collecting)" 0
	check 'not started: no copies' sh -c "! grep -q copy_seconds $output"
	check_equal 'limits' "$(metric bpfcopy_device_copy_max_hw_bytes device=$disk)" \
		"$(queue $disk copy_max_hw_bytes)"
	stats --collect=stop
	check_equal 'stopped twice is no failure' "$status $(cat $errors)" '0 '
}

counted() {
	stats --collect=start
	check_equal 'it starts, and ends' "$status $(cat $errors $output)" '0 Copies are counted from now on.'
	copies 11 4KiB
	stats --collect=start
	check_equal 'started twice is no failure, and one' "$status $(cat $errors)$(attached)" '0 1'
	copies 5 64KiB
	copies 3 8KiB emulate
	copy_once --mode offload /dev/$disk /dev/blank 0 0 8KiB >/dev/null || :
	stats -o json
	check_equal 'copies by device and path' "$(jq -c '[.copies[] | [.device, .path, .copies, .offloaded_bytes,
		.emulated_bytes, .errors]]' $output)" \
		"[[\"blank\",\"none\",1,0,0,1],[\"$disk\",\"offload\",16,$((11 * 4096 + 5 * 65536)),0,0],[\"$disk\",\"emulate\",3,0,24576,0]]"
	check_equal 'nothing lost' "$(jq -c '[.sum.collecting, .sum.lost]' $output)" '[true,0]'
	stats
	check 'for people' grep -qE "^$disk +offload +16 +364KiB +0 +[0-9.]+[mu]s +[0-9.]+[mu]?s +[0-9.]+[mu]?s" $output
}

# Everything that can be there, in both formats.
metrics() {
	sysctl -qw kernel.bpf_stats_enabled=1
	bpfcopy load threshold --dev $disk min_bytes=32KiB >/dev/null
	bpfcopy load never --global observe=yes >/dev/null
	copies 4 4KiB
	copies 2 64KiB
	stats -o prom
	check 'OpenMetrics, to the letter' prom_check <$output
	check_equal 'decisions' "$(metric bpfcopy_policy_decisions_total device=$disk policy=threshold mode=enforce reason=below-min path=emulate)" 4
	check_equal 'bytes decided on' "$(metric bpfcopy_policy_decided_bytes_total device=$disk policy=threshold reason=offload)" 131072
	check_equal 'modes' "$(metric bpfcopy_policy_info device=global policy=never mode=observe)" 1
	check_equal 'durations' "$(metric bpfcopy_copy_seconds_count device=$disk path=offload)" 18
	check_equal 'all buckets' "$(metric bpfcopy_copy_seconds_bucket device=$disk path=emulate le=.Inf)" 7
	check_equal 'bytes by whom: the device' "$(metric bpfcopy_copied_bytes_total device=$disk by=device)" $((11 * 4096 + 7 * 65536))
	check_equal 'bytes by whom: the kernel' "$(metric bpfcopy_copied_bytes_total device=$disk by=kernel)" $((3 * 8192 + 4 * 4096))
	check_equal 'failures' "$(metric bpfcopy_copy_errors_total device=blank path=none)" 1
	check_equal 'losses' "$(metric bpfcopy_lost_copies_total)" 0
	check_equal 'runs of the policy' "$(metric bpfcopy_program_runs_total device=$disk program=threshold)" 6
	check_equal 'runs of the counters' "$(metric bpfcopy_program_runs_total program=hist)" 6
	check 'and their cost' grep -qE '^bpfcopy_program_run_seconds_total\{.*program="hist"\} 0\.0*[1-9]' $output
	seconds_agree
	check 'the dashboard asks for what is there' dashboard_names
	stats --textfile=/tmp/metrics.prom
	check_equal 'textfile' "$status $(cat $errors $output)" '0 '
	check 'the older format, to the letter' prom_check --text </tmp/metrics.prom
	check_equal 'the same number of samples' "$(grep -vc '^#' /tmp/metrics.prom)" \
		"$(bpfcopy stats -o prom | grep -vc '^#')"
	bpfcopy unload --all >/dev/null
	sysctl -qw kernel.bpf_stats_enabled=0
}
# The sum of durations is the one that JSON has.
seconds_agree() {
	local seconds part
	seconds=$(metric bpfcopy_copy_seconds_sum device=$disk path=offload)
	part=${seconds#*.}000000000
	check_equal 'seconds, to the nanosecond' $((${seconds%.*} * 1000000000 + 10#${part:0:9})) \
		"$(bpfcopy stats -o json | jq '.copies[] | select(.path == "offload") | .latency_sum_ns')"
}
dashboard_names() {
	local name all
	all=$(prom_check --names <$output | sort -u)
	while read -r name; do
		grep -qx $name <<<"$all" || { echo "no $name"; return 1; }
	done < <(grep -o 'bpfcopy_[a-z_]*' $dashboard | sort -u)
	[ "$(grep -c '"expr"' $dashboard)" -ge 10 ]
}

# Who reads the file while it is replaced sees all of it, and nothing else is left there.
replaced() {
	local i
	mkdir -p /tmp/metrics
	mount -t tmpfs -o size=1M none /tmp/metrics
	bpfcopy stats --textfile=/tmp/metrics/m.prom
	(while [ -e /tmp/metrics/m.prom ]; do
		prom_check --text </tmp/metrics/m.prom || [ ! -e /tmp/metrics/m.prom ] || touch /tmp/torn
	done) 2>/dev/null &
	for i in 1 2 3 4 5; do bpfcopy stats --textfile=/tmp/metrics/m.prom; done
	check_equal 'only the file' "$(echo /tmp/metrics/*)" /tmp/metrics/m.prom
	mv /tmp/metrics/m.prom /tmp/metrics/old
	wait
	check 'never half a file' test ! -e /tmp/torn
	dd if=/dev/zero of=/tmp/metrics/full bs=4k status=none 2>/dev/null || :
	stats --textfile=/tmp/metrics/old
	check_equal 'disk full: status' $status 1
	check 'disk full: it says so' grep -qx 'bpfcopy: /tmp/metrics/old: No space left on device' $errors
	check 'disk full: the old file stays' prom_check --text </tmp/metrics/old
	umount /tmp/metrics
}

# Disks that are gone make room for others.
room() {
	local i
	stats --collect=stop
	wait_for 10 attached_is 0 || :
	check_equal 'stopped: nothing stays' "$(attached) $(ls $pins 2>&1)" "0 ls: cannot access '$pins': No such file or directory"
	stats --collect=start --max-series=2
	for i in 1 2 3; do
		null_disk fleeting size=128 >/dev/null
		copies 2 4KiB auto /dev/fleeting
		stats -o json
		check_equal "disk $i of a name" "$(jq -c '[.copies[] | [.device, .copies]]' $output)" '[["fleeting",2]]'
		null_disk_gone fleeting
		stats -o json
		check_equal "disk $i is gone" "$(jq -c '[.copies, .sum.lost]' $output)" '[[],0]'
	done
	copies 1 4KiB
	copies 1 4KiB emulate
	copies 3 4KiB auto /dev/blank
	stats --fail-on-loss
	check_equal 'no room: counted, and the exit status' "$status $(grep -c '3 copies were lost' $errors)" '7 1'
	stats --collect=stop
}

# Killed at any moment, it leaves counters or none, and the next one starts.
killed() {
	local i ms there=''
	for i in $(seq 1 $((12 / T_SCALE + 2))); do
		ms=$((RANDOM % 800))
		timeout -s KILL "$(printf '0.%03d' $ms)" bpfcopy stats --collect=start >/dev/null 2>&1 || :
		bpfcopy stats --collect=start >$output 2>$errors || { there="after $ms ms: $(cat $errors)"; break; }
		copies 1 4KiB
		[ "$(bpfcopy stats -o json | jq '[.copies[].copies] | add')" -ge 1 ] || { there="nothing after $ms ms"; break; }
		wait_for 10 attached_is 1 || { there="$(attached) attached after $ms ms"; break; }
		bpfcopy stats --collect=stop 2>/dev/null
	done
	check_equal 'killed while it starts' "$there" ''
	check 'killed: nothing stays' wait_for 10 attached_is 0
}

no_permission() {
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		bpfcopy stats >$output 2>$errors || status=$?
	check_equal 'no permission' $status 5
	check 'no permission: it says so' grep -q 'takes root' $errors
}

check 'the checker' prom_check --self-test
null_disk blank size=128 >/dev/null
for case in nothing_counted counted metrics replaced room killed no_permission; do
	t_case $case
	$case
done
finish
