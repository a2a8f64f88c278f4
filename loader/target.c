// SPDX-License-Identifier: GPL-2.0
#include "target.h"

#include <errno.h>
#include <stdio.h>

#include "exit.h"
#include "policy.h"
#include "rows.h"

int target_check(const struct verb *verb, const struct options *opts)
{
	int given = !!opts->dev + opts->all + opts->global;

	if (given == 1)
		return EXIT_OK;
	if (given)
		return options_usage(verb, "--dev, --all and --global exclude "
					   "each other");
	return options_usage(verb, "where? want --dev=DEV for one disk, --all "
				   "for every disk, or --global");
}

void target_of_disk(const struct device *disk, struct target *target)
{
	target->dev = disk->dev;
	target->diskseq = disk->diskseq == ROWS_NONE ? 0 : disk->diskseq;
	snprintf(target->name, sizeof(target->name), "%s", disk->name);
}

void target_of_number(uint32_t dev, struct target *target)
{
	target->dev = dev;
	target->diskseq = 0;
	if (dev == POLICY_DEV_GLOBAL)
		snprintf(target->name, sizeof(target->name), "global");
	else
		device_name(dev, target->name);
}

/* "259:3", as status shows a disk that was removed. */
static bool parse_number(const char *text, uint32_t *dev)
{
	unsigned int major, minor;
	char end;

	if (sscanf(text, "%u:%u%c", &major, &minor, &end) != 2)
		return false;
	*dev = device_number(major, minor);
	return true;
}

int target_get(const struct verb *verb, const struct options *opts, bool gone,
	       struct target *target)
{
	struct device disk;
	uint32_t dev;
	int err;

	if (opts->global) {
		target_of_number(POLICY_DEV_GLOBAL, target);
		return EXIT_OK;
	}
	err = device_find_disk(opts->dev, &disk);
	if (err == -ENODEV && gone && parse_number(opts->dev, &dev)) {
		target_of_number(dev, target);
		return EXIT_OK;
	}
	if (err && err != -EISNAM)
		return exit_error(IN_DEVICE, err, "%s", opts->dev);
	target_of_disk(&disk, target);
	if (err)
		err = options_usage(verb,
				    "%s is a partition, and a policy belongs "
				    "to a whole disk: want --dev=%s",
				    disk.name, disk.disk);
	device_free(&disk);
	return err;
}
