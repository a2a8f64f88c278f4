/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What hist_copy.bpf.c counts, and how.  Fixed-width members only; whoever includes this
 * has __u64 and friends already (vmlinux.h or <linux/types.h>).
 *
 * The buckets are those of trace_copy.h, 8 per power of two, so numbers of both
 * can be compared.  What is beyond the last one is counted in the last one.
 */
#ifndef BPFCOPY_HIST_COPY_H
#define BPFCOPY_HIST_COPY_H

#include "trace_copy.h"

/* Nanoseconds, up to 2^40 (18 minutes). */
#define HIST_LATENCY_SLOTS ((40 - LATENCY_SUB_BITS + 1) * LATENCY_SUB)

/* Sectors of 512 bytes, up to 2^31 (1 TiB). */
#define HIST_SIZE_SHIFT 9
#define HIST_SIZE_SLOTS ((31 - LATENCY_SUB_BITS + 1) * LATENCY_SUB)

/* Key of "series".  What copies are not told apart by is 0. */
struct hist_key {
	__u64 diskseq; /* of the whole disk; another disk has another one */
	__u32 dev;     /* destination, disk or partition, as in MKDEV() */
	__u8 path;     /* enum blk_copy_path */
	__u8 reason;   /* enum blk_copy_reason */
	__u8 origin;   /* enum blk_copy_origin */
	__u8 pad;
	/* Of the policy that decided, unless it was replaced since; "" if none did. */
	char policy[16];
};

/*
 * Value of "series", per CPU: to be summed, but for @max_ns.  A copy of which the
 * device did a part is counted in both @offloaded and @emulated.
 */
struct hist_value {
	__u64 copies;
	__u64 errors;	  /* of these, failed */
	__u64 offloaded;  /* bytes done by devices */
	__u64 emulated;	  /* bytes read and written by the kernel */
	__u64 latency_ns; /* sum */
	__u64 max_ns;
	__u64 latency[HIST_LATENCY_SLOTS]; /* copies by duration */
	__u64 size[HIST_SIZE_SLOTS];	   /* copies by bytes wanted */
};

/* Count a copy: of the kernel, or of a recording. */
static inline __attribute__((always_inline)) void
hist_count(struct hist_value *value, __u64 bytes, __u64 offloaded,
	   __u64 emulated, int error, __u64 latency_ns)
{
	__u32 slot = latency_slot(latency_ns);

	value->copies++;
	if (error)
		value->errors++;
	value->offloaded += offloaded;
	value->emulated += emulated;
	value->latency_ns += latency_ns;
	if (latency_ns > value->max_ns)
		value->max_ns = latency_ns;
	if (slot >= HIST_LATENCY_SLOTS)
		slot = HIST_LATENCY_SLOTS - 1;
	value->latency[slot]++;
	slot = latency_slot(bytes >> HIST_SIZE_SHIFT);
	if (slot >= HIST_SIZE_SLOTS)
		slot = HIST_SIZE_SLOTS - 1;
	value->size[slot]++;
}

#endif /* BPFCOPY_HIST_COPY_H */
