// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: admin commands and features. What the controller says it is has
 * files of its own (identify.c, log.c).
 */
#include <linux/minmax.h>

#include "nvme-debug.h"

#define NDBG_FEAT_SAVE			BIT(31)
#define NDBG_FEAT_SEL			GENMASK(10, 8)

/**
 * ndbg_pad - fill in a string that is padded with blanks and not terminated
 * @to: field
 * @size: its size
 * @from: string
 */
void ndbg_pad(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size);

	memcpy(to, from, n);
	memset(to + n, ' ', size - n);
}

/*
 * What looks at namespaces: they stay until it returns. Registers and features
 * are out of its reach, since who holds their lock may wait for it.
 */
static u16 ndbg_in_media(struct ndbg_cmd *cmd, u16 (*execute)(struct ndbg_cmd *))
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	int idx = srcu_read_lock(&ctrl->media);
	u16 status = execute(cmd);

	srcu_read_unlock(&ctrl->media, idx);
	return status;
}

/* Features that are only remembered, and the bits one may set in them. */
static const u32 ndbg_plain_features[NDBG_NR_FEATURES] = {
	[NVME_FEAT_ARBITRATION]		= 0xffffff07,
	[NVME_FEAT_TEMP_THRESH]		= NVME_TEMP_THRESH_MASK,
	[NVME_FEAT_ERR_RECOVERY]	= 0x0000ffff,
	[NVME_FEAT_WRITE_ATOMIC]	= 0x00000001,
	[NVME_FEAT_ASYNC_EVENT]		= 0xff | NVME_AEN_CFG_NS_ATTR |
					  NVME_AEN_CFG_ANA_CHANGE,
};

static u32 ndbg_feature_bits(struct ndbg_ctrl *ctrl, u8 fid)
{
	u32 bits = fid < NDBG_NR_FEATURES ? ndbg_plain_features[fid] : 0;

	if (fid == NVME_FEAT_ASYNC_EVENT && !ctrl->subsys->config.multipath)
		bits &= ~NVME_AEN_CFG_ANA_CHANGE;
	return bits;
}

static u16 ndbg_set_num_queues(struct ndbg_ctrl *ctrl, u32 val, u32 *granted)
{
	u32 nsq = val & 0xffff, ncq = val >> 16;

	if (nsq == 0xffff || ncq == 0xffff)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (ndbg_io_connected(ctrl))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	nsq = min(nsq, ctrl->max_io_queues - 1);
	ncq = min(ncq, ctrl->max_io_queues - 1);
	*granted = nsq | ncq << 16;
	ctrl->features[NVME_FEAT_NUM_QUEUES] = *granted;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_set_feature(struct ndbg_ctrl *ctrl, u8 fid, u32 val,
			    u32 *result)
{
	switch (fid) {
	case NVME_FEAT_NUM_QUEUES:
		return ndbg_set_num_queues(ctrl, val, result);
	case NVME_FEAT_KATO:
		ndbg_set_kato(ctrl, val);
		return NVME_SC_SUCCESS;
	case NVME_FEAT_POWER_MGMT:
		/* There is one power state, 0. */
		return val ? NVME_SC_INVALID_FIELD | NVME_STATUS_DNR :
			NVME_SC_SUCCESS;
	}
	if (val & ~ndbg_feature_bits(ctrl, fid))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	WRITE_ONCE(ctrl->features[fid], val);
	return NVME_SC_SUCCESS;
}

static bool ndbg_has_feature(u8 fid)
{
	return fid == NVME_FEAT_NUM_QUEUES || fid == NVME_FEAT_KATO ||
	       fid == NVME_FEAT_POWER_MGMT ||
	       (fid < NDBG_NR_FEATURES && ndbg_plain_features[fid]);
}

/* Whose a feature is. Error Recovery is each namespace's. */
static u16 ndbg_check_feature(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	u8 fid = le32_to_cpu(c->fid) & 0xff;
	u32 nsid = le32_to_cpu(c->nsid);

	if (!ndbg_has_feature(fid))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (!nsid || nsid == NVME_NSID_ALL)
		return NVME_SC_SUCCESS;
	if (!ndbg_nsid_valid(subsys, nsid))
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	if (!ndbg_ns_find(subsys, nsid))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (c->opcode == nvme_admin_set_features &&
	    fid != NVME_FEAT_ERR_RECOVERY)
		return NVME_SC_FEATURE_NOT_PER_NS | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_set_features(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u32 fid = le32_to_cpu(c->fid), result = 0;
	u16 status;

	if (fid & NDBG_FEAT_SAVE)
		return NVME_SC_FEATURE_NOT_SAVEABLE | NVME_STATUS_DNR;
	status = ndbg_in_media(cmd, ndbg_check_feature);
	if (status)
		return status;
	mutex_lock(&ctrl->regs_lock);
	status = ndbg_set_feature(ctrl, fid & 0xff, le32_to_cpu(c->dword11),
				  &result);
	mutex_unlock(&ctrl->regs_lock);
	cmd->result.u32 = cpu_to_le32(result);
	return status;
}

static u16 ndbg_get_features(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u32 fid = le32_to_cpu(cmd->sqe.features.fid);
	u16 status;

	/* ONCS does not offer Select. */
	if (fid & NDBG_FEAT_SEL)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	status = ndbg_in_media(cmd, ndbg_check_feature);
	if (status)
		return status;
	mutex_lock(&ctrl->regs_lock);
	cmd->result.u32 = cpu_to_le32(ctrl->features[fid & 0xff]);
	mutex_unlock(&ctrl->regs_lock);
	return NVME_SC_SUCCESS;
}

/* DW0 bit 0 says that the command was not aborted. */
static u16 ndbg_abort_cmd(struct ndbg_cmd *cmd)
{
	const struct nvme_abort_cmd *c = &cmd->sqe.abort;

	if (!ndbg_abort(ndbg_cmd_ctrl(cmd), le16_to_cpu(c->sqid), c->cid))
		cmd->result.u32 = cpu_to_le32(1);
	return NVME_SC_SUCCESS;
}

/**
 * ndbg_admin_cmd - execute an admin command
 * @cmd: command, from the admin queue, or the NVMe core's event request
 *
 * Return: NVMe status, or NDBG_HELD.
 */
u16 ndbg_admin_cmd(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	if (!(READ_ONCE(ctrl->csts) & NVME_CSTS_RDY))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	switch (cmd->sqe.common.opcode) {
	case nvme_admin_identify:
		return ndbg_in_media(cmd, ndbg_identify);
	case nvme_admin_get_log_page:
		return ndbg_in_media(cmd, ndbg_get_log);
	case nvme_admin_set_features:
		return ndbg_set_features(cmd);
	case nvme_admin_get_features:
		return ndbg_get_features(cmd);
	case nvme_admin_keep_alive:
		ndbg_keep_alive(ctrl);
		return NVME_SC_SUCCESS;
	case nvme_admin_abort_cmd:
		return ndbg_abort_cmd(cmd);
	case nvme_admin_async_event:
		return ndbg_event_request(cmd);
	default:
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	}
}
