#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tests/run counts what suites say, and does not overlook those that say nothing.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests/cli" "$work/tests/vm/suites" "$work/build/tests/unit"
cp tests/run "$work/tests/"

# cli NAME LINE...: a suite of these shell lines.
cli() {
	local file=$work/tests/cli/$1.sh
	shift
	printf '#!/bin/sh\n' >"$file"
	printf '%s\n' "$@" >>"$file"
	chmod +x "$file"
}

# sum NAME STATUS LAST ARGUMENT...: the runner's status and its last line.
sum() {
	local name=$1 want=$2 last=$3 status=0
	shift 3
	"$work/tests/run" "$@" >"$work/log" 2>&1 || status=$?
	check_equal "$name" "$status: $(tail -n 1 "$work/log")" "$want: $last"
}

cli good 'echo ok one' 'echo "ok two words"' 'echo "skip three # no such device"' 'echo okay'
cli bad 'echo ok one' 'echo not ok two' 'exit 1'
cli silent 'exit 0'
cli died 'echo ok one' 'exit 7'
cli killed 'echo not ok one' 'kill -9 $$'
sum 'passes and skips' 0 '2 passed, 0 failed, 1 skipped' cli good
check 'the reason of a skip is shown' \
	grep -qx 'SKIPPED cli/good: three # no such device' "$work/log"
sum 'a failure' 1 '1 passed, 1 failed, 0 skipped' cli bad
check 'one line reproduces it' grep -q 'reproduce: tests/cli/bad.sh' "$work/log"
sum 'a suite that reports nothing' 1 '0 passed, 1 failed, 0 skipped' cli silent
sum 'a suite that dies without a word' 1 '1 passed, 1 failed, 0 skipped' cli died
sum 'a suite that fails a case and is killed' 1 '0 passed, 2 failed, 0 skipped' cli killed
sum 'nothing at all is not success' 1 '0 passed, 0 failed, 0 skipped' cli no-such-suite
sum 'globs and sums' 1 '4 passed, 2 failed, 1 skipped' cli 'good' 'bad' 'd*ed'

cat >"$work/unit.c" <<'C'
#include "tap.h"
static void good(void) { CU_ASSERT_EQUAL(1, 1); }
static void bad(void) { CU_ASSERT_EQUAL(1, 2); }
static void absent(void) { tap_skip("not here"); }
int main(void)
{
	CU_pSuite s;

	CU_initialize_registry();
	s = CU_add_suite("unit", NULL, NULL);
	CU_add_test(s, "good", good);
	CU_add_test(s, "bad", bad);
	CU_add_test(s, "absent", absent);
	return tap_run();
}
C
if gcc -Itests/unit -o "$work/build/tests/unit/example" "$work/unit.c" -lcunit 2>"$work/err"; then
	sum 'a CUnit suite' 1 '1 passed, 1 failed, 1 skipped' unit
	check 'its failure has a place' grep -q 'unit.c:3: .*1.*2' "$work/log"
else
	not_ok 'a CUnit suite' "$work/err"
fi

# A stand-in for tests/vm/run: what it is asked to do is what the header lines say.
printf '#!/bin/sh\necho "ok $*"\n' >"$work/tests/vm/run"
chmod +x "$work/tests/vm/run"
printf '%s\n' '#!/bin/bash' '# vm: --nvme 8M --timeout 10' '# vm: --nvme 9M' '# with: a b' '# leaks: yes' \
	>"$work/tests/vm/suites/twice.sh"
printf '%s\n' '#!/bin/bash' '# debug: no' >"$work/tests/vm/suites/plain.sh"
sum 'a VM suite runs once per line' 0 '3 passed, 0 failed, 0 skipped' vm
check 'with its options, and twice the time' grep -qx \
	'ok --with a --with b --nvme 8M --timeout 20 -- /tests/vm/suites/twice.sh' "$work/log"
sum 'debug kernels, without those that said no' 0 '4 passed, 0 failed, 0 skipped' \
	--debug kasan --debug lockdep
check 'with a look for leaks where that can be' test \
	"$(grep -c -- '--leak-check -- /tests/vm/suites/twice.sh' "$work/log")" = 2
check 'with more time' grep -q -- '--timeout 50 --debug-kernel lockdep' "$work/log"
finish
