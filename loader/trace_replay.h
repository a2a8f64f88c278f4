/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading what a trace wrote: --record FILE, or -o ndjson.
 *
 * The filters of the command line choose rows as they would have chosen copies,
 * but for --cgroup, which no row tells.  Of tokens those are shown whose copy
 * is, which takes a file that can be read twice.
 */
#ifndef BPFCOPY_TRACE_REPLAY_H
#define BPFCOPY_TRACE_REPLAY_H

#include "options.h"
#include "trace_out.h"

/**
 * trace_replay() - hand the rows of a recording on
 * @opts: --replay, filters, --count, --tokens
 * @stop: set to non-zero to end
 * @out: where to
 * @totals: of the rows handed on; lost is that of the recording
 *
 * What is wrong with the recording is said on stderr, with its line and byte;
 * the rows before are handed on.
 *
 * Return: EXIT_OK; EXIT_LOST if the recording has no end; EXIT_FAILED if it is
 * damaged or is none, or if @out could not be written; or another exit status.
 */
int trace_replay(const struct options *opts, const volatile sig_atomic_t *stop,
		 struct trace_out *out, struct trace_totals *totals);

#endif /* BPFCOPY_TRACE_REPLAY_H */
