// SPDX-License-Identifier: GPL-2.0
#include "prom.h"

#include <inttypes.h>
#include <string.h>

/*
 * Label values have one more character to escape than help.  What a device says
 * of itself may be anything, and what is read has to be UTF-8.
 */
static void put_escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\\\", out);
		else if (*text == '\n')
			fputs("\\n", out);
		else if (quotes && *text == '"')
			fputs("\\\"", out);
		else
			fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
	}
}

/* What samples are called, as opposed to their family. */
static const char *suffix(enum prom_type type)
{
	if (type == PROM_COUNTER)
		return "_total";
	return type == PROM_INFO ? "_info" : "";
}

static const char *type_word(const struct prom *p)
{
	switch (p->type) {
	case PROM_COUNTER:
		return "counter";
	case PROM_HISTOGRAM:
		return "histogram";
	case PROM_INFO:
		return p->openmetrics ? "info" : "gauge";
	default:
		return "gauge";
	}
}

void prom_family(struct prom *p, const char *name, enum prom_type type,
		 const char *unit, const char *help)
{
	const char *more = p->openmetrics ? "" : suffix(type);

	p->name = name;
	p->type = type;
	fprintf(p->out, "# HELP %s%s ", name, more);
	put_escaped(p->out, help, p->openmetrics);
	fprintf(p->out, "\n# TYPE %s%s %s\n", name, more, type_word(p));
	if (unit && p->openmetrics)
		fprintf(p->out, "# UNIT %s %s\n", name, unit);
}

static void put_labels(FILE *out, const struct prom_label *labels,
		       const char *le)
{
	const char *between = "{";

	for (; labels && labels->name; labels++) {
		fprintf(out, "%s%s=\"", between, labels->name);
		put_escaped(out, labels->value, true);
		fputc('"', out);
		between = ",";
	}
	if (le) {
		fprintf(out, "%sle=\"%s\"", between, le);
		between = ",";
	}
	fputs(*between == ',' ? "} " : " ", out);
}

#define SECONDS_MAX 32

/* Without zeroes at the end; a double could not hold every nanosecond. */
static char *seconds(char *buf, uint64_t ns)
{
	size_t len;

	snprintf(buf, SECONDS_MAX, "%" PRIu64 ".%09" PRIu64, ns / 1000000000,
		 ns % 1000000000);
	len = strlen(buf);
	while (buf[len - 1] == '0' && buf[len - 2] != '.')
		buf[--len] = '\0';
	return buf;
}

void prom_number(struct prom *p, const struct prom_label *labels,
		 uint64_t value)
{
	fprintf(p->out, "%s%s", p->name, suffix(p->type));
	put_labels(p->out, labels, NULL);
	fprintf(p->out, "%" PRIu64 "\n", value);
}

void prom_seconds(struct prom *p, const struct prom_label *labels, uint64_t ns)
{
	char text[SECONDS_MAX];

	fprintf(p->out, "%s%s", p->name, suffix(p->type));
	put_labels(p->out, labels, NULL);
	fprintf(p->out, "%s\n", seconds(text, ns));
}

void prom_buckets(struct prom *p, const struct prom_label *labels,
		  const uint64_t *edges_ns, const uint64_t *counts, size_t nr,
		  uint64_t sum_ns)
{
	char text[SECONDS_MAX];
	uint64_t sum = 0;

	for (size_t i = 0; i <= nr; i++) {
		sum += counts[i];
		fprintf(p->out, "%s_bucket", p->name);
		put_labels(p->out, labels,
			   i < nr ? seconds(text, edges_ns[i]) : "+Inf");
		fprintf(p->out, "%" PRIu64 "\n", sum);
	}
	fprintf(p->out, "%s_count", p->name);
	put_labels(p->out, labels, NULL);
	fprintf(p->out, "%" PRIu64 "\n%s_sum", sum, p->name);
	put_labels(p->out, labels, NULL);
	fprintf(p->out, "%s\n", seconds(text, sum_ns));
}

void prom_end(struct prom *p)
{
	if (p->openmetrics)
		fputs("# EOF\n", p->out);
}
