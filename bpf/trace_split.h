/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What trace_copy.bpf.c remembers of copies that are not over, and how it finds
 * out where their time goes.
 */
#ifndef BPFCOPY_TRACE_SPLIT_H
#define BPFCOPY_TRACE_SPLIT_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "trace_copy.h"

const volatile bool send_split;

/* Per CPU, but an interrupt may come between load and store. */
#define add(member, n) __sync_fetch_and_add(&(member), (n))

/*
 * A copy that is not over, or @id is 0.  Its chunks are begun and finished by one task, and
 * so are the tokens filled; commands end anywhere, at the same time.
 *
 * How long something was there at all is summed up by subtracting the time when
 * the first one comes and adding it when the last one goes; additions have no
 * order, so it does not matter which processor is first.  The sum is of no use
 * if something came twice or never, so what comes is counted.
 */
struct under_way {
	__u64 id;
	__u64 start_ns; /* 0: not seen */
	__u64 policy_id;
	__u64 decide_began_ns;
	__u64 token_id; /* that is being filled */
	__u64 token_age_ns;
	__u64 decide_ns;
	__u64 token_ns;
	__u64 queue_ns;
	__u64 device_ns;
	__u64 emulate_ns;
	__u32 queued; /* commands that the driver has not taken */
	__u32 on_device;
	__u32 consumed;
	__u32 dispatched;
	__u32 completed;
	__u32 emulating; /* chunks */
	bool fell_back;	 /* the oldest chunk */
	__u32 path;	 /* that was decided on, of the chunk that counts */
	__u32 reason;	 /* for that */
	__s32 stack;
	__u32 pid; /* 0: not seen when it started */
	char comm[TRACE_COMM_LEN];
};

/*
 * Copies are numbered one after the other, so each has a place of its own, which
 * takes neither a hash nor a lock to find: with a dozen steps to a copy, that is most of
 * what they cost.  One that finds its place taken, by a copy that is NR_PLACES older
 * and still under way, is kept elsewhere.
 */
#define NR_PLACES 4096

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NR_PLACES);
	__type(key, __u32);
	__type(value, struct under_way);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct under_way);
} elsewhere SEC(".maps");

/* There may be copies elsewhere. */
bool places_taken;

static const struct under_way nothing_known;

static __always_inline struct under_way *place_of(__u64 copy_id)
{
	__u32 key = copy_id % NR_PLACES;

	return bpf_map_lookup_elem(&places, &key);
}

/* NULL if it is not remembered. */
static __always_inline struct under_way *find_copy(__u64 copy_id)
{
	struct under_way *w = place_of(copy_id);

	if (w && w->id == copy_id)
		return w;
	return places_taken ? bpf_map_lookup_elem(&elsewhere, &copy_id) : NULL;
}

static __noinline int add_elsewhere(__u64 copy_id)
{
	places_taken = true;
	return bpf_map_update_elem(&elsewhere, &copy_id, &nothing_known,
				   BPF_ANY);
}

/* Remember one that is not: NULL if there is no room. */
static __always_inline struct under_way *add_copy(__u64 copy_id)
{
	struct under_way *w = place_of(copy_id);

	if (w && !__sync_val_compare_and_swap(&w->id, 0, copy_id)) {
		__builtin_memset(&w->start_ns, 0,
				 sizeof(*w) -
					 __builtin_offsetof(struct under_way,
							    start_ns));
		return w;
	}
	if (add_elsewhere(copy_id))
		return NULL;
	return bpf_map_lookup_elem(&elsewhere, &copy_id);
}

static __always_inline void forget_copy(__u64 copy_id)
{
	struct under_way *w = place_of(copy_id);

	if (w && w->id == copy_id)
		w->id = 0;
	else
		bpf_map_delete_elem(&elsewhere, &copy_id);
}

static __always_inline void fill_split(struct copy_split *s,
				       const struct under_way *w)
{
	bool known = w && w->start_ns;
	/* A command that was sent again has no one time in the queue. */
	bool each = known && w->consumed == w->dispatched &&
		    w->dispatched == w->completed;

	s->decide_ns = known ? w->decide_ns : TRACE_NO_TIME;
	s->token_ns = known ? w->token_ns : TRACE_NO_TIME;
	s->queue_ns = each ? w->queue_ns : TRACE_NO_TIME;
	s->device_ns = each ? w->device_ns : TRACE_NO_TIME;
	s->emulate_ns = known ? w->emulate_ns : TRACE_NO_TIME;
	/* The last chunk was decided on and not begun. */
	if (known && w->emulating)
		s->emulate_ns += bpf_ktime_get_ns();
}

/* All chunks of a copy are decided on and finished by one task. */
static __always_inline void begin_emulation(struct under_way *w)
{
	if (!w->emulating++)
		w->emulate_ns -= bpf_ktime_get_ns();
}

static __always_inline void end_emulation(struct under_way *w)
{
	if (w->emulating && !--w->emulating)
		w->emulate_ns += bpf_ktime_get_ns();
}

static __always_inline void split_decided(struct under_way *w, __u32 path)
{
	if (w->decide_began_ns)
		w->decide_ns += bpf_ktime_get_ns() - w->decide_began_ns;
	w->decide_began_ns = 0;
	if (path == BLK_COPY_PATH_EMULATE)
		begin_emulation(w);
}

static __always_inline struct under_way *to_split(__u64 copy_id)
{
	return send_split ? find_copy(copy_id) : NULL;
}

/* A token is filled part by part, one token of a copy at a time. */
static __always_inline void split_fill(__u64 copy_id, __u64 token_id,
				       __u64 age_ns)
{
	struct under_way *w = to_split(copy_id);

	if (!w)
		return;
	if (w->token_id != token_id)
		w->token_age_ns = 0;
	w->token_id = token_id;
	w->token_ns += age_ns - w->token_age_ns;
	w->token_age_ns = age_ns;
}

static __always_inline void come(__u32 *there, __u64 *sum, __u64 now_ns)
{
	if (!__sync_fetch_and_add(there, 1))
		add(*sum, -now_ns);
}

static __always_inline void go(__u32 *there, __u64 *sum, __u64 now_ns)
{
	if (__sync_fetch_and_add(there, -1) == 1)
		add(*sum, now_ns);
}

static __always_inline void split_consume(__u64 copy_id)
{
	struct under_way *w = to_split(copy_id);

	if (!w)
		return;
	add(w->consumed, 1);
	come(&w->queued, &w->queue_ns, bpf_ktime_get_ns());
}

static __always_inline void split_dispatch(__u64 copy_id)
{
	struct under_way *w = to_split(copy_id);
	__u64 now_ns;

	if (!w)
		return;
	now_ns = bpf_ktime_get_ns();
	add(w->dispatched, 1);
	come(&w->on_device, &w->device_ns, now_ns);
	go(&w->queued, &w->queue_ns, now_ns);
}

static __always_inline void split_complete(__u64 copy_id)
{
	struct under_way *w = to_split(copy_id);

	if (!w)
		return;
	add(w->completed, 1);
	go(&w->on_device, &w->device_ns, bpf_ktime_get_ns());
}

#endif /* BPFCOPY_TRACE_SPLIT_H */
