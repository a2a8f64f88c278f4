/* SPDX-License-Identifier: GPL-2.0 */
/* Percentiles of the latency histograms of bpf/trace_copy.h. */
#ifndef BPFCOPY_LATENCY_H
#define BPFCOPY_LATENCY_H

#include <linux/types.h>

#include "../bpf/trace_copy.h"

/**
 * latency_percentile() - the latency that so many of the copies did not exceed
 * @hist: summed over all CPUs
 * @percent: 1 to 100
 *
 * Return: nanoseconds, the middle of the bucket and so at most 6.25 % off; 0
 * for an empty histogram.
 */
__u64 latency_percentile(const struct latency_hist *hist, unsigned int percent);

/**
 * latency_permille() - the same for some of the buckets
 * @slots: copies in each of them, from the first on
 * @nr: how many buckets
 * @per_mille: 1 to 1000
 *
 * Return: as latency_percentile().
 */
__u64 latency_permille(const __u64 *slots, __u32 nr, unsigned int per_mille);

#endif /* BPFCOPY_LATENCY_H */
