#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `trace --replay' of a recording: every output, every filter; recordings that are cut, damaged or
# none; files that cannot be written. `hist', `top' and `tokens' of the same. No kernel is needed for that.
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

#
# The other views
#

# view NAME FILE VERB ARGUMENT...: what is printed is golden/FILE, and there are no other words.
view() {
	local name=$1 golden=$top/tests/cli/golden/$2 status=0
	shift 2
	"$bpfcopy" "$@" --replay="$recording" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ -z "${UPDATE:-}" ] || cp "$scratch/out" "$golden"
	check "$name" diff "$golden" "$scratch/out"
	check_equal "$name: it ends well" "$status" 0
}
view 'hist' replay-hist.txt hist
check_equal 'hist: totals on stderr' "$(cat "$scratch/err")" '3 copies, 1 failed; lost 3 (50.00 %)'
view 'hist: as JSON' replay-hist.json hist -o json --by=dev,path,policy,origin
view 'top: frames as text' replay-top.txt top -b --interval=500ms
view 'top: frames as JSON' replay-top.json top -o json --interval=500ms

hist() { "$bpfcopy" hist -r "$recording" -o ndjson "$@" 2>/dev/null; }
tops() { "$bpfcopy" top -r "$recording" -o ndjson "$@" 2>/dev/null; }

# The recording's copies end 1, 713 and 913 ms after its hello.
started=$(jq -r 'select(.type == "hello").ts_ns' "$recording")
check_equal 'hist: each copy is in its interval' "$(hist --by=origin --interval=100ms | jq -r --arg t "$started" '
	def ms: (. - ($t | tonumber)) / 1e6 | round;
	select(.type == "series") | "\(.from_ns | ms) \(.to_ns | ms) \(.copies)"' | xargs)" '0 100 1 700 800 1 900 913 1'
check_equal 'hist: a time without copies is one block' \
	"$("$bpfcopy" hist -r "$recording" --interval=100ms 2>/dev/null | grep -c ' to .*copies, lost')" 5
check_equal 'hist: intervals make the whole' "$(hist --interval=1ms --by=path | jq -s 'map(select(.type == "series").copies) | add')" 3
check_equal 'top: so do frames' "$(tops --interval=1ms | jq -s 'map(select(.type == "device").copies) | add')" 3
check_equal 'top: a frame begins where the one before ends' "$(tops --interval=1ms | jq -s '
	map(select(.type == "frame" or .type == "hello")) | [.[:-1], .[1:]] | transpose |
	map(select((.[1].ts_ns - .[1].interval_ns - .[0].ts_ns | fabs) > 1000)) | length')" 0
check_equal 'top: no more than asked for' "$(tops --interval=500ms --count=1 | grep -c '"frame"')" 1
check_equal 'top: the lost are those of the recording' "$(tops | jq -s 'map(select(.type == "frame"))[-1].lost')" 3
check_equal 'top: tokens are freed' "$(tops | jq -s 'map(select(.type == "frame"))[-1].tokens')" 0
grep -v '"step":"free"' "$recording" >"$scratch/alive"
check_equal 'top: or alive' "$("$bpfcopy" top -r "$scratch/alive" -o ndjson | jq -s 'map(select(.type == "frame"))[-1].tokens')" 1
sed '1s/"tokens":true/"tokens":false/' "$recording" >"$scratch/none"
check_equal 'top: or not known' "$("$bpfcopy" top -r "$scratch/none" -o ndjson | jq -s 'map(select(.type == "frame"))[-1].tokens')" null
check 'top: and then not shown' sh -c "! '$bpfcopy' top -b -r '$scratch/none' | grep tokens"

while IFS='|' read -r option condition; do
	check_equal "hist: filter $option" "$(hist "$option" | jq -r 'select(.type == "bye").copies')" \
		"$(jq -r "select(.type == \"copy\") | select($condition) | .copy_id" "$recording" | wc -l)"
done <<-'FILTERS'
	--path=emulate|.path == "emulate"
	--origin=io_uring|.origin == "io_uring"
	--pid=166|.pid == 166
	--errors|.error
	--min-size=1MiB|.bytes >= 1048576
	--min-latency=200ms|.latency_ns >= 200000000
	--dev=/dev/nvme0n1|.device == "nvme0n1" or .device == "nvme0n1p1"
FILTERS
check_equal 'top: one device' "$(tops --dev=nvme1n1 | jq -r 'select(.type == "device").device' | sort -u)" nvme1n1

# Two disks of a name are two.
jq -c 'if .copy_id == 3 and .type == "copy" then .device = "nvme0n1" | .device_id = "nvme-y" else . end' \
	"$recording" >"$scratch/two"
check_equal 'hist: a name that was of two disks' "$("$bpfcopy" hist -r "$scratch/two" --by=dev -o ndjson |
	jq -r 'select(.type == "series") | "\(.device) \(.copies)"' | xargs)" 'nvme0n1 1 nvme0n1 1 nvme0n1p1 1'
# What no list of this version has.
sed 's/"path":"emulate","reason"/"path":"teleport","reason"/' "$recording" >"$scratch/later"
check_equal 'hist: a path of a later version' "$("$bpfcopy" hist -r "$scratch/later" --by=path -o ndjson |
	jq -r 'select(.type == "series") | "\(.path) \(.copies)"' | xargs)" 'offload 2 unknown 1'

# tokens FILE FILTER
tokens() { "$bpfcopy" tokens -r "$1" -o json 2>/dev/null | jq -r "$2"; }
check_equal 'tokens: all are freed' "$(tokens "$recording" \
	'"\(.tokens | length) \(.bye.created) \(.bye.freed) \(.bye.lost) \(.lifetimes[0].from_ns) \(.bye.p50_ns)"')" \
	'0 1 1 3 131072 253951'
check_equal 'tokens: one that outlives its copy is leaked, and whose it was is known' "$(tokens "$scratch/alive" \
	'.tokens[0] | "\(.state) \(.token_id) \(.bytes) \(.done_bytes) \(.extents) \(.device) \(.disk) \(.origin) \(.pid) \(.comm)"')" \
	'leaked 7 4096 4096 1 nvme0n1 nvme0n1 ioctl 166 bpfcopy'
grep -vE '"step":"(free|complete)"|"copy_id":1,"ranges":1,"off' "$recording" >"$scratch/held"
check_equal 'tokens: one that is with the device' "$(tokens "$scratch/held" \
	'.tokens[0] | "\(.state) \(.age_ns) \(.consumed_bytes) \(.done_bytes) \(.device) \(.pid)"')" \
	'consumed 911977801 4096 0 null null'
grep -v '"step":"alloc"' "$scratch/held" >"$scratch/before"
check_equal 'tokens: one that was there before' "$(tokens "$scratch/before" \
	'"\(.bye.found) \(.bye.created) \(.tokens[0].bytes) \(.tokens[0].age_ns)"')" '1 0 null 911977801'
check_equal 'tokens: too young' "$("$bpfcopy" tokens -r "$scratch/held" --older-than=1s -o json | jq '.tokens | length')" 0
check 'tokens: for people' grep -qE '^ +7 +912ms consumed +4KiB +1 - +- +- -$' <("$bpfcopy" tokens -r "$scratch/held" 2>&1)
check 'tokens: totals on stderr' grep -qx \
	'1 tokens created, 1 freed, 0 found that were there before; 0 alive; p50 254us, p99 254us; lost 3' \
	<("$bpfcopy" tokens -r "$recording" 2>&1 >/dev/null)
refuse 'tokens: none are in it' 1 'none: no tokens are in it: .*without --tokens' tokens -r "$scratch/none"
refuse 'tokens: stacks are not in it' 2 'leaks has no meaning with --replay' tokens -r "$recording" --leaks
refuse 'tokens: it is shown once' 2 'watch has no meaning with --replay' tokens -r "$recording" --watch

# The picture: a cell for each copy.
"$bpfcopy" hist -r "$recording" --heatmap="$scratch/map.svg" --by=dev >/dev/null 2>&1
check_equal 'hist: a heatmap has all copies' "$(sed -nE 's/.*<title>.*: ([0-9]+) (copy|copies) in .*/\1/p' "$scratch/map.svg" |
	awk '{ n += $1 } END { print n }')" 3
check 'hist: it is as long as the recording' grep -q 'UTC on, for 913ms' "$scratch/map.svg"
echo old >"$scratch/old.svg"
check_status 'hist: what cannot be read' 1 "$bpfcopy" hist -r "$0" --heatmap="$scratch/old.svg"
check_equal 'hist: is not drawn over what is there' "$(cat "$scratch/old.svg")" old

# What is wrong with a recording, every view says alike; what is whole before it is shown.
same_words() {
	local view status want
	want=0
	"$bpfcopy" trace -r "$1" -o ndjson >"$scratch/rows" 2>"$scratch/want" || want=$?
	for view in 'hist -o json --by=path' 'top -o json' 'tokens -o json'; do
		status=0
		"$bpfcopy" $view -r "$1" >"$scratch/out" 2>"$scratch/err" || status=$?
		if [ $status != $want ] || ! cmp "$scratch/want" "$scratch/err"; then
			echo "$view: status $status, not $want"
			cat "$scratch/err"
			return 1
		fi
		[ "$view" = 'tokens -o json' ] || [ "$(jq -s '[.[] | (.series // .devices)[]?.copies] | add // 0' "$scratch/out")" = \
			"$(grep -c '"type":"copy"' "$scratch/rows")" ] || { echo "$view: other copies"; return 1; }
	done
}
cut_and_same() {
	local at size
	size=$(stat -c %s "$recording")
	for ((at = 0; at < size; at += at > size - 4 ? 1 : 499)); do
		head -c $at "$recording" >"$scratch/cut"
		same_words "$scratch/cut" || { echo "cut at $at"; return 1; }
	done
}
check 'other views: cut anywhere, as trace' cut_and_same
sed '5s/^./#/' "$recording" >"$scratch/bad"
check 'other views: damaged, as trace' same_words "$scratch/bad"
sed 1d "$recording" >"$scratch/bad"
check 'other views: no recording, as trace' same_words "$scratch/bad"
for verb in hist 'top -b' tokens; do
	check_status "$verb: no such file" 1 "$bpfcopy" $verb -r "$scratch/nowhere"
	refuse "$verb: a duration is not in it" 2 'duration has no meaning with --replay' $verb -r "$recording" --duration=1s
	check_equal "$verb: from a pipe" "$("$bpfcopy" $verb -r - <"$recording" 2>/dev/null | md5sum)" \
		"$("$bpfcopy" $verb -r "$recording" 2>/dev/null | md5sum)"
	check_status "$verb: what is lost is the exit status, if asked for" 7 "$bpfcopy" $verb -r "$recording" --fail-on-loss
	check_status "$verb: the disk is full" 1 sh -c "'$bpfcopy' $verb -r '$recording' >/dev/full"
done
refuse 'hist: all series have room' 2 'max-series has no meaning with --replay' hist -r "$recording" --max-series=1
refuse 'top: a screen without a terminal' 1 'no terminal; -b' top -r "$recording"

finish
