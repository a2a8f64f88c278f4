// SPDX-License-Identifier: GPL-2.0
#include "heatmap.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "latency.h"
#include "units.h"
#include "words.h"

/* All in pixels. */
#define WIDTH	 960
#define LEFT	 76
#define RIGHT	 24
#define ABOVE	 76  /* title and what it is about */
#define HEAD	 54  /* above a plot: its name and its legend */
#define PLOT	 200 /* height */
#define FOOT	 46  /* below a plot: times */
#define BELOW	 34
#define PLOT_W	 (WIDTH - LEFT - RIGHT)
#define MAX_ROWS 48

#define LEVELS 8

/* What every plot has in common, so that they can be compared. */
struct scale {
	uint32_t first; /* bucket; a multiple of @step */
	uint32_t last;	/* the first that is not shown */
	uint32_t step;	/* buckets in a row */
	uint64_t span_ns;
	uint64_t least[LEVELS]; /* copies in a cell of that colour; 0: unused */
};

/*
 * Scales
 */

static bool row_is_used(const struct heatmap *map, uint32_t slot)
{
	for (size_t path = 0; path < HEATMAP_PATHS; path++)
		for (size_t i = 0; i < HEATMAP_COLUMNS; i++)
			if (map->cells[path][i][slot])
				return true;
	return false;
}

/* One row of nothing at either end, so that what is at the edge is seen. */
static void scale_rows(const struct heatmap *map, struct scale *s)
{
	uint32_t first = 0, last = HIST_LATENCY_SLOTS;

	while (first < last && !row_is_used(map, first))
		first++;
	while (last > first && !row_is_used(map, last - 1))
		last--;
	if (first == last) {
		first = latency_slot(100000);
		last = latency_slot(10000000);
	}
	for (s->step = 1; s->step < LATENCY_SUB; s->step *= 2)
		if ((last - first) / s->step + 3 <= MAX_ROWS)
			break;
	s->first = first / s->step * s->step;
	s->first -= s->first >= s->step ? s->step : 0;
	s->last = (last / s->step + 2) * s->step;
	if (s->last > HIST_LATENCY_SLOTS)
		s->last = HIST_LATENCY_SLOTS;
}

static uint64_t cell(const struct heatmap *map, const struct scale *s,
		     size_t path, size_t column, uint32_t row)
{
	uint64_t sum = 0;

	for (uint32_t i = row; i < row + s->step && i < s->last; i++)
		sum += map->cells[path][column][i];
	return sum;
}

static uint64_t fullest_cell(const struct heatmap *map, const struct scale *s)
{
	uint64_t most = 0;

	for (size_t path = 0; path < HEATMAP_PATHS; path++)
		for (size_t i = 0; i < HEATMAP_COLUMNS; i++)
			for (uint32_t row = s->first; row < s->last;
			     row += s->step) {
				uint64_t n = cell(map, s, path, i, row);

				most = n > most ? n : most;
			}
	return most;
}

/* Each colour stands for so many times as many copies as the one before. */
static void scale_colours(struct scale *s, uint64_t most)
{
	memset(s->least, 0, sizeof(s->least));
	for (unsigned int i = 0; i < LEVELS; i++) {
		uint64_t least =
			(uint64_t)ceil(pow((double)most, (double)i / LEVELS));

		if (i && least <= s->least[i - 1])
			least = s->least[i - 1] + 1;
		if (least > most)
			break;
		s->least[i] = least;
	}
}

/* With few of them, colours are further apart. */
static unsigned int colour(const struct scale *s, unsigned int level)
{
	unsigned int used = 1;

	while (used < LEVELS && s->least[used])
		used++;
	return used == 1 ? LEVELS / 2 : level * (LEVELS - 1) / (used - 1);
}

static void make_scale(const struct heatmap *map, struct scale *s)
{
	s->span_ns = map->end_ns - map->start_ns;
	if (!s->span_ns)
		s->span_ns = map->column_ns;
	scale_rows(map, s);
	scale_colours(s, fullest_cell(map, s));
}

static double x_of(const struct scale *s, uint64_t ns)
{
	if (ns > s->span_ns)
		ns = s->span_ns;
	return LEFT + (double)ns / (double)s->span_ns * PLOT_W;
}

/* Of a bucket, which need not be a whole one. */
static double y_of(const struct scale *s, double slot)
{
	return PLOT * (s->last - slot) / (s->last - s->first);
}

static double slot_of(uint64_t ns)
{
	uint32_t slot = latency_slot(ns);
	uint64_t low = latency_slot_low(slot);

	return slot +
	       (double)(ns - low) / (double)(latency_slot_low(slot + 1) - low);
}

/*
 * Words
 */

static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		default:
			/* XML has no control characters. */
			fputc((unsigned char)*text < ' ' ? '?' : *text, out);
		}
	}
}

static void put_title(FILE *out, const struct heatmap *map, const char *about)
{
	time_t sec = (time_t)(map->start_ns / 1000000000);
	char when[64], span[UNITS_TEXT_MAX];
	struct tm tm;

	localtime_r(&sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %Z", &tm);
	fputs("<text class=\"title\" x=\"20\" y=\"32\">Latency of copies over time</text>\n"
	      "<text class=\"note\" x=\"20\" y=\"54\">",
	      out);
	put_text(out, about);
	fprintf(out, "; from %s on, for %s</text>\n", when,
		units_format_time(span, map->end_ns - map->start_ns));
}

/*
 * A plot
 */

static void put_cell(FILE *out, const struct heatmap *map,
		     const struct scale *s, size_t column, uint32_t row,
		     uint64_t copies)
{
	uint64_t from = column * map->column_ns, to = from + map->column_ns;
	uint32_t end = row + s->step < s->last ? row + s->step : s->last;
	double x = x_of(s, from), y = y_of(s, end);
	char a[UNITS_TEXT_MAX], b[UNITS_TEXT_MAX], c[UNITS_TEXT_MAX],
		d[UNITS_TEXT_MAX];
	unsigned int level = 0;

	while (level + 1 < LEVELS && s->least[level + 1] &&
	       copies >= s->least[level + 1])
		level++;
	fprintf(out,
		"<rect class=\"c%u\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">"
		"<title>%s to %s: %" PRIu64 " %s in %s to %s</title></rect>\n",
		colour(s, level), x, y, x_of(s, to) - x, y_of(s, row) - y,
		units_format_time(a, from), units_format_time(b, to), copies,
		copies == 1 ? "copy" : "copies",
		units_format_time(c, latency_slot_low(row)),
		units_format_time(d, latency_slot_low(end)));
}

static void put_cells(FILE *out, const struct heatmap *map,
		      const struct scale *s, size_t path)
{
	for (size_t i = 0; i < HEATMAP_COLUMNS; i++) {
		for (uint32_t row = s->first; row < s->last; row += s->step) {
			uint64_t n = cell(map, s, path, i, row);

			if (n)
				put_cell(out, map, s, i, row, n);
		}
	}
}

static void put_latency(FILE *out, const struct scale *s, uint64_t ns)
{
	double y = y_of(s, slot_of(ns));
	char text[UNITS_TEXT_MAX];

	fprintf(out,
		"<path class=\"grid\" d=\"M%d %.1fH%d\"/>"
		"<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
		LEFT, y, WIDTH - RIGHT, LEFT - 8, y + 4,
		units_exact_time(text, ns));
}

/* At these multiples of powers of ten.  Without @out they are only counted. */
static size_t put_lines(FILE *out, const struct scale *s, const char *digits)
{
	size_t lines = 0;

	for (uint64_t ten = 1; ten < 1ULL << 40; ten *= 10) {
		for (const char *c = digits; *c; c++) {
			uint64_t ns = ten * (uint64_t)(*c - '0');
			double slot = slot_of(ns);

			if (slot < s->first || slot > s->last)
				continue;
			lines++;
			if (out)
				put_latency(out, s, ns);
		}
	}
	return lines;
}

static void put_latencies(FILE *out, const struct scale *s)
{
	static const char *const digits[] = { "1", "15", "125", "12357" };
	size_t i = 0;

	while (put_lines(NULL, s, digits[i]) < 4 &&
	       i + 1 < sizeof(digits) / sizeof(*digits))
		i++;
	put_lines(out, s, digits[i]);
}

#define MS  1000000ULL
#define SEC (1000 * MS)
#define MIN (60 * SEC)
#define H   (60 * MIN)

static uint64_t time_step(uint64_t span_ns)
{
	static const uint64_t steps[] = {
		MS,	  2 * MS,   5 * MS,   10 * MS, 20 * MS, 50 * MS,
		100 * MS, 200 * MS, 500 * MS, SEC,     2 * SEC, 5 * SEC,
		10 * SEC, 20 * SEC, 30 * SEC, MIN,     2 * MIN, 5 * MIN,
		10 * MIN, 20 * MIN, 30 * MIN, H,       2 * H,	4 * H,
		6 * H,	  12 * H,   24 * H,
	};
	size_t i = 0;

	while (span_ns / steps[i] > 10 &&
	       i + 1 < sizeof(steps) / sizeof(*steps))
		i++;
	/* Weeks: as many days as it takes. */
	return steps[i] * (span_ns / steps[i] / 10 + 1);
}

static void put_times(FILE *out, const struct scale *s)
{
	uint64_t step = time_step(s->span_ns);
	char text[UNITS_TEXT_MAX];

	for (uint64_t ns = 0; ns <= s->span_ns; ns += step)
		fprintf(out,
			"<path class=\"axis\" d=\"M%.1f %dv5\"/>"
			"<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			x_of(s, ns), PLOT, x_of(s, ns), PLOT + 19,
			units_exact_time(text, ns));
	fprintf(out,
		"<text class=\"note\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">time since the start</text>\n",
		LEFT + PLOT_W / 2, PLOT + 36);
}

static void put_legend(FILE *out, const struct scale *s)
{
	int used = 0, x;

	while (used < LEVELS && s->least[used])
		used++;
	x = WIDTH - RIGHT - 64 * used;
	fprintf(out,
		"<text class=\"note\" x=\"%d\" y=\"-10\" text-anchor=\"end\">copies:</text>\n",
		x - 8);
	for (int i = 0; i < used; i++, x += 64)
		fprintf(out,
			"<rect class=\"c%u\" x=\"%d\" y=\"-20\" width=\"12\" height=\"12\"/>"
			"<text class=\"note\" x=\"%d\" y=\"-10\">%" PRIu64
			"%s</text>\n",
			colour(s, (unsigned int)i), x, x + 16, s->least[i],
			s->least[i] + 1 ==
					(i + 1 < used ? s->least[i + 1] : 0) ?
				"" :
				"+");
}

static void put_name(FILE *out, const struct heatmap *map, size_t path)
{
	struct hist_value sum = { .max_ns = UINT64_MAX };
	char p50[UNITS_TEXT_MAX], p99[UNITS_TEXT_MAX];

	for (size_t i = 0; i < HEATMAP_COLUMNS; i++) {
		for (uint32_t j = 0; j < HIST_LATENCY_SLOTS; j++) {
			sum.latency[j] += map->cells[path][i][j];
			sum.copies += map->cells[path][i][j];
		}
	}
	fprintf(out,
		"<text class=\"name\" x=\"%d\" y=\"-32\">%s: %" PRIu64
		" copies, p50 %s, p99 %s</text>\n",
		LEFT, word_of_path((uint32_t)path), (uint64_t)sum.copies,
		units_format_time(p50, hist_latency(&sum, 500)),
		units_format_time(p99, hist_latency(&sum, 990)));
}

static void put_plot(FILE *out, const struct heatmap *map,
		     const struct scale *s, size_t path, int top)
{
	fprintf(out, "<g class=\"%s\" transform=\"translate(0 %d)\">\n",
		word_of_path((uint32_t)path), top + HEAD);
	put_name(out, map, path);
	put_legend(out, s);
	put_latencies(out, s);
	put_cells(out, map, s, path);
	fprintf(out, "<path class=\"axis\" d=\"M%d 0v%dh%d\"/>\n", LEFT, PLOT,
		PLOT_W);
	fprintf(out,
		"<text class=\"note\" transform=\"translate(16 %d) rotate(-90)\" text-anchor=\"middle\">latency</text>\n",
		PLOT / 2);
	put_times(out, s);
	fputs("</g>\n", out);
}

/*
 * The file
 */

/* Hues of the paths; the more copies, the further from the background. */
static void put_colours(FILE *out, bool dark)
{
	static const struct {
		size_t path;
		int hue;
		int saturation;
	} hues[] = {
		{ 0, 0, 0 }, { 1, 212, 75 }, { 2, 24, 85 }, { 3, 285, 45 }
	};

	for (size_t i = 0; i < sizeof(hues) / sizeof(*hues); i++)
		for (int level = 0; level < LEVELS; level++)
			fprintf(out, ".%s .c%d{fill:hsl(%d,%d%%,%d%%)}",
				word_of_path((uint32_t)hues[i].path), level,
				hues[i].hue, hues[i].saturation,
				dark ? 28 + level * 8 : 84 - level * 9);
	fputc('\n', out);
}

static void put_style(FILE *out)
{
	fputs("<style>\n"
	      "text{font-family:system-ui,sans-serif;fill:#1c1e21}"
	      ".title{font-size:20px;font-weight:600}"
	      ".name{font-size:14px;font-weight:600}"
	      ".note,.tick{font-size:12px;fill:#555b63}"
	      ".back{fill:#fff}.axis{fill:none;stroke:#8a9099}"
	      ".grid{fill:none;stroke:#e3e6ea}rect:hover{stroke:#1c1e21}\n",
	      out);
	put_colours(out, false);
	fputs("@media (prefers-color-scheme:dark){"
	      "text{fill:#e8eaed}.note,.tick{fill:#a6adb7}"
	      ".back{fill:#15171b}.axis{stroke:#6d747e}"
	      ".grid{stroke:#2a2e35}rect:hover{stroke:#e8eaed}\n",
	      out);
	put_colours(out, true);
	fputs("}\n</style>\n", out);
}

/* Paths that no copy took are left out, but for the one there always is. */
static bool is_shown(const struct heatmap *map, size_t path)
{
	if (path == 1)
		return true;
	for (size_t i = 0; i < HEATMAP_COLUMNS; i++)
		for (uint32_t j = 0; j < HIST_LATENCY_SLOTS; j++)
			if (map->cells[path][i][j])
				return true;
	return false;
}

static void put_svg(FILE *out, const struct heatmap *map, const char *about)
{
	/* What people look for first. */
	static const size_t order[HEATMAP_PATHS] = { 1, 2, 3, 0 };
	int top = ABOVE, height = ABOVE + BELOW - FOOT / 2;
	struct scale scale;

	make_scale(map, &scale);
	for (size_t i = 0; i < HEATMAP_PATHS; i++)
		if (is_shown(map, order[i]))
			height += HEAD + PLOT + FOOT;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
		"<title>Latency of copies over time</title>\n",
		WIDTH, height, WIDTH, height);
	put_style(out);
	fprintf(out, "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n",
		WIDTH, height);
	put_title(out, map, about);
	for (size_t i = 0; i < HEATMAP_PATHS; i++) {
		if (!is_shown(map, order[i]))
			continue;
		put_plot(out, map, &scale, order[i], top);
		top += HEAD + PLOT + FOOT;
	}
	fputs("</svg>\n", out);
}

void heatmap_write(const struct heatmap *map, FILE *out, const char *about,
		   bool html)
{
	if (html)
		fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n"
		      "<title>Latency of copies over time</title>\n"
		      "<style>body{margin:0}svg{display:block;margin:auto;max-width:100%;height:auto}</style>\n",
		      out);
	put_svg(out, map, about);
	if (html)
		fputs("</html>\n", out);
}
