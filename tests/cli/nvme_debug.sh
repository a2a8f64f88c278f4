#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# nvme-debug, what can be told without loading it: which of the statements about Copy have
# tests, and that it builds from an installed copy, as DKMS would build it.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib.sh
. "$top/tests/lib.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
readme=$top/nvme-debug/README.md
kbuild=${KBUILD:-$top/build/kernel-std/kbuild}

# statements HEADING: the numbers in the first column of the table with that heading, one a line.
statements() {
	local from to
	sed -n "/^| $1 |/,/^\$/p" "$readme" | sed '1,2d; /^$/d' | cut -d '|' -f 2 | tr ',' '\n' | tr -d ' C' |
		while IFS=- read -r from to; do
			seq "$from" "${to:-$from}"
		done | sort -n
}

# named: the statements that names of tests in nvme_debug* begin with. What is skipped, or
# deviates, is none.
named() {
	cat "$top"/tests/vm/suites/nvme_debug*.sh | grep -v '^[[:space:]]*\(skip\|#\)' |
		grep -oE "['\"]([CF][0-9]+ )+" | grep -oE 'C[0-9]+' | tr -d C | sort -nu
}

test_statements() {
	local tested left
	tested=$(statements Statements)
	left=$(statements 'Left out')
	check_equal 'statements: each is in one of the tables, once' \
		"$(printf '%s\n' "$tested" "$left" | sort -n | xargs)" "$(seq 60 | xargs)"
	check_equal 'statements: those that are tested have tests of that name' \
		"$(comm -23 <(sort <<<"$tested") <(named | sort) | xargs)" ''
	check_equal 'statements: those that are left out have none, but for C53' \
		"$(comm -12 <(sort <<<"$left") <(named | sort) | xargs)" 53
	echo "# $(wc -l <<<"$tested") of 60 statements"
}

# As dkms build does: dkms.conf is read, its command run on a copy of the source.
test_dkms() {
	local dkms_tree=$scratch/dkms kernel_source_dir=$kbuild build m
	local PACKAGE_NAME PACKAGE_VERSION MAKE=() BUILT_MODULE_NAME=() DEST_MODULE_LOCATION=()
	if [ ! -f "$kbuild/Makefile" ]; then
		skip 'dkms' "no kernel tree in $kbuild"
		return
	fi
	# shellcheck source=nvme-debug/dkms.conf
	. "$top/nvme-debug/dkms.conf"
	build=$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build
	mkdir -p "$build"
	cp "$top"/nvme-debug/* "$build"
	check 'dkms: make' bash -c "${MAKE[0]}"
	for m in "${!BUILT_MODULE_NAME[@]}"; do
		check "dkms: ${BUILT_MODULE_NAME[m]}.ko is there" test -s \
			"$build/${BUILT_MODULE_NAME[m]}.ko"
		check "dkms: ${BUILT_MODULE_NAME[m]}.ko has a place" test \
			"${DEST_MODULE_LOCATION[m]:0:1}" = /
	done
	check 'dkms: it is for that kernel' grep -q "^vermagic: *$(
		make -s -C "$kbuild" kernelrelease) " <(modinfo "$build/nvme-debug.ko")
}

test_statements
test_dkms
finish
