// SPDX-License-Identifier: GPL-2.0
#include "latency.h"

static __u64 middle(__u32 slot)
{
	__u64 low = latency_slot_low(slot);
	/* The last bucket ends where the type does. */
	__u64 last = slot + 1 < LATENCY_SLOTS ? latency_slot_low(slot + 1) - 1 :
						~0ULL;

	return low + (last - low) / 2;
}

__u64 latency_permille(const __u64 *slots, __u32 nr, unsigned int per_mille)
{
	__u64 total = 0, seen = 0, want;

	for (__u32 i = 0; i < nr; i++)
		total += slots[i];
	if (!total)
		return 0;
	/* Rounded up: the 99th percentile of one copy is that copy. */
	want = total / 1000 * per_mille +
	       (total % 1000 * per_mille + 999) / 1000;
	for (__u32 i = 0; i < nr; i++) {
		seen += slots[i];
		if (seen >= want)
			return middle(i);
	}
	return middle(nr - 1);
}

__u64 latency_percentile(const struct latency_hist *hist, unsigned int percent)
{
	return latency_permille(hist->slots, LATENCY_SLOTS, 10 * percent);
}
