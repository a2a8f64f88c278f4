/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: the shape of things, and what values it may have. See params.c.
 */
#ifndef NVME_DEBUG_CONFIG_H
#define NVME_DEBUG_CONFIG_H

#include <linux/types.h>

/**
 * struct ndbg_ns_config - what a namespace is
 * @size:	bytes
 * @memory:	most bytes of data kept in memory, 0 = as much as @size
 * @block_size:	logical block size, bytes (512 or 4096)
 * @physical_block_size: what is best written as a whole, and is written as a
 *		whole or not at all, bytes (512 or 4096); no less than
 *		@block_size is meant
 * @mssrl:	most blocks in one Copy source range
 * @mcl:	most blocks in one Copy command
 * @msrc:	most Copy source ranges, 0's based as in Identify Namespace
 * @ro_start:	where the part that cannot be written begins, bytes
 * @ro_size:	its size, bytes
 */
struct ndbg_ns_config {
	u64	size;
	u64	memory;
	u64	ro_start;
	u64	ro_size;
	u32	block_size;
	u32	physical_block_size;
	u32	mssrl;
	u32	mcl;
	u32	msrc;
};

/* What becomes of a source range that is to be copied fast or not at all. */
enum ndbg_fast_copy {
	NDBG_FAST_NEVER,	/* refused for good: the host may do it itself */
	NDBG_FAST_ALWAYS,	/* every copy is fast */
	NDBG_FAST_ELSEWHERE,	/* refused: another controller may do it */
};

/**
 * struct ndbg_subsys_config - what a subsystem is, fixed while it is connected
 * @queue_depth: entries in a queue (CAP.MQES + 1)
 * @io_queues:	most I/O queues of one controller
 * @anatt:	ANA transition time, seconds
 * @aerl:	event requests a controller holds, 0's based
 * @copy:	1 if its controllers have the Copy command, or 0
 * @copy_formats: descriptor formats it has, BIT(format)
 * @fast_copy:	enum ndbg_fast_copy
 * @multipath:	1 if it may have several controllers, with ANA, or 0
 * @serial:	serial number
 * @model:	model number
 */
struct ndbg_subsys_config {
	u32	queue_depth;
	u32	io_queues;
	u32	anatt;
	u32	aerl;
	u32	copy_formats;
	u32	fast_copy;
	u32	copy;
	u32	multipath;
	char	serial[20 + 1];
	char	model[40 + 1];
};

/* What the next namespace and subsystem are, unless they are told otherwise. */
struct ndbg_config {
	struct ndbg_ns_config		ns;
	struct ndbg_subsys_config	subsys;
};

/* A number, as a parameter or an attribute, and what it may be. */
struct ndbg_number {
	u32	*val;			/* where the parameter is */
	u32	min;
	u32	max;
	bool	(*ok)(u32 val);
	const char *what;
};

/* A number of bytes, a multiple of 4 KiB. */
struct ndbg_bytes {
	u64	*val;			/* where the parameter is */
	u64	min;
	u64	max;
	bool	zero_ok;
	const char *what;
};

/* params.c: module parameters, and the rules that attributes share with them */
extern const struct ndbg_bytes ndbg_size;
extern const struct ndbg_bytes ndbg_memory;
extern const struct ndbg_number ndbg_block_size;
extern const struct ndbg_number ndbg_physical_block_size;
extern const struct ndbg_number ndbg_mssrl;
extern const struct ndbg_number ndbg_mcl;
extern const struct ndbg_number ndbg_msrc;
extern const struct ndbg_bytes ndbg_ro_start;
extern const struct ndbg_bytes ndbg_ro_size;
extern const struct ndbg_number ndbg_copy_on;
extern const struct ndbg_number ndbg_copy_formats;
extern const struct ndbg_number ndbg_fast_copy;
extern const struct ndbg_number ndbg_queue_depth;
int ndbg_params_check(void);
void ndbg_params_get(struct ndbg_config *config);
int ndbg_refuse(const char *name, const char *s, const char *what);
int ndbg_parse_number(const char *name, const char *s,
		      const struct ndbg_number *n, u32 *val);
int ndbg_parse_bytes(const char *name, const char *s,
		     const struct ndbg_bytes *b, u64 *val);

#endif /* NVME_DEBUG_CONFIG_H */
