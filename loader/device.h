/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Block devices as sysfs shows them.
 *
 * Plain files are read instead of asking libudev, so that everything works
 * where no udev runs, and on a folder that looks like sysfs: $BPFCOPY_SYSFS
 * is used instead of /sys.
 */
#ifndef BPFCOPY_DEVICE_H
#define BPFCOPY_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_NAME_MAX 64
#define DEVICE_TEXT_MAX 256

/**
 * struct device - one disk or partition
 * @name: kernel name, like "nvme0n1p2"
 * @disk: name of the whole disk; @name if it is one
 * @dev: device number as in the kernel's MKDEV(), see device_number()
 * @disk_dev: device number of the whole disk
 * @partition: it is a part of @disk
 * @start_bytes: where on @disk it starts
 * @size_bytes: its size
 * @diskseq: sequence number of the disk, ROWS_NONE if there is none
 * @block_bytes: logical block size
 * @copy_max_bytes: see queue/copy_max_bytes; ROWS_NONE if the kernel has no
 *	such attribute, as for the next three
 * @copy_max_hw_bytes: most that the hardware copies by one command
 * @copy_max_range_hw_bytes: most of one source range
 * @copy_max_ranges: most source ranges of one command
 * @read_only: it cannot be written
 * @transport: "pcie", "tcp", "loop", "debug"; "" if not known, as for the rest
 * @model: of the disk
 * @serial: of the disk
 * @firmware: its revision
 * @wwid: what the kernel thinks is its identity
 * @nguid: NVMe namespace
 * @uuid: NVMe namespace or device mapper
 * @stack: names of the devices it is made of, ended by NULL; NULL for none
 */
struct device {
	char name[DEVICE_NAME_MAX];
	char disk[DEVICE_NAME_MAX];
	uint32_t dev;
	uint32_t disk_dev;
	bool partition;
	uint64_t start_bytes;
	uint64_t size_bytes;
	uint64_t diskseq;
	uint64_t block_bytes;
	uint64_t copy_max_bytes;
	uint64_t copy_max_hw_bytes;
	uint64_t copy_max_range_hw_bytes;
	uint64_t copy_max_ranges;
	bool read_only;
	char transport[DEVICE_TEXT_MAX];
	char model[DEVICE_TEXT_MAX];
	char serial[DEVICE_TEXT_MAX];
	char firmware[DEVICE_TEXT_MAX];
	char wwid[DEVICE_TEXT_MAX];
	char nguid[DEVICE_TEXT_MAX];
	char uuid[DEVICE_TEXT_MAX];
	char **stack;
};

/**
 * device_number() - a device number as the kernel's MKDEV() makes it
 * @major: 12 bits
 * @minor: 20 bits
 *
 * Programs and sysfs do not see this form: dev_t of <sys/types.h> is another.
 */
uint32_t device_number(unsigned int major, unsigned int minor);

/**
 * device_find() - look a device up
 * @what: a kernel name ("nvme0n1"), a path in /dev, or a link to one
 * @dev: filled; to be freed by device_free()
 *
 * Return: 0, -ENODEV if there is none, -ENOTBLK if @what is a path of
 *	something else, -ENOMEM, or an errno of stat(2).
 */
int device_find(const char *what, struct device *dev);

/**
 * device_find_disk() - look a whole disk up
 * @what: as for device_find()
 * @dev: filled; to be freed by device_free()
 *
 * Return: as device_find(), and -EISNAM if @what is a partition; @dev is
 *	filled then too, and @dev->disk is what was probably meant.
 */
int device_find_disk(const char *what, struct device *dev);

/**
 * device_free() - free what is in a device
 * @dev: filled by one of the functions above
 */
void device_free(struct device *dev);

/**
 * device_list() - all whole disks
 * @list: array, for device_list_free(); sorted by name, numbers as numbers
 * @nr: its length
 *
 * Return: 0 or a negative errno.
 */
int device_list(struct device **list, size_t *nr);

/**
 * device_list_free() - free a list
 * @list: from device_list()
 * @nr: its length
 */
void device_list_free(struct device *list, size_t nr);

/**
 * device_dir() - the folder of the whole disk in sysfs
 * @dev: the device
 * @path: filled with the real path
 * @size: of @path, PATH_MAX is enough
 *
 * Return: 0 or -ENODEV.
 */
int device_dir(const struct device *dev, char *path, size_t size);

/**
 * device_text() - an attribute of one line
 * @dir: a folder in sysfs
 * @file: in it
 * @buf: filled, without white space at the end; "" if there is none
 * @size: of @buf
 *
 * Return: is there one?
 */
bool device_text(const char *dir, const char *file, char *buf, size_t size);

/** device_is_here() - is this disk there, and no other with its number? */
bool device_is_here(uint32_t number, uint64_t diskseq);

/**
 * device_set_copy_max() - write queue/copy_max_bytes
 * @dev: a whole disk
 * @bytes: a multiple of its block size; the kernel takes what is above the
 *	limit of the hardware for that limit
 *
 * Return: 0, -ENODEV if the disk is gone or another one has its name, -ENOENT
 *	if the kernel has no such attribute, or another errno.
 */
int device_set_copy_max(const struct device *dev, uint64_t bytes);

/**
 * device_name() - kernel name of a device number
 * @dev: as in device_number()
 * @name: filled with the name, or with MAJOR:MINOR if the device is gone
 *
 * Return: @name.
 */
char *device_name(uint32_t dev, char name[DEVICE_NAME_MAX]);

#endif /* BPFCOPY_DEVICE_H */
