// SPDX-License-Identifier: GPL-2.0
/* Rules: which devices they match, and who wins. */
#include <time.h>

#include "conf_test.h"
#include "tap.h"

#define ALL "[policy.all]\nmatch_all = yes\n"

static const struct conf_identity disk = {
	.name = "nvme0n1",
	.model = "SAMSUNG PM9A3 1.92TB",
	.serial = "S64FNE0R",
	.transport = "pcie",
	.nguid = "0011-AABB",
	.stack = "none",
	.by_id = (char *[]){ "nvme-eui.0025385b71b0", "nvme-SAMSUNG_S64FNE0R",
			     NULL },
	.block_bytes = 4096,
	.copy_max_hw_bytes = 8 << 20,
};

/*
 * Patterns
 */

static bool matches(const char *line)
{
	char text[8192];
	struct conf *conf;
	struct conf_resolved *out;
	bool found;

	snprintf(text, sizeof(text), "[policy.x]\n%s\npolicy = never\n", line);
	conf = parse_text(text);
	out = resolve(conf, &disk);
	found = out->policy;
	conf_resolved_free(out);
	conf_free(conf);
	return found;
}

static void patterns_that_match(void)
{
	static const char *const lines[] = {
		"match_all = yes",
		"match_name = nvme0n1",
		"match_name = nvme?n[0-9]",
		"match_name = nvme[!1-9]n1",
		"match_model = SAMSUNG PM9A3*",
		"match_model = *pm9a3*",
		"match_model = samsung pm9a3 1.92tb",
		"match_model = WDC*|SAMSUNG*",
		"match_model = WDC* | SAMSUNG* | x",
		"match_nguid = 0011-aabb",
		"match_serial = !S65*",
		"match_serial = ! S65* | S66*",
		"match_by_id = nvme-eui.*",
		"match_by_id = *_S64FNE0R",
		"match_by_id = !scsi-*",
		"match_model = SAMSUNG*\nmatch_transport = pcie",
		"match_subsysnqn = !nqn*",
		"match_stack=none",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!matches(lines[i]))
			CU_FAIL(lines[i]);
	CU_PASS("all");
}

static void patterns_that_do_not(void)
{
	static const char *const lines[] = {
		"match_name = nvme0",
		"match_name = vme0n1",
		"match_name = nvme0n1p*",
		"match_model = PM9A3",
		"match_model = SAMSUNG\\*",
		"match_model = !*PM9A3*",
		"match_model = !WDC*|SAMSUNG*",
		"match_by_id = eui*",
		"match_by_id = !nvme-eui*",
		"match_model = SAMSUNG*\nmatch_transport = tcp",
		"match_subsysnqn = *",
		"match_firmware = *",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (matches(lines[i]))
			CU_FAIL(lines[i]);
	CU_PASS("all");
}

/* Some matchers of globs take time that doubles with every star. */
static void many_stars_take_no_time(void)
{
	char model[128], glob[128] = "[policy.x]\nmatch_model = ";
	struct conf_identity id = { .model = model };
	struct conf_resolved *out;
	clock_t start = clock();
	struct conf *conf;

	memset(model, 'a', sizeof(model) - 1);
	model[sizeof(model) - 1] = '\0';
	for (int i = 0; i < 40; i++)
		strcat(glob, "*a");
	strcat(glob, "*b\nmode=off\n");
	conf = parse_text(glob);
	out = resolve(conf, &id);
	CU_ASSERT_EQUAL(out->nr_settings, 0);
	CU_ASSERT_TRUE(clock() - start < 10 * CLOCKS_PER_SEC);
	conf_resolved_free(out);
	conf_free(conf);
}

/*
 * Limits: VALUES, from the lowest priority up, make BYTES.
 */

struct limit {
	const char *values[4];
	uint64_t bytes;
	const char *clamp;
};

static void limit_is(const struct limit *l)
{
	const struct conf_setting *s;
	struct conf_resolved *out;
	char text[1024] = "";
	struct conf *conf;

	for (int i = 0; i < 4 && l->values[i]; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "[policy.r%d]\nmatch_all = yes\npriority = %d\n"
			 "copy_max_bytes = %s\n",
			 i, i, l->values[i]);
	conf = parse_text(text);
	out = resolve(conf, &disk);
	s = conf_setting_find(out, "copy_max_bytes");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	if (out->copy_max_bytes != l->bytes) {
		printf("# %s: %lld\n", text, (long long)out->copy_max_bytes);
		CU_FAIL("limit");
	}
	CU_ASSERT_EQUAL(s->bytes, l->bytes);
	CU_ASSERT_STRING_EQUAL(s->clamp, l->clamp ? l->clamp : "");
	conf_resolved_free(out);
	conf_free(conf);
}

static void limits(void)
{
	static const struct limit cases[] = {
		{ { "1MiB" }, 1 << 20, NULL },
		{ { "= 1 MiB" }, 1 << 20, NULL },
		{ { "0" }, 0, NULL },
		{ { "0B" }, 0, NULL },
		{ { "" }, CONF_NONE, NULL },
		{ { "50%" }, 4 << 20, NULL },
		{ { "50 %" }, 4 << 20, NULL },
		{ { "100%" }, 8 << 20, NULL },
		{ { "0%" }, 0, NULL },
		{ { "3%" }, 249856, "multiple of 4KiB" },
		{ { "16MiB" }, 8 << 20, "hardware limit 8MiB" },
		{ { "6KiB" }, 4096, "multiple of 4KiB" },
		{ { "1B" }, 4096, "multiple of 4KiB" },
		/* Nothing below them: the hardware limit. */
		{ { "<= 2MiB" }, 2 << 20, NULL },
		{ { "<= 16MiB" }, CONF_NONE, NULL },
		{ { ">= 2MiB" }, CONF_NONE, NULL },
		{ { ">= 16MiB" }, 8 << 20, "hardware limit 8MiB" },
		{ { "<= 25%" }, 2 << 20, NULL },
		{ { "<=25%" }, 2 << 20, NULL },
		/* Bounds of what the rules below say. */
		{ { "1MiB", "<= 2MiB" }, 1 << 20, NULL },
		{ { "4MiB", "<= 2MiB" }, 2 << 20, NULL },
		{ { "1MiB", ">= 2MiB" }, 2 << 20, NULL },
		{ { "4MiB", ">= 2MiB" }, 4 << 20, NULL },
		{ { "4MiB", "<= 2MiB", ">= 3MiB" }, 3 << 20, NULL },
		{ { "4MiB", "<= 2MiB", "1MiB" }, 1 << 20, NULL },
		{ { "<= 2MiB", "4MiB" }, 4 << 20, NULL },
		{ { "1MiB", "" }, CONF_NONE, NULL },
		{ { "1MiB", "", "<= 2MiB" }, 2 << 20, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		limit_is(&cases[i]);
}

static void nothing_to_write_where_nothing_copies(void)
{
	struct conf *conf = parse_text(ALL "copy_max_bytes = 1MiB\n");
	struct conf_identity id = { .name = "sda", .block_bytes = 512 };
	struct conf_resolved *out = resolve(conf, &id);

	CU_ASSERT_EQUAL(out->copy_max_bytes, CONF_NONE);
	CU_ASSERT_STRING_EQUAL(out->settings[0].clamp, "hardware limit 0B");
	conf_resolved_free(out);
	id.copy_max_hw_bytes = CONF_NONE;
	out = resolve(conf, &id);
	CU_ASSERT_EQUAL(out->copy_max_bytes, CONF_NONE);
	CU_ASSERT_STRING_EQUAL(out->settings[0].value, "1MiB");
	conf_resolved_free(out);
	conf_free(conf);
}

/*
 * Who wins
 */

static void said_is(const struct conf_said *said, const char *file,
		    unsigned int line, enum conf_verdict verdict)
{
	CU_ASSERT_STRING_EQUAL(said->file, file);
	CU_ASSERT_EQUAL(said->line, line);
	CU_ASSERT_EQUAL(said->verdict, verdict);
}

static void every_key_by_itself(void)
{
	struct conf *conf = parse_text(ALL
				       "policy = threshold\nmode = observe\n"
				       "[policy.one]\n"
				       "priority = 101\n"
				       "match_serial = S64*\n"
				       "mode = enforce\n"
				       "[policy.no]\n"
				       "match_serial = X*\n"
				       "policy = never\n");
	struct conf_resolved *out = resolve(conf, &disk);

	CU_ASSERT_EQUAL(out->mode, CONF_ENFORCE);
	CU_ASSERT_STRING_EQUAL_FATAL(out->policy, "threshold");
	CU_ASSERT_EQUAL_FATAL(out->nr_settings, 2);
	CU_ASSERT_EQUAL_FATAL(out->settings[0].nr_said, 2);
	said_is(&out->settings[0].said[0], "a.conf", 8, CONF_WON);
	said_is(&out->settings[0].said[1], "a.conf", 4, CONF_PRIORITY);
	CU_ASSERT_EQUAL(out->settings[1].nr_said, 1);
	conf_resolved_free(out);
	conf_free(conf);
}

static void later_wins(void)
{
	struct conf *conf = parse_text(ALL "policy = never\n"
					   "[policy.b]\n"
					   "match_all = yes\n"
					   "policy = always\n");
	struct conf_resolved *out = resolve(conf, &disk);
	const struct conf_setting *s;

	CU_ASSERT_STRING_EQUAL(out->policy, "always");
	said_is(&out->settings[0].said[1], "a.conf", 3, CONF_ORDER);
	CU_ASSERT_FALSE(out->settings[0].tie);
	conf_resolved_free(out);

	/* A later file, at an earlier line, that contradicts. */
	add_text(conf, "b.conf",
		 "[policy.c]\nmatch_all=yes\npolicy=threshold\n");
	out = resolve(conf, &disk);
	s = conf_setting_find(out, "policy");
	CU_ASSERT_STRING_EQUAL(out->policy, "threshold");
	said_is(&s->said[0], "b.conf", 3, CONF_WON);
	said_is(&s->said[1], "a.conf", 6, CONF_ORDER);
	said_is(&s->said[2], "a.conf", 3, CONF_ORDER);
	CU_ASSERT_TRUE(s->tie);
	conf_resolved_free(out);
	conf_free(conf);
}

static void agreement_is_no_tie(void)
{
	struct conf *conf = parse_text(ALL "policy = never\n");
	struct conf_resolved *out;

	add_text(conf, "b.conf", "[policy.b]\nmatch_all=yes\npolicy=never\n");
	out = resolve(conf, &disk);
	CU_ASSERT_FALSE(out->settings[0].tie);
	conf_resolved_free(out);
	conf_free(conf);
}

static void bounds_in_explain(void)
{
	struct conf *conf = parse_text(ALL "copy_max_bytes = 1MiB\n"
					   "[policy.b]\npriority = 200\n"
					   "match_all = yes\n"
					   "copy_max_bytes = <= 2MiB\n"
					   "[policy.c]\npriority = 1\n"
					   "match_all = yes\n"
					   "copy_max_bytes = 50%\n");
	struct conf_resolved *out = resolve(conf, &disk);
	const struct conf_setting *s = &out->settings[0];

	said_is(&s->said[0], "a.conf", 3, CONF_WON);
	said_is(&s->said[1], "a.conf", 7, CONF_BOUND);
	said_is(&s->said[2], "a.conf", 11, CONF_PRIORITY);
	CU_ASSERT_STRING_EQUAL(s->value, "1MiB");
	conf_resolved_free(out);
	conf_free(conf);
}

static void parameters_follow_their_policy(void)
{
	struct conf *conf = parse_text(ALL "policy = threshold\n"
					   "threshold.min_bytes = 64 KiB\n"
					   "threshold.max_bytes = 1GiB\n"
					   "budget.rate_bytes = 1MiB\n"
					   "[policy.b]\npriority = 200\n"
					   "match_all = yes\n"
					   "threshold.max_bytes =\n");
	struct conf_resolved *out = resolve(conf, &disk);
	const struct conf_setting *s;

	CU_ASSERT_EQUAL_FATAL(out->nr_params, 1);
	CU_ASSERT_STRING_EQUAL(out->params[0].key, "min_bytes");
	CU_ASSERT_STRING_EQUAL(out->params[0].value, "64 KiB");
	s = conf_setting_find(out, "budget.rate_bytes");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_PTR_NULL(s->value);
	CU_ASSERT_EQUAL(s->said[0].verdict, CONF_OTHER);
	s = conf_setting_find(out, "threshold.max_bytes");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_PTR_NULL(s->value);
	CU_ASSERT_EQUAL(s->said[0].verdict, CONF_WON);
	conf_resolved_free(out);
	conf_free(conf);
}

static void policies_by_path_have_a_name(void)
{
	struct conf *conf = parse_text(ALL "policy = /opt/policy_my.bpf.o\n"
					   "my.min_bytes = 64KiB\n"
					   "policy_my.min_bytes = 1KiB\n");
	struct conf_resolved *out = resolve(conf, &disk);

	CU_ASSERT_STRING_EQUAL(out->policy, "/opt/policy_my.bpf.o");
	CU_ASSERT_EQUAL_FATAL(out->nr_params, 1);
	CU_ASSERT_STRING_EQUAL(out->params[0].value, "64KiB");
	conf_resolved_free(out);
	conf_free(conf);
}

static void modes(void)
{
	static const char rules[] = "policy = never\nnever.x = 1\n"
				    "copy_max_bytes = 1MiB\n";
	static const struct {
		const char *text;
		enum conf_mode mode;
		bool policy;
		bool limits;
	} cases[] = {
		{ "", CONF_ENFORCE, true, true },
		{ "mode = enforce\n", CONF_ENFORCE, true, true },
		{ "mode =\n", CONF_ENFORCE, true, true },
		{ "mode = observe\n", CONF_OBSERVE, true, false },
		{ "mode = off\n", CONF_OFF, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct conf_resolved *out;
		struct conf *conf;
		char text[256];

		snprintf(text, sizeof(text), ALL "%s%s", rules, cases[i].text);
		conf = parse_text(text);
		out = resolve(conf, &disk);
		CU_ASSERT_EQUAL(out->mode, cases[i].mode);
		CU_ASSERT_EQUAL(!!out->policy, cases[i].policy);
		CU_ASSERT_EQUAL(out->nr_params, cases[i].policy);
		CU_ASSERT_EQUAL(out->copy_max_bytes != CONF_NONE,
				cases[i].limits);
		conf_resolved_free(out);
		conf_free(conf);
	}
}

static void no_rules_nothing(void)
{
	struct conf *conf = parse_text("# nothing\n");
	struct conf_resolved *out = resolve(conf, &disk);

	CU_ASSERT_PTR_NULL(out->policy);
	CU_ASSERT_EQUAL(out->copy_max_bytes, CONF_NONE);
	CU_ASSERT_EQUAL(out->nr_settings, 0);
	conf_resolved_free(out);
	conf_free(conf);
}

static void priorities(void)
{
	static const struct {
		const char *text;
		int err;
		unsigned int value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1000", 0, 1000 },
		{ "007", 0, 7 },
		{ "1001", -EINVAL, 5 },
		{ "-1", -EINVAL, 5 },
		{ "", -EINVAL, 5 },
		{ "5x", -EINVAL, 5 },
		{ "1e2", -EINVAL, 5 },
		{ "99999999999999999999", -EINVAL, 5 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned int value = 5;

		CU_ASSERT_EQUAL(conf_priority(cases[i].text, &value),
				cases[i].err);
		CU_ASSERT_EQUAL(value, cases[i].value);
	}
}

/* Time and memory of the whole way, for a machine with more rules than disks. */
static void thousands_of_rules(void)
{
	size_t size = 1 << 20, len = 0;
	char *text = malloc(size);
	struct conf_resolved *out;
	struct conf *conf;
	clock_t start = clock();

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int i = 0; i < 5000; i++)
		len += (size_t)snprintf(
			text + len, size - len,
			"[policy.r%d]\npriority = %d\nmatch_serial = *F%s\n"
			"policy = threshold\nthreshold.min_bytes = %dKiB\n",
			i, i % 1000, i % 2 ? "N*R" : "X", i + 1);
	conf = parse_text(text);
	CU_ASSERT_EQUAL(conf_rules(conf), 5000);
	out = resolve(conf, &disk);
	CU_ASSERT_EQUAL(out->settings[0].nr_said, 2500);
	CU_ASSERT_EQUAL(out->nr_params, 1);
	/* The highest priority, and of those the last. */
	CU_ASSERT_STRING_EQUAL(out->params[0].value, "5000KiB");
	CU_ASSERT_TRUE(clock() - start < 30 * CLOCKS_PER_SEC);
	conf_resolved_free(out);
	conf_free(conf);
	free(text);
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("conf", NULL, NULL);
	CU_ADD_TEST(suite, patterns_that_match);
	CU_ADD_TEST(suite, patterns_that_do_not);
	CU_ADD_TEST(suite, many_stars_take_no_time);
	CU_ADD_TEST(suite, limits);
	CU_ADD_TEST(suite, nothing_to_write_where_nothing_copies);
	CU_ADD_TEST(suite, every_key_by_itself);
	CU_ADD_TEST(suite, later_wins);
	CU_ADD_TEST(suite, agreement_is_no_tie);
	CU_ADD_TEST(suite, bounds_in_explain);
	CU_ADD_TEST(suite, parameters_follow_their_policy);
	CU_ADD_TEST(suite, policies_by_path_have_a_name);
	CU_ADD_TEST(suite, modes);
	CU_ADD_TEST(suite, no_rules_nothing);
	CU_ADD_TEST(suite, priorities);
	CU_ADD_TEST(suite, thousands_of_rules);
	return tap_run();
}
