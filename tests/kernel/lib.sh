# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the scripts of tests/kernel and tests/vm share: places, messages, and
# the identity of a kernel (source + patches + configuration + tools).

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tree=$top/build/linux
patch_dir=$top/kernel-patches
# shellcheck disable=SC2034 # used by build
cache=${BPFCOPY_CACHE:-/var/cache/bpfcopy}

# The version the project is written against, and the one "newest" falls back to.
# shellcheck disable=SC2034 # used by deps
pinned_source=6.12.117-1~deb12u1
source_package=linux-source-6.12
# Bump when the layout or the way of building a cache entry changes.
cache_format=1

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

digest() { sha256sum | cut -c1-24; }

source_version() {
	local v
	if v=$(git -C "$tree" config --get bpfcopy.source 2>/dev/null); then
		:
	elif v=$(dpkg-query -W -f '${Version}' "$source_package" 2>/dev/null) && [ -n "$v" ]; then
		:
	else
		v=$pinned_source
	fi
	printf '%s\n' "$v"
}

# The patches of kernel-patches/series, one absolute path a line.
series_files() {
	local name
	[ -f "$patch_dir/series" ] || return 0
	while IFS= read -r name; do
		case $name in '' | '#'*) continue ;; esac
		[ -f "$patch_dir/$name" ] ||
			die "kernel-patches/series names $name, which does not exist"
		printf '%s\n' "$patch_dir/$name"
	done <"$patch_dir/series"
}

series_hash() {
	local files
	files=$(series_files)
	if [ -z "$files" ]; then
		printf 'empty\n'
	else
		# Paths are the project's own and hold no newline.
		printf '%s\n' "$files" | xargs -d '\n' cat | digest
	fi
}

# Configuration fragments of a flavour, in the order they are merged.
fragments() {
	printf '%s\n' "$top/tests/kernel/config.base"
	case $1 in
	std) ;;
	kasan | lockdep | stock) printf '%s\n' "$top/tests/kernel/config.$1" ;;
	*) die "unknown kernel flavour '$1' (std, kasan, lockdep or stock)" ;;
	esac
}

toolchain() {
	local t
	for t in gcc ld clang-19 pahole; do
		printf '%s ' "$t"
		"$t" --version 2>/dev/null | head -n1 || :
	done
}

# kernel_key FLAVOUR KIND ID: the name of a cache entry.
kernel_key() {
	{
		printf '%s\n' "format $cache_format" "$2 $3"
		fragments "$1" | xargs -d '\n' cat
		toolchain
	} | digest
}
