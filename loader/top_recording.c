// SPDX-License-Identifier: GPL-2.0
#include "top_recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "hist_tally.h"
#include "recording.h"
#include "top.h"

/**
 * struct top_recording - a recording, as far as it was read
 * @opts: the command line
 * @rec: where from
 * @tally: copies so far
 * @row: the next one; NULL at the end
 * @interval_ns: from frame to frame
 * @start_ns: when it begins
 * @now_ns: end of the last frame
 * @has_tokens: steps of tokens are in it
 * @tokens: made since @start_ns, and not freed
 */
struct top_recording {
	const struct options *opts;
	struct recording *rec;
	struct hist_tally *tally;
	const struct recording_row *row;
	uint64_t interval_ns;
	uint64_t start_ns;
	uint64_t now_ns;
	bool has_tokens;
	uint64_t tokens;
};

/* The first row is a hello, or there is none. */
static void read_hello(struct top_recording *r)
{
	r->row = recording_next(r->rec);
	if (!r->row)
		return;
	r->start_ns = r->now_ns = r->row->hello.ts_ns;
	r->has_tokens = r->row->hello.tokens;
	r->row = recording_next(r->rec);
}

int top_recording_open(const struct options *opts, uint64_t interval_ns,
		       struct top_recording **out)
{
	struct top_recording *r = calloc(1, sizeof(*r));
	int status = EXIT_OK;

	if (r)
		r->tally = hist_tally_new(TOP_BY);
	if (!r || !r->tally)
		status = exit_error(IN_GENERAL, -ENOMEM, "top");
	if (status == EXIT_OK)
		status = recording_open(opts->replay, &r->rec);
	if (status != EXIT_OK) {
		if (r)
			hist_tally_free(r->tally);
		free(r);
		return status;
	}
	r->opts = opts;
	r->interval_ns = interval_ns;
	read_hello(r);
	*out = r;
	return EXIT_OK;
}

uint64_t top_recording_start(const struct top_recording *r)
{
	return r->start_ns;
}

/* Those that were there before are left out, as in bpf/token_count.bpf.c. */
static void count_token(struct top_recording *r, const struct trace_token *row)
{
	bool known = row->age_ns <= row->ts_ns - r->start_ns;

	if (!strcmp(row->step, "alloc"))
		r->tokens++;
	else if (!strcmp(row->step, "free") && known && r->tokens)
		r->tokens--;
}

static int take(struct top_recording *r)
{
	const struct recording_row *row = r->row;

	switch (row->kind) {
	case RECORDING_COPY:
		return recording_passes(r->opts, &row->copy) ?
			       hist_tally_add(r->tally, &row->copy) :
			       0;
	case RECORDING_TOKEN:
		count_token(r, &row->token);
		return 0;
	case RECORDING_LOST:
		hist_tally_lose(r->tally, row->lost.lost);
		return 0;
	default:
		return 0;
	}
}

/* Until something happens at @end_ns or later. */
static int take_until(struct top_recording *r, uint64_t end_ns, bool *any)
{
	int err = 0;

	while (!err && r->row && recording_ts(r->row) < end_ns) {
		*any |= r->row->kind != RECORDING_BYE;
		err = take(r);
		r->row = recording_next(r->rec);
	}
	return err;
}

int top_recording_read(struct top_recording *r, struct hist_set *set,
		       struct top_moment *moment)
{
	uint64_t end_ns = r->now_ns + r->interval_ns;
	bool any = false;
	int err = take_until(r, end_ns, &any);

	if (err)
		return err;
	if (!any && !r->row)
		return -ENODATA;
	if (!any)
		end_ns += (recording_ts(r->row) - end_ns) / r->interval_ns *
			  r->interval_ns;
	err = hist_tally_read(r->tally, set);
	if (err)
		return err;
	r->now_ns = end_ns;
	*moment = (struct top_moment){
		.at_ns = end_ns,
		.ts_ns = end_ns,
		.tokens = r->has_tokens ? r->tokens : ROWS_NONE,
		.lost = set->lost,
	};
	return 0;
}

int top_recording_close(struct top_recording *r, bool tell)
{
	/* Who did not come to the end did not want to. */
	int status = tell ? recording_end(r->rec, r->row != NULL) : EXIT_OK;

	recording_close(r->rec);
	hist_tally_free(r->tally);
	free(r);
	return status;
}
