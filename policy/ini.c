// SPDX-License-Identifier: GPL-2.0
#include "ini.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct parser {
	const struct ini_events *events;
	void *data;
};

static int complain(const struct parser *p, const struct ini_text *where,
		    const char *what, const char *hint)
{
	return p->events->error(p->data, where, what, hint);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The part of @t from byte @start on, up to byte @end. */
static struct ini_text slice(const struct ini_text *t, size_t start, size_t end)
{
	struct ini_text s = *t;

	s.at += start;
	s.col += (unsigned int)start;
	s.len = end - start;
	return s;
}

/* Without blanks on both sides. */
static struct ini_text trim(const struct ini_text *t)
{
	size_t start = 0, end = t->len;

	while (start < end && is_blank(t->at[start]))
		start++;
	while (end > start && is_blank(t->at[end - 1]))
		end--;
	return slice(t, start, end);
}

/*
 * Bytes that have no place in a line
 */

/* Length of the UTF-8 character at @s, which is not ASCII; 0 if it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
	uint32_t c = *s & (0x7fU >> len);

	if (*s < 0xc2 || *s > 0xf4 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < lowest[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return len;
}

/* C1 control characters are two bytes in UTF-8, and terminals obey them. */
static bool is_control(const unsigned char *s)
{
	return *s < ' ' || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);
}

/* Offset of the first byte that is not text, or the length of the line. */
static size_t find_bad_byte(const struct ini_text *line, const char **what)
{
	const unsigned char *s = (const unsigned char *)line->at;
	size_t i = 0, len;

	while (i < line->len) {
		len = s[i] < 0x80 ? 1 : utf8_len(s + i, line->len - i);
		*what = len ? "control character" : "not UTF-8 text";
		if (!len || (is_control(s + i) && s[i] != '\t'))
			break;
		i += len;
	}
	return i;
}

/*
 * Lines
 */

/* A section begins, but what comes before the pairs of it is wrong. */
static int wrong_section(const struct parser *p, const struct ini_text *where,
			 const char *what, const char *hint)
{
	int err = complain(p, where, what, hint);

	return err ? err : p->events->section(p->data, NULL);
}

static int parse_section(const struct parser *p, const struct ini_text *line)
{
	const char *close = memchr(line->at, ']', line->len);
	struct ini_text name, rest;
	size_t end;

	if (!close)
		return wrong_section(p, line, "section without ]", "");
	end = (size_t)(close - line->at);
	name = slice(line, 1, end);
	name = trim(&name);
	if (!name.len)
		return wrong_section(p, line, "section without a name", "");
	rest = slice(line, end + 1, line->len);
	rest = trim(&rest);
	if (rest.len)
		return wrong_section(p, &rest, "text after ]",
				     "a comment has a line of its own");
	return p->events->section(p->data, &name);
}

static int parse_pair(const struct parser *p, const struct ini_text *line)
{
	const char *equals = memchr(line->at, '=', line->len);
	struct ini_text key, value;
	size_t at;

	if (!equals)
		return complain(p, line, "no = in this line",
				"want KEY = VALUE, [SECTION] or # COMMENT");
	at = (size_t)(equals - line->at);
	key = slice(line, 0, at);
	key = trim(&key);
	if (!key.len)
		return complain(p, line, "no key before =", "");
	value = slice(line, at + 1, line->len);
	value = trim(&value);
	return p->events->pair(p->data, &key, &value);
}

static int parse_line(const struct parser *p, const struct ini_text *line)
{
	const char *what = "";
	size_t bad = find_bad_byte(line, &what);
	struct ini_text text = trim(line);

	if (bad < line->len) {
		struct ini_text where = slice(line, bad, bad + 1);

		return complain(
			p, &where, what,
			line->at[bad] == '\r' ? "lines end with LF alone" : "");
	}
	if (!text.len || *text.at == '#' || *text.at == ';')
		return 0;
	return *text.at == '[' ? parse_section(p, &text) : parse_pair(p, &text);
}

static bool has_mark(const char *text, size_t len)
{
	static const char *const marks[] = { "\xef\xbb\xbf", "\xff\xfe",
					     "\xfe\xff" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (len >= strlen(marks[i]) &&
		    !memcmp(text, marks[i], strlen(marks[i])))
			return true;
	return false;
}

int ini_parse(const char *text, size_t len, const struct ini_events *events,
	      void *data)
{
	struct parser p = { events, data };
	const char *end = text + len;
	int err = 0;

	/* What comes after it may not even be bytes. */
	if (has_mark(text, len)) {
		struct ini_text start = { text, 0, 1, 1, text, 0 };

		return complain(&p, &start, "byte order mark",
				"save it as UTF-8 without one");
	}
	for (unsigned int nr = 1; !err && text < end; nr++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((eol ? eol : end) - text);
		struct ini_text line = { text, n, nr, 1, text, n };

		err = parse_line(&p, &line);
		text = eol ? eol + 1 : end;
	}
	return err;
}
