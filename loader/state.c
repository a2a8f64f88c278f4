// SPDX-License-Identifier: GPL-2.0
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rows.h"

#define SCHEMA	 "bpfcopy.state/1"
#define FILE_MAX (8 << 20)

static void path_in(char path[PATH_MAX], const char *dir, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static pid_t read_holder(int fd)
{
	char text[32] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;
}

/* Asks again and again: flock() cannot wait for a while only. */
static int wait_lock(int fd, unsigned int seconds)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	for (uint64_t left = seconds * 50ULL; flock(fd, LOCK_EX | LOCK_NB);
	     left--) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (!left)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int state_lock(const char *dir, unsigned int seconds, pid_t *holder)
{
	char path[PATH_MAX];
	int fd, err;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	path_in(path, dir, "lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = wait_lock(fd, seconds);
	*holder = err == -ETIMEDOUT ? read_holder(fd) : 0;
	/* Only for people: that it cannot be written is no reason to stop. */
	if (!err && !ftruncate(fd, 0))
		dprintf(fd, "%d\n", getpid());
	if (!err)
		return fd;
	close(fd);
	return err;
}

/*
 * The disks
 */

struct state_disk *state_find(const struct state *state, uint32_t dev,
			      uint64_t diskseq)
{
	for (size_t i = 0; i < state->nr; i++)
		if (state->disks[i].dev == dev &&
		    state->disks[i].diskseq == diskseq)
			return &state->disks[i];
	return NULL;
}

struct state_disk *state_add(struct state *state, const char *name,
			     uint32_t dev, uint64_t diskseq)
{
	struct state_disk *disk = state_find(state, dev, diskseq), *more;

	if (disk)
		return disk;
	more = reallocarray(state->disks, state->nr + 1, sizeof(*more));
	if (!more)
		return NULL;
	state->disks = more;
	disk = &more[state->nr++];
	*disk = (struct state_disk){
		.dev = dev,
		.diskseq = diskseq,
		.original = ROWS_NONE,
	};
	snprintf(disk->name, sizeof(disk->name), "%s", name);
	return disk;
}

void state_prune(struct state *state)
{
	size_t kept = 0;

	for (size_t i = 0; i < state->nr; i++)
		if (state->disks[i].policy ||
		    state->disks[i].original != ROWS_NONE)
			state->disks[kept++] = state->disks[i];
	state->nr = kept;
}

int state_copy(const struct state *from, struct state *to)
{
	for (size_t i = 0; i < from->nr; i++) {
		const struct state_disk *old = &from->disks[i];
		struct state_disk *disk =
			state_add(to, old->name, old->dev, old->diskseq);

		if (!disk)
			return -ENOMEM;
		*disk = *old;
		disk->policy = old->policy ? strdup(old->policy) : NULL;
		if (old->policy && !disk->policy)
			return -ENOMEM;
	}
	return 0;
}

void state_free(struct state *state)
{
	for (size_t i = 0; i < state->nr; i++)
		free(state->disks[i].policy);
	free(state->disks);
	*state = (struct state){};
}

/*
 * Reading
 */

static bool get_number(struct json_object *object, const char *key,
		       uint64_t *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_int))
		return false;
	*value = json_object_get_uint64(member);
	return true;
}

static const char *get_text(struct json_object *object, const char *key)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
}

static int read_disk(struct json_object *object, struct state *state)
{
	const char *name = get_text(object, "device");
	const char *policy = get_text(object, "policy");
	const char *sha256 = get_text(object, "sha256");
	struct json_object *unlimited;
	uint64_t dev, diskseq, map_id = 0, by_hand = 0;
	struct state_disk *disk;

	if (!name || !get_number(object, "dev", &dev) ||
	    !get_number(object, "diskseq", &diskseq))
		return -EBADMSG;
	disk = state_add(state, name, dev, diskseq);
	if (!disk)
		return -ENOMEM;
	get_number(object, "copy_max_bytes", &disk->original);
	if (json_object_object_get_ex(object, "unlimited", &unlimited))
		disk->unlimited = json_object_get_boolean(unlimited);
	if (!policy)
		return 0;
	get_number(object, "map_id", &map_id);
	get_number(object, "by_hand", &by_hand);
	disk->map_id = map_id;
	disk->by_hand = by_hand;
	snprintf(disk->sha256, sizeof(disk->sha256), "%s",
		 sha256 ? sha256 : "");
	disk->policy = strdup(policy);
	return disk->policy ? 0 : -ENOMEM;
}

static int read_disks(struct json_object *root, struct state *state)
{
	const char *schema = get_text(root, "schema");
	struct json_object *disks;
	int err = 0;

	if (!schema || strcmp(schema, SCHEMA) ||
	    !json_object_object_get_ex(root, "disks", &disks) ||
	    !json_object_is_type(disks, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; !err && i < json_object_array_length(disks); i++)
		err = read_disk(json_object_array_get_idx(disks, i), state);
	return err;
}

int state_load(const char *dir, struct state *state)
{
	struct json_object *root;
	char path[PATH_MAX];
	struct stat st;
	int fd, err;

	*state = (struct state){};
	path_in(path, dir, "state.json");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	root = NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		root = json_object_from_fd(fd);
	close(fd);
	err = root ? read_disks(root, state) : -EBADMSG;
	json_object_put(root);
	if (err)
		state_free(state);
	return err;
}

/*
 * Writing
 */

static struct json_object *write_disk(const struct state_disk *disk)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "device", json_object_new_string(disk->name));
	json_object_object_add(o, "dev", json_object_new_uint64(disk->dev));
	json_object_object_add(o, "diskseq",
			       json_object_new_uint64(disk->diskseq));
	if (disk->original != ROWS_NONE) {
		json_object_object_add(o, "copy_max_bytes",
				       json_object_new_uint64(disk->original));
		json_object_object_add(
			o, "unlimited",
			json_object_new_boolean(disk->unlimited));
	}
	if (disk->policy) {
		json_object_object_add(o, "policy",
				       json_object_new_string(disk->policy));
		json_object_object_add(o, "sha256",
				       json_object_new_string(disk->sha256));
		json_object_object_add(o, "map_id",
				       json_object_new_uint64(disk->map_id));
		json_object_object_add(o, "by_hand",
				       json_object_new_uint64(disk->by_hand));
	}
	return o;
}

static struct json_object *write_disks(const struct state *state)
{
	struct json_object *root = json_object_new_object();
	struct json_object *disks = json_object_new_array();

	json_object_object_add(root, "schema", json_object_new_string(SCHEMA));
	json_object_object_add(root, "disks", disks);
	for (size_t i = 0; i < state->nr; i++)
		json_object_array_add(disks, write_disk(&state->disks[i]));
	return root;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return fsync(fd) ? -errno : 0;
}

int state_save(const char *dir, const struct state *state)
{
	struct json_object *root = write_disks(state);
	const char *text = json_object_to_json_string_ext(
		root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	char path[PATH_MAX], next[PATH_MAX];
	int fd, err;

	path_in(path, dir, "state.json");
	path_in(next, dir, "state.json.next");
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0644);
	err = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	if (!err && rename(next, path))
		err = -errno;
	if (err)
		unlink(next);
	json_object_put(root);
	return err;
}
