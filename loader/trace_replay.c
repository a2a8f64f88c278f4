// SPDX-License-Identifier: GPL-2.0
#include "trace_replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "latency.h"
#include "recording.h"
#include "words.h"

/**
 * struct replay - a recording that is handed on
 * @opts: the command line
 * @rec: where from
 * @out: where to
 * @totals: of what was handed on
 * @hists: latencies, by path
 * @has_tokens: some were handed on, so they are counted
 * @ids: of copies that pass, if tokens are chosen by them; sorted
 * @nr_ids: how many
 */
struct replay {
	const struct options *opts;
	struct recording *rec;
	struct trace_out *out;
	struct trace_totals *totals;
	struct latency_hist hists[TRACE_PATHS];
	bool has_tokens;
	uint64_t *ids;
	size_t nr_ids;
};

static bool wants_tokens(const struct options *o)
{
	return o->tokens || o->perfetto;
}

/*
 * Copies that pass, so that tokens, which come before, can be chosen
 */

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

/* What is wrong with the recording is told the second time. */
static int look_first(struct replay *r)
{
	const struct recording_row *row;
	int err = 0;

	while (!err && (row = recording_next(r->rec)))
		if (row->kind == RECORDING_COPY &&
		    recording_passes(r->opts, &row->copy))
			err = collect(r, row->copy.copy_id);
	if (r->nr_ids)
		qsort(r->ids, r->nr_ids, sizeof(*r->ids), by_id);
	if (err)
		return exit_error(IN_GENERAL, err, "trace");
	if (!recording_again(r->rec))
		return exit_message(
			EXIT_FAILED,
			"%s: tokens can be filtered only in a file that can be read twice",
			recording_name(r->rec));
	return EXIT_OK;
}

static bool is_chosen(const struct replay *r, uint64_t id)
{
	return !recording_has_filter(r->opts) ||
	       (r->nr_ids &&
		bsearch(&id, r->ids, r->nr_ids, sizeof(id), by_id));
}

/*
 * Rows
 */

static void count(struct replay *r, const struct trace_copy *row)
{
	struct trace_totals *t = r->totals;
	uint32_t path;

	t->copies++;
	t->bytes += row->offloaded + row->emulated;
	t->offloaded += row->offloaded;
	t->emulated += row->emulated;
	t->errors += row->error != 0;
	/* A path that is not known to this version is in the sum only. */
	path = path_of_word(row->path);
	if (path >= TRACE_PATHS)
		return;
	t->path[path].copies++;
	t->path[path].bytes += row->offloaded + row->emulated;
	r->hists[path].slots[latency_slot(row->latency_ns)]++;
}

static int on_copy(struct replay *r, const struct trace_copy *row)
{
	if (!recording_passes(r->opts, row))
		return 0;
	count(r, row);
	return trace_out_copy(r->out, row);
}

static int on_token(struct replay *r, const struct trace_token *row)
{
	if (!wants_tokens(r->opts) || !is_chosen(r, row->copy_id))
		return 0;
	r->has_tokens = true;
	r->totals->tokens_created += !strcmp(row->step, "alloc");
	r->totals->tokens_freed += !strcmp(row->step, "free");
	return trace_out_token(r->out, row);
}

/* For the picture, and of a device if one is asked for. */
static int on_io(struct replay *r, const struct trace_io *row)
{
	if (!r->opts->perfetto || !recording_io_passes(r->opts, row))
		return 0;
	return trace_out_io(r->out, row);
}

static int on_lost(struct replay *r, const struct trace_lost *row)
{
	r->totals->lost += row->lost;
	return trace_out_lost(r->out, row);
}

/* Its totals are of all copies; what was handed on has been counted. */
static void on_bye(struct replay *r, const struct trace_totals *row)
{
	if (r->has_tokens || recording_has_filter(r->opts) ||
	    row->tokens_created == ROWS_NONE || row->tokens_freed == ROWS_NONE)
		return;
	r->totals->tokens_created = row->tokens_created;
	r->totals->tokens_freed = row->tokens_freed;
}

static int on_row(struct replay *r, const struct recording_row *row)
{
	switch (row->kind) {
	case RECORDING_HELLO:
		return trace_out_hello(r->out, &row->hello);
	case RECORDING_COPY:
		return on_copy(r, &row->copy);
	case RECORDING_TOKEN:
		return on_token(r, &row->token);
	case RECORDING_IO:
		return on_io(r, &row->io);
	case RECORDING_LOST:
		return on_lost(r, &row->lost);
	case RECORDING_BYE:
		on_bye(r, &row->bye);
	}
	return 0;
}

static bool is_enough(const struct replay *r, const volatile sig_atomic_t *stop)
{
	return *stop || (r->opts->count && r->totals->copies >= r->opts->count);
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
	const struct recording_row *row;
	int status = EXIT_OK, err = 0;

	if (wants_tokens(r->opts) && recording_has_filter(r->opts))
		status = look_first(r);
	if (status != EXIT_OK)
		return status;
	while (!err && !is_enough(r, stop) && (row = recording_next(r->rec)))
		err = on_row(r, row);
	add_percentiles(r);
	/* What could not be written, trace_out_close() tells. */
	return err ? EXIT_FAILED : recording_end(r->rec, is_enough(r, stop));
}

int trace_replay(const struct options *opts, const volatile sig_atomic_t *stop,
		 struct trace_out *out, struct trace_totals *totals)
{
	struct replay *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return exit_error(IN_GENERAL, -ENOMEM, "trace");
	r->opts = opts;
	r->out = out;
	r->totals = totals;
	status = recording_open(opts->replay, &r->rec);
	if (status == EXIT_OK)
		status = replay(r, stop);
	recording_close(r->rec);
	free(r->ids);
	free(r);
	return status;
}
