/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run the registered CUnit suites and report each test as tests/run wants it: `ok NAME`,
 * `not ok NAME` with the failed assertions below, `skip NAME # reason`.
 */
#ifndef BPFCOPY_TESTS_TAP_H
#define BPFCOPY_TESTS_TAP_H

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdlib.h>

static const char *tap_skip_reason;

/* Call in a test that cannot run here; whatever it asserted before still counts. */
__attribute__((unused)) static void tap_skip(const char *reason)
{
	tap_skip_reason = reason;
}

static void tap_test_done(const CU_pTest test, const CU_pSuite suite,
			  const CU_pFailureRecord failure)
{
	const char *verdict = "ok";

	if (failure)
		verdict = "not ok";
	else if (tap_skip_reason)
		verdict = "skip";
	printf("%s %s: %s", verdict, suite->pName, test->pName);
	if (!failure && tap_skip_reason)
		printf(" # %s", tap_skip_reason);
	printf("\n");
	for (CU_pFailureRecord f = failure; f; f = f->pNext)
		printf("#   %s:%u: %s\n", f->strFileName, f->uiLineNumber,
		       f->strCondition);
	fflush(stdout);
	tap_skip_reason = NULL;
}

static void tap_suite_init_failed(const CU_pSuite suite)
{
	printf("not ok %s: its initialisation\n", suite->pName);
}

static void tap_suite_cleanup_failed(const CU_pSuite suite)
{
	printf("not ok %s: its cleanup\n", suite->pName);
}

/* Run everything in the registry. Returns the status for main(). */
static int tap_run(void)
{
	unsigned int failed;

	CU_set_test_complete_handler(tap_test_done);
	CU_set_suite_init_failure_handler(tap_suite_init_failed);
	CU_set_suite_cleanup_failure_handler(tap_suite_cleanup_failed);
	if (CU_run_all_tests() != CUE_SUCCESS)
		fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
	failed = CU_get_number_of_tests_failed() +
		 CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif /* BPFCOPY_TESTS_TAP_H */
