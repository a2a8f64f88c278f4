/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names for the numbers in events of the tracer.
 *
 * A name that was found is kept: devices vanish and policies are replaced, and
 * events about them may still be on their way.
 */
#ifndef BPFCOPY_TRACE_NAMES_H
#define BPFCOPY_TRACE_NAMES_H

#include <stdint.h>

#include "device.h"

struct copy_event; /* bpf/trace_copy.h */
struct trace_names;

/**
 * struct trace_device - a device that copies were about
 * @name: kernel name, or MAJOR:MINOR if it was gone before it was looked up
 * @id: identity_name(); "" if it has none or was gone
 */
struct trace_device {
	char name[DEVICE_NAME_MAX];
	char id[DEVICE_TEXT_MAX + 32];
};

/**
 * struct trace_policy - a policy that was asked
 * @name: "" if it was gone before it was looked up, as for @mode
 * @mode: "observe" or "enforce", or NULL
 * @slot: "disk" or "global", or NULL
 */
struct trace_policy {
	char name[32];
	const char *mode;
	const char *slot;
};

/**
 * trace_names_new() - an empty store of names
 *
 * Return: for trace_names_free(), or NULL without memory.
 */
struct trace_names *trace_names_new(void);

/** trace_names_free() - free it; NULL is fine */
void trace_names_free(struct trace_names *names);

/**
 * trace_names_device() - a device by number
 * @names: from trace_names_new()
 * @dev: as in device_number()
 * @diskseq: of its disk
 *
 * Return: belongs to @names; NULL without memory.
 */
const struct trace_device *trace_names_device(struct trace_names *names,
					      uint32_t dev, uint64_t diskseq);

/**
 * trace_names_policy() - the policy that was asked about a copy
 * @names: from trace_names_new()
 * @e: of the copy
 *
 * Return: belongs to @names; NULL without memory, or if no policy was asked.
 */
const struct trace_policy *trace_names_policy(struct trace_names *names,
					      const struct copy_event *e);

#endif /* BPFCOPY_TRACE_NAMES_H */
