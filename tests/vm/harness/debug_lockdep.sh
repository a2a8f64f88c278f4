#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The lockdep kernel finds a wrong lock: one that stock 6.12 takes by itself, and that is a
# failure as soon as the baseline does not know it. (That it passes with the baseline is what
# suites/stock_splats.sh is for.)
# quick: yes
# debug: only lockdep
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
tests/vm/run --debug-kernel lockdep --stock-splats /dev/null -- \
	/tests/vm/suites/stock_splats.sh >"$work/out" 2>"$work/err" || status=$?
check_equal 'without the baseline, its complaints are failures' $status 201
check 'a lock that may not be taken there' grep -q '^splat: .*Invalid wait context' "$work/err"
check 'a function that may sleep where none may' \
	grep -q '^splat: .*sleeping function called' "$work/err"
check 'though every case of the suite passed' test "$(grep -c '^ok' "$work/out")" -ge 4
check 'and no other' test "$(grep -c '^not ok' "$work/out")" = 0
finish
