#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The configuration meets real devices: what rules know them by, and what explain says they
# have now.
# The guest starts without multipath, so that each --nvme has a disk as usual.
# debug: no
# vm: --nvme 64M,ctrl.subsys=mp --nvme 0,ctrl.subsys=mp --append nvme_core.multipath=N --timeout 60
# Many functions are called by check; names of disks have no blanks.
# shellcheck disable=SC2317,SC2086
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "$0")/../debug_lib.sh"

conf=/etc/bpfcopy/bpfcopy.conf.d/50-test.conf
mkdir -p "${conf%/*}" /dev/disk/by-id

# explain DEV KEY: "VALUE LIVE RULE" of the first row, the winner's
explain() { bpfcopy policy explain "$1" --key "$2" | awk 'NR == 2 { print $2, $3, $4 }'; }

# matched DEV LINE: does a rule with this line match it?
matched() {
	printf '[policy.x]\n%s\nmode = observe\n' "$2" >/tmp/x.conf
	[ "$(bpfcopy policy explain "$1" --key mode --config /tmp/x.conf |
		awk 'NR == 2 { print $2 }')" = observe ]
}

t_case "QEMU's controller"
serial=$(xargs </sys/class/nvme/nvme0/serial)
ln -s ../../nvme0n1 /dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_nvme0_1
# All of them have to match.
rule="match_name = nvme0n1
match_model = qemu nvme ctrl
match_serial = $serial
match_firmware = $(xargs </sys/class/nvme/nvme0/firmware_rev)
match_transport = pcie
match_driver = nvme
match_stack = none
match_subsysnqn = $(cat /sys/class/nvme/nvme0/subsysnqn)
match_by_id = nvme-QEMU_*_nvme0_1"
check "a rule with all that it is known by" matched nvme0n1 "$rule"
check_status "and one with another serial" 1 \
	matched nvme0n1 "${rule/match_serial = /match_serial = x}"

t_case "nvme-debug"
modprobe nvme-debug i_know=1 size=16M
debug=$(attach d0)
debug=${debug#/dev/}
check "transport and subsystem" matched $debug \
	$'match_transport = debug\nmatch_subsysnqn = nqn.test:d0'

t_case "device mapper"
modprobe dm-mod
dmsetup create test --table "0 2048 linear /dev/nvme0n1 0" --uuid CONF-test
dm=$(dmsetup info -c --noheadings -o blkdevname test)
check "layer and uuid" matched $dm $'match_stack = dm\nmatch_uuid = CONF-*'
dmsetup remove test

t_case "live values"
cat >$conf <<CONF
[policy.one]
match_serial = $serial
policy = threshold
threshold.min_bytes = 4KiB
copy_max_bytes = 25%
CONF
queue=/sys/block/nvme0n1/queue
hw=$(cat $queue/copy_max_hw_bytes)
kib() { echo "$(($1 / 1024))KiB"; }
check "hardware limit is whole KiB" test "$hw" -gt 4096 -a $((hw % 4096)) = 0
check_equal "limit: value, live, rule" "$(explain nvme0n1 copy_max_bytes)" \
	"$(kib $((hw / 4))) $(kib $hw) one"
echo 8192 >$queue/copy_max_bytes
check_equal "live is what sysfs says now" "$(explain nvme0n1 copy_max_bytes)" \
	"$(kib $((hw / 4))) 8KiB one"
echo "$hw" >$queue/copy_max_bytes
check_equal "no policy yet" "$(explain nvme0n1 policy)" "threshold - one"
bpfcopy load never --dev nvme0n1 >/dev/null
check_equal "live is what is attached" "$(explain nvme0n1 policy)" "threshold never one"
bpfcopy load threshold --dev nvme0n1 min_bytes=8KiB observe=yes >/dev/null
check_equal "live parameter" "$(explain nvme0n1 threshold.min_bytes)" "4KiB 8KiB one"
check "its decisions are counted" eval '
	bpfcopy copy /dev/nvme0n1 /dev/nvme0n1@32MiB 64KiB >/dev/null 2>&1
	bpfcopy policy explain nvme0n1 --key policy | grep -q "[1-9][0-9]* decisions so far"'
check_equal "live mode" "$(explain nvme0n1 mode)" "- observe -"
check "a snapshot says the same elsewhere" eval '
	bpfcopy dev show nvme0n1 -o json >/tmp/snapshot
	bpfcopy policy explain nvme0n1 >/tmp/live
	BPFCOPY_SYSFS=/nowhere bpfcopy policy explain --snapshot /tmp/snapshot | diff /tmp/live -'
bpfcopy unload --dev nvme0n1 >/dev/null
check_equal "a disk without rules" "$(explain $debug policy)" "- - -"

t_case "files that root may not trust"
chown 1000 $conf
check_status "another user's file: check" 3 bpfcopy policy check
check_status "another user's file: explain" 3 bpfcopy policy explain nvme0n1
chown 0 $conf
chmod 666 $conf
check_status "a file that all can write" 3 bpfcopy policy check
chmod 644 $conf
check "mended" bpfcopy policy check

t_case "a namespace with two paths"
detach d0
modprobe -r nvme-debug
modprobe -r nvme
modprobe -r nvme_core
modprobe nvme_core multipath=Y
modprobe nvme
# With its last file, as in debug_lib.sh.
find_head() {
	head=$(basename "$(echo /sys/devices/virtual/nvme-subsystem/*/nvme*n*)") &&
		[ -b "/dev/$head" ] && [ -e "/sys/block/$head/bdi" ]
}
wait_for 20 find_head
check "transport and driver are those of a path" matched $head \
	$'match_stack = nvme-mpath\nmatch_transport = pcie\nmatch_driver = nvme'

finish
