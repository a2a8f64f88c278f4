# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the nvme_debug_* suites share that use configfs, on top of debug_lib.sh.
# shellcheck source=tests/vm/debug_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/debug_lib.sh"

# shellcheck disable=SC2034 # used by the suites
subsystems=/sys/kernel/config/nvme-debug/subsystems
# A debug kernel takes several times as long.
debug_kernel=''
if [ -e /proc/lockdep ] || [ -e /sys/kernel/debug/kmemleak ]; then
	# shellcheck disable=SC2034 # used by the suites
	debug_kernel=1
fi

# put FILE VALUE: write it with a newline; print the kernel's answer, or nothing.
put() {
	local said
	if said=$({ printf '%s\n' "$2" >"$1"; } 2>&1); then
		return
	fi
	printf '%s' "${said##*: }"
}

# set_attrs DIRECTORY NAME=VALUE...
set_attrs() {
	local a
	for a in "${@:2}"; do
		echo "${a#*=}" >"$1/${a%%=*}"
	done
}

# make_ns DIRECTORY NSID NAME=VALUE...: a namespace, enabled.
make_ns() {
	mkdir "$1/namespaces/$2"
	set_attrs "$1/namespaces/$2" "${@:3}" enable=1
}

# connect NQN ADDRESS [OPTION...]
connect() { nvme connect -t debug -n "$1" -a "$2" "${@:3}" >/dev/null; }

# disconnect ADDRESS
disconnect() { nvme disconnect -d "$(ctrl_of "$1")" >/dev/null; }

# ns_disk NQN NSID: the disk people use, whatever number of paths it has.
ns_disk() {
	local f d
	for f in /sys/block/nvme*n*/nsid; do
		d=${f%/nsid}
		if [ -b "/dev/${d##*/}" ] && has "$f" "$2" && has "$d/device/subsysnqn" "$1"; then
			echo "/dev/${d##*/}"
			return
		fi
	done 2>/dev/null
	return 1
}

no_ns_disk() { ! ns_disk "$@"; }

# has FILE VALUE: the file's content is that.
has() { [ "$(<"$1")" = "$2" ]; }

# queue_has DISK ATTRIBUTE VALUE
queue_has() { has "/sys/block/${1#/dev/}/queue/$2" "$3"; }

# remove_subsys DIRECTORY: and all that is in it.
remove_subsys() {
	local dirs=()
	mapfile -t dirs < <(compgen -G "$1/namespaces/*"; compgen -G "$1/controllers/*")
	rmdir "${dirs[@]}" "$1"
}

# admin ADDRESS OPTION...: the status of an admin command.
admin() { status_in "$(nvme admin-passthru "/dev/$(ctrl_of "$1")" "${@:2}" 2>&1 || :)"; }

# stat_of DIRECTORY NSID OPCODE: commands, errors, bytes, ranges so far.
stat_of() {
	local op rest
	while read -r op rest; do
		[ "$op" != "$3" ] || echo "$rest"
	done <"$1/namespaces/$2/stats"
}

fill() { dd if=/dev/urandom of="$1" bs=1M count="$2" oflag=direct status=none; }
sum() { dd if="$1" bs=1M skip="$2" count="$3" iflag=direct status=none | sha256sum; }
zeroes() { head -c "$1" /dev/zero | sha256sum; }
pages() { echo "$(<$params/pages)"; }
