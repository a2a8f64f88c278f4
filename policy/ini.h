/* SPDX-License-Identifier: GPL-2.0 */
/*
 * INI text, cut into sections and pairs with their places.
 *
 *	# or ;	comment, on a line of its own
 *	[NAME]	a section begins
 *	KEY = VALUE
 *
 * A line is a line: nothing is continued, quoted or escaped, and blanks around
 * names, keys and values do not count.  Text is UTF-8 without control
 * characters.  Every line that is none of these is reported, and parsing goes
 * on after it.
 *
 * Why not a library: see docs/decisions.md, "Configuration".
 */
#ifndef BPFCOPY_INI_H
#define BPFCOPY_INI_H

#include <stddef.h>

/**
 * struct ini_text - a piece of one line
 * @at: first byte; no NUL at the end
 * @len: bytes
 * @line: its line, from 1
 * @col: of its first byte, from 1
 * @source: the line
 * @source_len: bytes in it, without its end
 */
struct ini_text {
	const char *at;
	size_t len;
	unsigned int line;
	unsigned int col;
	const char *source;
	size_t source_len;
};

/**
 * struct ini_events - what is called for each line
 * @section: [NAME]; NULL after an error in such a line
 * @pair: KEY = VALUE; the length of @value may be 0
 * @error: a line that cannot be parsed: where, what and what to do
 *
 * Each returns 0, or a negative errno that ends the parsing.
 */
struct ini_events {
	int (*section)(void *data, const struct ini_text *name);
	int (*pair)(void *data, const struct ini_text *key,
		    const struct ini_text *value);
	int (*error)(void *data, const struct ini_text *where, const char *what,
		     const char *hint);
};

/**
 * ini_parse() - cut a text into pieces
 * @text: any bytes; the pieces point into it
 * @len: how many
 * @events: called from top to bottom
 * @data: for @events
 *
 * Return: 0, or what one of @events returned.
 */
int ini_parse(const char *text, size_t len, const struct ini_events *events,
	      void *data);

#endif /* BPFCOPY_INI_H */
