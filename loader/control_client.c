// SPDX-License-Identifier: GPL-2.0
/*
 * The end of the control socket that asks; see control.h.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_daemon(void)
{
	struct sockaddr_un addr = { AF_UNIX, CONTROL_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	err = errno == ENOENT ? -ECONNREFUSED : -errno;
	close(fd);
	return err;
}

static int ask(int fd, enum control_verb verb, bool dry_run)
{
	char text[128];
	int len;

	len = snprintf(text, sizeof(text),
		       "{\"bpfcopy\":%d,\"verb\":\"%s\"%s}\n", CONTROL_VERSION,
		       control_verbs[verb].name,
		       dry_run ? ",\"dry_run\":true" : "");
	return send(fd, text, len, MSG_NOSIGNAL) == len ? 0 : -EPIPE;
}

static int hear(int fd, struct json_object **reply)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fdopen(fd, "r");
	ssize_t len;

	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	len = getline(&line, &size, f);
	*reply = len > 0 ? json_tokener_parse(line) : NULL;
	free(line);
	fclose(f);
	if (json_object_is_type(*reply, json_type_object))
		return 0;
	json_object_put(*reply);
	*reply = NULL;
	return -EPROTO;
}

bool control_starts(void)
{
	int fd = open(CONTROL_PID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool locked;

	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

int control_call(enum control_verb verb, bool dry_run,
		 struct json_object **reply)
{
	int fd = connect_daemon(), err;

	*reply = NULL;
	if (fd < 0)
		return fd;
	err = ask(fd, verb, dry_run);
	if (!err)
		return hear(fd, reply);
	close(fd);
	return err;
}
