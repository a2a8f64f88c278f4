// SPDX-License-Identifier: GPL-2.0
/*
 * copy_fault: a copy in which the first allocation or I/O fails, then one in
 * which the second does, and so on until one meets no fault.
 *
 * Whatever fails, what is reported as copied is copied, the rest of the
 * destination is old or copied, and everything else is as it was. The caller
 * has set up what can fail: failslab, fail_page_alloc, make-it-fail of a disk.
 * With --must-succeed it is something that a copy has to do without.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "stamp.h"

#define MAX_FAULTS 20000 /* a walk that is longer than this does not end */
#define UNITS_EACH 8

static struct {
	const char *src;
	const char *dst;
	const char *mode;
	enum layout_kind kind;
	u64 ranges;
	u64 seed;
	int flags;
	bool must_succeed;
} opt = { .mode = "auto", .ranges = 24, .seed = 1 };

static struct t_dev src_dev, dst_dev;
static struct stamped src, dst_other;
static struct stamped *dst = &dst_other;
static struct layout layout;
static struct blk_copy_ioc_range *range;
static stamp_id *old;
static int fail_nth;
static u32 generation = 1;

/* What happened in the whole walk. */
static u64 survived, errors[4096];

static void set_nth(u64 n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", n);

	if (pwrite(fail_nth, text, len, 0) != len)
		t_die("fail-nth: cannot write %s: %s", text, strerror(errno));
}

/* Whether the fault has struck; disarms it if not. */
static bool struck(void)
{
	char text[24] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		t_die("fail-nth: cannot read: %s", strerror(errno));
	set_nth(0);
	return !strtoull(text, NULL, 10);
}

static struct blk_copy_args prepare(void)
{
	struct blk_copy_args a = {
		.size = sizeof(a),
		.flags = opt.flags,
		.src_fd = src_dev.fd,
		.nr_ranges = layout.nr,
		.ranges = (uintptr_t)range,
	};

	for (u32 i = 0; i < layout.nr; i++) {
		range[i].src = layout.range[i].src * dst->unit;
		range[i].dst = layout.range[i].dst * dst->unit;
		range[i].len = layout.range[i].len * dst->unit;
	}
	t_poison(&a, range, layout.nr);
	memcpy(old, dst->ids, dst->nr * sizeof(*old));
	return a;
}

/* The first @bytes exactly, what follows old or copied. */
static u64 verify(u64 bytes)
{
	u64 left = bytes / dst->unit, bad = 0;

	for (u32 i = 0; i < layout.nr; i++)
		stamped_copy(dst, layout.range[i].dst, &src,
			     layout.range[i].src, layout.range[i].len);
	for (u32 i = 0; i < layout.nr; i++) {
		const struct layout_range *r = &layout.range[i];
		u64 n = left < r->len ? left : r->len;

		bad += stamped_verify(dst, r->dst, n, "reported as copied");
		bad += stamped_verify_either(dst, old, r->dst, r->len,
					     "old or copied");
		left -= n;
	}
	return bad;
}

/*
 * Memory is asked for before anything is copied, or else there is a reserve; what has
 * none is the ledger of an offload, which emulation then does instead.
 */
static bool expected_errno(int err, u64 copied)
{
	if (opt.must_succeed)
		return false;
	if (err == -ENOMEM)
		return !copied || opt.flags & BLK_COPY_OFFLOAD_ONLY;
	return err == -EIO ||
	       (err == -EOPNOTSUPP && opt.flags & BLK_COPY_OFFLOAD_ONLY);
}

/* Nothing or what is wrong with the outcome of a call. */
static const char *check(const struct blk_copy_args *a, int ret)
{
	const char *why = t_result(a, range, ret);

	if (why)
		return why;
	if (ret && !expected_errno(ret, a->copied))
		return t_errname(ret);
	if (verify(a->copied))
		return "wrong data";
	return NULL;
}

static void restamp(void)
{
	generation++;
	for (u32 i = 0; i < layout.nr; i++)
		stamped_write(dst, layout.range[i].dst, layout.range[i].len, 3,
			      generation);
}

/* Returns whether the walk goes on; what is wrong is in @why. */
static bool step(u64 n, const char **why)
{
	struct blk_copy_args a = prepare();
	bool hit;
	int ret;

	set_nth(n);
	ret = t_copy(dst_dev.fd, &a);
	hit = struck();
	*why = check(&a, ret);
	if (ret && !hit)
		*why = "failed without a fault";
	errors[-ret & 4095]++;
	survived += hit && !ret;
	restamp();
	return hit && !*why;
}

static void summary(u64 faults)
{
	t_note("%llu faults, %llu of them without consequence", faults,
	       survived);
	for (int i = 1; i < 4096; i++)
		if (errors[i])
			t_note("  %s: %llu times", t_errname(i), errors[i]);
}

static void walk(void)
{
	const char *why = NULL;
	char name[160];
	u64 n = 1, bad;

	snprintf(name, sizeof(name),
		 "faults one by one, %s -> %s, mode %s, %s%s", opt.src, opt.dst,
		 opt.mode, layout_names[opt.kind],
		 opt.must_succeed ? ", none matters" : "");
	while (n < MAX_FAULTS && step(n, &why))
		n++;
	bad = stamped_verify(dst, 0, dst->nr, "in the end");
	if (dst != &src)
		bad += stamped_verify(&src, 0, src.nr, "in the end");
	summary(n - 1);
	if (why)
		t_not_ok(name, "fault %llu: %s", n, why);
	else if (bad)
		t_not_ok(name, "%llu units were changed elsewhere", bad);
	else if (n == 1 || n == MAX_FAULTS)
		t_not_ok(name, "%s",
			 n == 1 ? "no fault ever struck" :
				  "the faults do not end");
	else
		t_ok(name);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "src", 1, NULL, 's' },	  { "dst", 1, NULL, 'd' },
		{ "mode", 1, NULL, 'm' },	  { "ranges", 1, NULL, 'r' },
		{ "seed", 1, NULL, 'S' },	  { "gather", 0, NULL, 'g' },
		{ "must-succeed", 0, NULL, 'M' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			opt.src = optarg;
		else if (c == 'd')
			opt.dst = optarg;
		else if (c == 'm')
			opt.mode = optarg;
		else if (c == 'r')
			opt.ranges = t_number(optarg, "--ranges");
		else if (c == 'g')
			opt.kind = LAYOUT_GATHER;
		else if (c == 'M')
			opt.must_succeed = true;
		else if (c == 'S')
			opt.seed = t_number(optarg, "--seed");
		else
			opt.flags = -1;
	}
	if (!opt.flags)
		opt.flags = t_mode_flags(opt.mode);
	if (opt.flags < 0 || !opt.src || optind != argc || !opt.ranges ||
	    opt.ranges > BLK_COPY_MAX_RANGES)
		t_die("usage: copy_fault --src DEV [--dst DEV] [--seed N]\n"
		      "  [--mode auto|offload|emulate] [--ranges N] [--gather] [--must-succeed]");
	if (!opt.dst)
		opt.dst = opt.src;
}

static void open_devices(void)
{
	bool same = !strcmp(opt.src, opt.dst);
	u32 unit;

	t_dev_open(&src_dev, opt.src);
	t_dev_open(&dst_dev, opt.dst);
	unit = src_dev.lbs > dst_dev.lbs ? src_dev.lbs : dst_dev.lbs;
	stamped_init(&src, &src_dev, unit, opt.seed);
	stamped_write(&src, 0, src.nr, 1, generation);
	if (same) {
		dst = &src;
	} else {
		stamped_init(dst, &dst_dev, unit, opt.seed);
		stamped_write(dst, 0, dst->nr, 2, generation);
	}
	if (src.nr < 2 * opt.ranges * UNITS_EACH ||
	    dst->nr < 2 * opt.ranges * UNITS_EACH)
		t_die("the devices are too small for %llu ranges", opt.ranges);
}

static void make_layout(void)
{
	struct t_rng rng = { opt.seed };
	const struct area from = { 0, src.nr }, to = { 0, dst->nr };

	layout.range = t_alloc(opt.ranges * sizeof(*layout.range));
	range = t_alloc(opt.ranges * sizeof(*range));
	old = t_alloc(dst->nr * sizeof(*old));
	layout_make(&layout, &rng, opt.kind, opt.ranges,
		    opt.ranges * UNITS_EACH, &from, &to, dst == &src);
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		t_die("/proc/thread-self/fail-nth: %s", strerror(errno));
	open_devices();
	make_layout();
	walk();
	return t_exit();
}
