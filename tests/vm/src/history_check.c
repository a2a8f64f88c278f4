// SPDX-License-Identifier: GPL-2.0
/*
 * history_check LOG...: can what was read be explained by what was written and copied?
 *
 * A line of a log is an operation, its times in nanoseconds, and the blocks that it was about:
 *
 *	w START END DONE FIRST VALUE...		a write
 *	c START END DONE FROM TO COUNT		a copy of COUNT blocks
 *	r START END FIRST VALUE...		a read; "?" is a block that is no one's
 *
 * Values are hexadecimal and not 0; a value is written once. The first DONE blocks of a write
 * or copy are what succeeded, of the others nothing is known.
 *
 * An operation on a block may take effect at any time between its START and END, also several
 * times, as when a copy is begun anew; one that succeeded has done so when it ends. A copy
 * brings what its source has at some time while it runs. From this follows when which value
 * may be in which block; it may be in more than one place of an order, so not everything that
 * is wrong is found, but what is said to be wrong is:
 *
 *	torn	the block is no one's: half old, half new
 *	alien	nobody brought this value to this block
 *	early	those who did had not begun when it was read
 *	stale	it was read after it had been replaced, or been seen replaced
 *
 * Exit status 0 if all is explained, 1 if not, 2 if the logs cannot be used.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t.h"

#define NEVER	  (~0ULL)
#define MAX_NOTES 10
#define MAX_STEPS 4000000

/* What a block has after a copy is not known, but that it is from there. */
#define UNKNOWN 0ULL

/* Something after which a block does not have other values any more than @value. */
struct event {
	u64 start;
	u64 end;
	u64 value;
	/* Of this event and those that start later: the first end, and the first of others. */
	u64 first;
	u64 first_value;
	u64 second;
};

/* @value may be in a block from @start to @until, brought by an operation that ended at @end. */
struct arrival {
	u64 value;
	u64 start;
	u64 end;
	u64 until;
	u64 copy; /* which, or NEVER */
};

struct read {
	u64 start;
	u64 end;
	u64 value;
};

#define LIST(type)           \
	struct {             \
		type *at;    \
		size_t nr;   \
		size_t room; \
	}

struct block {
	LIST(struct event) events;
	LIST(struct arrival) arrivals;
	LIST(struct read) reads;
	LIST(u64) copies; /* from here */
};

struct copy {
	u64 start;
	u64 end;
	u64 from;
	u64 to;
	LIST(u64) brought; /* arrivals at @to */
};

/* An arrival that has not been looked at. */
struct news {
	u64 block;
	u64 arrival;
};

static LIST(struct block) blocks;
static LIST(struct copy) copies;
static LIST(struct news) news;
static u64 operations, wrong, longest;

/* A new last element, all zero. */
#define add(list)                                                        \
	({                                                               \
		if ((list)->nr == (list)->room)                          \
			(list)->at = grow((list)->at, &(list)->room,     \
					  sizeof(*(list)->at));          \
		memset(&(list)->at[(list)->nr], 0, sizeof(*(list)->at)); \
		&(list)->at[(list)->nr++];                               \
	})

static void *grow(void *at, size_t *room, size_t size)
{
	*room = *room ? 2 * *room : 16;
	at = reallocarray(at, *room, size);
	if (!at)
		t_die("no memory");
	return at;
}

static struct block *block(u64 n)
{
	if (n > 1 << 20)
		t_die("block %llu: are these the right logs?", n);
	while (blocks.nr <= n)
		add(&blocks);
	return &blocks.at[n];
}

/* --- reading logs --- */

static void add_event(u64 at, u64 start, u64 end, u64 value)
{
	struct event *e = add(&block(at)->events);

	e->start = start;
	e->end = end;
	e->value = value;
}

static bool number(char **text, int base, u64 *value)
{
	char *end;

	errno = 0;
	*value = strtoull(*text, &end, base);
	if (end == *text || errno)
		return false;
	*text = end;
	return true;
}

static bool numbers(char **text, u64 *value, int nr)
{
	while (nr--)
		if (!number(text, 10, value++))
			return false;
	return true;
}

static bool parse_write(char *text)
{
	u64 n[4], value, i = 0; /* start, end, done, first */

	if (!numbers(&text, n, 4) || n[0] > n[1])
		return false;
	for (; number(&text, 16, &value); i++) {
		struct arrival *a = add(&block(n[3] + i)->arrivals);

		*a = (struct arrival){ .value = value,
				       .start = n[0],
				       .end = n[1],
				       .copy = NEVER };
		if (i < n[2])
			add_event(n[3] + i, n[0], n[1], value);
	}
	return i && n[2] <= i && !*text;
}

static bool parse_copy(char *text)
{
	u64 n[6]; /* start, end, done, from, to, count */

	if (!numbers(&text, n, 6) || n[0] > n[1] || n[2] > n[5] || *text)
		return false;
	for (u64 i = 0; i < n[5]; i++) {
		struct copy *c = add(&copies);

		c->start = n[0];
		c->end = n[1];
		c->from = n[3] + i;
		c->to = n[4] + i;
		block(c->from);
		block(c->to);
		if (i < n[2])
			add_event(c->to, n[0], n[1], UNKNOWN);
	}
	return true;
}

static void torn(u64 at, u64 start, u64 end)
{
	if (wrong++ < MAX_NOTES)
		t_note("torn: block %llu, read from %llu to %llu", at, start,
		       end);
}

static bool parse_read(char *text)
{
	u64 n[3], value, i = 0; /* start, end, first */

	if (!numbers(&text, n, 3) || n[0] > n[1])
		return false;
	for (;; i++) {
		text += strspn(text, " ");
		if (*text == '?') {
			text++;
			torn(n[2] + i, n[0], n[1]);
			continue;
		}
		if (!number(&text, 16, &value))
			break;
		*add(&block(n[2] + i)->reads) =
			(struct read){ n[0], n[1], value };
		/* Whatever else was there before is not any more. */
		add_event(n[2] + i, n[0], n[1], value);
	}
	return i && !*text;
}

static bool parse(char *line)
{
	operations++;
	switch (*line) {
	case 'w':
		return parse_write(line + 1);
	case 'c':
		return parse_copy(line + 1);
	case 'r':
		return parse_read(line + 1);
	default:
		return false;
	}
}

static void load(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, nr = 0;
	ssize_t len;

	if (!f)
		t_die("%s: %s", path, strerror(errno));
	while ((len = getline(&line, &room, f)) > 0) {
		nr++;
		/* A line that was cut off would be another operation. */
		if (line[len - 1] != '\n')
			t_die("%s:%zu: not a whole line", path, nr);
		line[len - 1] = 0;
		if (!parse(line))
			t_die("%s:%zu: not an operation: %s", path, nr, line);
	}
	free(line);
	fclose(f);
}

/* --- what may be where, and when --- */

static int by_start(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Of @e and those behind it, of which @next knows all, so that until() need not look. */
static void index_event(struct event *e, const struct event *next)
{
	if (e->value == next->first_value) {
		e->first = e->end < next->first ? e->end : next->first;
		e->first_value = e->value;
		e->second = next->second;
	} else if (e->end < next->first) {
		e->first = e->end;
		e->first_value = e->value;
		e->second = next->first;
	} else {
		e->first = next->first;
		e->first_value = next->first_value;
		e->second = e->end < next->second ? e->end : next->second;
	}
}

static void index_events(struct block *b)
{
	struct event last = { .first = NEVER, .second = NEVER };
	const struct event *next = &last;

	qsort(b->events.at, b->events.nr, sizeof(*next), by_start);
	for (size_t i = b->events.nr; i--; next = &b->events.at[i])
		index_event(&b->events.at[i], next);
}

/* When @value, brought by what ended at @end, is gone for sure. */
static u64 until(const struct block *b, u64 end, u64 value)
{
	size_t low = 0, high = b->events.nr;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (b->events.at[mid].start > end)
			high = mid;
		else
			low = mid + 1;
	}
	if (low == b->events.nr)
		return NEVER;
	return b->events.at[low].first_value != value ?
		       b->events.at[low].first :
		       b->events.at[low].second;
}

/* Copy number @n brings @value, from @start on. */
static void arrive(u64 n, u64 value, u64 start)
{
	struct copy *c = &copies.at[n];
	struct block *b = block(c->to);
	struct arrival *a;
	u64 i;

	for (i = 0; i < c->brought.nr; i++) {
		a = &b->arrivals.at[c->brought.at[i]];
		if (a->value != value)
			continue;
		if (a->start <= start)
			return;
		a->start = start;
		break;
	}
	if (i == c->brought.nr) {
		*add(&c->brought) = b->arrivals.nr;
		*add(&b->arrivals) = (struct arrival){ value, start, c->end,
						       until(b, c->end, value),
						       n };
	}
	*add(&news) = (struct news){ c->to, c->brought.at[i] };
}

/* To wherever it is copied while it may be there. */
static void carry(u64 from, u64 i)
{
	struct arrival a = block(from)->arrivals.at[i];
	const struct block *b = block(from);
	size_t low = 0, high = b->copies.nr;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (copies.at[b->copies.at[mid]].start > a.until)
			high = mid;
		else
			low = mid + 1;
	}
	while (low--) {
		const struct copy *c = &copies.at[b->copies.at[low]];

		if (c->start + longest < a.start)
			break;
		if (c->end >= a.start)
			arrive(b->copies.at[low], a.value,
			       a.start > c->start ? a.start : c->start);
	}
}

static int by_copy_start(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Which copies are from which block, in the order of their starts. */
static void index_copies(void)
{
	qsort(copies.at, copies.nr, sizeof(*copies.at), by_copy_start);
	for (u64 n = 0; n < copies.nr; n++) {
		const struct copy *c = &copies.at[n];

		*add(&block(c->from)->copies) = n;
		if (c->end - c->start > longest)
			longest = c->end - c->start;
	}
}

static void spread(void)
{
	u64 steps = 0;

	index_copies();
	for (size_t n = 0; n < blocks.nr; n++) {
		struct block *b = &blocks.at[n];

		index_events(b);
		for (size_t i = 0; i < b->arrivals.nr; i++) {
			struct arrival *a = &b->arrivals.at[i];

			a->until = until(b, a->end, a->value);
			*add(&news) = (struct news){ n, i };
		}
	}
	/* Copies of copies: until nothing gets any further. */
	while (news.nr) {
		struct news next = news.at[--news.nr];

		carry(next.block, next.arrival);
		if (++steps > MAX_STEPS)
			t_die("copies overlap so much that nothing can be told: log fewer of them, or more reads");
	}
}

/* --- the verdict --- */

/* NULL, or what is wrong. */
static const char *judge(const struct block *b, const struct read *r)
{
	const char *why = "alien";

	for (size_t i = 0; i < b->arrivals.nr; i++) {
		const struct arrival *a = &b->arrivals.at[i];

		if (a->value != r->value)
			continue;
		if (a->start <= r->end && a->until >= r->start)
			return NULL;
		if (a->start > r->end && strcmp(why, "stale"))
			why = "early";
		else if (a->start <= r->end)
			why = "stale";
	}
	return why;
}

/* What is known of that value there. */
static void explain(const struct block *b, const struct read *r)
{
	int notes = 0;

	for (size_t i = 0; i < b->arrivals.nr && notes < 3; i++) {
		const struct arrival *a = &b->arrivals.at[i];

		if (a->value != r->value)
			continue;
		notes++;
		t_note("  it came by a %s from %llu to %llu, and was gone %s %llu",
		       a->copy == NEVER ? "write" : "copy", a->start, a->end,
		       a->until == NEVER ? "never, as of" : "at",
		       a->until == NEVER ? r->end : a->until);
	}
}

static u64 check(void)
{
	u64 reads = 0;

	for (size_t n = 0; n < blocks.nr; n++) {
		const struct block *b = &blocks.at[n];

		for (size_t i = 0; i < b->reads.nr; i++, reads++) {
			const struct read *r = &b->reads.at[i];
			const char *why = judge(b, r);

			if (!why || wrong++ >= MAX_NOTES)
				continue;
			t_note("%s: block %zu had %llx, read from %llu to %llu",
			       why, n, r->value, r->start, r->end);
			explain(b, r);
		}
	}
	return reads;
}

int main(int argc, char **argv)
{
	u64 reads;

	if (argc < 2)
		t_die("usage: history_check LOG...");
	for (int i = 1; i < argc; i++)
		load(argv[i]);
	spread();
	reads = check();
	t_note("operations=%llu copied=%zu read=%llu wrong=%llu", operations,
	       copies.nr, reads, wrong);
	if (wrong)
		t_not_ok("history", "%llu blocks cannot be explained", wrong);
	else if (!reads)
		t_die("nothing was read");
	else
		t_ok("history");
	return t_exit();
}
