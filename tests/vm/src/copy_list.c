// SPDX-License-Identifier: GPL-2.0
/*
 * copy_list DEVICE COUNT SEED
 *
 * A mix of COUNT copies from the first half of DEVICE to the second: 4 to 256 KiB, one to four
 * ranges, offloaded, emulated or as the kernel likes; the same seed makes the same mix. A line for
 * each, in order, with what the kernel said of it:
 *
 *	bytes=65536 offloaded=65536 emulated=0 error=0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t.h"

#define BLOCK	   4096
#define MAX_BLOCKS 16 /* of a range */
#define MAX_RANGES 4

static void make(struct blk_copy_args *a, struct t_rng *rng, u64 half)
{
	static const u32 flags[] = { 0, 0, BLK_COPY_OFFLOAD_ONLY,
				     BLK_COPY_EMULATE_ONLY };
	struct blk_copy_ioc_range *r = (void *)(uintptr_t)a->ranges;
	u64 room = half / MAX_RANGES / BLOCK;

	a->nr_ranges = 1 + t_below(rng, MAX_RANGES);
	a->flags = flags[t_below(rng, ARRAY_SIZE(flags))];
	for (u32 i = 0; i < a->nr_ranges; i++) {
		u64 at = i * room + t_below(rng, room - MAX_BLOCKS);

		r[i].src = at * BLOCK;
		r[i].dst = half + at * BLOCK;
		r[i].len = (1 + t_below(rng, MAX_BLOCKS)) * BLOCK;
	}
}

static u64 bytes_of(const struct blk_copy_args *a)
{
	const struct blk_copy_ioc_range *r = (void *)(uintptr_t)a->ranges;
	u64 bytes = 0;

	for (u32 i = 0; i < a->nr_ranges; i++)
		bytes += r[i].len;
	return bytes;
}

int main(int argc, char **argv)
{
	struct blk_copy_ioc_range ranges[MAX_RANGES];
	struct t_rng rng;
	struct t_dev dev;
	u64 count;

	if (argc != 4)
		t_die("usage: copy_list DEVICE COUNT SEED");
	t_dev_open(&dev, argv[1]);
	count = t_number(argv[2], "COUNT");
	rng.state = t_number(argv[3], "SEED");
	while (count--) {
		struct blk_copy_args a = { .size = sizeof(a),
					   .src_fd = dev.fd,
					   .ranges = (uintptr_t)ranges };

		memset(ranges, 0, sizeof(ranges));
		make(&a, &rng, dev.bytes / 2);
		t_copy(dev.fd, &a);
		printf("bytes=%llu offloaded=%llu emulated=%llu error=%s\n",
		       bytes_of(&a), a.offloaded, a.emulated,
		       t_errname(a.error));
	}
	return 0;
}
