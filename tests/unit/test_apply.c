// SPDX-License-Identifier: GPL-2.0
/*
 * What has to be done to make disks what rules say: the plan, without doing it.
 */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "rows.h"
#include "tap.h"

#define HW (1U << 20)

/* One disk that nothing was done to, and no rule asks anything of. */
static struct apply_disk disk;
static struct conf_resolved resolved;
static struct conf_said said;
static struct conf_setting setting;
static struct state state;
static struct apply_plan plan;

static void reset(void)
{
	apply_plan_free(&plan);
	state_free(&state);
	disk = (struct apply_disk){
		.disk = { .name = "nvme0n1",
			  .dev = 5,
			  .diskseq = 7,
			  .block_bytes = 4096,
			  .copy_max_bytes = HW,
			  .copy_max_hw_bytes = HW },
		.resolved = &resolved,
	};
	said = (struct conf_said){ .file = "a.conf", .line = 3 };
	setting = (struct conf_setting){ .key = "policy",
					 .said = &said,
					 .nr_said = 1 };
	resolved = (struct conf_resolved){
		.mode = CONF_ENFORCE,
		.copy_max_bytes = CONF_NONE,
		.settings = &setting,
		.nr_settings = 1,
	};
}

static void want_policy(const char *policy)
{
	static struct conf_param param = { "min_bytes", "64KiB" };

	resolved.policy = policy;
	resolved.params = &param;
	resolved.nr_params = 1;
}

static void is_attached(const char *policy, uint32_t map_id, bool ours)
{
	strcpy(disk.attached, policy);
	disk.map_id = map_id;
	disk.ours = ours;
}

static struct state_disk *noted(const char *policy, uint32_t map_id)
{
	struct state_disk *known = state_add(&state, "nvme0n1", 5, 7);

	CU_ASSERT_PTR_NOT_NULL_FATAL(known);
	known->policy = policy ? strdup(policy) : NULL;
	known->map_id = map_id;
	return known;
}

static void make(size_t want)
{
	apply_plan_free(&plan);
	CU_ASSERT_EQUAL_FATAL(apply_plan(&disk, 1, &state, &plan), 0);
	CU_ASSERT_EQUAL_FATAL(plan.nr, want);
}

/* The only change is this one. */
static void one(enum apply_what what, const char *from, const char *to)
{
	make(1);
	CU_ASSERT_EQUAL(plan.changes[0].what, what);
	if (from)
		CU_ASSERT_STRING_EQUAL(plan.changes[0].from, from);
	if (!from)
		CU_ASSERT_PTR_NULL(plan.changes[0].from);
	if (to)
		CU_ASSERT_STRING_EQUAL(plan.changes[0].to, to);
	if (!to)
		CU_ASSERT_PTR_NULL(plan.changes[0].to);
}

static void no_rule(void)
{
	reset();
	make(0);
	disk.resolved = NULL;
	make(0);
	/* What was loaded by hand, by us or by others. */
	is_attached("never", 9, true);
	make(0);
	is_attached("never", 9, false);
	make(0);
}

static void attach(void)
{
	reset();
	want_policy("threshold");
	one(APPLY_ATTACH, NULL, "threshold min_bytes=64KiB");
	CU_ASSERT_STRING_EQUAL(plan.changes[0].file, "a.conf");
	CU_ASSERT_EQUAL(plan.changes[0].line, 3);
	resolved.mode = CONF_OBSERVE;
	one(APPLY_ATTACH, NULL, "threshold min_bytes=64KiB observe=yes");
}

static void already_there(void)
{
	reset();
	want_policy("threshold");
	is_attached("threshold", 9, true);
	noted("threshold min_bytes=64KiB", 9);
	make(0);
}

static void replace(void)
{
	reset();
	want_policy("threshold");
	/* By hand: nobody knows with which parameters. */
	is_attached("threshold", 9, true);
	one(APPLY_REPLACE, "threshold", "threshold min_bytes=64KiB");
	/* Other parameters. */
	noted("threshold min_bytes=4KiB", 9);
	one(APPLY_REPLACE, "threshold min_bytes=4KiB",
	    "threshold min_bytes=64KiB");
}

/* What was noted is not what is there. */
static void not_as_noted(void)
{
	reset();
	want_policy("threshold");
	noted("threshold min_bytes=64KiB", 9);
	one(APPLY_ATTACH, NULL, "threshold min_bytes=64KiB");
	is_attached("threshold", 10, true);
	one(APPLY_REPLACE, "threshold", "threshold min_bytes=64KiB");
	is_attached("threshold", 9, false);
	one(APPLY_REPLACE, "threshold", "threshold min_bytes=64KiB");
	/* Another disk with the same number. */
	is_attached("threshold", 9, true);
	disk.disk.diskseq = 8;
	one(APPLY_REPLACE, "threshold", "threshold min_bytes=64KiB");
}

/* The file under the name of the policy is not what was loaded from it. */
static void other_object(void)
{
	struct state_disk *known;

	reset();
	want_policy("threshold");
	is_attached("threshold", 9, true);
	known = noted("threshold min_bytes=64KiB", 9);
	strcpy(known->sha256, "aa");
	strcpy(disk.sha256, "aa");
	make(0);
	strcpy(disk.sha256, "bb");
	one(APPLY_REPLACE, "threshold min_bytes=64KiB (another object)",
	    "threshold min_bytes=64KiB");
	/* It cannot be read now. */
	strcpy(disk.sha256, "");
	make(0);
}

static void detach(void)
{
	reset();
	is_attached("threshold", 9, true);
	noted("threshold min_bytes=64KiB", 9);
	one(APPLY_DETACH, "threshold min_bytes=64KiB", NULL);
	disk.resolved = NULL;
	one(APPLY_DETACH, "threshold min_bytes=64KiB", NULL);
	/* Killed between attaching and noting. */
	state_find(&state, 5, 7)->map_id = 0;
	one(APPLY_DETACH, "threshold", NULL);
	/* Killed before that: what is there is what was there, by hand. */
	state_find(&state, 5, 7)->by_hand = 9;
	make(0);
	/* Loaded by hand since. */
	state_find(&state, 5, 7)->map_id = 8;
	make(0);
	is_attached("", 0, false);
	make(0);
}

static void limit(void)
{
	reset();
	setting.key = "copy_max_bytes";
	resolved.copy_max_bytes = 65536;
	one(APPLY_LIMIT, "1MiB", "64KiB");
	CU_ASSERT_EQUAL(plan.changes[0].bytes_to, 65536);
	CU_ASSERT_EQUAL(plan.changes[0].line, 3);
	/* Back to no limit, if it has to be undone. */
	CU_ASSERT_EQUAL(plan.changes[0].bytes_from, (1ULL << 32) - 4096);
	disk.disk.copy_max_bytes = 65536;
	make(0);
	disk.disk.copy_max_bytes = 0;
	one(APPLY_LIMIT, "0B", "64KiB");
	CU_ASSERT_EQUAL(plan.changes[0].bytes_from, 0);
}

static void restore(void)
{
	struct state_disk *known;

	reset();
	disk.disk.copy_max_bytes = 65536;
	make(0);
	known = noted(NULL, 0);
	known->original = 131072;
	one(APPLY_RESTORE, "64KiB", "128KiB");
	CU_ASSERT_EQUAL(plan.changes[0].bytes_to, 131072);
	known->unlimited = true;
	one(APPLY_RESTORE, "64KiB", "1MiB");
	CU_ASSERT_EQUAL(plan.changes[0].bytes_to, (1ULL << 32) - 4096);
	/* The original value is kept as long as a rule sets another. */
	resolved.copy_max_bytes = 4096;
	one(APPLY_LIMIT, "64KiB", "4KiB");
}

static void both(void)
{
	reset();
	want_policy("threshold");
	resolved.copy_max_bytes = 65536;
	make(2);
	CU_ASSERT_EQUAL(plan.changes[0].what, APPLY_LIMIT);
	CU_ASSERT_EQUAL(plan.changes[1].what, APPLY_ATTACH);
	CU_ASSERT_PTR_EQUAL(plan.changes[0].disk, plan.changes[1].disk);
	reset();
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("apply", NULL, NULL);
	CU_ADD_TEST(suite, no_rule);
	CU_ADD_TEST(suite, attach);
	CU_ADD_TEST(suite, already_there);
	CU_ADD_TEST(suite, replace);
	CU_ADD_TEST(suite, not_as_noted);
	CU_ADD_TEST(suite, other_object);
	CU_ADD_TEST(suite, detach);
	CU_ADD_TEST(suite, limit);
	CU_ADD_TEST(suite, restore);
	CU_ADD_TEST(suite, both);
	return tap_run();
}
