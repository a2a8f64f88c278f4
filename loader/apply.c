// SPDX-License-Identifier: GPL-2.0
/*
 * Rules to changes to disks, as a transaction; see apply.h.
 *
 * A process that is killed in the middle leaves some disks as they were and
 * some as they will be, never one with half a policy: replacing one is atomic
 * in the kernel.  What it was about to do is in the state file, so the next one
 * knows what is its own, does what is missing, and can still go back.
 */
#include "apply.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit.h"
#include "rows.h"

/* How long to wait for others; bpfcopyd's watchdog waits longer. */
#ifndef LOCK_SECONDS
#define LOCK_SECONDS 60
#endif

/* One call of apply_rules(). */
struct run {
	const struct apply_how *how;
	struct state state;
	struct apply_disk *disks;
	size_t nr;
	struct apply_plan plan;
	struct policy_error *err;
};

static bool is_gone(int error)
{
	return error == -ENODEV || error == -ESTALE;
}

static const char *reason(const struct policy_error *err, int error)
{
	return *err->text ? err->text : exit_reason(IN_POLICY, error);
}

/* -EACCES is what the verifier says. */
static int no_right(int error)
{
	return error == -EACCES ? -EPERM : error;
}

static int fail_state(struct run *run, int error, const char *what)
{
	if (error != -EBADMSG) {
		snprintf(run->err->text, sizeof(run->err->text),
			 "%s/state.json: %s: %s", run->how->state_dir,
			 strerror(-error), what);
		return no_right(error);
	}
	snprintf(
		run->err->text, sizeof(run->err->text),
		"%s/state.json is not a state of bpfcopy: remove it, and the limits of now count as the original ones",
		run->how->state_dir);
	return -EUCLEAN;
}

/* "FILE:LINE: DISK: REASON" */
static int fail_change(struct run *run, const struct apply_change *change,
		       int error, const struct policy_error *why)
{
	char rule[512] = "";

	if (change->file)
		snprintf(rule, sizeof(rule), "%s:%u: ", change->file,
			 change->line);
	snprintf(run->err->text, sizeof(run->err->text), "%.511s%s: %.3000s",
		 rule, change->disk->disk.name, reason(why, error));
	return error;
}

/*
 * What is noted
 */

static struct state_disk *known(struct state *state,
				const struct apply_change *change)
{
	const struct device *disk = &change->disk->disk;

	return state_add(state, disk->name, disk->dev, disk->diskseq);
}

static int set_policy(struct state_disk *disk, const char *policy,
		      const char *sha256)
{
	char *text = policy ? strdup(policy) : NULL;

	if (policy && !text)
		return -ENOMEM;
	free(disk->policy);
	disk->policy = text;
	snprintf(disk->sha256, sizeof(disk->sha256), "%s", sha256);
	disk->map_id = 0;
	return 0;
}

/*
 * What is attached, if it was so by hand.  After one that was not finished it is
 * what that one noted.
 */
static uint32_t by_hand(const struct state_disk *disk, uint32_t attached)
{
	if (disk->policy && !disk->map_id)
		return disk->by_hand;
	return disk->policy && disk->map_id == attached ? 0 : attached;
}

/* Before it is done. */
static int note_intent(struct state *state, const struct apply_change *change)
{
	struct state_disk *disk = known(state, change);
	const struct device *dev = &change->disk->disk;

	if (!disk)
		return -ENOMEM;
	if (change->what == APPLY_LIMIT && disk->original == ROWS_NONE) {
		disk->original = dev->copy_max_bytes;
		disk->unlimited = dev->copy_max_bytes == dev->copy_max_hw_bytes;
	}
	if (change->what != APPLY_ATTACH && change->what != APPLY_REPLACE)
		return 0;
	disk->by_hand = by_hand(disk, change->disk->map_id);
	return set_policy(disk, change->to, change->disk->sha256);
}

/* After it was done. */
static int note_done(struct state *state, const struct apply_change *change)
{
	struct state_disk *disk = known(state, change);

	if (!disk)
		return -ENOMEM;
	if (change->what == APPLY_RESTORE)
		disk->original = ROWS_NONE;
	if (change->what == APPLY_DETACH)
		return set_policy(disk, NULL, "");
	if (!apply_is_limit(change))
		disk->map_id = change->map_id;
	return 0;
}

/*
 * A transaction: the changes from @first up to @end
 */

static bool seen_before(const struct run *run, size_t first, size_t i)
{
	const struct apply_change *changes = run->plan.changes;

	for (size_t k = first; k < i; k++)
		if (!apply_is_limit(&changes[k]) && changes[k].to &&
		    !changes[k].gone && !strcmp(changes[k].to, changes[i].to))
			return true;
	return false;
}

static void step(const struct run *run)
{
	if (run->how->step)
		run->how->step(run->how->data);
}

/* The same policy is verified once for all disks. */
static int verify(struct run *run, size_t first, size_t end)
{
	struct policy_error why = {};

	for (size_t i = first; i < end; i++) {
		struct apply_change *change = &run->plan.changes[i];
		bool taken = *change->disk->attached && !change->disk->ours;
		int error;

		step(run);

		if (apply_is_limit(change) || !change->to ||
		    (!taken && seen_before(run, first, i)))
			continue;
		error = apply_verify(change, &why);
		change->gone = is_gone(error);
		if (error && !change->gone)
			return fail_change(run, change, error, &why);
	}
	return 0;
}

static int note_intents(struct run *run, size_t first, size_t end)
{
	int error = 0;

	for (size_t i = first; !error && i < end; i++)
		error = note_intent(&run->state, &run->plan.changes[i]);
	if (!error)
		error = state_save(run->how->state_dir, &run->state);
	return error ? fail_state(run, error, "nothing was changed") : 0;
}

static void not_undone(struct run *run, const struct apply_change *change,
		       const char *why)
{
	char text[POLICY_ERROR_MAX + 128];

	snprintf(text, sizeof(text), "%.64s: cannot be put back: %s",
		 change->disk->disk.name, why);
	run->how->failed(run->how->data, change->disk->disk.name, text);
	if (run->how->stuck)
		*run->how->stuck = true;
}

/*
 * From the last to the first.  What cannot be undone is told of, and stays noted
 * in @before as what was about to be done: so that its original value is still
 * known, and that it is ours.
 */
static void undo(struct run *run, size_t first, size_t end,
		 struct state *before)
{
	struct policy_error why = {};
	int error;

	while (end-- > first) {
		struct apply_change *change = &run->plan.changes[end];

		if (change->gone)
			continue;
		error = apply_undo(change, &why);
		if (!error || is_gone(error))
			continue;
		not_undone(run, change, reason(&why, error));
		if (note_intent(before, change))
			not_undone(run, change, strerror(ENOMEM));
	}
}

/* @done: how many were done, also when it fails */
static int do_changes(struct run *run, size_t first, size_t end, size_t *done)
{
	struct policy_error why = {};
	int error;

	for (*done = first; *done < end; ++*done) {
		struct apply_change *change = &run->plan.changes[*done];

		step(run);
		error = apply_do(change, &why);
		change->gone = is_gone(error);
		if (error && !change->gone)
			return fail_change(run, change, error, &why);
		error = note_done(&run->state, change);
		if (error)
			return fail_change(run, change, error, &why);
	}
	state_prune(&run->state);
	error = state_save(run->how->state_dir, &run->state);
	return error ? fail_state(run, error, "everything was undone") : 0;
}

static void tell(struct run *run, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (!run->plan.changes[i].gone)
			run->how->changed(run->how->data,
					  &run->plan.changes[i]);
}

/* Until this is written, the file has what was about to be done. */
static void save_undone(struct run *run, const struct state *before)
{
	char text[PATH_MAX + 128];
	int error = state_save(run->how->state_dir, before);

	if (!error)
		return;
	snprintf(text, sizeof(text),
		 "%s/state.json: %s: what was put back is noted as changed",
		 run->how->state_dir, strerror(-error));
	run->how->failed(run->how->data, "all", text);
}

/* @before: what is noted if it fails */
static int do_noted(struct run *run, size_t first, size_t end,
		    struct state *before)
{
	size_t done;
	int error = note_intents(run, first, end);

	if (error)
		return error;
	error = do_changes(run, first, end, &done);
	/* The one that failed may have got half-way. */
	if (error) {
		undo(run, first, done < end ? done + 1 : end, before);
		save_undone(run, before);
	}
	return error;
}

/* No signal ends it in the middle: there may be nobody to go on. */
static int do_or_undo(struct run *run, size_t first, size_t end)
{
	struct state before = {};
	sigset_t signals, old;
	int error;

	error = state_copy(&run->state, &before);
	if (error) {
		state_free(&before);
		return error;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGPIPE);
	sigprocmask(SIG_BLOCK, &signals, &old);
	error = do_noted(run, first, end, &before);
	if (error) {
		state_free(&run->state);
		run->state = before;
	} else {
		state_free(&before);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (!error)
		tell(run, first, end);
	return error;
}

static int transact(struct run *run, size_t first, size_t end)
{
	int error = 0;

	/* A single change is verified when it is made. */
	if (end - first > 1 || run->how->dry_run)
		error = verify(run, first, end);
	if (error)
		return error;
	if (!run->how->dry_run)
		return do_or_undo(run, first, end);
	tell(run, first, end);
	return 0;
}

/* Every disk by itself.  The first error is the one that is returned. */
static int transact_each(struct run *run)
{
	struct policy_error first_why = {};
	size_t first = 0, end;
	int error = 0, e;

	for (; first < run->plan.nr; first = end) {
		const struct apply_disk *disk = run->plan.changes[first].disk;

		for (end = first; end < run->plan.nr; end++)
			if (run->plan.changes[end].disk != disk)
				break;
		e = transact(run, first, end);
		if (!e)
			continue;
		run->how->failed(run->how->data, disk->disk.name,
				 run->err->text);
		if (!error)
			first_why = *run->err;
		error = error ? error : e;
	}
	*run->err = first_why;
	return error;
}

/*
 * Everything
 */

static const struct apply_disk *find_disk(const struct run *run,
					  const struct state_disk *disk)
{
	for (size_t i = 0; i < run->nr; i++)
		if (run->disks[i].disk.dev == disk->dev &&
		    run->disks[i].disk.diskseq == disk->diskseq)
			return &run->disks[i];
	return NULL;
}

/* Of disks that are gone, and policies that are, nothing is worth knowing. */
static void forget_gone(struct run *run)
{
	for (size_t i = 0; i < run->state.nr; i++) {
		struct state_disk *disk = &run->state.disks[i];
		const struct apply_disk *here = find_disk(run, disk);

		if (!here)
			disk->original = ROWS_NONE;
		if (!here || !*here->attached)
			set_policy(disk, NULL, "");
	}
	state_prune(&run->state);
}

/* With a limit of 0 nothing is offloaded, and the policy stays what it is. */
static void switch_off(struct run *run)
{
	const struct apply_how *how = run->how;

	for (size_t i = 0; how->is_off && i < run->nr; i++) {
		struct apply_disk *disk = &run->disks[i];

		if (!disk->resolved || disk->resolved->mode != CONF_ENFORCE ||
		    !how->is_off(how->data, &disk->disk))
			continue;
		disk->off = true;
		disk->resolved->copy_max_bytes = 0;
	}
}

static int carry_out(struct run *run)
{
	size_t known_before = run->state.nr;
	int error;

	forget_gone(run);
	switch_off(run);
	error = apply_plan(run->disks, run->nr, &run->state, &run->plan);
	if (error)
		return error;
	if (run->how->each)
		error = transact_each(run);
	else if (run->plan.nr)
		error = transact(run, 0, run->plan.nr);
	apply_plan_free(&run->plan);
	if (!run->how->dry_run && run->state.nr != known_before) {
		state_prune(&run->state);
		state_save(run->how->state_dir, &run->state);
	}
	return error;
}

static int run_locked(const struct conf *conf, struct run *run)
{
	int error = state_load(run->how->state_dir, &run->state);

	if (error)
		return fail_state(run, error, "nothing was changed");
	/* What a removed disk left behind, or a process that was killed. */
	if (!run->how->dry_run)
		error = policy_sweep(run->err);
	if (!error)
		error = apply_look(conf, &run->disks, &run->nr, run->err);
	if (!error)
		error = carry_out(run);
	apply_disks_free(run->disks, run->nr);
	state_free(&run->state);
	return error;
}

int apply_status(int error)
{
	/* A parameter that is wrong is one in a rule, not on a command line. */
	if (error == -EBADMSG || error == -EKEYREJECTED)
		return EXIT_CONFIG;
	return exit_status_of(IN_POLICY, error);
}

static int fail_lock(const struct apply_how *how, int error, pid_t holder,
		     struct policy_error *err)
{
	error = no_right(error);
	if (error == -ETIMEDOUT)
		snprintf(err->text, sizeof(err->text),
			 "%s/lock: process %d has been changing disks for %d s",
			 how->state_dir, holder, LOCK_SECONDS);
	else
		snprintf(err->text, sizeof(err->text), "%s: %s", how->state_dir,
			 strerror(-error));
	return error;
}

int apply_rules(const struct conf *conf, const struct apply_how *how,
		struct policy_error *err)
{
	struct run run = { .how = how, .err = err };
	pid_t holder;
	int lock, error;

	err->text[0] = '\0';
	lock = state_lock(how->state_dir, LOCK_SECONDS, &holder);
	if (lock < 0)
		return fail_lock(how, lock, holder, err);
	error = run_locked(conf, &run);
	close(lock);
	return error;
}
