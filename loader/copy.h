/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copying by BLKCOPY, in steps, and comparing afterwards.
 */
#ifndef BPFCOPY_COPY_H
#define BPFCOPY_COPY_H

#include <signal.h>
#include <stdint.h>

#include "ranges.h"

/**
 * struct copy_job - one run of `bpfcopy copy'
 * @src_fd: source, open for reading
 * @dst_fd: destination, open for writing
 * @flags: BLK_COPY_OFFLOAD_ONLY, BLK_COPY_EMULATE_ONLY or 0
 * @step_bytes: most bytes of one call; a multiple of the logical block
 * @ranges: what to copy, checked
 * @progress: called after each call with the bytes copied so far; may be NULL
 * @stop: set to non-zero (by a signal handler) to end between two calls
 */
struct copy_job {
	int src_fd;
	int dst_fd;
	uint32_t flags;
	uint64_t step_bytes;
	const struct ranges *ranges;
	void (*progress)(uint64_t done, uint64_t total);
	const volatile sig_atomic_t *stop;
};

/**
 * struct copy_result - what became of it
 * @copied: bytes: the first so many of the ranges, in their order
 * @offloaded: of these, by the device
 * @emulated: of these, by the kernel
 * @latency_ns: time spent in the calls
 * @calls: how many calls it took
 */
struct copy_result {
	uint64_t copied;
	uint64_t offloaded;
	uint64_t emulated;
	uint64_t latency_ns;
	uint64_t calls;
};

/**
 * copy_run() - copy everything, or as much as can be
 * @job: what
 * @result: filled, also on failure
 *
 * Return: 0, -EINTR when told to stop, -ENOTTY if the kernel has no BLKCOPY,
 *	or what that returned.
 */
int copy_run(const struct copy_job *job, struct copy_result *result);

/**
 * copy_verify() - compare source and destination, past the page cache
 * @job: what was copied; only @ranges, @progress and @stop are used
 * @src: path of the source
 * @dst: path of the destination
 * @where: set to the range-relative position of the first difference
 *
 * Return: 0 if they are equal, -EILSEQ if not, -EINTR when told to stop, or
 *	an errno of opening or reading.
 */
int copy_verify(const struct copy_job *job, const char *src, const char *dst,
		struct range *where);

#endif /* BPFCOPY_COPY_H */
