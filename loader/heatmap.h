/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A picture of latency over time: a column per moment, a row per latency, the
 * darker the more copies; paths by themselves.  It is one SVG or HTML file that
 * needs nothing else, in the colours of the reader's light or dark screen.
 *
 *	heatmap.c	what is in it
 *	heatmap_svg.c	how it looks
 */
#ifndef BPFCOPY_HEATMAP_H
#define BPFCOPY_HEATMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hist.h"

/* When all columns are used, each two become one. */
#define HEATMAP_COLUMNS 160

#define HEATMAP_PATHS 4 /* enum blk_copy_path */

/**
 * struct heatmap - copies by time, path and latency
 * @start_ns: when it begins, nanoseconds since the epoch
 * @end_ns: how far it goes
 * @column_ns: what a column stands for
 * @cells: [path][column][bucket of bpf/hist_copy.h]
 */
struct heatmap {
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t column_ns;
	uint64_t cells[HEATMAP_PATHS][HEATMAP_COLUMNS][HIST_LATENCY_SLOTS];
};

/**
 * heatmap_new() - an empty one
 * @start_ns: nanoseconds since the epoch
 * @column_ns: of a column at first
 *
 * Return: for free(); NULL without memory.
 */
struct heatmap *heatmap_new(uint64_t start_ns, uint64_t column_ns);

/**
 * heatmap_add() - add copies
 * @map: from heatmap_new()
 * @from_ns: they ended after this, nanoseconds since the epoch
 * @to_ns: and before this; goes to the column in the middle
 * @set: told apart by path at least
 */
void heatmap_add(struct heatmap *map, uint64_t from_ns, uint64_t to_ns,
		 const struct hist_set *set);

/**
 * heatmap_next_ns() - when to add next, for every column to get its own
 * @now_ns: nanoseconds since the epoch
 */
uint64_t heatmap_next_ns(const struct heatmap *map, uint64_t now_ns);

/**
 * heatmap_write() - draw it
 * @map: the copies
 * @out: where to; look at ferror() afterwards
 * @about: which copies, a few words; any characters
 * @html: a page, not only the picture
 */
void heatmap_write(const struct heatmap *map, FILE *out, const char *about,
		   bool html);

#endif /* BPFCOPY_HEATMAP_H */
