/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which policies are attached, and what is pinned for them: asked of the kernel without the code
 * that is tested, and in a few milliseconds, where a command takes a good part of a second.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "t.h"

#define SLOTS_PINS "/sys/fs/bpf/bpfcopy"
#define SLOTS_MAX  64

/**
 * struct slot - a policy that is attached
 * @dev:    of its disk, as major << 20 | minor
 * @policy: its name
 * @map_id: its struct_ops map
 * @prog_id: the program that decides
 */
struct slot {
	u32 dev;
	char policy[16];
	u32 map_id;
	u32 prog_id;
};

/* Look what the kernel's types are like; ends the program if there are no policies. */
void slots_init(void);

/* All of them.  Return: how many. */
size_t slots_list(struct slot slots[SLOTS_MAX]);

/* That of a disk; NULL if it has none. */
const struct slot *slots_find(const struct slot *slots, size_t nr, u32 dev);

/* The number of a disk in @slot->dev's form; 0 if there is no such disk. */
u32 slots_dev(const char *disk);

/*
 * Are the pins those of these policies and no others: of each its link and the counters that its
 * program counts with?
 *
 * Return: NULL, or what is wrong, in static storage.
 */
const char *slots_check_pins(const struct slot *slots, size_t nr);

#endif
