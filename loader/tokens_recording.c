// SPDX-License-Identifier: GPL-2.0
/*
 * Tokens as bpf/tokens.bpf.c keeps them.  Unlike there, the holder is known when the copy
 * is over, for a recording tells of copies when they end.
 */
#include "tokens_recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "latency.h"
#include "recording.h"

/**
 * struct recorded - a token that is alive
 * @token: as in the kernel; times are since the epoch
 * @names: of its devices and its holder, such as are known
 */
struct recorded {
	struct token token;
	struct tokens_names names;
};

/**
 * struct tokens_recording - what was read
 * @rec: where from
 * @stopped: it was not read to its end
 * @start_ns: when it begins
 * @now_ns: the last that was read
 * @totals: counted since the beginning
 * @lifetimes: of those that were freed
 * @alive: the others, in the order of their allocation
 * @nr: how many
 * @room: for so many
 */
struct tokens_recording {
	struct recording *rec;
	bool stopped;
	uint64_t start_ns;
	uint64_t now_ns;
	struct tokens_totals totals;
	struct latency_hist lifetimes;
	struct recorded *alive;
	size_t nr;
	size_t room;
};

/* Who was made last is asked for most. */
static struct recorded *find(struct tokens_recording *r, uint64_t id)
{
	for (size_t i = r->nr; i; i--)
		if (r->alive[i - 1].token.id == id)
			return &r->alive[i - 1];
	return NULL;
}

static struct recorded *add(struct tokens_recording *r,
			    const struct trace_token *row)
{
	uint64_t age = row->age_ns == ROWS_NONE ? 0 : row->age_ns;
	struct recorded *more;

	if (r->nr == r->room) {
		size_t room = r->room ? 2 * r->room : 64;

		more = reallocarray(r->alive, room, sizeof(*more));
		if (!more)
			return NULL;
		r->alive = more;
		r->room = room;
	}
	more = &r->alive[r->nr++];
	*more = (struct recorded){
		.token.id = row->token_id,
		.token.kept = { .copy_id = row->copy_id,
				.alloc_ns = row->ts_ns - age,
				.holder.origin = TOKENS_NO_ORIGIN },
	};
	return more;
}

static void drop(struct tokens_recording *r, struct recorded *old)
{
	size_t behind = (size_t)(r->alive + r->nr - (old + 1));

	memmove(old, old + 1, behind * sizeof(*old));
	r->nr--;
}

static void set_name(char name[DEVICE_NAME_MAX], const char *text)
{
	snprintf(name, DEVICE_NAME_MAX, "%s", text ?: "");
}

/*
 * Steps
 */

static bool is(const struct trace_token *row, const char *step)
{
	return !strcmp(row->step, step);
}

static uint64_t known(uint64_t value)
{
	return value == ROWS_NONE ? 0 : value;
}

/* Parts are filled one after the other. */
static void fill(struct recorded *t, const struct trace_token *row)
{
	struct token_alive *kept = &t->token.kept;
	uint64_t bytes = known(row->bytes), offset = known(row->offset);

	if (row->error)
		return;
	if (!kept->extents || strcmp(t->names.disk, row->device ?: "") ||
	    kept->end_sector != row->sector || kept->end_offset != offset)
		kept->extents++;
	kept->end_sector = row->sector + (bytes >> 9);
	kept->end_offset = (uint32_t)(offset + bytes);
	kept->filled += bytes;
}

static void step(struct recorded *t, const struct trace_token *row)
{
	struct token_alive *kept = &t->token.kept;
	uint64_t bytes = known(row->bytes);

	if (is(row, "fill"))
		fill(t, row);
	else if (is(row, "consume"))
		kept->consumed += bytes;
	else if (is(row, "reject"))
		kept->rejects++;
	else if (is(row, "complete") && row->error)
		kept->failed += bytes;
	else if (is(row, "complete"))
		kept->done += bytes;
	set_name(t->names.disk, row->device);
}

static void on_free(struct tokens_recording *r, const struct trace_token *row)
{
	struct recorded *t = find(r, row->token_id);

	r->totals.freed++;
	r->lifetimes.slots[latency_slot(known(row->age_ns))]++;
	if (t)
		drop(r, t);
}

static int on_token(struct tokens_recording *r, const struct trace_token *row)
{
	struct recorded *t;

	if (is(row, "free")) {
		on_free(r, row);
		return 0;
	}
	if (is(row, "alloc")) {
		r->totals.created++;
		t = add(r, row);
		if (t)
			t->token.kept.bytes = known(row->bytes);
		return t ? 0 : -ENOMEM;
	}
	/* It tells of no age, and one of whom it is the first step has others. */
	if (is(row, "dispatch"))
		return 0;
	t = find(r, row->token_id);
	if (!t) {
		r->totals.found++;
		t = add(r, row);
	}
	if (!t)
		return -ENOMEM;
	step(t, row);
	return 0;
}

/* What it has left is leaked. */
static void on_copy(struct tokens_recording *r, const struct trace_copy *row)
{
	for (size_t i = 0; i < r->nr; i++) {
		struct recorded *t = &r->alive[i];

		if (t->token.kept.copy_id != row->copy_id)
			continue;
		t->token.state = TOKEN_STATE_LEAKED;
		set_name(t->names.device, row->device);
		set_name(t->names.src_device, row->src_device);
		snprintf(t->names.origin, sizeof(t->names.origin), "%s",
			 row->origin ?: "");
		t->token.kept.holder.pid = (uint32_t)known(row->pid);
		strncpy(t->token.kept.holder.comm, row->comm ?: "",
			TOKENS_COMM_LEN);
	}
}

static int on_row(struct tokens_recording *r, const struct recording_row *row)
{
	if (recording_ts(row) > r->now_ns)
		r->now_ns = recording_ts(row);
	if (row->kind == RECORDING_TOKEN)
		return on_token(r, &row->token);
	if (row->kind == RECORDING_COPY)
		on_copy(r, &row->copy);
	if (row->kind == RECORDING_LOST)
		r->totals.lost += row->lost.lost;
	return 0;
}

/*
 * All of it
 */

static int read_all(struct tokens_recording *r, const char *name,
		    const volatile sig_atomic_t *stop)
{
	const struct recording_row *row = recording_next(r->rec);
	int err = 0;

	if (!row)
		return recording_end(r->rec, *stop);
	r->start_ns = row->hello.ts_ns;
	if (!row->hello.tokens)
		return exit_message(EXIT_FAILED,
				    "%s: no tokens are in it: it was recorded "
				    "without --tokens",
				    name);
	while (!err && row && !*stop) {
		err = on_row(r, row);
		row = recording_next(r->rec);
	}
	r->stopped = row != NULL;
	return err ? exit_error(IN_GENERAL, err, "tokens") : EXIT_OK;
}

int tokens_recording_read(const char *name, const volatile sig_atomic_t *stop,
			  struct tokens_recording **out)
{
	struct tokens_recording *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return exit_error(IN_GENERAL, -ENOMEM, "tokens");
	status = recording_open(name, &r->rec);
	if (status == EXIT_OK)
		status = read_all(r, name, stop);
	if (status == EXIT_OK)
		*out = r;
	else
		tokens_recording_close(r, false);
	return status;
}

uint64_t tokens_recording_start(const struct tokens_recording *r)
{
	return r->start_ns;
}

int tokens_recording_add(struct tokens_recording *r, struct rows_part *part,
			 uint64_t min_age_ns, size_t *nr)
{
	int err = 0;

	*nr = 0;
	for (size_t i = 0; !err && i < r->nr; i++) {
		struct token *token = &r->alive[i].token;

		token->age_ns = r->now_ns - token->kept.alloc_ns;
		if (token->state != TOKEN_STATE_LEAKED &&
		    token->age_ns < min_age_ns)
			continue;
		if (token->state != TOKEN_STATE_LEAKED)
			token->state = tokens_progress(&token->kept);
		err = tokens_add_named(part, r->now_ns, token,
				       &r->alive[i].names, NULL);
		++*nr;
	}
	return err;
}

const struct latency_hist *
tokens_recording_sum(const struct tokens_recording *r, struct tokens_sum *sum)
{
	*sum = (struct tokens_sum){ .ts_ns = r->now_ns,
				    .totals = r->totals,
				    .leaks = ROWS_NONE };
	tokens_percentiles(&r->lifetimes, sum);
	return &r->lifetimes;
}

int tokens_recording_close(struct tokens_recording *r, bool tell)
{
	int status = tell ? recording_end(r->rec, r->stopped) : EXIT_OK;

	recording_close(r->rec);
	free(r->alive);
	free(r);
	return status;
}
