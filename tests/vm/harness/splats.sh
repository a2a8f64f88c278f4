#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every class of complaint in a kernel log is seen, what only looks like one is not, and the
# baseline takes what fits both its sides and nothing else. No guest: the log is made here.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/kernel/lib.sh
. tests/kernel/lib.sh
# shellcheck source=tests/vm/splats.sh
. tests/vm/splats.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# log LINE...: the kernel log of a guest; the console had nothing.
log() {
	: >"$dir/console.log"
	printf '[    1.234567] %s\n' "$@" >"$dir/dmesg.log"
}

# As the kernel writes them; the class is what a reader would call it.
while IFS=$'\t' read -r class line; do
	log 'before' "$line" 'after'
	check_equal "seen: $class" "$(splats)" "[    1.234567] $line"
done <<'LINES'
BUG	kernel BUG at block/blk-copy.c:100!
bad page	BUG: Bad page state in process cat  pfn:1234
scheduling while atomic	BUG: scheduling while atomic: cat/12/0x00000002
page fault	BUG: unable to handle page fault for address: ffffffffc0000000
null pointer	BUG: kernel NULL pointer dereference, address: 0000000000000008
oops	Oops: 0000 [#1] PREEMPT SMP
protection fault	Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1]
WARNING	WARNING: CPU: 0 PID: 12 at block/blk-copy.c:100 blk_copy+0x1/0x2
circular locking	WARNING: possible circular locking dependency detected
recursive locking	WARNING: possible recursive locking detected
irq locking	WARNING: possible irq lock inversion dependency detected
irq state	WARNING: inconsistent lock state
deadlock	[ BUG: possible deadlock ]
wait context	[ BUG: Invalid wait context ]
RCU usage	WARNING: suspicious RCU usage
sleep in atomic	BUG: sleeping function called from invalid context at mm/slab.h:1
unlock balance	WARNING: bad unlock balance detected!
freed lock	WARNING: held lock freed!
lock debugging	DEBUG_LOCKS_WARN_ON(1)
lock at return	WARNING: lock held when returning to user space!
RCU stall	rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
RCU self stall	rcu: INFO: rcu_sched self-detected stall on CPU
hung task	INFO: task cat:12 blocked for more than 120 seconds.
soft lockup	watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cat:12]
hard lockup	watchdog: Watchdog detected hard LOCKUP on cpu 0
reference count	refcount_t: underflow; use-after-free.
KASAN	BUG: KASAN: slab-use-after-free in blk_copy+0x1/0x2
UBSAN	UBSAN: array-index-out-of-bounds in block/blk-copy.c:100:1
KCSAN	BUG: KCSAN: data-race in a / b
object debugging	ODEBUG: free active (active state 0) object type: work_struct
slab debugging	BUG kmalloc-64 (Not tainted): Poison overwritten
lock without a key	INFO: trying to register non-static key.
lost interrupt	irq 23: nobody cared (try booting with the "irqpoll" option)
name taken	sysfs: cannot create duplicate filename '/devices/virtual/block/a'
leak	unreferenced object 0xffff888001234567 (size 32):
leaks	kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
LINES

log 'ACPI BIOS Error (bug): Could not resolve' 'debug: a bug' 'Tainted: [W]=WARN' \
	'kmemleak: Kernel memory leak detector initialized' 'bpfcopy-test: warnings' 'oopses=0'
check_equal 'not seen: what only looks like a complaint' "$(splats)" ''

log 'WARNING: one' 'WARNING: two'
cp "$dir/dmesg.log" "$dir/console.log"
check_equal 'twice in the logs is one complaint' "$(splats | wc -l)" 2
log $'WARNING: one\r' 'unreferenced object 1' 'unreferenced object 2' 'kmemleak: 2 new suspected'
check_equal 'leaks that are shown are not summed up as well' "$(splats | wc -l)" 3
allow_splat 'ne$'
check_equal 'allowed is what matches' "$(splats | grep -c unreferenced)" "$(splats | wc -l)"
allow=()

# taken NAME WANT LINE...: how many complaints of this log count, with the baseline below.
printf '# a comment\n\n%s\t%s\t%s\n' 'WARNING: .*mutex' guilty 'the usual' >"$dir/baseline"
load_stock "$dir/baseline"
taken() {
	local name=$1 want=$2
	shift 2
	log "$@"
	check_equal "$name" "$(splats 2>"$dir/said" | wc -l)" "$want"
}
many() { seq -f ' frame%g+0x1/0x2' "$1"; }
mapfile -t near < <(many 148)
mapfile -t far < <(many 149)
taken 'the baseline takes what fits' 0 'WARNING: a mutex' ' guilty+0x1/0x2 [mod]'
check_equal 'and says so' "$(<"$dir/said")" \
	'stock splat: [    1.234567] WARNING: a mutex (the usual)'
taken 'a clone of the function that the compiler made' 0 'WARNING: a mutex' ' guilty.isra.0+0x1/0x2'
taken 'where lockdep says what is locked' 0 'WARNING: a mutex' 'lock, at: guilty+0x1/0x2'
taken 'not another complaint' 1 'WARNING: a spinlock' ' guilty+0x1/0x2'
taken 'not without the function' 1 'WARNING: a mutex' ' innocent+0x1/0x2'
taken 'not with one of a longer name' 1 'WARNING: a mutex' ' not_guilty+0x1/0x2' ' guilty2+0x1/0x2'
taken 'not with a frame that is a guess' 1 'WARNING: a mutex' ' ? guilty+0x1/0x2'
taken 'not with the report of the next complaint' 2 \
	'WARNING: a mutex' ' innocent+0x1/0x2' 'WARNING: other' ' guilty+0x1/0x2'
taken 'nor of the one before' 1 'WARNING: a mutex' ' guilty+0x1/0x2' 'WARNING: a mutex' ' x+0x1/0x2'
taken 'line 150 of the report is in it' 0 'WARNING: a mutex' "${near[@]}" ' guilty+0x1/0x2'
taken 'line 151 is not' 1 'WARNING: a mutex' "${far[@]}" ' guilty+0x1/0x2'

# refused NAME LINE: a baseline with this line is an error that names file and line.
refused() {
	printf '# comment\n%b\n' "$2" >"$dir/bad"
	check "$1" grep -q "$dir/bad:2: " <(load_stock "$dir/bad" 2>&1 || :)
}
refused 'a line of the baseline without tabs' 'WARNING: mutex'
refused 'one without a reason' 'WARNING\tguilty\t'
refused 'one whose function is a pattern' 'WARNING\t.*\tanything'
refused 'one whose regular expression is none' 'WARN(\tguilty\twhy'
check 'the baseline that is used can be read' load_stock tests/vm/stock-splats

# The byte before the marked one was executed: int3 in memory is cc.
oops() { printf '%s\n' 'Oops: int3: 0000 [#1]' "Code: 0f 1f $1 <44> 00 00" >"$dir/console.log"; }
oops 0f
check 'an int3 that is not in memory is the fault of the emulator' emulator_fault
oops cc
check_status 'one that is there is not' 1 emulator_fault
finish
