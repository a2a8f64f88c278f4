// SPDX-License-Identifier: GPL-2.0
/*
 * Text as man(7) wants it: nothing in it may look like a request or an escape.
 */
#include <ctype.h>
#include <string.h>

#include "doc.h"

static void put(FILE *out, char c)
{
	static const struct {
		char c;
		const char *name;
	} escapes[] = { { '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" },
			{ '`', "\\(ga" }, { '^', "\\(ha" }, { '~', "\\(ti" },
			{ '"', "\\(dq" } };

	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		if (escapes[i].c != c)
			continue;
		fputs(escapes[i].name, out);
		return;
	}
	putc(c, out);
}

void roff_literal(FILE *out, const char *text, size_t len)
{
	/* A dot at the beginning of a line is a request. */
	if (len && *text == '.')
		fputs("\\&", out);
	for (size_t i = 0; i < len; i++)
		put(out, text[i]);
}

static void bold(FILE *out, const char *text, size_t len)
{
	fputs("\\fB", out);
	roff_literal(out, text, len);
	fputs("\\fR", out);
}

/* Bytes of an option that begins at @text: "-o" or "--min-size"; or 0. */
static size_t option_len(const char *text)
{
	size_t dashes = strspn(text, "-"), len = dashes;

	if (dashes == 1 && isalpha((unsigned char)text[1]) &&
	    !isalnum((unsigned char)text[2]) && text[2] != '-')
		return 2;
	if (dashes != 2)
		return 0;
	while (isalnum((unsigned char)text[len]) || text[len] == '-')
		len++;
	return len > 2 ? len : 0;
}

/* An option or `words' at @text; else nothing is printed. Return: its bytes. */
static size_t special(FILE *out, const char *text, bool word_begins)
{
	const char *end = *text == '`' ? strchr(text, '\'') : NULL;
	size_t len = word_begins ? option_len(text) : 0;

	if (end) {
		bold(out, text + 1, (size_t)(end - text) - 1);
		return (size_t)(end - text) + 1;
	}
	if (len)
		bold(out, text, len);
	return len;
}

void roff_text(FILE *out, const char *text)
{
	bool word_begins = true, line_begins = true;

	while (*text) {
		size_t len = special(out, text, word_begins);

		if (len) {
			text += len;
			word_begins = line_begins = false;
			continue;
		}
		if (line_begins)
			roff_literal(out, text, 1);
		else
			put(out, *text);
		word_begins = strchr(" (", *text) != NULL;
		line_begins = strchr(".?!", *text) && text[1] == ' ';
		if (line_begins) {
			/* Each sentence is a line of its own. */
			putc('\n', out);
			word_begins = true;
			text++;
		}
		text++;
	}
}

void roff_args(FILE *out, const char *args, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = i;

		while (n < len && (isupper((unsigned char)args[n]) ||
				   (n > i && args[n] == '_')))
			n++;
		if (n > i) {
			fputs("\\fI", out);
			roff_literal(out, args + i, n - i);
			fputs("\\fR", out);
			i = n;
			continue;
		}
		n = option_len(args + i);
		if (n && n <= len - i) {
			bold(out, args + i, n);
			i += n;
			continue;
		}
		put(out, args[i++]);
	}
}
