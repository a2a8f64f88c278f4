// SPDX-License-Identifier: GPL-2.0
/*
 * Run bpf/trace_copy.bpf.c: set its filters, attach it, hand its events on,
 * and sum up what it counted; see trace.h.
 *
 * The programs wake nobody up for a single event.  The ring buffer is looked
 * into ten times a second, and at once when a good part of it is full.
 */
#include <errno.h>
#include <stdio.h>
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
	char missing[POLICY_LIST_TEXT]; /* of the kernel */
	int error;			/* of a callback */
};

/*
 * Which programs are loaded
 */

/* What is attached besides copy_end. */
static bool is_wanted(const struct trace_copy *skel,
		      const struct bpf_program *prog,
		      const struct trace_opts *opts)
{
	/* Created and freed are always counted, what is between costs more. */
	if (prog == skel->progs.token_reject)
		return opts->tokens;
	if (prog == skel->progs.token_fill ||
	    prog == skel->progs.token_consume ||
	    prog == skel->progs.token_dispatch ||
	    prog == skel->progs.token_complete)
		return opts->tokens || opts->split;
	if (prog == skel->progs.decide_begins ||
	    prog == skel->progs.copy_fallback || prog == skel->progs.copy_chunk)
		return opts->split;
	if (prog == skel->progs.io_complete || prog == skel->progs.find_bios)
		return opts->io;
	return true;
}

/*
 * What the kernel has of what programs attach to, as bits in the order of the
 * programs: of a tracepoint NAME there is a typedef btf_trace_NAME.  The section
 * of a program is "tp_btf/NAME", or "fentry/NAME" for a function.
 *
 * There are a hundred thousand types, so they are gone through once.
 */
static uint64_t look_for_programs(const struct bpf_object *obj,
				  const struct btf *btf)
{
	static const char prefix[] = "btf_trace_";
	uint64_t there = 0;

	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, t->name_off);
		bool tracepoint = btf_is_typedef(t) &&
				  !strncmp(name, prefix, sizeof(prefix) - 1);
		struct bpf_program *prog;
		uint64_t bit = 1;

		if (!tracepoint && !btf_is_func(t))
			continue;
		name += tracepoint ? sizeof(prefix) - 1 : 0;
		if (strncmp(name, "blk_copy_", 9) &&
		    strcmp(name, "block_rq_complete"))
			continue;
		bpf_object__for_each_program(prog, obj) {
			const char *section = bpf_program__section_name(prog);
			const char *at = strchr(section, '/');

			if (at && !strcmp(at + 1, name) &&
			    (*section == 't') == tracepoint)
				there |= bit;
			bit <<= 1;
		}
	}
	return there;
}

/* What the kernel lacks is left out, and told; it cannot be the end of copies. */
static int choose_programs(struct run *run, struct policy_error *err)
{
	struct btf *btf = btf__load_vmlinux_btf();
	uint64_t there = btf ? look_for_programs(run->skel->obj, btf) : 0;
	struct bpf_program *prog;

	btf__free(btf);
	bpf_object__for_each_program(prog, run->skel->obj) {
		const char *name = strchr(bpf_program__section_name(prog), '/');
		bool wanted = is_wanted(run->skel, prog, run->opts);
		bool missing = name && !(there & 1);

		there >>= 1;
		if (missing && prog == run->skel->progs.copy_end)
			return tracer_check_kernel(err);
		bpf_program__set_autoload(prog, wanted && !missing);
		if (wanted && missing)
			policy_add_word(run->missing, name + 1);
	}
	return 0;
}

static void set_up(struct trace_copy *skel, const struct trace_opts *opts)
{
	uint32_t bytes = bpf_map__max_entries(skel->maps.events);

	filter_set(skel->rodata, &opts->filter);
	skel->rodata->filter_task = filter_of_task(&opts->filter);
	skel->rodata->send_tokens = opts->tokens;
	skel->rodata->choose_tokens = opts->tokens &&
				      filter_at_start(&opts->filter);
	skel->rodata->send_split = opts->split;
	skel->rodata->send_stacks = opts->stacks;
	if (!opts->stacks)
		bpf_map__set_max_entries(skel->maps.stacks, 1);
	if (opts->buffer_bytes) {
		/* libbpf makes it a power of two. */
		bpf_map__set_max_entries(skel->maps.events,
					 (uint32_t)opts->buffer_bytes);
		bytes = bpf_map__max_entries(skel->maps.events);
	}
	skel->rodata->wakeup_bytes = bytes / 4;
	skel->rodata->io_bytes = bytes / 2;
}

static int load(struct run *run, struct policy_error *err)
{
	int error;

	policy_log_start();
	run->skel = trace_copy__open();
	if (!run->skel)
		return policy_fail(err, -errno, "cannot open the tracer: %s",
				   strerror(errno));
	set_up(run->skel, run->opts);
	error = choose_programs(run, err);
	if (error)
		return error;
	error = trace_copy__load(run->skel);
	if (error)
		return policy_fail_load(err, "tracer", error);
	error = filter_set_cgroup(&run->opts->filter,
				  run->skel->maps.filter_cgroups);
	return error ? policy_fail(err, error, "cannot filter by cgroup: %s",
				   strerror(-error)) :
		       0;
}

/*
 * Events
 */

/* What cannot be known because the kernel does not tell it. */
static void strike_out(const struct trace_copy *skel, struct copy_split *s)
{
	if (!bpf_program__autoload(skel->progs.decide_begins) ||
	    !bpf_program__autoload(skel->progs.copy_decide))
		s->decide_ns = TRACE_NO_TIME;
	if (!bpf_program__autoload(skel->progs.token_fill))
		s->token_ns = TRACE_NO_TIME;
	if (!bpf_program__autoload(skel->progs.token_consume) ||
	    !bpf_program__autoload(skel->progs.token_dispatch))
		s->queue_ns = TRACE_NO_TIME;
	if (!bpf_program__autoload(skel->progs.token_dispatch) ||
	    !bpf_program__autoload(skel->progs.token_complete))
		s->device_ns = TRACE_NO_TIME;
	if (!bpf_program__autoload(skel->progs.copy_fallback) ||
	    !bpf_program__autoload(skel->progs.copy_chunk))
		s->emulate_ns = TRACE_NO_TIME;
}

/* The addresses of a stack, ended by 0; NULL if it is not known. */
static const uint64_t *find_stack(const struct run *run, int id,
				  uint64_t stack[TRACE_STACK_DEPTH + 1])
{
	if (!run->opts->stacks || id < 0 ||
	    bpf_map__lookup_elem(run->skel->maps.stacks, &id, sizeof(id), stack,
				 TRACE_STACK_DEPTH * sizeof(*stack), 0))
		return NULL;
	stack[TRACE_STACK_DEPTH] = 0;
	return stack;
}

static int on_copy(struct run *run, const struct copy_event *e)
{
	uint64_t stack[TRACE_STACK_DEPTH + 1];
	struct copy_event copy = *e;

	run->delivered++;
	if (!run->cbs->on_copy)
		return 0;
	strike_out(run->skel, &copy.split);
	return run->cbs->on_copy(run->cbs->ctx, &copy,
				 find_stack(run, e->stack, stack));
}

static int on_token(struct run *run, const struct token_event *e)
{
	return run->cbs->on_token ? run->cbs->on_token(run->cbs->ctx, e) : 0;
}

static int on_io(struct run *run, const struct io_event *e)
{
	return run->cbs->on_io ? run->cbs->on_io(run->cbs->ctx, e) : 0;
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
	else if (size >= sizeof(struct io_event) && *kind == TRACE_IO)
		run->error = on_io(run, data);
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
			counts->lost_io + tracer_skipped_runs(run->skel->obj);
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
	LIBBPF_OPTS(bpf_test_run_opts, once);
	int error;

	run->rb = ring_buffer__new(bpf_map__fd(run->skel->maps.events),
				   on_event, run, NULL);
	if (!run->rb)
		return policy_fail(err, -errno,
				   "cannot read the tracer's events: %s",
				   strerror(errno));
	bpf_prog_test_run_opts(bpf_program__fd(run->skel->progs.find_slots),
			       &once);
	if (run->opts->io)
		bpf_prog_test_run_opts(
			bpf_program__fd(run->skel->progs.find_bios), &once);
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
		error = run->cbs->on_ready(run->cbs->ctx, run->missing);
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
