// SPDX-License-Identifier: GPL-2.0
/* Attached without a link nobody could detach it: wrong section. */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(nolink_decide, cctx)
{
	return BLK_COPY_DEFAULT;
}

SEC(".struct_ops")
struct blk_copy_ops nolink = {
	.abi = BLK_COPY_OPS_ABI,
	.decide = (void *)nolink_decide,
	.name = "nolink",
};

char LICENSE[] SEC("license") = "GPL";
