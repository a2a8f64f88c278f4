// SPDX-License-Identifier: GPL-2.0
/*
 * Which files there are, and whether they can be trusted.
 *
 * What stands in the standard places steers the kernel, so nobody but root (or
 * whom this process runs as) may be able to change it.  Links are not followed:
 * what they point to could be anybody's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_internal.h"
#include "trust.h"

#define FILE_MAX (4U << 20)

#define VENDOR_DIR "usr/lib/bpfcopy"
#define ADMIN_DIR  "etc/bpfcopy"
#define ADMIN_FILE "bpfcopy.conf"
#define DROPIN_DIR "etc/bpfcopy/bpfcopy.conf.d"

/**
 * struct place - a folder
 * @path: for messages
 * @fd: of it
 * @strict: nobody else may be able to change what is in it
 */
struct place {
	const char *path;
	int fd;
	bool strict;
};

#define complain(conf, file, hint, ...) \
	conf_sayf(conf, CONF_ERROR, file, NULL, hint, __VA_ARGS__)

/* "FOLDER/NAME" that lives as long as @conf. */
static char *join(struct conf *conf, const char *folder, const char *name)
{
	size_t len = strlen(folder) + strlen(name) + 2;
	char *path = conf_alloc(conf, len);

	if (path)
		snprintf(path, len, "%s%s%s", folder,
			 *folder && folder[strlen(folder) - 1] == '/' ? "" :
									"/",
			 name);
	return path;
}

/* The name of a file to show: anybody may have chosen it. */
static char *show_name(struct conf *conf, const char *folder, const char *name)
{
	char *path = join(conf, folder, name);

	for (char *c = path; c && *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return path;
}

/*
 * One file
 */

/* Reads all of it, and a byte more if there is one now, or above FILE_MAX. */
static char *read_all(struct conf *conf, int fd, size_t size, size_t *len)
{
	size_t room = (size < FILE_MAX ? size : FILE_MAX) + 1;
	char *text = conf_alloc(conf, room);
	ssize_t n = 1;

	*len = 0;
	while (text && *len < room && n) {
		n = read(fd, text + *len, room - *len);
		if (n < 0)
			return NULL;
		*len += (size_t)n;
	}
	if (!text)
		errno = ENOMEM;
	return text;
}

/* Checks and parses what is open. */
static int parse_fd(struct conf *conf, int fd, const char *path, bool strict)
{
	const char *why, *hint = "";
	struct stat st;
	size_t len;
	char *text;

	if (fstat(fd, &st))
		return complain(conf, path, "", "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return complain(conf, path, "", "not a file");
	why = strict ? trust_why_not(&st, &hint) : NULL;
	if (why)
		return complain(conf, path, hint, "%s", why);
	text = read_all(conf, fd, (size_t)st.st_size, &len);
	if (!text && errno == ENOMEM)
		return -ENOMEM;
	if (!text)
		return complain(conf, path, "", "%s", strerror(errno));
	if (len > FILE_MAX)
		return complain(conf, path, "", "larger than %u MiB",
				FILE_MAX >> 20);
	if (len != (size_t)st.st_size)
		return complain(conf, path, "try again",
				"is being written at this moment");
	return conf_parse(conf, path, text, len);
}

/* A link to /dev/null is a file that says nothing. */
static bool is_masked(const struct place *at, const char *name)
{
	char target[sizeof("/dev/null") + 1];
	ssize_t len = readlinkat(at->fd, name, target, sizeof(target));

	return len == strlen("/dev/null") &&
	       !memcmp(target, "/dev/null", strlen("/dev/null"));
}

static int not_opened(struct conf *conf, const struct place *at,
		      const char *name, const char *path, int err)
{
	struct stat st;

	if (err == -ELOOP && is_masked(at, name))
		return 0;
	if (err == -ELOOP)
		return complain(conf, path, "put the file itself here",
				"is a symbolic link");
	/* A file that was removed since the folder was read is none. */
	if (err == -ENOENT && at->strict &&
	    fstatat(at->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return complain(conf, path, "", "%s", strerror(-err));
}

static int read_file(struct conf *conf, const struct place *at,
		     const char *name)
{
	const char *path = show_name(conf, at->path, name);
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd, err;

	if (!path)
		return -ENOMEM;
	fd = openat(at->fd, name, flags | (at->strict ? O_NOFOLLOW : 0));
	if (fd < 0)
		return not_opened(conf, at, name, path, -errno);
	err = parse_fd(conf, fd, path, at->strict);
	close(fd);
	return err;
}

/*
 * Folders
 */

static int is_conf(const struct dirent *entry)
{
	static const char suffix[] = ".conf";
	size_t len = strlen(entry->d_name), tail = strlen(suffix);

	return *entry->d_name != '.' && len > tail &&
	       !strcmp(entry->d_name + len - tail, suffix);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Its *.conf, but for those that are also in @mask. */
static int read_folder(struct conf *conf, const struct place *at,
		       const struct place *mask)
{
	struct dirent **entries;
	struct stat st;
	int n, err = 0;

	n = scandirat(at->fd, ".", &entries, is_conf, by_name);
	if (n < 0 && errno == ENOMEM)
		return -ENOMEM;
	if (n < 0)
		return complain(conf, at->path, "", "%s", strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		bool masked =
			mask && mask->fd >= 0 &&
			!fstatat(mask->fd, name, &st, AT_SYMLINK_NOFOLLOW);

		if (!err && !masked)
			err = read_file(conf, at, name);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* Why it, or a folder above it up to @root, cannot be trusted; NULL if all can. */
static const char *place_why_not(int root, int fd, const char **above,
				 const char **hint)
{
	const char *why;
	struct stat st;

	*above = "";
	why = fstat(fd, &st) ? strerror(errno) : trust_why_not(&st, hint);
	if (why)
		return why;
	*above = "a folder above it ";
	if (fstat(root, &st))
		return strerror(errno);
	return trust_why_not_above(fd, &st, hint);
}

/* One that is not there is left at -1. */
static int open_place(struct conf *conf, const struct place *root,
		      const char *folder, struct place *at)
{
	const char *why, *hint = "", *above;

	at->fd = -1;
	at->strict = true;
	at->path = join(conf, root->path, folder);
	if (!at->path)
		return -ENOMEM;
	/* A link in an image stays in the image. */
	at->fd = trust_open(root->fd, folder, O_RDONLY | O_DIRECTORY, true);
	if (at->fd == -ENOENT)
		return 0;
	if (at->fd < 0)
		return complain(conf, at->path, "", "%s", strerror(-at->fd));
	why = place_why_not(root->fd, at->fd, &above, &hint);
	if (!why)
		return 0;
	/* What is in it counts for nothing. */
	close(at->fd);
	at->fd = -1;
	return complain(conf, at->path, hint, "%s%s", above, why);
}

static int read_admin_file(struct conf *conf, const struct place *at)
{
	struct stat st;

	if (fstatat(at->fd, ADMIN_FILE, &st, AT_SYMLINK_NOFOLLOW) &&
	    errno == ENOENT)
		return 0;
	return read_file(conf, at, ADMIN_FILE);
}

static int read_places(struct conf *conf, const struct place *root)
{
	struct place vendor, admin, dropin;
	int err = open_place(conf, root, VENDOR_DIR, &vendor);

	if (err)
		return err;
	err = open_place(conf, root, ADMIN_DIR, &admin);
	if (err)
		goto close_vendor;
	err = open_place(conf, root, DROPIN_DIR, &dropin);
	if (err)
		goto close_admin;

	if (vendor.fd >= 0)
		err = read_folder(conf, &vendor, &dropin);
	if (!err && admin.fd >= 0)
		err = read_admin_file(conf, &admin);
	if (!err && dropin.fd >= 0)
		err = read_folder(conf, &dropin, NULL);

	if (dropin.fd >= 0)
		close(dropin.fd);
close_admin:
	if (admin.fd >= 0)
		close(admin.fd);
close_vendor:
	if (vendor.fd >= 0)
		close(vendor.fd);
	return err;
}

static int read_standard(struct conf *conf, const char *root)
{
	struct place top = { .path = root };
	int err;

	top.fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top.fd < 0)
		return complain(conf, root, "", "%s", strerror(errno));
	err = read_places(conf, &top);
	close(top.fd);
	return err;
}

/* A file or a folder that somebody named. */
static int read_path(struct conf *conf, const char *path)
{
	struct place at = { .path = path };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int err;

	if (fd < 0)
		return complain(conf, path, "", "%s", strerror(errno));
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		at.fd = fd;
		err = read_folder(conf, &at, NULL);
	} else {
		err = parse_fd(conf, fd, path, false);
	}
	close(fd);
	return err;
}

int conf_read_files(struct conf *conf, const struct conf_from *from)
{
	int err = 0;

	if (!from->paths)
		return read_standard(conf, from->root ? from->root : "/");
	for (size_t i = 0; !err && i < from->nr_paths; i++) {
		const char *path =
			conf_copy(conf, from->paths[i], strlen(from->paths[i]));

		err = path ? read_path(conf, path) : -ENOMEM;
	}
	return err;
}
