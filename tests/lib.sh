# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# How a test script reports: lines `ok NAME`, `not ok NAME`, `skip NAME # reason`, which
# tests/run counts. Sourced by suites in the guest (/tests/lib.sh) and on the host.

tap_failed=0 tap_finished=
# Where reports go, also from a function whose output goes elsewhere.
exec {tap_out}>&1
# What a check prints, until it is known whether somebody wants it: a file without a name, for to
# make one each time takes longer than many checks.
tap_log=$(mktemp)
exec {tap_log_fd}<>"$tap_log"
rm -f "$tap_log"
tap_log=/proc/$$/fd/$tap_log_fd
tap_checking=

ok() { printf 'ok %s\n' "$*"; }

# not_ok NAME [FILE]: FILE is shown below, as comment lines.
not_ok() {
	printf 'not ok %s\n' "$1"
	tap_failed=$((tap_failed + 1))
	[ -z "${2:-}" ] || sed 's/^/#   /' "$2"
}

# skip NAME REASON
skip() { printf 'skip %s # %s\n' "$1" "$2"; }

# check NAME COMMAND...: ok when COMMAND succeeds; its output is shown when it does not.
check() {
	local name=$1 out=$tap_log status=0
	shift
	[ -z "$tap_checking" ] || out=$(mktemp)
	local tap_checking=1
	"$@" >"$out" 2>&1 || status=$?
	if [ $status = 0 ]; then
		ok "$name"
	else
		printf '(exit status %s of: %s)\n' "$status" "$*" >>"$out"
		not_ok "$name" "$out"
	fi
	[ "$out" = "$tap_log" ] || rm -f "$out"
}

# check_status NAME STATUS COMMAND...: ok when COMMAND ends with exactly STATUS.
check_status() {
	local name=$1 want=$2 out=$tap_log status=0
	shift 2
	[ -z "$tap_checking" ] || out=$(mktemp)
	local tap_checking=1
	"$@" >"$out" 2>&1 || status=$?
	if [ "$status" = "$want" ]; then
		ok "$name"
	else
		printf '(exit status %s, expected %s, of: %s)\n' "$status" "$want" "$*" >>"$out"
		not_ok "$name" "$out"
	fi
	[ "$out" = "$tap_log" ] || rm -f "$out"
}

# check_equal NAME GOT WANT
check_equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf 'got:      %s\nexpected: %s\n' "$2" "$3" | sed 's/^/#   /'
	fi
}

# wait_for SECONDS COMMAND...: poll until COMMAND succeeds. Who waits long waits for something that
# comes, and on a machine with other work it comes later: thrice the time, then.
wait_for() {
	local end=$((SECONDS + ($1 < 5 ? $1 : 3 * $1)))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# A script that ends by itself, under set -e, says where. A trap of the script's own takes its place.
tap_died() {
	local status=$? i where=${FUNCNAME[1]}
	[ $status != 0 ] && [ -z "$tap_finished" ] || return 0
	for ((i = 2; i < ${#FUNCNAME[@]}; i++)); do
		where+=" < ${FUNCNAME[i]}:${BASH_LINENO[i - 1]}"
	done
	printf 'not ok the script ends early, in %s: %s\n' "$where" "$1" >&"$tap_out"
}
trap 'tap_died "$BASH_COMMAND"' EXIT

# Call last: the suite's exit status.
finish() {
	tap_finished=1
	[ $tap_failed = 0 ] || exit 1
	exit 0
}
