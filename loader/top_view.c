// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

void top_sum(const struct top_frame *frame, struct top_device *sum)
{
	*sum = (struct top_device){};
	for (size_t i = 0; i < frame->nr; i++) {
		sum->copies += frame->devices[i].copies;
		sum->errors += frame->devices[i].errors;
		sum->offloaded += frame->devices[i].offloaded;
		sum->emulated += frame->devices[i].emulated;
	}
}

/*
 * Which devices
 */

static uint64_t sort_value(const struct top_device *d, enum top_sort sort)
{
	switch (sort) {
	case TOP_BY_COPIES:
		return d->copies;
	case TOP_BY_BYTES:
		return d->offloaded + d->emulated;
	case TOP_BY_LATENCY:
		return d->p99_ns;
	case TOP_BY_ERRORS:
		return d->errors;
	default:
		return 0;
	}
}

/* What is equal is in the order of names, as people sort them. */
static int compare(const void *left, const void *right, void *ctx)
{
	const struct top_device *a = *(const struct top_device *const *)left;
	const struct top_device *b = *(const struct top_device *const *)right;
	const struct top_view *view = ctx;
	uint64_t va = sort_value(a, view->sort), vb = sort_value(b, view->sort);
	int order = (va < vb) - (va > vb);

	if (!order)
		return strverscmp(a->name, b->name) *
		       (view->reverse && view->sort == TOP_BY_NAME ? -1 : 1);
	return view->reverse ? -order : order;
}

size_t top_choose(const struct top_view *view, const struct top_frame *frame,
		  const struct top_device **list)
{
	size_t nr = 0;

	for (size_t i = 0; i < frame->nr; i++)
		if (strstr(frame->devices[i].name, view->filter))
			list[nr++] = &frame->devices[i];
	if (nr)
		qsort_r(list, nr, sizeof(*list), compare, (void *)view);
	return nr;
}

size_t top_selected(const struct top_view *view,
		    const struct top_device *const *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(list[i]->name, view->selected))
			return i;
	return 0;
}

/*
 * Keys
 */

static size_t page_rows(const struct top_view *view)
{
	return view->rows > 6 ? view->rows - 6 : 1;
}

/* Where @key leads to from @at, of @nr. */
static size_t move(const struct top_view *view, int key, size_t at, size_t nr)
{
	size_t page = page_rows(view), last = nr ? nr - 1 : 0;

	switch (key) {
	case TOP_KEY_UP:
	case 'k':
		return at ? at - 1 : 0;
	case TOP_KEY_DOWN:
	case 'j':
		return at < last ? at + 1 : last;
	case TOP_KEY_PAGE_UP:
		return at > page ? at - page : 0;
	case TOP_KEY_PAGE_DOWN:
		return last - at > page ? at + page : last;
	case TOP_KEY_HOME:
		return 0;
	case TOP_KEY_END:
		return last;
	default:
		return at;
	}
}

static void select_device(struct top_view *view, const struct top_frame *frame,
			  int key)
{
	const struct top_device **list = calloc(frame->nr + 1, sizeof(*list));
	size_t nr = list ? top_choose(view, frame, list) : 0;

	if (nr) {
		size_t at = move(view, key, top_selected(view, list, nr), nr);

		memcpy(view->selected, list[at]->name, sizeof(view->selected));
	}
	free(list);
}

/* Pages end where they end: top_render() knows, and scrolls no further. */
#define SCROLL_MAX 1000

static void press_move(struct top_view *view, const struct top_frame *frame,
		       int key)
{
	if (view->page == TOP_DEVICES)
		select_device(view, frame, key);
	else
		view->scroll = move(view, key, view->scroll, SCROLL_MAX);
}

static void go(struct top_view *view, enum top_page page)
{
	view->page = page;
	view->scroll = 0;
}

static void press_help(struct top_view *view)
{
	if (view->page == TOP_HELP) {
		go(view, view->back);
	} else {
		view->back = view->page;
		go(view, TOP_HELP);
	}
}

static void press_back(struct top_view *view)
{
	if (view->page == TOP_HELP)
		press_help(view);
	else if (view->page == TOP_DEVICE)
		go(view, TOP_DEVICES);
	else
		view->filter[0] = '\0';
}

static void press_enter(struct top_view *view, const struct top_frame *frame)
{
	if (view->page != TOP_DEVICES)
		return;
	select_device(view, frame, TOP_KEY_ENTER);
	if (*view->selected)
		go(view, TOP_DEVICE);
}

static void type(struct top_view *view, int key)
{
	size_t len = strlen(view->filter);

	if (key == TOP_KEY_ENTER) {
		view->typing = false;
	} else if (key == TOP_KEY_ESCAPE) {
		view->typing = false;
		view->filter[0] = '\0';
	} else if (key == TOP_KEY_BACK) {
		if (len)
			view->filter[len - 1] = '\0';
	} else if (key < 256 && isgraph(key) && len + 1 < TOP_FILTER_MAX) {
		view->filter[len] = (char)key;
		view->filter[len + 1] = '\0';
	}
}

static void press_order(struct top_view *view, int key)
{
	if (key == 'r')
		view->reverse = !view->reverse;
	else
		view->sort = (view->sort + 1) % TOP_NR_SORTS;
}

bool top_press(struct top_view *view, const struct top_frame *frame, int key)
{
	if (view->typing) {
		type(view, key);
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		press_help(view);
		break;
	case TOP_KEY_ESCAPE:
	case TOP_KEY_BACK:
		press_back(view);
		break;
	case TOP_KEY_ENTER:
		press_enter(view, frame);
		break;
	case 'p':
	case ' ':
		view->paused = !view->paused;
		break;
	case 's':
	case 'r':
		press_order(view, key);
		break;
	case '/':
		view->typing = view->page == TOP_DEVICES;
		break;
	default:
		press_move(view, frame, key);
	}
	return true;
}
