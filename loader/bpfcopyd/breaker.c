// SPDX-License-Identifier: GPL-2.0
/*
 * Circuit breaker: a disk that is asked to copy and mostly cannot is not asked for
 * a while.
 *
 * What failed is counted in the kernel (bpf/watch_copy.bpf.c), what was tried by the
 * policies themselves.  While nothing fails there is nothing to do here but to look
 * at an empty map now and then.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <bpf/bpf.h>

#include "../policy_internal.h"
#include "../rows.h"
#include "daemon.h"
#include "watch_copy.skel.h"

#define SECOND	    ((uint64_t)1000000)
#define TICK_USEC   (2 * SECOND)
/* So many have to fail, and half of those that were tried, in this time. */
#define FAIL_LEAST  10
#define WINDOW_USEC (60 * SECOND)
/* How long it is not asked, at first and at most. */
#define OFF_FIRST   (10 * SECOND)
#define OFF_LAST    (600 * SECOND)

/**
 * struct broken - a disk of which something failed
 * @failures: as counted last
 * @tried: as counted by its policy when the window began; ROWS_NONE: not yet
 * @failed: the same of @failures
 * @since: when the window began, or it was switched on again
 * @off: it is not asked
 * @until: if @off, how long
 * @next_off: how long it will be off the next time
 */
struct broken {
	struct broken *next;
	uint32_t dev;
	uint64_t diskseq;
	char name[DEVICE_NAME_MAX];
	uint64_t failures;
	uint64_t tried;
	uint64_t failed;
	uint64_t since;
	bool off;
	uint64_t until;
	uint64_t next_off;
};

struct breaker {
	struct daemon *d;
	struct watch_copy *skel;
	struct broken *first;
	sd_event_source *tick;
};

static uint64_t now_usec(const struct breaker *b)
{
	uint64_t now = 0;

	sd_event_now(b->d->event, CLOCK_MONOTONIC, &now);
	return now;
}

static struct broken *find(const struct breaker *b, uint32_t dev)
{
	struct broken *disk = b->first;

	while (disk && disk->dev != dev)
		disk = disk->next;
	return disk;
}

static struct broken *add(struct breaker *b, uint32_t dev)
{
	struct broken *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return NULL;
	*disk = (struct broken){ .next = b->first,
				 .dev = dev,
				 .tried = ROWS_NONE,
				 .next_off = OFF_FIRST };
	b->first = disk;
	return disk;
}

/* Return: has anything failed since the last time? */
static bool count_failures(struct breaker *b)
{
	int map = bpf_map__fd(b->skel->maps.failures);
	uint32_t dev, *last = NULL;
	bool more = false;
	uint64_t failures;

	while (!bpf_map_get_next_key(map, last, &dev)) {
		struct broken *disk = find(b, dev);

		last = &dev;
		if (bpf_map_lookup_elem(map, &dev, &failures))
			continue;
		if (!disk)
			disk = add(b, dev);
		if (!disk || failures == disk->failures)
			continue;
		disk->failures = failures;
		more = true;
	}
	return more;
}

/*
 * Judging
 */

static void start_window(struct broken *disk, uint64_t tried, uint64_t now)
{
	disk->tried = tried;
	disk->failed = disk->failures;
	disk->since = now;
}

static void switch_off(struct breaker *b, struct broken *disk, uint64_t tried,
		       uint64_t now)
{
	/* It worked for longer than it was off. */
	if (now - disk->until > disk->next_off)
		disk->next_off = OFF_FIRST;
	disk->off = true;
	disk->until = now + disk->next_off;
	log_line(LOG_WARNING, disk->name, "circuit breaker",
		 "does not copy for %" PRIu64 " s: of %" PRIu64
		 " chunks that it was to copy, %" PRIu64 " failed",
		 disk->next_off / SECOND, tried - disk->tried,
		 disk->failures - disk->failed);
	disk->next_off *= 2;
	if (disk->next_off > OFF_LAST)
		disk->next_off = OFF_LAST;
	daemon_look_later(b->d, 0);
}

static void judge(struct breaker *b, struct broken *disk, uint64_t tried,
		  uint64_t now)
{
	uint64_t failed = disk->failures - disk->failed;

	if (disk->tried == ROWS_NONE || tried < disk->tried)
		start_window(disk, tried, now);
	else if (failed >= FAIL_LEAST && failed * 2 >= tried - disk->tried)
		switch_off(b, disk, tried, now);
	else if (now - disk->since > WINDOW_USEC)
		start_window(disk, tried, now);
}

/* How often a policy said that the device shall copy. */
static uint64_t tried_by(const struct policy_info *info)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < info->nr_counters; i++)
		if (!strcmp(info->counters[i].path, "offload"))
			sum += info->counters[i].count;
	return sum;
}

/* What another disk of this number did is not held against this one. */
static void be_disk(struct broken *disk, const struct state_disk *known)
{
	if (known->diskseq != disk->diskseq) {
		disk->tried = ROWS_NONE;
		disk->off = false;
		disk->next_off = OFF_FIRST;
	}
	disk->diskseq = known->diskseq;
	memcpy(disk->name, known->name, sizeof(disk->name));
}

/* Only those that rules gave a policy. */
static void judge_policy(struct breaker *b, const struct state *state,
			 const struct policy_info *info)
{
	struct broken *disk = find(b, info->dev);

	if (!disk || info->observe || !info->nr_counters)
		return;
	for (size_t i = 0; i < state->nr; i++) {
		const struct state_disk *known = &state->disks[i];

		if (known->dev != info->dev || !known->policy ||
		    known->map_id != info->map_id)
			continue;
		be_disk(disk, known);
		if (!disk->off)
			judge(b, disk, tried_by(info), now_usec(b));
	}
}

static void judge_all(struct breaker *b)
{
	struct policy_info *infos;
	struct policy_error err;
	struct state state;
	size_t nr;

	if (state_load(STATE_DIR, &state))
		return;
	if (!policy_list(&infos, &nr, &err)) {
		for (size_t i = 0; i < nr; i++)
			judge_policy(b, &state, &infos[i]);
		free(infos);
	}
	state_free(&state);
}

/* Those whose time is over are asked again. */
static void switch_on(struct breaker *b)
{
	uint64_t now = now_usec(b);

	for (struct broken *disk = b->first; disk; disk = disk->next) {
		if (!disk->off || disk->until > now)
			continue;
		disk->off = false;
		disk->until = now;
		disk->tried = ROWS_NONE;
		if (device_is_here(disk->dev, disk->diskseq))
			log_line(LOG_NOTICE, disk->name, "circuit breaker",
				 "is asked to copy again");
		daemon_look_later(b->d, 0);
	}
}

static int on_tick(sd_event_source *source, uint64_t usec, void *data)
{
	struct breaker *b = data;

	(void)usec;
	switch_on(b);
	if (count_failures(b))
		judge_all(b);
	sd_event_source_set_time_relative(source, TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/*
 * Others
 */

bool breaker_is_off(const struct breaker *b, uint32_t dev, uint64_t diskseq)
{
	const struct broken *disk = b ? find(b, dev) : NULL;

	return disk && disk->off && disk->diskseq == diskseq;
}

struct json_object *breaker_status(const struct breaker *b)
{
	struct json_object *list = json_object_new_array(), *object;

	for (struct broken *disk = b ? b->first : NULL; disk;
	     disk = disk->next) {
		if (!disk->off)
			continue;
		object = json_object_new_object();
		json_object_object_add(object, "device",
				       json_object_new_string(disk->name));
		json_object_object_add(
			object, "again_in_ns",
			json_object_new_uint64(
				disk->until > now_usec(b) ?
					(disk->until - now_usec(b)) * 1000 :
					0));
		json_object_array_add(list, object);
	}
	return list;
}

static int load(struct breaker *b)
{
	int err;

	policy_log_start();
	b->skel = watch_copy__open_and_load();
	if (!b->skel)
		return -errno;
	err = watch_copy__attach(b->skel);
	if (err)
		return err;
	err = sd_event_add_time_relative(b->d->event, &b->tick, CLOCK_MONOTONIC,
					 TICK_USEC, 0, on_tick, b);
	return err < 0 ? err : 0;
}

struct breaker *breaker_new(struct daemon *d)
{
	struct breaker *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return NULL;
	b->d = d;
	err = load(b);
	if (!err)
		return b;
	log_line(LOG_WARNING, NULL, NULL,
		 "no circuit breaker: copies that fail cannot be counted: %s",
		 *policy_log_first() ? policy_log_first() : strerror(-err));
	breaker_free(b);
	return NULL;
}

void breaker_free(struct breaker *b)
{
	struct broken *next;

	if (!b)
		return;
	for (struct broken *disk = b->first; disk; disk = next) {
		next = disk->next;
		free(disk);
	}
	sd_event_source_disable_unref(b->tick);
	watch_copy__destroy(b->skel);
	free(b);
}
