// SPDX-License-Identifier: GPL-2.0
/* One parameter of every kind, for what can be wrong with them. */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(bool, wanted, false);
BLK_COPY_PARAM(__u8, small, 0);
BLK_COPY_PARAM(__s16, below, 0);
BLK_COPY_PARAM(__u64, size_bytes, 0);
BLK_COPY_PARAM(__u32, pause_ns, 0);

/* Emulate if every parameter has the value that the test sets. */
BLK_COPY_DECIDE(params_decide, cctx)
{
	if (wanted && small == 255 && below == -32768 && size_bytes == GiB(5) &&
	    pause_ns == 1500000)
		return blk_copy_say(cctx, POLICY_EMULATE);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(params, params_decide);
