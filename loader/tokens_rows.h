/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of bpfcopy tokens.
 */
#ifndef BPFCOPY_TOKENS_ROWS_H
#define BPFCOPY_TOKENS_ROWS_H

#include "device.h"
#include "rows.h"
#include "tokens.h"

/**
 * struct tokens_sum - a row of sums
 * @ts_ns: when, since the epoch
 * @alive: tokens that are alive
 * @totals: since the beginning
 * @leaks: that were reported, ROWS_NONE if nobody looks for them
 * @p50_ns: median lifetime of those that were freed
 * @p99_ns: 99th percentile
 */
struct tokens_sum {
	uint64_t ts_ns;
	uint64_t alive;
	struct tokens_totals totals;
	uint64_t leaks;
	uint64_t p50_ns;
	uint64_t p99_ns;
};

extern const struct row_desc tokens_hello_desc; /* struct tokens_sum */
extern const struct row_desc tokens_frame_desc; /* struct tokens_sum */
extern const struct row_desc tokens_token_desc;
extern const struct row_desc tokens_lifetime_desc;
extern const struct row_desc tokens_bye_desc; /* struct tokens_sum */

/**
 * tokens_add_token() - add a row of tokens_token_desc
 * @part: for such rows
 * @token: from tokens_alive()
 * @stack: names, ended by NULL; NULL for none
 *
 * Return: as rows_add().
 */
int tokens_add_token(struct rows_part *part, const struct token *token,
		     char **stack);

#define TOKENS_ORIGIN_MAX 16

/**
 * struct tokens_names - what a row has of names; "" for those that are not known
 * @device: destination of the copy
 * @src_device: its source
 * @disk: where the last step was
 * @origin: how the copy was asked for
 */
struct tokens_names {
	char device[DEVICE_NAME_MAX];
	char src_device[DEVICE_NAME_MAX];
	char disk[DEVICE_NAME_MAX];
	char origin[TOKENS_ORIGIN_MAX];
};

/**
 * tokens_add_named() - tokens_add_token(), of which the numbers of devices say nothing
 * @ts_ns: when it was so, since the epoch
 * @names: instead
 */
int tokens_add_named(struct rows_part *part, uint64_t ts_ns,
		     const struct token *token,
		     const struct tokens_names *names, char **stack);

/**
 * tokens_add_lifetimes() - add a row of tokens_lifetime_desc per power of two
 * @part: for such rows
 * @hist: lifetimes
 *
 * Powers that no token had are left out.
 *
 * Return: as rows_add().
 */
int tokens_add_lifetimes(struct rows_part *part,
			 const struct latency_hist *hist);

/** tokens_percentiles() - fill them in */
void tokens_percentiles(const struct latency_hist *hist,
			struct tokens_sum *out);

/**
 * tokens_sum() - fill a row of sums
 * @view: what to sum
 * @alive: tokens that are alive
 * @leaks: as in the row
 * @out: filled
 * @lifetimes: filled, if it is not NULL
 *
 * Return: 0 or a negative errno.
 */
int tokens_sum(struct tokens_view *view, uint64_t alive, uint64_t leaks,
	       struct tokens_sum *out, struct latency_hist *lifetimes);

#endif /* BPFCOPY_TOKENS_ROWS_H */
