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
	int map_fd; /* of the policy; -1 if there is none */
	struct pin *pins;
	size_t nr;
};

static int hold_pin(struct policy_hold *hold, const char *name)
{
	char path[PATH_MAX];
	struct pin *more;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", hold->slot.dir, name);
	if (!policy_is_pin(name) || !strcmp(path, hold->slot.link))
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
	hold->map_fd = bpf_map_get_fd_by_id(map_id);
	return hold->map_fd < 0 ? hold->map_fd : 0;
}

static int hold_locked(struct policy_hold *hold, struct policy_error *err)
{
	int lock = policy_lock_slots(err), error;

	if (lock < 0)
		return lock;
	error = hold_map(hold);
	if (!error)
		error = hold_pins(hold);
	close(lock);
	return error ? policy_fail_pin(err, hold->slot.dir, error) : 0;
}

int policy_hold(uint32_t dev, struct policy_hold **out,
		struct policy_error *err)
{
	struct policy_hold *hold = calloc(1, sizeof(*hold));
	int error;

	err->text[0] = '\0';
	*out = NULL;
	if (!hold)
		return policy_fail(err, -ENOMEM, "%s", strerror(ENOMEM));
	policy_slot_init(&hold->slot, dev);
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

/* Make the link that is there hold our map.  -ENOLINK: there is none. */
static int put_in_link(const struct policy_hold *hold)
{
	uint32_t link_id, map_id;
	int fd = bpf_obj_get(hold->slot.link), error;

	if (fd < 0)
		return fd == -ENOENT ? -ENOLINK : fd;
	error = policy_link_map(fd, &link_id, &map_id);
	if (!error && !map_id)
		error = -ENOLINK;
	if (!error)
		error = bpf_link_update(fd, hold->map_fd, NULL);
	close(fd);
	/* Already in there. */
	return error == -EBUSY ? 0 : error;
}

static int put_new_link(const struct policy_hold *hold)
{
	int fd = bpf_link_create(hold->map_fd, 0, BPF_STRUCT_OPS, NULL);
	int error = 0;

	if (fd < 0)
		return fd;
	policy_unpin(&hold->slot);
	if (mkdir(hold->slot.dir, 0700) && errno != EEXIST)
		error = -errno;
	if (!error)
		error = bpf_obj_pin(fd, hold->slot.link);
	close(fd);
	return error;
}

static int put_pins(const struct policy_hold *hold)
{
	char path[PATH_MAX];
	int error = 0;

	/* Those of the policy that has to go. */
	policy_unpin_rest(&hold->slot);
	for (size_t i = 0; !error && i < hold->nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", hold->slot.dir,
			 hold->pins[i].name);
		error = bpf_obj_pin(hold->pins[i].fd, path);
	}
	return error;
}

int policy_put_back(struct policy_hold *hold, struct policy_error *err)
{
	int lock, error;

	err->text[0] = '\0';
	if (hold->map_fd < 0)
		return policy_unload(hold->slot.dev, err);
	lock = policy_lock_slots(err);
	if (lock < 0)
		return lock;
	error = put_in_link(hold);
	if (error == -ENOLINK)
		error = put_new_link(hold);
	if (!error)
		error = put_pins(hold);
	close(lock);
	return error ? policy_fail_pin(err, hold->slot.dir, error) : 0;
}
