// SPDX-License-Identifier: GPL-2.0
/* copy_file_range() between block devices: what it refuses, and where it ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>

#include "args.h"

/* One call, in bytes; @want is what it returns. */
struct cfr {
	const char *name;
	s64 src;
	s64 dst;
	u64 len;
	s64 want;
};

static s64 cfr(int src, s64 from, int dst, s64 to, u64 len, unsigned int flags)
{
	off_t in = from, out = to;
	ssize_t n = copy_file_range(src, &in, dst, &out, len, flags);

	if (n < 0)
		return -errno;
	if (in != from + n || out != to + n)
		t_die("copy_file_range: offsets and return value differ");
	return n;
}

static void expect(struct args *t, const char *name, s64 got, s64 want)
{
	char text[120];

	snprintf(text, sizeof(text), "returned %lld (%s), expected %lld", got,
		 got < 0 ? t_errname(got) : "bytes", want);
	args_report(t, name, got == want, text);
}

static void run(struct args *t, const struct cfr *c, size_t nr)
{
	for (; nr--; c++) {
		s64 got = cfr(t->dev.fd, c->src, t->dev.fd, c->dst, c->len, 0);

		if (got > 0 && got == c->want)
			stamped_copy(&t->s, c->dst / t->unit, &t->s,
				     c->src / t->unit, got / t->unit);
		expect(t, c->name, got, c->want);
	}
}

static void test_places(struct args *t)
{
	const s64 u = t->unit, m = t->mid * u, end = t->dev.bytes;
	const s64 most = 0x7fffffffffff0000;
	const struct cfr cases[] = {
		{ "cfr: four blocks", 0, m, 4 * u, 4 * u },
		{ "cfr: nothing", 0, m, 0, 0 },
		{ "cfr: length not of blocks", 0, m, u + 1, -EINVAL },
		{ "cfr: length of half a block", 0, m, u / 2, -EINVAL },
		{ "cfr: source not at a block", 1, m, u, -EINVAL },
		{ "cfr: destination not at a block", 0, m + u / 2, u, -EINVAL },
		{ "cfr: overlap, forwards", m, m + u, 4 * u, -EINVAL },
		{ "cfr: overlap, backwards", m + u, m, 4 * u, -EINVAL },
		{ "cfr: onto itself", m, m, u, -EINVAL },
		{ "cfr: touching", m, m + 4 * u, 4 * u, 4 * u },
		{ "cfr: from the end", end, m, u, 0 },
		{ "cfr: from behind the end", end + u, m, u, 0 },
		{ "cfr: up to the end of the source", end - 2 * u, m, 8 * u,
		  2 * u },
		{ "cfr: to the end", 0, end, u, -ENOSPC },
		{ "cfr: to behind the end", 0, end + u, u, -ENOSPC },
		{ "cfr: up to the end of the destination", 0, end - 2 * u,
		  8 * u, 2 * u },
		{ "cfr: from before the start", -u, m, u, -EOVERFLOW },
		{ "cfr: to before the start", 0, -u, u, -EOVERFLOW },
		{ "cfr: a length that wraps", u, m, -u, -EOVERFLOW },
		{ "cfr: offsets far away", most, m, u, 0 },
		{ "cfr: to far away", 0, most, u, -ENOSPC },
	};

	run(t, cases, ARRAY_SIZE(cases));
}

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		t_die("%s: cannot open with flags %#x: %s", path, flags,
		      strerror(errno));
	return fd;
}

static void test_kinds(struct args *t)
{
	static const struct {
		const char *name;
		const char *path; /* NULL: the device */
		int flags;
		int src;
		int dst;
	} cases[] = {
		{ "cfr: a regular file", "/tmp", O_TMPFILE | O_RDWR, -EINVAL,
		  -EINVAL },
		{ "cfr: a folder", "/", O_RDONLY, -EISDIR, -EISDIR },
		{ "cfr: a character device", "/dev/zero", O_RDWR, -EINVAL,
		  -EINVAL },
		{ "cfr: a path", NULL, O_PATH, -EBADF, -EBADF },
		{ "cfr: neither for reading nor for writing", NULL, O_ACCMODE,
		  -EBADF, -EBADF },
	};
	const s64 u = t->unit, m = t->mid * u;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *path = cases[i].path ?: t->dev.path;
		int fd = must_open(path, cases[i].flags);
		char name[100];

		snprintf(name, sizeof(name), "%s is the source", cases[i].name);
		expect(t, name, cfr(fd, 0, t->dev.fd, m, u, 0), cases[i].src);
		snprintf(name, sizeof(name), "%s is the destination",
			 cases[i].name);
		expect(t, name, cfr(t->dev.fd, 0, fd, m, u, 0), cases[i].dst);
		close(fd);
	}
	expect(t, "cfr: no source", cfr(-1, 0, t->dev.fd, m, u, 0), -EBADF);
	expect(t, "cfr: no destination", cfr(t->dev.fd, 0, -1, m, u, 0),
	       -EBADF);
	expect(t, "cfr: flags", cfr(t->dev.fd, 0, t->dev.fd, m, u, 1), -EINVAL);
}

/* A copy to the device by @fd, opened in some way. */
static void expect_by(struct args *t, const char *name, int fd, s64 want)
{
	const s64 u = t->unit, m = t->mid * u;
	s64 got = cfr(t->dev.fd, 0, fd, m, 4 * u, 0);

	if (got > 0)
		stamped_copy(&t->s, t->mid, &t->s, 0, 4);
	expect(t, name, got, want);
}

static void set_read_only(const struct t_dev *dev, int on)
{
	if (ioctl(dev->fd, BLKROSET, &on))
		t_die("%s: BLKROSET: %s", dev->path, strerror(errno));
}

static void test_modes(struct args *t)
{
	const s64 all = 4 * t->unit;
	int fd = must_open(t->dev.path, O_WRONLY);

	expect_by(t, "cfr: destination only for writing", fd, all);
	expect(t, "cfr: source only for writing",
	       cfr(fd, 0, t->dev.fd, t->mid * t->unit, t->unit, 0), -EBADF);
	close(fd);
	fd = must_open(t->dev.path, O_RDONLY);
	expect_by(t, "cfr: destination only for reading", fd, -EBADF);
	close(fd);
	fd = must_open(t->dev.path, O_WRONLY | O_APPEND);
	expect_by(t, "cfr: destination for appending", fd, -EBADF);
	close(fd);
	set_read_only(&t->dev, 1);
	expect_by(t, "cfr: read-only destination", t->dev.fd, -EPERM);
	set_read_only(&t->dev, 0);
	fd = must_open(t->dev.path, O_RDWR | O_EXCL);
	expect_by(t, "cfr: destination held by another", t->dev.fd,
		  -EOPNOTSUPP);
	expect_by(t, "cfr: destination held by the caller", fd, all);
	close(fd);
}

/* Without offsets it goes by those of the files, and moves them. */
static void test_positions(struct args *t)
{
	const s64 u = t->unit, m = t->mid * u;
	int in = must_open(t->dev.path, O_RDONLY);
	int out = must_open(t->dev.path, O_WRONLY);
	ssize_t n;

	lseek(in, 2 * u, SEEK_SET);
	lseek(out, m, SEEK_SET);
	n = copy_file_range(in, NULL, out, NULL, 4 * u, 0);
	if (n == 4 * u)
		stamped_copy(&t->s, t->mid, &t->s, 2, 4);
	args_report(t, "cfr: by the positions of the files",
		    n == 4 * u && lseek(in, 0, SEEK_CUR) == 6 * u &&
			    lseek(out, 0, SEEK_CUR) == m + 4 * u,
		    "not copied, or the positions did not move");
	close(in);
	close(out);
}

static void test_other_disk(struct args *t, const char *path)
{
	struct t_dev src;
	struct stamped s;
	u64 unit;
	s64 got;

	t_dev_open(&src, path);
	unit = src.lbs > t->unit ? src.lbs : t->unit;
	stamped_init(&s, &src, t->unit, t->s.seed);
	stamped_write(&s, 0, s.nr, 2, 1);
	got = cfr(src.fd, 0, t->dev.fd, t->mid * t->unit, 4 * unit, 0);
	if (got > 0)
		stamped_copy(&t->s, t->mid, &s, 0, got / t->unit);
	expect(t, "cfr: from another disk", got, 4 * unit);
	if (unit > t->unit)
		expect(t, "cfr: a block that is too small for the source",
		       cfr(src.fd, 0, t->dev.fd, t->mid * t->unit, t->unit, 0),
		       -EINVAL);
	stamped_exit(&s);
	close(src.fd);
}

void test_cfr(struct args *t, const char *src)
{
	test_places(t);
	test_kinds(t);
	test_modes(t);
	test_positions(t);
	if (src)
		test_other_disk(t, src);
}
