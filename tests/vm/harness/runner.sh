#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tests/run counts what suites say, and does not overlook those that say nothing.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests/cli" "$work/tests/vm/suites" "$work/tests/vm/harness" "$work/build/tests/unit"
cp tests/run tests/lib.sh "$work/tests/"

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
cat >"$work/tests/cli/early.sh" <<'SH'
#!/bin/bash
set -euo pipefail
. tests/lib.sh
ok one
inner() {
	ls /no/such 2>/dev/null
	finish
}
outer() { inner; }
outer
SH
chmod +x "$work/tests/cli/early.sh"
cli killed 'echo not ok one' 'kill -9 $$'
sum 'passes and skips' 0 '2 passed, 0 failed, 1 skipped' cli good
check 'the reason of a skip is shown' \
	grep -qx 'SKIPPED cli/good: three # no such device' "$work/log"
sum 'a failure' 1 '1 passed, 1 failed, 0 skipped' cli bad
check 'one line reproduces it' grep -q 'reproduce: tests/cli/bad.sh' "$work/log"
sum 'a suite that reports nothing' 1 '0 passed, 1 failed, 0 skipped' cli silent
sum 'a suite that dies without a word' 1 '1 passed, 1 failed, 0 skipped' cli died
sum 'a suite that fails a case and is killed' 1 '0 passed, 2 failed, 0 skipped' cli killed
sum 'a suite whose command fails' 1 '1 passed, 1 failed, 0 skipped' cli early
check 'it says which, and where' \
	grep -qx 'FAILED  cli/early: the script ends early, in inner < outer:9 < main:10: ls /no/such 2> /dev/null' "$work/log"
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

# A stand-in for tests/vm/run whose emulator fails at first.
cat >"$work/tests/vm/run" <<SH
#!/bin/sh
echo "ok half"
n=\$(cat $work/left)
[ \$n -gt 0 ] || exit 0
echo \$((n - 1)) >$work/left
exit 205
SH
chmod +x "$work/tests/vm/run"
printf '%s\n' '#!/bin/bash' >"$work/tests/vm/suites/again.sh"
for jobs in 1 2; do
	echo 2 >"$work/left"
	sum "a failed emulator, $jobs at a time: counted once" 0 '1 passed, 0 failed, 0 skipped' \
		--jobs $jobs vm again
	echo 9 >"$work/left"
	sum "a failed emulator, $jobs at a time: not for ever" 1 '1 passed, 1 failed, 0 skipped' \
		--jobs $jobs vm again
done
rm "$work/tests/vm/suites/again.sh"

# A stand-in for tests/vm/run: what it is asked to do is what the header lines say.
printf '#!/bin/sh\necho "ok $*"\n' >"$work/tests/vm/run"
chmod +x "$work/tests/vm/run"
printf '%s\n' '#!/bin/bash' '# vm: --nvme 8M --timeout 10' '# vm: --nvme 9M' '# with: a b' '# leaks: yes' \
	>"$work/tests/vm/suites/twice.sh"
printf '%s\n' '#!/bin/bash' '# debug: no' >"$work/tests/vm/suites/plain.sh"
sum 'a VM suite runs once per line' 0 '3 passed, 0 failed, 0 skipped' vm
check 'with its options, and twice the time' grep -qx \
	'ok --with a --with b --nvme 8M --timeout 20 -- /tests/vm/suites/twice.sh' "$work/log"
check 'with a look for leaks only where that can be' \
	test "$(grep -c -- --leak-check "$work/log")" = 0
# On the debug kernels: what did not say no, and what said that it is only for one of them.
printf '%s\n' '#!/bin/bash' '# debug: only lockdep' >"$work/tests/vm/suites/locks.sh"
printf '%s\n' '#!/bin/bash' '# debug: only kasan' 'echo ok asked' >"$work/tests/vm/harness/leaks.sh"
printf '%s\n' '#!/bin/bash' 'echo ok usual' >"$work/tests/vm/harness/usual.sh"
chmod +x "$work"/tests/vm/harness/*.sh
sum 'the plain kernel' 0 '4 passed, 0 failed, 0 skipped' harness vm
check 'without the harness of a debug kernel' grep -qx 'ok usual' "$work/log"
sum 'debug kernels' 0 '6 passed, 0 failed, 0 skipped' --debug kasan --debug lockdep
check 'with their own harness' grep -qx 'ok asked' "$work/log"
check 'and what is only for one of them' grep -qx \
	'ok --debug-kernel lockdep -- /tests/vm/suites/locks.sh' "$work/log"
check 'with a look for leaks where that can be' test \
	"$(grep -c -- '^ok .*--leak-check -- /tests/vm/suites/twice.sh' "$work/log")" = 2
check 'with more time' grep -q -- '--timeout 50 --debug-kernel lockdep' "$work/log"
check 'and twice that to look for leaks' grep -q -- '--timeout 100 --debug-kernel kasan' "$work/log"
echo '# quick: yes' >>"$work/tests/vm/suites/locks.sh"
sum 'the small set of them' 0 '1 passed, 0 failed, 0 skipped' \
	--debug kasan --debug lockdep --quick
sum 'which no plain kernel has' 2 'tests/run: --quick needs --debug' --quick

# Beside each other: a stand-in for a guest that writes when it begins and when it ends.
rm "$work"/tests/vm/suites/*
cat >"$work/tests/vm/run" <<'SH'
#!/bin/bash
name=${*: -1}
name=${name##*/}
echo "begin $name" >>"${0%/*}/order"
echo "ok first of $name"
case $name in
late.sh) for i in {1..100}; do grep -q 'end early' "${0%/*}/order" && break; sleep 0.1; done; sleep 1 ;;
waits.sh) for i in {1..100}; do grep -q 'begin meets' "${0%/*}/order" && break; sleep 0.1; done ;;
meets.sh) for i in {1..100}; do grep -q 'begin waits' "${0%/*}/order" && break; sleep 0.1; done ;;
fails.sh) echo "not ok it fails"; exit 1 ;;
dies.sh) kill -9 $$ ;;
esac
[ "${i:-0}" != 100 ] || echo "not ok $name waited in vain"
echo "ok last of $name"
echo "end $name" >>"${0%/*}/order"
SH
vm_suites() {
	local name
	rm -f "$work"/tests/vm/suites/* "$work/tests/vm/order"
	for name in "$@"; do printf '#!/bin/bash\n' >"$work/tests/vm/suites/$name.sh"; done
}
# What a suite says first is followed by what the same one says last.
# shellcheck disable=SC2317 # through check
in_one_piece() {
	awk '/^ok first of / { name = $4 } /^ok last of / && $4 != name { bad = 1 } END { exit bad }' \
		"$work/log"
}
vm_suites waits meets
sum 'two at a time' 0 '4 passed, 0 failed, 0 skipped' --jobs 2 vm
check 'and each in one piece' in_one_piece
vm_suites alone early late
printf '# alone: yes\n' >>"$work/tests/vm/suites/alone.sh"
sum 'one that wants to be alone' 0 '6 passed, 0 failed, 0 skipped' --jobs 2 vm
check_equal 'comes last' "$(tail -n 3 "$work/tests/vm/order" | tr '\n' ' ')" \
	'end late.sh begin alone.sh end alone.sh '
vm_suites fails dies late early
sum 'bad ends are counted' 1 '6 passed, 2 failed, 0 skipped' --jobs 3 vm
check 'one line reproduces it' grep -q 'reproduce: tests/vm/run -- /tests/vm/suites/dies.sh' \
	"$work/log"
check_status 'a number of jobs that is none' 2 "$work/tests/run" --jobs none vm
finish
