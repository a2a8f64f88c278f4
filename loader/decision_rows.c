// SPDX-License-Identifier: GPL-2.0
#include "decision_rows.h"

#include "target.h"

struct decision_row {
	const char *device;
	const char *policy;
	const char *mode;
	const char *reason;
	const char *path;
	uint64_t count;
	uint64_t bytes;
};

static const struct row_col cols[] = {
	ROW_COL(struct decision_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct decision_row, reason, "reason", "REASON", ROW_TEXT, 0),
	ROW_COL(struct decision_row, path, "path", "PATH", ROW_TEXT, 0),
	ROW_COL(struct decision_row, count, "decisions", "DECISIONS", ROW_NUM,
		0),
	ROW_COL(struct decision_row, bytes, "bytes", "BYTES", ROW_SIZE, 0),
	ROW_COL(struct decision_row, policy, "policy", NULL, ROW_TEXT, 0),
	ROW_COL(struct decision_row, mode, "mode", NULL, ROW_TEXT, 0),
	{},
};

static const struct row_desc desc = { "decision", "decisions", cols, false };

struct rows_part *decision_rows_part(struct rows *rows)
{
	return rows_part(rows, &desc);
}

void decision_rows_add(struct rows_part *part, const struct policy_info *policy,
		       bool all)
{
	struct target target;

	target_of_number(policy->dev, &target);
	for (size_t i = 0; i < policy->nr_counters; i++) {
		const struct policy_counter *c = &policy->counters[i];
		struct decision_row row = {
			.device = target.name,
			.policy = policy->name,
			.mode = policy->observe ? "observe" : "enforce",
			.reason = c->reason,
			.path = c->path,
			.count = c->count,
			.bytes = c->bytes,
		};

		if (all || c->count)
			rows_add(part, &row);
	}
}
