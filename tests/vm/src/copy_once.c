// SPDX-License-Identifier: GPL-2.0
/*
 * copy_once [--mode auto|offload|emulate] [--count N] [--interval-ms T] [--until-error]
 *           [--make-it-fail] [--exclusive] [--sync] [--stdin]
 *           SRC DST SRC_OFF DST_OFF LEN [SRC_OFF DST_OFF LEN]...
 *
 * One BLKCOPY of the ranges, --count times, and one line about the last of them:
 * error=EBUSY copied=0 offloaded=0 emulated=0 error_range=0
 * Offsets and lengths are bytes or carry KiB, MiB, GiB. Exit status 0 if all succeeded.
 *
 * --until-error: the first one that fails is the last one. --make-it-fail: during the
 * last one, the process is one that fault injection with a task filter is about.
 * --exclusive: DST is claimed. --sync: it is opened with O_SYNC. --stdin: open both, then
 * wait for the end of stdin.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t.h"

static const char usage[] =
	"usage: copy_once [--mode auto|offload|emulate] [--count N] [--interval-ms T] [--until-error] [--make-it-fail] [--exclusive] [--sync] [--stdin] SRC DST SRC_OFF DST_OFF LEN...";

static struct {
	u64 count;
	u64 interval_ms;
	int flags;
	int until_error;
	int make_it_fail;
	int exclusive;
	int sync;
	int wait_stdin;
} opt = { .count = 1 };

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		t_die("%s: cannot open: %s", path, strerror(errno));
	return fd;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "mode", 1, NULL, 'm' },
		{ "count", 1, NULL, 'c' },
		{ "interval-ms", 1, NULL, 'i' },
		{ "until-error", 0, &opt.until_error, 1 },
		{ "make-it-fail", 0, &opt.make_it_fail, 1 },
		{ "exclusive", 0, &opt.exclusive, 1 },
		{ "sync", 0, &opt.sync, 1 },
		{ "stdin", 0, &opt.wait_stdin, 1 },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 'm')
			opt.flags = t_mode_flags(optarg);
		else if (c == 'c')
			opt.count = t_number(optarg, "--count");
		else if (c == 'i')
			opt.interval_ms = t_number(optarg, "--interval-ms");
		else if (c)
			t_die("%s", usage);
	}
	if (opt.flags < 0 || !opt.count || argc - optind < 5 ||
	    (argc - optind - 2) % 3)
		t_die("%s", usage);
}

/* @fd stays open: with nothing to be had, it could not be opened again. */
static void set_make_it_fail(int fd, bool on)
{
	if (fd >= 0 && pwrite(fd, on ? "1" : "0", 1, 0) != 1)
		t_die("/proc/self/make-it-fail: %s", strerror(errno));
}

/* Returns how many failed. */
static u64 copy_all(int dst_fd, struct blk_copy_args *a)
{
	u64 failures = 0;
	int fail = -1;

	if (opt.make_it_fail)
		fail = must_open("/proc/self/make-it-fail", O_WRONLY);
	for (u64 i = 0; i < opt.count; i++) {
		if (i + 1 == opt.count)
			set_make_it_fail(fail, true);
		failures += !!t_copy(dst_fd, a);
		if (failures && opt.until_error)
			break;
		usleep(opt.interval_ms * 1000);
	}
	set_make_it_fail(fail, false);
	return failures;
}

int main(int argc, char **argv)
{
	struct blk_copy_args a = { .size = sizeof(a) };
	struct blk_copy_ioc_range *r;
	u64 failures;
	int dst_fd;
	char c;

	parse(argc, argv);
	a.src_fd = must_open(argv[optind], O_RDONLY);
	dst_fd = must_open(argv[optind + 1],
			   O_WRONLY | (opt.exclusive ? O_EXCL : 0) |
				   (opt.sync ? O_SYNC : 0));
	while (opt.wait_stdin && read(STDIN_FILENO, &c, 1) > 0)
		;
	argv += optind + 2;
	a.nr_ranges = (argc - optind - 2) / 3;
	r = calloc(a.nr_ranges, sizeof(*r));
	if (!r)
		t_die("no memory for %u ranges", a.nr_ranges);
	a.ranges = (uintptr_t)r;
	a.flags = opt.flags;
	for (u32 i = 0; i < a.nr_ranges; i++) {
		r[i].src = t_bytes(*argv++, "SRC_OFF");
		r[i].dst = t_bytes(*argv++, "DST_OFF");
		r[i].len = t_bytes(*argv++, "LEN");
	}
	failures = copy_all(dst_fd, &a);
	printf("error=%s copied=%llu offloaded=%llu emulated=%llu error_range=%u\n",
	       t_errname(a.error), a.copied, a.offloaded, a.emulated,
	       a.error_range);
	free(r);
	return failures != 0;
}
