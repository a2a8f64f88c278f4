// SPDX-License-Identifier: GPL-2.0
/* Does not verify: uses a map value that may not be there. */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(nullderef_decide, cctx)
{
	__u32 key = cctx->origin;
	struct policy_count *c = bpf_map_lookup_elem(&policy_counters, &key);

	return c->count ? BLK_COPY_OFFLOAD : BLK_COPY_EMULATE;
}

BLK_COPY_POLICY(nullderef, nullderef_decide);
