// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy status: what is attached, and what it decided so far.
 */
#include <stdlib.h>

#include "exit.h"
#include "kernel.h"
#include "policy.h"
#include "rows.h"
#include "target.h"
#include "verbs.h"

struct feature_row {
	const char *name;
	const char *present;
	const char *wanted_for;
	const char *detail;
};

static const struct row_col feature_cols[] = {
	ROW_COL(struct feature_row, name, "feature", "FEATURE", ROW_TEXT, 0),
	ROW_COL(struct feature_row, present, "present", "PRESENT", ROW_TEXT, 0),
	ROW_COL(struct feature_row, wanted_for, "wanted_for", "FOR", ROW_TEXT,
		0),
	ROW_COL(struct feature_row, detail, "detail", NULL, ROW_TEXT, 0),
	{},
};

struct policy_row {
	const char *device;
	const char *name;
	uint64_t link_id;
	uint64_t map_id;
	uint64_t prog_id;
	const char *pin;
	uint64_t decisions;
};

static const struct row_col policy_cols[] = {
	ROW_COL(struct policy_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct policy_row, name, "policy", "POLICY", ROW_TEXT, 0),
	ROW_COL(struct policy_row, link_id, "link_id", "LINK", ROW_NUM, 0),
	ROW_COL(struct policy_row, map_id, "map_id", "MAP", ROW_NUM, 0),
	ROW_COL(struct policy_row, prog_id, "prog_id", "PROG", ROW_NUM, 0),
	ROW_COL(struct policy_row, decisions, "decisions", "DECISIONS", ROW_NUM,
		0),
	ROW_COL(struct policy_row, pin, "pin", "PIN", ROW_TEXT, 0),
	{},
};

struct decision_row {
	const char *device;
	const char *reason;
	const char *path;
	uint64_t count;
	uint64_t bytes;
};

static const struct row_col decision_cols[] = {
	ROW_COL(struct decision_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct decision_row, reason, "reason", "REASON", ROW_TEXT, 0),
	ROW_COL(struct decision_row, path, "path", "PATH", ROW_TEXT, 0),
	ROW_COL(struct decision_row, count, "decisions", "DECISIONS", ROW_NUM,
		0),
	ROW_COL(struct decision_row, bytes, "bytes", "BYTES", ROW_SIZE, 0),
	{},
};

static const struct row_desc feature_desc = { "feature", "features",
					      feature_cols, false };
static const struct row_desc policy_desc = { "policy", "policies", policy_cols,
					     false };
static const struct row_desc decision_desc = { "decision", "decisions",
					       decision_cols, false };

static void add_features(struct rows_part *part,
			 const struct kernel_check *checks)
{
	static const char *const words[] = { "no", "yes", "unknown" };

	for (int i = 0; i < KERNEL_NR_FEATURES; i++) {
		struct feature_row row = { checks[i].name,
					   words[checks[i].answer],
					   checks[i].wanted_for,
					   checks[i].detail };

		rows_add(part, &row);
	}
}

static void add_policy(struct rows_part *part, const struct policy_info *info)
{
	struct target target;
	struct policy_row row = {
		.device = target.name,
		.name = info->name,
		.link_id = info->link_id,
		.map_id = info->map_id,
		.prog_id = info->prog_id,
		.pin = info->pin,
		.decisions = info->nr_counters ? 0 : ROWS_NONE,
	};

	target_of_number(info->dev, &target);
	for (size_t i = 0; i < info->nr_counters; i++)
		row.decisions += info->counters[i].count;
	rows_add(part, &row);
}

static void add_decisions(struct rows_part *part,
			  const struct policy_info *info)
{
	struct target target;

	target_of_number(info->dev, &target);
	for (size_t i = 0; i < info->nr_counters; i++) {
		const struct policy_counter *c = &info->counters[i];
		struct decision_row row = { target.name, c->reason, c->path,
					    c->count, c->bytes };

		rows_add(part, &row);
	}
}

static int add_policies(struct rows *rows)
{
	struct rows_part *policies = rows_part(rows, &policy_desc);
	struct rows_part *decisions = rows_part(rows, &decision_desc);
	struct policy_error error = {};
	struct policy_info *list;
	size_t nr;
	int err;

	err = policy_list(&list, &nr, &error);
	if (err)
		return exit_because(IN_POLICY, err, "cannot list policies",
				    error.text);
	for (size_t i = 0; i < nr; i++)
		add_policy(policies, &list[i]);
	for (size_t i = 0; i < nr; i++)
		add_decisions(decisions, &list[i]);
	free(list);
	if (!nr)
		exit_message(EXIT_OK, "no policy is attached");
	return EXIT_OK;
}

static int status(const struct options *opts)
{
	struct kernel_check checks[KERNEL_NR_FEATURES];
	struct rows *rows = rows_open(stdout, opts->output, "status", false);
	struct rows_part *features = rows_part(rows, &feature_desc);
	int result, err;

	kernel_probe(checks);
	result = kernel_report(checks, KERNEL_ALL);
	/* People are told what is missing, programs what there is. */
	if (result != EXIT_OK || opts->output != ROWS_TABLE)
		add_features(features, checks);
	if (result == EXIT_OK)
		result = add_policies(rows);
	err = rows_close(rows);
	return exit_output(err, result);
}

const struct verb verb_status = {
	.name = "status",
	.summary =
		"what is attached and what it decided; what the kernel lacks",
	.doc = "List the attached policies, and for each reason how often and "
	       "for how many bytes it decided so. A decision is about one "
	       "part (chunk) of a copy. On a kernel that cannot do all this, "
	       "tell what it lacks and exit with 6.",
	.examples = "  bpfcopy status\n"
		    "  bpfcopy status -o json | jq '.decisions[]'\n",
	.bit = V_STATUS,
	.run = status,
};
