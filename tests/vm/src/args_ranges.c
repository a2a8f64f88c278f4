// SPDX-License-Identifier: GPL-2.0
/* Ranges: alignment, sums that wrap, the end of the device, overlap. */
#include <errno.h>
#include <stdlib.h>

#include "args.h"

struct range_case {
	const char *name;
	int err;
	u32 nr;
	struct {
		u64 src;
		u64 dst;
		u64 len;
	} r[3];
};

static void run(struct args *t, const struct range_case *c, size_t nr)
{
	struct request q;

	for (; nr--; c++) {
		request_init(t, &q, c->nr);
		for (u32 i = 0; i < c->nr; i++) {
			q.r[i].src = c->r[i].src;
			q.r[i].dst = c->r[i].dst;
			q.r[i].len = c->r[i].len;
		}
		request_expect(t, c->name, &q, t->dev.fd, c->err);
	}
}

static void test_alignment(struct args *t)
{
	const u64 u = t->unit, m = t->mid * u;
	const struct range_case cases[] = {
		{ "length: 0", EINVAL, 1, { { 0, m, 0 } } },
		{ "length: 0 in the last of three",
		  EINVAL,
		  3,
		  { { 0, m, u }, { u, m + u, u }, { 2 * u, m + 2 * u, 0 } } },
		{ "length: 1 byte", EINVAL, 1, { { 0, m, 1 } } },
		{ "length: a block and 1 byte", EINVAL, 1, { { 0, m, u + 1 } } },
		{ "length: a block and a half",
		  EINVAL,
		  1,
		  { { 0, m, u + u / 2 } } },
		{ "length: a block less 1 byte",
		  EINVAL,
		  1,
		  { { 0, m, u - 1 } } },
		{ "source: 1 byte off", EINVAL, 1, { { 1, m, u } } },
		{ "source: half a block off", EINVAL, 1, { { u / 2, m, u } } },
		{ "destination: 1 byte off", EINVAL, 1, { { 0, m + 1, u } } },
		{ "destination: half a block off",
		  EINVAL,
		  1,
		  { { 0, m + u / 2, u } } },
		{ "destination: off in the last of three",
		  EINVAL,
		  3,
		  { { 0, m, u },
		    { u, m + u, u },
		    { 2 * u, m + 2 * u + 1, u } } },
	};
	const struct range_case sectors[] = {
		{ "4Kn: length of a sector", EINVAL, 1, { { 0, m, 512 } } },
		{ "4Kn: length of 9 sectors", EINVAL, 1, { { 0, m, u + 512 } } },
		{ "4Kn: source a sector off", EINVAL, 1, { { 512, m, u } } },
		{ "4Kn: destination a sector off",
		  EINVAL,
		  1,
		  { { 0, m + 512, u } } },
	};

	run(t, cases, ARRAY_SIZE(cases));
	if (u == 4096)
		run(t, sectors, ARRAY_SIZE(sectors));
}

static void test_sums(struct args *t)
{
	const u64 u = t->unit, m = t->mid * u, half = 1ull << 63;
	const struct range_case cases[] = {
		{ "sum: source wraps at 2^64", EINVAL, 1, { { -u, m, 2 * u } } },
		{ "sum: source ends at 2^64", EINVAL, 1, { { -u, m, u } } },
		{ "sum: destination wraps at 2^64",
		  EINVAL,
		  1,
		  { { 0, -u, 2 * u } } },
		{ "sum: destination ends at 2^64", EINVAL, 1, { { 0, -u, u } } },
		{ "sum: a length of 2^64 - 1 block",
		  EINVAL,
		  1,
		  { { u, m, -u } } },
		{ "sum: a length of 2^63", EINVAL, 1, { { 0, m, half } } },
		{ "sum: source crosses 2^63",
		  EINVAL,
		  1,
		  { { half - u, m, 2 * u } } },
		{ "sum: destination crosses 2^63",
		  EINVAL,
		  1,
		  { { 0, half - u, 2 * u } } },
		{ "sum: source at 2^63", EINVAL, 1, { { half, m, half } } },
		{ "sum: 2^41, whose sectors wrap in 32 bits",
		  EINVAL,
		  1,
		  { { 1ull << 41, m, u } } },
		{ "sum: a length of 2^41 + 1 block",
		  EINVAL,
		  1,
		  { { 0, m, (1ull << 41) + u } } },
		{ "sum: two lengths of 2^63",
		  EINVAL,
		  2,
		  { { 0, m, half }, { 0, m, half } } },
		{ "sum: lengths that add up to 1 block",
		  EINVAL,
		  3,
		  { { 0, m, half }, { 0, m, half }, { 0, m, u } } },
	};

	run(t, cases, ARRAY_SIZE(cases));
}

static void test_end(struct args *t)
{
	const u64 u = t->unit, m = t->mid * u, end = t->s.nr * u,
		  far = 1ull << 40;
	const struct range_case cases[] = {
		{ "end: source at the end", EINVAL, 1, { { end, m, u } } },
		{ "end: source over it by a block",
		  EINVAL,
		  1,
		  { { end - u, m, 2 * u } } },
		{ "end: source far behind it", EINVAL, 1, { { far, m, u } } },
		{ "end: destination at the end", EINVAL, 1, { { 0, end, u } } },
		{ "end: destination over it by a block",
		  EINVAL,
		  1,
		  { { 0, end - u, 2 * u } } },
		{ "end: destination far behind it",
		  EINVAL,
		  1,
		  { { 0, far, u } } },
		{ "end: the third source is over it",
		  EINVAL,
		  3,
		  { { 0, m, u },
		    { u, m + u, u },
		    { end - u, m + 2 * u, 2 * u } } },
		{ "end: the third destination is over it",
		  EINVAL,
		  3,
		  { { 0, m, u }, { u, m + u, u }, { 2 * u, end - u, 2 * u } } },
		{ "end: larger than the device",
		  EINVAL,
		  1,
		  { { 0, m, end + u } } },
		{ "end: the last block is read", 0, 1, { { end - u, m, u } } },
		{ "end: the last block is written",
		  0,
		  1,
		  { { 2 * u, end - u, u } } },
		{ "end: the last two blocks are written",
		  0,
		  2,
		  { { 5 * u, end - u, u }, { 7 * u, end - 2 * u, u } } },
		{ "end: the first block is read",
		  0,
		  1,
		  { { 0, m + 3 * u, u } } },
		{ "end: the first block is written",
		  0,
		  1,
		  { { m + 8 * u, 0, u } } },
	};

	run(t, cases, ARRAY_SIZE(cases));
}

static void test_overlap(struct args *t)
{
	const u64 u = t->unit, m = t->mid * u, end = t->s.nr * u;
	const struct range_case cases[] = {
		{ "overlap: onto itself", EINVAL, 1, { { m, m, u } } },
		{ "overlap: one block later",
		  EINVAL,
		  1,
		  { { m, m + u, 2 * u } } },
		{ "overlap: one block earlier",
		  EINVAL,
		  1,
		  { { m + u, m, 2 * u } } },
		{ "overlap: the last block of 8",
		  EINVAL,
		  1,
		  { { m, m + 7 * u, 8 * u } } },
		{ "overlap: all but one block of the device",
		  EINVAL,
		  1,
		  { { 0, u, end - u } } },
		{ "overlap: second reads what first writes",
		  EINVAL,
		  2,
		  { { 0, m, 4 * u }, { m, m + 8 * u, 4 * u } } },
		{ "overlap: second writes what first reads",
		  EINVAL,
		  2,
		  { { m, m + 8 * u, 4 * u }, { 0, m + 3 * u, 4 * u } } },
		{ "overlap: third reads one block that first writes",
		  EINVAL,
		  3,
		  { { 0, m, 4 * u },
		    { 8 * u, m + 8 * u, 4 * u },
		    { m + 3 * u, m + 16 * u, u } } },
		{ "overlap: two ranges swap",
		  EINVAL,
		  2,
		  { { m, m + 8 * u, u }, { m + 8 * u, m, u } } },
		{ "overlap: the same destination twice",
		  EINVAL,
		  2,
		  { { 0, m, 2 * u }, { 8 * u, m, 2 * u } } },
		{ "overlap: destinations share a block",
		  EINVAL,
		  2,
		  { { 0, m + 3 * u, 4 * u }, { 8 * u, m, 4 * u } } },
		{ "overlap: a destination within another",
		  EINVAL,
		  3,
		  { { 0, m, 8 * u },
		    { 8 * u, m + 16 * u, u },
		    { 16 * u, m + 4 * u, u } } },
		{ "touch: destination right behind source",
		  0,
		  1,
		  { { m, m + 4 * u, 4 * u } } },
		{ "touch: destination right before source",
		  0,
		  1,
		  { { m + 12 * u, m + 8 * u, 4 * u } } },
		{ "touch: destinations in reverse order",
		  0,
		  3,
		  { { 0, m + 2 * u, u },
		    { 9 * u, m + u, u },
		    { 5 * u, m, u } } },
		{ "touch: sources and destinations by turns",
		  0,
		  3,
		  { { m, m + u, u },
		    { m + 2 * u, m + 3 * u, u },
		    { m + 4 * u, m + 5 * u, u } } },
		{ "sources may overlap",
		  0,
		  3,
		  { { 0, m, 4 * u },
		    { 0, m + 4 * u, 4 * u },
		    { 2 * u, m + 8 * u, 4 * u } } },
	};

	run(t, cases, ARRAY_SIZE(cases));
}

void test_ranges(struct args *t)
{
	test_alignment(t);
	test_sums(t);
	test_end(t);
	test_overlap(t);
}

/* Issue @nr ranges @r, more than a struct request has; @each: bytes copied of every one. */
static void expect_many(struct args *t, const char *name,
			struct blk_copy_ioc_range *r, u32 nr, int err, u64 each)
{
	struct request q;
	u32 wrong = 0;

	request_init(t, &q, 1);
	t_poison(&q.a, r, nr);
	q.a.nr_ranges = nr;
	q.a.ranges = (uintptr_t)r;
	request_expect(t, name, &q, t->dev.fd, err);
	for (u32 i = 0; i < nr; i++)
		wrong += r[i].copied != each;
	if (wrong)
		t_not_ok(name, "copied of %u ranges is not %llu", wrong, each);
}

/*
 * As many ranges as there may be, one block each, none of them next to the one
 * before it; then the last one overlaps the first.
 */
void test_many_ranges(struct args *t)
{
	const char *name = "ranges: as many as there may be";
	const u32 nr = BLK_COPY_MAX_RANGES;
	struct blk_copy_ioc_range *r = t_alloc(nr * sizeof(*r));

	if (t->s.nr < t->mid + nr || t->mid < nr) {
		t_skip(name, "the device is too small");
		free(r);
		return;
	}
	for (u32 i = 0; i < nr; i++) {
		r[i].src = (u64)i * t->unit;
		r[i].dst = (t->mid + nr - 1 - i) * t->unit;
		r[i].len = t->unit;
	}
	r[nr - 1].dst = r[0].dst;
	expect_many(t, "ranges: the last of 4096 overlaps the first", r, nr,
		    EINVAL, 0);

	r[nr - 1].dst = t->mid * t->unit;
	for (u32 i = 0; i < nr; i++)
		stamped_copy(&t->s, t->mid + nr - 1 - i, &t->s, i, 1);
	expect_many(t, name, r, nr, 0, t->unit);
	free(r);
}
