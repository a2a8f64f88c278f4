// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: configfs, what the controller with an address is, or will be. See
 * control.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "control.h"

static struct ndbg_path *to_ndbg_path(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_path, group);
}

/* Called with ndbg_lock held. */
static struct ndbg_ctrl *ndbg_path_ctrl(struct config_item *item)
{
	return ndbg_find_ctrl(to_ndbg_path(item)->subsys,
			      config_item_name(item));
}

static bool ndbg_path_busy(struct config_item *item)
{
	return ndbg_path_ctrl(item);
}

static void ndbg_change_path(struct config_item *item, u64 *field, u64 val)
{
	struct ndbg_path *path = to_ndbg_path(item);

	if (field == &path->config.ana_state)
		ndbg_path_set_ana(path, val);
	else
		*field = val;
}

static const struct ndbg_dir ndbg_path_dir = {
	.config	= offsetof(struct ndbg_path, config) -
		  offsetof(struct ndbg_path, group.cg_item),
	.busy	= ndbg_path_busy,
	.first	= "disconnect it",
	.change	= ndbg_change_path,
};

static const struct ndbg_name ndbg_ana_names[] = {
	{ "optimized", NVME_ANA_OPTIMIZED },
	{ "non-optimized", NVME_ANA_NONOPTIMIZED },
	{ "inaccessible", NVME_ANA_INACCESSIBLE },
	{ "persistent-loss", NVME_ANA_PERSISTENT_LOSS },
	{ "change", NVME_ANA_CHANGE },
	{ }
};

static ssize_t ndbg_path_cntlid_show(struct config_item *item, char *page)
{
	struct ndbg_ctrl *ctrl;
	ssize_t len;

	mutex_lock(&ndbg_lock);
	ctrl = ndbg_path_ctrl(item);
	len = sysfs_emit(page, "%u\n", ctrl ? ctrl->cntlid : 0);
	mutex_unlock(&ndbg_lock);
	return len;
}

/* A controller that is being connected may not have a device yet, or no name. */
static ssize_t ndbg_path_device_show(struct config_item *item, char *page)
{
	struct device *dev = NULL;
	struct ndbg_ctrl *ctrl;
	const char *name;
	ssize_t len;

	mutex_lock(&ndbg_lock);
	ctrl = ndbg_path_ctrl(item);
	if (ctrl)
		dev = READ_ONCE(ctrl->ctrl.device);
	name = dev ? dev_name(dev) : NULL;
	len = sysfs_emit(page, "%s\n", name ?: "");
	mutex_unlock(&ndbg_lock);
	return len;
}

static int ndbg_path_reset(struct config_item *item, u64 what)
{
	struct ndbg_path *path = to_ndbg_path(item);

	if (path->config.io_queues && ndbg_path_busy(item))
		return ndbg_busy(item, "reset", ndbg_path_dir.first);
	path->config.io_queues = 0;
	ndbg_path_set_ana(path, NVME_ANA_OPTIMIZED);
	return 0;
}

#define NDBG_PATH(_how, ...) NDBG_ATTR_##_how(path, __VA_ARGS__)
#include "attrs.h"

struct configfs_attribute *ndbg_path_attrs[] = {
#define NDBG_PATH(_how, _name, ...) &ndbg_attr_path_##_name.ca,
#include "attrs.h"
	NULL,
};

static void ndbg_path_release(struct config_item *item)
{
	kfree(to_ndbg_path(item));
}

static struct configfs_item_operations ndbg_path_item_ops = {
	.release	= ndbg_path_release,
};

static const struct config_item_type ndbg_path_type = {
	.ct_owner	= THIS_MODULE,
	.ct_item_ops	= &ndbg_path_item_ops,
	.ct_attrs	= ndbg_path_attrs,
};

static struct config_group *ndbg_make_path(struct config_group *group,
					   const char *name)
{
	struct ndbg_subsys *subsys = container_of(group, struct ndbg_subsys,
						  controllers_group);
	struct ndbg_path *path = kzalloc(sizeof(*path), GFP_KERNEL);

	if (!path)
		return ERR_PTR(-ENOMEM);
	config_group_init_type_name(&path->group, name, &ndbg_path_type);
	ndbg_path_add(subsys, path);
	return &path->group;
}

static void ndbg_drop_path(struct config_group *group, struct config_item *item)
{
	ndbg_path_remove(to_ndbg_path(item));
	config_item_put(item);
}

static struct configfs_group_operations ndbg_controllers_group_ops = {
	.make_group	= ndbg_make_path,
	.drop_item	= ndbg_drop_path,
};

const struct config_item_type ndbg_controllers_type = {
	.ct_owner	= THIS_MODULE,
	.ct_group_ops	= &ndbg_controllers_group_ops,
};
