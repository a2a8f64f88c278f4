/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the renderer of the live screen share.
 */
#ifndef BPFCOPY_TOP_TEXT_H
#define BPFCOPY_TOP_TEXT_H

#include "top.h"

#define TOP_CELL_MAX 128
#define TOP_SEC	     1000000000ULL

/**
 * top_add_line() - add a line, cut to the width of the screen
 * @fmt: as for printf(), without newline; what cannot be printed becomes "?"
 *
 * Return: 0 or -ENOMEM.
 */
int top_add_line(struct top_text *text, enum top_look look, const char *fmt,
		 ...) __attribute__((format(printf, 3, 4)));

/** top_per_second() - so many in an interval, per second */
uint64_t top_per_second(const struct top_frame *frame, uint64_t n);

/* Numbers as text, at least TOP_CELL_MAX bytes; 0 latencies and numbers are "-". */
void top_number(char *buf, uint64_t n);
void top_bytes(char *buf, uint64_t n);
void top_latency(char *buf, uint64_t ns);

/**
 * top_why() - "policy 98%, caller 2%"
 * @cell: filled, at least TOP_CELL_MAX bytes
 * @room: for the second reason and those that follow, less than TOP_CELL_MAX
 */
void top_why(const struct top_device *d, char *cell, size_t room);

/** top_add_page() - the page of the selected device.  Return: 0 or -ENOMEM. */
int top_add_page(struct top_text *text, const struct top_frame *frame,
		 const struct top_view *view, const struct top_layer *layers,
		 size_t nr_layers);

/** top_add_help() - the page of help.  Return: 0 or -ENOMEM. */
int top_add_help(struct top_text *text);

#endif /* BPFCOPY_TOP_TEXT_H */
