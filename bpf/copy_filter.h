/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which copies are meant: filters of the programs that watch copies.  User space
 * sets them before the program is verified, so one that is not used costs
 * nothing.
 */
#ifndef BPFCOPY_COPY_FILTER_H
#define BPFCOPY_COPY_FILTER_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* 0 lets everything pass. */
const volatile __u32 filter_dev; /* device, or whole disk of a partition */
const volatile __u32 filter_pid; /* thread group */
const volatile __u64 filter_min_ns;
const volatile __u64 filter_min_bytes;
const volatile __u32 filter_path;   /* enum blk_copy_path */
const volatile __u32 filter_origin; /* 1 + enum blk_copy_origin */
const volatile __u32 filter_reason; /* 1 + enum blk_copy_reason */
const volatile char filter_comm[16];
const volatile bool filter_cgroup; /* only tasks in or below filter_cgroups[0] */
const volatile bool filter_errors;

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} filter_cgroups SEC(".maps");

static __always_inline __u32 copy_path(const struct blk_copy *copy)
{
	if (copy->offloaded && copy->emulated)
		return BLK_COPY_PATH_MIXED;
	if (copy->offloaded)
		return BLK_COPY_PATH_OFFLOAD;
	return copy->emulated ? BLK_COPY_PATH_EMULATE : BLK_COPY_PATH_NONE;
}

static __always_inline bool copy_on_device(const struct block_device *bdev)
{
	const struct gendisk *disk = bdev->bd_disk;

	return bdev->bd_dev == filter_dev ||
	       ((__u32)disk->major << 20 | disk->first_minor) == filter_dev;
}

/* Is this the task that is meant? */
static __always_inline bool copy_task_wanted(void)
{
	char comm[16];

	if (filter_pid && filter_pid != bpf_get_current_pid_tgid() >> 32)
		return false;
	if (filter_cgroup &&
	    bpf_current_task_under_cgroup(&filter_cgroups, 0) != 1)
		return false;
	if (!filter_comm[0])
		return true;
	bpf_get_current_comm(comm, sizeof(comm));
	return !bpf_strncmp(comm, sizeof(comm), (const char *)filter_comm);
}

/*
 * What is known from the start.  An asynchronous copy ends in a worker: who asks
 * about tasks has to ask when it starts.
 */
static __always_inline bool copy_starts_wanted(const struct blk_copy *copy)
{
	if (filter_dev && !copy_on_device(copy->src) &&
	    !copy_on_device(copy->dst))
		return false;
	if (filter_origin && filter_origin != copy->origin + 1)
		return false;
	return copy->bytes >= filter_min_bytes && copy_task_wanted();
}

/* What is known at the end only. */
static __always_inline bool copy_ends_wanted(const struct blk_copy *copy,
					     __u32 path, __u32 reason,
					     __u64 latency_ns)
{
	if (filter_path && filter_path != path)
		return false;
	if (filter_reason && filter_reason != reason + 1)
		return false;
	if (filter_errors && !copy->error)
		return false;
	return latency_ns >= filter_min_ns;
}

/* All of it, of a copy that ends in the task that asked for it. */
static __always_inline bool copy_wanted(const struct blk_copy *copy, __u32 path,
					__u32 reason, __u64 latency_ns)
{
	return copy_ends_wanted(copy, path, reason, latency_ns) &&
	       copy_starts_wanted(copy);
}

#endif /* BPFCOPY_COPY_FILTER_H */
