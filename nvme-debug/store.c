// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: media, a sparse array of pages.
 *
 * A logical block never spans pages, and the part of a command that falls into
 * one page is moved under that page's lock: a reader sees each block as it was
 * before or after a write, never half of both. Two locks are only ever held
 * together by a copy, lower index first.
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "nvme-debug.h"

/* Pages of all stores, so that a leak shows when the module goes. */
static atomic_long_t ndbg_pages;

/**
 * ndbg_store_pages - pages that hold data now, in all stores
 */
long ndbg_store_pages(void)
{
	return atomic_long_read(&ndbg_pages);
}

static spinlock_t *ndbg_lock_of(struct ndbg_store *store, pgoff_t index)
{
	return &store->locks[index % NDBG_STORE_LOCKS];
}

static void ndbg_free_page(struct ndbg_store *store, struct page *page)
{
	__free_page(page);
	atomic_long_dec(&store->nr_pages);
	atomic_long_dec(&ndbg_pages);
}

static struct page *ndbg_alloc_page(struct ndbg_store *store)
{
	struct page *page;

	if (atomic_long_inc_return(&store->nr_pages) >
	    READ_ONCE(store->max_pages)) {
		atomic_long_dec(&store->nr_pages);
		return ERR_PTR(-ENOSPC);
	}
	/* Rather fail a write than have the OOM killer look for victims. */
	page = alloc_page(GFP_NOIO | __GFP_ZERO | __GFP_HIGHMEM |
			  __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!page) {
		atomic_long_dec(&store->nr_pages);
		return ERR_PTR(-ENOMEM);
	}
	atomic_long_inc(&ndbg_pages);
	return page;
}

/* Make page @index present. Someone else may do so first: as good. */
static int ndbg_add_page(struct ndbg_store *store, pgoff_t index)
{
	struct page *page = ndbg_alloc_page(store);
	void *old;

	if (IS_ERR(page))
		return PTR_ERR(page);
	old = xa_cmpxchg(&store->pages, index, NULL, page,
			 GFP_NOIO | __GFP_NOWARN);
	if (!old)
		return 0;
	ndbg_free_page(store, page);
	return xa_err(old);
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
	atomic_long_set(&store->nr_pages, 0);
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
	WRITE_ONCE(store->max_pages, DIV_ROUND_UP_ULL(max_bytes, PAGE_SIZE));
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
		xa_erase(&store->pages, index);
		ndbg_free_page(store, page);
		cond_resched();
	}
	xa_destroy(&store->pages);
	WARN_ON(atomic_long_read(&store->nr_pages));
}

/* @len bytes from @pos, which lie in one page, to the host. */
static void ndbg_read_part(struct ndbg_store *store, u64 pos, size_t len,
			   struct ndbg_data *data)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct page *page;
	void *addr;

	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index);
	if (page) {
		addr = kmap_local_page(page);
		ndbg_data_put(data, addr + offset_in_page(pos), len);
		kunmap_local(addr);
	} else {
		ndbg_data_zero(data, len);
	}
	spin_unlock(ndbg_lock_of(store, index));
}

/**
 * ndbg_store_read - store to host
 * @store: where from
 * @pos: first byte
 * @len: bytes
 * @data: host memory, with room for @len bytes
 */
void ndbg_store_read(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data)
{
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - offset_in_page(pos));

		ndbg_read_part(store, pos, n, data);
		pos += n;
		len -= n;
	}
}

/* @len bytes from the host to @pos; they lie in one page. */
static int ndbg_write_part(struct ndbg_store *store, u64 pos, size_t len,
			   struct ndbg_data *data)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct page *page;
	void *addr;
	int err;

	do {
		spin_lock(ndbg_lock_of(store, index));
		page = xa_load(&store->pages, index);
		if (page) {
			addr = kmap_local_page(page);
			ndbg_data_get(data, addr + offset_in_page(pos), len);
			kunmap_local(addr);
		}
		spin_unlock(ndbg_lock_of(store, index));
		if (page)
			return 0;
		err = ndbg_add_page(store, index);
	} while (!err);
	return err;
}

/**
 * ndbg_store_write - host to store
 * @store: where to
 * @pos: first byte
 * @len: bytes
 * @data: host memory with @len bytes
 *
 * Return: 0; -ENOSPC when the store is full, -ENOMEM when the machine is. In
 * both cases blocks before the failing page are written.
 */
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data)
{
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - offset_in_page(pos));
		int err = ndbg_write_part(store, pos, n, data);

		if (err)
			return err;
		pos += n;
		len -= n;
	}
	return 0;
}

/* Zero @len bytes in one page, which stays present if it was. */
static void ndbg_zero_part(struct ndbg_store *store, u64 pos, size_t len)
{
	pgoff_t index = pos >> PAGE_SHIFT;
	struct page *page;

	spin_lock(ndbg_lock_of(store, index));
	page = xa_load(&store->pages, index);
	if (page)
		memzero_page(page, offset_in_page(pos), len);
	spin_unlock(ndbg_lock_of(store, index));
}

static void ndbg_drop_pages(struct ndbg_store *store, pgoff_t first,
			    pgoff_t last)
{
	struct page *page;
	unsigned long index;

	xa_for_each_range(&store->pages, index, page, first, last) {
		spin_lock(ndbg_lock_of(store, index));
		page = xa_erase(&store->pages, index);
		spin_unlock(ndbg_lock_of(store, index));
		if (page)
			ndbg_free_page(store, page);
		cond_resched();
	}
}

/**
 * ndbg_store_zero - make a range read as zeroes, and free what memory it can
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

/* Both pages may be one, and the two parts of it may overlap. */
static void ndbg_move(struct page *dst, size_t dst_off, struct page *src,
		      size_t src_off, size_t len)
{
	void *to = kmap_local_page(dst);
	void *from = kmap_local_page(src);

	memmove(to + dst_off, from + src_off, len);
	flush_dcache_page(dst);
	kunmap_local(from);
	kunmap_local(to);
}

/*
 * Copy what lies in one page on both sides. A source that holds nothing leaves
 * a destination that holds nothing where it can.
 *
 * Return: -EAGAIN if the destination page has to be made present first.
 */
static int ndbg_copy_locked(struct ndbg_store *store, u64 dst, u64 src,
			    size_t len, struct page **drop)
{
	struct page *from = xa_load(&store->pages, src >> PAGE_SHIFT);
	struct page *to = xa_load(&store->pages, dst >> PAGE_SHIFT);

	if (!from && !to)
		return 0;
	if (!from && len == PAGE_SIZE)
		*drop = xa_erase(&store->pages, dst >> PAGE_SHIFT);
	else if (!from)
		memzero_page(to, offset_in_page(dst), len);
	else if (to)
		ndbg_move(to, offset_in_page(dst), from, offset_in_page(src),
			  len);
	else
		return -EAGAIN;
	return 0;
}

static int ndbg_copy_part(struct ndbg_store *store, u64 dst, u64 src,
			  size_t len)
{
	pgoff_t to = dst >> PAGE_SHIFT, from = src >> PAGE_SHIFT;
	unsigned int lo = min(to % NDBG_STORE_LOCKS, from % NDBG_STORE_LOCKS);
	unsigned int hi = max(to % NDBG_STORE_LOCKS, from % NDBG_STORE_LOCKS);
	struct page *drop = NULL;
	int err;

	/* One lock serves both pages: the spare one stands in for the other. */
	if (lo == hi)
		hi = NDBG_STORE_LOCKS;
	do {
		spin_lock(&store->locks[lo]);
		spin_lock_nested(&store->locks[hi], SINGLE_DEPTH_NESTING);
		err = ndbg_copy_locked(store, dst, src, len, &drop);
		spin_unlock(&store->locks[hi]);
		spin_unlock(&store->locks[lo]);
		if (err != -EAGAIN)
			break;
		err = ndbg_add_page(store, to);
	} while (!err);
	if (drop)
		ndbg_free_page(store, drop);
	return err;
}

/**
 * ndbg_store_copy - copy within the store
 * @store: to change
 * @dst: first byte to write
 * @src: first byte to read
 * @len: bytes
 *
 * Goes upwards. Where the ranges overlap a block holds what some block of the
 * source held, before or after, which is what NVMe promises for formats 0
 * and 1.
 *
 * Return: 0; -ENOSPC when the store is full, -ENOMEM when the machine is.
 */
int ndbg_store_copy(struct ndbg_store *store, u64 dst, u64 src, u64 len)
{
	while (len) {
		size_t n = min3(len, (u64)PAGE_SIZE - offset_in_page(dst),
				(u64)PAGE_SIZE - offset_in_page(src));
		int err = ndbg_copy_part(store, dst, src, n);

		if (err)
			return err;
		dst += n;
		src += n;
		len -= n;
		cond_resched();
	}
	return 0;
}
