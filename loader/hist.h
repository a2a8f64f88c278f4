/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies counted by latency and size, in the kernel (bpf/hist_copy.bpf.c).
 *
 *	hist.c		the counters: attach, read, detach
 *	hist_keep.c	counters that stay
 *	hist_set.c	what was read: differences, sums, percentiles, bars
 */
#ifndef BPFCOPY_HIST_H
#define BPFCOPY_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "../bpf/hist_copy.h"
#include "device.h"
#include "filter.h"
#include "policy.h"

/* What copies are told apart by, ored. */
enum hist_by {
	HIST_BY_DEV = 1 << 0,
	HIST_BY_PATH = 1 << 1,
	HIST_BY_POLICY = 1 << 2, /* who decided: enum blk_copy_reason, name */
	HIST_BY_ORIGIN = 1 << 3,
};

/**
 * struct hist_series - copies that have something in common
 * @key: what; members that copies are not told apart by are 0
 * @device: name of the destination, MAJOR:MINOR if it was gone before it was
 *	asked for; "" if copies are not told apart by it
 * @gone: it was gone
 * @value: counted over all CPUs
 */
struct hist_series {
	struct hist_key key;
	char device[DEVICE_NAME_MAX];
	bool gone;
	struct hist_value value;
};

/**
 * struct hist_set - all of them at one time
 * @series: ordered by device, path, reason, policy, origin
 * @nr: how many
 * @lost: copies that could not be counted
 */
struct hist_set {
	struct hist_series *series;
	size_t nr;
	uint64_t lost;
};

/*
 * hist.c
 */

/* Memory for counters on a machine of any size. */
#define HIST_MEMORY_BYTES (32ULL << 20)

struct hist;

/**
 * hist_start() - count from now on
 * @filter: which copies
 * @by: enum hist_by, ored
 * @max_series: room for so many combinations; 0: as fit in HIST_MEMORY_BYTES,
 *	but at least 64
 * @out: for hist_end()
 * @err: filled on failure
 *
 * Return: 0, -EPERM, -EOPNOTSUPP if the kernel does not tell of copies, or
 * another errno.
 */
int hist_start(const struct copy_filter *filter, unsigned int by,
	       uint64_t max_series, struct hist **out,
	       struct policy_error *err);

/**
 * hist_read() - what was counted since the start
 * @hist: from hist_start()
 * @set: filled on success; for hist_set_free()
 *
 * Return: 0 or a negative errno.
 */
int hist_read(struct hist *hist, struct hist_set *set);

/**
 * hist_look() - learn the names of devices that are new
 *
 * Whoever seldom reads calls it now and then: a device that is gone has no name.
 *
 * Return: 0 or -ENOMEM.
 */
int hist_look(struct hist *hist);

/**
 * hist_stop() - count no longer
 *
 * What hist_read() reads after this is final.
 */
void hist_stop(struct hist *hist);

/* Names of the pins of counters, in a folder of their own. */
#define HIST_PIN_SERIES "series"
#define HIST_PIN_LOST	"lost"
#define HIST_PIN_LINK	"link"

/**
 * hist_pin() - go on counting after hist_end()
 * @dir: a folder in bpffs; on failure some pins may be in it
 * @err: filled on failure
 *
 * Return: 0 or a negative errno.
 */
int hist_pin(struct hist *hist, const char *dir, struct policy_error *err);

/**
 * hist_open() - counters that somebody has pinned, for hist_read()
 * @dir: where
 * @out: for hist_end()
 *
 * Return: 0, -ENOENT if there are none, -EPROTO if another version of this
 * program has pinned them, or another errno.
 */
int hist_open(const char *dir, struct hist **out);

/** hist_end() - stop if that was not done, and free everything; NULL is nothing */
void hist_end(struct hist *hist);

/**
 * hist_forget() - drop what was counted of devices that are gone
 * @set: read from @hist; its series of such devices are dropped too
 *
 * They would take up the room of others for ever.
 */
void hist_forget(struct hist *hist, struct hist_set *set);

/**
 * hist_cost() - how often the program ran, and for how long
 * @runs: filled
 * @ns: filled
 *
 * The kernel counts that only with kernel.bpf_stats_enabled.
 *
 * Return: 0 or a negative errno.
 */
int hist_cost(const struct hist *hist, uint64_t *runs, uint64_t *ns);

/*
 * hist_keep.c
 */

/**
 * hist_keep() - count every copy from now on until hist_unkeep()
 * @max_series: as for hist_start()
 * @err: filled on failure, but for -EEXIST
 *
 * Return: 0, -EEXIST if that goes on already, or as hist_start().
 */
int hist_keep(uint64_t max_series, struct policy_error *err);

/**
 * hist_unkeep() - count no longer, forget what was counted
 * @err: filled on failure, but for -ENOENT
 *
 * Return: 0, -ENOENT if there is nothing to end, or another errno.
 */
int hist_unkeep(struct policy_error *err);

/** hist_kept() - what hist_keep() counts; as hist_open() */
int hist_kept(struct hist **out);

/*
 * hist_set.c
 */

void hist_set_free(struct hist_set *set);

/** hist_set_sort() - into the order of struct hist_set */
void hist_set_sort(struct hist_set *set);

/**
 * hist_set_since() - what was counted between two times
 * @now: the later one
 * @before: the earlier one, of the same counters
 * @out: filled on success; series without copies are left out
 *
 * The largest latency of such a time is exact if there was none like it before.
 * Otherwise it is where its bucket ends, or the largest of all if that is less:
 * at most 12.5 % too much.
 *
 * Return: 0 or -ENOMEM.
 */
int hist_set_since(const struct hist_set *now, const struct hist_set *before,
		   struct hist_set *out);

/**
 * hist_set_group() - tell copies apart by less
 * @set: series are added up in place
 * @by: enum hist_by, ored
 */
void hist_set_group(struct hist_set *set, unsigned int by);

/** hist_value_add() - to @sum what @value counted; of the largest, the larger */
void hist_value_add(struct hist_value *sum, const struct hist_value *value);

/** hist_copies() - of all series together */
uint64_t hist_copies(const struct hist_set *set);

/** hist_errors() - of all series together */
uint64_t hist_errors(const struct hist_set *set);

/**
 * hist_latency() - the latency that so many copies in a thousand did not exceed
 *
 * Return: nanoseconds, at most 6.25 % off and never above @max_ns; 0 if there
 * was no copy.
 */
uint64_t hist_latency(const struct hist_value *value, unsigned int per_mille);

/**
 * struct hist_bar - neighbouring buckets as one
 * @from: nanoseconds or bytes; belongs to it
 * @to: the first that does not; ROWS_NONE if it has no end
 * @copies: how many there are
 */
struct hist_bar {
	uint64_t from;
	uint64_t to;
	uint64_t copies;
};

#define HIST_BARS_MAX HIST_LATENCY_SLOTS

/** enum hist_bars - how coarse bars are */
enum hist_bars {
	HIST_BARS_FINE, /* as the kernel counts; empty ones are left out */
	HIST_BARS_FEW,	/* as fine as fits into HIST_BARS_FEW_MAX, if at all */
};

#define HIST_BARS_FEW_MAX 16

/**
 * hist_latency_bars() - copies by latency
 * @value: what was counted
 * @how: how coarse; HIST_BARS_FEW goes from the first to the last that has copies
 * @bars: filled, HIST_BARS_MAX are enough
 *
 * Return: how many bars.
 */
size_t hist_latency_bars(const struct hist_value *value, enum hist_bars how,
			 struct hist_bar *bars);

/** hist_size_bars() - the same, copies by bytes wanted */
size_t hist_size_bars(const struct hist_value *value, enum hist_bars how,
		      struct hist_bar *bars);

#endif /* BPFCOPY_HIST_H */
