// SPDX-License-Identifier: GPL-2.0
/*
 * Keep every token that is alive, who holds it, and how long those lived that
 * are not.
 *
 * Tokens are joined with their copy here, at their alloc, for the tracepoints
 * of tokens know only its id.  A copy whose start was not seen is that of the
 * task which makes the token.
 *
 * Nothing is sent: user space reads the maps.  What finds no room is counted.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "tokens.h"
#include "trace_copy.h"

/* Remember who called for each alloc. */
const volatile bool keep_stacks;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOKENS_COPIES_MAX);
	__type(key, __u64);
	__type(value, struct token_holder);
} copies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOKENS_ALIVE_MAX);
	__type(key, __u64);
	__type(value, struct token_alive);
} alive SEC(".maps");

/* Made smaller if unused. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, TOKENS_STACK_MAX * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct token_counts);
} counts SEC(".maps");

/* Of those that were freed. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct latency_hist);
} lifetimes SEC(".maps");

/* Also from interrupts and, for a token, on several CPUs at a time. */
#define add(member, n) __sync_fetch_and_add(&(member), (n))

#define count(member)                                         \
	do {                                                  \
		__u32 __key = 0;                              \
		struct token_counts *__c =                    \
			bpf_map_lookup_elem(&counts, &__key); \
                                                              \
		if (__c)                                      \
			add(__c->member, 1);                  \
	} while (0)

static __always_inline void holder_is_current(struct token_holder *holder)
{
	holder->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(holder->comm, sizeof(holder->comm));
}

SEC("tp_btf/blk_copy_start")
int BPF_PROG(copy_start, const struct blk_copy *copy)
{
	struct token_holder holder = {
		.src_dev = copy->src->bd_dev,
		.dst_dev = copy->dst->bd_dev,
		.origin = copy->origin,
	};
	__u64 id = copy->id;

	holder_is_current(&holder);
	if (bpf_map_update_elem(&copies, &id, &holder, BPF_ANY))
		count(lost_copies);
	return 0;
}

SEC("tp_btf/blk_copy_end")
int BPF_PROG(copy_end, const struct blk_copy *copy, __u32 reason,
	     __u64 latency_ns)
{
	__u64 id = copy->id;

	bpf_map_delete_elem(&copies, &id);
	return 0;
}

static __always_inline __s32 this_stack(void *ctx)
{
	long id;

	if (!keep_stacks)
		return TOKENS_NO_STACK;
	id = bpf_get_stackid(ctx, &stacks, 0);
	if (id >= 0)
		return id;
	count(lost_stacks);
	return TOKENS_NO_STACK;
}

/* Not known yet: make an entry of what there is. */
static __always_inline int insert(__u64 id, struct token_alive *token)
{
	struct token_holder *holder =
		bpf_map_lookup_elem(&copies, &token->copy_id);

	if (holder) {
		token->holder = *holder;
	} else {
		token->holder.origin = TOKENS_NO_ORIGIN;
		if (token->bytes)
			holder_is_current(&token->holder);
	}
	return bpf_map_update_elem(&alive, &id, token, BPF_NOEXIST);
}

SEC("tp_btf/blk_copy_token_alloc")
int BPF_PROG(token_alloc, __u64 copy_id, __u64 token_id, __u64 bytes)
{
	struct token_alive token = {
		.copy_id = copy_id,
		.alloc_ns = bpf_ktime_get_ns(),
		.bytes = bytes,
		.stack = this_stack(ctx),
	};

	count(created);
	if (insert(token_id, &token))
		count(lost_tokens);
	return 0;
}

/* One that was there before, or that there was no room for. */
static __always_inline struct token_alive *found(__u64 copy_id, __u64 token_id,
						 __u64 age_ns)
{
	struct token_alive token = {
		.copy_id = copy_id,
		.alloc_ns = bpf_ktime_get_ns() - age_ns,
		.stack = TOKENS_NO_STACK,
	};

	/* Where another CPU was first, its entry will do. */
	if (!insert(token_id, &token))
		count(found);
	return bpf_map_lookup_elem(&alive, &token_id);
}

static __always_inline struct token_alive *find(__u64 copy_id, __u64 token_id,
						__u64 age_ns)
{
	struct token_alive *token = bpf_map_lookup_elem(&alive, &token_id);

	return token ?: found(copy_id, token_id, age_ns);
}

/* What happens to a part of a token. */
struct part {
	__u64 sector;
	__u32 disk;
	__u32 offset;
	__u32 bytes;
	int status;
};

/* Parts are filled one after the other, so nobody else is at the last one's end. */
static __always_inline void fill(struct token_alive *token,
				 const struct part *part)
{
	if (part->status)
		return;
	if (!token->extents || token->disk != part->disk ||
	    token->end_sector != part->sector ||
	    token->end_offset != part->offset)
		token->extents++;
	token->end_sector = part->sector + (part->bytes >> 9);
	token->end_offset = part->offset + part->bytes;
	add(token->filled, part->bytes);
}

static __always_inline void consume(struct token_alive *token,
				    const struct part *part)
{
	add(token->consumed, part->bytes);
}

static __always_inline void reject(struct token_alive *token,
				   const struct part *part)
{
	add(token->rejects, 1);
}

static __always_inline void complete(struct token_alive *token,
				     const struct part *part)
{
	if (part->status)
		add(token->failed, part->bytes);
	else
		add(token->done, part->bytes);
}

#define TOKEN_PART(step)                                                     \
	SEC("tp_btf/blk_copy_token_" #step)                                  \
	int BPF_PROG(token_##step, __u64 copy_id, __u64 token_id, __u32 dev, \
		     __u64 sector, __u32 offset, __u32 bytes, int status,    \
		     __u64 age_ns)                                           \
	{                                                                    \
		struct token_alive *token = find(copy_id, token_id, age_ns); \
		struct part part = { sector, dev, offset, bytes, status };   \
                                                                             \
		if (!token)                                                  \
			return 0;                                            \
		step(token, &part);                                          \
		token->disk = dev;                                           \
		return 0;                                                    \
	}

TOKEN_PART(fill)
TOKEN_PART(consume)
TOKEN_PART(reject)
TOKEN_PART(complete)

static __always_inline void add_lifetime(__u64 age_ns)
{
	__u32 key = 0, slot = latency_slot(age_ns);
	struct latency_hist *hist = bpf_map_lookup_elem(&lifetimes, &key);

	/* The bound is for the verifier. */
	if (hist && slot < LATENCY_SLOTS)
		add(hist->slots[slot], 1);
}

SEC("tp_btf/blk_copy_token_free")
int BPF_PROG(token_free, __u64 copy_id, __u64 token_id, __u64 bytes, __u64 done,
	     __u64 age_ns)
{
	struct token_alive *token = bpf_map_lookup_elem(&alive, &token_id);

	count(freed);
	add_lifetime(age_ns);
	if (!token)
		return 0;
	/* Whoever is reading, or if it cannot be deleted: it is no leak. */
	token->freed = 1;
	bpf_map_delete_elem(&alive, &token_id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
