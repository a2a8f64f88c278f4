/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: what the attributes of different directories have in common.
 */
#ifndef NVME_DEBUG_CONTROL_H
#define NVME_DEBUG_CONTROL_H

#include "nvme-debug.h"

/**
 * struct ndbg_attr - what is behind an attribute
 * @name:	its name
 * @offset:	where the value is in the config of the directory's object
 * @number:	what it may be
 * @bytes:	what it may be, if it is a number of bytes
 * @names:	if it is one of several: their names, @number has the last
 * @set:	of a namespace: what changes it; ndbg_lock held
 */
struct ndbg_attr {
	const char		*name;
	size_t			offset;
	const struct ndbg_number *number;
	const struct ndbg_bytes	*bytes;
	const char *const	*names;
	void			(*set)(struct ndbg_ns *ns, u64 val);
};

/* "DIRECTORY/ATTRIBUTE", for the kernel log. */
struct ndbg_control_name {
	char	s[64];
};

const char *ndbg_control_name(struct ndbg_control_name *buf,
			      struct config_item *item, const char *attr);
int ndbg_control_refuse(struct config_item *item, const char *attr,
			const char *page, const char *what);
int ndbg_control_busy(struct config_item *item, const char *attr,
		      const char *what);
int ndbg_control_number(struct config_item *item, const char *attr,
			const char *page, size_t count,
			const struct ndbg_number *n, u32 *val);
int ndbg_control_bytes(struct config_item *item, const char *attr,
		       const char *page, size_t count,
		       const struct ndbg_bytes *b, u64 *val);
extern const struct ndbg_number ndbg_zero_or_one;

/* control_ns.c */
extern const struct config_item_type ndbg_namespaces_type;

/* control_path.c */
extern const struct config_item_type ndbg_controllers_type;

/* control_fault.c */
extern const struct config_item_type ndbg_faults_type;

/* control_time.c */
extern const struct config_item_type ndbg_time_type;

#endif /* NVME_DEBUG_CONTROL_H */
