// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: configfs: the tree, subsystems and the time model. The other
 * directories are in control_ns.c, control_path.c and control_fault.c.
 *
 *   subsystems/NQN/                   mkdir: a subsystem
 *   subsystems/NQN/namespaces/NSID/   mkdir: a namespace
 *   subsystems/NQN/controllers/ADDR/  mkdir: what a controller is to be
 *   subsystems/NQN/faults/NAME/       mkdir: what is to go wrong
 *   subsystems/NQN/time/              how long commands take
 *
 * A store function reads the value, then changes what it is about under
 * ndbg_lock. Whatever is refused says in the kernel log what to do instead.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/mutex.h>

#include "control.h"

/* Subsystems. */

static struct ndbg_subsys *to_ndbg_subsys(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_subsys, group);
}

/* All its attributes are what hosts take for granted as long as they are there. */
static bool ndbg_subsys_busy(struct config_item *item)
{
	return !xa_empty(&to_ndbg_subsys(item)->ctrls);
}

static const struct ndbg_dir ndbg_subsys_dir = {
	.config	= offsetof(struct ndbg_subsys, config) -
		  offsetof(struct ndbg_subsys, group.cg_item),
	.busy	= ndbg_subsys_busy,
	.first	= "disconnect its controllers",
};

static int ndbg_subsys_reset(struct config_item *item, u64 what)
{
	if (ndbg_subsys_busy(item))
		return ndbg_busy(item, "reset", ndbg_subsys_dir.first);
	ndbg_subsys_defaults(to_ndbg_subsys(item));
	return 0;
}

static int ndbg_power_cut(struct config_item *item, u64 seed)
{
	ndbg_subsys_power_cut(to_ndbg_subsys(item), seed);
	return 0;
}

#define NDBG_SUBSYS(_how, ...) NDBG_ATTR_##_how(subsys, __VA_ARGS__)
#include "attrs.h"

struct configfs_attribute *ndbg_subsys_attrs[] = {
#define NDBG_SUBSYS(_how, _name, ...) &ndbg_attr_subsys_##_name.ca,
#include "attrs.h"
	NULL,
};

static void ndbg_subsys_release(struct config_item *item)
{
	ndbg_subsys_put(to_ndbg_subsys(item));
}

static struct configfs_item_operations ndbg_subsys_item_ops = {
	.release	= ndbg_subsys_release,
};

static const struct config_item_type ndbg_subsys_type = {
	.ct_owner	= THIS_MODULE,
	.ct_item_ops	= &ndbg_subsys_item_ops,
	.ct_attrs	= ndbg_subsys_attrs,
};

/* The time model. */

static struct ndbg_time *to_ndbg_time(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_time, group);
}

static void ndbg_change_time(struct config_item *item, u64 *field, u64 val)
{
	ndbg_time_change(to_ndbg_time(item), field, val);
}

static const struct ndbg_dir ndbg_time_dir = {
	.config	= offsetof(struct ndbg_time, config) -
		  offsetof(struct ndbg_time, group.cg_item),
	.change	= ndbg_change_time,
};

static const struct ndbg_name ndbg_completions[] = {
	{ "immediate", NDBG_COMPLETE_IMMEDIATE },
	{ "softirq", NDBG_COMPLETE_SOFTIRQ },
	{ "timer", NDBG_COMPLETE_TIMER },
	{ }
};

static ssize_t ndbg_time_stats_show(struct config_item *item, char *page)
{
	return ndbg_time_show_stats(to_ndbg_time(item), page);
}

static int ndbg_time_reset(struct config_item *item, u64 what)
{
	ndbg_time_defaults(to_ndbg_time(item));
	return 0;
}

#define NDBG_TIME(_how, ...) NDBG_ATTR_##_how(time, __VA_ARGS__)
#include "attrs.h"

struct configfs_attribute *ndbg_time_attrs[] = {
#define NDBG_TIME(_how, _name, ...) &ndbg_attr_time_##_name.ca,
#include "attrs.h"
	NULL,
};

static const struct config_item_type ndbg_time_type = {
	.ct_owner	= THIS_MODULE,
	.ct_attrs	= ndbg_time_attrs,
};

/* The tree. */

static void ndbg_add_group(struct ndbg_subsys *subsys, struct config_group *group,
			   const char *name, const struct config_item_type *type)
{
	config_group_init_type_name(group, name, type);
	configfs_add_default_group(group, &subsys->group);
}

static struct config_group *ndbg_make_subsys(struct config_group *group,
					     const char *name)
{
	struct ndbg_subsys *subsys = ndbg_subsys_create(name);

	if (IS_ERR(subsys))
		return ERR_CAST(subsys);
	config_group_init_type_name(&subsys->group, name, &ndbg_subsys_type);
	ndbg_add_group(subsys, &subsys->namespaces_group, "namespaces",
		       &ndbg_namespaces_type);
	ndbg_add_group(subsys, &subsys->controllers_group, "controllers",
		       &ndbg_controllers_type);
	ndbg_add_group(subsys, &subsys->faults_group, "faults",
		       &ndbg_faults_type);
	ndbg_add_group(subsys, &subsys->time.group, "time", &ndbg_time_type);
	return &subsys->group;
}

/* A connected controller has it pinned. */
static void ndbg_drop_subsys(struct config_group *group,
			     struct config_item *item)
{
	ndbg_subsys_remove(to_ndbg_subsys(item));
	config_item_put(item);
}

static struct configfs_group_operations ndbg_subsystems_group_ops = {
	.make_group	= ndbg_make_subsys,
	.drop_item	= ndbg_drop_subsys,
};

static const struct config_item_type ndbg_subsystems_type = {
	.ct_owner	= THIS_MODULE,
	.ct_group_ops	= &ndbg_subsystems_group_ops,
};

/* The root. */

static const struct config_item_type ndbg_root_type = {
	.ct_owner	= THIS_MODULE,
};

static struct configfs_subsystem ndbg_root = {
	.su_group = {
		.cg_item = {
			.ci_namebuf	= NDBG_NAME,
			.ci_type	= &ndbg_root_type,
		},
	},
};

static struct config_group ndbg_subsystems_group;

/**
 * ndbg_control_pin - keep the directory of a subsystem from going
 * @subsys: has one, or had one until just now
 *
 * Return: 0, or a negative errno: it is coming or going.
 */
int ndbg_control_pin(struct ndbg_subsys *subsys)
{
	return configfs_depend_item(&ndbg_root, &subsys->group.cg_item);
}

/* Undo ndbg_control_pin(). */
void ndbg_control_unpin(struct ndbg_subsys *subsys)
{
	configfs_undepend_item(&subsys->group.cg_item);
}

/**
 * ndbg_control_init - make the root directory
 *
 * Return: 0 or a negative errno.
 */
int ndbg_control_init(void)
{
	config_group_init(&ndbg_root.su_group);
	mutex_init(&ndbg_root.su_mutex);
	config_group_init_type_name(&ndbg_subsystems_group, "subsystems",
				    &ndbg_subsystems_type);
	configfs_add_default_group(&ndbg_subsystems_group, &ndbg_root.su_group);
	return configfs_register_subsystem(&ndbg_root);
}

/* Remove the root directory, which is empty. */
void ndbg_control_exit(void)
{
	configfs_unregister_subsystem(&ndbg_root);
}
