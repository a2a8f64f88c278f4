// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: configfs, namespaces. See control.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "control.h"

static struct ndbg_ns *to_ndbg_ns(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_ns, group);
}

static void ndbg_change_ns(struct config_item *item, u64 *field, u64 val)
{
	ndbg_ns_change(to_ndbg_ns(item), field, val);
}

/* Of a namespace that is active, hosts do not expect to become another kind of disk. */
static bool ndbg_ns_busy(struct config_item *item)
{
	return to_ndbg_ns(item)->state != NDBG_NS_OFF;
}

static const struct ndbg_dir ndbg_ns_dir = {
	.config	= offsetof(struct ndbg_ns, config) -
		  offsetof(struct ndbg_ns, group.cg_item),
	.busy	= ndbg_ns_busy,
	.first	= "set enable to 0",
	.change	= ndbg_change_ns,
};

static ssize_t ndbg_ns_uuid_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%pUb\n", &to_ndbg_ns(item)->uuid);
}

/* A host that sees a namespace become another one takes it for an error. */
static ssize_t ndbg_ns_uuid_store(struct config_item *item, const char *page,
				  size_t count)
{
	struct ndbg_ns *ns = to_ndbg_ns(item);
	size_t len = strcspn(page, "\n");
	uuid_t uuid;
	int ret = 0;

	if (len != UUID_STRING_LEN || count > len + 1 ||
	    uuid_parse(page, &uuid) || uuid_is_null(&uuid))
		return ndbg_refuse(config_item_name(item), "uuid", page,
				   "a UUID, as in 12345678-1234-1234-1234-123456789abc");
	mutex_lock(&ndbg_lock);
	if (ndbg_ns_busy(item))
		ret = ndbg_busy(item, "uuid", ndbg_ns_dir.first);
	else
		ns->uuid = uuid;
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

static ssize_t ndbg_ns_stats_show(struct config_item *item, char *page)
{
	return ndbg_ns_show_stats(to_ndbg_ns(item), page);
}

static const struct ndbg_name ndbg_ns_resets[] = {
	{ "stats", false },
	{ "all", true },
	{ }
};

static int ndbg_ns_reset(struct config_item *item, u64 all)
{
	struct ndbg_ns *ns = to_ndbg_ns(item);

	if (all && ndbg_ns_busy(item))
		return ndbg_busy(item, "reset", ndbg_ns_dir.first);
	if (all)
		ndbg_ns_defaults(ns);
	else
		ndbg_ns_clear_stats(ns);
	return 0;
}

static int ndbg_break_zone(struct config_item *item, const char *name, u64 pos,
			   bool offline)
{
	int ret = ndbg_zone_break(to_ndbg_ns(item), pos, offline);
	char text[24];

	if (ret != -EINVAL)
		return ret;
	scnprintf(text, sizeof(text), "%llu", pos);
	return ndbg_refuse(config_item_name(item), name, text,
			   "a byte of one of its zones");
}

static int ndbg_zone_readonly(struct config_item *item, u64 pos)
{
	return ndbg_break_zone(item, "zone_readonly", pos, false);
}

static int ndbg_zone_offline(struct config_item *item, u64 pos)
{
	return ndbg_break_zone(item, "zone_offline", pos, true);
}

#define NDBG_NS(_how, ...) NDBG_ATTR_##_how(ns, __VA_ARGS__)
#include "attrs.h"

struct configfs_attribute *ndbg_ns_attrs[] = {
#define NDBG_NS(_how, _name, ...) &ndbg_attr_ns_##_name.ca,
#include "attrs.h"
	NULL,
};

static void ndbg_ns_release(struct config_item *item)
{
	ndbg_ns_free(to_ndbg_ns(item));
}

static struct configfs_item_operations ndbg_ns_item_ops = {
	.release	= ndbg_ns_release,
};

static const struct config_item_type ndbg_ns_type = {
	.ct_owner	= THIS_MODULE,
	.ct_item_ops	= &ndbg_ns_item_ops,
	.ct_attrs	= ndbg_ns_attrs,
};

/* One name for each: no sign, no leading zero. */
static bool ndbg_parse_nsid(const char *name, u32 *nsid)
{
	return *name >= '1' && *name <= '9' && !kstrtou32(name, 10, nsid) &&
	       *nsid <= NDBG_MAX_NSID;
}

static struct config_group *ndbg_make_ns(struct config_group *group,
					 const char *name)
{
	struct ndbg_subsys *subsys = container_of(group, struct ndbg_subsys,
						  namespaces_group);
	struct ndbg_ns *ns;
	u32 nsid;

	if (!ndbg_parse_nsid(name, &nsid))
		return ERR_PTR(ndbg_refuse(NULL, "namespace", name,
					   "a namespace id, 1 to 8192"));
	mutex_lock(&ndbg_lock);
	ns = ndbg_ns_create(subsys, nsid, name);
	mutex_unlock(&ndbg_lock);
	if (IS_ERR(ns))
		return ERR_CAST(ns);
	config_group_init_type_name(&ns->group, name, &ndbg_ns_type);
	return &ns->group;
}

/* Even if it is in use: to hosts, it is pulled out. */
static void ndbg_drop_ns(struct config_group *group, struct config_item *item)
{
	mutex_lock(&ndbg_lock);
	ndbg_ns_remove(to_ndbg_ns(item));
	mutex_unlock(&ndbg_lock);
	config_item_put(item);
}

static struct configfs_group_operations ndbg_namespaces_group_ops = {
	.make_group	= ndbg_make_ns,
	.drop_item	= ndbg_drop_ns,
};

const struct config_item_type ndbg_namespaces_type = {
	.ct_owner	= THIS_MODULE,
	.ct_group_ops	= &ndbg_namespaces_group_ops,
};
