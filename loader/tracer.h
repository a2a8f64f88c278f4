/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What everything that watches copies by BPF programs of its own has in common.
 */
#ifndef BPFCOPY_TRACER_H
#define BPFCOPY_TRACER_H

#include <stdint.h>

#include <bpf/libbpf.h>

#include "policy.h"

/** tracer_now_ns() - CLOCK_MONOTONIC, which is bpf_ktime_get_ns() */
uint64_t tracer_now_ns(void);

/** tracer_clock_ns() - CLOCK_REALTIME */
uint64_t tracer_clock_ns(void);

/**
 * tracer_clock_offset() - CLOCK_REALTIME - CLOCK_MONOTONIC, in nanoseconds
 *
 * Wraps around if the time of day is before the epoch.
 */
uint64_t tracer_clock_offset(void);

/**
 * tracer_check_kernel() - does this kernel trace copies?
 * @err: filled if not
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int tracer_check_kernel(struct policy_error *err);

/**
 * tracer_lacks() - why could these programs not be loaded?
 * @obj: opened
 *
 * Return: the first tracepoint of theirs that this kernel does not have; NULL if it has
 * all of them.
 */
const char *tracer_lacks(const struct bpf_object *obj);

/**
 * tracer_sum_percpu() - sum an element of a per-CPU map
 * @map: its values are __u64s only
 * @key: of the element, as long as the map's keys
 * @sum: filled, as long as one of the map's values
 *
 * Return: 0, -ENOENT if there is no such element, or another errno.
 */
int tracer_sum_percpu(const struct bpf_map *map, const void *key,
		      uint64_t *sum);

/**
 * tracer_skipped_runs() - runs of programs that the kernel skipped
 * @obj: the programs, loaded
 *
 * A program that would interrupt itself on a CPU does not run.
 */
uint64_t tracer_skipped_runs(const struct bpf_object *obj);

/**
 * tracer_run_time() - how long programs ran, in nanoseconds
 * @obj: the programs, loaded
 *
 * The kernel counts that only with kernel.bpf_stats_enabled.
 */
uint64_t tracer_run_time(const struct bpf_object *obj);

/**
 * tracer_settle() - wait until no detached program runs any more
 *
 * What the programs counted is final afterwards.
 */
void tracer_settle(void);

#endif /* BPFCOPY_TRACER_H */
