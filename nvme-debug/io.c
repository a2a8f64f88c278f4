// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the NVM command set, but for Copy (copy.c), and Zone Append.
 */
#include <linux/overflow.h>

#include "nvme-debug.h"

/**
 * ndbg_range_ok - does a range lie within the namespace?
 * @ns: namespace
 * @slba: first logical block
 * @nlb: number of logical blocks
 */
bool ndbg_range_ok(const struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	u64 end;

	return !check_add_overflow(slba, nlb, &end) && end <= ndbg_ns_blocks(ns);
}

/**
 * ndbg_media_status - NVMe status for what the store says
 * @err: 0, a negative errno, or an NVMe status
 *
 * A full namespace stays full, so the host should not try again; a machine
 * short of memory may recover.
 *
 * Return: NVMe status.
 */
u16 ndbg_media_status(int err)
{
	if (err > 0)
		return err;
	switch (err) {
	case 0:
		return NVME_SC_SUCCESS;
	case -ENOSPC:
		return NVME_SC_CAP_EXCEEDED | NVME_STATUS_DNR;
	case -EIO:
		return NVME_SC_READ_ERROR | NVME_STATUS_DNR;
	case -ENODATA:
		return NVME_SC_UNWRITTEN_BLOCK | NVME_STATUS_DNR;
	case -EILSEQ:
		return NVME_SC_COMPARE_FAILED | NVME_STATUS_DNR;
	default:
		return NVME_SC_INTERNAL;
	}
}

/**
 * ndbg_check_readable - can blocks be read?
 * @ns: namespace
 * @slba: first logical block, within @ns
 * @nlb: number of logical blocks
 *
 * Those of a zone that is offline cannot, nor those that are deallocated if that is
 * to be an error.
 *
 * Return: NVMe status.
 */
u16 ndbg_check_readable(struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	u16 status = ndbg_zones_readable(ns, slba, nlb);

	if (status || !(READ_ONCE(ns->err_recovery) & NDBG_DULBE))
		return status;
	return ndbg_media_status(ndbg_store_written(&ns->store,
						    slba << ns->shift,
						    nlb << ns->shift));
}

/* Where Read and its kin say what they are about. */
static u64 ndbg_slba(const struct ndbg_cmd *cmd)
{
	return le64_to_cpu(cmd->sqe.rw.slba);
}

static u64 ndbg_nlb(const struct ndbg_cmd *cmd)
{
	return (u64)le16_to_cpu(cmd->sqe.rw.length) + 1;
}

/* At most @shift: log2 of bytes. */
static u16 ndbg_check_range(struct ndbg_cmd *cmd, unsigned int shift)
{
	struct ndbg_ns *ns = cmd->ns;
	u64 nlb = ndbg_nlb(cmd);

	if (nlb << ns->shift > BIT_ULL(shift))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (!ndbg_range_ok(ns, ndbg_slba(cmd), nlb))
		return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/* PRINFO, where Copy has it, too: REF, APP, GUARD, ACT from bit 0 on. */
static u8 ndbg_prinfo(const struct ndbg_cmd *cmd)
{
	return le16_to_cpu(cmd->sqe.rw.control) >> 10 & 0xf;
}

/* Of a block, with its tuple if that is transferred. */
static size_t ndbg_wire_size(const struct ndbg_cmd *cmd)
{
	size_t size = 1 << cmd->ns->shift;

	if (cmd->ns->config.pi && !(ndbg_prinfo(cmd) & NDBG_PI_ACT))
		size += sizeof(struct t10_pi_tuple);
	return size;
}

/* What has data: Read, Write, Compare. */
static u16 ndbg_check_rw(struct ndbg_cmd *cmd)
{
	u16 status = ndbg_check_range(cmd, NDBG_MDTS + NDBG_PAGE_SHIFT);

	if (!status && ndbg_data_len(cmd) != ndbg_nlb(cmd) * ndbg_wire_size(cmd))
		status = NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	return status;
}

/*
 * What the command says of tuples, or no @pi if the namespace has none. Where
 * nothing is transferred or made, there is nothing to insert or strip.
 */
static u16 ndbg_check_pi(struct ndbg_cmd *cmd, struct ndbg_pi *to,
			 struct ndbg_pi **pi)
{
	const struct nvme_rw_command *c = &cmd->sqe.rw;
	u8 prinfo = ndbg_prinfo(cmd);

	*pi = cmd->ns->config.pi ? to : NULL;
	if (!*pi)
		return NVME_SC_SUCCESS;
	if ((prinfo & NDBG_PI_ACT) && c->opcode != nvme_cmd_read &&
	    c->opcode != nvme_cmd_write && c->opcode != nvme_cmd_zone_append)
		return NVME_SC_INVALID_PI | NVME_STATUS_DNR;
	/* Who does not know the address cannot know the reference tag. */
	if (c->opcode == nvme_cmd_zone_append &&
	    !(le16_to_cpu(c->control) & NVME_RW_APPEND_PIREMAP))
		return NVME_SC_INVALID_PI | NVME_STATUS_DNR;
	return ndbg_pi_init(to, cmd->ns, ndbg_slba(cmd), prinfo,
			    le32_to_cpu(c->reftag), le16_to_cpu(c->lbat),
			    le16_to_cpu(c->lbatm));
}

/* Tuples that the host sends are checked before the first block is written. */
static u16 ndbg_check_tuples(struct ndbg_cmd *cmd, const struct ndbg_pi *pi)
{
	u64 pos = ndbg_slba(cmd) << cmd->ns->shift;
	size_t size = 1 << cmd->ns->shift;
	u16 status = NVME_SC_SUCCESS;
	struct ndbg_host host;
	u64 i;

	ndbg_host_init(&host, cmd, pi);
	for (i = 0; host.tuples && i < ndbg_nlb(cmd) && !status; i++) {
		u16 guard = ndbg_data_crc(&host.data, size);
		struct t10_pi_tuple tuple;

		ndbg_data_get(host.tuples, &tuple, sizeof(tuple));
		status = ndbg_pi_check(pi, pos + i * size, guard, &tuple);
	}
	return status;
}

/* By write protection, and by its zone. */
static u16 ndbg_check_writable(struct ndbg_cmd *cmd, u64 slba)
{
	u16 status = ndbg_ns_writable(cmd->ns, slba, ndbg_nlb(cmd));

	return status ?: ndbg_zone_may_write(cmd->ns, slba, ndbg_nlb(cmd));
}

/* The first block that is written: Zone Append says which zone it is in. */
static u16 ndbg_place(struct ndbg_cmd *cmd, u64 *slba)
{
	*slba = ndbg_slba(cmd);
	if (cmd->sqe.common.opcode != nvme_cmd_zone_append)
		return NVME_SC_SUCCESS;
	return ndbg_zone_place(cmd->ns, ndbg_slba(cmd), slba);
}

/* What reads is good so far if @status is. What it does with each part is @look. */
static u16 ndbg_look(struct ndbg_cmd *cmd, u16 status,
		     int (*look)(struct ndbg_store *store, u64 pos, u64 len,
				 struct ndbg_host *host))
{
	struct ndbg_ns *ns = cmd->ns;
	struct ndbg_host host;
	struct ndbg_pi *pi, said;
	int err;

	if (!status)
		status = ndbg_check_pi(cmd, &said, &pi);
	if (!status)
		status = ndbg_check_readable(ns, ndbg_slba(cmd), ndbg_nlb(cmd));
	if (status)
		return status;
	ndbg_host_init(&host, cmd, pi);
	err = look(&ns->store, ndbg_slba(cmd) << ns->shift,
		   ndbg_nlb(cmd) << ns->shift, &host);
	if (!err)
		cmd->bytes = ndbg_nlb(cmd) << ns->shift;
	return ndbg_media_status(err);
}

/**
 * ndbg_max_cached - may what a command writes be in the volatile write cache?
 * @cmd: a Write or Copy, which have Force Unit Access in the same place
 *
 * Write pointers are durable, so what is before them is, too.
 *
 * Return: most pages of the namespace that may be, 0 if it has to be durable when
 * the command completes.
 */
unsigned long ndbg_max_cached(const struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);

	if (ndbg_is_zoned(cmd->ns) ||
	    (le16_to_cpu(cmd->sqe.rw.control) & NVME_RW_FUA) ||
	    !(READ_ONCE(ctrl->features[NVME_FEAT_VOLATILE_WC]) & NDBG_WCE))
		return 0;
	return DIV_ROUND_UP(ctrl->subsys->config.write_cache, PAGE_SIZE);
}

/**
 * ndbg_flush_all - flush all namespaces
 * @subsys: whose; inside of the media of one of its controllers
 */
void ndbg_flush_all(struct ndbg_subsys *subsys)
{
	struct ndbg_ns *ns;
	unsigned long nsid;

	xa_for_each(&subsys->namespaces, nsid, ns)
		ndbg_store_flush(&ns->store);
}

/* Execute Flush of all namespaces, or what is as good. */
u16 ndbg_flush_subsys(struct ndbg_cmd *cmd)
{
	ndbg_flush_all(ndbg_cmd_ctrl(cmd)->subsys);
	return NVME_SC_SUCCESS;
}

/* Beyond the write pointer there is nothing, even if it could not all be written. */
static u16 ndbg_write_blocks(struct ndbg_cmd *cmd, u64 slba,
			     const struct ndbg_pi *pi)
{
	u64 pos = slba << cmd->ns->shift, len = ndbg_nlb(cmd) << cmd->ns->shift;
	struct ndbg_ns *ns = cmd->ns;
	struct ndbg_host host;
	int err;

	ndbg_host_init(&host, cmd, pi);
	err = ndbg_store_write(&ns->store, pos, len, &host,
			       ndbg_max_cached(cmd));
	if (!err)
		cmd->bytes = len;
	else if (ndbg_is_zoned(ns))
		ndbg_store_zero(&ns->store, pos, len);
	return ndbg_media_status(err);
}

/* Write, or Zone Append, which says where it has written. */
static u16 ndbg_write(struct ndbg_cmd *cmd)
{
	bool append = cmd->sqe.common.opcode == nvme_cmd_zone_append;
	u16 status = ndbg_check_rw(cmd);
	struct ndbg_pi *pi, said;
	u64 slba;

	if (!status)
		status = ndbg_place(cmd, &slba);
	if (!status)
		status = ndbg_check_writable(cmd, slba);
	if (!status)
		status = ndbg_check_pi(cmd, &said, &pi);
	if (!status && pi)
		status = ndbg_check_tuples(cmd, pi);
	if (status)
		return status;
	if (pi)
		ndbg_pi_move(pi, slba);
	status = ndbg_write_blocks(cmd, slba, pi);
	if (status)
		return status;
	ndbg_zone_wrote(cmd->ns, slba, ndbg_nlb(cmd));
	if (append)
		cmd->result.u64 = cpu_to_le64(slba);
	return NVME_SC_SUCCESS;
}

/* It moves no data, and may be as large as the command can say. */
static u16 ndbg_write_uncorrectable(struct ndbg_cmd *cmd)
{
	u64 slba = ndbg_slba(cmd), nlb = ndbg_nlb(cmd);
	struct ndbg_ns *ns = cmd->ns;
	u16 status;
	int err;

	if (!ndbg_range_ok(ns, slba, nlb))
		return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	status = ndbg_check_writable(cmd, slba);
	if (status)
		return status;
	err = ndbg_store_spoil(&ns->store, slba << ns->shift, nlb << ns->shift);
	ndbg_zone_wrote(ns, slba, err ? 0 : nlb);
	return ndbg_media_status(err);
}

/* With or without the Deallocate bit: what is deallocated reads as zeroes. */
static u16 ndbg_write_zeroes(struct ndbg_cmd *cmd)
{
	u16 status = ndbg_check_range(cmd, NDBG_WZSL + NDBG_PAGE_SHIFT);
	u64 slba = ndbg_slba(cmd), nlb = ndbg_nlb(cmd);
	struct ndbg_ns *ns = cmd->ns;

	if (!status)
		status = ndbg_check_writable(cmd, slba);
	if (status)
		return status;
	cmd->bytes = nlb << ns->shift;
	ndbg_store_zero(&ns->store, slba << ns->shift, cmd->bytes);
	ndbg_zone_wrote(ns, slba, nlb);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_alone(struct ndbg_cmd *cmd, u16 (*write)(struct ndbg_cmd *cmd))
{
	u16 status;

	ndbg_zones_lock(cmd->ns);
	status = write(cmd);
	ndbg_zones_unlock(cmd->ns);
	return status;
}

static bool ndbg_is_deallocate(const struct ndbg_cmd *cmd)
{
	return le32_to_cpu(cmd->sqe.dsm.attributes) & NVME_DSMGMT_AD;
}

static u16 ndbg_check_dsm(struct ndbg_cmd *cmd,
			  const struct nvme_dsm_range *ranges, unsigned int nr)
{
	struct ndbg_ns *ns = cmd->ns;
	u16 status = NVME_SC_SUCCESS;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!ndbg_range_ok(ns, le64_to_cpu(ranges[i].slba),
				   le32_to_cpu(ranges[i].nlb)))
			return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	if (!ndbg_is_deallocate(cmd))
		return NVME_SC_SUCCESS;
	for (i = 0; i < nr && !status; i++)
		status = ndbg_ns_writable(ns, le64_to_cpu(ranges[i].slba),
					  le32_to_cpu(ranges[i].nlb));
	return status;
}

static void ndbg_deallocate(struct ndbg_cmd *cmd,
			    const struct nvme_dsm_range *ranges,
			    unsigned int nr)
{
	struct ndbg_ns *ns = cmd->ns;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u64 len = (u64)le32_to_cpu(ranges[i].nlb) << ns->shift;

		ndbg_store_zero(&ns->store,
				le64_to_cpu(ranges[i].slba) << ns->shift, len);
		cmd->bytes += len;
	}
}

/* Only Deallocate has an effect; the other attributes are hints. */
static u16 ndbg_dsm(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	unsigned int nr = (le32_to_cpu(cmd->sqe.dsm.nr) & 0xff) + 1;
	struct nvme_dsm_range *ranges;
	struct ndbg_data data;
	u16 status;

	if (ndbg_data_len(cmd) < nr * sizeof(*ranges))
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	ranges = mempool_alloc(&ctrl->lists, GFP_NOIO);
	ndbg_data_init(&data, cmd);
	ndbg_data_get(&data, ranges, nr * sizeof(*ranges));
	cmd->ranges = nr;
	status = ndbg_check_dsm(cmd, ranges, nr);
	if (!status && ndbg_is_deallocate(cmd))
		ndbg_deallocate(cmd, ranges, nr);
	mempool_free(ranges, &ctrl->lists);
	return status;
}

/**
 * ndbg_io_is_long - may a command take so long that others should not wait?
 * @cmd: command, from an I/O queue
 *
 * Reads and writes are done where they are submitted. What may move, free or
 * look at many megabytes goes to a worker.
 */
bool ndbg_io_is_long(const struct ndbg_cmd *cmd)
{
	switch (cmd->sqe.common.opcode) {
	case nvme_cmd_flush:
		return ndbg_cmd_ctrl(cmd)->subsys->config.write_cache;
	case nvme_cmd_write_zeroes:
	case nvme_cmd_write_uncor:
	case nvme_cmd_verify:
	case nvme_cmd_dsm:
	case nvme_cmd_copy:
	case nvme_cmd_zone_mgmt_send:
	case nvme_cmd_zone_mgmt_recv:
		return true;
	default:
		return false;
	}
}

static u16 ndbg_dispatch(struct ndbg_cmd *cmd)
{
	u16 status;

	if (ndbg_fault_strikes(cmd, NDBG_AT_START, &status))
		return status;
	switch (cmd->sqe.common.opcode) {
	case nvme_cmd_read:
		/* Limited Retry asks for nothing: there is nothing to retry. */
		return ndbg_look(cmd, ndbg_check_rw(cmd), ndbg_store_read);
	case nvme_cmd_write:
		return ndbg_alone(cmd, ndbg_write);
	case nvme_cmd_zone_append:
		if (!ndbg_is_zoned(cmd->ns))
			return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
		return ndbg_alone(cmd, ndbg_write);
	case nvme_cmd_flush:
		ndbg_store_flush(&cmd->ns->store);
		return NVME_SC_SUCCESS;
	case nvme_cmd_write_uncor:
		return ndbg_alone(cmd, ndbg_write_uncorrectable);
	case nvme_cmd_compare:
		return ndbg_look(cmd, ndbg_check_rw(cmd), ndbg_store_compare);
	case nvme_cmd_verify:
		return ndbg_look(cmd, ndbg_check_range(cmd, NDBG_VSL +
						       NDBG_PAGE_SHIFT),
				 ndbg_store_verify);
	case nvme_cmd_write_zeroes:
		return ndbg_alone(cmd, ndbg_write_zeroes);
	case nvme_cmd_dsm:
		return ndbg_dsm(cmd);
	case nvme_cmd_copy:
		return ndbg_copy(cmd);
	case nvme_cmd_zone_mgmt_send:
		return ndbg_zone_send(cmd);
	case nvme_cmd_zone_mgmt_recv:
		return ndbg_zone_receive(cmd);
	default:
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	}
}

/* No DNR: another controller may do, or this one later. */
static u16 ndbg_ana_status(u8 state)
{
	switch (state) {
	case NVME_ANA_INACCESSIBLE:
		return NVME_SC_ANA_INACCESSIBLE;
	case NVME_ANA_PERSISTENT_LOSS:
		return NVME_SC_ANA_PERSISTENT_LOSS;
	case NVME_ANA_CHANGE:
		return NVME_SC_ANA_TRANSITION;
	default:
		return NVME_SC_SUCCESS;
	}
}

/* What SMART tells of: Verify is no Read, Write Zeroes no Write. */
static void ndbg_count_smart(const struct ndbg_cmd *cmd)
{
	struct ndbg_smart *smart = &ndbg_cmd_ctrl(cmd)->smart;
	u8 opcode = cmd->sqe.common.opcode;
	bool copy = opcode == nvme_cmd_copy;

	if (opcode == nvme_cmd_read || opcode == nvme_cmd_compare) {
		atomic64_inc(&smart->reads);
		atomic64_add(cmd->bytes, &smart->bytes_read);
	} else if (opcode == nvme_cmd_write ||
		   opcode == nvme_cmd_zone_append || copy) {
		atomic64_inc(&smart->writes);
		atomic64_add(cmd->bytes, &smart->bytes_written);
	}
	if (copy)
		atomic64_add(cmd->bytes, &smart->bytes_read);
}

static u16 ndbg_io_ns(struct ndbg_cmd *cmd)
{
	u16 status = ndbg_ana_status(READ_ONCE(ndbg_cmd_ctrl(cmd)->ana_state));

	/* As in ndbg_ns_find(), which may have seen the format still going on. */
	if (!status && smp_load_acquire(&cmd->ns->state) == NDBG_NS_FORMAT)
		status = NVME_SC_FORMAT_IN_PROGRESS;
	if (!status)
		status = ndbg_dispatch(cmd);
	if (!status && cmd->bytes)
		ndbg_count_smart(cmd);
	if (!status && ndbg_fault_corrupts(cmd))
		ndbg_fault_corrupt(cmd);
	if (status != NDBG_HELD)
		ndbg_ns_count(cmd, status);
	return status;
}

/* A host that enables the NVM command set alone has no zoned namespaces. */
static bool ndbg_has_csi(const struct ndbg_ctrl *ctrl, const struct ndbg_ns *ns)
{
	return !ndbg_is_zoned(ns) ||
	       (READ_ONCE(ctrl->cc) & NVME_CC_CSS_MASK) == NVME_CC_CSS_CSI;
}

/**
 * ndbg_io_cmd - execute a command of the NVM command set
 * @cmd: command, from an I/O queue
 *
 * Return: NVMe status, or NDBG_HELD.
 */
u16 ndbg_io_cmd(struct ndbg_cmd *cmd)
{
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(cmd)->subsys;
	u32 nsid = le32_to_cpu(cmd->sqe.common.nsid);

	if (cmd->sqe.common.flags & (NVME_CMD_FUSE_FIRST | NVME_CMD_FUSE_SECOND))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (nsid == NVME_NSID_ALL && cmd->sqe.common.opcode == nvme_cmd_flush)
		return ndbg_flush_subsys(cmd);
	if (!ndbg_nsid_valid(subsys, nsid))
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	cmd->ns = ndbg_ns_find(subsys, nsid);
	if (!cmd->ns || !ndbg_has_csi(ndbg_cmd_ctrl(cmd), cmd->ns))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	return ndbg_io_ns(cmd);
}
