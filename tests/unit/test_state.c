// SPDX-License-Identifier: GPL-2.0
/* The state file: written and read again, and what is not one of ours. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"
#include "state.h"
#include "tap.h"

static char dir[] = "/tmp/test_state.XXXXXX";
static char file[64];

static int set_up(void)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/state.json", dir);
	return 0;
}

static int clean_up(void)
{
	unlink(file);
	return rmdir(dir);
}

static void nothing(void)
{
	struct state state;

	CU_ASSERT_EQUAL(state_load(dir, &state), 0);
	CU_ASSERT_EQUAL(state.nr, 0);
	CU_ASSERT_EQUAL(state_load("/nowhere", &state), 0);
}

static void fill(struct state *state)
{
	struct state_disk *disk = state_add(state, "nvme0n1", 271581185, 3);

	CU_ASSERT_PTR_NOT_NULL_FATAL(disk);
	disk->original = 1ULL << 40;
	disk->unlimited = true;
	disk = state_add(state, "a/b\"c", 8, UINT64_MAX);
	CU_ASSERT_PTR_NOT_NULL_FATAL(disk);
	disk->policy = strdup("threshold min_bytes=64KiB");
	disk->map_id = 77;
	disk->by_hand = 76;
	strcpy(disk->sha256, "0123abcd");
	state_add(state, "nothing", 9, 1);
}

static void there_and_back(void)
{
	struct state state = {}, again;
	struct state_disk *disk;

	fill(&state);
	state_prune(&state);
	CU_ASSERT_EQUAL(state_save(dir, &state), 0);
	CU_ASSERT_EQUAL_FATAL(state_load(dir, &again), 0);
	CU_ASSERT_EQUAL(again.nr, 2);
	disk = state_find(&again, 271581185, 3);
	CU_ASSERT_PTR_NOT_NULL_FATAL(disk);
	CU_ASSERT_EQUAL(disk->original, 1ULL << 40);
	CU_ASSERT(disk->unlimited);
	CU_ASSERT_PTR_NULL(disk->policy);
	disk = state_find(&again, 8, UINT64_MAX);
	CU_ASSERT_PTR_NOT_NULL_FATAL(disk);
	CU_ASSERT_STRING_EQUAL(disk->name, "a/b\"c");
	CU_ASSERT_STRING_EQUAL(disk->policy, "threshold min_bytes=64KiB");
	CU_ASSERT_EQUAL(disk->map_id, 77);
	CU_ASSERT_EQUAL(disk->by_hand, 76);
	CU_ASSERT_STRING_EQUAL(disk->sha256, "0123abcd");
	CU_ASSERT_EQUAL(disk->original, ROWS_NONE);
	CU_ASSERT_PTR_NULL(state_find(&again, 8, 1));
	state_free(&state);
	state_free(&again);
}

static void not_ours(const char *text)
{
	struct state state;
	FILE *f = fopen(file, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
	CU_ASSERT_EQUAL(state_load(dir, &state), -EBADMSG);
	CU_ASSERT_EQUAL(state.nr, 0);
}

static void broken(void)
{
	not_ours("");
	not_ours("{");
	not_ours("[]");
	not_ours("{\"schema\":\"bpfcopy.state/2\",\"disks\":[]}");
	not_ours("{\"schema\":\"bpfcopy.state/1\"}");
	not_ours("{\"schema\":\"bpfcopy.state/1\",\"disks\":[{}]}");
	not_ours("{\"schema\":\"bpfcopy.state/1\",\"disks\":[7]}");
	not_ours("{\"schema\":\"bpfcopy.state/1\",\"disks\":[{\"device\":\"x\","
		 "\"dev\":\"8\",\"diskseq\":1}]}");
	unlink(file);
	CU_ASSERT_EQUAL(mkdir(file, 0700), 0);
	CU_ASSERT_EQUAL(state_load(dir, &(struct state){}), -EBADMSG);
	rmdir(file);
}

/* A failed write leaves the old file. */
static void full(void)
{
	struct state state = {}, again;
	char next[80];

	fill(&state);
	CU_ASSERT_EQUAL(state_save(dir, &state), 0);
	snprintf(next, sizeof(next), "%s.next", file);
	CU_ASSERT_EQUAL(symlink("/dev/full", next), 0);
	state_free(&state);
	/* It is not followed either. */
	CU_ASSERT_EQUAL(state_save(dir, &state), -ELOOP);
	CU_ASSERT_EQUAL_FATAL(state_load(dir, &again), 0);
	CU_ASSERT_EQUAL(again.nr, 3);
	state_free(&again);
	CU_ASSERT_EQUAL(state_save("/nowhere", &state), -ENOENT);
}

/* Who waits in vain is told for whom. */
static void lock(void)
{
	char path[80];
	pid_t holder;
	int fd = state_lock(dir, 0, &holder);

	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	CU_ASSERT_EQUAL(state_lock(dir, 0, &holder), -ETIMEDOUT);
	CU_ASSERT_EQUAL(holder, getpid());
	CU_ASSERT_EQUAL(state_lock(dir, 1, &holder), -ETIMEDOUT);
	close(fd);
	fd = state_lock(dir, 0, &holder);
	CU_ASSERT(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("state", set_up, clean_up);
	CU_ADD_TEST(suite, nothing);
	CU_ADD_TEST(suite, there_and_back);
	CU_ADD_TEST(suite, broken);
	CU_ADD_TEST(suite, full);
	CU_ADD_TEST(suite, lock);
	return tap_run();
}
