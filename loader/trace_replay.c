// SPDX-License-Identifier: GPL-2.0
#include "trace_replay.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "exit.h"
#include "latency.h"
#include "words.h"

#define SCHEMA "bpfcopy.trace/1"

/* struct replay - a recording that is being read */
struct replay {
	const struct options *opts;
	struct trace_out *out;
	struct trace_totals *totals;
	struct latency_hist hists[TRACE_PATHS];
	FILE *file;
	const char *name;
	uint64_t line;
	uint64_t offset; /* of that line */
	uint64_t copies; /* handed on */
	bool has_hello;
	bool has_bye;
	bool has_tokens; /* handed on, so they are counted */
	bool collect;	 /* only look which copies pass */
	uint64_t *ids;	 /* of these, in order of appearance, then sorted */
	size_t nr_ids;
	const char *why; /* that a line is no row */
};

/*
 * Filters
 */

static bool is(const char *text, const char *want)
{
	return text && !strcmp(text, want);
}

/* Is @name what was asked for, or a partition of it? */
static bool is_device(const char *name, const char *want)
{
	size_t len = strlen(want);
	const char *rest;

	if (!name || strncmp(name, want, len))
		return false;
	rest = name + len;
	if (!*rest)
		return true;
	/* nvme0n1p2, sda2 */
	if (len && want[len - 1] >= '0' && want[len - 1] <= '9' &&
	    *rest++ != 'p')
		return false;
	return *rest && strspn(rest, "0123456789") == strlen(rest);
}

static bool on_device(const struct trace_copy *row, const char *dev)
{
	char path[PATH_MAX];
	const char *want;

	snprintf(path, sizeof(path), "%s", dev);
	want = basename(path);
	return is_device(row->device, want) ||
	       is_device(row->src_device, want) || is(row->device_id, want) ||
	       is(row->src_device_id, want);
}

/* It is known of whole disks. */
static bool io_on_device(const struct options *o, const struct trace_io *row)
{
	char path[PATH_MAX];

	if (!o->dev)
		return true;
	snprintf(path, sizeof(path), "%s", o->dev);
	return is_device(row->device, basename(path));
}

static bool passes(const struct options *o, const struct trace_copy *row)
{
	if (o->dev && !on_device(row, o->dev))
		return false;
	if (o->pid && row->pid != o->pid)
		return false;
	if (o->comm && !is(row->comm, o->comm))
		return false;
	if (o->path && !is(row->path, word_of_path((uint32_t)o->path)))
		return false;
	if (o->origin &&
	    !is(row->origin, word_of_origin((uint32_t)o->origin - 1)))
		return false;
	if (o->reason &&
	    !is(row->reason, word_of_reason((uint32_t)o->reason - 1)))
		return false;
	if (o->errors && !row->error)
		return false;
	return row->bytes >= o->min_bytes &&
	       row->latency_ns >= o->min_latency_ns;
}

static bool has_filter(const struct options *o)
{
	return o->dev || o->pid || o->comm || o->path || o->origin ||
	       o->reason || o->errors || o->min_bytes || o->min_latency_ns;
}

static bool wants_tokens(const struct options *o)
{
	return o->tokens || o->perfetto;
}

/* Copies that pass, so that tokens, which come before, can be chosen. */

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int collect(struct replay *r, uint64_t id)
{
	uint64_t *more;

	/* Room for 1, 2, 4, ... */
	if (!(r->nr_ids & (r->nr_ids - 1))) {
		more = reallocarray(r->ids, r->nr_ids ? r->nr_ids * 2 : 1,
				    sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->ids = more;
	}
	r->ids[r->nr_ids++] = id;
	return 0;
}

static bool is_chosen(const struct replay *r, uint64_t id)
{
	return !has_filter(r->opts) ||
	       (r->nr_ids &&
		bsearch(&id, r->ids, r->nr_ids, sizeof(id), by_id));
}

/*
 * Rows.  Each returns 0, -EBADMSG with @why set, or an errno of handing on.
 */

static int bad(struct replay *r, const char *why)
{
	r->why = why;
	return -EBADMSG;
}

static void count(struct replay *r, const struct trace_copy *row)
{
	struct trace_totals *t = r->totals;
	uint32_t path = 0;

	while (path < TRACE_PATHS && !is(row->path, word_of_path(path)))
		path++;
	r->copies++;
	t->copies++;
	t->bytes += row->offloaded + row->emulated;
	t->offloaded += row->offloaded;
	t->emulated += row->emulated;
	t->errors += row->error != 0;
	/* A path that is not known to this version is in the sum only. */
	if (path == TRACE_PATHS)
		return;
	t->path[path].copies++;
	t->path[path].bytes += row->offloaded + row->emulated;
	r->hists[path].slots[latency_slot(row->latency_ns)]++;
}

static int on_copy(struct replay *r, struct trace_copy *row)
{
	if (row->copy_id == ROWS_NONE || row->bytes == ROWS_NONE ||
	    row->offloaded == ROWS_NONE || row->emulated == ROWS_NONE ||
	    row->latency_ns == ROWS_NONE || row->ts_ns == ROWS_NONE)
		return bad(r, "a copy without id, time, bytes or latency");
	if (!passes(r->opts, row))
		return 0;
	if (r->collect)
		return collect(r, row->copy_id);
	count(r, row);
	return trace_out_copy(r->out, row);
}

static int on_token(struct replay *r, struct trace_token *row)
{
	if (r->collect || !wants_tokens(r->opts) || !is_chosen(r, row->copy_id))
		return 0;
	if (!row->step || row->ts_ns == ROWS_NONE || row->token_id == ROWS_NONE)
		return bad(r, "a token without id, time or step");
	r->has_tokens = true;
	r->totals->tokens_created += is(row->step, "alloc");
	r->totals->tokens_freed += is(row->step, "free");
	return trace_out_token(r->out, row);
}

/* For the picture, and of a device if one is asked for. */
static int on_io(struct replay *r, struct trace_io *row)
{
	if (row->ts_ns == ROWS_NONE || row->latency_ns == ROWS_NONE)
		return bad(r, "I/O without time or latency");
	if (r->collect || !r->opts->perfetto || !io_on_device(r->opts, row))
		return 0;
	return trace_out_io(r->out, row);
}

static int on_lost(struct replay *r, struct trace_lost *row)
{
	if (row->lost == ROWS_NONE || row->ts_ns == ROWS_NONE)
		return bad(r, "a loss without number or time");
	if (r->collect)
		return 0;
	r->totals->lost += row->lost;
	return trace_out_lost(r->out, row);
}

static int on_hello(struct replay *r, struct trace_hello *row)
{
	if (r->has_hello)
		return bad(r, "a second hello");
	if (row->ts_ns == ROWS_NONE)
		return bad(r, "a hello without time");
	r->has_hello = true;
	return r->collect ? 0 : trace_out_hello(r->out, row);
}

/* Its totals are of all copies; what was handed on has been counted. */
static int on_bye(struct replay *r, struct trace_totals *row)
{
	r->has_bye = true;
	if (r->has_tokens || has_filter(r->opts) ||
	    row->tokens_created == ROWS_NONE || row->tokens_freed == ROWS_NONE)
		return 0;
	r->totals->tokens_created = row->tokens_created;
	r->totals->tokens_freed = row->tokens_freed;
	return 0;
}

#define READ(r, object, type, desc, handler)                              \
	({                                                                \
		struct type _row = {};                                    \
		const char *_key = NULL;                                  \
		int _err = rows_read((desc)->cols, object, &_row, &_key); \
                                                                          \
		if (_err == -EBADMSG)                                     \
			(r)->why = _key;                                  \
		if (!_err)                                                \
			_err = handler(r, &_row);                         \
		rows_read_free((desc)->cols, &_row);                      \
		_err;                                                     \
	})

static int on_row(struct replay *r, struct json_object *object,
		  const char *type)
{
	if (!strcmp(type, "hello"))
		return READ(r, object, trace_hello, &trace_hello_desc,
			    on_hello);
	if (!r->has_hello)
		return bad(r, "the first row is no hello");
	if (!strcmp(type, "copy"))
		return READ(r, object, trace_copy, &trace_copy_desc, on_copy);
	if (!strcmp(type, "token"))
		return READ(r, object, trace_token, &trace_token_desc,
			    on_token);
	if (!strcmp(type, "io"))
		return READ(r, object, trace_io, &trace_io_desc, on_io);
	if (!strcmp(type, "lost"))
		return READ(r, object, trace_lost, &trace_lost_desc, on_lost);
	if (!strcmp(type, "bye"))
		return READ(r, object, trace_totals, &trace_bye_desc, on_bye);
	/* Totals per path are made anew; other rows are of a later version. */
	return 0;
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
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

static int on_line(struct replay *r, const char *line, size_t len)
{
	struct json_object *object = parse(line, len);
	int err;

	if (!object)
		return bad(r, "it is not JSON");
	if (strcmp(text_of(object, "schema"), SCHEMA))
		err = bad(r, "its schema is not " SCHEMA);
	else
		err = on_row(r, object, text_of(object, "type"));
	json_object_put(object);
	return err;
}

/* The file ends in the middle of its last row. */
static int is_cut(const struct replay *r)
{
	return exit_message(
		EXIT_LOST,
		"%s:%" PRIu64 ": byte %" PRIu64
		": the recording is cut off in this row; the %" PRIu64
		" before it are whole",
		r->name, r->line, r->offset, r->line - 1);
}

static int is_bad(const struct replay *r)
{
	return exit_message(
		EXIT_FAILED,
		"%s:%" PRIu64 ": byte %" PRIu64
		": not a row of a trace (%s); what follows is not shown",
		r->name, r->line, r->offset, r->why);
}

static bool is_enough(const struct replay *r, const volatile sig_atomic_t *stop)
{
	return *stop || (r->opts->count && r->copies >= r->opts->count);
}

static int read_lines(struct replay *r, const volatile sig_atomic_t *stop)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int err = 0, status = EXIT_OK;

	while (!err && !is_enough(r, stop) &&
	       (len = getline(&line, &size, r->file)) > 0) {
		bool ended = line[len - 1] == '\n';

		r->line++;
		err = on_line(r, line, (size_t)(len - ended));
		/* What is whole but for its end is whole. */
		if (err == -EBADMSG)
			status = ended ? is_bad(r) : is_cut(r);
		r->offset += (uint64_t)len;
	}
	free(line);
	if (err == -EBADMSG)
		return status;
	if (err)
		return EXIT_FAILED; /* trace_out_close() says why */
	if (ferror(r->file))
		return exit_error(IN_FILE, -errno, "%s", r->name);
	return EXIT_OK;
}

static int check_end(const struct replay *r, const volatile sig_atomic_t *stop)
{
	if (!r->line)
		return exit_message(EXIT_FAILED, "%s: empty: not a recording",
				    r->name);
	if (r->has_bye || is_enough(r, stop))
		return EXIT_OK;
	return exit_message(
		EXIT_LOST,
		"%s:%" PRIu64 ": byte %" PRIu64
		": the recording ends here without its last row: who "
		"wrote it was killed, or it is cut off",
		r->name, r->line, r->offset);
}

/* Which copies pass?  Only to choose tokens; errors are told the second time. */
static int look_first(struct replay *r)
{
	struct replay look = { .opts = r->opts,
			       .file = r->file,
			       .collect = true };
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &size, r->file)) > 0)
		err = on_line(&look, line,
			      (size_t)(len - (line[len - 1] == '\n')));
	free(line);
	r->ids = look.ids;
	r->nr_ids = look.nr_ids;
	if (look.nr_ids)
		qsort(look.ids, look.nr_ids, sizeof(*look.ids), by_id);
	if (err == -ENOMEM)
		return exit_error(IN_GENERAL, err, "trace");
	if (fseeko(r->file, 0, SEEK_SET))
		return exit_message(
			EXIT_FAILED,
			"%s: tokens can be filtered only in a file that can be read twice",
			r->name);
	return EXIT_OK;
}

static void add_percentiles(struct replay *r)
{
	for (size_t i = 0; i < TRACE_PATHS; i++) {
		struct trace_path_total *path = &r->totals->path[i];

		path->p50_ns = latency_percentile(&r->hists[i], 50);
		path->p99_ns = latency_percentile(&r->hists[i], 99);
	}
}

static int replay(struct replay *r, const volatile sig_atomic_t *stop)
{
	int status = EXIT_OK;

	if (wants_tokens(r->opts) && has_filter(r->opts))
		status = look_first(r);
	if (status == EXIT_OK)
		status = read_lines(r, stop);
	if (status == EXIT_OK)
		status = check_end(r, stop);
	add_percentiles(r);
	return status;
}

int trace_replay(const struct options *opts, const volatile sig_atomic_t *stop,
		 struct trace_out *out, struct trace_totals *totals)
{
	bool is_stdin = !strcmp(opts->replay, "-");
	struct replay *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return exit_error(IN_GENERAL, -ENOMEM, "trace");
	r->opts = opts;
	r->out = out;
	r->totals = totals;
	r->name = is_stdin ? "stdin" : opts->replay;
	r->file = is_stdin ? stdin : fopen(opts->replay, "re");
	status = r->file ? replay(r, stop) :
			   exit_error(IN_FILE, -errno, "%s", opts->replay);
	if (r->file && !is_stdin)
		fclose(r->file);
	free(r->ids);
	free(r);
	return status;
}
