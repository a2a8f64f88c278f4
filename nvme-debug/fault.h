/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: faults, on purpose. See fault.c.
 */
#ifndef NVME_DEBUG_FAULT_H
#define NVME_DEBUG_FAULT_H

#include <linux/configfs.h>
#include <linux/list.h>
#include <linux/types.h>

struct ndbg_cmd;
struct ndbg_ctrl;
struct ndbg_subsys;

#define NDBG_FAULT_ANY_OPCODE	U64_MAX

/* Where a fault strikes. */
enum ndbg_fault_at {
	NDBG_AT_START,	/* accepted, nothing done */
	NDBG_AT_RANGE,	/* a Copy, before or within one of its source ranges */
	NDBG_AT_END,	/* all done, the host not told */
};

/* What it does there, after the command has waited if it is to. */
enum ndbg_fault_action {
	NDBG_FAULT_NONE,
	NDBG_FAULT_STATUS,	/* ends with this status */
	NDBG_FAULT_CORRUPT,	/* one bit of one block is wrong */
	NDBG_FAULT_LOSE,	/* never completes */
	NDBG_FAULT_TWICE,	/* completes again */
	NDBG_FAULT_DISCONNECT,	/* the connection is lost */
	NDBG_FAULT_FATAL,	/* the controller answers nothing any more */
	NDBG_FAULT_REMOVE,	/* the controller is pulled out */
};

/**
 * struct ndbg_fault_config - which commands, and what becomes of them
 * @slba:	first block of the range that they touch, see @nlb
 * @nlb:	its size, blocks; 0 = they may touch any or none
 * @admin:	1 for admin commands, 0 for I/O commands
 * @opcode:	opcode, or NDBG_FAULT_ANY_OPCODE
 * @nsid:	namespace id, 0 = any
 * @cntlid:	controller id, 0 = any
 * @skip:	spare that many first
 * @every:	then only the last of so many
 * @probability: and of these so many in a million
 * @seed:	which of them that are
 * @times:	at most so often, 0 = no bound
 * @at:		enum ndbg_fault_at
 * @range:	source range, counted from 0, of NDBG_AT_RANGE
 * @blocks:	blocks of it that are copied before; of NDBG_FAULT_CORRUPT, which
 *		block is wrong, counted from the first
 * @hold:	1 to wait until it is released
 * @delay:	or to wait so long, us
 * @action:	enum ndbg_fault_action
 * @status:	status code, status code type, DNR of NDBG_FAULT_STATUS
 * @enable:	1 if commands that are sent now may be struck; while it is,
 *		nothing else changes
 */
struct ndbg_fault_config {
	u64	slba;
	u64	nlb;
	u64	admin;
	u64	opcode;
	u64	nsid;
	u64	cntlid;
	u64	skip;
	u64	every;
	u64	probability;
	u64	seed;
	u64	times;
	u64	at;
	u64	range;
	u64	blocks;
	u64	hold;
	u64	delay;
	u64	action;
	u64	status;
	u64	enable;
};

/**
 * struct ndbg_fault - a fault
 * @group:	its configfs directory
 * @subsys:	whose commands it is about
 * @entry:	in ndbg_subsys.faults, oldest first
 * @config:	see struct ndbg_fault_config
 * @matches:	commands that it could have struck since it was enabled
 * @hits:	commands that it has
 */
struct ndbg_fault {
	struct config_group	group;
	struct ndbg_subsys	*subsys;
	struct list_head	entry;
	struct ndbg_fault_config config;
	u64			matches;
	u64			hits;
};

/**
 * struct ndbg_plan - what a fault has in store for one command
 * @fault:	which, only to be compared: it may be gone
 * @armed:	has not struck yet
 * @waited:	has made the command wait, or tried to
 * @config:	what it was when the command was sent
 */
struct ndbg_plan {
	const struct ndbg_fault	*fault;
	bool			armed;
	bool			waited;
	struct ndbg_fault_config config;
};

void ndbg_fault_init(struct ndbg_fault *fault, struct ndbg_subsys *subsys);
void ndbg_fault_remove(struct ndbg_fault *fault);
void ndbg_fault_defaults(struct ndbg_fault *fault);
void ndbg_fault_enable(struct ndbg_fault *fault, bool enable);
unsigned int ndbg_fault_held(struct ndbg_fault *fault);
void ndbg_fault_release(struct ndbg_fault *fault, unsigned int nr);
void ndbg_fault_decide(struct ndbg_cmd *cmd);
bool ndbg_fault_exists(struct ndbg_cmd *cmd);
bool ndbg_fault_in_range(const struct ndbg_cmd *cmd, u32 range);
bool ndbg_fault_strikes(struct ndbg_cmd *cmd, enum ndbg_fault_at at,
			u16 *status);
bool ndbg_fault_lose(struct ndbg_cmd *cmd);
bool ndbg_fault_twice(const struct ndbg_cmd *cmd);
bool ndbg_fault_corrupts(const struct ndbg_cmd *cmd);
void ndbg_fault_corrupt(struct ndbg_cmd *cmd);

#endif /* NVME_DEBUG_FAULT_H */
