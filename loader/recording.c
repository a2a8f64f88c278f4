// SPDX-License-Identifier: GPL-2.0
#include "recording.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"

#define SCHEMA "bpfcopy.trace/1"

/**
 * struct recording - a recording that is being read
 * @file: where from
 * @name: of it, for people
 * @text: the line that was read last
 * @size: memory of @text
 * @line: its number, from 1
 * @offset: of it in the file
 * @next: of the one behind it
 * @object: what it says; @row has texts of it
 * @row: the same
 * @cols: of @row; NULL if there is none
 * @has_hello: a first row was there
 * @has_bye: a last row was there
 * @err: why there is no row any more; -EBADMSG for @why
 * @why: the line is no row
 * @cut: the file ends in the middle of it
 */
struct recording {
	FILE *file;
	const char *name;
	char *text;
	size_t size;
	uint64_t line;
	uint64_t offset;
	uint64_t next;
	struct json_object *object;
	struct recording_row row;
	const struct row_col *cols;
	bool has_hello;
	bool has_bye;
	int err;
	const char *why;
	bool cut;
};

/*
 * Rows
 */

static int bad(struct recording *rec, const char *why)
{
	rec->why = why;
	return -EBADMSG;
}

static int check_hello(struct recording *rec)
{
	if (rec->has_hello)
		return bad(rec, "a second hello");
	if (rec->row.hello.ts_ns == ROWS_NONE)
		return bad(rec, "a hello without time");
	rec->has_hello = true;
	return 0;
}

static int check_copy(struct recording *rec)
{
	const struct trace_copy *row = &rec->row.copy;

	if (row->copy_id == ROWS_NONE || row->bytes == ROWS_NONE ||
	    row->offloaded == ROWS_NONE || row->emulated == ROWS_NONE ||
	    row->latency_ns == ROWS_NONE || row->ts_ns == ROWS_NONE)
		return bad(rec, "a copy without id, time, bytes or latency");
	return 0;
}

static int check_token(struct recording *rec)
{
	const struct trace_token *row = &rec->row.token;

	if (!row->step || row->ts_ns == ROWS_NONE || row->token_id == ROWS_NONE)
		return bad(rec, "a token without id, time or step");
	return 0;
}

static int check_io(struct recording *rec)
{
	const struct trace_io *row = &rec->row.io;

	if (row->ts_ns == ROWS_NONE || row->latency_ns == ROWS_NONE)
		return bad(rec, "I/O without time or latency");
	return 0;
}

static int check_lost(struct recording *rec)
{
	const struct trace_lost *row = &rec->row.lost;

	if (row->lost == ROWS_NONE || row->ts_ns == ROWS_NONE)
		return bad(rec, "a loss without number or time");
	return 0;
}

static int check_bye(struct recording *rec)
{
	rec->has_bye = true;
	return 0;
}

/**
 * struct kind - a kind of row
 * @desc: its "type" and columns
 * @check: has it all that its handlers need?
 */
static const struct kind {
	const struct row_desc *desc;
	int (*check)(struct recording *rec);
} kinds[] = {
	[RECORDING_HELLO] = { &trace_hello_desc, check_hello },
	[RECORDING_COPY] = { &trace_copy_desc, check_copy },
	[RECORDING_TOKEN] = { &trace_token_desc, check_token },
	[RECORDING_IO] = { &trace_io_desc, check_io },
	[RECORDING_LOST] = { &trace_lost_desc, check_lost },
	[RECORDING_BYE] = { &trace_bye_desc, check_bye },
};

#define NR_KINDS (sizeof(kinds) / sizeof(*kinds))

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

/* Whatever kind it is of. */
static void *data_of(struct recording *rec)
{
	return &rec->row.hello;
}

static void drop_row(struct recording *rec)
{
	if (rec->cols)
		rows_read_free(rec->cols, data_of(rec));
	rec->cols = NULL;
	json_object_put(rec->object);
	rec->object = NULL;
}

/* Returns 1, 0 for a row that is nobody's business, or a negative errno. */
static int read_row(struct recording *rec)
{
	const char *type = text_of(rec->object, "type"), *key = NULL;
	size_t i = 0;
	int err;

	if (strcmp(text_of(rec->object, "schema"), SCHEMA))
		return bad(rec, "its schema is not " SCHEMA);
	while (i < NR_KINDS && strcmp(kinds[i].desc->kind, type))
		i++;
	if (i != RECORDING_HELLO && !rec->has_hello)
		return bad(rec, "the first row is no hello");
	/* Totals per path are made anew; other rows are of a later version. */
	if (i == NR_KINDS)
		return 0;
	rec->row = (struct recording_row){ .kind = (enum recording_kind)i };
	err = rows_read(kinds[i].desc->cols, rec->object, data_of(rec), &key);
	if (err)
		return err == -EBADMSG ? bad(rec, key) : err;
	rec->cols = kinds[i].desc->cols;
	return kinds[i].check(rec) ?: 1;
}

/*
 * Lines
 */

/* A JSON object that takes up the whole line; NULL for anything else. */
static struct json_object *parse(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object = NULL;

	if (!tokener || len > INT_MAX)
		goto out;
	object = json_tokener_parse_ex(tokener, line, (int)len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) != len ||
	    !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		object = NULL;
	}
out:
	if (tokener)
		json_tokener_free(tokener);
	return object;
}

/* Returns as read_row(). */
static int read_line(struct recording *rec)
{
	ssize_t len = getline(&rec->text, &rec->size, rec->file);
	bool ended;
	int err;

	if (len <= 0)
		return ferror(rec->file) ? -errno : -ENODATA;
	ended = rec->text[len - 1] == '\n';
	rec->line++;
	rec->offset = rec->next;
	rec->next += (uint64_t)len;
	rec->object = parse(rec->text, (size_t)(len - ended));
	err = rec->object ? read_row(rec) : bad(rec, "it is not JSON");
	/* What is whole but for its end is whole. */
	rec->cut = err == -EBADMSG && !ended;
	return err;
}

const struct recording_row *recording_next(struct recording *rec)
{
	int err = rec->err;

	drop_row(rec);
	while (!err)
		err = read_line(rec);
	if (err > 0)
		return &rec->row;
	rec->err = err;
	return NULL;
}

bool recording_again(struct recording *rec)
{
	drop_row(rec);
	rec->line = rec->offset = rec->next = 0;
	rec->has_hello = rec->has_bye = rec->cut = false;
	rec->err = 0;
	return !fseeko(rec->file, 0, SEEK_SET);
}

int recording_end(const struct recording *rec, bool enough)
{
	if (rec->err == -EBADMSG && rec->cut)
		return exit_message(
			EXIT_LOST,
			"%s:%" PRIu64 ": byte %" PRIu64
			": the recording is cut off in this row; the %" PRIu64
			" before it are whole",
			rec->name, rec->line, rec->offset, rec->line - 1);
	if (rec->err == -EBADMSG)
		return exit_message(
			EXIT_FAILED,
			"%s:%" PRIu64 ": byte %" PRIu64
			": not a row of a trace (%s); what follows is not "
			"shown",
			rec->name, rec->line, rec->offset, rec->why);
	/* Who had enough may have said so while we waited for more. */
	if (rec->err && rec->err != -ENODATA && !enough)
		return exit_error(IN_FILE, rec->err, "%s", rec->name);
	if (!rec->line && !enough)
		return exit_message(EXIT_FAILED, "%s: empty: not a recording",
				    rec->name);
	if (rec->has_bye || enough)
		return EXIT_OK;
	return exit_message(
		EXIT_LOST,
		"%s:%" PRIu64 ": byte %" PRIu64
		": the recording ends here without its last row: who "
		"wrote it was killed, or it is cut off",
		rec->name, rec->line, rec->next);
}

/*
 * Files
 */

int recording_open(const char *name, struct recording **out)
{
	bool is_stdin = !strcmp(name, "-");
	struct recording *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return exit_error(IN_GENERAL, -ENOMEM, "%s", name);
	rec->name = is_stdin ? "stdin" : name;
	rec->file = is_stdin ? stdin : fopen(name, "re");
	if (!rec->file) {
		free(rec);
		return exit_error(IN_FILE, -errno, "%s", name);
	}
	*out = rec;
	return EXIT_OK;
}

const char *recording_name(const struct recording *rec)
{
	return rec->name;
}

void recording_close(struct recording *rec)
{
	if (!rec)
		return;
	drop_row(rec);
	if (rec->file != stdin)
		fclose(rec->file);
	free(rec->text);
	free(rec);
}

uint64_t recording_ts(const struct recording_row *row)
{
	switch (row->kind) {
	case RECORDING_HELLO:
		return row->hello.ts_ns;
	case RECORDING_COPY:
		return row->copy.ts_ns;
	case RECORDING_TOKEN:
		return row->token.ts_ns;
	case RECORDING_IO:
		return row->io.ts_ns;
	case RECORDING_LOST:
		return row->lost.ts_ns;
	case RECORDING_BYE:
		break;
	}
	return 0;
}
