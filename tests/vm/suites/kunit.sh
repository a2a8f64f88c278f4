#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's own unit tests of copy tokens: each line of KUnit's result is a test here.
# quick: yes
# vm: --timeout 60
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe kunit
modprobe blk-copy-test
cat /sys/kernel/debug/kunit/blk_copy_token/results >/tmp/results
while read -r word _ name; do
	case $word in
	ok) ok "$name" ;;
	not) not_ok "${name#* }" /tmp/results ;;
	esac
done < <(grep -E '^    (not )?ok ' /tmp/results)
check_equal "as many as the suite has" "$(grep -cE '^    (not )?ok ' /tmp/results)" \
	"$(sed -n 's/^    1\.\.//p' /tmp/results)"
check "it can be unloaded" modprobe -r blk-copy-test
finish
