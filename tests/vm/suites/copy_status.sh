#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What becomes of a copy when the device answers the Copy command with an error: whether the
# driver sends it again, whether the kernel reads and writes instead, and what the caller is
# told. The NVMe driver's fault injection changes the status of a command after the device
# has executed it, so the commands are counted, and the bytes prove nothing here.
# vm: --nvme 64M --timeout 120
# with: build/tests/vm/copy_once
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"
# shellcheck source=tests/vm/copy_lib.sh
. "$(dirname "$0")/../copy_lib.sh"

# One command, by the limits that both controllers have.
length=65536
# What a copy ends with, from copy_once.
done_by_device="error=0 copied=$length offloaded=$length emulated=0 error_range=1"
done_by_kernel="error=0 copied=$length offloaded=0 emulated=$length error_range=1"

# failed ERRNO
failed() { echo "error=$1 copied=0 offloaded=0 emulated=0 error_range=0"; }

# on DISK: what the functions below work on.
on() {
	disk=$1
	name=${disk#/dev/}
	faults=/sys/kernel/debug/$name/fault_inject
	# The kernel makes it when it has looked for partitions.
	wait_for 20 test -e "$faults/verbose"
	echo 0 >"$faults/verbose"
	fill "$disk" 0 1048576
}

# inject STATUS TIMES [KEY=VALUE]...: the next TIMES commands end with STATUS. "+" behind it
# sets Do Not Retry.
inject() {
	local status=$1 times=$2 setting
	shift 2
	echo "${status%+}" >"$faults/status"
	case $status in
	*+) echo Y >"$faults/dont_retry" ;;
	*) echo N >"$faults/dont_retry" ;;
	esac
	echo 1 >"$faults/interval"
	for setting; do echo "${setting#*=}" >"$faults/${setting%%=*}"; done
	echo "$times" >"$faults/times"
	echo 100 >"$faults/probability"
}

# copy_under STATUS TIMES COPY_ONCE_ARGUMENT...
copy_under() {
	inject "$1" "$2"
	shift 2
	copy_and_count "$@"
}

# Sets line, the result; commands, what the driver sent for it; reason, why the kernel took
# over; said, how often the kernel log mentions Copy. Recording stays on, and no process is
# started that is not needed: on a debug kernel each takes long.
copy_and_count() {
	local event events copy=0 read=0 write=0
	reason='' said=0
	echo >$tracing/trace
	line=$(copy_result "$@")
	mapfile -t events <$tracing/trace
	echo 0 >"$faults/probability"
	for event in "${events[@]}"; do
		case $event in
		*nvme_setup_cmd:*disk=$name,*nvme_cmd_copy\ *) copy=$((copy + 1)) ;;
		*nvme_setup_cmd:*disk=$name,*nvme_cmd_read\ *) read=$((read + 1)) ;;
		*nvme_setup_cmd:*disk=$name,*nvme_cmd_write\ *) write=$((write + 1)) ;;
		*blk_copy_fallback:*) reason=${event#*reason=} reason=${reason%% *} ;;
		*console:*Copy\(0x19\)*) said=$((said + 1)) ;;
		esac
	done
	commands="copy=$copy read=$read write=$write"
}

# expect WHAT RESULT COMMANDS REASON
expect() {
	check_equal "$name: $1" "$line | $commands | $reason" "$2 | $3 | $4"
}

# "I do not do this copy": no retry, no line in the log, and the kernel copies.
refusals() {
	local status dnr
	for status in "0x1 invalid opcode" "0x2 invalid field" "0xb invalid namespace" \
		"0x180 conflicting attributes" "0x183 size limits" "0x185 incompatible namespace" "0x186 no fast copy" \
		"0x187 overlap" "0x188 unreachable namespace" "0x189 resources"; do
		for dnr in "" +; do
			copy_under "${status%% *}$dnr" 1 "$disk" "$disk" 0 1MiB $length
			expect "$status$dnr" "$done_by_kernel" "copy=1 read=1 write=1" unsupported
			[ $said = 0 ] || not_ok "$name: $status$dnr is no news for the kernel log"
		done
	done
	copy_under 0x183 1 --mode offload "$disk" "$disk" 0 1MiB $length
	expect "0x183, offload only" "$(failed EOPNOTSUPP)" "copy=1 read=0 write=0" ""
}

# The driver limits how often it says so: this comes first.
loud() {
	on "$1"
	copy_under 0x83+ 1 "$disk" "$disk" 0 1MiB $length
	check_equal "$name: an error that is one is in the kernel log" $said 1
}

# What a read and a write must not go around.
final() {
	local status want meaning
	while read -r status want meaning; do
		copy_under "$status" 1 "$disk" "$disk" 0 1MiB $length
		expect "$status $meaning" "$(failed "$want")" "copy=1 read=0 write=0" ""
	done <<-'END'
		0x83+ EBADE reservation conflict
		0x81+ ENOSPC capacity exceeded
		0x181+ EILSEQ invalid protection information
		0x282+ EILSEQ guard check
		0x283+ EILSEQ application tag check
		0x284+ EILSEQ reference tag check
		0x20 EREMOTEIO write-protected
		0x20+ EREMOTEIO write-protected
		0x182 EREMOTEIO read-only blocks
		0x182+ EREMOTEIO read-only blocks
		0x80+ EREMOTEIO beyond the end
	END
}

# Other errors: sent again up to five times if the device does not object, then emulated.
retried() {
	copy_under 0x6 1 "$disk" "$disk" 0 1MiB $length
	expect "0x6 internal error, once" "$done_by_device" "copy=2 read=0 write=0" ""
	copy_under 0x6+ 1 "$disk" "$disk" 0 1MiB $length
	expect "0x6+ internal error, for good" "$done_by_kernel" "copy=1 read=1 write=1" failed
	copy_under 0x6 6 "$disk" "$disk" 0 1MiB $length
	expect "0x6 internal error, every time" "$done_by_kernel" "copy=6 read=1 write=1" failed
	copy_under 0x21 6 "$disk" "$disk" 0 1MiB $length
	expect "0x21 interrupted, every time" "$done_by_kernel" "copy=6 read=1 write=1" failed
	copy_under 0x21+ 1 "$disk" "$disk" 0 1MiB $length
	expect "0x21+ interrupted, for good" "$done_by_kernel" "copy=1 read=1 write=1" failed
	copy_under 0x82 1 "$disk" "$disk" 0 1MiB $length
	expect "0x82 not ready, once" "$done_by_device" "copy=2 read=0 write=0" ""
	copy_under 0x82 6 "$disk" "$disk" 0 1MiB $length
	expect "0x82 not ready, every time" "$done_by_kernel" "copy=6 read=1 write=1" failed
	copy_under 0x6+ 1 --mode offload "$disk" "$disk" 0 1MiB $length
	expect "0x6+, offload only" "$(failed EIO)" "copy=1 read=0 write=0" ""
}

# A medium that fails: sent again if the device does not object, then read and written. So the
# error of the medium is that of one read or write, which says where it is.
medium() {
	local status meaning
	while read -r status meaning; do
		copy_under "$status" 1 "$disk" "$disk" 0 1MiB $length
		expect "$status $meaning, once" "$done_by_device" "copy=2 read=0 write=0" ""
		copy_under "$status+" 1 "$disk" "$disk" 0 1MiB $length
		expect "$status+ $meaning" "$done_by_kernel" "copy=1 read=1 write=1" failed
		copy_under "$status+" 2 "$disk" "$disk" 0 1MiB $length
		expect "$status+ $meaning, and so does the read" "$(failed ENODATA)" \
			"copy=1 read=1 write=0" failed
		copy_under "$status+" 1 --mode offload "$disk" "$disk" 0 1MiB $length
		expect "$status+, offload only" "$(failed ENODATA)" "copy=1 read=0 write=0" ""
	done <<-'END'
		0x280 write fault
		0x281 unrecovered read error
		0x285 compare failure
		0x286 access denied
		0x287 deallocated block
	END
}

# C55: a namespace that has no time now. A read and a write are asked as well; if they are told the
# same, nothing is copied.
busy_namespace() {
	local status meaning
	while read -r status meaning; do
		copy_under "$status" 1 "$disk" "$disk" 0 1MiB $length
		expect "C55 $status $meaning, once" "$done_by_device" "copy=2 read=0 write=0" ""
		copy_under "$status" 6 "$disk" "$disk" 0 1MiB $length
		expect "C55 $status $meaning, every time" "$done_by_kernel" "copy=6 read=1 write=1" failed
		copy_under "$status+" 1 "$disk" "$disk" 0 1MiB $length
		expect "C55 $status+ $meaning, for good" "$done_by_kernel" "copy=1 read=1 write=1" failed
		copy_under "$status" 12 "$disk" "$disk" 0 1MiB $length
		expect "C55 $status $meaning, and so do all reads" "$(failed EIO)" \
			"copy=6 read=6 write=0" failed
		copy_under "$status" 6 --mode offload "$disk" "$disk" 0 1MiB $length
		expect "C55 $status $meaning, offload only" "$(failed EIO)" "copy=6 read=0 write=0" ""
	done <<-'END'
		0x84 format in progress
		0x1d sanitize in progress
	END
}

# The kernel's own reads and writes may fail as well: the status of those counts.
emulation_fails() {
	copy_under 0x281+ 1 --mode emulate "$disk" "$disk" 0 1MiB $length
	expect "the read of an emulated copy fails" "$(failed ENODATA)" \
		"copy=0 read=1 write=0" ""
	copy_under 0x183+ 2 "$disk" "$disk" 0 1MiB $length
	expect "the read after a refused copy fails" "$(failed EIO)" \
		"copy=1 read=1 write=0" unsupported
}

# One of four commands of a chunk: only its part is read and written, or ends the copy.
one_of_four() {
	local four=$((4 * length)) copied
	inject 0x183 1 interval=3
	copy_and_count "$disk" "$disk" 0 1MiB $four
	check_equal "$name: one of four commands is refused" "$line | $commands | $reason" \
		"error=0 copied=$four offloaded=$((3 * length)) emulated=$length error_range=1 | copy=4 read=1 write=1 | unsupported"
	check "$name: bytes are equal" copies_are_equal "$disk" 0 1048576 $four
	inject 0x81+ 1 interval=3
	copy_and_count "$disk" "$disk" 0 1MiB $four
	echo "# $line"
	copied=$(copied_by copied "$line")
	check_equal "$name: one of four commands finds no space" \
		"$(copied_by error "$line") $(copied_by emulated "$line") $(copied_by error_range "$line") $commands" \
		"ENOSPC 0 0 copy=4 read=0 write=0"
	check_equal "$name: what counts is what lies before it" \
		"$((copied % length)) $(copied_by offloaded "$line")" "0 $copied"
	check "$name: and not all" between 0 $((3 * length)) "$copied"
}

all() {
	on "$1"
	refusals
	final
	retried
	medium
	busy_namespace
	emulation_fails
	one_of_four
}

# Not injected: a command that ends in the middle. The controller says at which range, and only
# what is from there on is read and written.
in_the_middle() {
	local sub=$subsystems/nqn.test:middle at n length=65536
	local four=(0 32MiB 64KiB 1MiB 32832KiB 64KiB 2MiB 32896KiB 64KiB 3MiB 32960KiB 64KiB)
	mkdir "$sub" "$sub/faults/f"
	make_ns "$sub" 1 size=64M mssrl=128 mcl=1024 msrc=127
	connect nqn.test:middle middle -k 30
	wait_for 20 ns_disk nqn.test:middle 1
	disk=$(ns_disk nqn.test:middle 1)
	for at in 0 1 2 3; do fill "$disk" "${at}M" $length; done
	for at in 0 1 2 3; do
		echo all >"$sub/faults/f/reset"
		set_attrs "$sub/faults/f" opcode=0x19 at=range range=$at action=status \
			status=0x4281 times=1 enable=1
		fill "$disk" 32M $((4 * length))
		check_equal "range $at fails: those before it are done" \
			"$(copy_result "$disk" "$disk" "${four[@]}") | $(xargs <"$sub/faults/f/stats")" \
			"error=0 copied=$((4 * length)) offloaded=$((at * length)) emulated=$(((4 - at) * length)) error_range=4 | matches 1 hits 1 held 0"
		check_equal "range $at fails: bytes" "$(digest "$disk" 32M $((4 * length)))" \
			"$(for n in 0 1 2 3; do
				dd if="$disk" bs=64K skip="${n}M" count=$length status=none \
					iflag=skip_bytes,count_bytes,direct,fullblock
			done | checksum)"
	done
	echo all >"$sub/faults/f/reset"
	set_attrs "$sub/faults/f" opcode=0x19 at=range range=2 action=status status=0x4281 times=1 enable=1
	check_equal "offload only: those before it count" \
		"$(copy_result --mode offload "$disk" "$disk" "${four[@]}")" \
		"error=ENODATA copied=$((2 * length)) offloaded=$((2 * length)) emulated=0 error_range=2"
	disconnect middle
	remove_subsys "$sub"
}

# Not injected: a block that cannot be read, in the third of four sources. The command ends with 2/81h;
# then it is the kernel's read that fails, and the error names where.
bad_block() {
	local sub=$subsystems/nqn.test:bad n length=65536 before
	local four=(0 32MiB 64KiB 1MiB 32832KiB 64KiB 2MiB 32896KiB 64KiB 3MiB 32960KiB 64KiB)
	mkdir "$sub"
	make_ns "$sub" 1 size=64M mssrl=128 mcl=1024 msrc=127
	connect nqn.test:bad bad -k 30
	wait_for 20 ns_disk nqn.test:bad 1
	disk=$(ns_disk nqn.test:bad 1)
	for n in 0 1 2 3; do fill "$disk" "${n}M" $length; done
	fill "$disk" 32M $((4 * length))
	before=$(digest "$disk" $(((32 << 20) + 2 * length)) $length)
	check 'a bad block: it is one' nvme write-uncor "$disk" -n 1 -s 4100 -c 0
	echo >$tracing/trace
	echo 1 >$tracing/events/block/block_rq_error/enable
	check_equal 'a bad block: what is before its range counts' "$(copy_result "$disk" "$disk" "${four[@]}")" \
		"error=ENODATA copied=$((2 * length)) offloaded=$((2 * length)) emulated=0 error_range=2"
	echo 0 >$tracing/events/block/block_rq_error/enable
	check_equal 'a bad block: the read that fails says where' \
		"$(sed -n 's/.*block_rq_error: .* R[A-Z]* () \([0-9]* + [0-9]*\) .*/\1/p' $tracing/trace)" '4096 + 128'
	check_equal 'a bad block: Copy has found it first' "$(stat_of "$sub" 1 copy | cut -d' ' -f1,2)" '1 1'
	for n in 0 1; do
		check "a bad block: bytes of source $n" \
			copies_are_equal "$disk" $((n << 20)) $(((32 << 20) + n * length)) $length
	done
	check_equal 'a bad block: where its range was to go is as it was' \
		"$(digest "$disk" $(((32 << 20) + 2 * length)) $length)" "$before"
	disconnect bad
	remove_subsys "$sub"
}

# limit_of DISK: the most bytes of one Copy command.
limit_of() { queue "$1" copy_max_hw_bytes; }

# A controller that has Copy, but not with descriptor format 0, is never sent one; not between its
# namespaces either, for which format 2 would do.
without_format_0() {
	local sub=$subsystems/nqn.test:formats formats two name
	for formats in 5 4 14; do
		name="C2 formats in OCFS: $formats"
		mkdir "$sub"
		set_attrs "$sub" copy_formats=$formats
		make_ns "$sub" 1 size=64M mssrl=128 mcl=128 msrc=127
		make_ns "$sub" 2 size=64M mssrl=128 mcl=128 msrc=127
		connect nqn.test:formats formats -k 30
		wait_for 20 ns_disk nqn.test:formats 1
		wait_for 20 ns_disk nqn.test:formats 2
		disk=$(ns_disk nqn.test:formats 1) two=$(ns_disk nqn.test:formats 2)
		fill "$disk" 0 $length
		check_equal "$name: it has Copy" "$(nvme id-ctrl "/dev/$(ctrl_of formats)" -o json |
			jq -c '[(.oncs / 256 % 2 | floor), .ocfs]')" "[1,$formats]"
		if [ $formats = 5 ]; then
			check_equal "$name: the limit" "$(limit_of "$disk")" $length
			check_equal "$name: the device copies" "$(copy_result "$disk" "$disk" 0 1MiB $length)" \
				"$done_by_device"
		else
			check_equal "$name: the limits are 0" "$(limit_of "$disk") $(limit_of "$two")" '0 0'
			check_equal "$name: offload only is refused" \
				"$(copy_result --mode offload "$disk" "$disk" 0 1MiB $length)" "$(failed EOPNOTSUPP)"
			check_equal "$name: the kernel copies" "$(copy_result "$disk" "$disk" 0 1MiB $length)" \
				"$done_by_kernel"
			check_equal "$name: to the other namespace, too" \
				"$(copy_result "$disk" "$two" 0 1MiB $length)" "$done_by_kernel"
			check_equal "$name: bytes there" "$(digest "$two" 1048576 $length)" "$(digest "$disk" 0 $length)"
			check_equal "$name: no Copy is sent" "$(stat_of "$sub" 1 copy) $(stat_of "$sub" 2 copy)" \
				'0 0 0 0 0 0 0 0'
		fi
		check "$name: bytes" copies_are_equal "$disk" 0 1048576 $length
		disconnect formats
		remove_subsys "$sub"
	done
}

# Not injected: a namespace that really is full.
full() {
	local before
	disk=$(attach full -k 30)
	on "$disk"
	fill "$disk" 16M 1048576
	before=$(digest "$disk" 32M $length)
	copy_and_count "$disk" "$disk" 0 32MiB $length
	expect "a full namespace" "$(failed ENOSPC)" "copy=1 read=0 write=0" ""
	check_equal "$name: the destination is as it was" "$(digest "$disk" 32M $length)" "$before"
	detach full
}

modprobe nvme-debug i_know=1
events_on nvme/nvme_setup_cmd blk_copy/blk_copy_fallback printk/console
# Clearing it takes long otherwise.
echo 64 >$tracing/buffer_size_kb
loud /dev/nvme0n1
all /dev/nvme0n1
set_param size=64M mssrl=128 mcl=128 msrc=127
all "$(attach status -k 30)"
detach status
in_the_middle
bad_block
without_format_0
set_param memory=2M
full
events_off /tmp/events
finish
