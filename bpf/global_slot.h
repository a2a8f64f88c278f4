/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the policies are that decide: the slot of a disk is a member of the disk,
 * that of all disks is a variable of the kernel, which has to be looked for.
 */
#ifndef BPFCOPY_GLOBAL_SLOT_H
#define BPFCOPY_GLOBAL_SLOT_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/*
 * For programs that are run once, before the others: the kernel is quicker at this than a reader
 * of kallsyms, as libbpf is for each object with an extern that has no type.
 */
#define find_symbol(_name, address)                                           \
	({                                                                    \
		static const char name[] = _name;                             \
                                                                              \
		if (bpf_kallsyms_lookup_name(name, sizeof(name), 0, address)) \
			*(address) = 0;                                       \
		0;                                                            \
	})

/* Address of the slot of the global policy; 0 if the kernel does not tell. */
__u64 global_slot;

SEC("syscall")
int find_slots(void *ctx)
{
	return find_symbol("blk_copy_global_ops", &global_slot);
}

/* The struct blk_copy_ops in it, or 0. */
static __always_inline __u64 global_policy(void)
{
	__u64 ops = 0;

	if (global_slot)
		bpf_probe_read_kernel(&ops, sizeof(ops), (void *)global_slot);
	return ops;
}

static __always_inline __u64 disk_policy(const struct blk_copy *copy)
{
	return (__u64)BPF_CORE_READ(copy, dst, bd_disk, copy_ops);
}

#endif /* BPFCOPY_GLOBAL_SLOT_H */
