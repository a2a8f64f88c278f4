// SPDX-License-Identifier: GPL-2.0
#include "trace_names.h"

#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "policy_internal.h"

#include "../bpf/trace_copy.h"

/* There are few devices and few policies: lists will do. */
struct device_entry {
	struct device_entry *next;
	uint32_t dev;
	uint64_t diskseq;
	struct trace_device device;
};

struct policy_entry {
	struct policy_entry *next;
	uint64_t id;
	struct trace_policy policy;
};

struct trace_names {
	struct device_entry *devices;
	struct policy_entry *policies;
};

struct trace_names *trace_names_new(void)
{
	return calloc(1, sizeof(struct trace_names));
}

void trace_names_free(struct trace_names *names)
{
	struct device_entry *d;
	struct policy_entry *p;

	if (!names)
		return;
	while ((d = names->devices)) {
		names->devices = d->next;
		free(d);
	}
	while ((p = names->policies)) {
		names->policies = p->next;
		free(p);
	}
	free(names);
}

/*
 * Devices
 */

/* The number may belong to another disk by now, which @diskseq tells. */
static void look_up_device(struct device_entry *d)
{
	struct trace_device *out = &d->device;
	struct device device;
	int err;

	err = device_find(device_name(d->dev, out->name), &device);
	if (!err && device.dev == d->dev && device.diskseq == d->diskseq)
		identity_name(&device, out->id, sizeof(out->id));
	else
		snprintf(out->name, sizeof(out->name), "%u:%u",
			 dev_major(d->dev), dev_minor(d->dev));
	if (!err)
		device_free(&device);
}

const struct trace_device *trace_names_device(struct trace_names *names,
					      uint32_t dev, uint64_t diskseq)
{
	struct device_entry *d;

	for (d = names->devices; d; d = d->next)
		if (d->dev == dev && d->diskseq == diskseq)
			return &d->device;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->dev = dev;
	d->diskseq = diskseq;
	look_up_device(d);
	d->next = names->devices;
	names->devices = d;
	return &d->device;
}

/*
 * Policies
 */

static void look_up_mode(uint32_t map_id, struct trace_policy *out)
{
	struct policy_info *info = malloc(sizeof(*info));
	struct policy_error error = {};
	struct policy_types types;

	if (info && !policy_types_get(&types, &error) &&
	    !policy_of_map(&types, map_id, info))
		out->mode = info->observe ? "observe" : "enforce";
	free(info);
}

const struct trace_policy *trace_names_policy(struct trace_names *names,
					      const struct copy_event *e)
{
	struct policy_entry *p;

	if (!e->policy_id)
		return NULL;
	for (p = names->policies; p && p->id != e->policy_id;)
		p = p->next;
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return NULL;
		p->id = e->policy_id;
		p->next = names->policies;
		names->policies = p;
	}
	/* The copy that ended when it was gone may be the first one seen. */
	if (!*p->policy.name && *e->policy) {
		snprintf(p->policy.name, sizeof(p->policy.name), "%.*s",
			 TRACE_COMM_LEN, e->policy);
		p->policy.slot = e->policy_global ? "global" : "disk";
		look_up_mode(e->policy_map, &p->policy);
	}
	return &p->policy;
}
