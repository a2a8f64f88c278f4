// SPDX-License-Identifier: GPL-2.0
#include "hist_tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

/* A name may have been that of two disks, which is what the id tells. */
struct known {
	char name[DEVICE_NAME_MAX];
	char *id;
};

/**
 * struct hist_tally - counters that a recording is put into
 * @by: enum hist_by, ored
 * @set: what was counted, in the order of appearance
 * @known: devices that were seen; in keys they are numbered from 1
 * @nr_known: how many
 */
struct hist_tally {
	unsigned int by;
	struct hist_set set;
	struct known *known;
	size_t nr_known;
};

struct hist_tally *hist_tally_new(unsigned int by)
{
	struct hist_tally *tally = calloc(1, sizeof(*tally));

	if (tally)
		tally->by = by;
	return tally;
}

void hist_tally_free(struct hist_tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < tally->nr_known; i++)
		free(tally->known[i].id);
	free(tally->known);
	hist_set_free(&tally->set);
	free(tally);
}

/* Returns its number, 0 without memory. */
static uint32_t know(struct hist_tally *tally, const struct trace_copy *row)
{
	const char *name = row->device ?: "", *id = row->device_id ?: "";
	struct known *known = tally->known;
	size_t i;

	for (i = 0; i < tally->nr_known; i++)
		if (!strncmp(known[i].name, name, DEVICE_NAME_MAX - 1) &&
		    !strcmp(known[i].id, id))
			return (uint32_t)i + 1;
	known = reallocarray(known, i + 1, sizeof(*known));
	if (!known)
		return 0;
	tally->known = known;
	known += i;
	snprintf(known->name, sizeof(known->name), "%s", name);
	known->id = strdup(id);
	if (!known->id)
		return 0;
	tally->nr_known++;
	return (uint32_t)i + 1;
}

static bool by_policy(const char *reason)
{
	return reason &&
	       (!strcmp(reason, "policy") || !strcmp(reason, "global-policy"));
}

/* As in bpf/hist_copy.bpf.c, but that the row knows the policy that was asked. */
static struct hist_key key_of(const struct hist_tally *tally,
			      const struct trace_copy *row, uint32_t dev)
{
	struct hist_key key = { .dev = dev, .diskseq = dev };

	if (tally->by & HIST_BY_PATH)
		key.path = (__u8)path_of_word(row->path);
	if (tally->by & HIST_BY_POLICY) {
		key.reason = (__u8)reason_of_word(row->reason);
		if (row->policy && by_policy(row->reason))
			strncpy(key.policy, row->policy,
				sizeof(key.policy) - 1);
	}
	if (tally->by & HIST_BY_ORIGIN)
		key.origin = (__u8)origin_of_word(row->origin);
	return key;
}

static struct hist_series *series_of(struct hist_set *set,
				     const struct hist_key *key)
{
	struct hist_series *series;

	for (size_t i = 0; i < set->nr; i++)
		if (!memcmp(&set->series[i].key, key, sizeof(*key)))
			return &set->series[i];
	series = reallocarray(set->series, set->nr + 1, sizeof(*series));
	if (!series)
		return NULL;
	set->series = series;
	series += set->nr++;
	*series = (struct hist_series){ .key = *key };
	return series;
}

int hist_tally_add(struct hist_tally *tally, const struct trace_copy *row)
{
	struct hist_series *series;
	struct hist_key key;
	uint32_t dev = 0;

	if (tally->by & HIST_BY_DEV) {
		dev = know(tally, row);
		if (!dev)
			return -ENOMEM;
	}
	key = key_of(tally, row, dev);
	series = series_of(&tally->set, &key);
	if (!series)
		return -ENOMEM;
	if (dev)
		memcpy(series->device, tally->known[dev - 1].name,
		       sizeof(series->device));
	hist_count(&series->value, row->bytes, row->offloaded, row->emulated,
		   row->error != 0, row->latency_ns);
	return 0;
}

void hist_tally_lose(struct hist_tally *tally, uint64_t lost)
{
	tally->set.lost += lost;
}

int hist_tally_read(const struct hist_tally *tally, struct hist_set *set)
{
	size_t size = tally->set.nr * sizeof(*set->series);

	*set = tally->set;
	if (!size)
		return 0;
	set->series = malloc(size);
	if (!set->series)
		return -ENOMEM;
	memcpy(set->series, tally->set.series, size);
	hist_set_sort(set);
	return 0;
}
