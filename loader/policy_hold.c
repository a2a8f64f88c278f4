// SPDX-License-Identifier: GPL-2.0
/*
 * Keep what is attached to a disk at hand while something else is tried there,
 * and put it back: the very same programs and maps, counters and all.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "policy_internal.h"

/* struct pin - something that was pinned besides the link */
struct pin {
	char name[64];
	int fd;
};

struct policy_hold {
	struct policy_slot slot;
	uint64_t diskseq;
	int map_fd; /* of the policy; -1 if there is none */
	uint32_t map_id;
	struct pin *pins;
	size_t nr;
};

static int hold_pin(struct policy_hold *hold, const char *name)
{
	char path[PATH_MAX];
	struct pin *more;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", hold->slot.dir, name);
	if (strcmp(path, hold->slot.counters) &&
	    strncmp(name, POLICY_PROBE, strlen(POLICY_PROBE)))
		return 0;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	more = reallocarray(hold->pins, hold->nr + 1, sizeof(*more));
	if (!more) {
		close(fd);
		return -ENOMEM;
	}
	hold->pins = more;
	more[hold->nr].fd = fd;
	snprintf(more[hold->nr++].name, sizeof(more->name), "%s", name);
	return 0;
}

static int hold_pins(struct policy_hold *hold)
{
	DIR *dir = policy_open_pins(hold->slot.dir);
	struct dirent *entry;
	int error = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!error && (entry = readdir(dir)))
		error = hold_pin(hold, entry->d_name);
	closedir(dir);
	return error;
}

/* The map behind our link; none if the slot is empty, or not ours. */
static int hold_map(struct policy_hold *hold)
{
	uint32_t link_id, map_id;
	int fd = bpf_obj_get(hold->slot.link), error;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	error = policy_link_map(fd, &link_id, &map_id);
	close(fd);
	if (error || !map_id)
		return error;
	hold->map_id = map_id;
	hold->map_fd = bpf_map_get_fd_by_id(map_id);
	return hold->map_fd < 0 ? hold->map_fd : 0;
}

static int hold_locked(struct policy_hold *hold, struct policy_error *err)
{
	int lock = policy_lock_slots(err), error;

	if (lock < 0)
		return lock;
	if (policy_slot_gone(&hold->slot, hold->diskseq)) {
		close(lock);
		return policy_fail(err, -ENODEV, "the block device is gone");
	}
	error = hold_map(hold);
	if (!error)
		error = hold_pins(hold);
	close(lock);
	return error ? policy_fail_pin(err, hold->slot.dir, error) : 0;
}

int policy_hold(uint32_t dev, uint64_t diskseq, struct policy_hold **out,
		struct policy_error *err)
{
	struct policy_hold *hold = calloc(1, sizeof(*hold));
	int error;

	err->text[0] = '\0';
	*out = NULL;
	if (!hold)
		return policy_fail(err, -ENOMEM, "%s", strerror(ENOMEM));
	policy_slot_init(&hold->slot, dev);
	hold->diskseq = diskseq;
	hold->map_fd = -1;
	error = hold_locked(hold, err);
	if (error) {
		policy_release(hold);
		return error;
	}
	*out = hold;
	return 0;
}

void policy_release(struct policy_hold *hold)
{
	if (!hold)
		return;
	for (size_t i = 0; i < hold->nr; i++)
		close(hold->pins[i].fd);
	if (hold->map_fd >= 0)
		close(hold->map_fd);
	free(hold->pins);
	free(hold);
}

/*
 * Putting back.  The pins come before the policy that needs them, and those of the
 * other policy go after it: whenever the process dies, the policy that decides
 * has its probes.
 */

static bool is_counters(const struct policy_hold *hold, const struct pin *pin)
{
	return !strcmp(pin->name, strrchr(hold->slot.counters, '/') + 1);
}

/* Counters get another name: those of the other policy have theirs. */
static int put_pins(const struct policy_hold *hold, const char *next)
{
	char path[PATH_MAX];

	unlink(next);
	for (size_t i = 0; i < hold->nr; i++) {
		const struct pin *pin = &hold->pins[i];

		snprintf(path, sizeof(path), "%s/%s", hold->slot.dir,
			 pin->name);
		if (bpf_obj_pin(pin->fd,
				is_counters(hold, pin) ? next : path) &&
		    errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int put_counters(const struct policy_hold *hold, const char *next)
{
	for (size_t i = 0; i < hold->nr; i++)
		if (is_counters(hold, &hold->pins[i]))
			return rename(next, hold->slot.counters) ? -errno : 0;
	unlink(hold->slot.counters);
	return 0;
}

/* If it is still @since that is in there, which is compared as it is changed. */
static int update(const struct policy_hold *hold, int link_fd, uint32_t since)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE);
	int old_fd = bpf_map_get_fd_by_id(since), error;

	if (old_fd < 0)
		return old_fd == -ENOENT ? -EBUSY : old_fd;
	opts.old_map_fd = old_fd;
	error = bpf_link_update(link_fd, hold->map_fd, &opts);
	close(old_fd);
	return error == -EPERM ? -EBUSY : error;
}

/* Make the link that is there hold our map.  -ENOLINK: there is none. */
static int put_in_link(const struct policy_hold *hold, uint32_t since,
		       const char *next)
{
	uint32_t link_id, map_id;
	int fd = bpf_obj_get(hold->slot.link), error;

	if (fd < 0)
		return fd == -ENOENT ? -ENOLINK : fd;
	error = policy_link_map(fd, &link_id, &map_id);
	if (!error && !map_id)
		error = -ENOLINK;
	if (!error && map_id != hold->map_id && map_id != since)
		error = -EBUSY;
	if (!error)
		error = put_pins(hold, next);
	if (!error && map_id != hold->map_id)
		error = update(hold, fd, since);
	close(fd);
	return error;
}

static int put_new_link(const struct policy_hold *hold, const char *next)
{
	int fd = bpf_link_create(hold->map_fd, 0, BPF_STRUCT_OPS, NULL);
	int error = 0;

	if (fd < 0)
		return fd == -EEXIST ? -EBUSY : fd;
	policy_unpin(&hold->slot);
	if (mkdir(hold->slot.dir, 0700) && errno != EEXIST)
		error = -errno;
	if (!error)
		error = put_pins(hold, next);
	if (!error)
		error = bpf_obj_pin(fd, hold->slot.link);
	close(fd);
	return error;
}

static int put_back(const struct policy_hold *hold, uint32_t since)
{
	char next[POLICY_PIN_MAX + 8];
	int error;

	snprintf(next, sizeof(next), "%s_next", hold->slot.counters);
	error = put_in_link(hold, since, next);
	if (error == -ENOLINK)
		error = put_new_link(hold, next);
	if (!error)
		error = put_counters(hold, next);
	if (!error)
		policy_probes_sweep(hold->slot.dir, hold->map_id);
	return error;
}

int policy_put_back(struct policy_hold *hold, uint32_t map_id,
		    struct policy_error *err)
{
	int lock, error = -ENODEV;

	err->text[0] = '\0';
	/* Nothing was there, and nothing came. */
	if (hold->map_fd < 0 && !map_id)
		return -ESRCH;
	if (hold->map_fd < 0)
		return policy_detach(hold->slot.dev, hold->diskseq, map_id,
				     err);
	lock = policy_lock_slots(err);
	if (lock < 0)
		return lock;
	if (!policy_slot_gone(&hold->slot, hold->diskseq))
		error = put_back(hold, map_id);
	close(lock);
	return error ? policy_fail_pin(err, hold->slot.dir, error) : 0;
}
