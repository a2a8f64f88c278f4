#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A fragment line that Kconfig dropped is an error that names the line.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel=build/kernel-std
survives() { tests/kernel/check-config "$kernel/config" "$@"; }

# lost NAME LINE: a fragment with LINE fails, and the message has file, line and symbol.
lost() {
	printf '# comment\nCONFIG_64BIT=y\n%s\n' "$2" >"$work/fragment"
	survives "$work/fragment" 2>"$work/err" && echo 'it passed' >>"$work/err"
	check "$1" grep -q "^$work/fragment:3: .*${2%%=*}" "$work/err"
}

check 'the fragment of the built kernel survived' survives tests/kernel/config.base
lost 'a symbol that does not exist' CONFIG_NO_SUCH_SYMBOL=y
lost 'a symbol with another value' CONFIG_BLK_DEV_DM=y
lost 'a string with another value' 'CONFIG_LOCALVERSION="-other"'
lost 'a symbol that was to be off' CONFIG_BPF_SYSCALL=n
lost 'the comment form of off' '# CONFIG_BPF_SYSCALL is not set'
lost 'a line that is not configuration' 'BPF_SYSCALL=y'
printf 'CONFIG_BPF_SYSCALL=n\n' >"$work/a"
printf 'CONFIG_BPF_SYSCALL=y\n# CONFIG_SCSI is not set\nCONFIG_NOTHING=n\n' >"$work/b"
check 'a later fragment overrules an earlier one' survives "$work/a" "$work/b"
finish
