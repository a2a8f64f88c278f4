// SPDX-License-Identifier: GPL-2.0
#include "filter.h"

#include <stdio.h>
#include <stdlib.h>

#include "device.h"
#include "exit.h"
#include "units.h"
#include "words.h"

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

char *filter_text(const struct options *opts, char *buf, size_t size)
{
	char *text = NULL, unit[UNITS_TEXT_MAX];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	snprintf(buf, size, "all copies");
	if (!out)
		return buf;
	if (opts->dev)
		fprintf(out, " --dev=%s", opts->dev);
	if (opts->pid)
		fprintf(out, " --pid=%u", (uint32_t)opts->pid);
	if (opts->path)
		fprintf(out, " --path=%s", word_of_path((uint32_t)opts->path));
	if (opts->origin)
		fprintf(out, " --origin=%s",
			word_of_origin((uint32_t)opts->origin - 1));
	if (opts->min_latency_ns)
		fprintf(out, " --min-latency=%s",
			units_exact_time(unit, opts->min_latency_ns));
	if (opts->min_bytes)
		fprintf(out, " --min-size=%s",
			units_exact_size(unit, opts->min_bytes));
	if (opts->errors)
		fputs(" --errors", out);
	if (!fclose(out) && len)
		snprintf(buf, size, "copies with%s", text);
	free(text);
	return buf;
}
