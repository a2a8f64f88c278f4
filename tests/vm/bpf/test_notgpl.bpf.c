// SPDX-License-Identifier: GPL-2.0
/* Is refused: what it says its license is. */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(notgpl_decide, cctx)
{
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

SEC(".struct_ops.link")
struct blk_copy_ops notgpl = {
	.abi = BLK_COPY_OPS_ABI,
	.decide = (void *)notgpl_decide,
	.name = "notgpl",
};

char LICENSE[] SEC("license") = "Proprietary";
