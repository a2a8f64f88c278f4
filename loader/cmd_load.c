// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy load: attach a policy, or replace the one that is there.
 */
#include <errno.h>

#include "exit.h"
#include "kernel.h"
#include "params.h"
#include "policy.h"
#include "rows.h"
#include "target.h"
#include "verbs.h"

struct load_row {
	const char *device;
	const char *policy;
	const char *action;
	uint64_t link_id;
	uint64_t map_id;
	const char *pin;
};

static const struct row_col cols[] = {
	ROW_COL(struct load_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct load_row, policy, "policy", "POLICY", ROW_TEXT, 0),
	ROW_COL(struct load_row, action, "action", "ACTION", ROW_TEXT, 0),
	ROW_COL(struct load_row, link_id, "link_id", "LINK", ROW_NUM, 0),
	ROW_COL(struct load_row, map_id, "map_id", NULL, ROW_NUM, 0),
	ROW_COL(struct load_row, pin, "pin", NULL, ROW_TEXT, 0),
	{},
};

static const struct row_desc desc = { "load", "loads", cols, false };

/* One run of the verb. */
struct run {
	const struct options *opts;
	struct params params;
	struct rows_part *part;
};

static void add_row(struct run *run, const struct target *target,
		    const struct policy_info *info)
{
	struct load_row row = {
		.device = target->name,
		.policy = info->name,
		.action = info->replaced ? "replaced" : "attached",
		.link_id = info->link_id,
		.map_id = info->map_id,
		.pin = info->pin,
	};

	if (run->opts->dry_run) {
		row.action = info->replaced ? "would replace" : "would attach";
		row.link_id = row.map_id = ROWS_NONE;
		row.pin = NULL;
	}
	rows_add(run->part, &row);
}

static int load_one(struct run *run, const struct target *target)
{
	struct policy_spec spec = {
		.policy = run->opts->args[0],
		.dev = target->dev,
		.diskseq = target->diskseq,
		.params = run->params.list,
		.nr_params = run->params.nr,
		.dry_run = run->opts->dry_run,
	};
	struct policy_info info = {};
	struct policy_error error = {};
	int err;

	err = policy_load(&spec, &info, &error);
	if (err)
		return exit_because(IN_POLICY, err, target->name, error.text);
	add_row(run, target, &info);
	return EXIT_OK;
}

/* Every disk is tried; the first failure is the exit status. */
static int load_disks(struct run *run, const struct device *disks, size_t nr)
{
	int status = EXIT_OK, s;
	size_t done = 0;

	for (size_t i = 0; i < nr; i++) {
		struct target target;

		if (disks[i].copy_max_hw_bytes == ROWS_NONE ||
		    !disks[i].copy_max_hw_bytes)
			continue;
		done++;
		target_of_disk(&disks[i], &target);
		s = load_one(run, &target);
		if (s != EXIT_OK && status == EXIT_OK)
			status = s;
	}
	if (!done)
		return exit_message(EXIT_NOT_FOUND,
				    "no disk here can copy by itself (`bpfcopy "
				    "dev list' shows them; --dev and --global "
				    "take any)");
	return status;
}

static int load_all(struct run *run)
{
	struct device *disks;
	int status, err;
	size_t nr;

	err = device_list(&disks, &nr);
	if (err)
		return exit_error(IN_GENERAL, err, "cannot list block devices");
	status = load_disks(run, disks, nr);
	device_list_free(disks, nr);
	return status;
}

static int load_targets(struct run *run)
{
	struct target target;
	int status;

	if (run->opts->all) {
		status = kernel_need(KERNEL_POLICY);
		return status == EXIT_OK ? load_all(run) : status;
	}
	status = target_get(&verb_load, run->opts, false, &target);
	if (status == EXIT_OK)
		status = kernel_need(KERNEL_POLICY);
	return status == EXIT_OK ? load_one(run, &target) : status;
}

static int load_and_print(struct run *run)
{
	struct rows *rows = rows_open(stdout, run->opts->output, "load", false);
	int status, err;

	run->part = rows_part(rows, &desc);
	status = load_targets(run);
	err = rows_close(rows);
	return exit_output(err, status);
}

static int load(const struct options *opts)
{
	struct run run = { .opts = opts };
	int status;

	status = target_check(&verb_load, opts);
	if (status == EXIT_OK)
		status = params_parse(&verb_load, opts, &run.params);
	if (status == EXIT_OK)
		status = load_and_print(&run);
	params_free(&run.params);
	return status;
}

const struct verb verb_load = {
	.name = "load",
	.args = "POLICY [KEY=VALUE...]",
	.min_args = 1,
	.max_args = OPTIONS_ARGS_MAX,
	.summary = "attach a policy to a disk, or replace it",
	.doc = "Attach a policy, with these values of its parameters (`bpfcopy "
	       "policy show POLICY' lists them). POLICY is a shipped one "
	       "(adaptive, always, budget, empty, guard, never, threshold) or "
	       "an object file (a name with a slash or ending in .o). It stays "
	       "when this command ends, until unload, the removal of the disk "
	       "or a reboot. What was attached before is replaced atomically: "
	       "every part of every copy is decided by one or the other.",
	.examples = "  bpfcopy load threshold --dev=nvme0n1 min_bytes=64KiB\n"
		    "  bpfcopy load never --global\n"
		    "  bpfcopy load ./mine.bpf.o --all --dry-run\n",
	.overhead = "An attached policy is asked once per part (chunk) of a "
		    "copy: some 210 instructions, 1 % of an offloaded copy "
		    "of 4 KiB, and what the policy itself does (threshold: "
		    "30). I/O that is no copy never meets it, except with "
		    "guard, which looks at each request that completes.",
	.units = "Parameters that are sizes or times take a unit, too: "
		 "min_bytes=64KiB, target_ns=500us. `bpfcopy policy show' "
		 "tells which are.",
	.bit = V_LOAD,
	.run = load,
};
