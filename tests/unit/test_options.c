// SPDX-License-Identifier: GPL-2.0
/* The option table, and parsers made from it. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "options.h"
#include "tap.h"

/*
 * The table
 */

static void a_name_has_one_meaning(void)
{
	const struct option_def *a, *b;

	for (a = option_table; a->name; a++) {
		for (b = a + 1; b->name; b++) {
			CU_ASSERT_NOT_EQUAL(a->key, b->key);
			CU_ASSERT_STRING_NOT_EQUAL(a->name, b->name);
			CU_ASSERT_NOT_EQUAL(a->offset, b->offset);
		}
	}
}

/* Taken by argp itself. */
static void argp_names_are_free(void)
{
	const struct option_def *d;

	for (d = option_table; d->name; d++) {
		CU_ASSERT_NOT_EQUAL(d->key, '?');
		CU_ASSERT_NOT_EQUAL(d->key, 'V');
		CU_ASSERT_STRING_NOT_EQUAL(d->name, "help");
		CU_ASSERT_STRING_NOT_EQUAL(d->name, "usage");
		CU_ASSERT_STRING_NOT_EQUAL(d->name, "version");
	}
}

static void every_option_is_described(void)
{
	const struct option_def *d;

	for (d = option_table; d->name; d++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(d->help);
		CU_ASSERT_TRUE(strlen(d->help) > 5);
		CU_ASSERT_NOT_EQUAL(d->verbs & V_ALL, 0);
		CU_ASSERT_EQUAL(d->verbs & ~(unsigned int)V_ALL, 0);
		CU_ASSERT_EQUAL(!d->arg, d->kind == OPTION_FLAG);
		CU_ASSERT_TRUE(d->offset < offsetof(struct options, args));
	}
}

static void every_unit_is_in_help(void)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(options_kind_hint(OPTION_SIZE), "KiB"));
	CU_ASSERT_PTR_NOT_NULL(strstr(options_kind_hint(OPTION_TIME), "us"));
	CU_ASSERT_STRING_EQUAL(options_kind_hint(OPTION_FLAG), "");
}

static void words_have_indexes(void)
{
	CU_ASSERT_EQUAL(options_word("table|json|ndjson", "table"), ROWS_TABLE);
	CU_ASSERT_EQUAL(options_word("table|json|ndjson", "json"), ROWS_JSON);
	CU_ASSERT_EQUAL(options_word("table|json|ndjson", "ndjson"),
			ROWS_NDJSON);
	CU_ASSERT_EQUAL(options_word("table|json|ndjson", "js"), -EINVAL);
	CU_ASSERT_EQUAL(options_word("table|json|ndjson", ""), -EINVAL);
	CU_ASSERT_EQUAL(options_word("table|json|ndjson", "json|ndjson"),
			-EINVAL);
}

/*
 * Parsing
 */

static const struct verb load = { .name = "load",
				  .args = "POLICY [KEY=VALUE...]",
				  .min_args = 1,
				  .max_args = 3,
				  .doc = "",
				  .examples = "",
				  .bit = V_LOAD };
static const struct verb trace = { .name = "trace",
				   .doc = "",
				   .examples = "",
				   .bit = V_TRACE };

static struct options opts;

#define PARSE(verb, ...) \
	parse(verb, (char *[]){ (char *)"program", __VA_ARGS__, NULL })

static int parse(const struct verb *verb, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(&opts, 0, sizeof(opts));
	return options_parse(verb, argc, argv, &opts, OPTIONS_RETURN);
}

static void options_and_arguments(void)
{
	CU_ASSERT_EQUAL(PARSE(&load, "threshold", "--dev", "nvme0n1", "a=b",
			      "-o", "json", "--dry-run"),
			0);
	CU_ASSERT_STRING_EQUAL(opts.dev, "nvme0n1");
	CU_ASSERT_EQUAL(opts.output, ROWS_JSON);
	CU_ASSERT_TRUE(opts.dry_run);
	CU_ASSERT_FALSE(opts.all);
	CU_ASSERT_EQUAL_FATAL(opts.nr_args, 2);
	CU_ASSERT_STRING_EQUAL(opts.args[0], "threshold");
	CU_ASSERT_STRING_EQUAL(opts.args[1], "a=b");
}

static void every_kind_of_value(void)
{
	CU_ASSERT_EQUAL(PARSE(&trace, "--min-latency=500us", "--min-size",
			      "64KiB", "-n5", "-t", "2s", "--path=emulate",
			      "--errors"),
			0);
	CU_ASSERT_EQUAL(opts.min_latency_ns, 500000);
	CU_ASSERT_EQUAL(opts.min_bytes, 65536);
	CU_ASSERT_EQUAL(opts.count, 5);
	CU_ASSERT_EQUAL(opts.duration_ns, 2000000000);
	CU_ASSERT_EQUAL(opts.path, 2); /* BLK_COPY_PATH_EMULATE */
	CU_ASSERT_TRUE(opts.errors);
}

static void bad_values(void)
{
	CU_ASSERT_EQUAL(PARSE(&trace, "--min-size=64"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--duration=64"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--count=0"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--count=-1"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--count=1x"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--path=fast"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--output=xml"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--count"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "--errors=yes"), -EINVAL);
}

static void options_of_other_verbs(void)
{
	CU_ASSERT_EQUAL(PARSE(&trace, "--dry-run"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&load, "x", "--tokens"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&load, "x", "--nonsense"), -EINVAL);
}

static void number_of_arguments(void)
{
	CU_ASSERT_EQUAL(PARSE(&load, "-a"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&load, "a", "b", "c"), 0);
	CU_ASSERT_EQUAL(PARSE(&load, "a", "b", "c", "d"), -EINVAL);
	CU_ASSERT_EQUAL(PARSE(&trace, "a"), -EINVAL);
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("options", NULL, NULL);
	CU_ADD_TEST(suite, a_name_has_one_meaning);
	CU_ADD_TEST(suite, argp_names_are_free);
	CU_ADD_TEST(suite, every_option_is_described);
	CU_ADD_TEST(suite, every_unit_is_in_help);
	CU_ADD_TEST(suite, words_have_indexes);
	CU_ADD_TEST(suite, options_and_arguments);
	CU_ADD_TEST(suite, every_kind_of_value);
	CU_ADD_TEST(suite, bad_values);
	CU_ADD_TEST(suite, options_of_other_verbs);
	CU_ADD_TEST(suite, number_of_arguments);
	return tap_run();
}
