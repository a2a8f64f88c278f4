// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy policy apply, policy revert: make disks what the rules say, and what
 * they were before.  The daemon does it if it runs: it has to know, or it would
 * undo it; otherwise it is done here, by the same code.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "control.h"
#include "exit.h"
#include "kernel.h"
#include "rlimit.h"
#include "rows.h"
#include "rules.h"
#include "verbs.h"

struct change_row {
	const char *device;
	const char *key;
	const char *action;
	const char *from;
	const char *to;
	const char *rule;
};

static const struct row_col cols[] = {
	ROW_COL(struct change_row, device, "device", "DEVICE", ROW_TEXT, 0),
	ROW_COL(struct change_row, key, "key", "KEY", ROW_TEXT, 0),
	ROW_COL(struct change_row, action, "action", "ACTION", ROW_TEXT, 0),
	ROW_COL(struct change_row, from, "from", "FROM", ROW_TEXT, 0),
	ROW_COL(struct change_row, to, "to", "TO", ROW_TEXT, 0),
	ROW_COL(struct change_row, rule, "rule", "RULE", ROW_TEXT, 0),
	{},
};

static const struct row_desc desc = { "change", "changes", cols, false };

/*
 * Here
 */

static void on_changed(void *data, const struct apply_change *change)
{
	char rule[512] = "";
	struct change_row row = {
		.device = change->disk->disk.name,
		.key = apply_is_limit(change) ? "copy_max_bytes" : "policy",
		.action = apply_what_name(change->what),
		.from = change->from,
		.to = change->to,
		.rule = rule,
	};

	if (change->file)
		snprintf(rule, sizeof(rule), "%s:%u", change->file,
			 change->line);
	rows_add(data, &row);
}

static void on_failed(void *data, const char *disk, const char *text)
{
	(void)data;
	(void)disk;
	exit_message(EXIT_FAILED, "%s", text);
}

static void on_diag(void *data, const struct conf_diag *diag)
{
	(void)data;
	conf_diag_print(stderr, diag);
}

static int do_here(enum control_verb verb, bool dry_run, struct rows_part *part)
{
	const char *failed = "nothing was changed";
	bool stuck = false;
	struct apply_how how = {
		.state_dir = STATE_DIR,
		.dry_run = dry_run,
		.changed = on_changed,
		.failed = on_failed,
		.stuck = &stuck,
		.data = part,
	};
	struct policy_error error;
	struct conf *conf = NULL;
	int status, err = 0;

	status = kernel_need(KERNEL_POLICY | KERNEL_LIMITS);
	if (status != EXIT_OK)
		return status;
	raise_limits();
	if (verb == CONTROL_APPLY)
		err = rules_load(&conf, on_diag, NULL);
	if (err)
		return exit_message(err == -EINVAL ? EXIT_CONFIG : EXIT_FAILED,
				    "the rules are not valid: nothing was "
				    "changed");
	err = apply_rules(conf, &how, &error);
	conf_free(conf);
	if (stuck)
		failed = "not all of it could be undone";
	if (err)
		return exit_message(apply_status(err), "%s: %s", failed,
				    *error.text ? error.text : strerror(-err));
	return EXIT_OK;
}

/*
 * There
 */

static const char *member(struct json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static void print_changes(struct json_object *reply, struct rows_part *part)
{
	struct json_object *changes = json_object_object_get(reply, "changes");

	if (!json_object_is_type(changes, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(changes); i++) {
		struct json_object *o = json_object_array_get_idx(changes, i);
		struct change_row row = {
			member(o, "device"), member(o, "key"),
			member(o, "action"), member(o, "from"),
			member(o, "to"),     member(o, "rule"),
		};

		rows_add(part, &row);
	}
}

static int print_errors(struct json_object *reply)
{
	struct json_object *errors = json_object_object_get(reply, "errors");
	const char *error = member(reply, "error");
	int status = json_object_get_int(json_object_object_get(reply, "exit"));

	for (size_t i = 0; json_object_is_type(errors, json_type_array) &&
			   i < json_object_array_length(errors);
	     i++)
		exit_message(EXIT_FAILED, "%s",
			     json_object_get_string(
				     json_object_array_get_idx(errors, i)));
	return exit_message(status ? status : EXIT_FAILED, "bpfcopyd: %s",
			    error ? error : "no reason given");
}

static int do_there(struct json_object *reply, struct rows_part *part)
{
	struct json_object *ok = json_object_object_get(reply, "ok");
	int status = EXIT_OK;

	if (json_object_get_boolean(ok))
		print_changes(reply, part);
	else
		status = print_errors(reply);
	json_object_put(reply);
	return status;
}

/*
 * Either
 */

#define START_SECONDS 60

static int change_disks(enum control_verb verb, bool dry_run,
			struct rows_part *part)
{
	struct json_object *reply;
	int err;

	/* Done beside a daemon that starts, it would undo it. */
	for (int i = 0;
	     (err = control_call(verb, dry_run, &reply)) == -ECONNREFUSED &&
	     control_starts();
	     i++) {
		if (i == START_SECONDS * 10)
			return exit_message(
				EXIT_FAILED,
				"bpfcopyd has been starting for %d s: try again",
				START_SECONDS);
		usleep(100000);
	}
	if (err == -ECONNREFUSED)
		return do_here(verb, dry_run, part);
	if (err)
		return exit_error(IN_GENERAL, err, "bpfcopyd (%s)",
				  CONTROL_SOCKET);
	return do_there(reply, part);
}

static int change(const struct options *opts, enum control_verb verb)
{
	struct rows *rows = rows_open(stdout, opts->output, "apply", false);
	int status, err;

	status = change_disks(verb, opts->dry_run, rows_part(rows, &desc));
	err = rows_close(rows);
	return exit_output(err, status);
}

static int apply(const struct options *opts)
{
	return change(opts, CONTROL_APPLY);
}

static int revert(const struct options *opts)
{
	return change(opts, CONTROL_REVERT);
}

const struct verb verb_policy_apply = {
	.name = "policy apply",
	.summary = "make all disks what the rules say",
	.doc = "Read the rules, and print what is changed: policies that are "
	       "attached, replaced or detached, limits that are written. All of "
	       "it is done, or nothing. If bpfcopyd runs, it does so; "
	       "otherwise disks that come later are not looked at.",
	.examples = "  bpfcopy policy apply --dry-run\n"
		    "  bpfcopy policy apply\n",
	.overhead = "Loading a policy takes the verifier some milliseconds "
		    "to a second. What an attached one costs is in "
		    "bpfcopy-load(1).",
	.bit = V_POLICY_APPLY,
	.run = apply,
};

const struct verb verb_policy_revert = {
	.name = "policy revert",
	.summary = "put back what disks were before the first `policy apply'",
	.doc = "Detach what rules attached, and give limits the values that "
	       "they had before. What was loaded by hand stays; what was "
	       "loaded by hand where a rule then asked for a policy is lost. If bpfcopyd "
	       "runs, it leaves disks alone until the next `bpfcopy policy "
	       "apply', or until it is started again.",
	.examples = "  bpfcopy policy revert --dry-run\n",
	.overhead = "None that lasts.",
	.bit = V_POLICY_REVERT,
	.run = revert,
};
