// SPDX-License-Identifier: GPL-2.0
/* What the kernel does for a trace that is live: choose copies (bpf/copy_filter.h). */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "recording.h"
#include "words.h"

static bool is(const char *text, const char *want)
{
	return text && !strcmp(text, want);
}

/* Is @name what was asked for, or a partition of it? */
static bool is_device(const char *name, const char *want)
{
	size_t len = strlen(want);
	const char *rest;

	if (!name || strncmp(name, want, len))
		return false;
	rest = name + len;
	if (!*rest)
		return true;
	/* nvme0n1p2, sda2 */
	if (len && want[len - 1] >= '0' && want[len - 1] <= '9' &&
	    *rest++ != 'p')
		return false;
	return *rest && strspn(rest, "0123456789") == strlen(rest);
}

static bool on_device(const struct trace_copy *row, const char *dev)
{
	char path[PATH_MAX];
	const char *want;

	snprintf(path, sizeof(path), "%s", dev);
	want = basename(path);
	return is_device(row->device, want) ||
	       is_device(row->src_device, want) || is(row->device_id, want) ||
	       is(row->src_device_id, want);
}

bool recording_io_passes(const struct options *opts, const struct trace_io *row)
{
	char path[PATH_MAX];

	if (!opts->dev)
		return true;
	snprintf(path, sizeof(path), "%s", opts->dev);
	return is_device(row->device, basename(path));
}

bool recording_passes(const struct options *o, const struct trace_copy *row)
{
	if (o->dev && !on_device(row, o->dev))
		return false;
	if (o->pid && row->pid != o->pid)
		return false;
	if (o->comm && !is(row->comm, o->comm))
		return false;
	if (o->path && !is(row->path, word_of_path((uint32_t)o->path)))
		return false;
	if (o->origin &&
	    !is(row->origin, word_of_origin((uint32_t)o->origin - 1)))
		return false;
	if (o->reason &&
	    !is(row->reason, word_of_reason((uint32_t)o->reason - 1)))
		return false;
	if (o->errors && !row->error)
		return false;
	return row->bytes >= o->min_bytes &&
	       row->latency_ns >= o->min_latency_ns;
}

bool recording_has_filter(const struct options *o)
{
	return o->dev || o->pid || o->comm || o->path || o->origin ||
	       o->reason || o->errors || o->min_bytes || o->min_latency_ns;
}

const char *recording_unfit(const struct options *opts)
{
	if (opts->cgroup)
		return "--cgroup";
	if (opts->duration_ns)
		return "--duration";
	if (opts->buffer_bytes)
		return "--buffer";
	if (opts->max_series)
		return "--max-series";
	return opts->stack ? "--stack" : NULL;
}
