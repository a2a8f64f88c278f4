// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl_args DEV [SRCDEV...]: everything that BLKCOPY must refuse, and how. With
 * T_CALL=uring the same by io_uring, with T_CALL=cfr that of copy_file_range().
 *
 * DEV is overwritten; so is each SRCDEV, which must lie on another disk. After each case
 * the places of DEV that cases write to are compared with what should be there, after the
 * last one all of it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"

void request_init(const struct args *t, struct request *q, u32 nr)
{
	*q = (struct request){
		.a = {
			.size = sizeof(q->a),
			.src_fd = t->dev.fd,
			.nr_ranges = nr,
			.ranges = (uintptr_t)q->r,
		},
	};
	for (u32 i = 0; i < nr && i < ARGS_RANGES; i++)
		q->r[i] = (struct blk_copy_ioc_range){
			.src = 16ull * i * t->unit,
			.dst = (t->mid + 16ull * i) * t->unit,
			.len = 4ull * t->unit,
		};
}

static u64 window(const struct args *t, int which)
{
	const u64 place[] = { 0, t->mid - ARGS_WINDOW / 2,
			      t->s.nr - ARGS_WINDOW };

	return place[which];
}

u64 args_damage(struct args *t)
{
	u64 bad = 0;

	for (int i = 0; i < 3; i++)
		bad += stamped_verify(&t->s, window(t, i), ARGS_WINDOW,
				      "compared");
	return bad;
}

/* Damage is reported once: the next case begins with good data. */
static void repair(struct args *t)
{
	t->generation++;
	for (int i = 0; i < 3; i++)
		stamped_write(&t->s, window(t, i), ARGS_WINDOW, 1,
			      t->generation);
}

void args_report(struct args *t, const char *name, bool good, const char *why)
{
	u64 bad = args_damage(t);

	if (!good)
		t_not_ok(name, "%s", why);
	else if (bad)
		t_not_ok(name, "%llu units are not what they should be", bad);
	else
		t_ok(name);
	if (bad)
		repair(t);
}

static bool own_ranges(const struct request *q)
{
	return q->a.ranges == (uintptr_t)q->r && q->a.nr_ranges <= ARGS_RANGES;
}

static bool in_members_changed(const struct request *q,
			       const struct request *before)
{
	if (q->a.size != before->a.size || q->a.flags != before->a.flags ||
	    q->a.src_fd != before->a.src_fd ||
	    q->a.nr_ranges != before->a.nr_ranges ||
	    q->a.ranges != before->a.ranges)
		return true;
	for (u32 i = 0; i < ARGS_RANGES; i++)
		if (q->r[i].src != before->r[i].src ||
		    q->r[i].dst != before->r[i].dst ||
		    q->r[i].len != before->r[i].len)
			return true;
	return false;
}

/* Nothing is written to ranges that were not passed, or too many. */
static const char *check_other_ranges(const struct request *q)
{
	for (u32 i = own_ranges(q) ? q->a.nr_ranges : 0; i < ARGS_RANGES; i++)
		if (q->r[i].copied != ~0ull)
			return "copied of a range that was not passed was written";
	return NULL;
}

static const char *check_refused(const struct request *q, int err)
{
	if (q->a.error != -err)
		return "error is not the errno";
	if (q->a.copied || q->a.offloaded || q->a.emulated)
		return "refused, but copied, offloaded or emulated is not 0";
	if (q->a.error_range)
		return "refused, but error_range is not 0";
	for (u32 i = 0; own_ranges(q) && i < q->a.nr_ranges; i++)
		if (q->r[i].copied)
			return "refused, but copied of a range is not 0";
	return check_other_ranges(q);
}

static const char *check_copied(const struct request *q)
{
	const char *why = t_result(&q->a, q->r, 0);

	return why ? why : check_other_ranges(q);
}

static void carry_out(struct args *t, const struct request *q)
{
	for (u32 i = 0; i < q->a.nr_ranges; i++)
		stamped_copy(&t->s, q->r[i].dst / t->unit, &t->s,
			     q->r[i].src / t->unit, q->r[i].len / t->unit);
}

void request_expect(struct args *t, const char *name, struct request *q, int fd,
		    int err)
{
	struct request before = *q;
	const char *why = NULL;
	char text[160];
	int ret;

	t_poison(&q->a, q->r, ARGS_RANGES);
	ret = t_copy(fd, &q->a);
	if (ret != -err) {
		snprintf(text, sizeof(text),
			 "returned %s, expected %s; error member %d",
			 t_errname(ret), t_errname(err), q->a.error);
		why = text;
	} else if (in_members_changed(q, &before)) {
		why = "a member that is only read was changed";
	} else if (err) {
		why = check_refused(q, err);
	} else if (own_ranges(q)) {
		why = check_copied(q);
	}
	if (!ret && own_ranges(q) && q->a.src_fd == t->dev.fd)
		carry_out(t, q);
	args_report(t, name, !why, why);
}

void raw_expect(struct args *t, const char *name, void *arg, int fd, int err)
{
	int ret = t_copy(fd, arg);
	char text[80];

	snprintf(text, sizeof(text), "returned %s, expected %s", t_errname(ret),
		 t_errname(err));
	args_report(t, name, ret == -err, text);
}

static void open_device(struct args *t, const char *path)
{
	t_dev_open(&t->dev, path);
	t->unit = t->dev.lbs;
	if (t->dev.bytes < 4ull * ARGS_WINDOW * t->unit)
		t_die("%s: needs %u blocks at least", path, 4 * ARGS_WINDOW);
	stamped_init(&t->s, &t->dev, t->unit, 1);
	t->mid = t->s.nr / 2 & ~7ull;
	t->generation = 1;
	stamped_write(&t->s, 0, t->s.nr, 1, t->generation);
}

static void test_all(struct args *t)
{
	u64 bad = stamped_verify(&t->s, 0, t->s.nr, "in the end");

	if (bad)
		t_not_ok("whole device", "%llu units were changed", bad);
	else
		t_ok("whole device");
}

static void test_args(struct args *t, char **sources)
{
	test_memory(t);
	test_header(t);
	test_ranges(t);
	test_many_ranges(t);
	test_files(t);
	for (; *sources; sources++)
		test_cross(t, *sources);
	test_race(t);
}

int main(int argc, char **argv)
{
	struct args t = {};

	if (argc < 2)
		t_die("usage: ioctl_args DEV [SRCDEV...]");
	open_device(&t, argv[1]);
	t_note("ioctl_args on %s: %llu bytes in blocks of %u", t.dev.path,
	       t.dev.bytes, t.unit);
	if (t_call() == T_CFR)
		test_cfr(&t, argc > 2 ? argv[2] : NULL);
	else
		test_args(&t, argv + 2);
	test_cache(&t);
	test_all(&t);
	return t_exit();
}
