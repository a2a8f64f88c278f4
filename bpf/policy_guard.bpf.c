// SPDX-License-Identifier: GPL-2.0
/*
 * guard: copies make way when others have to wait for their reads.
 *
 *	bpfcopy load guard --dev nvme0n1 target_ns=2ms; bpfcopy status
 *
 * It watches all reads of the disk up to read_bytes, but for those of emulated copies, from when
 * the block layer had them to when they are done.  When more than one in a hundred takes longer
 * than target_ns, of those of window_ns or of a hundred at least, it trips: chunks become half as
 * large, or an eighth if it was one in ten, and each copy has one in flight: what reads wait for
 * is soon over.  When hardly any takes longer than seven eighths of target_ns, chunks grow again,
 * and without reads they soon are what they were.
 *
 * It cannot stop a copy: least_bytes, one after the other, is where it ends.  Several copies at
 * once share the size of the chunk down to that.
 *
 * A bad idea when
 * - target_ns is less than reads take without any copy: it stays at the least and helps nobody;
 * - the disk is a stacked one, or an NVMe disk of several paths: it has no
 *   requests of its own to watch, and copies go on as without a policy;
 * - copies are emulated and who loads it has no CAP_SYSLOG, as bpfcopyd's unit: then
 *   the copies' own reads up to read_bytes count, too, and it is stricter;
 * - reads are larger than read_bytes, or statistics of the disk are off
 *   (queue/iostats) and it has no scheduler: it sees none.
 */
#include "bpfcopy.bpf.h"

BLK_COPY_PARAM(__u64, target_ns, 2000000,
	       "99 of 100 reads are to be done in this time");
BLK_COPY_PARAM(__u64, window_ns, 100000000, "count reads for so long");
BLK_COPY_PARAM(__u32, read_bytes, KiB(64), "do not count larger reads");
BLK_COPY_PARAM(__u32, least_bytes, KiB(16), "smallest chunk to cut");
BLK_COPY_NEEDS_DISK;

#define MOST_BYTES (16U << 20) /* the kernel cuts no larger chunks */
#define ENOUGH	   100	       /* reads to speak of one in a hundred */
#define FEW_SLOW   3	       /* tell something, of how ever many */
#define LONG	   10 /* windows, after which there need not be enough */

struct watched {
	__u64 reads; /* since it was attached, as are the next two */
	__u64 near;  /* longer than seven eighths of the target */
	__u64 slow;  /* longer than the target */
	__u64 worst; /* ns, in this window */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watched);
} watched SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POLICY_NR_TRIPS);
	__type(key, __u32);
	__type(value, struct policy_trip);
} policy_trips SEC(".maps");

/* Of the bios of emulated copies.  0 if addresses are hidden from who loads this. */
extern const void blk_copy_bios __ksym __weak;

/* Not static: the compiler would take it apart, and BTF would not fit it. */
struct watched before; /* sums when the window began, but for @worst */
static __u64 window_start;
static __u32 chunk = MOST_BYTES;
static __u64 trips;
static __u32 quiet; /* windows without enough reads */

SEC("tp_btf/block_rq_complete")
int BPF_PROG(guard_read, struct request *rq, blk_status_t error,
	     unsigned int nr_bytes)
{
	struct gendisk *disk = rq->q->disk;
	__u64 start = rq->start_time_ns, ns;
	struct watched *w;
	__u32 key = 0;

	if (!disk || (disk->major << 20 | disk->first_minor) != policy_dev)
		return 0;
	/* REQ_OP_READ is 0. */
	if (rq->cmd_flags & 0xff || nr_bytes > read_bytes || !start)
		return 0;
	/* Bios of direct I/O have no pool, and neither do we if it is hidden. */
	if (rq->bio && &blk_copy_bios &&
	    (void *)rq->bio->bi_pool == &blk_copy_bios)
		return 0;
	w = bpf_map_lookup_elem(&watched, &key);
	if (!w)
		return 0;
	ns = bpf_ktime_get_ns() - start;
	__sync_fetch_and_add(&w->reads, 1);
	if (ns > target_ns / 8 * 7)
		__sync_fetch_and_add(&w->near, 1);
	if (ns > target_ns)
		__sync_fetch_and_add(&w->slow, 1);
	if (ns > w->worst)
		w->worst = ns;
	return 0;
}

static __always_inline void sum_up(struct watched *sum)
{
	struct watched *w;
	__u32 key = 0;
	int cpu;

	bpf_for(cpu, 0, 8192) {
		w = bpf_map_lookup_percpu_elem(&watched, &key, cpu);
		if (!w)
			break;
		sum->reads += w->reads;
		sum->near += w->near;
		sum->slow += w->slow;
		if (sum->worst < w->worst)
			sum->worst = w->worst;
		w->worst = 0;
	}
}

static __always_inline void trip(__u64 now, const struct watched *seen,
				 __u32 to)
{
	__u32 key = trips % POLICY_NR_TRIPS;
	struct policy_trip t = { .number = ++trips,
				 .when_ns = now,
				 .target_ns = target_ns,
				 .worst_ns = seen->worst,
				 .reads = seen->reads,
				 .slow = seen->slow,
				 .from_bytes = chunk,
				 .to_bytes = to };

	bpf_map_update_elem(&policy_trips, &key, &t, BPF_ANY);
}

/* What has been seen since the window began. */
static __always_inline bool look(struct watched *seen)
{
	struct watched sum = {};

	sum_up(&sum);
	if (sum.worst < before.worst)
		sum.worst = before.worst;
	seen->reads = sum.reads - before.reads;
	seen->near = sum.near - before.near;
	seen->slow = sum.slow - before.slow;
	seen->worst = sum.worst;
	before.worst = sum.worst;
	/* Where reads take for ever, few of them end. */
	if (seen->reads < ENOUGH && seen->slow < FEW_SLOW && ++quiet < LONG)
		return false;
	quiet = 0;
	before = sum;
	before.worst = 0;
	return true;
}

/* The window is over: what does it say? */
static __always_inline void judge(__u64 now)
{
	struct watched seen;
	__u32 to = chunk;

	if (!look(&seen))
		return;
	if (seen.slow * 100 > seen.reads)
		to /= seen.slow * 10 > seen.reads ? 8 : 2;
	else if (!seen.reads)
		to *= 2;
	else if (seen.near * 100 <= seen.reads)
		to += to / 8;
	to = to < least_bytes ? least_bytes : to > MOST_BYTES ? MOST_BYTES : to;
	if (to < chunk)
		trip(now, &seen, to);
	chunk = to;
}

BLK_COPY_DECIDE(guard_decide, cctx)
{
	__u64 now = bpf_ktime_get_ns(), start = window_start;
	__u32 bytes;

	/* One of those who find it over. */
	if (now - start > window_ns &&
	    __sync_val_compare_and_swap(&window_start, start, now) == start)
		judge(now);
	if (!cctx->can_offload)
		return blk_copy_say(cctx, POLICY_CANNOT);
	if (chunk == MOST_BYTES)
		return blk_copy_say(cctx, POLICY_OFFLOAD);
	bytes = chunk / (cctx->inflight + 1);
	cctx->chunk_bytes = bytes > least_bytes ? bytes : least_bytes;
	cctx->max_depth = 1;
	return blk_copy_say(cctx, POLICY_GUARDED);
}

BLK_COPY_POLICY(guard, guard_decide);
