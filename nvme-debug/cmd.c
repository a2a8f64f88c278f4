// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the life of a command, from the block layer to the controller
 * and back.
 *
 * A command is executed where it is submitted, or by a worker if it may take
 * long (ndbg_io_is_long()) or has waited. Only who executes a command completes
 * it, or has a timer do that; a timeout or an Abort merely asks it to stop. So a
 * command that has been given up on never touches media, nor the memory of a
 * request that serves someone else by now.
 */
#include "nvme-debug.h"

#define CREATE_TRACE_POINTS
#include "tracepoint.h"

/**
 * ndbg_complete - a command has ended
 * @cmd: command; not the caller's any more
 * @status: NVMe status
 */
void ndbg_complete(struct ndbg_cmd *cmd, u16 status)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct request *rq;

	trace_nvme_debug_command(cmd, status);
	if (cmd == &ctrl->aer) {
		nvme_complete_async_event(&ctrl->ctrl, cpu_to_le16(status << 1),
					  &cmd->result);
		return;
	}
	rq = blk_mq_rq_from_pdu(cmd);
	set_bit(NDBG_CMD_DONE, &cmd->flags);
	if (!nvme_try_complete_req(rq, cpu_to_le16(status << 1), cmd->result))
		nvme_complete_rq(rq);
}

/* Executing. */

static u16 ndbg_execute_io(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	int idx = srcu_read_lock(&ctrl->media);
	u16 status = NVME_SC_HOST_PATH_ERROR;

	if (test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags))
		status = ndbg_io_cmd(cmd);
	srcu_read_unlock(&ctrl->media, idx);
	return status;
}

static u16 ndbg_execute_admin(struct ndbg_cmd *cmd)
{
	if (!test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags))
		return NVME_SC_ABORT_QUEUE;
	return ndbg_admin_cmd(cmd);
}

/* A command may run several times, with waits between, but ends once. */
static u16 ndbg_execute(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u16 status = cmd->status;

	if (test_bit(NDBG_CMD_ABORTED, &cmd->flags))
		return NVME_SC_ABORT_REQ;
	if (test_bit(NDBG_CMD_LOST, &cmd->flags))
		return NVME_SC_ABORT_QUEUE;
	if (nvme_is_fabrics(&cmd->sqe))
		return ndbg_fabrics_cmd(cmd);
	if (READ_ONCE(ctrl->fatal) && cmd != &ctrl->aer && ndbg_fault_lose(cmd))
		return NDBG_HELD;
	if (!test_bit(NDBG_CMD_EXECUTED, &cmd->flags)) {
		status = cmd->queue->qid ? ndbg_execute_io(cmd) :
					   ndbg_execute_admin(cmd);
		if (status == NDBG_HELD)
			return status;
		cmd->status = status;
		set_bit(NDBG_CMD_EXECUTED, &cmd->flags);
	}
	if (ndbg_time_wait(cmd))
		return NDBG_HELD;
	ndbg_fault_strikes(cmd, NDBG_AT_END, &status);
	return status;
}

static enum hrtimer_restart ndbg_complete_timer(struct hrtimer *timer)
{
	struct ndbg_cmd *cmd = container_of(timer, struct ndbg_cmd, timer);

	ndbg_complete(cmd, cmd->status);
	return HRTIMER_NORESTART;
}

/* A timer that expires at once leads to either kind of interrupt context. */
static void ndbg_complete_in(struct ndbg_cmd *cmd, enum hrtimer_mode mode)
{
	hrtimer_init(&cmd->timer, CLOCK_MONOTONIC, mode);
	cmd->timer.function = ndbg_complete_timer;
	hrtimer_start(&cmd->timer, 0, mode);
}

/* The second one is looked up by command id, as an interrupt handler would. */
static void ndbg_complete_twice(struct ndbg_cmd *cmd, u16 status)
{
	struct blk_mq_tags *tags = blk_mq_rq_from_pdu(cmd)->mq_hctx->tags;
	u16 cid = cmd->sqe.common.command_id;

	ndbg_complete(cmd, status);
	WARN_ON_ONCE(nvme_find_rq(tags, cid));
}

static void ndbg_complete_io(struct ndbg_cmd *cmd, u16 status)
{
	cmd->status = status;
	switch (READ_ONCE(ndbg_cmd_ctrl(cmd)->subsys->time.config.completion)) {
	case NDBG_COMPLETE_SOFTIRQ:
		ndbg_complete_in(cmd, HRTIMER_MODE_REL_SOFT);
		break;
	case NDBG_COMPLETE_TIMER:
		ndbg_complete_in(cmd, HRTIMER_MODE_REL_HARD);
		break;
	default:
		if (ndbg_fault_twice(cmd))
			ndbg_complete_twice(cmd, status);
		else
			ndbg_complete(cmd, status);
	}
}

static bool ndbg_complete_now(struct request *rq, void *data)
{
	struct ndbg_cmd *cmd = blk_mq_rq_to_pdu(rq);

	if (hrtimer_cancel(&cmd->timer))
		ndbg_complete(cmd, cmd->status);
	return true;
}

/**
 * ndbg_complete_all - complete what is only left to be
 * @set: tag set whose commands have all been executed
 */
void ndbg_complete_all(struct blk_mq_tag_set *set)
{
	blk_mq_tagset_busy_iter(set, ndbg_complete_now, NULL);
}

/* An Abort that has found the command has said that it was aborted. */
static void ndbg_end(struct ndbg_cmd *cmd, u16 status)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	if (!list_empty(&cmd->entry)) {
		spin_lock(&ctrl->running_lock);
		list_del_init(&cmd->entry);
		spin_unlock(&ctrl->running_lock);
	}
	if (test_bit(NDBG_CMD_ABORT, &cmd->flags))
		status = NVME_SC_ABORT_REQ;
	if (cmd->queue->qid && !nvme_is_fabrics(&cmd->sqe))
		ndbg_complete_io(cmd, status);
	else
		ndbg_complete(cmd, status);
}

static void ndbg_execute_here(struct ndbg_cmd *cmd)
{
	u16 status = ndbg_execute(cmd);

	if (status != NDBG_HELD)
		ndbg_end(cmd, status);
}

static void ndbg_execute_work(struct work_struct *work)
{
	struct ndbg_cmd *cmd = container_of(work, struct ndbg_cmd, work);

	/* It has waited long enough if something else has ended the wait. */
	hrtimer_cancel(&cmd->timer);
	ndbg_execute_here(cmd);
}

static void ndbg_start_work(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	spin_lock(&ctrl->running_lock);
	list_add_tail(&cmd->entry, &ctrl->running);
	spin_unlock(&ctrl->running_lock);
	queue_work(ctrl->wq, &cmd->work);
}

/*
 * Waiting. Commands that wait are in ndbg_ctrl.running. Who clears
 * NDBG_CMD_PARKED ends the wait: a worker executes the command then. Whatever
 * would make it stop has set the mark for that before.
 */

static void ndbg_wake(struct ndbg_cmd *cmd)
{
	if (test_and_clear_bit(NDBG_CMD_PARKED, &cmd->flags))
		queue_work(ndbg_cmd_ctrl(cmd)->wq, &cmd->work);
}

static enum hrtimer_restart ndbg_timer(struct hrtimer *timer)
{
	ndbg_wake(container_of(timer, struct ndbg_cmd, timer));
	return HRTIMER_NORESTART;
}

static void ndbg_wake_in(struct ndbg_cmd *cmd, u64 ns)
{
	hrtimer_init(&cmd->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	cmd->timer.function = ndbg_timer;
	hrtimer_start(&cmd->timer, ns_to_ktime(ns), HRTIMER_MODE_REL);
}

/**
 * ndbg_park - have a command wait
 * @cmd: being executed
 * @ns: nanoseconds, 0 = until something else ends the wait
 *
 * Return: true, and @cmd is not the caller's any more; or false if it is to
 * stop, or its controller to be deleted, anyway.
 */
bool ndbg_park(struct ndbg_cmd *cmd, u64 ns)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	bool parked;

	spin_lock(&ctrl->running_lock);
	parked = !test_bit(NDBG_CMD_ABORTED, &cmd->flags) &&
		 test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags) &&
		 !nvme_state_terminal(&ctrl->ctrl);
	if (parked) {
		if (list_empty(&cmd->entry))
			list_add_tail(&cmd->entry, &ctrl->running);
		set_bit(NDBG_CMD_PARKED, &cmd->flags);
		if (ns)
			ndbg_wake_in(cmd, ns);
	}
	spin_unlock(&ctrl->running_lock);
	return parked;
}

/**
 * ndbg_hold - have a command wait until its fault releases it
 * @cmd: being executed
 *
 * Return: as ndbg_park(); false if that fault is gone, too.
 */
bool ndbg_hold(struct ndbg_cmd *cmd)
{
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	bool held;

	/* Who removes a fault releases what it holds after that. */
	spin_lock(&subsys->faults_lock);
	held = ndbg_fault_exists(cmd) && ndbg_park(cmd, 0);
	spin_unlock(&subsys->faults_lock);
	return held;
}

static bool ndbg_is_held(const struct ndbg_cmd *cmd,
			 const struct ndbg_fault *fault)
{
	return cmd->plan.fault == fault && cmd->plan.config.hold &&
	       test_bit(NDBG_CMD_PARKED, &cmd->flags) &&
	       !test_bit(NDBG_CMD_LOST, &cmd->flags);
}

/**
 * ndbg_count_held - how many commands a fault holds
 * @ctrl: of this controller
 * @fault: fault
 */
unsigned int ndbg_count_held(struct ndbg_ctrl *ctrl,
			     const struct ndbg_fault *fault)
{
	struct ndbg_cmd *cmd;
	unsigned int nr = 0;

	spin_lock(&ctrl->running_lock);
	list_for_each_entry(cmd, &ctrl->running, entry)
		nr += ndbg_is_held(cmd, fault);
	spin_unlock(&ctrl->running_lock);
	return nr;
}

/**
 * ndbg_release_held - let commands that a fault holds go on
 * @ctrl: controller whose commands
 * @fault: fault
 * @nr: at most so many
 *
 * Return: how many.
 */
unsigned int ndbg_release_held(struct ndbg_ctrl *ctrl,
			       const struct ndbg_fault *fault, unsigned int nr)
{
	unsigned int released = 0;
	struct ndbg_cmd *cmd;

	spin_lock(&ctrl->running_lock);
	list_for_each_entry(cmd, &ctrl->running, entry) {
		if (released == nr)
			break;
		if (!ndbg_is_held(cmd, fault))
			continue;
		ndbg_wake(cmd);
		released++;
	}
	spin_unlock(&ctrl->running_lock);
	return released;
}

/**
 * ndbg_wake_all - end all waits, for ever or not
 * @ctrl: controller, which has been marked so that none waits again
 * @first: commands of this queue and those above it
 */
void ndbg_wake_all(struct ndbg_ctrl *ctrl, unsigned int first)
{
	struct ndbg_cmd *cmd;

	spin_lock(&ctrl->running_lock);
	list_for_each_entry(cmd, &ctrl->running, entry)
		if (cmd->queue->qid >= first)
			ndbg_wake(cmd);
	spin_unlock(&ctrl->running_lock);
}

/* Stopping. */

/* Under running_lock. What is lost does not answer to this either. */
static bool ndbg_stop_cmd(struct ndbg_cmd *cmd)
{
	if (test_bit(NDBG_CMD_LOST, &cmd->flags))
		return false;
	set_bit(NDBG_CMD_ABORTED, &cmd->flags);
	ndbg_wake(cmd);
	return true;
}

static bool ndbg_abort_running(struct ndbg_ctrl *ctrl, u16 sqid, u16 cid)
{
	struct ndbg_cmd *cmd;
	bool found = false;

	spin_lock(&ctrl->running_lock);
	list_for_each_entry(cmd, &ctrl->running, entry) {
		if (cmd->queue->qid != sqid ||
		    cmd->sqe.common.command_id != cid)
			continue;
		found = ndbg_stop_cmd(cmd);
		if (found)
			set_bit(NDBG_CMD_ABORT, &cmd->flags);
		break;
	}
	spin_unlock(&ctrl->running_lock);
	return found;
}

/**
 * ndbg_abort - ask a command to stop
 * @ctrl: controller
 * @sqid: its queue
 * @cid: its command id
 *
 * Event requests and commands that may take long, or wait, can be aborted.
 *
 * Return: whether there is one, which then ends with Command Abort Requested.
 */
bool ndbg_abort(struct ndbg_ctrl *ctrl, u16 sqid, u16 cid)
{
	return ndbg_abort_running(ctrl, sqid, cid) ||
	       (!sqid && ndbg_event_cancel(ctrl, cid));
}

static void ndbg_init_cmd(struct ndbg_cmd *cmd, struct ndbg_queue *queue)
{
	INIT_LIST_HEAD(&cmd->entry);
	cmd->queue = queue;
	cmd->flags = 0;
	cmd->plan.fault = NULL;
	cmd->plan.armed = false;
	cmd->plan.waited = false;
	cmd->arrived = 0;
	cmd->modelled = 0;
	cmd->range = 0;
	cmd->block = 0;
	cmd->ns = NULL;
	cmd->bytes = 0;
	cmd->ranges = 0;
	cmd->result.u64 = 0;
}

/**
 * ndbg_submit_async_event - the NVMe core's event request
 * @nctrl: controller, live
 *
 * There is only ever one: it is sent again when it has completed, or been
 * dropped by a reset. A reset soon after a connect makes the NVMe core send it
 * twice.
 */
void ndbg_submit_async_event(struct nvme_ctrl *nctrl)
{
	struct ndbg_ctrl *ctrl = to_ndbg_ctrl(nctrl);
	struct ndbg_cmd *cmd = &ctrl->aer;

	if (ndbg_event_is_held(ctrl))
		return;
	memset(&cmd->sqe, 0, sizeof(cmd->sqe));
	cmd->sqe.common.opcode = nvme_admin_async_event;
	cmd->sqe.common.command_id = NVME_AQ_BLK_MQ_DEPTH;
	ndbg_init_cmd(cmd, &ctrl->queues[0]);
	ndbg_execute_here(cmd);
}

/* Its time begins, and its fate is decided. */
static void ndbg_arrive(struct ndbg_cmd *cmd)
{
	if (nvme_is_fabrics(&cmd->sqe))
		return;
	if (cmd->queue->qid)
		ndbg_time_begin(cmd);
	else if (cmd->sqe.common.opcode == nvme_admin_async_event)
		return;
	ndbg_fault_decide(cmd);
}

static blk_status_t ndbg_queue_rq(struct blk_mq_hw_ctx *hctx,
				  const struct blk_mq_queue_data *bd)
{
	struct ndbg_queue *queue = hctx->driver_data;
	struct ndbg_ctrl *ctrl = queue->ctrl;
	struct request *rq = bd->rq;
	struct ndbg_cmd *cmd = blk_mq_rq_to_pdu(rq);
	blk_status_t ret;

	if (!nvme_check_ready(&ctrl->ctrl, rq,
			      test_bit(NDBG_Q_LIVE, &queue->flags)))
		return nvme_fail_nonready_command(&ctrl->ctrl, rq);

	ret = nvme_setup_cmd(hctx->queue->queuedata, rq);
	if (ret)
		return ret;

	ndbg_init_cmd(cmd, queue);
	ndbg_arrive(cmd);
	nvme_start_request(rq);
	if (queue->qid ? ndbg_io_is_long(cmd) : ndbg_admin_is_long(cmd))
		ndbg_start_work(cmd);
	else
		ndbg_execute_here(cmd);
	return BLK_STS_OK;
}

/* The host has given up on it; if @lost, for the second time. */
static void ndbg_give_up(struct ndbg_cmd *cmd, bool lost)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	spin_lock(&ctrl->running_lock);
	if (lost)
		ndbg_wake(cmd);
	else
		ndbg_stop_cmd(cmd);
	spin_unlock(&ctrl->running_lock);
}

/*
 * The first time, ask the command to stop: it will complete soon and is sent
 * again. A held event request that someone has sent through the queue, with a
 * timeout, just ends. If it has not by the second time it was lost, or its
 * completion was. Then a live controller is reset, which cancels it; otherwise a
 * reset, a connect or a removal may be what waits for it, so it ends without.
 */
static enum blk_eh_timer_return ndbg_timeout(struct request *rq)
{
	struct ndbg_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct nvme_ctrl *nctrl = nvme_req(rq)->ctrl;

	dev_warn(nctrl->device, "tag %d opcode %#x (%s) QID %d timeout\n",
		 rq->tag, cmd->sqe.common.opcode,
		 nvme_fabrics_opcode_str(cmd->queue->qid, &cmd->sqe),
		 cmd->queue->qid);
	if (!test_and_set_bit(NDBG_CMD_TIMED_OUT, &cmd->flags)) {
		ndbg_give_up(cmd, false);
		if (!cmd->queue->qid &&
		    ndbg_event_cancel(to_ndbg_ctrl(nctrl),
				      cmd->sqe.common.command_id))
			return BLK_EH_DONE;
		return BLK_EH_RESET_TIMER;
	}
	if (nvme_ctrl_state(nctrl) == NVME_CTRL_LIVE) {
		nvme_reset_ctrl(nctrl);
		return BLK_EH_RESET_TIMER;
	}
	if (!test_bit(NDBG_CMD_DONE, &cmd->flags)) {
		ndbg_give_up(cmd, true);
		return BLK_EH_RESET_TIMER;
	}
	nvmf_complete_timed_out_request(rq);
	return BLK_EH_DONE;
}

static int ndbg_init_request(struct blk_mq_tag_set *set, struct request *rq,
			     unsigned int hctx_idx, unsigned int numa_node)
{
	struct ndbg_ctrl *ctrl = to_ndbg_ctrl(set->driver_data);
	struct ndbg_cmd *cmd = blk_mq_rq_to_pdu(rq);

	nvme_req(rq)->ctrl = &ctrl->ctrl;
	nvme_req(rq)->cmd = &cmd->sqe;
	INIT_WORK(&cmd->work, ndbg_execute_work);
	hrtimer_init(&cmd->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	return 0;
}

/* The admin queue has a tag set of its own. */
static int ndbg_init_hctx(struct blk_mq_hw_ctx *hctx, void *data,
			  unsigned int hctx_idx)
{
	struct ndbg_ctrl *ctrl = to_ndbg_ctrl(data);
	bool admin = hctx->queue->tag_set == &ctrl->admin_tag_set;

	hctx->driver_data = &ctrl->queues[admin ? 0 : hctx_idx + 1];
	return 0;
}

const struct blk_mq_ops ndbg_mq_ops = {
	.queue_rq	= ndbg_queue_rq,
	.complete	= nvme_complete_rq,
	.timeout	= ndbg_timeout,
	.init_request	= ndbg_init_request,
	.init_hctx	= ndbg_init_hctx,
};
