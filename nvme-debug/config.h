/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: the shape of things. What values they may have: attrs.h.
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
 * @pi:		1 if blocks have protection information, or 0
 * @zone_size:	0 = it is not zoned, or the size of its zones, bytes; whole ones
 *		count
 * @zone_capacity: how much of each zone can be written, bytes; 0 = all of it
 * @max_active:	most zones that are active, 0 = no bound
 * @max_open:	most zones that are open, 0 = no bound
 * @mssrl:	most blocks in one Copy source range
 * @mcl:	most blocks in one Copy command
 * @msrc:	most Copy source ranges, 0's based as in Identify Namespace
 * @ro_start:	where the part that cannot be written begins, bytes
 * @ro_size:	its size, bytes
 * @enable:	1 if it is active
 */
struct ndbg_ns_config {
	u64	size;
	u64	memory;
	u64	block_size;
	u64	physical_block_size;
	u64	pi;
	u64	zone_size;
	u64	zone_capacity;
	u64	max_active;
	u64	max_open;
	u64	mssrl;
	u64	mcl;
	u64	msrc;
	u64	ro_start;
	u64	ro_size;
	u64	enable;
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
 * @copy_formats: descriptor formats it has, BIT(format)
 * @fast_copy:	enum ndbg_fast_copy
 * @write_cache: bytes that a namespace may have in its volatile write cache,
 *		0 = there is none
 * @copy:	1 if its controllers have the Copy command, or 0
 * @multipath:	1 if it may have several controllers, with ANA, or 0
 * @serial:	serial number
 * @model:	model number
 */
struct ndbg_subsys_config {
	u64	queue_depth;
	u64	io_queues;
	u64	anatt;
	u64	aerl;
	u64	copy_formats;
	u64	fast_copy;
	u64	write_cache;
	u64	copy;
	u64	multipath;
	char	serial[20 + 1];
	char	model[40 + 1];
};

/**
 * struct ndbg_path_config - what the controller with an address is to be
 * @ana_state:	enum nvme_ana_state
 * @io_queues:	most I/O queues, 0 = what the subsystem has
 */
struct ndbg_path_config {
	u64	ana_state;
	u64	io_queues;
};

/* What the next namespace and subsystem are, unless they are told otherwise. */
struct ndbg_config {
	struct ndbg_ns_config		ns;
	struct ndbg_subsys_config	subsys;
};

/* params.c */
int ndbg_params_check(void);
void ndbg_params_get(struct ndbg_config *config);

/* attr.c */
struct configfs_attribute;
void ndbg_defaults(struct configfs_attribute **attrs, void *config);

/* control*.c: the attributes of each directory */
extern struct configfs_attribute *ndbg_subsys_attrs[];
extern struct configfs_attribute *ndbg_ns_attrs[];
extern struct configfs_attribute *ndbg_path_attrs[];
extern struct configfs_attribute *ndbg_fault_attrs[];
extern struct configfs_attribute *ndbg_time_attrs[];

#endif /* NVME_DEBUG_CONFIG_H */
