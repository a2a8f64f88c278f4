/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: media. See store.c.
 */
#ifndef NVME_DEBUG_STORE_H
#define NVME_DEBUG_STORE_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#define NDBG_STORE_LOCKS	64

struct ndbg_data;

/**
 * struct ndbg_store - sparse bytes, all zero until written
 * @pages:	page index to struct page; an absent page reads as zeroes. Its
 *		lock is also that of the next two
 * @max_pages:	bound on @nr_pages
 * @nr_pages:	pages present
 * @locks:	content of page i is only touched under
 *		locks[i % NDBG_STORE_LOCKS]
 */
struct ndbg_store {
	struct xarray	pages;
	unsigned long	max_pages;
	unsigned long	nr_pages;
	/* page content and presence, striped by page index */
	spinlock_t	locks[NDBG_STORE_LOCKS];
};

/**
 * struct ndbg_gather - a copy: what it has read, and not written yet
 * @to:		store to write to
 * @dst:	where what is read next goes
 * @len:	bytes gathered, those before @dst in its page
 * @written:	which units of that page are to count as written
 * @page:	what is gathered, where it is to be in the page
 * @from:	store of the page that was read last, or NULL
 * @index:	which page of @from
 * @seen_marks:	its page_private(), 0 if it held nothing
 * @seen:	its content, if it held anything
 */
struct ndbg_gather {
	struct ndbg_store	*to;
	u64			dst;
	size_t			len;
	unsigned long		written;
	void			*page;
	struct ndbg_store	*from;
	pgoff_t			index;
	unsigned long		seen_marks;
	void			*seen;
};

/* The first byte that is not written yet. */
static inline u64 ndbg_gather_pos(const struct ndbg_gather *g)
{
	return g->dst - g->len;
}

void ndbg_store_init(struct ndbg_store *store, u64 max_bytes);
void ndbg_store_exit(struct ndbg_store *store);
int ndbg_store_read(struct ndbg_store *store, u64 pos, u64 len,
		    struct ndbg_data *data);
int ndbg_store_compare(struct ndbg_store *store, u64 pos, u64 len,
		       struct ndbg_data *data);
int ndbg_store_verify(struct ndbg_store *store, u64 pos, u64 len,
		      struct ndbg_data *data);
int ndbg_store_written(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_spoil(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_flip(struct ndbg_store *store, u64 pos);
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data);
void ndbg_store_zero(struct ndbg_store *store, u64 pos, u64 len);
void ndbg_store_limit(struct ndbg_store *store, u64 max_bytes);
int ndbg_gather_flush(struct ndbg_gather *g);
int ndbg_store_copy(struct ndbg_gather *g, struct ndbg_store *from, u64 src,
		    u64 len);
long ndbg_store_pages(void);

#endif /* NVME_DEBUG_STORE_H */
