// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy trace: a row per copy, live or from a recording.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "exit.h"
#include "kernel.h"
#include "ksyms.h"
#include "recording.h"
#include "stop.h"
#include "trace.h"
#include "trace_names.h"
#include "trace_out.h"
#include "trace_replay.h"
#include "tracer.h"
#include "verbs.h"
#include "words.h"

#include "../bpf/trace_copy.h"

#define BUFFER_MAX (1ULL << 30)

#define TOKEN_STEP_WORD(id, word) word,
static const char *const steps[] = { TOKEN_STEPS(TOKEN_STEP_WORD) };

#define IO_WORD(id, word) word,
static const char *const io_ops[] = { TRACE_IO_OPS(IO_WORD) };

/* A stack as text; kept for the next one. */
struct stack_text {
	struct ksyms *syms;
	char names[TRACE_STACK_DEPTH][KSYMS_NAME_MAX];
	char *list[TRACE_STACK_DEPTH + 1];
};

/* One run of the verb. */
struct run {
	const struct options *opts;
	struct trace_out *out;
	bool begun; /* everything is attached */
	struct trace_names *names;
	struct stack_text stack;
	uint64_t clock_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t seen;	       /* events delivered */
};

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Between two readings of one clock, the other was read. */
static uint64_t clock_offset(void)
{
	uint64_t before = tracer_now_ns();
	uint64_t real = real_ns();
	uint64_t after = tracer_now_ns();

	return real - (before + (after - before) / 2);
}

/* Is there somebody who reads what stderr says? */
static bool for_people(const struct options *opts)
{
	return opts->output == ROWS_TABLE || opts->record || opts->perfetto;
}

static void say_hello(const struct options *opts)
{
	if (!for_people(opts))
		return;
	if (opts->record || opts->perfetto)
		fprintf(stderr, "Writing copies to %s; Ctrl-C ends.\n",
			opts->record ? opts->record : opts->perfetto);
	else
		fputs("Tracing copies; Ctrl-C ends.\n", stderr);
}

/* A picture has tracks for them. */
static bool wants_tokens(const struct options *opts)
{
	return opts->tokens || opts->perfetto;
}

/*
 * Events
 */

static int on_ready(void *ctx, const char *missing)
{
	struct run *run = ctx;
	uint64_t now = tracer_now_ns();
	struct trace_hello row = {
		.ts_ns = now + run->clock_offset,
		.monotonic_ns = now,
		.version = BPFCOPY_VERSION,
		.tokens = wants_tokens(run->opts),
		.split = run->opts->split,
		.stacks = run->opts->stack,
		.missing = missing,
	};
	struct utsname uts;
	int err;

	run->begun = true;
	if (*missing)
		exit_message(EXIT_OK,
			     "this kernel has no %s: what they tell is missing",
			     missing);
	uname(&uts);
	row.kernel = uts.release;
	err = trace_out_hello(run->out, &row);
	/* Whoever waits for it may begin, and finds it in the file. */
	if (!err)
		say_hello(run->opts);
	return err;
}

static char **stack_names(struct stack_text *text, const uint64_t *stack)
{
	size_t n = 0;

	for (; n < TRACE_STACK_DEPTH && stack[n]; n++)
		text->list[n] = ksyms_name(text->syms, stack[n], text->names[n],
					   KSYMS_NAME_MAX);
	text->list[n] = NULL;
	return text->list;
}

static void add_devices(struct run *run, const struct copy_event *e,
			struct trace_copy *row)
{
	const struct trace_device *dst =
		trace_names_device(run->names, e->dst_dev, e->dst_diskseq);
	const struct trace_device *src =
		trace_names_device(run->names, e->src_dev, e->src_diskseq);

	if (dst) {
		row->device = dst->name;
		row->device_id = dst->id;
	}
	if (src) {
		row->src_device = src->name;
		row->src_device_id = src->id;
	}
}

static void add_policy(struct run *run, const struct copy_event *e,
		       struct trace_copy *row)
{
	const struct trace_policy *policy = trace_names_policy(run->names, e);

	row->decided_by = word_of_reason(e->decider);
	if (!policy)
		return;
	row->policy = policy->name;
	row->policy_slot = policy->slot;
	row->policy_mode = policy->mode;
}

/* TRACE_NO_TIME is ROWS_NONE. */
static void add_split(const struct run *run, const struct copy_split *s,
		      struct trace_copy *row)
{
	bool split = run->opts->split;

	row->decide_ns = split ? s->decide_ns : ROWS_NONE;
	row->token_ns = split ? s->token_ns : ROWS_NONE;
	row->queue_ns = split ? s->queue_ns : ROWS_NONE;
	row->device_ns = split ? s->device_ns : ROWS_NONE;
	row->emulate_ns = split ? s->emulate_ns : ROWS_NONE;
}

/* A task can give itself a name of any bytes; JSON is text. */
static void copy_comm(char to[TRACE_COMM_LEN + 1],
		      const char from[TRACE_COMM_LEN])
{
	size_t n = 0;

	for (; n < TRACE_COMM_LEN && from[n]; n++)
		to[n] = from[n] < ' ' || from[n] > '~' ? '?' : from[n];
	to[n] = '\0';
}

static int on_copy(void *ctx, const struct copy_event *e, const uint64_t *stack)
{
	struct run *run = ctx;
	char comm[TRACE_COMM_LEN + 1];
	struct trace_copy row = {
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
		.comm = comm,
		.stack = stack ? stack_names(&run->stack, stack) : NULL,
	};

	run->seen++;
	copy_comm(comm, e->comm);
	add_devices(run, e, &row);
	add_policy(run, e, &row);
	add_split(run, &e->split, &row);
	return trace_out_copy(run->out, &row);
}

static int on_token(void *ctx, const struct token_event *e)
{
	struct run *run = ctx;
	bool whole = e->step == TOKEN_ALLOC || e->step == TOKEN_FREE;
	bool dispatch = e->step == TOKEN_DISPATCH;
	char name[DEVICE_NAME_MAX];
	struct trace_token row = {
		.ts_ns = e->ts_ns + run->clock_offset,
		.device = whole ? NULL : device_name(e->dev, name),
		.copy_id = e->copy_id,
		.token_id = e->token_id,
		.step = word_of(steps, sizeof(steps) / sizeof(*steps), e->step),
		.sector = whole ? ROWS_NONE : e->sector,
		.offset = whole || dispatch ? ROWS_NONE : e->offset,
		.bytes = e->bytes,
		.ranges = dispatch ? e->nr_ranges : ROWS_NONE,
		.done = e->step == TOKEN_FREE ? e->done : ROWS_NONE,
		.age_ns = dispatch ? ROWS_NONE : e->age_ns,
		.error = (uint64_t)-e->status,
	};

	run->seen++;
	return trace_out_token(run->out, &row);
}

static int on_io(void *ctx, const struct io_event *e)
{
	struct run *run = ctx;
	char name[DEVICE_NAME_MAX];
	struct trace_io row = {
		.ts_ns = e->ts_ns + run->clock_offset,
		.device = device_name(e->dev, name),
		.op = word_of(io_ops, sizeof(io_ops) / sizeof(*io_ops), e->op),
		.sector = e->sector,
		.bytes = e->bytes,
		.latency_ns = e->ts_ns - e->start_ns,
		.failed = e->failed,
	};

	run->seen++;
	return trace_out_io(run->out, &row);
}

static int on_lost(void *ctx, uint64_t lost)
{
	struct run *run = ctx;
	struct trace_lost row = { tracer_now_ns() + run->clock_offset, lost };

	if (for_people(run->opts))
		exit_message(EXIT_LOST,
			     "lost %" PRIu64
			     " events; filters (--dev, --min-size, "
			     "--min-latency) make fewer, --buffer more room",
			     lost);
	return trace_out_lost(run->out, &row);
}

/*
 * The end
 */

static void say_bye(uint64_t seen, const struct trace_totals *t)
{
	uint64_t events = seen + t->lost;

	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " copies, %" PRIu64 " failed; tokens: %" PRIu64
		" created, %" PRIu64 " freed; lost %" PRIu64 " (%.2f %%)\n",
		t->copies, t->errors, t->tokens_created, t->tokens_freed,
		t->lost,
		events ? 100.0 * (double)t->lost / (double)events : 0.0);
}

static int finish(const struct options *opts, struct trace_out *out,
		  uint64_t seen, const struct trace_totals *totals)
{
	int status = trace_out_close(out, totals);

	if (for_people(opts))
		say_bye(seen, totals);
	if (status == EXIT_OK && totals->lost && opts->fail_on_loss)
		return exit_message(EXIT_LOST, "%" PRIu64 " events were lost",
				    totals->lost);
	return status;
}

static int run_trace(struct run *run, const struct trace_opts *trace)
{
	struct trace_cbs cbs = { on_ready, on_copy, on_token,
				 on_io,	   on_lost, run };
	struct trace_totals totals = {};
	struct policy_error error = {};
	int status, err;

	err = trace_run(trace, &cbs, stop_on_signals(), &totals, &error);
	/* Without a beginning there is no end. */
	status = run->begun ? finish(run->opts, run->out, run->seen, &totals) :
			      trace_out_close(run->out, &totals);
	/* Output that failed ends a trace, and is reported already. */
	if (!err || status == EXIT_FAILED)
		return status;
	return exit_because(IN_TRACE, err, "trace", error.text);
}

static int set_up(struct run *run)
{
	int err = 0;

	run->clock_offset = clock_offset();
	run->names = trace_names_new();
	if (run->opts->stack)
		err = ksyms_load(&run->stack.syms);
	return run->names ? err : -ENOMEM;
}

static int trace_live(const struct options *opts)
{
	struct run run = { .opts = opts };
	struct trace_opts trace = {
		.tokens = wants_tokens(opts),
		.split = opts->split,
		.stacks = opts->stack,
		.io = opts->perfetto != NULL,
		.buffer_bytes = opts->buffer_bytes,
		.duration_ns = opts->duration_ns,
		.count = opts->count,
	};
	int status, err;

	status = filter_of_options(opts, &trace.filter);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_TRACE);
	if (status == EXIT_OK)
		status = trace_out_open(opts, &run.out);
	if (status != EXIT_OK)
		return status;
	err = set_up(&run);
	status = err ? exit_error(IN_GENERAL, err, "trace") :
		       run_trace(&run, &trace);
	ksyms_free(run.stack.syms);
	trace_names_free(run.names);
	return status;
}

static int trace_recording(const struct options *opts)
{
	struct trace_totals totals = {};
	struct trace_out *out;
	int status, close_status;

	status = trace_out_open(opts, &out);
	if (status != EXIT_OK)
		return status;
	status = trace_replay(opts, stop_on_signals(), out, &totals);
	close_status = finish(opts, out, totals.copies, &totals);
	return status == EXIT_OK || close_status == EXIT_FAILED ? close_status :
								  status;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

static int trace(const struct options *opts)
{
	const char *wrong = opts->replay ? recording_unfit(opts) : NULL;

	if (opts->buffer_bytes > BUFFER_MAX)
		return options_usage(&verb_trace,
				     "--buffer can be at most 1GiB");
	if (wrong)
		return options_usage(&verb_trace,
				     "%s has no meaning with --replay", wrong);
	if (same_file(opts->record, opts->replay) ||
	    same_file(opts->perfetto, opts->replay) ||
	    same_file(opts->record, opts->perfetto))
		return options_usage(&verb_trace, "the same file twice: %s",
				     opts->replay ? opts->replay :
						    opts->record);
	return opts->replay ? trace_recording(opts) : trace_live(opts);
}

const struct verb verb_trace = {
	.name = "trace",
	.summary = "a row per copy, as they end",
	.doc = "Print every copy of every program when it ends: first source "
	       "and destination sector (of 512 bytes), length, which path it "
	       "took and why, and how long it took. At the end, totals and "
	       "latencies per path. Filters run in the kernel; of tokens, those "
	       "are shown whose copy passes --dev, --pid, --comm, --cgroup, "
	       "--min-size and --origin. With -o ndjson the first line is a "
	       "hello, the last a bye with the totals; with -o json everything "
	       "comes as one document at the end. --replay reads what --record "
	       "wrote, and does with it what could have been done live: print "
	       "it in any form, choose, draw.",
	.examples =
		"  bpfcopy trace --dev=nvme0n1 --min-latency=10ms\n"
		"  bpfcopy trace --split --wide --comm=fio\n"
		"  bpfcopy trace --tokens --count=5\n"
		"  bpfcopy trace --tokens --record=/tmp/trace.ndjson --duration=5s\n"
		"  bpfcopy trace --replay=/tmp/trace.ndjson --path=emulate --wide\n"
		"  bpfcopy trace --replay=/tmp/trace.ndjson --perfetto=/tmp/trace.json\n"
		"  bpfcopy trace -o ndjson --duration=5s --fail-on-loss | "
		"jq .latency_ns\n",
	.overhead =
		"While it runs, each copy costs about 1200 instructions "
		"more (5 % of an offloaded copy of 4 KiB), with --tokens "
		"3100, with --split 2500. With --perfetto all other I/O of the "
		"machine (of --dev, if given) costs an event, too. Printing a "
		"row costs some 10000, on another processor if there is one; "
		"filters work before that. "
		"When it ended, nothing is left.",
	.units = "SRC and DST are sectors of 512 bytes, whatever the "
		 "logical block size.",
	.bit = V_TRACE,
	.run = trace,
};
