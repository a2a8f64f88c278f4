// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy unload: detach policies.
 */
#include <errno.h>
#include <stdlib.h>

#include "exit.h"
#include "kernel.h"
#include "policy.h"
#include "rows.h"
#include "target.h"
#include "verbs.h"

struct unload_row {
	const char *device;
};

static const struct row_col cols[] = {
	ROW_COL(struct unload_row, device, "device", "DETACHED", ROW_TEXT, 0),
	{},
};

static const struct row_desc desc = { "unload", "unloads", cols, false };

static int unload_one(const struct target *target, struct rows_part *part)
{
	struct unload_row row = { .device = target->name };
	struct policy_error error = {};
	int err;

	err = policy_unload(target->dev, &error);
	if (err)
		return exit_because(IN_POLICY, err, target->name, error.text);
	rows_add(part, &row);
	return EXIT_OK;
}

/* Links that somebody else holds are not ours to take away. */
static int unload_listed(const struct policy_info *list, size_t nr,
			 struct rows_part *part)
{
	int status = EXIT_OK, s;

	for (size_t i = 0; i < nr; i++) {
		struct target target;

		target_of_number(list[i].dev, &target);
		if (*list[i].pin)
			s = unload_one(&target, part);
		else
			s = exit_message(EXIT_FAILED,
					 "%s: held by another program, left "
					 "alone",
					 target.name);
		if (s != EXIT_OK && status == EXIT_OK)
			status = s;
	}
	return status;
}

static int unload_all(struct rows_part *part)
{
	struct policy_error error = {};
	struct policy_info *list;
	int status, err;
	size_t nr;

	err = policy_list(&list, &nr, &error);
	if (err)
		return exit_because(IN_POLICY, err, "cannot list policies",
				    error.text);
	status = unload_listed(list, nr, part);
	free(list);
	err = policy_sweep(&error);
	if (err && status == EXIT_OK)
		status = exit_because(IN_POLICY, err,
				      "cannot clean up after removed disks",
				      error.text);
	return status;
}

static int unload_targets(const struct options *opts, struct rows_part *part)
{
	struct target target;
	int status;

	if (opts->all) {
		status = kernel_need(KERNEL_POLICY);
		return status == EXIT_OK ? unload_all(part) : status;
	}
	status = target_get(&verb_unload, opts, true, &target);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_POLICY);
	return status == EXIT_OK ? unload_one(&target, part) : status;
}

static int unload(const struct options *opts)
{
	struct rows *rows;
	int status, err;

	status = target_check(&verb_unload, opts);
	if (status != EXIT_OK)
		return status;
	rows = rows_open(stdout, opts->output, "unload", false);
	status = unload_targets(opts, rows_part(rows, &desc));
	err = rows_close(rows);
	return exit_output(err, status);
}

const struct verb verb_unload = {
	.name = "unload",
	.summary = "detach the policy of a disk",
	.doc = "When this command ends, the policy decides nothing any more: "
	       "the global one does, or the kernel's own rule (offload what can "
	       "be). --all also cleans up after disks that were removed "
	       "with a policy attached; to do so for one of them, give --dev "
	       "its MAJOR:MINOR.",
	.examples = "  bpfcopy unload --dev=nvme0n1\n"
		    "  bpfcopy unload --all\n",
	.overhead = "None. After the last policy is gone, a copy costs what "
		    "it cost before the first one came.",
	.bit = V_UNLOAD,
	.run = unload,
};
