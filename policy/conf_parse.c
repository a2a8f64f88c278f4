// SPDX-License-Identifier: GPL-2.0
/*
 * Sections and pairs become rules.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"

static const char prefix[] = "policy.";

/* While one file is parsed. */
struct state {
	struct conf *conf;
	const char *file;
	struct conf_rule *rule; /* NULL before the first section */
	bool matches;		/* it says what it matches, right or wrong */
	size_t errors;		/* before its first pair */
};

#define complain(s, at, hint, ...) \
	conf_sayf((s)->conf, CONF_ERROR, (s)->file, at, hint, __VA_ARGS__)

static int on_error(void *data, const struct ini_text *where, const char *what,
		    const char *hint)
{
	const struct state *s = data;

	return complain(s, where, hint, "%s", what);
}

/*
 * Sections
 */

static bool is_text(const struct ini_text *t, const char *text)
{
	return t->len == strlen(text) && !memcmp(t->at, text, t->len);
}

static int wrong_section(const struct state *s, const struct ini_text *name)
{
	char quote[CONF_QUOTE_MAX], hint[CONF_HINT_MAX];
	struct conf_near near = {};
	const char *dot = memchr(name->at, '.', name->len);
	size_t head = dot ? (size_t)(dot - name->at) : name->len;

	snprintf(hint, sizeof(hint), "want [policy.NAME]");
	conf_near_try(&near, name->at, head, "policy");
	if (near.best && dot && head + 1 < name->len)
		snprintf(hint, sizeof(hint), "did you mean [policy%s]?",
			 conf_quote(quote, dot, name->len - head));
	conf_quote(quote, name->at, name->len);
	return complain(s, name, hint, "no such section: [%s]", quote);
}

/* Why it cannot be the name of a rule; NULL if it can. */
static const char *name_wrong(const char *name, size_t len)
{
	if (!len)
		return "a rule without a name";
	if (len >= CONF_NAME_LEN)
		return "the name of the rule is too long";
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return "the name of a rule is made of letters, digits, "
			       "- _ and .";
	return NULL;
}

/* One file says it twice; two files may, but it is hard to tell them apart. */
static int check_twice(const struct state *s, const struct ini_text *section,
		       const char *name)
{
	for (size_t i = s->conf->nr_rules; i-- > 0;) {
		const struct conf_rule *rule = s->conf->rules[i];
		const char *file = s->conf->files[rule->file];
		bool same = rule->file == s->conf->nr_files - 1;

		if (strcmp(rule->name, name))
			continue;
		return conf_sayf(s->conf, same ? CONF_ERROR : CONF_WARNING,
				 s->file, section,
				 same ? "" : "both count, each with its keys",
				 "[policy.%s] is already at %s:%u", name, file,
				 rule->at.line);
	}
	return 0;
}

/* A section that is wrong is a rule, too, so that its keys are checked. */
static int new_rule(struct state *s, const struct ini_text *section,
		    const char *name)
{
	struct conf_rule *rule = conf_alloc(s->conf, sizeof(*rule));
	struct conf_rule **slot;

	slot = conf_grow(&s->conf->rules, &s->conf->nr_rules, sizeof(*slot));
	if (!rule || !slot) {
		s->conf->nr_rules -= !!slot;
		return -ENOMEM;
	}
	rule->name = name;
	rule->file = s->conf->nr_files - 1;
	rule->priority = CONF_PRIORITY_USUAL;
	if (section)
		rule->at = *section;
	*slot = rule;
	s->rule = rule;
	s->matches = false;
	s->errors = s->conf->nr_errors;
	return 0;
}

/* What can only be said at the end of a rule. */
static int end_rule(struct state *s)
{
	const struct conf_rule *rule = s->rule;

	s->rule = NULL;
	/* Of one whose beginning is wrong, enough was said. */
	if (!rule || !*rule->name)
		return 0;
	if (!s->matches)
		return complain(s, &rule->at,
				"for every device, say match_all = yes",
				"[policy.%s] matches nothing", rule->name);
	if (rule->match_all && rule->nr_patterns)
		return complain(s, &rule->at, "",
				"[policy.%s] has match_all and %s", rule->name,
				rule->patterns[0].key->name);
	if (!rule->nr_assigns && s->conf->nr_errors == s->errors)
		return conf_sayf(s->conf, CONF_WARNING, s->file, &rule->at, "",
				 "[policy.%s] sets nothing", rule->name);
	return 0;
}

/* The name of the rule is "" if it has none that can be used. */
static int check_section(const struct state *s, const struct ini_text *section,
			 char **name)
{
	size_t head = strlen(prefix), len = section->len - head;
	const char *why;

	*name = conf_copy(s->conf, "", 0);
	if (!*name)
		return -ENOMEM;
	if (section->len < head || memcmp(section->at, prefix, head))
		return wrong_section(s, section);
	why = name_wrong(section->at + head, len);
	if (why)
		return complain(s, section, "want [policy.NAME]", "%s", why);
	*name = conf_copy(s->conf, section->at + head, len);
	return *name ? check_twice(s, section, *name) : -ENOMEM;
}

static int on_section(void *data, const struct ini_text *section)
{
	struct state *s = data;
	char *name = NULL;
	int err = end_rule(s);

	if (!err && section)
		err = check_section(s, section, &name);
	return err ? err : new_rule(s, section, name ? name : "");
}

/*
 * Patterns
 */

/* The alternative that begins at byte @start of @value. */
static struct ini_text next_glob(const struct ini_text *value, size_t start)
{
	struct ini_text glob = *value;
	const char *bar;

	glob.at += start;
	glob.col += (unsigned int)start;
	glob.len -= start;
	bar = memchr(glob.at, '|', glob.len);
	if (bar)
		glob.len = (size_t)(bar - glob.at);
	while (glob.len && strchr(" \t", *glob.at)) {
		glob.at++;
		glob.col++;
		glob.len--;
	}
	while (glob.len && strchr(" \t", glob.at[glob.len - 1]))
		glob.len--;
	return glob;
}

static int add_glob(struct state *s, struct conf_pattern *p,
		    const struct ini_text *at)
{
	char *glob = conf_copy(s->conf, at->at, at->len);
	const char **slot, *why;

	if (!glob)
		return -ENOMEM;
	why = *glob ? conf_glob_wrong(glob) : "empty pattern";
	if (*glob == '!')
		why = "! stands before the first pattern and negates them all";
	if (why)
		return complain(s, at, "", "%s", why);
	slot = conf_grow(&p->globs, &p->nr_globs, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = glob;
	return 0;
}

static int add_pattern(struct state *s, const struct conf_key *key,
		       const struct ini_text *value)
{
	struct conf_pattern *p = conf_grow(&s->rule->patterns,
					   &s->rule->nr_patterns, sizeof(*p));
	struct ini_text glob;
	size_t at;
	int err;

	if (!p)
		return -ENOMEM;
	p->key = key;
	p->negate = value->len && *value->at == '!';
	at = p->negate;
	do {
		glob = next_glob(value, at);
		err = add_glob(s, p, &glob);
		at = (size_t)(glob.at - value->at) + glob.len;
		while (at < value->len && value->at[at] != '|')
			at++;
	} while (!err && at++ < value->len);
	return err;
}

/*
 * Pairs
 */

static int wrong_key(struct state *s, const struct ini_text *key)
{
	char quote[CONF_QUOTE_MAX], hint[CONF_HINT_MAX];
	struct conf_near near = {};

	for (const struct conf_key *k = conf_keys; k->name; k++)
		conf_near_try(&near, key->at, key->len, k->name);
	s->matches |= near.best && !strncmp(near.best, "match_", 6);
	conf_near_hint(
		&near, hint,
		memchr(key->at, '.', key->len) ? "want POLICY.PARAMETER" : "");
	return complain(s, key, hint, "unknown key \"%s\"",
			conf_quote(quote, key->at, key->len));
}

/* POLICY.PARAMETER, both of them words? */
static bool is_param(const struct ini_text *key)
{
	const char *dot = memchr(key->at, '.', key->len);

	if (!dot || dot == key->at || dot == key->at + key->len - 1)
		return false;
	for (size_t i = 0; i < key->len; i++)
		if (!isalnum((unsigned char)key->at[i]) &&
		    !strchr("_-", key->at[i]) && key->at + i != dot)
			return false;
	return true;
}

/* Where the rule sets it already; 0 if it does not. */
static unsigned int set_before(struct conf_rule *rule,
			       const struct conf_key *key,
			       const struct ini_text *text)
{
	unsigned int *line, before;

	if (key->kind == KEY_PARAM) {
		for (size_t i = 0; i < rule->nr_assigns; i++)
			if (is_text(text, rule->assigns[i].name))
				return rule->assigns[i].at_key.line;
		return 0;
	}
	line = &rule->line[key - conf_keys];
	before = *line;
	if (!before)
		*line = text->line;
	return before;
}

static int add_assign(struct state *s, const struct conf_key *key,
		      const struct ini_text *name, const struct ini_text *value)
{
	struct conf_assign a = {
		.key = key, .rule = s->rule, .at_key = *name, .at_value = *value
	};
	char hint[CONF_HINT_MAX];
	const char *why = "";
	struct conf_assign *slot;

	a.name = conf_copy(s->conf, name->at, name->len);
	a.value = conf_copy(s->conf, value->at, value->len);
	if (!a.name || !a.value)
		return -ENOMEM;
	if (conf_value(&a, &why, hint))
		return complain(s, value, hint, "%s: %s", a.name, why);
	slot = conf_grow(&s->rule->assigns, &s->rule->nr_assigns,
			 sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = a;
	return 0;
}

static int set_priority(struct state *s, const struct ini_text *value)
{
	char text[CONF_QUOTE_MAX];

	if (!conf_priority(conf_quote(text, value->at, value->len),
			   &s->rule->priority))
		return 0;
	return complain(s, value, "", "priority: want 0 to %d, the usual is %d",
			CONF_PRIORITY_MAX, CONF_PRIORITY_USUAL);
}

static int set_match_all(struct state *s, const struct ini_text *value)
{
	s->rule->match_all = true;
	if (is_text(value, "yes"))
		return 0;
	return complain(s, value, "leave the line out if not",
			"match_all: can only be yes");
}

/* Comments at the end of a line are a part of the value, and never meant so. */
static const char *find_comment(const struct ini_text *value)
{
	for (size_t i = 1; i < value->len; i++)
		if (strchr("#;", value->at[i]) &&
		    strchr(" \t", value->at[i - 1]))
			return value->at + i;
	return NULL;
}

/* What is wrong with any value. */
static int check_value(const struct state *s, const struct ini_text *value)
{
	const char *comment = find_comment(value);
	struct ini_text at = *value;

	if (value->len > CONF_VALUE_MAX)
		return complain(s, value, "", "value of more than %d bytes",
				CONF_VALUE_MAX);
	if (!comment)
		return 0;
	at.at = comment;
	at.col += (unsigned int)(comment - value->at);
	at.len -= (size_t)(comment - value->at);
	return complain(s, &at, "a comment has a line of its own",
			"text after the value");
}

static int set_key(struct state *s, const struct conf_key *key,
		   const struct ini_text *name, const struct ini_text *value)
{
	switch (key->kind) {
	case KEY_PRIORITY:
		return set_priority(s, value);
	case KEY_MATCH_ALL:
		return set_match_all(s, value);
	case KEY_MATCH:
		return add_pattern(s, key, value);
	default:
		return add_assign(s, key, name, value);
	}
}

static int on_pair(void *data, const struct ini_text *name,
		   const struct ini_text *value)
{
	struct state *s = data;
	const struct conf_key *key = conf_key_find(name->at, name->len);
	size_t errors = s->conf->nr_errors;
	unsigned int before;
	int err;

	if (!key && is_param(name))
		key = &conf_key_param;
	if (!s->rule)
		return complain(s, name, "a rule begins with [policy.NAME]",
				"a key before the first section");
	if (!key)
		return wrong_key(s, name);
	s->matches |= key->kind == KEY_MATCH || key->kind == KEY_MATCH_ALL;
	before = set_before(s->rule, key, name);
	if (before)
		return complain(s, name, "",
				"\"%.*s\" is already set in line %u",
				(int)name->len, name->at, before);
	err = check_value(s, value);
	if (err || s->conf->nr_errors > errors)
		return err;
	return set_key(s, key, name, value);
}

int conf_parse(struct conf *conf, const char *name, const char *text,
	       size_t len)
{
	static const struct ini_events events = { on_section, on_pair,
						  on_error };
	struct state s = { .conf = conf, .file = name };
	const char **slot;
	int err;

	slot = conf_grow(&conf->files, &conf->nr_files, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = name;
	err = ini_parse(text, len, &events, &s);
	return err ? err : end_rule(&s);
}
