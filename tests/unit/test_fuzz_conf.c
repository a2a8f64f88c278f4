// SPDX-License-Identifier: GPL-2.0
/* What the fuzzer once found, and where it began, through the fuzzer's own code. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "../fuzz/fuzz_conf.c"
#include "tap.h"

static void run_file(const char *path)
{
	static uint8_t data[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t size;
	uint8_t *copy;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	/* Of the exact size, so that a byte read past the end is noticed. */
	copy = malloc(size ? size : 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, data, size);
	CU_ASSERT_EQUAL(LLVMFuzzerTestOneInput(copy, size), 0);
	free(copy);
}

static void run_files(const char *pattern)
{
	glob_t found;

	CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		run_file(found.gl_pathv[i]);
	globfree(&found);
}

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
