#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every example of --help, of the manual pages and of the documents, run as a person would:
# on a terminal, and ended by Ctrl-C where it does not end by itself. What they name is
# here: disks, partitions, a by-id link, files. A new verb's examples are run, too.
# vm: --nvme 4G --nvme 1G --timeout 300
# with: build/loader/doc/generate README.md docs:/with/docs policy/10-default.conf:/usr/lib/bpfcopy/10-default.conf
# debug: no
# Functions are called by check; names of disks have no blanks.
# shellcheck disable=SC2013,SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/policy_lib.sh
. /tests/vm/policy_lib.sh

if [ ! -e /sys/block/nvme0n1/queue/copy_max_bytes ]; then
	skip 'examples' 'this kernel has no copy offload'
	finish
fi

# The terminal that they run on.
export TERM=linux

#
# What examples name
#

for disk in nvme0n1 nvme1n1; do
	printf 'size=768MiB\n,\n' | sfdisk -q --wipe always /dev/$disk
	wait_for 30 test -b /dev/${disk}p1
done
head -c 16M /dev/urandom | dd of=/dev/nvme0n1p1 bs=1M conv=fsync status=none
modprobe dm-mod
dm_disk data "0 65536 linear /dev/nvme1n1p2 0"
mkdir -p /dev/disk/by-id /etc/bpfcopy /mnt/image/{etc,usr/lib}/bpfcopy /tmp/here/conf
cp $lib/policy_threshold.bpf.o /mnt/image/usr/lib/bpfcopy
ln -s ../../nvme0n1 /dev/disk/by-id/nvme-eui.0025385b71b0
cd /tmp/here
cp $lib/template_mine.bpf.o mine.bpf.o
cp $lib/example_gentle.bpf.o gentle.bpf.o
printf '[policy.all]\nmatch_all = yes\npolicy = threshold\nthreshold.min_bytes = 64KiB\n' |
	tee /etc/bpfcopy/bpfcopy.conf /mnt/image/etc/bpfcopy/bpfcopy.conf new.conf >conf/all.conf

# Copies to watch, as long as this file is there.
copies() {
	while [ -e /tmp/copies ]; do
		bpfcopy copy nvme0n1p1 nvme1n1p1 64KiB
		bpfcopy copy nvme0n1p1 nvme0n1p1@32MiB 1MiB
		sleep 0.3
	done >/dev/null 2>&1
}
start_copies() {
	[ ! -e /tmp/copies ] || return 0
	: >/tmp/copies
	copies &
	copier=$!
}
stop_copies() {
	rm -f /tmp/copies
	wait $copier || :
}

#
# Running them
#

# is_streaming VERB: may go on until Ctrl-C.
is_streaming() { grep -qxF -- "$1	--duration" /tmp/options; }

# ends_soon COMMAND: by itself, after less than five seconds.
ends_soon() {
	local most='(--duration|--interval|-t|-i)[= ]([5-9]s|[0-9]{2,}s|[0-9]+min)'
	[[ ! $1 =~ $most ]] && [[ $1 = *--count* || $1 = *--duration* || $1 = *' -n '* || $1 = *' -t '* ||
		$1 = *--replay* ]]
}

# ready PID: it has a handler for SIGINT, or waits for it in another way.
ready() {
	local mask
	for mask in $(sed -n 's/^Sig\(Cgt\|Blk\):\t//p' /proc/$1/status); do
		(((16#$mask >> 1 & 1) == 0)) || return 0
	done
	return 1
}
main_process() { pgrep -s "$(</tmp/session)" -x bpfcopy | head -n 1; }
is_ready() { local pid; pid=$(main_process) && [ -n "$pid" ] && ready $pid; }
gone() { ! kill -0 $1; }
ready_or_gone() { is_ready || gone $1; }

# interrupt PID COMMAND: as Ctrl-C does when somebody has seen enough. One that is told when to
# end gets some time for it.
interrupt() {
	wait_for $((30 * T_SCALE)) ready_or_gone $1 || echo '(was never ready)' >>/tmp/out
	if ends_soon "$2"; then
		wait_for $((4 * T_SCALE)) gone $1 || :
	else
		sleep 0.3
	fi
	gone $1 || kill -INT "$(main_process)" || :
}

# run VERB COMMAND: on a terminal of its own, in /tmp/here. What it printed is in /tmp/out.
run() {
	local status=0 pid
	: >/tmp/session
	cat >/tmp/command <<-COMMAND
		stty rows 24 cols 80
		cut -d ' ' -f 6 /proc/\$\$/stat >/tmp/session
		set -o pipefail
		$2
	COMMAND
	timeout $((180 * T_SCALE)) script -qec 'bash /tmp/command' /dev/null >/tmp/out 2>&1 </dev/null &
	pid=$!
	! is_streaming "$1" || interrupt $pid "$2"
	wait $pid || status=$?
	cat /tmp/out
	# A filter may have nothing to say, and what writes a file.
	[ $status = 0 ] && { [ -s /tmp/out ] || [[ $2 = *[\>\|]* || $2 = *--textfile=* ]]; }
}

# What has to be so before the examples of this verb: copies to see, and a policy.
before() {
	stop_copies
	unload_all
	case $1 in
	load | 'policy apply') ;;
	'policy revert') bpfcopy policy apply >/dev/null ;;
	*) bpfcopy load threshold --dev=nvme0n1 >/dev/null ;;
	esac
	# The destination of a copy belongs to it alone.
	[ "$1" = copy ] || start_copies
}

# Commands on lines of their own in the documents, without what is said beside them, as
# "VERB, tab, command".
documented() {
	local command verb word
	while IFS= read -r command; do
		read -r _ verb word _ <<<"$command"
		! grep -qx "$verb $word" /tmp/verbs || verb+=" $word"
		printf '%s\t%s\n' "$verb" "$command"
	done < <(sed -nE 's/^    (\$ )?(bpfcopy [a-z].*)/\2/p' /with/README.md /with/docs/*.md |
		sed 's/  .*//' | sort -u)
}

generate options >/tmp/options
cut -f 1 /tmp/options | sort -u >/tmp/verbs
generate examples >/tmp/examples
documented | sort | grep -vxFf /tmp/examples >/tmp/documented
check_equal 'all verbs have examples' "$(cut -f 1 /tmp/examples | sort -u)" "$(cat /tmp/verbs)"
check 'the documents have commands' test "$(wc -l </tmp/documented)" -ge 5

copier=''
# A recording, for those that read one.
start_copies
bpfcopy trace --tokens --record=/tmp/recording --count=3 2>/dev/null
last=''
while IFS=$'\t' read -r verb command <&3; do
	# What is unloaded has to be loaded each time.
	if [ "$verb" != "$last" ] || [ "$verb" = unload ]; then before "$verb"; fi
	last=$verb
	# Another example may have made one that has no copy in it.
	[[ $command != *--replay* ]] || cp /tmp/recording /tmp/trace.ndjson
	check "$command" run "$verb" "$command"
done 3< <(cat /tmp/examples /tmp/documented)
stop_copies

finish
