// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: configfs, faults. See control.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "control.h"

static struct ndbg_fault *to_ndbg_fault(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_fault, group);
}

static bool ndbg_fault_busy(struct config_item *item)
{
	return to_ndbg_fault(item)->config.enable;
}

static void ndbg_change_fault(struct config_item *item, u64 *field, u64 val)
{
	struct ndbg_fault *fault = to_ndbg_fault(item);

	if (field == &fault->config.enable)
		ndbg_fault_enable(fault, val);
	else
		*field = val;
}

/* A fault that is enabled is one thing, not several in a row. */
static const struct ndbg_dir ndbg_fault_dir = {
	.config	= offsetof(struct ndbg_fault, config) -
		  offsetof(struct ndbg_fault, group.cg_item),
	.busy	= ndbg_fault_busy,
	.first	= "set enable to 0",
	.change	= ndbg_change_fault,
};

static const struct ndbg_name ndbg_any_opcode[] = {
	{ "any", NDBG_FAULT_ANY_OPCODE },
	{ }
};

static const struct ndbg_name ndbg_at_names[] = {
	{ "start", NDBG_AT_START },
	{ "range", NDBG_AT_RANGE },
	{ "end", NDBG_AT_END },
	{ }
};

static const struct ndbg_name ndbg_actions[] = {
	{ "none", NDBG_FAULT_NONE },
	{ "status", NDBG_FAULT_STATUS },
	{ "corrupt", NDBG_FAULT_CORRUPT },
	{ "lose", NDBG_FAULT_LOSE },
	{ "twice", NDBG_FAULT_TWICE },
	{ "disconnect", NDBG_FAULT_DISCONNECT },
	{ "fatal", NDBG_FAULT_FATAL },
	{ "remove", NDBG_FAULT_REMOVE },
	{ }
};

static ssize_t ndbg_fault_stats_show(struct config_item *item, char *page)
{
	struct ndbg_fault *fault = to_ndbg_fault(item);
	ssize_t len;

	mutex_lock(&ndbg_lock);
	len = sysfs_emit(page, "matches %llu\nhits %llu\nheld %u\n",
			 READ_ONCE(fault->matches), READ_ONCE(fault->hits),
			 ndbg_fault_held(fault));
	mutex_unlock(&ndbg_lock);
	return len;
}

static int ndbg_release(struct config_item *item, u64 nr)
{
	ndbg_fault_release(to_ndbg_fault(item), min_t(u64, nr, UINT_MAX));
	return 0;
}

static int ndbg_fault_reset(struct config_item *item, u64 what)
{
	struct ndbg_fault *fault = to_ndbg_fault(item);

	ndbg_fault_enable(fault, false);
	ndbg_fault_release(fault, UINT_MAX);
	ndbg_fault_defaults(fault);
	return 0;
}

#define NDBG_FAULT(_how, ...) NDBG_ATTR_##_how(fault, __VA_ARGS__)
#include "attrs.h"

struct configfs_attribute *ndbg_fault_attrs[] = {
#define NDBG_FAULT(_how, _name, ...) &ndbg_attr_fault_##_name.ca,
#include "attrs.h"
	NULL,
};

static void ndbg_fault_free(struct config_item *item)
{
	kfree(to_ndbg_fault(item));
}

static struct configfs_item_operations ndbg_fault_item_ops = {
	.release	= ndbg_fault_free,
};

static const struct config_item_type ndbg_fault_type = {
	.ct_owner	= THIS_MODULE,
	.ct_item_ops	= &ndbg_fault_item_ops,
	.ct_attrs	= ndbg_fault_attrs,
};

static struct config_group *ndbg_make_fault(struct config_group *group,
					    const char *name)
{
	struct ndbg_subsys *subsys = container_of(group, struct ndbg_subsys,
						  faults_group);
	struct ndbg_fault *fault = kzalloc(sizeof(*fault), GFP_KERNEL);

	if (!fault)
		return ERR_PTR(-ENOMEM);
	config_group_init_type_name(&fault->group, name, &ndbg_fault_type);
	ndbg_fault_init(fault, subsys);
	return &fault->group;
}

static void ndbg_drop_fault(struct config_group *group,
			    struct config_item *item)
{
	mutex_lock(&ndbg_lock);
	ndbg_fault_remove(to_ndbg_fault(item));
	mutex_unlock(&ndbg_lock);
	config_item_put(item);
}

static struct configfs_group_operations ndbg_faults_group_ops = {
	.make_group	= ndbg_make_fault,
	.drop_item	= ndbg_drop_fault,
};

const struct config_item_type ndbg_faults_type = {
	.ct_owner	= THIS_MODULE,
	.ct_group_ops	= &ndbg_faults_group_ops,
};
