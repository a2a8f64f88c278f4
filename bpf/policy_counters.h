/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a policy counts: one row per answer it can give, shared by the policies
 * (bpfcopy.bpf.h) and by the programs that read them.
 *
 * A row says why, not only what: two rows may stand for the same verdict.  Rows
 * are only ever appended, so that a reader understands older objects.
 *
 * "cannot-offload" stands for no opinion: there is nothing to choose, and the
 * kernel then reports why (unsupported, disabled, two devices), which is more
 * than "the policy said so".
 */
#ifndef BPFCOPY_POLICY_COUNTERS_H
#define BPFCOPY_POLICY_COUNTERS_H

/* X(ID, word shown to people and in JSON, verdict it stands for) */
#define POLICY_COUNTERS(X)                     \
	X(OFFLOAD, "offload", OFFLOAD)         \
	X(EMULATE, "emulate", EMULATE)         \
	X(DEFAULT, "default", DEFAULT)         \
	X(BELOW_MIN, "below-min", EMULATE)     \
	X(ABOVE_MAX, "above-max", EMULATE)     \
	X(CANNOT, "cannot-offload", DEFAULT)   \
	X(ORIGIN, "origin", EMULATE)           \
	X(UNALIGNED, "unaligned", EMULATE)     \
	X(MANY_RANGES, "many-ranges", EMULATE) \
	X(TRY_OFFLOAD, "try-offload", OFFLOAD) \
	X(TRY_EMULATE, "try-emulate", EMULATE) \
	X(OVER_BUDGET, "over-budget", OFFLOAD) \
	X(GUARDED, "guarded", OFFLOAD)

/* clang-format off */
enum policy_counter_id {
#define POLICY_COUNTER_ID(id, word, verdict) POLICY_##id,
	POLICY_COUNTERS(POLICY_COUNTER_ID)
#undef POLICY_COUNTER_ID
	POLICY_NR_COUNTERS,
};
/* clang-format on */

/*
 * Value of the per-CPU array "policy_counters": decisions, and the bytes they
 * were about.  A chunk is decided on once: when its token is stale it is
 * offloaded again, and when the device fails it is emulated, without asking.
 * What became of a chunk is in the traces, not here.
 */
struct policy_count {
	__u64 count;
	__u64 bytes;
};

/*
 * Value of the array "policy_trips" of a policy that watches reads: the last
 * times that it made chunks smaller, and why.  Entry (@number - 1) modulo
 * POLICY_NR_TRIPS.
 */
#define POLICY_NR_TRIPS 16

struct policy_trip {
	__u64 number;	  /* from 1 on; 0: there was none */
	__u64 when_ns;	  /* CLOCK_MONOTONIC */
	__u64 target_ns;  /* that reads are to be done in */
	__u64 worst_ns;	  /* what one took */
	__u64 reads;	  /* that were counted */
	__u64 slow;	  /* of these, longer than the target */
	__u32 from_bytes; /* chunk */
	__u32 to_bytes;
};

/*
 * What "bpfcopy policy test" asks about: a struct blk_copy_ctx as the running kernel
 * has it, with room for members of a newer one.
 */
#define POLICY_TEST_SECTION ".data.test"

struct policy_test_chunk {
	__u64 words[16];
};

#endif /* BPFCOPY_POLICY_COUNTERS_H */
