// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: Set Features and Get Features.
 *
 * Most features are a number of the controller's, and only remembered. Error
 * Recovery and write protection are the namespaces' own and the same through
 * every controller: they last until the last controller is disconnected, Error
 * Recovery also until the only one is reset.
 */
#include <linux/minmax.h>
#include <linux/srcu.h>

#include "nvme-debug.h"

#define NDBG_FEAT_SAVE		BIT(31)
#define NDBG_FEAT_SEL		GENMASK(10, 8)
#define NDBG_BEHAVIOR_BYTES	512
#define NDBG_CMD_SETS		GENMASK(8, 0)
#define NDBG_SC_CMD_SETS_REJECTED 0x2b

/* Features that are only remembered, and the bits one may set in them. */
static const u32 ndbg_plain_features[NDBG_NR_FEATURES] = {
	[NVME_FEAT_ARBITRATION]		= 0xffffff07,
	[NVME_FEAT_TEMP_THRESH]		= NVME_TEMP_THRESH_MASK,
	[NVME_FEAT_VOLATILE_WC]		= NDBG_WCE,
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

static bool ndbg_is_only_ctrl(const struct ndbg_ctrl *ctrl)
{
	struct ndbg_ctrl *other;
	unsigned long id;

	xa_for_each(&ctrl->subsys->ctrls, id, other)
		if (other != ctrl)
			return false;
	return true;
}

/* What another controller's host relies on stays. */
static void ndbg_reset_err_recovery(struct ndbg_ctrl *ctrl)
{
	struct ndbg_ns *ns;
	unsigned long nsid;
	int idx;

	if (!ndbg_is_only_ctrl(ctrl))
		return;
	idx = srcu_read_lock(&ctrl->media);
	xa_for_each(&ctrl->subsys->namespaces, nsid, ns)
		WRITE_ONCE(ns->err_recovery, 0);
	srcu_read_unlock(&ctrl->media, idx);
}

/**
 * ndbg_features_reset - a controller level reset: forget what the host has set
 * @ctrl: controller, regs_lock held
 */
void ndbg_features_reset(struct ndbg_ctrl *ctrl)
{
	lockdep_assert_held(&ctrl->regs_lock);
	memset(ctrl->features, 0, sizeof(ctrl->features));
	if (ctrl->subsys->config.write_cache)
		ctrl->features[NVME_FEAT_VOLATILE_WC] = NDBG_WCE;
	memset(&ctrl->behavior, 0, sizeof(ctrl->behavior));
	ndbg_reset_err_recovery(ctrl);
}

/* Features of the controller. */

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

static u16 ndbg_set_number(struct ndbg_ctrl *ctrl, u8 fid, u32 val, u32 *result)
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
	case NDBG_FEAT_CMD_SETS:
		/* There is one combination of command sets, 0. */
		return val & NDBG_CMD_SETS ?
			NDBG_SC_CMD_SETS_REJECTED | NVME_STATUS_DNR :
			NVME_SC_SUCCESS;
	}
	if (val & ~ndbg_feature_bits(ctrl, fid))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	WRITE_ONCE(ctrl->features[fid], val);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_set_ctrl_feature(struct ndbg_cmd *cmd, u8 fid, u32 val)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u32 result = 0;
	u16 status;

	mutex_lock(&ctrl->regs_lock);
	status = ndbg_set_number(ctrl, fid, val, &result);
	mutex_unlock(&ctrl->regs_lock);
	cmd->result.u32 = cpu_to_le32(result);
	return status;
}

/*
 * Host Behavior Support. Enabling a Copy format that there is not has no
 * effect; what is reserved is ignored.
 */
static u16 ndbg_set_behavior(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct ndbg_host_behavior behavior;
	struct ndbg_data data;

	if (ndbg_data_len(cmd) != NDBG_BEHAVIOR_BYTES)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	ndbg_data_init(&data, cmd);
	ndbg_data_get(&data, &behavior, sizeof(behavior));
	if (behavior.acre > 1 || behavior.etdas > 1 || behavior.lbafee > 1 ||
	    behavior.hdisns > 1)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	mutex_lock(&ctrl->regs_lock);
	ctrl->behavior = behavior;
	mutex_unlock(&ctrl->regs_lock);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_get_behavior(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct ndbg_host_behavior behavior;
	struct ndbg_data data;

	if (ndbg_data_len(cmd) != NDBG_BEHAVIOR_BYTES)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	mutex_lock(&ctrl->regs_lock);
	behavior = ctrl->behavior;
	mutex_unlock(&ctrl->regs_lock);
	ndbg_data_init(&data, cmd);
	ndbg_data_put(&data, &behavior, sizeof(behavior));
	ndbg_data_zero(&data, NDBG_BEHAVIOR_BYTES - sizeof(behavior));
	return NVME_SC_SUCCESS;
}

/* Features of namespaces. */

static u16 ndbg_set_err_recovery(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	u32 val = le32_to_cpu(c->dword11), nsid = le32_to_cpu(c->nsid);
	struct ndbg_ns *ns;
	unsigned long id;

	if (val & ~(NDBG_DULBE | 0xffff))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	xa_for_each_marked(&subsys->namespaces, id, ns, NDBG_NS_ACTIVE)
		if (id == nsid || nsid == NVME_NSID_ALL)
			WRITE_ONCE(ns->err_recovery, val);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_set_write_protect(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	u16 status = NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	struct ndbg_ns *ns;

	mutex_lock(&ndbg_lock);
	ns = ndbg_ns_find(ndbg_cmd_ctrl(cmd)->subsys, le32_to_cpu(c->nsid));
	if (ns)
		status = ndbg_ns_protect(ns, le32_to_cpu(c->dword11) & 7);
	mutex_unlock(&ndbg_lock);
	return status;
}

static u16 ndbg_get_ns_feature(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	u8 fid = le32_to_cpu(c->fid) & 0xff;
	struct ndbg_ns *ns;

	ns = ndbg_ns_find(ndbg_cmd_ctrl(cmd)->subsys, le32_to_cpu(c->nsid));
	if (!ns)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	cmd->result.u32 = cpu_to_le32(fid == NVME_FEAT_WRITE_PROTECT ?
				      READ_ONCE(ns->write_protect) :
				      READ_ONCE(ns->err_recovery));
	return NVME_SC_SUCCESS;
}

/* What both commands check. */

static bool ndbg_feature_is_ns(u8 fid)
{
	return fid == NVME_FEAT_ERR_RECOVERY || fid == NVME_FEAT_WRITE_PROTECT;
}

static bool ndbg_has_feature(const struct ndbg_subsys *subsys, u8 fid)
{
	if (fid == NVME_FEAT_VOLATILE_WC && !subsys->config.write_cache)
		return false;
	return ndbg_feature_is_ns(fid) || fid == NVME_FEAT_NUM_QUEUES ||
	       fid == NVME_FEAT_KATO || fid == NVME_FEAT_POWER_MGMT ||
	       fid == NVME_FEAT_HOST_BEHAVIOR || fid == NDBG_FEAT_CMD_SETS ||
	       (fid < NDBG_NR_FEATURES && ndbg_plain_features[fid]);
}

/*
 * A feature of namespaces needs one; Error Recovery can be set for all. One of
 * the controller's does not have one, though to ask is no mistake.
 */
static u16 ndbg_check_feature(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	bool set = c->opcode == nvme_admin_set_features;
	u8 fid = le32_to_cpu(c->fid) & 0xff;
	u32 nsid = le32_to_cpu(c->nsid);
	bool is_ns = ndbg_feature_is_ns(fid);

	if (!ndbg_has_feature(subsys, fid))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (is_ns ? set && fid == NVME_FEAT_ERR_RECOVERY && nsid == NVME_NSID_ALL :
		    !nsid || nsid == NVME_NSID_ALL)
		return NVME_SC_SUCCESS;
	if (!ndbg_nsid_valid(subsys, nsid))
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	if (!ndbg_ns_find(subsys, nsid))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (set && !is_ns)
		return NVME_SC_FEATURE_NOT_PER_NS | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/* What is in the write cache does not stay there when it is disabled. */
static u16 ndbg_set_write_cache(struct ndbg_cmd *cmd)
{
	u32 val = le32_to_cpu(cmd->sqe.features.dword11);
	u16 status = ndbg_set_ctrl_feature(cmd, NVME_FEAT_VOLATILE_WC, val);

	if (!status && !val)
		status = ndbg_in_media(cmd, ndbg_flush_subsys);
	return status;
}

/* Execute Set Features. */
u16 ndbg_set_features(struct ndbg_cmd *cmd)
{
	const struct nvme_features *c = &cmd->sqe.features;
	u32 fid = le32_to_cpu(c->fid);
	u16 status;

	if (fid & NDBG_FEAT_SAVE)
		return NVME_SC_FEATURE_NOT_SAVEABLE | NVME_STATUS_DNR;
	status = ndbg_in_media(cmd, ndbg_check_feature);
	if (status)
		return status;
	switch (fid & 0xff) {
	case NVME_FEAT_ERR_RECOVERY:
		return ndbg_in_media(cmd, ndbg_set_err_recovery);
	case NVME_FEAT_WRITE_PROTECT:
		return ndbg_set_write_protect(cmd);
	case NVME_FEAT_HOST_BEHAVIOR:
		return ndbg_set_behavior(cmd);
	case NVME_FEAT_VOLATILE_WC:
		return ndbg_set_write_cache(cmd);
	}
	return ndbg_set_ctrl_feature(cmd, fid & 0xff, le32_to_cpu(c->dword11));
}

/* Execute Get Features. */
u16 ndbg_get_features(struct ndbg_cmd *cmd)
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
	if (ndbg_feature_is_ns(fid & 0xff))
		return ndbg_in_media(cmd, ndbg_get_ns_feature);
	if ((fid & 0xff) == NVME_FEAT_HOST_BEHAVIOR)
		return ndbg_get_behavior(cmd);
	mutex_lock(&ctrl->regs_lock);
	cmd->result.u32 = cpu_to_le32(ctrl->features[fid & 0xff]);
	mutex_unlock(&ctrl->regs_lock);
	return NVME_SC_SUCCESS;
}
