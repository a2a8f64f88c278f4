// SPDX-License-Identifier: GPL-2.0
/*
 * The keys of a rule, and what their values look like.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"
#include "units.h"

#define MATCH(member)                                                 \
	{                                                             \
		"match_" #member, KEY_MATCH,                          \
			offsetof(struct conf_identity, member), false \
	}

const struct conf_key conf_keys[] = {
	{ "priority", KEY_PRIORITY, 0, false },
	{ "match_all", KEY_MATCH_ALL, 0, false },
	MATCH(name),
	MATCH(model),
	MATCH(serial),
	MATCH(firmware),
	MATCH(transport),
	MATCH(driver),
	MATCH(subsysnqn),
	MATCH(uuid),
	MATCH(nguid),
	MATCH(eui),
	MATCH(stack),
	{ "match_by_id", KEY_MATCH, offsetof(struct conf_identity, by_id),
	  true },
	{ "mode", KEY_MODE, 0, false },
	{ "policy", KEY_POLICY, 0, false },
	{ "copy_max_bytes", KEY_BYTES, 0, false },
	{},
};

static_assert(sizeof(conf_keys) / sizeof(*conf_keys) == CONF_KEYS_NR + 1,
	      "CONF_KEYS_NR");

const struct conf_key conf_key_param = { NULL, KEY_PARAM, 0, false };

const struct conf_key *conf_key_find(const char *name, size_t len)
{
	for (const struct conf_key *key = conf_keys; key->name; key++)
		if (strlen(key->name) == len && !memcmp(key->name, name, len))
			return key;
	return NULL;
}

/* A whole number without sign, up to @max, that ends where @end says. */
static int parse_number(const char *text, uint64_t max, uint64_t *value,
			char **end)
{
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, end, 10);
	return errno || *value > max ? -ERANGE : 0;
}

int conf_priority(const char *text, unsigned int *priority)
{
	uint64_t value;
	char *end;

	if (parse_number(text, CONF_PRIORITY_MAX, &value, &end) || *end)
		return -EINVAL;
	*priority = (unsigned int)value;
	return 0;
}

static int parse_mode(struct conf_assign *assign, const char **why,
		      char hint[CONF_HINT_MAX])
{
	struct conf_near near = {};

	for (int mode = CONF_OFF; mode <= CONF_ENFORCE; mode++) {
		const char *name = conf_mode_name(mode);

		if (!strcmp(assign->value, name)) {
			assign->number = (uint64_t)mode;
			return 0;
		}
		conf_near_try(&near, assign->value, strlen(assign->value),
			      name);
	}
	*why = "no such mode";
	conf_near_hint(&near, hint, "want off, observe or enforce");
	return -EINVAL;
}

/* Shipped policies have short names; anything else is a path, all of it. */
static int parse_policy(const struct conf_assign *assign, const char **why,
			char hint[CONF_HINT_MAX])
{
	const char *value = assign->value;

	if (*value == '/')
		return 0;
	if (strlen(value) < CONF_NAME_LEN && !strchr(value, '/') &&
	    !strchr(value, '.') && !strchr(value, ' '))
		return 0;
	*why = "neither the name of a policy nor a path";
	snprintf(hint, CONF_HINT_MAX, "a path begins with /");
	return -EINVAL;
}

/* What stands before the number; @value is left behind it. */
static enum conf_op parse_op(const char **value)
{
	static const struct {
		const char *text;
		enum conf_op op;
	} ops[] = { { "<=", OP_AT_MOST },
		    { ">=", OP_AT_LEAST },
		    { "=", OP_SET } };
	enum conf_op op = OP_SET;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (strncmp(*value, ops[i].text, strlen(ops[i].text)))
			continue;
		op = ops[i].op;
		*value += strlen(ops[i].text);
		break;
	}
	*value += strspn(*value, " \t");
	return op;
}

static int parse_bytes(struct conf_assign *assign, const char **why,
		       char hint[CONF_HINT_MAX])
{
	const char *text = assign->value;
	char *end;
	int err;

	assign->op = parse_op(&text);
	err = parse_number(text, UINT64_MAX, &assign->number, &end);
	if (!err && end[strspn(end, " ")] == '%' &&
	    !end[strspn(end, " ") + 1]) {
		assign->percent = true;
		if (assign->number <= 100)
			return 0;
		*why = "more than 100% of the hardware limit";
		return -EINVAL;
	}
	if (!err && *end == '.') {
		*why = "not a whole number";
		snprintf(hint, CONF_HINT_MAX, "1.5MiB is 1536KiB");
		return -EINVAL;
	}
	if (!err && !*end && assign->number) {
		*why = "a number without a unit";
		snprintf(hint, CONF_HINT_MAX,
			 "want B, KiB, MiB, GiB, TiB or %%, like 64KiB");
		return -EINVAL;
	}
	if (!isdigit((unsigned char)*text))
		snprintf(hint, CONF_HINT_MAX,
			 "before the number, only <= and >= can stand");
	return units_parse_size(text, &assign->number, why);
}

int conf_value(struct conf_assign *assign, const char **why,
	       char hint[CONF_HINT_MAX])
{
	*hint = '\0';
	assign->op = *assign->value ? OP_SET : OP_DEFAULT;
	if (assign->op == OP_DEFAULT)
		return 0;
	switch (assign->key->kind) {
	case KEY_MODE:
		return parse_mode(assign, why, hint);
	case KEY_POLICY:
		return parse_policy(assign, why, hint);
	case KEY_BYTES:
		return parse_bytes(assign, why, hint);
	default:
		return 0;
	}
}

const char *conf_policy_name(const char *policy, char name[CONF_POLICY_MAX])
{
	static const char prefix[] = "policy_", suffix[] = ".bpf.o";
	const char *base = strrchr(policy, '/');
	size_t len, tail = strlen(suffix);

	base = base ? base + 1 : policy;
	if (base != policy && !strncmp(base, prefix, strlen(prefix)))
		base += strlen(prefix);
	len = strlen(base);
	if (len >= tail && !strcmp(base + len - tail, suffix))
		len -= tail;
	else if (len >= 2 && !strcmp(base + len - 2, ".o"))
		len -= 2;
	snprintf(name, CONF_POLICY_MAX, "%.*s", (int)len, base);
	return name;
}
