// SPDX-License-Identifier: GPL-2.0
/*
 * Another thread changes the request while the kernel looks at it. Decisions must be made
 * on what is then used: whatever mix was read, it is refused, or it is one of the few
 * copies that all good mixes amount to.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define LEN 8 /* units of a good copy, always from the start */

struct race {
	struct args *t;
	struct request *q;
	atomic_bool stop;
};

/* Relaxed stores: the compiler may neither merge nor drop them. */
#define PUT(member, value) \
	__atomic_store_n(&(member), (value), __ATOMIC_RELAXED)

static void *flip(void *arg)
{
	struct race *race = arg;
	struct args *t = race->t;
	struct request *q = race->q;
	struct blk_copy_ioc_range *r = &q->r[0];
	const u64 u = t->unit, m = t->mid * u;
	const u64 src[] = { 0, 1ull << 63, 0, t->dev.bytes };
	const u64 dst[] = { m, 4 * u, m + 16 * u, -u };
	const u64 len[] = { LEN * u, 0, LEN * u, -u };
	const u32 nr[] = { 1, ~0u, 2, 0 };
	struct t_rng rng = { 7 };

	while (!race->stop) {
		u64 pick = t_rand(&rng);

		PUT(r->dst, dst[pick & 3]);
		PUT(r->len, len[pick >> 2 & 3]);
		PUT(r->src, src[pick >> 4 & 3]);
		PUT(q->a.nr_ranges, nr[pick >> 6 & 3]);
		PUT(q->a.flags, pick >> 8 & 1 ? 0 : 1u << 7);
		PUT(q->a.src_fd, pick >> 9 & 1 ? t->dev.fd : -1);
		/* Give good mixes a chance. */
		if (pick >> 10 & 1) {
			PUT(r->dst, m);
			PUT(r->len, LEN * u);
			PUT(r->src, 0);
			PUT(q->a.nr_ranges, 1);
			PUT(q->a.flags, 0);
			PUT(q->a.src_fd, t->dev.fd);
		}
	}
	return NULL;
}

static bool expected_errno(int err)
{
	return !err || err == -EINVAL || err == -E2BIG || err == -EOPNOTSUPP ||
	       err == -EBADF;
}

/* Returns an errno that no mix explains, or 0; counts what happened. */
static int hammer(struct args *t, struct request *q, u64 *good, u64 *refused)
{
	u64 end = t_now_ns() + 1000000000ull;

	while (t_now_ns() < end) {
		int err = t_copy(t->dev.fd, &q->a);

		if (!expected_errno(err))
			return err;
		if (err)
			++*refused;
		else
			++*good;
	}
	return 0;
}

/* All the places that a good mix writes to: old, or the copy. */
static u64 check(struct args *t, const stamp_id *old)
{
	static const u32 place[] = { 0, 16, 32 };
	u64 bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(place); i++) {
		u64 to = t->mid + place[i];

		stamped_copy(&t->s, to, &t->s, 0, LEN);
		bad += stamped_verify_either(&t->s, old, to, LEN,
					     "neither old nor copied");
		stamped_write(&t->s, to, LEN, 1, ++t->generation);
	}
	return bad;
}

void test_race(struct args *t)
{
	const char *name = "the request changes while it is read";
	size_t size = t->s.nr * sizeof(stamp_id);
	stamp_id *old = t_alloc(size);
	u64 good = 0, refused = 0, bad;
	pthread_t thread;
	struct request q;
	struct race race = { .t = t, .q = &q };
	int err;

	memcpy(old, t->s.ids, size);
	request_init(t, &q, 2);
	q.r[1] = (struct blk_copy_ioc_range){
		.src = 0,
		.dst = (t->mid + 32) * t->unit,
		.len = LEN * t->unit,
	};
	if (pthread_create(&thread, NULL, flip, &race))
		t_die("cannot start a thread");
	err = hammer(t, &q, &good, &refused);
	race.stop = true;
	pthread_join(thread, NULL);
	bad = check(t, old);
	t_note("race: %llu copies, %llu refused", good, refused);
	if (err)
		t_not_ok(name, "returned %s", t_errname(err));
	else
		args_report(
			t, name, good && refused && !bad,
			bad ? "a destination is neither old nor copied" :
			      "the race did not happen: no copies, or no refusals");
	free(old);
}
