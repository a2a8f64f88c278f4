// SPDX-License-Identifier: GPL-2.0
/*
 * Writes down how the kernel calls a policy; policy_raw prints the two maps.
 *
 * counts	calls so far, in this order: init, decide, complete, exit, and calls
 *		of decide and complete that were still running when exit was called
 * calls	what decide saw and complete was told, by the order of the calls
 *
 * verdict, chunk, depth	what decide says and asks for, whatever it is
 * refuse			what init returns
 * spin				makes decide slow, to find one that exit did not
 *				wait for
 */
#include "bpfcopy.bpf.h"

enum { INIT, DECIDE, COMPLETE, EXIT, LATE, NR_COUNTS };

/* Of a call of decide, path, status and latency_ns are 0. */
struct call {
	__u64 now_ns;
	__u64 latency_ns;
	__s64 status;
	__u32 what;
	__u32 path;
	struct blk_copy_ctx cctx;
};

BLK_COPY_PARAM(int, verdict, 0, "what decide says");
BLK_COPY_PARAM(__u32, chunk, 0, "chunk_bytes");
BLK_COPY_PARAM(__u32, depth, 0, "max_depth");
BLK_COPY_PARAM(int, refuse, 0, "what init says");
BLK_COPY_PARAM(__u32, spin, 0, "loops of decide");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NR_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* Full is full: a suite that reads it does not make more calls than that. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct call);
} calls SEC(".maps");

static __u64 next_call;
static volatile __u32 exited;

static void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static void write_down(__u32 what, struct blk_copy_ctx *cctx, __u32 path,
		       int status, __u64 latency_ns)
{
	__u64 key = __sync_fetch_and_add(&next_call, 1);
	struct call call = {
		.now_ns = bpf_ktime_get_ns(),
		.latency_ns = latency_ns,
		.status = status,
		.what = what,
		.path = path,
	};

	count(what);
	bpf_probe_read_kernel(&call.cctx, sizeof(call.cctx), cctx);
	bpf_map_update_elem(&calls, &key, &call, BPF_ANY);
	if (exited)
		count(LATE);
}

static int idle(__u32 i, void *unused)
{
	return exited ? 1 : 0;
}

BLK_COPY_DECIDE(record_decide, cctx)
{
	if (spin)
		bpf_loop(spin, idle, NULL, 0);
	cctx->chunk_bytes = chunk;
	cctx->max_depth = depth;
	write_down(DECIDE, cctx, BLK_COPY_PATH_NONE, 0, 0);
	return verdict;
}

BLK_COPY_COMPLETE(record_complete, cctx, path, status, latency_ns)
{
	write_down(COMPLETE, cctx, path, status, latency_ns);
}

SEC("struct_ops.s/init")
int BPF_PROG(record_init, struct blk_copy_ops *ops)
{
	exited = 0;
	count(INIT);
	return refuse;
}

SEC("struct_ops.s/exit")
void BPF_PROG(record_exit, struct blk_copy_ops *ops)
{
	exited = 1;
	count(EXIT);
}

BLK_COPY_POLICY(record, record_decide, .complete = (void *)record_complete,
		.init = (void *)record_init, .exit = (void *)record_exit);
