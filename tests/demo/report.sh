# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# The end of the demo: one table made from the recorded trace, and the sums that have to agree:
# the tracer's rows, the tracer's own totals, and what the callers were told. For guest.sh.

# From the recorder's rows, lines "DISK KEY VALUE"; small is the size of one piece. All in one
# go: each start of a program costs time on an emulated processor.
# shellcheck disable=SC2016 # jq's variables
numbers='
	def percentile($p): sort | .[([length * $p / 100 | ceil, 1] | max) - 1];
	def latency: map(.latency_ns) | "\(percentile(50)) \(percentile(99))";
	def by_path($name): group_by(.path)[]
		| ["\($name).\(.[0].path) \(latency)", "\($name).\(.[0].path).copies \(length)"];
	def about:
		"copies \(length)",
		"offloaded \(map(.offloaded_bytes) | add)",
		"emulated \(map(.emulated_bytes) | add)",
		"errors \(map(select(.error)) | length)",
		(group_by(.reason)[] | "reason.\(.[0].reason) \(length)"),
		(by_path("all") | .[]),
		"mixed.offloaded \(map(select(.path == "mixed").offloaded_bytes) | add // 0)",
		"mixed.emulated \(map(select(.path == "mixed").emulated_bytes) | add // 0)",
		(map(select(.bytes == $small)) | by_path("small") | .[]);
	(map(select(.type == "copy")) | ($qemu, $debug) as $disk
		| map(select(.device | startswith($disk))) | about | "\($disk) \(.)"),
	(.[] | select(.type == "bye") | to_entries[] | "all \(.key) \(.value)")'

# Of the decisions on one copy, lines "COPY POLICY PATH REASON PIECES BYTES", as they follow
# each other.
# shellcheck disable=SC2016 # awk's variables
decisions='
	function value(i) { return substr($i, index($i, "=") + 1) }
	{
		for (copy = 1; $copy !~ /^copy=/; copy++)
			;
		key = value(copy) " " value(NF) " " value(NF - 2) " " value(NF - 1)
		if (key != last) {
			if (last)
				printf "%s %d %d\n", last, pieces, bytes
			last = key
			pieces = bytes = 0
		}
		pieces++
		bytes += value(NF - 3)
	}
	END { if (last) printf "%s %d %d\n", last, pieces, bytes }'

# n["DISK KEY"]: all of them; "all KEY" is a total of the tracer.
declare -A n

read_numbers() {
	local disk key value
	kill -TERM "$recorder"
	wait "$recorder" || failed "the recorder ended with $?: $(<"$record.err")"
	while read -r disk key value; do
		n["$disk $key"]=$value
	done < <(jq -rs --arg qemu "$qemu" --arg debug "$debug" \
		--argjson small $((piece_kib * 1024)) "$numbers" "$record")
	[ -n "${n[all lost]:-}" ] || failed 'the recorder did not get as far as its totals'
}

mib() { printf '%d.%d MiB' $(($1 / 1048576)) $(($1 % 1048576 * 10 / 1048576)); }

us() {
	if [ "$1" -lt 1000000 ]; then
		printf '%d us' $((($1 + 500) / 1000))
	else
		printf '%d.%d ms' $(($1 / 1000000)) $(($1 % 1000000 / 100000))
	fi
}

# print_decisions DISK: who decided on its one copy.
print_decisions() {
	local policy path pieces bytes names=(gentle threshold)
	awk "$decisions" "$dir/$1.decisions" >"$dir/$1.decided"
	echo 'What the two policies decided, according to the tracepoint blk_copy_decide:'
	while read -r _ policy path _ pieces bytes; do
		printf '  | policy %-2s %-12s%6s pieces, %9s: %s\n' "$policy" "(${names[0]:-?})" \
			"$pieces" "$(mib "$bytes")" "$path"
		names=("${names[@]:1}")
	done <"$dir/$1.decided"
}

# Formats of the table's cells: NAME VALUE...
plain() { printf '%s' "${1:-0}"; }
size() { mib "${1:-0}"; }
latency() { [ -z "${1:-}" ] || printf '%s / %s' "$(us "$1")" "$(us "$2")"; }

# row LABEL FORMAT KEY
row() {
	# shellcheck disable=SC2086 # a latency is two words
	printf '%-36s %20s %20s\n' "$1" "$("$2" ${n[$qemu $3]:-})" "$("$2" ${n[$debug $3]:-})"
}

print_table() {
	printf '%-36s %20s %20s\n' '' "$qemu (QEMU)" "$debug (nvme-debug)"
	row 'copies' plain copies
	row '  reason: policy' plain reason.policy
	row '  reason: caller (--mode emulate)' plain reason.caller
	row '  reason: cross-device' plain reason.cross-device
	row '  reason: builtin (no policy)' plain reason.builtin
	row 'bytes offloaded' size offloaded
	row '  in the copy with two policies' size mixed.offloaded
	row 'bytes emulated' size emulated
	row '  in the copy with two policies' size mixed.emulated
	row 'latency, offload: median / p99' latency all.offload
	row "  copies of $piece_kib KiB" latency small.offload
	row 'latency, emulate: median / p99' latency all.emulate
	row "  copies of $piece_kib KiB" latency small.emulate
	printf '%-36s %s created, %s freed\n' 'tokens' \
		"${n[all tokens_created]}" "${n[all tokens_freed]}"
	printf '%-36s %s\n' 'events lost' "${n[all lost]}"
}

# expect WHAT GOT WANT
expect() { [ "$2" = "$3" ] || failed "$1: $2, expected $3"; }

# told DISK: what its callers were told: calls, bytes offloaded, bytes emulated.
told() {
	jq -rs 'map(.copy) | "\(map(.calls) | add) \(map(.offloaded_bytes) | add)"
		+ " \(map(.emulated_bytes) | add)"' "$dir/$1".*.result
}

check_device() {
	local dev=$1 reason calls offloaded emulated
	read -r calls offloaded emulated < <(told "$dev")
	expect "$dev: copies in the trace" "${n[$dev copies]:-0}" "$calls"
	expect "$dev: bytes offloaded in the trace" "${n[$dev offloaded]}" "$offloaded"
	expect "$dev: bytes emulated in the trace" "${n[$dev emulated]}" "$emulated"
	expect "$dev: bytes copied" $((offloaded + emulated)) $(((part_mib + other_mib) * 1048576))
	expect "$dev: failed copies" "${n[$dev errors]}" 0
	for reason in caller cross-device builtin; do
		expect "$dev: copies with the reason $reason" "${n[$dev reason.$reason]:-0}" 1
	done
	expect "$dev: copies decided by the policy" "${n[$dev reason.policy]:-0}" $((calls - 3))
	expect "$dev: small copies before the policy changed" \
		"${n[$dev small.emulate.copies]:-0}" $((small_copies / 2))
	expect "$dev: small copies after the policy changed" \
		"${n[$dev small.offload.copies]:-0}" $((small_copies / 2))
	check_one "$dev"
}

# The one copy: two policies decided on it, one after the other, and neither on nothing; what
# they decided is what became of it.
check_one() {
	local dev=$1 first second
	expect "$dev: lines of decisions" "$(wc -l <"$dir/$dev.decided")" 2
	read -r -a first < <(sed -n 1p "$dir/$dev.decided")
	read -r -a second < <(sed -n 2p "$dir/$dev.decided")
	expect "$dev: the copy that they decided on" "${second[0]}" "${first[0]}"
	[ "${second[1]}" -gt "${first[1]}" ] || failed "$dev: no new policy decided"
	expect "$dev: the first policy" "${first[*]:2:2}" 'emulate policy'
	expect "$dev: the second policy" "${second[*]:2:2}" 'offload policy'
	expect "$dev: copies by both paths" "${n[$dev all.mixed.copies]:-0}" 1
	expect "$dev: bytes of the first policy" "${first[5]}" "${n[$dev mixed.emulated]}"
	expect "$dev: bytes of the second policy" "${second[5]}" "${n[$dev mixed.offloaded]}"
	expect "$dev: bytes of both" $((first[5] + second[5])) $((one_mib * 1048576))
}

check_totals() {
	expect 'copies in the totals' "${n[all copies]}" \
		$((${n["$qemu copies"]:-0} + ${n["$debug copies"]:-0}))
	[ "${n[all tokens_created]}" -gt 0 ] || failed 'no token was created'
	expect 'tokens freed' "${n[all tokens_freed]}" "${n[all tokens_created]}"
	expect 'events lost' "${n[all lost]}" 0
}

summary() {
	local dev
	heading '9. What happened'
	read_numbers
	print_table
	for dev in "${devices[@]}"; do check_device "$dev"; done
	check_totals
	printf '\nThe rows of the trace, its totals and what the callers were told agree.\n'
}
