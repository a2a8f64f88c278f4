#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `trace --replay' of a recording: every output, every filter; recordings that are cut, damaged or
# none; files that cannot be written. No kernel is needed for that.
# Functions are called by check, numbers have no blanks, and $d belongs to sed.
# shellcheck disable=SC2317,SC2086,SC2016
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

recording=$top/tests/cli/golden/recording.ndjson

replay() { "$bpfcopy" trace --replay="$recording" "$@"; }

# same NAME FILE ARGUMENT...: what is printed is golden/FILE.
same() {
	local name=$1 golden=$top/tests/cli/golden/$2
	shift 2
	replay "$@" >"$scratch/out" 2>"$scratch/err"
	[ -z "${UPDATE:-}" ] || cp "$scratch/out" "$golden"
	check "$name" diff "$golden" "$scratch/out"
}
same 'as a table' replay.txt
same 'as a wide one, with times and tokens' replay-wide.txt --wide --split --tokens
same 'as JSON' replay.json -o json --tokens
same 'as NDJSON' replay.ndjson -o ndjson --tokens
check_equal 'the rows are those of the recording' \
	"$(grep -vE '"type":"(path|bye)"' "$scratch/out")" "$(grep -vE '"type":"(path|bye)"' "$recording")"
check 'totals on stderr' grep -qx \
	'3 copies, 1 failed; tokens: 1 created, 1 freed; lost 3 (50.00 %)' <(replay 2>&1 >/dev/null)
check_equal 'from a pipe' "$("$bpfcopy" trace -r - -o ndjson <"$recording" 2>/dev/null | wc -l)" \
	"$(replay -o ndjson 2>/dev/null | wc -l)"

# A filter chooses what jq does: OPTION|CONDITION
while IFS='|' read -r option condition; do
	want=$(jq -r "select(.type == \"copy\") | select($condition) | .copy_id" "$recording")
	check_equal "filter $option" "$(replay -o ndjson "$option" 2>/dev/null |
		jq -r 'select(.type == "copy") | .copy_id')" "$want"
	check "filter $option: some, not all" test "$(wc -w <<<"$want")" -gt 0 -a "$(wc -w <<<"$want")" -lt 3
	check_equal "filter $option: totals" "$(replay -o ndjson "$option" 2>/dev/null |
		jq -r 'select(.type == "bye") | .copies')" "$(wc -w <<<"$want")"
	check_equal "filter $option: tokens are those of the copies" \
		"$(replay -o ndjson --tokens "$option" 2>/dev/null |
			jq -r 'select(.type == "token") | .copy_id' | sort -u)" \
		"$(jq -r 'select(.type == "token") | .copy_id' "$recording" | sort -u | grep -xF "$want")"
done <<-'FILTERS'
	--path=emulate|.path == "emulate"
	--reason=caller|.reason == "caller"
	--origin=io_uring|.origin == "io_uring"
	--comm=fio|.comm == "fio"
	--pid=166|.pid == 166
	--errors|.error
	--min-size=1MiB|.bytes >= 1048576
	--min-latency=200ms|.latency_ns >= 200000000
	--dev=nvme0n1p1|.device == "nvme0n1p1"
	--dev=nvme-x-part1|.device == "nvme0n1p1"
	--dev=/dev/nvme0n1|.device == "nvme0n1" or .device == "nvme0n1p1"
	--dev=nvme1n1|.device == "nvme1n1"
FILTERS
check_equal 'no more than asked for' "$(replay -o ndjson --count=1 2>/dev/null | grep -c '"copy"')" 1

# As a picture.
replay --perfetto="$scratch/picture" 2>/dev/null
check_equal 'the picture is right' "$(jq -r -f "$top/tests/perfetto.jq" "$scratch/picture")" ''
check_equal 'a slice for each copy, where and how it was' "$(jq -r '
	(.traceEvents | map(select(.ph == "M") | { "\(.pid) \(.tid)": .args.name }) | add) as $name |
	.traceEvents[] | select(.ph == "X") |
	"\($name["\(.pid) 0"]), \($name["\(.pid) \(.tid)"]): \(.name) \(.args.bytes)"' "$scratch/picture")" \
	'nvme0n1 (nvme-x), commands: copy 4096
nvme0n1 (nvme-x), tokens: token 4096
nvme0n1 (nvme-x), offload: builtin 4096
nvme0n1p1 (nvme-x-part1), emulate: caller 33554432
nvme1n1, offload: policy 65536'
check_equal 'as long as it took' "$(jq '[.traceEvents[] | select(.cat == "emulate") | .dur * 1000] | add' \
	"$scratch/picture")" 188791175
# Other I/O: half of each slice of a copy long, and in no other output.
{
	head -n -1 "$recording"
	jq -c 'select(.type == "copy") | { schema, type: "io", ts_ns: (.ts_ns - 1000), device: "nvme0n1", op: "read",
		sector: 8, bytes: 512, latency_ns: (.latency_ns / 2 | floor), failed: false }' "$recording"
	tail -n 1 "$recording"
} >"$scratch/io"
check_equal 'other I/O has a track of its own' "$("$bpfcopy" trace -r "$scratch/io" --perfetto=/dev/stdout 2>/dev/null |
	tee "$scratch/picture.io" | jq -c '.traceEvents | map(select(.cat == "other I/O")) | [length, (map(.args.bytes) | add)]')" \
	'[3,1536]'
check_equal 'and is right' "$(jq -r -f "$top/tests/perfetto.jq" "$scratch/picture.io")" ''
check_equal 'of the device that is asked for' "$("$bpfcopy" trace -r "$scratch/io" --dev=nvme1n1 \
	--perfetto=/dev/stdout 2>/dev/null | jq '.traceEvents | map(select(.cat == "other I/O")) | length')" 0
check 'other outputs are the same' cmp <(replay -o ndjson --tokens 2>&1) \
	<("$bpfcopy" trace -r "$scratch/io" -o ndjson --tokens 2>&1)
# Would the checker notice?
check_equal 'two slices at once on a thread are noticed' "$(jq '.traceEvents |= map(select(.ph != "X")) +
	([.[] | select(.cat == "emulate")] | . + . | .[1].ts += 1)' "$scratch/picture" |
	jq -r -f "$top/tests/perfetto.jq" | cut -d: -f1)" overlap
check_equal 'so is a time before the start' "$(jq '(.traceEvents[] | select(.ph == "i") | .ts) = -1' \
	"$scratch/picture" | jq -r -f "$top/tests/perfetto.jq" | grep -c ': ts: ')" 1
check_equal 'and a slice without a name' "$(jq '(.traceEvents[] | select(.cat == "emulate") | .name) = ""' \
	"$scratch/picture" | jq -r -f "$top/tests/perfetto.jq" | grep -c ': types: ')" 1

# A part of it, recorded again.
replay --record="$scratch/part" --path=offload --tokens 2>/dev/null
check_equal 'a recording of a recording' "$(jq -r .type "$scratch/part" | sort | uniq -c | tr -s ' \n' ' ')" \
	' 1 bye 2 copy 1 hello 1 lost 1 path 6 token '

# Cut anywhere: what is whole is shown, and where it ends is told.
cut_anywhere() {
	local size at lines status
	size=$(stat -c %s "$recording")
	for ((at = 0; at < size; at += at > size - 4 ? 1 : 37)); do
		head -c $at "$recording" >"$scratch/cut"
		status=0
		"$bpfcopy" trace -r "$scratch/cut" -o ndjson --tokens >"$scratch/out" 2>"$scratch/err" || status=$?
		# A row that lacks nothing but the end of its line is whole.
		lines=$(jq -c 'select(.type | IN("hello", "copy", "token", "lost"))' "$scratch/cut" 2>/dev/null | wc -l) || :
		[ "$(grep -cE '"type":"(hello|copy|token|lost)"' "$scratch/out")" = "$lines" ] ||
			{ echo "cut at $at: not $lines rows"; cat "$scratch/out"; return 1; }
		case $at in
		0) [ $status = 1 ] && grep -q 'empty: not a recording' "$scratch/err" && continue ;;
		$((size - 1))) [ $status = 0 ] && [ ! -s "$scratch/err" ] && continue ;;
		*) [ $status = 7 ] && grep -qE "cut:[0-9]+: byte [0-9]+: the recording (is cut off|ends here)" \
			"$scratch/err" && continue ;;
		esac
		echo "cut at $at: status $status"
		cat "$scratch/err"
		return 1
	done
}
check 'cut anywhere' cut_anywhere
whole=$(head -n 5 "$recording" | wc -c)
head -c $((whole + 100)) "$recording" >"$scratch/cut"
check 'where it is cut: line, byte, and how much is whole' grep -qx \
	"bpfcopy: $scratch/cut:6: byte $whole: the recording is cut off in this row; the 5 before it are whole" \
	<("$bpfcopy" trace -r "$scratch/cut" 2>&1 >/dev/null)

# damaged NAME STATUS REGEX SED-COMMAND
damaged() {
	sed "$4" "$recording" >"$scratch/bad"
	check_status "$1" "$2" "$bpfcopy" trace -r "$scratch/bad"
	check "$1: it says so" grep -qE "$3" <("$bpfcopy" trace -r "$scratch/bad" 2>&1 >/dev/null)
}
damaged 'a line in the middle' 1 'bad:5: byte [0-9]+: not a row of a trace \(it is not JSON\)' '5s/^./#/'
damaged 'a number that is a text' 1 'bad:9: .*\(bytes\)' '/"copy_id":2,/s/"bytes":[0-9]*/"bytes":"many"/'
damaged 'a number below 0' 1 'bad:9: .*\(latency_ns\)' '/"copy_id":2,/s/"latency_ns":/"latency_ns":-/'
damaged 'an error that is none' 1 'bad:9: .*\(error\)' 's/"EIO"/"EWHAT"/'
damaged 'a copy without length' 1 'bad:9: .*without id, time, bytes' '/"copy_id":2,/s/"bytes":[0-9]*,//'
damaged 'no hello' 1 'bad:1: .*first row is no hello' 1d
damaged 'another schema' 1 'bad:1: .*its schema is not bpfcopy.trace/1' 's,trace/1,trace/2,'
damaged 'no end' 7 'bad:13: byte [0-9]+: the recording ends here' '$d'
damaged 'rows of a later version' 0 '^3 copies' 's/"type":"path"/"type":"news"/'
check_status 'a file of something else' 1 "$bpfcopy" trace -r "$0"
check_status 'no such file' 1 "$bpfcopy" trace -r "$scratch/nowhere"
check_status 'tokens cannot be filtered in a pipe' 1 sh -c \
	"cat '$recording' | '$bpfcopy' trace -r - --tokens --errors"

refuse 'a cgroup is not in it' 2 'cgroup has no meaning with --replay' trace -r "$recording" --cgroup=/
refuse 'to where it comes from' 2 'the same file twice' trace -r "$recording" --record="$recording"
check_status 'the disk is full' 1 "$bpfcopy" trace -r "$recording" --record=/dev/full
check 'the disk is full: it says so' grep -q \
	'cannot write /dev/full: No space left on device' <(replay --record=/dev/full 2>&1)
check_status 'the disk is full for a picture' 1 "$bpfcopy" trace -r "$recording" --perfetto=/dev/full
check_status 'nowhere to write' 1 "$bpfcopy" trace -r "$recording" --record="$scratch/no/where"
check_status 'nowhere to draw' 1 "$bpfcopy" trace -r "$recording" --perfetto="$scratch/no/where"
echo old >"$scratch/old"
check_status 'what cannot be read' 1 "$bpfcopy" trace -r "$0" --perfetto="$scratch/old"
check_equal 'is not drawn over what is there' "$(cat "$scratch/old") $(ls "$scratch"/old*)" "old $scratch/old"

finish
