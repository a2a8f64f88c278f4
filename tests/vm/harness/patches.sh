#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# check-patches --style: a bad patch is found, and a checkpatch that does not work is not one
# that is content. The builds take too long for a test of the test.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=tests/lib.sh
. tests/lib.sh

# A project with a series of one patch and a checkpatch of its own.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests" "$work/kernel-patches" "$work/build/linux/scripts"
cp -r tests/kernel "$work/tests/"
printf '0001-one.patch\n' >"$work/kernel-patches/series"

# patch LINE: it adds this line of C.
patch() {
	cat >"$work/kernel-patches/0001-one.patch" <<PATCH
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: Some Body <some@body.example>
Date: Tue, 14 Nov 2023 22:13:20 +0000
Subject: [PATCH] block: add a line

It is needed to have one.

Signed-off-by: Some Body <some@body.example>
---
 block/bio.c | 1 +
 1 file changed, 1 insertion(+)

diff --git a/block/bio.c b/block/bio.c
index 111111111111..222222222222 100644
--- a/block/bio.c
+++ b/block/bio.c
@@ -1,2 +1,3 @@
 int a;
+$1
 int b;
PATCH
}

# checkpatch PERL: this is what the script does.
checkpatch() { printf '%s\n' "$1" >"$work/build/linux/scripts/checkpatch.pl"; }

# style NAME STATUS REGEX: how it ends, and what it says.
style() {
	local status=0
	"$work/tests/kernel/check-patches" --style >"$work/said" 2>&1 || status=$?
	[ $status = "$2" ] || echo "status $status, expected $2" >>"$work/said"
	if [ $status = "$2" ] && grep -qE "$3" "$work/said"; then
		ok "$1"
	else
		not_ok "$1" "$work/said"
	fi
}

patch 'int c;'
sum='print "total: 0 errors, 0 warnings, 1 checks, 7 lines checked\n";'
trace='print "include/trace/events/a.h:1: CHECK:OPEN_ENDED_LINE: Lines should not\n";'
checkpatch 'exit 0;'
style 'a series that is clean' 0 '1 patches; not asked: FILE_PATH_CHANGES'
checkpatch "print \"a.c:1: CHECK:SPACING: no\\n\"; $sum exit 1;"
style 'a finding' 1 '^a.c:1: CHECK:SPACING'
checkpatch "$trace $sum exit 1;"
style 'what TRACE_EVENT() looks like' 0 'in include/trace PARENTHESIS_ALIGNMENT, OPEN_ENDED_LINE'
checkpatch "$trace exit 1;"
style 'an end before the sum' 1 'did not work on 0001-one.patch'
checkpatch 'die "no such thing";'
style 'a script that dies' 1 'did not work on 0001-one.patch'
checkpatch 'this is not perl at all ('
style 'a script that perl does not understand' 1 'did not work on 0001-one.patch'
checkpatch '$! = 1; die "not permitted";'
style 'one that dies with the status of a finding' 1 'did not work on 0001-one.patch'
checkpatch 'warn "python has no ply"; exit 0;'
style 'one that could not do a part' 1 'did not work on 0001-one.patch'
rm "$work/build/linux/scripts/checkpatch.pl"
style 'none' 1 "run 'make source'"

if [ -e build/linux/scripts/checkpatch.pl ]; then
	rm -r "$work/build/linux"
	ln -s "$PWD/build/linux" "$work/build/linux"
	style 'the real one and a good patch' 0 '1 patches'
	patch 'int  c ;'
	style 'the real one and a bad patch' 1 'block/bio.c:.*SPACING'
else
	skip 'the real one' 'build/linux is not unpacked: the kernel came from the cache'
fi
finish
