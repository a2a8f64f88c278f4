/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which copies are watched; the kernel chooses them (bpf/copy_filter.h).
 */
#ifndef BPFCOPY_FILTER_H
#define BPFCOPY_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

/**
 * struct copy_filter - copies that pass all of this; 0 lets everything pass
 * @dev: source or destination is this device or a partition of it (MKDEV)
 * @pid: process (thread group) that asked for the copy
 * @min_latency_ns: took at least as long
 * @min_bytes: of at least so many bytes
 * @path: took this path (enum blk_copy_path)
 * @origin: asked for this way: 1 + enum blk_copy_origin
 * @errors_only: failed
 */
struct copy_filter {
	uint32_t dev;
	uint32_t pid;
	uint64_t min_latency_ns;
	uint64_t min_bytes;
	uint32_t path;
	uint32_t origin;
	bool errors_only;
};

/**
 * filter_of_options() - what the command line asks for
 * @opts: the command line
 * @filter: filled on success
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int filter_of_options(const struct options *opts, struct copy_filter *filter);

/**
 * filter_text() - "all copies", or "copies with --dev=nvme0n1 --errors"
 * @buf: filled, cut if it is too small
 *
 * Return: @buf.
 */
char *filter_text(const struct options *opts, char *buf, size_t size);

/** filter_at_start() - does it ask for anything known when a copy begins? */
bool filter_at_start(const struct copy_filter *filter);

/* Set a filter in the .rodata of a skeleton that is not loaded yet. */
#define filter_set(rodata, filter)                                  \
	do {                                                        \
		(rodata)->filter_dev = (filter)->dev;               \
		(rodata)->filter_pid = (filter)->pid;               \
		(rodata)->filter_min_ns = (filter)->min_latency_ns; \
		(rodata)->filter_min_bytes = (filter)->min_bytes;   \
		(rodata)->filter_path = (filter)->path;             \
		(rodata)->filter_origin = (filter)->origin;         \
		(rodata)->filter_errors = (filter)->errors_only;    \
	} while (0)

#endif /* BPFCOPY_FILTER_H */
