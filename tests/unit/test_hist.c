// SPDX-License-Identifier: GPL-2.0
/* Sets of histograms: differences, sums, percentiles, bars. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "rows.h"
#include "tap.h"

static struct hist_series series[8];
static struct hist_bar bars[HIST_BARS_MAX];

/* Count a copy as hist_copy.bpf.c does. */
static void count(struct hist_value *v, uint64_t ns, uint64_t bytes)
{
	uint32_t slot = latency_slot(ns);

	v->copies++;
	v->offloaded += bytes;
	v->latency_ns += ns;
	v->max_ns = ns > v->max_ns ? ns : v->max_ns;
	v->latency[slot < HIST_LATENCY_SLOTS ? slot : HIST_LATENCY_SLOTS - 1]++;
	slot = latency_slot(bytes >> HIST_SIZE_SHIFT);
	v->size[slot < HIST_SIZE_SLOTS ? slot : HIST_SIZE_SLOTS - 1]++;
}

static struct hist_value *start(size_t i, const char *device, uint8_t path)
{
	series[i] = (struct hist_series){
		.key = { .dev = 1 + (uint32_t)device[0], .path = path },
	};
	snprintf(series[i].device, sizeof(series[i].device), "%s", device);
	return &series[i].value;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Against the sorted values themselves. */
static void test_percentiles(void)
{
	static const unsigned int per_mille[] = { 1, 500, 900, 990, 999, 1000 };
	struct hist_value *v = start(0, "a", 1);
	static uint64_t ns[4999];

	srandom(17);
	for (size_t i = 0; i < 4999; i++) {
		ns[i] = (uint64_t)random() % 1000 << (random() % 20);
		count(v, ns[i], 4096);
	}
	qsort(ns, 4999, sizeof(*ns), by_value);
	for (size_t i = 0; i < 6; i++) {
		size_t rank = (4999 * per_mille[i] + 999) / 1000;
		double want = (double)ns[rank - 1];
		double got = (double)hist_latency(v, per_mille[i]);

		CU_ASSERT(got >= want * (1 - 0.0625) - 1);
		CU_ASSERT(got <= want * (1 + 0.0625) + 1);
	}
	CU_ASSERT(hist_latency(v, 1000) <= v->max_ns);
}

static void test_no_copies(void)
{
	struct hist_value *v = start(0, "a", 1);

	CU_ASSERT_EQUAL(hist_latency(v, 500), 0);
	CU_ASSERT_EQUAL(hist_latency_bars(v, HIST_BARS_FEW, bars), 0);
	CU_ASSERT_EQUAL(hist_latency_bars(v, HIST_BARS_FINE, bars), 0);
}

/* A percentile is the middle of a bucket, and that may be above the largest. */
static void test_not_above_max(void)
{
	struct hist_value *v = start(0, "a", 1);

	count(v, latency_slot_low(100), 4096);
	CU_ASSERT_EQUAL(hist_latency(v, 990), v->max_ns);
}

static uint64_t sum_bars(size_t nr)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += bars[i].copies;
	return sum;
}

static void test_fine_bars(void)
{
	struct hist_value *v = start(0, "a", 1);
	size_t nr;

	count(v, 1000, 4096);
	count(v, 1000, 4096);
	count(v, 5000000, 1 << 20);
	nr = hist_latency_bars(v, HIST_BARS_FINE, bars);
	CU_ASSERT_EQUAL_FATAL(nr, 2);
	CU_ASSERT_EQUAL(bars[0].from, 960);
	CU_ASSERT_EQUAL(bars[0].to, 1024);
	CU_ASSERT_EQUAL(bars[0].copies, 2);
	CU_ASSERT_EQUAL(bars[1].copies, 1);
	nr = hist_size_bars(v, HIST_BARS_FINE, bars);
	CU_ASSERT_EQUAL_FATAL(nr, 2);
	CU_ASSERT_EQUAL(bars[0].from, 4096);
	CU_ASSERT_EQUAL(bars[0].to, 4096 + 512);
	CU_ASSERT_EQUAL(bars[1].from, 1 << 20);
}

/* Bars touch each other, none is missing, and they are as fine as fits. */
static void test_few_bars(void)
{
	for (unsigned int octaves = 0; octaves < 30; octaves++) {
		struct hist_value *v = start(0, "a", 1);
		size_t nr;

		for (unsigned int i = 0; i <= 3 * octaves; i++)
			count(v, 1000ULL << i / 3, 512ULL << i / 3);
		nr = hist_latency_bars(v, HIST_BARS_FEW, bars);
		CU_ASSERT_EQUAL(sum_bars(nr), v->copies);
		CU_ASSERT_FATAL(nr);
		CU_ASSERT(octaves > 14 || nr <= HIST_BARS_FEW_MAX);
		CU_ASSERT(bars[0].copies && bars[nr - 1].copies);
		for (size_t i = 1; i < nr; i++)
			CU_ASSERT_EQUAL(bars[i].from, bars[i - 1].to);
		CU_ASSERT(octaves > 1 || bars[0].to - bars[0].from <= 1024 / 8);
		nr = hist_size_bars(v, HIST_BARS_FEW, bars);
		CU_ASSERT_EQUAL(sum_bars(nr), v->copies);
	}
}

static void test_beyond_the_last(void)
{
	struct hist_value *v = start(0, "a", 1);
	size_t nr;

	count(v, 1ULL << 50, 1ULL << 50);
	count(v, ~0ULL, ~0ULL);
	nr = hist_latency_bars(v, HIST_BARS_FEW, bars);
	CU_ASSERT_EQUAL(nr, 1);
	CU_ASSERT_EQUAL(bars[0].copies, 2);
	CU_ASSERT_EQUAL(bars[0].to, ROWS_NONE);
	CU_ASSERT_EQUAL(hist_size_bars(v, HIST_BARS_FINE, bars), 1);
	CU_ASSERT_EQUAL(bars[0].to, ROWS_NONE);
}

static void test_sort(void)
{
	struct hist_set set = { series, 4, 0 };

	start(0, "nvme10n1", 2);
	start(1, "nvme10n1", 1);
	start(2, "nvme2n1", 1);
	start(3, "dm-0", 1);
	hist_set_sort(&set);
	CU_ASSERT_STRING_EQUAL(series[0].device, "dm-0");
	CU_ASSERT_STRING_EQUAL(series[1].device, "nvme2n1");
	CU_ASSERT_EQUAL(series[2].key.path, 1);
	CU_ASSERT_EQUAL(series[3].key.path, 2);
}

static void test_group(void)
{
	struct hist_set set = { series, 4, 0 };

	count(start(0, "a", 1), 1000, 4096);
	count(start(1, "a", 2), 3000, 4096);
	count(start(2, "b", 1), 5000, 4096);
	count(start(3, "b", 2), 7000, 4096);
	hist_set_group(&set, HIST_BY_PATH);
	CU_ASSERT_EQUAL_FATAL(set.nr, 2);
	CU_ASSERT_EQUAL(series[0].key.path, 1);
	CU_ASSERT_EQUAL(series[0].value.copies, 2);
	CU_ASSERT_EQUAL(series[0].value.max_ns, 5000);
	CU_ASSERT_EQUAL(series[0].device[0], 0);
	CU_ASSERT_EQUAL(series[1].value.latency_ns, 10000);
	hist_set_group(&set, 0);
	CU_ASSERT_EQUAL_FATAL(set.nr, 1);
	CU_ASSERT_EQUAL(hist_copies(&set), 4);
	CU_ASSERT_EQUAL(series[0].value.max_ns, 7000);
}

static void since(struct hist_set *before, struct hist_set *now,
		  struct hist_set *out)
{
	CU_ASSERT_EQUAL_FATAL(hist_set_since(now, before, out), 0);
}

/* The largest latency: seen in this time, seen before, seen before in its bucket. */
static void test_since(void)
{
	struct hist_set before = { series, 2, 3 }, now = { series + 4, 3, 5 };
	struct hist_set out;

	count(start(0, "a", 1), 1 << 20, 4096);
	count(start(1, "b", 1), 1000, 4096);
	memcpy(series + 4, series, 2 * sizeof(*series));
	count(&series[4].value, 1000, 4096);
	count(start(6, "c", 1), 2000, 4096);
	since(&before, &now, &out);
	CU_ASSERT_EQUAL(out.lost, 2);
	/* Nothing happened to b. */
	CU_ASSERT_EQUAL_FATAL(out.nr, 2);
	CU_ASSERT_EQUAL(out.series[0].value.copies, 1);
	CU_ASSERT_EQUAL(out.series[0].value.latency_ns, 1000);
	CU_ASSERT_EQUAL(out.series[0].value.max_ns, 1023);
	CU_ASSERT_STRING_EQUAL(out.series[1].device, "c");
	CU_ASSERT_EQUAL(out.series[1].value.max_ns, 2000);
	hist_set_free(&out);

	count(&series[4].value, 1 << 21, 4096);
	since(&before, &now, &out);
	CU_ASSERT_EQUAL(out.series[0].value.max_ns, 1 << 21);
	hist_set_free(&out);

	memcpy(series, series + 4, sizeof(*series));
	count(&series[4].value, (1 << 21) - 1, 4096);
	count(&series[4].value, 1 << 21, 4096);
	since(&before, &now, &out);
	CU_ASSERT_EQUAL(out.series[0].value.max_ns, 1 << 21);
	hist_set_free(&out);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "percentiles", test_percentiles },
		{ "no copies", test_no_copies },
		{ "no percentile above the largest", test_not_above_max },
		{ "fine bars", test_fine_bars },
		{ "few bars", test_few_bars },
		{ "beyond the last bucket", test_beyond_the_last },
		{ "order", test_sort },
		{ "told apart by less", test_group },
		{ "since", test_since },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "hist", .pTests = tests },
		CU_SUITE_INFO_NULL,
	};

	CU_initialize_registry();
	CU_register_suites(suites);
	return tap_run();
}
