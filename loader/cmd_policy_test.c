// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy policy test: what a policy says about a chunk, without attaching it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "kernel.h"
#include "params.h"
#include "policy.h"
#include "rows.h"
#include "units.h"
#include "verbs.h"

/* The most that the kernel makes a chunk of. */
#define CHUNK_MAX (16ULL << 20)
/* A policy that learns wants a disk: one that there is not. */
#define NO_DISK	  0xfff00000U

#define ORIGINS "kernel|ioctl|io_uring|copy_file_range|kcopyd|nvmet"

/* What can be said of a chunk, and what it is if it is not said. */
static const struct key {
	const char *name;
	enum option_kind kind;
	const char *words;
	size_t offset;
	uint64_t fallback;
} keys[] = {
#define KEY(name, kind, words, member, fallback)                         \
	{                                                                \
		name, kind, words, offsetof(struct policy_case, member), \
			fallback                                         \
	}
	KEY("bytes", OPTION_SIZE, NULL, bytes, 64 << 10),
	KEY("chunk", OPTION_SIZE, NULL, chunk_bytes, 0),
	KEY("src", OPTION_SIZE, NULL, src_bytes, 0),
	KEY("dst", OPTION_SIZE, NULL, dst_bytes, 1 << 30),
	KEY("ranges", OPTION_NUMBER, NULL, ranges, 1),
	KEY("origin", OPTION_WORD, ORIGINS, origin, 1),
	KEY("can_offload", OPTION_WORD, "yes|no", cannot_offload, 0),
	KEY("inflight", OPTION_NUMBER, NULL, inflight, 0),
	KEY("max_bytes", OPTION_SIZE, NULL, max_bytes, 1 << 20),
	KEY("max_range_bytes", OPTION_SIZE, NULL, max_range_bytes, 1 << 20),
	KEY("max_ranges", OPTION_NUMBER, NULL, max_ranges, 128),
	KEY("cgroup", OPTION_NUMBER, NULL, cgroup, 1),
#undef KEY
};

#define NR_KEYS (sizeof(keys) / sizeof(*keys))

struct row {
	const char *what;
	const char *verdict;
	const char *reason;
	uint64_t chunk_bytes;
	uint64_t max_depth;
};

static const struct row_col cols[] = {
	ROW_COL(struct row, what, "case", "CASE", ROW_TEXT, 0),
	ROW_COL(struct row, verdict, "verdict", "VERDICT", ROW_TEXT, 0),
	ROW_COL(struct row, reason, "reason", "REASON", ROW_TEXT, 0),
	ROW_COL(struct row, chunk_bytes, "chunk_bytes", "CHUNK", ROW_SIZE, 0),
	ROW_COL(struct row, max_depth, "max_depth", "DEPTH", ROW_NUM, 0),
	{},
};

static const struct row_desc desc = { "answer", "answers", cols, false };

/*
 * Cases
 */

static uint64_t *value_of(struct policy_case *c, const struct key *key)
{
	return (uint64_t *)((char *)c + key->offset);
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < NR_KEYS; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int fail_key(const char *name)
{
	char list[512] = "";

	for (size_t i = 0; i < NR_KEYS; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s%s", i ? ", " : "", keys[i].name);
	return options_usage(&verb_policy_test,
			     "--case: no key `%s'; there are %s", name, list);
}

static int parse_value(const struct key *key, const char *text, uint64_t *value,
		       const char **why)
{
	char *end;
	int word;

	switch (key->kind) {
	case OPTION_SIZE:
		return units_parse_size(text, value, why);
	case OPTION_WORD:
		*why = key->words;
		word = options_word(key->words, text);
		*value = (uint64_t)word;
		return word < 0 ? word : 0;
	default:
		*why = "want a whole number";
		errno = 0;
		*value = strtoull(text, &end, 10);
		return errno || *end || *text < '0' || *text > '9' ? -EINVAL :
								     0;
	}
}

static int set_key(struct policy_case *c, char *pair)
{
	char *equals = strchr(pair, '=');
	const struct key *key;
	const char *why = "";

	if (!equals)
		return options_usage(&verb_policy_test,
				     "--case: `%s': want KEY=VALUE", pair);
	*equals = '\0';
	key = find_key(pair);
	if (!key)
		return fail_key(pair);
	if (parse_value(key, equals + 1, value_of(c, key), &why))
		return options_usage(&verb_policy_test, "--case: %s=%s: %s%s",
				     pair, equals + 1,
				     key->words ? "want one of " : "", why);
	return EXIT_OK;
}

/* "KEY=VALUE,KEY=VALUE" */
static int parse_case(const char *text, struct policy_case *c)
{
	char *copy = strdup(text), *rest = copy, *pair;
	int status = EXIT_OK;

	if (!copy)
		return exit_error(IN_GENERAL, -ENOMEM, "policy test");
	for (size_t i = 0; i < NR_KEYS; i++)
		*value_of(c, &keys[i]) = keys[i].fallback;
	while (status == EXIT_OK && (pair = strsep(&rest, ",")))
		status = set_key(c, pair);
	if (!c->chunk_bytes)
		c->chunk_bytes = c->bytes < CHUNK_MAX ? c->bytes : CHUNK_MAX;
	free(copy);
	return status;
}

/*
 * Answers
 */

/* As the kernel takes them. */
static const char *verdict_name(int verdict)
{
	static const char *const names[] = { "default", "offload", "emulate" };

	return verdict >= 0 && verdict < 3 ? names[verdict] :
					     "invalid, so default";
}

static int print(const struct options *opts,
		 const struct policy_answer *answers)
{
	struct rows *rows =
		rows_open(stdout, opts->output, "policy_test", false);
	struct rows_part *part = rows_part(rows, &desc);

	for (size_t i = 0; i < opts->nr_cases; i++) {
		const struct policy_answer *answer = &answers[i];
		struct row row = {
			.what = opts->cases[i],
			.verdict = verdict_name(answer->verdict),
			.reason = *answer->reason ? answer->reason : NULL,
			.chunk_bytes = answer->chunk_bytes ?
					       answer->chunk_bytes :
					       ROWS_NONE,
			.max_depth = answer->max_depth ? answer->max_depth :
							 ROWS_NONE,
		};

		rows_add(part, &row);
	}
	return exit_output(rows_close(rows), EXIT_OK);
}

static int ask(const struct options *opts, const struct params *params,
	       const struct policy_case *cases)
{
	const struct policy_spec spec = {
		.policy = opts->args[0],
		.dev = NO_DISK,
		.params = params->list,
		.nr_params = params->nr,
	};
	struct policy_answer answers[OPTIONS_ARGS_MAX];
	struct policy_error error;
	int err = policy_test(&spec, cases, opts->nr_cases, answers, &error);

	if (err)
		return exit_because(IN_POLICY, err, "policy test", error.text);
	return print(opts, answers);
}

static int test(const struct options *opts)
{
	struct policy_case cases[OPTIONS_ARGS_MAX];
	struct params params = {};
	int status = EXIT_OK;

	if (!opts->nr_cases)
		return options_usage(&verb_policy_test,
				     "want --case, as --case=bytes=64KiB");
	for (size_t i = 0; status == EXIT_OK && i < opts->nr_cases; i++)
		status = parse_case(opts->cases[i], &cases[i]);
	if (status == EXIT_OK)
		status = params_parse(&verb_policy_test, opts, &params);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_POLICY);
	if (status == EXIT_OK)
		status = ask(opts, &params, cases);
	params_free(&params);
	return status;
}

const struct verb verb_policy_test = {
	.name = "policy test",
	.args = "POLICY [KEY=VALUE...]",
	.min_args = 1,
	.max_args = OPTIONS_ARGS_MAX,
	.summary = "what a policy says about a copy, without attaching it",
	.doc = "Ask the decide function of POLICY, with these parameters, in the "
	       "kernel, about each --case. Keys of a case: bytes (of the "
	       "copy), chunk (of it, at most 16MiB), src, dst (where), ranges, "
	       "origin, can_offload=yes|no, inflight, max_bytes, "
	       "max_range_bytes, max_ranges (of the device), cgroup. What is "
	       "not said is as in a copy of 64KiB by ioctl that the device can "
	       "do. Cases are asked in order: a policy may learn on the way, "
	       "but it does not hear what became of them.",
	.examples =
		"  bpfcopy policy test threshold --case=bytes=4KiB --case=bytes=1MiB\n"
		"  bpfcopy policy test threshold min_bytes=1MiB --case=bytes=64KiB,origin=nvmet\n",
	.overhead = "None for copies: nothing is attached.",
	.units = "Sizes in a case take a unit, and so do parameters that are "
		 "sizes or times.",
	.bit = V_POLICY_TEST,
	.run = test,
};
