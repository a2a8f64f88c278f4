// SPDX-License-Identifier: GPL-2.0
/*
 * The control socket: who may ask, how much, and for how long; see control.h for
 * what.
 *
 * Everybody may connect and read.  Whoever is not root or in the group bpfcopy
 * cannot take the places that are kept for those who are.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "../control.h"
#include "../exit.h"
#include "daemon.h"

#define CLIENTS_MAX 16
/* Of these, how many may be there when another one without rights comes. */
#define GUESTS_MAX  12
/* From connecting, or the last request, to the end of the next one. */
#define IDLE_USEC   (5 * 1000000ULL)
#define GROUPS_MAX  1024
#define ADMIN_GROUP "bpfcopy"
/* How often each of those without rights is looked at in a second. */
#define GUEST_RATE  40

struct client {
	struct server *server;
	struct client *next;
	int fd;
	bool may_change;
	bool asked; /* since the clock was started */
	struct control_lines in;
	char *out; /* what it did not read yet */
	size_t out_len;
	size_t out_sent;
	sd_event_source *io;
	sd_event_source *idle;
};

struct server {
	struct daemon *d;
	sd_event_source *listener;
	gid_t admins; /* -1: there is no such group */
	int spare;    /* a descriptor to give up when there are no more */
	struct client *first;
	unsigned int nr;
};

static void drop(struct client *client)
{
	struct client **at = &client->server->first;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	client->server->nr--;
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->idle);
	close(client->fd);
	free(client->out);
	free(client);
}

/*
 * Who is it?
 */

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	if (primary == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* By what it was when it connected. */
static bool may_change(const struct server *server, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return false;
	if (!cred.uid)
		return true;
	return server->admins != (gid_t)-1 &&
	       in_group(fd, cred.gid, server->admins);
}

/*
 * Answers
 */

static void answer_describe(struct json_object *reply)
{
	struct json_object *verbs = json_object_new_array();

	for (int i = 0; i < CONTROL_NR_VERBS; i++) {
		const struct control_verb_def *def = &control_verbs[i];
		struct json_object *verb = json_object_new_object();

		json_object_object_add(verb, "verb",
				       json_object_new_string(def->name));
		json_object_object_add(verb, "about",
				       json_object_new_string(def->about));
		json_object_object_add(verb, "changes",
				       json_object_new_boolean(def->change));
		json_object_object_add(verb, "dry_run",
				       json_object_new_boolean(def->dry_run));
		json_object_array_add(verbs, verb);
	}
	json_object_object_add(reply, "verbs", verbs);
	json_object_object_add(reply, "line_max_bytes",
			       json_object_new_int(CONTROL_LINE_MAX));
	json_object_object_add(reply, "idle_max_ns",
			       json_object_new_uint64(IDLE_USEC * 1000));
}

static struct json_object *disk_status(const struct state_disk *disk)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "device",
			       json_object_new_string(disk->name));
	json_object_object_add(
		object, "policy",
		disk->policy ? json_object_new_string(disk->policy) : NULL);
	json_object_object_add(object, "original_copy_max_bytes",
			       disk->original == UINT64_MAX ?
				       NULL :
				       json_object_new_uint64(disk->original));
	return object;
}

static void answer_status(const struct daemon *d, struct json_object *reply)
{
	struct json_object *disks = json_object_new_array();
	struct state state;

	json_object_object_add(reply, "pid", json_object_new_int(getpid()));
	json_object_object_add(reply, "rules",
			       json_object_new_uint64(conf_rules(d->conf)));
	json_object_object_add(reply, "files", json_object_get(d->files));
	json_object_object_add(reply, "reverted",
			       json_object_new_boolean(d->reverted));
	json_object_object_add(reply, "failed", json_object_get(d->failed));
	json_object_object_add(reply, "off", breaker_status(d->breaker));
	json_object_object_add(reply, "disks", disks);
	if (state_load(STATE_DIR, &state))
		return;
	for (size_t i = 0; i < state.nr; i++)
		json_object_array_add(disks, disk_status(&state.disks[i]));
	state_free(&state);
}

static struct json_object *refuse(int status, const char *why)
{
	struct json_object *reply = control_reply(false);

	json_object_object_add(reply, "exit", json_object_new_int(status));
	json_object_object_add(reply, "error", json_object_new_string(why));
	return reply;
}

static struct json_object *answer_change(struct daemon *d,
					 const struct control_request *request)
{
	struct json_object *changes = json_object_new_array();
	struct json_object *errors = json_object_new_array();
	struct json_object *reply;
	int status;

	if (request->verb == CONTROL_APPLY)
		status = daemon_apply(d, request->dry_run, changes, errors);
	else
		status = daemon_revert(d, request->dry_run, changes, errors);
	reply = status == EXIT_OK ?
			control_reply(true) :
			refuse(status, d->stuck ?
					       "not all of it could be undone" :
					       "nothing was changed");
	json_object_object_add(reply, "changes", changes);
	json_object_object_add(reply, "errors", errors);
	return reply;
}

static struct json_object *answer(struct client *client,
				  const struct control_request *request)
{
	struct daemon *d = client->server->d;
	struct json_object *reply;

	if (control_verbs[request->verb].change && !client->may_change)
		return refuse(EXIT_NO_PERM, "only root and the group "
					    "" ADMIN_GROUP " may");
	if (control_verbs[request->verb].change)
		return answer_change(d, request);
	reply = control_reply(true);
	if (request->verb == CONTROL_DESCRIBE)
		answer_describe(reply);
	else
		answer_status(d, reply);
	return reply;
}

/*
 * Bytes
 */

/* Return: 0 if all is sent, -EAGAIN if some is left, or another errno. */
static int flush(struct client *client)
{
	while (client->out_sent < client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
				 client->out_len - client->out_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		client->out_sent += n;
	}
	free(client->out);
	client->out = NULL;
	client->out_len = client->out_sent = 0;
	return 0;
}

static int reply_with(struct client *client, struct json_object *reply)
{
	const char *text = json_object_to_json_string_ext(
		reply, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int len = asprintf(&client->out, "%s\n", text);

	json_object_put(reply);
	if (len < 0) {
		client->out = NULL;
		return -ENOMEM;
	}
	client->out_len = len;
	client->out_sent = 0;
	return flush(client);
}

/*
 * One request at a time, and then it is somebody else's turn.
 * Return: 0 if one was answered, -EAGAIN if there is none, or another errno.
 */
static int answer_line(struct client *client)
{
	struct control_request request;
	const char *why;
	size_t len;
	char *line;
	int err = control_next(&client->in, &line, &len);

	if (err == -EMSGSIZE)
		reply_with(client,
			   refuse(EXIT_USAGE, "a line of more than 64 KiB"));
	if (err)
		return err;
	client->asked = true;
	if (control_parse(line, len, &request, &why))
		return reply_with(client, refuse(EXIT_USAGE, why));
	return reply_with(client, answer(client, &request));
}

/*
 * With no room for them, the kernel closes descriptors that somebody sends along.
 * No request has any, so who does is hung up on.
 */
static int receive(struct client *client)
{
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	iov.iov_base = control_space(&client->in, &iov.iov_len);
	n = recvmsg(client->fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (!n || msg.msg_flags & MSG_CTRUNC)
		return -EPIPE;
	client->in.len += n;
	return answer_line(client);
}

/* Return: 0 or -EAGAIN if it shall stay, or another errno. */
static int serve(struct client *client)
{
	int err = flush(client);

	if (err)
		return err;
	/* What came before the last answer was read. */
	err = answer_line(client);
	return err == -EAGAIN && !client->out ? receive(client) : err;
}

/* What serve() returned, and what it takes that it is called again. */
static void settle(struct client *client, int err)
{
	if (err && err != -EAGAIN) {
		drop(client);
		return;
	}
	/* After an answer, the next request may be here in whole already. */
	sd_event_source_set_io_events(client->io,
				      client->out || !err ? EPOLLOUT : EPOLLIN);
	if (!client->asked)
		return;
	client->asked = false;
	sd_event_source_set_time_relative(client->idle, IDLE_USEC);
	sd_event_source_set_enabled(client->idle, SD_EVENT_ONESHOT);
}

static int on_client(sd_event_source *source, int fd, uint32_t events,
		     void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	settle(data, serve(data));
	return 0;
}

/* When we were busy ourselves, what it sent meanwhile comes first. */
static int on_idle(sd_event_source *source, uint64_t usec, void *data)
{
	struct client *client = data;
	int err = serve(client);

	(void)source;
	(void)usec;
	settle(client, client->asked ? err : -ETIMEDOUT);
	return 0;
}

/*
 * Clients
 */

static int add_sources(struct client *client)
{
	sd_event *event = client->server->d->event;
	int err = sd_event_add_io(event, &client->io, client->fd, EPOLLIN,
				  on_client, client);

	if (err < 0)
		return err;
	err = sd_event_add_time_relative(event, &client->idle, CLOCK_MONOTONIC,
					 IDLE_USEC, 0, on_idle, client);
	if (err < 0 || client->may_change)
		return err;
	return sd_event_source_set_ratelimit(client->io, 1000000, GUEST_RATE);
}

static void turn_away(int fd)
{
	static const char text[] =
		"{\"bpfcopy\":1,\"ok\":false,\"exit\":1,"
		"\"error\":\"too many clients, try again\"}\n";

	send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void welcome(struct server *server, int fd)
{
	bool admin = may_change(server, fd);
	struct client *client = NULL;

	if (server->nr < (admin ? CLIENTS_MAX : GUESTS_MAX))
		client = calloc(1, sizeof(*client));
	if (!client) {
		turn_away(fd);
		return;
	}
	client->server = server;
	client->fd = fd;
	client->may_change = admin;
	client->next = server->first;
	server->first = client;
	server->nr++;
	if (add_sources(client) < 0)
		drop(client);
}

static int spare_descriptor(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Or the one who waits would wake us again and again. */
static void no_room(struct server *server, int fd)
{
	int client;

	close(server->spare);
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0)
		turn_away(client);
	server->spare = spare_descriptor();
}

static int on_connect(sd_event_source *source, int fd, uint32_t events,
		      void *data)
{
	struct server *server = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (client >= 0)
		welcome(server, client);
	else if (errno == EMFILE || errno == ENFILE)
		no_room(server, fd);
	return 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	/* No daemon runs but this one, see main.c: what is there is left over. */
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	    !chmod(path, 0666) && !listen(fd, SOMAXCONN))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

void server_groups(struct server *server)
{
	struct group *group = getgrnam(ADMIN_GROUP);

	server->admins = group ? group->gr_gid : (gid_t)-1;
}

int server_start(struct daemon *d, struct server **out)
{
	struct server *server = calloc(1, sizeof(*server));
	int fd, err;

	if (!server)
		return -ENOMEM;
	server->d = d;
	server_groups(server);
	server->spare = spare_descriptor();
	fd = listen_at(CONTROL_SOCKET);
	if (fd < 0) {
		free(server);
		return fd;
	}
	err = sd_event_add_io(d->event, &server->listener, fd, EPOLLIN,
			      on_connect, server);
	if (err < 0) {
		close(fd);
		free(server);
		return err;
	}
	sd_event_source_set_io_fd_own(server->listener, true);
	*out = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	while (server->first)
		drop(server->first);
	sd_event_source_disable_unref(server->listener);
	unlink(CONTROL_SOCKET);
	free(server);
}
