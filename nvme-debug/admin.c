// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: admin commands. What the controller says it is (Identify, logs)
 * is all here; that it keeps its word is for io.c and copy.c to see to.
 */
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "nvme-debug.h"

#define NDBG_LPA_EXTENDED_DATA		BIT(2)
#define NDBG_FEAT_SAVE			BIT(31)
#define NDBG_FEAT_SEL			GENMASK(10, 8)
#define NDBG_DLFEAT_READ_ZEROES		0x1
#define NDBG_DLFEAT_DEAC		BIT(3)
#define NDBG_KELVIN			300

/* Send @len bytes; the host must have asked for exactly that much. */
static u16 ndbg_reply(struct ndbg_cmd *cmd, const void *from, size_t len)
{
	struct ndbg_data data;

	if (ndbg_data_len(cmd) != len)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	ndbg_data_init(&data, cmd);
	ndbg_data_put(&data, from, len);
	return NVME_SC_SUCCESS;
}

/* Identify strings are padded with blanks and not terminated. */
static void ndbg_pad(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size);

	memcpy(to, from, n);
	memset(to + n, ' ', size - n);
}

static u16 ndbg_oncs(struct ndbg_ctrl *ctrl)
{
	u16 oncs = NVME_CTRL_ONCS_DSM | NVME_CTRL_ONCS_WRITE_ZEROES;

	return ctrl->config.copy ? oncs | NVME_CTRL_ONCS_COPY : oncs;
}

static void ndbg_id_fabrics(struct ndbg_ctrl *ctrl, struct nvme_id_ctrl *id)
{
	id->kas = cpu_to_le16(10);	/* granularity 1 s */
	id->sqes = NVME_NVM_IOSQES << 4 | NVME_NVM_IOSQES;
	id->cqes = NVME_NVM_IOCQES << 4 | NVME_NVM_IOCQES;
	id->maxcmd = cpu_to_le16(ctrl->config.queue_depth);
	id->sgls = cpu_to_le32(BIT(0));
	id->ioccsz = cpu_to_le32(sizeof(struct nvme_command) / 16);
	id->iorcsz = cpu_to_le32(sizeof(struct nvme_completion) / 16);
	id->msdbd = 1;
	strscpy(id->subnqn, ctrl->ctrl.opts->subsysnqn, sizeof(id->subnqn));
}

static u16 ndbg_id_ctrl(struct ndbg_ctrl *ctrl, struct nvme_id_ctrl *id)
{
	char serial[sizeof(id->sn) + 1];

	scnprintf(serial, sizeof(serial), NDBG_NAME "-%s",
		  ctrl->ctrl.opts->traddr);
	ndbg_pad(id->sn, sizeof(id->sn), serial);
	ndbg_pad(id->mn, sizeof(id->mn), NDBG_NAME);
	ndbg_pad(id->fr, sizeof(id->fr), NDBG_FIRMWARE);
	id->mdts = NDBG_MDTS;
	id->cntlid = cpu_to_le16(ctrl->cntlid);
	id->ver = cpu_to_le32(NDBG_VERSION);
	id->oaes = cpu_to_le32(NVME_AEN_CFG_NS_ATTR);
	id->ctratt = cpu_to_le32(NVME_CTRL_ATTR_HID_128_BIT);
	id->cntrltype = NVME_CTRL_IO;
	id->frmw = BIT(0) | 1 << 1;	/* one slot, read-only */
	id->lpa = NVME_CTRL_LPA_CMD_EFFECTS_LOG | NDBG_LPA_EXTENDED_DATA;
	id->nn = cpu_to_le32(NDBG_NSID);
	id->mnan = cpu_to_le32(NDBG_NSID);
	id->oncs = cpu_to_le16(ndbg_oncs(ctrl));
	id->ocfs = cpu_to_le16(ctrl->config.copy ? BIT(0) : 0);
	ndbg_id_fabrics(ctrl, id);
	return NVME_SC_SUCCESS;
}

static void ndbg_id_ns_copy(struct ndbg_ctrl *ctrl, struct nvme_id_ns *id)
{
	if (!ctrl->config.copy)
		return;
	id->mssrl = cpu_to_le16(ctrl->config.mssrl);
	id->mcl = cpu_to_le32(ctrl->config.mcl);
	id->msrc = ctrl->config.msrc;
}

/*
 * Physical blocks that are larger than logical ones. What a Write has for one
 * page is written under the page's lock, hence atomic; what crosses is not.
 */
static void ndbg_id_ns_physical(struct ndbg_ctrl *ctrl, struct nvme_id_ns *id)
{
	u32 blocks = ctrl->config.physical_block_size >> ctrl->ns.shift;
	__le16 zero_based;

	if (blocks < 2)
		return;
	zero_based = cpu_to_le16(blocks - 1);
	id->nsfeat |= NVME_NS_FEAT_ATOMICS | NVME_NS_FEAT_IO_OPT;
	id->nawun = zero_based;
	id->nawupf = zero_based;
	id->nabsn = zero_based;
	id->nabspf = zero_based;
	id->npwg = zero_based;
	id->npwa = zero_based;
	id->npdg = zero_based;
	id->npda = zero_based;
	id->nows = zero_based;
}

static u16 ndbg_id_ns(struct ndbg_ctrl *ctrl, struct nvme_id_ns *id)
{
	struct ndbg_ns *ns = &ctrl->ns;
	u64 page_blocks = PAGE_SIZE >> ns->shift;
	u64 ncap = min(ns->nsze, ns->store.max_pages * page_blocks);
	u64 nuse = atomic_long_read(&ns->store.nr_pages) * page_blocks;

	id->nsze = cpu_to_le64(ns->nsze);
	id->ncap = cpu_to_le64(ncap);
	id->nuse = cpu_to_le64(min(nuse, ncap));
	id->nsfeat = NVME_NS_FEAT_THIN;
	id->dlfeat = NDBG_DLFEAT_READ_ZEROES | NDBG_DLFEAT_DEAC;
	id->lbaf[0].ds = ns->shift;
	memcpy(id->nguid, &ns->uuid, sizeof(id->nguid));
	ndbg_id_ns_physical(ctrl, id);
	ndbg_id_ns_copy(ctrl, id);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_id_active_ns(u32 above, __le32 *list)
{
	if (above >= NVME_NSID_ALL - 1)
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	if (above < NDBG_NSID)
		list[0] = cpu_to_le32(NDBG_NSID);
	return NVME_SC_SUCCESS;
}

static void *ndbg_add_desc(void *p, u8 type, u8 len, const void *value)
{
	struct nvme_ns_id_desc *desc = p;

	desc->nidt = type;
	desc->nidl = len;
	memcpy(p + sizeof(*desc), value, len);
	return p + sizeof(*desc) + len;
}

static u16 ndbg_id_descs(struct ndbg_ctrl *ctrl, void *p)
{
	const u8 csi = NVME_CSI_NVM;
	const uuid_t *uuid = &ctrl->ns.uuid;

	p = ndbg_add_desc(p, NVME_NIDT_NGUID, NVME_NIDT_NGUID_LEN, uuid);
	p = ndbg_add_desc(p, NVME_NIDT_UUID, NVME_NIDT_UUID_LEN, uuid);
	ndbg_add_desc(p, NVME_NIDT_CSI, NVME_NIDT_CSI_LEN, &csi);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_id_ctrl_nvm(struct nvme_id_ctrl_nvm *id)
{
	id->wzsl = NDBG_WZSL;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_id_ns_indep(struct nvme_id_ns_cs_indep *id)
{
	id->nsfeat = NVME_NS_FEAT_THIN;
	id->nstat = NVME_NSTAT_NRDY;	/* the bit that says ready */
	return NVME_SC_SUCCESS;
}

/* @page is 4096 zero bytes. */
static u16 ndbg_identify_fill(struct ndbg_cmd *cmd, void *page)
{
	const struct nvme_identify *c = &cmd->sqe.identify;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u32 nsid = le32_to_cpu(c->nsid);

	switch (c->cns) {
	case NVME_ID_CNS_CTRL:
		return ndbg_id_ctrl(ctrl, page);
	case NVME_ID_CNS_NS_ACTIVE_LIST:
		return ndbg_id_active_ns(nsid, page);
	case NVME_ID_CNS_CS_CTRL:
		if (c->csi != NVME_CSI_NVM)
			return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
		return ndbg_id_ctrl_nvm(page);
	case NVME_ID_CNS_NS:
	case NVME_ID_CNS_NS_DESC_LIST:
	case NVME_ID_CNS_CS_NS:
	case NVME_ID_CNS_NS_CS_INDEP:
		break;
	default:
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	}

	if (nsid != NDBG_NSID)
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	switch (c->cns) {
	case NVME_ID_CNS_NS:
		return ndbg_id_ns(ctrl, page);
	case NVME_ID_CNS_NS_DESC_LIST:
		return ndbg_id_descs(ctrl, page);
	case NVME_ID_CNS_NS_CS_INDEP:
		return ndbg_id_ns_indep(page);
	default:
		/* No extended formats: all of CNS 05h is zero. */
		return c->csi == NVME_CSI_NVM ? NVME_SC_SUCCESS :
			NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	}
}

static u16 ndbg_identify(struct ndbg_cmd *cmd)
{
	void *page = kzalloc(NVME_IDENTIFY_DATA_SIZE, GFP_NOIO);
	u16 status;

	if (!page)
		return NVME_SC_INTERNAL;
	status = ndbg_identify_fill(cmd, page);
	if (!status)
		status = ndbg_reply(cmd, page, NVME_IDENTIFY_DATA_SIZE);
	kfree(page);
	return status;
}

/* SMART counts units of 1000 * 512 bytes, rounded up. */
static void ndbg_put_units(u8 *field, const atomic64_t *bytes)
{
	put_unaligned_le64(DIV_ROUND_UP_ULL(atomic64_read(bytes), 512000),
			   field);
}

static size_t ndbg_log_smart(struct ndbg_ctrl *ctrl, struct nvme_smart_log *log)
{
	put_unaligned_le16(NDBG_KELVIN, log->temperature);
	log->avail_spare = 100;
	log->spare_thresh = 10;
	ndbg_put_units(log->data_units_read, &ctrl->stats.bytes_read);
	ndbg_put_units(log->data_units_written, &ctrl->stats.bytes_written);
	put_unaligned_le64(atomic64_read(&ctrl->stats.reads), log->host_reads);
	put_unaligned_le64(atomic64_read(&ctrl->stats.writes),
			   log->host_writes);
	return sizeof(*log);
}

static size_t ndbg_log_firmware(struct nvme_fw_slot_info_log *log)
{
	log->afi = 1;
	ndbg_pad((char *)&log->frs[0], sizeof(log->frs[0]), NDBG_FIRMWARE);
	return sizeof(*log);
}

static size_t ndbg_log_effects(struct ndbg_ctrl *ctrl,
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
	log->iocs[nvme_cmd_write_zeroes] = writes;
	log->iocs[nvme_cmd_dsm] = writes;
	if (ctrl->config.copy)
		log->iocs[nvme_cmd_copy] = writes;
	return sizeof(*log);
}

/* @page is 4096 zero bytes. Return: the size of the log, 0 if there is none. */
static size_t ndbg_log_fill(struct ndbg_cmd *cmd, void *page)
{
	const struct nvme_get_log_page_command *c = &cmd->sqe.get_log_page;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	switch (c->lid) {
	case NVME_LOG_ERROR:
		return sizeof(struct nvme_error_slot);	/* ELPE is 0 */
	case NVME_LOG_SMART:
		return ndbg_log_smart(ctrl, page);
	case NVME_LOG_FW_SLOT:
		return ndbg_log_firmware(page);
	case NVME_LOG_CHANGED_NS:
		return NVME_MAX_CHANGED_NAMESPACES * sizeof(__le32);
	case NVME_LOG_CMD_EFFECTS:
		if (c->csi != NVME_CSI_NVM)
			return 0;
		return ndbg_log_effects(ctrl, page);
	default:
		return 0;
	}
}

/* The part of a log the host has asked for; beyond its end there are zeroes. */
static u16 ndbg_reply_log(struct ndbg_cmd *cmd, const void *log, size_t size)
{
	const struct nvme_get_log_page_command *c = &cmd->sqe.get_log_page;
	u64 len = (((u64)le16_to_cpu(c->numdu) << 16 |
		    le16_to_cpu(c->numdl)) + 1) * 4;
	u64 offset = le64_to_cpu(c->lpo);
	struct ndbg_data data;
	size_t n;

	if (offset > size || offset % 4)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (ndbg_data_len(cmd) != len)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	n = min_t(u64, len, size - offset);
	ndbg_data_init(&data, cmd);
	ndbg_data_put(&data, log + offset, n);
	ndbg_data_zero(&data, len - n);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_get_log(struct ndbg_cmd *cmd)
{
	void *page = kzalloc(SZ_4K, GFP_NOIO);
	size_t size;
	u16 status;

	if (!page)
		return NVME_SC_INTERNAL;
	size = ndbg_log_fill(cmd, page);
	if (size)
		status = ndbg_reply_log(cmd, page, size);
	else
		status = NVME_SC_INVALID_LOG_PAGE | NVME_STATUS_DNR;
	kfree(page);
	return status;
}

/* Features that are only remembered, and the bits one may set in them. */
static const u32 ndbg_plain_features[NDBG_NR_FEATURES] = {
	[NVME_FEAT_ARBITRATION]		= 0xffffff07,
	[NVME_FEAT_TEMP_THRESH]		= NVME_TEMP_THRESH_MASK,
	[NVME_FEAT_ERR_RECOVERY]	= 0x0000ffff,
	[NVME_FEAT_WRITE_ATOMIC]	= 0x00000001,
	[NVME_FEAT_ASYNC_EVENT]		= 0xff | NVME_AEN_CFG_NS_ATTR,
};

static u16 ndbg_set_num_queues(struct ndbg_ctrl *ctrl, u32 val, u32 *granted)
{
	u32 nsq = val & 0xffff, ncq = val >> 16;

	if (nsq == 0xffff || ncq == 0xffff)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (ndbg_io_connected(ctrl))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	nsq = min(nsq, NDBG_MAX_IO_QUEUES - 1U);
	ncq = min(ncq, NDBG_MAX_IO_QUEUES - 1);
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
	if (fid >= NDBG_NR_FEATURES || !ndbg_plain_features[fid] ||
	    (val & ~ndbg_plain_features[fid]))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	ctrl->features[fid] = val;
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
	mutex_lock(&ctrl->regs_lock);
	status = ndbg_set_feature(ctrl, fid & 0xff, le32_to_cpu(c->dword11),
				  &result);
	mutex_unlock(&ctrl->regs_lock);
	cmd->result.u32 = cpu_to_le32(result);
	return status;
}

static bool ndbg_has_feature(u8 fid)
{
	return fid == NVME_FEAT_NUM_QUEUES || fid == NVME_FEAT_KATO ||
	       fid == NVME_FEAT_POWER_MGMT ||
	       (fid < NDBG_NR_FEATURES && ndbg_plain_features[fid]);
}

static u16 ndbg_get_features(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u32 fid = le32_to_cpu(cmd->sqe.features.fid);

	/* ONCS does not offer Select. */
	if ((fid & NDBG_FEAT_SEL) || !ndbg_has_feature(fid & 0xff))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	mutex_lock(&ctrl->regs_lock);
	cmd->result.u32 = cpu_to_le32(ctrl->features[fid & 0xff]);
	mutex_unlock(&ctrl->regs_lock);
	return NVME_SC_SUCCESS;
}

/**
 * ndbg_admin_cmd - execute an admin command
 * @cmd: command, from the admin queue
 *
 * Return: NVMe status.
 */
u16 ndbg_admin_cmd(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	if (!(READ_ONCE(ctrl->csts) & NVME_CSTS_RDY))
		return NVME_SC_CMD_SEQ_ERROR | NVME_STATUS_DNR;
	switch (cmd->sqe.common.opcode) {
	case nvme_admin_identify:
		return ndbg_identify(cmd);
	case nvme_admin_get_log_page:
		return ndbg_get_log(cmd);
	case nvme_admin_set_features:
		return ndbg_set_features(cmd);
	case nvme_admin_get_features:
		return ndbg_get_features(cmd);
	case nvme_admin_keep_alive:
		ndbg_keep_alive(ctrl);
		return NVME_SC_SUCCESS;
	case nvme_admin_abort_cmd:
		/* DW0 bit 0: the command was not aborted. */
		cmd->result.u32 = cpu_to_le32(1);
		return NVME_SC_SUCCESS;
	case nvme_admin_async_event:
		/* AERL is 0, and the NVMe core has sent that one. */
		return NVME_SC_ASYNC_LIMIT | NVME_STATUS_DNR;
	default:
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	}
}
