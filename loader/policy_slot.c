// SPDX-License-Identifier: GPL-2.0
/*
 * The places of policies in bpffs, see policy_load.c, and whose turn it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <bpf/bpf.h>

#include "device.h"
#include "policy_internal.h"

#define BPFFS "/sys/fs/bpf"

void policy_slot_init(struct policy_slot *slot, uint32_t dev)
{
	char id[32] = "global";

	memset(slot, 0, sizeof(*slot));
	slot->dev = dev;
	if (dev != POLICY_DEV_GLOBAL) {
		snprintf(id, sizeof(id), "%u:%u", dev_major(dev),
			 dev_minor(dev));
		snprintf(slot->sysfs, sizeof(slot->sysfs), "/sys/dev/block/%s",
			 id);
	}
	snprintf(slot->dir, sizeof(slot->dir), POLICY_PINS "/%s", id);
	snprintf(slot->link, sizeof(slot->link), "%s/link", slot->dir);
	snprintf(slot->counters, sizeof(slot->counters), "%s/counters",
		 slot->dir);
}

bool policy_slot_gone(const struct policy_slot *slot, uint64_t diskseq)
{
	return slot->dev != POLICY_DEV_GLOBAL && diskseq &&
	       !device_is_here(slot->dev, diskseq);
}

int policy_fail_pin(struct policy_error *err, const char *path, int error)
{
	if (error == -EACCES || error == -EPERM)
		return policy_fail(err, -EPERM, "%s: %s: this takes root", path,
				   strerror(-error));
	return policy_fail(err, error, "%s: %s", path, strerror(-error));
}

/* Where others can write, one of them may have been here first. */
static int check_owner(int fd, struct policy_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return policy_fail_pin(err, POLICY_PINS, -errno);
	if ((st.st_uid && st.st_uid != geteuid()) || st.st_mode & 077)
		return policy_fail(
			err, -EPERM,
			POLICY_PINS
			" is of user %u with mode %04o, and must be root's alone: "
			"remove it, and mount " BPFFS " with mode=700",
			st.st_uid, st.st_mode & 07777);
	return 0;
}

int policy_lock_slots(struct policy_error *err)
{
	struct statfs fs;
	int fd, error;

	if (statfs(BPFFS, &fs) || fs.f_type != BPF_FS_MAGIC)
		return policy_fail(
			err, -ENOTDIR,
			"no bpffs at " BPFFS
			", where policies are kept: mount -t bpf -o mode=700 bpf " BPFFS);
	if (mkdir(POLICY_PINS, 0700) && errno != EEXIST)
		return policy_fail_pin(err, POLICY_PINS, -errno);
	fd = open(POLICY_PINS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return policy_fail_pin(err, POLICY_PINS, -errno);
	error = check_owner(fd, err);
	if (error) {
		close(fd);
		return error;
	}
	while (flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		error = policy_fail_pin(err, POLICY_PINS, -errno);
		close(fd);
		return error;
	}
	return fd;
}

DIR *policy_open_pins(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

bool policy_is_pin(const char *name)
{
	return !strcmp(name, "link") || !strncmp(name, "counters", 8) ||
	       !strncmp(name, POLICY_PROBE, strlen(POLICY_PROBE));
}

void policy_unpin(const struct policy_slot *slot)
{
	DIR *dir = policy_open_pins(slot->dir);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (policy_is_pin(entry->d_name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(slot->dir);
}

int policy_link_open(uint32_t dev)
{
	struct policy_slot slot;

	policy_slot_init(&slot, dev);
	return bpf_obj_get(slot.link);
}
