// SPDX-License-Identifier: GPL-2.0
/* The page cache of both sides: a copy sees what was written, readers see the copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "args.h"

#define NR 64 /* units that are copied */

/* The device opened without O_DIRECT, and a buffer for NR units. */
struct cache {
	int fd;
	char *buf;
	char *want;
};

static u64 bytes(const struct args *t, u64 units)
{
	return units * t->unit;
}

static void buffered_read(struct args *t, struct cache *c, u64 first, u64 nr)
{
	if (pread(c->fd, c->buf, bytes(t, nr), bytes(t, first)) !=
	    (ssize_t)bytes(t, nr))
		t_die("%s: buffered read: %s", t->dev.path, strerror(errno));
}

/* Fresh stamps through the page cache, not written back. */
static void buffered_write(struct args *t, struct cache *c, u64 first, u64 nr)
{
	stamped_note(&t->s, first, nr, 1, ++t->generation);
	stamped_render(&t->s, first, nr, c->buf);
	if (pwrite(c->fd, c->buf, bytes(t, nr), bytes(t, first)) !=
	    (ssize_t)bytes(t, nr))
		t_die("%s: buffered write: %s", t->dev.path, strerror(errno));
}

/* Copy units [0, nr) to @to; on success the model knows. */
static bool copy(struct args *t, u64 to, u64 nr)
{
	struct request q;

	request_init(t, &q, 1);
	q.r[0].dst = bytes(t, to);
	q.r[0].len = bytes(t, nr);
	if (t_copy(t->dev.fd, &q.a))
		return false;
	stamped_copy(&t->s, to, &t->s, 0, nr);
	return true;
}

static bool cache_shows_model(struct args *t, struct cache *c, u64 first,
			      u64 nr)
{
	buffered_read(t, c, first, nr);
	stamped_render(&t->s, first, nr, c->want);
	return !memcmp(c->buf, c->want, bytes(t, nr));
}

static void test_dirty_source(struct args *t, struct cache *c)
{
	bool good;

	buffered_write(t, c, 0, NR);
	good = copy(t, t->mid, NR);
	args_report(t, "cache: source is dirty", good, "the copy failed");
}

static void test_mapped_source(struct args *t, struct cache *c)
{
	size_t len = bytes(t, NR);
	char *map =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	bool good;

	if (map == MAP_FAILED)
		t_die("%s: mmap: %s", t->dev.path, strerror(errno));
	stamped_note(&t->s, 0, NR, 1, ++t->generation);
	stamped_render(&t->s, 0, NR, map);
	good = copy(t, t->mid, NR);
	munmap(map, len);
	args_report(t, "cache: source is dirty in a mapping", good,
		    "the copy failed");
}

static void test_stale_destination(struct args *t, struct cache *c)
{
	bool good;

	stamped_write(&t->s, 0, NR, 1, ++t->generation);
	buffered_read(t, c, t->mid, NR);
	good = copy(t, t->mid, NR);
	args_report(t, "cache: a buffered reader sees the copy",
		    good && cache_shows_model(t, c, t->mid, NR),
		    "it saw what was there before");
}

static void test_mapped_destination(struct args *t, struct cache *c)
{
	size_t len = bytes(t, NR);
	char *map =
		mmap(NULL, len, PROT_READ, MAP_SHARED, c->fd, bytes(t, t->mid));
	bool good;

	if (map == MAP_FAILED)
		t_die("%s: mmap: %s", t->dev.path, strerror(errno));
	stamped_write(&t->s, 0, NR, 1, ++t->generation);
	memcpy(c->buf, map, len);
	good = copy(t, t->mid, NR);
	stamped_render(&t->s, t->mid, NR, c->want);
	good = good && !memcmp(map, c->want, len);
	munmap(map, len);
	args_report(t, "cache: a mapping shows the copy", good,
		    "it shows what was there before");
}

/* Writing back what was dirty must not undo the copy. */
static void test_dirty_destination(struct args *t, struct cache *c)
{
	bool good;

	buffered_write(t, c, t->mid, NR);
	good = copy(t, t->mid, NR);
	fsync(c->fd);
	args_report(t, "cache: destination is dirty", good, "the copy failed");
	args_report(
		t, "cache: a buffered reader sees the copy, not what was dirty",
		cache_shows_model(t, c, t->mid, NR), "it does not");
}

/* One block of a page is copied to: the others of that page are dirty and stay. */
static void test_shared_page(struct args *t, struct cache *c)
{
	const char *name =
		"cache: dirty blocks in the page of a copied one stay";
	u64 per_page = 4096 / t->unit;
	bool good;

	if (per_page < 2)
		return; /* a block is a page: nothing is shared */
	buffered_write(t, c, t->mid, 2 * per_page);
	good = copy(t, t->mid + 1, per_page);
	good = good && cache_shows_model(t, c, t->mid, 2 * per_page);
	fsync(c->fd);
	args_report(
		t, name, good,
		"the copy failed, or a buffered reader sees something else");
}

static void test_clean_shared_page(struct args *t, struct cache *c)
{
	const char *name =
		"cache: cached blocks in the page of a copied one are right";
	u64 per_page = 4096 / t->unit;
	bool good;

	if (per_page < 2)
		return; /* a block is a page: nothing is shared */
	buffered_read(t, c, t->mid, 2 * per_page);
	good = copy(t, t->mid + 1, per_page);
	args_report(
		t, name, good && cache_shows_model(t, c, t->mid, 2 * per_page),
		"the copy failed, or a buffered reader sees something else");
}

/* The copy fails after the caches were looked after: nothing that was dirty is lost. */
static void test_refused(struct args *t, struct cache *c)
{
	struct request q;

	buffered_write(t, c, t->mid, NR);
	request_init(t, &q, 2);
	q.r[1].dst = q.r[1].src;
	args_report(t, "cache: a refused copy loses nothing that is dirty",
		    t_copy(t->dev.fd, &q.a) == -EINVAL &&
			    cache_shows_model(t, c, t->mid, NR) &&
			    !fsync(c->fd),
		    "not refused, or dirty data lost");
}

void test_cache(struct args *t)
{
	struct cache c = {
		.fd = open(t->dev.path, O_RDWR | O_CLOEXEC),
		.buf = t_alloc(bytes(t, NR)),
		.want = t_alloc(bytes(t, NR)),
	};

	if (c.fd < 0)
		t_die("%s: cannot open: %s", t->dev.path, strerror(errno));
	test_dirty_source(t, &c);
	test_mapped_source(t, &c);
	test_stale_destination(t, &c);
	test_mapped_destination(t, &c);
	test_dirty_destination(t, &c);
	test_shared_page(t, &c);
	test_clean_shared_page(t, &c);
	if (t_call() != T_CFR)
		test_refused(t, &c);
	close(c.fd);
	free(c.buf);
	free(c.want);
}
