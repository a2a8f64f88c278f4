// SPDX-License-Identifier: GPL-2.0
/*
 * copy_history --dev DEV [--alias DEV] --log FILE [--blocks N] [--ms N] [--seed N]
 *
 * Processes that write, copy and read the same few blocks at the same time, each copier by a
 * way of its own (ioctl, io_uring, copy_file_range()), and say what they did, and when, in
 * FILE.0, FILE.1, ...: logs for history_check. Two names of the same blocks, if there are
 * two, are used at random. Writers and readers go around the page cache.
 *
 * What is asked for follows from the seed, but not what happens at the same time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "stamp.h"

#define MAX_RANGES 4
#define MAX_BLOCKS 8 /* of a range, a read or a write */

static struct {
	const char *dev;
	const char *alias;
	const char *log;
	u64 blocks;
	u64 ms;
	u64 seed;
} opt = { .blocks = 96, .ms = 4000 };

static struct t_dev names[2];
static struct stamped s;
static FILE *out;
static char *buf;
static struct t_rng rng;
static u64 deadline;

/* Of a child, for its last line. */
static u64 done, failed, offloaded, emulated;

static struct t_dev *any_name(void)
{
	return &names[opt.alias ? t_below(&rng, 2) : 0];
}

/* Some blocks behind each other, at most MAX_BLOCKS. */
static u64 choose(u64 *nr)
{
	*nr = 1 + t_below(&rng, MAX_BLOCKS);
	return t_below(&rng, opt.blocks - *nr + 1);
}

/* The first 16 bits of a generation are in the stamp, so that is how many there may be. */
static void write_blocks(u32 writer, u32 generation, u64 first, u64 nr)
{
	size_t len = nr * s.unit;
	u64 start;
	ssize_t n;

	stamped_note(&s, first, nr, writer, generation);
	stamped_render(&s, first, nr, buf);
	start = t_now_ns();
	n = pwrite(any_name()->fd, buf, len, first * s.unit);
	fprintf(out, "w %llu %llu %llu %llu", start, t_now_ns(),
		n == (ssize_t)len ? nr : 0, first);
	for (u64 i = first; i < first + nr; i++)
		fprintf(out, " %llx", s.ids[i]);
	fputc('\n', out);
	failed += n != (ssize_t)len;
}

static void read_blocks(u64 first, u64 nr)
{
	size_t len = nr * s.unit;
	u64 start = t_now_ns(), end;
	stamp_id id;

	if (pread(any_name()->fd, buf, len, first * s.unit) != (ssize_t)len) {
		failed++;
		return;
	}
	end = t_now_ns();
	fprintf(out, "r %llu %llu %llu", start, end, first);
	for (u64 i = 0; i < nr; i++)
		if (stamp_read(&s, buf + i * s.unit, &id))
			fprintf(out, " %llx", id);
		else
			fputs(" ?", out);
	fputc('\n', out);
}

static bool overlap(u64 a, u64 b, u64 nr)
{
	return a < b + nr && b < a + nr;
}

/* A destination may be no other range's, source or destination. */
static bool fits(const struct blk_copy_ioc_range *r, u32 nr, u64 from, u64 to,
		 u64 len)
{
	if (overlap(from, to, len))
		return false;
	for (u32 i = 0; i < nr; i++) {
		u64 most = len > r[i].len ? len : r[i].len;

		if (overlap(r[i].dst, to, most) ||
		    overlap(r[i].dst, from, most) ||
		    overlap(r[i].src, to, most))
			return false;
	}
	return true;
}

/* In blocks. Returns how many ranges there are, at least one. */
static u32 choose_ranges(struct blk_copy_ioc_range *r, u32 most)
{
	u32 nr = 0, tries = 0;
	u64 from, to, len, other;

	while (!nr || (nr < most && tries++ < 8)) {
		from = choose(&len);
		to = choose(&other);
		if (other < len)
			len = other;
		if (fits(r, nr, from, to, len))
			r[nr++] = (struct blk_copy_ioc_range){
				.src = from,
				.dst = to,
				.len = len,
			};
	}
	return nr;
}

static void log_copy(const struct blk_copy_ioc_range *r, u64 start, u64 end)
{
	fprintf(out, "c %llu %llu %llu %llu %llu %llu\n", start, end,
		r->copied / s.unit, r->src / s.unit, r->dst / s.unit,
		r->len / s.unit);
}

static void copy_blocks(void)
{
	static const u32 flags[] = { 0, 0, 0, BLK_COPY_OFFLOAD_ONLY,
				     BLK_COPY_EMULATE_ONLY };
	bool cfr = t_call() == T_CFR;
	struct blk_copy_ioc_range r[MAX_RANGES];
	struct blk_copy_args a = {
		.size = sizeof(a),
		.src_fd = any_name()->fd,
		.flags = cfr ? 0 : flags[t_below(&rng, ARRAY_SIZE(flags))],
		.nr_ranges = choose_ranges(r, cfr ? 1 : MAX_RANGES),
		.ranges = (uintptr_t)r,
	};
	const char *why;
	u64 start, end;
	int ret;

	for (u32 i = 0; i < a.nr_ranges; i++) {
		r[i].src *= s.unit;
		r[i].dst *= s.unit;
		r[i].len *= s.unit;
	}
	t_poison(&a, r, a.nr_ranges);
	start = t_now_ns();
	ret = t_copy(any_name()->fd, &a);
	end = t_now_ns();
	why = t_result(&a, r, ret);
	if (why)
		t_die("a copy that returns %s: %s", t_errname(ret), why);
	for (u32 i = 0; i < a.nr_ranges; i++)
		log_copy(&r[i], start, end);
	/* With copies alone, of copies, anything could be anywhere. */
	usleep((end - start) / 1000);
	offloaded += a.offloaded / s.unit;
	emulated += a.emulated / s.unit;
	/* Offload only may be refused. */
	if (ret && !(a.flags & BLK_COPY_OFFLOAD_ONLY)) {
		t_note("a copy: %s", t_errname(ret));
		failed++;
	}
}

static void act(char what, u32 who)
{
	u64 nr, first = choose(&nr);

	switch (what) {
	case 'w':
		write_blocks(who, done + 2, first, nr);
		break;
	case 'r':
		read_blocks(first, nr);
		break;
	default:
		copy_blocks();
	}
}

static void open_log(u32 n)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.%u", opt.log, n);
	out = fopen(path, "w");
	if (!out)
		t_die("%s: %s", path, strerror(errno));
}

static void close_log(void)
{
	if (ferror(out) || fclose(out))
		t_die("%s: cannot write", opt.log);
}

static const struct {
	const char *name;
	char what;
	const char *call;
} workers[] = {
	{ "writer", 'w', "ioctl" },	   { "another writer", 'w', "ioctl" },
	{ "reader", 'r', "ioctl" },	   { "another reader", 'r', "ioctl" },
	{ "BLKCOPY", 'c', "ioctl" },	   { "another BLKCOPY", 'c', "ioctl" },
	{ "io_uring", 'c', "uring" },	   { "another io_uring", 'c', "uring" },
	{ "copy_file_range", 'c', "cfr" },
};

static void work(u32 n)
{
	setenv("T_CALL", workers[n].call, 1);
	rng.state = t_mix(opt.seed) + n;
	open_log(n + 1);
	/* Who begins late does a bit, too. */
	do {
		act(workers[n].what, n + 1);
		done++;
	} while (t_now_ns() < deadline && done < 60000);
	close_log();
	t_note("%s: done=%llu failed=%llu offloaded=%llu emulated=%llu",
	       workers[n].name, done, failed, offloaded, emulated);
	exit(failed ? 1 : 0);
}

/* All at once. Returns whether all went well. */
static bool work_all(void)
{
	pid_t pid[ARRAY_SIZE(workers)];
	bool good = true;
	int status;

	deadline = t_now_ns() + opt.ms * 1000000;
	fflush(NULL);
	for (u32 n = 0; n < ARRAY_SIZE(workers); n++) {
		pid[n] = fork();
		if (pid[n] < 0)
			t_die("fork: %s", strerror(errno));
		if (!pid[n])
			work(n);
	}
	for (u32 n = 0; n < ARRAY_SIZE(workers); n++) {
		if (waitpid(pid[n], &status, 0) < 0 || status) {
			t_note("%s: failed", workers[n].name);
			good = false;
		}
	}
	return good;
}

static void each(void (*act)(u64 first, u64 nr))
{
	for (u64 at = 0; at < opt.blocks; at += MAX_BLOCKS)
		act(at, opt.blocks - at < MAX_BLOCKS ? opt.blocks - at :
						       MAX_BLOCKS);
}

static void first_write(u64 first, u64 nr)
{
	write_blocks(0, 1, first, nr);
}

static const char usage[] =
	"usage: copy_history --dev DEV [--alias DEV] --log FILE [--blocks N] [--ms N] [--seed N]";

static void parse(int argc, char **argv)
{
	static const struct t_option options[] = {
		{ "--dev", .text = &opt.dev },
		{ "--alias", .text = &opt.alias },
		{ "--log", .text = &opt.log },
		{ "--blocks", .number = &opt.blocks },
		{ "--ms", .number = &opt.ms },
		{ "--seed", .number = &opt.seed },
		{},
	};

	t_options(argc, argv, options, usage);
	if (!opt.dev || !opt.log || opt.blocks < 2 * MAX_BLOCKS)
		t_die("%s", usage);
	if (!opt.seed &&
	    getrandom(&opt.seed, sizeof(opt.seed), 0) != sizeof(opt.seed))
		t_die("no random seed: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	bool good;

	parse(argc, argv);
	t_dev_open(&names[0], opt.dev);
	if (opt.alias)
		t_dev_open(&names[1], opt.alias);
	stamped_init(&s, &names[0], names[0].lbs, opt.seed);
	if (opt.blocks > s.nr)
		t_die("%s: too small for %llu blocks", opt.dev, opt.blocks);
	buf = t_alloc(MAX_BLOCKS * s.unit);
	rng.state = t_mix(opt.seed);
	open_log(0);
	each(first_write);
	fflush(out);
	good = work_all();
	each(read_blocks);
	close_log();
	t_note("seed %llu, %llu blocks of %u bytes", opt.seed, opt.blocks,
	       s.unit);
	if (good && !failed)
		t_ok("all of it could be done");
	else
		t_not_ok("all of it could be done", "see above");
	return t_exit();
}
