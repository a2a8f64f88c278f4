#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Callers in the kernel (copy_client.ko, see tests/vm/kmod/device.c): what <linux/blk-copy.h>
# promises of blkdev_submit_copy() and blkdev_issue_copy(), end_io and the caller's own buffer.
# vm: --nvme 32M --nvme 32M,logical_block_size=4096 --mem 1536 --timeout 300
# leaks: yes
set -euo pipefail
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "$0")/../debug_lib.sh"

disk=/dev/nvme0n1 disk4k=/dev/nvme1n1
KiB=1024 MiB=$((1024 * 1024))
# The source lies here, the destination there, with a margin that is looked at, too.
from=$MiB to=$((17 * MiB))
margin=$((64 * KiB))
emulate_only=2
declare -A errno=([EPERM]=1 [EIO]=5 [ENOMEM]=12 [ENODEV]=19 [EINVAL]=22 [EOPNOTSUPP]=95)

# client KEY=VALUE...: do a job, print what the module says of it.
client() {
	local fd line
	exec {fd}<>/dev/copy_client
	echo "$*" >&"$fd"
	read -r line <&"$fd"
	exec {fd}>&-
	echo "$line"
}

# value KEY LINE
value() {
	[[ " $2" =~ \ $1=([^ ]*) ]]
	echo "${BASH_REMATCH[1]}"
}

# says LINE WORD...: every WORD is in LINE.
# shellcheck disable=SC2317 # called by check
says() {
	local line=$1 word missing=0
	shift
	for word; do
		[[ " $line " = *" $word "* ]] || missing=1
	done
	[ "$missing" = 0 ] || printf 'got:      %s\nexpected: %s\n' "$line" "$*"
	return "$missing"
}

# read_bytes DEV AT LENGTH: around the page cache.
read_bytes() {
	dd if="$1" bs=64K skip="$2" count="$3" iflag=skip_bytes,count_bytes,direct,fullblock \
		status=none
}

# rearranged DEV AT PIECE COUNT: COUNT pieces, the last one first.
rearranged() {
	local dir
	dir=$(mktemp -d)
	read_bytes "$1" "$2" $(($3 * $4)) | split -b "$3" -a 5 -d - "$dir/"
	printf '%s\n' "$dir"/* | sort -r | xargs cat
	rm -r "$dir"
}

# wanted DEV PIECE COUNT: a file of that, of the source, between zeroes. The source does not
# change, so to make it once is enough.
wanted() {
	local file=/tmp/wanted.${1#/dev/}.$2.$3
	[ -e "$file" ] || {
		head -c "$margin" /dev/zero
		rearranged "$1" "$from" "$2" "$3"
		head -c "$margin" /dev/zero
	} >"$file"
	echo "$file"
}

# copies NAME SRC DST COPIES RANGES BYTES [KEY=VALUE]... [-- WORD...]: all of them are good, the
# bytes are there and nothing else changed; WORDs are what else the module says. Sets line.
copies() {
	local name=$1 src=$2 dst=$3 copies=$4 ranges=$5 bytes=$6 rounds=1 options=() file
	local length=$((copies * ranges * bytes))
	shift 6
	t_case "$name"
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		case $1 in rounds=*) rounds=${1#*=} ;; esac
		options+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	file=$(wanted "$src" "$bytes" $((copies * ranges)))
	blkdiscard -z -o $((to - margin)) -l $((length + 2 * margin)) "$dst"
	line=$(client src="$src" dst="$dst" copies="$copies" ranges="$ranges" bytes="$bytes" \
		src_at=$from dst_at=$to "${options[@]}") || :
	check "$name: all end once and well" says "$line" calls=$((copies * rounds)) \
		good=$((copies * rounds)) failed=0 errors=0 broken=0 overrun=0 "$@"
	check_equal "$name: all bytes count" \
		$(($(value offloaded "$line") + $(value emulated "$line"))) $((length * rounds))
	check "$name: they are there, and nothing around them" \
		cmp "$file" <(read_bytes "$dst" $((to - margin)) $((length + 2 * margin)))
}

# --- copies at a time ---

from_one_caller() {
	local n
	n=$(scaled 64)
	copies "async, offloaded" $disk $disk "$n" 4 $((16 * KiB)) -- emulated=0
	check "async, offloaded: at a time" [ "$(value most "$line")" -gt 1 ]
	copies "async, emulated" $disk $disk "$n" 4 $((16 * KiB)) flags=$emulate_only -- offloaded=0
	check "async, emulated: at a time" [ "$(value most "$line")" -gt 1 ]
	copies "async, 4 KiB blocks" $disk4k $disk4k "$n" 4 $((16 * KiB)) -- emulated=0
	copies "sync" $disk $disk 4 4 $((64 * KiB)) issue=1 -- emulated=0 most=1
	copies "async, kept when they end" $disk $disk 16 4 $((16 * KiB)) keep=1
	copies "end_io submits again" $disk $disk 16 4 $((16 * KiB)) "rounds=$(scaled 20)"
	copies "end_io submits again, emulated" $disk $disk 16 4 $((16 * KiB)) rounds=4 \
		flags=$emulate_only
}

# requests_at_a_time FILE: the most that were with the device at a time, of a trace.
requests_at_a_time() {
	awk '/ block_rq_issue: / { n++; if (n > most) most = n }
		/ block_rq_complete: / { n-- }
		END { print most + 0 }' "$1"
}

# A copy of one page has one request at a time. Requests are slow, so that copies meet even if the
# processor is busy with others.
at_the_same_time() {
	local slow n
	slow=$(null_disk slow size=32 blocksize=512 irqmode=2 completion_nsec=200000000)
	events_on block/block_rq_issue block/block_rq_complete
	line=$(client src="$slow" dst="$slow" copies=16 bytes=4096 dst_at=$to)
	events_off /tmp/trace
	check "16 copies with slow requests are good" says "$line" calls=16 good=16 broken=0
	check "the device had requests of many of them" \
		between 4 16 "$(requests_at_a_time /tmp/trace)"

	events_on block/block_rq_issue block/block_rq_complete
	for n in 0 1 2 3; do
		client src="$slow" dst="$slow" copies=2 bytes=4096 src_at=$((n * MiB)) \
			dst_at=$((to + n * MiB)) rounds=4 >/tmp/client.$n &
	done
	wait
	events_off /tmp/trace
	check "the device had requests of several callers" \
		between 3 8 "$(requests_at_a_time /tmp/trace)"
	for n in 0 1 2 3; do
		check "caller $n: all are good" says "$(</tmp/client.$n)" calls=8 good=8 broken=0
	done
	# More than a workqueue runs at a time.
	line=$(client src="$slow" dst="$slow" copies=600 bytes=4096 dst_at=$to)
	check "600 copies are good" says "$line" calls=600 good=600 broken=0
	check "more than 256 of them were under way" [ "$(value most "$line")" -gt 256 ]
	null_disk_gone slow
}

# Callers of both paths, at places of their own.
many_callers() {
	local file n
	file=$(wanted $disk $((16 * KiB)) 64)
	for n in 0 1 2 3; do
		client src=$disk dst=$disk copies=16 ranges=4 bytes=$((16 * KiB)) src_at=$from \
			dst_at=$((to + n * MiB)) flags=$((n % 2 * emulate_only)) >/tmp/client.$n &
	done
	wait
	for n in 0 1 2 3; do
		check "caller $n of 4: all are good" says "$(</tmp/client.$n)" calls=16 good=16 \
			broken=0
		check "caller $n of 4: the bytes are right" \
			cmp -i "$margin:0" -n $MiB "$file" <(read_bytes $disk $((to + n * MiB)) $MiB)
	done
}

many_ranges() {
	copies "4096 ranges" $disk $disk 1 4096 512 -- emulated=0
	copies "4096 ranges, emulated" $disk $disk 1 4096 512 flags=$emulate_only -- offloaded=0
	copies "2 copies of 1024 ranges" $disk4k $disk4k 2 1024 4096
}

two_disks() {
	copies "to another disk" $disk4k $disk 8 4 $((64 * KiB)) -- offloaded=0
	copies "and back" $disk $disk4k 8 4 $((64 * KiB)) -- offloaded=0
}

# --- what is refused ---

# refused NAME ERROR KEY=VALUE...: through end_io, or as what the call returns.
refused() {
	local name=$1 error=$2 n=5 issue how line word
	shift 2
	for word; do
		case $word in copies=*) n=${word#*=} ;; esac
	done
	for issue in 0 1; do
		how=$([ $issue = 1 ] && echo sync || echo async)
		line=$(client "copies=$n" keep=1 "$@" issue=$issue) || :
		check "$name, $how: $error, and nothing is done" says "$line" "calls=$n" good=0 \
			"failed=$n" "errors=${errno[$error]}" offloaded=0 emulated=0 broken=0 overrun=0
	done
}

refusals() {
	local size before
	size=$(($(sectors $disk) * 512))
	before=$(digest $disk $to $MiB && digest $disk $((size - MiB)) $MiB)
	set -- src=$disk dst=$disk src_at=$from dst_at=$to
	refused "no range" EINVAL "$@" ranges=0 bytes=4096
	refused "too many ranges" EINVAL "$@" ranges=4097 bytes=512
	refused "an empty range" EINVAL "$@" bytes=0
	refused "source and destination are one" EINVAL "$@" dst_at=$from bytes=4096 copies=1
	refused "destination ranges overlap" EINVAL "$@" ranges=2 bytes=4096 stride=512
	refused "source beyond the end" EINVAL "$@" "src_at=$size" bytes=512
	refused "destination beyond the end" EINVAL "$@" dst_at=$((size - 512)) bytes=4096
	refused "two flags" EINVAL "$@" bytes=4096 flags=3
	refused "a buffer less than a page" EINVAL "$@" bytes=4096 buf=4095
	refused "a buffer that does not begin with a page" EINVAL "$@" bytes=4096 buf=8192 \
		buf_at=512
	refused "half a block" EINVAL src=$disk4k dst=$disk4k dst_at=$to bytes=512
	refused "half a block of the other disk" EINVAL src=$disk dst=$disk4k dst_at=$to bytes=512
	refused "offload only, to another disk" EOPNOTSUPP src=$disk dst=$disk4k dst_at=$to bytes=4096 flags=1
	blockdev --setro $disk
	refused "a read-only destination" EPERM "$@" bytes=4096
	blockdev --setrw $disk
	check_equal "the disk is as it was" \
		"$(digest $disk $to $MiB && digest $disk $((size - MiB)) $MiB)" "$before"
}

# --- the caller's buffer ---

reads_of() {
	local reads
	read -r reads _ <"/sys/block/${disk#/dev/}/stat"
	echo "$reads"
}

# buffered NAME BYTES BUF LOW HIGH: how many reads one copy of BYTES takes with a buffer.
buffered() {
	local reads
	reads=$(reads_of)
	line=$(client src=$disk dst=$disk src_at=$from dst_at=$to copies=4 bytes="$2" buf="$3" \
		flags=$emulate_only)
	reads=$((($(reads_of) - reads) / 4))
	check "a buffer of $1: used, and nothing around it" says "$line" calls=4 good=4 \
		"emulated=$(($2 * 4))" overrun=0 buf_used=4
	check "a buffer of $1: as many reads as it makes" between "$4" "$5" $reads
}

buffers() {
	local page=4096 size
	echo none >/sys/block/${disk#/dev/}/queue/scheduler
	buffered "1 page" $MiB $page 256 256
	buffered "3 pages" $MiB $((3 * page)) 256 256
	buffered "3 pages and a bit" $MiB $((3 * page + 512)) 256 256
	buffered "24 pages and a bit" $MiB $((24 * page + 512)) 85 86
	buffered "1 MiB" $MiB $MiB 8 8
	for size in $page $((3 * page)) $((3 * page + 512)) $MiB; do
		copies "buffer of $size" $disk $disk 4 4 $((200 * KiB)) buf="$size" \
			flags=$emulate_only -- buf_used=4
	done
	copies "buffer of 3 pages and a bit, 7 sectors" $disk $disk 4 4 3584 \
		buf=$((3 * page + 512)) flags=$emulate_only -- buf_used=4
	copies "a buffer that is not needed" $disk $disk 4 4 $((64 * KiB)) buf=$page -- \
		emulated=0 buf_used=0
	copies "a buffer, to another disk" $disk4k $disk 4 4 $((64 * KiB)) buf=$((3 * page)) -- \
		offloaded=0 buf_used=4
}

# --- memory ---

# faults PERCENT: of the allocations of who asks for it (fail=1), also those that can wait.
faults() {
	local dir
	for dir in /sys/kernel/debug/fail{slab,_page_alloc}; do
		echo 1 >"$dir/task-filter"
		echo N >"$dir/ignore-gfp-wait"
		echo 0 >"$dir/verbose"
		echo -1 >"$dir/times"
		echo "$1" >"$dir/probability"
	done
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
}

no_memory() {
	faults 100
	copies "no memory, a buffer" $disk $disk 4 4 $((256 * KiB)) issue=1 fail=1 buf=$MiB \
		flags=$emulate_only -- buf_used=4
	copies "no memory, a page" $disk $disk 4 4 $((64 * KiB)) issue=1 fail=1 buf=4096 \
		flags=$emulate_only -- buf_used=4
	copies "no memory, no token" $disk $disk 4 4 $((64 * KiB)) issue=1 fail=1 buf=4096
	copies "no memory, no buffer" $disk $disk 4 4 $((64 * KiB)) issue=1 fail=1 \
		flags=$emulate_only
	copies "no memory to submit" $disk $disk 4 4 $((64 * KiB)) fail=1
	refused "no memory to check many ranges" ENOMEM copies=2 src=$disk dst=$disk ranges=100 bytes=512 \
		dst_at=$to fail=1
	faults 0
	copies "memory is back" $disk $disk 4 4 $((64 * KiB)) fail=1 issue=1 -- emulated=0
}

# allocations FILE: flags and callers of every allocation that a copy made, of a trace with
# stacks. Between an event and its stack there can be those of another processor, and of an
# interrupt.
allocations() {
	awk '
		function flush() {
			if (flags != "" && callers ~ / (blk_copy_|blkdev_(submit|issue)_copy)/)
				print flags callers
			flags = callers = ""
		}
		/^ *=> / { callers = callers " " $2; next }
		{ flush(); match($0, /\[[0-9]+\]/); cpu = substr($0, RSTART, RLENGTH) }
		/ gfp_flags=/ {
			match($0, /gfp_flags=[^ ]*/)
			seen[cpu, ++depth[cpu]] = substr($0, RSTART, RLENGTH)
		}
		/<stack trace>/ && depth[cpu] { flags = seen[cpu, depth[cpu]--] }
		END { flush() }' "$1"
}

# Copies that wait within reclaim, on disks of which nothing else of the kernel tells lockdep
# that it needs memory while the queue is frozen, as the PCI driver does when it shuts down.
in_reclaim() {
	local dev
	dev=$(null_disk reclaim size=32)
	line=$(client src="$dev" dst="$dev" dst_at=$to copies=2 ranges=16 bytes=$((64 * KiB)) \
		issue=1 reclaim=1)
	check "within reclaim, emulated and waited for" says "$line" calls=2 good=2 offloaded=0
	null_disk_gone reclaim
	dev=$(attach reclaim -k 30 | tail -n 1)
	line=$(client src="$dev" dst="$dev" dst_at=$to copies=2 ranges=16 bytes=$((64 * KiB)) \
		issue=1 reclaim=1)
	check "within reclaim, offloaded and waited for" says "$line" calls=2 good=2 emulated=0
	detach reclaim
}

# To get memory for a copy may not need I/O, whoever asks for it.
no_io_for_memory() {
	copies "within memalloc_noio_save()" $disk $disk 8 4 $((64 * KiB)) noio=1
	copies "within reclaim" $disk $disk 8 4 $((64 * KiB)) reclaim=1
	in_reclaim

	echo 1 >$tracing/options/stacktrace
	events_on kmem/kmalloc kmem/kmem_cache_alloc kmem/mm_page_alloc
	client src=$disk dst=$disk4k copies=8 ranges=64 bytes=4096 dst_at=$to >/dev/null
	client src=$disk dst=$disk copies=8 ranges=64 bytes=4096 dst_at=$to >/dev/null
	client src=$disk dst=$disk copies=2 ranges=64 bytes=4096 dst_at=$to issue=1 >/dev/null
	events_off /tmp/trace
	echo 0 >$tracing/options/stacktrace
	allocations /tmp/trace >/tmp/allocations
	cut -d' ' -f1 /tmp/allocations | sort | uniq -c | sed 's/^/# /'
	check "allocations of copies were recorded" grep -q GFP_NOIO /tmp/allocations
	check_status "none of them may start I/O" 1 \
		grep -E '^gfp_flags=[^ ]*(GFP_(KERNEL|NOFS|USER|HIGHUSER)|__GFP_(IO|FS))' /tmp/allocations
	rm /tmp/trace
}

# --- who pays ---

# bytes_of FIELD: what the group of this test has of it on $disk.
bytes_of() {
	local number
	number=$(<"/sys/block/${disk#/dev/}/dev")
	sed -n "s/^$number .*\b$1=\([0-9]*\).*/\1/p" /sys/fs/cgroup/callers/io.stat
}

# In a group of its own.
in_group() (
	echo "$BASHPID" >/sys/fs/cgroup/callers/cgroup.procs
	client "$@"
)

# The I/O of a worker is that of the group that submitted the copy.
charged() {
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/callers
	in_group src=$disk dst=$disk dst_at=$to copies=4 bytes=$MiB flags=$emulate_only >/dev/null
	check_equal "emulated bytes are read by the caller's cgroup" "$(bytes_of rbytes)" $((4 * MiB))
	check_equal "and written by it" "$(bytes_of wbytes)" $((4 * MiB))
	in_group src=$disk dst=$disk dst_at=$to copies=4 bytes=$MiB flags=1 >/dev/null
	check_equal "and offloaded ones" "$(bytes_of wbytes)" $((8 * MiB))
	rmdir /sys/fs/cgroup/callers
}

# --- disks that go ---

# ended NAME FILE COPIES: every copy did, the first times well and the last time not.
ended() {
	local line
	line=$(<"$2")
	echo "# $1: $line"
	check "$1: all copies end with an error, once" says "$line" \
		"calls=$(($(value good "$line") + $3))" "failed=$3" broken=0 overrun=0
	check "$1: before they were good" [ "$(value good "$line")" -gt "$3" ]
	# On its way out the disk fails requests, then it is of size 0, which makes any range wrong.
	check "$1: the error says why" grep -qE \
		"errors=((${errno[EIO]}|${errno[ENODEV]}|${errno[EINVAL]}),?)+ " "$2"
}

# written DISK COPIES BYTES: so many copies of so many bytes.
# shellcheck disable=SC2317 # called by wait_for
written() {
	local stat
	read -r -a stat <"/sys/block/${1#/dev/}/stat"
	[ "${stat[6]}" -ge $(($2 * $3 / 512)) ]
}

# Of 32 copies, 8 at most are on their way: the others were good.
removal() {
	local gone
	gone=$(attach gone -k 30 | tail -n 1)
	client src="$gone" dst="$gone" dst_at=$to copies=8 bytes=$((256 * KiB)) rounds=1000000 \
		>/tmp/client &
	wait_for 60 written "$gone" 32 $((256 * KiB))
	detach gone
	wait
	ended "nvme-debug disconnected" /tmp/client 8
	check "nvme-debug goes" modprobe -r nvme-debug

	gone=$(null_disk gone size=32 irqmode=2 completion_nsec=20000000)
	client src="$gone" dst="$gone" dst_at=$to copies=8 bytes=$((64 * KiB)) rounds=1000000 \
		>/tmp/client &
	wait_for 60 written "$gone" 32 $((64 * KiB))
	null_disk_gone gone
	wait
	ended "null_blk switched off" /tmp/client 8
}

# gone_again ROUND: prints what is wrong. While copies run, the module is in use; they end when their
# disk goes, and then the module goes. The disk that it brings when it is back copies right bytes.
gone_again() {
	local job gone line
	modprobe nvme-debug i_know=1 size=64M
	gone=$(attach "round$1" -k 30 | tail -n 1)
	dd if=/tmp/data of="$gone" bs=64K seek=$from oflag=seek_bytes,direct conv=notrunc status=none
	job=("src=$gone" "dst=$gone" "src_at=$from" "dst_at=$to" copies=4 "bytes=$((256 * KiB))"
		"flags=$(($1 % 2 * emulate_only))")
	line=$(client "${job[@]}")
	says "$line" calls=4 good=4 broken=0 overrun=0 || echo 'the first copies'
	cmp /tmp/backwards <(read_bytes "$gone" $to $MiB) || echo 'bytes'
	client "${job[@]}" rounds=1000000 >/tmp/client &
	wait_for 60 written "$gone" $((8 + $1 % 16)) $((256 * KiB)) || echo 'copies do not run'
	! modprobe -r nvme-debug 2>/dev/null || echo 'the module goes while copies run'
	detach "round$1"
	wait $!
	line=$(</tmp/client)
	says "$line" "calls=$(($(value good "$line") + 4))" failed=4 broken=0 overrun=0 ||
		echo 'the last copies'
	modprobe -r nvme-debug || echo 'the module does not go'
	goods=$((goods + $(value good "$line")))
}

removal_again() {
	local rounds round n goods=0
	rounds=$(scaled 50)
	head -c $MiB /dev/urandom >/tmp/data
	# The first copy goes last.
	for n in 3 2 1 0; do dd if=/tmp/data bs=256K skip=$n count=1 status=none; done >/tmp/backwards
	for ((round = 0; round < rounds; round++)); do gone_again $round; done >/tmp/wrong 2>&1
	echo "# nvme-debug goes and comes: $rounds times, $goods copies were good before"
	check_equal "nvme-debug goes and comes: nothing is wrong" "$(</tmp/wrong)" ''
	check "nvme-debug goes and comes: copies were good before" [ $goods -ge "$rounds" ]
}

modprobe copy_client
modprobe nvme-debug i_know=1 size=64M
fill $disk 0 $((10 * MiB))
fill $disk4k 0 $((10 * MiB))
source=$(digest $disk 0 $((10 * MiB)) && digest $disk4k 0 $((10 * MiB)))
from_one_caller
at_the_same_time
many_callers
many_ranges
two_disks
refusals
buffers
no_memory
no_io_for_memory
charged
removal
removal_again
check_equal "the sources are as they were" \
	"$(digest $disk 0 $((10 * MiB)) && digest $disk4k 0 $((10 * MiB)))" "$source"
check "copy_client goes" modprobe -r copy_client
finish
