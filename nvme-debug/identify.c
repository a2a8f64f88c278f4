// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: Identify. That what is said here is true is for io.c and copy.c
 * to see to.
 */
#include <linux/minmax.h>
#include <linux/slab.h>

#include "nvme-debug.h"

#define NDBG_LPA_EXTENDED_DATA		BIT(2)
#define NDBG_DLFEAT_READ_ZEROES		0x1
#define NDBG_DLFEAT_DEAC		BIT(3)
#define NDBG_NSFEAT_DULBE		BIT(2)
#define NDBG_NSATTR_WRITE_PROTECTED	BIT(0)
#define NDBG_NWPC			GENMASK(2, 0)	/* all states */
#define NDBG_ONCS_VERIFY		BIT(7)
#define NDBG_ONCS_COPY_ATOMICITY	BIT(9)	/* as that of one Write */
#define NDBG_ONCS_ALL_FAST_COPY		BIT(10)
#define NDBG_VWC_FLUSH_ALL		(3 << 1)	/* NSID FFFFFFFFh */
#define NDBG_ACL			3	/* 0's based */
#define NDBG_CTRATT_MDTS_IS_DATA	BIT(16)	/* and no metadata */

/* What the kernel has no names for. */
#define NDBG_CNS_CS_NS_LIST		0x07
#define NDBG_CNS_CMD_SETS		0x1c

/* Reports every ANA state; a namespace does not change its group. */
#define NDBG_ANACAP			(GENMASK(4, 0) | BIT(6))

/* Send a page; the host must have asked for exactly that much. */
static u16 ndbg_reply(struct ndbg_cmd *cmd, const void *page)
{
	struct ndbg_data data;

	if (ndbg_data_len(cmd) != NVME_IDENTIFY_DATA_SIZE)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	ndbg_data_init(&data, cmd);
	ndbg_data_put(&data, page, NVME_IDENTIFY_DATA_SIZE);
	return NVME_SC_SUCCESS;
}

/* Controllers. */

static u16 ndbg_oncs(const struct ndbg_subsys_config *config)
{
	u16 oncs = NVME_CTRL_ONCS_COMPARE | NVME_CTRL_ONCS_WRITE_UNCORRECTABLE |
		   NVME_CTRL_ONCS_DSM | NVME_CTRL_ONCS_WRITE_ZEROES |
		   NDBG_ONCS_VERIFY;

	if (config->copy)
		oncs |= NVME_CTRL_ONCS_COPY | NDBG_ONCS_COPY_ATOMICITY;
	if (config->copy && config->fast_copy == NDBG_FAST_ALWAYS)
		oncs |= NDBG_ONCS_ALL_FAST_COPY;
	return oncs;
}

static void ndbg_id_fabrics(struct ndbg_subsys *subsys, struct nvme_id_ctrl *id)
{
	id->kas = cpu_to_le16(NDBG_KAS_MS / 100);
	id->sqes = NVME_NVM_IOSQES << 4 | NVME_NVM_IOSQES;
	id->cqes = NVME_NVM_IOCQES << 4 | NVME_NVM_IOCQES;
	id->maxcmd = cpu_to_le16(subsys->config.queue_depth);
	id->sgls = cpu_to_le32(BIT(0));
	id->ioccsz = cpu_to_le32(sizeof(struct nvme_command) / 16);
	id->iorcsz = cpu_to_le32(sizeof(struct nvme_completion) / 16);
	id->msdbd = 1;
	strscpy(id->subnqn, subsys->nqn, sizeof(id->subnqn));
}

static void ndbg_id_ana(struct ndbg_subsys *subsys, struct nvme_id_ctrl *id)
{
	if (!subsys->config.multipath)
		return;
	id->cmic = NVME_CTRL_CMIC_MULTI_CTRL | NVME_CTRL_CMIC_ANA;
	id->oaes |= cpu_to_le32(NVME_AEN_CFG_ANA_CHANGE);
	id->anatt = subsys->config.anatt;
	id->anacap = NDBG_ANACAP;
	id->anagrpmax = cpu_to_le32(NDBG_ANA_GROUP);
	id->nanagrpid = cpu_to_le32(1);
}

static void ndbg_id_ctrl(struct ndbg_ctrl *ctrl, struct nvme_id_ctrl *id)
{
	struct ndbg_subsys *subsys = ctrl->subsys;
	const struct ndbg_subsys_config *config = &subsys->config;

	ndbg_pad(id->sn, sizeof(id->sn), config->serial);
	ndbg_pad(id->mn, sizeof(id->mn), config->model);
	ndbg_pad(id->fr, sizeof(id->fr), NDBG_FIRMWARE);
	id->mdts = NDBG_MDTS;
	id->cntlid = cpu_to_le16(ctrl->cntlid);
	id->ver = cpu_to_le32(NDBG_VERSION);
	id->oaes = cpu_to_le32(NVME_AEN_CFG_NS_ATTR);
	id->ctratt = cpu_to_le32(NVME_CTRL_ATTR_HID_128_BIT |
				 NDBG_CTRATT_MDTS_IS_DATA);
	id->cntrltype = NVME_CTRL_IO;
	id->acl = NDBG_ACL;
	id->aerl = config->aerl;
	id->frmw = BIT(0) | 1 << 1;	/* one slot, read-only */
	id->lpa = NVME_CTRL_LPA_CMD_EFFECTS_LOG | NDBG_LPA_EXTENDED_DATA;
	id->nn = cpu_to_le32(subsys->max_nsid);
	id->mnan = cpu_to_le32(subsys->max_nsid);
	id->oncs = cpu_to_le16(ndbg_oncs(config));
	id->ocfs = cpu_to_le16(config->copy ? config->copy_formats : 0);
	id->vwc = NDBG_VWC_FLUSH_ALL;
	if (config->write_cache)
		id->vwc |= NVME_CTRL_VWC_PRESENT;
	id->nwpc = NDBG_NWPC;
	ndbg_id_fabrics(subsys, id);
	ndbg_id_ana(subsys, id);
}

static void ndbg_id_ctrl_nvm(struct nvme_id_ctrl_nvm *id)
{
	id->vsl = NDBG_VSL;
	id->wzsl = NDBG_WZSL;
}

/* Controllers with @first or a larger id. All namespaces are attached to all. */
static void ndbg_id_ctrl_list(struct ndbg_subsys *subsys, u16 first,
			      __le16 *list)
{
	unsigned int nr = 0, max = NVME_IDENTIFY_DATA_SIZE / sizeof(*list) - 1;
	unsigned long id;
	void *entry;

	xa_for_each_start(&subsys->ctrls, id, entry, first) {
		if (nr == max)
			break;
		list[++nr] = cpu_to_le16(id);
	}
	list[0] = cpu_to_le16(nr);
}

/* Namespaces. */

static void ndbg_id_ns_copy(struct ndbg_ns *ns, struct nvme_id_ns *id)
{
	if (!ns->subsys->config.copy)
		return;
	id->mssrl = cpu_to_le16(READ_ONCE(ns->config.mssrl));
	id->mcl = cpu_to_le32(READ_ONCE(ns->config.mcl));
	id->msrc = READ_ONCE(ns->config.msrc);
}

/* The host should not rely on NUSE where it cannot reach the namespace. */
static void ndbg_id_ns_ana(struct ndbg_ctrl *ctrl, struct nvme_id_ns *id)
{
	u8 state = READ_ONCE(ctrl->ana_state);

	if (!ctrl->subsys->config.multipath)
		return;
	id->nmic = NVME_NS_NMIC_SHARED;
	id->anagrpid = cpu_to_le32(NDBG_ANA_GROUP);
	if (state == NVME_ANA_INACCESSIBLE || state == NVME_ANA_PERSISTENT_LOSS)
		id->nuse = 0;
}

/*
 * Physical blocks that are larger than logical ones. What a Write or a Copy has
 * for one page is written under the page's lock, hence atomic; what crosses is
 * not.
 */
static void ndbg_id_ns_physical(struct ndbg_ns *ns, unsigned int shift,
				struct nvme_id_ns *id)
{
	u32 blocks = READ_ONCE(ns->config.physical_block_size) >> shift;
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

/* A block and its tuple are one: fabrics have no other way. */
static void ndbg_id_ns_pi(const struct ndbg_ns *ns, struct nvme_id_ns *id)
{
	if (!READ_ONCE(ns->config.pi))
		return;
	id->lbaf[0].ms = cpu_to_le16(sizeof(struct t10_pi_tuple));
	id->flbas = NVME_NS_FLBAS_META_EXT;
	id->mc = NVME_MC_EXTENDED_LBA;
	id->dpc = NVME_NS_DPC_PI_TYPE1 | NVME_NS_DPC_PI_LAST;
	id->dps = NVME_NS_DPS_PI_TYPE1;
}

static u8 ndbg_nsattr(const struct ndbg_ns *ns)
{
	return READ_ONCE(ns->write_protect) ? NDBG_NSATTR_WRITE_PROTECTED : 0;
}

/*
 * Each block is atomic; no two are together, but for larger physical ones. All
 * that counts blocks counts blocks of one size, whatever a format does meanwhile.
 */
static void ndbg_id_ns(struct ndbg_ctrl *ctrl, struct ndbg_ns *ns,
		       struct nvme_id_ns *id)
{
	unsigned int shift = READ_ONCE(ns->shift);
	u64 nsze = ndbg_ns_bytes(ns) >> shift;
	u64 page_blocks = PAGE_SIZE >> shift;
	u64 ncap = min(nsze, READ_ONCE(ns->store.max_pages) * page_blocks);
	u64 nuse = READ_ONCE(ns->store.nr_pages) * page_blocks;

	id->nsze = cpu_to_le64(nsze);
	id->ncap = cpu_to_le64(ncap);
	id->nuse = cpu_to_le64(min(nuse, ncap));
	id->nsfeat = NVME_NS_FEAT_THIN | NDBG_NSFEAT_DULBE;
	id->nsattr = ndbg_nsattr(ns);
	id->dlfeat = NDBG_DLFEAT_READ_ZEROES | NDBG_DLFEAT_DEAC;
	id->lbaf[0].ds = shift;
	memcpy(id->nguid, &ns->uuid, sizeof(id->nguid));
	ndbg_id_ns_physical(ns, shift, id);
	ndbg_id_ns_pi(ns, id);
	ndbg_id_ns_copy(ns, id);
	ndbg_id_ns_ana(ctrl, id);
}

static u8 ndbg_csi(const struct ndbg_ns *ns)
{
	return ndbg_is_zoned(ns) ? NVME_CSI_ZNS : NVME_CSI_NVM;
}

static void *ndbg_add_desc(void *p, u8 type, u8 len, const void *value)
{
	struct nvme_ns_id_desc *desc = p;

	desc->nidt = type;
	desc->nidl = len;
	memcpy(p + sizeof(*desc), value, len);
	return p + sizeof(*desc) + len;
}

static void ndbg_id_descs(struct ndbg_ns *ns, void *p)
{
	const u8 csi = ndbg_csi(ns);

	p = ndbg_add_desc(p, NVME_NIDT_NGUID, NVME_NIDT_NGUID_LEN, &ns->uuid);
	p = ndbg_add_desc(p, NVME_NIDT_UUID, NVME_NIDT_UUID_LEN, &ns->uuid);
	ndbg_add_desc(p, NVME_NIDT_CSI, NVME_NIDT_CSI_LEN, &csi);
}

static void ndbg_id_ns_indep(struct ndbg_ctrl *ctrl, struct ndbg_ns *ns,
			     struct nvme_id_ns_cs_indep *id)
{
	id->nsfeat = NVME_NS_FEAT_THIN | NDBG_NSFEAT_DULBE;
	id->nsattr = ndbg_nsattr(ns);
	id->nstat = NVME_NSTAT_NRDY;	/* the bit that says ready */
	if (!ctrl->subsys->config.multipath)
		return;
	id->nmic = NVME_NS_NMIC_SHARED;
	id->anagrpid = cpu_to_le32(NDBG_ANA_GROUP);
}

/* NSIDs above @above that have @mark, in order. */
static u16 ndbg_id_ns_list(struct ndbg_subsys *subsys, u32 above, xa_mark_t mark,
			   __le32 *list)
{
	unsigned int i, max = NVME_IDENTIFY_DATA_SIZE / sizeof(*list);
	unsigned long nsid = above;

	if (above >= NVME_NSID_ALL - 1)
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	for (i = 0; i < max; i++) {
		if (!xa_find_after(&subsys->namespaces, &nsid, subsys->max_nsid,
				   mark))
			break;
		list[i] = cpu_to_le32(nsid);
	}
	return NVME_SC_SUCCESS;
}

/* The same, active, of one command set. */
static u16 ndbg_id_csi_list(struct ndbg_subsys *subsys, u32 above, u8 csi,
			    __le32 *list)
{
	unsigned int nr = 0, max = NVME_IDENTIFY_DATA_SIZE / sizeof(*list);
	struct ndbg_ns *ns;
	unsigned long nsid;

	if (above >= NVME_NSID_ALL - 1)
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	if (csi != NVME_CSI_NVM && csi != NVME_CSI_ZNS)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	xa_for_each_marked(&subsys->namespaces, nsid, ns, NDBG_NS_ACTIVE)
		if (nsid > above && ndbg_csi(ns) == csi && nr < max)
			list[nr++] = cpu_to_le32(nsid);
	return NVME_SC_SUCCESS;
}

/* Controllers that an allocated namespace is attached to. */
static u16 ndbg_id_attached(struct ndbg_subsys *subsys, u32 nsid, u16 first,
			    __le16 *list)
{
	if (nsid == NVME_NSID_ALL || (ndbg_nsid_valid(subsys, nsid) &&
				      !xa_load(&subsys->namespaces, nsid)))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (!ndbg_nsid_valid(subsys, nsid))
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	if (ndbg_ns_find(subsys, nsid))
		ndbg_id_ctrl_list(subsys, first, list);
	return NVME_SC_SUCCESS;
}

/*
 * What is about one namespace. For one that is not active there are zeroes,
 * except that it has no descriptors.
 */
static u16 ndbg_id_one_ns(struct ndbg_cmd *cmd, void *page)
{
	const struct nvme_identify *c = &cmd->sqe.identify;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	u32 nsid = le32_to_cpu(c->nsid);
	struct ndbg_ns *ns;

	if (!ndbg_nsid_valid(ctrl->subsys, nsid))
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	if (c->cns == NVME_ID_CNS_NS_PRESENT)
		ns = xa_load(&ctrl->subsys->namespaces, nsid);
	else
		ns = ndbg_ns_find(ctrl->subsys, nsid);
	if (!ns)
		return c->cns == NVME_ID_CNS_NS_DESC_LIST ?
			NVME_SC_INVALID_FIELD | NVME_STATUS_DNR :
			NVME_SC_SUCCESS;
	switch (c->cns) {
	case NVME_ID_CNS_NS_DESC_LIST:
		ndbg_id_descs(ns, page);
		break;
	case NVME_ID_CNS_NS_CS_INDEP:
		ndbg_id_ns_indep(ctrl, ns, page);
		break;
	case NVME_ID_CNS_CS_NS:
		if (c->csi == NVME_CSI_ZNS)
			return ndbg_zones_identify(ns, page);
		/* All formats have guards of 16 bits: all of it is zero. */
		break;
	default:
		ndbg_id_ns(ctrl, ns, page);
	}
	return NVME_SC_SUCCESS;
}

/* @page is 4096 zero bytes. */
static u16 ndbg_identify_fill(struct ndbg_cmd *cmd, void *page)
{
	const struct nvme_identify *c = &cmd->sqe.identify;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct ndbg_subsys *subsys = ctrl->subsys;
	u32 nsid = le32_to_cpu(c->nsid);

	switch (c->cns) {
	case NVME_ID_CNS_CTRL:
		ndbg_id_ctrl(ctrl, page);
		return NVME_SC_SUCCESS;
	case NVME_ID_CNS_CS_CTRL:
		/* To Zone Append, there is no bound but MDTS: all of it is zero. */
		if (c->csi == NVME_CSI_ZNS)
			return NVME_SC_SUCCESS;
		if (c->csi != NVME_CSI_NVM)
			break;
		ndbg_id_ctrl_nvm(page);
		return NVME_SC_SUCCESS;
	case NVME_ID_CNS_CTRL_LIST:
		ndbg_id_ctrl_list(subsys, le16_to_cpu(c->ctrlid), page);
		return NVME_SC_SUCCESS;
	case NVME_ID_CNS_CTRL_NS_LIST:
		return ndbg_id_attached(subsys, nsid, le16_to_cpu(c->ctrlid),
					page);
	case NVME_ID_CNS_NS_ACTIVE_LIST:
		return ndbg_id_ns_list(subsys, nsid, NDBG_NS_ACTIVE, page);
	case NVME_ID_CNS_NS_PRESENT_LIST:
		return ndbg_id_ns_list(subsys, nsid, XA_PRESENT, page);
	case NDBG_CNS_CS_NS_LIST:
		return ndbg_id_csi_list(subsys, nsid, c->csi, page);
	case NDBG_CNS_CMD_SETS:
		/* One combination, of both. */
		*(__le64 *)page = cpu_to_le64(BIT(NVME_CSI_NVM) |
					      BIT(NVME_CSI_ZNS));
		return NVME_SC_SUCCESS;
	case NVME_ID_CNS_CS_NS:
		if (c->csi != NVME_CSI_NVM && c->csi != NVME_CSI_ZNS)
			break;
		fallthrough;
	case NVME_ID_CNS_NS:
	case NVME_ID_CNS_NS_PRESENT:
	case NVME_ID_CNS_NS_DESC_LIST:
	case NVME_ID_CNS_NS_CS_INDEP:
		return ndbg_id_one_ns(cmd, page);
	}
	return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
}

/* Execute Identify. */
u16 ndbg_identify(struct ndbg_cmd *cmd)
{
	void *page = kzalloc(NVME_IDENTIFY_DATA_SIZE, GFP_NOIO);
	u16 status;

	if (!page)
		return NVME_SC_INTERNAL;
	status = ndbg_identify_fill(cmd, page);
	if (!status)
		status = ndbg_reply(cmd, page);
	kfree(page);
	return status;
}
