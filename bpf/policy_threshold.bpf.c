// SPDX-License-Identifier: GPL-2.0
/*
 * threshold: offload copies between two sizes, read and write the others.
 *
 *	bpfcopy load threshold --dev nvme0n1 min_bytes=64KiB max_bytes=1GiB
 *
 * min_bytes	copies smaller than this are emulated; default 64 KiB
 * max_bytes	copies larger than this are emulated; default 0: no maximum
 *
 * What counts is the length of the whole copy, the sum of its ranges, not that
 * of the chunk being decided on: a large copy does not end with one emulated
 * chunk because it did not divide evenly.  A copy is what was asked of the
 * kernel in one go, so one BLKCOPY with many ranges is one copy.
 *
 * Why a minimum: a copy command has a fixed cost in the device (descriptors to
 * fetch, mappings to look up), and a small read and write may be done by then.
 * Why a maximum: a device that copies for long lets other commands wait, while
 * emulation competes as ordinary reads and writes do.
 *
 * A bad idea when
 * - the source is scattered: many small ranges of one large copy are offloaded
 *   though each of them costs as much as a small copy;
 * - the two paths cost the same at every size: then policy_always says it
 *   cheaper, and policy_never where offload never pays.
 *
 * It does not look at load or latency and does not learn.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(__u64, min_bytes, KiB(64));
BLK_COPY_PARAM(__u64, max_bytes, 0);

BLK_COPY_DECIDE(threshold_decide, cctx)
{
	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	if (cctx->copy_bytes < min_bytes)
		return blk_copy_say(cctx, POLICY_BELOW_MIN);
	if (max_bytes && cctx->copy_bytes > max_bytes)
		return blk_copy_say(cctx, POLICY_ABOVE_MAX);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(threshold, threshold_decide);
