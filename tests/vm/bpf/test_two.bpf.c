// SPDX-License-Identifier: GPL-2.0
/* Two policies in one object: which one is meant? */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(two_decide, cctx)
{
	return BLK_COPY_DEFAULT;
}

BLK_COPY_POLICY(first, two_decide);

SEC(".struct_ops.link")
struct blk_copy_ops second = {
	.abi = BLK_COPY_OPS_ABI,
	.decide = (void *)two_decide,
	.name = "second",
};
