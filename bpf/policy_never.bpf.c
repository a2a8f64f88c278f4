// SPDX-License-Identifier: GPL-2.0
/*
 * never: read and write, do not ask the device to copy.
 *
 *	bpfcopy load never --global
 *
 * For a device whose copies are slow or wrong.  Callers that insist on offload
 * are not affected: a policy cannot make a copy fail.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_DECIDE(never_decide, cctx)
{
	return blk_copy_say(cctx, POLICY_EMULATE);
}

BLK_COPY_POLICY(never, never_decide);
