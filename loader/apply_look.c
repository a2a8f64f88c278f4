// SPDX-License-Identifier: GPL-2.0
/*
 * What is: disks, what is attached to them, what rules say; see apply.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "identity.h"

static int resolve(const struct conf *conf, struct apply_disk *disk)
{
	struct conf_identity id;
	int err;

	if (!conf)
		return 0;
	err = identity_read(&disk->disk, &id);
	if (err)
		return err;
	err = conf_resolve(conf, &id, &disk->resolved);
	conf_identity_free(&id);
	return err;
}

static void note_policy(struct apply_disk *disks, size_t nr,
			const struct policy_info *info)
{
	for (size_t i = 0; i < nr; i++) {
		if (disks[i].disk.dev != info->dev)
			continue;
		snprintf(disks[i].attached, sizeof(disks[i].attached), "%s",
			 info->name);
		disks[i].map_id = info->map_id;
		disks[i].ours = *info->pin;
	}
}

static int note_policies(struct apply_disk *disks, size_t nr,
			 struct policy_error *err)
{
	struct policy_info *infos;
	size_t nr_infos;
	int error;

	error = policy_list(&infos, &nr_infos, err);
	if (error)
		return error;
	for (size_t i = 0; i < nr_infos; i++)
		note_policy(disks, nr, &infos[i]);
	free(infos);
	return 0;
}

/* Moves the devices of @list; what is behind a path of multipath has none. */
static size_t take_disks(struct apply_disk *disks, struct device *list,
			 size_t nr)
{
	size_t taken = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!list[i].dev) {
			device_free(&list[i]);
			continue;
		}
		disks[taken++].disk = list[i];
	}
	free(list);
	return taken;
}

/* Rules that want the same come in a row. */
static void hash(struct apply_disk *disk, const struct apply_disk *before)
{
	const char *policy = disk->resolved ? disk->resolved->policy : NULL;

	if (!policy)
		return;
	if (before && before->resolved->policy &&
	    !strcmp(before->resolved->policy, policy))
		memcpy(disk->sha256, before->sha256, sizeof(disk->sha256));
	else
		policy_hash(policy, disk->sha256);
}

/* Without those that went away since they were listed. */
static int resolve_all(const struct conf *conf, struct apply_disk *disks,
		       size_t *nr)
{
	size_t kept = 0;
	int error = 0;

	for (size_t i = 0; i < *nr; i++) {
		struct apply_disk disk = disks[i];

		disks[i] = (struct apply_disk){};
		if (!error)
			error = resolve(conf, &disk);
		if (error == -ENODEV) {
			device_free(&disk.disk);
			error = 0;
			continue;
		}
		if (!error)
			hash(&disk, kept ? &disks[kept - 1] : NULL);
		disks[kept++] = disk;
	}
	*nr = kept;
	return error;
}

int apply_look(const struct conf *conf, struct apply_disk **disks, size_t *nr,
	       struct policy_error *err)
{
	struct device *list;
	int error;

	err->text[0] = '\0';
	*disks = NULL;
	*nr = 0;
	error = device_list(&list, nr);
	if (error)
		return error;
	*disks = calloc(*nr + 1, sizeof(**disks));
	if (!*disks) {
		device_list_free(list, *nr);
		*nr = 0;
		return -ENOMEM;
	}
	*nr = take_disks(*disks, list, *nr);
	error = note_policies(*disks, *nr, err);
	if (!error)
		error = resolve_all(conf, *disks, nr);
	if (error) {
		apply_disks_free(*disks, *nr);
		*disks = NULL;
		*nr = 0;
	}
	return error;
}

void apply_disks_free(struct apply_disk *disks, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		conf_resolved_free(disks[i].resolved);
		device_free(&disks[i].disk);
	}
	free(disks);
}
