/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watching copies and tokens live.
 *
 * The events come from bpf/trace_copy.bpf.c through a ring buffer.  Filters
 * run in the kernel: what is filtered out costs no ring buffer space.
 */
#ifndef BPFCOPY_TRACE_H
#define BPFCOPY_TRACE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "policy.h"

struct copy_event;  /* bpf/trace_copy.h */
struct token_event; /* bpf/trace_copy.h */
struct io_event;    /* bpf/trace_copy.h */

/* Paths as in enum blk_copy_path, index of trace_totals.path[]. */
#define TRACE_PATHS 4

/**
 * struct trace_opts - what to show
 * @filter: which copies
 * @tokens: deliver token events too: of the copies whose beginning passes
 *	@filter and that started while tracing
 * @split: fill in struct copy_event.split
 * @stacks: deliver the stacks of those who ask for copies
 * @io: deliver other I/O too, of the device that @filter names or of all
 * @buffer_bytes: of the ring buffer, made a power of two of at least a page; 0
 *	for 4 MiB
 * @duration_ns: end after so long; 0 is no limit, here and below
 * @count: end after so many copies were delivered
 */
struct trace_opts {
	struct copy_filter filter;
	bool tokens;
	bool split;
	bool stacks;
	bool io;
	uint64_t buffer_bytes;
	uint64_t duration_ns;
	uint64_t count;
};

/**
 * struct trace_cbs - called from trace_run(), in the order of the events
 * @on_ready: everything is attached: what happens from now on is seen; @missing
 *	names what this kernel has no tracepoint for, "" if it has all
 * @on_copy: a copy ended; @stack is an array of addresses that ends with 0, NULL
 *	if there is none
 * @on_token: something happened to a token; only with trace_opts.tokens
 * @on_io: a request ended that was none of a copy's; only with trace_opts.io
 * @on_lost: @lost more events were dropped since the last call
 * @ctx: first argument of all of them
 *
 * A callback that returns a negative errno ends the trace with it.
 * Each may be NULL.
 */
struct trace_cbs {
	int (*on_ready)(void *ctx, const char *missing);
	int (*on_copy)(void *ctx, const struct copy_event *e,
		       const uint64_t *stack);
	int (*on_token)(void *ctx, const struct token_event *e);
	int (*on_io)(void *ctx, const struct io_event *e);
	int (*on_lost)(void *ctx, uint64_t lost);
	void *ctx;
};

/**
 * struct trace_path_total - copies of one path
 * @copies: how many
 * @bytes: bytes copied
 * @p50_ns: median latency, from the histogram in the kernel
 * @p99_ns: 99th percentile
 */
struct trace_path_total {
	uint64_t copies;
	uint64_t bytes;
	uint64_t p50_ns;
	uint64_t p99_ns;
};

/**
 * struct trace_totals - counted in the kernel, so lost events are in it too
 * @copies: copies that ended while tracing and passed the filters
 * @bytes: bytes they copied
 * @offloaded: of these, copied by a device
 * @emulated: of these, read and written by the kernel
 * @errors: copies that failed
 * @tokens_created: tokens allocated while tracing
 * @tokens_freed: of these, freed
 * @lost: events that could not be delivered
 * @path: per enum blk_copy_path
 */
struct trace_totals {
	uint64_t copies;
	uint64_t bytes;
	uint64_t offloaded;
	uint64_t emulated;
	uint64_t errors;
	uint64_t tokens_created;
	uint64_t tokens_freed;
	uint64_t lost;
	struct trace_path_total path[TRACE_PATHS];
};

/**
 * trace_run() - attach, deliver events until told to stop, detach
 * @opts: filters and when to end
 * @cbs: receivers
 * @stop: set to non-zero (by a signal handler) to end; what is in the ring
 *	buffer by then is still delivered
 * @out: totals, also after a failure
 * @err: filled on failure
 *
 * Return: 0, -EPERM, -EOPNOTSUPP if the kernel has no such tracepoints, what
 *	a callback returned, or another errno.
 */
int trace_run(const struct trace_opts *opts, const struct trace_cbs *cbs,
	      const volatile sig_atomic_t *stop, struct trace_totals *out,
	      struct policy_error *err);

#endif /* BPFCOPY_TRACE_H */
