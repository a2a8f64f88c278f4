# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The last act of the demo: what a person sees who watches, and what is drawn for later. Sourced by
# guest.sh.
# shellcheck disable=SC2086,SC2154 # names without blanks; set by guest.sh

# busy DISK: copies of both paths, and reads beside them, once and until told to stop.
busy() {
	local dev=$1
	while :; do
		bpfcopy copy --step 64KiB "${dev}p1" "${dev}p2" 2MiB
		bpfcopy copy --step 64KiB --mode emulate "${dev}p1" "${dev}p2" 1MiB
		dd if="/dev/${dev}p1" of=/dev/null bs=64k count=32 iflag=direct status=none
		[ -e $dir/busy ] || break
	done >/dev/null 2>$dir/busy.err
}

# watch_for FILE VERB OPTION...: in the background, until it is told to end; its process is in $watcher.
watch_for() {
	bpfcopy "${@:2}" >/dev/null 2>"$1.err" &
	watcher=$!
	wait_for 30 grep -qE '^(Counting|Writing)' "$1.err" || failed "bpfcopy ${*:2}: $(<"$1.err")"
}
watched_for() {
	kill "$1"
	wait "$1" || failed "$2: $(<"$2.err")"
}

# send FILE: to the host, which puts it into build/demo/ (see keep_files in run).
send() {
	printf '@file %s\n' "${1##*/}"
	gzip -c "$1" | base64 | sed "s|^|@ |"
	printf '@end\n'
}

# Watching begins before there is something to see and ends after it: emulated processors do not like
# it when the kernel patches what they run.
picture_act() {
	local dev jobs=() hist trace top
	heading '11. To look at: a live screen, a heatmap, a trace'
	echo '$ bpfcopy hist --heatmap=latency.svg &'
	watch_for $dir/latency.svg hist "--heatmap=$dir/latency.svg"
	hist=$watcher
	echo "\$ bpfcopy trace --perfetto=trace.json --dev=$debug &"
	watch_for $dir/trace.json trace "--perfetto=$dir/trace.json" "--dev=$debug"
	trace=$watcher
	run bpfcopy top -b -n 2 --interval=2s &
	top=$!
	sleep 1
	: >$dir/busy
	for dev in "${devices[@]}"; do
		busy "$dev" &
		jobs+=($!)
	done
	wait $top || failed "bpfcopy top ended with $?"
	rm $dir/busy
	for dev in "${jobs[@]}"; do wait "$dev" || failed "copies: $(<$dir/busy.err)"; done
	watched_for "$trace" $dir/trace.json
	watched_for "$hist" $dir/latency.svg
	send $dir/latency.svg
	send $dir/trace.json
}
