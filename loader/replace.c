// SPDX-License-Identifier: GPL-2.0
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Renamed to, a device or a link would be gone. */
static int check_place(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st.st_mode) ? 0 : -EBADFD;
}

/* As any program would have created it. */
static int set_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, 0666 & ~mask) ? -errno : 0;
}

int replace_begin(struct replace *r, const char *path)
{
	int fd, err;

	if (strlen(path) >= sizeof(r->path))
		return -ENAMETOOLONG;
	err = check_place(path);
	if (err)
		return err;
	strcpy(r->path, path);
	snprintf(r->next, sizeof(r->next), "%s.XXXXXX", path);
	fd = mkostemp(r->next, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = set_mode(fd);
	r->out = err ? NULL : fdopen(fd, "w");
	if (r->out)
		return 0;
	err = err ? err : -errno;
	close(fd);
	unlink(r->next);
	return err;
}

int replace_end(struct replace *r, int err)
{
	errno = EIO; /* an error of an earlier write left none */
	if (!err && (fflush(r->out) || ferror(r->out) || fsync(fileno(r->out))))
		err = -errno;
	if (fclose(r->out) && !err)
		err = -errno;
	if (!err && rename(r->next, r->path))
		err = -errno;
	if (err)
		unlink(r->next);
	return err;
}
