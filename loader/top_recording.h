/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What top_frame.c reads of the kernel, read of a recording.
 */
#ifndef BPFCOPY_TOP_RECORDING_H
#define BPFCOPY_TOP_RECORDING_H

#include "hist.h"
#include "options.h"

/**
 * struct top_moment - what is counted, besides copies
 * @at_ns: when, by a clock of which only differences are looked at
 * @ts_ns: when, since the epoch
 * @tokens: that are alive, ROWS_NONE if nobody knows
 * @lost: since the beginning
 * @cost_ns: since the beginning, 0 if nobody knows
 */
struct top_moment {
	uint64_t at_ns;
	uint64_t ts_ns;
	uint64_t tokens;
	uint64_t lost;
	uint64_t cost_ns;
};

struct top_recording;

/**
 * top_recording_open() - begin to read
 * @opts: --replay, --dev
 * @interval_ns: from frame to frame
 * @out: for top_recording_close() on success
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int top_recording_open(const struct options *opts, uint64_t interval_ns,
		       struct top_recording **out);

/** top_recording_start() - when it begins, nanoseconds since the epoch */
uint64_t top_recording_start(const struct top_recording *r);

/**
 * top_recording_read() - one interval more
 * @set: what was counted since the beginning, for hist_set_free()
 * @moment: filled
 *
 * Intervals in which nothing happened are read at once.
 *
 * Return: 0, -ENODATA at its end, or -ENOMEM.
 */
int top_recording_read(struct top_recording *r, struct hist_set *set,
		       struct top_moment *moment);

/**
 * top_recording_close() - free it
 * @tell: what was wrong with it, too
 *
 * Return: as recording_end(), or EXIT_OK.
 */
int top_recording_close(struct top_recording *r, bool tell);

#endif /* BPFCOPY_TOP_RECORDING_H */
