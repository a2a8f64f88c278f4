// SPDX-License-Identifier: GPL-2.0
#include "device.h"

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
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rows.h"

#define SECTOR 512ULL

uint32_t device_number(unsigned int major, unsigned int minor)
{
	return major << 20 | (minor & 0xfffff);
}

static const char *sysfs_root(void)
{
	const char *root = secure_getenv("BPFCOPY_SYSFS");

	return root && *root ? root : "/sys";
}

/*
 * Attributes
 */

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
}

bool device_text(const char *dir, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	*buf = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, buf, size - 1);
	close(fd);
	buf[len > 0 ? len : 0] = '\0';
	trim(buf);
	return len > 0;
}

static uint64_t read_number(const char *dir, const char *file)
{
	char text[32], *end;
	uint64_t v;

	if (!device_text(dir, file, text, sizeof(text)))
		return ROWS_NONE;
	v = strtoull(text, &end, 10);
	return end == text ? ROWS_NONE : v;
}

static uint64_t read_number_or(const char *dir, const char *file, uint64_t none)
{
	uint64_t v = read_number(dir, file);

	return v == ROWS_NONE ? none : v;
}

static uint32_t read_dev(const char *dir)
{
	unsigned int major, minor;
	char text[32];

	if (!device_text(dir, "dev", text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return 0;
	return device_number(major, minor);
}

/* The first of @files that is there and not empty. */
static void read_first(const char *dir, const char *const *files, char *buf)
{
	for (*buf = '\0'; *files && !*buf; files++)
		device_text(dir, *files, buf, DEVICE_TEXT_MAX);
}

/*
 * One device
 */

static void read_limits(struct device *dev, const char *disk)
{
	dev->block_bytes =
		read_number_or(disk, "queue/logical_block_size", SECTOR);
	dev->copy_max_bytes = read_number(disk, "queue/copy_max_bytes");
	dev->copy_max_hw_bytes = read_number(disk, "queue/copy_max_hw_bytes");
	dev->copy_max_range_hw_bytes =
		read_number(disk, "queue/copy_max_range_hw_bytes");
	dev->copy_max_ranges = read_number(disk, "queue/copy_max_ranges");
}

static void read_identity(struct device *dev, const char *disk)
{
	static const char *const model[] = { "device/model", "dm/name", NULL };
	static const char *const serial[] = { "device/serial", "serial", NULL };
	static const char *const firmware[] = { "device/firmware_rev",
						"device/rev", NULL };
	static const char *const wwid[] = { "wwid", "device/wwid", NULL };
	static const char *const nguid[] = { "nguid", NULL };
	static const char *const uuid[] = { "uuid", "dm/uuid", NULL };
	static const char *const transport[] = { "device/transport", NULL };

	read_first(disk, model, dev->model);
	read_first(disk, serial, dev->serial);
	read_first(disk, firmware, dev->firmware);
	read_first(disk, wwid, dev->wwid);
	read_first(disk, nguid, dev->nguid);
	read_first(disk, uuid, dev->uuid);
	read_first(disk, transport, dev->transport);
}

static int not_hidden(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

/* sysfs writes '!' for a '/' in a name. */
static void copy_name(char *to, const char *from)
{
	snprintf(to, DEVICE_NAME_MAX, "%s", from);
	while ((to = strchr(to, '!')))
		*to = '/';
}

static int read_stack(struct device *dev, const char *disk)
{
	struct dirent **entries;
	char path[PATH_MAX + sizeof("/slaves")];
	int n, err = 0;

	snprintf(path, sizeof(path), "%s/slaves", disk);
	n = scandir(path, &entries, not_hidden, versionsort);
	if (n < 0)
		return 0;
	dev->stack = n ? calloc((size_t)n + 1, sizeof(*dev->stack)) : NULL;
	if (n && !dev->stack)
		err = -ENOMEM;
	for (int i = 0; i < n; i++) {
		if (!err && !(dev->stack[i] = strdup(entries[i]->d_name)))
			err = -ENOMEM;
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* @dir: real path of the device below sysfs; its parent is that of the disk. */
static int read_device(struct device *dev, const char *dir)
{
	char disk[PATH_MAX], name[PATH_MAX];

	memset(dev, 0, sizeof(*dev));
	snprintf(name, sizeof(name), "%s", dir);
	copy_name(dev->name, basename(name));
	dev->partition = read_number(dir, "partition") != ROWS_NONE;
	snprintf(disk, sizeof(disk), "%s", dir);
	if (dev->partition)
		dirname(disk);
	snprintf(name, sizeof(name), "%s", disk);
	copy_name(dev->disk, basename(name));

	dev->dev = read_dev(dir);
	dev->disk_dev = read_dev(disk);
	dev->start_bytes = read_number_or(dir, "start", 0) * SECTOR;
	dev->size_bytes = read_number_or(dir, "size", 0) * SECTOR;
	dev->read_only = read_number_or(dir, "ro", 0) != 0;
	/*
	 * Before what it is like: if another disk gets the name meanwhile, this one
	 * is gone, instead of the other being taken for it.
	 */
	dev->diskseq = read_number(disk, "diskseq");
	read_limits(dev, disk);
	read_identity(dev, disk);
	return read_stack(dev, disk);
}

/*
 * Finding them
 */

/* @link: below the root, a link to the folder of a device. */
static int find_link(const char *link, struct device *dev)
{
	char path[PATH_MAX], *dir;
	int err;

	snprintf(path, sizeof(path), "%s/%s", sysfs_root(), link);
	dir = realpath(path, NULL);
	if (!dir)
		return errno == ENOMEM ? -ENOMEM : -ENODEV;
	err = read_device(dev, dir);
	free(dir);
	if (err)
		device_free(dev);
	return err;
}

static int find_name(const char *name, struct device *dev)
{
	char link[PATH_MAX], *c;
	int len;

	/* "..", and names that cannot be, must not leave the folder. */
	if (!*name || *name == '.')
		return -ENODEV;
	len = snprintf(link, sizeof(link), "class/block/%s", name);
	if (len >= (int)sizeof(link))
		return -ENODEV;
	for (c = link + strlen("class/block/"); (c = strchr(c, '/'));)
		*c = '!';
	return find_link(link, dev);
}

static int find_node(const struct stat *st, struct device *dev)
{
	char link[64];

	if (!S_ISBLK(st->st_mode))
		return -ENOTBLK;
	snprintf(link, sizeof(link), "dev/block/%u:%u", major(st->st_rdev),
		 minor(st->st_rdev));
	return find_link(link, dev);
}

int device_dir(const struct device *dev, char *path, size_t size)
{
	char link[PATH_MAX], *dir;

	snprintf(link, sizeof(link), "%s/dev/block/%u:%u", sysfs_root(),
		 dev->disk_dev >> 20, dev->disk_dev & 0xfffff);
	dir = realpath(link, NULL);
	if (!dir || strlen(dir) >= size) {
		free(dir);
		return -ENODEV;
	}
	strcpy(path, dir);
	free(dir);
	return 0;
}

int device_find(const char *what, struct device *dev)
{
	static const char prefix[] = "/dev/";
	struct stat st;

	memset(dev, 0, sizeof(*dev));
	if (!strchr(what, '/'))
		return find_name(what, dev);
	if (!stat(what, &st))
		return find_node(&st, dev);
	if (errno != ENOENT)
		return -errno;
	/* The kernel may know a disk that has no node. */
	if (!strncmp(what, prefix, strlen(prefix)))
		return find_name(what + strlen(prefix), dev);
	return -ENODEV;
}

int device_find_disk(const char *what, struct device *dev)
{
	int err = device_find(what, dev);

	return !err && dev->partition ? -EISNAM : err;
}

void device_free(struct device *dev)
{
	char **name;

	for (name = dev->stack; name && *name; name++)
		free(*name);
	free(dev->stack);
	dev->stack = NULL;
}

static int fill_list(struct device *list, size_t *nr, struct dirent **entries,
		     int n)
{
	int err;

	for (int i = 0; i < n; i++) {
		err = find_name(entries[i]->d_name, &list[*nr]);
		if (err == -ENOMEM)
			return err;
		/* One that went away meanwhile is none. */
		if (!err)
			++*nr;
	}
	return 0;
}

int device_list(struct device **list, size_t *nr)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int n, err = -ENOMEM;

	*list = NULL;
	*nr = 0;
	snprintf(path, sizeof(path), "%s/block", sysfs_root());
	n = scandir(path, &entries, not_hidden, versionsort);
	if (n < 0)
		return -errno;
	*list = calloc((size_t)n + 1, sizeof(**list));
	if (*list)
		err = fill_list(*list, nr, entries, n);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	if (err) {
		device_list_free(*list, *nr);
		*list = NULL;
	}
	return err;
}

void device_list_free(struct device *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		device_free(&list[i]);
	free(list);
}

static int open_disk(const char *name)
{
	char path[PATH_MAX], *c;
	int fd;

	snprintf(path, sizeof(path), "%s/class/block/%s", sysfs_root(), name);
	for (c = path + strlen(path) - strlen(name); (c = strchr(c, '/'));)
		*c = '!';
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	return fd;
}

static bool is_disk(int dir, const struct device *dev)
{
	char text[32] = "";
	int fd = openat(dir, "diskseq", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return dev->diskseq == ROWS_NONE;
	if (read(fd, text, sizeof(text) - 1) < 0)
		*text = '\0';
	close(fd);
	return strtoull(text, NULL, 10) == dev->diskseq;
}

static int write_number(int dir, const char *file, uint64_t value)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%llu\n", (unsigned long long)value) < 0)
		err = -errno;
	close(fd);
	return err;
}

bool device_is_here(uint32_t number, uint64_t diskseq)
{
	const struct device dev = { .diskseq = diskseq };
	char link[PATH_MAX];
	bool here;
	int dir;

	snprintf(link, sizeof(link), "%s/dev/block/%u:%u", sysfs_root(),
		 number >> 20, number & 0xfffff);
	dir = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	here = is_disk(dir, &dev);
	close(dir);
	return here;
}

/* What was opened stays that disk, whoever gets its name in between. */
int device_set_copy_max(const struct device *dev, uint64_t bytes)
{
	int dir = open_disk(dev->name), err;

	if (dir < 0)
		return dir;
	err = is_disk(dir, dev) ?
		      write_number(dir, "queue/copy_max_bytes", bytes) :
		      -ENODEV;
	/* Gone in between; otherwise the kernel has no such file. */
	if (err == -ENOENT && !is_disk(dir, dev))
		err = -ENODEV;
	close(dir);
	return err;
}

char *device_name(uint32_t dev, char name[DEVICE_NAME_MAX])
{
	char link[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "%s/dev/block/%u:%u", sysfs_root(),
		 dev >> 20, dev & 0xfffff);
	len = readlink(link, target, sizeof(target) - 1);
	if (len > 0) {
		target[len] = '\0';
		copy_name(name, basename(target));
	} else {
		snprintf(name, DEVICE_NAME_MAX, "%u:%u", dev >> 20,
			 dev & 0xfffff);
	}
	return name;
}
