// SPDX-License-Identifier: GPL-2.0
/*
 * Attach, replace and detach copy policies; see policy.h.
 *
 * A slot that we filled has a directory in bpffs that keeps it filled:
 *
 *	/sys/fs/bpf/bpfcopy/<major>:<minor>/link	what holds the policy
 *	/sys/fs/bpf/bpfcopy/<major>:<minor>/counters	its counters
 *	/sys/fs/bpf/bpfcopy/<major>:<minor>/probe-*	see policy_probe.c
 *
 * Processes take turns: who changes slots holds a lock on the directory above.
 * A link in there may be dead, because the disk went away; then the slot of a
 * new disk with the same number is free, and the link is swept out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/membarrier.h>

#include <bpf/bpf.h>

#include "policy_internal.h"

/* The kernel would only say EINVAL for a partition, and only after all work. */
static int check_disk(const struct policy_slot *slot, struct policy_error *err)
{
	char path[96];

	if (slot->dev == POLICY_DEV_GLOBAL)
		return 0;
	if (access(slot->sysfs, F_OK))
		return policy_fail(err, -ENODEV, "no such block device");
	snprintf(path, sizeof(path), "%s/partition", slot->sysfs);
	if (!access(path, F_OK))
		return policy_fail(err, -ENOTBLK,
				   "a partition; policies are for whole disks");
	return 0;
}

/* Replaces the counters of the policy that was here before in one step. */
static int pin_counters(const struct policy_slot *slot,
			const struct policy_object *po,
			struct policy_error *err)
{
	char next[POLICY_PIN_MAX + 8];
	struct bpf_map *map;

	map = bpf_object__find_map_by_name(po->obj, POLICY_COUNTERS_MAP);
	if (!map) {
		if (unlink(slot->counters) && errno != ENOENT)
			return policy_fail_pin(err, slot->counters, -errno);
		return 0;
	}
	snprintf(next, sizeof(next), "%s_next", slot->counters);
	unlink(next);
	if (bpf_obj_pin(bpf_map__fd(map), next))
		return policy_fail_pin(err, next, -errno);
	if (rename(next, slot->counters))
		return policy_fail_pin(err, slot->counters, -errno);
	return 0;
}

/*
 * Whatever is pinned here is dead, or the slot would not have been free.  The
 * link comes last: what it holds is whole.
 */
static int pin_link(const struct policy_slot *slot,
		    const struct policy_object *po, int link_fd,
		    struct policy_error *err)
{
	int error;

	policy_unpin(slot);
	if (mkdir(slot->dir, 0700) && errno != EEXIST)
		return policy_fail_pin(err, slot->dir, -errno);
	error = policy_probes_pin(po, slot->dir, err);
	if (error)
		return error;
	if (bpf_obj_pin(link_fd, slot->link))
		return policy_fail_pin(err, slot->link, -errno);
	return 0;
}

/*
 * A slot may be held by a link that is not ours: then it stays as it is,
 * whoever made it has a reason.
 */
static int fail_taken(const struct policy_types *types,
		      const struct policy_slot *slot, struct policy_error *err)
{
	struct policy_info info;

	if (policy_find(types, slot->dev, &info))
		return policy_fail(
			err, -EBUSY,
			"taken by a policy that bpfcopy did not attach");
	return policy_fail(
		err, -EBUSY,
		"taken by policy \"%s\" (link %u), which bpfcopy did not attach: detach it first (bpftool link detach id %u)",
		info.name, info.link_id, info.link_id);
}

static int fail_attach(const struct policy_object *po, int error,
		       struct policy_error *err)
{
	switch (error) {
	case -ENODEV:
	case -ENOLINK:
		return policy_fail(err, -ENODEV, "the block device is gone");
	case -ESTALE:
		return policy_fail(err, error,
				   "another disk by now (its diskseq differs)");
	case -EPERM:
		return policy_fail(err, error, "attaching a policy takes root");
	default:
		return policy_fail(err, error,
				   "the kernel refused policy %s: %s", po->name,
				   strerror(-error));
	}
}

/*
 * The policy is in its slot: pin its counters, say what is there now.  A disk
 * that vanishes right now takes its policy with it.
 */
static int finish(const struct policy_types *types,
		  const struct policy_slot *slot,
		  const struct policy_object *po, int link_fd,
		  struct policy_info *out, struct policy_error *err)
{
	int error = pin_counters(slot, po, err);

	if (error)
		return error;
	error = policy_describe(types, link_fd, out);
	if (error)
		return fail_attach(po, error, err);
	policy_probes_sweep(slot->dir, out->map_id);
	return 0;
}

/* Swap the policy behind our link.  Compare and swap: nobody's is lost. */
static int update_link(int link_fd, int map_fd)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE);
	__u32 link_id, map_id;
	int old_fd, error;

	error = policy_link_map(link_fd, &link_id, &map_id);
	if (error)
		return error;
	if (!map_id)
		return -ENOLINK;
	old_fd = bpf_map_get_fd_by_id(map_id);
	if (old_fd < 0)
		return old_fd;
	opts.old_map_fd = old_fd;
	error = bpf_link_update(link_fd, map_fd, &opts);
	close(old_fd);
	return error;
}

/* The map behind a link; 0 if it holds nothing. */
static uint32_t map_behind(int link_fd)
{
	__u32 link_id, map_id = 0;

	return policy_link_map(link_fd, &link_id, &map_id) ? 0 : map_id;
}

/* With the probes of both policies there while they change places. */
static int update_whole(const struct policy_slot *slot,
			const struct policy_object *po, int link_fd,
			struct policy_error *err)
{
	int error = policy_probes_pin(po, slot->dir, err);

	if (error)
		return error;
	error = update_link(link_fd, bpf_map__fd(po->ops));
	return error && error != -ENOLINK ? fail_attach(po, error, err) : error;
}

/*
 * The slot is taken: by us, if there is a living link in our directory.  The
 * attempt to attach has left the new map's value set, which is what an update
 * needs.
 */
static int replace(const struct policy_types *types,
		   const struct policy_slot *slot,
		   const struct policy_object *po, struct policy_info *out,
		   struct policy_error *err)
{
	int link_fd, error;

	link_fd = bpf_obj_get(slot->link);
	if (link_fd == -ENOENT)
		return fail_taken(types, slot, err);
	if (link_fd < 0)
		return policy_fail_pin(err, slot->link, link_fd);
	error = update_whole(slot, po, link_fd, err);
	if (error == -ENOLINK)
		error = fail_taken(types, slot, err);
	if (!error)
		error = finish(types, slot, po, link_fd, out, err);
	else
		policy_probes_sweep(slot->dir, map_behind(link_fd));
	out->replaced = true;
	close(link_fd);
	return error;
}

static int attach(const struct policy_types *types,
		  const struct policy_slot *slot,
		  const struct policy_object *po, struct policy_info *out,
		  struct policy_error *err)
{
	struct bpf_link *link = bpf_map__attach_struct_ops(po->ops);
	int error = -errno;

	if (!link && error == -EEXIST)
		return replace(types, slot, po, out, err);
	if (!link)
		return fail_attach(po, error, err);
	error = pin_link(slot, po, bpf_link__fd(link), err);
	if (!error)
		error = finish(types, slot, po, bpf_link__fd(link), out, err);
	if (error)
		policy_unpin(slot);
	/* Closes the descriptor; unpinned, that detaches. */
	bpf_link__destroy(link);
	return error;
}

static int attach_locked(const struct policy_types *types,
			 const struct policy_slot *slot,
			 const struct policy_object *po,
			 struct policy_info *out, struct policy_error *err)
{
	int lock = policy_lock_slots(err), error;

	if (lock < 0)
		return lock;
	error = attach(types, slot, po, out, err);
	/* It may have got in all the same: then this is how it is known. */
	if (error)
		out->map_id = policy_object_id(po);
	close(lock);
	return error;
}

/* What attach() would tell, as far as that is known before. */
static void foresee(const struct policy_types *types,
		    const struct policy_slot *slot,
		    const struct policy_object *po, struct policy_info *out)
{
	struct policy_info there;

	out->dev = slot->dev;
	out->replaced = !policy_find(types, slot->dev, &there);
	snprintf(out->name, sizeof(out->name), "%s", po->name);
}

int policy_load(const struct policy_spec *spec, struct policy_info *out,
		struct policy_error *err)
{
	struct policy_types types;
	struct policy_object po;
	struct policy_slot slot;
	int error;

	memset(out, 0, sizeof(*out));
	err->text[0] = '\0';
	policy_slot_init(&slot, spec->dev);
	error = policy_types_get(&types, err);
	if (error)
		return error;
	error = check_disk(&slot, err);
	if (!error)
		error = policy_object_load(spec, &po, err);
	if (error)
		return error;
	if (spec->dry_run)
		foresee(&types, &slot, &po, out);
	else
		error = attach_locked(&types, &slot, &po, out, err);
	if (!error)
		snprintf(out->pin, sizeof(out->pin), "%s", slot.link);
	policy_object_close(&po);
	return error;
}

/*
 * After a detach the kernel calls the policy no more, but a call may be on its
 * way.  It is made under RCU, and this waits for a grace period.
 */
static void wait_for_calls(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static int fail_other(struct policy_error *err)
{
	return policy_fail(err, -EBUSY,
			   "another policy was attached at this moment");
}

/* @map_id: of the policy that is meant; 0 means any */
static int unload_slot(const struct policy_types *types,
		       const struct policy_slot *slot, uint32_t map_id,
		       struct policy_error *err)
{
	struct policy_info info;
	int fd, error;

	fd = bpf_obj_get(slot->link);
	if (fd == -ENOENT && !policy_find(types, slot->dev, &info))
		return fail_taken(types, slot, err);
	if (fd == -ENOENT)
		return policy_fail(err, -ESRCH, "no policy is attached");
	if (fd < 0)
		return policy_fail_pin(err, slot->link, fd);
	if (map_id && map_behind(fd) && map_behind(fd) != map_id) {
		close(fd);
		return fail_other(err);
	}
	/* Removing the pin alone would detach some time later. */
	error = bpf_link_detach(fd);
	close(fd);
	if (error)
		return policy_fail(err, error,
				   "cannot detach the link in %s: %s",
				   slot->link, strerror(-error));
	wait_for_calls();
	policy_unpin(slot);
	return 0;
}

int policy_unload(uint32_t dev, struct policy_error *err)
{
	return policy_detach(dev, 0, 0, err);
}

int policy_detach(uint32_t dev, uint64_t diskseq, uint32_t map_id,
		  struct policy_error *err)
{
	struct policy_types types;
	struct policy_slot slot;
	int lock, error;

	err->text[0] = '\0';
	policy_slot_init(&slot, dev);
	error = policy_types_get(&types, err);
	if (error)
		return error;
	lock = policy_lock_slots(err);
	if (lock < 0)
		return lock;
	if (policy_slot_gone(&slot, diskseq))
		error = policy_fail(err, -ENODEV, "the block device is gone");
	else
		error = unload_slot(&types, &slot, map_id, err);
	close(lock);
	return error;
}

/* The slot whose pins are in the directory of this name; false if none is. */
static bool slot_of_name(struct policy_slot *slot, const char *name)
{
	unsigned int major, minor;
	char again[64];

	policy_slot_init(slot, POLICY_DEV_GLOBAL);
	if (sscanf(name, "%u:%u", &major, &minor) == 2)
		policy_slot_init(slot, major << 20 | minor);
	snprintf(again, sizeof(again), POLICY_PINS "/%.32s", name);
	return !strcmp(again, slot->dir);
}

/*
 * Without a link, or with one that holds nothing: whose disk went away.  Of the
 * others, what a process left behind that died while it replaced a policy.
 */
static void sweep_slot(const struct policy_slot *slot)
{
	__u32 link_id, map_id = 0;
	int fd = bpf_obj_get(slot->link), error;

	if (fd < 0 && fd != -ENOENT)
		return;
	error = fd < 0 ? 0 : policy_link_map(fd, &link_id, &map_id);
	if (fd >= 0)
		close(fd);
	if (!error && !map_id)
		policy_unpin(slot);
	else if (!error)
		policy_probes_sweep(slot->dir, map_id);
}

static int sweep_locked(struct policy_error *err)
{
	DIR *dir = policy_open_pins(POLICY_PINS);
	struct dirent *entry;
	struct policy_slot slot;

	if (!dir)
		return policy_fail_pin(err, POLICY_PINS, -errno);
	while ((entry = readdir(dir)))
		if (slot_of_name(&slot, entry->d_name))
			sweep_slot(&slot);
	closedir(dir);
	return 0;
}

int policy_sweep(struct policy_error *err)
{
	int lock, error;

	err->text[0] = '\0';
	lock = policy_lock_slots(err);
	if (lock < 0)
		return lock;
	error = sweep_locked(err);
	close(lock);
	return error;
}

/* Does the link that is pinned for this slot hold this policy? */
static bool is_pinned(const struct policy_slot *slot,
		      const struct policy_info *info)
{
	__u32 link_id = 0, map_id;
	int fd = bpf_obj_get(slot->link);

	if (fd < 0)
		return false;
	if (policy_link_map(fd, &link_id, &map_id))
		link_id = 0;
	close(fd);
	return link_id == info->link_id;
}

int policy_list(struct policy_info **out, size_t *nr, struct policy_error *err)
{
	struct policy_types types;
	struct policy_slot slot;
	int error;

	*out = NULL;
	*nr = 0;
	err->text[0] = '\0';
	error = policy_types_get(&types, err);
	if (error)
		return error;
	error = policy_find_all(&types, out, nr);
	if (error == -EPERM)
		return policy_fail(
			err, error,
			"asking which policies are attached takes root (CAP_SYS_ADMIN)");
	if (error)
		return policy_fail(err, error,
				   "cannot ask which policies are attached: %s",
				   strerror(-error));
	for (size_t i = 0; i < *nr; i++) {
		policy_slot_init(&slot, (*out)[i].dev);
		if (is_pinned(&slot, &(*out)[i]))
			snprintf((*out)[i].pin, sizeof((*out)[i].pin), "%s",
				 slot.link);
	}
	return 0;
}
