// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: media, a sparse array of pages.
 *
 * A logical block never spans pages, and the part of a command that falls into
 * one page is moved under that page's lock: a reader sees each block as it was
 * before or after a write, never half of both. A copy goes by pages of the
 * destination: it gathers one, each page of the source under its own lock, then
 * writes it. No two locks are held together.
 *
 * Of each unit of 512 bytes a page knows, in page_private(), whether it has been
 * written since it was last deallocated, and whether it has been declared
 * uncorrectable. What is not written is zero. An absent page is neither.
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "nvme-debug.h"

#define NDBG_UNITS	(PAGE_SIZE / SECTOR_SIZE)
static_assert(2 * NDBG_UNITS <= BITS_PER_LONG);

/* Pages of all stores, so that a leak shows when the module goes. */
static atomic_long_t ndbg_pages;

/* Pages that hold data now, in all stores. */
long ndbg_store_pages(void)
{
	return atomic_long_read(&ndbg_pages);
}

static spinlock_t *ndbg_lock_of(struct ndbg_store *store, pgoff_t index)
{
	return &store->locks[index % NDBG_STORE_LOCKS];
}

/* The units of a page that hold @len bytes from @pos. */
static unsigned long ndbg_units(u64 pos, size_t len)
{
	unsigned int first = offset_in_page(pos) >> SECTOR_SHIFT;

	return GENMASK(first + (len >> SECTOR_SHIFT) - 1, first);
}

static unsigned long ndbg_bad_units(struct page *page)
{
	return page_private(page) >> NDBG_UNITS;
}

/* What they were before, uncorrectable or not, no longer counts. */
static void ndbg_mark(struct page *page, unsigned long units, bool written)
{
	unsigned long old = page_private(page) & ~(units | units << NDBG_UNITS);

	set_page_private(page, written ? old | units : old);
}

static void ndbg_free_page(struct page *page)
{
	set_page_private(page, 0);
	__free_page(page);
	atomic_long_dec(&ndbg_pages);
}

static struct page *ndbg_alloc_page(void)
{
	/* Rather fail a write than have the OOM killer look for victims. */
	struct page *page = alloc_page(GFP_NOIO | __GFP_ZERO | __GFP_HIGHMEM |
				       __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

	if (page)
		atomic_long_inc(&ndbg_pages);
	return page;
}

/* Takes *@page over, unless there is one, or no room for one. */
static int ndbg_insert_page(struct ndbg_store *store, struct xa_state *xas,
			    struct page **page)
{
	if (xas_load(xas))
		return 0;
	if (store->nr_pages >= store->max_pages)
		return -ENOSPC;
	xas_store(xas, *page);
	if (xas_error(xas))
		return xas_error(xas);
	store->nr_pages++;
	*page = NULL;
	return 0;
}

/* Make page @index present. Someone else may do so first: as good. */
static int ndbg_add_page(struct ndbg_store *store, pgoff_t index)
{
	XA_STATE(xas, &store->pages, index);
	struct page *page = ndbg_alloc_page();
	int err;

	if (!page)
		return -ENOMEM;
	do {
		xas_lock(&xas);
		err = ndbg_insert_page(store, &xas, &page);
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_NOIO | __GFP_NOWARN));
	if (page)
		ndbg_free_page(page);
	return err;
}

/* Make page @index absent. It is the caller's then. */
static struct page *ndbg_take_page(struct ndbg_store *store, pgoff_t index)
{
	struct page *page;

	xa_lock(&store->pages);
	page = __xa_erase(&store->pages, index);
	if (page)
		store->nr_pages--;
	xa_unlock(&store->pages);
	return page;
}

/**
 * ndbg_store_init - an empty store
 * @store: to set up
 * @max_bytes: most bytes it may keep, a multiple of 4096
 */
void ndbg_store_init(struct ndbg_store *store, u64 max_bytes)
{
	unsigned int i;

	xa_init(&store->pages);
	ndbg_store_limit(store, max_bytes);
	store->nr_pages = 0;
	for (i = 0; i < ARRAY_SIZE(store->locks); i++)
		spin_lock_init(&store->locks[i]);
}

/**
 * ndbg_store_limit - change how much a store may keep
 * @store: in use or not; what it has it keeps
 * @max_bytes: most bytes, a multiple of 4096
 */
void ndbg_store_limit(struct ndbg_store *store, u64 max_bytes)
{
	xa_lock(&store->pages);
	WRITE_ONCE(store->max_pages, DIV_ROUND_UP_ULL(max_bytes, PAGE_SIZE));
	xa_unlock(&store->pages);
}

/**
 * ndbg_store_exit - free everything
 * @store: no command uses it any more
 */
void ndbg_store_exit(struct ndbg_store *store)
{
	struct page *page;
	unsigned long index;

	xa_for_each(&store->pages, index, page) {
		ndbg_free_page(ndbg_take_page(store, index));
		cond_resched();
	}
	xa_destroy(&store->pages);
	WARN_ON(store->nr_pages);
}

/*
 * What a walk that changes nothing does with each part that lies in one page.
 * @page may be NULL; @addr is where the part is in memory, zeroes if need be.
 */
typedef int ndbg_part_fn(struct page *page, const void *addr, u64 pos,
			 size_t len, struct ndbg_data *data);

static int ndbg_walk_part(struct ndbg_store *store, u64 pos, size_t len,
			  struct ndbg_data *data, ndbg_part_fn *fn)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct page *page;
	void *addr;
	int err;

	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index);
	addr = kmap_local_page(page ?: ZERO_PAGE(0));
	if (page && (ndbg_bad_units(page) & ndbg_units(pos, len)))
		err = -EIO;
	else
		err = fn(page, addr + offset_in_page(pos), pos, len, data);
	kunmap_local(addr);
	spin_unlock(ndbg_lock_of(store, index));
	return err;
}

/* Return: 0, -EIO for an uncorrectable block, or what @fn says. */
static int ndbg_walk(struct ndbg_store *store, u64 pos, u64 len,
		     struct ndbg_data *data, ndbg_part_fn *fn)
{
	while (len) {
		size_t n = min_t(u64, len, PAGE_SIZE - offset_in_page(pos));
		int err = ndbg_walk_part(store, pos, n, data, fn);

		if (err)
			return err;
		pos += n;
		len -= n;
		cond_resched();
	}
	return 0;
}

static int ndbg_read_part(struct page *page, const void *addr, u64 pos,
			  size_t len, struct ndbg_data *data)
{
	ndbg_data_put(data, addr, len);
	return 0;
}

/**
 * ndbg_store_read - store to host
 * @store: where from
 * @pos: first byte
 * @len: bytes
 * @data: host memory, with room for @len bytes
 *
 * Return: 0, or -EIO at the first uncorrectable block.
 */
int ndbg_store_read(struct ndbg_store *store, u64 pos, u64 len,
		    struct ndbg_data *data)
{
	return ndbg_walk(store, pos, len, data, ndbg_read_part);
}

static int ndbg_compare_part(struct page *page, const void *addr, u64 pos,
			     size_t len, struct ndbg_data *data)
{
	return ndbg_data_equal(data, addr, len) ? 0 : -EILSEQ;
}

/**
 * ndbg_store_compare - is in the store what the host has?
 * @store: where to look
 * @pos: first byte
 * @len: bytes
 * @data: host memory with @len bytes
 *
 * Return: 0, -EILSEQ if not, or -EIO at an uncorrectable block before that.
 */
int ndbg_store_compare(struct ndbg_store *store, u64 pos, u64 len,
		       struct ndbg_data *data)
{
	return ndbg_walk(store, pos, len, data, ndbg_compare_part);
}

static int ndbg_verify_part(struct page *page, const void *addr, u64 pos,
			    size_t len, struct ndbg_data *data)
{
	return 0;
}

/**
 * ndbg_store_verify - can all of a range be read?
 * @store: where to look
 * @pos: first byte
 * @len: bytes
 * @data: not used
 *
 * Return: 0, or -EIO at the first uncorrectable block.
 */
int ndbg_store_verify(struct ndbg_store *store, u64 pos, u64 len,
		      struct ndbg_data *data)
{
	return ndbg_walk(store, pos, len, NULL, ndbg_verify_part);
}

static int ndbg_written_part(struct page *page, const void *addr, u64 pos,
			     size_t len, struct ndbg_data *data)
{
	unsigned long units = ndbg_units(pos, len);

	return page && (page_private(page) & units) == units ? 0 : -ENODATA;
}

/**
 * ndbg_store_written - has all of a range been written?
 * @store: where to look
 * @pos: first byte
 * @len: bytes
 *
 * Return: 0, -ENODATA at the first block that has not been, or is deallocated;
 * -EIO at an uncorrectable one before that.
 */
int ndbg_store_written(struct ndbg_store *store, u64 pos, u64 len)
{
	return ndbg_walk(store, pos, len, NULL, ndbg_written_part);
}

/*
 * What a walk that changes something does with each part that lies in one page,
 * which is present by then.
 */
typedef void ndbg_update_fn(struct page *page, u64 pos, size_t len, void *ctx);

static int ndbg_update_part(struct ndbg_store *store, u64 pos, size_t len,
			    void *ctx, ndbg_update_fn *fn)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct page *page;
	int err;

	do {
		spin_lock(ndbg_lock_of(store, index));
		page = xa_load(&store->pages, index);
		if (page)
			fn(page, pos, len, ctx);
		spin_unlock(ndbg_lock_of(store, index));
		if (page)
			return 0;
		err = ndbg_add_page(store, index);
	} while (!err);
	return err;
}

/*
 * Return: 0; -ENOSPC when the store is full, -ENOMEM when the machine is. In
 * both cases blocks before the failing page are changed.
 */
static int ndbg_update(struct ndbg_store *store, u64 pos, u64 len, void *ctx,
		       ndbg_update_fn *fn)
{
	while (len) {
		size_t n = min_t(u64, len, PAGE_SIZE - offset_in_page(pos));
		int err = ndbg_update_part(store, pos, n, ctx, fn);

		if (err)
			return err;
		pos += n;
		len -= n;
		cond_resched();
	}
	return 0;
}

static void ndbg_write_part(struct page *page, u64 pos, size_t len, void *data)
{
	void *addr = kmap_local_page(page);

	ndbg_data_get(data, addr + offset_in_page(pos), len);
	kunmap_local(addr);
	ndbg_mark(page, ndbg_units(pos, len), true);
}

/**
 * ndbg_store_write - host to store
 * @store: where to
 * @pos: first byte
 * @len: bytes
 * @data: host memory with @len bytes
 *
 * Return: as ndbg_update().
 */
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data)
{
	return ndbg_update(store, pos, len, data, ndbg_write_part);
}

static void ndbg_spoil_part(struct page *page, u64 pos, size_t len, void *ctx)
{
	unsigned long units = ndbg_units(pos, len);

	set_page_private(page, page_private(page) | units | units << NDBG_UNITS);
}

/**
 * ndbg_store_spoil - make blocks uncorrectable until they are written
 * @store: to change
 * @pos: first byte
 * @len: bytes
 *
 * Return: as ndbg_update().
 */
int ndbg_store_spoil(struct ndbg_store *store, u64 pos, u64 len)
{
	return ndbg_update(store, pos, len, NULL, ndbg_spoil_part);
}

static void ndbg_flip_part(struct page *page, u64 pos, size_t len, void *ctx)
{
	u8 *addr = kmap_local_page(page);

	addr[offset_in_page(pos)] ^= 1;
	kunmap_local(addr);
}

/**
 * ndbg_store_flip - change one bit, of which nothing tells
 * @store: to change
 * @pos: which byte it is in
 *
 * Return: as ndbg_update().
 */
int ndbg_store_flip(struct ndbg_store *store, u64 pos)
{
	return ndbg_update(store, pos, 1, NULL, ndbg_flip_part);
}

/* Zero @len bytes in one page, which stays present if it was. */
static void ndbg_zero_part(struct ndbg_store *store, u64 pos, size_t len)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct page *page;

	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index);
	if (page) {
		memzero_page(page, offset_in_page(pos), len);
		ndbg_mark(page, ndbg_units(pos, len), false);
	}
	spin_unlock(ndbg_lock_of(store, index));
}

static void ndbg_drop_pages(struct ndbg_store *store, pgoff_t first,
			    pgoff_t last)
{
	struct page *page;
	unsigned long index;

	xa_for_each_range(&store->pages, index, page, first, last) {
		spin_lock(ndbg_lock_of(store, index));
		page = ndbg_take_page(store, index);
		spin_unlock(ndbg_lock_of(store, index));
		if (page)
			ndbg_free_page(page);
		cond_resched();
	}
}

/**
 * ndbg_store_zero - deallocate a range: it reads as zeroes and takes no memory
 * @store: to change
 * @pos: first byte
 * @len: bytes
 */
void ndbg_store_zero(struct ndbg_store *store, u64 pos, u64 len)
{
	u64 end = pos + len;
	u64 first = round_up(pos, PAGE_SIZE);
	u64 last = round_down(end, PAGE_SIZE);

	if (first > last) {
		ndbg_zero_part(store, pos, len);
		return;
	}
	if (pos < first)
		ndbg_zero_part(store, pos, first - pos);
	if (first < last)
		ndbg_drop_pages(store, first >> PAGE_SHIFT,
				(last >> PAGE_SHIFT) - 1);
	if (last < end)
		ndbg_zero_part(store, last, end - last);
}

/* What is in a page now, whatever becomes of it later. */
static void ndbg_see_page(struct ndbg_gather *g, struct ndbg_store *from,
			  pgoff_t index)
{
	struct page *page;

	spin_lock(ndbg_lock_of(from, index));
	page = xa_load(&from->pages, index);
	g->seen_marks = page ? page_private(page) : 0;
	if (g->seen_marks)
		memcpy_from_page(g->seen, page, 0, PAGE_SIZE);
	spin_unlock(ndbg_lock_of(from, index));
	g->from = from;
	g->index = index;
}

/* Gather @len bytes that lie in one page on both sides. */
static int ndbg_gather_part(struct ndbg_gather *g, struct ndbg_store *from,
			    u64 src, size_t len)
{
	unsigned int at = offset_in_page(src), to = offset_in_page(g->dst);
	unsigned long units = ndbg_units(src, len);

	if (g->from != from || g->index != src >> PAGE_SHIFT)
		ndbg_see_page(g, from, src >> PAGE_SHIFT);
	if (g->seen_marks >> NDBG_UNITS & units)
		return -EIO;
	units &= g->seen_marks;
	if (units)
		memcpy(g->page + to, g->seen + at, len);
	else
		memset(g->page + to, 0, len);
	g->written |= units >> (at >> SECTOR_SHIFT) << (to >> SECTOR_SHIFT);
	g->dst += len;
	g->len += len;
	return 0;
}

/* What was not written in the source is not written after this. */
static void ndbg_put_part(struct page *page, u64 pos, size_t len, void *ctx)
{
	const struct ndbg_gather *g = ctx;

	memcpy_to_page(page, offset_in_page(pos), g->page + offset_in_page(pos),
		       len);
	ndbg_mark(page, ndbg_units(pos, len), false);
	ndbg_mark(page, g->written, true);
}

/**
 * ndbg_gather_flush - write what has been gathered
 * @g: copy; may go on
 *
 * A source that holds nothing leaves a destination that holds nothing.
 *
 * Return: 0; -ENOSPC when the store is full, -ENOMEM when the machine is. Then
 * it is still there, and not written.
 */
int ndbg_gather_flush(struct ndbg_gather *g)
{
	u64 pos = ndbg_gather_pos(g);
	int err = 0;

	if (g->written)
		err = ndbg_update(g->to, pos, g->len, g, ndbg_put_part);
	else if (g->len)
		ndbg_store_zero(g->to, pos, g->len);
	if (err)
		return err;
	g->len = 0;
	g->written = 0;
	return 0;
}

/**
 * ndbg_store_copy - copy within a store, or between two
 * @g: copy; goes on where it was
 * @from: where from
 * @src: first byte to read
 * @len: bytes
 *
 * A page of either side is read or written at once, a page of the destination
 * not before it is full or flushed. Where ranges overlap a block holds what some
 * block of the source held, before or after: more is not promised.
 *
 * Return: 0; -EIO at an uncorrectable block, and all before it is written;
 * -ENOSPC when the store is full, -ENOMEM when the machine is.
 */
int ndbg_store_copy(struct ndbg_gather *g, struct ndbg_store *from, u64 src,
		    u64 len)
{
	while (len) {
		size_t n = min3(len, (u64)PAGE_SIZE - offset_in_page(g->dst),
				(u64)PAGE_SIZE - offset_in_page(src));
		int err = ndbg_gather_part(g, from, src, n);

		if (err)
			return ndbg_gather_flush(g) ?: err;
		if (!offset_in_page(g->dst))
			err = ndbg_gather_flush(g);
		if (err)
			return err;
		src += n;
		len -= n;
		cond_resched();
	}
	return 0;
}
