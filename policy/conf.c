// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"

struct conf *conf_new(void)
{
	return calloc(1, sizeof(struct conf));
}

void *conf_alloc(struct conf *conf, size_t size)
{
	struct conf_memory *m = calloc(1, sizeof(*m) + size);

	if (!m)
		return NULL;
	m->next = conf->memory;
	conf->memory = m;
	return m + 1;
}

char *conf_copy(struct conf *conf, const char *text, size_t len)
{
	char *copy = conf_alloc(conf, len + 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

void *conf_grow(void *array, size_t *nr, size_t size)
{
	void *start, *more;

	/* Pointers of any type are of one size, but not of one type. */
	memcpy(&start, array, sizeof(start));
	/* Room for 8, then always for the next power of two. */
	if (!*nr || (*nr >= 8 && !(*nr & (*nr - 1)))) {
		more = reallocarray(start, *nr ? *nr * 2 : 8, size);
		if (!more)
			return NULL;
		memcpy(array, &more, sizeof(more));
		start = more;
	}
	return memset((char *)start + (*nr)++ * size, 0, size);
}

int conf_load(const struct conf_from *from, struct conf **conf)
{
	int err;

	*conf = conf_new();
	if (!*conf)
		return -ENOMEM;
	err = conf_read_files(*conf, from);
	if (!err && from->objects)
		err = conf_check_objects(*conf, from->objects);
	if (err) {
		conf_free(*conf);
		*conf = NULL;
		return err;
	}
	conf_sort_diags(*conf);
	return (*conf)->nr_errors ? -EINVAL : 0;
}

static void free_rule(struct conf_rule *rule)
{
	for (size_t i = 0; i < rule->nr_patterns; i++)
		free(rule->patterns[i].globs);
	free(rule->patterns);
	free(rule->assigns);
}

void conf_free(struct conf *conf)
{
	struct conf_memory *m, *next;

	if (!conf)
		return;
	for (size_t i = 0; i < conf->nr_rules; i++)
		free_rule(conf->rules[i]);
	free(conf->rules);
	free(conf->files);
	free(conf->diags);
	for (m = conf->memory; m; m = next) {
		next = m->next;
		free(m);
	}
	free(conf);
}

const struct conf_diag *conf_diags(const struct conf *conf, size_t *nr)
{
	*nr = conf->nr_diags;
	return conf->diags;
}

size_t conf_errors(const struct conf *conf)
{
	return conf->nr_errors;
}

const char *const *conf_files(const struct conf *conf, size_t *nr)
{
	*nr = conf->nr_files;
	return conf->files;
}

size_t conf_rules(const struct conf *conf)
{
	return conf->nr_rules;
}

void conf_identity_free(struct conf_identity *id)
{
	char *const texts[] = { id->name,      id->model,     id->serial,
				id->firmware,  id->transport, id->driver,
				id->subsysnqn, id->uuid,      id->nguid,
				id->eui,       id->stack };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	for (char **link = id->by_id; link && *link; link++)
		free(*link);
	free(id->by_id);
	*id = (struct conf_identity){};
}

const char *conf_mode_name(enum conf_mode mode)
{
	static const char *const names[] = { "off", "observe", "enforce" };

	return names[mode];
}
