// SPDX-License-Identifier: GPL-2.0
/*
 * mine: a policy to begin with.  Rename file and policy, and say here what it is for.
 *
 * Chunks of large copies go to the device, those of small ones are read and written.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(__u64, min_bytes, KiB(64), "emulate copies of less than this");

BLK_COPY_DECIDE(mine_decide, cctx)
{
	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	if (cctx->copy_bytes < min_bytes)
		return blk_copy_say(cctx, POLICY_BELOW_MIN);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(mine, mine_decide);
