/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histograms as people and programs read them.
 */
#ifndef BPFCOPY_HIST_VIEW_H
#define BPFCOPY_HIST_VIEW_H

#include <stdio.h>

#include "hist.h"
#include "rows.h"

/**
 * struct hist_block - what is shown at once
 * @set: the histograms
 * @by: enum hist_by, ored
 * @from_ns: when counting began, nanoseconds since the epoch
 * @to_ns: when it ended
 */
struct hist_block {
	struct hist_set set;
	unsigned int by;
	uint64_t from_ns;
	uint64_t to_ns;
};

/**
 * hist_view_print() - bars and percentiles, for people
 * @out: where to
 *
 * Return: 0 or a negative errno.
 */
int hist_view_print(FILE *out, const struct hist_block *block);

/** struct hist_rows - the same for programs; the parts of what is printed */
struct hist_rows {
	struct rows_part *series;
	struct rows_part *latencies;
	struct rows_part *sizes;
};

/** hist_rows_open() - add the parts to @rows */
void hist_rows_open(struct hist_rows *parts, struct rows *rows);

/** hist_rows_add() - add a block.  Return: 0, or the errno of a rows_add(). */
int hist_rows_add(struct hist_rows *parts, const struct hist_block *block);

#endif /* BPFCOPY_HIST_VIEW_H */
