// SPDX-License-Identifier: GPL-2.0
/* One parameter of every kind, for what can be wrong with them. */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(bool, wanted, false, "yes or no");
BLK_COPY_PARAM(__u8, small, 0, "eight bits");
BLK_COPY_PARAM(__s16, below, -7, "sixteen bits and a sign");
BLK_COPY_PARAM(__u64, size_bytes, KiB(1536), "a size");
BLK_COPY_PARAM(__u32, pause_ns, 1500000, "a time");
BLK_COPY_PARAM_SET(words, 5, "first,second,third", "three bits");

/* Nothing that bpfcopy can show or set: not a parameter. */
const volatile unsigned __int128 huge = 1;

/* Emulate if every parameter has the value that the test sets. */
BLK_COPY_DECIDE(params_decide, cctx)
{
	if (wanted && small == 255 && below == -32768 && size_bytes == GiB(5) &&
	    pause_ns == 1500000 && words == 2 && (__u64)huge == 1)
		return blk_copy_say(cctx, POLICY_EMULATE);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(params, params_decide);
