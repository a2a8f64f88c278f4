// SPDX-License-Identifier: GPL-2.0
/*
 * always: offload whatever the device can copy.
 *
 *	bpfcopy load always --dev nvme0n1
 *
 * That is what the kernel does without any policy, too.  This one shields a
 * disk from the global policy, and counts.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(always_decide, cctx)
{
	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(always, always_decide);
