/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a policy goes: --dev, --global.
 */
#ifndef BPFCOPY_TARGET_H
#define BPFCOPY_TARGET_H

#include "device.h"
#include "options.h"

/**
 * struct target - one slot for a policy
 * @dev: device number, POLICY_DEV_GLOBAL for the global slot
 * @diskseq: of the disk; 0 if not known
 * @name: for people and rows: "nvme0n1", "global", or "259:3" for a disk that
 *	is gone
 */
struct target {
	uint32_t dev;
	uint64_t diskseq;
	char name[DEVICE_NAME_MAX];
};

/**
 * target_check() - exactly one of --dev, --all and --global must be there
 * @verb: for the message
 * @opts: the options
 *
 * Return: EXIT_OK or EXIT_USAGE.
 */
int target_check(const struct verb *verb, const struct options *opts);

/**
 * target_get() - the slot that --dev or --global mean
 * @verb: for the message
 * @opts: the options, without --all
 * @gone: accept MAJOR:MINOR of a disk that is not there any more
 * @target: filled
 *
 * Return: EXIT_OK, or another exit status after a message.
 */
int target_get(const struct verb *verb, const struct options *opts, bool gone,
	       struct target *target);

/**
 * target_of_disk() - the slot of a disk
 * @disk: the disk
 * @target: filled
 */
void target_of_disk(const struct device *disk, struct target *target);

/**
 * target_of_number() - the slot with a device number
 * @dev: device number, or POLICY_DEV_GLOBAL
 * @target: filled
 */
void target_of_number(uint32_t dev, struct target *target);

#endif /* BPFCOPY_TARGET_H */
