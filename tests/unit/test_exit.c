// SPDX-License-Identifier: GPL-2.0
/* Errors to exit statuses and messages. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "exit.h"
#include "tap.h"

static void statuses_are_promised_numbers(void)
{
	CU_ASSERT_EQUAL(EXIT_OK, 0);
	CU_ASSERT_EQUAL(EXIT_FAILED, 1);
	CU_ASSERT_EQUAL(EXIT_USAGE, 2);
	CU_ASSERT_EQUAL(EXIT_CONFIG, 3);
	CU_ASSERT_EQUAL(EXIT_NOT_FOUND, 4);
	CU_ASSERT_EQUAL(EXIT_NO_PERM, 5);
	CU_ASSERT_EQUAL(EXIT_KERNEL, 6);
	CU_ASSERT_EQUAL(EXIT_LOST, 7);
}

static void context_decides(void)
{
	/* No permission to open a device, but the verifier's answer for a policy. */
	CU_ASSERT_EQUAL(exit_status_of(IN_DEVICE, -EACCES), EXIT_NO_PERM);
	CU_ASSERT_EQUAL(exit_status_of(IN_POLICY, -EACCES), EXIT_FAILED);
	/* Not privileged, but a read-only destination for a copy. */
	CU_ASSERT_EQUAL(exit_status_of(IN_POLICY, -EPERM), EXIT_NO_PERM);
	CU_ASSERT_EQUAL(exit_status_of(IN_COPY, -EPERM), EXIT_FAILED);
	/* A device that cannot copy is not a kernel that cannot. */
	CU_ASSERT_EQUAL(exit_status_of(IN_COPY, -EOPNOTSUPP), EXIT_FAILED);
	CU_ASSERT_EQUAL(exit_status_of(IN_TRACE, -EOPNOTSUPP), EXIT_KERNEL);
	CU_ASSERT_EQUAL(exit_status_of(IN_POLICY, -EOPNOTSUPP), EXIT_KERNEL);
}

static void not_found(void)
{
	CU_ASSERT_EQUAL(exit_status_of(IN_DEVICE, -ENODEV), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(exit_status_of(IN_DEVICE, -ENOTBLK), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(exit_status_of(IN_POLICY, -ENOENT), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(exit_status_of(IN_POLICY, -ESRCH), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(exit_status_of(IN_COPY, -ENXIO), EXIT_NOT_FOUND);
	CU_ASSERT_EQUAL(exit_status_of(IN_FILE, -ENOENT), EXIT_FAILED);
}

static void the_rest(void)
{
	CU_ASSERT_EQUAL(exit_status_of(IN_COPY, 0), EXIT_OK);
	CU_ASSERT_EQUAL(exit_status_of(IN_COPY, -EIO), EXIT_FAILED);
	CU_ASSERT_EQUAL(exit_status_of(IN_COPY, -ENOTTY), EXIT_KERNEL);
	CU_ASSERT_EQUAL(exit_status_of(IN_VERIFY, -EILSEQ), EXIT_FAILED);
	CU_ASSERT_EQUAL(exit_status_of(IN_POLICY, -EBADMSG), EXIT_USAGE);
	CU_ASSERT_STRING_EQUAL(exit_reason(IN_COPY, -EIO), strerror(EIO));
}

static void reasons_say_what_to_do(void)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(exit_reason(IN_DEVICE, -EACCES), "root"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(exit_reason(IN_DEVICE, -ENODEV), "bpfcopy dev list"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(exit_reason(IN_COPY, -ENOTTY), "bpfcopy status"));
}

/* What exit_because() says, and the status that it returns. */
static int because(int err, const char *reason, char *said, size_t size)
{
	FILE *terminal = stderr;
	int status;

	memset(said, 0, size);
	stderr = fmemopen(said, size, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(stderr);
	status = exit_because(IN_POLICY, err, "nvme0n1", reason);
	fclose(stderr);
	stderr = terminal;
	return status;
}

static void a_better_reason_replaces_the_usual_one(void)
{
	char said[256];

	CU_ASSERT_EQUAL(because(-ENOENT, "x.o: gone", said, sizeof(said)),
			EXIT_NOT_FOUND);
	CU_ASSERT_STRING_EQUAL(said, "bpfcopy: nvme0n1: x.o: gone\n");
	CU_ASSERT_EQUAL(because(-EBADMSG, "", said, sizeof(said)), EXIT_USAGE);
	CU_ASSERT_STRING_EQUAL(said, "bpfcopy: nvme0n1: bad parameter\n");
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("exit", NULL, NULL);
	CU_ADD_TEST(suite, statuses_are_promised_numbers);
	CU_ADD_TEST(suite, context_decides);
	CU_ADD_TEST(suite, not_found);
	CU_ADD_TEST(suite, the_rest);
	CU_ADD_TEST(suite, reasons_say_what_to_do);
	CU_ADD_TEST(suite, a_better_reason_replaces_the_usual_one);
	return tap_run();
}
