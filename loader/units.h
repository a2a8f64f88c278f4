/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sizes and times as people write and read them.
 *
 * A number without a unit is refused: nobody can tell what 64 means.  Only 0
 * may stand alone.
 */
#ifndef BPFCOPY_UNITS_H
#define BPFCOPY_UNITS_H

#include <stdint.h>

#define UNITS_TEXT_MAX 24

/**
 * units_parse_size() - "64KiB" to bytes
 * @text: a whole number and one of B, KiB, MiB, GiB, TiB; or 0
 * @bytes: result, untouched on failure
 * @why: if not NULL, set on failure to a sentence in static storage that
 *	says what to write instead
 *
 * Return: 0, -EINVAL, or -ERANGE for more than 2^64 - 1 bytes.
 */
int units_parse_size(const char *text, uint64_t *bytes, const char **why);

/**
 * units_parse_time() - "500us" to nanoseconds
 * @text: a whole number and one of ns, us, ms, s, min, h; or 0
 * @ns: result, untouched on failure
 * @why: as for units_parse_size()
 *
 * Return: 0, -EINVAL, or -ERANGE.
 */
int units_parse_time(const char *text, uint64_t *ns, const char **why);

/**
 * units_format_size() - bytes to "64KiB", "1.5MiB"
 * @buf: at least UNITS_TEXT_MAX bytes
 * @bytes: at most one decimal is kept, rounded to the nearest
 *
 * Return: @buf.
 */
char *units_format_size(char *buf, uint64_t bytes);

/**
 * units_format_time() - nanoseconds to "412us", "9.8ms"
 * @buf: at least UNITS_TEXT_MAX bytes
 * @ns: three significant digits are kept
 *
 * Return: @buf.
 */
char *units_format_time(char *buf, uint64_t ns);

/**
 * units_exact_size() - bytes as units_parse_size() takes them
 * @buf: at least UNITS_TEXT_MAX bytes
 *
 * Return: @buf.
 */
char *units_exact_size(char *buf, uint64_t bytes);

/**
 * units_exact_time() - nanoseconds as units_parse_time() takes them
 * @buf: at least UNITS_TEXT_MAX bytes
 *
 * Return: @buf.
 */
char *units_exact_time(char *buf, uint64_t ns);

#endif /* BPFCOPY_UNITS_H */
