// SPDX-License-Identifier: GPL-2.0
/*
 * One step of a transaction, there and back; see apply.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "rows.h"

/* 0 if the kernel does not say. */
static uint64_t diskseq_of(const struct apply_change *change)
{
	uint64_t diskseq = change->disk->disk.diskseq;

	return diskseq == ROWS_NONE ? 0 : diskseq;
}

static int load(const struct apply_change *change, bool dry_run,
		uint32_t *map_id, struct policy_error *err)
{
	const struct conf_resolved *resolved = change->disk->resolved;
	struct policy_param *params;
	struct policy_info info;
	struct policy_spec spec = {
		.policy = resolved->policy,
		.strict = true,
		.sha256 = change->disk->sha256,
		.dev = change->disk->disk.dev,
		.diskseq = diskseq_of(change),
		.dry_run = dry_run,
	};
	int error;

	params = calloc(resolved->nr_params + 1, sizeof(*params));
	if (!params)
		return -ENOMEM;
	for (size_t i = 0; i < resolved->nr_params; i++)
		params[spec.nr_params++] =
			(struct policy_param){ resolved->params[i].key,
					       resolved->params[i].value };
	if (resolved->mode == CONF_OBSERVE)
		params[spec.nr_params++] =
			(struct policy_param){ "observe", "yes" };
	spec.params = params;
	error = policy_load(&spec, &info, err);
	*map_id = info.map_id;
	free(params);
	return error;
}

int apply_verify(const struct apply_change *change, struct policy_error *err)
{
	uint32_t map_id;

	err->text[0] = '\0';
	if (apply_is_limit(change) || change->what == APPLY_DETACH)
		return 0;
	if (*change->disk->attached && !change->disk->ours) {
		snprintf(
			err->text, sizeof(err->text),
			"policy \"%s\" is attached by another program than bpfcopy",
			change->disk->attached);
		return -EBUSY;
	}
	return load(change, true, &map_id, err);
}

static int write_limit(const struct apply_change *change, uint64_t bytes,
		       struct policy_error *err)
{
	int error = device_set_copy_max(&change->disk->disk, bytes);

	if (error == -ENOENT)
		snprintf(err->text, sizeof(err->text),
			 "this kernel has no queue/copy_max_bytes");
	else if (error)
		snprintf(err->text, sizeof(err->text),
			 "queue/copy_max_bytes = %llu: %s",
			 (unsigned long long)bytes, strerror(-error));
	return error;
}

int apply_do(struct apply_change *change, struct policy_error *err)
{
	uint32_t dev = change->disk->disk.dev;
	uint64_t diskseq = diskseq_of(change);
	int error;

	change->map_id = 0;
	err->text[0] = '\0';
	if (apply_is_limit(change))
		return write_limit(change, change->bytes_to, err);
	error = policy_hold(dev, diskseq, &change->hold, err);
	if (error)
		return error;
	if (change->what != APPLY_DETACH)
		return load(change, false, &change->map_id, err);
	error = policy_detach(dev, diskseq, change->disk->map_id, err);
	/* What somebody loaded at this moment is his. */
	return error == -ESRCH || error == -EBUSY ? 0 : error;
}

int apply_undo(struct apply_change *change, struct policy_error *err)
{
	int error;

	err->text[0] = '\0';
	if (apply_is_limit(change))
		return write_limit(change, change->bytes_from, err);
	/* It did not even begin. */
	if (!change->hold)
		return 0;
	error = policy_put_back(change->hold, change->map_id, err);
	/* It did not get that far, or somebody else was faster. */
	return error == -ESRCH || error == -EBUSY ? 0 : error;
}
