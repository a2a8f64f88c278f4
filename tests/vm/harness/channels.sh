#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What goes into a guest and comes out of it is what was meant, byte for byte.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vm() { tests/vm/run --timeout 180 "$@"; }

# shellcheck disable=SC2016 # for the guest's shell
show='printf "[%s]\n" "$@"'
# shellcheck disable=SC2016,SC1003 # not to be expanded: that is the test
args=('' 'two words' "it's \"quoted\"" $'new\nline' '$HOME' '*' '\' 'ünï' '--' '')
vm -- bash -c "$show" -- "${args[@]}" >"$work/args" || :
printf '[%s]\n' "${args[@]}" >"$work/want"
check 'arguments arrive exactly' cmp "$work/args" "$work/want"

head -c 3000000 /dev/urandom >"$work/noise"
printf '\r\n\0\n\r\004\003no newline at the end' >>"$work/noise"
vm --with "$work/noise:/root/noise" -- cat noise >"$work/back" || :
check 'output is byte exact' cmp "$work/noise" "$work/back"

# shellcheck disable=SC2016
vm -- bash -c 'echo one; echo two >&2; echo three >/dev/stderr; (sleep 300 &); echo four' \
	>"$work/both" || :
check_equal 'stdout and stderr in order, and a process left behind does not matter' \
	"$(tr '\n' ' ' <"$work/both")" 'one two three four '

# shellcheck disable=SC2016
printf '#!/bin/sh\necho "hello from $0"\n' >"$work/hello"
check_equal '--with puts a program on PATH' "$(vm --with "$work/hello" -- hello)" \
	'hello from /with/hello'
check_equal '--with NAME finds it on the host, with its libraries' \
	"$(vm --with file:/usr/local/bin/x --with getent -- getent passwd user | cut -d: -f3)" 1000

truncate -s 8M "$work/disk"
printf 'from the host' | dd of="$work/disk" conv=notrunc status=none
# Two controllers: the first named is nvme0, whatever the probe order; file= is kept.
# shellcheck disable=SC2016
vm --nvme "8M,file=$work/disk" --nvme 24M,mssrl=77,logical_block_size=4096 -- bash -c '
	cat /sys/block/nvme?n1/size /sys/block/nvme?n1/queue/logical_block_size
	cat /sys/class/nvme/nvme?/serial | tr -d " "
	nvme id-ns /dev/nvme1n1 | sed -n "s/^mssrl *: //p"
	head -c 13 /dev/nvme0n1; echo
	printf "from the guest" | dd of=/dev/nvme0n1 conv=fsync status=none
	' >"$work/nvme" || :
check_equal '--nvme: order, size, properties, content' "$(tr '\n' ' ' <"$work/nvme")" \
	'16384 49152 512 4096 nvme0 nvme1 77 from the host '
check_equal '--nvme file= keeps what the guest wrote' "$(head -c 14 "$work/disk" | tr -d '\0')" \
	'from the guest'

vm -- bash -c 'findmnt -no TARGET -t bpf,debugfs,tracefs,configfs,cgroup2 | sort; hostname
	ulimit -l; id -un; pwd; cat /sys/class/net/lo/operstate; modprobe null_blk && ls /dev/nullb0' \
	>"$work/place" || :
check_equal 'what the guest offers' "$(tr '\n' ' ' <"$work/place")" \
	"/sys/fs/bpf /sys/fs/cgroup /sys/kernel/config /sys/kernel/debug /sys/kernel/tracing \
vm unlimited root /root unknown /dev/nullb0 "

# shape OPTION...: processors, memory in units of 100 MiB, MHz.
# shellcheck disable=SC2016 # for the guest's shell
shape() {
	vm "$@" -- bash -c 'nproc
		awk "/^MemTotal/ { print int(\$2 / 102400) }" /proc/meminfo
		dmesg | sed -n "s/.*tsc: Detected \([0-9]*\).*/\1/p"' | tr '\n' ' '
}
check_equal '--smp and --mem' "$(shape --smp 3 --mem 660 | cut -d' ' -f1,2)" '3 6'
# One instruction is one nanosecond: the processor has 1000 MHz, on whatever machine.
check '--icount: one processor whose clock counts instructions' \
	grep -E '^1 9 (999|1000) $' <(shape --icount)
# Half an hour that nobody waits for.
check '--jump: a sleep is over at once' vm --jump -- sleep 1800
check_status 'half a processor' 204 tests/vm/run --smp 0.5 -- true
check_status 'no memory' 204 tests/vm/run --mem 0 -- true
check_status 'a baseline that is not there' 204 tests/vm/run --stock-splats /no/such -- true
check_status 'a complaint to allow that is no regular expression' 204 \
	tests/vm/run --allow-splat 'BUG(' -- true
check_status 'a look for leaks on a kernel that cannot' 204 tests/vm/run --leak-check -- true
check_status 'no command is a usage error' 204 tests/vm/run --smp 1
# Others come and go while it looks for old ones; a race, so many times.
(while :; do mkdir -p build/vm/run.other{1..300}; rmdir build/vm/run.other{1..300}; done) 2>/dev/null &
others=$!
for _ in {1..20}; do tests/vm/run --nvme lots -- true || :; done 2>"$work/others"
kill $others
wait $others || :
rm -rf build/vm/run.other*
check_equal 'others that end do not matter' "$(grep -c 'lots.*is not a size' "$work/others")" 20
check_status 'an unknown option is a usage error' 204 tests/vm/run --frob 1 -- true
check_status 'a bad size is a usage error' 204 tests/vm/run --nvme lots -- true
check_status 'a property QEMU does not know' 204 tests/vm/run --nvme 8M,frob=1 -- true
check_status 'a missing --with file is a usage error' 204 \
	tests/vm/run --with ./no/such -- true
check_status 'a kernel that was not built is an error of the harness' 204 \
	tests/vm/run --kernel /nonexistent -- true
finish
