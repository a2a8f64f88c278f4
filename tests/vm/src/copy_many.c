// SPDX-License-Identifier: GPL-2.0
/*
 * copy_many --dev DEV [--copies N] [--ranges N] [--bytes SIZE] [--how HOW] [--ready FILE]
 *
 * Copies by io_uring, N at a time, each of so many ranges of SIZE bytes, from the first half
 * of DEV to the second. FILE is made when all are submitted or closed. HOW:
 *   wait     complete all (the default), in rings of several kinds
 *   registered  the same, the destination being a registered file
 *   files    the same, but both files are closed as soon as all are submitted
 *   ring     close the ring on a byte from stdin; end when told to by end of file there
 *   deferred the same, a ring whose task work is deferred
 *   exec     become `settled' on a byte from stdin
 *   settled  no copy: after the end of stdin, nobody writes to DEV any more
 *   sleep    do not wait at all: to be killed
 *   bad      entries that must be refused
 *   reused   a copy that begins when its entry in the ring is another one's already
 *   cached   two copies that have to wait for the page cache, one that has not
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "options.h"
#include "ring.h"
#include "stamp.h"

static struct {
	const char *dev;
	const char *how;
	const char *ready;
	u64 copies;
	u64 ranges;
	u64 bytes;
} opt = { .how = "wait", .copies = 64, .ranges = 1, .bytes = 64 << 10 };

static struct t_dev dev;
static struct stamped s;
static struct blk_copy_args *args;
static struct blk_copy_ioc_range *ranges;

static u64 units(void)
{
	return opt.bytes / s.unit;
}

/* Range @k of copy @i: what is one behind the other is so neither here nor there. */
static u64 from(u64 i, u64 k)
{
	return (i + k * opt.copies) * units();
}

static u64 to(u64 i, u64 k)
{
	return s.nr / 2 + ((opt.copies - 1 - i) + k * opt.copies) * units();
}

static void copied(u64 i)
{
	for (u64 k = 0; k < opt.ranges; k++)
		stamped_copy(&s, to(i, k), &s, from(i, k), units());
}

static void prepare(u64 i, int src)
{
	args[i] = (struct blk_copy_args){
		.size = sizeof(args[i]),
		.src_fd = src,
		.nr_ranges = opt.ranges,
		.ranges = (uintptr_t)&ranges[i * opt.ranges],
	};
	for (u64 k = 0; k < opt.ranges; k++)
		ranges[i * opt.ranges + k] = (struct blk_copy_ioc_range){
			.src = from(i, k) * s.unit,
			.dst = to(i, k) * s.unit,
			.len = opt.bytes,
		};
	t_poison(&args[i], &ranges[i * opt.ranges], opt.ranges);
}

/* All at once; nothing completed so far is looked at. */
static void submit(struct ring *r, int src, int dst)
{
	int ret;

	for (u64 i = 0; i < opt.copies; i++) {
		prepare(i, src);
		ring_copy(r, dst, &args[i], i);
	}
	ret = ring_submit(r, 0);
	/* A thread of the kernel has taken some, if it is quick. */
	if (r->p.flags & IORING_SETUP_SQPOLL && ret >= 0)
		return;
	if (ret != (int)opt.copies)
		t_die("io_uring_enter took %d of %llu", ret, opt.copies);
}

static void ready(void)
{
	if (opt.ready && close(creat(opt.ready, 0600)))
		t_die("%s: %s", opt.ready, strerror(errno));
}

/* Returns what is wrong, or NULL. */
static const char *complete(struct ring *r)
{
	struct io_uring_cqe cqe;
	const char *why = NULL;

	for (u64 n = 0; n < opt.copies; n++) {
		u64 i;

		while (!ring_done(r, &cqe))
			ring_submit(r, 1);
		i = cqe.user_data;
		if (i >= opt.copies)
			return "completed what was not submitted";
		if (cqe.res)
			return t_errname(cqe.res);
		why = t_result(&args[i], &ranges[i * opt.ranges], 0);
		if (why)
			return why;
		copied(i);
		/* A second completion of it would find it poisoned. */
		t_poison(&args[i], &ranges[i * opt.ranges], opt.ranges);
	}
	return ring_done(r, &cqe) ? "completed twice" : NULL;
}

static void report(const char *name, const char *why)
{
	if (why)
		t_not_ok(name, "%s", why);
	else if (stamped_verify(&s, 0, s.nr, name))
		t_not_ok(name, "wrong data");
	else
		t_ok(name);
}

/* New data at both ends. */
static void stamp(void)
{
	static u32 generation;

	stamped_write(&s, 0, s.nr, 1, ++generation);
}

static int must_open(int flags)
{
	int fd = open(opt.dev, flags | O_CLOEXEC);

	if (fd < 0)
		t_die("%s: cannot open: %s", opt.dev, strerror(errno));
	return fd;
}

static void test_wait(void)
{
	static const struct {
		const char *name;
		unsigned int flags;
	} kinds[] = {
		{ "many copies at a time", 0 },
		{ "many copies, task work deferred",
		  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN },
		{ "many copies, submitted by a thread of the kernel",
		  IORING_SETUP_SQPOLL },
		{ "many copies, cooperative task work",
		  IORING_SETUP_COOP_TASKRUN },
	};
	struct ring r;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		stamp();
		ring_init(&r, opt.copies, kinds[i].flags);
		submit(&r, dev.fd, dev.fd);
		report(kinds[i].name, complete(&r));
		ring_exit(&r);
	}
}

/* The files are the ring's as long as it uses them. */
static void test_files(void)
{
	int src = must_open(O_RDONLY), dst = must_open(O_WRONLY);
	struct ring r;

	stamp();
	ring_init(&r, opt.copies, 0);
	submit(&r, src, dst);
	close(src);
	close(dst);
	ready();
	report("files are closed while copies run", complete(&r));
	ring_exit(&r);
}

/* A registered file as the destination. */
static void test_registered(void)
{
	int fd = must_open(O_WRONLY);
	struct ring r;
	int ret;

	stamp();
	ring_init(&r, opt.copies, 0);
	if (syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_FILES, &fd,
		    1))
		t_die("IORING_REGISTER_FILES: %s", strerror(errno));
	close(fd);
	for (u64 i = 0; i < opt.copies; i++) {
		prepare(i, dev.fd);
		ring_copy(&r, 0, &args[i], i)->flags = IOSQE_FIXED_FILE;
	}
	ret = ring_submit(&r, 0);
	report("to a registered file",
	       ret == (int)opt.copies ? complete(&r) : t_errname(ret));
	ring_exit(&r);
}

static void close_ring(unsigned int flags)
{
	struct ring r;
	char c;

	stamp();
	ring_init(&r, opt.copies, flags);
	submit(&r, dev.fd, dev.fd);
	/* Now, says somebody who sees that they run. */
	if (read(STDIN_FILENO, &c, 1) != 1)
		t_die("nothing on standard input");
	ring_exit(&r);
	ready();
	/* The ring ends by itself; somebody else sees when it has. */
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	stamped_write(&s, s.nr / 2, s.nr - s.nr / 2, 3, 1);
	usleep(300000);
	report("a closed ring writes nothing afterwards", NULL);
}

static void test_ring(void)
{
	close_ring(0);
}

static void test_deferred(void)
{
	close_ring(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

/* The ring has O_CLOEXEC, as those that are made have. */
static void test_exec(void)
{
	struct ring r;
	char c;

	stamp();
	ring_init(&r, opt.copies, 0);
	submit(&r, dev.fd, dev.fd);
	if (read(STDIN_FILENO, &c, 1) != 1)
		t_die("nothing on standard input");
	execl("/proc/self/exe", "copy_many", "--dev", opt.dev, "--ready",
	      opt.ready, "--how", "settled", NULL);
	t_die("exec: %s", strerror(errno));
}

static void test_settled(void)
{
	char c;

	ready();
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	stamp();
	usleep(300000);
	report("nothing is written after exec", NULL);
}

static void test_sleep(void)
{
	struct ring r;

	stamp();
	ring_init(&r, opt.copies, 0);
	submit(&r, dev.fd, dev.fd);
	for (;;)
		pause();
}

static int one(struct ring *r)
{
	struct io_uring_cqe cqe;

	ring_submit(r, 1);
	while (!ring_done(r, &cqe))
		ring_submit(r, 1);
	return cqe.res;
}

static void expect(const char *name, int got, int want)
{
	char text[80];

	snprintf(text, sizeof(text), "%s, expected %s", t_errname(got),
		 t_errname(want));
	report(name, got == want ? NULL : text);
}

static void test_bad(void)
{
	struct io_uring_sqe *sqe;
	struct ring r;

	stamp();
	ring_init(&r, 4, 0);
	prepare(0, dev.fd);
	ring_copy(&r, dev.fd, &args[0], 0)->addr3 = 1;
	expect("entry: addr3", one(&r), -EINVAL);
	ring_copy(&r, dev.fd, &args[0], 0)->len = 1;
	expect("entry: len", one(&r), -EINVAL);
	ring_copy(&r, dev.fd, &args[0], 0)->ioprio = 1;
	expect("entry: ioprio", one(&r), -EINVAL);
	ring_copy(&r, dev.fd, &args[0], 0)->file_index = 1;
	expect("entry: file_index", one(&r), -EINVAL);
	sqe = ring_copy(&r, dev.fd, &args[0], 0);
	sqe->cmd_op++;
	expect("entry: another command", one(&r), -EINVAL);
	sqe = ring_copy(&r, dev.fd, &args[0], 0);
	sqe->addr = (uintptr_t)-8;
	expect("entry: an address of the kernel", one(&r), -EFAULT);
	ring_copy(&r, r.fd, &args[0], 0);
	expect("entry: to the ring itself", one(&r), -EOPNOTSUPP);
	args[0].src_fd = r.fd;
	ring_copy(&r, dev.fd, &args[0], 0);
	expect("entry: from the ring itself", one(&r), -EINVAL);
	ring_exit(&r);
	ring_init(&r, 4, IORING_SETUP_IOPOLL);
	prepare(0, dev.fd);
	ring_copy(&r, dev.fd, &args[0], 0);
	expect("a ring that polls", one(&r), -EOPNOTSUPP);
	ring_exit(&r);
}

/* What is linked begins later: by then the application has used the entry again. */
static void test_reused(void)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	struct ring r;
	int fds[2], res = -ECANCELED;

	if (pipe(fds))
		t_die("pipe: %s", strerror(errno));
	stamp();
	ring_init(&r, 2, 0);
	prepare(0, dev.fd);
	prepare(1, dev.fd);
	ring_poll_linked(&r, fds[0], opt.copies);
	sqe = ring_copy(&r, dev.fd, &args[0], 0);
	if (ring_submit(&r, 0) != 2)
		t_die("io_uring_enter did not take both entries");
	sqe->addr = (uintptr_t)&args[1];
	if (write(fds[1], "", 1) != 1)
		t_die("pipe: %s", strerror(errno));
	for (int n = 0; n < 2;) {
		ring_submit(&r, 1);
		for (; ring_done(&r, &cqe); n++)
			res = cqe.user_data ? res : cqe.res;
	}
	copied(0);
	expect("an entry that is used again", res, 0);
	ring_exit(&r);
}

static void copy_one(struct ring *r, u64 i, const char *name)
{
	prepare(i, dev.fd);
	ring_copy(r, dev.fd, &args[i], i);
	copied(i);
	expect(name, one(r), 0);
}

/* What is cached at either end has to go first. */
static void test_cached(void)
{
	int fd = must_open(O_RDWR);
	char *buf = t_alloc(s.unit);
	struct ring r;

	stamp();
	ring_init(&r, 4, 0);
	if (pread(fd, buf, s.unit, to(0, 0) * s.unit) != s.unit)
		t_die("%s: read: %s", opt.dev, strerror(errno));
	copy_one(&r, 0, "the destination is cached");
	stamped_note(&s, from(1, 0), 1, 2, 1);
	stamped_render(&s, from(1, 0), 1, buf);
	if (pwrite(fd, buf, s.unit, from(1, 0) * s.unit) != s.unit)
		t_die("%s: write: %s", opt.dev, strerror(errno));
	copy_one(&r, 1, "the source is dirty");
	copy_one(&r, 2, "nothing is cached");
	ring_exit(&r);
	free(buf);
	close(fd);
}

static const struct {
	const char *name;
	void (*run)(void);
} hows[] = {
	{ "wait", test_wait },
	{ "files", test_files },
	{ "registered", test_registered },
	{ "deferred", test_deferred },
	{ "ring", test_ring },
	{ "exec", test_exec },
	{ "settled", test_settled },
	{ "sleep", test_sleep },
	{ "bad", test_bad },
	{ "reused", test_reused },
	{ "cached", test_cached },
};

static const char usage[] =
	"usage: copy_many --dev DEV [--copies N] [--ranges N] [--bytes SIZE]\n"
	"  [--ready FILE] [--how wait|files|registered|ring|deferred|exec|sleep|bad|cached]";

int main(int argc, char **argv)
{
	static const struct t_option options[] = {
		{ "--dev", .text = &opt.dev },
		{ "--how", .text = &opt.how },
		{ "--ready", .text = &opt.ready },
		{ "--copies", .number = &opt.copies },
		{ "--ranges", .number = &opt.ranges },
		{ "--bytes", .bytes = &opt.bytes },
		{},
	};

	t_options(argc, argv, options, usage);
	if (!opt.dev || !opt.copies || !opt.ranges)
		t_die("%s", usage);
	t_dev_open(&dev, opt.dev);
	stamped_init(&s, &dev, dev.lbs, 1);
	if (opt.bytes % s.unit || opt.copies * opt.ranges * units() > s.nr / 2)
		t_die("%s: too small for %llu copies of %llu bytes", opt.dev,
		      opt.copies, opt.bytes);
	args = calloc(opt.copies, sizeof(*args));
	ranges = calloc(opt.copies * opt.ranges, sizeof(*ranges));
	if (!args || !ranges)
		t_die("no memory for %llu copies", opt.copies);
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++)
		if (!strcmp(opt.how, hows[i].name)) {
			hows[i].run();
			return t_exit();
		}
	t_die("%s", usage);
}
