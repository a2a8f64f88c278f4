// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the life of a command, from the block layer to the controller
 * and back.
 *
 * A command is executed where it is submitted, or by a worker if it may take
 * long (ndbg_io_is_long()). Only who executes a command completes it; a timeout
 * or an Abort merely asks it to stop. So a command that has been given up on
 * never touches media, nor the memory of a request that serves someone else by
 * now.
 */
#include "nvme-debug.h"

static void ndbg_complete_rq(struct request *rq)
{
	nvme_complete_rq(rq);
}

/**
 * ndbg_complete - a command has ended
 * @cmd: command; not the caller's any more
 * @status: NVMe status
 */
void ndbg_complete(struct ndbg_cmd *cmd, u16 status)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct request *rq;

	if (cmd == &ctrl->aer) {
		nvme_complete_async_event(&ctrl->ctrl, cpu_to_le16(status << 1),
					  &cmd->result);
		return;
	}
	rq = blk_mq_rq_from_pdu(cmd);
	set_bit(NDBG_CMD_DONE, &cmd->flags);
	if (!nvme_try_complete_req(rq, cpu_to_le16(status << 1), cmd->result))
		ndbg_complete_rq(rq);
}

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

static u16 ndbg_execute(struct ndbg_cmd *cmd)
{
	if (test_bit(NDBG_CMD_ABORTED, &cmd->flags))
		return NVME_SC_ABORT_REQ;
	if (nvme_is_fabrics(&cmd->sqe))
		return ndbg_fabrics_cmd(cmd);
	return cmd->queue->qid ? ndbg_execute_io(cmd) : ndbg_admin_cmd(cmd);
}

static void ndbg_execute_here(struct ndbg_cmd *cmd)
{
	u16 status = ndbg_execute(cmd);

	if (status != NDBG_HELD)
		ndbg_complete(cmd, status);
}

/* An Abort that has found the command has said that it was aborted. */
static void ndbg_execute_work(struct work_struct *work)
{
	struct ndbg_cmd *cmd = container_of(work, struct ndbg_cmd, work);
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u16 status = ndbg_execute(cmd);

	spin_lock(&ctrl->running_lock);
	list_del(&cmd->entry);
	spin_unlock(&ctrl->running_lock);
	if (test_bit(NDBG_CMD_ABORT, &cmd->flags))
		status = NVME_SC_ABORT_REQ;
	ndbg_complete(cmd, status);
}

static void ndbg_start_work(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	spin_lock(&ctrl->running_lock);
	list_add_tail(&cmd->entry, &ctrl->running);
	spin_unlock(&ctrl->running_lock);
	queue_work(ctrl->wq, &cmd->work);
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
		set_bit(NDBG_CMD_ABORT, &cmd->flags);
		set_bit(NDBG_CMD_ABORTED, &cmd->flags);
		found = true;
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
 * Event requests and commands that may take long can be aborted.
 *
 * Return: whether there is one, which then ends with Command Abort Requested.
 */
bool ndbg_abort(struct ndbg_ctrl *ctrl, u16 sqid, u16 cid)
{
	return sqid ? ndbg_abort_running(ctrl, sqid, cid) :
		      ndbg_event_cancel(ctrl, cid);
}

static void ndbg_init_cmd(struct ndbg_cmd *cmd, struct ndbg_queue *queue)
{
	cmd->queue = queue;
	cmd->flags = 0;
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
	nvme_start_request(rq);
	if (queue->qid && ndbg_io_is_long(cmd))
		ndbg_start_work(cmd);
	else
		ndbg_execute_here(cmd);
	return BLK_STS_OK;
}

/*
 * The first time, ask the command to stop: it will complete soon and is sent
 * again. A held event request that someone has sent through the queue, with a
 * timeout, just ends. If it has not by the second time its completion was lost. Then a live
 * controller is reset, which cancels it; otherwise a reset, a connect or a
 * removal may be what waits for it, so it is completed here.
 */
static enum blk_eh_timer_return ndbg_timeout(struct request *rq)
{
	struct ndbg_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct nvme_ctrl *nctrl = nvme_req(rq)->ctrl;

	dev_warn(nctrl->device, "tag %d opcode %#x (%s) QID %d timeout\n",
		 rq->tag, cmd->sqe.common.opcode,
		 nvme_fabrics_opcode_str(cmd->queue->qid, &cmd->sqe),
		 cmd->queue->qid);
	if (!test_and_set_bit(NDBG_CMD_ABORTED, &cmd->flags)) {
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
	if (!test_bit(NDBG_CMD_DONE, &cmd->flags))
		return BLK_EH_RESET_TIMER;
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
	return 0;
}

static int ndbg_init_hctx(struct blk_mq_hw_ctx *hctx, void *data,
			  unsigned int hctx_idx)
{
	hctx->driver_data = &to_ndbg_ctrl(data)->queues[hctx_idx + 1];
	return 0;
}

static int ndbg_init_admin_hctx(struct blk_mq_hw_ctx *hctx, void *data,
				unsigned int hctx_idx)
{
	hctx->driver_data = &to_ndbg_ctrl(data)->queues[0];
	return 0;
}

const struct blk_mq_ops ndbg_mq_ops = {
	.queue_rq	= ndbg_queue_rq,
	.complete	= ndbg_complete_rq,
	.timeout	= ndbg_timeout,
	.init_request	= ndbg_init_request,
	.init_hctx	= ndbg_init_hctx,
};

const struct blk_mq_ops ndbg_admin_mq_ops = {
	.queue_rq	= ndbg_queue_rq,
	.complete	= ndbg_complete_rq,
	.timeout	= ndbg_timeout,
	.init_request	= ndbg_init_request,
	.init_hctx	= ndbg_init_admin_hctx,
};
