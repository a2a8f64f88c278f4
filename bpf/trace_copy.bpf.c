// SPDX-License-Identifier: GPL-2.0
/*
 * Tell user space about every copy that ends and, if asked, about every step
 * in the life of its tokens.
 *
 * What counts is counted here, in per-CPU arrays: totals, reasons, latency per
 * path.  The ring buffer is for showing rows, and when it is full only rows are
 * lost, which is counted too.
 *
 * The filters choose copies.  A token is shown if its copy passes those that are
 * decided when the copy starts: device, process and size.  It cannot be filtered
 * by itself: its parts are on whole disks and know nothing of the partition or
 * the stacked device that the copy was asked for.
 *
 * One program per tracepoint: the kernel skips a program that interrupts itself
 * on a CPU, and a completion must not be skipped because an alloc is running.
 * What is skipped nevertheless is in the programs' recursion_misses.
 *
 * Nothing else is joined: the tracepoints carry ids, ages and latencies.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "trace_copy.h"
#include "copy_filter.h"

const volatile bool send_tokens;
const volatile bool choose_tokens; /* only those of copies in @chosen */

/* Below so many bytes in the ring buffer nobody is woken: the reader polls. */
const volatile __u64 wakeup_bytes = 1 << 20;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_counts);
} counts SEC(".maps");

/* Copies under way, by id, whose tokens are shown.  Made smaller if unused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} chosen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRACE_NR_PATHS);
	__type(key, __u32);
	__type(value, struct latency_hist);
} latency SEC(".maps");

/* Per CPU, but an interrupt may come between load and store. */
#define add(member, n) __sync_fetch_and_add(&(member), (n))

static __always_inline struct trace_counts *this_cpu_counts(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&counts, &key);
}

static __always_inline __u64 wakeup_flag(void)
{
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void count_copy(struct trace_counts *c,
				       const struct blk_copy *copy, __u32 path,
				       __u32 reason, __u64 latency_ns)
{
	__u32 slot = latency_slot(latency_ns), key = path;
	struct latency_hist *hist;

	/* The bounds are for the verifier as much as for us. */
	if (path >= TRACE_NR_PATHS || slot >= LATENCY_SLOTS)
		return;
	add(c->copies[path], 1);
	add(c->path_bytes[path], copy->offloaded + copy->emulated);
	if (reason < TRACE_NR_REASONS)
		add(c->reasons[reason], 1);
	add(c->offloaded, copy->offloaded);
	add(c->emulated, copy->emulated);
	if (copy->error)
		add(c->errors, 1);

	/* Not &path: on the stack the verifier would lose its bounds. */
	hist = bpf_map_lookup_elem(&latency, &key);
	if (hist)
		add(hist->slots[slot], 1);
}

static __always_inline void send_copy(struct trace_counts *c,
				      const struct blk_copy *copy, __u32 path,
				      __u32 reason, __u64 latency_ns)
{
	struct copy_event *e;

	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		add(c->lost_copies, 1);
		return;
	}
	e->kind = TRACE_COPY;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->ts_ns = bpf_ktime_get_ns();
	e->copy_id = copy->id;
	e->src_sector = copy->ranges->src;
	e->dst_sector = copy->ranges->dst;
	e->bytes = copy->bytes;
	e->offloaded = copy->offloaded;
	e->emulated = copy->emulated;
	e->latency_ns = latency_ns;
	e->src_dev = copy->src->bd_dev;
	e->dst_dev = copy->dst->bd_dev;
	e->nr_ranges = copy->nr_ranges;
	e->path = path;
	e->reason = reason;
	e->origin = copy->origin;
	e->error = copy->error;
	e->pad = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, wakeup_flag());
}

/* Only with choose_tokens. */
SEC("tp_btf/blk_copy_start")
int BPF_PROG(copy_start, const struct blk_copy *copy)
{
	struct trace_counts *c = this_cpu_counts();
	__u64 id = copy->id;
	__u8 yes = 1;

	if (!c || !copy_starts_wanted(copy))
		return 0;
	/* How many steps this copy will have, nobody knows: one is lost. */
	if (bpf_map_update_elem(&chosen, &id, &yes, BPF_ANY))
		add(c->lost_tokens, 1);
	return 0;
}

SEC("tp_btf/blk_copy_end")
int BPF_PROG(copy_end, const struct blk_copy *copy, __u32 reason,
	     __u64 latency_ns)
{
	struct trace_counts *c = this_cpu_counts();
	__u32 path = copy_path(copy);
	__u64 id = copy->id;

	if (choose_tokens)
		bpf_map_delete_elem(&chosen, &id);
	if (!c || !copy_wanted(copy, path, latency_ns))
		return 0;
	count_copy(c, copy, path, reason, latency_ns);
	send_copy(c, copy, path, reason, latency_ns);
	return 0;
}

static __always_inline bool token_wanted(__u64 copy_id)
{
	if (!send_tokens)
		return false;
	return !choose_tokens || bpf_map_lookup_elem(&chosen, &copy_id);
}

/* Count a step, and send a copy of @src if this token is wanted. */
static __always_inline void token_step(const struct token_event *src)
{
	struct trace_counts *c = this_cpu_counts();
	struct token_event *e;

	if (!c || src->step >= TOKEN_NR_STEPS)
		return;
	add(c->tokens[src->step], 1);
	if (!token_wanted(src->copy_id))
		return;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		add(c->lost_tokens, 1);
		return;
	}
	*e = *src;
	e->kind = TRACE_TOKEN;
	e->ts_ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(e, wakeup_flag());
}

SEC("tp_btf/blk_copy_token_alloc")
int BPF_PROG(token_alloc, __u64 copy_id, __u64 token_id, __u64 bytes)
{
	token_step(&(struct token_event){
		.step = TOKEN_ALLOC,
		.copy_id = copy_id,
		.token_id = token_id,
		.bytes = bytes,
	});
	return 0;
}

/* The four steps that happen to a part of a token. */
#define TOKEN_PART(name, _step)                                           \
	SEC("tp_btf/blk_copy_" #name)                                     \
	int BPF_PROG(name, __u64 copy_id, __u64 token_id, __u32 dev,      \
		     __u64 sector, __u32 offset, __u32 bytes, int status, \
		     __u64 age_ns)                                        \
	{                                                                 \
		token_step(&(struct token_event){                         \
			.step = (_step),                                  \
			.copy_id = copy_id,                               \
			.token_id = token_id,                             \
			.dev = dev,                                       \
			.sector = sector,                                 \
			.offset = offset,                                 \
			.bytes = bytes,                                   \
			.status = status,                                 \
			.age_ns = age_ns,                                 \
		});                                                       \
		return 0;                                                 \
	}

TOKEN_PART(token_fill, TOKEN_FILL)
TOKEN_PART(token_consume, TOKEN_CONSUME)
TOKEN_PART(token_reject, TOKEN_REJECT)
TOKEN_PART(token_complete, TOKEN_COMPLETE)

SEC("tp_btf/blk_copy_token_free")
int BPF_PROG(token_free, __u64 copy_id, __u64 token_id, __u64 bytes, __u64 done,
	     __u64 age_ns)
{
	token_step(&(struct token_event){
		.step = TOKEN_FREE,
		.copy_id = copy_id,
		.token_id = token_id,
		.bytes = bytes,
		.done = done,
		.age_ns = age_ns,
	});
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
