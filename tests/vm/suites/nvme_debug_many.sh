#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm: --timeout 120 --mem 1536
# Thousands of namespaces in one subsystem of nvme-debug. A debug kernel has fewer.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:many
sub=$subsystems/$nqn
many=2000 seen=300
if [ "$debug_kernel" ]; then
	many=400 seen=30
fi

# Free memory in KiB, of the kernel's that is not a cache.
free_memory() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
# took NAME MILLISECONDS START
took() {
	local ms=$(($(date +%s%3N) - $3))
	echo "# $1: $ms ms"
	check "$1 in time" test $ms -lt "$2"
}

# shellcheck disable=SC2317 # called by wait_for
disks_are() {
	local disks=(/dev/nvme*n*)
	[ ${#disks[@]} = "$1" ]
}

modprobe nvme-debug i_know=1 size=1M
mkdir $sub

before=$(free_memory)
start=$(date +%s%3N)
# shellcheck disable=SC2046 # numbers
(cd $sub/namespaces && mkdir $(seq $many))
took "mkdir of $many namespaces" 30000 "$start"
kib=$(((before - $(free_memory)) / many))
echo "# $kib KiB a namespace"
check 'a namespace needs no more than 12 KiB' test $kib -le 12
start=$(date +%s%3N)
for ((i = 1; i <= many; i++)); do echo 1 >$sub/namespaces/$i/enable; done
took "enable $many" 30000 "$start"

# The host takes a hundred times as long to add and remove one, so it does not see all.
for ((i = seen + 1; i <= many; i++)); do echo 0 >$sub/namespaces/$i/enable; done
echo 1 >$sub/namespaces/$many/enable
start=$(date +%s%3N)
check 'connect' connect $nqn a -k 30
check "the host finds $((seen + 1))" wait_for 100 disks_are $((seen + 1))
took "a scan of $((seen + 1))" 100000 "$start"
wait_for 20 ns_disk $nqn $many
check_equal 'the last one has its size' "$(blockdev --getsize64 "$(ns_disk $nqn $many)")" 1048576
check_equal 'nvme-cli lists those from 200' \
	"$(nvme list-ns "/dev/$(ctrl_of a)" -n 200 | wc -l)" $((seen < 200 ? 1 : seen - 200 + 2))
check_equal 'and, of all that are allocated, as many as a list has' \
	"$(nvme list-ns -a "/dev/$(ctrl_of a)" | wc -l)" $((many < 1024 ? many : 1024))
echo 0 >$sub/namespaces/$many/enable
check 'one goes' wait_for 60 disks_are "$seen"
start=$(date +%s%3N)
check_equal 'disconnect' "$(put "/sys/class/nvme/$(ctrl_of a)/delete_controller" 1)" ''
took "removal of $seen" 60000 "$start"
start=$(date +%s%3N)
remove_subsys $sub
took "rmdir of $many namespaces" 60000 "$start"
check 'unload' modprobe -r nvme-debug
finish
