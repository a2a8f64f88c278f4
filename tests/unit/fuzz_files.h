/* SPDX-License-Identifier: GPL-2.0 */
/* Files through the code of a fuzzer, which was included before. */
#ifndef BPFCOPY_TEST_FUZZ_FILES_H
#define BPFCOPY_TEST_FUZZ_FILES_H

#include <CUnit/CUnit.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#endif /* BPFCOPY_TEST_FUZZ_FILES_H */
