// SPDX-License-Identifier: GPL-2.0
/*
 * Programs of a policy beside its struct_ops: those that watch something, as
 * guard watches requests.
 *
 * Each has a link, and its pin is in the directory of the slot beside the link of
 * the policy, as probe-<map id>-<number> by the id of the struct_ops map.  So
 * those of the next policy can be there before it replaces this one, and those of
 * the last one are known when it has: whenever a process dies in between, the
 * policy that decides has its probes.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "policy_internal.h"

uint32_t policy_object_id(const struct policy_object *po)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_map_get_info_by_fd(bpf_map__fd(po->ops), &info, &len))
		return 0;
	return info.id;
}

static int pin_one(struct bpf_program *prog, const char *path,
		   struct policy_error *err)
{
	struct bpf_link *link;
	int error = 0;

	policy_log_start();
	link = bpf_program__attach(prog);
	if (!link)
		return policy_fail(err, -errno, "cannot attach program %s: %s",
				   bpf_program__name(prog), strerror(errno));
	if (bpf_obj_pin(bpf_link__fd(link), path))
		error = policy_fail(err, -errno, "%s: %s", path,
				    strerror(errno));
	/* Closes the descriptor; the pin holds the link. */
	bpf_link__destroy(link);
	return error;
}

int policy_probes_pin(const struct policy_object *po, const char *dir,
		      struct policy_error *err)
{
	char path[POLICY_PIN_MAX];
	struct bpf_program *prog;
	int nr = 0, error = 0;

	bpf_object__for_each_program(prog, po->obj) {
		if (bpf_program__type(prog) == BPF_PROG_TYPE_STRUCT_OPS ||
		    !bpf_program__autoload(prog))
			continue;
		snprintf(path, sizeof(path), "%s/" POLICY_PROBE "%u-%d", dir,
			 policy_object_id(po), nr++);
		error = pin_one(prog, path, err);
		if (error)
			break;
	}
	return error;
}

void policy_probes_sweep(const char *dir, uint32_t keep)
{
	char path[POLICY_PIN_MAX + 256];
	struct dirent *entry;
	DIR *d = policy_open_pins(dir);
	unsigned int map_id;

	while (d && (entry = readdir(d))) {
		if (sscanf(entry->d_name, POLICY_PROBE "%u-", &map_id) != 1 ||
		    map_id == keep)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
}
