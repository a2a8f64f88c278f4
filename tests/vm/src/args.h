/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of ioctl_args share: a stamped device, requests, expectations. */
#ifndef ARGS_H
#define ARGS_H

#include "stamp.h"

#define ARGS_WINDOW 256 /* units compared after each case, in three places */
#define ARGS_RANGES 4	/* most ranges of a struct request */

/**
 * struct args - the device under test
 * @dev:   destination, and source unless a case says otherwise
 * @s:     what should be on it
 * @unit:  bytes of a unit: the logical block
 * @mid:   a unit in the middle, where most cases write
 * @generation: of the last stamps written
 */
struct args {
	struct t_dev dev;
	struct stamped s;
	u32 unit;
	u64 mid;
	u32 generation;
};

struct request {
	struct blk_copy_args a;
	struct blk_copy_ioc_range r[ARGS_RANGES];
};

/*
 * Make @q a request that would succeed: @nr ranges of 4 units, from the start of the
 * device to its middle.
 */
void request_init(const struct args *t, struct request *q, u32 nr);

/*
 * Issue @q on @fd and report @name: it must return @err (a positive errno, or 0), the out
 * members must say so, the in members must be as they were, and on the device must be
 * what the model has, in which a request that succeeds is carried out.
 */
void request_expect(struct args *t, const char *name, struct request *q, int fd,
		    int err);

/* The same for arguments at an address that need not be good: no out members. */
void raw_expect(struct args *t, const char *name, void *arg, int fd, int err);

/* Units that are not as the model has them, in the three windows. */
u64 args_damage(struct args *t);

/* Report @name: ok if @good, and if the device is as the model has it. */
void args_report(struct args *t, const char *name, bool good, const char *why);

/* The groups of cases. */
void test_memory(struct args *t);
void test_header(struct args *t);
void test_ranges(struct args *t);
void test_many_ranges(struct args *t);
void test_files(struct args *t);
void test_cross(struct args *t, const char *src);
void test_cache(struct args *t);
void test_race(struct args *t);
/* Those of copy_file_range(), which has other arguments. */
void test_cfr(struct args *t, const char *src);

#endif
