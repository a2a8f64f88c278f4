// SPDX-License-Identifier: GPL-2.0
/* What the fuzzer once found, and where it began, through the fuzzer's own code. */
#include "../fuzz/fuzz_conf.c"
#include "fuzz_files.h"
#include "tap.h"

static void findings(void)
{
	run_files(TOP "/tests/fuzz/conf/*");
}

static void seeds(void)
{
	run_files(TOP "/tests/cli/conf/*.conf");
	run_files(TOP "/policy/examples/*.conf");
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("fuzz_conf", NULL, NULL);
	CU_ADD_TEST(suite, findings);
	CU_ADD_TEST(suite, seeds);
	return tap_run();
}
