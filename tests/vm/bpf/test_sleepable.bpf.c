// SPDX-License-Identifier: GPL-2.0
/* Is refused: decide must not sleep. */
#include "bpfcopy.bpf.h"

SEC("struct_ops.s/decide")
int BPF_PROG(sleepable_decide, struct blk_copy_ctx *cctx)
{
	return BLK_COPY_OFFLOAD;
}

BLK_COPY_POLICY(sleepable, sleepable_decide);
