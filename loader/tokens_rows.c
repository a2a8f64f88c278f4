// SPDX-License-Identifier: GPL-2.0
#include "tokens_rows.h"

#include <stdio.h>
#include <string.h>

#include "device.h"
#include "latency.h"
#include "tracer.h"
#include "words.h"

/* By enum token_state. */
static const char *const states[] = { "allocated", "filled", "consumed",
				      "rejected",  "failed", "done",
				      "leaked" };

struct token_row {
	uint64_t ts_ns;
	uint64_t id;
	uint64_t age_ns;
	const char *state;
	uint64_t bytes;
	uint64_t extents;
	char device[DEVICE_NAME_MAX];
	const char *origin;
	uint64_t pid;
	char comm[TOKENS_COMM_LEN + 1];
	uint64_t copy_id;
	char src_device[DEVICE_NAME_MAX];
	char disk[DEVICE_NAME_MAX];
	uint64_t filled;
	uint64_t consumed;
	uint64_t done;
	uint64_t failed;
	uint64_t rejects;
	char **stack;
};

static const struct row_col token_cols[] = {
	ROW_COL(struct token_row, id, "token_id", "TOKEN", ROW_NUM, 7),
	ROW_COL(struct token_row, age_ns, "age_ns", "AGE", ROW_TIME, 7),
	ROW_COL(struct token_row, state, "state", "STATE", ROW_TEXT, 9),
	ROW_COL(struct token_row, bytes, "bytes", "LEN", ROW_SIZE, 7),
	ROW_COL(struct token_row, extents, "extents", "EXT", ROW_NUM, 3),
	ROW_COL(struct token_row, device, "device", "DEVICE", ROW_CHARS, 10),
	ROW_COL(struct token_row, origin, "origin", "ORIGIN", ROW_TEXT, 8),
	ROW_COL(struct token_row, pid, "pid", "PID", ROW_NUM, 6),
	ROW_COL(struct token_row, comm, "comm", "COMM", ROW_CHARS, 15),
	ROW_COL(struct token_row, copy_id, "copy_id", NULL, ROW_NUM, 0),
	ROW_COL(struct token_row, src_device, "src_device", NULL, ROW_CHARS, 0),
	ROW_COL(struct token_row, disk, "disk", NULL, ROW_CHARS, 0),
	ROW_COL(struct token_row, filled, "filled_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct token_row, consumed, "consumed_bytes", NULL, ROW_SIZE,
		0),
	ROW_COL(struct token_row, done, "done_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct token_row, failed, "failed_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct token_row, rejects, "rejects", NULL, ROW_NUM, 0),
	ROW_COL(struct token_row, stack, "stack", NULL, ROW_LIST, 0),
	ROW_COL(struct token_row, ts_ns, "ts_ns", NULL, ROW_CLOCK, 0),
	{},
};

/* Tokens that were freed, by how long they lived. */
struct lifetime_row {
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t tokens;
};

static const struct row_col lifetime_cols[] = {
	ROW_COL(struct lifetime_row, from_ns, "from_ns", "LIVED", ROW_TIME, 7),
	ROW_COL(struct lifetime_row, to_ns, "to_ns", "TO", ROW_TIME, 7),
	ROW_COL(struct lifetime_row, tokens, "tokens", "TOKENS", ROW_NUM, 9),
	{},
};

static const struct row_col sum_cols[] = {
	ROW_COL(struct tokens_sum, ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	ROW_COL(struct tokens_sum, alive, "alive", "ALIVE", ROW_NUM, 0),
	ROW_COL(struct tokens_sum, totals.created, "created", "CREATED",
		ROW_NUM, 0),
	ROW_COL(struct tokens_sum, totals.freed, "freed", "FREED", ROW_NUM, 0),
	ROW_COL(struct tokens_sum, totals.found, "found", "FOUND", ROW_NUM, 0),
	ROW_COL(struct tokens_sum, leaks, "leaks", "LEAKS", ROW_NUM, 0),
	ROW_COL(struct tokens_sum, totals.lost, "lost", "LOST", ROW_NUM, 0),
	ROW_COL(struct tokens_sum, p50_ns, "p50_ns", "P50", ROW_TIME, 0),
	ROW_COL(struct tokens_sum, p99_ns, "p99_ns", "P99", ROW_TIME, 0),
	{},
};

const struct row_desc tokens_token_desc = { "token", "tokens", token_cols,
					    false };
const struct row_desc tokens_hello_desc = { "hello", NULL, sum_cols, false };
const struct row_desc tokens_frame_desc = { "frame", NULL, sum_cols, false };
const struct row_desc tokens_lifetime_desc = { "lifetime", "lifetimes",
					       lifetime_cols, false };
const struct row_desc tokens_bye_desc = { "bye", NULL, sum_cols, false };

static uint64_t known(uint64_t value, bool is)
{
	return is ? value : ROWS_NONE;
}

int tokens_add_named(struct rows_part *part, uint64_t ts_ns,
		     const struct token *token,
		     const struct tokens_names *names, char **stack)
{
	const struct token_alive *kept = &token->kept;
	const struct token_holder *holder = &kept->holder;
	struct token_row row = {
		.ts_ns = ts_ns,
		.id = token->id,
		.age_ns = token->age_ns,
		.state = word_of(states, sizeof(states) / sizeof(*states),
				 token->state),
		.bytes = known(kept->bytes, kept->bytes),
		.extents = kept->extents,
		.origin = names->origin,
		.pid = known(holder->pid, *holder->comm),
		.copy_id = kept->copy_id,
		.filled = kept->filled,
		.consumed = kept->consumed,
		.done = kept->done,
		.failed = kept->failed,
		.rejects = kept->rejects,
		.stack = stack,
	};

	strcpy(row.device, names->device);
	strcpy(row.src_device, names->src_device);
	strcpy(row.disk, names->disk);
	snprintf(row.comm, sizeof(row.comm), "%.*s", TOKENS_COMM_LEN,
		 holder->comm);
	return rows_add(part, &row);
}

int tokens_add_token(struct rows_part *part, const struct token *token,
		     char **stack)
{
	const struct token_holder *holder = &token->kept.holder;
	struct tokens_names names = {};

	if (holder->origin != TOKENS_NO_ORIGIN) {
		snprintf(names.origin, sizeof(names.origin), "%s",
			 word_of_origin(holder->origin));
		device_name(holder->dst_dev, names.device);
		device_name(holder->src_dev, names.src_device);
	}
	if (token->kept.disk)
		device_name(token->kept.disk, names.disk);
	return tokens_add_named(part, tracer_clock_ns(), token, &names, stack);
}

/* Powers of two, from the first to the last that has any. */
int tokens_add_lifetimes(struct rows_part *part,
			 const struct latency_hist *hist)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < LATENCY_SLOTS; i += LATENCY_SUB) {
		struct lifetime_row row = { .from_ns = latency_slot_low(i) };

		row.to_ns = i + LATENCY_SUB < LATENCY_SLOTS ?
				    latency_slot_low(i + LATENCY_SUB) :
				    ROWS_NONE;
		for (uint32_t j = i; j < i + LATENCY_SUB; j++)
			row.tokens += hist->slots[j];
		if (row.tokens)
			err = rows_add(part, &row);
	}
	return err;
}

void tokens_percentiles(const struct latency_hist *hist, struct tokens_sum *out)
{
	out->p50_ns = latency_percentile(hist, 50);
	out->p99_ns = latency_percentile(hist, 99);
}

int tokens_sum(struct tokens_view *view, uint64_t alive, uint64_t leaks,
	       struct tokens_sum *out, struct latency_hist *lifetimes)
{
	struct latency_hist hist;
	int err;

	*out = (struct tokens_sum){ .ts_ns = tracer_clock_ns(),
				    .alive = alive,
				    .leaks = leaks };
	err = tokens_totals(view, &out->totals);
	if (!err)
		err = tokens_lifetimes(view, &hist);
	if (err)
		return err;
	tokens_percentiles(&hist, out);
	if (lifetimes)
		*lifetimes = hist;
	return 0;
}
