// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the life of namespaces.
 *
 * A namespace is allocated when it is created and active while it is enabled.
 * Its shape may change while commands run: each change says here what it does
 * to them, and ends with an event to all controllers.
 */
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "nvme-debug.h"

/* Same names, same id: policies and by-id links find the disk again. */
static void ndbg_derive_uuid(uuid_t *uuid, const char *nqn, const char *salt)
{
	unsigned int i;

	for (i = 0; i < sizeof(*uuid) / sizeof(u32); i++) {
		u32 hash = jhash(nqn, strlen(nqn), i);

		hash = jhash(salt, strlen(salt), hash);
		put_unaligned_le32(hash, &uuid->b[i * sizeof(u32)]);
	}
	uuid->b[6] = (uuid->b[6] & 0x0f) | 0x80;	/* version 8, custom */
	uuid->b[8] = (uuid->b[8] & 0x3f) | 0x80;	/* RFC 9562 variant */
}

static u64 ndbg_ns_memory(const struct ndbg_ns *ns)
{
	return min(ns->config.memory ?: ns->config.size, ns->config.size);
}

/**
 * ndbg_ns_create - a namespace that is not active
 * @subsys: whose it is; ndbg_lock held
 * @nsid: valid, and not in use
 * @salt: what its UUID derives from, beside the NQN
 *
 * Return: the namespace, shaped by the module parameters, or an ERR_PTR().
 */
struct ndbg_ns *ndbg_ns_create(struct ndbg_subsys *subsys, u32 nsid,
			       const char *salt)
{
	struct ndbg_ns *ns = kzalloc(sizeof(*ns), GFP_NOIO);
	struct ndbg_config config;
	int ret;

	lockdep_assert_held(&ndbg_lock);
	if (!ns)
		return ERR_PTR(-ENOMEM);
	ndbg_params_get(&config);
	ns->subsys = subsys;
	ns->nsid = nsid;
	ns->config = config.ns;
	ns->shift = ilog2(ns->config.block_size);
	ndbg_derive_uuid(&ns->uuid, subsys->nqn, salt);
	ndbg_store_init(&ns->store, ndbg_ns_memory(ns));
	ndbg_zones_init(ns);
	ret = xa_insert(&subsys->namespaces, nsid, ns, GFP_NOIO);
	if (ret) {
		kfree(ns);
		return ERR_PTR(ret);
	}
	return ns;
}

/**
 * ndbg_ns_free - free a namespace and its data
 * @ns: no command can find it, or has found it
 */
void ndbg_ns_free(struct ndbg_ns *ns)
{
	ndbg_zones_forget(ns, 0);
	ndbg_store_exit(&ns->store);
	kfree(ns);
}

static void ndbg_ns_changed(struct ndbg_ns *ns)
{
	struct ndbg_ctrl *ctrl;
	unsigned long id;

	xa_for_each(&ns->subsys->ctrls, id, ctrl)
		ndbg_event_ns_changed(ctrl, ns->nsid);
}

/**
 * ndbg_ns_reshaped - tell all hosts that a namespace is another than it was
 * @ns: namespace; of no interest to them as long as it is not active
 */
void ndbg_ns_reshaped(struct ndbg_ns *ns)
{
	if (ns->state != NDBG_NS_OFF)
		ndbg_ns_changed(ns);
}

/**
 * ndbg_ns_enable - make a namespace active
 * @ns: namespace, active or not; ndbg_lock held
 */
void ndbg_ns_enable(struct ndbg_ns *ns)
{
	lockdep_assert_held(&ndbg_lock);
	if (ns->state != NDBG_NS_OFF)
		return;
	ns->config.enable = 1;
	WRITE_ONCE(ns->state, NDBG_NS_ON);
	xa_set_mark(&ns->subsys->namespaces, ns->nsid, NDBG_NS_ACTIVE);
	ndbg_ns_changed(ns);
}

/**
 * ndbg_ns_disable - make a namespace inactive
 * @ns: namespace, active or not; ndbg_lock held
 *
 * Waits for the commands that are at it: a Copy stops early, with a status that
 * has the host send it again, to be told that there is no such namespace. Its
 * data stays.
 */
void ndbg_ns_disable(struct ndbg_ns *ns)
{
	lockdep_assert_held(&ndbg_lock);
	if (ns->state == NDBG_NS_OFF)
		return;
	ns->config.enable = 0;
	WRITE_ONCE(ns->state, NDBG_NS_OFF);
	xa_clear_mark(&ns->subsys->namespaces, ns->nsid, NDBG_NS_ACTIVE);
	ndbg_subsys_sync(ns->subsys);
	ndbg_ns_changed(ns);
}

/**
 * ndbg_ns_remove - take a namespace out of its subsystem
 * @ns: namespace, active or not; ndbg_lock held. Its memory remains
 */
void ndbg_ns_remove(struct ndbg_ns *ns)
{
	bool active = ns->state != NDBG_NS_OFF;

	lockdep_assert_held(&ndbg_lock);
	WRITE_ONCE(ns->state, NDBG_NS_OFF);
	xa_erase(&ns->subsys->namespaces, ns->nsid);
	ndbg_subsys_sync(ns->subsys);
	if (active)
		ndbg_ns_changed(ns);
}

/*
 * Commands beyond a new, lower end are refused from now on; those that were let
 * in are waited for before what lies there is forgotten, and with it a zone that is
 * not whole any more.
 */
static void ndbg_ns_resize(struct ndbg_ns *ns, u64 size)
{
	u64 old = ns->config.size;

	WRITE_ONCE(ns->config.size, size);
	if (size >= old)
		return;
	ndbg_subsys_sync(ns->subsys);
	ndbg_zones_forget(ns, size);
	size = ndbg_ns_bytes(ns);
	ndbg_store_zero(&ns->store, size, old - size);
}

/*
 * All data goes. Until it has, commands end with Format in Progress. @field is
 * what it is formatted with: block size, protection information, zones.
 */
static void ndbg_ns_format(struct ndbg_ns *ns, u64 *field, u64 val)
{
	enum ndbg_ns_state state = ns->state;

	if (state != NDBG_NS_OFF) {
		WRITE_ONCE(ns->state, NDBG_NS_FORMAT);
		ndbg_subsys_sync(ns->subsys);
	}
	ndbg_zones_forget(ns, 0);
	ndbg_store_zero(&ns->store, 0, ns->config.size);
	WRITE_ONCE(*field, val);
	WRITE_ONCE(ns->shift, ilog2(ns->config.block_size));
	/* No command goes on with the old format. */
	smp_store_release(&ns->state, state);
}

/* Hosts are not told. No command that was let in before writes there after this. */
static void ndbg_ns_change_ro(struct ndbg_ns *ns, u64 *field, u64 val)
{
	WRITE_ONCE(*field, val);
	ndbg_subsys_sync(ns->subsys);
}

/**
 * ndbg_ns_change - have a namespace be another
 * @ns: namespace, active or not; ndbg_lock held
 * @field: one of @ns->config
 * @val: good value, in force for the next command
 *
 * Data that is there stays, even if it is more than a new bound, unless it is
 * cut off or the format is a new one.
 */
void ndbg_ns_change(struct ndbg_ns *ns, u64 *field, u64 val)
{
	struct ndbg_ns_config *config = &ns->config;

	lockdep_assert_held(&ndbg_lock);
	if (*field == val)
		return;
	if (field == &config->enable)
		return val ? ndbg_ns_enable(ns) : ndbg_ns_disable(ns);
	if (field == &config->ro_start || field == &config->ro_size)
		return ndbg_ns_change_ro(ns, field, val);
	if (field == &config->size)
		ndbg_ns_resize(ns, val);
	else if (field == &config->block_size || field == &config->pi ||
		 field == &config->zone_size || field == &config->zone_capacity)
		ndbg_ns_format(ns, field, val);
	else
		WRITE_ONCE(*field, val);
	ndbg_store_limit(&ns->store, ndbg_ns_memory(ns));
	ndbg_ns_reshaped(ns);
}

/**
 * ndbg_ns_defaults - as new
 * @ns: not active; ndbg_lock held
 *
 * The shape that the module parameters give, no data, no write protection,
 * nothing counted. The UUID stays.
 */
void ndbg_ns_defaults(struct ndbg_ns *ns)
{
	struct ndbg_config config;

	ndbg_params_get(&config);
	ndbg_zones_forget(ns, 0);
	ndbg_store_zero(&ns->store, 0, ns->config.size);
	ns->config = config.ns;
	WRITE_ONCE(ns->shift, ilog2(ns->config.block_size));
	ns->write_protect = NVME_NS_NO_WRITE_PROTECT;
	ns->err_recovery = 0;
	ndbg_store_limit(&ns->store, ndbg_ns_memory(ns));
	ndbg_ns_clear_stats(ns);
}

/**
 * ndbg_nsid_valid - could there be a namespace with this id?
 * @subsys: subsystem
 * @nsid: namespace id; the broadcast value is not valid in this sense
 */
bool ndbg_nsid_valid(const struct ndbg_subsys *subsys, u32 nsid)
{
	return nsid && nsid <= subsys->max_nsid;
}

/**
 * ndbg_ns_find - an active namespace
 * @subsys: where to look
 * @nsid: namespace id, any value
 *
 * Neither allocates nor locks.
 *
 * Return: the namespace, which stays until the command is through, or NULL.
 */
struct ndbg_ns *ndbg_ns_find(struct ndbg_subsys *subsys, u32 nsid)
{
	struct ndbg_ns *ns = xa_load(&subsys->namespaces, nsid);

	/* Pairs with the end of a format: then its shape is as new. */
	if (!ns || smp_load_acquire(&ns->state) == NDBG_NS_OFF)
		return NULL;
	return ns;
}

/* Statistics. */

static const u8 ndbg_ops[256] = {
	[nvme_cmd_flush]	= NDBG_OP_FLUSH,
	[nvme_cmd_write]	= NDBG_OP_WRITE,
	[nvme_cmd_read]		= NDBG_OP_READ,
	[nvme_cmd_write_uncor]	= NDBG_OP_WRITE_UNCOR,
	[nvme_cmd_compare]	= NDBG_OP_COMPARE,
	[nvme_cmd_verify]	= NDBG_OP_VERIFY,
	[nvme_cmd_write_zeroes]	= NDBG_OP_WRITE_ZEROES,
	[nvme_cmd_dsm]		= NDBG_OP_DSM,
	[nvme_cmd_copy]		= NDBG_OP_COPY,
	[nvme_cmd_zone_mgmt_send] = NDBG_OP_ZONE_SEND,
	[nvme_cmd_zone_mgmt_recv] = NDBG_OP_ZONE_RECEIVE,
	[nvme_cmd_zone_append]	= NDBG_OP_ZONE_APPEND,
};

static const char *const ndbg_op_names[NDBG_NR_OPS] = {
	[NDBG_OP_OTHER]		= "other",
	[NDBG_OP_FLUSH]		= "flush",
	[NDBG_OP_WRITE]		= "write",
	[NDBG_OP_READ]		= "read",
	[NDBG_OP_WRITE_UNCOR]	= "write_uncorrectable",
	[NDBG_OP_COMPARE]	= "compare",
	[NDBG_OP_VERIFY]	= "verify",
	[NDBG_OP_WRITE_ZEROES]	= "write_zeroes",
	[NDBG_OP_DSM]		= "dsm",
	[NDBG_OP_COPY]		= "copy",
	[NDBG_OP_ZONE_SEND]	= "zone_send",
	[NDBG_OP_ZONE_RECEIVE]	= "zone_receive",
	[NDBG_OP_ZONE_APPEND]	= "zone_append",
};

/**
 * ndbg_ns_count - an I/O command has ended
 * @cmd: the command, which has a namespace
 * @status: NVMe status
 */
void ndbg_ns_count(struct ndbg_cmd *cmd, u16 status)
{
	struct ndbg_op_stats *stats =
		&cmd->ns->stats[ndbg_ops[cmd->sqe.common.opcode]];

	atomic64_inc(&stats->commands);
	if (cmd->bytes)
		atomic64_add(cmd->bytes, &stats->bytes);
	if (cmd->ranges)
		atomic64_add(cmd->ranges, &stats->ranges);
	if (status)
		atomic64_inc(&stats->errors);
}

/**
 * ndbg_ns_show_stats - a line per kind of command
 * @ns: namespace
 * @page: to write to, a page
 *
 * Return: bytes written.
 */
ssize_t ndbg_ns_show_stats(struct ndbg_ns *ns, char *page)
{
	ssize_t len = sysfs_emit(page, "opcode commands errors bytes ranges\n");
	unsigned int op;

	for (op = 0; op < NDBG_NR_OPS; op++)
		len += sysfs_emit_at(page, len, "%s %lld %lld %lld %lld\n",
				     ndbg_op_names[op],
				     atomic64_read(&ns->stats[op].commands),
				     atomic64_read(&ns->stats[op].errors),
				     atomic64_read(&ns->stats[op].bytes),
				     atomic64_read(&ns->stats[op].ranges));
	return len;
}

/**
 * ndbg_ns_clear_stats - count from nothing
 * @ns: namespace; commands that run count in part
 */
void ndbg_ns_clear_stats(struct ndbg_ns *ns)
{
	unsigned int op;

	for (op = 0; op < NDBG_NR_OPS; op++) {
		atomic64_set(&ns->stats[op].commands, 0);
		atomic64_set(&ns->stats[op].errors, 0);
		atomic64_set(&ns->stats[op].bytes, 0);
		atomic64_set(&ns->stats[op].ranges, 0);
	}
}
