// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: protection information of type 1, with a guard of 16 bits: the 8
 * bytes of metadata that each logical block has. How they come from and go to
 * the host: data.c; where they are kept: store.c.
 */
#include <linux/crc-t10dif.h>

#include "nvme-debug.h"

/**
 * ndbg_pi_init - take what a command says
 * @pi: filled in
 * @ns: namespace of the blocks, which has protection information
 * @slba: first logical block
 * @prinfo: NDBG_PI_*
 * @ref: expected, or initial, reference tag
 * @app: application tag
 * @app_mask: its mask
 *
 * Return: NVMe status. Of type 1 no other reference tag than the address can be
 * right, so to ask for another one is a mistake.
 */
u16 ndbg_pi_init(struct ndbg_pi *pi, const struct ndbg_ns *ns, u64 slba,
		 u8 prinfo, u32 ref, u16 app, u16 app_mask)
{
	*pi = (struct ndbg_pi) {
		.pos		= slba << ns->shift,
		.shift		= ns->shift,
		.prinfo		= prinfo,
		.app		= app,
		.app_mask	= app_mask,
		.ref		= ref,
	};
	if ((prinfo & NDBG_PI_REF) && ref != lower_32_bits(slba))
		return NVME_SC_INVALID_PI | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/**
 * ndbg_pi_move - the blocks are elsewhere than the command says: Zone Append
 * @pi: what it says of the tuples, which have been checked
 * @slba: first logical block
 */
void ndbg_pi_move(struct ndbg_pi *pi, u64 slba)
{
	u64 pos = slba << pi->shift;

	pi->remap = (pos - pi->pos) >> pi->shift;
	pi->ref += pi->remap;
	pi->pos = pos;
}

static u32 ndbg_pi_ref(const struct ndbg_pi *pi, u64 pos)
{
	return pi->ref + ((pos - pi->pos) >> pi->shift);
}

/**
 * ndbg_pi_check - is the tuple of a block what it should be?
 * @pi: what is to be checked
 * @pos: first byte of the block
 * @guard: what the guard should be
 * @tuple: its tuple
 *
 * Return: NVMe status.
 */
u16 ndbg_pi_check(const struct ndbg_pi *pi, u64 pos, u16 guard,
		  const struct t10_pi_tuple *tuple)
{
	if (tuple->app_tag == T10_PI_APP_ESCAPE)
		return NVME_SC_SUCCESS;
	if ((pi->prinfo & NDBG_PI_GUARD) &&
	    be16_to_cpu(tuple->guard_tag) != guard)
		return NVME_SC_GUARD_CHECK | NVME_STATUS_DNR;
	if ((pi->prinfo & NDBG_PI_APP) &&
	    ((be16_to_cpu(tuple->app_tag) ^ pi->app) & pi->app_mask))
		return NVME_SC_APPTAG_CHECK | NVME_STATUS_DNR;
	if ((pi->prinfo & NDBG_PI_REF) &&
	    be32_to_cpu(tuple->ref_tag) != ndbg_pi_ref(pi, pos))
		return NVME_SC_REFTAG_CHECK | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/**
 * ndbg_pi_check_block - the same, of a block that is at hand
 * @pi: what is to be checked
 * @pos: first byte of the block
 * @block: its content
 * @tuple: its tuple
 *
 * Return: NVMe status.
 */
u16 ndbg_pi_check_block(const struct ndbg_pi *pi, u64 pos, const void *block,
			const struct t10_pi_tuple *tuple)
{
	u16 guard = 0;

	if (pi->prinfo & NDBG_PI_GUARD)
		guard = crc_t10dif(block, 1 << pi->shift);
	return ndbg_pi_check(pi, pos, guard, tuple);
}

/**
 * ndbg_pi_remap - have a tuple that has moved fit its block again
 * @pi: see ndbg_pi_move()
 * @tuple: as the host has sent it
 */
void ndbg_pi_remap(const struct ndbg_pi *pi, struct t10_pi_tuple *tuple)
{
	if (tuple->app_tag != T10_PI_APP_ESCAPE)
		be32_add_cpu(&tuple->ref_tag, pi->remap);
}

/**
 * ndbg_pi_make - the tuple that goes with a block
 * @pi: tags
 * @pos: first byte of the block
 * @block: its content
 * @tuple: filled in
 */
void ndbg_pi_make(const struct ndbg_pi *pi, u64 pos, const void *block,
		  struct t10_pi_tuple *tuple)
{
	tuple->guard_tag = cpu_to_be16(crc_t10dif(block, 1 << pi->shift));
	tuple->app_tag = cpu_to_be16(pi->app);
	tuple->ref_tag = cpu_to_be32(ndbg_pi_ref(pi, pos));
}
