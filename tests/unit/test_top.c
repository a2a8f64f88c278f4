// SPDX-License-Identifier: GPL-2.0
/* The live screen without a terminal: frames and keys in, lines of text out. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "tap.h"
#include "top.h"

static struct top_device devices[] = {
	{ .name = "nvme0n1",
	  .there = true,
	  .copies = 2000,
	  .offloaded = 20 << 20,
	  .emulated = 2 << 20,
	  .p50_ns = 188000,
	  .p99_ns = 8130000,
	  .reasons = { 0, 1900, 0, 100 },
	  .path = { [1] = { 1900, 20 << 20, 180000, 8000000 },
		    [2] = { 100, 2 << 20, 200000, 9000000 } },
	  .bars = { { 1000, 2000, 10 }, { 2000, 4000, 100 } },
	  .nr_bars = 2,
	  .total_copies = 12345 },
	{ .name = "nvme10n1", .there = true },
	{ .name = "nvme2n1",
	  .there = true,
	  .copies = 1,
	  .errors = 1,
	  .reasons = { 1 } },
	{ .name = "dm-0",
	  .copies = 10,
	  .emulated = 40960,
	  .p99_ns = 99000000,
	  .reasons = { [6] = 10 } },
};

static const struct top_frame frame = {
	.interval_ns = 2000000000,
	.devices = devices,
	.nr = 4,
	.tokens = 7,
	.cost_ns = 20000000,
};

static struct top_text text;

static void render(const struct top_view *view)
{
	CU_ASSERT_EQUAL_FATAL(top_render(&frame, view, NULL, 0, &text), 0);
}

static void render_at(size_t rows, size_t cols)
{
	const struct top_view view = { .rows = rows, .cols = cols };

	render(&view);
}

/* The line that has @what in it, -1 if there is none. */
static int line_of(const char *what)
{
	for (size_t i = 0; i < text.nr; i++)
		if (strstr(text.lines[i].text, what))
			return (int)i;
	return -1;
}

static bool has(const char *what)
{
	return line_of(what) >= 0;
}

static void test_list(void)
{
	render_at(24, 80);
	CU_ASSERT_EQUAL(text.nr, 24);
	CU_ASSERT_EQUAL(line_of("bpfcopy top"), 0);
	CU_ASSERT_STRING_EQUAL(
		text.lines[1].text,
		"1006 copies/s  lost 0  tokens 7  offload 10MiB/s  "
		"emulate 1MiB/s  failed 1");
	CU_ASSERT_STRING_EQUAL(
		text.lines[2].text,
		"DEVICE      COPIES/s OFFLOAD/s EMULATE/s     P50     P99"
		"  FAIL WHY              ");
	CU_ASSERT_STRING_EQUAL(
		text.lines[4].text,
		"nvme0n1         1000     10MiB      1MiB   188us  8.13ms"
		"     - policy 95%       ");
	CU_ASSERT(line_of("q quit") == 23);
}

/* What is gone says so, what is rare is not nothing, what is not is a dash. */
static void test_cells(void)
{
	render_at(24, 120);
	CU_ASSERT(has("dm-0 (gone)"));
	CU_ASSERT(has("cross-device 100%"));
	CU_ASSERT(has("policy 95%, caller 5%"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text.lines[line_of("nvme2n1")].text,
				      "        1         -         -"));
	CU_ASSERT(has("cost 1.00% of a CPU"));
}

/* What was not counted comes first. */
static void test_lost(void)
{
	struct top_frame lossy = frame;
	const struct top_view view = { .rows = 24, .cols = 20 };

	lossy.lost = 3;
	CU_ASSERT_EQUAL(top_render(&lossy, &view, NULL, 0, &text), 0);
	CU_ASSERT_STRING_EQUAL(text.lines[1].text, "lost 3  tokens 7");
	CU_ASSERT_EQUAL(text.lines[1].look, TOP_BOLD);
}

static void test_unknown_cost(void)
{
	struct top_frame cheap = frame;
	const struct top_view view = { .rows = 24, .cols = 120 };

	cheap.cost_ns = ROWS_NONE;
	CU_ASSERT_EQUAL(top_render(&cheap, &view, NULL, 0, &text), 0);
	CU_ASSERT_FALSE(has("cost"));
}

/* No line is longer than the screen, no screen has more lines than it can. */
static void test_every_size(void)
{
	static const struct top_layer layers[3] = {
		{ .name = "dm-0", .copy_max = 4096 },
		{ .name = "nvme0n1", .depth = 1, .weakest = true },
	};

	for (size_t rows = 1; rows < 60; rows++)
		for (size_t cols = 1; cols < 230; cols += 3)
			for (int page = TOP_DEVICES; page <= TOP_HELP; page++) {
				struct top_view view = { .rows = rows,
							 .cols = cols,
							 .page = page,
							 .scroll = 3,
							 .selected =
								 "nvme0n1" };

				CU_ASSERT_EQUAL_FATAL(top_render(&frame, &view,
								 layers, 2,
								 &text),
						      0);
				CU_ASSERT_FATAL(text.nr <= rows);
				CU_ASSERT_FATAL(text.nr > 0);
				for (size_t i = 0; i < text.nr; i++)
					CU_ASSERT_FATAL(
						strlen(text.lines[i].text) <=
						cols);
			}
}

static void test_small(void)
{
	render_at(5, 20);
	CU_ASSERT_EQUAL(text.nr, 5);
	CU_ASSERT_STRING_EQUAL(text.lines[0].text, "1006 copies/s");
	CU_ASSERT_STRING_EQUAL(text.lines[1].text, "DEVICE      COPIES/s");
	CU_ASSERT(has("dm-0"));
	CU_ASSERT(has("q quit"));
}

static void test_batch(void)
{
	render_at(0, 80);
	CU_ASSERT_EQUAL(text.nr, 3 + frame.nr);
	CU_ASSERT_FALSE(has("quit"));
	for (size_t i = 0; i < text.nr; i++)
		CU_ASSERT_NOT_EQUAL(text.lines[i].look, TOP_CURSOR);
}

static void test_no_escapes(void)
{
	struct top_device evil = { .name = "\033[2Jx\n", .there = true };
	const struct top_frame bad = { .devices = &evil, .nr = 1 };
	const struct top_view view = { .rows = 24, .cols = 80 };

	CU_ASSERT_EQUAL(top_render(&bad, &view, NULL, 0, &text), 0);
	CU_ASSERT(has("?[2Jx?"));
}

static void test_nothing(void)
{
	const struct top_frame empty = { .cost_ns = ROWS_NONE };
	struct top_view view = { .rows = 24, .cols = 80 };

	CU_ASSERT_EQUAL(top_render(&empty, &view, NULL, 0, &text), 0);
	CU_ASSERT(has("no device copies"));
	for (int key = 0; key <= TOP_KEY_ESCAPE; key++)
		if (key != 'q')
			CU_ASSERT(top_press(&view, &empty, key));
}

static void check_order(struct top_view *view, const char *first,
			const char *last)
{
	render(view);
	CU_ASSERT_EQUAL(line_of(first), 3);
	CU_ASSERT_EQUAL(line_of(last), 6);
}

static void test_order(void)
{
	struct top_view view = { .rows = 24, .cols = 120 };

	check_order(&view, "dm-0", "nvme10n1");
	top_press(&view, &frame, 'r');
	check_order(&view, "nvme10n1", "dm-0");
	top_press(&view, &frame, 'r');
	top_press(&view, &frame, 's');
	CU_ASSERT_EQUAL(view.sort, TOP_BY_COPIES);
	check_order(&view, "nvme0n1", "nvme10n1");
	top_press(&view, &frame, 's');
	check_order(&view, "nvme0n1", "nvme10n1");
	top_press(&view, &frame, 's');
	check_order(&view, "dm-0", "nvme10n1");
	top_press(&view, &frame, 's');
	check_order(&view, "nvme2n1", "nvme10n1");
	top_press(&view, &frame, 's');
	CU_ASSERT_EQUAL(view.sort, TOP_BY_NAME);
}

static void type(struct top_view *view, const char *keys)
{
	for (; *keys; keys++)
		CU_ASSERT(top_press(view, &frame, *keys));
}

static void test_filter(void)
{
	struct top_view view = { .rows = 24, .cols = 80 };

	type(&view, "/nvmeq");
	CU_ASSERT_STRING_EQUAL(view.filter, "nvmeq");
	render(&view);
	CU_ASSERT(has("filter: nvmeq_"));
	CU_ASSERT(has("no device has that name"));
	top_press(&view, &frame, TOP_KEY_BACK);
	top_press(&view, &frame, TOP_KEY_ENTER);
	render(&view);
	CU_ASSERT_FALSE(has("dm-0"));
	CU_ASSERT(has("nvme2n1"));
	CU_ASSERT(has("filter nvme"));
	top_press(&view, &frame, TOP_KEY_ESCAPE);
	CU_ASSERT_STRING_EQUAL(view.filter, "");
	type(&view, "/0123456789012345678901234567890123456789");
	CU_ASSERT_EQUAL(strlen(view.filter), TOP_FILTER_MAX - 1);
}

static void test_select(void)
{
	struct top_view view = { .rows = 24, .cols = 80 };

	top_press(&view, &frame, TOP_KEY_DOWN);
	CU_ASSERT_STRING_EQUAL(view.selected, "nvme0n1");
	render(&view);
	CU_ASSERT_EQUAL(text.lines[line_of("nvme0n1")].look, TOP_CURSOR);
	top_press(&view, &frame, TOP_KEY_END);
	CU_ASSERT_STRING_EQUAL(view.selected, "nvme10n1");
	top_press(&view, &frame, TOP_KEY_DOWN);
	CU_ASSERT_STRING_EQUAL(view.selected, "nvme10n1");
	top_press(&view, &frame, TOP_KEY_HOME);
	top_press(&view, &frame, TOP_KEY_UP);
	CU_ASSERT_STRING_EQUAL(view.selected, "dm-0");
	/* The selection is a name: another order does not change it. */
	type(&view, "s");
	render(&view);
	CU_ASSERT_EQUAL(text.lines[line_of("dm-0")].look, TOP_CURSOR);
}

/* The selected device is on the screen, however small that is. */
static void test_scroll(void)
{
	for (size_t rows = 1; rows < 10; rows++) {
		struct top_view view = { .rows = rows,
					 .cols = 80,
					 .selected = "nvme10n1" };

		render(&view);
		CU_ASSERT(has("nvme10n1"));
	}
}

static void test_device(void)
{
	static const struct top_layer layers[] = {
		{ "dm-0", "vol", 0, 65536, 0, 65536, 4, false },
		{ "nvme0n1", "disk", 1, 65536, 65536, 65536, 128, true },
		{ "nvme1n1", "disk", 1, 1 << 20, 1 << 20, 65536, 128, false },
	};
	struct top_view view = { .rows = 30, .cols = 100 };

	top_press(&view, &frame, TOP_KEY_DOWN);
	top_press(&view, &frame, TOP_KEY_ENTER);
	CU_ASSERT_EQUAL(view.page, TOP_DEVICE);
	CU_ASSERT_EQUAL(top_render(&frame, &view, layers, 3, &text), 0);
	CU_ASSERT(has("offload        950      10MiB    180us   8.00ms"));
	CU_ASSERT(has("why: policy 95%, caller 5%"));
	CU_ASSERT(has("so far: 12345 copies"));
	CU_ASSERT(has("dm-0                    64KiB        0     64KiB"));
	CU_ASSERT(has("  nvme0n1               64KiB    64KiB     64KiB    128"
		      "  <- weakest  disk"));
	CU_ASSERT_EQUAL(line_of("weakest"), line_of("  nvme1n1") - 1);
	CU_ASSERT(has(" 2.00us -  4.00us       100 ####"));
	top_press(&view, &frame, TOP_KEY_ESCAPE);
	CU_ASSERT_EQUAL(view.page, TOP_DEVICES);
}

static void test_gone_device(void)
{
	struct top_view view = { .rows = 24,
				 .cols = 80,
				 .page = TOP_DEVICE,
				 .selected = "nvme9n1" };

	render(&view);
	CU_ASSERT(has("nvme9n1 is gone"));
}

static void test_help(void)
{
	struct top_view view = { .rows = 10, .cols = 80, .page = TOP_DEVICE };

	top_press(&view, &frame, 'h');
	render(&view);
	CU_ASSERT(has("quit"));
	CU_ASSERT_FALSE(has("weakest  the layer"));
	top_press(&view, &frame, TOP_KEY_END);
	render(&view);
	CU_ASSERT(has("weakest  the layer"));
	top_press(&view, &frame, '?');
	CU_ASSERT_EQUAL(view.page, TOP_DEVICE);
}

static void test_keys(void)
{
	struct top_view view = { .rows = 24, .cols = 80 };

	type(&view, "p");
	render(&view);
	CU_ASSERT(has("PAUSED"));
	type(&view, " ");
	render(&view);
	CU_ASSERT_FALSE(has("PAUSED"));
	CU_ASSERT_FALSE(top_press(&view, &frame, 'q'));
	type(&view, "/q");
	CU_ASSERT_STRING_EQUAL(view.filter, "q");
}

/*
 * Stacks, on a folder that looks like sysfs: dm-0 is two partitions of nvme0n1.
 */

static char root[] = "/tmp/bpfcopy-sysfs-XXXXXX";

static int make_sysfs(void)
{
	char command[256];

	if (!mkdtemp(root))
		return -1;
	snprintf(command, sizeof(command), "%s/tests/cli/make-sysfs %s", TOP,
		 root);
	setenv("BPFCOPY_SYSFS", root, 1);
	return system(command);
}

static int remove_sysfs(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void set_copy_max(const char *disk, int bytes)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "echo %d >%s/class/block/%s/queue/copy_max_bytes", bytes, root,
		 disk);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static void test_stack(void)
{
	struct top_layer l[TOP_LAYERS_MAX];

	CU_ASSERT_EQUAL_FATAL(top_stack("dm-0", l), 3);
	CU_ASSERT_STRING_EQUAL(l[0].name, "dm-0");
	CU_ASSERT_STRING_EQUAL(l[0].model, "data");
	CU_ASSERT_EQUAL(l[0].copy_max, 524288);
	CU_ASSERT_STRING_EQUAL(l[2].name, "nvme0n1p2");
	CU_ASSERT_EQUAL(l[2].depth, 1);
	CU_ASSERT_EQUAL(l[2].hw_max, 8388608);
	CU_ASSERT(l[0].weakest && !l[1].weakest && !l[2].weakest);
}

/* What has its limit from below is not the one to look at. */
static void test_weakest_below(void)
{
	struct top_layer l[TOP_LAYERS_MAX];

	set_copy_max("nvme0n1", 524288);
	CU_ASSERT_EQUAL_FATAL(top_stack("dm-0", l), 3);
	CU_ASSERT(!l[0].weakest && l[1].weakest && l[2].weakest);
	set_copy_max("nvme0n1", 0);
	set_copy_max("dm-0", 0);
	CU_ASSERT_EQUAL_FATAL(top_stack("dm-0", l), 3);
	CU_ASSERT(!l[0].weakest && l[1].weakest);
}

static void test_no_stack(void)
{
	struct top_layer l[TOP_LAYERS_MAX];

	CU_ASSERT_EQUAL(top_stack("nothing", l), 0);
	CU_ASSERT_EQUAL_FATAL(top_stack("sda", l), 1);
	CU_ASSERT_EQUAL(l[0].copy_max, ROWS_NONE);
	CU_ASSERT_FALSE(l[0].weakest);
}

int main(void)
{
	CU_TestInfo stacks[] = {
		{ "a device and its parts", test_stack },
		{ "the weakest layer", test_weakest_below },
		{ "no stack", test_no_stack },
		CU_TEST_INFO_NULL,
	};
	CU_TestInfo tests[] = {
		{ "the list", test_list },
		{ "cells", test_cells },
		{ "losses", test_lost },
		{ "cost that nobody counts", test_unknown_cost },
		{ "every size", test_every_size },
		{ "20 columns, 5 rows", test_small },
		{ "batch mode", test_batch },
		{ "names cannot move the cursor", test_no_escapes },
		{ "no device", test_nothing },
		{ "order", test_order },
		{ "filter", test_filter },
		{ "selection", test_select },
		{ "the selection is on the screen", test_scroll },
		{ "the page of a device", test_device },
		{ "a device that is gone", test_gone_device },
		{ "help", test_help },
		{ "pause and quit", test_keys },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "top", .pTests = tests },
		{ .pName = "top: stacks",
		  .pInitFunc = make_sysfs,
		  .pCleanupFunc = remove_sysfs,
		  .pTests = stacks },
		CU_SUITE_INFO_NULL,
	};
	int status;

	CU_initialize_registry();
	CU_register_suites(suites);
	status = tap_run();
	top_text_free(&text);
	return status;
}
