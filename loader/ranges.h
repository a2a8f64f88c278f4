/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `bpfcopy copy' is asked to copy: ranges in bytes, as the user gives
 * them, checked as a whole before the first is copied, and cut into steps of
 * a bounded size.
 */
#ifndef BPFCOPY_RANGES_H
#define BPFCOPY_RANGES_H

#include <linux/blk-copy.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RANGES_ERROR_MAX 256

/**
 * struct range - one contiguous part
 * @src: first byte to read
 * @dst: first byte to write
 * @len: bytes
 * @line: of the file it came from; 0 if it is from the command line
 */
struct range {
	uint64_t src;
	uint64_t dst;
	uint64_t len;
	unsigned int line;
};

/** struct ranges - a list of them; all zero is empty */
struct ranges {
	struct range *v;
	size_t nr;
	size_t room;
	const char *file; /* where they came from, NULL: command line */
};

/**
 * ranges_add() - append a range
 * @ranges: the list
 * @range: copied
 *
 * Return: 0 or -ENOMEM.
 */
int ranges_add(struct ranges *ranges, const struct range *range);

/**
 * ranges_free() - free what is in a list
 * @ranges: the list
 */
void ranges_free(struct ranges *ranges);

/**
 * ranges_bytes() - sum of all lengths
 * @ranges: checked by ranges_check(), so that it cannot overflow
 */
uint64_t ranges_bytes(const struct ranges *ranges);

/**
 * ranges_read() - read a list, one range a line
 * @ranges: appended to
 * @in: open file
 * @name: of @in, for messages; must outlive @ranges
 * @error: RANGES_ERROR_MAX bytes, set to "NAME:LINE:COLUMN: what" on -EINVAL
 *
 * A line is `SRC DST LENGTH' with units; `#' starts a comment.
 *
 * Return: 0, -EINVAL, -ENOMEM, or an errno of reading.
 */
int ranges_read(struct ranges *ranges, FILE *in, const char *name, char *error);

/**
 * struct ranges_limits - what ranges have to fit into
 * @block_bytes: everything must be a multiple of it
 * @src_bytes: size of the source device
 * @dst_bytes: size of the destination device
 * @same_disk: both are on one disk, so overlaps count
 * @src_start: where the source starts on that disk
 * @dst_start: where the destination starts on it
 */
struct ranges_limits {
	uint64_t block_bytes;
	uint64_t src_bytes;
	uint64_t dst_bytes;
	bool same_disk;
	uint64_t src_start;
	uint64_t dst_start;
};

/**
 * ranges_check() - refuse what the kernel would refuse, and more
 * @ranges: the list
 * @limits: of the devices
 * @error: RANGES_ERROR_MAX bytes, set on -EINVAL
 *
 * The kernel sees one step at a time; that no destination overlaps a source
 * or another destination of any other step can only be checked here.
 *
 * Return: 0, -EINVAL, or -ENOMEM.
 */
int ranges_check(const struct ranges *ranges,
		 const struct ranges_limits *limits, char *error);

/** struct ranges_pos - how far steps have come; all zero is the start */
struct ranges_pos {
	size_t index;
	uint64_t offset; /* into range @index */
};

/**
 * ranges_step() - cut the next step
 * @ranges: the list
 * @pos: where to start, moved past the step
 * @max_bytes: of the step; not 0
 * @out: filled
 * @max_out: room in @out
 *
 * Return: number of entries in @out, 0 at the end.
 */
size_t ranges_step(const struct ranges *ranges, struct ranges_pos *pos,
		   uint64_t max_bytes, struct blk_copy_ioc_range *out,
		   size_t max_out);

#endif /* BPFCOPY_RANGES_H */
