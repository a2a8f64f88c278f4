// SPDX-License-Identifier: GPL-2.0
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Largest first: the formatters take the first that fits. */
static const struct unit size_units[] = {
	{ "TiB", 1ULL << 40 },
	{ "GiB", 1ULL << 30 },
	{ "MiB", 1ULL << 20 },
	{ "KiB", 1ULL << 10 },
	{ "B", 1 },
	{},
};

static const struct unit time_units[] = {
	{ "h", 3600000000000ULL },
	{ "min", 60000000000ULL },
	{ "s", 1000000000ULL },
	{ "ms", 1000000ULL },
	{ "us", 1000ULL },
	{ "ns", 1 },
	{},
};

static const char size_hint[] =
	"want a whole number with a unit (B, KiB, MiB, GiB, TiB), like 64KiB";
static const char time_hint[] =
	"want a whole number with a unit (ns, us, ms, s, min, h), like 500us";
static const char range_hint[] = "too large";

static int fail(int err, const char *hint, const char **why)
{
	if (why)
		*why = hint;
	return err;
}

static const struct unit *find_unit(const struct unit *units, const char *s)
{
	for (; units->suffix; units++)
		if (!strcmp(units->suffix, s))
			return units;
	return NULL;
}

static int parse(const char *text, const struct unit *units, const char *hint,
		 uint64_t *value, const char **why)
{
	const struct unit *unit;
	uint64_t number, product;
	char *end;

	/* strtoull() would take a sign or leading white space. */
	if (!isdigit((unsigned char)*text))
		return fail(-EINVAL, hint, why);
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return fail(-ERANGE, range_hint, why);
	if (!*end && !number) {
		*value = 0;
		return 0;
	}
	while (*end == ' ')
		end++;
	unit = find_unit(units, end);
	if (!unit)
		return fail(-EINVAL, hint, why);
	if (__builtin_mul_overflow(number, unit->factor, &product))
		return fail(-ERANGE, range_hint, why);
	*value = product;
	return 0;
}

int units_parse_size(const char *text, uint64_t *bytes, const char **why)
{
	return parse(text, size_units, size_hint, bytes, why);
}

int units_parse_time(const char *text, uint64_t *ns, const char **why)
{
	return parse(text, time_units, time_hint, ns, why);
}

static const struct unit *fitting_unit(const struct unit *units, uint64_t value)
{
	while (units[1].suffix && value < units->factor)
		units++;
	return units;
}

char *units_format_size(char *buf, uint64_t bytes)
{
	const struct unit *u = fitting_unit(size_units, bytes);
	uint64_t whole = bytes / u->factor;
	/* The remainder is below 2^40: times 10 it still fits. */
	uint64_t tenths =
		((bytes % u->factor) * 10 + u->factor / 2) / u->factor;

	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (tenths)
		snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%s",
			 whole, tenths, u->suffix);
	else
		snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%s", whole,
			 u->suffix);
	return buf;
}

char *units_format_time(char *buf, uint64_t ns)
{
	const struct unit *u = fitting_unit(time_units, ns);
	double value = (double)ns / (double)u->factor;
	int decimals = u->factor == 1 || value >= 100 ? 0 : value >= 10 ? 1 : 2;

	snprintf(buf, UNITS_TEXT_MAX, "%.*f%s", decimals, value, u->suffix);
	return buf;
}

/* The largest unit that leaves no remainder. */
static char *exact(char *buf, const struct unit *units, uint64_t value)
{
	while (value && value % units->factor)
		units++;
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%s", value / units->factor,
		 value ? units->suffix : "");
	return buf;
}

char *units_exact_size(char *buf, uint64_t bytes)
{
	return exact(buf, size_units, bytes);
}

char *units_exact_time(char *buf, uint64_t ns)
{
	return exact(buf, time_units, ns);
}
