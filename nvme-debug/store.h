/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: media. See store.c, gather.c and cache.c.
 */
#ifndef NVME_DEBUG_STORE_H
#define NVME_DEBUG_STORE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "pi.h"

#define NDBG_STORE_LOCKS	64
#define NDBG_CACHED		XA_MARK_0	/* pages that have @durable */
#define NDBG_UNITS		(PAGE_SIZE / SECTOR_SIZE)

struct ndbg_host;

/**
 * struct ndbg_page - what a page of a store holds
 * @data:	PAGE_SIZE bytes
 * @written:	which units have been written since they were deallocated
 * @bad:	which units are uncorrectable
 * @durable:	what it would be without power, NULL: the same
 * @pi:		tuples of the blocks that begin in each unit, if there is
 *		protection information
 */
struct ndbg_page {
	void			*data;
	unsigned long		written;
	unsigned long		bad;
	struct ndbg_page	*durable;
	struct t10_pi_tuple	pi[NDBG_UNITS];
};

/**
 * struct ndbg_store - sparse bytes, all zero until written
 * @pages:	page index to struct ndbg_page; an absent page reads as zeroes. Its
 *		lock is also that of the next three
 * @max_pages:	bound on @nr_pages
 * @nr_pages:	pages present
 * @nr_cached:	of these, those that are in the cache
 * @locks:	content of page i is only touched under
 *		locks[i % NDBG_STORE_LOCKS]
 */
struct ndbg_store {
	struct xarray	pages;
	unsigned long	max_pages;
	unsigned long	nr_pages;
	unsigned long	nr_cached;
	/* page content and presence, striped by page index */
	spinlock_t	locks[NDBG_STORE_LOCKS];
};

/**
 * struct ndbg_gather - a copy: what it has read, and not written yet
 * @to:		store to write to
 * @max_cached:	most pages of it in the cache, 0: write through it
 * @dst:	where what is read next goes
 * @len:	bytes gathered, those before @dst in its page
 * @now:	what is gathered, where it is to be in the page
 * @from:	store of the page that was read last, or NULL
 * @index:	which page of @from
 * @seen:	what it held
 * @from_pi:	how tuples are checked that are read, NULL: there are none
 * @to_pi:	how they are made, or checked, that are written; NULL: there are
 *		none
 */
struct ndbg_gather {
	struct ndbg_store	*to;
	unsigned long		max_cached;
	u64			dst;
	size_t			len;
	struct ndbg_page	now;
	struct ndbg_store	*from;
	pgoff_t			index;
	struct ndbg_page	seen;
	const struct ndbg_pi	*from_pi;
	const struct ndbg_pi	*to_pi;
};

/* What a walk that changes something does with each part, see ndbg_update(). */
typedef void ndbg_update_fn(struct ndbg_page *page, u64 pos, size_t len,
			    void *ctx);

/* For store.c, gather.c and cache.c alone. */
extern const struct ndbg_page ndbg_absent;
void ndbg_mark_written(struct ndbg_page *page, unsigned long units);
void ndbg_forget_units(struct ndbg_page *page, u64 pos, size_t len);
struct ndbg_page *ndbg_alloc_page(void);
void ndbg_free_page(struct ndbg_page *page);
struct ndbg_page *ndbg_take_page(struct ndbg_store *store, pgoff_t index);
void ndbg_copy_units(struct ndbg_page *to, const struct ndbg_page *from, u64 pos,
		     size_t len);
int ndbg_update(struct ndbg_store *store, u64 pos, u64 len,
		unsigned long max_cached, void *ctx, ndbg_update_fn *fn);
void ndbg_page_settle(struct ndbg_store *store, struct ndbg_page *page,
		      pgoff_t index);
int ndbg_cache_page(struct ndbg_store *store, pgoff_t index,
		    unsigned long max_cached);

static inline spinlock_t *ndbg_lock_of(struct ndbg_store *store, pgoff_t index)
{
	return &store->locks[index % NDBG_STORE_LOCKS];
}

/* Which unit of its page is at @pos? */
static inline unsigned int ndbg_unit(u64 pos)
{
	return offset_in_page(pos) >> SECTOR_SHIFT;
}

/* The units of a page that hold @len bytes from @pos. */
static inline unsigned long ndbg_units(u64 pos, size_t len)
{
	unsigned int first = ndbg_unit(pos);

	return GENMASK(first + (len >> SECTOR_SHIFT) - 1, first);
}

static inline struct t10_pi_tuple *ndbg_tuple(struct ndbg_page *page, u64 pos)
{
	return &page->pi[ndbg_unit(pos)];
}

/* The first byte that is not written yet. */
static inline u64 ndbg_gather_pos(const struct ndbg_gather *g)
{
	return g->dst - g->len;
}

void ndbg_store_init(struct ndbg_store *store, u64 max_bytes);
void ndbg_store_exit(struct ndbg_store *store);
int ndbg_store_read(struct ndbg_store *store, u64 pos, u64 len,
		    struct ndbg_host *host);
int ndbg_store_compare(struct ndbg_store *store, u64 pos, u64 len,
		       struct ndbg_host *host);
int ndbg_store_verify(struct ndbg_store *store, u64 pos, u64 len,
		      struct ndbg_host *host);
int ndbg_store_written(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_spoil(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_flip(struct ndbg_store *store, u64 pos);
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_host *host, unsigned long max_cached);
void ndbg_store_zero(struct ndbg_store *store, u64 pos, u64 len);
void ndbg_store_limit(struct ndbg_store *store, u64 max_bytes);
long ndbg_store_pages(void);

/* cache.c */
void ndbg_store_flush(struct ndbg_store *store);
void ndbg_store_power_cut(struct ndbg_store *store, u32 seed, size_t atomic);

/* gather.c */
int ndbg_gather_flush(struct ndbg_gather *g);
int ndbg_store_copy(struct ndbg_gather *g, struct ndbg_store *from, u64 src,
		    u64 len);

#endif /* NVME_DEBUG_STORE_H */
