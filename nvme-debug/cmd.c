// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the life of a command, from the block layer to the controller
 * and back.
 *
 * A command is executed where it is submitted, or by a worker if it may take
 * long (ndbg_io_is_long()). Only who executes a command completes it; a timeout
 * merely asks it to stop. So a command that has been given up on never touches
 * media, nor the memory of a request that serves someone else by now.
 */
#include "nvme-debug.h"

static void ndbg_complete_rq(struct request *rq)
{
	nvme_complete_rq(rq);
}

static void ndbg_complete(struct ndbg_cmd *cmd, u16 status)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);

	set_bit(NDBG_CMD_DONE, &cmd->flags);
	if (!nvme_try_complete_req(rq, cpu_to_le16(status << 1), cmd->result))
		ndbg_complete_rq(rq);
}

static u16 ndbg_execute_io(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	int idx = srcu_read_lock(&ctrl->media);
	u16 status = NVME_SC_ABORT_QUEUE;

	if (test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags))
		status = ndbg_io_cmd(cmd);
	srcu_read_unlock(&ctrl->media, idx);
	return status;
}

static void ndbg_execute(struct ndbg_cmd *cmd)
{
	u16 status;

	if (test_bit(NDBG_CMD_ABORTED, &cmd->flags))
		status = NVME_SC_ABORT_REQ;
	else if (nvme_is_fabrics(&cmd->sqe))
		status = ndbg_fabrics_cmd(cmd);
	else if (cmd->queue->qid)
		status = ndbg_execute_io(cmd);
	else
		status = ndbg_admin_cmd(cmd);
	ndbg_complete(cmd, status);
}

static void ndbg_execute_work(struct work_struct *work)
{
	ndbg_execute(container_of(work, struct ndbg_cmd, work));
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

	cmd->queue = queue;
	cmd->flags = 0;
	cmd->result.u64 = 0;
	nvme_start_request(rq);
	if (queue->qid && ndbg_io_is_long(cmd))
		queue_work(ctrl->wq, &cmd->work);
	else
		ndbg_execute(cmd);
	return BLK_STS_OK;
}

/*
 * The first time, ask the command to stop: it will complete soon and is sent
 * again. If it has not by the second time its completion was lost. Then a live
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
	if (!test_and_set_bit(NDBG_CMD_ABORTED, &cmd->flags))
		return BLK_EH_RESET_TIMER;
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
