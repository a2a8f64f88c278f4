// SPDX-License-Identifier: GPL-2.0
/*
 * copy_fuzz: random requests of an unprivileged process, good and bad, against
 * a second opinion on which are good.
 *
 * A request succeeds exactly if it is good by the rules of the uapi header; one
 * that is refused copies nothing. In the end every byte of both devices is what
 * the good requests made it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stamp.h"

#define NR_RANGES 12
#define HOT_UNITS 400 /* where most ranges are, so that they often overlap */

static struct {
	const char *dst;
	const char *other;
	u64 calls;
	u64 seed;
} opt = { .calls = 10000, .seed = 1 };

static struct t_dev dst_dev, other_dev;
static struct stamped dst, other;
static u64 unit; /* of the models: the smaller block size */

/* A file descriptor that a request may name, and what it is good for. */
struct file {
	int fd;
	bool source;
	bool destination;
	struct t_dev *dev;
};

static struct file files[8];
static u32 nr_files;

struct request {
	struct blk_copy_args a;
	u8 tail[16];
	struct blk_copy_ioc_range r[NR_RANGES];
	const struct file *src;
	const struct file *dst;
	bool bad_pointer;
};

static void add_file(struct t_dev *dev, int flags)
{
	struct file *f = &files[nr_files++];
	int mode = flags & O_ACCMODE;

	f->dev = dev;
	f->fd = open(dev->path, flags | O_CLOEXEC);
	if (f->fd < 0)
		t_die("%s: cannot open: %s", dev->path, strerror(errno));
	f->source = mode != O_WRONLY;
	f->destination = mode != O_RDONLY;
}

static void open_files(void)
{
	int pipes[2];

	add_file(&dst_dev, O_RDWR);
	add_file(&dst_dev, O_RDWR | O_DIRECT);
	add_file(&dst_dev, O_RDONLY);
	add_file(&dst_dev, O_WRONLY);
	add_file(&other_dev, O_RDONLY);
	if (pipe(pipes))
		t_die("pipe: %s", strerror(errno));
	files[nr_files++].fd = pipes[0];
	files[nr_files++].fd = -1;
}

/* Mostly a good one: the first few files are. */
static const struct file *choose_file(struct t_rng *rng, u32 good)
{
	if (t_below(rng, 20))
		return &files[t_below(rng, good)];
	return &files[t_below(rng, nr_files)];
}

static u64 strange_number(struct t_rng *rng, const struct t_dev *dev)
{
	const u64 numbers[] = {
		0,
		1,
		511,
		dev->lbs / 2,
		dev->bytes,
		1ull << 31,
		1ull << 32,
		1ull << 41,
		1ull << 63,
		~0ull,
		dev->bytes - dev->lbs,
		dev->bytes + dev->lbs,
		-(u64)dev->lbs,
		t_rand(rng),
	};

	return numbers[t_below(rng, ARRAY_SIZE(numbers))];
}

static u64 place(struct t_rng *rng, const struct t_dev *dev, u64 block)
{
	u64 hot = HOT_UNITS * unit / block;

	if (!t_below(rng, 60))
		return strange_number(rng, dev);
	if (!t_below(rng, 4))
		return t_below(rng, dev->bytes / block) * block;
	return t_below(rng, hot) * block;
}

static u64 larger_block(void)
{
	return dst_dev.lbs > other_dev.lbs ? dst_dev.lbs : other_dev.lbs;
}

static void make_ranges(struct request *q, struct t_rng *rng)
{
	const struct t_dev *from = q->src->dev ? q->src->dev : &dst_dev;
	u64 block = larger_block();

	for (u32 i = 0; i < NR_RANGES; i++) {
		q->r[i].src = place(rng, from, block);
		q->r[i].dst = place(rng, &dst_dev, block);
		q->r[i].len = (1 + t_below(rng, 6)) * block;
		if (!t_below(rng, 60))
			q->r[i].len = strange_number(rng, &dst_dev);
	}
}

static void make_request(struct request *q, struct t_rng *rng)
{
	*q = (struct request){
		.a.size = sizeof(q->a),
		.a.nr_ranges = t_log_below(rng, NR_RANGES),
		.a.ranges = (uintptr_t)q->r,
		.src = choose_file(rng, 3),
		.dst = choose_file(rng, 2),
	};
	if (!t_below(rng, 4))
		q->src = &files[4];
	q->a.src_fd = q->src->fd;
	t_poison(&q->a, q->r, NR_RANGES);
	make_ranges(q, rng);
	if (!t_below(rng, 2))
		q->a.flags = BLK_COPY_EMULATE_ONLY;
	if (!t_below(rng, 40))
		q->a.flags = t_rand(rng) & ~(u64)BLK_COPY_OFFLOAD_ONLY;
	if (!t_below(rng, 40))
		q->a.size = t_below(rng, sizeof(q->a) + sizeof(q->tail) + 1);
	if (!t_below(rng, 40))
		q->tail[t_below(rng, sizeof(q->tail))] = t_rand(rng);
	if (!t_below(rng, 40))
		q->a.nr_ranges = t_below(rng, 2) ? 0 : 4097 + t_rand(rng);
	if (!t_below(rng, 40)) {
		q->a.ranges = t_rand(rng) << 12;
		q->bad_pointer = true;
	}
}

static bool touch(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool good_range(const struct request *q,
		       const struct blk_copy_ioc_range *r)
{
	const struct t_dev *from = q->src->dev;
	u64 block = from->lbs > dst_dev.lbs ? from->lbs : dst_dev.lbs;

	return r->len && !(r->len % block) && !(r->src % block) &&
	       !(r->dst % block) && r->src <= from->bytes &&
	       r->len <= from->bytes - r->src && r->dst <= dst_dev.bytes &&
	       r->len <= dst_dev.bytes - r->dst;
}

/* Every pair is looked at: slow, and simple enough to be right. */
static bool good_ranges(const struct request *q)
{
	bool same = q->src->dev == q->dst->dev;

	for (u32 i = 0; i < q->a.nr_ranges; i++)
		if (!good_range(q, &q->r[i]))
			return false;
	for (u32 i = 0; i < q->a.nr_ranges; i++) {
		const struct blk_copy_ioc_range *d = &q->r[i];

		for (u32 j = 0; j < q->a.nr_ranges; j++) {
			const struct blk_copy_ioc_range *o = &q->r[j];

			if (same && touch(d->dst, d->len, o->src, o->len))
				return false;
			if (i != j && touch(d->dst, d->len, o->dst, o->len))
				return false;
		}
	}
	return true;
}

static bool good_request(const struct request *q)
{
	if (!q->dst->destination || !q->src->source || q->bad_pointer)
		return false;
	if (q->a.size < sizeof(q->a) || q->a.flags & ~BLK_COPY_EMULATE_ONLY)
		return false;
	for (u32 i = 0; i + sizeof(q->a) < q->a.size; i++)
		if (q->tail[i])
			return false;
	if (!q->a.nr_ranges || q->a.nr_ranges > NR_RANGES)
		return false;
	return good_ranges(q);
}

static void carry_out(const struct request *q)
{
	const struct stamped *from = q->src->dev == &dst_dev ? &dst : &other;

	for (u32 i = 0; i < q->a.nr_ranges; i++)
		stamped_copy(&dst, q->r[i].dst / unit, from, q->r[i].src / unit,
			     q->r[i].len / unit);
}

/* BLKCOPY of a block device was called, with a struct that it can write results to. */
static bool reached(const struct request *q)
{
	return q->dst->dev && q->a.size >= sizeof(q->a);
}

/* It got as far as to the ranges, which it can write results to. */
static bool reached_ranges(const struct request *q)
{
	if (!reached(q) || q->bad_pointer || q->a.nr_ranges > NR_RANGES)
		return false;
	for (u32 i = 0; i + sizeof(q->a) < q->a.size; i++)
		if (q->tail[i])
			return false;
	return true;
}

/* Anything but the results of the ranges that were passed is as it was before. */
static bool others_changed(const struct request *before, struct request q)
{
	if (reached(before)) {
		q.a.copied = before->a.copied;
		q.a.offloaded = before->a.offloaded;
		q.a.emulated = before->a.emulated;
		q.a.error = before->a.error;
		q.a.error_range = before->a.error_range;
	}
	for (u32 i = 0; reached_ranges(before) && i < q.a.nr_ranges; i++)
		q.r[i].copied = before->r[i].copied;
	return memcmp(&q.a, &before->a, sizeof(q.a)) ||
	       memcmp(q.tail, before->tail, sizeof(q.tail)) ||
	       memcmp(q.r, before->r, sizeof(q.r));
}

static const char *check_refused(const struct request *before,
				 const struct request *q, int ret)
{
	if (!reached(before))
		return NULL;
	if (q->a.error != ret || q->a.copied || q->a.offloaded ||
	    q->a.emulated || q->a.error_range)
		return "refused, but the out members do not say so";
	for (u32 i = 0; reached_ranges(before) && i < q->a.nr_ranges; i++)
		if (q->r[i].copied)
			return "refused, but copied of a range is not 0";
	return NULL;
}

static const char *check(const struct request *before, const struct request *q,
			 int ret)
{
	bool good = good_request(before);

	if (good && ret)
		return "a good request was refused";
	if (!good && !ret)
		return "a bad request was not refused";
	if (others_changed(before, *q))
		return "something was written that is no result";
	return good ? t_result(&q->a, q->r, ret) :
		      check_refused(before, q, ret);
}

static void describe(const struct request *q, int ret)
{
	t_note("returned %s; size %u flags %#x nr_ranges %u source %ld destination %ld",
	       t_errname(ret), q->a.size, q->a.flags, q->a.nr_ranges,
	       (long)(q->src - files), (long)(q->dst - files));
	for (u32 i = 0; i < q->a.nr_ranges && i < NR_RANGES; i++)
		t_note("  %#llx -> %#llx + %#llx", (u64)q->r[i].src,
		       (u64)q->r[i].dst, (u64)q->r[i].len);
}

static void fuzz(void)
{
	const char *name = "random requests do what the second opinion says";
	struct t_rng rng = { opt.seed };
	u64 good = 0, bad = 0, wrong, i;

	for (i = 0; i < opt.calls; i++) {
		struct request before, q;
		const char *why;
		int ret;

		make_request(&q, &rng);
		before = q;
		ret = t_copy(q.dst->fd, &q.a);
		why = check(&before, &q, ret);
		if (why) {
			describe(&before, ret);
			t_not_ok(name, "call %llu, seed %llu: %s", i, opt.seed,
				 why);
			return;
		}
		if (!ret)
			carry_out(&before);
		*(ret ? &bad : &good) += 1;
	}
	t_note("%llu good requests, %llu bad ones", good, bad);
	wrong = stamped_verify(&dst, 0, dst.nr, "in the end") +
		stamped_verify(&other, 0, other.nr, "in the end");
	if (wrong || !good || !bad)
		t_not_ok(name, "seed %llu: %llu units are wrong in the end",
			 opt.seed, wrong);
	else
		t_ok(name);
}

static void open_devices(void)
{
	t_dev_open(&dst_dev, opt.dst);
	t_dev_open(&other_dev, opt.other);
	unit = dst_dev.lbs < other_dev.lbs ? dst_dev.lbs : other_dev.lbs;
	stamped_init(&dst, &dst_dev, unit, opt.seed);
	stamped_init(&other, &other_dev, unit, opt.seed);
	stamped_write(&dst, 0, dst.nr, 1, 1);
	stamped_write(&other, 0, other.nr, 2, 1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "calls", 1, NULL, 'c' },
		{ "seed", 1, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			opt.calls = t_number(optarg, "--calls");
		else if (c == 'S')
			opt.seed = t_number(optarg, "--seed");
		else
			argc = 0;
	}
	if (argc - optind != 2)
		t_die("usage: copy_fuzz [--calls N] [--seed N] DST OTHER");
	opt.dst = argv[optind];
	opt.other = argv[optind + 1];
	open_devices();
	open_files();
	if (setgid(65534) || setuid(65534))
		t_die("cannot become nobody: %s", strerror(errno));
	fuzz();
	return t_exit();
}
