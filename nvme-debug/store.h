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
 *		locks[i % NDBG_STORE_LOCKS]; the last one is spare, see
 *		ndbg_store_copy()
 */
struct ndbg_store {
	struct xarray	pages;
	unsigned long	max_pages;
	unsigned long	nr_pages;
	/* page content and presence, striped by page index */
	spinlock_t	locks[NDBG_STORE_LOCKS + 1];
};

void ndbg_store_init(struct ndbg_store *store, u64 max_bytes);
void ndbg_store_exit(struct ndbg_store *store);
int ndbg_store_read(struct ndbg_store *store, u64 pos, size_t len,
		    struct ndbg_data *data);
int ndbg_store_compare(struct ndbg_store *store, u64 pos, size_t len,
		       struct ndbg_data *data);
int ndbg_store_verify(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_written(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_spoil(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_flip(struct ndbg_store *store, u64 pos);
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data);
void ndbg_store_zero(struct ndbg_store *store, u64 pos, u64 len);
void ndbg_store_limit(struct ndbg_store *store, u64 max_bytes);
int ndbg_store_copy(struct ndbg_store *to, u64 dst, struct ndbg_store *from,
		    u64 src, u64 len);
long ndbg_store_pages(void);

#endif /* NVME_DEBUG_STORE_H */
