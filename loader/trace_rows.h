/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of `bpfcopy trace', wherever they come from and go to.
 *
 * A hello comes first, a bye last; between them copies, steps of tokens, other
 * I/O, and how many of them were lost.  Before the bye there is a row for each path that
 * copies took.
 */
#ifndef BPFCOPY_TRACE_ROWS_H
#define BPFCOPY_TRACE_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rows.h"
#include "trace.h"

/* Times are CLOCK_REALTIME; the difference to CLOCK_MONOTONIC is that of the start. */
struct trace_hello {
	uint64_t ts_ns;
	uint64_t monotonic_ns; /* the same moment */
	const char *version;
	const char *kernel;
	bool tokens;
	bool split;
	bool stacks;
	const char *missing; /* tracepoints; NULL for none */
};

/* Numbers that are not known are ROWS_NONE, texts NULL. */
struct trace_copy {
	uint64_t ts_ns;
	const char *device;
	const char *device_id;
	const char *src_device;
	const char *src_device_id;
	uint64_t copy_id;
	uint64_t src_sector;
	uint64_t dst_sector;
	uint64_t ranges;
	uint64_t bytes;
	uint64_t offloaded;
	uint64_t emulated;
	const char *path;
	const char *reason;
	const char *decided_by;
	const char *policy;
	const char *policy_slot;
	const char *policy_mode;
	const char *origin;
	uint64_t latency_ns;
	uint64_t decide_ns;
	uint64_t token_ns;
	uint64_t queue_ns;
	uint64_t device_ns;
	uint64_t emulate_ns;
	uint64_t error;
	uint64_t pid;
	const char *comm;
	char **stack;
};

struct trace_token {
	uint64_t ts_ns;
	const char *device;
	uint64_t copy_id;
	uint64_t token_id;
	const char *step;
	uint64_t sector;
	uint64_t offset;
	uint64_t bytes;
	uint64_t ranges;
	uint64_t done;
	uint64_t age_ns;
	uint64_t error;
};

/* Other I/O, that was no copy's. */
struct trace_io {
	uint64_t ts_ns; /* when it ended */
	const char *device;
	const char *op;
	uint64_t sector;
	uint64_t bytes;
	uint64_t latency_ns;
	bool failed;
};

struct trace_lost {
	uint64_t ts_ns;
	uint64_t lost;
};

/* The bye is a struct trace_totals. */
extern const struct row_desc trace_hello_desc;
extern const struct row_desc trace_copy_desc;
extern const struct row_desc trace_token_desc;
extern const struct row_desc trace_io_desc;
extern const struct row_desc trace_lost_desc;
extern const struct row_desc trace_bye_desc;

struct trace_view;

/**
 * trace_view_open() - start printing rows
 * @out: where to
 * @format: how
 * @wide: in a table, also who asked and who decided
 * @split: in a table, also where the time went
 *
 * A table shows neither hello nor losses, and no totals but those of paths: that
 * is for the caller to say, on stderr.
 *
 * Return: for trace_view_close(), or NULL without memory.
 */
struct trace_view *trace_view_open(FILE *out, enum rows_format format,
				   bool wide, bool split);

/* A row each.  Return: 0, or a negative errno if it could not be printed. */
int trace_view_hello(struct trace_view *view, const struct trace_hello *row);
int trace_view_copy(struct trace_view *view, const struct trace_copy *row);
int trace_view_token(struct trace_view *view, const struct trace_token *row);
int trace_view_io(struct trace_view *view, const struct trace_io *row);
int trace_view_lost(struct trace_view *view, const struct trace_lost *row);
int trace_view_totals(struct trace_view *view, const struct trace_totals *t);

/**
 * trace_view_close() - print the rest and free it
 *
 * Return: 0, or the first error of all.
 */
int trace_view_close(struct trace_view *view);

#endif /* BPFCOPY_TRACE_ROWS_H */
