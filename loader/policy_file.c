// SPDX-License-Identifier: GPL-2.0
/*
 * The file of a policy object, read once: what was checked is what is loaded.
 *
 * An object that rules name becomes a part of the kernel, so it has to be root's
 * down from "/", and its hash has to be in a list that is root's as well, as
 * sha256sum writes it.  Names in a list are below the folder of the list, or begin
 * with a '/'.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sha256.h>

#include "policy_internal.h"
#include "trust.h"

#define OBJECT_MAX (16U << 20)
#define LIST	   "objects.sha256"
#define ADMIN_DIR  "/etc/bpfcopy"

static int fail_trust(struct policy_error *err, const char *path,
		      const char *above, const char *why, const char *hint)
{
	return policy_fail(err, -EKEYREJECTED, "%s: %s%s%s%s", path, above, why,
			   *hint ? "; " : "", hint);
}

static int fail_open(struct policy_error *err, const char *path, int error)
{
	if (error == -ELOOP)
		return policy_fail(
			err, -EKEYREJECTED,
			"%s: is a symbolic link, or behind one; rules name the file itself",
			path);
	return policy_fail(err, error == -EACCES ? -EPERM : error, "%s: %s",
			   path, strerror(-error));
}

/*
 * Reading
 */

static int check_folder(int root, int dir, const char *path,
			struct policy_error *err)
{
	const char *why, *hint = "";
	struct stat st, top;

	if (fstat(dir, &st) || fstat(root, &top))
		return fail_open(err, path, -errno);
	why = trust_why_not(&st, &hint);
	if (!why)
		why = trust_why_not_above(dir, &top, &hint);
	return why ? fail_trust(err, path, "a folder above it ", why, hint) : 0;
}

/* No link on the way, and nobody but root can change what is there. */
static int open_strictly(const char *path, struct policy_error *err)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), dir, fd, error;
	char folder[PATH_MAX], name[PATH_MAX];

	if (root < 0)
		return fail_open(err, "/", -errno);
	snprintf(folder, sizeof(folder), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	dir = trust_open(root, dirname(folder), O_PATH | O_DIRECTORY, false);
	if (dir < 0) {
		close(root);
		return fail_open(err, path, dir);
	}
	error = check_folder(root, dir, path, err);
	fd = error ? error :
		     trust_open(dir, basename(name), O_RDONLY | O_NONBLOCK,
				false);
	close(dir);
	close(root);
	return fd < 0 && !error ? fail_open(err, path, fd) : fd;
}

static int read_all(int fd, struct policy_file *file)
{
	size_t size = file->size;
	ssize_t n = 1;

	file->size = 0;
	while (n && file->size < size) {
		n = read(fd, file->data + file->size, size - file->size);
		if (n < 0)
			return -errno;
		file->size += n;
	}
	return 0;
}

static int read_fd(int fd, const char *path, bool strict,
		   struct policy_file *file, struct policy_error *err)
{
	const char *why, *hint = "";
	struct stat st;
	int error;

	if (fstat(fd, &st))
		return fail_open(err, path, -errno);
	if (!S_ISREG(st.st_mode) || st.st_size > OBJECT_MAX)
		return policy_fail(
			err, -ENOEXEC,
			"%s: not a BPF object that can be loaded: %s", path,
			S_ISREG(st.st_mode) ? "too large" : "no file");
	why = strict ? trust_why_not(&st, &hint) : NULL;
	if (why)
		return fail_trust(err, path, "", why, hint);
	file->size = st.st_size;
	file->data = malloc(file->size + 1);
	error = file->data ? read_all(fd, file) : -ENOMEM;
	if (error)
		return fail_open(err, path, error);
	file->data[file->size] = '\0';
	SHA256Data((uint8_t *)file->data, file->size, file->sha256);
	return 0;
}

static int read_path(const char *path, bool strict, struct policy_file *file,
		     struct policy_error *err)
{
	int fd, error;

	*file = (struct policy_file){};
	if (strict)
		fd = open_strictly(path, err);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return strict ? fd : fail_open(err, path, -errno);
	error = read_fd(fd, path, strict, file, err);
	close(fd);
	if (error)
		policy_file_free(file);
	return error;
}

void policy_file_free(struct policy_file *file)
{
	free(file->data);
	*file = (struct policy_file){};
}

/*
 * The lists
 */

/* "HASH  NAME" or "HASH *NAME" in @line; its end is @end. */
static bool parse_line(const char *line, const char *end, const char **name)
{
	if (end - line < 67 || strspn(line, "0123456789abcdef") != 64 ||
	    line[64] != ' ' || (line[65] != ' ' && line[65] != '*'))
		return false;
	*name = line + 66;
	return true;
}

static bool is_name_of(const char *name, size_t len, const char *folder,
		       const char *path)
{
	size_t skip = *name == '/' ? 0 : strlen(folder) + 1;

	return strlen(path) == len + skip &&
	       (!skip ||
		(!strncmp(path, folder, skip - 1) && path[skip - 1] == '/')) &&
	       !memcmp(path + skip, name, len);
}

enum policy_listed policy_list_find(const char *list, const char *folder,
				    const char *path, const char *sha256,
				    unsigned int *line)
{
	enum policy_listed found = POLICY_UNLISTED;

	for (*line = 1; *list; ++*line) {
		const char *end = list + strcspn(list, "\n"), *name = list;
		bool counts = end > list && *list != '#';

		if (counts && !parse_line(list, end, &name))
			return POLICY_BAD_LIST;
		if (counts && is_name_of(name, end - name, folder, path)) {
			if (!memcmp(list, sha256, 64))
				found = POLICY_LISTED;
			else if (found == POLICY_UNLISTED)
				found = POLICY_CHANGED;
		}
		list = end + !!*end;
	}
	return found;
}

/* Sets @found. */
static int ask_list(const char *folder, const char *path, const char *sha256,
		    enum policy_listed *found, struct policy_error *err)
{
	struct policy_file list;
	unsigned int line;
	char name[64];
	int error;

	*found = POLICY_UNLISTED;
	snprintf(name, sizeof(name), "%s/" LIST, folder);
	error = read_path(name, true, &list, err);
	if (error)
		return error == -ENOENT ? 0 : error;
	*found = policy_list_find(list.data, folder, path, sha256, &line);
	policy_file_free(&list);
	if (*found == POLICY_BAD_LIST)
		return policy_fail(err, -EKEYREJECTED,
				   "%s:%u: not as sha256sum writes it", name,
				   line);
	return 0;
}

static int check_listed(const char *path, const char *sha256,
			struct policy_error *err)
{
	static const char *const folders[] = { POLICY_LIB_DIR, ADMIN_DIR };
	const char *changed = NULL;

	for (size_t i = 0; i < 2; i++) {
		enum policy_listed found;
		int error = ask_list(folders[i], path, sha256, &found, err);

		if (error || found == POLICY_LISTED)
			return error;
		if (found == POLICY_CHANGED)
			changed = folders[i];
	}
	if (changed)
		return policy_fail(err, -EKEYREJECTED,
				   "%s: not what its hash in %s/" LIST
				   " says: it is %s",
				   path, changed, sha256);
	return policy_fail(
		err, -EKEYREJECTED,
		"%s: its hash is in no list: sha256sum %s >>" ADMIN_DIR
		"/" LIST,
		path, path);
}

int policy_file_read(const char *path, bool strict, struct policy_file *file,
		     struct policy_error *err)
{
	int error = read_path(path, strict, file, err);

	if (error || !strict)
		return error;
	error = check_listed(path, file->sha256, err);
	if (error)
		policy_file_free(file);
	return error;
}
