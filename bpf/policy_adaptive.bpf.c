// SPDX-License-Identifier: GPL-2.0
/*
 * adaptive: find out which path is the faster one, by size, and take it.
 *
 *	bpfcopy load adaptive --dev nvme0n1
 *
 * What chunks took, in ns per KiB, is averaged for each path and each size class:
 * 4 KiB to 8 KiB, to 16 KiB, ... to 16 MiB.  A class takes the path with the
 * lower average; the other one has to be better by switch_percent to become it.
 *
 * To know the other path it has to be tried.  Trying costs what it is slower than
 * the usual one, and of all the time that the copies of a class take, at most
 * try_percent may be lost so.  It is tried anew
 * - when the share allows for what it is expected to cost.  That expectation is
 *   halved every forget_ns, so that what is long ago is not believed for ever;
 * - when a try was the faster one: then at once, until it is sure;
 * - when the class beside it took the other path, or its path is not what it was:
 *   devices change for all sizes.
 *
 * A chunk that the device left to the kernel counts for the offload that was
 * chosen, with all the time it took: a device that fails is a slow device.
 * Chunks of a larger copy wait for each other, so of these only the first counts,
 * the one that found nothing in flight.
 *
 * A bad idea when
 * - latency is not what you care about: offload saves memory bandwidth and
 *   processors, which this policy does not see;
 * - copies are rare or each is of another size: then it knows nothing, and
 *   policy_threshold with a measured minimum is better;
 * - other load on the disk changes faster than it learns.
 *
 * It learns of one disk, so it is not for the global slot.  With observe=yes it
 * learns from what others decide, and so of one path only.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(__u32, try_percent, 2,
	       "most time to be lost by trying the slower path");
BLK_COPY_PARAM(__u32, switch_percent, 5,
	       "how much faster the other path must be to become the usual one");
BLK_COPY_PARAM(
	__u64, forget_ns, 60000000000,
	"what is known of the other path is half as sure after this time");
BLK_COPY_NEEDS_DISK;

#define SMALLEST_SHIFT 12	  /* 4 KiB */
#define CLASSES	       13	  /* the last one begins at 16 MiB */
#define WEIGHT_SHIFT   3	  /* of a new value in an average: 1/8 */
#define MANY_ODD       3	  /* are no accident */
#define MOST_NS	       1000000000 /* that one try can cost */

enum { OFFLOAD, EMULATE }; /* indexes of averages */

/* No lock: CPUs that write at once lose a value of an average, or of a share. */
struct class {
	__u64 ns[2]; /* average for 1 KiB by path; 0 is not known */
	__u64 tried; /* when the path that is not usual was measured */
	__s64 share; /* time that may be lost by trying */
	__u32 usual;
	__u32 again; /* try once more, whatever the share */
	__u32 odd; /* values of the usual path in a row, far from its average */
};

static struct class classes[CLASSES];

static __always_inline __u32 class_of(__u64 bytes)
{
	__u32 n = 0;

#pragma unroll
	for (int i = 1; i < CLASSES; i++)
		n += bytes >> (SMALLEST_SHIFT + i) != 0;
	return n < CLASSES ? n : 0;
}

static __always_inline bool can_measure(const struct blk_copy_ctx *cctx)
{
	return !cctx->inflight || cctx->nr_bytes == cctx->copy_bytes;
}

/* What it would cost to take the other path, as far as that is remembered. */
static __always_inline __s64 expected_loss(const struct class *c, __u64 bytes)
{
	__u64 usual = c->ns[c->usual & 1], other = c->ns[!c->usual];
	__u64 age = bpf_ktime_get_coarse_ns() - c->tried;
	__u64 halves = forget_ns ? age / forget_ns : 0;

	if (other <= usual || halves > 62)
		return 0;
	return (((other - usual) >> halves) * bytes) >> 10;
}

static __always_inline bool should_try(struct class *c, __u64 bytes)
{
	if (!c->ns[c->usual & 1])
		return false;
	if (!c->ns[!c->usual])
		return true;
	if (c->again) {
		c->again = 0;
		return true;
	}
	return c->share > 0 && expected_loss(c, bytes) < c->share;
}

BLK_COPY_DECIDE(adaptive_decide, cctx)
{
	struct class *c = &classes[class_of(cctx->nr_bytes)];
	bool try;

	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	try = can_measure(cctx) && should_try(c, cctx->nr_bytes);
	if ((c->usual == EMULATE) != try)
		return blk_copy_say(cctx,
				    try ? POLICY_TRY_EMULATE : POLICY_EMULATE);
	/* As large as it is, which tells complete() that it was to be offloaded. */
	cctx->chunk_bytes = cctx->nr_bytes;
	return blk_copy_say(cctx, try ? POLICY_TRY_OFFLOAD : POLICY_OFFLOAD);
}

/* The classes beside this one had better look, too. */
static __always_inline void tell_others(__u32 n)
{
	if (n > 0)
		classes[n - 1].again = 1;
	if (n < CLASSES - 1)
		classes[n + 1].again = 1;
}

/* What was held up once by something else does not matter; a change does. */
static __always_inline void average_usual(__u32 n, __u64 ns)
{
	struct class *c = &classes[n];
	__u64 *old = &c->ns[c->usual & 1];

	c->odd = *old && (ns > 2 * *old || 2 * ns < *old) ? c->odd + 1 : 0;
	if (!*old) {
		*old = ns;
	} else if (c->odd >= MANY_ODD) {
		*old = ns;
		c->odd = 0;
		tell_others(n);
	} else if (!c->odd) {
		*old += ((__s64)ns - (__s64)*old) >> WEIGHT_SHIFT;
	}
}

static __always_inline bool is_better(__u64 ns, __u64 than)
{
	return ns && than && ns * (100 + switch_percent) < than * 100;
}

/* The share has to be saved up again before the next try. */
static __always_inline void pay(struct class *c, __u64 ns, __u64 usual_ns)
{
	__s64 loss = (__s64)(ns < MOST_NS ? ns : MOST_NS) - (__s64)usual_ns;

	if (c->share > 0)
		c->share = 0;
	if (loss > 0)
		c->share -= loss;
	c->tried = bpf_ktime_get_coarse_ns();
}

static __always_inline void take_other(__u32 n)
{
	classes[n].usual = !classes[n].usual;
	classes[n].again = 0;
	classes[n].odd = 0;
	tell_others(n);
}

BLK_COPY_COMPLETE(adaptive_complete, cctx, path, status, latency_ns)
{
	__u64 kib = cctx->nr_bytes >> 10, ns, usual_ns;
	__u32 n = class_of(cctx->nr_bytes), taken;
	struct class *c = &classes[n];

	if (status || !kib || !cctx->can_offload || !can_measure(cctx))
		return;
	taken = path == BLK_COPY_PATH_EMULATE && !cctx->chunk_bytes;
	/* Not 0, which is not known. */
	ns = latency_ns / kib + 1;
	usual_ns = c->ns[c->usual & 1];
	if (taken == c->usual) {
		c->share += latency_ns * try_percent / 100;
		average_usual(n, ns);
	} else {
		pay(c, latency_ns, usual_ns * kib);
		c->again = c->ns[taken] && is_better(ns, usual_ns);
		c->ns[taken] = c->ns[taken] ? (c->ns[taken] + ns) / 2 : ns;
	}
	if (is_better(c->ns[!c->usual], c->ns[c->usual & 1]))
		take_other(n);
}

BLK_COPY_POLICY(adaptive, adaptive_decide,
		.complete = (void *)adaptive_complete);
