#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a decision costs, by policy, however many rules and devices there are: in the guest, on
# a clock that counts instructions. Prints {"policy", "rules", "devices", "value", "calls"} per
# measurement: instructions of one run of the program that decides, as the kernel sums them up.
# decide_guest.sh [RULES [DEVICES]]
set -eEuo pipefail
shopt -s inherit_errexit
trap 'echo "decide_guest.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
# shellcheck source=tests/vm/lib.sh
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. /tests/vm/nvme_debug_lib.sh

many_rules=${1:-1000}
many_devices=${2:-256}
policies=(always threshold adaptive budget guard)
# Parameters that make each of them offload 4 KiB, and have all of its work to do.
declare -A parameters=(
	[threshold]='threshold.min_bytes = 4KiB'
	[adaptive]=$'adaptive.try_percent = 0\nadaptive.switch_percent = 1000000'
	[budget]='budget.rate_bytes = 1TiB'
)
conf=/etc/bpfcopy/bpfcopy.conf

# rules NUMBER POLICY: of which only the last two are about any disk here.
rules() {
	local i
	mkdir -p ${conf%/*}
	{
		for ((i = 3; i <= $1; i++)); do
			printf '[policy.other%d]\nmatch_serial = other-%d\npolicy = never\n' $i $i
		done
		printf '[policy.all]\nmatch_transport = debug\npriority = 1\npolicy = threshold\n'
		printf '[policy.last]\nmatch_name = %s\npolicy = %s\n%s\n' "$disk" "$2" "${parameters[$2]:-}"
	} >$conf
	bpfcopy policy apply >/dev/null
}

# decision POLICY RULES DEVICES: what the policy of the disk takes. One that learns gets two
# copies first, to know both paths.
decision() {
	local id
	id=$(bpfcopy status -o json | jq ".policies[] | select(.device == \"$disk\" and .policy == \"$1\") | .prog_id")
	bpfcopy copy "$disk" "$disk@32MiB" 4KiB --step 4KiB >/dev/null
	bpfcopy copy "$disk" "$disk@32MiB" 4KiB --step 4KiB >/dev/null
	sysctl -q kernel.bpf_stats_enabled=1
	copybench offload "/dev/$disk" 100 20 4096 >/dev/null
	sysctl -q kernel.bpf_stats_enabled=0
	bpftool -j prog show id "$id" |
		jq -c --arg policy "$1" --argjson rules "$2" --argjson devices "$3" '
			{ $policy, $rules, $devices, value: (.run_time_ns / .run_cnt), calls: .run_cnt }'
}

# measure RULES DEVICES: all policies.
measure() {
	local policy
	[ "$(bpfcopy dev list -o json | jq '[.devices[] | select(.transport == "debug")] | length')" = "$2" ]
	for policy in "${policies[@]}"; do
		rules "$1" "$policy"
		decision "$policy" "$1" "$2"
	done
	[ "$(bpfcopy status -o json | jq '.policies | length')" = "$2" ]
}

# shellcheck disable=SC2317 # called by wait_for
disks_are() {
	local disks=(/dev/nvme*n*)
	[ -b "${disks[0]}" ] && [ ${#disks[@]} = "$1" ]
}

# connect_more NUMBER: disks, namespaces of one more controller.
connect_more() {
	local i sub=$subsystems/nqn.test:more
	mkdir "$sub"
	set_attrs "$sub" multipath=0
	for ((i = 1; i <= $1; i++)); do make_ns "$sub" $i; done
	connect nqn.test:more more
	wait_for 100 disks_are $(($1 + 1))
}

modprobe nvme-debug i_know=1 size=64M
connect nqn.test:decide decide
wait_for 10 disks_are 1
disk=$(ns_disk nqn.test:decide 1)
disk=${disk#/dev/}
measure 2 1
measure "$many_rules" 1
connect_more $((many_devices - 1))
measure 2 "$many_devices"
measure "$many_rules" "$many_devices"
