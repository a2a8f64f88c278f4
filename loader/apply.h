/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Make disks what the rules say they should be.
 *
 *	apply_look()	what is: disks, their limits, their policies, and what
 *			the rules say about each
 *	apply_plan()	the difference
 *	apply_rules()	both, and then carries it out as a transaction
 *
 * `bpfcopy policy apply', `bpfcopy policy revert' and bpfcopyd all call
 * apply_rules().  Going back to how things were is to apply no rules at all.
 */
#ifndef BPFCOPY_APPLY_H
#define BPFCOPY_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../policy/conf.h"
#include "device.h"
#include "policy.h"
#include "state.h"

/**
 * struct apply_disk - one disk as it is, and what rules say about it
 * @disk: freed by apply_disks_free(), like @resolved
 * @resolved: NULL if there are no rules
 * @off: it shall not copy by itself, whatever its rules say
 * @sha256: of the object of the policy that rules want; "" if it cannot be had
 * @attached: name of the policy that is attached; "" for none
 * @map_id: its struct_ops map
 * @ours: bpfcopy attached it, by rules or by hand
 */
struct apply_disk {
	struct device disk;
	struct conf_resolved *resolved;
	bool off;
	char sha256[POLICY_SHA256_MAX];
	char attached[POLICY_NAME_MAX];
	uint32_t map_id;
	bool ours;
};

enum apply_what {
	APPLY_LIMIT,   /* write queue/copy_max_bytes */
	APPLY_RESTORE, /* the same, back to what it was at first */
	APPLY_ATTACH,
	APPLY_REPLACE,
	APPLY_DETACH,
};

/**
 * struct apply_change - one step
 * @disk: of which disk
 * @what: what is done
 * @from: what is there now, for people; NULL for nothing
 * @to: what will be; for a policy "NAME KEY=VALUE..."
 * @bytes_from: for limits
 * @bytes_to: for limits; what to write
 * @file: of the rule that wants it; NULL if none does, as for going back
 * @line: in it
 * @hold: what was attached, while the transaction lasts
 * @map_id: what this step attached, or may have attached
 * @gone: the disk went away before it was done
 */
struct apply_change {
	const struct apply_disk *disk;
	enum apply_what what;
	char *from;
	char *to;
	uint64_t bytes_from;
	uint64_t bytes_to;
	const char *file;
	unsigned int line;
	struct policy_hold *hold;
	uint32_t map_id;
	bool gone;
};

/** struct apply_plan - steps, those of a disk one behind the other */
struct apply_plan {
	struct apply_change *changes;
	size_t nr;
};

/** apply_what_name() - "set", "restore", "attach", "replace", "detach" */
const char *apply_what_name(enum apply_what what);

/** apply_is_limit() - is it about a limit, and not about a policy? */
bool apply_is_limit(const struct apply_change *change);

/**
 * apply_look() - all disks
 * @conf: rules without errors; NULL for none
 * @disks: for apply_disks_free()
 * @nr: its length
 * @err: filled on failure
 *
 * Return: 0 or a negative errno.
 */
int apply_look(const struct conf *conf, struct apply_disk **disks, size_t *nr,
	       struct policy_error *err);
void apply_disks_free(struct apply_disk *disks, size_t nr);

/**
 * apply_plan() - what has to be done
 * @disks: must outlive @plan
 * @nr: its length
 * @state: what was done before
 * @plan: filled, for apply_plan_free()
 *
 * Policies that were attached by hand are left alone where no rule asks for
 * one, and replaced where one does.
 *
 * Return: 0 or -ENOMEM.
 */
int apply_plan(const struct apply_disk *disks, size_t nr,
	       const struct state *state, struct apply_plan *plan);
void apply_plan_free(struct apply_plan *plan);

/**
 * struct apply_how - how rules are applied, and whom to tell
 * @state_dir: STATE_DIR
 * @dry_run: check everything, the verifier included, and change nothing
 * @each: every disk is a transaction; otherwise all of them are one
 * @changed: a change was made (or would be) that is not going to be undone
 * @failed: @disk could not be put back; with @each, or not be changed
 * @stuck: set if something could not be put back; it stays noted, so the next
 *	one knows what is its own.  NULL if nobody asks.
 * @step: called now and then, because it may take minutes; or NULL
 * @is_off: shall a disk not copy by itself for now?  Asked of those whose limits
 *	rules may set; or NULL
 * @data: for all of them
 */
struct apply_how {
	const char *state_dir;
	bool dry_run;
	bool each;
	void (*changed)(void *data, const struct apply_change *change);
	void (*failed)(void *data, const char *disk, const char *text);
	bool *stuck;
	void (*step)(void *data);
	bool (*is_off)(void *data, const struct device *disk);
	void *data;
};

/**
 * apply_rules() - make all disks what the rules say
 * @conf: rules without errors; NULL for none: everything back to how it was
 * @how: see there
 * @err: filled on failure; with @how->each, with what failed first
 *
 * What could not be done was undone: of a disk, or with !@how->each of all.
 * SIGINT, SIGTERM, SIGHUP and SIGPIPE wait until it is either.
 * What was there before is noted in the state file before it is changed. A disk
 * that goes away meanwhile is no failure.
 *
 * Return: 0, or the errno of what failed first.
 */
int apply_rules(const struct conf *conf, const struct apply_how *how,
		struct policy_error *err);

/** apply_status() - what apply_rules() returned, as an exit status */
int apply_status(int error);

/* apply_step.c, for apply_rules() alone */

/**
 * apply_verify() - can it be done, as far as that is known before?
 * @change: nothing is changed
 * @err: filled on failure
 *
 * Return: 0 or a negative errno.
 */
int apply_verify(const struct apply_change *change, struct policy_error *err);

/**
 * apply_do() - do it
 * @change: what; @change->hold and @change->map_id are set, for apply_undo()
 * @err: filled on failure
 *
 * Return: 0, -ENODEV or -ESTALE if the disk is gone, or another errno.
 */
int apply_do(struct apply_change *change, struct policy_error *err);

/** apply_undo() - undo it.  Return: as apply_do(). */
int apply_undo(struct apply_change *change, struct policy_error *err);

#endif /* BPFCOPY_APPLY_H */
