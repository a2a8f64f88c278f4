# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of the suites
# What the suites share that run a verb which watches until it is told to end. They set $rows and
# $errors, the files of what it prints.

# watch_start VERB OPTION...: in the background; from here on everything is seen.
watch_start() {
	bpfcopy "$1" -o ndjson "${@:2}" >"$rows" 2>"$errors" &
	pid=$!
	wait_for 60 grep -q '"type":"hello"' "$rows" && return
	not_ok "bpfcopy $*: it does not begin" "$errors"
	finish
}

# stop: end it; its exit status is in $status.
stop() {
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
}

# get TYPE JQ-FILTER: of the rows of that type, as an array
get() { { grep "\"type\":\"$1\"" "$rows" || :; } | jq -sr "$2"; }
