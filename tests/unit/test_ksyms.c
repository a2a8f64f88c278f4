// SPDX-License-Identifier: GPL-2.0
/* Names of kernel addresses, from a file like /proc/kallsyms. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ksyms.h"
#include "tap.h"

static const char lines[] = "ffffffff81000200 t second\n"
			    "ffffffff81000000 T first\n"
			    "ffffffff81000300 D data\n"
			    "ffffffffc0000010 t of_module\t[nvme_core]\n"
			    "0000000000000000 T hidden\n"
			    "rubbish\n"
			    "ffffffff81000280 W weak\n";

static struct ksyms *load(const char *text)
{
	char name[] = "/tmp/ksymsXXXXXX";
	int fd = mkstemp(name);
	struct ksyms *syms;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	setenv("BPFCOPY_KALLSYMS", name, 1);
	CU_ASSERT_EQUAL_FATAL(ksyms_load(&syms), 0);
	unlink(name);
	return syms;
}

static void check_name(const struct ksyms *syms, uint64_t address,
		       const char *want)
{
	char buf[KSYMS_NAME_MAX];

	CU_ASSERT_STRING_EQUAL(ksyms_name(syms, address, buf, sizeof(buf)),
			       want);
}

static void test_names(void)
{
	struct ksyms *syms = load(lines);

	check_name(syms, 0xffffffff81000000, "first+0x0");
	check_name(syms, 0xffffffff810001ff, "first+0x1ff");
	check_name(syms, 0xffffffff81000200, "second+0x0");
	check_name(syms, 0xffffffff81000281, "weak+0x1");
	check_name(syms, 0xffffffffc0000020, "of_module+0x10 [nvme_core]");
	ksyms_free(syms);
}

static void test_no_name(void)
{
	struct ksyms *syms = load(lines);

	check_name(syms, 0xffffffff80ffffff, "0xffffffff80ffffff");
	check_name(syms, 0xffffffff91000000, "0xffffffff91000000");
	check_name(NULL, 16, "0x10");
	ksyms_free(syms);
}

/* kernel.kptr_restrict=2 */
static void test_hidden(void)
{
	struct ksyms *syms = load("0000000000000000 T first\n");

	check_name(syms, 0xffffffff81000000, "0xffffffff81000000");
	ksyms_free(syms);
}

static void test_cut(void)
{
	struct ksyms *syms = load(lines);
	char buf[8];

	CU_ASSERT_STRING_EQUAL(ksyms_name(syms, 0xffffffff81000200, buf,
					  sizeof(buf)),
			       "second+");
	ksyms_free(syms);
}

static void test_no_file(void)
{
	struct ksyms *syms = (void *)1;

	setenv("BPFCOPY_KALLSYMS", "/nowhere", 1);
	CU_ASSERT_EQUAL(ksyms_load(&syms), -ENOENT);
	CU_ASSERT_PTR_NULL(syms);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "the function an address is in", test_names },
		{ "no function", test_no_name },
		{ "addresses are hidden", test_hidden },
		{ "a short buffer", test_cut },
		{ "no such file", test_no_file },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "ksyms", .pTests = tests },
		CU_SUITE_INFO_NULL,
	};

	CU_initialize_registry();
	CU_register_suites(suites);
	return tap_run();
}
