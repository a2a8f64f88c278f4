// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: faults, on purpose.
 *
 * What becomes of a command is decided when it is sent, from the fault's seed and
 * the number of commands that the fault could have struck before: the same
 * commands have the same fate when a run repeats. The command takes that plan
 * with it, and whoever executes it asks at each point whether it is where the
 * plan strikes.
 *
 * A command that waits is not being executed: it has left ndbg_ctrl.media, has no
 * memory of the controller's, and knows nothing that may change meanwhile. When
 * it goes on it is checked from the start, and then skips what it has done.
 */
#include <linux/jhash.h>
#include <linux/math64.h>
#include <linux/spinlock.h>

#include "nvme-debug.h"

#define NDBG_MILLION	1000000

/* The life of a fault. */

/**
 * ndbg_fault_defaults - as new
 * @fault: not enabled
 */
void ndbg_fault_defaults(struct ndbg_fault *fault)
{
	struct ndbg_subsys *subsys = fault->subsys;
	struct ndbg_fault_config config;

	ndbg_defaults(ndbg_fault_attrs, &config);
	spin_lock(&subsys->faults_lock);
	fault->config = config;
	fault->matches = 0;
	fault->hits = 0;
	spin_unlock(&subsys->faults_lock);
}

/**
 * ndbg_fault_init - a fault that does nothing yet
 * @fault: zeroed, has its name
 * @subsys: whose commands it is about
 */
void ndbg_fault_init(struct ndbg_fault *fault, struct ndbg_subsys *subsys)
{
	fault->subsys = subsys;
	ndbg_fault_defaults(fault);
	spin_lock(&subsys->faults_lock);
	list_add_tail(&fault->entry, &subsys->faults);
	spin_unlock(&subsys->faults_lock);
}

/**
 * ndbg_fault_enable - have it strike, or not
 * @fault: fault; when it becomes enabled, it starts counting
 * @enable: which of both
 *
 * Commands that are sent after this know. Those that it holds stay where they
 * are.
 */
void ndbg_fault_enable(struct ndbg_fault *fault, bool enable)
{
	struct ndbg_subsys *subsys = fault->subsys;

	spin_lock(&subsys->faults_lock);
	if (enable && !fault->config.enable) {
		fault->matches = 0;
		fault->hits = 0;
	}
	WRITE_ONCE(subsys->faults_enabled,
		   subsys->faults_enabled + enable - fault->config.enable);
	fault->config.enable = enable;
	spin_unlock(&subsys->faults_lock);
}

/**
 * ndbg_fault_remove - forget a fault
 * @fault: what it holds goes on; ndbg_lock held
 */
void ndbg_fault_remove(struct ndbg_fault *fault)
{
	struct ndbg_subsys *subsys = fault->subsys;

	ndbg_fault_enable(fault, false);
	spin_lock(&subsys->faults_lock);
	list_del(&fault->entry);
	spin_unlock(&subsys->faults_lock);
	ndbg_fault_release(fault, UINT_MAX);
}

/**
 * ndbg_fault_held - how many commands a fault holds now
 * @fault: fault; ndbg_lock held
 */
unsigned int ndbg_fault_held(struct ndbg_fault *fault)
{
	struct ndbg_ctrl *ctrl;
	unsigned int nr = 0;
	unsigned long id;

	lockdep_assert_held(&ndbg_lock);
	xa_for_each(&fault->subsys->ctrls, id, ctrl)
		nr += ndbg_count_held(ctrl, fault);
	return nr;
}

/**
 * ndbg_fault_release - let commands that a fault holds go on
 * @fault: fault; ndbg_lock held
 * @nr: at most so many, of each controller those first that came first
 */
void ndbg_fault_release(struct ndbg_fault *fault, unsigned int nr)
{
	struct ndbg_ctrl *ctrl;
	unsigned long id;

	lockdep_assert_held(&ndbg_lock);
	xa_for_each(&fault->subsys->ctrls, id, ctrl)
		nr -= ndbg_release_held(ctrl, fault, nr);
}

/**
 * ndbg_fault_exists - is the fault that has planned for a command still there?
 * @cmd: command with a plan; the subsystem's faults_lock held
 */
bool ndbg_fault_exists(struct ndbg_cmd *cmd)
{
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	struct ndbg_fault *fault;

	lockdep_assert_held(&subsys->faults_lock);
	list_for_each_entry(fault, &subsys->faults, entry)
		if (fault == cmd->plan.fault)
			return true;
	return false;
}

/* Which commands. */

/*
 * The blocks that a command reads or writes; of a Copy, those it writes, of a Zone
 * Append as many from where its zone begins.
 */
static bool ndbg_extent(struct ndbg_cmd *cmd, u64 *slba, u64 *nlb)
{
	switch (cmd->sqe.common.opcode) {
	case nvme_cmd_read:
	case nvme_cmd_write:
	case nvme_cmd_zone_append:
	case nvme_cmd_compare:
	case nvme_cmd_verify:
	case nvme_cmd_write_zeroes:
	case nvme_cmd_write_uncor:
		*slba = le64_to_cpu(cmd->sqe.rw.slba);
		*nlb = (u64)le16_to_cpu(cmd->sqe.rw.length) + 1;
		return true;
	case nvme_cmd_copy:
		*slba = le64_to_cpu(cmd->sqe.copy.sdlba);
		*nlb = ndbg_copy_blocks(cmd);
		return *nlb;
	default:
		return false;
	}
}

/* Without wrapping around: the host may say anything. */
static bool ndbg_touches(struct ndbg_cmd *cmd,
			 const struct ndbg_fault_config *config)
{
	u64 slba, nlb;

	if (!config->nlb)
		return true;
	if (!ndbg_extent(cmd, &slba, &nlb))
		return false;
	return slba < config->slba ? config->slba - slba < nlb :
		slba - config->slba < config->nlb;
}

static bool ndbg_matches(struct ndbg_cmd *cmd,
			 const struct ndbg_fault_config *config)
{
	const struct nvme_command *sqe = &cmd->sqe;

	if (config->admin != !cmd->queue->qid)
		return false;
	if (config->opcode != NDBG_FAULT_ANY_OPCODE &&
	    config->opcode != sqe->common.opcode)
		return false;
	if (config->nsid && config->nsid != le32_to_cpu(sqe->common.nsid))
		return false;
	if (config->cntlid && config->cntlid != ndbg_cmd_ctrl(cmd)->cntlid)
		return false;
	if (config->at == NDBG_AT_RANGE &&
	    (config->admin || sqe->common.opcode != nvme_cmd_copy ||
	     config->range > sqe->copy.nr_range))
		return false;
	return ndbg_touches(cmd, config);
}

/* The fate of the @n-th command that has not been skipped, from 0. */
static bool ndbg_chosen(const struct ndbg_fault_config *config, u64 n)
{
	u32 rem, chance;

	div_u64_rem(n, config->every, &rem);
	if (rem != config->every - 1)
		return false;
	chance = jhash_3words(n, n >> 32, config->seed, 0);
	chance = (u64)chance * NDBG_MILLION >> 32;
	return chance < config->probability;
}

static bool ndbg_hits(struct ndbg_fault *fault)
{
	const struct ndbg_fault_config *config = &fault->config;
	u64 n = fault->matches++;

	if (n < config->skip || (config->times && fault->hits >= config->times))
		return false;
	return ndbg_chosen(config, n - config->skip);
}

/**
 * ndbg_fault_decide - what is to become of a command
 * @cmd: just sent; not a fabrics command, nor an event request
 *
 * All faults count it, the oldest of those that would strike does.
 */
void ndbg_fault_decide(struct ndbg_cmd *cmd)
{
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	struct ndbg_fault *fault;

	if (!READ_ONCE(subsys->faults_enabled))
		return;
	spin_lock(&subsys->faults_lock);
	list_for_each_entry(fault, &subsys->faults, entry) {
		if (!fault->config.enable || !ndbg_matches(cmd, &fault->config) ||
		    !ndbg_hits(fault) || cmd->plan.armed)
			continue;
		fault->hits++;
		cmd->plan.armed = true;
		cmd->plan.fault = fault;
		cmd->plan.config = fault->config;
	}
	spin_unlock(&subsys->faults_lock);
}

/* What becomes of them. */

/**
 * ndbg_fault_in_range - does a fault strike within this source range?
 * @cmd: a Copy
 * @range: source range
 */
bool ndbg_fault_in_range(const struct ndbg_cmd *cmd, u32 range)
{
	const struct ndbg_plan *plan = &cmd->plan;

	return plan->armed && plan->config.at == NDBG_AT_RANGE &&
	       plan->config.range == range;
}

/**
 * ndbg_fault_lose - never let a command complete
 * @cmd: being executed
 *
 * Return: true, and @cmd is not the caller's any more; or false if it is to end
 * anyway.
 */
bool ndbg_fault_lose(struct ndbg_cmd *cmd)
{
	set_bit(NDBG_CMD_LOST, &cmd->flags);
	return ndbg_park(cmd, 0);
}

/*
 * As if someone had pulled it out: nothing is flushed, nothing shut down, and
 * the host that removes it cannot do either.
 */
static void ndbg_pull_out(struct ndbg_ctrl *ctrl)
{
	struct nvme_ctrl *nctrl = &ctrl->ctrl;
	unsigned int i;

	if (nvme_ctrl_state(nctrl) != NVME_CTRL_LIVE ||
	    !nvme_change_ctrl_state(nctrl, NVME_CTRL_DELETING))
		return;
	nvme_change_ctrl_state(nctrl, NVME_CTRL_DEAD);
	for (i = 0; i <= ctrl->nr_io_queues; i++) {
		clear_bit(NDBG_Q_LIVE, &ctrl->queues[i].flags);
		clear_bit(NDBG_Q_CONNECTED, &ctrl->queues[i].flags);
	}
	queue_work(nvme_delete_wq, &nctrl->delete_work);
}

/* Return: whether that ends this run. */
static bool ndbg_act(struct ndbg_cmd *cmd, u16 *status)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	switch (cmd->plan.config.action) {
	case NDBG_FAULT_STATUS:
		*status = cmd->plan.config.status;
		return true;
	case NDBG_FAULT_DISCONNECT:
		nvme_reset_ctrl(&ctrl->ctrl);
		*status = NVME_SC_ABORT_QUEUE;
		return true;
	case NDBG_FAULT_REMOVE:
		ndbg_pull_out(ctrl);
		*status = NVME_SC_ABORT_QUEUE;
		return true;
	case NDBG_FAULT_FATAL:
		WRITE_ONCE(ctrl->fatal, true);
		fallthrough;
	case NDBG_FAULT_LOSE:
		*status = NDBG_HELD;
		return ndbg_fault_lose(cmd);
	default:
		return false;
	}
}

/* Whoever lets it go on may do so before this returns true. */
static bool ndbg_wait(struct ndbg_cmd *cmd)
{
	struct ndbg_plan *plan = &cmd->plan;

	if (plan->waited || !(plan->config.hold || plan->config.delay))
		return false;
	plan->waited = true;
	if (plan->config.hold)
		return ndbg_hold(cmd);
	return ndbg_park(cmd, plan->config.delay * NSEC_PER_USEC);
}

/**
 * ndbg_fault_strikes - does a fault end this run of a command?
 * @cmd: being executed
 * @at: how far it is
 * @status: set to what it ends with
 *
 * If that is NDBG_HELD, @cmd is not the caller's any more.
 */
bool ndbg_fault_strikes(struct ndbg_cmd *cmd, enum ndbg_fault_at at,
			u16 *status)
{
	struct ndbg_plan *plan = &cmd->plan;

	if (!plan->armed || plan->config.at != at)
		return false;
	if (ndbg_wait(cmd)) {
		*status = NDBG_HELD;
		return true;
	}
	plan->armed = false;
	return ndbg_act(cmd, status);
}

/**
 * ndbg_fault_twice - is a command to complete twice?
 * @cmd: about to
 */
bool ndbg_fault_twice(const struct ndbg_cmd *cmd)
{
	return cmd->plan.fault && cmd->plan.config.action == NDBG_FAULT_TWICE;
}

/* Wrong data. */

/**
 * ndbg_fault_corrupts - is the data of a command to be wrong?
 * @cmd: has succeeded
 */
bool ndbg_fault_corrupts(const struct ndbg_cmd *cmd)
{
	return cmd->plan.fault &&
	       cmd->plan.config.action == NDBG_FAULT_CORRUPT;
}

/* Between blocks there may be tuples. */
static void ndbg_corrupt_read(struct ndbg_cmd *cmd, u64 block, u64 nlb)
{
	size_t size = blk_rq_payload_bytes(blk_mq_rq_from_pdu(cmd)) / nlb;
	struct ndbg_data data;

	ndbg_data_init(&data, cmd);
	ndbg_data_flip(&data, block * size);
}

/**
 * ndbg_fault_corrupt - make one bit wrong of what was read or written
 * @cmd: Read, Write or Copy that has succeeded, inside of media
 */
void ndbg_fault_corrupt(struct ndbg_cmd *cmd)
{
	u64 block = cmd->plan.config.blocks, slba, nlb;
	struct ndbg_ns *ns = cmd->ns;

	if (!ndbg_extent(cmd, &slba, &nlb) || block >= nlb)
		return;
	switch (cmd->sqe.common.opcode) {
	case nvme_cmd_read:
		ndbg_corrupt_read(cmd, block, nlb);
		break;
	case nvme_cmd_zone_append:
		slba = le64_to_cpu(cmd->result.u64);
		fallthrough;
	case nvme_cmd_write:
	case nvme_cmd_copy:
		ndbg_store_flip(&ns->store, (slba + block) << ns->shift);
		break;
	}
}
