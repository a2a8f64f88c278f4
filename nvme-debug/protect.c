// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: what may be written: write protection of a namespace, which the
 * host sets, and blocks that are read-only, which configfs says.
 */
#include <linux/minmax.h>

#include "nvme-debug.h"

/* In a host's terms these are blocks, so a part of one counts as all of it. */
static bool ndbg_is_read_only(const struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	u64 start = READ_ONCE(ns->config.ro_start);
	u64 size = READ_ONCE(ns->config.ro_size);
	u64 from = slba << ns->shift, to = (slba + nlb) << ns->shift;

	return max(from, start) < min(to, start + size);
}

/**
 * ndbg_ns_writable - may blocks be written?
 * @ns: namespace
 * @slba: first logical block
 * @nlb: number of logical blocks, all within @ns
 *
 * Return: NVMe status.
 */
u16 ndbg_ns_writable(const struct ndbg_ns *ns, u64 slba, u64 nlb)
{
	if (READ_ONCE(ns->write_protect) != NVME_NS_NO_WRITE_PROTECT)
		return NVME_SC_NS_WRITE_PROTECTED | NVME_STATUS_DNR;
	if (ndbg_is_read_only(ns, slba, nlb))
		return NVME_SC_READ_ONLY | NVME_STATUS_DNR;
	return NVME_SC_SUCCESS;
}

/*
 * Only a power cycle ends protection until then, and nothing ends permanent
 * protection.
 */
static bool ndbg_may_protect(u32 from, u32 to)
{
	return from == to || from == NVME_NS_NO_WRITE_PROTECT ||
	       from == NVME_NS_WRITE_PROTECT;
}

/**
 * ndbg_ns_protect - change the write protection of a namespace
 * @ns: namespace; ndbg_lock held
 * @state: NVME_NS_NO_WRITE_PROTECT ...
 *
 * Once this returns protection, commands that were let in before are through.
 *
 * Return: NVMe status.
 */
u16 ndbg_ns_protect(struct ndbg_ns *ns, u32 state)
{
	u8 old = ns->write_protect;

	lockdep_assert_held(&ndbg_lock);
	if (state > NVME_NS_WRITE_PROTECT_PERMANENT)
		return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
	if (!ndbg_may_protect(old, state))
		return NVME_SC_FEATURE_NOT_CHANGEABLE | NVME_STATUS_DNR;
	if (state == old)
		return NVME_SC_SUCCESS;
	WRITE_ONCE(ns->write_protect, state);
	ndbg_subsys_sync(ns->subsys);
	if (!old != !state)
		ndbg_ns_reshaped(ns);
	return NVME_SC_SUCCESS;
}

/**
 * ndbg_ns_power_cycle - what is not to last is gone
 * @ns: namespace that no command is at; ndbg_lock held
 * @seed: which blocks that are in the write cache are, too
 */
void ndbg_ns_power_cycle(struct ndbg_ns *ns, u32 seed)
{
	lockdep_assert_held(&ndbg_lock);
	ndbg_store_power_cut(&ns->store, seed,
			     max(ns->config.block_size,
				 ns->config.physical_block_size));
	ndbg_zones_power_cycle(ns);
	ns->err_recovery = 0;
	if (ns->write_protect == NVME_NS_WRITE_PROTECT_POWER_CYCLE)
		ns->write_protect = NVME_NS_NO_WRITE_PROTECT;
}
