/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file that is replaced as a whole, or not at all: who reads it sees the old
 * text or the new one, and after a failure the old one.
 */
#ifndef BPFCOPY_REPLACE_H
#define BPFCOPY_REPLACE_H

#include <limits.h>
#include <stdio.h>

/**
 * struct replace - a file that is being written
 * @out: where to write its text
 * @path: the file
 * @next: what becomes the file, in the same folder
 */
struct replace {
	FILE *out;
	char path[PATH_MAX];
	char next[PATH_MAX + 16];
};

/**
 * replace_begin() - start writing
 * @r: for replace_end(), on success
 * @path: a file that may be there already; what is no regular file is refused
 *
 * Nobody sees anything of it yet, but whether there can be such a file is known
 * now.
 *
 * Return: 0, -EBADFD if there is something else than a file, -ENAMETOOLONG, or
 * an errno of creating a file there.
 */
int replace_begin(struct replace *r, const char *path);

/**
 * replace_end() - it is complete
 * @err: 0, or what went wrong while it was written: then the old one stays
 *
 * Return: @err, or the errno of writing or renaming.
 */
int replace_end(struct replace *r, int err);

#endif /* BPFCOPY_REPLACE_H */
