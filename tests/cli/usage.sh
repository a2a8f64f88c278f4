#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is typed wrongly is refused with status 2 and a hint; --help helps.
# Functions are called by check.
# shellcheck disable=SC2317,SC2086
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/cli/make-sysfs" "$scratch/sysfs"
export BPFCOPY_SYSFS=$scratch/sysfs

mapfile -t verbs < <("$bpfcopy" --help | sed -nE '/^Verbs:$/,/^$/s/^  ([a-z]+( [a-z]+)?)  .*/\1/p')

refuse 'no verb at all' 2 'want a verb'
refuse 'unknown verb' 2 'no verb .frobnicate' frobnicate
for near in sttus Status stat statuss load-all; do
	refuse "nearly a verb: $near" 2 "no verb .$near'" "$near"
done
refuse 'empty verb' 2 "no verb .'" ''
refuse 'first half of a verb' 2 'second word' dev
refuse 'unknown second half' 2 'no verb .dev frobnicate' dev frobnicate
refuse 'nearly a second half' 2 "no verb .dev lst': want dev list or show" dev lst
refuse 'two halves in one word' 2 "no verb .dev list'" 'dev list'
refuse 'no case' 2 'want --case' policy test always
refuse 'a case without a value' 2 'bytes.: want KEY=VALUE' policy test always --case=bytes
refuse 'an unknown key of a case' 2 'no key .size.; there are bytes, chunk' policy test always --case=size=4KiB
refuse 'a wrong size in a case' 2 'bytes=4K: .*64KiB' policy test always --case=bytes=4K
refuse 'a wrong word in a case' 2 'want one of kernel' policy test always --case=origin=me
refuse 'a wrong number in a case' 2 'want a whole number' policy test always --case=inflight=-1
refuse 'unknown option' 2 "unrecognized option '--frobnicate'" status --frobnicate
refuse 'option of another verb' 2 "unrecognized option '--tokens'" status --tokens
refuse 'unknown format' 2 'want one of table\|json\|ndjson' status -o xml
refuse 'metrics of what has none' 2 'only stats prints metrics' status -o prom
refuse 'stats: two things at once' 2 'exclude each other' stats --collect=start --textfile=a
refuse 'stats: collect what?' 2 'want one of start.stop' stats --collect=now
refuse 'unknown format, before the verb' 2 'want one of table' -o xml status
refuse 'too many arguments' 2 'unexpected argument .extra' status extra
refuse 'too few arguments' 2 'want DEV' dev show

refuse 'size without unit' 2 'min-size=64: .*KiB.*like 64KiB' trace --min-size=64
for size in 64us 64kib 64K 64KB 1.5MiB -1KiB; do
	refuse "no size: $size" 2 "min-size=$size: .*like 64KiB" trace --min-size="$size"
done
refuse 'step without unit' 2 'step=4096: .*like 64KiB' copy --step=4096 nvme0n1 nvme0n1 4KiB
refuse 'time without unit' 2 'min-latency=5: .*like 500us' trace --min-latency=5
refuse 'duration without unit' 2 'duration=5: .*like 500us' trace --duration=5
refuse 'no duration at all' 2 'above 0' trace --duration=0s
refuse 'interval of no time' 2 'above 0' top --interval=0ms
refuse 'hist: told apart by what?' 2 'want one of dev.path.policy.origin' hist --by=dev,colour
refuse 'hist: by nothing' 2 'want one of dev.path.policy.origin' hist --by=
refuse 'hist: no kind of picture' 2 'ends in .svg or .html' hist --heatmap=latency.png
refuse 'count of 0' 2 'above 0' trace --count=0
refuse 'length without unit' 2 'length .4096.*like 64KiB' copy nvme0n1 nvme0n1 4096
refuse 'offset without unit' 2 'offset .5. of nvme0n1.*like 64KiB' copy nvme0n1 nvme0n1@5 4KiB
refuse 'size that overflows' 2 'too large' copy nvme0n1 nvme0n1 99999999TiB

refuse 'load: nowhere' 2 '--dev.*--all.*--global' load threshold
refuse 'load: everywhere at once' 2 'exclude each other' load threshold --all --global
refuse 'unload: nowhere' 2 '--dev.*--all.*--global' unload
refuse 'load: argument that is no parameter' 2 'want KEY=VALUE' load threshold --global min
refuse 'load: partition' 2 'partition.*--dev=nvme0n1$' load threshold --dev=nvme0n1p1

refuse 'copy: no length' 2 'want LENGTH' copy nvme0n1 nvme0n1
refuse 'copy: length and ranges' 2 'exclude each other' copy --ranges=- nvme0n1 nvme0n1 4KiB
refuse 'copy: offset and ranges' 2 'exclude each other' copy --ranges=- nvme0n1@4KiB nvme0n1
refuse 'copy: no bytes' 2 'length is 0' copy nvme0n1 nvme0n1 0
refuse 'copy: not a multiple of the block' 2 '4096B' copy nvme0n1 nvme0n1@512MiB 512B
refuse 'copy: past the end of the source' 2 'end of the source' \
	copy nvme0n1@1020MiB nvme0n1 8MiB
refuse 'copy: past the end of the destination' 2 'end of the destination' \
	copy nvme0n1 nvme0n1@1020MiB 8MiB
refuse 'copy: past the end of a partition' 2 'end of the destination' \
	copy nvme0n1p1 nvme0n1p2 512MiB
refuse 'copy: overlap' 2 'overlaps the source' copy nvme0n1 nvme0n1@4MiB 8MiB
refuse 'copy: overlap of a partition and its disk' 2 'overlaps the source' \
	copy nvme0n1p1 nvme0n1@1MiB 4KiB
refuse 'copy: empty list' 2 'no range in it' copy --ranges=/dev/null nvme0n1 nvme0n1
refuse 'copy: step that is no multiple' 2 '--step must be' \
	copy --step=512B nvme0n1 nvme0n1@512MiB 4KiB

refuse 'tokens: two ways to print' 2 'exclude each other' tokens --watch --leaks
refuse 'tokens: watching has no end' 2 'no document' tokens --watch -o json
refuse 'tokens: interval of nothing' 2 '--interval is for --watch' tokens --interval=1s
refuse 'tokens: count of nothing' 2 '--count is for' tokens --count=1
refuse 'tokens: age without unit' 2 'older-than=5: .*like 500us' tokens --older-than=5

refuse 'policy check: files and --root' 2 'exclude each other' policy check --root=/ a.conf

cat >"$scratch/list" <<-'LIST'
	# source destination length
	0 512MiB 4KiB
	4KiB 513MiB 4
LIST
refuse 'copy: bad line in a list' 2 'list:3:13: length .4.: .*like 64KiB' \
	copy --ranges="$scratch/list" nvme0n1 nvme0n1
printf '0 512MiB 8KiB\n16KiB 536875008B 8KiB\n' >"$scratch/list"
refuse 'copy: overlapping lines in a list' 2 'list:2: two ranges write the same' \
	copy --ranges="$scratch/list" nvme0n1 nvme0n1

check '--version' sh -c "'$bpfcopy' --version | grep -qE '^bpfcopy [0-9]'"
check '--help lists the verbs' test ${#verbs[@]} -ge 12

# help_is_good VERB: it ends with examples that use only options that exist.
help_is_good() {
	local word
	# shellcheck disable=SC2086 # a verb may be two words
	"$bpfcopy" $1 --help >"$scratch/help" 2>"$scratch/err" || return 1
	[ ! -s "$scratch/err" ] || return 1
	sed -n '/^Examples:$/,$p' "$scratch/help" >"$scratch/examples"
	sed '/^Examples:$/,$d' "$scratch/help" >"$scratch/options"
	grep -q "bpfcopy $1" "$scratch/examples" || return 1
	while read -r word; do
		grep -qE -- "$word([=, ]|$)" "$scratch/options" ||
			{ echo "no option $word"; return 1; }
	done < <(grep -oE -- '--[a-z-]+' "$scratch/examples")
	! grep -E '.{81}' "$scratch/help"
}
for verb in "${verbs[@]}"; do
	check "$verb --help ends with examples that work" help_is_good "$verb"
done

finish
