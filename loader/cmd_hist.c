// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy hist: copies by latency and size, live or from a recording.
 */
#include <errno.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "filter.h"
#include "hist_run.h"
#include "hist_tally.h"
#include "kernel.h"
#include "recording.h"
#include "stop.h"
#include "tracer.h"
#include "verbs.h"

/* A signal is noticed within this time. */
#define NAP_NS 100000000ULL

/* Programs ask for paths, people for a picture of them. */
static unsigned int counted_by(const struct hist_run *run)
{
	return run->by | (run->map.map ? HIST_BY_PATH : 0);
}

/*
 * Live
 */

static int read_live(void *source, struct hist_set *set)
{
	return hist_read(source, set);
}

static int nap(struct hist *hist, uint64_t ns)
{
	struct timespec ts = { .tv_nsec = ns < NAP_NS ? ns : NAP_NS };

	nanosleep(&ts, NULL);
	return hist_look(hist);
}

static int count(struct hist_run *run, struct hist *hist,
		 const volatile sig_atomic_t *stop, uint64_t offset)
{
	uint64_t duration = run->opts->duration_ns;
	uint64_t end = duration ? run->start_ns + duration : UINT64_MAX;
	uint64_t now, wake;
	int err = 0;

	while (!err && !*stop && (now = tracer_now_ns() + offset) < end) {
		wake = hist_run_next(run);
		if (now >= wake)
			err = hist_run_show(run, now);
		else
			err = nap(hist, (wake < end ? wake : end) - now);
	}
	return err;
}

static int count_and_show(struct hist_run *run, struct hist *hist,
			  const volatile sig_atomic_t *stop)
{
	uint64_t offset = tracer_clock_offset();
	struct utsname uts;
	int err;

	uname(&uts);
	if (run->opts->output == ROWS_TABLE)
		fputs("Counting copies; Ctrl-C ends.\n", stderr);
	err = hist_run_begin(run, tracer_now_ns() + offset, uts.release);
	if (!err)
		err = count(run, hist, stop, offset);
	hist_stop(hist);
	return err ?: hist_run_end(run, tracer_now_ns() + offset);
}

static int hist_live(struct hist_run *run, const struct copy_filter *filter)
{
	const volatile sig_atomic_t *stop = stop_on_signals();
	struct policy_error error = {};
	struct hist *hist;
	int status, err;

	err = hist_start(filter, counted_by(run), run->opts->max_series, &hist,
			 &error);
	if (err)
		return exit_because(IN_TRACE, err, "hist", error.text);
	run->in_place = run->opts->interval_ns &&
			run->opts->output == ROWS_TABLE &&
			isatty(STDOUT_FILENO);
	run->read = read_live;
	run->source = hist;
	run->events = "copies";
	status = hist_run_finish(run, count_and_show(run, hist, stop));
	hist_end(hist);
	return status;
}

/*
 * From a recording
 */

static int read_tally(void *source, struct hist_set *set)
{
	return hist_tally_read(source, set);
}

static int on_row(struct hist_run *run, struct hist_tally *tally,
		  const struct recording_row *row)
{
	int err;

	if (row->kind == RECORDING_HELLO)
		return hist_run_begin(run, row->hello.ts_ns, row->hello.kernel);
	err = hist_run_until(run, recording_ts(row));
	if (err)
		return err;
	if (row->kind == RECORDING_LOST)
		hist_tally_lose(tally, row->lost.lost);
	if (row->kind == RECORDING_COPY &&
	    recording_passes(run->opts, &row->copy))
		err = hist_tally_add(tally, &row->copy);
	return err;
}

static int replay(struct hist_run *run, struct recording *rec,
		  struct hist_tally *tally, const volatile sig_atomic_t *stop)
{
	const struct recording_row *row;
	uint64_t now = 0;
	int err = 0;

	while (!err && !*stop && (row = recording_next(rec))) {
		if (recording_ts(row) > now)
			now = recording_ts(row);
		err = on_row(run, tally, row);
	}
	return err || !run->begun ? err : hist_run_end(run, now);
}

/* What is wrong with the recording is told when what is whole was shown. */
static int hist_recording(struct hist_run *run)
{
	const volatile sig_atomic_t *stop = stop_on_signals();
	struct hist_tally *tally = hist_tally_new(counted_by(run));
	struct recording *rec = NULL;
	int status, end;

	if (!tally)
		return exit_error(IN_GENERAL, -ENOMEM, "hist");
	status = recording_open(run->opts->replay, &rec);
	if (status != EXIT_OK)
		goto free_tally;
	run->read = read_tally;
	run->source = tally;
	run->events = "events";
	status = hist_run_finish(run, replay(run, rec, tally, stop));
	if (status != EXIT_FAILED) {
		end = recording_end(rec, *stop);
		status = end != EXIT_OK ? end : status;
	}
	recording_close(rec);
free_tally:
	hist_tally_free(tally);
	return status;
}

/*
 * The verb
 */

static int hist(const struct options *opts)
{
	struct hist_run run = {
		.opts = opts,
		.by = opts->by ? (unsigned int)opts->by :
				 HIST_BY_DEV | HIST_BY_PATH,
	};
	const char *unfit = opts->replay ? recording_unfit(opts) : NULL;
	struct copy_filter filter;
	int status = EXIT_OK, map_status;
	char about[256];

	if (unfit)
		return options_usage(&verb_hist,
				     "%s has no meaning with --replay", unfit);
	if (opts->heatmap && !heatmap_file_fits(opts->heatmap))
		return options_usage(&verb_hist,
				     "--heatmap=%s: want a name that ends in "
				     ".svg or .html",
				     opts->heatmap);
	if (!opts->replay)
		status = filter_of_options(opts, &filter);
	if (status == EXIT_OK && !opts->replay)
		status = kernel_need(KERNEL_TRACE);
	if (status == EXIT_OK)
		status = heatmap_file_begin(&run.map, opts->heatmap);
	if (status != EXIT_OK)
		return status;
	status = opts->replay ? hist_recording(&run) : hist_live(&run, &filter);
	filter_text(opts, about, sizeof(about));
	map_status = heatmap_file_end(&run.map, about, run.begun && run.shown);
	return map_status != EXIT_OK ? map_status : status;
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
	       "not empty. Filters run in the kernel. --replay counts what `trace "
	       "--record' wrote, in the same buckets; what it says is lost may "
	       "be other events than copies.",
	.examples =
		"  bpfcopy hist --duration=10s\n"
		"  bpfcopy hist --dev=nvme0n1 --by=path,origin --interval=1s\n"
		"  bpfcopy hist --heatmap=latency.svg --duration=30s\n"
		"  bpfcopy hist --replay=/tmp/trace.ndjson --by=origin\n"
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
