// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stamp.h"

#define CHUNK	  (1u << 20)
#define MAX_NOTES 4
#define LBA_BITS  40

stamp_id stamp_make_id(u32 writer, u32 generation, u64 lba)
{
	return (u64)(writer & 0xff) << 56 |
	       (u64)(generation & 0xffff) << LBA_BITS |
	       (lba & ((1ull << LBA_BITS) - 1));
}

static void stamp_from_id(const struct stamped *s, stamp_id id,
			  struct stamp *stamp)
{
	stamp->magic = STAMP_MAGIC;
	stamp->generation = id >> LBA_BITS & 0xffff;
	stamp->writer = id >> 56;
	stamp->lba = id & ((1ull << LBA_BITS) - 1);
	stamp->hash = t_mix(id ^ t_mix(s->seed + 1));
}

void stamp_fill(const struct stamped *s, stamp_id id, void *buf)
{
	struct stamp *stamp = buf;
	u64 *word = buf;
	u64 value;

	stamp_from_id(s, id, stamp);
	value = stamp->hash;
	for (size_t i = sizeof(*stamp) / 8; i < s->unit / 8; i++)
		word[i] = value += 0x9e3779b97f4a7c15ull;
}

bool stamp_read(const struct stamped *s, const void *buf, stamp_id *id)
{
	const struct stamp *found = buf;
	const u64 *word = buf;
	struct stamp want;
	u64 value;

	*id = stamp_make_id(found->writer, found->generation, found->lba);
	stamp_from_id(s, *id, &want);
	if (memcmp(found, &want, sizeof(want)))
		return false;
	value = want.hash;
	for (size_t i = sizeof(want) / 8; i < s->unit / 8; i++)
		if (word[i] != (value += 0x9e3779b97f4a7c15ull))
			return false;
	return true;
}

void stamped_init(struct stamped *s, const struct t_dev *dev, u32 unit,
		  u64 seed)
{
	s->dev = dev;
	s->unit = unit;
	s->nr = dev->bytes / unit;
	s->seed = seed;
	s->ids = calloc(s->nr, sizeof(*s->ids));
	if (!s->ids)
		t_die("%s: no memory for a model of %llu units", dev->path,
		      s->nr);
}

void stamped_exit(struct stamped *s)
{
	free(s->ids);
}

void stamped_note(struct stamped *s, u64 first, u64 nr, u32 writer,
		  u32 generation)
{
	for (u64 i = first; i < first + nr; i++)
		s->ids[i] = stamp_make_id(writer, generation, i);
}

void stamped_render(const struct stamped *s, u64 first, u64 nr, void *buf)
{
	for (u64 i = 0; i < nr; i++)
		stamp_fill(s, s->ids[first + i], (char *)buf + i * s->unit);
}

void stamped_write(struct stamped *s, u64 first, u64 nr, u32 writer,
		   u32 generation)
{
	u64 step = CHUNK / s->unit;
	void *buf = t_alloc((nr < step ? nr : step) * s->unit);

	stamped_note(s, first, nr, writer, generation);
	while (nr) {
		u64 n = nr < step ? nr : step;
		size_t len = n * s->unit;

		stamped_render(s, first, n, buf);
		if (pwrite(s->dev->fd, buf, len, first * s->unit) !=
		    (ssize_t)len)
			t_die("%s: writing %zu bytes at %llu: %s", s->dev->path,
			      len, (first * s->unit), strerror(errno));
		first += n;
		nr -= n;
	}
	free(buf);
}

void stamped_copy(struct stamped *dst, u64 to, const struct stamped *src,
		  u64 from, u64 nr)
{
	memmove(dst->ids + to, src->ids + from, nr * sizeof(*dst->ids));
}

static void describe(const struct stamped *s, u64 at, const void *data,
		     const char *what)
{
	const struct stamp *found = data;
	struct stamp want;

	stamp_from_id(s, s->ids[at], &want);
	if (found->magic != STAMP_MAGIC) {
		t_note("%s: %s unit %llu: no stamp there (%016llx), expected writer %u generation %u unit %llu",
		       what, s->dev->path, at, found->magic, want.writer,
		       want.generation, want.lba);
		return;
	}
	t_note("%s: %s unit %llu: writer %u generation %u unit %llu%s, expected writer %u generation %u unit %llu",
	       what, s->dev->path, at, found->writer, found->generation,
	       found->lba,
	       memcmp(found, &want, sizeof(want)) ? "" : " with other bytes",
	       want.writer, want.generation, want.lba);
}

/* Compare @n units that were read into @got; @scratch holds as many. */
static u64 compare(const struct stamped *s, const stamp_id *other, u64 first,
		   u64 n, const char *got, char *scratch, const char *what,
		   u64 bad)
{
	u64 before = bad;

	stamped_render(s, first, n, scratch);
	if (!memcmp(got, scratch, n * s->unit))
		return 0;
	for (u64 i = 0; i < n; i++) {
		const char *data = got + i * s->unit;

		if (!memcmp(data, scratch + i * s->unit, s->unit))
			continue;
		if (other) {
			stamp_fill(s, other[first + i], scratch + i * s->unit);
			if (!memcmp(data, scratch + i * s->unit, s->unit))
				continue;
		}
		if (bad++ < MAX_NOTES)
			describe(s, first + i, data, what);
	}
	return bad - before;
}

u64 stamped_verify_either(const struct stamped *s, const stamp_id *other,
			  u64 first, u64 nr, const char *what)
{
	u64 step = CHUNK / s->unit,
	    end = first + nr < s->nr ? first + nr : s->nr;
	/* Most calls are about a few units: do not map a chunk for those. */
	size_t most = (nr < step ? nr : step) * s->unit;
	char *got = t_alloc(most), *scratch = t_alloc(most);
	u64 bad = 0;

	while (first < end) {
		u64 n = end - first < step ? end - first : step;
		size_t len = n * s->unit;

		if (pread(s->dev->fd, got, len, first * s->unit) !=
		    (ssize_t)len)
			t_die("%s: reading %zu bytes at %llu: %s", s->dev->path,
			      len, (first * s->unit), strerror(errno));
		bad += compare(s, other, first, n, got, scratch, what, bad);
		first += n;
	}
	free(got);
	free(scratch);
	return bad;
}

u64 stamped_verify(const struct stamped *s, u64 first, u64 nr, const char *what)
{
	return stamped_verify_either(s, NULL, first, nr, what);
}
