/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tokens.h tells of the kernel, told of a recording: who is alive at its end.
 */
#ifndef BPFCOPY_TOKENS_RECORDING_H
#define BPFCOPY_TOKENS_RECORDING_H

#include <signal.h>

#include "options.h"
#include "tokens_rows.h"

struct tokens_recording;

/**
 * tokens_recording_read() - read all of it
 * @name: of the file, - for stdin
 * @stop: set to non-zero to end
 * @out: for tokens_recording_close() on success
 *
 * What is wrong with it is for tokens_recording_close() to tell, but for one without
 * tokens, in which there is nothing to see.
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int tokens_recording_read(const char *name, const volatile sig_atomic_t *stop,
			  struct tokens_recording **out);

/** tokens_recording_start() - when it begins, nanoseconds since the epoch */
uint64_t tokens_recording_start(const struct tokens_recording *r);

/**
 * tokens_recording_add() - rows of those that are alive at the end, oldest first
 * @part: for rows of tokens_token_desc
 * @min_age_ns: leave younger ones out, unless they are leaked
 * @nr: how many
 *
 * Return: as rows_add().
 */
int tokens_recording_add(struct tokens_recording *r, struct rows_part *part,
			 uint64_t min_age_ns, size_t *nr);

/**
 * tokens_recording_sum() - what was counted
 * @sum: filled, but for @alive and @leaks
 *
 * Return: how long those lived that were freed; belongs to @r.
 */
const struct latency_hist *
tokens_recording_sum(const struct tokens_recording *r, struct tokens_sum *sum);

/**
 * tokens_recording_close() - free it
 * @tell: what was wrong with it, too
 *
 * Return: as recording_end(), or EXIT_OK.
 */
int tokens_recording_close(struct tokens_recording *r, bool tell);

#endif /* BPFCOPY_TOKENS_RECORDING_H */
