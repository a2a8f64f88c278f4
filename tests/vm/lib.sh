# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the suites in the guest share: reporting (tests/lib.sh) and kernel log marks.
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# t_case NAME: mark in the kernel log where a case begins, so a splat can be placed.
t_case() { printf 'bpfcopy-test: %s\n' "$*" >/dev/kmsg; }
