// SPDX-License-Identifier: GPL-2.0
/*
 * Apply rules; see daemon.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <systemd/sd-daemon.h>

#include "../exit.h"
#include "../rules.h"
#include "daemon.h"

#define RETRY_LAST_USEC (300 * 1000000ULL)
/* Events may be lost, and there is none when a policy is loaded over another one. */
#define LOOK_USEC	(300 * 1000000ULL)

/* Whom apply_rules() tells. */
struct telling {
	struct daemon *d;
	struct json_object *changes; /* NULL: nobody asked */
	struct json_object *errors;
	bool dry_run;
};

static void rule_of(const struct apply_change *change, char *text, size_t size)
{
	*text = '\0';
	if (change->disk->off && change->what == APPLY_LIMIT)
		snprintf(text, size, "circuit breaker");
	else if (change->file)
		snprintf(text, size, "%s:%u", change->file, change->line);
}

static void log_change(const struct apply_change *change, const char *rule)
{
	const char *what = apply_what_name(change->what);
	const char *disk = change->disk->disk.name;
	const char *now = change->to ? change->to : change->from;
	char policy[POLICY_NAME_MAX];

	if (!*rule)
		rule = NULL;
	if (apply_is_limit(change)) {
		log_line(LOG_INFO, disk, rule, "%s copy_max_bytes %s, was %s",
			 what, change->to, change->from ? change->from : "-");
		return;
	}
	snprintf(policy, sizeof(policy), "%.*s", (int)strcspn(now, " "), now);
	if (change->to && change->from)
		log_policy(disk, policy, change->disk->sha256, rule,
			   "%s %s, was %s", what, change->to, change->from);
	else
		log_policy(disk, policy, change->disk->sha256, rule, "%s %s",
			   what, now);
}

static void add_text(struct json_object *object, const char *key,
		     const char *value)
{
	json_object_object_add(object, key,
			       value ? json_object_new_string(value) : NULL);
}

static void on_changed(void *data, const struct apply_change *change)
{
	struct telling *telling = data;
	struct json_object *object;
	char rule[512];

	rule_of(change, rule, sizeof(rule));
	if (!telling->dry_run)
		log_change(change, rule);
	if (!telling->changes)
		return;
	object = json_object_new_object();
	add_text(object, "device", change->disk->disk.name);
	add_text(object, "key",
		 apply_is_limit(change) ? "copy_max_bytes" : "policy");
	add_text(object, "action", apply_what_name(change->what));
	add_text(object, "from", change->from);
	add_text(object, "to", change->to);
	add_text(object, "rule", *rule ? rule : NULL);
	json_object_array_add(telling->changes, object);
}

static void add_error(struct telling *telling, const char *text)
{
	if (telling->errors)
		json_object_array_add(telling->errors,
				      json_object_new_string(text));
	if (!telling->dry_run)
		log_line(LOG_ERR, NULL, NULL, "%s", text);
}

/* What fails again in the same way was said already. */
static bool is_news(const struct daemon *d, const char *disk, const char *text)
{
	struct json_object *before;

	return !json_object_object_get_ex(d->failed, disk, &before) ||
	       strcmp(json_object_get_string(before), text);
}

static void on_failed(void *data, const char *disk, const char *text)
{
	struct telling *telling = data;
	struct daemon *d = telling->d;

	if (!d->failing) {
		add_error(telling, text);
		return;
	}
	if (is_news(d, disk, text))
		log_text(LOG_ERR, strcmp(disk, "all") ? disk : NULL, text);
	json_object_object_add(d->failing, disk, json_object_new_string(text));
}

static void on_diag(void *data, const struct conf_diag *diag)
{
	struct telling *telling = data;
	bool error = diag->severity == CONF_ERROR;
	char text[1024];

	snprintf(text, sizeof(text), "%.400s:%u:%u: %s: %.400s%s%.100s",
		 diag->file, diag->line, diag->col, error ? "error" : "warning",
		 diag->text, *diag->hint ? "; " : "", diag->hint);
	if (error)
		add_error(telling, text);
	else if (!telling->dry_run)
		log_line(LOG_WARNING, NULL, NULL, "%s", text);
}

static void say_status(const struct daemon *d)
{
	int failed = json_object_object_length(d->failed);

	if (d->reverted)
		sd_notify(0, "STATUS=reverted: leaving disks alone");
	else
		sd_notifyf(0, "STATUS=%zu rules, %d disks failed",
			   conf_rules(d->conf), failed);
}

/* What apply_rules() returned, as an exit status. */
static int end(struct daemon *d, struct telling *telling, int error,
	       const struct policy_error *err)
{
	if (error)
		add_error(telling, *err->text ? err->text : strerror(-error));
	/* Then the rules that stay in force do not hold. */
	if (d->stuck)
		daemon_look_later(d, RETRY_FIRST_USEC);
	links_watch(d->links);
	say_status(d);
	return apply_status(error);
}

void daemon_take(struct daemon *d, struct conf *conf)
{
	const char *const *names;
	size_t nr;

	conf_free(d->conf);
	d->conf = conf;
	d->reverted = false;
	d->retry_usec = RETRY_FIRST_USEC;
	json_object_put(d->files);
	d->files = json_object_new_array();
	names = conf_files(conf, &nr);
	for (size_t i = 0; i < nr; i++)
		json_object_array_add(d->files,
				      json_object_new_string(names[i]));
	json_object_put(d->failed);
	d->failed = json_object_new_object();
}

/* What takes long is not stuck. */
static void on_step(void *data)
{
	(void)data;
	sd_notify(0, "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=180000000");
}

static bool is_off(void *data, const struct device *disk)
{
	const struct telling *telling = data;

	return breaker_is_off(telling->d->breaker, disk->dev, disk->diskseq);
}

static struct apply_how how_of(struct telling *telling, bool each)
{
	telling->d->stuck = false;
	return (struct apply_how){
		.state_dir = STATE_DIR,
		.dry_run = telling->dry_run,
		.each = each,
		.changed = on_changed,
		.failed = on_failed,
		.stuck = &telling->d->stuck,
		.step = on_step,
		.is_off = is_off,
		.data = telling,
	};
}

int daemon_apply(struct daemon *d, bool dry_run, struct json_object *changes,
		 struct json_object *errors)
{
	struct telling telling = { d, changes, errors, dry_run };
	struct apply_how how = how_of(&telling, false);
	struct policy_error err;
	struct conf *conf;
	int error;

	error = rules_load(&conf, on_diag, &telling);
	if (error) {
		if (!dry_run)
			log_line(LOG_ERR, NULL, NULL,
				 "the rules that are in force stay in force");
		return error == -EINVAL ? EXIT_CONFIG : EXIT_FAILED;
	}
	error = apply_rules(conf, &how, &err);
	if (!error && !dry_run)
		daemon_take(d, conf);
	else
		conf_free(conf);
	daemon_look_later(d, LOOK_USEC);
	return end(d, &telling, error, &err);
}

int daemon_revert(struct daemon *d, bool dry_run, struct json_object *changes,
		  struct json_object *errors)
{
	struct telling telling = { d, changes, errors, dry_run };
	struct apply_how how = how_of(&telling, false);
	struct policy_error err;
	int error = apply_rules(NULL, &how, &err);

	if (!error && !dry_run) {
		d->reverted = true;
		log_line(LOG_NOTICE, NULL, NULL,
			 "reverted: leaving disks alone until the next apply");
	}
	return end(d, &telling, error, &err);
}

static void retry_later(struct daemon *d)
{
	daemon_look_later(d, d->retry_usec);
	d->retry_usec *= 2;
	if (d->retry_usec > RETRY_LAST_USEC)
		d->retry_usec = RETRY_LAST_USEC;
}

void daemon_look(struct daemon *d)
{
	struct telling telling = { .d = d };
	struct apply_how how = how_of(&telling, true);
	struct policy_error err;
	int error;

	links_report(d->links);
	if (d->reverted)
		return;
	d->failing = json_object_new_object();
	error = apply_rules(d->conf, &how, &err);
	/* Not even one disk was looked at. */
	if (error && !json_object_object_length(d->failing))
		on_failed(&telling, "all",
			  *err.text ? err.text : strerror(-error));
	json_object_put(d->failed);
	d->failed = d->failing;
	d->failing = NULL;
	links_watch(d->links);
	say_status(d);
	if (error)
		retry_later(d);
	else
		d->retry_usec = RETRY_FIRST_USEC;
	daemon_look_later(d, LOOK_USEC);
}

static int on_later(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	daemon_look(data);
	return 0;
}

int daemon_look_later(struct daemon *d, uint64_t usec)
{
	uint64_t now, at, due;
	int on = SD_EVENT_OFF;

	if (!d->later) {
		on = sd_event_add_time_relative(d->event, &d->later,
						CLOCK_MONOTONIC, usec, 1000,
						on_later, d);
		return on < 0 ? on :
				sd_event_source_set_priority(d->later,
							     PRIORITY_EVENTS);
	}
	sd_event_now(d->event, CLOCK_MONOTONIC, &now);
	at = now + usec;
	sd_event_source_get_enabled(d->later, &on);
	if (on != SD_EVENT_OFF && !sd_event_source_get_time(d->later, &due) &&
	    due <= at)
		return 0;
	sd_event_source_set_time(d->later, at);
	return sd_event_source_set_enabled(d->later, SD_EVENT_ONESHOT);
}

void daemon_rules_free(struct daemon *d)
{
	sd_event_source_disable_unref(d->later);
	conf_free(d->conf);
	json_object_put(d->files);
	json_object_put(d->failed);
}
