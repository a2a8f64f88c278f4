// SPDX-License-Identifier: GPL-2.0
/*
 * What is wrong with the files, and what was probably meant.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"

/* A file of the wrong kind has a mistake in every line. */
#define DIAGS_MAX 1000

#define SOURCE_MAX 160

/* Copies @len bytes; what terminals may not print, or obey, becomes '?'. */
static void make_printable(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = from[i] == '\t' ? ' ' : from[i];

		to[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	to[len] = '\0';
}

static void cut(char *to, size_t size, const char *from, size_t len)
{
	size_t fits = len < size ? len : size - sizeof("...");

	make_printable(to, from, fits);
	if (fits < len)
		strcpy(to + fits, "...");
}

char *conf_quote(char buf[CONF_QUOTE_MAX], const char *text, size_t len)
{
	cut(buf, CONF_QUOTE_MAX, text, len);
	return buf;
}

static int set_place(struct conf *conf, struct conf_diag *diag,
		     const struct ini_text *at)
{
	char source[SOURCE_MAX];

	diag->line = at->line;
	diag->col = at->col;
	diag->len = (unsigned int)at->len;
	cut(source, sizeof(source), at->source, at->source_len);
	diag->source = conf_copy(conf, source, strlen(source));
	return diag->source ? 0 : -ENOMEM;
}

int conf_say(struct conf *conf, enum conf_severity severity, const char *file,
	     const struct ini_text *at, const char *text, const char *hint)
{
	struct conf_diag *diag;

	conf->nr_errors += severity == CONF_ERROR;
	if (conf->nr_diags >= DIAGS_MAX)
		return 0;
	diag = conf_grow(&conf->diags, &conf->nr_diags, sizeof(*diag));
	if (!diag)
		return -ENOMEM;
	diag->severity = severity;
	diag->file = file;
	diag->text = conf_copy(conf, text, strlen(text));
	diag->hint = conf_copy(conf, hint, strlen(hint));
	diag->source = at ? NULL : conf_copy(conf, "", 0);
	if (!diag->text || !diag->hint || (!at && !diag->source))
		return -ENOMEM;
	return at ? set_place(conf, diag, at) : 0;
}

int conf_sayf(struct conf *conf, enum conf_severity severity, const char *file,
	      const struct ini_text *at, const char *hint, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return conf_say(conf, severity, file, at, text, hint);
}

/* Files are in the order in which they were read: that of their names here. */
struct file_order {
	const char *const *files;
	size_t nr;
};

static size_t file_index(const struct file_order *order, const char *file)
{
	size_t i = 0;

	while (i < order->nr && strcmp(order->files[i], file))
		i++;
	return i;
}

static int compare_diags(const void *a, const void *b, void *data)
{
	const struct conf_diag *x = a, *y = b;
	size_t fx = file_index(data, x->file), fy = file_index(data, y->file);

	if (fx != fy)
		return fx < fy ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->col < y->col ? -1 : x->col > y->col;
}

void conf_sort_diags(struct conf *conf)
{
	struct file_order order = { conf->files, conf->nr_files };

	if (conf->nr_diags)
		qsort_r(conf->diags, conf->nr_diags, sizeof(*conf->diags),
			compare_diags, &order);
}

/*
 * Printing
 */

static void print_caret(FILE *out, const struct conf_diag *diag)
{
	unsigned int shown = (unsigned int)strlen(diag->source);
	unsigned int len = diag->len;

	/* It is past what of a long line can be shown. */
	if (diag->col > shown + 1)
		return;
	if (len > shown + 1 - diag->col)
		len = shown + 1 - diag->col;
	fprintf(out, "    %*s^", (int)diag->col - 1, "");
	while (len-- > 1)
		fputc('~', out);
	fprintf(out, "%s%s\n", *diag->hint ? " " : "", diag->hint);
}

void conf_diag_print(FILE *out, const struct conf_diag *diag)
{
	fprintf(out, "%s", diag->file);
	if (diag->line)
		fprintf(out, ":%u:%u", diag->line, diag->col);
	fprintf(out, ": %s: %s\n",
		diag->severity == CONF_ERROR ? "error" : "warning", diag->text);
	if (*diag->source) {
		fprintf(out, "    %s\n", diag->source);
		print_caret(out, diag);
	} else if (*diag->hint) {
		fprintf(out, "    %s\n", diag->hint);
	}
}

/*
 * Near misses
 */

#define WORD_MAX 64

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Letters to change, add, drop or swap with a neighbour. */
static unsigned int distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned int rows[3][WORD_MAX + 1];
	unsigned int *two = rows[0], *one = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= m; j++)
		one[j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = least(one[j] + 1, row[j - 1] + 1,
				       one[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], two[j - 2] + 1, row[j]);
		}
		spare = two;
		two = one;
		one = row;
		row = spare;
	}
	return one[m];
}

void conf_near_try(struct conf_near *near, const char *word, size_t len,
		   const char *candidate)
{
	size_t n = strlen(candidate);
	/* One letter in three may be wrong, or a part of it be missing. */
	size_t limit = len < 3 ? 1 : len / 3;
	unsigned int d;

	if (!len || len > WORD_MAX || n > WORD_MAX)
		return;
	d = distance(word, len, candidate, n);
	if (d <= limit && (!near->best || d < near->distance)) {
		near->best = candidate;
		near->distance = d;
	}
}

const char *conf_near_hint(const struct conf_near *near,
			   char hint[CONF_HINT_MAX], const char *other)
{
	if (near->best)
		snprintf(hint, CONF_HINT_MAX, "did you mean \"%s\"?",
			 near->best);
	else
		snprintf(hint, CONF_HINT_MAX, "%s", other);
	return hint;
}
