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

static void *ndbg_fault_field(struct config_item *item, size_t offset)
{
	return (void *)&to_ndbg_fault(item)->config + offset;
}

/* A fault that is enabled is one thing, not several in a row. */
static int ndbg_fault_idle(struct config_item *item, const char *attr)
{
	lockdep_assert_held(&ndbg_lock);
	if (!to_ndbg_fault(item)->enabled)
		return 0;
	return ndbg_control_busy(item, attr, "set enable to 0");
}

static ssize_t ndbg_fault_set(struct config_item *item, size_t count,
			      const struct ndbg_attr *attr, u32 val)
{
	u32 *field = ndbg_fault_field(item, attr->offset);
	int ret;

	mutex_lock(&ndbg_lock);
	ret = ndbg_fault_idle(item, attr->name);
	if (!ret)
		*field = val;
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

static ssize_t ndbg_fault_show_number(struct config_item *item, char *page,
				      const struct ndbg_attr *attr)
{
	u32 *field = ndbg_fault_field(item, attr->offset);

	return sysfs_emit(page, "%u\n", *field);
}

static ssize_t ndbg_fault_store_number(struct config_item *item,
				       const char *page, size_t count,
				       const struct ndbg_attr *attr)
{
	u32 val;
	int ret = ndbg_control_number(item, attr->name, page, count,
				      attr->number, &val);

	return ret ?: ndbg_fault_set(item, count, attr, val);
}

static ssize_t ndbg_fault_show_hex(struct config_item *item, char *page,
				   const struct ndbg_attr *attr)
{
	u32 *field = ndbg_fault_field(item, attr->offset);

	return sysfs_emit(page, "%#x\n", *field);
}

static ssize_t ndbg_fault_store_hex(struct config_item *item, const char *page,
				    size_t count, const struct ndbg_attr *attr)
{
	return ndbg_fault_store_number(item, page, count, attr);
}

static ssize_t ndbg_fault_show_opcode(struct config_item *item, char *page,
				      const struct ndbg_attr *attr)
{
	u32 *field = ndbg_fault_field(item, attr->offset);

	if (*field == NDBG_FAULT_ANY_OPCODE)
		return sysfs_emit(page, "any\n");
	return ndbg_fault_show_hex(item, page, attr);
}

static ssize_t ndbg_fault_store_opcode(struct config_item *item,
				       const char *page, size_t count,
				       const struct ndbg_attr *attr)
{
	if (strlen(page) == count && sysfs_streq(page, "any"))
		return ndbg_fault_set(item, count, attr, NDBG_FAULT_ANY_OPCODE);
	return ndbg_fault_store_number(item, page, count, attr);
}

/* The numbers are those of the names. */
static ssize_t ndbg_fault_show_name(struct config_item *item, char *page,
				    const struct ndbg_attr *attr)
{
	u32 *field = ndbg_fault_field(item, attr->offset);

	return sysfs_emit(page, "%s\n", attr->names[*field]);
}

static ssize_t ndbg_fault_store_name(struct config_item *item,
				     const char *page, size_t count,
				     const struct ndbg_attr *attr)
{
	int val = -1;

	if (strlen(page) == count)
		val = __sysfs_match_string(attr->names, attr->number->max + 1,
					   page);
	if (val < 0)
		return ndbg_control_refuse(item, attr->name, page,
					   attr->number->what);
	return ndbg_fault_set(item, count, attr, val);
}

static ssize_t ndbg_fault_show_lba(struct config_item *item, char *page,
				   const struct ndbg_attr *attr)
{
	u64 *field = ndbg_fault_field(item, attr->offset);

	return sysfs_emit(page, "%llu\n", *field);
}

static ssize_t ndbg_fault_store_lba(struct config_item *item, const char *page,
				    size_t count, const struct ndbg_attr *attr)
{
	u64 *field = ndbg_fault_field(item, attr->offset);
	u64 val;
	int ret;

	if (strlen(page) != count || kstrtou64(page, 0, &val))
		return ndbg_control_refuse(item, attr->name, page,
					   attr->number->what);
	mutex_lock(&ndbg_lock);
	ret = ndbg_fault_idle(item, attr->name);
	if (!ret)
		*field = val;
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

static bool ndbg_status_ok(u32 val)
{
	return !(val & ~(NVME_SCT_SC_MASK | NVME_STATUS_DNR));
}

static const struct ndbg_number ndbg_fault_flag_rule = {
	.max	= 1,
	.what	= "0 or 1",
};

static const struct ndbg_number ndbg_fault_opcode_rule = {
	.max	= U8_MAX,
	.what	= "an opcode from 0 to 255, or any",
};

static const struct ndbg_number ndbg_fault_nsid_rule = {
	.max	= U32_MAX,
	.what	= "a namespace id, or 0 for any",
};

static const struct ndbg_number ndbg_fault_cntlid_rule = {
	.max	= NVME_CNTLID_MAX,
	.what	= "a controller id, or 0 for any",
};

static const struct ndbg_number ndbg_fault_slba_rule = {
	.what	= "a logical block",
};

static const struct ndbg_number ndbg_fault_nlb_rule = {
	.what	= "a number of logical blocks, or 0 for any commands",
};

static const struct ndbg_number ndbg_fault_count_rule = {
	.max	= U32_MAX,
	.what	= "a number from 0 to 4294967295",
};

static const struct ndbg_number ndbg_fault_every_rule = {
	.min	= 1,
	.max	= U32_MAX,
	.what	= "a number from 1 (each) to 4294967295",
};

static const struct ndbg_number ndbg_fault_probability_rule = {
	.max	= 1000000,
	.what	= "a probability from 0 to 1000000 in a million",
};

static const struct ndbg_number ndbg_fault_range_rule = {
	.max	= NVME_COPY_MAX_RANGES - 1,
	.what	= "a source range from 0 to 255",
};

static const struct ndbg_number ndbg_fault_delay_rule = {
	.max	= U32_MAX,
	.what	= "a number of microseconds from 0 to 4294967295",
};

static const struct ndbg_number ndbg_fault_status_rule = {
	.max	= NVME_SCT_SC_MASK | NVME_STATUS_DNR,
	.ok	= ndbg_status_ok,
	.what	= "a status: status code, 0x100 times its type, 0x4000 for DNR",
};

static const char *const ndbg_at_names[] = {
	[NDBG_AT_START]	= "start",
	[NDBG_AT_RANGE]	= "range",
	[NDBG_AT_END]	= "end",
};

static const struct ndbg_number ndbg_fault_at_rule = {
	.max	= ARRAY_SIZE(ndbg_at_names) - 1,
	.what	= "start, range or end",
};

static const char *const ndbg_action_names[] = {
	[NDBG_FAULT_NONE]	= "none",
	[NDBG_FAULT_STATUS]	= "status",
	[NDBG_FAULT_CORRUPT]	= "corrupt",
	[NDBG_FAULT_LOSE]	= "lose",
	[NDBG_FAULT_TWICE]	= "twice",
	[NDBG_FAULT_DISCONNECT]	= "disconnect",
	[NDBG_FAULT_FATAL]	= "fatal",
	[NDBG_FAULT_REMOVE]	= "remove",
};

static const struct ndbg_number ndbg_fault_action_rule = {
	.max	= ARRAY_SIZE(ndbg_action_names) - 1,
	.what	= "none, status, corrupt, lose, twice, disconnect, fatal or remove",
};

#define NDBG_FAULT_ATTR(_name, _kind, _rule, _names)			\
static const struct ndbg_attr ndbg_fault_##_name = {			\
	.name	= #_name,						\
	.offset	= offsetof(struct ndbg_fault_config, _name),		\
	.number	= _rule,						\
	.names	= _names,						\
};									\
									\
static ssize_t ndbg_fault_##_name##_show(struct config_item *item,	\
					 char *page)			\
{									\
	return ndbg_fault_show_##_kind(item, page, &ndbg_fault_##_name); \
}									\
									\
static ssize_t ndbg_fault_##_name##_store(struct config_item *item,	\
					  const char *page,		\
					  size_t count)			\
{									\
	return ndbg_fault_store_##_kind(item, page, count,		\
					&ndbg_fault_##_name);		\
}

NDBG_FAULT_ATTR(admin, number, &ndbg_fault_flag_rule, NULL)
NDBG_FAULT_ATTR(opcode, opcode, &ndbg_fault_opcode_rule, NULL)
NDBG_FAULT_ATTR(nsid, number, &ndbg_fault_nsid_rule, NULL)
NDBG_FAULT_ATTR(cntlid, number, &ndbg_fault_cntlid_rule, NULL)
NDBG_FAULT_ATTR(slba, lba, &ndbg_fault_slba_rule, NULL)
NDBG_FAULT_ATTR(nlb, lba, &ndbg_fault_nlb_rule, NULL)
NDBG_FAULT_ATTR(skip, number, &ndbg_fault_count_rule, NULL)
NDBG_FAULT_ATTR(every, number, &ndbg_fault_every_rule, NULL)
NDBG_FAULT_ATTR(probability, number, &ndbg_fault_probability_rule, NULL)
NDBG_FAULT_ATTR(seed, number, &ndbg_fault_count_rule, NULL)
NDBG_FAULT_ATTR(times, number, &ndbg_fault_count_rule, NULL)
NDBG_FAULT_ATTR(at, name, &ndbg_fault_at_rule, ndbg_at_names)
NDBG_FAULT_ATTR(range, number, &ndbg_fault_range_rule, NULL)
NDBG_FAULT_ATTR(blocks, number, &ndbg_fault_count_rule, NULL)
NDBG_FAULT_ATTR(hold, number, &ndbg_fault_flag_rule, NULL)
NDBG_FAULT_ATTR(delay, number, &ndbg_fault_delay_rule, NULL)
NDBG_FAULT_ATTR(action, name, &ndbg_fault_action_rule, ndbg_action_names)
NDBG_FAULT_ATTR(status, hex, &ndbg_fault_status_rule, NULL)

static ssize_t ndbg_fault_enable_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", to_ndbg_fault(item)->enabled);
}

static ssize_t ndbg_fault_enable_store(struct config_item *item,
				       const char *page, size_t count)
{
	u32 enable;
	int ret = ndbg_control_number(item, "enable", page, count,
				      &ndbg_zero_or_one, &enable);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	ndbg_fault_enable(to_ndbg_fault(item), enable);
	mutex_unlock(&ndbg_lock);
	return count;
}

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

static const struct ndbg_number ndbg_fault_release_rule = {
	.min	= 1,
	.max	= U32_MAX,
	.what	= "a number of commands from 1, or all",
};

static ssize_t ndbg_fault_release_store(struct config_item *item,
					const char *page, size_t count)
{
	u32 nr = UINT_MAX;
	int ret = 0;

	if (strlen(page) != count || !sysfs_streq(page, "all"))
		ret = ndbg_control_number(item, "release", page, count,
					  &ndbg_fault_release_rule, &nr);
	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	ndbg_fault_release(to_ndbg_fault(item), nr);
	mutex_unlock(&ndbg_lock);
	return count;
}

static ssize_t ndbg_fault_reset_store(struct config_item *item,
				      const char *page, size_t count)
{
	struct ndbg_fault *fault = to_ndbg_fault(item);

	if (strlen(page) != count || !sysfs_streq(page, "all"))
		return ndbg_control_refuse(item, "reset", page, "all");
	mutex_lock(&ndbg_lock);
	ndbg_fault_enable(fault, false);
	ndbg_fault_release(fault, UINT_MAX);
	ndbg_fault_defaults(fault);
	mutex_unlock(&ndbg_lock);
	return count;
}

CONFIGFS_ATTR(ndbg_fault_, admin);
CONFIGFS_ATTR(ndbg_fault_, opcode);
CONFIGFS_ATTR(ndbg_fault_, nsid);
CONFIGFS_ATTR(ndbg_fault_, cntlid);
CONFIGFS_ATTR(ndbg_fault_, slba);
CONFIGFS_ATTR(ndbg_fault_, nlb);
CONFIGFS_ATTR(ndbg_fault_, skip);
CONFIGFS_ATTR(ndbg_fault_, every);
CONFIGFS_ATTR(ndbg_fault_, probability);
CONFIGFS_ATTR(ndbg_fault_, seed);
CONFIGFS_ATTR(ndbg_fault_, times);
CONFIGFS_ATTR(ndbg_fault_, at);
CONFIGFS_ATTR(ndbg_fault_, range);
CONFIGFS_ATTR(ndbg_fault_, blocks);
CONFIGFS_ATTR(ndbg_fault_, hold);
CONFIGFS_ATTR(ndbg_fault_, delay);
CONFIGFS_ATTR(ndbg_fault_, action);
CONFIGFS_ATTR(ndbg_fault_, status);
CONFIGFS_ATTR(ndbg_fault_, enable);
CONFIGFS_ATTR_RO(ndbg_fault_, stats);
CONFIGFS_ATTR_WO(ndbg_fault_, release);
CONFIGFS_ATTR_WO(ndbg_fault_, reset);

static struct configfs_attribute *ndbg_fault_attrs[] = {
	&ndbg_fault_attr_admin,
	&ndbg_fault_attr_opcode,
	&ndbg_fault_attr_nsid,
	&ndbg_fault_attr_cntlid,
	&ndbg_fault_attr_slba,
	&ndbg_fault_attr_nlb,
	&ndbg_fault_attr_skip,
	&ndbg_fault_attr_every,
	&ndbg_fault_attr_probability,
	&ndbg_fault_attr_seed,
	&ndbg_fault_attr_times,
	&ndbg_fault_attr_at,
	&ndbg_fault_attr_range,
	&ndbg_fault_attr_blocks,
	&ndbg_fault_attr_hold,
	&ndbg_fault_attr_delay,
	&ndbg_fault_attr_action,
	&ndbg_fault_attr_status,
	&ndbg_fault_attr_enable,
	&ndbg_fault_attr_stats,
	&ndbg_fault_attr_release,
	&ndbg_fault_attr_reset,
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
