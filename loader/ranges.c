// SPDX-License-Identifier: GPL-2.0
#include "ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

int ranges_add(struct ranges *ranges, const struct range *range)
{
	if (ranges->nr == ranges->room) {
		size_t room = ranges->room ? ranges->room * 2 : 16;
		struct range *v =
			reallocarray(ranges->v, room, sizeof(*ranges->v));

		if (!v)
			return -ENOMEM;
		ranges->v = v;
		ranges->room = room;
	}
	ranges->v[ranges->nr++] = *range;
	return 0;
}

void ranges_free(struct ranges *ranges)
{
	free(ranges->v);
	memset(ranges, 0, sizeof(*ranges));
}

uint64_t ranges_bytes(const struct ranges *ranges)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ranges->nr; i++)
		sum += ranges->v[i].len;
	return sum;
}

/*
 * Reading a file
 */

struct reader {
	const char *name;
	unsigned int line;
	char *text; /* the line */
	char *error;
};

static int bad(const struct reader *r, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int bad(const struct reader *r, const char *at, const char *fmt, ...)
{
	va_list ap;
	int len;

	len = snprintf(r->error, RANGES_ERROR_MAX, "%s:%u:%td: ", r->name,
		       r->line, at - r->text + 1);
	if (len < 0 || len >= RANGES_ERROR_MAX)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(r->error + len, RANGES_ERROR_MAX - (size_t)len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const char blanks[] = " \t";

/* Takes one word off @at; reports it missing as @what. */
static int read_size(const struct reader *r, char **at, const char *what,
		     uint64_t *v)
{
	char word[64];
	const char *why;
	size_t len;

	*at += strspn(*at, blanks);
	len = strcspn(*at, blanks);
	if (!len)
		return bad(r, *at, "no %s: want `SRC DST LENGTH'", what);
	if (len >= sizeof(word))
		return bad(r, *at, "%s is too long", what);
	memcpy(word, *at, len);
	word[len] = '\0';
	if (units_parse_size(word, v, &why))
		return bad(r, *at, "%s `%s': %s", what, word, why);
	*at += len;
	return 0;
}

static int read_line(struct ranges *ranges, const struct reader *r)
{
	struct range range = { .line = r->line };
	char *at = r->text;
	int err;

	at[strcspn(at, "#\r\n")] = '\0';
	if (!at[strspn(at, blanks)])
		return 0;
	err = read_size(r, &at, "source", &range.src);
	if (!err)
		err = read_size(r, &at, "destination", &range.dst);
	if (!err)
		err = read_size(r, &at, "length", &range.len);
	if (err)
		return err;
	at += strspn(at, blanks);
	if (*at)
		return bad(r, at, "more than `SRC DST LENGTH'");
	return ranges_add(ranges, &range);
}

int ranges_read(struct ranges *ranges, FILE *in, const char *name, char *error)
{
	struct reader r = { .name = name, .error = error };
	size_t room = 0;
	int err = 0;

	ranges->file = name;
	while (!err && getline(&r.text, &room, in) >= 0) {
		r.line++;
		err = read_line(ranges, &r);
	}
	if (!err && ferror(in))
		err = -EIO;
	free(r.text);
	return err;
}

/*
 * Checking
 */

/* Says where range @r came from, then what is wrong with it. */
static int refuse(const struct ranges *ranges, const struct range *r,
		  char *error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(const struct ranges *ranges, const struct range *r,
		  char *error, const char *fmt, ...)
{
	int len = 0;
	va_list ap;

	if (ranges->file)
		len = snprintf(error, RANGES_ERROR_MAX, "%s:%u: ", ranges->file,
			       r->line);
	if (len < 0 || len >= RANGES_ERROR_MAX)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(error + len, RANGES_ERROR_MAX - (size_t)len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int check_one(const struct ranges *ranges, const struct range *r,
		     const struct ranges_limits *limits, char *error)
{
	uint64_t block = limits->block_bytes;

	if (!r->len)
		return refuse(ranges, r, error, "the length is 0");
	if (r->src % block || r->dst % block || r->len % block)
		return refuse(ranges, r, error,
			      "offsets and length must be multiples of the "
			      "logical block, %" PRIu64 "B",
			      block);
	if (r->src > limits->src_bytes || r->len > limits->src_bytes - r->src)
		return refuse(ranges, r, error,
			      "past the end of the source, which has %" PRIu64
			      "B",
			      limits->src_bytes);
	if (r->dst > limits->dst_bytes || r->len > limits->dst_bytes - r->dst)
		return refuse(ranges, r, error,
			      "past the end of the destination, which has "
			      "%" PRIu64 "B",
			      limits->dst_bytes);
	return 0;
}

struct span {
	uint64_t start;
	uint64_t end;
	const struct range *range;
};

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/*
 * The destinations, sorted. They do not overlap each other once this is
 * checked, so their ends are sorted too.
 */
static int sort_destinations(const struct ranges *ranges, uint64_t start,
			     struct span *spans, char *error)
{
	for (size_t i = 0; i < ranges->nr; i++) {
		const struct range *r = &ranges->v[i];

		spans[i].start = start + r->dst;
		spans[i].end = start + r->dst + r->len;
		spans[i].range = r;
	}
	qsort(spans, ranges->nr, sizeof(*spans), by_start);
	for (size_t i = 1; i < ranges->nr; i++)
		if (spans[i].start < spans[i - 1].end)
			return refuse(ranges, spans[i].range, error,
				      "two ranges write the same place of the "
				      "destination, from %" PRIu64 "B",
				      spans[i].range->dst);
	return 0;
}

/* Is anything in [start, end) written? */
static bool is_written(const struct span *spans, size_t nr, uint64_t start,
		       uint64_t end)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (spans[mid].end <= start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < nr && spans[low].start < end;
}

static int check_overlap(const struct ranges *ranges,
			 const struct ranges_limits *limits, struct span *spans,
			 char *error)
{
	int err;

	err = sort_destinations(ranges, limits->dst_start, spans, error);
	for (size_t i = 0; !err && limits->same_disk && i < ranges->nr; i++) {
		const struct range *r = &ranges->v[i];
		uint64_t start = limits->src_start + r->src;

		if (is_written(spans, ranges->nr, start, start + r->len))
			err = refuse(ranges, r, error,
				     "the destination overlaps the source, "
				     "from %" PRIu64 "B, %" PRIu64 "B long",
				     r->src, r->len);
	}
	return err;
}

int ranges_check(const struct ranges *ranges,
		 const struct ranges_limits *limits, char *error)
{
	struct span *spans;
	int err;

	for (size_t i = 0; i < ranges->nr; i++) {
		err = check_one(ranges, &ranges->v[i], limits, error);
		if (err)
			return err;
	}
	spans = calloc(ranges->nr + 1, sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	err = check_overlap(ranges, limits, spans, error);
	free(spans);
	return err;
}

/*
 * Steps
 */

size_t ranges_step(const struct ranges *ranges, struct ranges_pos *pos,
		   uint64_t max_bytes, struct blk_copy_ioc_range *out,
		   size_t max_out)
{
	size_t n = 0;

	while (n < max_out && max_bytes && pos->index < ranges->nr) {
		const struct range *r = &ranges->v[pos->index];
		uint64_t left = r->len - pos->offset;
		uint64_t len = left < max_bytes ? left : max_bytes;

		out[n++] = (struct blk_copy_ioc_range){
			.src = r->src + pos->offset,
			.dst = r->dst + pos->offset,
			.len = len,
		};
		max_bytes -= len;
		pos->offset += len;
		if (pos->offset == r->len) {
			pos->index++;
			pos->offset = 0;
		}
	}
	return n;
}
