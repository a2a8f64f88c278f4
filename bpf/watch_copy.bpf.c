// SPDX-License-Identifier: GPL-2.0
/*
 * Count, by disk, what devices were to copy and did not: for the circuit breaker of
 * bpfcopyd.  It runs where a copy falls back, so one that works does not pay for it.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Disks that are gone leave theirs behind until others need the room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} failures SEC(".maps");

SEC("tp_btf/blk_copy_fallback")
int BPF_PROG(copy_fallback, u64 copy_id, u32 dst_dev, u64 offset, u64 bytes,
	     u32 reason, int status)
{
	__u64 *count, one = 1;

	/* What is stale, or on two disks, or short of memory is no fault of the device. */
	if (reason != BLK_COPY_FAILED && reason != BLK_COPY_UNSUPPORTED)
		return 0;
	count = bpf_map_lookup_elem(&failures, &dst_dev);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&failures, &dst_dev, &one, BPF_NOEXIST);
	return 0;
}

char _license[] SEC("license") = "GPL";
