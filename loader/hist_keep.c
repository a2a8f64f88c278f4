// SPDX-License-Identifier: GPL-2.0
/*
 * Counters that stay when nobody looks, for `bpfcopy stats'.  They are told apart
 * by device and path, and pinned beside the policies.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "hist.h"
#include "policy_internal.h"

#define PINS POLICY_PINS "/hist"

static bool are_kept(void)
{
	int fd = bpf_obj_get(PINS "/" HIST_PIN_LINK);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The link first: without it nothing is counted. */
static void unpin(void)
{
	unlink(PINS "/" HIST_PIN_LINK);
	unlink(PINS "/" HIST_PIN_SERIES);
	unlink(PINS "/" HIST_PIN_LOST);
	rmdir(PINS);
}

static int start_and_pin(uint64_t max_series, struct policy_error *err)
{
	const struct copy_filter all = {};
	struct hist *hist;
	int error;

	error = hist_start(&all, HIST_BY_DEV | HIST_BY_PATH, max_series, &hist,
			   err);
	if (error)
		return error;
	/* What somebody left who was killed while doing this. */
	unpin();
	if (mkdir(PINS, 0700))
		error = policy_fail_pin(err, PINS, -errno);
	else
		error = hist_pin(hist, PINS, err);
	if (error)
		unpin();
	hist_end(hist);
	return error;
}

int hist_keep(uint64_t max_series, struct policy_error *err)
{
	int lock, error;

	lock = policy_lock_slots(err);
	if (lock < 0)
		return lock;
	error = are_kept() ? -EEXIST : start_and_pin(max_series, err);
	close(lock);
	return error;
}

int hist_unkeep(struct policy_error *err)
{
	int lock, error = 0;

	lock = policy_lock_slots(err);
	if (lock < 0)
		return lock;
	if (are_kept())
		unpin();
	else
		error = -ENOENT;
	close(lock);
	return error;
}

int hist_kept(struct hist **out)
{
	return hist_open(PINS, out);
}
