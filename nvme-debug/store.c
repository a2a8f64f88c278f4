// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: media, a sparse array of pages.
 *
 * A logical block never spans pages, and the part of a command that falls into
 * one page is moved under that page's lock: a reader sees each block as it was
 * before or after a write, never half of both. No two locks are held together.
 *
 * Of each unit of 512 bytes a page knows whether it has been written since it was
 * last deallocated, and whether it has been declared uncorrectable; of the first
 * unit of each block, also its tuple of protection information. What is not
 * written is zero, and nobody is to check it. An absent page is neither.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "nvme-debug.h"

static_assert(NDBG_UNITS <= BITS_PER_LONG);

static const u8 ndbg_zeroes[PAGE_SIZE];

/* What there is where there is no page. */
const struct ndbg_page ndbg_absent = {
	.data	= (void *)ndbg_zeroes,
	.pi	= { [0 ... NDBG_UNITS - 1] = NDBG_PI_NONE },
};

/* Pages of all stores, so that a leak shows when the module goes. */
static atomic_long_t ndbg_pages;

/* Pages that hold data now, in all stores. */
long ndbg_store_pages(void)
{
	return atomic_long_read(&ndbg_pages);
}

/* What they were before, uncorrectable or not, no longer counts. */
void ndbg_mark_written(struct ndbg_page *page, unsigned long units)
{
	page->written |= units;
	page->bad &= ~units;
}

/* All but the data, of what is not written or about to be. */
void ndbg_forget_units(struct ndbg_page *page, u64 pos, size_t len)
{
	unsigned int first = ndbg_unit(pos), nr = len >> SECTOR_SHIFT;

	memcpy(&page->pi[first], &ndbg_absent.pi[first], nr * sizeof(*page->pi));
	page->written &= ~ndbg_units(pos, len);
	page->bad &= ~ndbg_units(pos, len);
}

/* Not written, in a page that is there. */
static void ndbg_zero_units(struct ndbg_page *page, u64 pos, size_t len)
{
	memset(page->data + offset_in_page(pos), 0, len);
	ndbg_forget_units(page, pos, len);
}

/* Content, tuples and all, of what lies in one page. */
void ndbg_copy_units(struct ndbg_page *to, const struct ndbg_page *from, u64 pos,
		     size_t len)
{
	unsigned int first = ndbg_unit(pos), nr = len >> SECTOR_SHIFT;
	unsigned long units = ndbg_units(pos, len);

	memcpy(to->data + offset_in_page(pos), from->data + offset_in_page(pos),
	       len);
	memcpy(&to->pi[first], &from->pi[first], nr * sizeof(*to->pi));
	to->written = (to->written & ~units) | (from->written & units);
	to->bad = (to->bad & ~units) | (from->bad & units);
}

void ndbg_free_page(struct ndbg_page *page)
{
	if (page->durable)
		ndbg_free_page(page->durable);
	free_page((unsigned long)page->data);
	kfree(page);
	atomic_long_dec(&ndbg_pages);
}

/* Rather fail a write than have the OOM killer look for victims. */
#define NDBG_GFP	(GFP_NOIO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

struct ndbg_page *ndbg_alloc_page(void)
{
	struct ndbg_page *page = kmemdup(&ndbg_absent, sizeof(*page), NDBG_GFP);

	if (!page)
		return NULL;
	page->data = (void *)__get_free_page(NDBG_GFP | __GFP_ZERO);
	if (!page->data) {
		kfree(page);
		return NULL;
	}
	atomic_long_inc(&ndbg_pages);
	return page;
}

/* Takes *@page over, unless there is one, or no room for one. */
static int ndbg_insert_page(struct ndbg_store *store, struct xa_state *xas,
			    struct ndbg_page **page)
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
	struct ndbg_page *page = ndbg_alloc_page();
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
struct ndbg_page *ndbg_take_page(struct ndbg_store *store, pgoff_t index)
{
	struct ndbg_page *page;

	xa_lock(&store->pages);
	page = __xa_erase(&store->pages, index);
	if (page) {
		store->nr_pages--;
		store->nr_cached -= !!page->durable;
	}
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
	store->nr_cached = 0;
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
	struct ndbg_page *page;
	unsigned long index;

	xa_for_each(&store->pages, index, page) {
		ndbg_free_page(ndbg_take_page(store, index));
		cond_resched();
	}
	xa_destroy(&store->pages);
	WARN_ON(store->nr_pages || store->nr_cached);
}

/*
 * What a walk that changes nothing does with each part that lies in one page.
 * Where there is protection information, a part is one block, which has been
 * checked.
 */
typedef int ndbg_part_fn(const struct ndbg_page *page, u64 pos, size_t len,
			 struct ndbg_host *host);

static int ndbg_look_at(const struct ndbg_page *page, u64 pos, size_t len,
			struct ndbg_host *host, ndbg_part_fn *fn)
{
	const struct ndbg_pi *pi = host ? host->pi : NULL;
	size_t n = pi ? 1 << pi->shift : len;
	int err = 0;

	if (page->bad & ndbg_units(pos, len))
		return -EIO;
	for (; len && !err; len -= n, pos += n) {
		if (pi)
			err = ndbg_pi_check_block(pi, pos,
						  page->data + offset_in_page(pos),
						  &page->pi[ndbg_unit(pos)]);
		if (!err)
			err = fn(page, pos, n, host);
	}
	return err;
}

static int ndbg_walk_part(struct ndbg_store *store, u64 pos, size_t len,
			  struct ndbg_host *host, ndbg_part_fn *fn)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	const struct ndbg_page *page;
	int err;

	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index) ?: &ndbg_absent;
	err = ndbg_look_at(page, pos, len, host, fn);
	spin_unlock(ndbg_lock_of(store, index));
	return err;
}

/*
 * Return: 0, -EIO for an uncorrectable block, an NVMe status for a wrong tuple, or
 * what @fn says.
 */
static int ndbg_walk(struct ndbg_store *store, u64 pos, u64 len,
		     struct ndbg_host *host, ndbg_part_fn *fn)
{
	while (len) {
		size_t n = min_t(u64, len, PAGE_SIZE - offset_in_page(pos));
		int err = ndbg_walk_part(store, pos, n, host, fn);

		if (err)
			return err;
		pos += n;
		len -= n;
		cond_resched();
	}
	return 0;
}

static int ndbg_read_part(const struct ndbg_page *page, u64 pos, size_t len,
			  struct ndbg_host *host)
{
	ndbg_data_put(&host->data, page->data + offset_in_page(pos), len);
	if (host->tuples)
		ndbg_data_put(host->tuples, &page->pi[ndbg_unit(pos)],
			      sizeof(*page->pi));
	return 0;
}

/**
 * ndbg_store_read - store to host
 * @store: where from
 * @pos: first byte
 * @len: bytes
 * @host: host memory, with room for @len bytes and their tuples
 *
 * Return: 0, -EIO at the first uncorrectable block, or an NVMe status at the first
 * wrong tuple.
 */
int ndbg_store_read(struct ndbg_store *store, u64 pos, u64 len,
		    struct ndbg_host *host)
{
	return ndbg_walk(store, pos, len, host, ndbg_read_part);
}

/* Tuples are none of what is compared. */
static int ndbg_compare_part(const struct ndbg_page *page, u64 pos, size_t len,
			     struct ndbg_host *host)
{
	struct t10_pi_tuple tuple;

	if (!ndbg_data_equal(&host->data, page->data + offset_in_page(pos), len))
		return -EILSEQ;
	if (host->tuples)
		ndbg_data_get(host->tuples, &tuple, sizeof(tuple));
	return 0;
}

/**
 * ndbg_store_compare - is in the store what the host has?
 * @store: where to look
 * @pos: first byte
 * @len: bytes
 * @host: host memory with @len bytes and their tuples
 *
 * Return: 0, -EILSEQ if not; before that, as ndbg_store_read().
 */
int ndbg_store_compare(struct ndbg_store *store, u64 pos, u64 len,
		       struct ndbg_host *host)
{
	return ndbg_walk(store, pos, len, host, ndbg_compare_part);
}

static int ndbg_verify_part(const struct ndbg_page *page, u64 pos, size_t len,
			    struct ndbg_host *host)
{
	return 0;
}

/**
 * ndbg_store_verify - can all of a range be read?
 * @store: where to look
 * @pos: first byte
 * @len: bytes
 * @host: what there is to check
 *
 * Return: as ndbg_store_read().
 */
int ndbg_store_verify(struct ndbg_store *store, u64 pos, u64 len,
		      struct ndbg_host *host)
{
	return ndbg_walk(store, pos, len, host, ndbg_verify_part);
}

static int ndbg_written_part(const struct ndbg_page *page, u64 pos, size_t len,
			     struct ndbg_host *host)
{
	return ndbg_units(pos, len) & ~page->written ? -ENODATA : 0;
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
 * A page that is not there, or not in the cache where it should be, is made so
 * first. What the cache has no memory for is written through it.
 */
static int ndbg_update_part(struct ndbg_store *store, u64 pos, size_t len,
			    unsigned long max_cached, void *ctx,
			    ndbg_update_fn *fn)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct ndbg_page *page;
	bool ready;
	int err = 0;

	do {
		spin_lock(ndbg_lock_of(store, index));
		page = xa_load(&store->pages, index);
		ready = page && (page->durable || !max_cached);
		if (ready)
			fn(page, pos, len, ctx);
		if (ready && !max_cached)
			ndbg_page_settle(store, page, index);
		spin_unlock(ndbg_lock_of(store, index));
		if (ready)
			return 0;
		if (!page)
			err = ndbg_add_page(store, index);
		else if (ndbg_cache_page(store, index, max_cached))
			max_cached = 0;
	} while (!err);
	return err;
}

/**
 * ndbg_update - change something
 * @store: to change
 * @pos: first byte
 * @len: bytes
 * @max_cached: most pages of @store in the cache, 0: write through it
 * @ctx: for @fn
 * @fn: does it, with each part that lies in one page, which is present by then
 *
 * Return: 0; -ENOSPC when the store is full, -ENOMEM when the machine is. In
 * both cases blocks before the failing page are changed.
 */
int ndbg_update(struct ndbg_store *store, u64 pos, u64 len,
		unsigned long max_cached, void *ctx, ndbg_update_fn *fn)
{
	while (len) {
		size_t n = min_t(u64, len, PAGE_SIZE - offset_in_page(pos));
		int err = ndbg_update_part(store, pos, n, max_cached, ctx, fn);

		if (err)
			return err;
		pos += n;
		len -= n;
		cond_resched();
	}
	return 0;
}

static void ndbg_write_tuple(struct ndbg_page *page, u64 pos,
			     struct ndbg_host *host)
{
	struct t10_pi_tuple *tuple = ndbg_tuple(page, pos);

	if (host->tuples) {
		ndbg_data_get(host->tuples, tuple, sizeof(*tuple));
		ndbg_pi_remap(host->pi, tuple);
	} else {
		ndbg_pi_make(host->pi, pos, page->data + offset_in_page(pos),
			     tuple);
	}
}

static void ndbg_write_part(struct ndbg_page *page, u64 pos, size_t len,
			    void *ctx)
{
	struct ndbg_host *host = ctx;
	size_t n = host->pi ? 1 << host->pi->shift : len;

	ndbg_mark_written(page, ndbg_units(pos, len));
	for (; len; len -= n, pos += n) {
		ndbg_data_get(&host->data, page->data + offset_in_page(pos), n);
		if (host->pi)
			ndbg_write_tuple(page, pos, host);
	}
}

/**
 * ndbg_store_write - host to store
 * @store: where to
 * @pos: first byte
 * @len: bytes
 * @host: host memory with @len bytes, and their tuples if they are not to be made
 * @max_cached: as for ndbg_update()
 *
 * Return: as ndbg_update().
 */
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_host *host, unsigned long max_cached)
{
	return ndbg_update(store, pos, len, max_cached, host, ndbg_write_part);
}

static void ndbg_spoil_part(struct ndbg_page *page, u64 pos, size_t len, void *ctx)
{
	page->written |= ndbg_units(pos, len);
	page->bad |= ndbg_units(pos, len);
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
	return ndbg_update(store, pos, len, 0, NULL, ndbg_spoil_part);
}

static void ndbg_flip_part(struct ndbg_page *page, u64 pos, size_t len, void *ctx)
{
	((u8 *)page->data)[offset_in_page(pos)] ^= 1;
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
	return ndbg_update(store, pos, 1, 0, NULL, ndbg_flip_part);
}

/* Zero @len bytes in one page, which stays present if it was. */
static void ndbg_zero_part(struct ndbg_store *store, u64 pos, size_t len)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct ndbg_page *page;

	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index);
	if (page) {
		ndbg_zero_units(page, pos, len);
		ndbg_page_settle(store, page, index);
	}
	spin_unlock(ndbg_lock_of(store, index));
}

static void ndbg_drop_pages(struct ndbg_store *store, pgoff_t first,
			    pgoff_t last)
{
	struct ndbg_page *page;
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
