// SPDX-License-Identifier: GPL-2.0
/*
 * Count copies by how long they took and how large they were, for each
 * combination of what user space wants them told apart by.
 *
 * No event leaves the kernel, so nobody has to keep up with the copies.  What can
 * be lost is a copy of a combination for which the map has no room, and a copy
 * that ends while this program runs on the same CPU, which the kernel skips: the
 * first is counted in "lost", the second in the program's recursion_misses.
 *
 * As it is one program and is never run within itself, what belongs to a CPU is
 * added to without atomic operations.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "hist_copy.h"
#include "copy_filter.h"
#include "global_slot.h"

/* What copies are told apart by. */
const volatile bool by_dev;
const volatile bool by_path;
const volatile bool by_reason;
const volatile bool by_origin;

/* User space says how many there is room for, and all of it is taken at once. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, struct hist_key);
	__type(value, struct hist_value);
} series SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

/* How a value begins; too large for the stack. */
static const struct hist_value nothing;

/* What is attached when a copy ends is what decided, or has just taken its place. */
static __always_inline void
name_policy(struct hist_key *key, const struct blk_copy *copy, __u32 reason)
{
	__u64 ops = 0;

	if (reason == BLK_COPY_POLICY_DISK)
		ops = disk_policy(copy);
	else if (reason == BLK_COPY_POLICY_GLOBAL)
		ops = global_policy();
	if (ops)
		bpf_core_read(key->policy, sizeof(key->policy),
			      &((struct blk_copy_ops *)ops)->name);
}

static __always_inline struct hist_key key_of(const struct blk_copy *copy,
					      __u32 path, __u32 reason)
{
	struct hist_key key = {};

	if (by_dev) {
		key.dev = copy->dst->bd_dev;
		key.diskseq = copy->dst->bd_disk->diskseq;
	}
	if (by_path)
		key.path = path;
	if (by_reason) {
		key.reason = reason;
		name_policy(&key, copy, reason);
	}
	if (by_origin)
		key.origin = copy->origin;
	return key;
}

static __noinline void count_lost(void)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&lost, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline struct hist_value *value_of(const struct hist_key *key)
{
	struct hist_value *value = bpf_map_lookup_elem(&series, key);

	if (value)
		return value;
	/* Another CPU may be quicker, which is as good. */
	bpf_map_update_elem(&series, key, &nothing, BPF_NOEXIST);
	return bpf_map_lookup_elem(&series, key);
}

SEC("tp_btf/blk_copy_end")
int BPF_PROG(hist_copy_end, const struct blk_copy *copy, __u32 reason,
	     __u64 latency_ns)
{
	__u32 path = copy_path(copy);
	struct hist_value *value;
	struct hist_key key;

	if (!copy_wanted(copy, path, reason, latency_ns))
		return 0;
	key = key_of(copy, path, reason);
	value = value_of(&key);
	if (value)
		hist_count(value, copy->bytes, copy->offloaded, copy->emulated,
			   copy->error, latency_ns);
	else
		count_lost();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
