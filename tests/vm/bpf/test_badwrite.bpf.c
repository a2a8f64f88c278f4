// SPDX-License-Identifier: GPL-2.0
/* Does not verify: writes a member that is read-only. */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(badwrite_decide, cctx)
{
	cctx->nr_bytes = 4096;
	return BLK_COPY_OFFLOAD;
}

BLK_COPY_POLICY(badwrite, badwrite_decide);
