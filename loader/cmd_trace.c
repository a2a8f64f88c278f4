// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy trace: a row per copy, live.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "device.h"
#include "exit.h"
#include "kernel.h"
#include "rows.h"
#include "stop.h"
#include "trace.h"
#include "verbs.h"
#include "words.h"

#include "../bpf/trace_copy.h"

#define TOKEN_STEP_WORD(id, word) word,
static const char *const steps[] = { TOKEN_STEPS(TOKEN_STEP_WORD) };

struct hello_row {
	const char *kernel;
	uint64_t ts_ns;
	bool tokens;
};

static const struct row_col hello_cols[] = {
	ROW_COL(struct hello_row, ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	ROW_COL(struct hello_row, kernel, "kernel", "KERNEL", ROW_TEXT, 0),
	ROW_COL(struct hello_row, tokens, "tokens", "TOKENS", ROW_BOOL, 0),
	{},
};

struct copy_row {
	uint64_t ts_ns;
	char device[DEVICE_NAME_MAX];
	char src_device[DEVICE_NAME_MAX];
	uint64_t copy_id;
	uint64_t src_sector;
	uint64_t dst_sector;
	uint64_t ranges;
	uint64_t bytes;
	uint64_t offloaded;
	uint64_t emulated;
	const char *path;
	const char *reason;
	const char *origin;
	uint64_t latency_ns;
	uint64_t error;
	uint64_t pid;
	char comm[TRACE_COMM_LEN + 1];
};

/* Headings are those of the first columns: 80 characters are enough. */
static const struct row_col copy_cols[] = {
	ROW_COL(struct copy_row, ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	ROW_COL(struct copy_row, device, "device", "DEVICE", ROW_CHARS, 8),
	ROW_COL(struct copy_row, src_sector, "src_sector", "SRC", ROW_NUM, 9),
	ROW_COL(struct copy_row, dst_sector, "dst_sector", "DST", ROW_NUM, 9),
	ROW_COL(struct copy_row, bytes, "bytes", "LEN", ROW_SIZE, 7),
	ROW_COL(struct copy_row, path, "path", "PATH", ROW_TEXT, 7),
	ROW_COL(struct copy_row, reason, "reason", "WHY", ROW_TEXT, 10),
	ROW_COL(struct copy_row, latency_ns, "latency_ns", "LAT", ROW_TIME, 7),
	ROW_COL(struct copy_row, error, "error", "ERR", ROW_ERRNO, 3),
	ROW_COL(struct copy_row, copy_id, "copy_id", NULL, ROW_NUM, 0),
	ROW_COL(struct copy_row, src_device, "src_device", NULL, ROW_CHARS, 0),
	ROW_COL(struct copy_row, ranges, "ranges", NULL, ROW_NUM, 0),
	ROW_COL(struct copy_row, offloaded, "offloaded_bytes", NULL, ROW_SIZE,
		0),
	ROW_COL(struct copy_row, emulated, "emulated_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct copy_row, origin, "origin", NULL, ROW_TEXT, 0),
	ROW_COL(struct copy_row, pid, "pid", NULL, ROW_NUM, 0),
	ROW_COL(struct copy_row, comm, "comm", NULL, ROW_CHARS, 0),
	{},
};

struct token_row {
	uint64_t ts_ns;
	char device[DEVICE_NAME_MAX];
	uint64_t copy_id;
	uint64_t token_id;
	const char *step;
	uint64_t sector;
	uint64_t offset;
	uint64_t bytes;
	uint64_t done;
	uint64_t age_ns;
	uint64_t error;
};

static const struct row_col token_cols[] = {
	ROW_COL(struct token_row, ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	ROW_COL(struct token_row, device, "device", "DEVICE", ROW_CHARS, 8),
	ROW_COL(struct token_row, token_id, "token_id", "TOKEN", ROW_NUM, 9),
	ROW_COL(struct token_row, sector, "sector", "SECTOR", ROW_NUM, 9),
	ROW_COL(struct token_row, bytes, "bytes", "LEN", ROW_SIZE, 7),
	ROW_COL(struct token_row, step, "step", "STEP", ROW_TEXT, 8),
	ROW_COL(struct token_row, offset, "offset_bytes", "AT", ROW_SIZE, 9),
	ROW_COL(struct token_row, age_ns, "age_ns", "AGE", ROW_TIME, 7),
	ROW_COL(struct token_row, error, "error", "ERR", ROW_ERRNO, 3),
	ROW_COL(struct token_row, done, "done_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct token_row, copy_id, "copy_id", NULL, ROW_NUM, 0),
	{},
};

struct lost_row {
	uint64_t ts_ns;
	uint64_t lost;
};

static const struct row_col lost_cols[] = {
	ROW_COL(struct lost_row, ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	ROW_COL(struct lost_row, lost, "lost", "LOST", ROW_NUM, 0),
	{},
};

struct path_row {
	const char *path;
	struct trace_path_total total;
};

static const struct row_col path_cols[] = {
	ROW_COL(struct path_row, path, "path", "PATH", ROW_TEXT, 8),
	ROW_COL(struct path_row, total.copies, "copies", "COPIES", ROW_NUM, 8),
	ROW_COL(struct path_row, total.bytes, "bytes", "BYTES", ROW_SIZE, 9),
	ROW_COL(struct path_row, total.p50_ns, "p50_ns", "P50", ROW_TIME, 8),
	ROW_COL(struct path_row, total.p99_ns, "p99_ns", "P99", ROW_TIME, 8),
	{},
};

static const struct row_col bye_cols[] = {
	ROW_COL(struct trace_totals, copies, "copies", "COPIES", ROW_NUM, 0),
	ROW_COL(struct trace_totals, bytes, "bytes", "BYTES", ROW_SIZE, 0),
	ROW_COL(struct trace_totals, offloaded, "offloaded_bytes", "OFFLOADED",
		ROW_SIZE, 0),
	ROW_COL(struct trace_totals, emulated, "emulated_bytes", "EMULATED",
		ROW_SIZE, 0),
	ROW_COL(struct trace_totals, errors, "errors", "ERRORS", ROW_NUM, 0),
	ROW_COL(struct trace_totals, tokens_created, "tokens_created", "TOKENS",
		ROW_NUM, 0),
	ROW_COL(struct trace_totals, tokens_freed, "tokens_freed", "FREED",
		ROW_NUM, 0),
	ROW_COL(struct trace_totals, lost, "lost", "LOST", ROW_NUM, 0),
	{},
};

static const struct row_desc hello_desc = { "hello", NULL, hello_cols, false };
static const struct row_desc copy_desc = { "copy", "copies", copy_cols, false };
static const struct row_desc token_desc = { "token", "tokens", token_cols,
					    false };
static const struct row_desc lost_desc = { "lost", "losses", lost_cols, false };
static const struct row_desc path_desc = { "path", "paths", path_cols, false };
static const struct row_desc bye_desc = { "bye", NULL, bye_cols, false };

/* One run of the verb. */
struct run {
	const struct options *opts;
	struct rows *rows; /* NULL until everything is attached */
	struct rows_part *hello;
	struct rows_part *copies;
	struct rows_part *tokens;
	struct rows_part *losses;
	struct rows_part *paths;
	struct rows_part *bye;
	uint64_t clock_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t seen;	       /* events delivered */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Between two readings of one clock, the other was read. */
static uint64_t clock_offset(void)
{
	uint64_t before = clock_ns(CLOCK_MONOTONIC);
	uint64_t real = clock_ns(CLOCK_REALTIME);
	uint64_t after = clock_ns(CLOCK_MONOTONIC);

	return real - (before + (after - before) / 2);
}

static bool for_people(const struct run *run)
{
	return run->opts->output == ROWS_TABLE;
}

static void open_rows(struct run *run)
{
	run->rows = rows_open(stdout, run->opts->output, "trace", true);
	run->hello = rows_part(run->rows, &hello_desc);
	run->copies = rows_part(run->rows, &copy_desc);
	run->tokens = rows_part(run->rows, &token_desc);
	run->losses = rows_part(run->rows, &lost_desc);
	run->paths = rows_part(run->rows, &path_desc);
	run->bye = rows_part(run->rows, &bye_desc);
}

/*
 * Events
 */

static int on_ready(void *ctx)
{
	struct run *run = ctx;
	struct hello_row row = { .ts_ns = clock_ns(CLOCK_REALTIME),
				 .tokens = run->opts->tokens };
	struct utsname uts;

	open_rows(run);
	if (for_people(run)) {
		fputs("Tracing copies; Ctrl-C ends.\n", stderr);
		return 0;
	}
	uname(&uts);
	row.kernel = uts.release;
	return rows_add(run->hello, &row);
}

static int on_copy(void *ctx, const struct copy_event *e)
{
	struct run *run = ctx;
	struct copy_row row = {
		.ts_ns = e->ts_ns + run->clock_offset,
		.copy_id = e->copy_id,
		.src_sector = e->src_sector,
		.dst_sector = e->dst_sector,
		.ranges = e->nr_ranges,
		.bytes = e->bytes,
		.offloaded = e->offloaded,
		.emulated = e->emulated,
		.path = word_of_path(e->path),
		.reason = word_of_reason(e->reason),
		.origin = word_of_origin(e->origin),
		.latency_ns = e->latency_ns,
		.error = (uint64_t)-e->error,
		.pid = e->pid,
	};

	run->seen++;
	device_name(e->dst_dev, row.device);
	device_name(e->src_dev, row.src_device);
	snprintf(row.comm, sizeof(row.comm), "%.*s", TRACE_COMM_LEN, e->comm);
	return rows_add(run->copies, &row);
}

static int on_token(void *ctx, const struct token_event *e)
{
	struct run *run = ctx;
	bool part = e->step != TOKEN_ALLOC && e->step != TOKEN_FREE;
	struct token_row row = {
		.ts_ns = e->ts_ns + run->clock_offset,
		.copy_id = e->copy_id,
		.token_id = e->token_id,
		.step = word_of(steps, sizeof(steps) / sizeof(*steps), e->step),
		.sector = part ? e->sector : ROWS_NONE,
		.offset = part ? e->offset : ROWS_NONE,
		.bytes = e->bytes,
		.done = e->step == TOKEN_FREE ? e->done : ROWS_NONE,
		.age_ns = e->age_ns,
		.error = (uint64_t)-e->status,
	};

	run->seen++;
	if (part)
		device_name(e->dev, row.device);
	return rows_add(run->tokens, &row);
}

static int on_lost(void *ctx, uint64_t lost)
{
	struct run *run = ctx;
	struct lost_row row = { clock_ns(CLOCK_REALTIME), lost };

	if (!for_people(run))
		return rows_add(run->losses, &row);
	exit_message(EXIT_LOST,
		     "lost %" PRIu64 " events; filters (--dev, --min-size, "
		     "--min-latency) make fewer",
		     lost);
	return 0;
}

/*
 * The end
 */

static void add_paths(struct run *run, const struct trace_totals *totals)
{
	for (size_t i = 0; i < TRACE_PATHS; i++) {
		struct path_row row = { word_of_path((uint32_t)i),
					totals->path[i] };

		if (row.total.copies)
			rows_add(run->paths, &row);
	}
}

static void say_bye(const struct run *run, const struct trace_totals *t)
{
	uint64_t events = run->seen + t->lost;

	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " copies, %" PRIu64 " failed; tokens: %" PRIu64
		" created, %" PRIu64 " freed; lost %" PRIu64 " (%.2f %%)\n",
		t->copies, t->errors, t->tokens_created, t->tokens_freed,
		t->lost,
		events ? 100.0 * (double)t->lost / (double)events : 0.0);
}

static void add_totals(struct run *run, const struct trace_totals *totals)
{
	if (for_people(run) && totals->copies)
		fputc('\n', stdout);
	add_paths(run, totals);
	if (for_people(run))
		say_bye(run, totals);
	else
		rows_add(run->bye, totals);
}

static int finish(struct run *run, const struct trace_totals *totals)
{
	int err;

	/* Without a beginning there is no end. */
	if (!run->rows)
		return EXIT_OK;
	add_totals(run, totals);
	err = rows_close(run->rows);
	if (err)
		return exit_output(err, EXIT_FAILED);
	if (totals->lost && run->opts->fail_on_loss)
		return exit_message(EXIT_LOST, "%" PRIu64 " events were lost",
				    totals->lost);
	return EXIT_OK;
}

static int run_trace(struct run *run, const struct trace_opts *trace)
{
	struct trace_cbs cbs = { on_ready, on_copy, on_token, on_lost, run };
	struct trace_totals totals = {};
	struct policy_error error = {};
	int status, err;

	err = trace_run(trace, &cbs, stop_on_signals(), &totals, &error);
	status = finish(run, &totals);
	/* Output that failed ends a trace, and is reported already. */
	if (!err || status == EXIT_FAILED)
		return status;
	return exit_because(IN_TRACE, err, "trace", error.text);
}

static int trace(const struct options *opts)
{
	struct run run = { .opts = opts };
	struct trace_opts trace = {
		.tokens = opts->tokens,
		.duration_ns = opts->duration_ns,
		.count = opts->count,
	};
	int status;

	status = filter_of_options(opts, &trace.filter);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_TRACE);
	if (status != EXIT_OK)
		return status;
	run.clock_offset = clock_offset();
	return run_trace(&run, &trace);
}

const struct verb verb_trace = {
	.name = "trace",
	.summary = "a row per copy, as they end",
	.doc = "Print every copy of every program when it ends: first source "
	       "and destination sector (of 512 bytes), length, which path it "
	       "took and why, and how long it took. At the end, totals and "
	       "latencies per path. Filters run in the kernel; of tokens, those "
	       "are shown whose copy passes --dev, --pid, --min-size and --origin. With "
	       "-o ndjson the first line is a hello, the last a bye with the "
	       "totals; with -o json everything comes as one document at the "
	       "end.",
	.examples = "  bpfcopy trace --dev=nvme0n1 --min-latency=10ms\n"
		    "  bpfcopy trace --tokens --count=5\n"
		    "  bpfcopy trace -o ndjson --duration=5s --fail-on-loss | "
		    "jq .latency_ns\n",
	.overhead = "While it runs, each copy costs about 800 instructions "
		    "more (4 % of an offloaded copy of 4 KiB), with --tokens "
		    "2400. Printing a row costs some 10000, on another "
		    "processor if there is one; filters work before that. "
		    "When it ended, nothing is left.",
	.units = "SRC and DST are sectors of 512 bytes, whatever the "
		 "logical block size.",
	.bit = V_TRACE,
	.run = trace,
};
