// SPDX-License-Identifier: GPL-2.0
/*
 * threshold: offload copies of certain sizes and shapes, read and write the others.
 *
 *	bpfcopy load threshold --dev nvme0n1 min_bytes=64KiB max_bytes=1GiB
 *	bpfcopy load threshold --dev nvme0n1 origins=ioctl,nvmet align_bytes=4KiB
 *
 * "bpfcopy policy show threshold" lists the parameters.  min_bytes and max_bytes
 * are about the whole copy, the sum of its ranges, and not about the chunk being
 * decided on: a large copy does not end with one emulated chunk because it did
 * not divide evenly.  A copy is what was asked of the kernel in one go, so one
 * BLKCOPY with many ranges is one copy.  align_bytes and most_ranges are about
 * the chunk, which becomes one command or a few.
 *
 * Why a minimum: a copy command has a fixed cost in the device (descriptors to
 * fetch, mappings to look up), and a small read and write may be done by then.
 * Why a maximum: a device that copies for long lets other commands wait, while
 * emulation competes as ordinary reads and writes do.
 * Why alignment: a device that maps pages larger than its blocks has to read,
 * merge and write what begins or ends within one.
 *
 * A bad idea when
 * - you do not know the sizes: measure, or let policy_adaptive find out;
 * - the two paths cost the same at every size: then policy_always says it
 *   cheaper, and policy_never where offload never pays;
 * - the disk has to stay quick for others: it looks at neither load nor latency
 *   (policy_budget, policy_guard).
 *
 * The order of the reasons that it counts: cannot-offload, origin, below-min,
 * above-max, many-ranges, unaligned, offload.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(__u64, min_bytes, KiB(64), "emulate copies smaller than this");
BLK_COPY_PARAM(__u64, max_bytes, 0,
	       "emulate copies larger than this; 0: no maximum");
BLK_COPY_PARAM(__u32, align_bytes, 0,
	       "emulate chunks that do not begin and end at multiples of this");
BLK_COPY_PARAM(__u32, most_ranges, 0,
	       "emulate chunks of more source ranges than this; 0: no limit");
BLK_COPY_PARAM_SET(origins, ~0U, BLK_COPY_ORIGINS,
		   "offload only what is asked for this way");

/* Only where the first of several source ranges begins is known here. */
static __always_inline bool is_aligned(const struct blk_copy_ctx *cctx)
{
	return !((cctx->src_sector << 9) % align_bytes) &&
	       !((cctx->dst_sector << 9) % align_bytes) &&
	       !(cctx->nr_bytes % align_bytes);
}

BLK_COPY_DECIDE(threshold_decide, cctx)
{
	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	if (origins != ~0U && !(origins >> (cctx->origin & 31) & 1))
		return blk_copy_say(cctx, POLICY_ORIGIN);
	if (cctx->copy_bytes < min_bytes)
		return blk_copy_say(cctx, POLICY_BELOW_MIN);
	if (max_bytes && cctx->copy_bytes > max_bytes)
		return blk_copy_say(cctx, POLICY_ABOVE_MAX);
	if (most_ranges && cctx->nr_ranges > most_ranges)
		return blk_copy_say(cctx, POLICY_MANY_RANGES);
	if (align_bytes && !is_aligned(cctx))
		return blk_copy_say(cctx, POLICY_UNALIGNED);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(threshold, threshold_decide);
