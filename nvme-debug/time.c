// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: how long commands take.
 *
 * Data is moved when a command is executed; then it waits until it would have
 * ended on the device that is modelled:
 *
 * - It is served by the channel that is free first, and keeps it for a fixed time
 *   and a time per KiB, which vary by a jitter that follows from the seed and the
 *   number of the command.
 * - What it moves goes over one path that all commands share, in the order in
 *   which they are served: a Read or Write once, a Copy twice, in and out.
 *
 * It ends when both have. The model runs on the monotonic clock alone, so a run
 * whose clock counts instructions takes as long as it says.
 */
#include <linux/jhash.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "nvme-debug.h"

#define NDBG_PERCENT	100

static bool ndbg_takes_time(const struct ndbg_time_config *c)
{
	return c->bandwidth || c->read_fixed || c->read_per_kib ||
	       c->write_fixed || c->write_per_kib || c->copy_fixed ||
	       c->copy_per_kib || c->other_fixed || c->other_per_kib;
}

/* It starts anew: nothing moves, all channels are free, counters are 0. */
static void ndbg_time_restart(struct ndbg_time *time)
{
	time->commands = 0;
	time->modelled = 0;
	time->late = 0;
	time->moved_until = 0;
	memset(time->busy_until, 0, sizeof(time->busy_until));
	WRITE_ONCE(time->on, ndbg_takes_time(&time->config));
}

/**
 * ndbg_time_change - change the model, which starts anew
 * @time: time model, in use or not
 * @field: one of @time->config
 * @val: what it is from now on
 */
void ndbg_time_change(struct ndbg_time *time, u64 *field, u64 val)
{
	spin_lock(&time->lock);
	WRITE_ONCE(*field, val);
	ndbg_time_restart(time);
	spin_unlock(&time->lock);
}

/**
 * ndbg_time_defaults - nothing takes any time
 * @time: time model, in use or not
 */
void ndbg_time_defaults(struct ndbg_time *time)
{
	struct ndbg_time_config config;

	ndbg_defaults(ndbg_time_attrs, &config);
	spin_lock(&time->lock);
	time->config = config;
	ndbg_time_restart(time);
	spin_unlock(&time->lock);
}

/**
 * ndbg_time_init - nothing takes any time
 * @time: zeroed
 */
void ndbg_time_init(struct ndbg_time *time)
{
	spin_lock_init(&time->lock);
	ndbg_time_defaults(time);
}

/**
 * ndbg_time_show_stats - what it has modelled
 * @time: time model
 * @page: to write to, a page
 *
 * Return: bytes written.
 */
ssize_t ndbg_time_show_stats(struct ndbg_time *time, char *page)
{
	ssize_t len;

	spin_lock(&time->lock);
	len = sysfs_emit(page, "commands %llu\nmodelled %llu\nlate %llu\n",
			 time->commands, time->modelled, time->late);
	spin_unlock(&time->lock);
	return len;
}

/**
 * ndbg_time_begin - a command has arrived
 * @cmd: from an I/O queue
 */
void ndbg_time_begin(struct ndbg_cmd *cmd)
{
	if (READ_ONCE(ndbg_cmd_ctrl(cmd)->subsys->time.on))
		cmd->arrived = ktime_get_ns();
}

/* Without jitter, ns. */
static u64 ndbg_cost(const struct ndbg_time_config *c, const struct ndbg_cmd *cmd)
{
	u64 fixed = c->other_fixed, per_kib = c->other_per_kib;

	switch (cmd->sqe.common.opcode) {
	case nvme_cmd_read:
	case nvme_cmd_compare:
	case nvme_cmd_verify:
		fixed = c->read_fixed;
		per_kib = c->read_per_kib;
		break;
	case nvme_cmd_write:
	case nvme_cmd_zone_append:
		fixed = c->write_fixed;
		per_kib = c->write_per_kib;
		break;
	case nvme_cmd_copy:
		fixed = c->copy_fixed;
		per_kib = c->copy_per_kib;
		break;
	}
	return fixed + mul_u64_u32_shr(cmd->bytes, per_kib, 10);
}

/* Evenly distributed over plus and minus config.jitter percent. */
static u64 ndbg_jitter(const struct ndbg_time *time, u64 ns)
{
	u64 span = div_u64(ns * time->config.jitter, NDBG_PERCENT);
	u32 hash = jhash_3words(time->commands, time->commands >> 32,
				time->config.seed, 0);

	return ns - span + mul_u64_u32_shr(2 * span, hash, 32);
}

static u64 ndbg_service(const struct ndbg_time *time, const struct ndbg_cmd *cmd)
{
	u64 ns = ndbg_cost(&time->config, cmd);

	return time->config.jitter ? ndbg_jitter(time, ns) : ns;
}

/* Bytes that go over the shared path. */
static u64 ndbg_moved(const struct ndbg_cmd *cmd)
{
	switch (cmd->sqe.common.opcode) {
	case nvme_cmd_read:
	case nvme_cmd_write:
	case nvme_cmd_zone_append:
	case nvme_cmd_compare:
	case nvme_cmd_verify:
		return cmd->bytes;
	case nvme_cmd_copy:
		return 2 * cmd->bytes;
	default:
		return 0;
	}
}

static u64 *ndbg_first_channel(struct ndbg_time *time)
{
	u64 *first = &time->busy_until[0];
	unsigned int i;

	for (i = 1; i < time->config.channels; i++)
		if (time->busy_until[i] < *first)
			first = &time->busy_until[i];
	return first;
}

/* When @cmd ends, ns since boot. */
static u64 ndbg_time_end(struct ndbg_time *time, struct ndbg_cmd *cmd)
{
	u64 *channel = time->config.channels ? ndbg_first_channel(time) : NULL;
	u64 begin = channel ? max(cmd->arrived, *channel) : cmd->arrived;
	u64 end = begin + ndbg_service(time, cmd);
	u64 moved = ndbg_moved(cmd);

	if (time->config.bandwidth && moved) {
		time->moved_until = max(begin, time->moved_until) +
				    mul_u64_u64_div_u64(moved, NSEC_PER_SEC,
							time->config.bandwidth);
		end = max(end, time->moved_until);
	}
	if (channel)
		*channel = end;
	time->commands++;
	cmd->modelled = end - cmd->arrived;
	time->modelled += cmd->modelled;
	return end;
}

/**
 * ndbg_time_wait - have a command that has been executed take its time
 * @cmd: from any queue
 *
 * Return: true, and @cmd is not the caller's any more; or false when it is due.
 */
bool ndbg_time_wait(struct ndbg_cmd *cmd)
{
	struct ndbg_time *time = &ndbg_cmd_ctrl(cmd)->subsys->time;
	u64 end, now;

	if (!cmd->arrived)
		return false;
	spin_lock(&time->lock);
	end = ndbg_time_end(time, cmd);
	now = ktime_get_ns();
	time->late += now > end;
	spin_unlock(&time->lock);
	cmd->arrived = 0;
	return now < end && ndbg_park(cmd, end - now);
}
