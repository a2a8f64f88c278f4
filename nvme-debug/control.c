// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: configfs: subsystems, and what attributes have in common. The
 * rest is in control_ns.c, control_path.c, control_fault.c and
 * control_time.c.
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
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "control.h"

/**
 * ndbg_control_name - how to call an attribute in the kernel log
 * @buf: filled in
 * @item: directory
 * @attr: attribute
 *
 * Return: @buf
 */
const char *ndbg_control_name(struct ndbg_control_name *buf,
			      struct config_item *item, const char *attr)
{
	scnprintf(buf->s, sizeof(buf->s), "%s/%s", config_item_name(item), attr);
	return buf->s;
}

/**
 * ndbg_control_refuse - say what is wrong with a value
 * @item: directory
 * @attr: attribute
 * @page: value
 * @what: what to give instead
 *
 * Return: -EINVAL
 */
int ndbg_control_refuse(struct config_item *item, const char *attr,
			const char *page, const char *what)
{
	struct ndbg_control_name name;

	return ndbg_refuse(ndbg_control_name(&name, item, attr), page, what);
}

/**
 * ndbg_control_busy - say that something cannot change now
 * @item: directory
 * @attr: attribute
 * @what: what to do first
 *
 * Return: -EBUSY
 */
int ndbg_control_busy(struct config_item *item, const char *attr,
		      const char *what)
{
	struct ndbg_control_name name;

	pr_err("%s refused: in use, %s first\n",
	       ndbg_control_name(&name, item, attr), what);
	return -EBUSY;
}

/**
 * ndbg_control_number - read a number
 * @item: directory
 * @attr: attribute
 * @page: value
 * @count: its length
 * @n: what it may be
 * @val: set when it is good
 *
 * Return: 0, or -EINVAL after saying what to give.
 */
int ndbg_control_number(struct config_item *item, const char *attr,
			const char *page, size_t count,
			const struct ndbg_number *n, u32 *val)
{
	struct ndbg_control_name name;

	if (strlen(page) != count)
		return ndbg_control_refuse(item, attr, page, n->what);
	return ndbg_parse_number(ndbg_control_name(&name, item, attr), page, n,
				 val);
}

/**
 * ndbg_control_bytes - read a number of bytes
 * @item: directory
 * @attr: attribute
 * @page: value
 * @count: its length
 * @b: what it may be
 * @val: set when it is good
 *
 * Return: 0, or -EINVAL after saying what to give.
 */
int ndbg_control_bytes(struct config_item *item, const char *attr,
		       const char *page, size_t count,
		       const struct ndbg_bytes *b, u64 *val)
{
	struct ndbg_control_name name;

	if (strlen(page) != count)
		return ndbg_control_refuse(item, attr, page, b->what);
	return ndbg_parse_bytes(ndbg_control_name(&name, item, attr), page, b,
				val);
}

const struct ndbg_number ndbg_zero_or_one = {
	.max	= 1,
	.what	= "0 or 1",
};

/* Subsystems. */

static struct ndbg_subsys *to_ndbg_subsys(struct config_item *item)
{
	return container_of(to_config_group(item), struct ndbg_subsys, group);
}

/* All its attributes are what hosts take for granted as long as they are there. */
static int ndbg_subsys_idle(struct config_item *item, const char *attr)
{
	lockdep_assert_held(&ndbg_lock);
	if (xa_empty(&to_ndbg_subsys(item)->ctrls))
		return 0;
	return ndbg_control_busy(item, attr, "disconnect its controllers");
}

static void *ndbg_subsys_field(struct config_item *item, size_t offset)
{
	return (void *)&to_ndbg_subsys(item)->config + offset;
}

static ssize_t ndbg_subsys_show_number(struct config_item *item, char *page,
				       const struct ndbg_attr *attr)
{
	u32 *field = ndbg_subsys_field(item, attr->offset);

	return sysfs_emit(page, "%u\n", *field);
}

static ssize_t ndbg_subsys_store_number(struct config_item *item,
					const char *page, size_t count,
					const struct ndbg_attr *attr)
{
	u32 *field = ndbg_subsys_field(item, attr->offset);
	u32 val;
	int ret = ndbg_control_number(item, attr->name, page, count,
				      attr->number, &val);

	if (ret)
		return ret;
	mutex_lock(&ndbg_lock);
	ret = ndbg_subsys_idle(item, attr->name);
	if (!ret)
		*field = val;
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

static bool ndbg_printable(const char *s, size_t len)
{
	while (len--)
		if (!isascii(*s) || !isprint(*s++))
			return false;
	return true;
}

static ssize_t ndbg_subsys_show_text(struct config_item *item, char *page,
				     const struct ndbg_attr *attr)
{
	char *field = ndbg_subsys_field(item, attr->offset);

	return sysfs_emit(page, "%s\n", field);
}

/* The rule is about the length. */
static ssize_t ndbg_subsys_store_text(struct config_item *item,
				      const char *page, size_t count,
				      const struct ndbg_attr *attr)
{
	size_t len = count && page[count - 1] == '\n' ? count - 1 : count;
	char *field = ndbg_subsys_field(item, attr->offset);
	int ret;

	if (len < attr->number->min || len > attr->number->max ||
	    !ndbg_printable(page, len))
		return ndbg_control_refuse(item, attr->name, page,
					   attr->number->what);
	mutex_lock(&ndbg_lock);
	ret = ndbg_subsys_idle(item, attr->name);
	if (!ret) {
		memcpy(field, page, len);
		field[len] = '\0';
	}
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

static const struct ndbg_number ndbg_serial = {
	.min	= 1,
	.max	= sizeof_field(struct ndbg_subsys_config, serial) - 1,
	.what	= "1 to 20 printable ASCII characters",
};

static const struct ndbg_number ndbg_model = {
	.min	= 1,
	.max	= sizeof_field(struct ndbg_subsys_config, model) - 1,
	.what	= "1 to 40 printable ASCII characters",
};

static const struct ndbg_number ndbg_io_queues = {
	.min	= 1,
	.max	= NDBG_MAX_IO_QUEUES,
	.what	= "a number of I/O queues from 1 to 128",
};

static const struct ndbg_number ndbg_anatt = {
	.min	= 1,
	.max	= U8_MAX,
	.what	= "a number of seconds from 1 to 255",
};

static const struct ndbg_number ndbg_aerl = {
	.max	= 15,
	.what	= "a number of event requests less one, from 0 (one request) to 15",
};

#define NDBG_SUBSYS_ATTR(_name, _kind, _number)				\
static const struct ndbg_attr ndbg_subsys_##_name = {			\
	.name	= #_name,						\
	.offset	= offsetof(struct ndbg_subsys_config, _name),		\
	.number	= _number,						\
};									\
									\
static ssize_t ndbg_subsys_##_name##_show(struct config_item *item,	\
					  char *page)			\
{									\
	return ndbg_subsys_show_##_kind(item, page, &ndbg_subsys_##_name); \
}									\
									\
static ssize_t ndbg_subsys_##_name##_store(struct config_item *item,	\
					   const char *page,		\
					   size_t count)		\
{									\
	return ndbg_subsys_store_##_kind(item, page, count,		\
					 &ndbg_subsys_##_name);		\
}

NDBG_SUBSYS_ATTR(serial, text, &ndbg_serial)
NDBG_SUBSYS_ATTR(model, text, &ndbg_model)
NDBG_SUBSYS_ATTR(queue_depth, number, &ndbg_queue_depth)
NDBG_SUBSYS_ATTR(io_queues, number, &ndbg_io_queues)
NDBG_SUBSYS_ATTR(copy, number, &ndbg_copy_on)
NDBG_SUBSYS_ATTR(copy_formats, number, &ndbg_copy_formats)
NDBG_SUBSYS_ATTR(fast_copy, number, &ndbg_fast_copy)
NDBG_SUBSYS_ATTR(multipath, number, &ndbg_zero_or_one)
NDBG_SUBSYS_ATTR(anatt, number, &ndbg_anatt)
NDBG_SUBSYS_ATTR(aerl, number, &ndbg_aerl)

CONFIGFS_ATTR(ndbg_subsys_, serial);
CONFIGFS_ATTR(ndbg_subsys_, model);
CONFIGFS_ATTR(ndbg_subsys_, queue_depth);
CONFIGFS_ATTR(ndbg_subsys_, io_queues);
CONFIGFS_ATTR(ndbg_subsys_, copy);
CONFIGFS_ATTR(ndbg_subsys_, copy_formats);
CONFIGFS_ATTR(ndbg_subsys_, fast_copy);
CONFIGFS_ATTR(ndbg_subsys_, multipath);
CONFIGFS_ATTR(ndbg_subsys_, anatt);
CONFIGFS_ATTR(ndbg_subsys_, aerl);

static ssize_t ndbg_subsys_reset_store(struct config_item *item,
				       const char *page, size_t count)
{
	int ret;

	if (strlen(page) != count || !sysfs_streq(page, "all"))
		return ndbg_control_refuse(item, "reset", page, "all");
	mutex_lock(&ndbg_lock);
	ret = ndbg_subsys_idle(item, "reset");
	if (!ret)
		ndbg_subsys_defaults(to_ndbg_subsys(item));
	mutex_unlock(&ndbg_lock);
	return ret ?: count;
}

CONFIGFS_ATTR_WO(ndbg_subsys_, reset);

static struct configfs_attribute *ndbg_subsys_attrs[] = {
	&ndbg_subsys_attr_serial,
	&ndbg_subsys_attr_model,
	&ndbg_subsys_attr_queue_depth,
	&ndbg_subsys_attr_io_queues,
	&ndbg_subsys_attr_copy,
	&ndbg_subsys_attr_copy_formats,
	&ndbg_subsys_attr_fast_copy,
	&ndbg_subsys_attr_multipath,
	&ndbg_subsys_attr_anatt,
	&ndbg_subsys_attr_aerl,
	&ndbg_subsys_attr_reset,
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

static struct config_group *ndbg_make_subsys(struct config_group *group,
					     const char *name)
{
	struct ndbg_subsys *subsys = ndbg_subsys_create(name);

	if (IS_ERR(subsys))
		return ERR_CAST(subsys);
	config_group_init_type_name(&subsys->group, name, &ndbg_subsys_type);
	config_group_init_type_name(&subsys->namespaces_group, "namespaces",
				    &ndbg_namespaces_type);
	configfs_add_default_group(&subsys->namespaces_group, &subsys->group);
	config_group_init_type_name(&subsys->controllers_group, "controllers",
				    &ndbg_controllers_type);
	configfs_add_default_group(&subsys->controllers_group, &subsys->group);
	config_group_init_type_name(&subsys->faults_group, "faults",
				    &ndbg_faults_type);
	configfs_add_default_group(&subsys->faults_group, &subsys->group);
	config_group_init_type_name(&subsys->time.group, "time",
				    &ndbg_time_type);
	configfs_add_default_group(&subsys->time.group, &subsys->group);
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

/**
 * ndbg_control_unpin - undo ndbg_control_pin()
 * @subsys: subsystem
 */
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

/**
 * ndbg_control_exit - remove the root directory, which is empty
 */
void ndbg_control_exit(void)
{
	configfs_unregister_subsystem(&ndbg_root);
}
