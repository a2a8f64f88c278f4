/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bpfcopyd: keeps disks what the rules say they should be.
 *
 *	main.c		start, signals, the end
 *	rules.c		apply rules: at start, again, after something happened
 *	uevent.c	disks come and go
 *	links.c		policies are detached behind our back
 *	breaker.c	devices that are to copy and fail
 *	server.c	the control socket, and who may ask what
 *	log.c		one line per change
 *
 * One thread, one sd_event loop.  Whatever happens, the answer is the same: look
 * at all disks, do the difference.  So an event that was lost, or came twice, or
 * is out of order, does no harm.
 */
#ifndef BPFCOPY_DAEMON_H
#define BPFCOPY_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "../apply.h"

/* After a failure look again; after another one, later. */
#define RETRY_FIRST_USEC (10 * 1000000ULL)

struct breaker;
struct links;
struct server;

/**
 * struct daemon - all of it
 * @event: the loop
 * @conf: the last set of rules that was applied as a whole
 * @files: that they came from, a JSON array
 * @reverted: leave disks alone until the next apply
 * @stuck: of the last change, something could not be put back
 * @later: timer of daemon_look_later()
 * @retry_usec: how long to wait after the next failure
 * @failed: texts by name of disk, of what failed the last time
 * @failing: the same, being made
 * @breaker: see breaker.c; NULL if there is none
 * @links: see links.c
 * @server: see server.c
 */
struct daemon {
	sd_event *event;
	struct conf *conf;
	struct json_object *files;
	bool reverted;
	bool stuck;
	sd_event_source *later;
	uint64_t retry_usec;
	struct json_object *failed;
	struct json_object *failing;
	struct breaker *breaker;
	struct links *links;
	struct server *server;
};

/* rules.c */

/** daemon_take() - @conf, which becomes ours, is in force */
void daemon_take(struct daemon *d, struct conf *conf);

/**
 * daemon_apply() - read the rules again and apply them, all or nothing
 * @d: on failure its rules stay, and what is there stays as it was
 * @dry_run: only say what would change
 * @changes: array that gets an object for each change
 * @errors: array that gets what is wrong, as text
 *
 * Return: an exit status as in exit.h.
 */
int daemon_apply(struct daemon *d, bool dry_run, struct json_object *changes,
		 struct json_object *errors);

/** daemon_revert() - put everything back.  Arguments as daemon_apply(). */
int daemon_revert(struct daemon *d, bool dry_run, struct json_object *changes,
		  struct json_object *errors);

/** daemon_look() - make all disks what the rules say, each by itself */
void daemon_look(struct daemon *d);

/**
 * daemon_look_later() - the same, soon; many calls make one look
 * @usec: how long to wait at most; what is waited for already may be sooner
 *
 * Return: 0 or a negative errno.
 */
int daemon_look_later(struct daemon *d, uint64_t usec);

void daemon_rules_free(struct daemon *d);

/* uevent.c */

/**
 * uevent_start() - have the loop look at disks when they come, change and go
 *
 * Return: 0 or a negative errno.
 */
int uevent_start(struct daemon *d);

/* links.c */

/** links_new() - Return: NULL without memory. */
struct links *links_new(struct daemon *d);

/**
 * links_watch() - watch the policies that are in the state file
 *
 * Those that were watched and are not in there are not watched any more.
 */
void links_watch(struct links *links);

/** links_report() - say of which policies the kernel told that they are gone */
void links_report(struct links *links);
void links_free(struct links *links);

/* breaker.c */

/** breaker_new() - watch for copies that fail; NULL, and a warning, if it cannot */
struct breaker *breaker_new(struct daemon *d);

/** breaker_is_off() - shall this disk not copy?  @b: NULL is no breaker */
bool breaker_is_off(const struct breaker *b, uint32_t dev, uint64_t diskseq);

/** breaker_status() - an array of the disks that shall not */
struct json_object *breaker_status(const struct breaker *b);
void breaker_free(struct breaker *b);

/* server.c */

/* Before anything that is asked through the socket. */
#define PRIORITY_EVENTS (SD_EVENT_PRIORITY_NORMAL - 10)

/** server_groups() - look again who is in which group */
void server_groups(struct server *server);

/**
 * server_start() - listen on the control socket
 * @server: for server_free()
 *
 * Return: 0 or a negative errno.
 */
int server_start(struct daemon *d, struct server **server);
void server_free(struct server *server);

/* log.c */

/** log_start() - is stderr a stream to the journal? */
void log_start(void);

/**
 * log_line() - one line, with fields of its own in the journal
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE or LOG_INFO
 * @disk: DEVICE=; NULL for none
 * @reason: REASON=, in the line in parentheses; NULL for none
 * @fmt: as for printf(), without newline
 */
void log_line(int priority, const char *disk, const char *reason,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * log_policy() - the same, about a policy that came or went
 * @policy: POLICY=
 * @sha256: SHA256=, of the object that it was loaded from; "" if it went
 */
void log_policy(const char *disk, const char *policy, const char *sha256,
		const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** log_text() - the same as log_line(), with nothing in the line but @text */
void log_text(int priority, const char *disk, const char *text);

#endif /* BPFCOPY_DAEMON_H */
