// SPDX-License-Identifier: GPL-2.0
/* Says and asks for whatever it is told to: the kernel must cope. */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(int, verdict, 0, "what decide says");
BLK_COPY_PARAM(__u32, chunk, 0, "chunk_bytes");
BLK_COPY_PARAM(__u32, depth, 0, "max_depth");

BLK_COPY_DECIDE(rubbish_decide, cctx)
{
	cctx->chunk_bytes = chunk;
	cctx->max_depth = depth;
	blk_copy_say(cctx, POLICY_DEFAULT);
	return verdict;
}

BLK_COPY_POLICY(rubbish, rubbish_decide);
