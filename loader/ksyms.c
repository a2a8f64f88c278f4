// SPDX-License-Identifier: GPL-2.0
#include "ksyms.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is farther behind a symbol than this is not in its function. */
#define FAR (1ULL << 20)

struct ksym {
	uint64_t address;
	char *name; /* with the module, if any */
};

struct ksyms {
	struct ksym *syms;
	size_t nr;
	size_t room;
};

static int grow(struct ksyms *s)
{
	size_t room = s->room ? s->room * 2 : 1 << 16;
	struct ksym *more;

	if (s->nr < s->room)
		return 0;
	more = reallocarray(s->syms, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->syms = more;
	s->room = room;
	return 0;
}

/* "ffffffff81000000 T name\t[module]": functions only, their address shown. */
static int add_line(struct ksyms *s, char *line)
{
	uint64_t address;
	char *end, *tab;
	int err;

	address = strtoull(line, &end, 16);
	if (!address || end[0] != ' ' || !strchr("tTwW", end[1]) ||
	    end[2] != ' ')
		return 0;
	end += 3;
	end[strcspn(end, "\n")] = '\0';
	tab = strchr(end, '\t');
	if (tab)
		*tab = ' ';
	err = grow(s);
	if (err)
		return err;
	s->syms[s->nr].address = address;
	s->syms[s->nr].name = strdup(end);
	return s->syms[s->nr++].name ? 0 : -ENOMEM;
}

static int read_lines(struct ksyms *s, FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	while (!err && getline(&line, &size, in) >= 0)
		err = add_line(s, line);
	if (!err && ferror(in))
		err = -EIO;
	free(line);
	return err;
}

static int by_address(const void *a, const void *b)
{
	const struct ksym *l = a, *r = b;

	return l->address < r->address ? -1 : l->address > r->address;
}

int ksyms_load(struct ksyms **out)
{
	const char *file = getenv("BPFCOPY_KALLSYMS");
	struct ksyms *s;
	FILE *in;
	int err;

	*out = NULL;
	in = fopen(file ? file : "/proc/kallsyms", "re");
	if (!in)
		return -errno;
	s = calloc(1, sizeof(*s));
	err = s ? read_lines(s, in) : -ENOMEM;
	fclose(in);
	if (err) {
		ksyms_free(s);
		return err;
	}
	if (s->nr)
		qsort(s->syms, s->nr, sizeof(*s->syms), by_address);
	*out = s;
	return 0;
}

/* The last symbol that does not begin behind @address. */
static const struct ksym *find(const struct ksyms *s, uint64_t address)
{
	size_t low = 0, high = s->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->syms[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || address - s->syms[low - 1].address >= FAR)
		return NULL;
	return &s->syms[low - 1];
}

char *ksyms_name(const struct ksyms *syms, uint64_t address, char *buf,
		 size_t size)
{
	const struct ksym *sym = syms ? find(syms, address) : NULL;
	int len;

	if (!sym) {
		snprintf(buf, size, "0x%" PRIx64, address);
		return buf;
	}
	len = (int)strcspn(sym->name, " ");
	snprintf(buf, size, "%.*s+0x%" PRIx64 "%s", len, sym->name,
		 address - sym->address, sym->name + len);
	return buf;
}

void ksyms_free(struct ksyms *syms)
{
	if (!syms)
		return;
	for (size_t i = 0; i < syms->nr; i++)
		free(syms->syms[i].name);
	free(syms->syms);
	free(syms);
}
