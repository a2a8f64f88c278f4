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

static const char *const ndbg_ana_names[] = {
	[NVME_ANA_OPTIMIZED]		= "optimized",
	[NVME_ANA_NONOPTIMIZED]		= "non-optimized",
	[NVME_ANA_INACCESSIBLE]		= "inaccessible",
	[NVME_ANA_PERSISTENT_LOSS]	= "persistent-loss",
	[NVME_ANA_CHANGE]		= "change",
};

static struct ndbg_path *to_ndbg_path(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_path, group);
}

static ssize_t ndbg_path_ana_state_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%s\n",
			  ndbg_ana_names[to_ndbg_path(item)->ana_state]);
}

static ssize_t ndbg_path_ana_state_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct ndbg_path *path = to_ndbg_path(item);
	unsigned int state;

	for (state = 0; state < ARRAY_SIZE(ndbg_ana_names); state++)
		if (strlen(page) == count && ndbg_ana_names[state] &&
		    sysfs_streq(page, ndbg_ana_names[state]))
			break;
	if (state == ARRAY_SIZE(ndbg_ana_names))
		return ndbg_control_refuse(item, "ana_state", page,
					   "optimized, non-optimized, inaccessible, persistent-loss or change");
	mutex_lock(&ndbg_lock);
	ndbg_path_set_ana(path, state);
	mutex_unlock(&ndbg_lock);
	return count;
}

static const struct ndbg_number ndbg_path_queues = {
	.max	= NDBG_MAX_IO_QUEUES,
	.what	= "a number of I/O queues from 1 to 128, or 0 for what the subsystem has",
};

static ssize_t ndbg_path_io_queues_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", to_ndbg_path(item)->io_queues);
}

/* Called with ndbg_lock held. */
static struct ndbg_ctrl *ndbg_path_ctrl(struct config_item *item)
{
	return ndbg_find_ctrl(to_ndbg_path(item)->subsys,
			      config_item_name(item));
}

static ssize_t ndbg_path_io_queues_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct ndbg_path *path = to_ndbg_path(item);
	u32 val;
	int ret;

	ret = ndbg_control_number(item, "io_queues", page, count,
				  &ndbg_path_queues, &val);
	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	if (ndbg_path_ctrl(item))
		ret = ndbg_control_busy(item, "io_queues", "disconnect it");
	else
		path->io_queues = val;
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

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

static ssize_t ndbg_path_reset_store(struct config_item *item,
				     const char *page, size_t count)
{
	struct ndbg_path *path = to_ndbg_path(item);
	int ret = 0;

	if (strlen(page) != count || !sysfs_streq(page, "all"))
		return ndbg_control_refuse(item, "reset", page, "all");
	mutex_lock(&ndbg_lock);
	if (path->io_queues && ndbg_path_ctrl(item)) {
		ret = ndbg_control_busy(item, "reset", "disconnect it");
	} else {
		path->io_queues = 0;
		ndbg_path_set_ana(path, NVME_ANA_OPTIMIZED);
	}
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

CONFIGFS_ATTR(ndbg_path_, ana_state);
CONFIGFS_ATTR(ndbg_path_, io_queues);
CONFIGFS_ATTR_RO(ndbg_path_, cntlid);
CONFIGFS_ATTR_RO(ndbg_path_, device);
CONFIGFS_ATTR_WO(ndbg_path_, reset);

static struct configfs_attribute *ndbg_path_attrs[] = {
	&ndbg_path_attr_ana_state,
	&ndbg_path_attr_io_queues,
	&ndbg_path_attr_cntlid,
	&ndbg_path_attr_device,
	&ndbg_path_attr_reset,
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
