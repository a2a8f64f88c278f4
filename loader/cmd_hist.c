// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy hist: copies by latency and size.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "filter.h"
#include "heatmap.h"
#include "hist.h"
#include "hist_view.h"
#include "kernel.h"
#include "replace.h"
#include "rows.h"
#include "stop.h"
#include "tracer.h"
#include "verbs.h"

/* A signal is noticed within this time. */
#define NAP_NS 100000000ULL

struct hello_row {
	uint64_t ts_ns;
	const char *kernel;
};

static const struct row_col hello_cols[] = {
	ROW_COL(struct hello_row, ts_ns, "ts_ns", NULL, ROW_CLOCK, 0),
	ROW_COL(struct hello_row, kernel, "kernel", NULL, ROW_TEXT, 0),
	{},
};

struct bye_row {
	uint64_t ts_ns;
	uint64_t copies;
	uint64_t errors;
	uint64_t lost;
};

static const struct row_col bye_cols[] = {
	ROW_COL(struct bye_row, ts_ns, "ts_ns", NULL, ROW_CLOCK, 0),
	ROW_COL(struct bye_row, copies, "copies", NULL, ROW_NUM, 0),
	ROW_COL(struct bye_row, errors, "errors", NULL, ROW_NUM, 0),
	ROW_COL(struct bye_row, lost, "lost", NULL, ROW_NUM, 0),
	{},
};

static const struct row_desc hello_desc = { "hello", NULL, hello_cols, false };
static const struct row_desc bye_desc = { "bye", NULL, bye_cols, false };

/**
 * struct run - one run of the verb
 * @opts: the command line
 * @by: enum hist_by, what is shown
 * @hist: the counters
 * @stop: set by a signal
 * @rows: for programs; NULL for people
 * @bye: part of @rows, as @parts
 * @parts: the histograms in @rows
 * @in_place: the screen is rewritten with each block
 * @clock_offset: CLOCK_REALTIME - CLOCK_MONOTONIC
 * @start_ns: CLOCK_MONOTONIC, as the next two
 * @end_ns: UINT64_MAX if only a signal ends it
 * @shown_ns: end of the last block
 * @last: what was read then
 * @map: for --heatmap, or NULL
 * @map_file: where it goes
 * @map_ns: end of its last column
 * @map_last: what was read then
 */
struct run {
	const struct options *opts;
	unsigned int by;
	struct hist *hist;
	const volatile sig_atomic_t *stop;
	struct rows *rows;
	struct rows_part *bye;
	struct hist_rows parts;
	bool in_place;
	uint64_t clock_offset;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t shown_ns;
	struct hist_set last;
	struct heatmap *map;
	struct replace map_file;
	uint64_t map_ns;
	struct hist_set map_last;
};

/*
 * A block
 */

static void print_time(FILE *out, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[16];

	localtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(out, "%s.%03u", text, (unsigned int)(ns / 1000000 % 1000));
}

static int print_block(FILE *out, const struct hist_block *block)
{
	int err;

	print_time(out, block->from_ns);
	fputs(" to ", out);
	print_time(out, block->to_ns);
	fprintf(out, ", %" PRIu64 " copies, lost %" PRIu64 "\n\n",
		hist_copies(&block->set), block->set.lost);
	err = hist_view_print(out, block);
	if (block->set.nr)
		fputc('\n', out);
	return err;
}

/* As many lines as the terminal has, but for the one that the cursor is in. */
static void print_lines(const char *text)
{
	struct winsize size = {};
	unsigned int lines;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	lines = size.ws_row > 1 ? size.ws_row - 1U : 24;
	while (*text && lines--) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, len + (text[len] == '\n'), stdout);
		text += len + (text[len] == '\n');
	}
}

static int print_in_place(const struct hist_block *block)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return -ENOMEM;
	err = print_block(out, block);
	if (fclose(out) && !err)
		err = -ENOMEM;
	/* ESC [ H: to the top; ESC [ J: erase what is below. */
	fputs("\033[H\033[J", stdout);
	if (!err)
		print_lines(text);
	free(text);
	return err;
}

static int show(struct run *run, struct hist_block *block)
{
	int err;

	if (run->rows)
		err = hist_rows_add(&run->parts, block);
	else if (run->in_place)
		err = print_in_place(block);
	else
		err = print_block(stdout, block);
	if (!err && fflush(stdout))
		err = errno ? -errno : -EIO;
	return err;
}

/* What was counted since @before, which was read at @from_ns; @now is newer. */
static int show_since(struct run *run, const struct hist_set *now,
		      const struct hist_set *before, uint64_t from_ns)
{
	struct hist_block block = {
		.by = run->by,
		.from_ns = from_ns + run->clock_offset,
		.to_ns = run->shown_ns + run->clock_offset,
	};
	int err = hist_set_since(now, before, &block.set);

	if (err)
		return err;
	hist_set_group(&block.set, run->by);
	err = show(run, &block);
	hist_set_free(&block.set);
	return err;
}

static int next_block(struct run *run)
{
	uint64_t from_ns = run->shown_ns;
	struct hist_set now;
	int err = hist_read(run->hist, &now);

	if (err)
		return err;
	run->shown_ns = tracer_now_ns();
	err = show_since(run, &now, &run->last, from_ns);
	hist_set_free(&run->last);
	run->last = now;
	return err;
}

/*
 * The heatmap
 */

/* Columns of a run of unknown length begin fine, and get coarser. */
#define MAP_COLUMN_NS	  100000000ULL
#define MAP_COLUMN_MIN_NS 10000000ULL

static bool is_page(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, ".html");
}

static bool is_picture(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, ".svg");
}

static int map_check(const char *name)
{
	if (!name || is_page(name) || is_picture(name))
		return EXIT_OK;
	return options_usage(&verb_hist,
			     "--heatmap=%s: want a name that ends in .svg or "
			     ".html",
			     name);
}

/* The file is begun now: that there can be none should not be news at the end. */
static int map_begin(struct run *run)
{
	const char *name = run->opts->heatmap;
	int err;

	if (!name)
		return EXIT_OK;
	err = replace_begin(&run->map_file, name);
	if (err)
		return exit_error(IN_FILE, err, "%s", name);
	/* A reader that goes away must not keep the file from being removed. */
	signal(SIGPIPE, SIG_IGN);
	run->map = heatmap_new(0, MAP_COLUMN_NS);
	if (run->map)
		return EXIT_OK;
	return exit_error(IN_FILE, replace_end(&run->map_file, -ENOMEM), "%s",
			  name);
}

static void map_start(struct run *run)
{
	/* The last column may come late. */
	uint64_t column = run->opts->duration_ns / (HEATMAP_COLUMNS - 8);

	if (!run->map)
		return;
	run->map->start_ns = run->start_ns + run->clock_offset;
	run->map->end_ns = run->map->start_ns;
	if (column)
		run->map->column_ns =
			column > MAP_COLUMN_MIN_NS ? column : MAP_COLUMN_MIN_NS;
	run->map_ns = run->start_ns;
}

/* When its next column is complete; CLOCK_MONOTONIC. */
static uint64_t map_next(const struct run *run)
{
	if (!run->map)
		return UINT64_MAX;
	return heatmap_next_ns(run->map, run->map_ns + run->clock_offset) -
	       run->clock_offset;
}

static int map_column(struct run *run)
{
	uint64_t to_ns = tracer_now_ns();
	struct hist_set now, part;
	int err = hist_read(run->hist, &now);

	if (err)
		return err;
	err = hist_set_since(&now, &run->map_last, &part);
	if (!err)
		heatmap_add(run->map, run->map_ns + run->clock_offset,
			    to_ns + run->clock_offset, &part);
	hist_set_free(&part);
	hist_set_free(&run->map_last);
	run->map_last = now;
	run->map_ns = to_ns;
	return err;
}

/* Also if there is no map: then there is nothing to do. */
static int map_end(struct run *run, int status)
{
	const char *name = run->opts->heatmap;
	char about[256];
	int err = status == EXIT_OK || status == EXIT_LOST ? 0 : -ECANCELED;

	if (!run->map)
		return status;
	filter_text(run->opts, about, sizeof(about));
	if (!err)
		heatmap_write(run->map, run->map_file.out, about,
			      is_page(name));
	err = replace_end(&run->map_file, err);
	free(run->map);
	hist_set_free(&run->map_last);
	if (err && err != -ECANCELED)
		return exit_error(IN_FILE, err, "%s", name);
	return status;
}

/*
 * The run
 */

static int nap(struct run *run, uint64_t ns)
{
	struct timespec ts = { .tv_nsec = ns < NAP_NS ? ns : NAP_NS };

	nanosleep(&ts, NULL);
	return hist_look(run->hist);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int count(struct run *run)
{
	uint64_t interval = run->opts->interval_ns;
	uint64_t next = interval ? run->start_ns + interval : UINT64_MAX;
	uint64_t now, wake;
	int err = 0;

	while (!err && !*run->stop && (now = tracer_now_ns()) < run->end_ns) {
		wake = earlier(next, map_next(run));
		if (now < wake) {
			err = nap(run, earlier(wake, run->end_ns) - now);
			continue;
		}
		if (now >= map_next(run))
			err = map_column(run);
		if (err || now < next)
			continue;
		err = next_block(run);
		/* Who prints slowly gets fewer blocks, not several at once. */
		next += interval * ((now - next) / interval + 1);
	}
	return err;
}

/* What is not shown yet; in place, the whole run. */
static int last_block(struct run *run)
{
	struct hist_set now, before = {};
	uint64_t from_ns = run->in_place ? run->start_ns : run->shown_ns;
	int err = hist_read(run->hist, &now);

	if (err)
		return err;
	run->shown_ns = tracer_now_ns();
	err = show_since(run, &now, run->in_place ? &before : &run->last,
			 from_ns);
	hist_set_free(&run->last);
	run->last = now;
	return err;
}

static int begin(struct run *run)
{
	struct hello_row row = { .ts_ns = run->start_ns + run->clock_offset };
	struct rows_part *hello;
	struct utsname uts;

	if (run->opts->output == ROWS_TABLE) {
		fputs("Counting copies; Ctrl-C ends.\n", stderr);
		return 0;
	}
	run->rows = rows_open(stdout, run->opts->output, "hist", true);
	hello = rows_part(run->rows, &hello_desc);
	hist_rows_open(&run->parts, run->rows);
	run->bye = rows_part(run->rows, &bye_desc);
	uname(&uts);
	row.kernel = uts.release;
	return rows_add(hello, &row);
}

static int end(struct run *run)
{
	struct bye_row row = {
		.ts_ns = tracer_now_ns() + run->clock_offset,
		.copies = hist_copies(&run->last),
		.errors = hist_errors(&run->last),
		.lost = run->last.lost,
	};
	uint64_t all = row.copies + row.lost;

	if (run->rows)
		return rows_add(run->bye, &row);
	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " copies, %" PRIu64 " failed; lost %" PRIu64
		" (%.2f %%)\n",
		row.copies, row.errors, row.lost,
		all ? 100.0 * (double)row.lost / (double)all : 0.0);
	return 0;
}

static int run_counters(struct run *run)
{
	int err;

	run->start_ns = tracer_now_ns();
	run->shown_ns = run->start_ns;
	run->end_ns = run->opts->duration_ns ?
			      run->start_ns + run->opts->duration_ns :
			      UINT64_MAX;
	run->clock_offset = tracer_clock_offset();
	map_start(run);
	err = begin(run);
	if (!err)
		err = count(run);
	hist_stop(run->hist);
	if (!err && run->map)
		err = map_column(run);
	if (!err)
		err = last_block(run);
	if (!err)
		err = end(run);
	return err;
}

/* Whether it was printing that failed, the rows know. */
static int finish(struct run *run, int err)
{
	int output = run->rows ? rows_close(run->rows) : 0;

	if (output || ferror(stdout))
		return exit_output(output ? output : err, EXIT_FAILED);
	if (err)
		return exit_error(IN_TRACE, err, "cannot read the counters");
	if (run->last.lost && run->opts->fail_on_loss)
		return exit_message(EXIT_LOST, "%" PRIu64 " copies were lost",
				    run->last.lost);
	return EXIT_OK;
}

static int hist(const struct options *opts)
{
	struct run run = {
		.opts = opts,
		.by = opts->by ? (unsigned int)opts->by :
				 HIST_BY_DEV | HIST_BY_PATH,
		.in_place = opts->interval_ns && opts->output == ROWS_TABLE &&
			    isatty(STDOUT_FILENO),
	};
	struct policy_error error = {};
	struct copy_filter filter;
	int status, err;

	status = map_check(opts->heatmap);
	if (status == EXIT_OK)
		status = filter_of_options(opts, &filter);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_TRACE);
	if (status != EXIT_OK)
		return status;
	status = map_begin(&run);
	if (status != EXIT_OK)
		return status;
	run.stop = stop_on_signals();
	err = hist_start(&filter, run.by | (run.map ? HIST_BY_PATH : 0),
			 opts->max_series, &run.hist, &error);
	if (err)
		status = exit_because(IN_TRACE, err, "hist", error.text);
	else
		status = finish(&run, run_counters(&run));
	hist_end(run.hist);
	hist_set_free(&run.last);
	return map_end(&run, status);
}

const struct verb verb_hist = {
	.name = "hist",
	.summary = "copies by latency and size",
	.doc = "Count copies by how long they took and how large they were, in "
	       "the kernel, and show bars and percentiles at the end, or every "
	       "--interval: of that interval, and on a terminal one in the place "
	       "of the other, with the whole run at the end. Buckets are an "
	       "eighth of a power of two wide, so a percentile is at most 6.25 % "
	       "off; bars may be several buckets. JSON has every bucket that is "
	       "not empty. Filters run in the kernel.",
	.examples =
		"  bpfcopy hist --duration=10s\n"
		"  bpfcopy hist --dev=nvme0n1 --by=path,origin --interval=1s\n"
		"  bpfcopy hist --heatmap=latency.svg --duration=30s\n"
		"  bpfcopy hist -o json --duration=1min --fail-on-loss | "
		"jq '.series[]'\n",
	.overhead = "While it runs, each copy costs about 500 instructions "
		    "more (2 % of an offloaded copy of 4 KiB), and 100 if "
		    "filters leave it out. Nothing is done per copy outside of "
		    "the kernel. Counters take at most 32 MiB, unless "
		    "--max-series says otherwise. When it ended, nothing is "
		    "left.",
	.units = "Sizes are what was asked for; bytes are what was copied.",
	.bit = V_HIST,
	.run = hist,
};
