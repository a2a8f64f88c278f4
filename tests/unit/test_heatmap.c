// SPDX-License-Identifier: GPL-2.0
/* The heatmap: no copy gets lost in it, and it is a picture. */
#include <CUnit/CUnit.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "heatmap.h"
#include "tap.h"

#define MS 1000000ULL

static struct hist_series series[2];
static struct hist_set set = { series, 2, 0 };
static char *text;

/* @n copies that took @ns, and one that was emulated in a tenth of a second. */
static void some(uint64_t ns, uint64_t n)
{
	memset(series, 0, sizeof(series));
	series[0].key.path = 1;
	series[0].value.latency[latency_slot(ns)] = n;
	series[1].key.path = 2;
	series[1].value.latency[latency_slot(100 * MS)] = 1;
}

static uint64_t all_cells(const struct heatmap *map, size_t path)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < HEATMAP_COLUMNS; i++)
		for (size_t j = 0; j < HIST_LATENCY_SLOTS; j++)
			sum += map->cells[path][i][j];
	return sum;
}

static void draw(const struct heatmap *map, const char *about, bool html)
{
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	heatmap_write(map, out, about, html);
	fclose(out);
}

/* The sum of the copies that the titles of cells speak of. */
static uint64_t told(void)
{
	uint64_t sum = 0;

	for (const char *t = text; (t = strstr(t, "<title>")); t++) {
		const char *colon = strstr(t, ": ");
		const char *end = strstr(t, "</title>");

		if (colon && colon < end && isdigit((unsigned char)colon[2]))
			sum += strtoull(colon + 2, NULL, 10);
	}
	return sum;
}

/* Every element is closed by its own name, and nothing is outside of the last. */
static bool well_formed(void)
{
	char open[16][16];
	unsigned int depth = 0;

	for (const char *t = text; (t = strchr(t, '<')); t++) {
		const char *end = strchr(t, '>');
		size_t len = strcspn(t + 1, " />");

		if (!end)
			return false;
		if (t[1] == '/') {
			len = strcspn(t + 2, ">");
			if (!depth)
				return false;
			depth--;
			if (strlen(open[depth]) != len ||
			    strncmp(open[depth], t + 2, len))
				return false;
			if (!depth)
				return !strchr(end, '<');
		} else if (end[-1] != '/') {
			if (depth == 16 || len >= 16)
				return false;
			snprintf(open[depth++], 16, "%.*s", (int)len, t + 1);
		}
	}
	return false;
}

static void test_columns(void)
{
	struct heatmap *map = heatmap_new(1000, MS);

	some(5000, 3);
	heatmap_add(map, 1000, 1000 + MS, &set);
	heatmap_add(map, 1000 + 2 * MS, 1000 + 3 * MS, &set);
	CU_ASSERT_EQUAL(map->cells[1][0][latency_slot(5000)], 3);
	CU_ASSERT_EQUAL(map->cells[1][1][latency_slot(5000)], 0);
	CU_ASSERT_EQUAL(map->cells[1][2][latency_slot(5000)], 3);
	CU_ASSERT_EQUAL(map->cells[2][2][latency_slot(100 * MS)], 1);
	CU_ASSERT_EQUAL(map->end_ns, 1000 + 3 * MS);
	CU_ASSERT_EQUAL(heatmap_next_ns(map, 1000), 1000 + MS);
	CU_ASSERT_EQUAL(heatmap_next_ns(map, 999 + MS), 1000 + MS);
	CU_ASSERT_EQUAL(heatmap_next_ns(map, 1000 + MS), 1000 + 2 * MS);
	free(map);
}

/* However long it goes on: columns get wider, none is lost. */
static void test_long_run(void)
{
	struct heatmap *map = heatmap_new(0, MS);
	uint64_t at = 0;

	for (int i = 0; i < 5000; i++, at += MS) {
		some(5000 + (uint64_t)i, 2);
		heatmap_add(map, at, at + MS, &set);
	}
	CU_ASSERT_EQUAL(all_cells(map, 1), 10000);
	CU_ASSERT_EQUAL(all_cells(map, 2), 5000);
	CU_ASSERT_EQUAL(map->column_ns, 32 * MS);
	CU_ASSERT_EQUAL(map->cells[2][0][latency_slot(100 * MS)], 32);
	/* And after a long time of nothing. */
	heatmap_add(map, 1000 * at, 1000 * at + MS, &set);
	CU_ASSERT_EQUAL(all_cells(map, 1), 10002);
	draw(map, "", false);
	CU_ASSERT_EQUAL(told(), 15003);
	free(map);
}

static void test_picture(void)
{
	struct heatmap *map = heatmap_new(0, 100 * MS);

	for (uint64_t i = 0; i < 100; i++) {
		some(400000 + 3000 * i, i);
		heatmap_add(map, i * 100 * MS, (i + 1) * 100 * MS, &set);
	}
	draw(map, "a <b> & \"c\"\n", false);
	CU_ASSERT(well_formed());
	CU_ASSERT_EQUAL(told(), 4950 + 100);
	CU_ASSERT(!strncmp(text, "<svg xmlns=\"http://www.w3.org/2000/svg\"",
			   39));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "a &lt;b&gt; &amp; \"c\"?"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "prefers-color-scheme:dark"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ">offload: 4950 copies, p50 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ">emulate: 100 copies, p50 "));
	CU_ASSERT_PTR_NULL(strstr(text, ">mixed: "));
	/* Axes, with units. */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ">1ms</text>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ">10s</text>"));
	/* Nothing is fetched from anywhere. */
	CU_ASSERT_PTR_NULL(strstr(text, "href"));
	CU_ASSERT_PTR_NULL(strstr(text, "url("));
	draw(map, "", true);
	CU_ASSERT(!strncmp(text, "<!DOCTYPE html>\n<html lang=\"en\">", 31));
	CU_ASSERT_EQUAL(told(), 4950 + 100);
	free(map);
}

/* Nothing happened; or all in one moment, in the first or last bucket. */
static void test_corners(void)
{
	struct heatmap *map = heatmap_new(0, MS);
	struct hist_set one = { series, 1, 0 };

	draw(map, "", false);
	CU_ASSERT(well_formed());
	CU_ASSERT_EQUAL(told(), 0);
	memset(series, 0, sizeof(series));
	series[0].key.path = 1;
	series[0].value.latency[0] = 1;
	heatmap_add(map, 0, 1, &one);
	draw(map, "", false);
	CU_ASSERT(well_formed());
	CU_ASSERT_EQUAL(told(), 1);
	series[0].value.latency[HIST_LATENCY_SLOTS - 1] = ~0U;
	heatmap_add(map, 0, 1, &one);
	draw(map, "", false);
	CU_ASSERT(well_formed());
	CU_ASSERT_EQUAL(told(), 2 + (uint64_t)~0U);
	CU_ASSERT_PTR_NULL(strstr(text, "nan"));
	CU_ASSERT_PTR_NULL(strstr(text, "inf"));
	free(map);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "columns", test_columns },
		{ "a long run", test_long_run },
		{ "the picture", test_picture },
		{ "corners", test_corners },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "heatmap", .pTests = tests },
		CU_SUITE_INFO_NULL,
	};
	int status;

	CU_initialize_registry();
	CU_register_suites(suites);
	status = tap_run();
	free(text);
	return status;
}
