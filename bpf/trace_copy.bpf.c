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
 * decided when the copy starts: device, task, origin and size.  It cannot be
 * filtered by itself: its parts are on whole disks and know nothing of the
 * partition or the stacked device that the copy was asked for.
 *
 * One program per tracepoint: the kernel skips a program that interrupts itself
 * on a CPU, and a completion must not be skipped because an alloc is running.
 * What is skipped nevertheless is in the programs' recursion_misses.
 *
 * Most of what is told is in the arguments of blk_copy_end.  Only what is not, is
 * remembered while a copy is under way (struct under_way): who asked for it if
 * it ends in another task, which policy was asked, where the time went.  A copy
 * that needs none of it costs no look-up.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "trace_copy.h"
#include "copy_filter.h"
#include "global_slot.h"
#include "trace_split.h"

/* Macros of <linux/blk-copy.h>, which BTF does not carry. */
#define BLK_COPY_OFFLOAD_ONLY (1U << 0)
#define BLK_COPY_EMULATE_ONLY (1U << 1)

const volatile bool send_tokens;
const volatile bool choose_tokens; /* only those of copies under way */
const volatile bool send_stacks;
const volatile bool filter_task; /* one of the filters is about the task */

/* More than so many bytes in the ring buffer are for copies and tokens only. */
const volatile __u64 io_bytes = 2 << 20;

/* Below so many bytes in the ring buffer nobody is woken: the reader polls. */
const volatile __u64 wakeup_bytes = 1 << 20;

/* Of a stack: the program itself, and who calls it. */
#define OWN_FRAMES 2

/* A policy was seen: without one, nothing has to be remembered of it. */
bool policies_seen;

/* The last policy whose name was sent: the reader remembers it. */
__u64 policy_told;

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

/* Made smaller if unused. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 8192);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, TRACE_STACK_DEPTH * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRACE_NR_PATHS);
	__type(key, __u32);
	__type(value, struct latency_hist);
} latency SEC(".maps");

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

/* Does the task that asked for it not wait for its end? */
static __always_inline bool is_async(const struct blk_copy *copy)
{
	return copy->end_io != NULL;
}

/* Is every copy that passes the filters remembered from its start? */
static __always_inline bool remember_all(void)
{
	return choose_tokens || send_split || send_stacks;
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

/*
 * Who decided
 */

/* A policy is the value of a struct_ops map, which is all it is in. */
static __always_inline __u32 map_of_policy(__u64 ops)
{
	const struct bpf_map *map =
		(void *)(ops -
			 bpf_core_field_offset(struct bpf_struct_ops_map,
					       kvalue) -
			 bpf_core_field_offset(struct bpf_struct_ops_value,
					       data));

	return BPF_CORE_READ(map, id);
}

static __always_inline bool tell_policy(struct copy_event *e, __u64 ops)
{
	if (!ops ||
	    BPF_CORE_READ((struct blk_copy_ops *)ops, id) != e->policy_id)
		return false;
	bpf_core_read(e->policy, sizeof(e->policy),
		      &((struct blk_copy_ops *)ops)->name);
	e->policy_map = map_of_policy(ops);
	return true;
}

/* The event says which one it was; is it still attached? */
static __always_inline void find_policy(struct copy_event *e,
					const struct blk_copy *copy)
{
	if (!tell_policy(e, disk_policy(copy)))
		e->policy_global = tell_policy(e, global_policy());
}

static __always_inline __u32 decider_of(const struct blk_copy *copy,
					const struct under_way *w)
{
	if (copy->flags & (BLK_COPY_OFFLOAD_ONLY | BLK_COPY_EMULATE_ONLY))
		return BLK_COPY_CALLER;
	if (w && (w->reason == BLK_COPY_POLICY_DISK ||
		  w->reason == BLK_COPY_POLICY_GLOBAL))
		return w->reason;
	return BLK_COPY_BUILTIN;
}

/*
 * Rows
 */

static __always_inline void fill_task(struct copy_event *e,
				      const struct under_way *w)
{
	if (w && w->pid) {
		e->pid = w->pid;
		__builtin_memcpy(e->comm, w->comm, sizeof(e->comm));
		return;
	}
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
}

static __always_inline void fill_policy(struct copy_event *e,
					const struct blk_copy *copy,
					const struct under_way *w)
{
	e->decider = decider_of(copy, w);
	e->policy_id = w ? w->policy_id : 0;
	e->policy_map = 0;
	e->policy_global = 0;
	__builtin_memset(e->policy, 0, sizeof(e->policy));
	if (e->policy_id && e->policy_id != policy_told)
		find_policy(e, copy);
}

static __always_inline void send_copy(struct trace_counts *c,
				      const struct blk_copy *copy,
				      const struct under_way *w, __u32 path,
				      __u32 reason, __u64 latency_ns)
{
	struct copy_event *e;

	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		add(c->lost_copies, 1);
		return;
	}
	e->kind = TRACE_COPY;
	e->ts_ns = bpf_ktime_get_ns();
	e->copy_id = copy->id;
	e->src_sector = copy->ranges->src;
	e->dst_sector = copy->ranges->dst;
	e->src_diskseq = copy->src->bd_disk->diskseq;
	e->dst_diskseq = copy->dst->bd_disk->diskseq;
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
	e->stack = w && w->start_ns ? w->stack : -1;
	e->pad = 0;
	fill_task(e, w);
	fill_policy(e, copy, w);
	fill_split(&e->split, send_split ? w : NULL);
	if (e->policy_map)
		policy_told = e->policy_id;
	bpf_ringbuf_submit(e, wakeup_flag());
}

/* No room to remember a copy: what was to be known of it is lost. */
static __always_inline void lose(struct trace_counts *c)
{
	if (choose_tokens)
		add(c->lost_tokens, 1);
	if (filter_task)
		add(c->lost_copies, 1);
}

/* In a function of its own: the copies that need none of it are to be cheap. */
static __noinline int remember(void *ctx, __u64 id)
{
	struct under_way *w = add_copy(id);
	struct trace_counts *c;

	if (!w) {
		c = this_cpu_counts();
		if (c)
			lose(c);
		return 0;
	}
	w->start_ns = bpf_ktime_get_ns();
	w->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(w->comm, sizeof(w->comm));
	w->stack = send_stacks ? bpf_get_stackid(ctx, &stacks, OWN_FRAMES) : -1;
	return 0;
}

SEC("tp_btf/blk_copy_start")
int BPF_PROG(copy_start, const struct blk_copy *copy)
{
	if ((remember_all() || is_async(copy)) && copy_starts_wanted(copy))
		remember(ctx, copy->id);
	return 0;
}

/*
 * Of which chunk the policy is told: the one that gives the copy its reason,
 * which is the first one that is emulated, or else the last one.
 */
static __always_inline void note_decision(struct under_way *w, __u32 path,
					  __u32 reason, __u64 policy_id)
{
	if (w->path == BLK_COPY_PATH_EMULATE)
		return;
	w->path = path;
	w->reason = reason;
	w->policy_id = policy_id;
}

static __noinline int remember_decision(__u64 copy_id, __u32 path, __u32 reason,
					__u64 policy_id)
{
	struct under_way *w = find_copy(copy_id);

	if (w) {
		note_decision(w, path, reason, policy_id);
		if (send_split)
			split_decided(w, path);
		return 0;
	}
	/* Not remembered from its start: nobody wants to see it, or nobody needs to. */
	if (!policy_id || remember_all())
		return 0;
	w = add_copy(copy_id);
	if (w) {
		w->stack = -1;
		note_decision(w, path, reason, policy_id);
	}
	return 0;
}

SEC("tp_btf/blk_copy_decide")
int BPF_PROG(copy_decide, __u64 copy_id, __u32 dst_dev, __u64 offset,
	     __u64 bytes, __u32 path, __u32 reason, __u64 policy_id)
{
	if (policy_id && !policies_seen)
		policies_seen = true;
	if (send_split || policies_seen)
		remember_decision(copy_id, path, reason, policy_id);
	return 0;
}

SEC("tp_btf/blk_copy_end")
int BPF_PROG(copy_end, const struct blk_copy *copy, __u32 reason,
	     __u64 latency_ns)
{
	struct trace_counts *c = this_cpu_counts();
	__u32 path = copy_path(copy);
	struct under_way *w = NULL;
	__u64 id = copy->id;

	if (!c)
		return 0;
	if (remember_all() || policies_seen || is_async(copy))
		w = find_copy(id);
	if (!copy_ends_wanted(copy, path, reason, latency_ns))
		goto forget;
	/* Who asked for it may be known no more. */
	if (filter_task && is_async(copy) ? !w || !w->pid :
					    !copy_starts_wanted(copy))
		goto forget;
	count_copy(c, copy, path, reason, latency_ns);
	send_copy(c, copy, w, path, reason, latency_ns);
forget:
	if (w)
		forget_copy(id);
	return 0;
}

static __always_inline bool token_wanted(__u64 copy_id)
{
	if (!send_tokens)
		return false;
	return !choose_tokens || find_copy(copy_id);
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

/*
 * Only with send_split
 */

/* Where the decision about a chunk begins; ends with blk_copy_decide. */
SEC("fentry/blk_copy_decide")
int BPF_PROG(decide_begins, struct blk_copy_run *run)
{
	__u64 id = run->copy->id;
	struct under_way *w = to_split(id);

	if (w)
		w->decide_began_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/blk_copy_fallback")
int BPF_PROG(copy_fallback, __u64 copy_id, __u32 dst_dev, __u64 offset,
	     __u64 bytes, __u32 reason, int status)
{
	struct under_way *w = to_split(copy_id);

	/* A chunk can have several gaps, but is finished before the next one. */
	if (w && !w->fell_back) {
		w->fell_back = true;
		begin_emulation(w);
	}
	return 0;
}

SEC("tp_btf/blk_copy_chunk")
int BPF_PROG(copy_chunk, __u64 copy_id, __u32 dst_dev, __u64 offset,
	     __u64 bytes, __u32 path, __u32 reason, int status,
	     __u64 latency_ns)
{
	struct under_way *w;

	/* Nothing of it was emulated, and where it was, other steps tell. */
	if (path == BLK_COPY_PATH_OFFLOAD)
		return 0;
	w = to_split(copy_id);
	if (!w)
		return 0;
	if (w->fell_back || path == BLK_COPY_PATH_EMULATE)
		end_emulation(w);
	w->fell_back = false;
	return 0;
}

/*
 * Other I/O, only if it is asked for
 */

/* Address of the pool of the bios of emulated copies; 0 if the kernel does not tell. */
__u64 copy_bios;

SEC("syscall")
int find_bios(void *ctx)
{
	return find_symbol("blk_copy_bios", &copy_bios);
}

static __always_inline bool is_of_copy(const struct request *rq)
{
	__u32 op = rq->cmd_flags & 0xff;

	if (op == REQ_OP_COPY_READ_TOKEN || op == REQ_OP_COPY_WRITE_TOKEN)
		return true;
	return copy_bios && rq->bio && (__u64)rq->bio->bi_pool == copy_bios;
}

static __always_inline __u32 op_of(const struct request *rq)
{
	switch (rq->cmd_flags & 0xff) {
	case REQ_OP_READ:
		return TRACE_IO_READ;
	case REQ_OP_WRITE:
	case REQ_OP_ZONE_APPEND:
		return TRACE_IO_WRITE;
	case REQ_OP_FLUSH:
		return TRACE_IO_FLUSH;
	case REQ_OP_DISCARD:
		return TRACE_IO_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		return TRACE_IO_ZEROES;
	default:
		return TRACE_IO_OTHER;
	}
}

static __always_inline bool io_wanted(const struct request *rq, __u32 disk)
{
	return !filter_dev || filter_dev == disk ||
	       (rq->part && rq->part->bd_dev == filter_dev);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(io_complete, struct request *rq, blk_status_t error,
	     unsigned int nr_bytes)
{
	struct trace_counts *c = this_cpu_counts();
	struct gendisk *disk = rq->q->disk;
	struct io_event *e = NULL;
	__u32 dev;

	if (!c || !disk || is_of_copy(rq))
		return 0;
	dev = disk->major << 20 | disk->first_minor;
	if (!io_wanted(rq, dev))
		return 0;
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < io_bytes)
		e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		add(c->lost_io, 1);
		return 0;
	}
	e->kind = TRACE_IO;
	e->op = op_of(rq);
	e->ts_ns = bpf_ktime_get_ns();
	/* Queues can be told not to look at the clock. */
	e->start_ns = rq->start_time_ns ?: e->ts_ns;
	e->sector = rq->__sector;
	e->dev = dev;
	e->bytes = nr_bytes;
	e->failed = error != 0;
	e->pad = 0;
	bpf_ringbuf_submit(e, wakeup_flag());
	return 0;
}

/*
 * The steps of a token
 */

/* The four steps that happen to a part of a token. */
#define TOKEN_PART(name, _step, _split)                                   \
	SEC("tp_btf/blk_copy_" #name)                                     \
	int BPF_PROG(name, __u64 copy_id, __u64 token_id, __u32 dev,      \
		     __u64 sector, __u32 offset, __u32 bytes, int status, \
		     __u64 age_ns)                                        \
	{                                                                 \
		_split;                                                   \
		if (!send_tokens)                                         \
			return 0;                                         \
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

TOKEN_PART(token_fill, TOKEN_FILL, split_fill(copy_id, token_id, age_ns))
TOKEN_PART(token_consume, TOKEN_CONSUME, split_consume(copy_id))
TOKEN_PART(token_reject, TOKEN_REJECT, )
TOKEN_PART(token_complete, TOKEN_COMPLETE, split_complete(copy_id))

SEC("tp_btf/blk_copy_dispatch")
int BPF_PROG(token_dispatch, __u64 copy_id, __u64 token_id, __u32 dev,
	     __u64 dst_sector, __u32 bytes, __u32 nr_ranges)
{
	split_dispatch(copy_id);
	if (!send_tokens)
		return 0;
	token_step(&(struct token_event){
		.step = TOKEN_DISPATCH,
		.copy_id = copy_id,
		.token_id = token_id,
		.dev = dev,
		.sector = dst_sector,
		.bytes = bytes,
		.nr_ranges = nr_ranges,
	});
	return 0;
}

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
