// SPDX-License-Identifier: GPL-2.0
#include "hist_view.h"

#include <inttypes.h>
#include <string.h>

#include "units.h"
#include "words.h"

/*
 * For programs
 */

/* What every row says of the copies that it is about. */
struct who {
	uint64_t from_ns;
	uint64_t to_ns;
	const char *device;
	const char *path;
	const char *reason;
	const char *policy;
	const char *origin;
};

static struct who who_of(const struct hist_block *block,
			 const struct hist_series *s)
{
	unsigned int by = block->by;

	return (struct who){
		.from_ns = block->from_ns,
		.to_ns = block->to_ns,
		.device = by & HIST_BY_DEV ? s->device : NULL,
		.path = by & HIST_BY_PATH ? word_of_path(s->key.path) : NULL,
		.reason = by & HIST_BY_POLICY ? word_of_reason(s->key.reason) :
						NULL,
		.policy = *s->key.policy ? s->key.policy : NULL,
		.origin = by & HIST_BY_ORIGIN ? word_of_origin(s->key.origin) :
						NULL,
	};
}

/* clang-format off */
#define WHO_COLS(row)                                                   \
	ROW_COL(row, who.from_ns, "from_ns", NULL, ROW_CLOCK, 0),       \
	ROW_COL(row, who.to_ns, "to_ns", NULL, ROW_CLOCK, 0),           \
	ROW_COL(row, who.device, "device", NULL, ROW_TEXT, 0),          \
	ROW_COL(row, who.path, "path", NULL, ROW_TEXT, 0),              \
	ROW_COL(row, who.reason, "reason", NULL, ROW_TEXT, 0),          \
	ROW_COL(row, who.policy, "policy", NULL, ROW_TEXT, 0),          \
	ROW_COL(row, who.origin, "origin", NULL, ROW_TEXT, 0)
/* clang-format on */

struct series_row {
	struct who who;
	uint64_t copies;
	uint64_t errors;
	uint64_t bytes;
	uint64_t offloaded;
	uint64_t emulated;
	uint64_t sum_ns;
	uint64_t p50_ns;
	uint64_t p90_ns;
	uint64_t p99_ns;
	uint64_t p999_ns;
	uint64_t max_ns;
};

static const struct row_col series_cols[] = {
	WHO_COLS(struct series_row),
	ROW_COL(struct series_row, copies, "copies", NULL, ROW_NUM, 0),
	ROW_COL(struct series_row, errors, "errors", NULL, ROW_NUM, 0),
	ROW_COL(struct series_row, bytes, "bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct series_row, offloaded, "offloaded_bytes", NULL, ROW_SIZE,
		0),
	ROW_COL(struct series_row, emulated, "emulated_bytes", NULL, ROW_SIZE,
		0),
	ROW_COL(struct series_row, sum_ns, "latency_sum_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct series_row, p50_ns, "p50_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct series_row, p90_ns, "p90_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct series_row, p99_ns, "p99_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct series_row, p999_ns, "p999_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct series_row, max_ns, "max_ns", NULL, ROW_TIME, 0),
	{},
};

struct bucket_row {
	struct who who;
	struct hist_bar bar;
};

static const struct row_col latency_cols[] = {
	WHO_COLS(struct bucket_row),
	ROW_COL(struct bucket_row, bar.from, "ge_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct bucket_row, bar.to, "lt_ns", NULL, ROW_TIME, 0),
	ROW_COL(struct bucket_row, bar.copies, "copies", NULL, ROW_NUM, 0),
	{},
};

static const struct row_col size_cols[] = {
	WHO_COLS(struct bucket_row),
	ROW_COL(struct bucket_row, bar.from, "ge_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct bucket_row, bar.to, "lt_bytes", NULL, ROW_SIZE, 0),
	ROW_COL(struct bucket_row, bar.copies, "copies", NULL, ROW_NUM, 0),
	{},
};

static const struct row_desc series_desc = { "series", "series", series_cols,
					     false };
static const struct row_desc latency_desc = { "latency", "latencies",
					      latency_cols, false };
static const struct row_desc size_desc = { "size", "sizes", size_cols, false };

void hist_rows_open(struct hist_rows *parts, struct rows *rows)
{
	parts->series = rows_part(rows, &series_desc);
	parts->latencies = rows_part(rows, &latency_desc);
	parts->sizes = rows_part(rows, &size_desc);
}

static int add_series(struct rows_part *part, const struct who *who,
		      const struct hist_value *v)
{
	struct series_row row = {
		.who = *who,
		.copies = v->copies,
		.errors = v->errors,
		.bytes = v->offloaded + v->emulated,
		.offloaded = v->offloaded,
		.emulated = v->emulated,
		.sum_ns = v->latency_ns,
		.p50_ns = hist_latency(v, 500),
		.p90_ns = hist_latency(v, 900),
		.p99_ns = hist_latency(v, 990),
		.p999_ns = hist_latency(v, 999),
		.max_ns = v->max_ns,
	};

	return rows_add(part, &row);
}

static int add_buckets(struct rows_part *part, const struct who *who,
		       const struct hist_bar *bars, size_t nr)
{
	int err = 0;

	for (size_t i = 0; !err && i < nr; i++) {
		struct bucket_row row = { *who, bars[i] };

		err = rows_add(part, &row);
	}
	return err;
}

int hist_rows_add(struct hist_rows *parts, const struct hist_block *block)
{
	struct hist_bar bars[HIST_BARS_MAX];
	int err = 0;

	for (size_t i = 0; !err && i < block->set.nr; i++) {
		const struct hist_series *s = &block->set.series[i];
		struct who who = who_of(block, s);
		size_t nr;

		err = add_series(parts->series, &who, &s->value);
		if (err)
			break;
		nr = hist_latency_bars(&s->value, HIST_BARS_FINE, bars);
		err = add_buckets(parts->latencies, &who, bars, nr);
		if (err)
			break;
		nr = hist_size_bars(&s->value, HIST_BARS_FINE, bars);
		err = add_buckets(parts->sizes, &who, bars, nr);
	}
	return err;
}

/*
 * For people
 */

#define BAR_WIDTH 44

struct bar_row {
	char range[2 * UNITS_TEXT_MAX + 8];
	uint64_t copies;
	char bar[BAR_WIDTH + 1];
};

#define BAR_COLS(head)                                                         \
	{                                                                      \
		ROW_COL(struct bar_row, range, "range", head, ROW_CHARS, 0),   \
			ROW_COL(struct bar_row, copies, "copies", "COPIES",    \
				ROW_NUM, 0),                                   \
			ROW_COL(struct bar_row, bar, "bar", "", ROW_CHARS, 0), \
			{},                                                    \
	}

static const struct row_col latency_bar_cols[] = BAR_COLS("LATENCY");
static const struct row_col size_bar_cols[] = BAR_COLS("SIZE");
static const struct row_desc latency_bar_desc = { "latency", "latencies",
						  latency_bar_cols, false };
static const struct row_desc size_bar_desc = { "size", "sizes", size_bar_cols,
					       false };

typedef char *(*format_fn)(char *buf, uint64_t value);

static void print_range(char *text, size_t size, const struct hist_bar *bar,
			format_fn format)
{
	char from[UNITS_TEXT_MAX], to[UNITS_TEXT_MAX];

	format(from, bar->from);
	if (bar->to == ROWS_NONE)
		snprintf(text, size, "%s and more", from);
	else
		snprintf(text, size, "%s to %s", from, format(to, bar->to));
}

/* Whoever is there at all has a bar. */
static void draw(char *bar, uint64_t copies, uint64_t most)
{
	size_t width = (size_t)((double)copies / (double)most * BAR_WIDTH);

	if (copies && !width)
		width = 1;
	memset(bar, '#', width);
	strcpy(bar + width, width ? "" : " ");
}

static void add_bars(struct rows_part *part, const struct hist_bar *bars,
		     size_t nr, format_fn format)
{
	uint64_t most = 1;

	for (size_t i = 0; i < nr; i++)
		if (bars[i].copies > most)
			most = bars[i].copies;
	for (size_t i = 0; i < nr; i++) {
		struct bar_row row = { .copies = bars[i].copies };

		print_range(row.range, sizeof(row.range), &bars[i], format);
		draw(row.bar, bars[i].copies, most);
		rows_add(part, &row);
	}
}

static void print_name(FILE *out, const struct who *who)
{
	const char *const words[] = { who->device, who->path, who->reason,
				      who->policy, who->origin };
	bool any = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!words[i])
			continue;
		fprintf(out, "%s%s", any ? " " : "", words[i]);
		any = true;
	}
	if (!any)
		fputs("all copies", out);
}

static void print_numbers(FILE *out, const struct hist_value *v)
{
	static const unsigned int per_mille[] = { 500, 900, 990, 999 };
	static const char *const names[] = { "p50", "p90", "p99", "p99.9" };
	uint64_t copies = v->copies, errors = v->errors;
	char text[UNITS_TEXT_MAX];

	fprintf(out, ": %" PRIu64 " copies, %s, %" PRIu64 " failed\n", copies,
		units_format_size(text, v->offloaded + v->emulated), errors);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		fprintf(out, "%s %s  ", names[i],
			units_format_time(text, hist_latency(v, per_mille[i])));
	fprintf(out, "max %s\n", units_format_time(text, v->max_ns));
}

static int print_series(FILE *out, const struct hist_block *block,
			const struct hist_series *s)
{
	struct rows *rows = rows_open(out, ROWS_TABLE, "hist", false);
	struct rows_part *latencies = rows_part(rows, &latency_bar_desc);
	struct rows_part *sizes = rows_part(rows, &size_bar_desc);
	struct who who = who_of(block, s);
	struct hist_bar bars[HIST_BARS_MAX];
	size_t nr;

	print_name(out, &who);
	print_numbers(out, &s->value);
	nr = hist_latency_bars(&s->value, HIST_BARS_FEW, bars);
	add_bars(latencies, bars, nr, units_format_time);
	nr = hist_size_bars(&s->value, HIST_BARS_FEW, bars);
	add_bars(sizes, bars, nr, units_format_size);
	return rows_close(rows);
}

int hist_view_print(FILE *out, const struct hist_block *block)
{
	int err = 0;

	for (size_t i = 0; !err && i < block->set.nr; i++) {
		if (i)
			fputc('\n', out);
		err = print_series(out, block, &block->set.series[i]);
	}
	return err;
}
