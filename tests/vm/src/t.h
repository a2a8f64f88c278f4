/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs share: result lines, devices, random numbers, BLKCOPY.
 */
#ifndef T_H
#define T_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <linux/blk-copy.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef long long s64;

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define T_PRINTF(f, a) __attribute__((format(printf, f, a)))

/*
 * Result lines: "ok NAME", "not ok NAME" followed by "# why", "skip NAME # why".
 * One line is one write, so threads and children do not mix theirs.
 */
void t_ok(const char *name);
void t_not_ok(const char *name, const char *fmt, ...) T_PRINTF(2, 3);
void t_skip(const char *name, const char *why);
/* "# text" on standard output: belongs to the result line above it. */
void t_note(const char *fmt, ...) T_PRINTF(1, 2);
/* Exit status of the program: 0 if there were results and none was "not ok". */
int t_exit(void);

/* The test cannot be carried out: say so on standard error, exit with 2. */
void t_die(const char *fmt, ...) T_PRINTF(1, 2) __attribute__((noreturn));

/* splitmix64: small, seedable, good enough to choose layouts. */
struct t_rng {
	u64 state;
};

u64 t_mix(u64 x);
u64 t_rand(struct t_rng *rng);
/* A number in [0, n); n is not 0. */
u64 t_below(struct t_rng *rng, u64 n);
/* A number in [1, n] whose logarithm is evenly spread, often next to a power of 2. */
u64 t_log_below(struct t_rng *rng, u64 n);

u64 t_now_ns(void);

/* Page-aligned memory that O_DIRECT takes; release with free(). Never NULL. */
void *t_alloc(size_t bytes);

/**
 * struct t_dev - an open block device
 * @path:  as given, borrowed
 * @fd:    with O_DIRECT
 * @bytes: size
 * @lbs:   bytes of a logical block
 */
struct t_dev {
	const char *path;
	int fd;
	u64 bytes;
	u32 lbs;
};

/* Open @path O_RDWR | O_DIRECT | O_CLOEXEC, or end the program. */
void t_dev_open(struct t_dev *dev, const char *path);

/* How t_copy() gets into the kernel: the environment variable T_CALL says so. */
enum t_call { T_IOCTL, T_URING, T_CFR };
enum t_call t_call(void);

/* Copy and wait: 0 or a negative errno. */
int t_copy(int dst_fd, struct blk_copy_args *args);

/* What t_poison() leaves in error and error_range: no errno, no index of a range. */
#define T_POISON 12345

/* Give the out members of @args and of @nr ranges values that no call leaves in them. */
void t_poison(struct blk_copy_args *args, struct blk_copy_ioc_range *range,
	      u32 nr);

/**
 * t_result() - do the out members say what the uapi header promises?
 * @args:  of a call that could write them, and whose ranges are good
 * @range: its ranges
 * @ret:   what t_copy() returned
 *
 * All ranges are copied if and only if @ret is 0; otherwise the first @args->copied bytes
 * of them, ranges taken in order, and error_range is where that ends.
 *
 * Return: NULL, or what is wrong with them.
 */
const char *t_result(const struct blk_copy_args *args,
		     const struct blk_copy_ioc_range *range, int ret);

/* "EINVAL" for 22 and -22, "0" for 0. */
const char *t_errname(int err);

/*
 * Bytes from text that ends in B, KiB, MiB or GiB, or has no suffix; ends the program,
 * naming @what, if it is nothing of the kind.
 */
u64 t_bytes(const char *text, const char *what);
/* A decimal or 0x number, same. */
u64 t_number(const char *text, const char *what);

/* 0, BLK_COPY_OFFLOAD_ONLY or BLK_COPY_EMULATE_ONLY for auto, offload, emulate; -1. */
int t_mode_flags(const char *mode);

#endif
