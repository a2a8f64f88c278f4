// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the life of subsystems, and which controllers are in them.
 *
 * A subsystem is made by mkdir (control.c) and then has any number of
 * controllers, or by a connect that names one that does not exist: such an
 * implicit one has that controller, one namespace and ends with them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/jhash.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "control.h"

/* The shape of everything, see nvme-debug.h. */
DEFINE_MUTEX(ndbg_lock);
static LIST_HEAD(ndbg_subsystems);

static void ndbg_subsys_free(struct kref *ref)
{
	struct ndbg_subsys *subsys = container_of(ref, struct ndbg_subsys, ref);
	struct ndbg_ns *ns;
	unsigned long nsid;

	/* Those that have a directory were gone before the subsystem's. */
	xa_for_each(&subsys->namespaces, nsid, ns)
		ndbg_ns_free(ns);
	xa_destroy(&subsys->namespaces);
	xa_destroy(&subsys->ctrls);
	kfree(subsys);
}

/* No longer needed here. */
void ndbg_subsys_put(struct ndbg_subsys *subsys)
{
	kref_put(&subsys->ref, ndbg_subsys_free);
}

/**
 * ndbg_subsys_defaults - the shape that the module parameters give
 * @subsys: subsystem without controllers; ndbg_lock held, or nobody else's
 */
void ndbg_subsys_defaults(struct ndbg_subsys *subsys)
{
	size_t len = strlen(subsys->nqn);
	struct ndbg_config config;

	ndbg_params_get(&config);
	subsys->config = config.subsys;
	scnprintf(subsys->config.serial, sizeof(subsys->config.serial),
		  "ND%08x%08x", jhash(subsys->nqn, len, 0),
		  jhash(subsys->nqn, len, 1));
}

static struct ndbg_subsys *ndbg_subsys_alloc(const char *nqn, u32 max_nsid)
{
	struct ndbg_subsys *subsys = kzalloc(sizeof(*subsys), GFP_KERNEL);

	if (!subsys)
		return NULL;
	kref_init(&subsys->ref);
	INIT_LIST_HEAD(&subsys->entry);
	INIT_LIST_HEAD(&subsys->paths);
	spin_lock_init(&subsys->faults_lock);
	INIT_LIST_HEAD(&subsys->faults);
	ndbg_time_init(&subsys->time);
	xa_init(&subsys->namespaces);
	xa_init_flags(&subsys->ctrls, XA_FLAGS_ALLOC);
	strscpy(subsys->nqn, nqn, sizeof(subsys->nqn));
	subsys->max_nsid = max_nsid;
	ndbg_subsys_defaults(subsys);
	return subsys;
}

/**
 * ndbg_find_ctrl - the controller with an address
 * @subsys: where to look; ndbg_lock held
 * @traddr: address
 *
 * Return: the controller or NULL; those that are being deleted do not count.
 */
struct ndbg_ctrl *ndbg_find_ctrl(struct ndbg_subsys *subsys, const char *traddr)
{
	struct ndbg_ctrl *ctrl;
	unsigned long id;

	lockdep_assert_held(&ndbg_lock);
	xa_for_each(&subsys->ctrls, id, ctrl)
		if (!nvme_state_terminal(&ctrl->ctrl) &&
		    !strcmp(ctrl->ctrl.opts->traddr, traddr))
			return ctrl;
	return NULL;
}

static bool ndbg_has_live_ctrl(struct ndbg_subsys *subsys)
{
	struct ndbg_ctrl *ctrl;
	unsigned long id;

	xa_for_each(&subsys->ctrls, id, ctrl)
		if (!nvme_state_terminal(&ctrl->ctrl))
			return true;
	return false;
}

/* An implicit subsystem whose controller is on its way out is as good as gone. */
static struct ndbg_subsys *ndbg_find_subsys(const char *nqn)
{
	struct ndbg_subsys *subsys;

	lockdep_assert_held(&ndbg_lock);
	list_for_each_entry(subsys, &ndbg_subsystems, entry)
		if (!strcmp(subsys->nqn, nqn) &&
		    (!subsys->implicit || ndbg_has_live_ctrl(subsys)))
			return subsys;
	return NULL;
}

/**
 * ndbg_subsys_create - a subsystem that has a directory
 * @nqn: name
 *
 * Return: the subsystem, without namespaces, or an ERR_PTR() after saying why.
 */
struct ndbg_subsys *ndbg_subsys_create(const char *nqn)
{
	struct ndbg_subsys *subsys, *other;

	if (strlen(nqn) >= NVMF_NQN_SIZE || !strcmp(nqn, NVME_DISC_SUBSYS_NAME)) {
		ndbg_refuse(NULL, "subsystem", nqn,
			    "an NQN of up to 222 bytes that is not the discovery NQN");
		return ERR_PTR(-EINVAL);
	}
	subsys = ndbg_subsys_alloc(nqn, NDBG_MAX_NSID);
	if (!subsys)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&ndbg_lock);
	other = ndbg_find_subsys(nqn);
	if (!other)
		list_add_tail(&subsys->entry, &ndbg_subsystems);
	mutex_unlock(&ndbg_lock);
	if (other) {
		pr_err("%s is connected without a directory: disconnect it first\n",
		       nqn);
		ndbg_subsys_put(subsys);
		return ERR_PTR(-EBUSY);
	}
	return subsys;
}

/**
 * ndbg_subsys_remove - let nobody find a subsystem any more
 * @subsys: has no controllers
 */
void ndbg_subsys_remove(struct ndbg_subsys *subsys)
{
	mutex_lock(&ndbg_lock);
	WARN_ON(!xa_empty(&subsys->ctrls));
	list_del_init(&subsys->entry);
	mutex_unlock(&ndbg_lock);
}

/**
 * ndbg_subsys_sync - wait for all commands that run now
 * @subsys: whose; ndbg_lock held
 *
 * What they could find before this they do not use after it.
 */
void ndbg_subsys_sync(struct ndbg_subsys *subsys)
{
	struct ndbg_ctrl *ctrl;
	unsigned long id;

	lockdep_assert_held(&ndbg_lock);
	xa_for_each(&subsys->ctrls, id, ctrl)
		synchronize_srcu_expedited(&ctrl->media);
}

/* Paths: what is to be of a controller, by its address. */

static struct ndbg_path *ndbg_find_path(struct ndbg_subsys *subsys,
					const char *traddr)
{
	struct ndbg_path *path;

	list_for_each_entry(path, &subsys->paths, entry)
		if (!strcmp(config_item_name(&path->group.cg_item), traddr))
			return path;
	return NULL;
}

/*
 * The host is told first: commands that run may take long, and only they are
 * waited for. After that none is executed by the old state.
 */
static void ndbg_set_ana(struct ndbg_ctrl *ctrl, u8 state)
{
	if (ctrl->ana_state == state)
		return;
	WRITE_ONCE(ctrl->ana_state, state);
	ndbg_event_ana_changed(ctrl);
	synchronize_srcu_expedited(&ctrl->media);
}

/**
 * ndbg_path_set_ana - change the ANA state of a controller
 * @path: its path, whether or not it is connected; ndbg_lock held
 * @state: enum nvme_ana_state
 */
void ndbg_path_set_ana(struct ndbg_path *path, u8 state)
{
	const char *traddr = config_item_name(&path->group.cg_item);
	struct ndbg_ctrl *ctrl = ndbg_find_ctrl(path->subsys, traddr);

	path->config.ana_state = state;
	if (ctrl && path->subsys->config.multipath)
		ndbg_set_ana(ctrl, state);
}

/**
 * ndbg_path_add - make a path known
 * @subsys: whose it is
 * @path: named and initialized
 */
void ndbg_path_add(struct ndbg_subsys *subsys, struct ndbg_path *path)
{
	path->subsys = subsys;
	ndbg_defaults(ndbg_path_attrs, &path->config);
	mutex_lock(&ndbg_lock);
	list_add_tail(&path->entry, &subsys->paths);
	mutex_unlock(&ndbg_lock);
}

/**
 * ndbg_path_remove - forget a path
 * @path: its controller, if there is one, goes back to what it is by default
 */
void ndbg_path_remove(struct ndbg_path *path)
{
	mutex_lock(&ndbg_lock);
	ndbg_path_set_ana(path, NVME_ANA_OPTIMIZED);
	list_del(&path->entry);
	mutex_unlock(&ndbg_lock);
}

/* Controllers. */

static bool ndbg_address_taken(const char *traddr)
{
	struct ndbg_subsys *subsys;

	list_for_each_entry(subsys, &ndbg_subsystems, entry)
		if (ndbg_find_ctrl(subsys, traddr))
			return true;
	return false;
}

/* Its one namespace derives from the address, as its serial number does. */
static int ndbg_init_implicit(struct ndbg_subsys *subsys, const char *traddr)
{
	struct ndbg_ns *ns;

	subsys->implicit = true;
	subsys->config.multipath = 0;
	subsys->config.aerl = 0;
	scnprintf(subsys->config.serial, sizeof(subsys->config.serial),
		  NDBG_NAME "-%s", traddr);
	ns = ndbg_ns_create(subsys, 1, traddr);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	ndbg_ns_enable(ns);
	return 0;
}

static struct ndbg_subsys *
ndbg_create_implicit(const struct nvmf_ctrl_options *opts)
{
	struct ndbg_subsys *subsys = ndbg_subsys_alloc(opts->subsysnqn, 1);
	int ret;

	if (!subsys)
		return ERR_PTR(-ENOMEM);
	ret = ndbg_init_implicit(subsys, opts->traddr);
	if (ret) {
		ndbg_subsys_put(subsys);
		return ERR_PTR(ret);
	}
	list_add_tail(&subsys->entry, &ndbg_subsystems);
	return subsys;
}

/* With a reference. */
static struct ndbg_subsys *
ndbg_subsys_get(const struct nvmf_ctrl_options *opts)
{
	struct ndbg_subsys *subsys;

	if (ndbg_address_taken(opts->traddr)) {
		pr_err("address %s is connected already, disconnect it or use another\n",
		       opts->traddr);
		return ERR_PTR(-EALREADY);
	}
	subsys = ndbg_find_subsys(opts->subsysnqn);
	if (!subsys)
		return ndbg_create_implicit(opts);
	if (!subsys->config.multipath && ndbg_has_live_ctrl(subsys)) {
		pr_err("%s has its one controller: %s\n", subsys->nqn,
		       subsys->implicit ? "mkdir it in configfs for several" :
					  "set multipath to 1 for several");
		return ERR_PTR(-EBUSY);
	}
	kref_get(&subsys->ref);
	return subsys;
}

/* The shape of a controller is settled here, but for its ANA state. */
static int ndbg_add_ctrl(struct ndbg_subsys *subsys, struct ndbg_ctrl *ctrl)
{
	struct ndbg_path *path = ndbg_find_path(subsys, ctrl->ctrl.opts->traddr);
	u32 id;
	int ret;

	ctrl->max_io_queues = subsys->config.io_queues;
	ctrl->ana_state = NVME_ANA_OPTIMIZED;
	if (path && path->config.io_queues)
		ctrl->max_io_queues = path->config.io_queues;
	if (path && subsys->config.multipath)
		ctrl->ana_state = path->config.ana_state;
	ret = xa_alloc(&subsys->ctrls, &id, ctrl,
		       XA_LIMIT(NVME_CNTLID_MIN, NVME_CNTLID_MAX), GFP_NOIO);
	if (ret)
		return ret;
	ctrl->cntlid = id;
	ctrl->subsys = subsys;
	ctrl->joined = true;
	return 0;
}

/* Not under ndbg_lock: configfs takes locks under which it calls us. */
static int ndbg_join_pinned(struct ndbg_subsys *subsys, struct ndbg_ctrl *ctrl)
{
	int ret = ndbg_control_pin(subsys);

	if (ret) {
		pr_err("%s: its directory is coming or going, try again\n",
		       subsys->nqn);
		return ret;
	}
	mutex_lock(&ndbg_lock);
	ret = ndbg_add_ctrl(subsys, ctrl);
	mutex_unlock(&ndbg_lock);
	if (ret)
		ndbg_control_unpin(subsys);
	return ret;
}

/**
 * ndbg_join - become a controller of the subsystem that the options name
 * @ctrl: controller that nobody uses yet
 *
 * Connects do not overlap: the fabrics library sends one at a time. On success
 * @ctrl has a reference to the subsystem, which ndbg_free() drops.
 *
 * Return: 0, or a negative errno after saying why.
 */
int ndbg_join(struct ndbg_ctrl *ctrl)
{
	struct ndbg_subsys *subsys;
	int ret = 0;

	mutex_lock(&ndbg_lock);
	subsys = ndbg_subsys_get(ctrl->ctrl.opts);
	/* An implicit one counts as there while it has its controller. */
	if (!IS_ERR(subsys) && subsys->implicit) {
		ret = ndbg_add_ctrl(subsys, ctrl);
		if (ret)
			list_del_init(&subsys->entry);
	}
	mutex_unlock(&ndbg_lock);
	if (IS_ERR(subsys))
		return PTR_ERR(subsys);

	if (!subsys->implicit)
		ret = ndbg_join_pinned(subsys, ctrl);
	if (ret)
		ndbg_subsys_put(subsys);
	return ret;
}

static void ndbg_power_cycle(struct ndbg_subsys *subsys, u32 seed)
{
	struct ndbg_ns *ns;
	unsigned long nsid;

	xa_for_each(&subsys->namespaces, nsid, ns)
		ndbg_ns_power_cycle(ns, seed);
}

/* The host is to wait for the reset, instead of sending what fails again. */
static void ndbg_cut_off(struct ndbg_ctrl *ctrl)
{
	unsigned int i;

	for (i = 1; i <= ctrl->nr_io_queues; i++)
		clear_bit(NDBG_Q_LIVE, &ctrl->queues[i].flags);
	ndbg_disconnect_queues(ctrl, 1);
}

/**
 * ndbg_subsys_power_cut - power goes, and comes back at once
 * @subsys: subsystem, in use or not; ndbg_lock held
 * @seed: which blocks that are in the write cache are lost
 *
 * All that has not completed before ends with the connection. Connect takes
 * ndbg_lock, so no host is back before all is lost that is to be. A controller
 * that cannot be reset is being connected, and has no I/O yet, or removed.
 */
void ndbg_subsys_power_cut(struct ndbg_subsys *subsys, u32 seed)
{
	struct ndbg_ctrl *ctrl;
	unsigned long id;

	lockdep_assert_held(&ndbg_lock);
	xa_for_each(&subsys->ctrls, id, ctrl)
		if (!nvme_reset_ctrl(&ctrl->ctrl))
			ndbg_cut_off(ctrl);
	ndbg_power_cycle(subsys, seed);
}

/**
 * ndbg_leave - stop being a controller of the subsystem
 * @ctrl: controller, which executes no commands any more; may have left before
 */
void ndbg_leave(struct ndbg_ctrl *ctrl)
{
	bool joined;

	mutex_lock(&ndbg_lock);
	joined = ctrl->joined;
	if (joined)
		xa_erase(&ctrl->subsys->ctrls, ctrl->cntlid);
	/* Nobody is connected any more: that is a loss of power. */
	if (joined && xa_empty(&ctrl->subsys->ctrls))
		ndbg_power_cycle(ctrl->subsys, 0);
	ctrl->joined = false;
	mutex_unlock(&ndbg_lock);
	if (!joined)
		return;
	if (ctrl->subsys->implicit)
		ndbg_subsys_remove(ctrl->subsys);
	else
		ndbg_control_unpin(ctrl->subsys);
}
