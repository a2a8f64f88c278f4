/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bpfcopy did to the disks of this machine, and what was there before.
 *
 * The file is for as long as the machine is up, like the things it is about:
 * pins in bpffs, values in sysfs and the sequence numbers of disks.
 *
 *	/run/bpfcopy/state.json		replaced as a whole, or not at all
 *	/run/bpfcopy/lock		who changes disks by rules holds it
 */
#ifndef BPFCOPY_STATE_H
#define BPFCOPY_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "device.h"
#include "policy.h"

#define STATE_DIR "/run/bpfcopy"

/**
 * struct state_disk - one disk that rules are about, or were
 * @name: kernel name
 * @dev: device number
 * @diskseq: its sequence number; another one is another disk
 * @original: queue/copy_max_bytes before the first write of it, bytes;
 *	ROWS_NONE if it was never written
 * @unlimited: @original was all that the device can, so that going back to it
 *	follows the device when that gains a larger limit
 * @policy: what was attached, as "NAME KEY=VALUE..."; NULL for nothing.  It is
 *	noted before it is done.
 * @sha256: of its object
 * @map_id: the struct_ops map of that policy; 0 if it is not known that it got
 *	so far
 * @by_hand: while @map_id is 0: the map of what was attached before and not by
 *	rules; 0 for none
 */
struct state_disk {
	char name[DEVICE_NAME_MAX];
	uint32_t dev;
	uint64_t diskseq;
	uint64_t original;
	bool unlimited;
	char *policy;
	char sha256[POLICY_SHA256_MAX];
	uint32_t map_id;
	uint32_t by_hand;
};

/** struct state - all of them; zeroed is empty */
struct state {
	struct state_disk *disks;
	size_t nr;
};

/**
 * state_lock() - wait for the right to change disks by rules
 * @dir: STATE_DIR; made if it is not there
 * @seconds: how long
 * @holder: set to the process that has it, for -ETIMEDOUT; 0 if it did not say
 *
 * Return: a descriptor that holds it until it is closed, -ETIMEDOUT, or another
 * errno.
 */
int state_lock(const char *dir, unsigned int seconds, pid_t *holder);

/**
 * state_load() - read the file
 * @dir: STATE_DIR
 * @state: filled, for state_free(); empty if there is no file
 *
 * Return: 0, -EBADMSG if the file is not one of ours, or another errno.
 */
int state_load(const char *dir, struct state *state);

/**
 * state_save() - write the file, whole or not at all
 * @dir: STATE_DIR
 * @state: what to write
 *
 * Return: 0 or a negative errno; then the old file is untouched.
 */
int state_save(const char *dir, const struct state *state);

/**
 * state_find() - what is known about a disk
 *
 * Return: belongs to @state until the next state_add(); NULL if nothing is.
 */
struct state_disk *state_find(const struct state *state, uint32_t dev,
			      uint64_t diskseq);

/**
 * state_add() - what is known about a disk, nothing if it is new
 *
 * Return: as state_find(), or NULL without memory.
 */
struct state_disk *state_add(struct state *state, const char *name,
			     uint32_t dev, uint64_t diskseq);

/** state_prune() - forget disks about which there is nothing to remember */
void state_prune(struct state *state);

/** state_copy() - @to: empty.  Return: 0 or -ENOMEM. */
int state_copy(const struct state *from, struct state *to);

void state_free(struct state *state);

#endif /* BPFCOPY_STATE_H */
