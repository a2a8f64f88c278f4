// SPDX-License-Identifier: GPL-2.0
/* A policy that cannot be asked. */
#include "bpfcopy.bpf.h"

BLK_COPY_COMPLETE(nodecide_complete, cctx, path, status, latency_ns)
{
}

BLK_COPY_POLICY(nodecide, 0, .complete = (void *)nodecide_complete);
