/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: attributes: what they have in common. See attr.c and attrs.h.
 */
#ifndef NVME_DEBUG_CONTROL_H
#define NVME_DEBUG_CONTROL_H

#include <linux/module.h>

#include "nvme-debug.h"

/* What an attribute may be, from ndbg_attr.min to .max. */
enum ndbg_kind {
	NDBG_NUMBER,
	NDBG_HEX,	/* shown as such */
	NDBG_BITS,	/* those of .max */
	NDBG_EITHER,	/* one of the two */
	NDBG_BYTES,	/* with or without suffix, a multiple of 4 KiB */
	NDBG_WORD,	/* none but .names */
	NDBG_TEXT,	/* so many characters */
};

/* When it may change. */
enum ndbg_when {
	NDBG_ALWAYS,
	NDBG_IDLE,	/* while ndbg_dir.busy says so */
};

/* A word for a value. */
struct ndbg_name {
	const char	*name;
	u64		val;
};

/**
 * struct ndbg_dir - what all attributes of a kind of directory have in common
 * @config:	where the values are, from the directory's config_item
 * @busy:	can what is NDBG_IDLE not change now? ndbg_lock held
 * @first:	what to do first, then
 * @change:	make *@field @val; ndbg_lock held. NULL: nothing else to do
 */
struct ndbg_dir {
	ptrdiff_t	config;
	bool		(*busy)(struct config_item *item);
	const char	*first;
	void		(*change)(struct config_item *item, u64 *field, u64 val);
};

/**
 * struct ndbg_attr - an attribute
 * @ca:		what configfs knows
 * @dir:	of which directory
 * @offset:	where the value is in the config of the directory's object
 * @kind:	enum ndbg_kind
 * @when:	enum ndbg_when
 * @min:	from here
 * @max:	to here
 * @def:	what it is at first, NULL if there is no value
 * @unit:	what the number is of, in a message after it
 * @names:	words for some values; ends with one without name
 * @set:	does it all, instead of a value; ndbg_lock held
 */
struct ndbg_attr {
	struct configfs_attribute	ca;
	const struct ndbg_dir		*dir;
	size_t				offset;
	enum ndbg_kind			kind;
	enum ndbg_when			when;
	const char			*min;
	const char			*max;
	const char			*def;
	const char			*unit;
	const struct ndbg_name		*names;
	int (*set)(struct config_item *item, u64 val);
};

int ndbg_refuse(const char *dir, const char *name, const char *s,
		const char *what);
int ndbg_busy(struct config_item *item, const char *name, const char *first);
int ndbg_attr_parse(const char *dir, const struct ndbg_attr *attr,
		    const char *s, u64 *val);
ssize_t ndbg_attr_print(const struct ndbg_attr *attr, const void *field,
			char *page);
ssize_t ndbg_attr_show(struct config_item *item, char *page,
		       const struct ndbg_attr *attr);
ssize_t ndbg_attr_store(struct config_item *item, const char *page,
			size_t count, const struct ndbg_attr *attr);
extern const struct ndbg_name ndbg_all[];

/*
 * A row of attrs.h becomes a struct ndbg_attr and, because configfs does not say
 * which attribute it is about, functions of its own.
 */
#define NDBG_SHOW(_d, _name)						\
static ssize_t ndbg_##_d##_##_name##_show(struct config_item *item,	\
					    char *page)			\
{									\
	return ndbg_attr_show(item, page, &ndbg_attr_##_d##_##_name);	\
}

#define NDBG_STORE(_d, _name)						\
static ssize_t ndbg_##_d##_##_name##_store(struct config_item *item,	\
					     const char *page,		\
					     size_t count)		\
{									\
	return ndbg_attr_store(item, page, count,			\
			       &ndbg_attr_##_d##_##_name);		\
}

#define NDBG_CA(_name, _mode, _show, _store)				\
	.ca = {								\
		.ca_name	= #_name,				\
		.ca_owner	= THIS_MODULE,				\
		.ca_mode	= _mode,				\
		.show		= _show,				\
		.store		= _store,				\
	}

#define NDBG_ATTR_RW(_d, _name, _kind, _min, _max, _def, _when, _unit, ...) \
NDBG_SHOW(_d, _name)							\
NDBG_STORE(_d, _name)							\
struct ndbg_attr ndbg_attr_##_d##_##_name = {				\
	NDBG_CA(_name, 0644, ndbg_##_d##_##_name##_show,		\
		ndbg_##_d##_##_name##_store),				\
	.dir	= &ndbg_##_d##_dir,					\
	.offset	= offsetof(struct ndbg_##_d##_config, _name),		\
	.kind	= NDBG_##_kind,						\
	.when	= NDBG_##_when,						\
	.min	= _min,							\
	.max	= _max,							\
	.def	= _def,							\
	.unit	= _unit,						\
	__VA_ARGS__							\
};

#define NDBG_ATTR_PARAM(_d, _name, _kind, _min, _max, _def, _when, _unit, \
			_doc, ...)					\
	NDBG_ATTR_RW(_d, _name, _kind, _min, _max, _def, _when, _unit, \
		     __VA_ARGS__)

#define NDBG_ATTR_WO(_d, _name, _kind, _min, _max, _unit, _set, ...)	\
NDBG_STORE(_d, _name)							\
struct ndbg_attr ndbg_attr_##_d##_##_name = {				\
	NDBG_CA(_name, 0200, NULL, ndbg_##_d##_##_name##_store),	\
	.dir	= &ndbg_##_d##_dir,					\
	.kind	= NDBG_##_kind,						\
	.min	= _min,							\
	.max	= _max,							\
	.unit	= _unit,						\
	.set	= _set,							\
	__VA_ARGS__							\
};

#define NDBG_ATTR_OWN(_d, _name, _mode)				\
struct ndbg_attr ndbg_attr_##_d##_##_name = {				\
	NDBG_CA(_name, _mode, ndbg_##_d##_##_name##_show,		\
		NDBG_OWN_STORE_##_mode(ndbg_##_d##_##_name##_store)),	\
};
#define NDBG_OWN_STORE_0644(_store) _store
#define NDBG_OWN_STORE_0444(_store) NULL

#define NDBG_SUBSYS(_how, _name, ...) extern struct ndbg_attr ndbg_attr_subsys_##_name;
#define NDBG_NS(_how, _name, ...) extern struct ndbg_attr ndbg_attr_ns_##_name;
#define NDBG_PATH(_how, _name, ...) extern struct ndbg_attr ndbg_attr_path_##_name;
#define NDBG_FAULT(_how, _name, ...) extern struct ndbg_attr ndbg_attr_fault_##_name;
#define NDBG_TIME(_how, _name, ...) extern struct ndbg_attr ndbg_attr_time_##_name;
#include "attrs.h"

/* control_*.c */
extern const struct config_item_type ndbg_namespaces_type;
extern const struct config_item_type ndbg_controllers_type;
extern const struct config_item_type ndbg_faults_type;

#endif /* NVME_DEBUG_CONTROL_H */
