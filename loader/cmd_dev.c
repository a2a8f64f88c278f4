// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy dev: what each device can do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "exit.h"
#include "identity.h"
#include "policy.h"
#include "rows.h"
#include "snapshot.h"
#include "verbs.h"

struct dev_row {
	struct device d;
	struct conf_identity id;
	const char *policy;
	const char *policy_mode;
	char **policy_parameters;
	uint64_t policy_decisions;
};

#define COL(member, head, type) \
	ROW_COL(struct dev_row, d.member, #member, head, type, 0)

static const struct row_col cols[] = {
	ROW_COL(struct dev_row, d.name, "device", "DEVICE", ROW_CHARS, 0),
	COL(size_bytes, "SIZE", ROW_SIZE),
	COL(block_bytes, "BLOCK", ROW_SIZE),
	COL(copy_max_bytes, "COPY-MAX", ROW_SIZE),
	COL(copy_max_hw_bytes, "HW-MAX", ROW_SIZE),
	COL(copy_max_range_hw_bytes, "RANGE-MAX", ROW_SIZE),
	COL(copy_max_ranges, "RANGES", ROW_NUM),
	ROW_COL(struct dev_row, policy, "policy", "POLICY", ROW_TEXT, 0),
	ROW_COL(struct dev_row, policy_mode, "policy_mode", NULL, ROW_TEXT, 0),
	ROW_COL(struct dev_row, policy_parameters, "policy_parameters", NULL,
		ROW_LIST, 0),
	ROW_COL(struct dev_row, policy_decisions, "policy_decisions", NULL,
		ROW_NUM, 0),
	COL(model, "MODEL", ROW_CHARS),
	COL(serial, NULL, ROW_CHARS),
	COL(firmware, NULL, ROW_CHARS),
	ROW_COL(struct dev_row, id.transport, "transport", NULL, ROW_TEXT, 0),
	COL(wwid, NULL, ROW_CHARS),
	COL(nguid, NULL, ROW_CHARS),
	COL(uuid, NULL, ROW_CHARS),
	ROW_COL(struct dev_row, id.eui, "eui", NULL, ROW_TEXT, 0),
	ROW_COL(struct dev_row, id.subsysnqn, "subsysnqn", NULL, ROW_TEXT, 0),
	ROW_COL(struct dev_row, id.driver, "driver", NULL, ROW_TEXT, 0),
	ROW_COL(struct dev_row, id.by_id, "by_id", NULL, ROW_LIST, 0),
	ROW_COL(struct dev_row, id.stack, "stack_kind", NULL, ROW_TEXT, 0),
	COL(stack, NULL, ROW_LIST),
	COL(disk, NULL, ROW_CHARS),
	COL(partition, NULL, ROW_BOOL),
	COL(start_bytes, NULL, ROW_SIZE),
	COL(read_only, NULL, ROW_BOOL),
	COL(diskseq, NULL, ROW_NUM),
	{},
};

static const struct row_desc list_desc = { "device", "devices", cols, false };
static const struct row_desc show_desc = { "device", "devices", cols, true };

/* Who may not see policies, or has none in the kernel, still sees devices. */
static void get_policies(struct policy_info **list, size_t *nr)
{
	struct policy_error err;

	if (policy_list(list, nr, &err)) {
		*list = NULL;
		*nr = 0;
	}
}

/* Fills in what is attached to the disk of the row. */
static void add_policy(struct dev_row *row, const struct policy_info *list,
		       size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (list[i].dev != row->d.disk_dev)
			continue;
		snapshot_free_list(row->policy_parameters);
		row->policy = list[i].name;
		row->policy_mode = conf_mode_name(
			list[i].observe ? CONF_OBSERVE : CONF_ENFORCE);
		row->policy_parameters = snapshot_settings(&list[i]);
		row->policy_decisions = snapshot_decisions(&list[i]);
	}
}

static int print_devices(const struct options *opts,
			 const struct row_desc *desc, struct device *devices,
			 size_t nr)
{
	struct rows *rows = rows_open(stdout, opts->output, "dev", false);
	struct rows_part *part = rows_part(rows, desc);
	struct policy_info *policies;
	size_t nr_policies;

	get_policies(&policies, &nr_policies);
	for (size_t i = 0; i < nr; i++) {
		struct dev_row row = { .d = devices[i],
				       .policy_decisions = ROWS_NONE };

		add_policy(&row, policies, nr_policies);
		/* One that went away meanwhile has no identity, but a row. */
		identity_read(&devices[i], &row.id);
		rows_add(part, &row);
		conf_identity_free(&row.id);
		snapshot_free_list(row.policy_parameters);
	}
	free(policies);
	return rows_close(rows);
}

/* Loop devices without a file and the like are left out. */
static size_t drop_empty(struct device *devices, size_t nr)
{
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		if (devices[i].size_bytes)
			devices[kept++] = devices[i];
		else
			device_free(&devices[i]);
	}
	return kept;
}

static int dev_list(const struct options *opts)
{
	struct device *devices;
	size_t nr;
	int err;

	err = device_list(&devices, &nr);
	if (err)
		return exit_error(IN_GENERAL, err, "cannot list block devices");
	if (!opts->empty)
		nr = drop_empty(devices, nr);
	err = print_devices(opts, &list_desc, devices, nr);
	device_list_free(devices, nr);
	return exit_output(err, EXIT_OK);
}

static int dev_show(const struct options *opts)
{
	struct device device;
	int err;

	err = device_find(opts->args[0], &device);
	if (err)
		return exit_error(IN_DEVICE, err, "%s", opts->args[0]);
	err = print_devices(opts, &show_desc, &device, 1);
	device_free(&device);
	return exit_output(err, EXIT_OK);
}

const struct verb verb_dev_list = {
	.name = "dev list",
	.summary = "what every disk can do",
	.doc = "List the disks with their size and logical block, how much one "
	       "command may copy (COPY-MAX, set by the administrator; 0 is "
	       "off) and can copy (HW-MAX, RANGE-MAX per source range, RANGES "
	       "of them), and the attached policy. A dash: not known.",
	.examples = "  bpfcopy dev list\n"
		    "  bpfcopy dev list -o json | jq '.devices[].device'\n",
	.overhead = "None: it reads files of a few bytes in sysfs, and no "
		    "disk.",
	.bit = V_DEV_LIST,
	.run = dev_list,
};

const struct verb verb_dev_show = {
	.name = "dev show",
	.args = "DEV",
	.min_args = 1,
	.max_args = 1,
	.summary = "everything about one device",
	.doc = "Show what is known about a disk or partition: limits, "
	       "identity, policy, and the devices it is made of.",
	.examples = "  bpfcopy dev show nvme0n1\n"
		    "  bpfcopy dev show /dev/disk/by-id/nvme-eui.0025385b71b0\n"
		    "  bpfcopy dev show /dev/mapper/data -o json\n",
	.overhead = "None: it reads files of a few bytes in sysfs, and no "
		    "disk.",
	.bit = V_DEV_SHOW,
	.run = dev_show,
};
