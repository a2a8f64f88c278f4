/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place where an errno becomes a message and an exit status.
 *
 * Functions inside the program return negative errnos.  The same errno means
 * different things in different places (EACCES from the verifier is not a
 * lack of permission), so the context is a part of the question.
 */
#ifndef BPFCOPY_EXIT_H
#define BPFCOPY_EXIT_H

#include <stdbool.h>

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,    /* the configuration is not valid */
	EXIT_NOT_FOUND = 4, /* no such device or policy */
	EXIT_NO_PERM = 5,
	EXIT_KERNEL = 6, /* the kernel lacks something */
	EXIT_LOST = 7,	 /* done, but events were lost */
	EXIT_STATUSES,
};

/* What each of them means, for --help and manual pages. */
extern const char *const exit_meanings[EXIT_STATUSES];

enum exit_context {
	IN_GENERAL,
	IN_DEVICE, /* looking for or opening a device */
	IN_COPY,   /* BLKCOPY */
	IN_VERIFY, /* comparing after a copy */
	IN_POLICY, /* loader/policy.h */
	IN_TRACE,  /* loader/trace.h */
	IN_FILE,   /* a file named on the command line */
};

/**
 * exit_status_of() - the exit status for an error
 * @context: where it happened
 * @err: negative errno, or 0
 */
enum exit_status exit_status_of(enum exit_context context, int err);

/**
 * exit_reason() - what an error means, for people
 * @context: where it happened
 * @err: negative errno
 *
 * Return: text in static storage.
 */
const char *exit_reason(enum exit_context context, int err);

/**
 * exit_error() - say what failed and why
 * @context: where it happened
 * @err: negative errno
 * @fmt: what was tried, as for printf(), without newline
 *
 * Prints "bpfcopy: WHAT: WHY" on stderr.
 *
 * Return: exit_status_of(@context, @err).
 */
int exit_error(enum exit_context context, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * exit_because() - exit_error() with a reason that is known better
 * @context: where it happened
 * @err: negative errno
 * @what: what was tried
 * @reason: why it failed; "" for exit_reason(@context, @err)
 *
 * Return: exit_status_of(@context, @err).
 */
int exit_because(enum exit_context context, int err, const char *what,
		 const char *reason);

/**
 * exit_message() - say something that is complete in itself
 * @status: returned
 * @fmt: as for printf(), without newline
 *
 * Return: @status.
 */
int exit_message(enum exit_status status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * exit_output() - what an error of printing data means
 * @err: negative errno from rows_close(), or 0
 * @status: the exit status if it is 0
 *
 * A reader that went away (EPIPE) is not worth a message, and a full disk is
 * worth only one.
 *
 * Return: @status, or EXIT_FAILED.
 */
int exit_output(int err, int status);

/**
 * exit_flush() - make sure that everything reached stdout
 * @status: the exit status if it did
 *
 * Return: @status, or EXIT_FAILED.
 */
int exit_flush(int status);

#endif /* BPFCOPY_EXIT_H */
