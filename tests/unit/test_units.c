// SPDX-License-Identifier: GPL-2.0
/* Sizes and times. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "tap.h"
#include "units.h"

static void size_ok(const char *text, uint64_t want)
{
	uint64_t got = 1;

	CU_ASSERT_EQUAL(units_parse_size(text, &got, NULL), 0);
	CU_ASSERT_EQUAL(got, want);
}

static void sizes_parse(void)
{
	size_ok("0", 0);
	size_ok("00", 0);
	size_ok("0B", 0);
	size_ok("512B", 512);
	size_ok("64KiB", 65536);
	size_ok("64 KiB", 65536);
	size_ok("3MiB", 3 << 20);
	size_ok("1GiB", 1ULL << 30);
	size_ok("16777215TiB", 16777215ULL << 40);
	size_ok("18446744073709551615B", UINT64_MAX);
}

static void size_refused(const char *text, int err)
{
	const char *why = NULL;
	uint64_t got = 4711;

	CU_ASSERT_EQUAL(units_parse_size(text, &got, &why), err);
	CU_ASSERT_EQUAL(got, 4711);
	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	CU_ASSERT_TRUE(*why);
}

static void sizes_refused(void)
{
	static const char *const bad[] = {
		"",	 "64",	 "KiB", "-1KiB",  "+1KiB", " 1KiB",
		"1kib",	 "1K",	 "1KB", "1.5MiB", "1KiBx", "0x10B",
		"1KiB ", "1e3B", "1s",	"1KiB,",  "64 ",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		size_refused(bad[i], -EINVAL);
	size_refused("16777216TiB", -ERANGE);
	size_refused("18446744073709551616B", -ERANGE);
}

static void size_hint_names_a_unit(void)
{
	const char *why = NULL;
	uint64_t v;

	units_parse_size("64", &v, &why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "KiB"));
}

static void time_is(const char *text, uint64_t want)
{
	uint64_t got = 1;

	CU_ASSERT_EQUAL(units_parse_time(text, &got, NULL), 0);
	CU_ASSERT_EQUAL(got, want);
}

static void times_parse(void)
{
	time_is("0", 0);
	time_is("7ns", 7);
	time_is("500us", 500000);
	time_is("8ms", 8000000);
	time_is("8192 s", 8192000000000ULL);
	time_is("2min", 120000000000ULL);
	time_is("1h", 3600000000000ULL);
}

static void times_refused(void)
{
	const char *why = NULL;
	uint64_t v = 4711;

	CU_ASSERT_EQUAL(units_parse_time("5", &v, &why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "500us"));
	CU_ASSERT_EQUAL(units_parse_time("5x", &v, &why), -EINVAL);
	CU_ASSERT_EQUAL(units_parse_time("5m", &v, &why), -EINVAL);
	CU_ASSERT_EQUAL(units_parse_time("5KiB", &v, &why), -EINVAL);
	CU_ASSERT_EQUAL(units_parse_time("5124096h", &v, &why), -ERANGE);
	CU_ASSERT_EQUAL(v, 4711);
}

static void size_shown(uint64_t bytes, const char *want)
{
	char buf[UNITS_TEXT_MAX];

	CU_ASSERT_STRING_EQUAL(units_format_size(buf, bytes), want);
}

static void sizes_shown(void)
{
	size_shown(0, "0B");
	size_shown(1023, "1023B");
	size_shown(1024, "1KiB");
	size_shown(1536, "1.5KiB");
	size_shown(2047, "2KiB");
	size_shown(65536, "64KiB");
	size_shown((1ULL << 20) + (1 << 19), "1.5MiB");
	size_shown(1ULL << 40, "1TiB");
	size_shown(UINT64_MAX, "16777216TiB");
}

static void time_shown(uint64_t ns, const char *want)
{
	char buf[UNITS_TEXT_MAX];

	CU_ASSERT_STRING_EQUAL(units_format_time(buf, ns), want);
}

static void times_shown(void)
{
	time_shown(0, "0ns");
	time_shown(999, "999ns");
	time_shown(1000, "1.00us");
	time_shown(412332, "412us");
	time_shown(9800000, "9.80ms");
	time_shown(98760000, "98.8ms");
	time_shown(1500000000, "1.50s");
	time_shown(5400000000000ULL, "1.50h");
}

static void shown_exactly(void)
{
	static const uint64_t values[] = {
		0,    1,	  512,	      1000,	   1024,    1536,
		4097, 3ULL << 40, UINT64_MAX, 60000000000, 1500000,
	};
	char text[UNITS_TEXT_MAX];
	uint64_t back;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		units_exact_size(text, values[i]);
		CU_ASSERT_EQUAL(units_parse_size(text, &back, NULL), 0);
		CU_ASSERT_EQUAL(back, values[i]);
		units_exact_time(text, values[i]);
		CU_ASSERT_EQUAL(units_parse_time(text, &back, NULL), 0);
		CU_ASSERT_EQUAL(back, values[i]);
	}
	CU_ASSERT_STRING_EQUAL(units_exact_size(text, 1536), "1536B");
	CU_ASSERT_STRING_EQUAL(units_exact_size(text, 65536), "64KiB");
	CU_ASSERT_STRING_EQUAL(units_exact_time(text, 60000000000), "1min");
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("units", NULL, NULL);
	CU_ADD_TEST(suite, sizes_parse);
	CU_ADD_TEST(suite, sizes_refused);
	CU_ADD_TEST(suite, size_hint_names_a_unit);
	CU_ADD_TEST(suite, times_parse);
	CU_ADD_TEST(suite, times_refused);
	CU_ADD_TEST(suite, sizes_shown);
	CU_ADD_TEST(suite, times_shown);
	CU_ADD_TEST(suite, shown_exactly);
	return tap_run();
}
