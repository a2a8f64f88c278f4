// SPDX-License-Identifier: GPL-2.0
#include "config_objects.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "policy_internal.h"

/**
 * struct config_objects - the object that was asked last
 * @ask: for the configuration
 * @strict: what is not to be trusted is wrong
 * @policy: its name or path; rules that want the same come in a row
 * @po: it, if @err is 0
 * @err: from opening it
 * @error: why it, or the last value, is wrong
 */
struct config_objects {
	struct conf_objects ask;
	bool strict;
	char policy[PATH_MAX];
	struct policy_object po;
	int err;
	struct policy_error error;
};

/* Takes "a, b" apart; NULL without memory. */
static char **split(char *list)
{
	char **names = calloc(POLICY_LIST_TEXT, sizeof(*names)), *word;
	size_t nr = 0;

	for (word = strtok_r(list, ", ", &list); names && word;
	     word = strtok_r(NULL, ", ", &list)) {
		names[nr] = strdup(word);
		if (!names[nr++])
			break;
	}
	return names;
}

static int no_policy(const char *policy, char ***names)
{
	char list[POLICY_LIST_TEXT];

	if (*policy == '/')
		return -ENOENT;
	policy_shipped(list);
	/* Checked on a machine where bpfcopy is not installed. */
	if (!strcmp(list, "none"))
		return -EAGAIN;
	*names = split(list);
	return -ENOENT;
}

static int check_policy(const struct config_objects *o, const char *policy,
			char ***names, const char **why)
{
	switch (o->err) {
	case 0:
		return 0;
	case -ENOENT:
		return no_policy(policy, names);
	case -ENOEXEC:
	case -ENOMSG:
	case -EKEYREJECTED:
		*why = o->error.text;
		/* The line has it. */
		if (!strncmp(*why, policy, strlen(policy)) &&
		    !strncmp(*why + strlen(policy), ": ", 2))
			*why += strlen(policy) + 2;
		return -EINVAL;
	default:
		return -EAGAIN;
	}
}

static int check_param(struct config_objects *o, const char *param,
		       char ***names, const char **why)
{
	char list[POLICY_LIST_TEXT] = "";
	struct policy_doc *docs;
	bool found = false;
	size_t nr;

	if (!strcmp(param, "observe")) {
		*why = "say mode = observe instead";
		return -EINVAL;
	}
	if (policy_object_docs(&o->po, &docs, &nr))
		return -EAGAIN;
	for (size_t i = 0; i < nr; i++) {
		found |= !strcmp(docs[i].key, param);
		if (strcmp(docs[i].key, "observe"))
			policy_add_word(list, docs[i].key);
	}
	free(docs);
	if (found)
		return 0;
	*names = split(list);
	return -ENOENT;
}

static int check_value(struct config_objects *o, const char *param,
		       const char *value, const char **why)
{
	const struct policy_param p = { param, value };
	size_t said =
		strlen(param) + strlen("=") + strlen(value) + strlen(": ");

	if (!policy_object_set(&o->po, &p, &o->error))
		return 0;
	/* KEY=VALUE: WHY, and the line is shown anyway. */
	*why = o->error.text;
	if (strlen(*why) > said && !strncmp(*why, param, strlen(param)))
		*why += said;
	return -EINVAL;
}

static void open_policy(struct config_objects *o, const char *policy)
{
	if (!strcmp(o->policy, policy))
		return;
	if (!o->err)
		policy_object_close(&o->po);
	snprintf(o->policy, sizeof(o->policy), "%s", policy);
	o->err = policy_object_open(policy, o->strict, &o->po, &o->error);
}

static int check(void *data, const char *policy, const char *param,
		 const char *value, char ***names, const char **why)
{
	struct config_objects *o = data;
	int err;

	open_policy(o, policy);
	err = check_policy(o, policy, names, why);
	if (err || !param)
		return err;
	return value ? check_value(o, param, value, why) :
		       check_param(o, param, names, why);
}

struct config_objects *config_objects_new(bool strict)
{
	struct config_objects *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->strict = strict;
	o->err = -ENOENT;
	o->ask = (struct conf_objects){ .check = check, .data = o };
	return o;
}

void config_objects_free(struct config_objects *objects)
{
	if (objects && !objects->err)
		policy_object_close(&objects->po);
	free(objects);
}

const struct conf_objects *config_objects(const struct config_objects *objects)
{
	return &objects->ask;
}
