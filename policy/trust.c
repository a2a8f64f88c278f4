// SPDX-License-Identifier: GPL-2.0
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *trust_why_not(const struct stat *st, const char **hint)
{
	if (st->st_uid && st->st_uid != geteuid()) {
		*hint = "it has to belong to root: chown root";
		return "belongs to another user";
	}
	if (st->st_mode & S_IWOTH) {
		*hint = "chmod o-w";
		return "can be written by everybody";
	}
	/* Root's own group is no exception: with an ACL these bits are its mask. */
	if (st->st_mode & S_IWGRP) {
		*hint = "chmod g-w";
		return "can be written by a group";
	}
	return NULL;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The folder above; @at is closed.  Return: -1 on failure. */
static int go_up(int at, struct stat *st)
{
	int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	close(at);
	if (up >= 0 && fstat(up, st)) {
		close(up);
		up = -1;
	}
	return up;
}

const char *trust_why_not_above(int fd, const struct stat *top,
				const char **hint)
{
	const char *why = NULL;
	struct stat st, below;
	int at = dup(fd);

	if (at < 0 || fstat(at, &below))
		why = strerror(errno);
	while (!why && !is_same(&below, top)) {
		at = go_up(at, &st);
		if (at < 0)
			return strerror(errno);
		if (is_same(&st, &below)) {
			why = "is elsewhere";
			break;
		}
		below = st;
		if (st.st_mode & S_ISVTX)
			st.st_mode &= ~(mode_t)(S_IWOTH | S_IWGRP);
		why = trust_why_not(&st, hint);
	}
	if (at >= 0)
		close(at);
	return why;
}

static int open_no_link(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC), err = errno;
	struct stat st;

	if (fd >= 0)
		return fd;
	/* What has to be a folder, and is a link. */
	if (err == ENOTDIR && !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISLNK(st.st_mode))
		err = ELOOP;
	return -err;
}

/* One folder after the other, none of them a link. */
static int open_by_steps(int root, const char *path, int flags)
{
	char *steps = strdup(path), *left = steps, *name;
	int at = -1, next = -ENOMEM;

	while (left) {
		left += strspn(left, "/");
		name = strsep(&left, "/");
		next = open_no_link(at < 0 ? root : at, *name ? name : ".",
				    left ? O_PATH | O_DIRECTORY : flags);
		if (at >= 0)
			close(at);
		at = next;
		if (at < 0)
			break;
	}
	free(steps);
	return next;
}

/*
 * Where there is no openat2(), or none for us: RestrictSUIDSGID= of systemd takes it
 * away, as a filter of system calls cannot look at what it is to make. Then what
 * may lead up, or elsewhere, has "/" for its root.
 */
static int open_without_openat2(int root, const char *path, int flags,
				bool links)
{
	bool leaves = links || strstr(path, "..");
	struct stat st, top;
	int fd;

	if (leaves &&
	    (fstat(root, &st) || stat("/", &top) || !is_same(&st, &top)))
		return -ENOSYS;
	if (!links)
		return open_by_steps(root, path, flags);
	fd = openat(root, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int trust_open(int root, const char *path, int flags, bool links)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (!links)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	do {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		/* -EAGAIN: something was renamed while ".." was looked up. */
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	if (fd < 0 && errno == ENOSYS)
		return open_without_openat2(root, path, flags, links);
	return fd < 0 ? -errno : (int)fd;
}
