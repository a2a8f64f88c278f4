/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stamped devices: every unit (a logical block, or several) holds a stamp that says who
 * wrote it, when and where, and bytes that follow from the stamp. The expected stamp of
 * every unit is kept in memory, so any change of any byte of a device is found.
 */
#ifndef STAMP_H
#define STAMP_H

#include "t.h"

#define STAMP_MAGIC 0x31706d6174737043ull

/* What a unit begins with; the rest is a sequence that starts at @hash. */
struct stamp {
	u64 magic;
	u32 generation;
	u32 writer;
	u64 lba; /* of the unit that was written, not of the one it is found in */
	u64 hash; /* of the members above and of the seed */
};

/* A stamp in the model: writer 8 bits, generation 16, unit number 40. */
typedef u64 stamp_id;

/**
 * struct stamped - a device and what should be on it
 * @dev:    the device, borrowed
 * @unit:   bytes of a unit, a multiple of 512 and of the logical block size
 * @nr:     units
 * @seed:   tells this run's stamps from those of an earlier one
 * @ids:    the model: expected stamp of every unit
 */
struct stamped {
	const struct t_dev *dev;
	u32 unit;
	u64 nr;
	u64 seed;
	stamp_id *ids;
};

void stamped_init(struct stamped *s, const struct t_dev *dev, u32 unit,
		  u64 seed);
void stamped_exit(struct stamped *s);

stamp_id stamp_make_id(u32 writer, u32 generation, u64 lba);

/* The bytes of one unit that holds @id. */
void stamp_fill(const struct stamped *s, stamp_id id, void *buf);

/* Which stamp's bytes the unit at @buf has, all of them; false if it is no stamp's. */
bool stamp_read(const struct stamped *s, const void *buf, stamp_id *id);

/* The model of units [first, first + nr) becomes fresh stamps; nothing is written. */
void stamped_note(struct stamped *s, u64 first, u64 nr, u32 writer,
		  u32 generation);
/* Bytes of units [first, first + nr) as the model has them, into @buf. */
void stamped_render(const struct stamped *s, u64 first, u64 nr, void *buf);
/* stamped_note() and write them, O_DIRECT. Ends the program if that fails. */
void stamped_write(struct stamped *s, u64 first, u64 nr, u32 writer,
		   u32 generation);

/* Carry out a copy in the model. */
void stamped_copy(struct stamped *dst, u64 to, const struct stamped *src,
		  u64 from, u64 nr);

/*
 * Compare units [first, first + nr), cut at the ends of the device, with the model.
 * Returns how many differ, and describes the first ones as notes that begin with @what.
 */
u64 stamped_verify(const struct stamped *s, u64 first, u64 nr,
		   const char *what);

/*
 * The same, but a unit may also hold the stamp that @other has for it: used after an
 * error, when a block may be old or copied.
 */
u64 stamped_verify_either(const struct stamped *s, const stamp_id *other,
			  u64 first, u64 nr, const char *what);

#endif
