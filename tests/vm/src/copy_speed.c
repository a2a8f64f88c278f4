// SPDX-License-Identifier: GPL-2.0
/*
 * copy_speed --dev DEV --how copy|pair [--bytes SIZE] [--ranges N] [--depth D] [--msec T]
 *
 * How much is copied within DEV in T milliseconds by io_uring, D operations at a time. The first
 * half has the sources, N of SIZE bytes to an operation and no two of them neighbours; in the
 * second half their copies lie side by side. HOW:
 *   copy  BLOCK_URING_CMD_COPY with N ranges
 *   pair  N reads at once and then one write, all O_DIRECT: the fewest commands that do it
 *
 * Prints one JSON object: operations, bytes that they copied, nanoseconds. An operation that does
 * not do everything ends the program with status 2. That bytes are right is for others to see:
 * what is where does not depend on HOW once each place was copied.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "ring.h"

/* Of neighbours in the destination, the sources are so many places apart: not side by side. */
#define STRIDE 7

static struct {
	const char *dev;
	const char *how;
	u64 bytes;
	u64 ranges;
	u64 depth;
	u64 msec;
} opt = { .bytes = 8 << 10, .ranges = 1, .depth = 1, .msec = 1000 };

/*
 * One of the operations that are under way. @nr says which; @reads are not complete yet, or 0
 * while @buf is written.
 */
struct operation {
	u64 nr;
	u64 reads;
	char *buf;
	struct blk_copy_args args;
	struct blk_copy_ioc_range *range;
};

static struct t_dev dev;
static struct ring ring;
static struct operation *operations;
static u64 places; /* of opt.bytes, in a half */

static u64 source(const struct operation *op, u64 k)
{
	return (op->nr * opt.ranges + k) * STRIDE % places * opt.bytes;
}

static u64 destination(const struct operation *op)
{
	return (places + op->nr * opt.ranges % places) * opt.bytes;
}

static u64 index_of(const struct operation *op)
{
	return op - operations;
}

static void start_copy(struct operation *op)
{
	for (u64 k = 0; k < opt.ranges; k++)
		op->range[k] = (struct blk_copy_ioc_range){
			.src = source(op, k),
			.dst = destination(op) + k * opt.bytes,
			.len = opt.bytes,
		};
	op->args = (struct blk_copy_args){
		.size = sizeof(op->args),
		.src_fd = dev.fd,
		.nr_ranges = opt.ranges,
		.ranges = (uintptr_t)op->range,
	};
	ring_copy(&ring, dev.fd, &op->args, index_of(op));
}

static void start_reads(struct operation *op)
{
	for (u64 k = 0; k < opt.ranges; k++)
		ring_read_write(&ring, IORING_OP_READ, dev.fd,
				op->buf + k * opt.bytes, opt.bytes,
				source(op, k), index_of(op));
	op->reads = opt.ranges;
}

static void start_write(struct operation *op)
{
	ring_read_write(&ring, IORING_OP_WRITE, dev.fd, op->buf,
			opt.ranges * opt.bytes, destination(op), index_of(op));
}

static void start(struct operation *op, u64 nr)
{
	op->nr = nr;
	if (op->buf)
		start_reads(op);
	else
		start_copy(op);
}

/* Is @op through, as @res was the last of it? */
static bool advance(struct operation *op, s64 res)
{
	u64 bytes = op->reads ? opt.bytes : opt.ranges * opt.bytes;

	if (res < 0)
		t_die("operation %llu: %s", op->nr, t_errname(res));
	if (!op->buf)
		return true;
	if ((u64)res != bytes)
		t_die("operation %llu: %lld bytes of %llu", op->nr, res, bytes);
	if (!op->reads)
		return true;
	if (!--op->reads)
		start_write(op);
	return false;
}

/* Run operations until it is @end, in nanoseconds: how many. */
static u64 run(u64 end)
{
	u64 nr = 0, busy = 0;
	struct io_uring_cqe cqe;

	for (; busy < opt.depth; busy++)
		start(&operations[busy], nr++);
	while (busy) {
		int ret = ring_submit(&ring, 1);

		if (ret < 0 && ret != -EINTR)
			t_die("io_uring_enter: %s", t_errname(ret));
		while (ring_done(&ring, &cqe)) {
			struct operation *op = &operations[cqe.user_data];

			if (!advance(op, cqe.res))
				continue;
			if (t_now_ns() < end)
				start(op, nr++);
			else
				busy--;
		}
	}
	return nr;
}

static void prepare(bool pair)
{
	if (!opt.bytes || opt.bytes % dev.lbs || !opt.ranges || !opt.depth)
		t_die("sizes are multiples of %u bytes, and nothing is 0",
		      dev.lbs);
	/* Whole operations fit, so that no destination goes beyond the end. */
	places = dev.bytes / 2 / opt.bytes / opt.ranges * opt.ranges;
	if (places < opt.ranges * opt.depth)
		t_die("%s is too small", dev.path);
	operations = calloc(opt.depth, sizeof(*operations));
	for (u64 i = 0; i < opt.depth; i++) {
		if (pair)
			operations[i].buf = t_alloc(opt.ranges * opt.bytes);
		operations[i].range =
			calloc(opt.ranges, sizeof(*operations[i].range));
	}
	ring_init(&ring, opt.depth * opt.ranges, 0);
}

int main(int argc, char **argv)
{
	static const struct t_option table[] = {
		{ "--dev", .text = &opt.dev },
		{ "--how", .text = &opt.how },
		{ "--bytes", .bytes = &opt.bytes },
		{ "--ranges", .number = &opt.ranges },
		{ "--depth", .number = &opt.depth },
		{ "--msec", .number = &opt.msec },
		{},
	};
	static const char usage[] =
		"usage: copy_speed --dev DEV --how copy|pair [--bytes SIZE] "
		"[--ranges N] [--depth D] [--msec T]";
	u64 begin, nr;
	bool pair;

	t_options(argc, argv, table, usage);
	if (!opt.dev || !opt.how)
		t_die("%s", usage);
	pair = !strcmp(opt.how, "pair");
	if (!pair && strcmp(opt.how, "copy"))
		t_die("%s", usage);
	t_dev_open(&dev, opt.dev);
	prepare(pair);
	begin = t_now_ns();
	nr = run(begin + opt.msec * 1000000);
	printf("{\"operations\": %llu, \"bytes\": %llu, \"ns\": %llu}\n", nr,
	       nr * opt.ranges * opt.bytes, t_now_ns() - begin);
	return 0;
}
