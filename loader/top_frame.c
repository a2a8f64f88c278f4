// SPDX-License-Identifier: GPL-2.0
/*
 * What the counters of bpf/hist_copy.bpf.c say, by device, between two calls;
 * with the disks of sysfs that can copy, whether or not they did.  Or what a
 * recording says, which knows of no other disks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "token_count.skel.h"

#include "policy_internal.h"
#include "rows.h"
#include "top.h"
#include "top_recording.h"
#include "tracer.h"

/**
 * struct top - between the frames
 * @hist: the counters
 * @tokens: the counter of tokens
 * @no_tokens: it could not be loaded, for the kernel does not tell of them
 * @recording: instead of these two
 * @dev: the only device that is meant, or 0
 * @before: what they were
 * @before_ns: when that was
 * @cost_before: what the programs had run by then
 * @devices: of the last frame
 * @nr: how many
 * @room: for so many
 */
struct top {
	struct hist *hist;
	struct token_count *tokens;
	bool no_tokens;
	struct top_recording *recording;
	uint32_t dev;
	struct hist_set before;
	uint64_t before_ns;
	uint64_t cost_before;
	struct top_device *devices;
	size_t nr;
	size_t room;
};

/* 0 if nobody counts it, or nothing ran. */
static uint64_t cost_of(const struct top *top)
{
	uint64_t runs, ns;

	if (hist_cost(top->hist, &runs, &ns))
		return 0;
	return ns + tracer_run_time(top->tokens->obj);
}

/* Read one CPU after the other, so one may seem freed before it was made. */
static uint64_t tokens_of(const struct top *top)
{
	const uint32_t key = 0;
	uint64_t n[2];

	if (top->no_tokens)
		return ROWS_NONE;
	if (tracer_sum_percpu(top->tokens->maps.counts, &key, n) || n[0] < n[1])
		return 0;
	return n[0] - n[1];
}

/* A kernel that does not tell of tokens may tell of copies. */
static int load_tokens(struct top *top, struct policy_error *err)
{
	int error;

	policy_log_start();
	top->tokens = token_count__open();
	if (!top->tokens)
		return policy_fail(err, -errno,
				   "cannot open the counter of tokens: %s",
				   strerror(errno));
	error = token_count__load(top->tokens);
	if (!error)
		return 0;
	top->no_tokens = tracer_lacks(top->tokens->obj) != NULL;
	return top->no_tokens ?
		       0 :
		       policy_fail_load(err, "counter of tokens", error);
}

static int count_tokens(struct top *top, struct policy_error *err)
{
	int error = load_tokens(top, err);

	if (error || top->no_tokens)
		return error;
	error = token_count__attach(top->tokens);
	if (error)
		return policy_fail(err, error,
				   "cannot attach the counter of tokens: %s",
				   strerror(-error));
	top->tokens->data->since_ns = tracer_now_ns();
	return 0;
}

int top_open(const struct copy_filter *filter, struct top **out,
	     struct policy_error *err)
{
	struct top *top = calloc(1, sizeof(*top));
	int error;

	*out = NULL;
	if (!top)
		return -ENOMEM;
	top->dev = filter->dev;
	error = hist_start(filter, TOP_BY, 0, &top->hist, err);
	if (!error)
		error = count_tokens(top, err);
	if (error) {
		top_close(top);
		return error;
	}
	top->before_ns = tracer_now_ns();
	top->cost_before = cost_of(top);
	*out = top;
	return 0;
}

struct top *top_replay(struct top_recording *recording)
{
	struct top *top = calloc(1, sizeof(*top));

	if (!top)
		return NULL;
	top->recording = recording;
	top->before_ns = top_recording_start(recording);
	return top;
}

void top_close(struct top *top)
{
	if (!top)
		return;
	hist_end(top->hist);
	token_count__destroy(top->tokens);
	hist_set_free(&top->before);
	free(top->devices);
	free(top);
}

/*
 * Devices
 */

static struct top_device *find(struct top *top, const char *name)
{
	for (size_t i = 0; i < top->nr; i++)
		if (!strcmp(top->devices[i].name, name))
			return &top->devices[i];
	return NULL;
}

static struct top_device *find_or_add(struct top *top, const char *name)
{
	struct top_device *d = find(top, name), *more;

	if (d)
		return d;
	if (top->nr == top->room) {
		size_t room = top->room ? 2 * top->room : 16;

		more = reallocarray(top->devices, room, sizeof(*more));
		if (!more)
			return NULL;
		top->devices = more;
		top->room = room;
	}
	d = &top->devices[top->nr++];
	*d = (struct top_device){};
	snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

static bool is_meant(const struct top *top, const struct device *disk)
{
	return !top->dev || top->dev == disk->dev;
}

/* All that could copy by themselves; a path of a multipath disk has no number. */
static int add_disks(struct top *top)
{
	struct top_device *d;
	struct device *list;
	size_t nr;
	int err;

	err = device_list(&list, &nr);
	if (err)
		return err;
	for (size_t i = 0; !err && i < nr; i++) {
		if (!list[i].dev || !list[i].copy_max_hw_bytes ||
		    list[i].copy_max_hw_bytes == ROWS_NONE ||
		    !is_meant(top, &list[i]))
			continue;
		d = find_or_add(top, list[i].name);
		if (d)
			d->there = true;
		else
			err = -ENOMEM;
	}
	device_list_free(list, nr);
	return err;
}

/* A recording is about another time. */
static bool is_there(const struct top *top, const struct hist_series *series)
{
	struct device dev;
	bool same;

	if (top->recording)
		return true;
	if (device_find(series->device, &dev))
		return false;
	same = dev.dev == series->key.dev && dev.diskseq == series->key.diskseq;
	device_free(&dev);
	return same;
}

/*
 * Numbers
 */

static uint64_t copied(const struct hist_value *v)
{
	return v->offloaded + v->emulated;
}

static void set_path(struct top_path *path, const struct hist_value *v)
{
	path->copies = v->copies;
	path->bytes = copied(v);
	path->p50_ns = hist_latency(v, 500);
	path->p99_ns = hist_latency(v, 990);
}

static void set_device(struct top_device *d, const struct hist_value *v)
{
	d->copies = v->copies;
	d->errors = v->errors;
	d->offloaded = v->offloaded;
	d->emulated = v->emulated;
	d->p50_ns = hist_latency(v, 500);
	d->p99_ns = hist_latency(v, 990);
	d->nr_bars = hist_latency_bars(v, HIST_BARS_FEW, d->bars);
}

/* What happened in the interval, told apart by less and less. */
static void add_reasons(struct top *top, const struct hist_set *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		const struct hist_series *s = &set->series[i];
		struct top_device *d = find(top, s->device);

		if (d && s->key.reason < TOP_REASONS)
			d->reasons[s->key.reason] += s->value.copies;
	}
}

static void add_paths(struct top *top, struct hist_set *set)
{
	hist_set_group(set, HIST_BY_DEV | HIST_BY_PATH);
	for (size_t i = 0; i < set->nr; i++) {
		const struct hist_series *s = &set->series[i];
		struct top_device *d = find(top, s->device);

		if (d && s->key.path < TOP_PATHS)
			set_path(&d->path[s->key.path], &s->value);
	}
}

static void add_sums(struct top *top, struct hist_set *set)
{
	hist_set_group(set, HIST_BY_DEV);
	for (size_t i = 0; i < set->nr; i++) {
		struct top_device *d = find(top, set->series[i].device);

		if (d)
			set_device(d, &set->series[i].value);
	}
}

static bool has_copies(const struct hist_set *set, const struct hist_key *key)
{
	for (size_t i = 0; i < set->nr; i++)
		if (set->series[i].key.dev == key->dev &&
		    set->series[i].key.diskseq == key->diskseq)
			return true;
	return false;
}

/* Devices that copied, and are there or were in the interval. */
static int add_copied(struct top *top, const struct hist_set *now,
		      const struct hist_set *since)
{
	for (size_t i = 0; i < now->nr; i++) {
		const struct hist_series *s = &now->series[i];
		bool there = is_there(top, s);
		struct top_device *d;

		if (!there && !has_copies(since, &s->key))
			continue;
		d = find_or_add(top, s->device);
		if (!d)
			return -ENOMEM;
		/* A name can have gone and be there again. */
		d->there |= there;
		d->total_copies += s->value.copies;
		d->total_offloaded += s->value.offloaded;
		d->total_emulated += s->value.emulated;
		d->total_errors += s->value.errors;
	}
	return 0;
}

static int fill_devices(struct top *top, const struct hist_set *now)
{
	struct hist_set since;
	int err;

	err = hist_set_since(now, &top->before, &since);
	if (err)
		return err;
	top->nr = 0;
	err = top->recording ? 0 : add_disks(top);
	if (!err)
		err = add_copied(top, now, &since);
	if (!err) {
		add_reasons(top, &since);
		add_paths(top, &since);
		add_sums(top, &since);
	}
	hist_set_free(&since);
	return err;
}

/*
 * Frames
 */

static int read_live(struct top *top, struct hist_set *set,
		     struct top_moment *now)
{
	int err;

	now->at_ns = tracer_now_ns();
	err = hist_read(top->hist, set);
	now->ts_ns = tracer_clock_ns();
	now->tokens = tokens_of(top);
	now->lost = set->lost + tracer_skipped_runs(top->tokens->obj);
	now->cost_ns = cost_of(top);
	return err;
}

static void fill_frame(struct top *top, const struct top_moment *now,
		       struct top_frame *frame)
{
	*frame = (struct top_frame){
		.ts_ns = now->ts_ns,
		.interval_ns = now->at_ns - top->before_ns,
		.devices = top->devices,
		.nr = top->nr,
		.recorded = top->recording != NULL,
		.tokens = now->tokens,
		.lost = now->lost,
		.cost_ns = now->cost_ns ? now->cost_ns - top->cost_before :
					  ROWS_NONE,
	};
	top->before_ns = now->at_ns;
	top->cost_before = now->cost_ns;
}

int top_read(struct top *top, struct top_frame *frame)
{
	struct top_moment now;
	struct hist_set set;
	int err;

	err = top->recording ? top_recording_read(top->recording, &set, &now) :
			       read_live(top, &set, &now);
	if (err)
		return err;
	err = fill_devices(top, &set);
	if (err) {
		hist_set_free(&set);
		return err;
	}
	fill_frame(top, &now, frame);
	hist_set_free(&top->before);
	top->before = set;
	return 0;
}
