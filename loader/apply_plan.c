// SPDX-License-Identifier: GPL-2.0
/*
 * The difference between what is and what rules want; see apply.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "rows.h"
#include "units.h"

const char *apply_what_name(enum apply_what what)
{
	static const char *const names[] = {
		[APPLY_LIMIT] = "set",	   [APPLY_RESTORE] = "restore",
		[APPLY_ATTACH] = "attach", [APPLY_REPLACE] = "replace",
		[APPLY_DETACH] = "detach",
	};

	return names[what];
}

bool apply_is_limit(const struct apply_change *change)
{
	return change->what == APPLY_LIMIT || change->what == APPLY_RESTORE;
}

void apply_plan_free(struct apply_plan *plan)
{
	for (size_t i = 0; i < plan->nr; i++) {
		free(plan->changes[i].from);
		free(plan->changes[i].to);
		policy_release(plan->changes[i].hold);
	}
	free(plan->changes);
	*plan = (struct apply_plan){};
}

/* The line that decided a key. */
static void set_rule(struct apply_change *change, const char *key)
{
	const struct conf_setting *setting = NULL;

	if (change->disk->resolved)
		setting = conf_setting_find(change->disk->resolved, key);
	if (!setting || !setting->nr_said)
		return;
	change->file = setting->said[0].file;
	change->line = setting->said[0].line;
}

static struct apply_change *add(struct apply_plan *plan,
				const struct apply_disk *disk,
				enum apply_what what)
{
	struct apply_change *change, *more;

	more = reallocarray(plan->changes, plan->nr + 1, sizeof(*more));
	if (!more)
		return NULL;
	plan->changes = more;
	change = &more[plan->nr++];
	*change = (struct apply_change){ .disk = disk, .what = what };
	return change;
}

/*
 * Limits
 */

/* What stands for "no limit but that of the hardware": the most it takes. */
static uint64_t no_limit(const struct device *disk)
{
	return UINT32_MAX / disk->block_bytes * disk->block_bytes;
}

static int add_limit(struct apply_plan *plan, const struct apply_disk *disk,
		     enum apply_what what, uint64_t to, uint64_t write)
{
	struct apply_change *change = add(plan, disk, what);
	char text[UNITS_TEXT_MAX];

	if (!change)
		return -ENOMEM;
	change->bytes_from = disk->disk.copy_max_bytes;
	if (change->bytes_from == disk->disk.copy_max_hw_bytes)
		change->bytes_from = no_limit(&disk->disk);
	change->bytes_to = write;
	set_rule(change, "copy_max_bytes");
	change->to = strdup(units_format_size(text, to));
	if (disk->disk.copy_max_bytes == ROWS_NONE)
		return change->to ? 0 : -ENOMEM;
	change->from =
		strdup(units_format_size(text, disk->disk.copy_max_bytes));
	return change->to && change->from ? 0 : -ENOMEM;
}

static int plan_limit(struct apply_plan *plan, const struct apply_disk *disk,
		      const struct state_disk *known)
{
	uint64_t now = disk->disk.copy_max_bytes;
	uint64_t want = disk->resolved ? disk->resolved->copy_max_bytes :
					 ROWS_NONE;

	if (want != ROWS_NONE)
		return want == now ?
			       0 :
			       add_limit(plan, disk, APPLY_LIMIT, want, want);
	if (!known || known->original == ROWS_NONE)
		return 0;
	if (known->unlimited)
		return add_limit(plan, disk, APPLY_RESTORE,
				 disk->disk.copy_max_hw_bytes,
				 no_limit(&disk->disk));
	return add_limit(plan, disk, APPLY_RESTORE, known->original,
			 known->original);
}

/*
 * Policies
 */

/* "NAME KEY=VALUE...", NULL if no policy is wanted or there is no memory. */
static char *policy_text(const struct conf_resolved *resolved)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fputs(resolved->policy, f);
	for (size_t i = 0; i < resolved->nr_params; i++)
		fprintf(f, " %s=%s", resolved->params[i].key,
			resolved->params[i].value);
	if (resolved->mode == CONF_OBSERVE)
		fputs(" observe=yes", f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int add_policy(struct apply_plan *plan, const struct apply_disk *disk,
		      enum apply_what what, const char *from, const char *to)
{
	struct apply_change *change = add(plan, disk, what);

	if (!change)
		return -ENOMEM;
	set_rule(change, to ? "policy" : "mode");
	change->from = from && *from ? strdup(from) : NULL;
	change->to = to ? strdup(to) : NULL;
	return (from && *from && !change->from) || (to && !change->to) ?
		       -ENOMEM :
		       0;
}

/* Is what is attached what was noted? */
static bool is_noted(const struct apply_disk *disk,
		     const struct state_disk *known)
{
	return known && known->policy && disk->ours && *disk->attached &&
	       known->map_id == disk->map_id;
}

static int plan_detach(struct apply_plan *plan, const struct apply_disk *disk,
		       const struct state_disk *known)
{
	if (!known || !known->policy || !*disk->attached || !disk->ours)
		return 0;
	if (is_noted(disk, known))
		return add_policy(plan, disk, APPLY_DETACH, known->policy,
				  NULL);
	/* Loaded by hand since then; unless we were killed while loading. */
	if (known->map_id || disk->map_id == known->by_hand)
		return 0;
	return add_policy(plan, disk, APPLY_DETACH, disk->attached, NULL);
}

/* One that cannot be had is no reason to change anything. */
static bool is_other_object(const struct apply_disk *disk,
			    const struct state_disk *known)
{
	return *disk->sha256 && strcmp(disk->sha256, known->sha256) != 0;
}

static int plan_policy(struct apply_plan *plan, const struct apply_disk *disk,
		       const struct state_disk *known)
{
	const char *from = disk->attached;
	char other[512], *want;
	bool same = false;
	int err = 0;

	if (!disk->resolved || !disk->resolved->policy)
		return plan_detach(plan, disk, known);
	want = policy_text(disk->resolved);
	if (!want)
		return -ENOMEM;
	if (is_noted(disk, known)) {
		from = known->policy;
		same = !strcmp(want, known->policy);
	}
	if (same && is_other_object(disk, known)) {
		snprintf(other, sizeof(other), "%s (another object)", from);
		from = other;
		same = false;
	}
	if (!same)
		err = add_policy(plan, disk,
				 *from ? APPLY_REPLACE : APPLY_ATTACH, from,
				 want);
	free(want);
	return err;
}

int apply_plan(const struct apply_disk *disks, size_t nr,
	       const struct state *state, struct apply_plan *plan)
{
	int err = 0;

	*plan = (struct apply_plan){};
	for (size_t i = 0; !err && i < nr; i++) {
		const struct state_disk *known = state_find(
			state, disks[i].disk.dev, disks[i].disk.diskseq);

		err = plan_limit(plan, &disks[i], known);
		if (!err)
			err = plan_policy(plan, &disks[i], known);
	}
	if (err)
		apply_plan_free(plan);
	return err;
}
