// SPDX-License-Identifier: GPL-2.0
/*
 * copy_readers: who reads through the page cache while copies change what is there.
 *
 * One thread reads, another one looks at a mapping, both without a pause, while one place is
 * copied to time after time, each time something else. As soon as a copy has returned, all of
 * them must see it, and never again what was there before.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "options.h"
#include "stamp.h"

#define NR_SOURCES 4
#define COPY_BYTES (256 << 10)
#define EDGE	   4096 /* before and behind the destination; it stays as it is */
#define SEEN_BYTES (EDGE + COPY_BYTES + EDGE)

static struct {
	const char *dev;
	const char *mode;
	u64 rounds;
	u64 seed;
} opt = { .mode = "auto", .rounds = 100, .seed = 1 };

static struct t_dev dev;
static struct stamped s;
static u64 seen_at; /* where SEEN_BYTES begin on the device, a page */
/* What they are after a copy of this source. */
static char *want[NR_SOURCES];

/* Odd while a copy runs; a half of it is the number of the copies that have returned. */
static atomic_ullong turn;
static atomic_bool stop;

struct reader {
	pthread_t thread;
	const char *name;
	bool mapped;
	u64 looks;  /* that met a copy */
	u64 checks; /* that met none */
	u64 wrong;
};

static u64 source_of(u64 round)
{
	return round % NR_SOURCES;
}

/* In the middle of a page, if a block is less than that. */
static u64 destination(void)
{
	return seen_at + EDGE / 2 / s.unit * s.unit;
}

static int open_cached(void)
{
	int fd = open(opt.dev, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		t_die("%s: cannot open: %s", opt.dev, strerror(errno));
	return fd;
}

static const char *map_cached(int fd)
{
	const char *map =
		mmap(NULL, SEEN_BYTES, PROT_READ, MAP_SHARED, fd, seen_at);

	if (map == MAP_FAILED)
		t_die("%s: mmap: %s", opt.dev, strerror(errno));
	return map;
}

static void read_cached(int fd, char *buf, u64 offset, u64 bytes)
{
	if (pread(fd, buf, bytes, seen_at + offset) != (ssize_t)bytes)
		t_die("%s: buffered read: %s", opt.dev, strerror(errno));
}

/* What is seen while no copy runs is what the last one has left there. */
static void look(struct reader *r, int fd, const char *map, char *buf,
		 u64 offset, u64 bytes)
{
	u64 before = turn;
	const char *got = map ? map + offset : buf;
	bool same;

	if (!map)
		read_cached(fd, buf, offset, bytes);
	same = !memcmp(got, want[source_of(before / 2)] + offset, bytes);
	atomic_thread_fence(memory_order_acquire);
	if (before & 1 || turn != before) {
		r->looks++;
		return;
	}
	r->checks++;
	r->wrong += !same;
}

static void *reader(void *arg)
{
	struct reader *r = arg;
	struct t_rng rng = { opt.seed + r->mapped };
	int fd = open_cached();
	const char *map = r->mapped ? map_cached(fd) : NULL;
	char *buf = t_alloc(SEEN_BYTES);

	while (!stop) {
		u64 offset = t_below(&rng, SEEN_BYTES - 1);
		u64 bytes = t_log_below(&rng, SEEN_BYTES - offset);

		look(r, fd, map, buf, offset, bytes);
	}
	if (map)
		munmap((void *)map, SEEN_BYTES);
	close(fd);
	free(buf);
	return NULL;
}

static int copy(u64 round)
{
	struct blk_copy_ioc_range range = {
		.src = source_of(round) * COPY_BYTES,
		.dst = destination(),
		.len = COPY_BYTES,
	};
	struct blk_copy_args args = {
		.size = sizeof(args),
		.flags = t_mode_flags(opt.mode),
		.src_fd = dev.fd,
		.nr_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return t_copy(dev.fd, &args);
}

/* The place on the device and in the model, after a copy of each source. */
static void prepare(void)
{
	u64 k, nr = COPY_BYTES / s.unit;

	seen_at = dev.bytes / 2 & ~(u64)(EDGE - 1);
	if (NR_SOURCES * COPY_BYTES > seen_at ||
	    seen_at + SEEN_BYTES > dev.bytes)
		t_die("%s: too small", opt.dev);
	stamped_write(&s, 0, s.nr, 1, 1);
	for (k = NR_SOURCES; k--;) {
		stamped_copy(&s, destination() / s.unit, &s, k * nr, nr);
		want[k] = t_alloc(SEEN_BYTES);
		stamped_render(&s, seen_at / s.unit, SEEN_BYTES / s.unit,
			       want[k]);
	}
	/* Now the model has source 0 there, and the device gets it. */
	if (copy(0))
		t_die("%s: the first copy fails", opt.dev);
}

/* Returns what went wrong, or NULL. */
static const char *copy_often(void)
{
	int fd = open_cached(), ret;
	const char *map = map_cached(fd), *why = NULL;
	char *buf = t_alloc(SEEN_BYTES);

	for (u64 i = 1; i <= opt.rounds && !why; i++) {
		turn++;
		ret = copy(i);
		turn++;
		read_cached(fd, buf, 0, SEEN_BYTES);
		if (ret)
			why = t_errname(ret);
		else if (memcmp(buf, want[source_of(i)], SEEN_BYTES))
			why = "who copied reads something else";
		else if (memcmp(map, want[source_of(i)], SEEN_BYTES))
			why = "who copied has something else in a mapping";
		if (why)
			t_note("in round %llu", i);
	}
	stamped_copy(&s, destination() / s.unit, &s,
		     source_of(opt.rounds) * COPY_BYTES / s.unit,
		     COPY_BYTES / s.unit);
	if (!why && stamped_verify(&s, 0, s.nr, "in the end"))
		why = "the device does not have it";
	munmap((void *)map, SEEN_BYTES);
	close(fd);
	free(buf);
	return why;
}

static void report(const struct reader *r)
{
	t_note("%s: %llu looks while copies ran, %llu when none did", r->name,
	       r->looks, r->checks);
	if (r->wrong)
		t_not_ok(r->name, "%llu times it did not", r->wrong);
	else if (!r->looks || !r->checks)
		t_not_ok(r->name, "there was no race");
	else
		t_ok(r->name);
}

static void race(void)
{
	const char *name = "readers in a race: who copied sees it at once";
	struct reader readers[] = {
		{ .name = "readers in a race: who reads sees it" },
		{ .name = "readers in a race: a mapping shows it",
		  .mapped = true },
	};
	const char *why;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(readers); i++)
		if (pthread_create(&readers[i].thread, NULL, reader,
				   &readers[i]))
			t_die("cannot start a thread");
	why = copy_often();
	stop = true;
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		pthread_join(readers[i].thread, NULL);
	t_note("%llu rounds of %u bytes", opt.rounds, COPY_BYTES);
	if (why)
		t_not_ok(name, "seed %llu: %s", opt.seed, why);
	else
		t_ok(name);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		report(&readers[i]);
}

int main(int argc, char **argv)
{
	static const char usage[] =
		"usage: copy_readers --dev DEV [--mode auto|offload|emulate] [--rounds N] [--seed N]";
	static const struct t_option options[] = {
		{ "--dev", .text = &opt.dev },
		{ "--mode", .text = &opt.mode },
		{ "--rounds", .number = &opt.rounds },
		{ "--seed", .number = &opt.seed },
		{},
	};

	t_options(argc, argv, options, usage);
	if (!opt.dev || t_mode_flags(opt.mode) < 0)
		t_die("%s", usage);
	t_dev_open(&dev, opt.dev);
	stamped_init(&s, &dev, dev.lbs, opt.seed);
	prepare();
	race();
	return t_exit();
}
