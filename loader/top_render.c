// SPDX-License-Identifier: GPL-2.0
/*
 * A frame as lines of text.  A screen that is too small shows less of it:
 * columns and phrases that do not fit are left out, the least important first,
 * and lines are cut.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rows.h"
#include "top_text.h"
#include "units.h"

static const char *const sort_words[TOP_NR_SORTS] = {
	"name", "copies", "bytes", "latency", "failed",
};

/*
 * Lines
 */

static struct top_line *new_line(struct top_text *text, enum top_look look)
{
	struct top_line *lines;

	if (text->nr == text->room) {
		size_t room = text->room ? 2 * text->room : 64;

		lines = reallocarray(text->lines, room, sizeof(*lines));
		if (!lines)
			return NULL;
		text->lines = lines;
		text->room = room;
	}
	text->lines[text->nr] = (struct top_line){ .look = look };
	return &text->lines[text->nr++];
}

/* Names are not ours: nothing in them may move the cursor. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			*text = '?';
}

__attribute__((format(printf, 3, 4))) int
top_add_line(struct top_text *text, enum top_look look, const char *fmt, ...)
{
	struct top_line *line = new_line(text, look);
	va_list ap;

	if (!line)
		return -ENOMEM;
	va_start(ap, fmt);
	vsnprintf(line->text, text->cols + 1, fmt, ap);
	va_end(ap);
	make_printable(line->text);
	return 0;
}

/* Add a phrase if it fits on the line. */
__attribute__((format(printf, 3, 4))) static void
add_phrase(char *line, size_t cols, const char *fmt, ...)
{
	char phrase[128];
	size_t len = strlen(line);
	va_list ap;
	int more;

	va_start(ap, fmt);
	more = vsnprintf(phrase, sizeof(phrase), fmt, ap);
	va_end(ap);
	if (more <= 0 || len + (len ? 2 : 0) + (size_t)more > cols)
		return;
	sprintf(line + len, "%s%s", len ? "  " : "", phrase);
}

/*
 * Numbers
 */

uint64_t top_per_second(const struct top_frame *frame, uint64_t n)
{
	double ns = (double)(frame->interval_ns ?: 1);

	return (uint64_t)((double)n * (double)TOP_SEC / ns + 0.5);
}

/* What is not there is a dash, so that what is there can be seen. */
void top_number(char *buf, uint64_t n)
{
	if (n)
		sprintf(buf, "%" PRIu64, n);
	else
		strcpy(buf, "-");
}

void top_bytes(char *buf, uint64_t n)
{
	if (n && n != ROWS_NONE)
		units_format_size(buf, n);
	else
		strcpy(buf, n ? "-" : "0");
}

void top_latency(char *buf, uint64_t ns)
{
	if (ns)
		units_format_time(buf, ns);
	else
		strcpy(buf, "-");
}

/*
 * Columns
 */

typedef void (*cell_fn)(const struct top_frame *frame,
			const struct top_device *d, char *cell);

static void cell_device(const struct top_frame *frame,
			const struct top_device *d, char *cell)
{
	(void)frame;
	sprintf(cell, "%s%s", d->name, d->there ? "" : " (gone)");
}

static void cell_copies(const struct top_frame *frame,
			const struct top_device *d, char *cell)
{
	top_number(cell, top_per_second(frame, d->copies));
	/* Less than one a second is not none. */
	if (d->copies && *cell == '-')
		strcpy(cell, "<1");
}

static void cell_offloaded(const struct top_frame *frame,
			   const struct top_device *d, char *cell)
{
	top_bytes(cell, top_per_second(frame, d->offloaded) ?: ROWS_NONE);
}

static void cell_emulated(const struct top_frame *frame,
			  const struct top_device *d, char *cell)
{
	top_bytes(cell, top_per_second(frame, d->emulated) ?: ROWS_NONE);
}

static void cell_p50(const struct top_frame *frame, const struct top_device *d,
		     char *cell)
{
	(void)frame;
	top_latency(cell, d->p50_ns);
}

static void cell_p99(const struct top_frame *frame, const struct top_device *d,
		     char *cell)
{
	(void)frame;
	top_latency(cell, d->p99_ns);
}

static void cell_failed(const struct top_frame *frame,
			const struct top_device *d, char *cell)
{
	(void)frame;
	top_number(cell, d->errors);
}

/* The reason that most copies have among those that are left. */
static size_t next_reason(const uint64_t *left)
{
	size_t most = 0;

	for (size_t i = 1; i < TOP_REASONS; i++)
		if (left[i] > left[most])
			most = i;
	return most;
}

void top_why(const struct top_device *d, char *cell, size_t room)
{
	uint64_t left[TOP_REASONS];
	char reason[48];
	size_t i;

	memcpy(left, d->reasons, sizeof(left));
	for (*cell = '\0'; left[i = next_reason(left)]; left[i] = 0) {
		snprintf(reason, sizeof(reason), "%s%s %.0f%%",
			 *cell ? ", " : "", word_of_reason((uint32_t)i),
			 100.0 * (double)left[i] / (double)d->copies);
		if (*cell && strlen(cell) + strlen(reason) > room)
			break;
		strcat(cell, reason);
	}
	if (!*cell)
		strcpy(cell, "-");
}

/* As much as there is room for is asked for where the room is known. */
static void cell_why(const struct top_frame *frame, const struct top_device *d,
		     char *cell)
{
	(void)frame;
	top_why(d, cell, 0);
}

/**
 * struct column - a column of the list of devices
 * @head: heading
 * @width: of it
 * @left: the text begins on the left
 * @given_up: the larger, the sooner it is left out
 * @cell: writes it
 */
struct column {
	const char *head;
	int width;
	bool left;
	int given_up;
	cell_fn cell;
};

/* The first is as wide as names are, the last as the screen allows. */
static const struct column columns[] = {
	{ "DEVICE", 8, true, 0, cell_device },
	{ "COPIES/s", 8, false, 1, cell_copies },
	{ "OFFLOAD/s", 9, false, 3, cell_offloaded },
	{ "EMULATE/s", 9, false, 4, cell_emulated },
	{ "P50", 7, false, 7, cell_p50 },
	{ "P99", 7, false, 2, cell_p99 },
	{ "FAIL", 5, false, 5, cell_failed },
	{ "WHY", 9, true, 6, cell_why },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

struct widths {
	int width[NR_COLUMNS]; /* 0: left out */
};

static int name_width(const struct top_device *const *list, size_t nr)
{
	size_t width = 8;
	char cell[TOP_CELL_MAX];

	for (size_t i = 0; i < nr; i++) {
		cell_device(NULL, list[i], cell);
		if (strlen(cell) > width)
			width = strlen(cell);
	}
	return width > 24 ? 24 : (int)width;
}

static int sum_widths(const struct widths *w)
{
	int sum = -1;

	for (size_t i = 0; i < NR_COLUMNS; i++)
		sum += w->width[i] ? w->width[i] + 1 : 0;
	return sum;
}

/* Names are cut before the only number goes. */
static void give_one_up(struct widths *w)
{
	size_t worst = 0;

	for (size_t i = 1; i < NR_COLUMNS; i++)
		if (w->width[i] &&
		    columns[i].given_up > columns[worst].given_up)
			worst = i;
	if (columns[worst].given_up == 1 && w->width[0] > columns[0].width)
		w->width[0]--;
	else
		w->width[worst] = 0;
}

static void fit_columns(struct widths *w, size_t cols,
			const struct top_device *const *list, size_t nr)
{
	const int last = NR_COLUMNS - 1;

	for (size_t i = 0; i < NR_COLUMNS; i++)
		w->width[i] = columns[i].width;
	w->width[0] = name_width(list, nr);
	while (sum_widths(w) > (int)cols && w->width[1])
		give_one_up(w);
	if (w->width[last])
		w->width[last] += (int)cols - sum_widths(w);
}

static size_t why_room(int width)
{
	return width < TOP_CELL_MAX ? (size_t)width : TOP_CELL_MAX - 1;
}

/* @d is NULL for the heading. */
static int add_device(struct top_text *text, enum top_look look,
		      const struct widths *w, const struct top_frame *frame,
		      const struct top_device *d)
{
	char line[TOP_COLS_MAX + TOP_CELL_MAX], cell[TOP_CELL_MAX];
	size_t len = 0;

	*line = '\0';
	for (size_t i = 0; i < NR_COLUMNS && len <= text->cols; i++) {
		if (!w->width[i])
			continue;
		if (d && columns[i].cell == cell_why)
			top_why(d, cell, why_room(w->width[i]));
		else if (d)
			columns[i].cell(frame, d, cell);
		else
			strcpy(cell, columns[i].head);
		len += (size_t)snprintf(
			line + len, sizeof(line) - len,
			columns[i].left ? "%s%-*.*s" : "%s%*.*s",
			len ? " " : "", w->width[i], w->width[i], cell);
	}
	return top_add_line(text, look, "%s", line);
}

/*
 * What is always there
 */

static int add_title(struct top_text *text, const struct top_frame *frame,
		     const struct top_view *view)
{
	time_t now = (time_t)(frame->ts_ns / TOP_SEC);
	char line[TOP_COLS_MAX + 1] = "", clock[16], every[UNITS_TEXT_MAX];
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	add_phrase(line, text->cols, "bpfcopy top");
	add_phrase(line, text->cols, "%s", clock);
	if (view->ended)
		add_phrase(line, text->cols, "END");
	else if (view->paused)
		add_phrase(line, text->cols, "PAUSED");
	add_phrase(line, text->cols, "last %s",
		   units_format_time(every, frame->interval_ns));
	add_phrase(line, text->cols, "by %s%s", sort_words[view->sort],
		   view->reverse ? ", reversed" : "");
	if (frame->cost_ns != ROWS_NONE)
		add_phrase(line, text->cols, "cost %.2f%% of a CPU",
			   100.0 * (double)frame->cost_ns /
				   (double)(frame->interval_ns ?: 1));
	if (*view->filter)
		add_phrase(line, text->cols, "filter %s", view->filter);
	return top_add_line(text, TOP_BOLD, "%s", line);
}

/* The most important first: the others may not fit. */
static int add_sums(struct top_text *text, const struct top_frame *frame)
{
	char line[TOP_COLS_MAX + 1] = "", cell[TOP_CELL_MAX];
	struct top_device sum;

	top_sum(frame, &sum);
	if (frame->lost)
		add_phrase(line, text->cols, "lost %" PRIu64, frame->lost);
	add_phrase(line, text->cols, "%" PRIu64 " copies/s",
		   top_per_second(frame, sum.copies));
	if (!frame->lost)
		add_phrase(line, text->cols, "lost 0");
	if (frame->tokens != ROWS_NONE)
		add_phrase(line, text->cols, "tokens %" PRIu64, frame->tokens);
	top_bytes(cell, top_per_second(frame, sum.offloaded));
	add_phrase(line, text->cols, "offload %s/s", cell);
	top_bytes(cell, top_per_second(frame, sum.emulated));
	add_phrase(line, text->cols, "emulate %s/s", cell);
	add_phrase(line, text->cols, "failed %" PRIu64, sum.errors);
	return top_add_line(text, frame->lost ? TOP_BOLD : TOP_PLAIN, "%s",
			    line);
}

static int add_keys(struct top_text *text, const struct top_view *view)
{
	static const char *const keys[] = {
		"q quit",  "h help",   "Enter device", "Esc back",
		"s order", "/ filter", "p pause",      "r reverse",
	};
	char line[TOP_COLS_MAX + 1] = "";

	if (view->typing)
		return top_add_line(text, TOP_BOLD, "filter: %s_",
				    view->filter);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		add_phrase(line, text->cols, "%s", keys[i]);
	return top_add_line(text, TOP_HEADING, "%-*s", (int)text->cols, line);
}

/*
 * All of it
 */

/* Sets @at to the line of the selected device. */
static int add_devices(struct top_text *text, const struct top_frame *frame,
		       const struct top_view *view, size_t *at)
{
	const struct top_device **list = calloc(frame->nr + 1, sizeof(*list));
	struct widths widths;
	size_t nr;
	int err;

	if (!list)
		return -ENOMEM;
	nr = top_choose(view, frame, list);
	*at = top_selected(view, list, nr) + 1;
	fit_columns(&widths, text->cols, list, nr);
	err = add_device(text, TOP_HEADING, &widths, frame, NULL);
	for (size_t i = 0; !err && i < nr; i++)
		err = add_device(text,
				 view->rows && i + 1 == *at ? TOP_CURSOR :
							      TOP_PLAIN,
				 &widths, frame, list[i]);
	if (!err && !nr)
		err = top_add_line(text, TOP_PLAIN, "%s",
				   *view->filter ? "no device has that name" :
						   "no device copies");
	free(list);
	return err;
}

/**
 * struct parts - what a screen has room for
 * @title: a line
 * @sums: a line
 * @keys: a line
 * @body: lines
 */
struct parts {
	bool title;
	bool sums;
	bool keys;
	size_t body;
};

static struct parts divide(const struct top_view *view)
{
	struct parts p = { view->rows >= 6, view->rows >= 4, view->rows >= 5,
			   0 };

	if (!view->rows)
		return (struct parts){ true, true, false, SIZE_MAX };
	p.body = view->rows - p.title - p.sums - p.keys;
	return p;
}

/*
 * Take the lines from @first on so that @room are left; the first of them, a
 * heading, stays if @keep.
 */
static void scroll_to(struct top_text *text, size_t first, size_t room,
		      size_t scroll, bool keep)
{
	size_t head = first + (keep && room > 1), gone;

	if (text->nr - first <= room)
		return;
	gone = text->nr - first - room;
	if (scroll < gone)
		gone = scroll;
	memmove(&text->lines[head], &text->lines[head + gone],
		(text->nr - head - gone) * sizeof(*text->lines));
	text->nr = first + room;
}

/* How far to scroll for line @at of a list with a heading. */
static size_t scroll_of(size_t at, size_t room)
{
	return at >= room ? at - room + 1 : 0;
}

static int add_body(struct top_text *text, const struct top_frame *frame,
		    const struct top_view *view, const struct top_layer *layers,
		    size_t nr_layers, size_t room)
{
	size_t first = text->nr, scroll = view->scroll, at;
	bool list = view->page == TOP_DEVICES;
	int err;

	if (view->page == TOP_HELP) {
		err = top_add_help(text);
	} else if (view->page == TOP_DEVICE) {
		err = top_add_page(text, frame, view, layers, nr_layers);
	} else {
		err = add_devices(text, frame, view, &at);
		scroll = err ? 0 : scroll_of(at, room);
	}
	if (!err)
		scroll_to(text, first, room, scroll, list);
	return err;
}

int top_render(const struct top_frame *frame, const struct top_view *view,
	       const struct top_layer *layers, size_t nr_layers,
	       struct top_text *text)
{
	struct parts parts = divide(view);
	int err = 0;

	text->nr = 0;
	text->cols = view->cols < TOP_COLS_MAX ? view->cols : TOP_COLS_MAX;
	if (parts.title)
		err = add_title(text, frame, view);
	if (!err && parts.sums)
		err = add_sums(text, frame);
	if (!err)
		err = add_body(text, frame, view, layers, nr_layers,
			       parts.body);
	while (!err && parts.keys && text->nr + 1 < view->rows)
		err = top_add_line(text, TOP_PLAIN, "%s", "");
	if (!err && parts.keys)
		err = add_keys(text, view);
	return err;
}

void top_text_free(struct top_text *text)
{
	free(text->lines);
	*text = (struct top_text){};
}
