/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The same counters as those of hist.h, of copies in a recording.
 */
#ifndef BPFCOPY_HIST_TALLY_H
#define BPFCOPY_HIST_TALLY_H

#include "hist.h"
#include "trace_rows.h"

struct hist_tally;

/**
 * hist_tally_new() - nothing is counted yet
 * @by: enum hist_by, ored
 *
 * Return: for hist_tally_free(), or NULL without memory.
 */
struct hist_tally *hist_tally_new(unsigned int by);

/** hist_tally_add() - count a copy.  Return: 0 or -ENOMEM. */
int hist_tally_add(struct hist_tally *tally, const struct trace_copy *row);

/** hist_tally_lose() - so many were not recorded */
void hist_tally_lose(struct hist_tally *tally, uint64_t lost);

/**
 * hist_tally_read() - as hist_read(): what was counted so far
 *
 * Numbers of devices are such as tell them apart, and nothing else.
 *
 * Return: 0 or -ENOMEM.
 */
int hist_tally_read(const struct hist_tally *tally, struct hist_set *set);

/** hist_tally_free() - free it; NULL is fine */
void hist_tally_free(struct hist_tally *tally);

#endif /* BPFCOPY_HIST_TALLY_H */
