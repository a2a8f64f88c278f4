// SPDX-License-Identifier: GPL-2.0
#include "identity.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"

/* An NQN has up to 223 bytes, a link in by-id up to 255. */
#define TEXT_MAX 256

static int set(char **member, const char *text)
{
	*member = strdup(text);
	return *member ? 0 : -ENOMEM;
}

static bool is_there(const char *dir, const char *file)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return !access(path, F_OK);
}

/*
 * Layers
 */

static const char *stack_of(const struct device *dev, const char *dir)
{
	if (is_there(dir, "dm"))
		return strncmp(dev->uuid, "mpath-", 6) ? "dm" : "multipath";
	if (is_there(dir, "md"))
		return "md";
	return strstr(dir, "/nvme-subsystem/") ? "nvme-mpath" : "none";
}

static int is_controller(const struct dirent *entry)
{
	unsigned int nr;
	char end;

	return sscanf(entry->d_name, "nvme%u%c", &nr, &end) == 1;
}

/*
 * The namespace of a subsystem, which has no transport: real path of the first
 * controller.  Left alone if there is none.
 */
static void go_to_path(char *dir)
{
	char subsys[PATH_MAX], link[PATH_MAX + NAME_MAX], *real;
	struct dirent **entries;
	int n;

	snprintf(link, sizeof(link), "%s/device", dir);
	if (!realpath(link, subsys))
		return;
	n = scandir(subsys, &entries, is_controller, versionsort);
	for (int i = 0; i < n; i++) {
		if (!i && snprintf(link, sizeof(link), "%s/%s", subsys,
				   entries[i]->d_name) < (int)sizeof(link)) {
			real = realpath(link, NULL);
			if (real)
				snprintf(dir, PATH_MAX, "%s", real);
			free(real);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* Of the nearest device above @dir that has a driver; "" if none has. */
static void find_driver(const char *dir, char *driver, size_t size)
{
	char at[PATH_MAX], link[PATH_MAX], target[PATH_MAX];
	ssize_t len = -1;

	*driver = '\0';
	snprintf(at, sizeof(at), "%s", dir);
	while (len <= 0 && strlen(at) > 1) {
		if (snprintf(link, sizeof(link), "%s/driver", at) >=
		    (int)sizeof(link))
			return;
		len = readlink(link, target, sizeof(target) - 1);
		dirname(at);
	}
	if (len <= 0)
		return;
	target[len] = '\0';
	snprintf(driver, size, "%s", basename(target));
}

static int read_path(const struct device *dev, const char *disk,
		     struct conf_identity *id)
{
	char dir[PATH_MAX], text[TEXT_MAX];
	int err = set(&id->stack, stack_of(dev, disk));

	if (err)
		return err;
	snprintf(dir, sizeof(dir), "%s", disk);
	snprintf(text, sizeof(text), "%s", dev->transport);
	if (!strcmp(id->stack, "nvme-mpath")) {
		go_to_path(dir);
		device_text(dir, "transport", text, sizeof(text));
	}
	err = set(&id->transport, text);
	find_driver(dir, text, sizeof(text));
	return err ? err : set(&id->driver, text);
}

/*
 * Links
 */

static const char *by_id(void)
{
	const char *dir = secure_getenv("BPFCOPY_BY_ID");

	return dir && *dir ? dir : "/dev/disk/by-id";
}

static bool is_link_to(int dir, const char *link, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dir, link, target, sizeof(target) - 1);

	if (len < 0)
		return false;
	target[len] = '\0';
	return !strcmp(basename(target), name);
}

static int compare_links(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_links(const char *name, struct conf_identity *id)
{
	DIR *dir = opendir(by_id());
	struct dirent *entry;
	size_t nr = 0;
	int err = 0;

	id->by_id = calloc(1, sizeof(*id->by_id));
	if (!id->by_id)
		err = -ENOMEM;
	while (!err && dir && (entry = readdir(dir))) {
		char **more;

		if (!is_link_to(dirfd(dir), entry->d_name, name))
			continue;
		more = reallocarray(id->by_id, nr + 2, sizeof(*more));
		if (!more) {
			err = -ENOMEM;
			break;
		}
		id->by_id = more;
		more[nr] = strdup(entry->d_name);
		more[nr + 1] = NULL;
		err = more[nr++] ? 0 : -ENOMEM;
	}
	if (dir)
		closedir(dir);
	if (!err)
		qsort(id->by_id, nr, sizeof(*id->by_id), compare_links);
	return err;
}

/*
 * All of it
 */

/* "00 11 22" in sysfs, but 001122 everywhere else. */
static int read_eui(const char *dir, struct conf_identity *id)
{
	char text[TEXT_MAX], *to = text;

	device_text(dir, "eui", text, sizeof(text));
	for (const char *from = text; *from; from++)
		if (*from != ' ')
			*to++ = *from;
	*to = '\0';
	return set(&id->eui, text);
}

static int read_device(const struct device *dev, struct conf_identity *id)
{
	const struct {
		char **member;
		const char *text;
	} texts[] = {
		{ &id->name, dev->disk },     { &id->model, dev->model },
		{ &id->serial, dev->serial }, { &id->firmware, dev->firmware },
		{ &id->uuid, dev->uuid },     { &id->nguid, dev->nguid },
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(texts) / sizeof(*texts); i++)
		err = set(texts[i].member, texts[i].text);
	id->block_bytes = dev->block_bytes;
	id->copy_max_hw_bytes = dev->copy_max_hw_bytes;
	return err;
}

int identity_read(const struct device *dev, struct conf_identity *id)
{
	char dir[PATH_MAX], text[TEXT_MAX];
	int err = device_dir(dev, dir, sizeof(dir));

	*id = (struct conf_identity){};
	if (!err)
		err = read_device(dev, id);
	if (!err)
		err = read_path(dev, dir, id);
	if (!err)
		err = read_eui(dir, id);
	if (!err) {
		device_text(dir, "device/subsysnqn", text, sizeof(text));
		err = set(&id->subsysnqn, text);
	}
	if (!err)
		err = read_links(dev->disk, id);
	if (err)
		conf_identity_free(id);
	return err;
}

/*
 * One name
 */

static void first_link(const struct device *dev, char *name, size_t size)
{
	struct conf_identity id = {};

	if (!read_links(dev->disk, &id) && id.by_id[0])
		snprintf(name, size, "%s", id.by_id[0]);
	conf_identity_free(&id);
}

char *identity_name(const struct device *dev, char *name, size_t size)
{
	const char *number = dev->name + strlen(dev->name);
	size_t len;

	*name = '\0';
	if (!strncmp(dev->disk, "nvme", 4) && *dev->wwid)
		snprintf(name, size, "nvme-%s", dev->wwid);
	else if (!strncmp(dev->disk, "dm-", 3) && *dev->uuid)
		snprintf(name, size, "dm-uuid-%s", dev->uuid);
	else
		first_link(dev, name, size);
	if (!*name || !dev->partition)
		return name;
	while (number > dev->name && isdigit((unsigned char)number[-1]))
		number--;
	len = strlen(name);
	snprintf(name + len, size - len, "-part%s", number);
	return name;
}
