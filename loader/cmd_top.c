// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy top: the devices that copy, live or as recorded.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "kernel.h"
#include "recording.h"
#include "rows.h"
#include "stop.h"
#include "top.h"
#include "top_recording.h"
#include "tracer.h"
#include "verbs.h"

#define SEC	   1000000000ULL
#define BATCH_COLS 80

struct frame_row {
	struct top_frame frame;
	struct top_device sum;
};

static const struct row_col frame_cols[] = {
	ROW_COL(struct frame_row, frame.ts_ns, "ts_ns", "TIME", ROW_CLOCK, 0),
	ROW_COL(struct frame_row, frame.interval_ns, "interval_ns", "INTERVAL",
		ROW_TIME, 0),
	ROW_COL(struct frame_row, sum.copies, "copies", "COPIES", ROW_NUM, 0),
	ROW_COL(struct frame_row, sum.offloaded, "offloaded_bytes", "OFFLOADED",
		ROW_SIZE, 0),
	ROW_COL(struct frame_row, sum.emulated, "emulated_bytes", "EMULATED",
		ROW_SIZE, 0),
	ROW_COL(struct frame_row, sum.errors, "errors", "ERRORS", ROW_NUM, 0),
	ROW_COL(struct frame_row, frame.tokens, "tokens", "TOKENS", ROW_NUM, 0),
	ROW_COL(struct frame_row, frame.lost, "lost", "LOST", ROW_NUM, 0),
	ROW_COL(struct frame_row, frame.cost_ns, "cost_ns", "COST", ROW_TIME,
		0),
	{},
};

struct device_row {
	uint64_t ts_ns;
	struct top_device d;
};

#define DEV(member, key, type) \
	ROW_COL(struct device_row, d.member, key, "", type, 0)
#define PATH(nr, word)                                             \
	DEV(path[nr].copies, word "_copies", ROW_NUM),             \
		DEV(path[nr].bytes, word "_path_bytes", ROW_SIZE), \
		DEV(path[nr].p50_ns, word "_p50_ns", ROW_TIME),    \
		DEV(path[nr].p99_ns, word "_p99_ns", ROW_TIME)

/* Paths and reasons as in words.c, with _ for -. */
static const struct row_col device_cols[] = {
	ROW_COL(struct device_row, ts_ns, "ts_ns", "", ROW_CLOCK, 0),
	DEV(name, "device", ROW_CHARS),
	DEV(there, "there", ROW_BOOL),
	DEV(copies, "copies", ROW_NUM),
	DEV(errors, "errors", ROW_NUM),
	DEV(offloaded, "offloaded_bytes", ROW_SIZE),
	DEV(emulated, "emulated_bytes", ROW_SIZE),
	DEV(p50_ns, "p50_ns", ROW_TIME),
	DEV(p99_ns, "p99_ns", ROW_TIME),
	PATH(0, "none"),
	PATH(1, "offload"),
	PATH(2, "emulate"),
	PATH(3, "mixed"),
	DEV(reasons[0], "why_builtin", ROW_NUM),
	DEV(reasons[1], "why_policy", ROW_NUM),
	DEV(reasons[2], "why_global_policy", ROW_NUM),
	DEV(reasons[3], "why_caller", ROW_NUM),
	DEV(reasons[4], "why_unsupported", ROW_NUM),
	DEV(reasons[5], "why_disabled", ROW_NUM),
	DEV(reasons[6], "why_cross_device", ROW_NUM),
	DEV(reasons[7], "why_stale", ROW_NUM),
	DEV(reasons[8], "why_failed", ROW_NUM),
	DEV(reasons[9], "why_nomem", ROW_NUM),
	DEV(total_copies, "total_copies", ROW_NUM),
	DEV(total_offloaded, "total_offloaded_bytes", ROW_SIZE),
	DEV(total_emulated, "total_emulated_bytes", ROW_SIZE),
	DEV(total_errors, "total_errors", ROW_NUM),
	{},
};

static const struct row_desc hello_desc = { "hello", NULL, frame_cols, false };
static const struct row_desc frame_desc = { "frame", "frames", frame_cols,
					    false };
static const struct row_desc device_desc = { "device", "devices", device_cols,
					     false };

/* Batch mode. */
struct run {
	const struct options *opts;
	const volatile sig_atomic_t *stop;
	struct top *top;
	struct top_recording *recording; /* or NULL */
	struct top_text text;
	struct rows *rows; /* NULL for text */
	struct rows_part *hello;
	struct rows_part *frames;
	struct rows_part *devices;
	uint64_t end;
	uint64_t nr;
	uint64_t lost;
};

static uint64_t interval(const struct options *opts)
{
	return opts->interval_ns ?: SEC;
}

/*
 * Text
 */

static size_t batch_cols(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return BATCH_COLS;
}

static void print_line(const char *line)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == ' ')
		len--;
	printf("%.*s\n", (int)len, line);
}

static int print_frame(struct run *run, const struct top_frame *frame)
{
	const struct top_view view = { .cols = batch_cols(),
				       .sort = TOP_BY_COPIES };
	int err;

	err = top_render(frame, &view, NULL, 0, &run->text);
	if (err)
		return err;
	if (run->nr)
		putchar('\n');
	for (size_t i = 0; i < run->text.nr; i++)
		print_line(run->text.lines[i].text);
	errno = 0;
	return fflush(stdout) ? -(errno ?: EIO) : 0;
}

/*
 * Rows
 */

static void open_rows(struct run *run)
{
	run->rows = rows_open(stdout, (enum rows_format)run->opts->output,
			      "top", false);
	if (run->opts->output == ROWS_NDJSON)
		run->hello = rows_part(run->rows, &hello_desc);
	run->frames = rows_part(run->rows, &frame_desc);
	run->devices = rows_part(run->rows, &device_desc);
}

static struct frame_row frame_row(const struct top_frame *frame)
{
	struct frame_row row = { .frame = *frame };

	top_sum(frame, &row.sum);
	return row;
}

static int add_frame(struct run *run, const struct top_frame *frame)
{
	struct frame_row row = frame_row(frame);
	int err = rows_add(run->frames, &row);

	for (size_t i = 0; !err && i < frame->nr; i++) {
		struct device_row device = { frame->ts_ns, frame->devices[i] };

		err = rows_add(run->devices, &device);
	}
	return err;
}

/*
 * Batch mode
 */

static int show_frame(struct run *run)
{
	struct top_frame frame;
	int err;

	err = top_read(run->top, &frame);
	if (err)
		return err;
	err = run->rows ? add_frame(run, &frame) : print_frame(run, &frame);
	run->lost = frame.lost;
	run->nr++;
	return err;
}

/* From here on everything is seen. */
static int say_hello(struct run *run)
{
	struct top_frame frame = { .tokens = ROWS_NONE, .cost_ns = ROWS_NONE };
	struct frame_row row;
	int err = 0;

	if (!run->hello)
		return 0;
	if (run->recording)
		frame.ts_ns = top_recording_start(run->recording);
	else
		err = top_read(run->top, &frame);
	if (err)
		return err;
	row = frame_row(&frame);
	return rows_add(run->hello, &row);
}

static bool is_over(const struct run *run)
{
	return *run->stop || tracer_now_ns() >= run->end;
}

/* The last frame is read after somebody wanted it to end, so it has all until then. */
static int show_frames(struct run *run)
{
	uint64_t next = tracer_now_ns(), count = run->opts->count;
	int err = say_hello(run);
	bool last = false;

	while (!err && !last && (!count || run->nr < count)) {
		next += interval(run->opts);
		if (!run->recording)
			stop_sleep_until(next < run->end ? next : run->end);
		last = is_over(run);
		err = show_frame(run);
	}
	return err == -ENODATA ? 0 : err;
}

static int batch(const struct options *opts, struct top *top,
		 struct top_recording *recording)
{
	struct run run = { .opts = opts,
			   .top = top,
			   .recording = recording,
			   .end = opts->duration_ns ?
					  tracer_now_ns() + opts->duration_ns :
					  UINT64_MAX };
	int err, close_err = 0;

	run.stop = stop_on_signals();
	if (opts->output != ROWS_TABLE)
		open_rows(&run);
	err = show_frames(&run);
	if (run.rows)
		close_err = rows_close(run.rows);
	top_text_free(&run.text);
	if (err || close_err)
		return exit_output(err ?: close_err, EXIT_FAILED);
	if (run.lost && opts->fail_on_loss)
		return exit_message(EXIT_LOST, "%" PRIu64 " %s were lost",
				    run.lost, recording ? "events" : "copies");
	return EXIT_OK;
}

/*
 * The verb
 */

static int screen(const struct options *opts, struct top *top)
{
	int err =
		top_screen(top, interval(opts), opts->count, opts->duration_ns);
	const char *term = getenv("TERM");

	if (err == -ENOTTY)
		return exit_message(
			EXIT_FAILED,
			"top: no terminal; -b prints frames without one");
	if (err == -ENOTSUP)
		return exit_message(
			EXIT_FAILED,
			"top: cannot move the cursor on a terminal of type "
			"`%s' (TERM); -b prints frames without",
			term ?: "");
	return err ? exit_error(IN_TRACE, err, "top") : EXIT_OK;
}

static bool in_batches(const struct options *opts)
{
	return opts->batch || opts->output != ROWS_TABLE;
}

static int show(const struct options *opts, struct top *top,
		struct top_recording *recording)
{
	return in_batches(opts) ? batch(opts, top, recording) :
				  screen(opts, top);
}

static int top_live(const struct options *opts)
{
	struct policy_error error = {};
	struct copy_filter filter;
	struct top *top;
	int status, err;

	status = filter_of_options(opts, &filter);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_TRACE);
	if (status != EXIT_OK)
		return status;
	err = top_open(&filter, &top, &error);
	if (err)
		return exit_because(IN_TRACE, err, "top", error.text);
	status = show(opts, top, NULL);
	top_close(top);
	return status;
}

/* What is wrong with the recording is told when what is whole was shown. */
static int top_recorded(const struct options *opts)
{
	struct top_recording *recording;
	struct top *top;
	int status, end;

	status = top_recording_open(opts, interval(opts), &recording);
	if (status != EXIT_OK)
		return status;
	top = top_replay(recording);
	status = top ? show(opts, top, recording) :
		       exit_error(IN_GENERAL, -ENOMEM, "top");
	top_close(top);
	end = top_recording_close(recording, status != EXIT_FAILED);
	return end != EXIT_OK ? end : status;
}

static int top(const struct options *opts)
{
	const char *unfit = opts->replay ? recording_unfit(opts) : NULL;

	if (unfit)
		return options_usage(&verb_top,
				     "%s has no meaning with --replay", unfit);
	if (!in_batches(opts) && !isatty(STDOUT_FILENO))
		return exit_message(
			EXIT_FAILED,
			"top: no terminal; -b prints frames without one");
	return opts->replay ? top_recorded(opts) : top_live(opts);
}

const struct verb verb_top = {
	.name = "top",
	.summary = "a live screen of the devices that copy",
	.doc = "Show which devices copy: copies per second, bytes by path, "
	       "median and 99th percentile of latency, failures and who or what "
	       "decided; and of all together, tokens that are alive, copies that "
	       "could not be counted, and what counting costs (if "
	       "kernel.bpf_stats_enabled is 1). Press h for the keys; Enter on a "
	       "device shows what it is made of, the limits of each layer, the "
	       "weakest one marked, and its latencies. -b prints the same as "
	       "text, frame by frame; -o json and ndjson do so for programs. "
	       "--replay shows what `trace --record' wrote: on a terminal at "
	       "the pace of then, but for times in which nothing happened; "
	       "tokens are in it if it was made with --tokens, and what devices "
	       "are made of is not.",
	.examples = "  bpfcopy top\n"
		    "  bpfcopy top --interval=5s --dev=nvme0n1\n"
		    "  bpfcopy top -b -n 1 --interval=10s\n"
		    "  bpfcopy top -b --replay=/tmp/trace.ndjson\n"
		    "  bpfcopy top -o ndjson --duration=1min --fail-on-loss\n",
	.overhead = "A BPF program at the end of each copy, and two that count "
		    "tokens; nothing is left when it ends. With "
		    "kernel.bpf_stats_enabled=1 it shows what they cost.",
	.units =
		"Rates are those of the last interval; with -o json and ndjson "
		"copies, bytes and latencies are those of the interval, and "
		"keys with total_ count from the start.",
	.bit = V_TOP,
	.run = top,
};
