/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows of data, printed as a table, as one JSON document or as NDJSON.
 *
 * What a row consists of is described once, so the three cannot differ.
 *
 *	table	for people; units in the values
 *	json	{"schema":"bpfcopy.NAME/1","LIST":[{...},...],...}
 *	ndjson	{"schema":"bpfcopy.NAME/1","type":"KIND",...} per row, at once
 *
 * JSON numbers are bytes and nanoseconds, and their keys say so.
 */
#ifndef BPFCOPY_ROWS_H
#define BPFCOPY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Indexes of the words of --output. */
enum rows_format {
	ROWS_TABLE,
	ROWS_JSON,
	ROWS_NDJSON,
	ROWS_PROM, /* no rows at all: see prom.h */
};

/* A number that is not known: "-" in a table, null in JSON. */
#define ROWS_NONE UINT64_MAX

enum row_type {
	ROW_TEXT,  /* const char *; NULL and "" are not known */
	ROW_CHARS, /* char[] in the row; "" is not known */
	ROW_LIST,  /* char **, ended by NULL; a NULL list is empty */
	ROW_NUM,   /* uint64_t */
	ROW_SIZE,  /* uint64_t, bytes */
	ROW_TIME,  /* uint64_t, nanoseconds */
	ROW_CLOCK, /* uint64_t, nanoseconds since the epoch */
	ROW_ERRNO, /* uint64_t, a positive errno; 0 is no error */
	ROW_BOOL,  /* bool */
};

/**
 * struct row_col - one column
 * @key: JSON key, snake case
 * @head: heading in a table; NULL if only JSON and a vertical table show it
 * @type: what is at @offset
 * @offset: of the value in the row
 * @width: in a live table; others fit themselves to the data
 */
struct row_col {
	const char *key;
	const char *head;
	enum row_type type;
	size_t offset;
	int width;
};

#define ROW_COL(row, member, key, head, type, width)          \
	{                                                     \
		key, head, type, offsetof(row, member), width \
	}

/**
 * struct row_desc - one kind of row
 * @kind: "type" in NDJSON
 * @list: key of the array in a JSON document; NULL if there is exactly one
 *	such row, which is then an object under @kind
 * @cols: its columns, ended by one without key
 * @vertical: a table shows one line per column instead of one per row
 */
struct row_desc {
	const char *kind;
	const char *list;
	const struct row_col *cols;
	bool vertical;
};

struct rows;
struct rows_part;

/**
 * rows_open() - start printing
 * @out: where to; stays open
 * @format: how
 * @schema: NAME in bpfcopy.NAME/1, static storage
 * @live: a table prints each row at once, in columns of fixed width
 *
 * Return: for rows_close(), or NULL without memory.
 */
struct rows *rows_open(FILE *out, enum rows_format format, const char *schema,
		       bool live);

/**
 * rows_part() - start a part for one kind of row
 * @rows: from rows_open()
 * @desc: the kind; must outlive @rows
 *
 * Parts are printed in the order of their creation; an empty one is an empty
 * array in a JSON document.
 *
 * Return: for rows_add(), belongs to @rows; NULL without memory.
 */
struct rows_part *rows_part(struct rows *rows, const struct row_desc *desc);

/**
 * rows_add() - add a row
 * @part: from rows_part(); NULL is an error like any other
 * @row: the struct that the description is about; not kept
 *
 * Return: 0, -ENOMEM, or -EPIPE or another errno if it could not be printed.
 */
int rows_add(struct rows_part *part, const void *row);

/**
 * rows_close() - print what is not printed yet and free everything
 * @rows: from rows_open(), or NULL
 *
 * Return: 0, or the first error of any rows_add() or of printing.
 */
int rows_close(struct rows *rows);

struct json_object;

/**
 * rows_object() - a row as a JSON object
 * @cols: its columns
 * @row: the row; not kept
 *
 * Return: for json_object_put(); NULL without memory.
 */
struct json_object *rows_object(const struct row_col *cols, const void *row);

/**
 * rows_read() - a row from a JSON object: what rows_object() made
 * @cols: its columns, none of them ROW_CHARS
 * @object: has to stay as long as @row: texts are not copied
 * @row: filled, for rows_read_free(); what @object lacks is not known
 * @key: set on failure to the key that has the wrong type
 *
 * Return: 0, -EBADMSG or -ENOMEM.
 */
int rows_read(const struct row_col *cols, struct json_object *object, void *row,
	      const char **key);

/** rows_read_free() - free what rows_read() added */
void rows_read_free(const struct row_col *cols, void *row);

#endif /* BPFCOPY_ROWS_H */
