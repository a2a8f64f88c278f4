/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rules of the configuration know a device by: from sysfs, and from
 * the by-id links that udev made.  sysfs has all that libnvme would tell; a
 * multipath namespace takes transport and driver from its first path.
 *
 * $BPFCOPY_BY_ID is used instead of /dev/disk/by-id, for tests.
 */
#ifndef BPFCOPY_IDENTITY_H
#define BPFCOPY_IDENTITY_H

#include "conf.h"
#include "device.h"

/**
 * identity_read() - who is it?
 * @dev: from device_find() or device_list(); of a partition, its disk counts
 * @id: filled on success; for conf_identity_free()
 *
 * Return: 0, -ENODEV if it is gone, or -ENOMEM.
 */
int identity_read(const struct device *dev, struct conf_identity *id);

/**
 * identity_name() - a name that stays with a device
 * @dev: from device_find() or device_list()
 * @name: filled with the name that udev gives it in /dev/disk/by-id, whether or
 *	not there is a udev; "" if it has none
 * @size: of @name
 *
 * NVMe namespaces and device mapper have one of their own, others the first of
 * their links.
 *
 * Return: @name.
 */
char *identity_name(const struct device *dev, char *name, size_t size);

#endif /* BPFCOPY_IDENTITY_H */
