#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# leaks: yes
# vm: --timeout 200
# What nvme-debug says of itself and when: Identify in all its CNS values with good and bad
# namespace ids, asynchronous events and their log pages, Abort, effects.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:admin
sub=$subsystems/$nqn
all=0xffffffff
trace=/sys/kernel/tracing/trace

# identify NAME CNS NSID STATUS: the status of Identify.
identify() {
	check_equal "CNS $2: $1" "$(admin a --opcode=6 --cdw10="$2" --namespace-id="$3" -r -l 4096)" \
		"$4"
}

# raw CNS NSID [COUNT]: the first COUNT dwords of what Identify returns.
raw() {
	nvme admin-passthru "/dev/$(ctrl_of a)" --opcode=6 --cdw10="$1" --namespace-id="$2" -r -l 4096 -b \
		2>/dev/null | od -An -v -td4 -N $((4 * ${3:-4})) | xargs
}

# Namespace 1 is active, 2 allocated; 8192 valid, 8193 not.
test_namespace_ids() {
	local cns
	for cns in 0x00 0x05 0x08; do
		identify 'an active namespace' $cns 1 0
		identify 'a namespace that is not active' $cns 2 0
		check_equal "CNS $cns: that is all zeroes" "$(raw $cns 2 1024 | tr -d '0 ')" ''
		identify 'the largest namespace id, unused' $cns 8192 0
		identify 'an invalid namespace id' $cns 8193 0x400b
		identify 'no namespace id' $cns 0 0x400b
		identify 'the broadcast namespace id' $cns $all 0x400b
	done
	identify 'an active namespace' 0x03 1 0
	identify 'a namespace that is not active' 0x03 2 0x4002
	identify 'an invalid namespace id' 0x03 8193 0x400b
	identify 'no namespace id' 0x03 0 0x400b
	identify 'the broadcast namespace id' 0x03 $all 0x400b
	identify 'an allocated namespace' 0x11 2 0
	check_equal 'CNS 0x11: it has a size' "$(raw 0x11 2 1)" 2048
	identify 'a namespace that is not allocated' 0x11 3 0
	check_equal 'CNS 0x11: that is all zeroes' "$(raw 0x11 3 1024 | tr -d '0 ')" ''
	identify 'the broadcast namespace id' 0x11 $all 0x400b
}

test_lists() {
	check_equal 'CNS 0x02: active namespaces' "$(raw 0x02 0)" '1 7 0 0'
	check_equal 'CNS 0x02: those above 1' "$(raw 0x02 1)" '7 0 0 0'
	check_equal 'CNS 0x02: those above 8000' "$(raw 0x02 8000)" '0 0 0 0'
	check_equal 'CNS 0x10: allocated namespaces' "$(raw 0x10 0)" '1 2 7 0'
	for cns in 0x02 0x10; do
		identify 'above FFFFFFFDh: none' $cns 0xfffffffd 0
		identify 'above FFFFFFFEh' $cns 0xfffffffe 0x400b
		identify 'above FFFFFFFFh' $cns $all 0x400b
	done
	check_equal 'CNS 0x13: controllers' "$(nvme list-ctrl "/dev/$(ctrl_of a)" | xargs)" \
		'num of ctrls present: 2 [ 0]:0x1 [ 1]:0x2'
	check_equal 'CNS 0x13: from 2' "$(nvme list-ctrl "/dev/$(ctrl_of a)" -c 2 | xargs)" \
		'num of ctrls present: 1 [ 0]:0x2'
	check_equal 'CNS 0x12: controllers of a namespace' \
		"$(nvme list-ctrl "/dev/$(ctrl_of a)" -n 7 | xargs)" \
		'num of ctrls present: 2 [ 0]:0x1 [ 1]:0x2'
	check_equal 'CNS 0x12: of one that is not active' \
		"$(nvme list-ctrl "/dev/$(ctrl_of a)" -n 2 | xargs)" 'num of ctrls present: 0'
	identify 'controllers of no namespace' 0x12 3 0x4002
	identify 'controllers of an invalid one' 0x12 8193 0x400b
	identify 'controllers of all' 0x12 $all 0x4002
	identify 'primary and secondary controllers' 0x15 0 0x4002
	identify 'an unknown one' 0x7f 0 0x4002
	check_equal 'the same namespace by both controllers' \
		"$(nvme ns-descs "/dev/$(ctrl_of a)" -n 7 | tail -n +2)" \
		"$(nvme ns-descs "/dev/$(ctrl_of b)" -n 7 | tail -n +2)"
}

test_features_and_logs() {
	check_equal 'Set Features: not for one namespace' "$(admin a --opcode=9 --cdw10=0xb \
		--cdw11=0x900 --namespace-id=1)" 0x410f
	check_equal 'Set Features: a namespace that is not active' "$(admin a --opcode=9 --cdw10=0xb \
		--cdw11=0x900 --namespace-id=2)" 0x4002
	check_equal 'Set Features: an invalid namespace' "$(admin a --opcode=9 --cdw10=0xb \
		--cdw11=0x900 --namespace-id=8193)" 0x400b
	check_equal 'Set Features: all namespaces' "$(admin a --opcode=9 --cdw10=0xb \
		--cdw11=0x900 --namespace-id=$all)" 0
	check_equal 'Set Features: an event there is not' "$(admin a --opcode=9 --cdw10=0xb \
		--cdw11=0x200)" 0x4002
	check_equal 'Get Log Page: of one namespace' "$(admin a --opcode=2 --cdw10=0x7f0002 \
		--namespace-id=1 -r -l 512)" 0x4002
	check_equal 'Get Log Page: wrong length' "$(admin a --opcode=2 --cdw10=0x7f0002 -r -l 508)" \
		0x400f
	check_equal 'Get Log Page: beyond the end' "$(admin a --opcode=2 --cdw10=0x7f0002 \
		--cdw12=516 -r -l 512)" 0x4002
	nvme get-log "/dev/$(ctrl_of a)" --log-id=5 --log-len=4096 --raw-binary >"$tmp/effects"
	check_equal 'the effects log: admin' "$(od -An -v -tx4 -w4 -N 1024 "$tmp/effects" |
		awk '$1 != "00000000" { printf "%02x=%d ", NR - 1, $1 }')" \
		'02=1 06=1 08=1 09=1 0a=1 0c=1 18=1 '
	check_equal 'the effects log: I/O' "$(od -An -v -tx4 -w4 -j 1024 -N 1024 "$tmp/effects" |
		awk '$1 != "00000000" { printf "%02x=%d ", NR - 1, $1 }')" \
		'00=1 01=3 02=1 04=3 05=1 08=3 09=3 0c=1 19=3 '
}

# --- events ---

# The results of the events that the NVMe core has had since $mark.
events() { sed -n "s/.*nvme_async_event: $1: NVME_AEN=\(0x[0-9a-f]*\).*/\1/p" $trace | xargs; }
# shellcheck disable=SC2317 # called by wait_for
events_are() { [ "$(events "$1")" = "$2" ]; }

# has_path CONTROLLER NSID: the host has found the namespace there, after it has read the log.
# shellcheck disable=SC2317 # called by wait_for
has_path() {
	local f
	for f in "/sys/class/nvme/$1"/nvme*n*/nsid; do
		has "$f" "$2" && return
	done
	return 1
}

# host_ana_is CONTROLLER STATE: what the host has read of it, of all its namespaces.
# shellcheck disable=SC2317 # called by wait_for
host_ana_is() { [ "$(sort -u "/sys/class/nvme/$1"/nvme*c*n*/ana_state)" = "$2" ]; }

# changed: the changed namespace list as numbers, with bit 15 of DW10 as given.
changed() {
	nvme admin-passthru "/dev/$(ctrl_of a)" --opcode=2 --cdw10=$((0x03ff0004 | ${1:-0})) \
		--namespace-id=$all -r -l 4096 -b 2>/dev/null | od -An -v -td4 -N 16 | xargs
}

test_events() {
	local a b
	a=$(ctrl_of a) b=$(ctrl_of b)
	echo >$trace
	echo 1 >/sys/kernel/tracing/events/nvme/nvme_async_event/enable
	make_ns "$sub" 3 size=1M
	check 'a new namespace: both controllers say so' wait_for 10 events_are "$a" 0x040002
	check 'the other, too' wait_for 10 events_are "$b" 0x040002
	wait_for 10 has_path "$a" 3
	wait_for 10 has_path "$b" 3
	# The log has been read by then, which clears the event.
	rmdir "$sub/namespaces/3"
	check 'a namespace is gone: they say it again' wait_for 10 events_are "$a" '0x040002 0x040002'
	wait_for 10 no_ns_disk $nqn 3
	set_attrs "$sub/controllers/a" ana_state=non-optimized
	check 'ANA change: one controller says so' wait_for 10 events_are "$a" \
		'0x040002 0x040002 0x0c0302'
	check_equal 'the other does not' "$(events "$b")" '0x040002 0x040002'
	set_attrs "$sub/namespaces/2" size=2M
	set_attrs "$sub/controllers/a" ana_state=non-optimized
	sleep 0.5
	check_equal 'what changes nothing for hosts is no event' "$(events "$a")" \
		'0x040002 0x040002 0x0c0302'
	wait_for 10 host_ana_is "$a" non-optimized
	set_attrs "$sub/controllers/a" ana_state=optimized
}

# With notices off the NVMe core reads no log: what has changed stays in it.
test_changed_list() {
	local a i
	a=$(ctrl_of a)
	wait_for 5 events_are "$a" '0x040002 0x040002 0x0c0302 0x0c0302'
	nvme set-feature "/dev/$a" -f 0xb -v 0 >/dev/null
	check_equal 'nothing has changed' "$(changed)" '0 0 0 0'
	set_attrs "$sub/namespaces/7" size=3M
	set_attrs "$sub/namespaces/1" mcl=77
	set_attrs "$sub/namespaces/7" size=4M
	check_equal 'what has changed, in order, once; retained' "$(changed 0x8000)" '1 7 0 0'
	check_equal 'read again' "$(changed)" '1 7 0 0'
	check_equal 'then it is empty' "$(changed)" '0 0 0 0'
	check_equal 'with notices off there is no event' "$(events "$a")" \
		'0x040002 0x040002 0x0c0302 0x0c0302'
	set_attrs "$sub/namespaces/1" enable=0 enable=1
	check_equal 'nvme-cli reads it, too' "$(nvme changed-ns-list-log "/dev/$a" -o binary |
		od -An -v -td4 -N 8 | xargs)" '1 0'
	nvme set-feature "/dev/$(ctrl_of b)" -f 0xb -v 0 >/dev/null
	mkdir "$sub"/namespaces/{1001..2030}
	for i in {1001..2030}; do echo 1 >"$sub/namespaces/$i/enable"; done
	for i in {1001..2030}; do echo 0 >"$sub/namespaces/$i/enable"; done
	check_equal 'more than 1024: one entry says so' "$(changed)" '-1 0 0 0'
	rmdir "$sub"/namespaces/{1001..2030}
	nvme set-feature "/dev/$a" -f 0xb -v 0x900 >/dev/null
	nvme set-feature "/dev/$(ctrl_of b)" -f 0xb -v 0x900 >/dev/null
}

# request FILE: hold an event request, by the side of the NVMe core's; its pid in $request.
request() {
	echo >$trace
	nvme admin-passthru "/dev/$(ctrl_of a)" --opcode=0xc >"$1" 2>&1 &
	request=$!
	wait_for 5 grep -q "cmd=(nvme_admin_async_event" $trace
}

# Events go to requests in the order these came.
test_requests() {
	local a request
	a=$(ctrl_of a)
	echo 1 >/sys/kernel/tracing/events/nvme/nvme_setup_cmd/enable
	echo >$trace
	request "$tmp/aer1"
	request "$tmp/aer2"
	sleep 0.5
	check_equal 'AERL: one request too many' "$(admin a --opcode=0xc)" 0x4105
	set_attrs "$sub/namespaces/1" mcl=78
	check 'the oldest request is the NVMe core'\''s' wait_for 10 events_are "$a" 0x040002
	# Which reads the log, and sends its next one.
	wait_for 10 grep -q "$a: .*cmd=(nvme_admin_get_log_page cdw10=04 " $trace
	sleep 0.5
	set_attrs "$sub/namespaces/1" mcl=79
	check 'then one of ours' wait_for 10 grep -q 'result: 0x00040002' "$tmp"/aer[12]
	set_attrs "$sub/controllers/a" ana_state=non-optimized
	check 'and the other, with the other notice' wait_for 10 grep -q 'result: 0x000c0302' \
		"$tmp"/aer[12]
	wait
	# Nobody has told the NVMe core to read these two logs.
	check_equal 'the last change is in the list' "$(changed)" '1 0 0 0'
	nvme ana-log "/dev/$a" >/dev/null
	set_attrs "$sub/namespaces/1" mcl=80
	check 'after that there are events again' wait_for 10 events_are "$a" '0x040002 0x040002'
	set_attrs "$sub/controllers/a" ana_state=optimized
}

test_abort() {
	local a cid request want
	a=$(ctrl_of a)
	echo >$trace
	request "$tmp/aer"
	cid=$(sed -n 's/.*qid=0, cmdid=\([0-9]*\),.*nvme_admin_async_event.*/\1/p' $trace | tail -1)
	check 'Abort of an event request' grep -q 'result: 0x00000000' \
		<(nvme admin-passthru "/dev/$a" --opcode=8 --cdw10=$((cid << 16)) 2>&1)
	wait "$request" || :
	check_equal 'the request ends with Command Abort Requested' "$(status_in "$(<"$tmp/aer")")" 0x7
	check 'Abort of what there is not' grep -q 'result: 0x00000001' \
		<(nvme admin-passthru "/dev/$a" --opcode=8 --cdw10=$((cid << 16)) 2>&1)
	request "$tmp/aer"
	check 'a reset' nvme reset "/dev/$a"
	check 'ends the request' wait_for 20 bash -c "! kill -0 $request"
	wait "$request" || :
	sed 's/^/# /' "$tmp/aer"
	request "$tmp/aer"
	check 'also a removal' disconnect a
	check 'ends the request' wait_for 10 bash -c "! kill -0 $request"
	wait "$request" || :
	connect $nqn a -D
	wait_for 10 test -e "/dev/$(ctrl_of a)"
	a=$(ctrl_of a)
	echo >$trace
	set_attrs "$sub/namespaces/1" mcl=81
	want=$(wait_for 10 events_are "$a" 0x040002 && echo yes || echo no)
	check_equal 'there are events after a reconnect' "$want" yes
	# A reset beside a scan that finds one is more than Linux 6.12 can stand.
	wait_for 10 has_path "$a" 1
	wait_for 10 has_path "$a" 7
	nvme reset "/dev/$a"
	sleep 0.5
	set_attrs "$sub/namespaces/1" mcl=82
	check 'and after a reset' wait_for 10 events_are "$a" '0x040002 0x040002'
}

# A request with a timeout of its own.
test_request_timeout() {
	check 'a request that times out ends, and is all that does' bash -c \
		"nvme admin-passthru /dev/$(ctrl_of a) --opcode=0xc --timeout=1000 2>&1 | grep -q '(0x7)'"
	check_equal 'the controller has not been reset for it' \
		"$(cat "/sys/class/nvme/$(ctrl_of a)/state")" live
}

# 128 ranges of 65535 blocks of a namespace that holds nothing: no memory, but time.
test_abort_copy() {
	local d r cid qid copy bytes
	make_ns "$sub" 9 size=1T block_size=4096 mssrl=65535 mcl=4294967295
	wait_for 10 ns_disk $nqn 9
	d=$(ns_disk $nqn 9)
	for ((r = 0; r < 128; r++)); do
		printf '\0%.0s' {1..16}
		printf '\xfe\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
	done >"$tmp/list"
	echo >$trace
	nvme io-passthru "$d" --opcode=0x19 --namespace-id=9 --write --input-file="$tmp/list" \
		--data-len=4096 --cdw10=100000000 --cdw12=127 >"$tmp/copy" 2>&1 &
	copy=$!
	wait_for 10 grep -q 'cmdid=.*nvme_cmd_copy' $trace
	read -r qid cid < <(sed -nE 's/.*qid=([1-9]), cmdid=([0-9]+), nsid=9,.*nvme_cmd_copy.*/\1 \2/p' \
		$trace | tail -1)
	check 'Abort of a Copy on its way' grep -q 'result: 0x00000000' <(for c in a b; do
		nvme admin-passthru "/dev/$(ctrl_of $c)" --opcode=8 --cdw10=$((cid << 16 | qid)) 2>&1
	done)
	wait $copy || :
	check_equal 'C58 it ends with Command Abort Requested' "$(status_in "$(<"$tmp/copy")")" 0x7
	read -r _ _ bytes _ < <(stat_of "$sub" 9 copy)
	check 'C58 and before it is through' test "$bytes" -lt $((128 * 65535 * 4096))
	rmdir "$sub/namespaces/9"
}

modprobe nvme-debug i_know=1 size=1M
mkdir $sub $sub/controllers/a
set_attrs $sub aerl=2
make_ns $sub 1
mkdir $sub/namespaces/2
make_ns $sub 7
connect $nqn a
connect $nqn b -D
wait_for 20 ns_disk $nqn 7
test_namespace_ids
test_lists
test_features_and_logs
test_events
test_changed_list
test_requests
test_abort
test_request_timeout
test_abort_copy
nvme disconnect -n $nqn >/dev/null
remove_subsys $sub
check 'unload' modprobe -r nvme-debug
finish
