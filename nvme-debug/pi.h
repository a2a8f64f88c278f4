/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: protection information. See pi.c.
 */
#ifndef NVME_DEBUG_PI_H
#define NVME_DEBUG_PI_H

#include <linux/bits.h>
#include <linux/t10-pi.h>
#include <linux/types.h>

struct ndbg_ns;

/* PRINFO: PRCHK and PRACT. */
#define NDBG_PI_REF		BIT(0)
#define NDBG_PI_APP		BIT(1)
#define NDBG_PI_GUARD		BIT(2)
#define NDBG_PI_ACT		BIT(3)

/* What comes with a block that has not been written: not to be checked. */
#define NDBG_PI_NONE	((struct t10_pi_tuple){ \
	cpu_to_be16(0xffff), T10_PI_APP_ESCAPE, T10_PI_REF_ESCAPE })

/**
 * struct ndbg_pi - what a command says of the tuples of consecutive blocks
 * @pos:	first byte of the first block
 * @shift:	log2 of the logical block size
 * @prinfo:	NDBG_PI_*
 * @app:	application tag, to be checked or made
 * @app_mask:	which bits of it are checked
 * @ref:	reference tag of the first block; that of the next is one more
 * @remap:	what is added to reference tags that are written
 */
struct ndbg_pi {
	u64		pos;
	unsigned int	shift;
	u8		prinfo;
	u16		app;
	u16		app_mask;
	u32		ref;
	u32		remap;
};

u16 ndbg_pi_init(struct ndbg_pi *pi, const struct ndbg_ns *ns, u64 slba,
		 u8 prinfo, u32 ref, u16 app, u16 app_mask);
void ndbg_pi_move(struct ndbg_pi *pi, u64 slba);
u16 ndbg_pi_check(const struct ndbg_pi *pi, u64 pos, u16 guard,
		  const struct t10_pi_tuple *tuple);
u16 ndbg_pi_check_block(const struct ndbg_pi *pi, u64 pos, const void *block,
			const struct t10_pi_tuple *tuple);
void ndbg_pi_remap(const struct ndbg_pi *pi, struct t10_pi_tuple *tuple);
void ndbg_pi_make(const struct ndbg_pi *pi, u64 pos, const void *block,
		  struct t10_pi_tuple *tuple);

#endif /* NVME_DEBUG_PI_H */
