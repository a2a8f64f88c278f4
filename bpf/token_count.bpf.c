// SPDX-License-Identifier: GPL-2.0
/*
 * How many tokens are alive, of those that were made while somebody counts:
 * all that `bpfcopy top` wants to know of them, for as little as can be.  Who
 * wants to know which, asks tokens.bpf.c.
 *
 * Tokens are made and freed by tasks, so nothing interrupts an addition.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* User space sets it when both programs are attached: both count the same ones. */
__u64 since_ns = ~0ULL;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[2]); /* created, freed */
} counts SEC(".maps");

static __always_inline void count(int which)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&counts, &key);

	if (n)
		n[which]++;
}

SEC("tp_btf/blk_copy_token_alloc")
int BPF_PROG(count_alloc, __u64 copy_id, __u64 token_id, __u64 bytes)
{
	if (bpf_ktime_get_ns() >= since_ns)
		count(0);
	return 0;
}

SEC("tp_btf/blk_copy_token_free")
int BPF_PROG(count_free, __u64 copy_id, __u64 token_id, __u64 bytes, __u64 done,
	     __u64 age_ns)
{
	if (bpf_ktime_get_ns() - age_ns >= since_ns)
		count(1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
