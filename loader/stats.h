/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything there is to count on this machine, for people and for monitoring.
 *
 *	stats.c		look
 *	stats_prom.c	write it as metrics
 */
#ifndef BPFCOPY_STATS_H
#define BPFCOPY_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "hist.h"
#include "kernel.h"
#include "policy.h"
#include "prom.h"

/**
 * struct stats_program - a BPF program of ours
 * @device: of its policy; "global"; "" for the counters of copies
 * @name: of its policy, or "hist"
 * @runs: since it was loaded, while the kernel counted
 * @ns: that they took
 */
struct stats_program {
	char device[DEVICE_NAME_MAX];
	char name[POLICY_NAME_MAX];
	uint64_t runs;
	uint64_t ns;
};

/**
 * struct stats - what was found
 * @checks: what the kernel has
 * @devices: disks, those of size 0 too
 * @policies: that are attached
 * @copies: by device and path, without devices that are gone; only if @collected
 * @collected: hist_keep() was called
 * @programs: empty if the kernel does not count
 */
struct stats {
	struct kernel_check checks[KERNEL_NR_FEATURES];
	struct device *devices;
	size_t nr_devices;
	struct policy_info *policies;
	size_t nr_policies;
	struct hist_set copies;
	bool collected;
	struct stats_program *programs;
	size_t nr_programs;
};

/**
 * stats_get() - look at everything
 * @stats: for stats_free(), also on failure
 * @err: filled on failure
 *
 * What the kernel cannot do is left out, and is no failure.
 *
 * Return: 0, -EPERM, or another errno.
 */
int stats_get(struct stats *stats, struct policy_error *err);

void stats_free(struct stats *stats);

/** stats_prom() - write it as metrics, all of it */
void stats_prom(const struct stats *stats, struct prom *p);

#endif /* BPFCOPY_STATS_H */
