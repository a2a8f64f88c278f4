// SPDX-License-Identifier: GPL-2.0
#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "policy_internal.h"
#include "target.h"

static bool kernel_has(const struct stats *stats, enum kernel_feature feature)
{
	for (size_t i = 0; i < KERNEL_NR_FEATURES; i++)
		if (stats->checks[i].feature == feature)
			return stats->checks[i].answer != KERNEL_MISSING;
	return false;
}

/*
 * Copies
 */

static int read_kept(struct hist *hist, struct stats *stats)
{
	int error = hist_read(hist, &stats->copies);

	if (!error)
		hist_forget(hist, &stats->copies);
	stats->collected = !error;
	return error;
}

static int fail_kept(struct policy_error *err, int error)
{
	if (error == -EPROTO)
		return policy_fail(
			err, error,
			"copies are counted by another version of bpfcopy: "
			"`bpfcopy stats --collect=stop', then start it again");
	if (error == -EACCES || error == -EPERM)
		return policy_fail(err, -EPERM,
				   "reading the counters takes root "
				   "(CAP_BPF and CAP_SYS_ADMIN)");
	return policy_fail(err, error, "cannot read the counters: %s",
			   strerror(-error));
}

/*
 * What programs cost
 */

static bool kernel_counts_runs(void)
{
	char text[8];

	return device_text("/proc/sys/kernel", "bpf_stats_enabled", text,
			   sizeof(text)) &&
	       !strcmp(text, "1");
}

static struct stats_program *add_program(struct stats *stats)
{
	struct stats_program *more = reallocarray(
		stats->programs, stats->nr_programs + 1, sizeof(*more));

	if (!more)
		return NULL;
	stats->programs = more;
	more += stats->nr_programs++;
	*more = (struct stats_program){};
	return more;
}

/* A policy that went in the meantime costs nothing any more. */
static int add_policy(struct stats *stats, const struct policy_info *policy)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct stats_program *program;
	struct target target;
	int fd, error;

	fd = bpf_prog_get_fd_by_id(policy->prog_id);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	error = bpf_prog_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (error)
		return error;
	program = add_program(stats);
	if (!program)
		return -ENOMEM;
	target_of_number(policy->dev, &target);
	memcpy(program->device, target.name, sizeof(program->device));
	memcpy(program->name, policy->name, sizeof(program->name));
	program->runs = info.run_cnt;
	program->ns = info.run_time_ns;
	return 0;
}

static int add_counters(struct stats *stats, const struct hist *hist)
{
	struct stats_program *program = add_program(stats);

	if (!program)
		return -ENOMEM;
	strcpy(program->name, "hist");
	return hist_cost(hist, &program->runs, &program->ns);
}

/*
 * All of it
 */

static int get_copies(struct stats *stats, struct policy_error *err)
{
	struct hist *hist;
	int error = hist_kept(&hist);

	if (error == -ENOENT)
		return 0;
	if (error)
		return fail_kept(err, error);
	error = read_kept(hist, stats);
	if (!error && kernel_counts_runs())
		error = add_counters(stats, hist);
	hist_end(hist);
	return error ? fail_kept(err, error) : 0;
}

static int get_policies(struct stats *stats, struct policy_error *err)
{
	int error = policy_list(&stats->policies, &stats->nr_policies, err);

	if (error || !kernel_counts_runs())
		return error;
	for (size_t i = 0; !error && i < stats->nr_policies; i++)
		error = add_policy(stats, &stats->policies[i]);
	if (!error)
		return 0;
	return policy_fail(err, error, "cannot ask what policies cost: %s",
			   strerror(-error));
}

int stats_get(struct stats *stats, struct policy_error *err)
{
	int error;

	*stats = (struct stats){};
	err->text[0] = '\0';
	kernel_probe(stats->checks);
	error = device_list(&stats->devices, &stats->nr_devices);
	if (error)
		return policy_fail(err, error, "cannot list devices: %s",
				   strerror(-error));
	if (kernel_has(stats, KERNEL_POLICY))
		error = get_policies(stats, err);
	if (!error && kernel_has(stats, KERNEL_TRACE))
		error = get_copies(stats, err);
	return error;
}

void stats_free(struct stats *stats)
{
	device_list_free(stats->devices, stats->nr_devices);
	free(stats->policies);
	hist_set_free(&stats->copies);
	free(stats->programs);
}
