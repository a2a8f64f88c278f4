// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy status: what is attached, and what it decided so far.
 */
#include <stdlib.h>
#include <time.h>

#include "decision_rows.h"
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
	const char *mode;
	uint64_t link_id;
	uint64_t map_id;
	uint64_t prog_id;
	const char *pin;
	uint64_t decisions;
};

static const struct row_col policy_cols[] = {
	ROW_COL(struct policy_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct policy_row, name, "policy", "POLICY", ROW_TEXT, 0),
	ROW_COL(struct policy_row, mode, "mode", "MODE", ROW_TEXT, 0),
	ROW_COL(struct policy_row, link_id, "link_id", "LINK", ROW_NUM, 0),
	ROW_COL(struct policy_row, map_id, "map_id", "MAP", ROW_NUM, 0),
	ROW_COL(struct policy_row, prog_id, "prog_id", "PROG", ROW_NUM, 0),
	ROW_COL(struct policy_row, decisions, "decisions", "DECISIONS", ROW_NUM,
		0),
	ROW_COL(struct policy_row, pin, "pin", "PIN", ROW_TEXT, 0),
	{},
};

struct setting_row {
	const char *device;
	const char *key;
	const char *value;
};

static const struct row_col setting_cols[] = {
	ROW_COL(struct setting_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct setting_row, key, "parameter", "PARAMETER", ROW_TEXT, 0),
	ROW_COL(struct setting_row, value, "value", "VALUE", ROW_TEXT, 0),
	{},
};

struct trip_row {
	const char *device;
	uint64_t number;
	uint64_t ago_ns;
	uint64_t reads;
	uint64_t slow;
	uint64_t worst_ns;
	uint64_t target_ns;
	uint64_t from_bytes;
	uint64_t to_bytes;
};

static const struct row_col trip_cols[] = {
	ROW_COL(struct trip_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct trip_row, number, "trip", "TRIP", ROW_NUM, 0),
	ROW_COL(struct trip_row, ago_ns, "ago_ns", "AGO", ROW_TIME, 0),
	ROW_COL(struct trip_row, reads, "reads", "READS", ROW_NUM, 0),
	ROW_COL(struct trip_row, slow, "slow", "SLOW", ROW_NUM, 0),
	ROW_COL(struct trip_row, worst_ns, "worst_ns", "WORST", ROW_TIME, 0),
	ROW_COL(struct trip_row, target_ns, "target_ns", "TARGET", ROW_TIME, 0),
	ROW_COL(struct trip_row, from_bytes, "from_bytes", "CHUNK", ROW_SIZE,
		0),
	ROW_COL(struct trip_row, to_bytes, "to_bytes", "NOW", ROW_SIZE, 0),
	{},
};

static const struct row_desc feature_desc = { "feature", "features",
					      feature_cols, false };
static const struct row_desc policy_desc = { "policy", "policies", policy_cols,
					     false };
static const struct row_desc setting_desc = { "parameter", "parameters",
					      setting_cols, false };
static const struct row_desc trip_desc = { "trip", "trips", trip_cols, false };
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
		.mode = info->observe ? "observe" : "enforce",
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

static void add_settings(struct rows_part *part, const struct policy_info *info)
{
	struct target target;

	target_of_number(info->dev, &target);
	for (size_t i = 0; i < info->nr_settings; i++) {
		const struct policy_setting *s = &info->settings[i];
		struct setting_row row = { target.name, s->key, s->value };

		rows_add(part, &row);
	}
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void add_trips(struct rows_part *part, const struct policy_info *info)
{
	struct target target;

	target_of_number(info->dev, &target);
	for (size_t i = 0; i < info->nr_trips; i++) {
		const struct policy_trip *t = &info->trips[i];
		struct trip_row row = {
			.device = target.name,
			.number = t->number,
			.ago_ns = now_ns() - t->when_ns,
			.reads = t->reads,
			.slow = t->slow,
			.worst_ns = t->worst_ns,
			.target_ns = t->target_ns,
			.from_bytes = t->from_bytes,
			.to_bytes = t->to_bytes,
		};

		rows_add(part, &row);
	}
}

static int add_policies(struct rows *rows, bool all)
{
	struct rows_part *policies = rows_part(rows, &policy_desc);
	struct rows_part *settings = rows_part(rows, &setting_desc);
	struct rows_part *decisions = decision_rows_part(rows);
	struct rows_part *trips = rows_part(rows, &trip_desc);
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
		add_settings(settings, &list[i]);
	for (size_t i = 0; i < nr; i++)
		decision_rows_add(decisions, &list[i], all);
	for (size_t i = 0; i < nr; i++)
		add_trips(trips, &list[i]);
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
		result = add_policies(rows, opts->output != ROWS_TABLE);
	err = rows_close(rows);
	return exit_output(err, result);
}

const struct verb verb_status = {
	.name = "status",
	.summary =
		"what is attached and what it decided; what the kernel lacks",
	.doc = "List the attached policies, their parameters, and for each "
	       "reason how often and for how many bytes it decided so. A "
	       "decision is about one part (chunk) of a copy; of a policy in "
	       "mode observe it is what it would have been. On a kernel that cannot do all this, "
	       "tell what it lacks and exit with 6.",
	.examples = "  bpfcopy status\n"
		    "  bpfcopy status -o json | jq '.decisions[]'\n",
	.overhead = "None worth counting: it reads the counters of the "
		    "policies once.",
	.bit = V_STATUS,
	.run = status,
};
