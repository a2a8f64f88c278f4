#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copies while memory and I/O fail, one allocation or request after the other, with no page
# to be had at all, and while the disk is taken away. No token is left over.
# quick: yes
# leaks: yes
# vm: --nvme 32M --nvme 32M --timeout 180
# with: build/tests/vm/copy_fault build/tests/vm/copy_once
# Functions are called by name, through check and tokens_watched:
# shellcheck disable=SC2317
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

disk=/dev/nvme0n1 other=/dev/nvme1n1
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
ranges=24
if [ "$T_SCALE" != 1 ] || [ -n "$DISKS" ]; then ranges=8; fi
debug=/sys/kernel/debug

# Every allocation may fail, also one that could wait for memory.
memory_fails() {
	echo 0 >$debug/failslab/verbose
	echo 0 >$debug/fail_page_alloc/verbose
	echo "$1" >$debug/failslab/ignore-gfp-wait
	echo "$1" >$debug/fail_page_alloc/ignore-gfp-wait
	echo 0 >$debug/fail_page_alloc/min-order
}

# Commands of nvme-debug end in the process that sent them, so they are among what can fail
# there: with an internal error (6), not with the default, which is an invalid opcode.
commands_fail() {
	local dev
	for dev in "$disk" "$other"; do
		echo 0 >"$debug/${dev#/dev/}/fault_inject/verbose"
		echo 6 >"$debug/${dev#/dev/}/fault_inject/status"
	done
}

io_fails() {
	echo 0 >/sys/kernel/debug/fail_make_request/verbose
	echo "$2" >"/sys/block/${1#/dev/}/make-it-fail"
}

faults() {
	program copy_fault --seed $((seed += 1)) --ranges "$ranges" "$@"
}

all_paths() {
	faults --src "$disk" --mode offload "$@"
	faults --src "$disk" --mode auto "$@"
	faults --src "$disk" --mode emulate "$@"
	faults --src "$disk" --dst "$other" "$@"
}

# Without a page it takes longer, and that is all.
pages_fail() {
	echo Y >"$debug/failslab/cache-filter"
	faults --src "$disk" --mode auto --must-succeed
	faults --src "$disk" --mode emulate --must-succeed
	faults --src "$disk" --dst "$other" --must-succeed
	echo N >"$debug/failslab/cache-filter"
}

# For processes that ask for it (copy_once --make-it-fail) there is no page at all.
no_pages() {
	echo "$1" >"$debug/fail_page_alloc/task-filter"
	echo $(($1 * 100)) >"$debug/fail_page_alloc/probability"
	echo -1 >"$debug/fail_page_alloc/times"
}

# starved SRC DST SRC_OFF DST_OFF LENGTH: once as ever, then with no page to be had.
starved() { copy_once --count 2 --make-it-fail --mode emulate "$@"; }

# reads_of BYTES DEV: how many requests of that size /tmp/events has.
reads_of() {
	local number
	number=$(lsblk -dno MAJ:MIN "$2" | tr -d ' ' | tr : ,)
	grep -cE "block_rq_issue: $number R[A-Z]* $1 " /tmp/events || :
}

# Emulation has pages of its own, but only two. Each copy then has one, and waits for it.
# (Two copies to one block device take turns anyway, so there are four partitions.)
reserve() {
	local i pids=() size=$((1048576 / T_SCALE))
	partition "$other" 6MiB 6MiB 6MiB -
	fill "$disk" 0 $((4 * size))
	no_pages 1
	events_on block/block_rq_issue
	check "a copy with no page to be had" starved "$disk" "${other}p1" 0 1MiB 256KiB
	events_off /tmp/events
	check_equal "it reads page by page" "$(reads_of 4096 "$disk")" 64
	check_equal "its bytes are equal" "$(digest "${other}p1" 1048576 262144)" \
		"$(digest "$disk" 0 262144)"
	for i in 0 1 2 3; do
		starved "$disk" "${other}p$((i + 1))" $((i * size)) 0 $size >"/tmp/starved.$i" &
		pids+=($!)
	done
	for i in 0 1 2 3; do
		check "copy $i of four at once with no page to be had" wait "${pids[i]}"
		check_equal "copy $i: its bytes are equal" "$(digest "${other}p$((i + 1))" 0 $size)" \
			"$(digest "$disk" $((i * size)) $size)"
	done
	no_pages 0
}

# For processes that ask for it there is no memory that cannot be waited for: the list of ranges
# of a Copy command is such. The copy does not wait for it.
no_list() {
	echo 1 >"$debug/failslab/task-filter"
	echo 1 >"$debug/failslab/ignore-gfp-wait"
	echo -1 >"$debug/failslab/times"
	echo 100 >"$debug/failslab/probability"
	fill "$disk" 0 65536
	check_equal 'trap 28: no list of ranges: the kernel copies' \
		"$(timeout 60 copy_once --make-it-fail "$disk" "$disk" 0 1MiB 65536)" \
		'error=0 copied=65536 offloaded=0 emulated=65536 error_range=1'
	check 'trap 28: no list of ranges: bytes' copies_are_equal "$disk" 0 1048576 65536
	echo 0 >"$debug/failslab/probability"
	echo 0 >"$debug/failslab/task-filter"
}

# says_gone RESULT: of a copy that the disk went away from, or that found it without a size.
says_gone() {
	echo "$1"
	case "$1" in
	'error=EIO '* | 'error=ENODEV '* | 'error=EINVAL copied=0 '*) ;;
	*) return 1 ;;
	esac
}

# opened PID DEV
# shellcheck disable=SC2317 # called by wait_for
opened() { readlink "/proc/$1/fd/"* | grep -qx "$2"; }

# The disk goes while copies from and to it run: they end with an error, and soon.
removal() {
	local name pids=() names=(offload emulate from to) i
	copy_once --count 1000000 --until-error --mode offload "$disk" "$disk" 0 4MiB 4MiB \
		>/tmp/gone.offload &
	pids+=($!)
	copy_once --count 1000000 --until-error --mode emulate "$disk" "$disk" 8MiB 12MiB 4MiB \
		>/tmp/gone.emulate &
	pids+=($!)
	copy_once --count 1000000 --until-error "$disk" "$other" 0 0 4MiB >/tmp/gone.from &
	pids+=($!)
	copy_once --count 1000000 --until-error "$other" "$disk" 8MiB 16MiB 4MiB >/tmp/gone.to &
	pids+=($!)
	sleep 2
	for i in 0 1 2 3; do
		check "copy ${names[i]} runs before the disk is removed" kill -0 "${pids[i]}"
	done
	mkfifo /tmp/go
	copy_once --stdin "$disk" "$other" 0 0 4MiB </tmp/go >/tmp/gone.before &
	pids+=($!)
	exec {go}>/tmp/go
	wait_for 20 opened "${pids[4]}" "$other"
	take_away "$disk"
	for i in 0 1 2 3; do
		name=${names[i]}
		check "copy $name ends within 20 seconds" wait_for 20 test ! -d /proc/"${pids[i]}"/task
		check_status "copy $name fails" 1 wait "${pids[i]}"
		check "copy $name says why" says_gone "$(<"/tmp/gone.$name")"
	done
	exec {go}>&-
	check_status "a copy from a disk that is gone" 1 wait "${pids[4]}"
	check_equal "it says that it is gone" "$(</tmp/gone.before)" \
		"error=ENODEV copied=0 offloaded=0 emulated=0 error_range=0"
	check "the disk is gone" test ! -e /sys/block/"${disk#/dev/}"
	check "and comes back" bring_back "$disk"
	check "and copies" copy_once --mode offload "$disk" "$disk" 0 1MiB 1MiB
}

# tokens EVENT: the ids of the tokens that had it.
tokens() { sed -n "s/.*blk_copy_token_$1: .*token=\([0-9]*\).*/\1/p" /tmp/tokens | sort; }

# tokens_watched CASE...: all that are made in the cases end there.
tokens_watched() {
	local name
	events_on blk_copy/blk_copy_token_alloc blk_copy/blk_copy_token_free
	for name; do $name; done
	check_equal "$*: no event of a token was lost" "$(events_lost)" 0
	events_off /tmp/tokens
	tokens alloc >/tmp/made
	tokens free >/tmp/freed
	check "$*: tokens were made ($(wc -l </tmp/made))" test -s /tmp/made
	check "$*: each of them was freed, once" cmp /tmp/made /tmp/freed
	check_equal "$*: no two have the same number" "$(uniq -d /tmp/made)" ""
}

one_by_one() {
	memory_fails N
	if [ -z "$DISKS" ]; then pages_fail; else commands_fail; fi
	# Memory alone, which is among what fails below: not where that would take long.
	[ "$T_SCALE" != 1 ] || [ -n "$DISKS" ] || all_paths --gather
	io_fails "$disk" 1
	all_paths
	io_fails "$disk" 0
}

echo "# seed $seed"
tokens_watched one_by_one
[ -n "$DISKS" ] || no_list
[ -n "$DISKS" ] || reserve
memory_fails Y
tokens_watched removal
finish
