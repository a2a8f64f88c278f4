/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The live screen, in parts that know nothing of each other's means:
 *
 *	top_frame.c	what there is to show: counters, and disks that can copy
 *	top_recording.c	the same of a recording
 *	top_stack.c	what a device is made of
 *	top_view.c	what the person chose: keys, order, filter
 *	top_render.c	frame and view to lines of text
 *	top_screen.c	lines to a terminal, keys from it
 */
#ifndef BPFCOPY_TOP_H
#define BPFCOPY_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "hist.h"
#include "policy.h"
#include "words.h"

#define TOP_PATHS   4  /* enum blk_copy_path */
#define TOP_REASONS 10 /* enum blk_copy_reason */

/**
 * struct top_path - copies of one path
 * @copies: in the interval
 * @bytes: that they copied
 * @p50_ns: median latency, 0 without copies
 * @p99_ns: 99th percentile
 */
struct top_path {
	uint64_t copies;
	uint64_t bytes;
	uint64_t p50_ns;
	uint64_t p99_ns;
};

/**
 * struct top_device - a destination of copies
 * @name: kernel name
 * @there: it was not removed in the interval
 * @copies: that ended in the interval, as for the next seven
 * @errors: of these, failed
 * @offloaded: bytes copied by the device
 * @emulated: bytes read and written by the kernel
 * @p50_ns: median latency, 0 without copies
 * @p99_ns: 99th percentile
 * @reasons: copies by enum blk_copy_reason
 * @path: by enum blk_copy_path
 * @bars: copies by latency
 * @nr_bars: how many bars
 * @total_copies: since the beginning
 * @total_offloaded: bytes, since the beginning
 * @total_emulated: bytes, since the beginning
 * @total_errors: since the beginning
 */
struct top_device {
	char name[DEVICE_NAME_MAX];
	bool there;
	uint64_t copies;
	uint64_t errors;
	uint64_t offloaded;
	uint64_t emulated;
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t reasons[TOP_REASONS];
	struct top_path path[TOP_PATHS];
	struct hist_bar bars[HIST_BARS_FEW_MAX];
	size_t nr_bars;
	uint64_t total_copies;
	uint64_t total_offloaded;
	uint64_t total_emulated;
	uint64_t total_errors;
};

/**
 * struct top_layer - one device of a stack
 * @name: kernel name
 * @model: or name of the mapped device; "" if not known
 * @depth: 0 is the device itself
 * @copy_max: queue/copy_max_bytes, ROWS_NONE if the kernel does not say
 * @hw_max: queue/copy_max_hw_bytes
 * @range_max: queue/copy_max_range_hw_bytes
 * @ranges: queue/copy_max_ranges
 * @weakest: it is why copies of the whole stack are no larger
 */
struct top_layer {
	char name[DEVICE_NAME_MAX];
	char model[DEVICE_TEXT_MAX];
	unsigned int depth;
	uint64_t copy_max;
	uint64_t hw_max;
	uint64_t range_max;
	uint64_t ranges;
	bool weakest;
};

#define TOP_LAYERS_MAX 32

/**
 * struct top_frame - what is shown at once
 * @ts_ns: when, since the epoch
 * @interval_ns: since the frame before
 * @devices: by name
 * @nr: how many devices
 * @recorded: it is of a recording: what devices are made of is not known
 * @tokens: that are alive, of those made since the beginning; ROWS_NONE if that is
 *	not in the recording
 * @lost: copies that were not counted, since the beginning
 * @cost_ns: time that our programs ran in the interval; ROWS_NONE if the kernel
 *	does not count it (kernel.bpf_stats_enabled)
 */
struct top_frame {
	uint64_t ts_ns;
	uint64_t interval_ns;
	struct top_device *devices;
	size_t nr;
	bool recorded;
	uint64_t tokens;
	uint64_t lost;
	uint64_t cost_ns;
};

/*
 * top_frame.c
 */

struct top;
struct top_recording;

/* What copies are told apart by. */
#define TOP_BY (HIST_BY_DEV | HIST_BY_PATH | HIST_BY_POLICY)

/**
 * top_open() - count from now on
 * @filter: which copies
 * @out: for top_close(); NULL on failure
 * @err: filled on failure
 *
 * Return: as hist_start().
 */
int top_open(const struct copy_filter *filter, struct top **out,
	     struct policy_error *err);

/**
 * top_replay() - the same of a recording
 * @recording: just opened; has to stay until top_close()
 *
 * Return: for top_close(), or NULL without memory.
 */
struct top *top_replay(struct top_recording *recording);

/**
 * top_read() - what happened since the last call
 * @top: from top_open() or top_replay()
 * @frame: valid until the next call
 *
 * Return: 0, -ENODATA at the end of a recording, or a negative errno.
 */
int top_read(struct top *top, struct top_frame *frame);

/** top_close() - stop, and free everything; NULL is nothing */
void top_close(struct top *top);

/**
 * top_stack() - a device and what it is made of
 * @name: kernel name
 * @layers: filled, from the top down, a device's own parts behind it
 *
 * What does not fit any more is left out.
 *
 * Return: how many; 0 if there is no such device.
 */
size_t top_stack(const char *name, struct top_layer layers[TOP_LAYERS_MAX]);

/*
 * top_view.c
 */

enum top_sort {
	TOP_BY_NAME,
	TOP_BY_COPIES,
	TOP_BY_BYTES,
	TOP_BY_LATENCY,
	TOP_BY_ERRORS,
	TOP_NR_SORTS,
};

/**
 * top_sum() - all devices together
 * @sum: its copies, errors and bytes of the interval are filled
 */
void top_sum(const struct top_frame *frame, struct top_device *sum);

enum top_page {
	TOP_DEVICES,
	TOP_DEVICE, /* one of them, with its stack */
	TOP_HELP,
};

#define TOP_FILTER_MAX 32

/**
 * struct top_view - what to show of a frame, and how
 * @rows: of the screen; 0: as many as there are lines, and no word about keys
 * @cols: of the screen
 * @page: enum top_page
 * @back: the page under the help
 * @sort: enum top_sort; the largest come first, names in their order
 * @reverse: the other way round
 * @filter: devices whose name has this in it; "" for all
 * @typing: the filter is being typed
 * @paused: the frame does not change
 * @ended: it was the last one of a recording
 * @selected: name of a device; if there is none, the first is
 * @scroll: lines of a page that are above the screen
 */
struct top_view {
	size_t rows;
	size_t cols;
	enum top_page page;
	enum top_page back;
	enum top_sort sort;
	bool reverse;
	char filter[TOP_FILTER_MAX];
	bool typing;
	bool paused;
	bool ended;
	char selected[DEVICE_NAME_MAX];
	size_t scroll;
};

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_UP = 256,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_BACK, /* Backspace */
	TOP_KEY_ESCAPE,
};

/**
 * top_press() - a key was pressed
 * @view: what it changes
 * @frame: what is on the screen
 * @key: a character, or enum top_key
 *
 * Return: shall it go on?
 */
bool top_press(struct top_view *view, const struct top_frame *frame, int key);

/**
 * top_choose() - the devices that pass the filter, in order
 * @view: filter and order
 * @frame: all of them
 * @list: filled, as long as @frame->nr
 *
 * Return: how many.
 */
size_t top_choose(const struct top_view *view, const struct top_frame *frame,
		  const struct top_device **list);

/**
 * top_selected() - which of them is selected
 * @view: by its name
 * @list: from top_choose()
 * @nr: its length
 *
 * Return: its index, 0 if it is none of them.
 */
size_t top_selected(const struct top_view *view,
		    const struct top_device *const *list, size_t nr);

/*
 * top_render.c
 */

#define TOP_COLS_MAX 512

enum top_look {
	TOP_PLAIN,
	TOP_BOLD,
	TOP_HEADING,
	TOP_CURSOR,
};

/**
 * struct top_line - one line
 * @text: printable ASCII, at most as long as the screen is wide
 * @look: enum top_look
 */
struct top_line {
	char text[TOP_COLS_MAX + 1];
	enum top_look look;
};

/**
 * struct top_text - what is on the screen
 * @lines: from the top
 * @nr: how many; with top_view.rows, at most that
 * @room: of @lines
 * @cols: of the screen
 */
struct top_text {
	struct top_line *lines;
	size_t nr;
	size_t room;
	size_t cols;
};

/**
 * top_render() - make the lines of a screen
 * @frame: what there is
 * @view: what is wanted
 * @layers: of the selected device, for the page TOP_DEVICE
 * @nr_layers: how many
 * @text: what it had is replaced; for top_text_free()
 *
 * Return: 0 or -ENOMEM.
 */
int top_render(const struct top_frame *frame, const struct top_view *view,
	       const struct top_layer *layers, size_t nr_layers,
	       struct top_text *text);

/** top_text_free() - free its lines */
void top_text_free(struct top_text *text);

/*
 * top_screen.c
 */

/**
 * top_screen() - show it on this terminal until it is enough
 * @top: from top_open() or top_replay()
 * @interval_ns: from frame to frame
 * @count: end after so many frames; 0 for no end
 * @duration_ns: end after so long; 0 for no end
 *
 * The terminal is as before when this returns, and also after a signal that
 * ends the program, but for SIGKILL.
 *
 * Return: 0, -ENOTTY if there is no terminal, -ENOTSUP if it cannot be used, or
 *	another errno.
 */
int top_screen(struct top *top, uint64_t interval_ns, uint64_t count,
	       uint64_t duration_ns);

#endif /* BPFCOPY_TOP_H */
