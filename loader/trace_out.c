// SPDX-License-Identifier: GPL-2.0
#include "trace_out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "trace_chrome.h"

/* What comes out of a recording is nobody else's business. */
#define FILE_MODE 0600

struct record {
	const char *name;
	FILE *file;
	struct trace_view *view;
	off_t whole; /* length of the rows that are */
	uint64_t rows;
	int err;
};

struct picture {
	const char *name;
	char temporary[PATH_MAX]; /* what is not whole has another name */
	FILE *file;
	struct trace_chrome *chrome;
	int err;
};

struct trace_out {
	const struct options *opts;
	bool begun;
	struct trace_view *view;
	struct record record;
	struct picture picture;
};

/*
 * Recordings
 */

static int open_record(struct record *r, const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);

	r->name = name;
	r->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!r->file)
		return exit_error(IN_FILE, -errno, "%s", name);
	return EXIT_OK;
}

/* An older recording is there until there is something to write. */
static void begin_record(struct record *r)
{
	struct stat st;

	if (!fstat(fileno(r->file), &st) && S_ISREG(st.st_mode) &&
	    ftruncate(fileno(r->file), 0))
		r->err = -errno;
	r->view = trace_view_open(r->file, ROWS_NDJSON, false, false);
}

/* After an error the file ends with the last whole row. */
static int recorded(struct record *r, int err)
{
	if (!err) {
		r->whole = ftello(r->file);
		r->rows++;
	} else if (!r->err) {
		r->err = err;
		/* A pipe keeps what it has. */
		if (ftruncate(fileno(r->file), r->whole))
			return err;
	}
	return err;
}

static int close_record(struct record *r, const struct trace_totals *totals)
{
	int err;

	if (!r->file)
		return EXIT_OK;
	if (r->view && !r->err)
		recorded(r, trace_view_totals(r->view, totals));
	if (r->view)
		trace_view_close(r->view);
	err = r->err;
	/* What could not be written is not to follow what was. */
	if (err)
		__fpurge(r->file);
	if (fclose(r->file) && !err)
		err = -errno;
	if (!err)
		return EXIT_OK;
	return exit_message(EXIT_FAILED,
			    "cannot write %s: %s; the %" PRIu64
			    " rows in it are whole",
			    r->name, strerror(-err), r->rows);
}

/*
 * Pictures
 */

/* A new file takes the place of an old one when it is whole. */
static int open_temporary(struct picture *p)
{
	struct stat st;
	int fd;

	if (!stat(p->name, &st) && !S_ISREG(st.st_mode))
		return open(p->name, O_WRONLY | O_CLOEXEC);
	if (snprintf(p->temporary, sizeof(p->temporary), "%s.XXXXXX",
		     p->name) >= (int)sizeof(p->temporary)) {
		*p->temporary = '\0';
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(p->temporary, O_CLOEXEC);
	if (fd < 0)
		*p->temporary = '\0';
	return fd;
}

static int open_picture(struct picture *p, const char *name)
{
	int fd;

	p->name = name;
	fd = open_temporary(p);
	p->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!p->file)
		return exit_error(IN_FILE, -errno, "%s", name);
	p->chrome = trace_chrome_new(p->file);
	return p->chrome ? EXIT_OK : exit_error(IN_GENERAL, -ENOMEM, "trace");
}

static int close_picture(struct picture *p, bool begun)
{
	int err;

	if (!p->file)
		return EXIT_OK;
	err = trace_chrome_end(p->chrome);
	if (fclose(p->file) && !err)
		err = -errno;
	if (begun && !err && *p->temporary && rename(p->temporary, p->name))
		err = -errno;
	else if (begun && !err)
		return EXIT_OK;
	if (*p->temporary)
		unlink(p->temporary);
	if (!begun)
		return EXIT_OK;
	return exit_message(EXIT_FAILED, "cannot write %s: %s", p->name,
			    strerror(-err));
}

/*
 * All of them
 */

static bool to_files(const struct options *opts)
{
	return opts->record || opts->perfetto;
}

int trace_out_open(const struct options *opts, struct trace_out **out)
{
	static const struct trace_totals none;
	struct trace_out *o = calloc(1, sizeof(*o));
	int status = EXIT_OK;

	if (!o)
		return exit_error(IN_GENERAL, -ENOMEM, "trace");
	o->opts = opts;
	if (opts->record)
		status = open_record(&o->record, opts->record);
	if (status == EXIT_OK && opts->perfetto)
		status = open_picture(&o->picture, opts->perfetto);
	if (status != EXIT_OK)
		trace_out_close(o, &none);
	else
		*out = o;
	return status;
}

/* stdout is begun now: before, there might have been nothing to print. */
static int begin(struct trace_out *out)
{
	const struct options *opts = out->opts;

	out->begun = true;
	if (out->record.file)
		begin_record(&out->record);
	if (!to_files(opts))
		out->view = trace_view_open(stdout, opts->output, opts->wide,
					    opts->split);
	if (out->record.err)
		return out->record.err;
	if (to_files(opts) ? out->record.file && !out->record.view : !out->view)
		return -ENOMEM;
	return 0;
}

/* Hand a row to whoever there is; the first error ends a trace. */
#define EACH(out, kind, row)                                                  \
	({                                                                    \
		int _err = 0;                                                 \
                                                                              \
		if ((out)->view)                                              \
			_err = trace_view_##kind((out)->view, row);           \
		if (!_err && (out)->record.view)                              \
			_err = recorded(&(out)->record,                       \
					trace_view_##kind((out)->record.view, \
							  row));              \
		if (!_err && (out)->picture.chrome)                           \
			_err = trace_chrome_##kind((out)->picture.chrome,     \
						   row);                      \
		_err;                                                         \
	})

int trace_out_hello(struct trace_out *out, const struct trace_hello *row)
{
	int err = begin(out);

	return err ? err : EACH(out, hello, row);
}

int trace_out_copy(struct trace_out *out, const struct trace_copy *row)
{
	return EACH(out, copy, row);
}

int trace_out_token(struct trace_out *out, const struct trace_token *row)
{
	return EACH(out, token, row);
}

int trace_out_io(struct trace_out *out, const struct trace_io *row)
{
	return EACH(out, io, row);
}

int trace_out_lost(struct trace_out *out, const struct trace_lost *row)
{
	return EACH(out, lost, row);
}

static int worse(int status, int other)
{
	return status == EXIT_OK ? other : status;
}

int trace_out_close(struct trace_out *out, const struct trace_totals *totals)
{
	int status = EXIT_OK;

	if (out->view) {
		trace_view_totals(out->view, totals);
		status = exit_output(trace_view_close(out->view), EXIT_OK);
	}
	status = worse(status, close_record(&out->record, totals));
	status = worse(status, close_picture(&out->picture, out->begun));
	free(out);
	return status;
}
