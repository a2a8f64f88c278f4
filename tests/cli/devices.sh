#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dev list and dev show on a folder that looks like sysfs, compared with golden files.
# After a change that is meant: UPDATE=1 tests/cli/devices.sh, and look at the diff.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/cli/make-sysfs" "$scratch/sysfs"
export BPFCOPY_SYSFS=$scratch/sysfs BPFCOPY_BY_ID=$scratch/no-links
golden=$top/tests/cli/golden

# same NAME FILE ARGUMENT...: the output is that of the golden FILE.
same() {
	local name=$1 file=$golden/$2
	shift 2
	[ -z "${UPDATE:-}" ] || "$bpfcopy" "$@" >"$file"
	"$bpfcopy" "$@" >"$scratch/out" 2>&1 || echo "(exit status $?)" >>"$scratch/out"
	if diff -u "$file" "$scratch/out" >"$scratch/diff"; then
		ok "$name"
	else
		not_ok "$name" "$scratch/diff"
	fi
}

same 'dev list' dev-list.txt dev list
same 'dev list -o json' dev-list.json dev list -o json
same 'dev list -o ndjson' dev-list.ndjson dev list -o ndjson
same 'dev list --empty' dev-list-empty.txt dev list --empty
same 'dev show, a disk' dev-show.txt dev show nvme0n1
same 'dev show, a partition, JSON' dev-show-part.json -o json dev show /dev/nvme0n1p2
same 'dev show, device mapper' dev-show-dm.txt dev show dm-0

refuse 'no such device' 4 'nvme7n7: no such device .*dev list' dev show nvme7n7
refuse 'no such path' 4 '/dev/nope: no such device' dev show /dev/nope
refuse 'not a block device' 4 '/dev/null: not a block device' dev show /dev/null
refuse 'copy: no such source' 4 'source nvme7n7: no such device' copy nvme7n7 nvme0n1 4KiB
refuse 'copy: no such destination' 4 'destination nvme7n7: no such device' \
	copy nvme0n1 nvme7n7 4KiB
refuse 'load: no such device' 4 'nvme7n7: no such device' load threshold --dev=nvme7n7
refuse 'trace: no such device' 4 'nvme7n7: no such device' trace --dev=nvme7n7

# Without udev a path need not exist, and a link is followed where it does.
real=$(find /dev -maxdepth 1 -type b | sort | head -n 1)
if [ -n "$real" ]; then
	unset BPFCOPY_SYSFS
	ln -s "$real" "$scratch/by-id"
	check 'a link to a device' sh -c "
		'$bpfcopy' dev show '$scratch/by-id' | grep -q '^device  *${real#/dev/}\$'"
	check 'dev list on this machine' "$bpfcopy" dev list
else
	skip 'a link to a device' 'there is no block device here'
fi

finish
