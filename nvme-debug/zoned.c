// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: zones, what the Zoned Namespace command set adds.
 *
 * A namespace with a zone size consists of zones, each of which is written from
 * its start on, where its write pointer is. There is a struct ndbg_zone of each
 * zone that something has been done to; one without is empty.
 *
 * What becomes of zones is decided under ndbg_ns.zones_lock. A command that writes
 * holds it from when its blocks are checked until the write pointer has moved, so
 * one command writes to a zoned namespace at a time. Zones stay as long as a command
 * can find them: to read, no lock is needed.
 */
#include <linux/minmax.h>
#include <linux/slab.h>

#include "nvme-debug.h"

#define NDBG_OZCS_RAZB	BIT(0)	/* reads may cross zones */

/* Zone State, as in a zone descriptor. */
enum ndbg_zone_state {
	NDBG_ZONE_EMPTY		= 0x1,
	NDBG_ZONE_IMPLICIT	= 0x2,	/* opened by a write */
	NDBG_ZONE_EXPLICIT	= 0x3,
	NDBG_ZONE_CLOSED	= 0x4,
	NDBG_ZONE_READ_ONLY	= 0xd,
	NDBG_ZONE_FULL		= 0xe,
	NDBG_ZONE_OFFLINE	= 0xf,
};

#define NDBG_OPEN	(BIT(NDBG_ZONE_IMPLICIT) | BIT(NDBG_ZONE_EXPLICIT))
#define NDBG_ACTIVE	(NDBG_OPEN | BIT(NDBG_ZONE_CLOSED))

/**
 * struct ndbg_zone - a zone
 * @start:	its first logical block
 * @wp:		where it is written next; the end of what is there if it cannot be
 * @state:	enum ndbg_zone_state
 */
struct ndbg_zone {
	u64	start;
	u64	wp;
	u8	state;
};

/* Zones. */

static u64 ndbg_zone_blocks(const struct ndbg_ns *ns)
{
	return ns->config.zone_size >> ns->shift;
}

/* Those of them that can be written. */
static u64 ndbg_zone_capacity(const struct ndbg_ns *ns)
{
	return min_not_zero(ns->config.zone_capacity, ns->config.zone_size) >>
	       ns->shift;
}

static u64 ndbg_zone_index(const struct ndbg_ns *ns, u64 slba)
{
	return div64_u64(slba, ndbg_zone_blocks(ns));
}

static bool ndbg_is_zone_start(const struct ndbg_ns *ns, u64 slba)
{
	return ndbg_zone_index(ns, slba) * ndbg_zone_blocks(ns) == slba;
}

/* A zone that can be changed, or NULL if there is no memory for it. */
static struct ndbg_zone *ndbg_zone_get(struct ndbg_ns *ns, u64 index)
{
	struct ndbg_zone *zone = xa_load(&ns->zones, index);

	lockdep_assert_held(&ns->zones_lock);
	if (zone)
		return zone;
	zone = kmalloc(sizeof(*zone), GFP_NOIO);
	if (!zone)
		return NULL;
	zone->start = index * ndbg_zone_blocks(ns);
	zone->wp = zone->start;
	zone->state = NDBG_ZONE_EMPTY;
	if (xa_is_err(xa_store(&ns->zones, index, zone, GFP_NOIO))) {
		kfree(zone);
		return NULL;
	}
	return zone;
}

/* How many zones are in one of these states, which are not NDBG_ZONE_EMPTY? */
static u64 ndbg_zones_in(struct ndbg_ns *ns, unsigned long states)
{
	struct ndbg_zone *zone;
	unsigned long index;
	u64 nr = 0;

	xa_for_each(&ns->zones, index, zone)
		nr += !!(BIT(zone->state) & states);
	return nr;
}

/**
 * ndbg_zones_init - no zone has been written
 * @ns: new
 */
void ndbg_zones_init(struct ndbg_ns *ns)
{
	mutex_init(&ns->zones_lock);
	xa_init(&ns->zones);
}

/**
 * ndbg_zones_forget - zones are not there any more, or as new
 * @ns: no command is at these zones
 * @pos: those that end after this byte
 */
void ndbg_zones_forget(struct ndbg_ns *ns, u64 pos)
{
	struct ndbg_zone *zone;
	unsigned long index;

	mutex_lock(&ns->zones_lock);
	xa_for_each(&ns->zones, index, zone) {
		if (zone->start + ndbg_zone_blocks(ns) <= pos >> ns->shift)
			continue;
		xa_erase(&ns->zones, index);
		kfree(zone);
	}
	mutex_unlock(&ns->zones_lock);
}

/**
 * ndbg_zones_power_cycle - zones that were open are not any more
 * @ns: namespace that no command is at
 */
void ndbg_zones_power_cycle(struct ndbg_ns *ns)
{
	struct ndbg_zone *zone;
	unsigned long index;

	mutex_lock(&ns->zones_lock);
	xa_for_each(&ns->zones, index, zone)
		if (BIT(zone->state) & NDBG_ACTIVE)
			zone->state = zone->wp == zone->start ? NDBG_ZONE_EMPTY :
								NDBG_ZONE_CLOSED;
	mutex_unlock(&ns->zones_lock);
}

/**
 * ndbg_zone_break - a zone goes bad, as on a drive that wears out
 * @ns: namespace
 * @pos: a byte of the zone
 * @offline: it cannot be read either
 *
 * Return: 0; -EINVAL if there is no such zone, -ENOMEM.
 */
int ndbg_zone_break(struct ndbg_ns *ns, u64 pos, bool offline)
{
	u64 slba = pos >> ns->shift;
	struct ndbg_zone *zone;

	if (!ndbg_is_zoned(ns) || slba >= ndbg_ns_blocks(ns))
		return -EINVAL;
	mutex_lock(&ns->zones_lock);
	zone = ndbg_zone_get(ns, ndbg_zone_index(ns, slba));
	if (zone)
		WRITE_ONCE(zone->state, offline ? NDBG_ZONE_OFFLINE :
						  NDBG_ZONE_READ_ONLY);
	mutex_unlock(&ns->zones_lock);
	return zone ? 0 : -ENOMEM;
}

/* What it says of itself. */

static __le32 ndbg_zero_based(u64 max)
{
	return cpu_to_le32(max ? max - 1 : U32_MAX);
}

/* No more than may be active. */
static u64 ndbg_max_open(const struct ndbg_ns *ns)
{
	return min_not_zero(READ_ONCE(ns->config.max_open),
			    READ_ONCE(ns->config.max_active));
}

/**
 * ndbg_zones_identify - Identify Namespace of the Zoned Namespace command set
 * @ns: namespace
 * @id: zeroes, filled in
 *
 * Return: NVMe status.
 */
u16 ndbg_zones_identify(const struct ndbg_ns *ns, struct nvme_id_ns_zns *id)
{
	if (!ndbg_is_zoned(ns))
		return NVME_SC_INVALID_IO_CMD_SET | NVME_STATUS_DNR;
	id->ozcs = cpu_to_le16(NDBG_OZCS_RAZB);
	id->mar = ndbg_zero_based(READ_ONCE(ns->config.max_active));
	id->mor = ndbg_zero_based(ndbg_max_open(ns));
	id->lbafe[0].zsze = cpu_to_le64(ndbg_zone_blocks(ns));
	return NVME_SC_SUCCESS;
}

/* Opening. */

/* The controller closes what it has opened by itself where it has to. */
static u16 ndbg_zone_may_open(struct ndbg_ns *ns, const struct ndbg_zone *zone)
{
	u64 max_active = READ_ONCE(ns->config.max_active);
	u64 max_open = ndbg_max_open(ns);

	if (BIT(zone->state) & NDBG_OPEN)
		return NVME_SC_SUCCESS;
	if (max_active && zone->state == NDBG_ZONE_EMPTY &&
	    ndbg_zones_in(ns, NDBG_ACTIVE) >= max_active)
		return NVME_SC_ZONE_TOO_MANY_ACTIVE | NVME_STATUS_DNR;
	if (max_open &&
	    ndbg_zones_in(ns, BIT(NDBG_ZONE_EXPLICIT)) >= max_open)
		return NVME_SC_ZONE_TOO_MANY_OPEN | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

static void ndbg_zone_open(struct ndbg_ns *ns, struct ndbg_zone *zone,
			   enum ndbg_zone_state state)
{
	u64 open = ndbg_zones_in(ns, NDBG_OPEN), max_open = ndbg_max_open(ns);
	bool is_open = BIT(zone->state) & NDBG_OPEN;
	struct ndbg_zone *other;
	unsigned long index;

	zone->state = state;
	if (is_open || !max_open)
		return;
	xa_for_each(&ns->zones, index, other) {
		if (open < max_open)
			break;
		if (other == zone || other->state != NDBG_ZONE_IMPLICIT)
			continue;
		other->state = NDBG_ZONE_CLOSED;
		open--;
	}
}

/* Reading and writing. */

/**
 * ndbg_zones_readable - may blocks be read?
 * @ns: namespace, zoned or not
 * @slba: first logical block
 * @nlb: number of logical blocks, all within @ns
 *
 * Return: NVMe status.
 */
u16 ndbg_zones_readable(struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	struct ndbg_zone *zone;
	unsigned long index;

	if (!ndbg_is_zoned(ns))
		return NVME_SC_SUCCESS;
	xa_for_each_range(&ns->zones, index, zone, ndbg_zone_index(ns, slba),
			  ndbg_zone_index(ns, slba + nlb - 1))
		if (READ_ONCE(zone->state) == NDBG_ZONE_OFFLINE)
			return NVME_SC_ZONE_OFFLINE | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/* Nobody else writes to a zoned namespace until ndbg_zones_unlock(). */
void ndbg_zones_lock(struct ndbg_ns *ns)
{
	if (ndbg_is_zoned(ns))
		mutex_lock(&ns->zones_lock);
}

void ndbg_zones_unlock(struct ndbg_ns *ns)
{
	if (ndbg_is_zoned(ns))
		mutex_unlock(&ns->zones_lock);
}

static u16 ndbg_zone_writable(const struct ndbg_zone *zone)
{
	switch (zone->state) {
	case NDBG_ZONE_FULL:
		return NVME_SC_ZONE_FULL | NVME_STATUS_DNR;
	case NDBG_ZONE_READ_ONLY:
		return NVME_SC_ZONE_READ_ONLY | NVME_STATUS_DNR;
	case NDBG_ZONE_OFFLINE:
		return NVME_SC_ZONE_OFFLINE | NVME_STATUS_DNR;
	default:
		return NVME_SC_SUCCESS;
	}
}

/**
 * ndbg_zone_place - where does Zone Append write?
 * @ns: namespace; ndbg_zones_lock() held
 * @zslba: where the command says that its zone begins, within @ns
 * @slba: filled in
 *
 * Return: NVMe status.
 */
u16 ndbg_zone_place(struct ndbg_ns *ns, u64 zslba, u64 *slba)
{
	struct ndbg_zone *zone;

	if (!ndbg_is_zone_start(ns, zslba))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	zone = xa_load(&ns->zones, ndbg_zone_index(ns, zslba));
	*slba = zone ? zone->wp : zslba;
	return zone ? ndbg_zone_writable(zone) : NVME_SC_SUCCESS;
}

/**
 * ndbg_zone_may_write - may blocks be written?
 * @ns: namespace, zoned or not; ndbg_zones_lock() held
 * @slba: first logical block
 * @nlb: number of logical blocks, all within @ns; 0 always may
 *
 * Return: NVMe status.
 */
u16 ndbg_zone_may_write(struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	struct ndbg_zone *zone;
	u16 status;

	if (!ndbg_is_zoned(ns) || !nlb)
		return NVME_SC_SUCCESS;
	zone = ndbg_zone_get(ns, ndbg_zone_index(ns, slba));
	if (!zone)
		return NVME_SC_INTERNAL;
	status = ndbg_zone_writable(zone);
	if (status)
		return status;
	if (slba != zone->wp)
		return NVME_SC_ZONE_INVALID_WRITE | NVME_STATUS_DNR;
	if (slba + nlb > zone->start + ndbg_zone_capacity(ns))
		return NVME_SC_ZONE_BOUNDARY_ERROR | NVME_STATUS_DNR;
	return ndbg_zone_may_open(ns, zone);
}

/**
 * ndbg_zone_wrote - move the write pointer
 * @ns: namespace, zoned or not; ndbg_zones_lock() held since ndbg_zone_may_write()
 *	has allowed it
 * @slba: first logical block
 * @nlb: number of logical blocks that have been written, may be 0
 */
void ndbg_zone_wrote(struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	struct ndbg_zone *zone;

	if (!ndbg_is_zoned(ns) || !nlb)
		return;
	zone = xa_load(&ns->zones, ndbg_zone_index(ns, slba));
	if (!(BIT(zone->state) & NDBG_OPEN))
		ndbg_zone_open(ns, zone, NDBG_ZONE_IMPLICIT);
	zone->wp += nlb;
	if (zone->wp == zone->start + ndbg_zone_capacity(ns))
		zone->state = NDBG_ZONE_FULL;
}

/* Zone Management Send. */

/**
 * struct ndbg_zone_action - what it can do to zones
 * @from:	states of a zone that it can be done to
 * @done:	states in which there is nothing to do
 * @all:	with Select All, the states of the zones it is done to
 * @to:		what they are then; 0: there is no such action
 */
struct ndbg_zone_action {
	unsigned long	from;
	unsigned long	done;
	unsigned long	all;
	u8		to;
};

static const struct ndbg_zone_action ndbg_zone_actions[] = {
	[NVME_ZONE_CLOSE] = {
		.from	= NDBG_OPEN,
		.done	= BIT(NDBG_ZONE_CLOSED),
		.all	= NDBG_OPEN,
		.to	= NDBG_ZONE_CLOSED,
	},
	[NVME_ZONE_FINISH] = {
		.from	= NDBG_ACTIVE | BIT(NDBG_ZONE_EMPTY),
		.done	= BIT(NDBG_ZONE_FULL),
		.all	= NDBG_ACTIVE,
		.to	= NDBG_ZONE_FULL,
	},
	[NVME_ZONE_OPEN] = {
		.from	= NDBG_ACTIVE | BIT(NDBG_ZONE_EMPTY),
		.done	= BIT(NDBG_ZONE_EXPLICIT),
		.all	= BIT(NDBG_ZONE_CLOSED),
		.to	= NDBG_ZONE_EXPLICIT,
	},
	[NVME_ZONE_RESET] = {
		.from	= NDBG_ACTIVE | BIT(NDBG_ZONE_FULL),
		.done	= BIT(NDBG_ZONE_EMPTY),
		.all	= NDBG_ACTIVE | BIT(NDBG_ZONE_FULL),
		.to	= NDBG_ZONE_EMPTY,
	},
	[NVME_ZONE_OFFLINE] = {
		.from	= BIT(NDBG_ZONE_READ_ONLY),
		.done	= BIT(NDBG_ZONE_OFFLINE),
		.all	= BIT(NDBG_ZONE_READ_ONLY),
		.to	= NDBG_ZONE_OFFLINE,
	},
};

static void ndbg_zone_become(struct ndbg_ns *ns, struct ndbg_zone *zone, u8 to)
{
	if (to == NDBG_ZONE_EXPLICIT)
		return ndbg_zone_open(ns, zone, to);
	WRITE_ONCE(zone->state, to);
	if (to != NDBG_ZONE_EMPTY)
		return;
	zone->wp = zone->start;
	ndbg_store_zero(&ns->store, zone->start << ns->shift,
			ns->config.zone_size);
}

static u16 ndbg_zone_act(struct ndbg_ns *ns, u64 slba,
			 const struct ndbg_zone_action *action)
{
	struct ndbg_zone *zone = ndbg_zone_get(ns, ndbg_zone_index(ns, slba));
	u16 status = NVME_SC_SUCCESS;

	if (!zone)
		return NVME_SC_INTERNAL;
	if (BIT(zone->state) & action->done)
		return NVME_SC_SUCCESS;
	if (!(BIT(zone->state) & action->from))
		return NVME_SC_ZONE_INVALID_TRANSITION | NVME_STATUS_DNR;
	if (action->to == NDBG_ZONE_EXPLICIT)
		status = ndbg_zone_may_open(ns, zone);
	if (!status)
		ndbg_zone_become(ns, zone, action->to);
	return status;
}

/* Where all cannot be opened, none is. */
static u16 ndbg_zones_act(struct ndbg_ns *ns,
			  const struct ndbg_zone_action *action)
{
	struct ndbg_zone *zone;
	unsigned long index;

	if (action->to == NDBG_ZONE_EXPLICIT && ndbg_max_open(ns) &&
	    ndbg_zones_in(ns, NDBG_ACTIVE) > ndbg_max_open(ns))
		return NVME_SC_ZONE_TOO_MANY_OPEN | NVME_STATUS_DNR;
	xa_for_each(&ns->zones, index, zone)
		if (BIT(zone->state) & action->all)
			ndbg_zone_become(ns, zone, action->to);
	return NVME_SC_SUCCESS;
}

/**
 * ndbg_zone_send - execute Zone Management Send
 * @cmd: the command
 *
 * There are no zone descriptor extensions, and no write resources to flush.
 *
 * Return: NVMe status.
 */
u16 ndbg_zone_send(struct ndbg_cmd *cmd)
{
	const struct nvme_zone_mgmt_send_cmd *c = &cmd->sqe.zms;
	u64 slba = le64_to_cpu(c->slba), nlb;
	struct ndbg_ns *ns = cmd->ns;
	bool all = c->select_all & 1;
	u16 status;

	if (!ndbg_is_zoned(ns))
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	if (c->zsa >= ARRAY_SIZE(ndbg_zone_actions) ||
	    !ndbg_zone_actions[c->zsa].to)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	slba = all ? 0 : slba;
	nlb = all ? ndbg_ns_blocks(ns) : ndbg_zone_blocks(ns);
	if (slba >= ndbg_ns_blocks(ns))
		return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	if (!ndbg_is_zone_start(ns, slba))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	status = ndbg_ns_writable(ns, slba, nlb);
	if (status)
		return status;
	mutex_lock(&ns->zones_lock);
	status = all ? ndbg_zones_act(ns, &ndbg_zone_actions[c->zsa]) :
		       ndbg_zone_act(ns, slba, &ndbg_zone_actions[c->zsa]);
	mutex_unlock(&ns->zones_lock);
	return status;
}

/* Zone Management Receive. */

/* Which states the host asks for. */
static const unsigned long ndbg_zones_wanted[] = {
	[NVME_ZRASF_ZONE_REPORT_ALL]	 = ~0UL,
	[NVME_ZRASF_ZONE_STATE_EMPTY]	 = BIT(NDBG_ZONE_EMPTY),
	[NVME_ZRASF_ZONE_STATE_IMP_OPEN] = BIT(NDBG_ZONE_IMPLICIT),
	[NVME_ZRASF_ZONE_STATE_EXP_OPEN] = BIT(NDBG_ZONE_EXPLICIT),
	[NVME_ZRASF_ZONE_STATE_CLOSED]	 = BIT(NDBG_ZONE_CLOSED),
	[NVME_ZRASF_ZONE_STATE_FULL]	 = BIT(NDBG_ZONE_FULL),
	[NVME_ZRASF_ZONE_STATE_READONLY] = BIT(NDBG_ZONE_READ_ONLY),
	[NVME_ZRASF_ZONE_STATE_OFFLINE]	 = BIT(NDBG_ZONE_OFFLINE),
};

static void ndbg_put_zone(struct ndbg_data *data, const struct ndbg_ns *ns,
			  u64 index, const struct ndbg_zone *zone)
{
	u64 start = index * ndbg_zone_blocks(ns);
	u8 state = zone ? zone->state : NDBG_ZONE_EMPTY;
	bool has_wp = BIT(state) & (NDBG_ACTIVE | BIT(NDBG_ZONE_EMPTY));
	struct nvme_zone_descriptor desc = {
		.zt	= NVME_ZONE_TYPE_SEQWRITE_REQ,
		.zs	= state << 4,
		.zcap	= cpu_to_le64(ndbg_zone_capacity(ns)),
		.zslba	= cpu_to_le64(start),
		.wp	= cpu_to_le64(!has_wp ? U64_MAX : zone ? zone->wp : start),
	};

	ndbg_data_put(data, &desc, sizeof(desc));
}

/*
 * Zones from the @index-th on that are in one of @states: how many there are, at
 * most @max, into @data unless that is NULL.
 */
static u64 ndbg_report(struct ndbg_ns *ns, u64 index, unsigned long states,
		       u64 max, struct ndbg_data *data)
{
	u64 end = ndbg_zone_index(ns, ndbg_ns_blocks(ns)), nr = 0;

	for (; index < end && nr < max; index++) {
		const struct ndbg_zone *zone = xa_load(&ns->zones, index);

		cond_resched();
		if (!(BIT(zone ? zone->state : NDBG_ZONE_EMPTY) & states))
			continue;
		if (data)
			ndbg_put_zone(data, ns, index, zone);
		nr++;
	}
	return nr;
}

static void ndbg_report_zones(struct ndbg_cmd *cmd, size_t len)
{
	const struct nvme_zone_mgmt_recv_cmd *c = &cmd->sqe.zmr;
	unsigned long states = ndbg_zones_wanted[c->zrasf];
	u64 index = ndbg_zone_index(cmd->ns, le64_to_cpu(c->slba));
	struct nvme_zone_report hdr = { };
	u64 nr, max = (len - sizeof(hdr)) / sizeof(*hdr.entries);
	struct ndbg_ns *ns = cmd->ns;
	struct ndbg_data data;

	ndbg_data_init(&data, cmd);
	mutex_lock(&ns->zones_lock);
	nr = ndbg_report(ns, index, states,
			 c->pr & NVME_REPORT_ZONE_PARTIAL ? max : U64_MAX, NULL);
	hdr.nr_zones = cpu_to_le64(nr);
	ndbg_data_put(&data, &hdr, sizeof(hdr));
	nr = ndbg_report(ns, index, states, max, &data);
	mutex_unlock(&ns->zones_lock);
	ndbg_data_zero(&data, len - sizeof(hdr) - nr * sizeof(*hdr.entries));
}

/**
 * ndbg_zone_receive - execute Zone Management Receive
 * @cmd: the command
 *
 * Return: NVMe status.
 */
u16 ndbg_zone_receive(struct ndbg_cmd *cmd)
{
	const struct nvme_zone_mgmt_recv_cmd *c = &cmd->sqe.zmr;
	u64 len = ((u64)le32_to_cpu(c->numd) + 1) * sizeof(__le32);
	struct ndbg_ns *ns = cmd->ns;

	if (!ndbg_is_zoned(ns))
		return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
	if (c->zra != NVME_ZRA_ZONE_REPORT ||
	    c->zrasf >= ARRAY_SIZE(ndbg_zones_wanted) ||
	    len < sizeof(struct nvme_zone_report) ||
	    len > BIT_ULL(NDBG_MDTS + NDBG_PAGE_SHIFT))
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (le64_to_cpu(c->slba) >= ndbg_ns_blocks(ns))
		return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
	if (ndbg_data_len(cmd) != len)
		return NVME_SC_SGL_INVALID_DATA | NVME_STATUS_DNR;
	ndbg_report_zones(cmd, len);
	return NVME_SC_SUCCESS;
}
