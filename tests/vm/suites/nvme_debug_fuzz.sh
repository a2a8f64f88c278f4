#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 240
# with: build/tests/vm/nvme_raw_fuzz
# Random commands to nvme-debug, most of them wrong: it says what is wrong, does what it should
# afterwards, and nothing beside them changes. T_FUZZ is how many, T_SEED which:
#   tests/vm/run --with build/tests/vm/nvme_raw_fuzz -- \
#     env T_FUZZ=200000 T_SEED=7 /tests/vm/suites/nvme_debug_fuzz.sh
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:fuzz
sub=$subsystems/$nqn
count=${T_FUZZ:-2000} seed=${T_SEED:-1}

# Namespaces 1, 2 and 4, which is zoned, are active, 3 is not; limits that random numbers often
# meet.
start() {
	mkdir $sub
	set_attrs $sub multipath=0 copy_formats=15
	make_ns $sub 1 size=16M mssrl=512 mcl=1024 msrc=31
	make_ns $sub 2 size=16M block_size=4096
	mkdir $sub/namespaces/3
	make_ns $sub 4 size=16M zone_size=64K zone_capacity=32K max_active=8 max_open=4
	connect $nqn fuzz -k 120
	wait_for 20 ns_disk $nqn 1
	wait_for 20 ns_disk $nqn 2
	wait_for 20 ns_disk $nqn 4
}

# serves NSID: what is written there, and copied, is there. Elsewhere blocks may be
# uncorrectable by now.
serves() {
	local d to
	d=$(ns_disk $nqn "$1")
	to=$(((3 << 20) / $(blockdev --getss "$d")))
	fill "$d" 1
	check "namespace $1 takes a Copy" nvme copy "$d" --sdlba=$to --slbs=0 --blocks=7 --format=0
	check_equal "namespace $1 is what was written" \
		"$(dd if="$d" bs=4k skip=768 count=1 iflag=direct status=none | sha256sum)" \
		"$(dd if="$d" bs=4k count=1 iflag=direct status=none | sha256sum)"
}

# The same of namespace 4: its first zone takes a write, and can be reset.
serves_zones() {
	local d
	d=$(ns_disk $nqn 4)
	check 'zones can be reset' blkzone reset "$d"
	head -c 4096 /dev/urandom >"$tmp/block"
	check 'and written' dd if="$tmp/block" of="$d" bs=4k count=1 oflag=direct
	check_equal 'that is there' "$(dd if="$d" bs=4k count=1 iflag=direct status=none | sha256sum)" \
		"$(sha256sum <"$tmp/block")"
}

modprobe nvme-debug i_know=1
modprobe nvme-raw
canary=$(attach canary)
fill "$canary" 4
before=$(sum "$canary" 0 4)
start
dev=/dev/$(ctrl_of fuzz)
status=0
nvme_raw_fuzz "$dev" "$count" "$seed" 1 2 4 || status=$?
check_equal "$count commands, seed $seed" $status 0
check 'the controller is there' has "/sys/class/nvme/${dev#/dev/}/state" live
check 'and says who it is' nvme id-ctrl "$dev"
# Features may be anything by now.
nvme reset "$dev"
serves 1
serves 2
serves_zones
check_equal 'another subsystem is what it was' "$(sum "$canary" 0 4)" "$before"
nvme disconnect -n $nqn >/dev/null
remove_subsys $sub
detach canary
check_equal 'no page is left' "$(pages)" 0
check 'unload' modprobe -r nvme-raw nvme-debug
finish
