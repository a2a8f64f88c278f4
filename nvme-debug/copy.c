// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the Copy command.
 *
 * Everything that can be known to be wrong is checked before the first write:
 * such a failure leaves the destination alone and DW0 at 0. After that the
 * ranges are copied one after the other, so a failure leaves DW0 at the first
 * range that is not, or not wholly, copied, and all before it are. To readers a
 * page changes at once, also where several ranges meet in it (ndbg_store_copy()).
 */
#include <linux/sizes.h>

#include "nvme-debug.h"

#define NDBG_DESFMT		0xf	/* in the byte it shares with PRINFOR */
#define NDBG_NR_DESFMTS		4
#define NDBG_PRINFOR_SHIFT	4	/* there, too */
#define NDBG_PRINFOW_SHIFT	10	/* in the half word after it */
#define NDBG_SOPT_FCO		BIT(15)

/* Between two of these a copy looks whether it should stop. */
#define NDBG_COPY_PIECE		SZ_256K

/*
 * A source range as the host describes it. In formats 0 and 1 @snsid and @sopt
 * are reserved. From @elbt on 1 and 3 have larger tags, which end later.
 */
struct ndbg_copy_desc {
	__le32	snsid;
	u8	rsvd4[4];
	__le64	slba;
	__le16	nlb;
	__le16	cetype;
	__le16	cev;
	__le16	sopt;
	__le32	elbt;
	__le16	elbat;
	__le16	elbatm;
	u8	more[8];
};

/**
 * struct ndbg_source - a source range as the controller sees it
 * @ns:		whose it is
 * @slba:	first logical block
 * @nlb:	number of logical blocks, 1 to 65536
 * @ref:	expected reference tag
 * @app:	expected application tag
 * @app_mask:	its mask
 * @fast_only:	copy it fast or not at all
 */
struct ndbg_source {
	struct ndbg_ns	*ns;
	u64		slba;
	u32		nlb;
	u32		ref;
	u16		app;
	u16		app_mask;
	bool		fast_only;
};

static_assert(sizeof(struct ndbg_source) * NVME_COPY_MAX_RANGES <=
	      NDBG_LIST_BYTES);

/**
 * struct ndbg_copy - a Copy command that is executed
 * @cmd:	the command
 * @format:	descriptor format
 * @sources:	source ranges, in controller memory: the host cannot change them
 * @nr:		number of these
 * @sdlba:	first logical block of the destination
 * @total:	logical blocks of all source ranges
 * @prinfor:	NDBG_PI_* of what is read
 * @prinfow:	NDBG_PI_* of what is written
 * @from_pi:	how tuples of the range are checked that is being copied
 * @to_pi:	how they are checked, or made, where they are written
 * @gather:	what is being copied
 * @pos:	where what the command tells as written ends, in bytes
 */
struct ndbg_copy {
	struct ndbg_cmd		*cmd;
	unsigned int		format;
	struct ndbg_source	*sources;
	unsigned int		nr;
	u64			sdlba;
	u64			total;
	u8			prinfor;
	u8			prinfow;
	struct ndbg_pi		from_pi;
	struct ndbg_pi		to_pi;
	struct ndbg_gather	gather;
	u64			pos;
};

/* Formats 2 and 3 name the source's namespace. */
static bool ndbg_names_ns(const struct ndbg_copy *copy)
{
	return copy->format >= 2;
}

static size_t ndbg_desc_size(const struct ndbg_copy *copy)
{
	return copy->format & 1 ? 40 : 32;
}

/* What to copy. */

static u16 ndbg_check_format(const struct ndbg_copy *copy)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(copy->cmd);

	if (copy->format >= NDBG_NR_DESFMTS ||
	    !(ctrl->subsys->config.copy_formats & BIT(copy->format)))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (ndbg_names_ns(copy) &&
	    !(le16_to_cpu(READ_ONCE(ctrl->behavior.cdfe)) & BIT(copy->format)))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	/* Tags that large are for 32 and 64 bit guards. */
	if (copy->format & 1)
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_find_source(const struct ndbg_copy *copy, u32 snsid,
			    struct ndbg_ns **ns)
{
	struct ndbg_subsys *subsys = ndbg_cmd_ctrl(copy->cmd)->subsys;

	if (!ndbg_nsid_valid(subsys, snsid))
		return NVME_SC_INVALID_NS | NVME_STATUS_DNR;
	*ns = ndbg_ns_find(subsys, snsid);
	if (!*ns)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	/* As in ndbg_ns_find(), which may have seen the format still going on. */
	if (smp_load_acquire(&(*ns)->state) == NDBG_NS_FORMAT)
		return NVME_SC_FORMAT_IN_PROGRESS;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_decode(const struct ndbg_copy *copy,
		       const struct ndbg_copy_desc *desc,
		       struct ndbg_source *source)
{
	*source = (struct ndbg_source) {
		.ns	= copy->cmd->ns,
		.slba	= le64_to_cpu(desc->slba),
		.nlb	= le16_to_cpu(desc->nlb) + 1,
		.ref	= le32_to_cpu(desc->elbt),
		.app	= le16_to_cpu(desc->elbat),
		.app_mask = le16_to_cpu(desc->elbatm),
	};
	if (!ndbg_names_ns(copy))
		return NVME_SC_SUCCESS;
	source->fast_only = le16_to_cpu(desc->sopt) & NDBG_SOPT_FCO;
	return ndbg_find_source(copy, le32_to_cpu(desc->snsid), &source->ns);
}

/*
 * Each byte of host memory is read once, and again if the command has waited:
 * what was found out before may not be true any more.
 */
static u16 ndbg_fetch(struct ndbg_copy *copy)
{
	u16 status = NVME_SC_SUCCESS;
	struct ndbg_data data;
	unsigned int i;

	ndbg_data_init(&data, copy->cmd);
	for (i = 0; i < copy->nr && !status; i++) {
		struct ndbg_copy_desc desc;

		ndbg_data_get(&data, &desc, ndbg_desc_size(copy));
		status = ndbg_decode(copy, &desc, &copy->sources[i]);
		copy->total += copy->sources[i].nlb;
	}
	return status;
}

/* First byte of the destination, or where a copy that has waited goes on. */
static u64 ndbg_copy_start(const struct ndbg_copy *copy)
{
	const struct ndbg_cmd *cmd = copy->cmd;
	u64 lba = copy->sdlba;
	u32 i;

	for (i = 0; i < cmd->range; i++)
		lba += copy->sources[i].nlb;
	lba += min(cmd->block, copy->sources[i].nlb);
	return lba << cmd->ns->shift;
}

/* Whether it can be copied. Each check counts on those before it. */

static u16 ndbg_check_limits(const struct ndbg_copy *copy)
{
	const struct ndbg_ns_config *config = &copy->cmd->ns->config;
	u32 mssrl = READ_ONCE(config->mssrl);
	unsigned int i;

	for (i = 0; i < copy->nr; i++)
		if (copy->sources[i].nlb > mssrl)
			return NVME_SC_CMD_SIZE_LIM_EXCEEDED | NVME_STATUS_DNR;
	if (copy->total > READ_ONCE(config->mcl))
		return NVME_SC_CMD_SIZE_LIM_EXCEEDED | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_check_ranges(const struct ndbg_copy *copy)
{
	unsigned int i;

	for (i = 0; i < copy->nr; i++)
		if (!ndbg_range_ok(copy->sources[i].ns, copy->sources[i].slba,
				   copy->sources[i].nlb))
			return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	if (!ndbg_range_ok(copy->cmd->ns, copy->sdlba, copy->total))
		return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

static u16 ndbg_check_block_size(const struct ndbg_copy *copy)
{
	unsigned int i;

	for (i = 0; i < copy->nr; i++)
		if (copy->sources[i].ns->shift != copy->cmd->ns->shift)
			return NVME_SC_INCOMPATIBLE_NS | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/* The tuples that the destination is to have, if it has any. */
static u16 ndbg_dest_pi(const struct ndbg_copy *copy, struct ndbg_pi *pi)
{
	const struct nvme_copy_command *c = &copy->cmd->sqe.copy;

	return ndbg_pi_init(pi, copy->cmd->ns, copy->sdlba, copy->prinfow,
			    le32_to_cpu(c->ilbrt), le16_to_cpu(c->lbat),
			    le16_to_cpu(c->lbatm));
}

/* Those that a source range is to have. */
static u16 ndbg_source_pi(const struct ndbg_copy *copy,
			  const struct ndbg_source *source, struct ndbg_pi *pi)
{
	return ndbg_pi_init(pi, source->ns, source->slba, copy->prinfor,
			    source->ref, source->app, source->app_mask);
}

/*
 * Between namespaces of which only one has tuples, they have to be inserted or
 * stripped; where both have, they are passed on or replaced.
 */
static u16 ndbg_check_source_pi(const struct ndbg_copy *copy,
				const struct ndbg_source *source)
{
	bool to = copy->cmd->ns->config.pi, from = source->ns->config.pi;
	bool strip = copy->prinfor & NDBG_PI_ACT;
	bool insert = copy->prinfow & NDBG_PI_ACT;
	struct ndbg_pi pi;

	if (from && to && strip != insert)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if ((from && !to && !strip) || (!from && to && !insert))
		return NVME_SC_INCOMPATIBLE_NS | NVME_STATUS_DNR;
	return from ? ndbg_source_pi(copy, source, &pi) : NVME_SC_SUCCESS;
}

static u16 ndbg_check_copy_pi(const struct ndbg_copy *copy)
{
	u16 status = NVME_SC_SUCCESS;
	struct ndbg_pi pi;
	unsigned int i;

	for (i = 0; i < copy->nr && !status; i++)
		status = ndbg_check_source_pi(copy, &copy->sources[i]);
	if (!status && copy->cmd->ns->config.pi)
		status = ndbg_dest_pi(copy, &pi);
	return status;
}

/* In formats 0 and 1 the host should not, but may. */
static u16 ndbg_check_overlap(const struct ndbg_copy *copy)
{
	unsigned int i;

	for (i = 0; ndbg_names_ns(copy) && i < copy->nr; i++) {
		const struct ndbg_source *source = &copy->sources[i];

		if (source->ns == copy->cmd->ns &&
		    source->slba < copy->sdlba + copy->total &&
		    copy->sdlba < source->slba + source->nlb)
			return NVME_SC_OVERLAPPING_IO_RANGE | NVME_STATUS_DNR;
	}
	return NVME_SC_SUCCESS;
}

static u16 ndbg_check_fast(const struct ndbg_copy *copy)
{
	u32 fast = ndbg_cmd_ctrl(copy->cmd)->subsys->config.fast_copy;
	unsigned int i;

	if (fast == NDBG_FAST_ALWAYS)
		return NVME_SC_SUCCESS;
	for (i = 0; i < copy->nr; i++)
		if (copy->sources[i].fast_only)
			return NVME_SC_FAST_COPY_NOT_POSSIBLE |
			       (fast == NDBG_FAST_NEVER ? NVME_STATUS_DNR : 0);
	return NVME_SC_SUCCESS;
}

static u16 ndbg_check_destination(const struct ndbg_copy *copy)
{
	return ndbg_ns_writable(copy->cmd->ns, copy->sdlba, copy->total);
}

/* Of what is left to be copied. */
static u16 ndbg_check_zone(const struct ndbg_copy *copy)
{
	struct ndbg_ns *ns = copy->cmd->ns;
	u64 slba = ndbg_copy_start(copy) >> ns->shift;

	return ndbg_zone_may_write(ns, slba, copy->sdlba + copy->total - slba);
}

static u16 ndbg_check_sources(const struct ndbg_copy *copy)
{
	u16 status = NVME_SC_SUCCESS;
	unsigned int i;

	for (i = 0; i < copy->nr && !status; i++)
		status = ndbg_check_readable(copy->sources[i].ns,
					     copy->sources[i].slba,
					     copy->sources[i].nlb);
	return status;
}

static u16 (*const ndbg_copy_checks[])(const struct ndbg_copy *copy) = {
	ndbg_check_limits,
	ndbg_check_block_size,
	ndbg_check_copy_pi,
	ndbg_check_ranges,
	ndbg_check_overlap,
	ndbg_check_fast,
	ndbg_check_destination,
	ndbg_check_zone,
	ndbg_check_sources,
};

static u16 ndbg_check_copy(const struct ndbg_copy *copy)
{
	u16 status = NVME_SC_SUCCESS;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ndbg_copy_checks) && !status; i++)
		status = ndbg_copy_checks[i](copy);
	return status;
}

/* Copying. */

static bool ndbg_copy_dead(struct ndbg_cmd *cmd, const struct ndbg_ns *from)
{
	return ndbg_cmd_dead(cmd) || READ_ONCE(from->state) != NDBG_NS_ON;
}

/* The range that the first block that is not written is to come from. */
static u32 ndbg_first_left(const struct ndbg_copy *copy)
{
	u64 blocks = (copy->pos >> copy->cmd->ns->shift) - copy->sdlba;
	u32 i = 0;

	while (i < copy->nr - 1 && blocks >= copy->sources[i].nlb)
		blocks -= copy->sources[i++].nlb;
	return i;
}

/* Have the command tell what is written by now. */
static void ndbg_copy_tell(struct ndbg_copy *copy)
{
	u64 pos = ndbg_gather_pos(&copy->gather);

	copy->cmd->bytes += pos - copy->pos;
	copy->pos = pos;
	copy->cmd->result.u32 = cpu_to_le32(ndbg_first_left(copy));
}

static u16 ndbg_copy_flush(struct ndbg_copy *copy)
{
	int err = ndbg_gather_flush(&copy->gather);

	ndbg_copy_tell(copy);
	return ndbg_media_status(err);
}

/* Copy one range in pieces. @src and @len in bytes. */
static u16 ndbg_copy_range(struct ndbg_copy *copy, struct ndbg_ns *from,
			   u64 src, u64 len)
{
	while (len) {
		u64 n = min_t(u64, len, NDBG_COPY_PIECE);
		int err;

		if (ndbg_copy_dead(copy->cmd, from))
			return NVME_SC_ABORT_REQ;
		err = ndbg_store_copy(&copy->gather, &from->store, src, n);
		ndbg_copy_tell(copy);
		if (err)
			return ndbg_media_status(err);
		src += n;
		len -= n;
	}
	return NVME_SC_SUCCESS;
}

/* Blocks @from to @to of source range @i. */
static u16 ndbg_copy_part(struct ndbg_copy *copy, unsigned int i, u32 from,
			  u32 to)
{
	const struct ndbg_source *source = &copy->sources[i];
	unsigned int shift = copy->cmd->ns->shift;

	return ndbg_copy_range(copy, source->ns, (source->slba + from) << shift,
			       (u64)(to - from) << shift);
}

/*
 * Should it wait, it goes on where it says it is: what it has gathered is not
 * kept but written before.
 *
 * Return: whether that ends this run, with @status.
 */
static bool ndbg_copy_source(struct ndbg_copy *copy, unsigned int i, u16 *status)
{
	struct ndbg_cmd *cmd = copy->cmd;
	u32 nlb = copy->sources[i].nlb;
	u32 done = i == cmd->range ? min(cmd->block, nlb) : 0;

	copy->gather.from_pi = copy->sources[i].ns->config.pi ? &copy->from_pi :
								NULL;
	ndbg_source_pi(copy, &copy->sources[i], &copy->from_pi);
	if (ndbg_fault_in_range(cmd, i)) {
		u32 until = clamp(cmd->plan.config.blocks, done, nlb);

		*status = ndbg_copy_part(copy, i, done, until) ?:
			  ndbg_copy_flush(copy);
		if (*status)
			return true;
		cmd->range = i;
		cmd->block = until;
		cmd->result.u32 = cpu_to_le32(i);
		if (ndbg_fault_strikes(cmd, NDBG_AT_RANGE, status))
			return true;
		done = until;
	}
	*status = ndbg_copy_part(copy, i, done, nlb);
	return *status;
}

static u16 ndbg_copy_ranges(struct ndbg_copy *copy)
{
	unsigned int i;
	u16 status;

	for (i = copy->cmd->range; i < copy->nr; i++)
		if (ndbg_copy_source(copy, i, &status))
			return status;
	return ndbg_copy_flush(copy);
}

/* So that it needs no allocation, a copy has two pages from a pool. */
static u16 ndbg_copy_all(struct ndbg_copy *copy)
{
	mempool_t *pool = &ndbg_cmd_ctrl(copy->cmd)->bounce;
	struct page *pages = mempool_alloc(pool, GFP_NOIO);
	struct ndbg_ns *ns = copy->cmd->ns;
	u64 start = ndbg_copy_start(copy);
	u16 status;

	copy->pos = start;
	copy->gather = (struct ndbg_gather) {
		.to		= &ns->store,
		.max_cached	= ndbg_max_cached(copy->cmd),
		.dst		= copy->pos,
		.now.data	= page_address(pages),
		.seen.data	= page_address(pages) + PAGE_SIZE,
	};
	ndbg_dest_pi(copy, &copy->to_pi);
	if (ns->config.pi)
		copy->gather.to_pi = &copy->to_pi;
	status = ndbg_copy_ranges(copy);
	/* The command may be someone else's by now, if it waits. */
	ndbg_zone_wrote(ns, start >> ns->shift, (copy->pos - start) >> ns->shift);
	mempool_free(pages, pool);
	return status;
}

static u16 ndbg_do_copy(struct ndbg_copy *copy)
{
	struct ndbg_ns *ns = copy->cmd->ns;
	u16 status = ndbg_fetch(copy);

	if (status)
		return status;
	ndbg_zones_lock(ns);
	status = ndbg_check_copy(copy);
	if (!status)
		status = ndbg_copy_all(copy);
	ndbg_zones_unlock(ns);
	if (!status)
		copy->cmd->result.u32 = 0;
	return status;
}

static void ndbg_copy_init(struct ndbg_copy *copy, struct ndbg_cmd *cmd)
{
	const struct nvme_copy_command *c = &cmd->sqe.copy;

	*copy = (struct ndbg_copy) {
		.cmd	= cmd,
		.format	= c->desfmt_prinfor & NDBG_DESFMT,
		.nr	= c->nr_range + 1,
		.sdlba	= le64_to_cpu(c->sdlba),
		.prinfor = c->desfmt_prinfor >> NDBG_PRINFOR_SHIFT,
		.prinfow = le16_to_cpu(c->control) >> NDBG_PRINFOW_SHIFT & 0xf,
	};
}

static bool ndbg_list_is_short(const struct ndbg_copy *copy)
{
	return ndbg_data_len(copy->cmd) < copy->nr * ndbg_desc_size(copy);
}

/**
 * ndbg_copy_blocks - how many blocks a Copy would write
 * @cmd: a Copy, as good or bad as the host has sent it
 *
 * Return: blocks, 0 if its list is too short.
 */
u64 ndbg_copy_blocks(struct ndbg_cmd *cmd)
{
	struct ndbg_copy copy;
	struct ndbg_data data;
	u64 blocks = 0;
	unsigned int i;

	ndbg_copy_init(&copy, cmd);
	if (ndbg_list_is_short(&copy))
		return 0;
	ndbg_data_init(&data, cmd);
	for (i = 0; i < copy.nr; i++) {
		struct ndbg_copy_desc desc;

		ndbg_data_get(&data, &desc, ndbg_desc_size(&copy));
		blocks += le16_to_cpu(desc.nlb) + 1;
	}
	return blocks;
}

/**
 * ndbg_copy - execute Copy
 * @cmd: the command
 *
 * Between namespaces without protection information PRINFO and tags are ignored.
 * Force Unit Access writes through the cache.
 *
 * Return: NVMe status, or NDBG_HELD; on failure DW0 is the first range not
 * copied.
 */
u16 ndbg_copy(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct ndbg_copy copy;
	u16 status;

	ndbg_copy_init(&copy, cmd);
	if (!ctrl->subsys->config.copy)
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	status = ndbg_check_format(&copy);
	if (status)
		return status;
	if (copy.nr - 1 > READ_ONCE(cmd->ns->config.msrc))
		return NVME_SC_CMD_SIZE_LIM_EXCEEDED | NVME_STATUS_DNR;
	if (ndbg_list_is_short(&copy))
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	cmd->ranges = copy.nr;
	copy.sources = mempool_alloc(&ctrl->lists, GFP_NOIO);
	status = ndbg_do_copy(&copy);
	mempool_free(copy.sources, &ctrl->lists);
	return status;
}
