// SPDX-License-Identifier: GPL-2.0
#include "hist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "latency.h"
#include "rows.h"

#define ALL_COUNTERS (sizeof(struct hist_value) / sizeof(__u64))

void hist_set_free(struct hist_set *set)
{
	free(set->series);
	*set = (struct hist_set){};
}

/* Names as people sort them: nvme2n1 before nvme10n1. */
static int compare(const void *left, const void *right)
{
	const struct hist_series *a = left, *b = right;
	int order = strverscmp(a->device, b->device);

	if (!order)
		order = (a->key.diskseq > b->key.diskseq) -
			(a->key.diskseq < b->key.diskseq);
	if (!order)
		order = a->key.path - b->key.path;
	if (!order)
		order = a->key.reason - b->key.reason;
	if (!order)
		order = memcmp(a->key.policy, b->key.policy,
			       sizeof(a->key.policy));
	return order ? order : a->key.origin - b->key.origin;
}

void hist_set_sort(struct hist_set *set)
{
	if (set->nr)
		qsort(set->series, set->nr, sizeof(*set->series), compare);
}

void hist_value_add(struct hist_value *sum, const struct hist_value *value)
{
	uint64_t max = sum->max_ns > value->max_ns ? sum->max_ns :
						     value->max_ns;

	for (size_t i = 0; i < ALL_COUNTERS; i++)
		((__u64 *)sum)[i] += ((const __u64 *)value)[i];
	sum->max_ns = max;
}

/*
 * Differences
 */

static const struct hist_series *find(const struct hist_set *set,
				      const struct hist_key *key)
{
	for (size_t i = 0; i < set->nr; i++)
		if (!memcmp(&set->series[i].key, key, sizeof(*key)))
			return &set->series[i];
	return NULL;
}

/* See hist_set_since(). */
static uint64_t largest(const struct hist_value *part, uint64_t max_ns,
			uint64_t max_before)
{
	uint32_t slot = HIST_LATENCY_SLOTS;

	if (max_ns > max_before)
		return max_ns;
	while (slot && !part->latency[slot - 1])
		slot--;
	/* @slot is the one behind the last that is used. */
	if (slot == HIST_LATENCY_SLOTS || latency_slot_low(slot) > max_ns)
		return max_ns;
	return slot ? latency_slot_low(slot) - 1 : 0;
}

static void subtract(struct hist_value *value, const struct hist_value *before)
{
	uint64_t max = value->max_ns;

	for (size_t i = 0; i < ALL_COUNTERS; i++)
		((__u64 *)value)[i] -= ((const __u64 *)before)[i];
	value->max_ns = largest(value, max, before->max_ns);
}

int hist_set_since(const struct hist_set *now, const struct hist_set *before,
		   struct hist_set *out)
{
	*out = (struct hist_set){ .lost = now->lost - before->lost };
	if (!now->nr)
		return 0;
	out->series = calloc(now->nr, sizeof(*out->series));
	if (!out->series)
		return -ENOMEM;
	for (size_t i = 0; i < now->nr; i++) {
		const struct hist_series *old =
			find(before, &now->series[i].key);
		struct hist_series *series = &out->series[out->nr];

		*series = now->series[i];
		if (old)
			subtract(&series->value, &old->value);
		out->nr += series->value.copies > 0;
	}
	return 0;
}

void hist_set_group(struct hist_set *set, unsigned int by)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->nr; i++) {
		struct hist_series *s = &set->series[i];

		if (!(by & HIST_BY_DEV)) {
			s->key.dev = 0;
			s->key.diskseq = 0;
			s->device[0] = '\0';
		}
		s->key.path = by & HIST_BY_PATH ? s->key.path : 0;
		if (!(by & HIST_BY_POLICY)) {
			s->key.reason = 0;
			memset(s->key.policy, 0, sizeof(s->key.policy));
		}
		s->key.origin = by & HIST_BY_ORIGIN ? s->key.origin : 0;
	}
	hist_set_sort(set);
	for (size_t i = 0; i < set->nr; i++) {
		struct hist_series *s = &set->series[i];

		if (kept && !memcmp(&set->series[kept - 1].key, &s->key,
				    sizeof(s->key)))
			hist_value_add(&set->series[kept - 1].value, &s->value);
		else
			set->series[kept++] = *s;
	}
	set->nr = kept;
}

/*
 * Numbers
 */

uint64_t hist_copies(const struct hist_set *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->nr; i++)
		sum += set->series[i].value.copies;
	return sum;
}

uint64_t hist_errors(const struct hist_set *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->nr; i++)
		sum += set->series[i].value.errors;
	return sum;
}

uint64_t hist_latency(const struct hist_value *value, unsigned int per_mille)
{
	uint64_t ns =
		latency_permille(value->latency, HIST_LATENCY_SLOTS, per_mille);

	return ns < value->max_ns ? ns : value->max_ns;
}

/*
 * Bars
 */

/**
 * struct buckets - a histogram of either kind
 * @slots: copies in each bucket
 * @nr: how many buckets
 * @shift: what to shift their edges by
 */
struct buckets {
	const __u64 *slots;
	uint32_t nr;
	unsigned int shift;
};

static uint64_t edge(const struct buckets *b, uint32_t slot)
{
	return slot < b->nr ? latency_slot_low(slot) << b->shift : ROWS_NONE;
}

static size_t fine_bars(const struct buckets *b, struct hist_bar *bars)
{
	size_t nr = 0;

	for (uint32_t i = 0; i < b->nr; i++)
		if (b->slots[i])
			bars[nr++] = (struct hist_bar){ edge(b, i),
							edge(b, i + 1),
							b->slots[i] };
	return nr;
}

/* The largest step is a power of two to the next. */
static uint32_t few_step(uint32_t first, uint32_t last)
{
	uint32_t step = 1;

	while (step < LATENCY_SUB &&
	       last / step - first / step >= HIST_BARS_FEW_MAX)
		step *= 2;
	return step;
}

static size_t few_bars(const struct buckets *b, struct hist_bar *bars)
{
	uint32_t first = 0, last = b->nr, step;
	size_t nr = 0;

	while (first < last && !b->slots[first])
		first++;
	if (first == last)
		return 0;
	while (!b->slots[last - 1])
		last--;
	step = few_step(first, last - 1);
	for (uint32_t i = first - first % step; i < last; i += step) {
		bars[nr] =
			(struct hist_bar){ edge(b, i), edge(b, i + step), 0 };
		for (uint32_t j = i; j < i + step && j < b->nr; j++)
			bars[nr].copies += b->slots[j];
		nr++;
	}
	return nr;
}

size_t hist_latency_bars(const struct hist_value *value, enum hist_bars how,
			 struct hist_bar *bars)
{
	const struct buckets b = { value->latency, HIST_LATENCY_SLOTS, 0 };

	return how == HIST_BARS_FINE ? fine_bars(&b, bars) : few_bars(&b, bars);
}

size_t hist_size_bars(const struct hist_value *value, enum hist_bars how,
		      struct hist_bar *bars)
{
	const struct buckets b = { value->size, HIST_SIZE_SLOTS,
				   HIST_SIZE_SHIFT };

	return how == HIST_BARS_FINE ? fine_bars(&b, bars) : few_bars(&b, bars);
}
