#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Without the right to do something, exit with 5 and say so.
# Functions are called by check.
# shellcheck disable=SC2317,SC2086
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
	skip 'as nobody' 'needs root, to become nobody'
	finish
fi

# Nobody may not be allowed to come as far as the build folder.
cp "$bpfcopy" "$scratch/bpfcopy"
chmod 755 "$scratch" "$scratch/bpfcopy"
bpfcopy=$scratch/as-nobody
cat >"$bpfcopy" <<-NOBODY
	#!/bin/sh
	exec setpriv --reuid=65534 --regid=65534 --clear-groups \
		--inh-caps=-all --bounding-set=-all "$scratch/bpfcopy" "\$@"
NOBODY
chmod 755 "$bpfcopy"

if ! "$bpfcopy" --version >"$scratch/log" 2>&1; then
	skip 'as nobody' "cannot run it as nobody: $(head -n 1 "$scratch/log")"
	finish
fi

# The node is only opened, never written: permission comes first.
loop=''
drop_loop() { [ -z "$loop" ] || losetup -d "$loop"; rm -rf "$scratch"; }
trap drop_loop EXIT
truncate -s 1M "$scratch/image"
if loop=$(losetup --find --show "$scratch/image" 2>"$scratch/err"); then
	refuse 'copy' 5 "source $loop: permission denied .*root" copy "$loop" "$loop@512KiB" 4KiB
	check 'dev show needs no permission' "$bpfcopy" dev show "$loop"
else
	skip 'copy' "no loop device: $(head -n 1 "$scratch/err")"
fi
check 'dev list needs no permission' "$bpfcopy" dev list

echo '0 4KiB 4KiB' >"$scratch/list"
chmod 600 "$scratch/list"
"$top/tests/cli/make-sysfs" "$scratch/sysfs"
chmod -R a+rX "$scratch/sysfs"
BPFCOPY_SYSFS=$scratch/sysfs refuse 'a list that may not be read' 5 'list: Permission denied' \
	copy --ranges="$scratch/list" nvme0n1 nvme0n1

if patched; then
	refuse 'load' 5 'permission' load threshold --global
	refuse 'trace' 5 'permission' trace --count=1
fi

finish
