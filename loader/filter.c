// SPDX-License-Identifier: GPL-2.0
#include "filter.h"

#include "device.h"
#include "exit.h"

static int find_device(const char *what, uint32_t *dev)
{
	struct device device;
	int err;

	err = device_find(what, &device);
	if (err)
		return exit_error(IN_DEVICE, err, "%s", what);
	*dev = device.dev;
	device_free(&device);
	return EXIT_OK;
}

int filter_of_options(const struct options *opts, struct copy_filter *filter)
{
	*filter = (struct copy_filter){
		.pid = (uint32_t)opts->pid,
		.min_latency_ns = opts->min_latency_ns,
		.min_bytes = opts->min_bytes,
		.path = (uint32_t)opts->path,
		.origin = (uint32_t)opts->origin,
		.errors_only = opts->errors,
	};
	return opts->dev ? find_device(opts->dev, &filter->dev) : EXIT_OK;
}

bool filter_at_start(const struct copy_filter *filter)
{
	return filter->dev || filter->pid || filter->min_bytes ||
	       filter->origin;
}
