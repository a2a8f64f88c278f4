// SPDX-License-Identifier: GPL-2.0
/*
 * A client of a UNIX stream socket that behaves as badly as it is told.
 *
 *	control_client PATH		send what stdin has, print what comes
 *	control_client PATH junk BYTES	send so many bytes without a newline
 *	control_client PATH many N	connect N times and say nothing
 *	control_client PATH ask SECONDS REQUEST
 *					the same again and again, many at a time
 *	control_client PATH pass REQUEST
 *					the same once, and descriptors beside it
 *	control_client PATH hear	be a datagram socket there, print what comes
 *
 * Each ends when the other end hangs up, or after a minute.  The last line of
 * "junk" is how many bytes were taken; of "many", how many were turned away at once,
 * how many were hung up on later, and in how many seconds all were connected; of "ask", how
 * many were answered.  That of "pass" is "closed" when nobody has the descriptors any more.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "t.h"

#define MINUTE 60000

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		t_die("%s: too long", path);
	strcpy(addr.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		t_die("%s: %s", path, strerror(errno));
	return fd;
}

/* What comes until the other end hangs up; false after a minute of nothing. */
static bool print_rest(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	while (poll(&p, 1, MINUTE) > 0) {
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return true;
		fwrite(buf, 1, n, stdout);
		fflush(stdout);
	}
	return false;
}

static int talk(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(0, buf, sizeof(buf))) > 0)
		if (write(fd, buf, n) != n)
			break;
	/* A request that is answered: then we hang up. */
	shutdown(fd, SHUT_WR);
	return print_rest(fd) ? 0 : 1;
}

static int junk(int fd, u64 bytes)
{
	static char buf[65536];
	u64 sent = 0;
	ssize_t n;

	memset(buf, 'x', sizeof(buf));
	while (sent < bytes) {
		size_t left = bytes - sent;

		n = write(fd, buf, left < sizeof(buf) ? left : sizeof(buf));
		if (n <= 0)
			break;
		sent += n;
	}
	print_rest(fd);
	printf("%llu\n", sent);
	return 0;
}

static int many(const char *path, u64 nr)
{
	struct pollfd *p = calloc(nr, sizeof(*p));
	u64 away = 0, later = 0;
	time_t began = time(NULL), took;
	char buf[256];

	for (u64 i = 0; p && i < nr; i++)
		p[i] = (struct pollfd){ dial(path), POLLIN, 0 };
	took = time(NULL) - began;
	while (p && away + later < nr && poll(p, nr, MINUTE) > 0) {
		for (u64 i = 0; i < nr; i++) {
			if (!p[i].revents)
				continue;
			if (read(p[i].fd, buf, sizeof(buf)) > 0)
				away++;
			else
				later++;
			close(p[i].fd);
			p[i].fd = -1;
		}
	}
	printf("%llu %llu %lld\n", away, later, (long long)took);
	return 0;
}

#define AT_ONCE 100

/* Return: how many of the lines that were asked for came before the deadline. */
static u64 hear_lines(int fd, u64 want, time_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[65536];
	u64 got = 0;

	while (got < want && time(NULL) < deadline) {
		ssize_t n = poll(&p, 1, 100) > 0 ? read(fd, buf, sizeof(buf)) :
						   0;

		for (ssize_t i = 0; i < n; i++)
			got += buf[i] == '\n';
	}
	return got;
}

static int ask(int fd, u64 seconds, const char *request)
{
	time_t deadline = time(NULL) + seconds;
	char *text = malloc((strlen(request) + 1) * AT_ONCE);
	u64 answered = 0, len = 0;

	for (int i = 0; i < AT_ONCE; i++)
		len += sprintf(text + len, "%s\n", request);
	while (time(NULL) < deadline && write(fd, text, len) == (ssize_t)len)
		answered += hear_lines(fd, AT_ONCE, deadline);
	printf("%llu\n", answered);
	return 0;
}

#define PASSED 100

/* One write end of a pipe, so many times: who keeps one of them keeps the pipe open. */
static void send_with(int fd, const char *request, int passed)
{
	char line[1024], control[CMSG_SPACE(PASSED * sizeof(int))] = {};
	struct iovec iov = { line, 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	iov.iov_len = snprintf(line, sizeof(line), "%s\n", request);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(PASSED * sizeof(int));
	for (int i = 0; i < PASSED; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &passed, sizeof(int));
	if (sendmsg(fd, &msg, 0) < 0)
		t_die("cannot send descriptors: %s", strerror(errno));
}

static int pass(int fd, const char *request)
{
	int ends[2];

	if (pipe(ends))
		t_die("pipe: %s", strerror(errno));
	send_with(fd, request, ends[1]);
	close(ends[1]);
	if (!print_rest(fd))
		return 1;
	/* It ends when nobody could write to it. */
	puts(print_rest(ends[0]) ? "closed" : "kept");
	return 0;
}

/* Until it is killed.  Each with a line end behind it. */
static int hear(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char buf[65536];
	ssize_t n;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		t_die("%s: %s", path, strerror(errno));
	while ((n = recv(fd, buf, sizeof(buf), 0)) >= 0) {
		fwrite(buf, 1, n, stdout);
		putchar('\n');
		fflush(stdout);
	}
	return 1;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2)
		return talk(dial(argv[1]));
	if (argc == 4 && !strcmp(argv[2], "junk"))
		return junk(dial(argv[1]), t_bytes(argv[3], "BYTES"));
	if (argc == 4 && !strcmp(argv[2], "many"))
		return many(argv[1], t_number(argv[3], "N"));
	if (argc == 3 && !strcmp(argv[2], "hear"))
		return hear(argv[1]);
	if (argc == 4 && !strcmp(argv[2], "pass"))
		return pass(dial(argv[1]), argv[3]);
	if (argc == 5 && !strcmp(argv[2], "ask"))
		return ask(dial(argv[1]), t_number(argv[3], "SECONDS"),
			   argv[4]);
	t_die("usage: control_client PATH [junk BYTES | many N | ask SECONDS REQUEST | pass REQUEST | hear]");
}
