// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: copying from media to media.
 *
 * A copy goes by pages of the destination: it gathers one, each page of the source
 * under its own lock, then writes it. So to readers a page changes at once, also
 * where several source ranges meet in it.
 */
#include "nvme-debug.h"

/* What is in a page now, whatever becomes of it later. */
static void ndbg_see_page(struct ndbg_gather *g, struct ndbg_store *from,
			  pgoff_t index)
{
	const struct ndbg_page *page;
	void *data = g->seen.data;

	spin_lock(ndbg_lock_of(from, index));
	page = xa_load(&from->pages, index) ?: &ndbg_absent;
	memcpy(data, page->data, PAGE_SIZE);
	g->seen = *page;
	spin_unlock(ndbg_lock_of(from, index));
	g->seen.data = data;
	g->from = from;
	g->index = index;
}

/*
 * A tuple is checked as that of a block that is read, then replaced or checked
 * again as that of one that is written. What has not been written has none.
 */
static int ndbg_gather_tuple(struct ndbg_gather *g, u64 src, u64 dst)
{
	const void *block = g->seen.data + offset_in_page(src);
	struct t10_pi_tuple tuple = *ndbg_tuple(&g->seen, src);
	int err = 0;

	if (g->from_pi)
		err = ndbg_pi_check_block(g->from_pi, src, block, &tuple);
	if (err || !g->to_pi)
		return err;
	if (!(g->to_pi->prinfo & NDBG_PI_ACT))
		err = ndbg_pi_check_block(g->to_pi, dst, block, &tuple);
	else if (g->seen.written & BIT(ndbg_unit(src)))
		ndbg_pi_make(g->to_pi, dst, block, &tuple);
	*ndbg_tuple(&g->now, dst) = tuple;
	return err;
}

static int ndbg_gather_tuples(struct ndbg_gather *g, u64 src, size_t len)
{
	const struct ndbg_pi *pi = g->from_pi ?: g->to_pi;
	size_t at;
	int err = 0;

	for (at = 0; pi && at < len && !err; at += 1 << pi->shift)
		err = ndbg_gather_tuple(g, src + at, g->dst + at);
	return err;
}

/* A whole page changes hands; it is not seen any more then. */
static void ndbg_take_part(struct ndbg_gather *g, u64 src, size_t len)
{
	if (len == PAGE_SIZE) {
		swap(g->now.data, g->seen.data);
		g->from = NULL;
	} else {
		memcpy(g->now.data + offset_in_page(g->dst),
		       g->seen.data + offset_in_page(src), len);
	}
}

/* Gather @len bytes that lie in one page on both sides. */
static int ndbg_gather_part(struct ndbg_gather *g, struct ndbg_store *from,
			    u64 src, size_t len)
{
	unsigned long units = ndbg_units(src, len);
	int err;

	if (g->from != from || g->index != src >> PAGE_SHIFT)
		ndbg_see_page(g, from, src >> PAGE_SHIFT);
	if (g->seen.bad & units)
		return -EIO;
	err = ndbg_gather_tuples(g, src, len);
	if (err)
		return err;
	ndbg_take_part(g, src, len);
	g->now.written |= (g->seen.written & units) >> ndbg_unit(src)
			  << ndbg_unit(g->dst);
	g->dst += len;
	g->len += len;
	return 0;
}

/* What was not written in the source is not written after this. */
static void ndbg_put_part(struct ndbg_page *page, u64 pos, size_t len, void *ctx)
{
	const struct ndbg_gather *g = ctx;
	unsigned int first = ndbg_unit(pos), nr = len >> SECTOR_SHIFT;

	ndbg_forget_units(page, pos, len);
	memcpy(page->data + offset_in_page(pos),
	       g->now.data + offset_in_page(pos), len);
	if (g->to_pi)
		memcpy(&page->pi[first], &g->now.pi[first],
		       nr * sizeof(*page->pi));
	ndbg_mark_written(page, g->now.written);
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

	if (g->now.written)
		err = ndbg_update(g->to, pos, g->len, g->max_cached, g,
				  ndbg_put_part);
	else if (g->len)
		ndbg_store_zero(g->to, pos, g->len);
	if (err)
		return err;
	g->len = 0;
	g->now.written = 0;
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
 * Return: 0; -EIO at an uncorrectable block, or an NVMe status at one with a wrong
 * tuple, and all before it is written;
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
