// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: fabrics commands, the register file behind them, keep-alive.
 */
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "nvme-debug.h"

/* Where in Connect the bad value is, for DW0 of Invalid Parameter. */
#define NDBG_BAD_SQE(field)	\
	cpu_to_le32(offsetof(struct nvmf_connect_command, field))
#define NDBG_BAD_DATA(field)	\
	cpu_to_le32(BIT(16) | offsetof(struct nvmf_connect_data, field))

static u64 ndbg_cap(struct ndbg_ctrl *ctrl)
{
	return (ctrl->subsys->config.queue_depth - 1) |	/* MQES, 0's based */
	       BIT_ULL(16) |			/* CQR */
	       15ULL << 24 |			/* TO, 7.5 s */
	       (u64)(NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI) << 37; /* CSS */
}

/**
 * ndbg_disconnect_queues - let no command of some queues touch media any more
 * @ctrl: controller
 * @first: this queue and all above it; 1 spares the admin queue
 *
 * Sleeps until those that run have stopped. They, and those that wait or are
 * still on their way, end with an error that makes the host send them again.
 */
void ndbg_disconnect_queues(struct ndbg_ctrl *ctrl, unsigned int first)
{
	unsigned int i;

	for (i = first; i <= ctrl->nr_io_queues; i++)
		clear_bit(NDBG_Q_CONNECTED, &ctrl->queues[i].flags);
	ndbg_wake_all(ctrl, first);
	synchronize_srcu(&ctrl->media);
}

/* Is any I/O queue connected? */
bool ndbg_io_connected(struct ndbg_ctrl *ctrl)
{
	unsigned int i;

	for (i = 1; i <= ctrl->nr_io_queues; i++)
		if (test_bit(NDBG_Q_CONNECTED, &ctrl->queues[i].flags))
			return true;
	return false;
}

/*
 * The host lives in the same machine and promises a Keep Alive twice per
 * interval. Waiting for two intervals keeps a machine that was stopped for a
 * while, host and controller alike, from tripping over itself.
 */
static void ndbg_rearm_kato(struct ndbg_ctrl *ctrl)
{
	if (ctrl->kato)
		mod_delayed_work(nvme_wq, &ctrl->kato_work,
				 2 * msecs_to_jiffies(ctrl->kato));
}

/*
 * The reset disconnects the queues, once the host has stopped to use them: what
 * ends with an error before that is sent again at once, and soon too often. A
 * controller that is not live yet cannot be reset, and gets more time.
 */
static void ndbg_kato_expired(struct work_struct *work)
{
	struct ndbg_ctrl *ctrl = container_of(to_delayed_work(work),
					      struct ndbg_ctrl, kato_work);

	mutex_lock(&ctrl->regs_lock);
	if (nvme_reset_ctrl(&ctrl->ctrl)) {
		ndbg_rearm_kato(ctrl);
	} else {
		dev_err(ctrl->ctrl.device,
			"no Keep Alive for %llu ms, resetting\n",
			2ULL * ctrl->kato);
		ctrl->csts |= NVME_CSTS_CFS;
	}
	mutex_unlock(&ctrl->regs_lock);
}

/* The host has shown that it is alive. */
void ndbg_keep_alive(struct ndbg_ctrl *ctrl)
{
	mutex_lock(&ctrl->regs_lock);
	ndbg_rearm_kato(ctrl);
	mutex_unlock(&ctrl->regs_lock);
}

/**
 * ndbg_set_kato - change the keep-alive timeout
 * @ctrl: controller, regs_lock held
 * @kato: milliseconds, rounded up to the granularity; 0 = off
 */
void ndbg_set_kato(struct ndbg_ctrl *ctrl, u32 kato)
{
	lockdep_assert_held(&ctrl->regs_lock);
	kato = roundup(min(kato, U32_MAX - NDBG_KAS_MS), NDBG_KAS_MS);
	ctrl->kato = kato;
	ctrl->features[NVME_FEAT_KATO] = kato;
	if (kato)
		ndbg_rearm_kato(ctrl);
	else
		cancel_delayed_work(&ctrl->kato_work);
}

/* A controller nobody has connected to. */
void ndbg_fabrics_init(struct ndbg_ctrl *ctrl)
{
	mutex_init(&ctrl->regs_lock);
	INIT_DELAYED_WORK(&ctrl->kato_work, ndbg_kato_expired);
}

/**
 * ndbg_fabrics_stop - the host has gone away
 * @ctrl: controller
 *
 * Nothing the host has sent touches media after this, and it is not told of
 * events. A new Connect starts from reset.
 */
void ndbg_fabrics_stop(struct ndbg_ctrl *ctrl)
{
	ndbg_disconnect_queues(ctrl, 0);
	ndbg_events_drop(ctrl);
	cancel_delayed_work_sync(&ctrl->kato_work);
}

static void ndbg_shutdown_flush(struct ndbg_ctrl *ctrl)
{
	int idx = srcu_read_lock(&ctrl->media);

	ndbg_flush_all(ctrl->subsys);
	srcu_read_unlock(&ctrl->media, idx);
}

static void ndbg_write_cc(struct ndbg_ctrl *ctrl, u32 cc)
{
	u32 rose = cc & ~ctrl->cc, fell = ~cc & ctrl->cc;

	ctrl->cc = cc;
	if (rose & NVME_CC_ENABLE)
		ctrl->csts = NVME_CSTS_RDY;
	if (fell & NVME_CC_ENABLE) {
		ndbg_disconnect_queues(ctrl, 1);
		ndbg_events_drop(ctrl);
		ndbg_features_reset(ctrl);
		ctrl->csts = 0;
		WRITE_ONCE(ctrl->fatal, false);
	}
	if (rose & NVME_CC_SHN_MASK) {
		ndbg_disconnect_queues(ctrl, 1);
		ndbg_shutdown_flush(ctrl);
		ctrl->csts |= NVME_CSTS_SHST_CMPLT;
	}
}

static u16 ndbg_property_set(struct ndbg_cmd *cmd)
{
	const struct nvmf_property_set_command *set = &cmd->sqe.prop_set;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	if ((set->attrib & 7) || le32_to_cpu(set->offset) != NVME_REG_CC)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	mutex_lock(&ctrl->regs_lock);
	ndbg_write_cc(ctrl, le64_to_cpu(set->value));
	mutex_unlock(&ctrl->regs_lock);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_read_reg(struct ndbg_ctrl *ctrl, u32 offset, bool wide,
			 u64 *val)
{
	bool is_wide = offset == NVME_REG_CAP;

	if (wide != is_wide)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	switch (offset) {
	case NVME_REG_CAP:
		*val = ndbg_cap(ctrl);
		return NVME_SC_SUCCESS;
	case NVME_REG_VS:
		*val = NDBG_VERSION;
		return NVME_SC_SUCCESS;
	case NVME_REG_CC:
		*val = ctrl->cc;
		return NVME_SC_SUCCESS;
	case NVME_REG_CSTS:
		*val = ctrl->csts;
		if (READ_ONCE(ctrl->fatal))
			*val |= NVME_CSTS_CFS;
		return NVME_SC_SUCCESS;
	default:
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	}
}

static u16 ndbg_property_get(struct ndbg_cmd *cmd)
{
	const struct nvmf_property_get_command *get = &cmd->sqe.prop_get;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u64 val = 0;
	u16 status;

	mutex_lock(&ctrl->regs_lock);
	status = ndbg_read_reg(ctrl, le32_to_cpu(get->offset), get->attrib & 1,
			       &val);
	mutex_unlock(&ctrl->regs_lock);
	cmd->result.u64 = cpu_to_le64(val);
	return status;
}

static u16 ndbg_bad_connect(struct ndbg_cmd *cmd, __le32 where)
{
	cmd->result.u32 = where;
	return NVME_SC_CONNECT_INVALID_PARAM | NVME_STATUS_DNR;
}

static u16 ndbg_connect_admin(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	ctrl->cc = 0;
	ctrl->csts = 0;
	WRITE_ONCE(ctrl->fatal, false);
	ndbg_features_reset(ctrl);
	ndbg_set_kato(ctrl, le32_to_cpu(cmd->sqe.connect.kato));
	cmd->result.u32 = cpu_to_le32(ctrl->cntlid);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_connect_io(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	if (!(ctrl->csts & NVME_CSTS_RDY))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	if (le16_to_cpu(cmd->sqe.connect.sqsize) >=
	    ctrl->subsys->config.queue_depth)
		return ndbg_bad_connect(cmd, NDBG_BAD_SQE(sqsize));
	cmd->result.u32 = cpu_to_le32(ctrl->cntlid);
	return NVME_SC_SUCCESS;
}

/* What admin and I/O queues have in common, then what they have not. */
static u16 ndbg_connect_queue(struct ndbg_cmd *cmd,
			      const struct nvmf_connect_data *data)
{
	const struct nvmf_connect_command *c = &cmd->sqe.connect;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u16 qid = cmd->queue->qid;

	if (c->recfmt)
		return NVME_SC_CONNECT_FORMAT | NVME_STATUS_DNR;
	if (le16_to_cpu(c->qid) != qid)
		return ndbg_bad_connect(cmd, NDBG_BAD_SQE(qid));
	if (!c->sqsize)
		return ndbg_bad_connect(cmd, NDBG_BAD_SQE(sqsize));
	if (le16_to_cpu(data->cntlid) !=
	    (qid ? ctrl->cntlid : NVME_CNTLID_DYNAMIC))
		return ndbg_bad_connect(cmd, NDBG_BAD_DATA(cntlid));
	if (strncmp(data->subsysnqn, ctrl->subsys->nqn,
		    sizeof(data->subsysnqn)))
		return ndbg_bad_connect(cmd, NDBG_BAD_DATA(subsysnqn));
	return qid ? ndbg_connect_io(cmd) : ndbg_connect_admin(cmd);
}

static u16 ndbg_connect_locked(struct ndbg_cmd *cmd,
			       const struct nvmf_connect_data *data)
{
	u16 status;

	if (test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	status = ndbg_connect_queue(cmd, data);
	if (!status)
		set_bit(NDBG_Q_CONNECTED, &cmd->queue->flags);
	return status;
}

static u16 ndbg_connect(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct nvmf_connect_data *data;
	struct ndbg_data cursor;
	u16 status;

	if (ndbg_data_len(cmd) != sizeof(*data))
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	data = kmalloc(sizeof(*data), GFP_NOIO);
	if (!data)
		return NVME_SC_INTERNAL;
	ndbg_data_init(&cursor, cmd);
	ndbg_data_get(&cursor, data, sizeof(*data));
	/* Not before a power cut is over. */
	mutex_lock(&ndbg_lock);
	mutex_unlock(&ndbg_lock);
	mutex_lock(&ctrl->regs_lock);
	status = ndbg_connect_locked(cmd, data);
	mutex_unlock(&ctrl->regs_lock);
	kfree(data);
	return status;
}

/**
 * ndbg_fabrics_cmd - execute a fabrics command
 * @cmd: command, from any queue
 *
 * Return: NVMe status.
 */
u16 ndbg_fabrics_cmd(struct ndbg_cmd *cmd)
{
	u8 fctype = cmd->sqe.fabrics.fctype;

	if (fctype == nvme_fabrics_type_connect)
		return ndbg_connect(cmd);
	if (cmd->queue->qid)
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	if (!test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	switch (fctype) {
	case nvme_fabrics_type_property_set:
		return ndbg_property_set(cmd);
	case nvme_fabrics_type_property_get:
		return ndbg_property_get(cmd);
	default:
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	}
}
