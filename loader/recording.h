/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading what `bpfcopy trace' wrote: --record FILE, or -o ndjson.
 */
#ifndef BPFCOPY_RECORDING_H
#define BPFCOPY_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "trace_rows.h"

enum recording_kind {
	RECORDING_HELLO, /* always the first, and only once */
	RECORDING_COPY,
	RECORDING_TOKEN,
	RECORDING_IO,
	RECORDING_LOST,
	RECORDING_BYE,
};

/**
 * struct recording_row - a row, which has at least what its handler cannot do without
 * @kind: enum recording_kind, which says what else there is
 */
struct recording_row {
	enum recording_kind kind;
	union {
		struct trace_hello hello;
		struct trace_copy copy;
		struct trace_token token;
		struct trace_io io;
		struct trace_lost lost;
		struct trace_totals bye;
	};
};

struct recording;

/**
 * recording_open() - begin to read
 * @name: of the file, - for stdin
 * @out: for recording_close() on success
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int recording_open(const char *name, struct recording **out);

/**
 * recording_next() - the next row
 * @rec: from recording_open()
 *
 * Rows of kinds that are not known, as of a later version, are left out.
 *
 * Return: valid until the next call; NULL if there is none any more, for a reason that
 * recording_end() tells.
 */
const struct recording_row *recording_next(struct recording *rec);

/**
 * recording_again() - begin once more with the first row
 *
 * Return: false if this is no file that can be read twice.
 */
bool recording_again(struct recording *rec);

/**
 * recording_end() - say what was wrong with it, with line and byte
 * @rec: from recording_open()
 * @enough: the rest was not wanted
 *
 * Return: EXIT_OK; EXIT_LOST if the recording has no end; EXIT_FAILED if it is damaged or is none;
 * or another exit status.
 */
int recording_end(const struct recording *rec, bool enough);

/** recording_name() - for people */
const char *recording_name(const struct recording *rec);

/** recording_close() - free it; NULL is fine */
void recording_close(struct recording *rec);

/** recording_ts() - when it happened, nanoseconds since the epoch; 0 for a bye, which does not say */
uint64_t recording_ts(const struct recording_row *row);

/**
 * recording_passes() - would the filters of the command line have let this copy pass?
 *
 * But for --cgroup, which no row tells.
 */
bool recording_passes(const struct options *opts, const struct trace_copy *row);

/** recording_io_passes() - the same for other I/O, of which only the disk is known */
bool recording_io_passes(const struct options *opts,
			 const struct trace_io *row);

/** recording_has_filter() - is anything left out by recording_passes()? */
bool recording_has_filter(const struct options *opts);

/**
 * recording_unfit() - an option that would have changed what is in the recording
 *
 * Return: its name, with --; NULL if there is none.
 */
const char *recording_unfit(const struct options *opts);

#endif /* BPFCOPY_RECORDING_H */
