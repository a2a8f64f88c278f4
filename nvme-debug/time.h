/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: how long commands take. See time.c.
 */
#ifndef NVME_DEBUG_TIME_H
#define NVME_DEBUG_TIME_H

#include <linux/configfs.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct ndbg_cmd;

#define NDBG_MAX_CHANNELS	64

/* How the host is told that a command has ended. */
enum ndbg_completion {
	NDBG_COMPLETE_IMMEDIATE,	/* by whoever has executed it */
	NDBG_COMPLETE_SOFTIRQ,
	NDBG_COMPLETE_TIMER,		/* in hard interrupt context */
};

/**
 * struct ndbg_time_config - how long I/O commands take
 * @read_fixed:	Read, Compare, Verify: each, ns
 * @read_per_kib: and for each KiB moved, ns
 * @write_fixed: Write
 * @write_per_kib: Write
 * @copy_fixed:	Copy
 * @copy_per_kib: Copy
 * @other_fixed: all others
 * @other_per_kib: all others
 * @bandwidth:	bytes a second that all commands together move, 0 = no bound
 * @jitter:	these costs vary by so many percent, up and down
 * @seed:	which do by how much
 * @channels:	commands that are served at a time, 0 = no bound
 * @completion:	enum ndbg_completion
 */
struct ndbg_time_config {
	u64	read_fixed;
	u64	read_per_kib;
	u64	write_fixed;
	u64	write_per_kib;
	u64	copy_fixed;
	u64	copy_per_kib;
	u64	other_fixed;
	u64	other_per_kib;
	u64	bandwidth;
	u64	jitter;
	u64	seed;
	u64	channels;
	u64	completion;
};

/**
 * struct ndbg_time - the time model of a subsystem
 * @group:	its configfs directory
 * @lock:	all of it
 * @config:	see struct ndbg_time_config
 * @on:		any command takes any time
 * @commands:	commands so far, of which each has its own jitter
 * @modelled:	ns that they were to take
 * @late:	commands that took longer because the machine was too slow
 * @moved_until: ns since boot, when all that was begun has been moved
 * @busy_until:	when each channel is free, ns since boot
 */
struct ndbg_time {
	struct config_group	group;
	/* taken in process context */
	spinlock_t		lock;
	struct ndbg_time_config	config;
	bool			on;
	u64			commands;
	u64			modelled;
	u64			late;
	u64			moved_until;
	u64			busy_until[NDBG_MAX_CHANNELS];
};

void ndbg_time_init(struct ndbg_time *time);
void ndbg_time_defaults(struct ndbg_time *time);
void ndbg_time_change(struct ndbg_time *time, u64 *field, u64 val);
ssize_t ndbg_time_show_stats(struct ndbg_time *time, char *page);
void ndbg_time_begin(struct ndbg_cmd *cmd);
bool ndbg_time_wait(struct ndbg_cmd *cmd);

#endif /* NVME_DEBUG_TIME_H */
