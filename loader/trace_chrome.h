/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace as a picture: JSON in the trace event format of Chrome, which
 * ui.perfetto.dev and chrome://tracing open.
 *
 * A process is a device, a thread is a path of copies there, its tokens, its
 * commands or its other I/O.  What overlaps is on threads of its own: "offload",
 * "offload 2".  Times are since the hello.
 */
#ifndef BPFCOPY_TRACE_CHROME_H
#define BPFCOPY_TRACE_CHROME_H

#include <stdio.h>

#include "trace_rows.h"

struct trace_chrome;

/**
 * trace_chrome_new() - begin
 * @out: where to; stays open
 *
 * Return: for trace_chrome_end(), or NULL without memory.
 */
struct trace_chrome *trace_chrome_new(FILE *out);

/* Return: 0, or a negative errno if it could not be written. */
int trace_chrome_hello(struct trace_chrome *chrome,
		       const struct trace_hello *row);
int trace_chrome_copy(struct trace_chrome *chrome,
		      const struct trace_copy *row);
int trace_chrome_token(struct trace_chrome *chrome,
		       const struct trace_token *row);
int trace_chrome_io(struct trace_chrome *chrome, const struct trace_io *row);
int trace_chrome_lost(struct trace_chrome *chrome,
		      const struct trace_lost *row);

/**
 * trace_chrome_end() - write the end and free it
 * @chrome: from trace_chrome_new(), or NULL
 *
 * Return: 0, or the first error of all.
 */
int trace_chrome_end(struct trace_chrome *chrome);

#endif /* BPFCOPY_TRACE_CHROME_H */
