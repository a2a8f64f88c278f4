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
#define POLICY_COUNTERS(X)                 \
	X(OFFLOAD, "offload", OFFLOAD)     \
	X(EMULATE, "emulate", EMULATE)     \
	X(DEFAULT, "default", DEFAULT)     \
	X(BELOW_MIN, "below-min", EMULATE) \
	X(ABOVE_MAX, "above-max", EMULATE) \
	X(CANNOT, "cannot-offload", DEFAULT)

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

#endif /* BPFCOPY_POLICY_COUNTERS_H */
