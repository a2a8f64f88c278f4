// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: configfs, how long commands take. See control.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "control.h"

static struct ndbg_time *to_ndbg_time(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_time, group);
}

static u32 *ndbg_time_field(struct config_item *item,
			    const struct ndbg_attr *attr)
{
	return (void *)&to_ndbg_time(item)->config + attr->offset;
}

static ssize_t ndbg_time_show_number(struct config_item *item, char *page,
				     const struct ndbg_attr *attr)
{
	return sysfs_emit(page, "%u\n", *ndbg_time_field(item, attr));
}

/* All may change at any time. */
static ssize_t ndbg_time_store_number(struct config_item *item,
				      const char *page, size_t count,
				      const struct ndbg_attr *attr)
{
	struct ndbg_time *time = to_ndbg_time(item);
	u32 val;
	int ret = ndbg_control_number(item, attr->name, page, count,
				      attr->number, &val);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	spin_lock(&time->lock);
	*ndbg_time_field(item, attr) = val;
	spin_unlock(&time->lock);
	ndbg_time_changed(time);
	mutex_unlock(&ndbg_lock);
	return count;
}

static const struct ndbg_number ndbg_ns_rule = {
	.max	= NSEC_PER_SEC,
	.what	= "a number of nanoseconds from 0 to 1000000000",
};

static const struct ndbg_number ndbg_jitter_rule = {
	.max	= 100,
	.what	= "a number from 0 to 100 percent",
};

static const struct ndbg_number ndbg_seed_rule = {
	.max	= U32_MAX,
	.what	= "a number from 0 to 4294967295",
};

static const struct ndbg_number ndbg_channels_rule = {
	.max	= NDBG_MAX_CHANNELS,
	.what	= "a number of channels from 1 to 64, or 0 for no bound",
};

#define NDBG_TIME_ATTR(_name, _field, _rule)				\
static const struct ndbg_attr ndbg_time_##_name = {			\
	.name	= #_name,						\
	.offset	= offsetof(struct ndbg_time_config, _field),		\
	.number	= _rule,						\
};									\
									\
static ssize_t ndbg_time_##_name##_show(struct config_item *item,	\
					char *page)			\
{									\
	return ndbg_time_show_number(item, page, &ndbg_time_##_name);	\
}									\
									\
static ssize_t ndbg_time_##_name##_store(struct config_item *item,	\
					 const char *page,		\
					 size_t count)			\
{									\
	return ndbg_time_store_number(item, page, count,		\
				      &ndbg_time_##_name);		\
}

NDBG_TIME_ATTR(read_fixed, read.fixed, &ndbg_ns_rule)
NDBG_TIME_ATTR(read_per_kib, read.per_kib, &ndbg_ns_rule)
NDBG_TIME_ATTR(write_fixed, write.fixed, &ndbg_ns_rule)
NDBG_TIME_ATTR(write_per_kib, write.per_kib, &ndbg_ns_rule)
NDBG_TIME_ATTR(copy_fixed, copy.fixed, &ndbg_ns_rule)
NDBG_TIME_ATTR(copy_per_kib, copy.per_kib, &ndbg_ns_rule)
NDBG_TIME_ATTR(other_fixed, other.fixed, &ndbg_ns_rule)
NDBG_TIME_ATTR(other_per_kib, other.per_kib, &ndbg_ns_rule)
NDBG_TIME_ATTR(jitter, jitter, &ndbg_jitter_rule)
NDBG_TIME_ATTR(seed, seed, &ndbg_seed_rule)
NDBG_TIME_ATTR(channels, channels, &ndbg_channels_rule)

static const struct ndbg_bytes ndbg_bandwidth_rule = {
	.max	= SZ_1T,
	.what	= "bytes a second with suffix K, M, G or T, a multiple of 4096 up to 1T, or 0",
};

static ssize_t ndbg_time_bandwidth_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%llu\n", to_ndbg_time(item)->config.bandwidth);
}

static ssize_t ndbg_time_bandwidth_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct ndbg_time *time = to_ndbg_time(item);
	u64 val;
	int ret = ndbg_control_bytes(item, "bandwidth", page, count,
				     &ndbg_bandwidth_rule, &val);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	spin_lock(&time->lock);
	time->config.bandwidth = val;
	spin_unlock(&time->lock);
	ndbg_time_changed(time);
	mutex_unlock(&ndbg_lock);
	return count;
}

static const char *const ndbg_completion_names[] = {
	[NDBG_COMPLETE_IMMEDIATE]	= "immediate",
	[NDBG_COMPLETE_SOFTIRQ]		= "softirq",
	[NDBG_COMPLETE_TIMER]		= "timer",
};

static ssize_t ndbg_time_completion_show(struct config_item *item, char *page)
{
	u32 mode = to_ndbg_time(item)->config.completion;

	return sysfs_emit(page, "%s\n", ndbg_completion_names[mode]);
}

static ssize_t ndbg_time_completion_store(struct config_item *item,
					  const char *page, size_t count)
{
	int mode = -1;

	if (strlen(page) == count)
		mode = sysfs_match_string(ndbg_completion_names, page);
	if (mode < 0)
		return ndbg_control_refuse(item, "completion", page,
					   "immediate, softirq or timer");
	WRITE_ONCE(to_ndbg_time(item)->config.completion, mode);
	return count;
}

static ssize_t ndbg_time_stats_show(struct config_item *item, char *page)
{
	struct ndbg_time *time = to_ndbg_time(item);
	ssize_t len;

	spin_lock(&time->lock);
	len = sysfs_emit(page, "commands %llu\nmodelled %llu\nlate %llu\n",
			 time->commands, time->modelled, time->late);
	spin_unlock(&time->lock);
	return len;
}

static ssize_t ndbg_time_reset_store(struct config_item *item,
				     const char *page, size_t count)
{
	if (strlen(page) != count || !sysfs_streq(page, "all"))
		return ndbg_control_refuse(item, "reset", page, "all");
	mutex_lock(&ndbg_lock);
	ndbg_time_defaults(to_ndbg_time(item));
	mutex_unlock(&ndbg_lock);
	return count;
}

CONFIGFS_ATTR(ndbg_time_, read_fixed);
CONFIGFS_ATTR(ndbg_time_, read_per_kib);
CONFIGFS_ATTR(ndbg_time_, write_fixed);
CONFIGFS_ATTR(ndbg_time_, write_per_kib);
CONFIGFS_ATTR(ndbg_time_, copy_fixed);
CONFIGFS_ATTR(ndbg_time_, copy_per_kib);
CONFIGFS_ATTR(ndbg_time_, other_fixed);
CONFIGFS_ATTR(ndbg_time_, other_per_kib);
CONFIGFS_ATTR(ndbg_time_, jitter);
CONFIGFS_ATTR(ndbg_time_, seed);
CONFIGFS_ATTR(ndbg_time_, channels);
CONFIGFS_ATTR(ndbg_time_, bandwidth);
CONFIGFS_ATTR(ndbg_time_, completion);
CONFIGFS_ATTR_RO(ndbg_time_, stats);
CONFIGFS_ATTR_WO(ndbg_time_, reset);

static struct configfs_attribute *ndbg_time_attrs[] = {
	&ndbg_time_attr_read_fixed,
	&ndbg_time_attr_read_per_kib,
	&ndbg_time_attr_write_fixed,
	&ndbg_time_attr_write_per_kib,
	&ndbg_time_attr_copy_fixed,
	&ndbg_time_attr_copy_per_kib,
	&ndbg_time_attr_other_fixed,
	&ndbg_time_attr_other_per_kib,
	&ndbg_time_attr_jitter,
	&ndbg_time_attr_seed,
	&ndbg_time_attr_channels,
	&ndbg_time_attr_bandwidth,
	&ndbg_time_attr_completion,
	&ndbg_time_attr_stats,
	&ndbg_time_attr_reset,
	NULL,
};

const struct config_item_type ndbg_time_type = {
	.ct_owner	= THIS_MODULE,
	.ct_attrs	= ndbg_time_attrs,
};
