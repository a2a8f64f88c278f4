// SPDX-License-Identifier: GPL-2.0
/* File descriptors, write protection, exclusive holders, a second device. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "args.h"

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		t_die("%s: cannot open with flags %#x: %s", path, flags,
		      strerror(errno));
	return fd;
}

static void expect_source(struct args *t, const char *name, int fd, int err)
{
	struct request q;

	request_init(t, &q, 1);
	q.a.src_fd = fd;
	request_expect(t, name, &q, t->dev.fd, err);
}

static void test_source_modes(struct args *t)
{
	static const struct {
		const char *name;
		int flags;
		int err;
	} cases[] = {
		{ "source fd: only for writing", O_WRONLY, EBADF },
		{ "source fd: a path", O_PATH, EBADF },
		{ "source fd: neither for reading nor for writing", O_ACCMODE,
		  EBADF },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = must_open(t->dev.path, cases[i].flags);

		expect_source(t, cases[i].name, fd, cases[i].err);
		close(fd);
	}
	expect_source(t, "source fd: -1", -1, EBADF);
	expect_source(t, "source fd: INT_MIN", INT_MIN, EBADF);
	expect_source(t, "source fd: closed", 1000, EBADF);
}

static void test_source_kinds(struct args *t)
{
	static const struct {
		const char *name;
		const char *path;
		int flags;
	} cases[] = {
		{ "source fd: a regular file", "/tmp", O_TMPFILE | O_RDWR },
		{ "source fd: a folder", "/", O_RDONLY },
		{ "source fd: a character device", "/dev/zero", O_RDWR },
		{ "source fd: of procfs", "/proc/self/maps", O_RDONLY },
	};
	int fd, pipes[2];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fd = must_open(cases[i].path, cases[i].flags);
		expect_source(t, cases[i].name, fd, EINVAL);
		close(fd);
	}
	if (pipe(pipes))
		t_die("pipe: %s", strerror(errno));
	expect_source(t, "source fd: a pipe", pipes[0], EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	expect_source(t, "source fd: a socket", fd, EINVAL);
	close(fd);
	fd = eventfd(0, 0);
	expect_source(t, "source fd: an eventfd", fd, EINVAL);
	close(fd);
}

static void expect_destination(struct args *t, const char *name,
			       const char *path, int flags, int err)
{
	struct request q;
	int fd = must_open(path, flags);
	int ret;

	request_init(t, &q, 1);
	if (flags != O_PATH && !strcmp(path, t->dev.path)) {
		request_expect(t, name, &q, fd, err);
	} else {
		/* No copy is reached: there is nobody to write the out members. */
		ret = t_copy(fd, &q.a);
		if (ret == -EOPNOTSUPP && t_call() == T_URING)
			ret = -ENOTTY;
		args_report(t, name, ret == -err, t_errname(ret));
	}
	close(fd);
}

static void test_destination(struct args *t)
{
	expect_destination(t, "destination fd: only for reading", t->dev.path,
			   O_RDONLY, EBADF);
	expect_destination(
		t, "destination fd: neither for reading nor for writing",
		t->dev.path, O_ACCMODE, EBADF);
	expect_destination(t, "destination fd: a path", t->dev.path, O_PATH,
			   EBADF);
	expect_destination(t, "destination fd: a regular file", "/tmp",
			   O_TMPFILE | O_RDWR, ENOTTY);
	expect_destination(t, "destination fd: a character device", "/dev/zero",
			   O_RDWR, ENOTTY);
	expect_destination(t, "destination fd: only for writing", t->dev.path,
			   O_WRONLY, 0);
}

static void set_read_only(const struct t_dev *dev, int on)
{
	if (ioctl(dev->fd, BLKROSET, &on))
		t_die("%s: BLKROSET: %s", dev->path, strerror(errno));
}

static void test_read_only(struct args *t)
{
	struct request q;

	set_read_only(&t->dev, 1);
	request_init(t, &q, 1);
	request_expect(t, "read-only destination", &q, t->dev.fd, EPERM);
	request_init(t, &q, 1);
	q.a.flags = BLK_COPY_EMULATE_ONLY;
	request_expect(t, "read-only destination, emulate only", &q, t->dev.fd,
		       EPERM);
	set_read_only(&t->dev, 0);
	request_init(t, &q, 1);
	request_expect(t, "destination writable again", &q, t->dev.fd, 0);
}

static void test_exclusive(struct args *t)
{
	int holder = must_open(t->dev.path, O_RDWR | O_EXCL);
	struct request q;

	request_init(t, &q, 1);
	request_expect(t, "destination held by another", &q, t->dev.fd, EBUSY);
	request_init(t, &q, 1);
	request_expect(t, "destination held by the caller", &q, holder, 0);
	close(holder);
	request_init(t, &q, 1);
	request_expect(t, "destination held no more", &q, t->dev.fd, 0);
}

static void test_second_fd(struct args *t)
{
	int fd = must_open(t->dev.path, O_RDONLY);
	struct request q;

	request_init(t, &q, 1);
	q.a.src_fd = fd;
	q.r[0].src = q.r[0].dst;
	request_expect(t, "overlap: through two file descriptors", &q,
		       t->dev.fd, EINVAL);
	close(fd);
}

/* What those who watch the device are told since they last asked. */
static u32 told(int watch)
{
	char buf[4096] __attribute__((aligned(8)));
	struct inotify_event *ev;
	u32 mask = 0;
	ssize_t n;

	while ((n = read(watch, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n; at += sizeof(*ev) + ev->len) {
			ev = (void *)(buf + at);
			mask |= ev->mask;
		}
	return mask;
}

static void watched(struct args *t, const char *name, int watch,
		    struct request *q, u32 want)
{
	char why[40];
	u32 mask;

	told(watch);
	t_copy(t->dev.fd, &q->a);
	mask = told(watch);
	snprintf(why, sizeof(why), "told %#x, expected %#x", mask, want);
	args_report(t, name, mask == want, why);
}

/* As if the source had been read and the destination written to. */
static void test_watched(struct args *t)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct request q;

	if (watch < 0 ||
	    inotify_add_watch(watch, t->dev.path, IN_ACCESS | IN_MODIFY) < 0)
		t_die("inotify: %s", strerror(errno));
	request_init(t, &q, 1);
	stamped_copy(&t->s, t->mid, &t->s, 0, 4);
	watched(t, "who watches hears of a copy", watch, &q,
		IN_ACCESS | IN_MODIFY);
	request_init(t, &q, 1);
	q.r[0].len = 0;
	watched(t, "and of none that is refused", watch, &q, 0);
	close(watch);
}

void test_files(struct args *t)
{
	test_watched(t);
	test_source_modes(t);
	test_source_kinds(t);
	test_second_fd(t);
	test_destination(t);
	test_read_only(t);
	test_exclusive(t);
}

/**
 * struct cross - another disk as the source
 * @src:  it
 * @s:    what is on it, in units of the destination so that its model can hold them
 * @unit: the larger of the two block sizes
 */
struct cross {
	struct t_dev src;
	struct stamped s;
	u64 unit;
};

static void cross_expect(struct args *t, struct cross *c, const char *what,
			 u64 from, u64 to, u64 len, int src_fd, int err)
{
	struct request q;
	char name[200];

	snprintf(name, sizeof(name), "from %s: %s", c->src.path, what);
	request_init(t, &q, 1);
	q.a.src_fd = src_fd;
	q.r[0] = (struct blk_copy_ioc_range){ .src = from,
					      .dst = to,
					      .len = len };
	if (!err)
		stamped_copy(&t->s, to / t->unit, &c->s, from / t->unit,
			     len / t->unit);
	request_expect(t, name, &q, t->dev.fd, err);
}

static void cross_alignment(struct args *t, struct cross *c)
{
	u64 u = c->unit, m = t->mid * t->unit;
	u64 small = c->src.lbs < t->unit ? c->src.lbs : t->unit;

	if (small == u)
		return;
	cross_expect(t, c, "length of a smaller block", 0, m, u + small,
		     c->src.fd, EINVAL);
	cross_expect(t, c, "source aligned to the smaller block", small, m, u,
		     c->src.fd, EINVAL);
	cross_expect(t, c, "destination aligned to the smaller block", 0,
		     m + small, u, c->src.fd, EINVAL);
}

static void cross_end(struct args *t, struct cross *c)
{
	u64 u = c->unit, m = t->mid * t->unit;
	u64 src_end = c->src.bytes / u * u, dst_end = t->dev.bytes / u * u;

	cross_expect(t, c, "past the end of the source", src_end - u, m, 2 * u,
		     c->src.fd, EINVAL);
	cross_expect(t, c, "past the end of the destination", 0, dst_end - u,
		     2 * u, c->src.fd, EINVAL);
	cross_expect(t, c, "last block to last block", src_end - u, dst_end - u,
		     u, c->src.fd, 0);
}

void test_cross(struct args *t, const char *path)
{
	struct cross c;
	int fd;

	t_dev_open(&c.src, path);
	c.unit = c.src.lbs > t->unit ? c.src.lbs : t->unit;
	stamped_init(&c.s, &c.src, t->unit, t->s.seed);
	stamped_write(&c.s, 0, c.s.nr, 2, 1);
	cross_expect(t, &c, "same offsets", c.unit * 8, c.unit * 8, c.unit * 8,
		     c.src.fd, 0);
	cross_alignment(t, &c);
	cross_end(t, &c);
	fd = must_open(path, O_RDONLY);
	cross_expect(t, &c, "opened for reading only", 0, t->mid * t->unit,
		     c.unit * 4, fd, 0);
	close(fd);
	set_read_only(&c.src, 1);
	cross_expect(t, &c, "a read-only device", c.unit * 4, t->mid * t->unit,
		     c.unit * 4, c.src.fd, 0);
	set_read_only(&c.src, 0);
	if (stamped_verify(&c.s, 0, c.s.nr, "source"))
		t_not_ok("the source is as it was", "%s was changed", path);
	else
		t_ok("the source is as it was");
	stamped_exit(&c.s);
	close(c.src.fd);
}
