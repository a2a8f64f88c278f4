// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a transaction in which steps fail, there or back, or that is
 * interrupted. The steps themselves are played: a kernel does not fail on demand.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define policy_sweep play_sweep
#define LOCK_SECONDS 1
#include "../../loader/apply.c"
#include "tap.h"

#define NR 3
#define HW (1U << 20)

static struct conf_setting setting = { .key = "copy_max_bytes" };
static struct conf_resolved resolved;
static struct policy_error error;
static char dir[] = "/tmp/test_transact.XXXXXX";

/* The limits of the disks, and what is played. */
static uint64_t limits[NR];
static int do_fails_at, undo_fails_at, raise_at;
static int nr_done, nr_undone, nr_failed;
static volatile sig_atomic_t caught;
static int caught_when_done;

int play_sweep(struct policy_error *err)
{
	(void)err;
	return 0;
}

int apply_look(const struct conf *conf, struct apply_disk **disks, size_t *nr,
	       struct policy_error *err)
{
	(void)conf;
	(void)err;
	*nr = NR;
	*disks = calloc(NR, sizeof(**disks));
	for (size_t i = 0; i < NR; i++) {
		struct device *disk = &(*disks)[i].disk;

		snprintf(disk->name, sizeof(disk->name), "nvme%zun1", i);
		disk->dev = i + 1;
		disk->diskseq = i + 1;
		disk->block_bytes = 4096;
		disk->copy_max_bytes = limits[i];
		disk->copy_max_hw_bytes = HW;
		(*disks)[i].resolved = &resolved;
	}
	return 0;
}

void apply_disks_free(struct apply_disk *disks, size_t nr)
{
	(void)nr;
	free(disks);
}

int apply_verify(const struct apply_change *change, struct policy_error *err)
{
	(void)change;
	(void)err;
	return 0;
}

int apply_do(struct apply_change *change, struct policy_error *err)
{
	int i = change->disk->disk.dev - 1;

	change->map_id = 0;
	err->text[0] = '\0';
	if (i == raise_at)
		raise(SIGTERM);
	if (i == do_fails_at)
		return -EIO;
	limits[i] = change->bytes_to;
	nr_done++;
	caught_when_done = caught;
	return 0;
}

int apply_undo(struct apply_change *change, struct policy_error *err)
{
	int i = change->disk->disk.dev - 1;

	err->text[0] = '\0';
	if (i == undo_fails_at)
		return -EINVAL;
	limits[i] = change->bytes_from == (1ULL << 32) - 4096 ?
			    HW :
			    change->bytes_from;
	nr_undone++;
	return 0;
}

static void on_changed(void *data, const struct apply_change *change)
{
	(void)data;
	(void)change;
}

static void on_failed(void *data, const char *disk, const char *text)
{
	(void)data;
	(void)disk;
	(void)text;
	nr_failed++;
}

static void on_signal(int signo)
{
	(void)signo;
	caught = 1;
}

static int apply(uint64_t limit, bool *stuck)
{
	struct apply_how how = {
		.state_dir = dir,
		.changed = on_changed,
		.failed = on_failed,
		.stuck = stuck,
	};

	*stuck = false;
	resolved = (struct conf_resolved){
		.mode = CONF_ENFORCE,
		.copy_max_bytes = limit,
		.settings = &setting,
		.nr_settings = 1,
	};
	nr_done = nr_undone = nr_failed = 0;
	return apply_rules((struct conf *)&resolved, &how, &error);
}

static void reset(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/state.json", dir);
	unlink(path);
	for (size_t i = 0; i < NR; i++)
		limits[i] = HW;
	do_fails_at = undo_fails_at = raise_at = -1;
}

/* What the state file has as the original limit of a disk. */
static uint64_t original(int disk)
{
	struct state state;
	struct state_disk *known;
	uint64_t value = CONF_NONE;

	CU_ASSERT_EQUAL_FATAL(state_load(dir, &state), 0);
	known = state_find(&state, disk + 1, disk + 1);
	if (known)
		value = known->original;
	state_free(&state);
	return value;
}

static void all_of_it(void)
{
	bool stuck;

	reset();
	CU_ASSERT_EQUAL(apply(65536, &stuck), 0);
	CU_ASSERT_EQUAL(nr_done, NR);
	for (int i = 0; i < NR; i++) {
		CU_ASSERT_EQUAL(limits[i], 65536);
		CU_ASSERT_EQUAL(original(i), HW);
	}
}

static void undone(void)
{
	bool stuck;

	reset();
	do_fails_at = 2;
	CU_ASSERT_EQUAL(apply(65536, &stuck), -EIO);
	CU_ASSERT_FALSE(stuck);
	CU_ASSERT_EQUAL(nr_failed, 0);
	for (int i = 0; i < NR; i++) {
		CU_ASSERT_EQUAL(limits[i], HW);
		CU_ASSERT_EQUAL(original(i), ROWS_NONE);
	}
}

/* The one that keeps the new value is the one whose old one stays known. */
static void not_undone_is_noted(void)
{
	bool stuck;

	reset();
	do_fails_at = 2;
	undo_fails_at = 0;
	CU_ASSERT_EQUAL(apply(65536, &stuck), -EIO);
	CU_ASSERT_TRUE(stuck);
	CU_ASSERT_EQUAL(nr_failed, 1);
	CU_ASSERT_EQUAL(limits[0], 65536);
	CU_ASSERT_EQUAL(original(0), HW);
	CU_ASSERT_EQUAL(original(1), ROWS_NONE);
	CU_ASSERT_EQUAL(original(2), ROWS_NONE);
	/* And so it can still go back. */
	do_fails_at = undo_fails_at = -1;
	CU_ASSERT_EQUAL(apply(CONF_NONE, &stuck), 0);
	CU_ASSERT_EQUAL(nr_done, 1);
	CU_ASSERT_EQUAL(original(0), ROWS_NONE);
}

/* What could not be noted is not begun, so there is nothing to undo. */
static void not_begun(void)
{
	char path[64];
	bool stuck;

	reset();
	snprintf(path, sizeof(path), "%s/state.json.next", dir);
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
	CU_ASSERT_NOT_EQUAL(apply(65536, &stuck), 0);
	rmdir(path);
	CU_ASSERT_EQUAL(nr_done, 0);
	CU_ASSERT_EQUAL(nr_undone, 0);
	CU_ASSERT_EQUAL(nr_failed, 0);
	CU_ASSERT_FALSE(stuck);
}

static void signals_wait(void)
{
	bool stuck;

	reset();
	raise_at = 1;
	caught = 0;
	signal(SIGTERM, on_signal);
	CU_ASSERT_EQUAL(apply(65536, &stuck), 0);
	CU_ASSERT_EQUAL(nr_done, NR);
	CU_ASSERT_FALSE(caught_when_done);
	CU_ASSERT_TRUE(caught);
	signal(SIGTERM, SIG_DFL);
}

static void no_right_is_5(void)
{
	bool stuck;
	int err;

	reset();
	if (geteuid() || seteuid(65534))
		return;
	err = apply(65536, &stuck);
	CU_ASSERT_EQUAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(apply_status(err), EXIT_NO_PERM);
}

/* What was loaded by hand is known as such, however often we are killed. */
static void known_by_hand(void)
{
	struct state_disk known = {};
	struct state state = { &known, 1 };
	struct apply_disk disk = { .map_id = 5 };
	struct apply_change change = { .disk = &disk,
				       .what = APPLY_REPLACE,
				       .to = "never" };

	CU_ASSERT_EQUAL(note_intent(&state, &change), 0);
	CU_ASSERT_EQUAL(known.by_hand, 5);
	/* Killed, before or after. */
	CU_ASSERT_EQUAL(note_intent(&state, &change), 0);
	CU_ASSERT_EQUAL(known.by_hand, 5);
	disk.map_id = 6;
	CU_ASSERT_EQUAL(note_intent(&state, &change), 0);
	CU_ASSERT_EQUAL(known.by_hand, 5);
	/* Done: what is there then is of rules. */
	change.map_id = 6;
	CU_ASSERT_EQUAL(note_done(&state, &change), 0);
	CU_ASSERT_EQUAL(note_intent(&state, &change), 0);
	CU_ASSERT_EQUAL(known.by_hand, 0);
	free(known.policy);
}

static void locked(void)
{
	pid_t holder;
	bool stuck;
	int fd;

	reset();
	fd = state_lock(dir, 0, &holder);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(apply(65536, &stuck), -ETIMEDOUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/lock: process "));
	CU_ASSERT_EQUAL(nr_done, 0);
	close(fd);
}

int main(void)
{
	CU_pSuite suite;
	char path[64];
	int status;

	if (!mkdtemp(dir))
		return 1;
	CU_initialize_registry();
	suite = CU_add_suite("transact", NULL, NULL);
	CU_ADD_TEST(suite, all_of_it);
	CU_ADD_TEST(suite, undone);
	CU_ADD_TEST(suite, not_undone_is_noted);
	CU_ADD_TEST(suite, not_begun);
	CU_ADD_TEST(suite, signals_wait);
	CU_ADD_TEST(suite, no_right_is_5);
	CU_ADD_TEST(suite, known_by_hand);
	CU_ADD_TEST(suite, locked);
	status = tap_run();
	reset();
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	rmdir(dir);
	return status;
}
