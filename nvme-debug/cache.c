// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: the volatile write cache.
 *
 * What is written lies in the cache until a flush, or for as long as there is
 * room. A page of a store knows what it was before, which is what the medium
 * holds: without power, blocks are that again, or what was written last, as a
 * seed says. No block is ever anything else.
 *
 * Written through the cache are Force Unit Access, with all that is in the cache
 * of the same page, and deallocation and Write Uncorrectable, which have no data.
 */
#include <linux/jhash.h>

#include "nvme-debug.h"

/* Under the page's lock: what it is now is on the medium, too. */
void ndbg_page_settle(struct ndbg_store *store, struct ndbg_page *page,
		      pgoff_t index)
{
	if (!page->durable)
		return;
	ndbg_free_page(page->durable);
	page->durable = NULL;
	xa_lock(&store->pages);
	__xa_clear_mark(&store->pages, index, NDBG_CACHED);
	store->nr_cached--;
	xa_unlock(&store->pages);
}

/* Under the page's lock. Takes *@copy over. */
static void ndbg_page_remember(struct ndbg_store *store, struct ndbg_page *page,
			       pgoff_t index, struct ndbg_page **copy)
{
	ndbg_copy_units(*copy, page, 0, PAGE_SIZE);
	page->durable = *copy;
	*copy = NULL;
	xa_lock(&store->pages);
	__xa_set_mark(&store->pages, index, NDBG_CACHED);
	store->nr_cached++;
	xa_unlock(&store->pages);
}

/**
 * ndbg_cache_page - have what is written next into a page be in the cache
 * @store: the page's
 * @index: of the page; it may go, or be flushed, before it is written
 * @max_cached: most pages in the cache; if they are, all are flushed
 *
 * Return: 0 or -ENOMEM.
 */
int ndbg_cache_page(struct ndbg_store *store, pgoff_t index,
		    unsigned long max_cached)
{
	struct ndbg_page *page, *copy;

	if (READ_ONCE(store->nr_cached) >= max_cached)
		ndbg_store_flush(store);
	copy = ndbg_alloc_page();
	if (!copy)
		return -ENOMEM;
	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index);
	if (page && !page->durable)
		ndbg_page_remember(store, page, index, &copy);
	spin_unlock(ndbg_lock_of(store, index));
	if (copy)
		ndbg_free_page(copy);
	return 0;
}

/**
 * ndbg_store_flush - put on the medium what is in the cache
 * @store: in use or not
 */
void ndbg_store_flush(struct ndbg_store *store)
{
	struct ndbg_page *page;
	unsigned long index;

	xa_for_each_marked(&store->pages, index, page, NDBG_CACHED) {
		spin_lock(ndbg_lock_of(store, index));
		page = xa_load(&store->pages, index);
		if (page)
			ndbg_page_settle(store, page, index);
		spin_unlock(ndbg_lock_of(store, index));
		cond_resched();
	}
}

static bool ndbg_is_lost(u64 pos, u32 seed)
{
	return jhash_3words(pos >> SECTOR_SHIFT, pos >> (SECTOR_SHIFT + 32), seed,
			    0) & 1;
}

/* Under the page's lock. */
static void ndbg_page_power_cut(struct ndbg_store *store,
				struct ndbg_page *page, pgoff_t index,
				u32 seed, size_t atomic)
{
	u64 begin = (u64)index << PAGE_SHIFT, pos;

	for (pos = begin; pos < begin + PAGE_SIZE; pos += atomic)
		if (ndbg_is_lost(pos, seed))
			ndbg_copy_units(page, page->durable, pos, atomic);
	ndbg_page_settle(store, page, index);
	if (!page->written)
		ndbg_free_page(ndbg_take_page(store, index));
}

/**
 * ndbg_store_power_cut - lose what is in the cache, or some of it
 * @store: what is written meanwhile may be lost, too
 * @seed: says which
 * @atomic: bytes that are lost together or not at all, a power of 2, to a page
 */
void ndbg_store_power_cut(struct ndbg_store *store, u32 seed, size_t atomic)
{
	struct ndbg_page *page;
	unsigned long index;

	xa_for_each_marked(&store->pages, index, page, NDBG_CACHED) {
		spin_lock(ndbg_lock_of(store, index));
		page = xa_load(&store->pages, index);
		if (page && page->durable)
			ndbg_page_power_cut(store, page, index, seed, atomic);
		spin_unlock(ndbg_lock_of(store, index));
		cond_resched();
	}
}
