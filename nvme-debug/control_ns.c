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

static void *ndbg_ns_field(struct config_item *item, size_t offset)
{
	return (void *)&to_ndbg_ns(item)->config + offset;
}

static ssize_t ndbg_ns_show_bytes(struct config_item *item, char *page,
				  const struct ndbg_attr *attr)
{
	u64 *field = ndbg_ns_field(item, attr->offset);

	return sysfs_emit(page, "%llu\n", *field);
}

static ssize_t ndbg_ns_store_bytes(struct config_item *item, const char *page,
				   size_t count, const struct ndbg_attr *attr)
{
	u64 val;
	int ret = ndbg_control_bytes(item, attr->name, page, count, attr->bytes,
				     &val);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	attr->set(to_ndbg_ns(item), val);
	mutex_unlock(&ndbg_lock);
	return count;
}

static ssize_t ndbg_ns_show_number(struct config_item *item, char *page,
				   const struct ndbg_attr *attr)
{
	u32 *field = ndbg_ns_field(item, attr->offset);

	return sysfs_emit(page, "%u\n", *field);
}

static ssize_t ndbg_ns_store_number(struct config_item *item, const char *page,
				    size_t count, const struct ndbg_attr *attr)
{
	u32 val;
	int ret = ndbg_control_number(item, attr->name, page, count,
				      attr->number, &val);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	if (attr->set)
		attr->set(to_ndbg_ns(item), val);
	else
		ndbg_ns_set_limit(to_ndbg_ns(item),
				  ndbg_ns_field(item, attr->offset), val);
	mutex_unlock(&ndbg_lock);
	return count;
}

/* They may change at any time, ns.c sees to that. */
#define NDBG_NS_ATTR(_name, _kind, _rule, _set)				\
static const struct ndbg_attr ndbg_ns_##_name = {			\
	.name	= #_name,						\
	.offset	= offsetof(struct ndbg_ns_config, _name),		\
	_rule,								\
	.set	= _set,							\
};									\
									\
static ssize_t ndbg_ns_##_name##_show(struct config_item *item,		\
				      char *page)			\
{									\
	return ndbg_ns_show_##_kind(item, page, &ndbg_ns_##_name);	\
}									\
									\
static ssize_t ndbg_ns_##_name##_store(struct config_item *item,	\
				       const char *page, size_t count)	\
{									\
	return ndbg_ns_store_##_kind(item, page, count,			\
				     &ndbg_ns_##_name);			\
}

NDBG_NS_ATTR(size, bytes, .bytes = &ndbg_size, ndbg_ns_set_size)
NDBG_NS_ATTR(memory, bytes, .bytes = &ndbg_memory, ndbg_ns_set_memory)
NDBG_NS_ATTR(block_size, number, .number = &ndbg_block_size,
	     ndbg_ns_set_block_size)
NDBG_NS_ATTR(physical_block_size, number,
	     .number = &ndbg_physical_block_size, NULL)
NDBG_NS_ATTR(mssrl, number, .number = &ndbg_mssrl, NULL)
NDBG_NS_ATTR(mcl, number, .number = &ndbg_mcl, NULL)
NDBG_NS_ATTR(msrc, number, .number = &ndbg_msrc, NULL)
NDBG_NS_ATTR(ro_start, bytes, .bytes = &ndbg_ro_start, ndbg_ns_set_ro_start)
NDBG_NS_ATTR(ro_size, bytes, .bytes = &ndbg_ro_size, ndbg_ns_set_ro_size)

static ssize_t ndbg_ns_enable_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n",
			  to_ndbg_ns(item)->state != NDBG_NS_OFF);
}

static ssize_t ndbg_ns_enable_store(struct config_item *item, const char *page,
				    size_t count)
{
	u32 enable;
	int ret = ndbg_control_number(item, "enable", page, count,
				      &ndbg_zero_or_one, &enable);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	if (enable)
		ndbg_ns_enable(to_ndbg_ns(item));
	else
		ndbg_ns_disable(to_ndbg_ns(item));
	mutex_unlock(&ndbg_lock);
	return count;
}

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
		return ndbg_control_refuse(item, "uuid", page,
					   "a UUID, as in 12345678-1234-1234-1234-123456789abc");
	mutex_lock(&ndbg_lock);
	if (ns->state != NDBG_NS_OFF)
		ret = ndbg_control_busy(item, "uuid", "set enable to 0");
	else
		ns->uuid = uuid;
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

static ssize_t ndbg_ns_stats_show(struct config_item *item, char *page)
{
	return ndbg_ns_show_stats(to_ndbg_ns(item), page);
}

static int ndbg_ns_reset_all(struct config_item *item)
{
	struct ndbg_ns *ns = to_ndbg_ns(item);

	if (ns->state != NDBG_NS_OFF)
		return ndbg_control_busy(item, "reset", "set enable to 0");
	ndbg_ns_defaults(ns);
	return 0;
}

static ssize_t ndbg_ns_reset_store(struct config_item *item, const char *page,
				   size_t count)
{
	bool all = sysfs_streq(page, "all");
	int ret = 0;

	if (strlen(page) != count || (!all && !sysfs_streq(page, "stats")))
		return ndbg_control_refuse(item, "reset", page, "stats or all");
	mutex_lock(&ndbg_lock);
	if (all)
		ret = ndbg_ns_reset_all(item);
	else
		ndbg_ns_clear_stats(to_ndbg_ns(item));
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

CONFIGFS_ATTR(ndbg_ns_, size);
CONFIGFS_ATTR(ndbg_ns_, memory);
CONFIGFS_ATTR(ndbg_ns_, block_size);
CONFIGFS_ATTR(ndbg_ns_, physical_block_size);
CONFIGFS_ATTR(ndbg_ns_, mssrl);
CONFIGFS_ATTR(ndbg_ns_, mcl);
CONFIGFS_ATTR(ndbg_ns_, msrc);
CONFIGFS_ATTR(ndbg_ns_, ro_start);
CONFIGFS_ATTR(ndbg_ns_, ro_size);
CONFIGFS_ATTR(ndbg_ns_, enable);
CONFIGFS_ATTR(ndbg_ns_, uuid);
CONFIGFS_ATTR_RO(ndbg_ns_, stats);
CONFIGFS_ATTR_WO(ndbg_ns_, reset);

static struct configfs_attribute *ndbg_ns_attrs[] = {
	&ndbg_ns_attr_size,
	&ndbg_ns_attr_memory,
	&ndbg_ns_attr_block_size,
	&ndbg_ns_attr_physical_block_size,
	&ndbg_ns_attr_mssrl,
	&ndbg_ns_attr_mcl,
	&ndbg_ns_attr_msrc,
	&ndbg_ns_attr_ro_start,
	&ndbg_ns_attr_ro_size,
	&ndbg_ns_attr_uuid,
	&ndbg_ns_attr_enable,
	&ndbg_ns_attr_stats,
	&ndbg_ns_attr_reset,
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
		return ERR_PTR(ndbg_refuse("namespace", name,
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
