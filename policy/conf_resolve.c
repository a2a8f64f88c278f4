// SPDX-License-Identifier: GPL-2.0
/*
 * Rules and one device: what it gets, and why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"
#include "units.h"

/* What is worked on while one device is resolved. */
struct work {
	const struct conf *conf;
	const struct conf_identity *id;
	struct conf_resolved *out;
	const struct conf_assign **assigns;
	size_t nr_assigns;
};

/*
 * In which order
 */

/* mode, policy, limits, parameters; these by their name. */
static int compare_keys(const struct conf_assign *x,
			const struct conf_assign *y)
{
	static const int rank[] = {
		[KEY_MODE] = 0, [KEY_POLICY] = 1, [KEY_BYTES] = 2, [KEY_PARAM] = 3
	};
	int d = rank[x->key->kind] - rank[y->key->kind];

	return d ? d : strcmp(x->name, y->name);
}

/* Who wins comes first. */
static int compare(const void *a, const void *b)
{
	const struct conf_assign *x = *(const struct conf_assign *const *)a;
	const struct conf_assign *y = *(const struct conf_assign *const *)b;
	int keys = compare_keys(x, y);

	if (keys)
		return keys;
	if (x->rule->priority != y->rule->priority)
		return x->rule->priority > y->rule->priority ? -1 : 1;
	if (x->rule->file != y->rule->file)
		return x->rule->file > y->rule->file ? -1 : 1;
	return x->at_key.line > y->at_key.line ? -1 : 1;
}

static int collect(struct work *w)
{
	for (size_t i = 0; i < w->conf->nr_rules; i++) {
		const struct conf_rule *rule = w->conf->rules[i];

		if (!rule->nr_assigns || !conf_rule_matches(rule, w->id))
			continue;
		for (size_t j = 0; j < rule->nr_assigns; j++) {
			const struct conf_assign **slot = conf_grow(
				&w->assigns, &w->nr_assigns, sizeof(*slot));

			if (!slot)
				return -ENOMEM;
			*slot = &rule->assigns[j];
		}
	}
	if (w->nr_assigns)
		qsort(w->assigns, w->nr_assigns, sizeof(*w->assigns), compare);
	return 0;
}

/*
 * Limits
 */

/* In bytes; CONF_NONE if it is a part of a limit that is not known. */
static uint64_t bytes_of(const struct conf_assign *a, uint64_t hw)
{
	if (!a->percent)
		return a->number;
	return hw == CONF_NONE ?
		       CONF_NONE :
		       hw / 100 * a->number + hw % 100 * a->number / 100;
}

/*
 * From the lowest rule up: each sets, or bounds what those below it set, which
 * at first is the hardware limit.
 *
 * Return: which of @said won; @nr if none had anything to bound.
 */
static size_t fold(const struct conf_assign *const *assigns, size_t nr,
		   uint64_t hw, uint64_t *bytes)
{
	size_t winner = nr;

	*bytes = hw;
	for (size_t i = nr; i-- > 0;) {
		const struct conf_assign *a = assigns[i];
		uint64_t v = a->op == OP_DEFAULT ? hw : bytes_of(a, hw);

		if ((a->op == OP_AT_MOST && *bytes <= v) ||
		    (a->op == OP_AT_LEAST && *bytes >= v &&
		     *bytes != CONF_NONE))
			continue;
		*bytes = v;
		winner = i;
	}
	return winner;
}

static const char *format_clamp(struct conf_setting *s, const char *what,
				uint64_t bytes)
{
	char size[UNITS_TEXT_MAX], *text;

	units_format_size(size, bytes);
	if (asprintf(&text, "%s %s", what, size) < 0)
		return NULL;
	free((char *)s->clamp);
	return s->clamp = text;
}

/* What the hardware makes of it. */
static int clamp(struct conf_setting *s, const struct conf_identity *id)
{
	uint64_t hw = id->copy_max_hw_bytes, block = id->block_bytes;

	if (s->bytes > hw) {
		s->bytes = hw;
		if (!format_clamp(s, "hardware limit", hw))
			return -ENOMEM;
	}
	if (block && s->bytes % block) {
		/* Not to 0: that would switch copying off. */
		s->bytes -= s->bytes < block ? 0 : s->bytes % block;
		s->bytes = s->bytes < block ? block : s->bytes;
		if (!format_clamp(s, "multiple of", block))
			return -ENOMEM;
	}
	return 0;
}

static int settle_bytes(struct work *w, struct conf_setting *s,
			const struct conf_assign *const *assigns,
			size_t *winner)
{
	uint64_t hw = w->id->copy_max_hw_bytes;
	char text[UNITS_TEXT_MAX];

	*winner = fold(assigns, s->nr_said, hw, &s->bytes);
	if (*winner == s->nr_said || assigns[*winner]->op == OP_DEFAULT ||
	    s->bytes == CONF_NONE) {
		s->bytes = CONF_NONE;
		return 0;
	}
	if (clamp(s, w->id))
		return -ENOMEM;
	s->value = strdup(units_exact_size(text, s->bytes));
	return s->value ? 0 : -ENOMEM;
}

/*
 * One key
 */

static enum conf_verdict verdict_of(const struct conf_assign *const *assigns,
				    size_t i, size_t winner)
{
	if (i == winner)
		return CONF_WON;
	if (i < winner)
		return CONF_BOUND;
	if (assigns[i]->rule->priority < assigns[winner]->rule->priority)
		return CONF_PRIORITY;
	return CONF_ORDER;
}

static struct conf_said said_of(const struct work *w,
				const struct conf_assign *a,
				enum conf_verdict verdict)
{
	return (struct conf_said){ .file = w->conf->files[a->rule->file],
				   .line = a->at_key.line,
				   .rule = a->rule->name,
				   .priority = a->rule->priority,
				   .value = a->value,
				   .verdict = verdict };
}

static int settle_said(const struct work *w, struct conf_setting *s,
		       const struct conf_assign *const *assigns, size_t winner,
		       bool other)
{
	size_t n = 0;

	s->said = calloc(s->nr_said, sizeof(*s->said));
	if (!s->said)
		return -ENOMEM;
	if (winner < s->nr_said)
		s->said[n++] = said_of(w, assigns[winner],
				       other ? CONF_OTHER : CONF_WON);
	for (size_t i = 0; i < s->nr_said; i++)
		if (i != winner)
			s->said[n++] =
				said_of(w, assigns[i],
					other ? CONF_OTHER :
						verdict_of(assigns, i, winner));
	return 0;
}

/* Decided by the order of files alone, and not all the same? */
static bool is_tie(const struct conf_setting *s)
{
	const struct conf_said *won = &s->said[0];

	for (size_t i = 1; i < s->nr_said; i++)
		if (s->said[i].verdict == CONF_ORDER &&
		    s->said[i].file != won->file &&
		    strcmp(s->said[i].value, won->value))
			return true;
	return false;
}

/* Is it a parameter of a policy that the device does not get? */
static bool is_other(const struct work *w, const struct conf_assign *a)
{
	char name[CONF_POLICY_MAX];
	size_t len;

	if (a->key->kind != KEY_PARAM)
		return false;
	if (!w->out->policy)
		return true;
	len = strlen(conf_policy_name(w->out->policy, name));
	return strncmp(a->name, name, len) || a->name[len] != '.';
}

static int settle(struct work *w, const struct conf_assign *const *assigns,
		  size_t nr)
{
	struct conf_setting *s =
		conf_grow(&w->out->settings, &w->out->nr_settings, sizeof(*s));
	bool other = is_other(w, assigns[0]);
	size_t winner = 0;
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->key = assigns[0]->name;
	s->nr_said = nr;
	s->bytes = CONF_NONE;
	s->clamp = strdup("");
	if (!s->clamp)
		return -ENOMEM;
	if (assigns[0]->key->kind == KEY_BYTES)
		err = settle_bytes(w, s, assigns, &winner);
	else if (!other && assigns[0]->op != OP_DEFAULT)
		err = (s->value = strdup(assigns[0]->value)) ? 0 : -ENOMEM;
	if (!err)
		err = settle_said(w, s, assigns, winner, other);
	if (!err)
		s->tie = is_tie(s);
	return err;
}

/*
 * All keys
 */

static int add_param(struct conf_resolved *out, const struct conf_setting *s)
{
	struct conf_param *p;

	if (!s->value)
		return 0;
	p = conf_grow(&out->params, &out->nr_params, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->key = strchr(s->key, '.') + 1;
	p->value = s->value;
	return 0;
}

/* The setting that was just made becomes what the device gets. */
static int take(struct work *w, const struct conf_assign *first)
{
	struct conf_resolved *out = w->out;
	const struct conf_setting *s = &out->settings[out->nr_settings - 1];
	uint64_t hw = w->id->copy_max_hw_bytes;

	switch (first->key->kind) {
	case KEY_MODE:
		if (s->value)
			out->mode = (enum conf_mode)first->number;
		return 0;
	case KEY_POLICY:
		out->policy = s->value;
		return 0;
	case KEY_BYTES:
		/* There is nothing to write where nothing can be copied. */
		if (hw && hw != CONF_NONE)
			out->copy_max_bytes = s->bytes;
		return 0;
	default:
		return add_param(out, s);
	}
}

static int settle_all(struct work *w)
{
	size_t end;
	int err = 0;

	for (size_t i = 0; !err && i < w->nr_assigns; i = end) {
		for (end = i + 1; end < w->nr_assigns; end++)
			if (compare_keys(w->assigns[i], w->assigns[end]))
				break;
		err = settle(w, &w->assigns[i], end - i);
		if (!err)
			err = take(w, w->assigns[i]);
	}
	return err;
}

/* A mode that is less than enforce keeps settings from being made. */
static void apply_mode(struct conf_resolved *out)
{
	if (out->mode != CONF_ENFORCE)
		out->copy_max_bytes = CONF_NONE;
	if (out->mode != CONF_OFF)
		return;
	out->policy = NULL;
	free(out->params);
	out->params = NULL;
	out->nr_params = 0;
}

int conf_resolve(const struct conf *conf, const struct conf_identity *id,
		 struct conf_resolved **out)
{
	struct work w = { .conf = conf, .id = id };
	int err;

	w.out = *out = calloc(1, sizeof(**out));
	if (!w.out)
		return -ENOMEM;
	w.out->mode = CONF_ENFORCE;
	w.out->copy_max_bytes = CONF_NONE;
	err = collect(&w);
	if (!err)
		err = settle_all(&w);
	free(w.assigns);
	if (err) {
		conf_resolved_free(w.out);
		*out = NULL;
		return err;
	}
	apply_mode(w.out);
	return 0;
}

void conf_resolved_free(struct conf_resolved *resolved)
{
	if (!resolved)
		return;
	for (size_t i = 0; i < resolved->nr_settings; i++) {
		free((char *)resolved->settings[i].value);
		free((char *)resolved->settings[i].clamp);
		free(resolved->settings[i].said);
	}
	free(resolved->settings);
	free(resolved->params);
	free(resolved);
}

const struct conf_setting *
conf_setting_find(const struct conf_resolved *resolved, const char *key)
{
	for (size_t i = 0; i < resolved->nr_settings; i++)
		if (!strcmp(resolved->settings[i].key, key))
			return &resolved->settings[i];
	return NULL;
}
