// SPDX-License-Identifier: GPL-2.0
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/libbpf.h>

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

/* A path, or what is behind the place where cgroups are mounted. */
static int find_cgroup(const char *what, int *fd)
{
	char path[PATH_MAX];
	struct statfs fs;

	snprintf(path, sizeof(path), "%s%s",
		 *what == '/' ? "" : "/sys/fs/cgroup/", what);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return exit_message(EXIT_NOT_FOUND, "%s: no such cgroup", path);
	if (*fd < 0)
		return exit_error(IN_FILE, -errno, "%s", path);
	if (!fstatfs(*fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
		return EXIT_OK;
	close(*fd);
	return exit_message(EXIT_NOT_FOUND, "%s: not a cgroup (of version 2)",
			    path);
}

static int find_task(const struct options *opts, struct copy_filter *filter)
{
	filter->comm = opts->comm;
	if (opts->comm &&
	    (!*opts->comm || strlen(opts->comm) >= FILTER_COMM_LEN))
		return exit_message(
			EXIT_USAGE,
			"--comm=%s: names of tasks have 1 to %d characters",
			opts->comm, FILTER_COMM_LEN - 1);
	return opts->cgroup ? find_cgroup(opts->cgroup, &filter->cgroup_fd) :
			      EXIT_OK;
}

int filter_of_options(const struct options *opts, struct copy_filter *filter)
{
	*filter = (struct copy_filter){
		.pid = (uint32_t)opts->pid,
		.min_latency_ns = opts->min_latency_ns,
		.min_bytes = opts->min_bytes,
		.path = (uint32_t)opts->path,
		.origin = (uint32_t)opts->origin,
		.reason = (uint32_t)opts->reason,
		.errors_only = opts->errors,
	};
	int status = find_task(opts, filter);

	if (status != EXIT_OK || !opts->dev)
		return status;
	return find_device(opts->dev, &filter->dev);
}

bool filter_at_start(const struct copy_filter *filter)
{
	return filter->dev || filter->min_bytes || filter->origin ||
	       filter_of_task(filter);
}

bool filter_of_task(const struct copy_filter *filter)
{
	return filter->pid || filter->comm || filter->cgroup_fd;
}

int filter_set_cgroup(const struct copy_filter *filter,
		      const struct bpf_map *cgroups)
{
	const uint32_t key = 0;

	if (!filter->cgroup_fd)
		return 0;
	return bpf_map__update_elem(cgroups, &key, sizeof(key),
				    &filter->cgroup_fd,
				    sizeof(filter->cgroup_fd), BPF_ANY);
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
