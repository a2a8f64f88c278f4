#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can be read from the built kernel without booting it: no policy costs no more than an
# instruction that does nothing, and vmlinux.h is compared with what is really there.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vmlinux=build/kernel-std/vmlinux
key() { tests/kernel/static-key "$vmlinux" "$1"; }

key blk_copy_policy_key >"$work/sites" || :
check 'the core asks whether there is a policy' grep -q '^blk_copy_' "$work/sites"
check_equal 'and with none that is a nop' "$(grep -vc ' nop$' "$work/sites")" 0
check 'where a key is usually on, it is seen' grep -q ' jump$' <(key arch_scale_freq_key)
check_status 'a key that does not exist' 1 key no_such_key

# A copy of what makes vmlinux.h, to be put wrong.
cp -r bpf vmlinux.h "$work/"
mkdir "$work/build"
same() { BPFCOPY_TOOLS=$PWD/build/kernel-std/tools "$work/bpf/gen-vmlinux" --check "$vmlinux"; }

# differs NAME FROM TO: with this changed in vmlinux.h, it is not what the kernel has.
differs() {
	sed "s/$2/$3/" vmlinux.h >"$work/vmlinux.h"
	if cmp -s vmlinux.h "$work/vmlinux.h"; then
		not_ok "$1: there is no '$2'"
	else
		check_status "$1" 1 same
	fi
}
check 'vmlinux.h is what the kernel has' same
differs 'another place of an argument of a tracepoint' 'u64 copy_id, u64 token_id' \
	'u64 token_id, u64 copy_id'
differs 'another type of one' 'u32 reason, u64 latency_ns' 'u64 reason, u64 latency_ns'
differs 'another member' 'chunk_bytes' 'chunk_sectors'
printf 'tracepoint blk_copy_nothing\n' >>"$work/bpf/vmlinux.types"
same >"$work/said" 2>&1 || :
check 'a tracepoint that is gone is named' \
	grep -q 'vmlinux.types:[0-9]*: this kernel has no tracepoint "blk_copy_nothing"' "$work/said"
finish
