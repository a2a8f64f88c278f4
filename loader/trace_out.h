/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the rows of a trace go: to stdout; or to files, --record and --perfetto,
 * and then not to stdout.
 *
 * A recording is what -o ndjson prints.  Each row is in the file before the next
 * one is taken, so who is killed loses nothing that was seen.
 */
#ifndef BPFCOPY_TRACE_OUT_H
#define BPFCOPY_TRACE_OUT_H

#include "options.h"
#include "trace_rows.h"

struct trace_out;

/**
 * trace_out_open() - open what the command line asks for
 * @opts: the command line
 * @out: for trace_out_close() on success
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int trace_out_open(const struct options *opts, struct trace_out **out);

/*
 * A row each, the hello first.  Return: 0, or a negative errno if it could not
 * be written, which trace_out_close() tells.
 */
int trace_out_hello(struct trace_out *out, const struct trace_hello *row);
int trace_out_copy(struct trace_out *out, const struct trace_copy *row);
int trace_out_token(struct trace_out *out, const struct trace_token *row);
int trace_out_io(struct trace_out *out, const struct trace_io *row);
int trace_out_lost(struct trace_out *out, const struct trace_lost *row);

/**
 * trace_out_close() - write the rest, close the files, free it
 * @out: from trace_out_open(); nothing is written if there was no hello
 * @totals: the last rows
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int trace_out_close(struct trace_out *out, const struct trace_totals *totals);

#endif /* BPFCOPY_TRACE_OUT_H */
