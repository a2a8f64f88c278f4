#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The frozen baseline (tests/vm/stock-splats) is what happens: I/O to a disabled nvmet
# namespace makes the unpatched kernel complain, and leaks the namespace. The suite passes
# because the baseline has these complaints; harness/debug_*.sh shows how it ends without.
# debug: only lockdep
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

target=/sys/kernel/config/nvmet
subsystem=$target/subsystems/stock
namespace=$subsystem/namespaces/1

prepare() {
	modprobe nvme-loop
	modprobe null_blk nr_devices=1 gb=1
	mkdir "$subsystem" "$target/ports/1" "$namespace"
	echo 1 >"$subsystem/attr_allow_any_host"
	printf '/dev/nullb0' >"$namespace/device_path"
	echo loop >"$target/ports/1/addr_trtype"
	ln -s "$subsystem" "$target/ports/1/subsystems/"
}

# Without events the host does not learn that its namespace is gone, and goes on using it.
read_disabled() {
	echo 1 >"$namespace/enable"
	nvme connect -t loop -n stock >/dev/null
	wait_for 30 test -b /dev/nvme0n1
	nvme set-feature /dev/nvme0 -f 0x0b -v 0 >/dev/null
	echo 0 >"$namespace/enable"
	nvme read /dev/nvme0n1 -s 0 -c 0 -z 512 -d /dev/null 2>&1 || :
	nvme disconnect -n stock >/dev/null
	wait_for 30 test ! -e /dev/nvme0n1
}

clean_up() {
	rm "$target/ports/1/subsystems/stock"
	rmdir "$namespace" "$subsystem" "$target/ports/1"
}

said() { grep -q "$1" <(dmesg); }

# Only a kernel that checks locks says so.
complains() { grep -qx CONFIG_PROVE_LOCKING=y <(zcat /proc/config.gz); }

# A complaint comes once, and a leak may hide behind a stale pointer: so more than one.
for ((tries = 1; tries <= 20; tries++)); do
	prepare
	answer=$(read_disabled)
	clean_up
	if complains; then
		! said 'Invalid wait context' || break
	elif [ $tries = 4 ]; then
		break
	fi
done
check_equal 'a disabled namespace answers' "${answer%%:*}" 'NVMe status'
if complains; then
	check 'a mutex is taken under RCU' said 'Invalid wait context'
	check 'and seen by DEBUG_ATOMIC_SLEEP, too' said 'sleeping function called'
	check 'where the baseline says' said 'nvmet_subsys_nsid_exists+0x'
fi
finish
