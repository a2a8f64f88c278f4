// SPDX-License-Identifier: GPL-2.0
/*
 * copy_mix DEVICE COUNT SEED [SAMPLES]
 *
 * What a policy that chooses by size makes of a mix of sizes. First SAMPLES copies
 * (5 if not given) of each size by each path, whoever decides; from those the
 * faster path for each size, as if somebody had known. Then COUNT copies of sizes
 * in random order, as the policy decides. One line per size, and the last one:
 *
 *	size=65536 offload=112000 emulate=98000 copies=10 offloaded=2 took=1010000
 *	total took=7730000 best=7600000 percent=101.7
 *
 * in nanoseconds, a copy or all of them. @best is what COUNT copies, each by the
 * better path of its size, would have taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "t.h"

#define SMALLEST 4096
#define NR_SIZES 10 /* to 2 MiB */
#define HALF	 (32ULL << 20)

struct size {
	u64 bytes;
	u64 ns[2]; /* offload, emulate: average of one copy */
	u64 copies;
	u64 offloaded;
	u64 took;
};

static struct size sizes[NR_SIZES];
static int fd;

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* Returns how long it took; @offloaded is set to how much the device did. */
static u64 copy(u64 bytes, u32 flags, u64 *offloaded)
{
	static u64 place;
	struct blk_copy_ioc_range r = { .len = bytes };
	struct blk_copy_args a = {
		.size = sizeof(a),
		.flags = flags,
		.src_fd = fd,
		.nr_ranges = 1,
		.ranges = (uintptr_t)&r,
	};
	u64 start;

	r.src = place % (HALF / bytes) * bytes;
	r.dst = HALF + r.src;
	place += 7;
	start = now_ns();
	if (t_copy(fd, &a))
		t_die("copy of %llu bytes: %s", bytes, t_errname(a.error));
	*offloaded = a.offloaded;
	return now_ns() - start;
}

static void sample(struct size *s, u64 samples)
{
	static const u32 flags[] = { BLK_COPY_OFFLOAD_ONLY,
				     BLK_COPY_EMULATE_ONLY };
	u64 offloaded;

	for (int path = 0; path < 2; path++) {
		u64 sum = 0;

		for (u64 i = 0; i < samples; i++)
			sum += copy(s->bytes, flags[path], &offloaded);
		s->ns[path] = sum / samples;
	}
}

static void mix(u64 count, u64 seed)
{
	for (u64 i = 0; i < count; i++) {
		struct size *s;
		u64 offloaded;

		/* Knuth's MMIX; its upper bits are the random ones. */
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		s = &sizes[(seed >> 33) % NR_SIZES];
		s->took += copy(s->bytes, 0, &offloaded);
		s->offloaded += !!offloaded;
		s->copies++;
	}
}

static void report(void)
{
	u64 took = 0, best = 0;

	for (int i = 0; i < NR_SIZES; i++) {
		struct size *s = &sizes[i];

		printf("size=%llu offload=%llu emulate=%llu copies=%llu offloaded=%llu took=%llu\n",
		       s->bytes, s->ns[0], s->ns[1], s->copies, s->offloaded,
		       s->took);
		took += s->took;
		best += s->copies * (s->ns[0] < s->ns[1] ? s->ns[0] : s->ns[1]);
	}
	printf("total took=%llu best=%llu percent=%.1f\n", took, best,
	       100.0 * (double)took / (double)best);
}

int main(int argc, char **argv)
{
	u64 samples = 5;

	if (argc < 4 || argc > 5)
		t_die("usage: copy_mix DEVICE COUNT SEED [SAMPLES]");
	if (argc == 5)
		samples = t_number(argv[4], "SAMPLES");
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		t_die("%s: %s", argv[1], strerror(errno));
	for (int i = 0; i < NR_SIZES; i++) {
		sizes[i].bytes = SMALLEST << i;
		sample(&sizes[i], samples);
	}
	mix(t_number(argv[2], "COUNT"), t_number(argv[3], "SEED"));
	report();
	return 0;
}
