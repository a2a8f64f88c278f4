// SPDX-License-Identifier: GPL-2.0
/* The way back: rows from JSON. */
#include "rows.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/* Above all errnos there are. */
#define ERRNO_END 4096

static int read_number(struct json_object *value, uint64_t *out)
{
	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0)
		return -EBADMSG;
	*out = json_object_get_uint64(value);
	return 0;
}

static int read_errno(struct json_object *value, uint64_t *out)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string))
		return -EBADMSG;
	for (int err = 1; err < ERRNO_END; err++) {
		const char *name = strerrorname_np(err);

		if (!name || strcmp(name, text))
			continue;
		*out = (uint64_t)err;
		return 0;
	}
	return -EBADMSG;
}

static int read_list(struct json_object *value, char ***out)
{
	size_t nr;
	char **list;

	if (!json_object_is_type(value, json_type_array))
		return -EBADMSG;
	nr = json_object_array_length(value);
	list = calloc(nr + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		struct json_object *o = json_object_array_get_idx(value, i);

		if (!json_object_is_type(o, json_type_string)) {
			free(list);
			return -EBADMSG;
		}
		list[i] = (char *)json_object_get_string(o);
	}
	*out = list;
	return 0;
}

static int read_value(enum row_type type, struct json_object *value, void *to)
{
	switch (type) {
	case ROW_TEXT:
		if (!json_object_is_type(value, json_type_string))
			return -EBADMSG;
		*(const char **)to = json_object_get_string(value);
		return 0;
	case ROW_LIST:
		return read_list(value, to);
	case ROW_BOOL:
		if (!json_object_is_type(value, json_type_boolean))
			return -EBADMSG;
		*(bool *)to = json_object_get_boolean(value);
		return 0;
	case ROW_ERRNO:
		return read_errno(value, to);
	case ROW_CHARS:
		return -EBADMSG;
	default:
		return read_number(value, to);
	}
}

static void set_unknown(enum row_type type, void *to)
{
	switch (type) {
	case ROW_TEXT:
	case ROW_LIST:
		*(void **)to = NULL;
		return;
	case ROW_BOOL:
		*(bool *)to = false;
		return;
	case ROW_ERRNO:
		*(uint64_t *)to = 0;
		return;
	case ROW_CHARS:
		*(char *)to = '\0';
		return;
	default:
		*(uint64_t *)to = ROWS_NONE;
	}
}

int rows_read(const struct row_col *cols, struct json_object *object, void *row,
	      const char **key)
{
	const struct row_col *c;
	int err = 0;

	for (c = cols; c->key; c++)
		set_unknown(c->type, (char *)row + c->offset);
	for (c = cols; !err && c->key; c++) {
		struct json_object *value;

		*key = c->key;
		if (json_object_object_get_ex(object, c->key, &value) && value)
			err = read_value(c->type, value,
					 (char *)row + c->offset);
	}
	if (err)
		rows_read_free(cols, row);
	return err;
}

void rows_read_free(const struct row_col *cols, void *row)
{
	for (const struct row_col *c = cols; c->key; c++) {
		char ***list = (void *)((char *)row + c->offset);

		if (c->type != ROW_LIST)
			continue;
		free(*list);
		*list = NULL;
	}
}
