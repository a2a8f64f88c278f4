/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which copies are watched; the kernel chooses them (bpf/copy_filter.h).
 */
#ifndef BPFCOPY_FILTER_H
#define BPFCOPY_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "options.h"

struct bpf_map;

/* Names of tasks are cut to what is left of this by a 0 at the end. */
#define FILTER_COMM_LEN 16

/**
 * struct copy_filter - copies that pass all of this; 0 lets everything pass
 * @dev: source or destination is this device or a partition of it (MKDEV)
 * @pid: process (thread group) that asked for the copy
 * @min_latency_ns: took at least as long
 * @min_bytes: of at least so many bytes
 * @path: took this path (enum blk_copy_path)
 * @origin: asked for this way: 1 + enum blk_copy_origin
 * @reason: took its path for this reason: 1 + enum blk_copy_reason
 * @comm: name of the task that asked for it
 * @cgroup_fd: the task was in or below this cgroup
 * @errors_only: failed
 */
struct copy_filter {
	uint32_t dev;
	uint32_t pid;
	uint64_t min_latency_ns;
	uint64_t min_bytes;
	uint32_t path;
	uint32_t origin;
	uint32_t reason;
	const char *comm;
	int cgroup_fd;
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

/** filter_of_task() - does it ask for anything about the task? */
bool filter_of_task(const struct copy_filter *filter);

/* Set a filter in the .rodata of a skeleton that is not loaded yet. */
#define filter_set(rodata, filter)                                       \
	do {                                                             \
		(rodata)->filter_dev = (filter)->dev;                    \
		(rodata)->filter_pid = (filter)->pid;                    \
		(rodata)->filter_min_ns = (filter)->min_latency_ns;      \
		(rodata)->filter_min_bytes = (filter)->min_bytes;        \
		(rodata)->filter_path = (filter)->path;                  \
		(rodata)->filter_origin = (filter)->origin;              \
		(rodata)->filter_reason = (filter)->reason;              \
		(rodata)->filter_cgroup = (filter)->cgroup_fd;           \
		(rodata)->filter_errors = (filter)->errors_only;         \
		if ((filter)->comm)                                      \
			snprintf((char *)(rodata)->filter_comm,          \
				 FILTER_COMM_LEN, "%s", (filter)->comm); \
	} while (0)

/**
 * filter_set_cgroup() - the rest of it, when the object is loaded
 * @filter: with or without a cgroup
 * @cgroups: the map "filter_cgroups"
 *
 * Return: 0 or a negative errno.
 */
int filter_set_cgroup(const struct copy_filter *filter,
		      const struct bpf_map *cgroups);

#endif /* BPFCOPY_FILTER_H */
