// SPDX-License-Identifier: GPL-2.0
#include "rows.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "units.h"

#define CELL_MAX 512

struct rows_part {
	struct rows *rows;
	struct rows_part *next;
	const struct row_desc *desc;
	struct libscols_table *table; /* ROWS_TABLE, not live */
	struct json_object *json;     /* ROWS_JSON: array, or the only object */
	bool headed;		      /* live: the heading is printed */
};

struct rows {
	FILE *out;
	enum rows_format format;
	const char *schema;
	bool live;
	int err;
	struct rows_part *first, **last;
};

/*
 * Values
 */

static bool number_of(const struct row_col *c, const void *row, uint64_t *v)
{
	memcpy(v, (const char *)row + c->offset, sizeof(*v));
	return *v != ROWS_NONE;
}

static const char *text_of(const struct row_col *c, const void *row)
{
	const char *field = (const char *)row + c->offset;
	const char *text = field;

	if (c->type == ROW_TEXT)
		memcpy(&text, field, sizeof(text));
	return text && *text ? text : NULL;
}

static char **list_of(const struct row_col *c, const void *row)
{
	char **list;

	memcpy(&list, (const char *)row + c->offset, sizeof(list));
	return list;
}

static bool bool_of(const struct row_col *c, const void *row)
{
	bool v;

	memcpy(&v, (const char *)row + c->offset, sizeof(v));
	return v;
}

/*
 * JSON
 */

static struct json_object *json_list(char **list)
{
	struct json_object *array = json_object_new_array();

	for (; array && list && *list; list++)
		json_object_array_add(array, json_object_new_string(*list));
	return array;
}

static struct json_object *json_value(const struct row_col *c, const void *row)
{
	const char *text;
	uint64_t v;

	switch (c->type) {
	case ROW_TEXT:
	case ROW_CHARS:
		text = text_of(c, row);
		return text ? json_object_new_string(text) : NULL;
	case ROW_LIST:
		return json_list(list_of(c, row));
	case ROW_BOOL:
		return json_object_new_boolean(bool_of(c, row));
	case ROW_ERRNO:
		if (!number_of(c, row, &v) || !v)
			return NULL;
		return json_object_new_string(strerrorname_np((int)v));
	default:
		return number_of(c, row, &v) ? json_object_new_uint64(v) : NULL;
	}
}

static struct json_object *json_row(struct json_object *object,
				    const struct row_col *cols, const void *row)
{
	const struct row_col *c;

	for (c = cols; object && c->key; c++)
		json_object_object_add(object, c->key, json_value(c, row));
	return object;
}

struct json_object *rows_object(const struct row_col *cols, const void *row)
{
	return json_row(json_object_new_object(), cols, row);
}

/* Every object that is printed names its schema first. */
static struct json_object *json_root(const struct rows *rows)
{
	struct json_object *object = json_object_new_object();
	char schema[64];

	if (!object)
		return NULL;
	snprintf(schema, sizeof(schema), "bpfcopy.%s/1", rows->schema);
	json_object_object_add(object, "schema",
			       json_object_new_string(schema));
	return object;
}

static int print_json(struct rows *rows, struct json_object *object, int flags)
{
	const char *text = json_object_to_json_string_ext(
		object, flags | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		return -ENOMEM;
	if (fputs(text, rows->out) == EOF || fputc('\n', rows->out) == EOF)
		return errno ? -errno : -EIO;
	return 0;
}

static int add_json(struct rows_part *part, const void *row)
{
	struct json_object *object = rows_object(part->desc->cols, row);

	if (!object)
		return -ENOMEM;
	if (part->desc->list)
		return json_object_array_add(part->json, object) ? -ENOMEM : 0;
	json_object_put(part->json);
	part->json = object;
	return 0;
}

static int add_ndjson(struct rows_part *part, const void *row)
{
	struct json_object *object = json_root(part->rows);
	int err;

	if (!object)
		return -ENOMEM;
	json_object_object_add(object, "type",
			       json_object_new_string(part->desc->kind));
	json_row(object, part->desc->cols, row);
	errno = 0;
	err = print_json(part->rows, object, JSON_C_TO_STRING_PLAIN);
	json_object_put(object);
	if (!err && fflush(part->rows->out))
		err = -errno;
	return err;
}

/* Moves the parts into one document, in their order. */
static int close_json(struct rows *rows)
{
	struct json_object *root = json_root(rows);
	struct rows_part *part;
	int err;

	if (!root)
		return -ENOMEM;
	for (part = rows->first; part; part = part->next) {
		const char *list = part->desc->list;

		json_object_object_add(root, list ? list : part->desc->kind,
				       part->json);
		part->json = NULL;
	}
	errno = 0;
	err = print_json(rows, root,
			 JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	json_object_put(root);
	return err;
}

/*
 * Tables
 */

static bool right_aligned(const struct row_col *c)
{
	return c->type == ROW_NUM || c->type == ROW_SIZE || c->type == ROW_TIME;
}

static void cell_clock(char *cell, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t len;

	localtime_r(&sec, &tm);
	len = strftime(cell, CELL_MAX, "%H:%M:%S", &tm);
	snprintf(cell + len, CELL_MAX - len, ".%03u",
		 (unsigned int)(ns / 1000000 % 1000));
}

static void cell_list(char *cell, char **list)
{
	size_t len = 0;

	for (; list && *list && len < CELL_MAX; list++)
		len += (size_t)snprintf(cell + len, CELL_MAX - len, "%s%s",
					len ? "," : "", *list);
}

static void cell_number(char *cell, const struct row_col *c, uint64_t v)
{
	if (c->type == ROW_SIZE)
		units_format_size(cell, v);
	else if (c->type == ROW_TIME)
		units_format_time(cell, v);
	else if (c->type == ROW_CLOCK)
		cell_clock(cell, v);
	else if (c->type != ROW_ERRNO)
		snprintf(cell, CELL_MAX, "%" PRIu64, v);
	else if (v)
		snprintf(cell, CELL_MAX, "%s", strerrorname_np((int)v));
}

static const char *cell_of(char *cell, const struct row_col *c, const void *row)
{
	const char *text;
	uint64_t v;

	*cell = '\0';
	if (c->type == ROW_BOOL) {
		snprintf(cell, CELL_MAX, "%s", bool_of(c, row) ? "yes" : "no");
	} else if (c->type == ROW_LIST) {
		cell_list(cell, list_of(c, row));
	} else if (c->type == ROW_TEXT || c->type == ROW_CHARS) {
		text = text_of(c, row);
		snprintf(cell, CELL_MAX, "%s", text ? text : "");
	} else if (number_of(c, row, &v)) {
		cell_number(cell, c, v);
	}
	return *cell ? cell : "-";
}

static struct libscols_table *table_new(const struct row_desc *desc)
{
	struct libscols_table *table = scols_new_table();
	const struct row_col *c;

	if (!table)
		return NULL;
	scols_table_enable_noheadings(table, desc->vertical);
	if (desc->vertical) {
		scols_table_new_column(table, "", 0, 0);
		scols_table_new_column(table, "", 0, 0);
		return table;
	}
	for (c = desc->cols; c->key; c++)
		if (c->head)
			scols_table_new_column(
				table, c->head, 0,
				right_aligned(c) ? SCOLS_FL_RIGHT : 0);
	return table;
}

static int add_vertical(struct rows_part *part, const void *row)
{
	const struct row_col *c;
	char cell[CELL_MAX];

	for (c = part->desc->cols; c->key; c++) {
		struct libscols_line *line =
			scols_table_new_line(part->table, NULL);

		if (!line || scols_line_set_data(line, 0, c->key) ||
		    scols_line_set_data(line, 1, cell_of(cell, c, row)))
			return -ENOMEM;
	}
	return 0;
}

static int add_table(struct rows_part *part, const void *row)
{
	struct libscols_line *line;
	const struct row_col *c;
	char cell[CELL_MAX];
	size_t n = 0;

	if (part->desc->vertical)
		return add_vertical(part, row);
	line = scols_table_new_line(part->table, NULL);
	if (!line)
		return -ENOMEM;
	for (c = part->desc->cols; c->key; c++)
		if (c->head &&
		    scols_line_set_data(line, n++, cell_of(cell, c, row)))
			return -ENOMEM;
	return 0;
}

static int close_table(struct rows *rows)
{
	struct rows_part *part;
	bool any = false;

	for (part = rows->first; part; part = part->next) {
		if (scols_table_is_empty(part->table))
			continue;
		if (any)
			fputc('\n', rows->out);
		any = true;
		scols_table_set_stream(part->table, rows->out);
		if (scols_print_table(part->table))
			return -ENOMEM;
	}
	return 0;
}

/*
 * A live table cannot know its widths in advance; a value that is too long
 * moves what follows it, it is never cut.
 *
 * Returns the blanks that are missing behind the value, for the next one.
 */
static int live_cell(FILE *out, const struct row_col *c, const char *text,
		     int blanks)
{
	int pad = c->width - (int)strlen(text);

	if (pad < 0)
		pad = 0;
	fprintf(out, "%*s", blanks + (right_aligned(c) ? pad : 0), "");
	for (; *text; text++)
		fputc(isprint((unsigned char)*text) ? *text : '?', out);
	return 1 + (right_aligned(c) ? 0 : pad);
}

/* @row is NULL for the heading. */
static void live_line(FILE *out, const struct row_col *cols, const void *row)
{
	const struct row_col *c;
	char cell[CELL_MAX];
	int blanks = 0;

	for (c = cols; c->key; c++)
		if (c->head)
			blanks = live_cell(
				out, c, row ? cell_of(cell, c, row) : c->head,
				blanks);
	fputc('\n', out);
}

static int add_live(struct rows_part *part, const void *row)
{
	FILE *out = part->rows->out;

	if (!part->headed)
		live_line(out, part->desc->cols, NULL);
	part->headed = true;
	live_line(out, part->desc->cols, row);
	errno = 0;
	if (!fflush(out))
		return 0;
	return errno ? -errno : -EIO;
}

/*
 * The interface
 */

struct rows *rows_open(FILE *out, enum rows_format format, const char *schema,
		       bool live)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return NULL;
	rows->out = out;
	rows->format = format;
	rows->schema = schema;
	rows->live = live;
	rows->last = &rows->first;
	return rows;
}

static bool part_init(struct rows_part *part)
{
	const struct rows *rows = part->rows;

	if (rows->format == ROWS_TABLE && !rows->live) {
		part->table = table_new(part->desc);
		return part->table;
	}
	if (rows->format == ROWS_JSON && part->desc->list) {
		part->json = json_object_new_array();
		return part->json;
	}
	return true;
}

struct rows_part *rows_part(struct rows *rows, const struct row_desc *desc)
{
	struct rows_part *part = rows ? calloc(1, sizeof(*part)) : NULL;

	if (!part)
		return NULL;
	part->rows = rows;
	part->desc = desc;
	if (!part_init(part)) {
		rows->err = -ENOMEM;
		free(part);
		return NULL;
	}
	*rows->last = part;
	rows->last = &part->next;
	return part;
}

int rows_add(struct rows_part *part, const void *row)
{
	int err;

	if (!part)
		return -ENOMEM;
	if (part->rows->format == ROWS_JSON)
		err = add_json(part, row);
	else if (part->rows->format == ROWS_NDJSON)
		err = add_ndjson(part, row);
	else if (part->rows->live)
		err = add_live(part, row);
	else
		err = add_table(part, row);
	if (err && !part->rows->err)
		part->rows->err = err;
	return err;
}

static void free_parts(struct rows *rows)
{
	struct rows_part *part;

	while ((part = rows->first)) {
		rows->first = part->next;
		scols_unref_table(part->table);
		json_object_put(part->json);
		free(part);
	}
}

int rows_close(struct rows *rows)
{
	int err;

	if (!rows)
		return -ENOMEM;
	err = rows->err;
	if (!err && rows->format == ROWS_JSON)
		err = close_json(rows);
	else if (!err && rows->format == ROWS_TABLE && !rows->live)
		err = close_table(rows);
	free_parts(rows);
	free(rows);
	return err;
}
