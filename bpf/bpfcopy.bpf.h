/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that a copy policy has to include; docs/writing-a-policy.md shows how.
 *
 * A policy is one object file with one BLK_COPY_POLICY().  Its decide function
 * runs once for every chunk that is about to be copied, looks at struct
 * blk_copy_ctx and answers BLK_COPY_OFFLOAD, BLK_COPY_EMULATE or
 * BLK_COPY_DEFAULT.  It chooses a path, never the data: what the kernel cannot
 * follow (a device that cannot copy, a size out of range) it corrects.
 *
 * Parameters are constants that the loader overwrites before the program is
 * verified, so an unused branch costs nothing.  One object is loaded per
 * device: each has parameters and counters of its own.
 *
 * Every policy has the parameter "observe": then it decides and counts as ever,
 * and nothing of it is in force.
 */
#ifndef BPFCOPY_BPF_H
#define BPFCOPY_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "policy_counters.h"

/* Macros of <linux/blk-copy.h>, which BTF does not carry. */
#define BLK_COPY_OPS_ABI      1
#define BLK_COPY_OFFLOAD_ONLY (1U << 0)
#define BLK_COPY_EMULATE_ONLY (1U << 1)

#define KiB(n) ((__u64)(n) << 10)
#define MiB(n) ((__u64)(n) << 20)
#define GiB(n) ((__u64)(n) << 30)

/*
 * A parameter, set with "bpfcopy load POLICY name=value".  The name tells the
 * unit: *_bytes takes a size ("64KiB"), *_ns a time ("500us"), a bool takes
 * yes or no, anything else a plain number.  "bpfcopy policy show" prints @doc,
 * one sentence without a full stop.
 */
#define BLK_COPY_PARAM(type, name, value, doc)            \
	__attribute__((btf_decl_tag("bpfcopy:doc:" doc))) \
	const volatile type name = (value)

/*
 * A parameter that is a set of words, one bit each from the first on: @words is
 * "first,second,...", and so is what it is set to; or "all", "none".
 */
#define BLK_COPY_PARAM_SET(name, value, words, doc)           \
	__attribute__((btf_decl_tag("bpfcopy:words:" words))) \
	BLK_COPY_PARAM(__u32, name, value, doc)

/* enum blk_copy_origin as such words. */
#define BLK_COPY_ORIGINS "kernel,ioctl,io_uring,copy_file_range,kcopyd,nvmet"

BLK_COPY_PARAM(bool, observe, false, "decide and count, but change nothing");

/*
 * For a policy that learns about its disk: it cannot be loaded into the global
 * slot, and policy_dev is the disk's number, as in cctx->dst_dev.
 */
#define BLK_COPY_NEEDS_DISK const volatile __u32 policy_dev = 0

/* A struct blk_copy_ctx; only there for "bpfcopy policy test". */
struct policy_test_chunk policy_test_chunk SEC(POLICY_TEST_SECTION) = {};

/*
 * A decide function; must not sleep.  cctx: struct blk_copy_ctx *.  Around it is
 * what the kernel calls.  With "observe" it says DEFAULT, and leaves the size of
 * the chunk and the depth to whom is asked next or was asked before.
 *
 * The same as a program that user space can run is for "bpfcopy policy test", and
 * nobody else loads it.  Of the types that can be run, those of the network may call
 * the same helpers.  Its chunk is in a map: the verifier takes no address that was
 * computed in the context of a program.
 */
#define BLK_COPY_DECIDE(name, cctx)                                          \
	static __always_inline int name##_inside(struct blk_copy_ctx *cctx); \
	static __always_inline int name##_asked(struct blk_copy_ctx *_cctx)  \
	{                                                                    \
		__u32 _chunk_bytes = _cctx->chunk_bytes;                     \
		__u32 _max_depth = _cctx->max_depth;                         \
		int _verdict = name##_inside(_cctx);                         \
                                                                             \
		if (!observe)                                                \
			return _verdict;                                     \
		_cctx->chunk_bytes = _chunk_bytes;                           \
		_cctx->max_depth = _max_depth;                               \
		return BLK_COPY_DEFAULT;                                     \
	}                                                                    \
	SEC("struct_ops/decide")                                             \
	int BPF_PROG(name, struct blk_copy_ctx *_cctx)                       \
	{                                                                    \
		return name##_asked(_cctx);                                  \
	}                                                                    \
	SEC("?tc")                                                           \
	int name##_test(void *_ctx)                                          \
	{                                                                    \
		return name##_asked((void *)&policy_test_chunk);             \
	}                                                                    \
	static __always_inline int name##_inside(struct blk_copy_ctx *cctx)

/* Optional: a chunk is finished, see struct blk_copy_ops in vmlinux.h. */
#define BLK_COPY_COMPLETE(name, cctx, path, status, latency_ns)                \
	SEC("struct_ops/complete")                                             \
	void BPF_PROG(name, struct blk_copy_ctx *cctx, __u32 path, int status, \
		      __u64 latency_ns)

/* clang-format off */

/*
 * The policy itself: its name (15 characters at most), its decide function and
 * optionally more members, as in ".complete = (void *)my_complete".
 */
#define BLK_COPY_POLICY(_name, _decide, ...)				\
	char _license[] SEC("license") = "GPL";				\
	SEC(".struct_ops.link") struct blk_copy_ops _name = {		\
		.abi = BLK_COPY_OPS_ABI,				\
		.decide = (void *)(_decide),				\
		.name = #_name,						\
		__VA_ARGS__						\
	}

/* clang-format on */

/* Shown by "bpfcopy status". */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, POLICY_NR_COUNTERS);
	__type(key, __u32);
	__type(value, struct policy_count);
} policy_counters SEC(".maps");

/*
 * Count a decision, and return the verdict that the reason stands for: the last
 * line of a decide function is usually "return blk_copy_say(cctx, reason)".
 */
static __always_inline int blk_copy_say(const struct blk_copy_ctx *cctx,
					enum policy_counter_id reason)
{
	__u64 bytes = cctx->nr_bytes;
	struct policy_count *c;
	__u32 key = reason;

	if (!observe && cctx->chunk_bytes && cctx->chunk_bytes < bytes)
		bytes = cctx->chunk_bytes;

	c = bpf_map_lookup_elem(&policy_counters, &key);
	if (c) {
		/*
		 * Per CPU, but a preemptible kernel may switch tasks between
		 * load and store: the adds have to be atomic to be exact.
		 */
		__sync_fetch_and_add(&c->count, 1);
		__sync_fetch_and_add(&c->bytes, bytes);
	}

	switch (reason) {
		/* clang-format off */
#define POLICY_COUNTER_VERDICT(id, word, verdict)			\
	case POLICY_##id:						\
		return BLK_COPY_##verdict;
	POLICY_COUNTERS(POLICY_COUNTER_VERDICT)
#undef POLICY_COUNTER_VERDICT
		/* clang-format on */
	default:
		return BLK_COPY_DEFAULT;
	}
}

#endif /* BPFCOPY_BPF_H */
