// SPDX-License-Identifier: GPL-2.0
/* The ways into the kernel: T_CALL=ioctl, uring or cfr (copy_file_range()). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

enum t_call t_call(void)
{
	const char *name = getenv("T_CALL");

	if (!name || !strcmp(name, "ioctl"))
		return T_IOCTL;
	if (!strcmp(name, "uring"))
		return T_URING;
	if (!strcmp(name, "cfr"))
		return T_CFR;
	t_die("T_CALL=%s: ioctl, uring or cfr", name);
}

/* One copy at a time, by a ring that stays; a child has one of its own. */
static int copy_uring(int dst_fd, struct blk_copy_args *args)
{
	static struct ring ring;
	static pid_t owner;
	struct io_uring_cqe cqe;
	int ret;

	if (owner != getpid()) {
		ring_init(&ring, 4, 0);
		owner = getpid();
	}
	ring_copy(&ring, dst_fd, args, 0);
	ret = ring_submit(&ring, 1);
	if (ret < 0)
		t_die("io_uring_enter: %s", t_errname(ret));
	while (!ring_done(&ring, &cqe))
		ring_submit(&ring, 1);
	return cqe.res;
}

/* It has no out members and copies one range: fill in what the others would say. */
static int copy_cfr(int dst_fd, struct blk_copy_args *args)
{
	struct blk_copy_ioc_range *r = (void *)(uintptr_t)args->ranges;
	off_t from = r->src, to = r->dst;
	ssize_t n = 1;

	if (args->nr_ranges != 1 || args->flags)
		t_die("copy_file_range() takes one range and no flags");
	r->copied = 0;
	while (r->copied < r->len && n > 0) {
		n = copy_file_range(args->src_fd, &from, dst_fd, &to,
				    r->len - r->copied, 0);
		if (n > 0)
			r->copied += n;
	}
	args->copied = args->emulated = r->copied;
	args->offloaded = 0;
	args->error = n < 0 ? -errno : 0;
	args->error_range = r->copied == r->len;
	return args->error;
}

int t_copy(int dst_fd, struct blk_copy_args *args)
{
	switch (t_call()) {
	case T_URING:
		return copy_uring(dst_fd, args);
	case T_CFR:
		return copy_cfr(dst_fd, args);
	default:
		return ioctl(dst_fd, BLKCOPY, args) ? -errno : 0;
	}
}
