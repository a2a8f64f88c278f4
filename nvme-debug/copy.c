// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the Copy command, descriptor format 0.
 *
 * Everything that can be known to be wrong is checked before the first write:
 * such a failure leaves the destination alone and DW0 at 0. After that the
 * ranges are copied one after the other, so a failure leaves DW0 at the first
 * range that is not, or not wholly, copied, and all before it are.
 */
#include <linux/sizes.h>

#include "nvme-debug.h"

#define NDBG_DESFMT_MASK	0xf
#define NDBG_DESFMT_0		0

/* Between two of these a copy looks whether it should stop. */
#define NDBG_COPY_PIECE		SZ_256K

static u64 ndbg_range_blocks(const struct nvme_copy_range *range)
{
	return (u64)le16_to_cpu(range->nlb) + 1;
}

static u16 ndbg_check_limits(const struct ndbg_ns *ns,
			     const struct nvme_copy_range *ranges,
			     unsigned int nr, u64 *total)
{
	u32 mssrl = READ_ONCE(ns->config.mssrl);
	unsigned int i;

	*total = 0;
	for (i = 0; i < nr; i++) {
		u64 nlb = ndbg_range_blocks(&ranges[i]);

		if (nlb > mssrl)
			return NVME_SC_CMD_SIZE_LIM_EXCEEDED | NVME_STATUS_DNR;
		*total += nlb;
	}
	if (*total > READ_ONCE(ns->config.mcl))
		return NVME_SC_CMD_SIZE_LIM_EXCEEDED | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_check_ranges(const struct ndbg_ns *ns, u64 sdlba, u64 total,
			     const struct nvme_copy_range *ranges,
			     unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!ndbg_range_ok(ns, le64_to_cpu(ranges[i].slba),
				   ndbg_range_blocks(&ranges[i])))
			return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	if (!ndbg_range_ok(ns, sdlba, total))
		return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/* Copy one range in pieces. All arguments in bytes. */
static u16 ndbg_copy_range(struct ndbg_cmd *cmd, u64 dst, u64 src, u64 len)
{
	struct ndbg_store *store = &cmd->ns->store;

	while (len) {
		u64 n = min_t(u64, len, NDBG_COPY_PIECE);
		int err;

		if (ndbg_cmd_dead(cmd))
			return NVME_SC_ABORT_REQ;
		err = ndbg_store_copy(store, dst, src, n);
		if (err)
			return ndbg_media_status(err);
		cmd->bytes += n;
		dst += n;
		src += n;
		len -= n;
	}
	return NVME_SC_SUCCESS;
}

static u16 ndbg_copy_ranges(struct ndbg_cmd *cmd, u64 sdlba,
			    const struct nvme_copy_range *ranges,
			    unsigned int nr)
{
	unsigned int shift = cmd->ns->shift;
	u64 dst = sdlba << shift;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u64 len = ndbg_range_blocks(&ranges[i]) << shift;
		u16 status = ndbg_copy_range(cmd, dst,
				le64_to_cpu(ranges[i].slba) << shift, len);

		if (status) {
			cmd->result.u32 = cpu_to_le32(i);
			return status;
		}
		dst += len;
	}
	return NVME_SC_SUCCESS;
}

static void ndbg_count_copy(struct ndbg_cmd *cmd)
{
	struct ndbg_smart *smart = &ndbg_cmd_ctrl(cmd)->smart;

	atomic64_inc(&smart->writes);
	atomic64_add(cmd->bytes, &smart->bytes_read);
	atomic64_add(cmd->bytes, &smart->bytes_written);
}

/* The list is in controller memory: the host can no longer change it. */
static u16 ndbg_copy_list(struct ndbg_cmd *cmd,
			  const struct nvme_copy_range *ranges,
			  unsigned int nr)
{
	u64 sdlba = le64_to_cpu(cmd->sqe.copy.sdlba);
	u64 total;
	u16 status;

	status = ndbg_check_limits(cmd->ns, ranges, nr, &total);
	if (!status)
		status = ndbg_check_ranges(cmd->ns, sdlba, total, ranges, nr);
	if (!status)
		status = ndbg_copy_ranges(cmd, sdlba, ranges, nr);
	if (!status)
		ndbg_count_copy(cmd);
	return status;
}

/**
 * ndbg_copy - execute Copy
 * @cmd: the command
 *
 * There is no protection information, so PRINFO and tags are ignored; there is
 * no cache, so Force Unit Access is always honoured.
 *
 * Return: NVMe status; on failure DW0 is the first range not copied.
 */
u16 ndbg_copy(struct ndbg_cmd *cmd)
{
	const struct nvme_copy_command *c = &cmd->sqe.copy;
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	unsigned int nr = c->nr_range + 1;
	struct nvme_copy_range *ranges;
	struct ndbg_data data;
	u16 status;

	if (!ctrl->subsys->config.copy)
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	if ((c->desfmt_prinfor & NDBG_DESFMT_MASK) != NDBG_DESFMT_0)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (c->nr_range > READ_ONCE(cmd->ns->config.msrc))
		return NVME_SC_CMD_SIZE_LIM_EXCEEDED | NVME_STATUS_DNR;
	if (ndbg_data_len(cmd) < nr * sizeof(*ranges))
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	ranges = mempool_alloc(&ctrl->lists, GFP_NOIO);
	ndbg_data_init(&data, cmd);
	ndbg_data_get(&data, ranges, nr * sizeof(*ranges));
	cmd->ranges = nr;
	status = ndbg_copy_list(cmd, ranges, nr);
	mempool_free(ranges, &ctrl->lists);
	return status;
}
