/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Can what is in a file be believed?  What steers the kernel must not be anybody's
 * to change but root's, or of whom this process runs as.
 *
 * What is asked is always what is open, never a name: a name may stand for
 * something else the next time.
 */
#ifndef BPFCOPY_TRUST_H
#define BPFCOPY_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>

/**
 * trust_why_not() - is it root's, or ours, and written by nobody else?
 * @st: of a file or folder that is open
 * @hint: set to what to do, if it is not
 *
 * Return: NULL if it is, or what is wrong, in static storage.
 */
const char *trust_why_not(const struct stat *st, const char **hint);

/**
 * trust_why_not_above() - the same for all folders above one
 * @fd: the folder
 * @top: where to end, included; one that @fd is not below is not trusted
 * @hint: as trust_why_not()
 *
 * In a folder like /tmp nobody can take the place of what is another's.
 */
const char *trust_why_not_above(int fd, const struct stat *top,
				const char **hint);

/**
 * trust_open() - open a path below a folder
 * @root: descriptor of the folder, which is "/" for the path, and for links in it
 * @path: what
 * @flags: as for open(2)
 * @links: are symbolic links followed
 *
 * Return: a descriptor, or a negative errno; -ELOOP for a link.
 */
int trust_open(int root, const char *path, int flags, bool links);

#endif /* BPFCOPY_TRUST_H */
