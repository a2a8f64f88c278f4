// SPDX-License-Identifier: GPL-2.0
/* Wants to know its disk, and emulates if that is the one. */
#include "bpfcopy.bpf.h"

BLK_COPY_NEEDS_DISK;

BLK_COPY_DECIDE(needsdisk_decide, cctx)
{
	if (policy_dev == cctx->dst_dev)
		return blk_copy_say(cctx, POLICY_EMULATE);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(needsdisk, needsdisk_decide);
