// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy stats: numbers for people and for monitoring.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decision_rows.h"
#include "exit.h"
#include "kernel.h"
#include "replace.h"
#include "rows.h"
#include "stats.h"
#include "verbs.h"
#include "words.h"

struct copies_row {
	const char *device;
	const char *path;
	uint64_t copies;
	uint64_t bytes;
	uint64_t offloaded;
	uint64_t emulated;
	uint64_t errors;
	uint64_t sum_ns;
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
};

static const struct row_col copies_cols[] = {
	ROW_COL(struct copies_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct copies_row, path, "path", "PATH", ROW_TEXT, 0),
	ROW_COL(struct copies_row, copies, "copies", "COPIES", ROW_NUM, 0),
	ROW_COL(struct copies_row, bytes, "bytes", "BYTES", ROW_SIZE, 0),
	ROW_COL(struct copies_row, offloaded, "offloaded_bytes", NULL, ROW_SIZE,
		0),
	ROW_COL(struct copies_row, emulated, "emulated_bytes", NULL, ROW_SIZE,
		0),
	ROW_COL(struct copies_row, errors, "errors", "FAILED", ROW_NUM, 0),
	ROW_COL(struct copies_row, sum_ns, "latency_sum_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct copies_row, p50_ns, "p50_ns", "P50", ROW_TIME, 0),
	ROW_COL(struct copies_row, p99_ns, "p99_ns", "P99", ROW_TIME, 0),
	ROW_COL(struct copies_row, max_ns, "max_ns", "MAX", ROW_TIME, 0),
	{},
};

struct program_row {
	const char *device;
	const char *name;
	uint64_t runs;
	uint64_t ns;
	uint64_t ns_per_run;
};

static const struct row_col program_cols[] = {
	ROW_COL(struct program_row, name, "program", "PROGRAM", ROW_TEXT, 0),
	ROW_COL(struct program_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct program_row, runs, "runs", "RUNS", ROW_NUM, 0),
	ROW_COL(struct program_row, ns, "run_ns", "TIME", ROW_TIME, 0),
	ROW_COL(struct program_row, ns_per_run, "ns_per_run", "EACH", ROW_TIME,
		0),
	{},
};

struct sum_row {
	bool collecting;
	uint64_t lost;
};

static const struct row_col sum_cols[] = {
	ROW_COL(struct sum_row, collecting, "collecting", NULL, ROW_BOOL, 0),
	ROW_COL(struct sum_row, lost, "lost", NULL, ROW_NUM, 0),
	{},
};

static const struct row_desc copies_desc = { "copies", "copies", copies_cols,
					     false };
static const struct row_desc program_desc = { "program", "programs",
					      program_cols, false };
static const struct row_desc sum_desc = { "sum", NULL, sum_cols, false };

/*
 * Rows
 */

static void add_copies(struct rows_part *part, const struct hist_set *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		const struct hist_series *s = &set->series[i];
		struct copies_row row = {
			.device = s->device,
			.path = word_of_path(s->key.path),
			.copies = s->value.copies,
			.bytes = s->value.offloaded + s->value.emulated,
			.offloaded = s->value.offloaded,
			.emulated = s->value.emulated,
			.errors = s->value.errors,
			.sum_ns = s->value.latency_ns,
			.p50_ns = hist_latency(&s->value, 500),
			.p99_ns = hist_latency(&s->value, 990),
			.max_ns = s->value.max_ns,
		};

		rows_add(part, &row);
	}
}

static void add_programs(struct rows_part *part, const struct stats *stats)
{
	for (size_t i = 0; i < stats->nr_programs; i++) {
		const struct stats_program *p = &stats->programs[i];
		struct program_row row = {
			.device = p->device,
			.name = p->name,
			.runs = p->runs,
			.ns = p->ns,
			.ns_per_run = p->runs ? p->ns / p->runs : ROWS_NONE,
		};

		rows_add(part, &row);
	}
}

static void say_sum(const struct stats *stats)
{
	fflush(stdout);
	if (stats->collected)
		fprintf(stderr, "lost %" PRIu64 " copies\n",
			stats->copies.lost);
	else
		fputs("copies are not counted: `bpfcopy stats --collect=start' "
		      "does that from then on\n",
		      stderr);
}

static int print_rows(const struct stats *stats, enum rows_format format)
{
	struct rows *rows = rows_open(stdout, format, "stats", false);
	struct rows_part *copies = rows_part(rows, &copies_desc);
	struct rows_part *decisions = decision_rows_part(rows);
	struct rows_part *programs = rows_part(rows, &program_desc);
	struct sum_row sum = { stats->collected, stats->collected ?
							 stats->copies.lost :
							 ROWS_NONE };
	int err;

	add_copies(copies, &stats->copies);
	for (size_t i = 0; i < stats->nr_policies; i++)
		decision_rows_add(decisions, &stats->policies[i],
				  format != ROWS_TABLE);
	add_programs(programs, stats);
	if (format != ROWS_TABLE)
		rows_add(rows_part(rows, &sum_desc), &sum);
	err = rows_close(rows);
	if (format == ROWS_TABLE)
		say_sum(stats);
	return err;
}

/*
 * Metrics
 */

static int print_metrics(const struct stats *stats)
{
	struct prom prom = { .out = stdout, .openmetrics = true };

	stats_prom(stats, &prom);
	return 0; /* main() looks at stdout */
}

static int write_metrics(const struct stats *stats, const char *name)
{
	struct prom prom = {};
	struct replace file;
	int err = replace_begin(&file, name);

	if (err)
		return exit_error(IN_FILE, err, "%s", name);
	prom.out = file.out;
	stats_prom(stats, &prom);
	err = replace_end(&file, 0);
	return err ? exit_error(IN_FILE, err, "%s", name) : EXIT_OK;
}

/*
 * Counting copies
 */

enum collect {
	COLLECT_START = 1,
	COLLECT_STOP,
};

/* What is so already is neither an error nor news: a timer may ask each time. */
static int collected(int err, int already, const struct policy_error *error,
		     const char *news)
{
	if (!err)
		fprintf(stderr, "%s\n", news);
	return err && err != already ?
		       exit_because(IN_TRACE, err, "stats", error->text) :
		       EXIT_OK;
}

static int collect(const struct options *opts)
{
	struct policy_error error = {};
	int status;

	if (opts->collect == COLLECT_STOP)
		return collected(hist_unkeep(&error), -ENOENT, &error,
				 "Copies are not counted any more.");
	status = kernel_need(KERNEL_TRACE);
	if (status != EXIT_OK)
		return status;
	return collected(hist_keep(opts->max_series, &error), -EEXIST, &error,
			 "Copies are counted from now on.");
}

static int show(const struct options *opts, const struct stats *stats)
{
	int err;

	if (opts->textfile)
		return write_metrics(stats, opts->textfile);
	if (opts->output == ROWS_PROM)
		err = print_metrics(stats);
	else
		err = print_rows(stats, (enum rows_format)opts->output);
	return exit_output(err, EXIT_OK);
}

static int stats(const struct options *opts)
{
	struct policy_error error = {};
	struct stats stats;
	int status, err;

	if (opts->collect && opts->textfile)
		return options_usage(&verb_stats, "--collect and --textfile "
						  "exclude each other");
	if (opts->collect)
		return collect(opts);
	err = stats_get(&stats, &error);
	if (err)
		status = exit_because(IN_TRACE, err, "stats", error.text);
	else
		status = show(opts, &stats);
	/* What there is was printed, and what is missing is said. */
	if (status == EXIT_OK)
		status = kernel_report(stats.checks, KERNEL_ALL);
	if (status == EXIT_OK && opts->fail_on_loss && stats.copies.lost)
		status = exit_message(EXIT_LOST, "%" PRIu64 " copies were lost",
				      stats.copies.lost);
	stats_free(&stats);
	return status;
}

const struct verb verb_stats = {
	.name = "stats",
	.summary = "numbers for people and for monitoring",
	.doc = "Print what was counted so far: decisions of attached policies "
	       "by reason, and copies by device and path. Copies are counted "
	       "from --collect=start on, in the kernel, until --collect=stop or "
	       "the next boot; nothing has to run for it. -o prom prints metrics "
	       "as OpenMetrics text, with the limits of each device too; "
	       "--textfile writes them for the textfile collector of "
	       "node_exporter, which reads the older format. What BPF programs "
	       "cost is a part of it where kernel.bpf_stats_enabled is 1.",
	.examples = "  bpfcopy stats --collect=start\n"
		    "  bpfcopy stats\n"
		    "  bpfcopy stats -o prom\n"
		    "  bpfcopy stats --textfile=/run/bpfcopy.prom\n"
		    "  bpfcopy stats --collect=stop\n",
	.overhead = "Looking costs copies nothing. --collect=start costs each "
		    "copy what `bpfcopy hist' does, and at most 32 MiB, unless "
		    "--max-series says otherwise.",
	.units = "Metrics are in seconds and bytes.",
	.bit = V_STATS,
	.run = stats,
};
