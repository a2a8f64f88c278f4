// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "layout.h"

const char *const layout_names[LAYOUT_KINDS] = {
	[LAYOUT_SHUFFLE] = "shuffle", [LAYOUT_GATHER] = "gather",
	[LAYOUT_SCATTER] = "scatter", [LAYOUT_TOUCH] = "touch",
	[LAYOUT_REPEAT] = "repeat",
};

/* A piece of an area: *at is set to the place of @len units. */
struct piece {
	u64 len;
	u64 *at;
};

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* Cut @total units into l->nr lengths, none of them 0. */
static void cut(struct layout *l, struct t_rng *rng, u64 total)
{
	u64 *point = t_alloc((l->nr + 1) * sizeof(*point));
	u64 spare = total - l->nr;

	for (u32 i = 1; i < l->nr; i++)
		point[i] = t_below(rng, spare + 1);
	point[0] = 0;
	point[l->nr] = spare;
	qsort(point + 1, l->nr - 1, sizeof(*point), compare_u64);
	for (u32 i = 0; i < l->nr; i++)
		l->range[i].len = point[i + 1] - point[i] + 1;
	free(point);
}

/* Put the pieces into the area in random order, with random gaps if @gaps. */
static void place(struct piece *piece, u32 nr, struct t_rng *rng,
		  const struct area *area, bool gaps)
{
	u64 spare = area->nr, at = area->first;

	for (u32 i = 0; i < nr; i++)
		spare -= piece[i].len;
	at += t_below(rng, spare + 1) / (gaps ? nr + 1 : 1);
	spare -= at - area->first;
	for (u32 i = 0; i < nr; i++) {
		u32 j = i + t_below(rng, nr - i);
		struct piece chosen = piece[j];

		piece[j] = piece[i];
		piece[i] = chosen;
		*chosen.at = at;
		at += chosen.len;
		if (gaps && t_below(rng, 2)) {
			u64 gap = t_below(rng, spare * 2 / nr + 1);

			gap = gap < spare ? gap : spare;
			at += gap;
			spare -= gap;
		}
	}
}

/* One side of the ranges as pieces: a single one if it is contiguous. */
static u32 side(struct layout *l, struct piece *piece, bool dst, bool whole)
{
	if (whole) {
		piece[0].len = l->total;
		piece[0].at = dst ? &l->range[0].dst : &l->range[0].src;
		return 1;
	}
	for (u32 i = 0; i < l->nr; i++) {
		piece[i].len = l->range[i].len;
		piece[i].at = dst ? &l->range[i].dst : &l->range[i].src;
	}
	return l->nr;
}

static void spread_source(struct layout *l)
{
	for (u32 i = 1; i < l->nr; i++)
		l->range[i].src = l->range[i - 1].src + l->range[i - 1].len;
}

static void spread_destination(struct layout *l)
{
	for (u32 i = 1; i < l->nr; i++)
		l->range[i].dst = l->range[i - 1].dst + l->range[i - 1].len;
}

/* All sources somewhere within the units that the first one got. */
static void repeat_source(struct layout *l, struct t_rng *rng)
{
	u64 first = l->range[0].src;

	for (u32 i = 0; i < l->nr; i++)
		l->range[i].src =
			first + t_below(rng, l->total - l->range[i].len + 1);
}

void layout_make(struct layout *l, struct t_rng *rng, enum layout_kind kind,
		 u32 nr, u64 total, const struct area *src,
		 const struct area *dst, bool same)
{
	struct piece *piece = t_alloc(2 * nr * sizeof(*piece));
	bool gaps = kind != LAYOUT_TOUCH;
	u32 n;

	l->kind = kind;
	l->nr = nr;
	l->total = total;
	cut(l, rng, total);
	n = side(l, piece, false,
		 kind == LAYOUT_SCATTER || kind == LAYOUT_REPEAT);
	if (!same) {
		place(piece, n, rng, src, gaps);
		n = 0;
	}
	n += side(l, piece + n, true, kind == LAYOUT_GATHER);
	place(piece, n, rng, dst, gaps);
	if (kind == LAYOUT_SCATTER)
		spread_source(l);
	if (kind == LAYOUT_GATHER)
		spread_destination(l);
	if (kind == LAYOUT_REPEAT)
		repeat_source(l, rng);
	free(piece);
}
