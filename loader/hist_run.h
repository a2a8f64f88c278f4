/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One run of `bpfcopy hist': what is shown, and when.  Where the numbers come from, live
 * counters or a recording, is for cmd_hist.c to know.
 *
 * All times are nanoseconds since the epoch.
 */
#ifndef BPFCOPY_HIST_RUN_H
#define BPFCOPY_HIST_RUN_H

#include "heatmap_file.h"
#include "hist_view.h"
#include "options.h"

/**
 * struct hist_run - from hist_run_begin() to hist_run_finish()
 * @opts: the command line
 * @read: reads what was counted since the beginning
 * @source: its first argument
 * @events: what can be lost
 * @by: enum hist_by, what is shown
 * @in_place: the screen is rewritten with each block
 * @begun: hist_run_begin() was called
 * @shown: all that was counted could be read and printed
 * @start_ns: when counting began
 * @shown_ns: end of the last block
 * @next_ns: of the next one; UINT64_MAX if there is only one
 * @last: what was read for the last block
 * @map: for --heatmap
 * @rows: for programs; NULL for people
 * @parts: the histograms in @rows
 * @bye: the last part of @rows
 */
struct hist_run {
	const struct options *opts;
	int (*read)(void *source, struct hist_set *set);
	void *source;
	const char *events;
	unsigned int by;
	bool in_place;
	bool begun;
	bool shown;
	uint64_t start_ns;
	uint64_t shown_ns;
	uint64_t next_ns;
	struct hist_set last;
	struct heatmap_file map;
	struct rows *rows;
	struct hist_rows parts;
	struct rows_part *bye;
};

/**
 * hist_run_begin() - counting has begun
 * @now_ns: when
 * @kernel: whose copies these are
 *
 * Return: 0, or a negative errno if it could not be printed, as below.
 */
int hist_run_begin(struct hist_run *run, uint64_t now_ns, const char *kernel);

/** hist_run_next() - when there is something to do for hist_run_show() */
uint64_t hist_run_next(const struct hist_run *run);

/** hist_run_show() - show what is due at @now_ns, as counted until now */
int hist_run_show(struct hist_run *run, uint64_t now_ns);

/**
 * hist_run_until() - show all that was due before @now_ns, when something is to be counted
 *
 * A time in which nothing was counted is one block, and not many.
 */
int hist_run_until(struct hist_run *run, uint64_t now_ns);

/** hist_run_end() - show the rest, and the totals */
int hist_run_end(struct hist_run *run, uint64_t now_ns);

/**
 * hist_run_finish() - close what is printed, and free everything but the map
 * @err: of the run
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int hist_run_finish(struct hist_run *run, int err);

#endif /* BPFCOPY_HIST_RUN_H */
