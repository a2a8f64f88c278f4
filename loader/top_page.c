// SPDX-License-Identifier: GPL-2.0
/*
 * The pages that are not the list: a device with its stack, and the help.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rows.h"
#include "top_text.h"
#include "units.h"

static const struct top_device *find_device(const struct top_frame *frame,
					    const char *name)
{
	for (size_t i = 0; i < frame->nr; i++)
		if (!strcmp(frame->devices[i].name, name))
			return &frame->devices[i];
	return NULL;
}

static int add_paths(struct top_text *text, const struct top_frame *frame,
		     const struct top_device *d)
{
	int err = top_add_line(text, TOP_HEADING, "%-8s %9s %10s %8s %8s",
			       "PATH", "COPIES/s", "BYTES/s", "P50", "P99");

	for (uint32_t i = 0; !err && i < TOP_PATHS; i++) {
		const struct top_path *p = &d->path[i];
		char size[UNITS_TEXT_MAX], p50[UNITS_TEXT_MAX],
			p99[UNITS_TEXT_MAX];

		if (!p->copies)
			continue;
		top_bytes(size, top_per_second(frame, p->bytes));
		top_latency(p50, p->p50_ns);
		top_latency(p99, p->p99_ns);
		err = top_add_line(text, TOP_PLAIN,
				   "%-8s %9" PRIu64 " %10s %8s %8s",
				   word_of_path(i),
				   top_per_second(frame, p->copies), size, p50,
				   p99);
	}
	return err;
}

static int add_reasons(struct top_text *text, const struct top_device *d)
{
	char cell[TOP_CELL_MAX], offloaded[UNITS_TEXT_MAX],
		emulated[UNITS_TEXT_MAX];
	int err;

	top_why(d, cell, sizeof(cell) - 1);
	err = top_add_line(text, TOP_PLAIN, "why: %s", cell);
	if (!err)
		err = top_add_line(
			text, TOP_PLAIN,
			"so far: %" PRIu64 " copies, %s offloaded, "
			"%s emulated, %" PRIu64 " failed",
			d->total_copies,
			units_format_size(offloaded, d->total_offloaded),
			units_format_size(emulated, d->total_emulated),
			d->total_errors);
	return err;
}

static int add_stack(struct top_text *text, const struct top_layer *layers,
		     size_t nr)
{
	int err = top_add_line(text, TOP_HEADING, "%-20s %8s %8s %9s %6s  %s",
			       "STACK", "COPY-MAX", "HW-MAX", "RANGE-MAX",
			       "RANGES", "");

	for (size_t i = 0; !err && i < nr; i++) {
		const struct top_layer *l = &layers[i];
		char name[DEVICE_NAME_MAX + 64], max[UNITS_TEXT_MAX],
			hw[UNITS_TEXT_MAX], range[UNITS_TEXT_MAX], ranges[32];

		snprintf(name, sizeof(name), "%*s%s", (int)(2 * l->depth), "",
			 l->name);
		top_bytes(max, l->copy_max);
		top_bytes(hw, l->hw_max);
		top_bytes(range, l->range_max);
		top_number(ranges, l->ranges == ROWS_NONE ? 0 : l->ranges);
		err = top_add_line(text, l->weakest ? TOP_BOLD : TOP_PLAIN,
				   "%-20s %8s %8s %9s %6s  %s%s", name, max, hw,
				   range, ranges,
				   l->weakest ? "<- weakest  " : "", l->model);
	}
	return err;
}

static int add_bars(struct top_text *text, const struct top_device *d)
{
	uint64_t most = 1;
	int width = (int)text->cols - 28, err = 0;

	if (!d->nr_bars)
		return 0;
	if (width < 1)
		width = 1;
	for (size_t i = 0; i < d->nr_bars; i++)
		if (d->bars[i].copies > most)
			most = d->bars[i].copies;
	err = top_add_line(text, TOP_HEADING, "%-17s %9s", "LATENCY", "COPIES");
	for (size_t i = 0; !err && i < d->nr_bars; i++) {
		const struct hist_bar *b = &d->bars[i];
		char from[UNITS_TEXT_MAX], to[UNITS_TEXT_MAX],
			bar[TOP_COLS_MAX + 1];
		int len = (int)((double)b->copies / (double)most * width + 0.5);

		memset(bar, '#', sizeof(bar));
		top_latency(from, b->from);
		top_latency(to, b->to == ROWS_NONE ? 0 : b->to);
		err = top_add_line(text, TOP_PLAIN,
				   "%7s - %7s %9" PRIu64 " %.*s", from, to,
				   b->copies, b->copies && !len ? 1 : len, bar);
	}
	return err;
}

int top_add_page(struct top_text *text, const struct top_frame *frame,
		 const struct top_view *view, const struct top_layer *layers,
		 size_t nr_layers)
{
	static const struct top_device nothing;
	const struct top_device *d = find_device(frame, view->selected);
	int err;

	err = top_add_line(text, TOP_BOLD, "%s%s", view->selected,
			   nr_layers || frame->recorded ? "" : " is gone");
	d = d ?: &nothing;
	if (!err)
		err = add_paths(text, frame, d);
	if (!err)
		err = add_reasons(text, d);
	if (!err && nr_layers)
		err = add_stack(text, layers, nr_layers);
	return err ?: add_bars(text, d);
}

/*
 * The page of help
 */

int top_add_help(struct top_text *text)
{
	static const char *const help[] = {
		"q                quit",
		"h ?              this, and back",
		"Up Down j k      choose a device; PgUp PgDn Home End",
		"Enter            the device, its stack, its latencies",
		"Esc Backspace    back; in the list: no filter",
		"s                order: name, copies, bytes, latency, failed",
		"r                the other way round",
		"/                only names that contain what is typed",
		"p Space          pause, and go on",
		"",
		"Rates and latencies are those of the last interval.",
		"OFFLOAD  bytes copied by the device itself",
		"EMULATE  bytes read and written by the kernel",
		"WHY      who or what decided on the path",
		"tokens   made since the start and not freed: copies on",
		"         their way in devices",
		"lost     copies that were not counted",
		"weakest  the layer whose limit is that of the stack",
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(help) / sizeof(*help); i++)
		err = top_add_line(text, TOP_PLAIN, "%s", help[i]);
	return err;
}
