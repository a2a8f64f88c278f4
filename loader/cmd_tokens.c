// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy tokens: which tokens are alive, who holds them, which leak.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "kernel.h"
#include "ksyms.h"
#include "latency.h"
#include "recording.h"
#include "rows.h"
#include "stop.h"
#include "tokens_recording.h"
#include "tokens_rows.h"
#include "tracer.h"
#include "units.h"
#include "verbs.h"

#define SEC	      1000000000ULL
/* A leak is reported so long after it became one, at most. */
#define LEAK_INTERVAL (SEC / 5)
#define LEAK_AGE      (10 * SEC)

/* One run of the verb. */
struct run {
	const struct options *opts;
	const volatile sig_atomic_t *stop;
	struct tokens_view *view;
	uint64_t end; /* tracer_now_ns() */
	uint64_t min_age_ns;
	struct rows *rows;
	struct rows_part *hello;
	struct rows_part *frames;
	struct rows_part *tokens;
	struct rows_part *lifetimes;
	struct rows_part *bye;
	uint64_t screens;
	struct ksyms *ksyms;
	bool ksyms_tried;
	uint64_t *leaks; /* ids that were reported */
	size_t nr_leaks;
};

static bool for_people(const struct run *run)
{
	return run->opts->output == ROWS_TABLE;
}

static bool over(const struct run *run)
{
	return *run->stop || tracer_now_ns() >= run->end;
}

/* Returns early at the end of the run. */
static void sleep_until(const struct run *run, uint64_t then)
{
	stop_sleep_until(then < run->end ? then : run->end);
}

/*
 * Rows
 */

static void free_stack(char **stack)
{
	for (char **name = stack; name && *name; name++)
		free(*name);
	free(stack);
}

/* Before the function that made the token, there is only who watches it. */
static size_t own_frames(char **names)
{
	for (size_t i = 0; names[i]; i++)
		if (!strncmp(names[i], "blk_copy_token_alloc+", 21))
			return i;
	return 0;
}

/* The names are looked up when there is something to look up. */
static char **name_stack(struct run *run, const struct token *token)
{
	char **names = calloc(token->nr_stack + 1, sizeof(*names));
	char name[KSYMS_NAME_MAX];
	size_t own;

	if (!run->ksyms_tried)
		ksyms_load(&run->ksyms);
	run->ksyms_tried = true;
	for (size_t i = 0; names && i < token->nr_stack; i++)
		names[i] = strdup(ksyms_name(run->ksyms, token->stack[i], name,
					     sizeof(name)));
	own = names ? own_frames(names) : 0;
	for (size_t i = 0; i < own; i++)
		free(names[i]);
	for (size_t i = own; own && i <= token->nr_stack; i++)
		names[i - own] = names[i];
	return names;
}

/* What happens from now on is seen. */
static int say_hello(struct run *run)
{
	struct tokens_sum sum;
	int err;

	if (for_people(run) && !run->opts->watch)
		fputs("Watching tokens; Ctrl-C ends.\n", stderr);
	if (!run->hello)
		return 0;
	err = tokens_sum(run->view, 0, ROWS_NONE, &sum, NULL);
	return err ?: rows_add(run->hello, &sum);
}

/* Adds all that are old enough; *@nr is how many. */
static int add_tokens(struct run *run, size_t *nr)
{
	const struct token *list;
	int err;

	err = tokens_alive(run->view, run->min_age_ns, &list, nr);
	for (size_t i = 0; !err && i < *nr; i++)
		err = tokens_add_token(run->tokens, &list[i], NULL);
	return err;
}

static void open_rows(struct run *run)
{
	const struct options *opts = run->opts;

	run->rows = rows_open(stdout, (enum rows_format)opts->output, "tokens",
			      opts->leaks);
	if (opts->output == ROWS_NDJSON) {
		run->hello = rows_part(run->rows, &tokens_hello_desc);
		run->frames = rows_part(run->rows, &tokens_frame_desc);
	}
	run->tokens = rows_part(run->rows, &tokens_token_desc);
	run->lifetimes = rows_part(run->rows, &tokens_lifetime_desc);
	run->bye = rows_part(run->rows, &tokens_bye_desc);
}

/*
 * Once
 */

static int show_once(struct run *run, size_t *alive)
{
	sleep_until(run, run->end);
	return add_tokens(run, alive);
}

/*
 * Again and again
 */

static bool in_place(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
}

static void print_heading(const struct run *run, const struct tokens_sum *sum)
{
	char time[16];
	time_t now = (time_t)(sum->ts_ns / SEC);

	strftime(time, sizeof(time), "%H:%M:%S", localtime(&now));
	if (in_place())
		fputs("\033[H\033[J", stdout);
	else if (run->screens)
		putchar('\n');
	printf("%s  alive %" PRIu64 "  created %" PRIu64 "  freed %" PRIu64
	       "  lost %" PRIu64 "\n",
	       time, sum->alive, sum->totals.created, sum->totals.freed,
	       sum->totals.lost);
}

/* A table fits its columns to its rows, so each screen is one of its own. */
static int show_table(struct run *run, const struct tokens_sum *sum)
{
	int err;

	print_heading(run, sum);
	err = rows_close(run->rows);
	open_rows(run);
	if (!err && fflush(stdout))
		err = -errno;
	return err;
}

static int show_screen(struct run *run, size_t *alive)
{
	struct tokens_sum sum;
	int err;

	err = add_tokens(run, alive);
	if (!err)
		err = tokens_sum(run->view, *alive, ROWS_NONE, &sum, NULL);
	if (err)
		return err;
	err = for_people(run) ? show_table(run, &sum) :
				rows_add(run->frames, &sum);
	run->screens++;
	return err;
}

static int show_screens(struct run *run, size_t *alive)
{
	uint64_t interval = run->opts->interval_ns ?: SEC;
	uint64_t next = tracer_now_ns();
	int err = 0;

	while (!err && !over(run)) {
		sleep_until(run, next += interval);
		err = show_screen(run, alive);
		if (run->screens == run->opts->count)
			break;
	}
	return err;
}

/*
 * Leaks
 */

static bool is_reported(const struct run *run, uint64_t id)
{
	for (size_t i = 0; i < run->nr_leaks; i++)
		if (run->leaks[i] == id)
			return true;
	return false;
}

static int remember(struct run *run, uint64_t id)
{
	uint64_t *more =
		reallocarray(run->leaks, run->nr_leaks + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	run->leaks = more;
	run->leaks[run->nr_leaks++] = id;
	return 0;
}

static int report(struct run *run, const struct token *token)
{
	char **stack = name_stack(run, token);
	int err = stack ? remember(run, token->id) : -ENOMEM;

	if (!err)
		err = tokens_add_token(run->tokens, token, stack);
	for (char **name = stack; !err && for_people(run) && *name; name++)
		printf("        %s\n", *name);
	if (!err && fflush(stdout))
		err = -errno;
	free_stack(stack);
	return err;
}

static bool enough(const struct run *run)
{
	return run->opts->count && run->nr_leaks >= run->opts->count;
}

/* *@alive: reported, and there now. */
static int report_new(struct run *run, size_t *alive)
{
	const struct token *list;
	int err;

	err = tokens_alive(run->view, run->min_age_ns, &list, alive);
	for (size_t i = 0; !err && i < *alive && !enough(run); i++)
		if (!is_reported(run, list[i].id))
			err = report(run, &list[i]);
	return err;
}

static int show_leaks(struct run *run, size_t *alive)
{
	int err;

	for (;;) {
		err = report_new(run, alive);
		if (err || enough(run) || over(run))
			return err;
		sleep_until(run, tracer_now_ns() + LEAK_INTERVAL);
	}
}

/*
 * The end
 */

static void say_bye(const struct tokens_sum *sum)
{
	char p50[UNITS_TEXT_MAX], p99[UNITS_TEXT_MAX];

	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " tokens created, %" PRIu64 " freed, %" PRIu64
		" found that were there before; ",
		sum->totals.created, sum->totals.freed, sum->totals.found);
	if (sum->leaks != ROWS_NONE)
		fprintf(stderr, "%" PRIu64 " leaks, %" PRIu64 " still there; ",
			sum->leaks, sum->alive);
	else
		fprintf(stderr, "%" PRIu64 " alive; ", sum->alive);
	if (sum->totals.freed)
		fprintf(stderr, "p50 %s, p99 %s; ",
			units_format_time(p50, sum->p50_ns),
			units_format_time(p99, sum->p99_ns));
	fprintf(stderr, "lost %" PRIu64 "\n", sum->totals.lost);
}

/* Print the last rows, close them, and make it an exit status. */
static int close_rows(struct run *run, const struct tokens_sum *sum,
		      const struct latency_hist *lifetimes, int err)
{
	int close_err;

	if (!err)
		err = tokens_add_lifetimes(run->lifetimes, lifetimes);
	if (!err && !for_people(run))
		err = rows_add(run->bye, sum);
	close_err = rows_close(run->rows);
	run->rows = NULL;
	if (err || close_err)
		return exit_output(err ?: close_err, EXIT_FAILED);
	if (for_people(run))
		say_bye(sum);
	if (sum->totals.lost && run->opts->fail_on_loss)
		return exit_message(EXIT_LOST, "%" PRIu64 " events were lost",
				    sum->totals.lost);
	return EXIT_OK;
}

static int finish(struct run *run, uint64_t alive)
{
	struct latency_hist lifetimes;
	struct tokens_sum sum;
	int err;

	tokens_detach(run->view);
	err = tokens_sum(run->view, alive,
			 run->opts->leaks ? run->nr_leaks : ROWS_NONE, &sum,
			 &lifetimes);
	return close_rows(run, &sum, &lifetimes, err);
}

static int show_tokens(struct run *run, size_t *alive)
{
	if (run->opts->leaks)
		return show_leaks(run, alive);
	if (run->opts->watch)
		return show_screens(run, alive);
	return show_once(run, alive);
}

static int show(struct run *run)
{
	size_t alive = 0;
	int err;

	open_rows(run);
	err = say_hello(run);
	if (!err)
		err = show_tokens(run, &alive);
	if (!err)
		return finish(run, alive);
	rows_close(run->rows);
	return exit_output(err, EXIT_FAILED);
}

static const char *unfit_for_replay(const struct options *opts)
{
	if (opts->watch)
		return "--watch";
	return opts->leaks ? "--leaks" : recording_unfit(opts);
}

static int check_options(const struct options *opts)
{
	const char *unfit = opts->replay ? unfit_for_replay(opts) : NULL;

	if (unfit)
		return options_usage(&verb_tokens,
				     "%s has no meaning with --replay", unfit);
	if (opts->watch && opts->leaks)
		return options_usage(&verb_tokens,
				     "--watch and --leaks exclude each other");
	if (opts->watch && opts->output == ROWS_JSON)
		return options_usage(
			&verb_tokens,
			"--watch is no document: want -o ndjson or a table");
	if (opts->interval_ns && !opts->watch)
		return options_usage(&verb_tokens, "--interval is for --watch");
	if (opts->count && !opts->watch && !opts->leaks)
		return options_usage(&verb_tokens,
				     "--count is for --watch and --leaks");
	return EXIT_OK;
}

static uint64_t end_of(const struct options *opts)
{
	if (opts->duration_ns)
		return tracer_now_ns() + opts->duration_ns;
	return opts->watch || opts->leaks ? UINT64_MAX : tracer_now_ns() + SEC;
}

static int tokens_live(const struct options *opts)
{
	struct run run = { .opts = opts, .min_age_ns = opts->older_than_ns };
	struct policy_error error = {};
	int status, err;

	status = kernel_need(KERNEL_TRACE);
	if (status != EXIT_OK)
		return status;
	if (opts->leaks && !run.min_age_ns)
		run.min_age_ns = LEAK_AGE;
	run.stop = stop_on_signals();
	err = tokens_open(opts->leaks, &run.view, &error);
	if (err)
		return exit_because(IN_TRACE, err, "tokens", error.text);
	run.end = end_of(opts);
	status = show(&run);
	tokens_close(run.view);
	ksyms_free(run.ksyms);
	free(run.leaks);
	return status;
}

/* As they were at its end. */
static int tokens_recorded(const struct options *opts)
{
	struct run run = { .opts = opts, .stop = stop_on_signals() };
	const struct latency_hist *lifetimes;
	struct tokens_recording *recording;
	struct tokens_sum sum = {};
	int status, end, err = 0;
	size_t alive = 0;

	status = tokens_recording_read(opts->replay, run.stop, &recording);
	if (status != EXIT_OK)
		return status;
	open_rows(&run);
	sum.ts_ns = tokens_recording_start(recording);
	if (run.hello)
		err = rows_add(run.hello, &sum);
	if (!err)
		err = tokens_recording_add(recording, run.tokens,
					   opts->older_than_ns, &alive);
	lifetimes = tokens_recording_sum(recording, &sum);
	sum.alive = alive;
	status = close_rows(&run, &sum, lifetimes, err);
	end = tokens_recording_close(recording, status != EXIT_FAILED);
	return end != EXIT_OK ? end : status;
}

static int tokens(const struct options *opts)
{
	int status = check_options(opts);

	if (status != EXIT_OK)
		return status;
	return opts->replay ? tokens_recorded(opts) : tokens_live(opts);
}

const struct verb verb_tokens = {
	.name = "tokens",
	.summary = "tokens that are alive, and leaks",
	.doc = "A token is what the two halves of an offloaded copy share; it "
	       "lives as long as the device takes. Watch for a second (or "
	       "--duration), then print the tokens that are alive: age, how far "
	       "they got, length, extents on the source's disk, destination and "
	       "who asked for the copy; and how long those lived that were freed "
	       "meanwhile. One that was there before is found by its next step, "
	       "not sooner. STATE is allocated, filled (the source said where "
	       "its data is), consumed (the device has a command), rejected, "
	       "failed, done, or leaked: its copy is over and it is not freed. "
	       "--watch prints again and again. --leaks prints each token when "
	       "it gets older than --older-than or leaks, with the stack that "
	       "made it. --replay shows those that were alive at the end of "
	       "what `trace --record --tokens' wrote; it tells who asked for a "
	       "copy when the copy is over, so only of leaks is that known.",
	.examples = "  bpfcopy tokens\n"
		    "  bpfcopy tokens --watch --interval=500ms\n"
		    "  bpfcopy tokens --leaks --older-than=5s\n"
		    "  bpfcopy tokens --replay=/tmp/trace.ndjson\n"
		    "  bpfcopy tokens --leaks --count=1 -o ndjson | "
		    "jq -r '.stack[]?'\n",
	.overhead =
		"A BPF program at the start and at the end of each copy, and "
		"one at each step of a token; what is kept is one entry per "
		"copy and token that is alive. Nothing is left when it ends.",
	.bit = V_TOKENS,
	.run = tokens,
};
