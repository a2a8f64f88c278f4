// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy policy explain: what a device gets, from which rule, and what became
 * of the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "exit.h"
#include "rows.h"
#include "snapshot.h"
#include "units.h"
#include "verbs.h"

#define WHY_MAX 256

/* A key, and what one rule says about it; the winner comes first. */
struct explain_row {
	const char *device;
	const char *key;
	const char *value;
	const char *live;
	const char *from;
	const char *file;
	uint64_t line;
	const char *rule;
	uint64_t priority;
	const char *says;
	bool won;
	const char *why;
};

#define COL(member, head, type) \
	ROW_COL(struct explain_row, member, #member, head, type, 0)

static const struct row_col cols[] = {
	COL(device, NULL, ROW_TEXT),
	COL(key, "KEY", ROW_TEXT),
	COL(value, "VALUE", ROW_TEXT),
	COL(live, "LIVE", ROW_TEXT),
	COL(rule, "RULE", ROW_TEXT),
	COL(says, "SAYS", ROW_TEXT),
	COL(why, "WHY", ROW_TEXT),
	COL(from, "FROM", ROW_TEXT),
	COL(priority, NULL, ROW_NUM),
	COL(won, NULL, ROW_BOOL),
	COL(file, NULL, ROW_TEXT),
	COL(line, NULL, ROW_NUM),
	{},
};

static const struct row_desc desc = { "setting", "settings", cols, false };

/* Keys that are shown even if no rule says anything about them. */
static const char *const always[] = { "mode", "policy", "copy_max_bytes" };

/* Of the parameter POLICY.KEY, if that policy is attached. */
static const char *live_param(const struct snapshot *s, const char *key)
{
	size_t len = strlen(s->policy);

	if (!len || strncmp(key, s->policy, len) || key[len] != '.')
		return NULL;
	key += len + 1;
	len = strlen(key);
	for (char **text = s->settings; text && *text; text++)
		if (!strncmp(*text, key, len) && (*text)[len] == '=')
			return *text + len + 1;
	return NULL;
}

static const char *live_value(const struct snapshot *s, const char *key,
			      char size[UNITS_TEXT_MAX])
{
	if (!strcmp(key, "policy"))
		return s->policy;
	if (!strcmp(key, "mode") && *s->policy)
		return conf_mode_name(s->observe ? CONF_OBSERVE : CONF_ENFORCE);
	if (strcmp(key, "copy_max_bytes"))
		return live_param(s, key);
	if (s->copy_max_bytes == CONF_NONE)
		return NULL;
	return units_format_size(size, s->copy_max_bytes);
}

/* A mode of less than enforce keeps it from being done. */
static const char *held_back(const struct conf_setting *s, enum conf_mode mode)
{
	if (mode == CONF_OFF && strcmp(s->key, "mode"))
		return "not done: mode is off";
	if (mode == CONF_OBSERVE && !strcmp(s->key, "copy_max_bytes"))
		return "not done: mode is observe";
	return "";
}

static void add_part(char why[WHY_MAX], const char *part)
{
	size_t used = strlen(why);

	if (*part)
		snprintf(why + used, WHY_MAX - used, "%s%s", used ? "; " : "",
			 part);
}

/* What the attached policy decided so far, if it is the one that won. */
static void add_decisions(char why[WHY_MAX], const struct snapshot *live,
			  const struct conf_setting *s)
{
	char text[64], name[CONF_POLICY_MAX];

	if (strcmp(s->key, "policy") || live->decisions == CONF_NONE ||
	    !s->value || strcmp(conf_policy_name(s->value, name), live->policy))
		return;
	snprintf(text, sizeof(text), "%llu decisions so far",
		 (unsigned long long)live->decisions);
	add_part(why, text);
}

static void say_won(const struct conf_setting *s, const struct snapshot *live,
		    enum conf_mode mode, char why[WHY_MAX])
{
	if (!*s->said[0].value)
		add_part(why, "back to the default");
	add_part(why, s->clamp);
	if (s->tie)
		add_part(why, "later file, same priority");
	add_part(why, held_back(s, mode));
	add_decisions(why, live, s);
}

static void say_why(const struct conf_setting *s, const struct conf_said *said,
		    const struct snapshot *live, const struct conf_resolved *r,
		    char why[WHY_MAX])
{
	*why = '\0';
	switch (said->verdict) {
	case CONF_WON:
		say_won(s, live, r->mode, why);
		break;
	case CONF_PRIORITY:
		snprintf(why, WHY_MAX, "lost: priority %u < %u", said->priority,
			 s->said[0].priority);
		break;
	case CONF_ORDER:
		snprintf(why, WHY_MAX, "lost: %s comes later", s->said[0].rule);
		break;
	case CONF_BOUND:
		snprintf(why, WHY_MAX, "no effect: already within");
		break;
	case CONF_OTHER:
		snprintf(why, WHY_MAX, "no effect: policy is %s",
			 r->policy ? r->policy : "none");
		break;
	}
}

static int add_said(struct rows_part *part, const struct snapshot *live,
		    const struct conf_resolved *r, const struct conf_setting *s,
		    size_t i)
{
	const struct conf_said *said = &s->said[i];
	char why[WHY_MAX], size[UNITS_TEXT_MAX], *from;
	struct explain_row row = {
		.device = live->id.name,
		.key = s->key,
		.value = i ? NULL : s->value,
		.live = i ? NULL : live_value(live, s->key, size),
		.file = said->file,
		.line = said->line,
		.rule = said->rule,
		.priority = said->priority,
		.says = said->value,
		.won = said->verdict == CONF_WON,
		.why = why,
	};
	int err;

	if (asprintf(&from, "%s:%u", said->file, said->line) < 0)
		return -ENOMEM;
	row.from = from;
	say_why(s, said, live, r, why);
	err = rows_add(part, &row);
	free(from);
	return err;
}

static void add_unset(struct rows_part *part, const struct snapshot *live,
		      const char *key)
{
	char size[UNITS_TEXT_MAX];
	struct explain_row row = {
		.device = live->id.name,
		.key = key,
		.live = live_value(live, key, size),
		.line = ROWS_NONE,
		.priority = ROWS_NONE,
		.why = "no rule says anything",
	};

	rows_add(part, &row);
}

static bool is_wanted(const struct options *opts, const char *key)
{
	return !opts->key || !strcmp(opts->key, key);
}

static int print(const struct options *opts, const struct snapshot *live,
		 const struct conf_resolved *r)
{
	struct rows *rows =
		rows_open(stdout, opts->output, "policy_explain", false);
	struct rows_part *part = rows_part(rows, &desc);

	for (size_t i = 0; i < r->nr_settings; i++) {
		const struct conf_setting *s = &r->settings[i];

		for (size_t j = 0; is_wanted(opts, s->key) && j < s->nr_said;
		     j++)
			add_said(part, live, r, s, j);
	}
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (is_wanted(opts, always[i]) &&
		    !conf_setting_find(r, always[i]))
			add_unset(part, live, always[i]);
	return rows_close(rows);
}

static int get_device(const struct options *opts, struct snapshot *s)
{
	const char *what = opts->nr_args ? opts->args[0] : NULL, *why;
	int err;

	if (!opts->snapshot) {
		if (!what)
			return options_usage(&verb_policy_explain,
					     "which device? want DEV");
		err = snapshot_now(what, s);
		return err ? exit_error(IN_DEVICE, err, "%s", what) : EXIT_OK;
	}
	err = snapshot_read(opts->snapshot, what, s, &why);
	if (err == -EINVAL)
		return options_usage(&verb_policy_explain,
				     "%s is not about one device: want DEV",
				     opts->snapshot);
	if (err == -ENODEV)
		return exit_message(EXIT_NOT_FOUND, "%s: %s is not in it",
				    opts->snapshot, what);
	return err ? exit_because(IN_FILE, err, opts->snapshot, why) : EXIT_OK;
}

static int policy_explain(const struct options *opts)
{
	struct conf_resolved *resolved;
	struct snapshot live;
	struct conf *conf;
	int status = get_device(opts, &live), err;

	if (status)
		return status;
	status = config_open(opts, &conf);
	if (status)
		goto free_snapshot;
	err = conf_resolve(conf, &live.id, &resolved);
	if (err) {
		status = exit_error(IN_GENERAL, err, "%s", live.id.name);
		goto free_conf;
	}
	status = exit_output(print(opts, &live, resolved), EXIT_OK);
	conf_resolved_free(resolved);
free_conf:
	conf_free(conf);
free_snapshot:
	snapshot_free(&live);
	return status;
}

const struct verb verb_policy_explain = {
	.name = "policy explain",
	.args = "[DEV]",
	.max_args = 1,
	.summary = "what the configuration says about a device, and why",
	.doc = "For each key of the configuration show the value that a device "
	       "gets, what it is now (LIVE), and what every matching rule "
	       "says: first the one that won, then the others, from the "
	       "highest priority down, and why they lost. A dash: nothing. "
	       "With --snapshot the device need not be here.",
	.examples =
		"  bpfcopy policy explain nvme0n1\n"
		"  bpfcopy policy explain nvme0n1 --key copy_max_bytes\n"
		"  bpfcopy policy explain nvme0n1 --config new.conf\n"
		"  bpfcopy dev show nvme0n1 -o json >snap\n"
		"  bpfcopy policy explain --snapshot snap --config ./conf\n",
	.overhead = "None: it reads files, and some of sysfs.",
	.bit = V_POLICY_EXPLAIN,
	.run = policy_explain,
};
