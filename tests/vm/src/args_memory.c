// SPDX-License-Identifier: GPL-2.0
/* Bad addresses, and everything about the header: size, flags, number of ranges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "args.h"

#define KERNEL_ADDRESS 0xffff888000000000ull

/* Two pages, of which the second is not there, and nothing else comes to be there. */
struct edge {
	char *page;
	size_t size;
};

static void edge_map(struct edge *e)
{
	e->size = sysconf(_SC_PAGESIZE);
	e->page = mmap(NULL, 2 * e->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (e->page == MAP_FAILED ||
	    mprotect(e->page + e->size, e->size, PROT_NONE))
		t_die("mmap: %s", strerror(errno));
}

static void edge_unmap(struct edge *e)
{
	munmap(e->page, 2 * e->size);
}

static void test_bad_args(struct args *t, struct edge *e)
{
	int fd = t->dev.fd;
	struct request q;
	char *at;

	raw_expect(t, "args: null", NULL, fd, EFAULT);
	raw_expect(t, "args: unmapped", e->page + e->size, fd, EFAULT);
	raw_expect(t, "args: of the kernel", (void *)KERNEL_ADDRESS, fd,
		   EFAULT);
	request_init(t, &q, 1);
	at = e->page + e->size - sizeof(q.a) / 2;
	memcpy(at, &q.a, sizeof(q.a) / 2);
	raw_expect(t, "args: half unmapped", at, fd, EFAULT);
	at = e->page + e->size - 4;
	memcpy(at, &q.a.size, 4);
	raw_expect(t, "args: only the size is mapped", at, fd, EFAULT);
	q.a.size = sizeof(q.a) + 8;
	at = e->page + e->size - sizeof(q.a);
	memcpy(at, &q.a, sizeof(q.a));
	raw_expect(t, "args: a larger struct, its tail unmapped", at, fd,
		   EFAULT);
}

static void test_bad_ranges(struct args *t, struct edge *e)
{
	struct request q;
	size_t half = 2 * sizeof(q.r[0]) + sizeof(q.r[0]) / 2;
	char *at = e->page + e->size - half;
	const struct blk_copy_ioc_range *whole = (void *)at;

	request_init(t, &q, 1);
	q.a.ranges = 0;
	request_expect(t, "ranges: null", &q, t->dev.fd, EFAULT);
	request_init(t, &q, 1);
	q.a.ranges = (uintptr_t)e->page + e->size;
	request_expect(t, "ranges: unmapped", &q, t->dev.fd, EFAULT);
	request_init(t, &q, 1);
	q.a.ranges = KERNEL_ADDRESS;
	request_expect(t, "ranges: of the kernel", &q, t->dev.fd, EFAULT);
	request_init(t, &q, 1);
	q.a.ranges = ~0ull - 7;
	request_expect(t, "ranges: at the end of all addresses", &q, t->dev.fd,
		       EFAULT);
	request_init(t, &q, 3);
	t_poison(&q.a, q.r, 3);
	memcpy(at, q.r, half);
	q.a.ranges = (uintptr_t)at;
	request_expect(t, "ranges: half unmapped", &q, t->dev.fd, EFAULT);
	args_report(t,
		    "ranges: half unmapped, the others say nothing is copied",
		    !whole[0].copied && !whole[1].copied, "copied is not 0");
}

/*
 * What cannot be written is no reason to crash, or to copy something else. The kernel may
 * notice before or after it copies.
 */
static void test_read_only_memory(struct args *t, struct edge *e)
{
	struct request *q = (struct request *)e->page;
	size_t size = t->s.nr * sizeof(stamp_id);
	stamp_id *old = t_alloc(size);
	u64 bad;
	int ret;

	request_init(t, q, 1);
	mprotect(e->page, e->size, PROT_READ);
	ret = t_copy(t->dev.fd, &q->a);
	mprotect(e->page, e->size, PROT_READ | PROT_WRITE);
	memcpy(old, t->s.ids, size);
	stamped_copy(&t->s, t->mid, &t->s, 0, 4);
	bad = stamped_verify_either(&t->s, old, t->mid, 4, "old or copied");
	stamped_write(&t->s, t->mid, 4, 1, ++t->generation);
	args_report(t, "args and ranges: in read-only memory",
		    ret == -EFAULT && !bad,
		    bad ? "the destination is neither old nor copied" :
			  "did not return EFAULT");
	free(old);
}

void test_memory(struct args *t)
{
	struct edge e;

	edge_map(&e);
	test_bad_args(t, &e);
	test_bad_ranges(t, &e);
	test_read_only_memory(t, &e);
	edge_unmap(&e);
}

static void put_tail(void *buf, const struct request *q, char value)
{
	memcpy(buf, &q->a, sizeof(q->a));
	memset((char *)buf + sizeof(q->a), value, 256);
}

/* A struct that ends before the out members: nothing may be written behind it. */
static void test_small_size(struct args *t, u32 size, const char *name)
{
	u32 end = size < sizeof(u32) ? sizeof(u32) : size;
	struct request q;
	struct {
		struct blk_copy_args a;
		u8 tail[64];
	} buf, before;
	int ret;

	request_init(t, &q, 1);
	memset(&buf, 0xa5, sizeof(buf));
	q.a.size = size;
	memcpy(&buf, &q.a, end);
	before = buf;
	ret = t_copy(t->dev.fd, &buf.a);
	args_report(t, name,
		    ret == -EINVAL &&
			    !memcmp((char *)&buf + end, (char *)&before + end,
				    sizeof(buf) - end),
		    ret == -EINVAL ? "bytes beyond the struct were written" :
				     "did not return EINVAL");
}

static void test_large_size(struct args *t)
{
	struct request q;
	struct blk_copy_args *a = t_alloc(8192);
	int ret;

	request_init(t, &q, 1);
	q.a.size = sizeof(q.a) + 8;
	put_tail(a, &q, 0);
	ret = t_copy(t->dev.fd, a);
	if (!ret)
		stamped_copy(&t->s, t->mid, &t->s, 0, 4);
	args_report(t, "size: 8 more, all zero", !ret && !t_result(a, q.r, ret),
		    "not copied, or the out members do not say so");

	put_tail(a, &q, 0);
	((char *)a)[sizeof(q.a) + 7] = 1;
	a->copied = ~0ull;
	ret = t_copy(t->dev.fd, a);
	args_report(
		t, "size: 8 more, the last not zero",
		ret == -E2BIG && a->error == -E2BIG && !a->copied,
		"did not return E2BIG in errno and error, with nothing copied");

	q.a.size = ~0u;
	put_tail(a, &q, 0);
	ret = t_copy(t->dev.fd, a);
	args_report(t, "size: 4 GiB - 1",
		    ret == -E2BIG || ret == -EFAULT || ret == -EINVAL,
		    "was not refused");
	free(a);
}

static void test_flags(struct args *t)
{
	static const struct {
		const char *name;
		u32 flags;
		int err;
	} cases[] = {
		{ "flags: the next bit", 1u << 2, EOPNOTSUPP },
		{ "flags: the last bit", 1u << 31, EOPNOTSUPP },
		{ "flags: a known and an unknown one",
		  1u << 30 | BLK_COPY_EMULATE_ONLY, EOPNOTSUPP },
		{ "flags: offload only and emulate only",
		  BLK_COPY_OFFLOAD_ONLY | BLK_COPY_EMULATE_ONLY, EINVAL },
		{ "flags: emulate only", BLK_COPY_EMULATE_ONLY, 0 },
	};
	struct request q;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		request_init(t, &q, 2);
		q.a.flags = cases[i].flags;
		request_expect(t, cases[i].name, &q, t->dev.fd, cases[i].err);
	}
}

void test_header(struct args *t)
{
	static const struct {
		const char *name;
		u32 nr;
		int err;
	} cases[] = {
		{ "ranges: none", 0, EINVAL },
		{ "ranges: one too many", BLK_COPY_MAX_RANGES + 1, E2BIG },
		{ "ranges: 2^27, whose size wraps in 32 bits", 1u << 27,
		  E2BIG },
		{ "ranges: 2^32 - 1", ~0u, E2BIG },
	};
	struct request q;

	test_small_size(t, 0, "size: 0");
	test_small_size(t, 8, "size: 8");
	test_small_size(t, BLK_COPY_ARGS_SIZE_VER0 - 1, "size: one byte less");
	test_large_size(t);
	test_flags(t);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		request_init(t, &q, 1);
		q.a.nr_ranges = cases[i].nr;
		request_expect(t, cases[i].name, &q, t->dev.fd, cases[i].err);
	}
}
