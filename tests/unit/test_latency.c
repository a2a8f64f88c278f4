// SPDX-License-Identifier: GPL-2.0
/* The buckets of the latency histograms, and percentiles taken from them. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "latency.h"
#include "tap.h"

/* Every bucket begins with its lowest value, right behind the one before. */
static void test_buckets_are_contiguous(void)
{
	for (__u32 i = 1; i < LATENCY_SLOTS; i++) {
		__u64 low = latency_slot_low(i);

		CU_ASSERT_EQUAL_FATAL(latency_slot(low), i);
		CU_ASSERT_EQUAL_FATAL(latency_slot(low - 1), i - 1);
	}
	CU_ASSERT_EQUAL(latency_slot(0), 0);
}

static void test_last_bucket(void)
{
	CU_ASSERT_EQUAL(latency_slot(~0ULL), LATENCY_SLOTS - 1);
	CU_ASSERT_EQUAL(latency_slot_low(LATENCY_SLOTS - 1), 15ULL << 60);
}

static void test_bucket_width(void)
{
	for (__u32 i = LATENCY_SUB; i + 1 < LATENCY_SLOTS; i++) {
		__u64 low = latency_slot_low(i);
		__u64 width = latency_slot_low(i + 1) - low;

		CU_ASSERT_FATAL(width * 8 <= low);
	}
}

static void test_empty(void)
{
	struct latency_hist hist = { 0 };

	CU_ASSERT_EQUAL(latency_percentile(&hist, 50), 0);
}

static void test_one_value(void)
{
	struct latency_hist hist = { 0 };
	__u64 p;

	hist.slots[latency_slot(402000)]++;
	for (unsigned int percent = 1; percent <= 100; percent++) {
		p = latency_percentile(&hist, percent);
		CU_ASSERT(p > 402000 - 402000 / 10 && p < 402000 + 402000 / 10);
	}
}

static void test_percentiles(void)
{
	struct latency_hist hist = { 0 };

	hist.slots[3] = 50;
	hist.slots[4] = 49;
	hist.slots[5] = 1;
	CU_ASSERT_EQUAL(latency_percentile(&hist, 50), 3);
	CU_ASSERT_EQUAL(latency_percentile(&hist, 51), 4);
	CU_ASSERT_EQUAL(latency_percentile(&hist, 99), 4);
	CU_ASSERT_EQUAL(latency_percentile(&hist, 100), 5);
}

/* Counts near 2^64 must not overflow on the way. */
static void test_many(void)
{
	struct latency_hist hist = { 0 };

	hist.slots[1] = ~0ULL / 2;
	hist.slots[7] = ~0ULL / 2;
	CU_ASSERT_EQUAL(latency_percentile(&hist, 50), 1);
	CU_ASSERT_EQUAL(latency_percentile(&hist, 51), 7);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "buckets are contiguous", test_buckets_are_contiguous },
		{ "the last bucket", test_last_bucket },
		{ "a bucket is at most an eighth wide", test_bucket_width },
		{ "an empty histogram", test_empty },
		{ "one value is every percentile", test_one_value },
		{ "percentiles", test_percentiles },
		{ "very many values", test_many },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "latency", .pTests = tests },
		CU_SUITE_INFO_NULL,
	};

	CU_initialize_registry();
	CU_register_suites(suites);
	return tap_run();
}
