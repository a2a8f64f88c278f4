/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the daemon is talked to: one JSON object per line, each way.
 *
 *	{"bpfcopy":1,"verb":"apply","dry_run":true}
 *	{"bpfcopy":1,"ok":true,"verb":"apply",...}
 *	{"bpfcopy":1,"ok":false,"exit":5,"error":"..."}
 *
 * docs/daemon.md has the verbs; so has the answer to "describe".
 */
#ifndef BPFCOPY_CONTROL_H
#define BPFCOPY_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#define CONTROL_SOCKET	 "/run/bpfcopy/control"
#define CONTROL_PID_FILE "/run/bpfcopy/bpfcopyd.pid" /* a daemon locks it */
#define CONTROL_VERSION	 1
/* A request with its newline.  A fuzzer makes it less. */
#ifndef CONTROL_LINE_MAX
#define CONTROL_LINE_MAX (64 << 10)
#endif

/* Indexes of control_verbs. */
enum control_verb {
	CONTROL_DESCRIBE,
	CONTROL_STATUS,
	CONTROL_APPLY,
	CONTROL_REVERT,
	CONTROL_NR_VERBS,
};

/**
 * struct control_verb_def - one verb
 * @name: as in a request
 * @about: one line for people
 * @change: only root and the group bpfcopy may
 * @dry_run: takes "dry_run"
 */
struct control_verb_def {
	const char *name;
	const char *about;
	bool change;
	bool dry_run;
};

extern const struct control_verb_def control_verbs[CONTROL_NR_VERBS];

/**
 * struct control_request - what was asked
 * @verb: what to do
 * @dry_run: only say what would change
 */
struct control_request {
	enum control_verb verb;
	bool dry_run;
};

/**
 * control_parse() - parse a request
 * @line: without its newline
 * @len: its bytes; there may be any among them
 * @request: filled
 * @why: set on failure to a sentence in static storage
 *
 * Return: 0 or -EINVAL.
 */
int control_parse(const char *line, size_t len, struct control_request *request,
		  const char **why);

/**
 * struct control_lines - bytes that came in, not yet taken as lines
 * @data: what came
 * @len: bytes in @data
 * @taken: of these, what control_next() has handed out
 */
struct control_lines {
	char data[CONTROL_LINE_MAX];
	size_t len;
	size_t taken;
};

/**
 * control_space() - where to read the next bytes to
 * @size: set to how many there may be, at least 1 if the last control_next()
 *	returned -EAGAIN
 *
 * The caller adds to @lines->len what it read.  Lines handed out before are
 * gone.
 */
char *control_space(struct control_lines *lines, size_t *size);

/**
 * control_next() - the next whole line
 * @lines: what came in
 * @line: set to it, ended by a NUL instead of its newline
 * @len: its length
 *
 * Return: 0, -EAGAIN if it has not ended yet, -EMSGSIZE if it is too long.
 */
int control_next(struct control_lines *lines, char **line, size_t *len);

/**
 * control_reply() - an answer to be filled
 * @ok: was it done
 *
 * Return: for json_object_put().
 */
struct json_object *control_reply(bool ok);

/**
 * control_starts() - is there a daemon, whether or not it can be asked yet?
 *
 * Only root can tell; others are told no.
 */
bool control_starts(void);

/**
 * control_call() - ask the daemon
 * @verb: what
 * @dry_run: see struct control_request
 * @reply: set to the answer, for json_object_put()
 *
 * Return: 0 if it answered, -ECONNREFUSED if no daemon runs, -EPROTO if what
 * came is no answer, or another errno.
 */
int control_call(enum control_verb verb, bool dry_run,
		 struct json_object **reply);

#endif /* BPFCOPY_CONTROL_H */
