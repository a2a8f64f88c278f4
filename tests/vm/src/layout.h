/* SPDX-License-Identifier: GPL-2.0 */
/* Random layouts of a copy: what is read from where and written to where, in units. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "t.h"

/* Units that one copier may use, from the start of the device. */
struct area {
	u64 first;
	u64 nr;
};

enum layout_kind {
	LAYOUT_SHUFFLE, /* scattered to scattered, in no order */
	LAYOUT_GATHER,	/* scattered sources to one contiguous destination */
	LAYOUT_SCATTER, /* one contiguous source to scattered destinations */
	LAYOUT_TOUCH,  /* as shuffle, and no unit lies between any two ranges */
	LAYOUT_REPEAT, /* sources that overlap each other */
	LAYOUT_KINDS,
};

extern const char *const layout_names[LAYOUT_KINDS];

/**
 * struct layout - one request, in units
 * @kind:  how it was made
 * @nr:    ranges used
 * @range: array of the size that the caller allocated
 * @total: sum of the lengths
 */
struct layout {
	enum layout_kind kind;
	u32 nr;
	struct layout_range {
		u64 src;
		u64 dst;
		u64 len;
	} * range;
	u64 total;
};

/*
 * Fill @l with @nr ranges of @total units in all (1 <= @nr <= @total). @same: the areas
 * are one area, in which sources and destinations must not overlap; then it needs
 * 2 * @total units, else each area needs @total.
 */
void layout_make(struct layout *l, struct t_rng *rng, enum layout_kind kind,
		 u32 nr, u64 total, const struct area *src,
		 const struct area *dst, bool same);

#endif
