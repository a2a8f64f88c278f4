// SPDX-License-Identifier: GPL-2.0
/*
 * empty: no opinion and no counting.  What is left is the price of asking a
 * policy at all, which is what the benchmarks load it for.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(empty_decide, cctx)
{
	return BLK_COPY_DEFAULT;
}

BLK_COPY_POLICY(empty, empty_decide);
