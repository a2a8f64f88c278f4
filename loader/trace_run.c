// SPDX-License-Identifier: GPL-2.0
/*
 * Run bpf/trace_copy.bpf.c: set its filters, attach it, hand its events on,
 * and sum up what it counted; see trace.h.
 *
 * The programs wake nobody up for a single event.  The ring buffer is looked
 * into ten times a second, and at once when a good part of it is full.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf.h>

#include "trace_copy.skel.h"

#include "latency.h"
#include "policy_internal.h"
#include "trace.h"
#include "tracer.h"

#define POLL_MS	    100
#define NSEC_PER_MS 1000000ULL

_Static_assert(TRACE_PATHS == TRACE_NR_PATHS, "a total for every path");

/* struct run - a trace that is going on */
struct run {
	const struct trace_opts *opts;
	const struct trace_cbs *cbs;
	const volatile sig_atomic_t *stop;
	struct trace_copy *skel;
	struct ring_buffer *rb;
	uint64_t delivered;
	uint64_t lost;
	int error; /* of a callback */
};

/* Tokens are those of the copies that pass what is known when a copy starts. */
static void choose_tokens(struct trace_copy *skel,
			  const struct trace_opts *opts)
{
	bool choose = opts->tokens && filter_at_start(&opts->filter);

	skel->rodata->choose_tokens = choose;
	bpf_program__set_autoload(skel->progs.copy_start, choose);
	if (!choose)
		bpf_map__set_max_entries(skel->maps.chosen, 1);
}

static void set_filters(struct trace_copy *skel, const struct trace_opts *opts)
{
	filter_set(skel->rodata, &opts->filter);
	skel->rodata->send_tokens = opts->tokens;
	/* Created and freed are always counted, what is between costs more. */
	bpf_program__set_autoload(skel->progs.token_fill, opts->tokens);
	bpf_program__set_autoload(skel->progs.token_consume, opts->tokens);
	bpf_program__set_autoload(skel->progs.token_reject, opts->tokens);
	bpf_program__set_autoload(skel->progs.token_complete, opts->tokens);
	choose_tokens(skel, opts);
}

static int load(struct run *run, struct policy_error *err)
{
	int error;

	policy_log_start();
	run->skel = trace_copy__open();
	if (!run->skel)
		return policy_fail(err, -errno, "cannot open the tracer: %s",
				   strerror(errno));
	set_filters(run->skel, run->opts);
	error = trace_copy__load(run->skel);
	return error ? policy_fail_load(err, "tracer", error) : 0;
}

static int on_copy(struct run *run, const struct copy_event *e)
{
	run->delivered++;
	return run->cbs->on_copy ? run->cbs->on_copy(run->cbs->ctx, e) : 0;
}

static int on_token(struct run *run, const struct token_event *e)
{
	return run->cbs->on_token ? run->cbs->on_token(run->cbs->ctx, e) : 0;
}

static bool all_delivered(const struct run *run)
{
	return run->opts->count && run->delivered >= run->opts->count;
}

/* A negative value ends ring_buffer__consume(), which is all it is for. */
static int on_event(void *ctx, void *data, size_t size)
{
	struct run *run = ctx;
	const __u32 *kind = data;

	if (all_delivered(run))
		return -ECANCELED;
	if (size >= sizeof(struct copy_event) && *kind == TRACE_COPY)
		run->error = on_copy(run, data);
	else if (size >= sizeof(struct token_event) && *kind == TRACE_TOKEN)
		run->error = on_token(run, data);
	return run->error;
}

static int read_counts(const struct run *run, struct trace_counts *counts,
		       uint64_t *lost)
{
	const __u32 key = 0;
	int error = tracer_sum_percpu(run->skel->maps.counts, &key,
				      (uint64_t *)counts);

	if (!error)
		*lost = counts->lost_copies + counts->lost_tokens +
			tracer_skipped_runs(run->skel->obj);
	return error;
}

static int report_lost(struct run *run)
{
	struct trace_counts counts;
	uint64_t lost, more;
	int error = read_counts(run, &counts, &lost);

	if (error)
		return error;
	more = lost - run->lost;
	run->lost = lost;
	if (!more || !run->cbs->on_lost)
		return 0;
	return run->cbs->on_lost(run->cbs->ctx, more);
}

/* Deliver what there is. */
static int drain(struct run *run)
{
	int error = ring_buffer__consume(run->rb);

	if (run->error || all_delivered(run))
		return run->error;
	return error < 0 ? error : report_lost(run);
}

/* How long to wait for events, in milliseconds; 0 if it is time to end. */
static int wait_ms(const struct run *run, uint64_t end)
{
	uint64_t now = tracer_now_ns();

	if (*run->stop || all_delivered(run))
		return 0;
	if (!run->opts->duration_ns || end - now > POLL_MS * NSEC_PER_MS)
		return now < end ? POLL_MS : 0;
	return now < end ? (end - now) / NSEC_PER_MS + 1 : 0;
}

static int deliver(struct run *run)
{
	uint64_t end = run->opts->duration_ns ?
			       tracer_now_ns() + run->opts->duration_ns :
			       UINT64_MAX;
	int ms, error = 0;

	while (!error && (ms = wait_ms(run, end))) {
		error = ring_buffer__poll(run->rb, ms);
		if (run->error)
			return run->error;
		/* A signal is no error: the loop looks at what it set. */
		if (error >= 0 || error == -EINTR || error == -ECANCELED)
			error = drain(run);
	}
	return error;
}

/* Nothing of the programs runs any more, so what is counted now is final. */
static void detach(struct run *run)
{
	trace_copy__detach(run->skel);
	tracer_settle();
}

static void sum_up(const struct run *run, struct trace_totals *out)
{
	struct trace_counts counts;
	struct latency_hist hist;

	if (read_counts(run, &counts, &out->lost))
		return;
	out->offloaded = counts.offloaded;
	out->emulated = counts.emulated;
	out->bytes = counts.offloaded + counts.emulated;
	out->errors = counts.errors;
	out->tokens_created = counts.tokens[TOKEN_ALLOC];
	out->tokens_freed = counts.tokens[TOKEN_FREE];
	for (__u32 i = 0; i < TRACE_PATHS; i++) {
		struct trace_path_total *path = &out->path[i];

		path->copies = counts.copies[i];
		path->bytes = counts.path_bytes[i];
		out->copies += path->copies;
		if (tracer_sum_percpu(run->skel->maps.latency, &i,
				      (uint64_t *)hist.slots))
			continue;
		path->p50_ns = latency_percentile(&hist, 50);
		path->p99_ns = latency_percentile(&hist, 99);
	}
}

static int attach(struct run *run, struct policy_error *err)
{
	int error;

	run->rb = ring_buffer__new(bpf_map__fd(run->skel->maps.events),
				   on_event, run, NULL);
	if (!run->rb)
		return policy_fail(err, -errno,
				   "cannot read the tracer's events: %s",
				   strerror(errno));
	error = trace_copy__attach(run->skel);
	if (error)
		return policy_fail(err, error, "cannot attach the tracer: %s",
				   strerror(-error));
	return 0;
}

static int run_attached(struct run *run)
{
	int error = 0, last;

	if (run->cbs->on_ready)
		error = run->cbs->on_ready(run->cbs->ctx);
	if (!error)
		error = deliver(run);
	detach(run);
	last = error ? 0 : drain(run);
	return error ? error : last;
}

int trace_run(const struct trace_opts *opts, const struct trace_cbs *cbs,
	      const volatile sig_atomic_t *stop, struct trace_totals *out,
	      struct policy_error *err)
{
	struct run run = { .opts = opts, .cbs = cbs, .stop = stop };
	int error;

	memset(out, 0, sizeof(*out));
	err->text[0] = '\0';
	error = tracer_check_kernel(err);
	if (error)
		return error;
	error = load(&run, err);
	if (error)
		goto destroy;
	error = attach(&run, err);
	if (error)
		goto free_ring;
	error = run_attached(&run);
	if (error && !*err->text)
		policy_fail(err, error, "tracing ended early: %s",
			    strerror(-error));
	sum_up(&run, out);

free_ring:
	ring_buffer__free(run.rb);
destroy:
	trace_copy__destroy(run.skel);
	return error;
}
