/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What trace_copy.bpf.c tells user space.  Fixed-width members only; whoever
 * includes this has __u64 and friends already (vmlinux.h or <linux/types.h>).
 *
 * Devices are dev_t as in MKDEV(): 12 bits major, 20 bits minor.  Sectors have
 * 512 bytes.  Times are nanoseconds; ts_ns is CLOCK_MONOTONIC.
 */
#ifndef BPFCOPY_TRACE_COPY_H
#define BPFCOPY_TRACE_COPY_H

#define TRACE_COMM_LEN 16

/* First member of every record in the ring buffer. */
enum trace_kind {
	TRACE_COPY = 1,
	TRACE_TOKEN = 2,
	TRACE_IO = 3,
};

#define TRACE_STACK_DEPTH 32

/* A time that is not known, for instance because it was not asked for. */
#define TRACE_NO_TIME (~0ULL)

/*
 * Where the time of a copy went: for how long at least one of its chunks, tokens
 * or commands was there.  Chunks are in flight together, so some of it is in
 * two of these.
 */
struct copy_split {
	__u64 decide_ns;  /* asking policies, and the kernel's own rules */
	__u64 token_ns;	  /* until the source had said where the data is */
	__u64 queue_ns;	  /* commands, until the driver took them */
	__u64 device_ns;  /* commands, until they ended */
	__u64 emulate_ns; /* what was read and written */
};

/*
 * A copy has ended.  @pid and @comm name the task that asked for it, or the
 * kernel worker in which it ended if it began before the tracer.
 */
struct copy_event {
	__u32 kind; /* TRACE_COPY */
	__u32 pid;
	__u64 ts_ns;
	__u64 copy_id;
	__u64 src_sector; /* of the first range */
	__u64 dst_sector;
	__u64 src_diskseq;
	__u64 dst_diskseq;
	__u64 bytes;	 /* wanted */
	__u64 offloaded; /* done by the device */
	__u64 emulated;	 /* read and written by the kernel */
	__u64 latency_ns;
	__u64 policy_id; /* of the policy that was asked; 0: none */
	__u32 src_dev;
	__u32 dst_dev;
	__u32 nr_ranges;
	__u32 path;   /* enum blk_copy_path */
	__u32 reason; /* enum blk_copy_reason */
	__u32 origin; /* enum blk_copy_origin */
	__s32 error;  /* 0 or a negative errno */
	__s32 stack;  /* id in the map "stacks", or a negative errno */
	__u32 decider; /* BLK_COPY_BUILTIN, _POLICY_DISK, _POLICY_GLOBAL, _CALLER */
	__u32 policy_map; /* id of its struct_ops map; 0: told before, or gone */
	__u32 policy_global; /* it is the policy of the global slot */
	__u32 pad;
	char policy[TRACE_COMM_LEN]; /* its name; "": told before, or gone */
	char comm[TRACE_COMM_LEN];
	struct copy_split split;
};

/* X(ID, word shown to people and in JSON) */
#define TOKEN_STEPS(X)          \
	X(ALLOC, "alloc")       \
	X(FILL, "fill")         \
	X(CONSUME, "consume")   \
	X(REJECT, "reject")     \
	X(DISPATCH, "dispatch") \
	X(COMPLETE, "complete") \
	X(FREE, "free")

/* clang-format off */
enum token_step {
#define TOKEN_STEP_ID(id, word) TOKEN_##id,
	TOKEN_STEPS(TOKEN_STEP_ID)
#undef TOKEN_STEP_ID
	TOKEN_NR_STEPS,
};
/* clang-format on */

/*
 * A step in the life of a token.  @dev, @sector and @offset are those of the
 * part that was filled, consumed, rejected, dispatched or completed, and 0
 * otherwise.  @dev is the whole disk at the bottom, whatever device the copy was
 * asked for.
 */
struct token_event {
	__u32 kind; /* TRACE_TOKEN */
	__u32 step; /* enum token_step */
	__u64 ts_ns;
	__u64 copy_id;
	__u64 token_id;
	__u64 sector;
	__u64 bytes;  /* of the part; of the token in alloc and free */
	__u64 done;   /* free: bytes the device copied */
	__u64 age_ns; /* since alloc; not in dispatch */
	__u32 dev;
	__u32 offset;	 /* of the part in the token, bytes; not in dispatch */
	__s32 status;	 /* 0 or a negative errno */
	__u32 nr_ranges; /* dispatch: source ranges of the command */
};

/* X(ID, word shown to people and in JSON) */
#define TRACE_IO_OPS(X)       \
	X(OTHER, "other")     \
	X(READ, "read")       \
	X(WRITE, "write")     \
	X(FLUSH, "flush")     \
	X(DISCARD, "discard") \
	X(ZEROES, "zeroes")

/* clang-format off */
enum trace_io_op {
#define TRACE_IO_ID(id, word) TRACE_IO_##id,
	TRACE_IO_OPS(TRACE_IO_ID)
#undef TRACE_IO_ID
};
/* clang-format on */

/*
 * A request has ended that was none of a copy's.  @dev is the whole disk, @sector
 * is on it.
 */
struct io_event {
	__u32 kind; /* TRACE_IO */
	__u32 op;   /* enum trace_io_op */
	__u64 ts_ns;
	__u64 start_ns; /* when the request was made */
	__u64 sector;
	__u32 dev;
	__u32 bytes;
	__u32 failed;
	__u32 pad;
};

/*
 * Latency histogram: 8 buckets per power of two, so a bucket is at most 12.5 %
 * wide.  Values below 8 have a bucket each; the last one ends at 2^64.
 */
#define LATENCY_SUB_BITS 3
#define LATENCY_SUB	 (1U << LATENCY_SUB_BITS)
#define LATENCY_SLOTS	 ((64 - LATENCY_SUB_BITS + 1) * LATENCY_SUB)

/* Value of the per-CPU array "latency", indexed by enum blk_copy_path. */
struct latency_hist {
	__u64 slots[LATENCY_SLOTS];
};

#define TRACE_NR_PATHS	 4
#define TRACE_NR_REASONS 16

/*
 * Value of the per-CPU array "counts", key 0.  Copies are those that passed the
 * filters, tokens are all of them.
 */
struct trace_counts {
	__u64 copies[TRACE_NR_PATHS]; /* by enum blk_copy_path */
	__u64 path_bytes[TRACE_NR_PATHS];
	__u64 reasons[TRACE_NR_REASONS]; /* copies by enum blk_copy_reason */
	__u64 offloaded;
	__u64 emulated;
	__u64 errors;
	/* Steps seen; those between alloc and free only if they are sent. */
	__u64 tokens[TOKEN_NR_STEPS];
	__u64 lost_copies; /* no room in the ring buffer */
	__u64 lost_tokens; /* same, or no room to remember their copy */
	__u64 lost_io;	   /* same, or it would take room from the others */
};

/* The bucket of a value. */
static inline __u32 latency_slot(__u64 ns)
{
	__u32 exp = 0;
	__u64 v = ns;

	if (ns < LATENCY_SUB)
		return ns;
	for (__u32 step = 32; step; step >>= 1) {
		if (v >> step) {
			v >>= step;
			exp += step;
		}
	}
	return (exp - LATENCY_SUB_BITS + 1) * LATENCY_SUB +
	       ((ns >> (exp - LATENCY_SUB_BITS)) & (LATENCY_SUB - 1));
}

/* The smallest value in a bucket; @slot may be LATENCY_SLOTS - 1 at most. */
static inline __u64 latency_slot_low(__u32 slot)
{
	__u32 exp = slot / LATENCY_SUB;

	if (!exp)
		return slot;
	return (__u64)(LATENCY_SUB + slot % LATENCY_SUB) << (exp - 1);
}

#endif /* BPFCOPY_TRACE_COPY_H */
