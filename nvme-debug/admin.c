// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: admin commands. What the controller says it is, and features, have
 * files of their own (identify.c, log.c, features.c).
 */
#include "nvme-debug.h"

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

/**
 * ndbg_in_media - execute a command, or a part of it, that looks at namespaces
 * @cmd: the command
 * @execute: what to do; all namespaces it finds stay until it returns. It takes
 *	neither ndbg_lock nor regs_lock: who holds these may wait for it
 *
 * Return: what @execute does.
 */
u16 ndbg_in_media(struct ndbg_cmd *cmd, u16 (*execute)(struct ndbg_cmd *))
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	int idx = srcu_read_lock(&ctrl->media);
	u16 status = execute(cmd);

	srcu_read_unlock(&ctrl->media, idx);
	return status;
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
 * ndbg_admin_is_long - may a command take so long that others should not wait?
 * @cmd: command, from the admin queue
 *
 * Write protection waits for commands that write, and for whoever changes the
 * shape of things.
 */
bool ndbg_admin_is_long(const struct ndbg_cmd *cmd)
{
	return cmd->sqe.common.opcode == nvme_admin_set_features &&
	       (le32_to_cpu(cmd->sqe.features.fid) & 0xff) ==
		       NVME_FEAT_WRITE_PROTECT;
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
	u16 status;

	if (!(READ_ONCE(ctrl->csts) & NVME_CSTS_RDY))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	if (ndbg_fault_strikes(cmd, NDBG_AT_START, &status))
		return status;
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
