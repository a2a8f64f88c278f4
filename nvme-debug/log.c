// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: log pages.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/unaligned.h>

#include "nvme-debug.h"

#define NDBG_LOG_RAE		BIT(7)	/* of the byte that has LSP */
#define NDBG_KELVIN		300

/* SMART counts units of 1000 * 512 bytes, rounded up. */
static void ndbg_put_units(u8 *field, const atomic64_t *bytes)
{
	put_unaligned_le64(DIV_ROUND_UP_ULL(atomic64_read(bytes), 512000),
			   field);
}

static void ndbg_log_smart(struct ndbg_ctrl *ctrl, struct nvme_smart_log *log)
{
	put_unaligned_le16(NDBG_KELVIN, log->temperature);
	log->avail_spare = 100;
	log->spare_thresh = 10;
	ndbg_put_units(log->data_units_read, &ctrl->smart.bytes_read);
	ndbg_put_units(log->data_units_written, &ctrl->smart.bytes_written);
	put_unaligned_le64(atomic64_read(&ctrl->smart.reads), log->host_reads);
	put_unaligned_le64(atomic64_read(&ctrl->smart.writes),
			   log->host_writes);
}

static void ndbg_log_firmware(struct nvme_fw_slot_info_log *log)
{
	log->afi = 1;
	ndbg_pad((char *)&log->frs[0], sizeof(log->frs[0]), NDBG_FIRMWARE);
}

static void ndbg_log_effects(struct ndbg_ctrl *ctrl, u8 csi,
			     struct nvme_effects_log *log)
{
	const __le32 plain = cpu_to_le32(NVME_CMD_EFFECTS_CSUPP);
	const __le32 writes = cpu_to_le32(NVME_CMD_EFFECTS_CSUPP |
					  NVME_CMD_EFFECTS_LBCC);

	log->acs[nvme_admin_get_log_page] = plain;
	log->acs[nvme_admin_identify] = plain;
	log->acs[nvme_admin_abort_cmd] = plain;
	log->acs[nvme_admin_set_features] = plain;
	log->acs[nvme_admin_get_features] = plain;
	log->acs[nvme_admin_async_event] = plain;
	log->acs[nvme_admin_keep_alive] = plain;
	log->iocs[nvme_cmd_flush] = plain;
	log->iocs[nvme_cmd_read] = plain;
	log->iocs[nvme_cmd_write] = writes;
	log->iocs[nvme_cmd_write_uncor] = writes;
	log->iocs[nvme_cmd_compare] = plain;
	log->iocs[nvme_cmd_verify] = plain;
	log->iocs[nvme_cmd_write_zeroes] = writes;
	log->iocs[nvme_cmd_dsm] = writes;
	if (ctrl->subsys->config.copy)
		log->iocs[nvme_cmd_copy] = writes;
	if (csi != NVME_CSI_ZNS)
		return;
	log->iocs[nvme_cmd_zone_mgmt_send] = writes;
	log->iocs[nvme_cmd_zone_mgmt_recv] = plain;
	log->iocs[nvme_cmd_zone_append] = writes;
}

static unsigned int ndbg_count_active(struct ndbg_subsys *subsys)
{
	struct ndbg_ns *ns;
	unsigned long nsid;
	unsigned int nr = 0;

	xa_for_each_marked(&subsys->namespaces, nsid, ns, NDBG_NS_ACTIVE)
		nr++;
	return nr;
}

/* One group, with as many namespaces as @size has room for. */
static void ndbg_log_ana(struct ndbg_ctrl *ctrl, void *log, size_t size,
			 bool groups_only)
{
	struct nvme_ana_rsp_hdr *hdr = log;
	struct nvme_ana_group_desc *desc = log + sizeof(*hdr);
	unsigned int n = 0, max;
	struct ndbg_ns *ns;
	unsigned long nsid;

	max = (size - sizeof(*hdr) - sizeof(*desc)) / sizeof(__le32);
	hdr->chgcnt = cpu_to_le64(READ_ONCE(ctrl->events.ana_changes));
	hdr->ngrps = cpu_to_le16(1);
	desc->grpid = cpu_to_le32(NDBG_ANA_GROUP);
	desc->chgcnt = hdr->chgcnt;
	desc->state = READ_ONCE(ctrl->ana_state);
	if (groups_only)
		return;
	xa_for_each_marked(&ctrl->subsys->namespaces, nsid, ns, NDBG_NS_ACTIVE)
		if (n < max)
			desc->nsids[n++] = cpu_to_le32(nsid);
	desc->nnsids = cpu_to_le32(n);
}

/* Return: the size of the log, 0 if there is none. */
static size_t ndbg_log_size(struct ndbg_cmd *cmd)
{
	const struct nvme_get_log_page_command *c = &cmd->sqe.get_log_page;
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;

	switch (c->lid) {
	case NVME_LOG_ERROR:
		return sizeof(struct nvme_error_slot);	/* ELPE is 0 */
	case NVME_LOG_SMART:
		return sizeof(struct nvme_smart_log);
	case NVME_LOG_FW_SLOT:
		return sizeof(struct nvme_fw_slot_info_log);
	case NVME_LOG_CHANGED_NS:
		return NVME_MAX_CHANGED_NAMESPACES * sizeof(__le32);
	case NVME_LOG_CMD_EFFECTS:
		return c->csi == NVME_CSI_NVM || c->csi == NVME_CSI_ZNS ?
			sizeof(struct nvme_effects_log) : 0;
	case NVME_LOG_ANA:
		if (!subsys->config.multipath)
			return 0;
		return sizeof(struct nvme_ana_rsp_hdr) +
		       sizeof(struct nvme_ana_group_desc) +
		       ndbg_count_active(subsys) * sizeof(__le32);
	default:
		return 0;
	}
}

/* @log is @size zero bytes. */
static void ndbg_log_fill(struct ndbg_cmd *cmd, void *log, size_t size)
{
	const struct nvme_get_log_page_command *c = &cmd->sqe.get_log_page;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	bool clear = !(c->lsp & NDBG_LOG_RAE);

	switch (c->lid) {
	case NVME_LOG_SMART:
		ndbg_log_smart(ctrl, log);
		break;
	case NVME_LOG_FW_SLOT:
		ndbg_log_firmware(log);
		break;
	case NVME_LOG_CHANGED_NS:
		ndbg_changed_list(ctrl, log, clear);
		break;
	case NVME_LOG_CMD_EFFECTS:
		ndbg_log_effects(ctrl, c->csi, log);
		break;
	case NVME_LOG_ANA:
		if (clear)
			ndbg_event_clear(ctrl, NVME_AER_NOTICE_ANA);
		ndbg_log_ana(ctrl, log, size, c->lsp & NVME_ANA_LOG_RGO);
		break;
	}
}

/*
 * All logs are the controller's or the subsystem's. What is asked for is
 * checked before reading a log clears an event.
 */
static u16 ndbg_check_log(struct ndbg_cmd *cmd, size_t size)
{
	const struct nvme_get_log_page_command *c = &cmd->sqe.get_log_page;
	u64 len = (((u64)le16_to_cpu(c->numdu) << 16 |
		    le16_to_cpu(c->numdl)) + 1) * 4;
	u64 offset = le64_to_cpu(c->lpo);

	if (!size)
		return NVME_SC_INVALID_LOG_PAGE | NVME_STATUS_DNR;
	if (c->nsid && c->nsid != cpu_to_le32(NVME_NSID_ALL))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (offset > size || offset % 4)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (ndbg_data_len(cmd) != len)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/* The part of a log the host has asked for; beyond its end there are zeroes. */
static void ndbg_reply_log(struct ndbg_cmd *cmd, const void *log, size_t size)
{
	u64 offset = le64_to_cpu(cmd->sqe.get_log_page.lpo);
	size_t len = ndbg_data_len(cmd);
	size_t n = min_t(u64, len, size - offset);
	struct ndbg_data data;

	ndbg_data_init(&data, cmd);
	ndbg_data_put(&data, log + offset, n);
	ndbg_data_zero(&data, len - n);
}

/* Execute Get Log Page. */
u16 ndbg_get_log(struct ndbg_cmd *cmd)
{
	size_t size = ndbg_log_size(cmd);
	u16 status = ndbg_check_log(cmd, size);
	void *log;

	if (status)
		return status;
	log = kvzalloc(size, GFP_NOIO);
	if (!log)
		return NVME_SC_INTERNAL;
	ndbg_log_fill(cmd, log, size);
	ndbg_reply_log(cmd, log, size);
	kvfree(log);
	return NVME_SC_SUCCESS;
}
