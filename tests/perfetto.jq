# SPDX-License-Identifier: GPL-2.0
# What is wrong with a file in Chrome's trace event format, strictly: a line each, none if it is
# right. `jq -r -f tests/perfetto.jq FILE`; jq itself fails on what is not JSON.

def complain(text): "event \(.key): \(text): \(.value | tostring[:200])";

def number: type == "number";
def text: type == "string" and length > 0;

# What each phase must have, and nothing else.
def keys_of: {
	M: ["args", "name", "ph", "pid", "tid"],
	X: ["args", "cat", "dur", "name", "ph", "pid", "tid", "ts"],
	i: ["name", "ph", "pid", "s", "tid", "ts"]
}[.ph];

def wrong_event:
	if .value | type != "object" then complain("no object")
	elif .value | keys_of | not then complain("another phase")
	elif .value | keys != keys_of then complain("keys")
	elif .value | (.name | text) and (.pid | number) and (.tid | number) | not then complain("types")
	elif .value | .ph == "M" and ((.name | IN("process_name", "thread_name")) and (.args.name | text) | not)
	then complain("metadata")
	elif .value | .ph != "M" and ((.ts | number) and .ts >= 0 | not) then complain("ts")
	elif .value | .ph == "X" and ((.dur | number) and .dur >= 0 and (.cat | text) and
		(.args | type == "object") | not) then complain("slice")
	else empty end;

def named(what): [.traceEvents[] | select(.ph == "M" and .name == what)];

# Slices of a thread may not overlap (half a nanosecond is rounding).
def overlaps:
	[.traceEvents[] | select(.ph == "X")] | group_by([.pid, .tid])[] | sort_by(.ts) |
	. as $s | range(1; length) | select($s[.].ts + 0.0005 < $s[. - 1].ts + $s[. - 1].dur) |
	"overlap: \($s[. - 1] | tostring[:200]) and \($s[.] | tostring[:200])";

if type != "object" or (.traceEvents | type != "array") then "no traceEvents" else
	(if keys != ["displayTimeUnit", "otherData", "traceEvents"] then "keys of the document" else empty end),
	(if .displayTimeUnit != "ns" then "displayTimeUnit" else empty end),
	(.traceEvents | to_entries[] | wrong_event),
	(named("process_name") | map(.pid) | unique) as $pids |
	(named("thread_name") | map([.pid, .tid]) | unique) as $tids |
	(.traceEvents[] | select(.ph == "X") |
		select((.pid | IN($pids[]) | not) or ([.pid, .tid] | IN($tids[]) | not)) |
		"a thread without name: \(tostring[:200])"),
	overlaps
end
