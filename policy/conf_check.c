// SPDX-License-Identifier: GPL-2.0
/*
 * Policies and their parameters, asked of the policy objects.  This comes after
 * all files are read: one file may set what another one's policy takes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"

struct check {
	struct conf *conf;
	const struct conf_objects *objects;
	const char **used; /* values of policy, each once */
	size_t nr_used;
};

static const char *file_of(const struct check *c, const struct conf_assign *a)
{
	return c->conf->files[a->rule->file];
}

static void free_names(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}

/* The objects' answer; of -ENOENT, @hint is what was probably meant. */
static int ask(const struct check *c, const char *policy, const char *param,
	       const char *value, char hint[CONF_HINT_MAX], const char **why)
{
	const char *word = param ? param : policy;
	struct conf_near near = {};
	char **names = NULL;
	char list[CONF_HINT_MAX];
	size_t used = 0;
	int err;

	err = c->objects->check(c->objects->data, policy, param, value, &names,
				why);
	*list = *hint = '\0';
	for (char **name = names; name && *name; name++) {
		conf_near_try(&near, word, strlen(word), *name);
		if (used < sizeof(list))
			used += (size_t)snprintf(
				list + used, sizeof(list) - used, "%s%s",
				used ? ", " : "there are: ", *name);
	}
	conf_near_hint(&near, hint, list);
	free_names(names);
	return err;
}

static int check_policy(const struct check *c, const struct conf_assign *a)
{
	char hint[CONF_HINT_MAX], quote[CONF_QUOTE_MAX];
	const char *why = "";
	int err = ask(c, a->value, NULL, NULL, hint, &why);

	conf_quote(quote, a->value, strlen(a->value));
	if (err == -ENOENT)
		return conf_sayf(c->conf, CONF_ERROR, file_of(c, a),
				 &a->at_value, hint, "no policy \"%s\"", quote);
	if (err == -EINVAL)
		return conf_sayf(c->conf, CONF_ERROR, file_of(c, a),
				 &a->at_value, "", "\"%s\" cannot be used: %s",
				 quote, why);
	return err == -ENOMEM ? err : 0;
}

/* What some rule calls the policy @name: its path, if it has one. */
static const char *find_used(const struct check *c, const char *name)
{
	char its[CONF_POLICY_MAX];

	for (size_t i = 0; i < c->nr_used; i++)
		if (!strcmp(conf_policy_name(c->used[i], its), name))
			return c->used[i];
	return NULL;
}

/* The parts of a key: "POLICY" up to the dot, "PARAMETER" behind it. */
static struct ini_text part(const struct ini_text *key, bool behind)
{
	size_t dot = (size_t)((char *)memchr(key->at, '.', key->len) - key->at);
	struct ini_text t = *key;

	if (behind) {
		t.at += dot + 1;
		t.col += (unsigned int)dot + 1;
		t.len -= dot + 1;
	} else {
		t.len = dot;
	}
	return t;
}

static int check_known_param(const struct check *c, const struct conf_assign *a,
			     const char *policy)
{
	const struct ini_text at = part(&a->at_key, true);
	const char *param = strchr(a->name, '.') + 1, *why = "";
	char hint[CONF_HINT_MAX];
	int err = ask(c, policy, param, NULL, hint, &why);

	if (err == -ENOENT)
		return conf_sayf(c->conf, CONF_ERROR, file_of(c, a), &at, hint,
				 "policy %s has no parameter \"%s\"", policy,
				 param);
	if (!err && a->op == OP_SET)
		err = ask(c, policy, param, a->value, hint, &why);
	if (err == -EINVAL)
		return conf_sayf(c->conf, CONF_ERROR, file_of(c, a),
				 &a->at_value, "", "%s: %s", a->name, why);
	return err == -ENOMEM ? err : 0;
}

static int check_param(struct check *c, const struct conf_assign *a)
{
	const struct ini_text at = part(&a->at_key, false);
	char name[CONF_QUOTE_MAX], hint[CONF_HINT_MAX];
	const char *why = "", *used;
	int err;

	conf_quote(name, at.at, at.len);
	used = find_used(c, name);
	err = ask(c, used ? used : name, NULL, NULL, hint, &why);
	/* If it is used, that is where the mistake is shown. */
	if (err == -ENOENT && !used)
		return conf_sayf(c->conf, CONF_ERROR, file_of(c, a), &at, hint,
				 "no policy \"%s\"", name);
	if (!err)
		err = check_known_param(c, a, used ? used : name);
	if (!err && !used)
		return conf_sayf(c->conf, CONF_WARNING, file_of(c, a), &at, "",
				 "no rule says policy = %s", name);
	return err == -ENOMEM ? err : 0;
}

static int add_used(struct check *c, const char *value)
{
	const char **slot;

	for (size_t i = 0; i < c->nr_used; i++)
		if (!strcmp(c->used[i], value))
			return 0;
	slot = conf_grow(&c->used, &c->nr_used, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = value;
	return 0;
}

static int for_each(struct check *c, enum conf_kind kind,
		    int (*each)(struct check *c, const struct conf_assign *a))
{
	int err = 0;

	for (size_t i = 0; !err && i < c->conf->nr_rules; i++) {
		const struct conf_rule *rule = c->conf->rules[i];

		for (size_t j = 0; !err && j < rule->nr_assigns; j++)
			if (rule->assigns[j].key->kind == kind)
				err = each(c, &rule->assigns[j]);
	}
	return err;
}

static int each_policy(struct check *c, const struct conf_assign *a)
{
	int err;

	if (a->op == OP_DEFAULT)
		return 0;
	err = add_used(c, a->value);
	return err ? err : check_policy(c, a);
}

int conf_check_objects(struct conf *conf, const struct conf_objects *objects)
{
	struct check c = { .conf = conf, .objects = objects };
	int err = for_each(&c, KEY_POLICY, each_policy);

	if (!err)
		err = for_each(&c, KEY_PARAM, check_param);
	free(c.used);
	return err;
}
