/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device as the configuration sees it: now, or as `dev show -o json' once
 * printed it on this or another machine.
 */
#ifndef BPFCOPY_SNAPSHOT_H
#define BPFCOPY_SNAPSHOT_H

#include "conf.h"
#include "policy.h"

/**
 * struct snapshot - a whole disk
 * @id: what rules know it by
 * @copy_max_bytes: its limit; CONF_NONE if not known
 * @policy: the attached policy; "" for none, or if it may not be known
 * @observe: it only observes
 * @decisions: how many it made; CONF_NONE if that is not known
 * @settings: its parameters, "min_bytes=64KiB", ended by NULL; or NULL
 */
struct snapshot {
	struct conf_identity id;
	uint64_t copy_max_bytes;
	char policy[POLICY_NAME_MAX];
	bool observe;
	uint64_t decisions;
	char **settings;
};

/**
 * snapshot_now() - look at a device
 * @what: as for device_find(); of a partition, its disk counts
 * @out: for snapshot_free()
 *
 * Return: 0 or a negative errno as device_find().
 */
int snapshot_now(const char *what, struct snapshot *out);

/**
 * snapshot_read() - read a device from a file
 * @file: name, or "-" for stdin
 * @what: name of the device or of a by-id link, with or without its folder;
 *	NULL if there is only one
 * @out: for snapshot_free()
 * @why: set on failure, static storage: what is wrong with the file; "" if the
 *	errno says it
 *
 * Return: 0, -ENODEV if it is not in the file, -EBADMSG if the file is none of
 *	`dev show' or `dev list', -EINVAL if @what is NULL and there are several,
 *	or another errno.
 */
int snapshot_read(const char *file, const char *what, struct snapshot *out,
		  const char **why);

/**
 * snapshot_settings() - parameters of an attached policy as a list of texts
 * @info: the policy
 *
 * Return: for snapshot_free_list(), or NULL without memory.
 */
char **snapshot_settings(const struct policy_info *info);

/** snapshot_decisions() - how many a policy made; CONF_NONE if it counts none */
uint64_t snapshot_decisions(const struct policy_info *info);

/** snapshot_free_list() - free a list and its texts; NULL is nothing */
void snapshot_free_list(char **list);

/** snapshot_free() - free what is in it */
void snapshot_free(struct snapshot *s);

#endif /* BPFCOPY_SNAPSHOT_H */
