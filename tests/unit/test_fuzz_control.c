// SPDX-License-Identifier: GPL-2.0
/* Where the fuzzer of the control socket began, and what it once found. */
#include "../fuzz/fuzz_control.c"
#include "fuzz_files.h"
#include "tap.h"

static void findings(void)
{
	run_files(TOP "/tests/fuzz/control/*");
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("fuzz_control", NULL, NULL);
	CU_ADD_TEST(suite, findings);
	return tap_run();
}
