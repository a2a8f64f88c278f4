#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: fio
# fio writes and verifies while commands fail, are late, complete as failed though they were done,
# or are lost with the connection: the NVMe driver makes up for all of it, and no byte is wrong.
# Unless wrong data was ordered: then fio says so. T_SECONDS is for how long, T_SEED which faults:
#   tests/vm/run --timeout 600 --with fio -- \
#     env T_SECONDS=300 T_SEED=7 /tests/vm/suites/nvme_debug_fio.sh
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:fio
sub=$subsystems/$nqn
seconds=${T_SECONDS:-8} seed=${T_SEED:-1}

# fault NAME ATTRIBUTE=VALUE...
fault() {
	mkdir "$sub/faults/$1"
	set_attrs "$sub/faults/$1" seed="$seed" "${@:2}" enable=1
}

# hits NAME: how many commands it has struck.
hits() { awk '$1 == "hits" { print $2 }' "$sub/faults/$1/stats"; }

# live ADDRESS: its controller is.
# shellcheck disable=SC2317 # called by wait_for
live() { has "/sys/class/nvme/$(ctrl_of "$1")/state" live; }

# What hosts complain of: each error that reached the block layer.
io_errors() { dmesg | grep -c 'I/O error, dev nvme' || :; }

# run DISK OPTION...: what it says is in $tmp/fio.
# shellcheck disable=SC2317 # called by check
run() {
	fio --name=job --filename="$1" --direct=1 --ioengine=libaio --iodepth=8 --size=32M \
		--verify=crc32c --verify_fatal=1 --serialize_overlap=1 --randseed="$seed" \
		"${@:2}" >"$tmp/fio" 2>&1
}

# run_until_struck OPTION...: once more, as long as a fault has not struck. On a slow machine there
# are not that many commands in a few seconds.
# shellcheck disable=SC2317 # called by check
run_until_struck() {
	for _ in {1..10}; do
		run "$d" "$@" || return
		! struck internal late after lost || return 0
	done
}
# struck NAME...: each of them has.
# shellcheck disable=SC2317 # called by check
struck() {
	local name
	for name; do [ "$(hits "$name")" -gt 0 ] || return 1; done
}

# What is verified is what was written just before, and once more in the end.
test_faults() {
	local name before said
	before=$(io_errors)
	fault internal action=status status=6 probability=20000
	fault late delay=2000 probability=20000 opcode=2
	fault after action=status status=6 at=end probability=10000 opcode=1
	fault lost action=disconnect every=1500
	check "fio, $seconds s, seed $seed: verified" run_until_struck --rw=randrw --bs=16k \
		--verify_backlog=64 --time_based --runtime="$seconds"
	said=$(grep -oE 'io=[0-9.]+[KMG]iB' "$tmp/fio" | xargs)
	for name in internal late after lost; do
		said+=", $name: $(hits $name)"
		check "faults have struck: $name" [ "$(hits $name)" -gt 0 ]
		rmdir "$sub/faults/$name"
	done
	echo "# $said"
	check 'both controllers are live' wait_for 60 live a
	check 'the other one, too' wait_for 60 live b
	check_equal 'nobody has seen an error' "$(io_errors)" "$before"
}

# One bit of one Write. One of a Read would be right when it is read again.
test_wrong_data() {
	fault bit opcode=1 action=corrupt skip=20 times=1
	check_status 'wrong data is found' 1 run "$d" --rw=randwrite --bs=4k --io_size=4M
	check 'as such' grep -q 'verify: bad' "$tmp/fio"
	check_equal 'it was one block' "$(hits bit)" 1
	rmdir $sub/faults/bit
}

modprobe nvme-debug i_know=1
mkdir $sub $sub/controllers/{a,b}
make_ns $sub 1 size=32M
connect $nqn a -k 120
connect $nqn b -k 120
check 'the disk is there' wait_for 20 ns_disk $nqn 1
d=$(ns_disk $nqn 1)
test_faults
test_wrong_data
disconnect a
disconnect b
remove_subsys $sub
check_equal 'no page is left' "$(pages)" 0
check 'unload' modprobe -r nvme-debug
finish
