// SPDX-License-Identifier: GPL-2.0
#include "trace_rows.h"

#include <errno.h>
#include <stdlib.h>

#include "words.h"

#define HELLO(member, key, type) \
	ROW_COL(struct trace_hello, member, key, NULL, type, 0)
#define COPY(member, key, head, type, width) \
	ROW_COL(struct trace_copy, member, key, head, type, width)
#define TOKEN(member, key, head, type, width) \
	ROW_COL(struct trace_token, member, key, head, type, width)
#define TOTAL(member, key, type) \
	ROW_COL(struct trace_totals, member, key, NULL, type, 0)

static const struct row_col hello_cols[] = {
	HELLO(ts_ns, "ts_ns", ROW_CLOCK),
	HELLO(monotonic_ns, "monotonic_ns", ROW_TIME),
	HELLO(version, "version", ROW_TEXT),
	HELLO(kernel, "kernel", ROW_TEXT),
	HELLO(tokens, "tokens", ROW_BOOL),
	HELLO(split, "split", ROW_BOOL),
	HELLO(stacks, "stacks", ROW_BOOL),
	HELLO(missing, "missing", ROW_TEXT),
	{},
};

/*
 * A table has the columns up to FIRST_WIDE, which fit in 80 characters.  What
 * else has a heading is there if it is asked for.
 */
static const struct row_col copy_cols[] = {
	COPY(ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	COPY(device, "device", "DEVICE", ROW_TEXT, 8),
	COPY(src_sector, "src_sector", "SRC", ROW_NUM, 9),
	COPY(dst_sector, "dst_sector", "DST", ROW_NUM, 9),
	COPY(bytes, "bytes", "LEN", ROW_SIZE, 7),
	COPY(path, "path", "PATH", ROW_TEXT, 7),
	COPY(reason, "reason", "WHY", ROW_TEXT, 10),
	COPY(latency_ns, "latency_ns", "LAT", ROW_TIME, 7),
	COPY(error, "error", "ERR", ROW_ERRNO, 3),
#define FIRST_SPLIT 9
	COPY(decide_ns, "decide_ns", "DECIDE", ROW_TIME, 6),
	COPY(token_ns, "token_ns", "TOKEN", ROW_TIME, 6),
	COPY(queue_ns, "queue_ns", "QUEUE", ROW_TIME, 6),
	COPY(device_ns, "device_ns", "COMMAND", ROW_TIME, 7),
	COPY(emulate_ns, "emulate_ns", "EMULATE", ROW_TIME, 7),
#define FIRST_WIDE 14
	COPY(src_device, "src_device", "FROM", ROW_TEXT, 8),
	COPY(decided_by, "decided_by", "BY", ROW_TEXT, 7),
	COPY(policy, "policy", "POLICY", ROW_TEXT, 9),
	COPY(policy_mode, "policy_mode", "MODE", ROW_TEXT, 7),
	COPY(origin, "origin", "ORIGIN", ROW_TEXT, 8),
	COPY(pid, "pid", "PID", ROW_NUM, 6),
	COPY(comm, "comm", "COMM", ROW_TEXT, 15),
	COPY(device_id, "device_id", "ID", ROW_TEXT, 0),
	COPY(src_device_id, "src_device_id", NULL, ROW_TEXT, 0),
	COPY(policy_slot, "policy_slot", NULL, ROW_TEXT, 0),
	COPY(copy_id, "copy_id", NULL, ROW_NUM, 0),
	COPY(ranges, "ranges", NULL, ROW_NUM, 0),
	COPY(offloaded, "offloaded_bytes", NULL, ROW_SIZE, 0),
	COPY(emulated, "emulated_bytes", NULL, ROW_SIZE, 0),
	COPY(stack, "stack", NULL, ROW_LIST, 0),
	{},
};

#define NR_COPY_COLS (sizeof(copy_cols) / sizeof(*copy_cols))

static const struct row_col token_cols[] = {
	TOKEN(ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	TOKEN(device, "device", "DEVICE", ROW_TEXT, 8),
	TOKEN(token_id, "token_id", "TOKEN", ROW_NUM, 9),
	TOKEN(sector, "sector", "SECTOR", ROW_NUM, 9),
	TOKEN(bytes, "bytes", "LEN", ROW_SIZE, 7),
	TOKEN(step, "step", "STEP", ROW_TEXT, 8),
	TOKEN(offset, "offset_bytes", "AT", ROW_SIZE, 9),
	TOKEN(age_ns, "age_ns", "AGE", ROW_TIME, 7),
	TOKEN(error, "error", "ERR", ROW_ERRNO, 3),
	TOKEN(ranges, "ranges", NULL, ROW_NUM, 0),
	TOKEN(done, "done_bytes", NULL, ROW_SIZE, 0),
	TOKEN(copy_id, "copy_id", NULL, ROW_NUM, 0),
	{},
};

#define IO(member, key, head, type, width) \
	ROW_COL(struct trace_io, member, key, head, type, width)

static const struct row_col io_cols[] = {
	IO(ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	IO(device, "device", "DEVICE", ROW_TEXT, 8),
	IO(op, "op", "OP", ROW_TEXT, 7),
	IO(sector, "sector", "SECTOR", ROW_NUM, 9),
	IO(bytes, "bytes", "LEN", ROW_SIZE, 7),
	IO(latency_ns, "latency_ns", "LAT", ROW_TIME, 7),
	IO(failed, "failed", NULL, ROW_BOOL, 0),
	{},
};

static const struct row_col lost_cols[] = {
	ROW_COL(struct trace_lost, ts_ns, "ts_ns", "TIME", ROW_CLOCK, 12),
	ROW_COL(struct trace_lost, lost, "lost", "LOST", ROW_NUM, 0),
	{},
};

struct path_row {
	const char *path;
	struct trace_path_total total;
};

static const struct row_col path_cols[] = {
	ROW_COL(struct path_row, path, "path", "PATH", ROW_TEXT, 8),
	ROW_COL(struct path_row, total.copies, "copies", "COPIES", ROW_NUM, 8),
	ROW_COL(struct path_row, total.bytes, "bytes", "BYTES", ROW_SIZE, 9),
	ROW_COL(struct path_row, total.p50_ns, "p50_ns", "P50", ROW_TIME, 8),
	ROW_COL(struct path_row, total.p99_ns, "p99_ns", "P99", ROW_TIME, 8),
	{},
};

static const struct row_col bye_cols[] = {
	TOTAL(copies, "copies", ROW_NUM),
	TOTAL(bytes, "bytes", ROW_SIZE),
	TOTAL(offloaded, "offloaded_bytes", ROW_SIZE),
	TOTAL(emulated, "emulated_bytes", ROW_SIZE),
	TOTAL(errors, "errors", ROW_NUM),
	TOTAL(tokens_created, "tokens_created", ROW_NUM),
	TOTAL(tokens_freed, "tokens_freed", ROW_NUM),
	TOTAL(lost, "lost", ROW_NUM),
	{},
};

const struct row_desc trace_hello_desc = { "hello", NULL, hello_cols, false };
const struct row_desc trace_copy_desc = { "copy", "copies", copy_cols, false };
const struct row_desc trace_token_desc = { "token", "tokens", token_cols,
					   false };
const struct row_desc trace_io_desc = { "io", "io", io_cols, false };
const struct row_desc trace_lost_desc = { "lost", "losses", lost_cols, false };
static const struct row_desc path_desc = { "path", "paths", path_cols, false };
const struct row_desc trace_bye_desc = { "bye", NULL, bye_cols, false };

struct trace_view {
	FILE *out;
	bool table;
	struct row_col cols[NR_COPY_COLS]; /* with the headings that are wanted */
	struct row_desc desc;
	struct rows *rows;
	struct rows_part *hello;
	struct rows_part *copies;
	struct rows_part *tokens;
	struct rows_part *io;
	struct rows_part *losses;
	struct rows_part *paths;
	struct rows_part *bye;
};

static void choose_columns(struct trace_view *view, bool wide, bool split)
{
	view->desc = trace_copy_desc;
	view->desc.cols = view->cols;
	for (size_t i = 0; i < NR_COPY_COLS; i++) {
		view->cols[i] = copy_cols[i];
		if (i >= FIRST_WIDE ? !wide : i >= FIRST_SPLIT && !split)
			view->cols[i].head = NULL;
	}
}

struct trace_view *trace_view_open(FILE *out, enum rows_format format,
				   bool wide, bool split)
{
	struct trace_view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->out = out;
	view->table = format == ROWS_TABLE;
	choose_columns(view, wide, split);
	view->rows = rows_open(out, format, "trace", true);
	view->hello = rows_part(view->rows, &trace_hello_desc);
	view->copies = rows_part(view->rows, &view->desc);
	view->tokens = rows_part(view->rows, &trace_token_desc);
	if (format == ROWS_NDJSON)
		view->io = rows_part(view->rows, &trace_io_desc);
	view->losses = rows_part(view->rows, &trace_lost_desc);
	view->paths = rows_part(view->rows, &path_desc);
	view->bye = rows_part(view->rows, &trace_bye_desc);
	return view;
}

int trace_view_hello(struct trace_view *view, const struct trace_hello *row)
{
	return view->table ? 0 : rows_add(view->hello, row);
}

static int print_stack(FILE *out, char **stack)
{
	for (; stack && *stack; stack++)
		if (fprintf(out, "    %s\n", *stack) < 0)
			return -errno;
	return 0;
}

int trace_view_copy(struct trace_view *view, const struct trace_copy *row)
{
	int err = rows_add(view->copies, row);

	return err || !view->table ? err : print_stack(view->out, row->stack);
}

int trace_view_token(struct trace_view *view, const struct trace_token *row)
{
	return rows_add(view->tokens, row);
}

/* It is there for pictures, and for recordings of which one can be made. */
int trace_view_io(struct trace_view *view, const struct trace_io *row)
{
	return view->io ? rows_add(view->io, row) : 0;
}

int trace_view_lost(struct trace_view *view, const struct trace_lost *row)
{
	return view->table ? 0 : rows_add(view->losses, row);
}

int trace_view_totals(struct trace_view *view, const struct trace_totals *t)
{
	int err = 0;

	if (view->table && t->copies)
		fputc('\n', view->out);
	for (uint32_t i = 0; !err && i < TRACE_PATHS; i++) {
		struct path_row row = { word_of_path(i), t->path[i] };

		if (row.total.copies)
			err = rows_add(view->paths, &row);
	}
	if (!err && !view->table)
		err = rows_add(view->bye, t);
	return err;
}

int trace_view_close(struct trace_view *view)
{
	int err = rows_close(view->rows);

	free(view);
	return err;
}
