// SPDX-License-Identifier: GPL-2.0
/*
 * Metrics as text. With an argument, `openmetrics' or `text', only prints a sample of everything
 * that there can be, for the parsers of others (tests/cli/metrics.sh).
 */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "stats.h"
#include "tap.h"

static char *text;

static struct prom start(bool openmetrics)
{
	static size_t size;

	free(text);
	return (struct prom){ .out = open_memstream(&text, &size),
			      .openmetrics = openmetrics };
}

static bool says(struct prom *p, const char *want)
{
	bool same;

	fclose(p->out);
	same = !strcmp(text, want);
	if (!same)
		printf("# got:\n%s", text);
	return same;
}

static const struct prom_label labels[] = { { "a", "b\"\\\nc\xff\t" },
					    { "d", "" },
					    {} };

static void test_counter(void)
{
	struct prom p = start(true);

	prom_family(&p, "x_bytes", PROM_COUNTER, "bytes", "All \"of\"\nit");
	prom_number(&p, labels, 1ULL << 63);
	prom_end(&p);
	CU_ASSERT(says(&p, "# HELP x_bytes All \\\"of\\\"\\nit\n"
			   "# TYPE x_bytes counter\n"
			   "# UNIT x_bytes bytes\n"
			   "x_bytes_total{a=\"b\\\"\\\\\\nc??\",d=\"\"} "
			   "9223372036854775808\n"
			   "# EOF\n"));
}

static void test_older_format(void)
{
	struct prom p = start(false);

	prom_family(&p, "x_bytes", PROM_COUNTER, "bytes", "All \"of\" it");
	prom_number(&p, NULL, 0);
	prom_family(&p, "y", PROM_INFO, NULL, "Who");
	prom_number(&p, NULL, 1);
	prom_end(&p);
	CU_ASSERT(says(&p, "# HELP x_bytes_total All \"of\" it\n"
			   "# TYPE x_bytes_total counter\n"
			   "x_bytes_total 0\n"
			   "# HELP y_info Who\n"
			   "# TYPE y_info gauge\n"
			   "y_info 1\n"));
}

static void test_seconds(void)
{
	struct prom p = start(true);

	prom_family(&p, "x_seconds", PROM_GAUGE, NULL, "T");
	prom_seconds(&p, NULL, 0);
	prom_seconds(&p, NULL, 1);
	prom_seconds(&p, NULL, 1500000000);
	prom_seconds(&p, NULL, UINT64_MAX);
	CU_ASSERT(says(&p, "# HELP x_seconds T\n"
			   "# TYPE x_seconds gauge\n"
			   "x_seconds 0.0\n"
			   "x_seconds 0.000000001\n"
			   "x_seconds 1.5\n"
			   "x_seconds 18446744073.709551615\n"));
}

static void test_histogram(void)
{
	const uint64_t edges[] = { 1000, 2000000000 }, counts[] = { 3, 0, 4 };
	struct prom p = start(true);

	prom_family(&p, "x", PROM_HISTOGRAM, NULL, "T");
	prom_buckets(&p, labels + 1, edges, counts, 2, 9);
	CU_ASSERT(says(&p, "# HELP x T\n"
			   "# TYPE x histogram\n"
			   "x_bucket{d=\"\",le=\"0.000001\"} 3\n"
			   "x_bucket{d=\"\",le=\"2.0\"} 3\n"
			   "x_bucket{d=\"\",le=\"+Inf\"} 7\n"
			   "x_count{d=\"\"} 7\n"
			   "x_sum{d=\"\"} 0.000000009\n"));
}

/*
 * A machine with everything
 */

static struct device devices[] = {
	{ .name = "nvme0n1",
	  .size_bytes = 1 << 30,
	  .copy_max_bytes = 1 << 20,
	  .copy_max_hw_bytes = 1 << 20,
	  .copy_max_range_hw_bytes = 1 << 16,
	  .copy_max_ranges = 8,
	  .model = "A \"very\" \\ odd\nname" },
	{ .name = "loop0", .copy_max_bytes = 0 },
	{ .name = "sda", .size_bytes = 1, .copy_max_bytes = ROWS_NONE },
};

static struct policy_info policy = {
	.name = "threshold",
	.observe = true,
	.nr_counters = 2,
	.counters = { { "offload", "offload", 3, 4096 },
		      { "below-min", "emulate", 0, 0 } },
};

static struct stats_program programs[] = {
	{ .device = "global", .name = "threshold", .runs = 7, .ns = 4711 },
	{ .name = "hist", .runs = 2, .ns = 1 },
};

static struct hist_series series[4];

/* Copies of 1 us, of 2^14 ns to the nanosecond, and of an hour. */
static struct stats machine(void)
{
	struct stats stats = {
		.devices = devices,
		.nr_devices = 3,
		.policies = &policy,
		.nr_policies = 1,
		.copies = { series, 4, 5 },
		.collected = true,
		.programs = programs,
		.nr_programs = 2,
	};

	for (int i = 0; i < KERNEL_NR_FEATURES; i++)
		stats.checks[i] = (struct kernel_check){ .name = "f" };
	stats.checks[0].name = "g";
	stats.checks[1].name = "h";
	stats.checks[2].name = "i";
	for (uint8_t i = 0; i < 4; i++) {
		struct hist_value *v = &series[i].value;

		series[i].key.dev = 1 + i / 2;
		series[i].key.path = 1 + i % 2;
		strcpy(series[i].device, i < 2 ? "nvme0n1" : "nvme1n1");
		v->copies = 3;
		v->errors = 1;
		v->offloaded = i % 2 ? 0 : 1000;
		v->emulated = i % 2 ? 70 + i : 0;
		v->latency_ns = 3600000001000;
		v->latency[latency_slot(1000)] = 1;
		v->latency[latency_slot(1 << 14)] = 1;
		v->latency[HIST_LATENCY_SLOTS - 1] = 1;
	}
	return stats;
}

static bool has(const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void test_machine(void)
{
	struct stats stats = machine();
	struct prom p = start(true);

	stats_prom(&stats, &p);
	fclose(p.out);
	CU_ASSERT(has("bpfcopy_device_copy_max_ranges{device=\"nvme0n1\"} 8"));
	CU_ASSERT_PTR_NULL(strstr(text, "loop0"));
	CU_ASSERT_PTR_NULL(strstr(text, "sda"));
	CU_ASSERT(has(
		"bpfcopy_policy_decisions_total{device=\"global\",policy=\"threshold\",mode=\"observe\",reason=\"offload\",path=\"offload\"} 3"));
	CU_ASSERT(has(
		"bpfcopy_copied_bytes_total{device=\"nvme0n1\",by=\"device\"} 1000"));
	CU_ASSERT(has(
		"bpfcopy_copied_bytes_total{device=\"nvme0n1\",by=\"kernel\"} 71"));
	CU_ASSERT(has(
		"bpfcopy_copied_bytes_total{device=\"nvme1n1\",by=\"kernel\"} 73"));
	CU_ASSERT(has(
		"bpfcopy_copy_seconds_bucket{device=\"nvme0n1\",path=\"offload\",le=\"0.000016384\"} 1"));
	CU_ASSERT(has(
		"bpfcopy_copy_seconds_bucket{device=\"nvme0n1\",path=\"offload\",le=\"0.000032768\"} 2"));
	CU_ASSERT(has(
		"bpfcopy_copy_seconds_bucket{device=\"nvme0n1\",path=\"offload\",le=\"17.179869184\"} 2"));
	CU_ASSERT(has(
		"bpfcopy_copy_seconds_bucket{device=\"nvme0n1\",path=\"offload\",le=\"+Inf\"} 3"));
	CU_ASSERT(has(
		"bpfcopy_copy_seconds_sum{device=\"nvme0n1\",path=\"offload\"} 3600.000001"));
	CU_ASSERT(has("bpfcopy_lost_copies_total 5"));
	CU_ASSERT(has(
		"bpfcopy_program_run_seconds_total{device=\"global\",program=\"threshold\"} 0.000004711"));
}

static int print(const char *format)
{
	struct prom p = { .out = stdout,
			  .openmetrics = !strcmp(format, "openmetrics") };
	struct stats stats = machine();

	stats_prom(&stats, &p);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	CU_TestInfo tests[] = {
		{ "a counter, escapes", test_counter },
		{ "the older format", test_older_format },
		{ "seconds", test_seconds },
		{ "a histogram", test_histogram },
		{ "a machine with everything", test_machine },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ .pName = "prom", .pTests = tests },
		CU_SUITE_INFO_NULL,
	};
	int status;

	if (argc > 1)
		return print(argv[1]);
	CU_initialize_registry();
	CU_register_suites(suites);
	status = tap_run();
	free(text);
	return status;
}
