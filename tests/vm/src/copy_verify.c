// SPDX-License-Identifier: GPL-2.0
/*
 * copy_verify: random copies on stamped devices, every byte checked.
 *
 * The devices are overwritten. Each copier has an area of its own in which it makes
 * random copies with BLKCOPY, and compares after each the destination and what is around
 * it; writers write elsewhere meanwhile. In the end every byte of both devices is
 * compared. The same seed makes the same requests.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>

#include "layout.h"
#include "options.h"
#include "stamp.h"

#define NEIGHBOURS  8 /* units compared on either side of a destination */
#define MAX_THREADS 32

/* Mode "mixed" asks for any of the three, at random. */
#define MIXED (1u << 31)

static struct {
	const char *src;
	const char *dst;
	const char *mode;
	const char *expect;
	u64 seed;
	u64 iterations;
	u64 max_bytes;
	u64 max_ranges;
	u64 copiers;
	u64 writers;
	u32 flags;
} opt = {
	.mode = "auto",
	.expect = "any",
	.iterations = 100,
	.max_bytes = 1 << 20,
	.max_ranges = 256,
	.copiers = 1,
};

static struct t_dev src_dev, dst_dev;
static struct stamped src, dst_other;
static struct stamped *dst = &dst_other;
static bool same; /* source and destination are one device */

static _Atomic u64 copies, ranges, copied, offloaded, emulated, writes;
static atomic_bool stop;
static atomic_uint failures;

struct worker {
	pthread_t thread;
	u32 index;
	struct area from; /* on the source */
	struct area to;	  /* on the destination */
	struct t_rng rng;
	struct layout layout;
	struct blk_copy_ioc_range *range;
	u64 iteration;
};

static void fail(const struct worker *w, const char *why)
{
	const struct layout *l = &w->layout;

	failures++;
	stop = true;
	t_note("copier %u iteration %llu: %s; %s of %u ranges, %llu units of %u, first %llu -> %llu + %llu",
	       w->index, w->iteration, why, layout_names[l->kind], l->nr,
	       l->total, src.unit, l->range[0].src, l->range[0].dst,
	       l->range[0].len);
}

/* The first iterations go to the corners, the others anywhere. */
static void choose(struct worker *w)
{
	u64 most = opt.max_bytes / src.unit, total, nr;

	if (most > w->to.nr / (same ? 2 : 1))
		most = w->to.nr / (same ? 2 : 1);
	if (most > w->from.nr)
		most = w->from.nr;
	total = t_log_below(&w->rng, most);
	if (w->iteration == 0)
		total = 1;
	if (w->iteration == 1 || w->iteration == 2)
		total = most;
	nr = t_log_below(&w->rng,
			 total < opt.max_ranges ? total : opt.max_ranges);
	if (w->iteration == 1)
		nr = 1;
	if (w->iteration == 2)
		nr = total < opt.max_ranges ? total : opt.max_ranges;
	layout_make(&w->layout, &w->rng, t_below(&w->rng, LAYOUT_KINDS), nr,
		    total, &w->from, &w->to, same);
}

static u32 choose_flags(struct worker *w)
{
	static const u32 all[] = { 0, BLK_COPY_OFFLOAD_ONLY,
				   BLK_COPY_EMULATE_ONLY };

	return opt.flags == MIXED ? all[t_below(&w->rng, ARRAY_SIZE(all))] :
				    opt.flags;
}

/* What BLKCOPY promises of the out members of a copy that succeeded. */
static const char *check_result(const struct worker *w,
				const struct blk_copy_args *a, u32 flags)
{
	const struct layout *l = &w->layout;
	u64 bytes = l->total * src.unit;
	const char *why = t_result(a, w->range, 0);

	if (why)
		return why;
	if ((flags & BLK_COPY_OFFLOAD_ONLY || !strcmp(opt.expect, "offload")) &&
	    !(flags & BLK_COPY_EMULATE_ONLY) && a->offloaded != bytes)
		return "not everything was offloaded";
	if ((flags & BLK_COPY_EMULATE_ONLY || !strcmp(opt.expect, "emulate")) &&
	    a->emulated != bytes)
		return "not everything was emulated";
	return NULL;
}

static bool issue(struct worker *w)
{
	struct layout *l = &w->layout;
	struct blk_copy_args a = {
		.size = sizeof(a),
		.flags = choose_flags(w),
		.src_fd = src_dev.fd,
		.nr_ranges = l->nr,
		.ranges = (uintptr_t)w->range,
	};
	u32 flags = a.flags;
	const char *why;
	int ret;

	for (u32 i = 0; i < l->nr; i++)
		w->range[i] = (struct blk_copy_ioc_range){
			.src = l->range[i].src * src.unit,
			.dst = l->range[i].dst * src.unit,
			.len = l->range[i].len * src.unit,
		};
	t_poison(&a, w->range, l->nr);
	ret = t_copy(dst_dev.fd, &a);
	if (ret) {
		fail(w, t_errname(ret));
		return false;
	}
	why = check_result(w, &a, flags);
	if (why) {
		t_note("copied %llu offloaded %llu emulated %llu error %d error_range %u",
		       (u64)a.copied, (u64)a.offloaded, (u64)a.emulated,
		       a.error, a.error_range);
		fail(w, why);
		return false;
	}
	copies++;
	ranges += l->nr;
	copied += a.copied;
	offloaded += a.offloaded;
	emulated += a.emulated;
	return true;
}

static bool compare(struct worker *w)
{
	struct layout *l = &w->layout;
	u64 bad = 0;

	for (u32 i = 0; i < l->nr; i++)
		stamped_copy(dst, l->range[i].dst, &src, l->range[i].src,
			     l->range[i].len);
	for (u32 i = 0; i < l->nr; i++) {
		u64 first = l->range[i].dst, end = first + l->range[i].len;
		u64 area_end = w->to.first + w->to.nr;

		/* Contiguous destinations need no neighbours of their own. */
		while (i + 1 < l->nr && l->range[i + 1].dst == end)
			end += l->range[++i].len;
		first = first - w->to.first > NEIGHBOURS ? first - NEIGHBOURS :
							   w->to.first;
		end = end + NEIGHBOURS < area_end ? end + NEIGHBOURS : area_end;
		bad += stamped_verify(dst, first, end - first, "after a copy");
	}
	if (bad)
		fail(w, "wrong data");
	return !bad;
}

/*
 * A few copies may be over before a writer has had the processor: go on until all of them
 * have written twice, or they never will.
 */
static bool enough(const struct worker *w)
{
	if (w->iteration < opt.iterations)
		return false;
	return writes >= 2 * opt.writers ||
	       w->iteration >= 100 * opt.iterations;
}

static void *copier(void *arg)
{
	struct worker *w = arg;

	for (w->iteration = 0; !enough(w) && !stop; w->iteration++) {
		choose(w);
		if (!issue(w) || !compare(w))
			break;
	}
	return NULL;
}

static void *writer(void *arg)
{
	struct worker *w = arg;
	u64 most = 65536 / dst->unit < w->to.nr ? 65536 / dst->unit : w->to.nr;

	for (u32 generation = 2; !stop; generation++) {
		u64 nr = t_log_below(&w->rng, most);
		u64 first = w->to.first + t_below(&w->rng, w->to.nr - nr + 1);

		stamped_write(dst, first, nr, w->index, generation);
		writes++;
		usleep(1000); /* leave the processors to the copiers */
		if (generation % 8 == 0 &&
		    stamped_verify(dst, first, nr, "written meanwhile")) {
			fail(w, "a writer's data changed");
			break;
		}
	}
	return NULL;
}

/* Area @index of @nr equal ones. */
static struct area slice(const struct stamped *s, u32 index, u32 nr)
{
	u64 units = s->nr / nr;

	return (struct area){ units * index, units };
}

static void start(struct worker *w, u32 index, u32 all)
{
	w->index = index;
	w->from = slice(&src, index, all);
	w->to = slice(dst, index, all);
	w->rng.state = t_mix(opt.seed) + index;
	w->layout.range = t_alloc(opt.max_ranges * sizeof(*w->layout.range));
	w->range = t_alloc(opt.max_ranges * sizeof(*w->range));
	if (pthread_create(&w->thread, NULL,
			   index < opt.copiers ? copier : writer, w))
		t_die("cannot start a thread");
}

static void run_workers(void)
{
	struct worker worker[MAX_THREADS] = {};
	u32 all = opt.copiers + opt.writers;

	for (u32 i = 0; i < all; i++)
		start(&worker[i], i, all);
	for (u32 i = 0; i < all; i++) {
		if (i == opt.copiers)
			stop = true;
		pthread_join(worker[i].thread, NULL);
		free(worker[i].layout.range);
		free(worker[i].range);
	}
}

static void open_devices(void)
{
	u32 unit;

	same = !strcmp(opt.src, opt.dst);
	t_dev_open(&src_dev, opt.src);
	t_dev_open(&dst_dev, opt.dst);
	unit = src_dev.lbs > dst_dev.lbs ? src_dev.lbs : dst_dev.lbs;
	stamped_init(&src, &src_dev, unit, opt.seed);
	stamped_write(&src, 0, src.nr, 0xff, 1);
	if (same) {
		dst = &src;
		return;
	}
	stamped_init(dst, &dst_dev, unit, opt.seed);
	stamped_write(dst, 0, dst->nr, 0xfe, 1);
}

static const char usage[] =
	"usage: copy_verify --src DEV [--dst DEV] [--mode auto|offload|emulate|mixed]\n"
	"  [--expect any|offload|emulate] [--seed N] [--iterations N] [--max-bytes SIZE]\n"
	"  [--max-ranges N] [--copiers N] [--writers N]";

static void parse(int argc, char **argv)
{
	static const struct t_option options[] = {
		{ "--src", .text = &opt.src },
		{ "--dst", .text = &opt.dst },
		{ "--mode", .text = &opt.mode },
		{ "--expect", .text = &opt.expect },
		{ "--seed", .number = &opt.seed },
		{ "--iterations", .number = &opt.iterations },
		{ "--max-bytes", .bytes = &opt.max_bytes },
		{ "--max-ranges", .number = &opt.max_ranges },
		{ "--copiers", .number = &opt.copiers },
		{ "--writers", .number = &opt.writers },
		{},
	};

	t_options(argc, argv, options, usage);
	if (!opt.src)
		t_die("%s", usage);
	if (!opt.dst)
		opt.dst = opt.src;
	opt.flags = !strcmp(opt.mode, "mixed") ? MIXED :
						 (u32)t_mode_flags(opt.mode);
	if (opt.flags == (u32)-1)
		t_die("--mode %s: use auto, offload, emulate or mixed",
		      opt.mode);
	if (!opt.copiers || opt.copiers + opt.writers > MAX_THREADS)
		t_die("--copiers and --writers: 1 to %d threads in all",
		      MAX_THREADS);
	if (!opt.max_ranges || opt.max_ranges > BLK_COPY_MAX_RANGES)
		t_die("--max-ranges: 1 to %d", BLK_COPY_MAX_RANGES);
	if (!opt.seed &&
	    getrandom(&opt.seed, sizeof(opt.seed), 0) != sizeof(opt.seed))
		t_die("no random seed: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	char name[256];
	u64 bad, begin;

	parse(argc, argv);
	open_devices();
	begin = t_now_ns();
	run_workers();
	bad = stamped_verify(&src, 0, src.nr, "in the end");
	if (!same)
		bad += stamped_verify(dst, 0, dst->nr, "in the end");
	t_note("copies=%llu ranges=%llu bytes=%llu offloaded=%llu emulated=%llu writes=%llu ms=%llu",
	       copies, ranges, copied, offloaded, emulated, writes,
	       (t_now_ns() - begin) / 1000000);
	snprintf(
		name, sizeof(name),
		"verify %s -> %s unit %u mode %s expect %s max %llu bytes %llu ranges, seed %#llx",
		opt.src, opt.dst, src.unit, opt.mode, opt.expect, opt.max_bytes,
		opt.max_ranges, opt.seed);
	if (failures || bad || !copies)
		t_not_ok(
			name,
			"%u failures, %llu units wrong in the end, %llu copies",
			failures, bad, copies);
	else if (writes < 2 * opt.writers)
		t_not_ok(name, "%llu writers wrote %llu times while it copied",
			 opt.writers, writes);
	else
		t_ok(name);
	return t_exit();
}
