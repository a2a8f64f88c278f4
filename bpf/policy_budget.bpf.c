// SPDX-License-Identifier: GPL-2.0
/*
 * budget: keep copies below a bandwidth, and few of them in flight.
 *
 *	bpfcopy load budget --dev nvme0n1 rate_bytes=200MiB
 *	bpfcopy load budget --dev nvme0n1 rate_bytes=50MiB per_cgroup=yes
 *
 * A policy cannot make a copy wait.  What it can do is make the chunks smaller
 * and let one be in flight at a time: then a copy moves a chunk in the time that a
 * chunk takes, and not more.  So a chunk gets what the bucket holds, which is what
 * has flowed in while the chunk before it was copied: where a chunk takes
 * longest for its size, that settles at the rate.
 *
 * It cannot go below the rate at which least_bytes are copied one after the
 * other: 4 KiB in 100 us are 40 MiB/s, whatever rate_bytes says.  What went
 * beyond is remembered, up to burst_ns, and has to be saved later.  A copy of its
 * own has a chunk of its own: the limit is for all of them together as far as
 * they find the bucket empty, and n copies at once take n times the least.
 * Of one copy most_inflight chunks are in flight; while there are as many of
 * others, a copy adds one of least_bytes at a time.
 *
 * Copies that were asked for with a path (BLK_COPY_OFFLOAD_ONLY and the like)
 * never come here, nor do the reads and writes of an application.  Emulated
 * copies count, too, and io.max of the cgroup limits them beside this.
 *
 * A bad idea when
 * - a hard limit is needed: emulate (policy_never) and use io.max;
 * - commands are dear on the device: small chunks cost it more than the copy;
 * - the aim is that others are quick, whatever the copies take: policy_guard.
 *
 * In the global slot all disks that have no policy share one budget.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(__u64, rate_bytes, 0, "bytes in a second; 0: no limit");
BLK_COPY_PARAM(__u64, burst_ns, 100000000,
	       "time for which the bucket holds what flows in");
BLK_COPY_PARAM(__u32, least_bytes, KiB(4), "smallest chunk to cut");
BLK_COPY_PARAM(__u32, most_inflight, 0,
	       "chunks in flight on the disk; a copy that finds so many adds "
	       "least_bytes at a time; 0: no limit");
BLK_COPY_PARAM(bool, per_cgroup, false,
	       "a budget for each cgroup instead of one for all");

#define SECOND_NS 1000000000ULL
#define SECOND_KI (SECOND_NS >> 10)

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

/*
 * The bucket is empty at @empty: it holds what flows in from then until now.
 * One number, so that taking is one atomic addition.
 */
struct bucket {
	__u64 empty;
};

static struct bucket all;

/* Those that were not used for longest make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct bucket);
} cgroups SEC(".maps");

static __always_inline struct bucket *bucket_of(__u64 cgroup)
{
	struct bucket *b, full = {};

	if (!per_cgroup)
		return &all;
	b = bpf_map_lookup_elem(&cgroups, &cgroup);
	if (b)
		return b;
	bpf_map_update_elem(&cgroups, &cgroup, &full, BPF_NOEXIST);
	b = bpf_map_lookup_elem(&cgroups, &cgroup);
	return b ? b : &all;
}

/* What is in the bucket now, in bytes; it overflows after burst_ns. */
static __always_inline __u64 fill(struct bucket *b, __u64 now)
{
	__u64 empty = b->empty;

	if (now > empty + burst_ns) {
		__sync_val_compare_and_swap(&b->empty, empty, now - burst_ns);
		empty = now - burst_ns;
	}
	/* Coarsely, or what flows in on a fast device in a second overflows. */
	return now < empty ? 0 : ((now - empty) >> 10) * rate_bytes / SECOND_KI;
}

static __always_inline void take(struct bucket *b, __u64 now, __u64 bytes)
{
	/* Not for ever: nobody waits for what was too much an hour ago. */
	if (b->empty < now + burst_ns)
		__sync_fetch_and_add(&b->empty, bytes * SECOND_NS / rate_bytes);
}

/* How much of the chunk may be copied now. */
static __always_inline __u64 allowed(const struct blk_copy_ctx *cctx)
{
	__u64 now = bpf_ktime_get_ns(), bytes = cctx->nr_bytes;
	struct bucket *b;

	if (most_inflight && cctx->inflight >= most_inflight)
		bytes = least_bytes;
	if (!rate_bytes)
		return bytes;
	b = bucket_of(cctx->cgroup_id);
	bytes = min(bytes, max(fill(b, now), least_bytes));
	take(b, now, bytes);
	return bytes;
}

BLK_COPY_DECIDE(budget_decide, cctx)
{
	__u64 bytes = allowed(cctx);

	cctx->max_depth = most_inflight;
	if (bytes < cctx->nr_bytes) {
		cctx->chunk_bytes = bytes;
		cctx->max_depth = 1;
	}
	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	if (bytes < cctx->nr_bytes)
		return blk_copy_say(cctx, POLICY_OVER_BUDGET);
	return blk_copy_say(cctx, POLICY_OFFLOAD);
}

BLK_COPY_POLICY(budget, budget_decide);
