// SPDX-License-Identifier: GPL-2.0
/* Is refused: made for a kernel to come. */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(newer_decide, cctx)
{
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

SEC(".struct_ops.link")
struct blk_copy_ops newer = {
	.abi = BLK_COPY_OPS_ABI + 1,
	.decide = (void *)newer_decide,
	.name = "newer",
};

char LICENSE[] SEC("license") = "GPL";
