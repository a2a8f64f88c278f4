// SPDX-License-Identifier: GPL-2.0
/*
 * copy_kill: signals during a large copy.
 *
 * SIGKILL must end it within a bound, what it reports as copied must be copied, and
 * nothing may be written after the process is gone: the destination is then stamped anew
 * and must stay so. Other signals must not end it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "stamp.h"

#define SETTLE_MS 300 /* a late write would come within this time */

static struct {
	const char *src;
	const char *dst;
	const char *mode;
	u64 bytes;
	u64 rounds;
	u64 bound_ms;
	u64 seed;
	u32 flags;
} opt = { .mode = "auto",
	  .bytes = 64 << 20,
	  .rounds = 8,
	  .bound_ms = 5000,
	  .seed = 1 };

static struct t_dev src_dev, dst_dev;
static struct stamped src, dst_other;
static struct stamped *dst = &dst_other;
static u64 from, to, nr; /* in units */
static u32 generation = 1;

/* Shared with the child: the kernel writes the out members before the child dies. */
struct shared {
	struct blk_copy_args a;
	struct blk_copy_ioc_range r;
	volatile int begun;
	volatile int ended;
};

static struct shared *shared;

static void prepare(void)
{
	*shared = (struct shared){
		.a = {
			.size = sizeof(shared->a),
			.flags = opt.flags,
			.src_fd = src_dev.fd,
			.nr_ranges = 1,
			.ranges = (uintptr_t)&shared->r,
		},
		.r = { from * src.unit, to * src.unit, nr * src.unit, 0 },
	};
	t_poison(&shared->a, &shared->r, 1);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		t_die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	shared->begun = 1;
	t_copy(dst_dev.fd, &shared->a);
	shared->ended = 1;
	_exit(0);
}

static void reap(pid_t pid)
{
	if (waitpid(pid, NULL, 0) != pid)
		t_die("waitpid: %s", strerror(errno));
}

/* How long the whole copy takes undisturbed. */
static u64 measure(void)
{
	u64 begin = t_now_ns();

	prepare();
	reap(start_child());
	if (shared->a.error)
		t_die("copy of %llu bytes: %s", opt.bytes,
		      t_errname(shared->a.error));
	stamped_copy(dst, to, &src, from, nr);
	return t_now_ns() - begin;
}

/* Each unit of the destination is old or copied, the first ones copied as reported. */
static u64 check_prefix(const stamp_id *old, u64 copied)
{
	u64 bad;

	stamped_copy(dst, to, &src, from, nr);
	bad = stamped_verify(dst, to, copied / dst->unit, "reported as copied");
	bad += stamped_verify_either(dst, old, to, nr, "old or copied");
	return bad;
}

/* Stamp the destination anew: it must stay as it is, and the rest too. */
static u64 check_silence(void)
{
	u64 bad;

	stamped_write(dst, to, nr, 3, ++generation);
	usleep(SETTLE_MS * 1000);
	bad = stamped_verify(dst, 0, dst->nr, "after the copy was killed");
	if (dst != &src)
		bad += stamped_verify(&src, 0, src.nr,
				      "after the copy was killed");
	return bad;
}

struct round {
	bool interrupted;
	u64 bad;
	u64 ms;
	const char *why;
};

static void kill_round(struct round *round, u64 delay_ns)
{
	size_t size = dst->nr * sizeof(stamp_id);
	stamp_id *old = t_alloc(size);
	u64 begin;
	pid_t pid;

	memcpy(old, dst->ids, size);
	prepare();
	pid = start_child();
	while (!shared->begun)
		usleep(50);
	usleep(delay_ns / 1000);
	begin = t_now_ns();
	kill(pid, SIGKILL);
	reap(pid);
	round->ms = (t_now_ns() - begin) / 1000000;
	round->interrupted = shared->a.error == -EINTR;
	/* Killed before the call, it did not get to call. */
	if (shared->a.error != T_POISON)
		round->why = t_result(&shared->a, &shared->r, shared->a.error);
	if (!round->why && shared->a.error && shared->a.error != T_POISON &&
	    !round->interrupted)
		round->why = t_errname(shared->a.error);
	round->bad = round->why ? 0 :
				  check_prefix(old, round->interrupted ?
							    shared->a.copied :
							    0);
	round->bad += check_silence();
	free(old);
}

static void test_kill(u64 whole_ns)
{
	struct t_rng rng = { opt.seed };
	u64 i, interrupted = 0, slowest = 0, bound = 2 * whole_ns / 1000000;

	/* A machine that takes long for the whole copy takes long for the end. */
	if (bound < opt.bound_ms)
		bound = opt.bound_ms;
	/* On a busy machine the kill may come too late, time and again. */
	for (i = 0; i < opt.rounds || (!interrupted && i < 8 * opt.rounds);
	     i++) {
		struct round round = {};

		kill_round(&round, t_below(&rng, whole_ns * 3 / 4 + 1));
		interrupted += round.interrupted;
		slowest = round.ms > slowest ? round.ms : slowest;
		if (round.why || round.bad) {
			t_not_ok("killed copy",
				 "round %llu: %s, %llu units wrong", i,
				 round.why ? round.why : "data", round.bad);
			return;
		}
	}
	t_note("copy of %llu bytes takes %llu ms; %llu of %llu interrupted; slowest end %llu ms",
	       opt.bytes, whole_ns / 1000000, interrupted, i, slowest);
	t_ok("killed copy: what is reported is copied, nothing is written afterwards");
	if (slowest > bound)
		t_not_ok("killed copy ends in time", "%llu ms, bound is %llu",
			 slowest, bound);
	else
		t_ok("killed copy ends in time");
	if (interrupted)
		t_ok("SIGKILL interrupts a copy");
	else
		t_not_ok("SIGKILL interrupts a copy",
			 "it ended as if nothing had happened, each time");
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms = alarms + 1;
}

/* A signal that is caught does not end a copy (as BLKDISCARD: all or fatal). */
static void test_other_signals(void)
{
	const char *name = "other signals do not interrupt a copy";
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	struct sigaction action = { .sa_handler = on_alarm };
	int ret;

	sigaction(SIGALRM, &action, NULL);
	prepare();
	setitimer(ITIMER_REAL, &often, NULL);
	ret = t_copy(dst_dev.fd, &shared->a);
	setitimer(ITIMER_REAL, &never, NULL);
	stamped_copy(dst, to, &src, from, nr);
	if (ret || t_result(&shared->a, &shared->r, ret))
		t_not_ok(name, "returned %s after %llu bytes", t_errname(ret),
			 shared->a.copied);
	else if (!alarms)
		t_not_ok(name, "no signal came while it ran");
	else if (stamped_verify(dst, 0, dst->nr, "after signals"))
		t_not_ok(name, "wrong data");
	else
		t_ok(name);
}

static const char usage[] =
	"usage: copy_kill --src DEV [--dst DEV] [--bytes SIZE] [--rounds N]\n"
	"  [--bound-ms T] [--mode auto|offload|emulate] [--seed N]";

static void parse(int argc, char **argv)
{
	static const struct t_option options[] = {
		{ "--src", .text = &opt.src },
		{ "--dst", .text = &opt.dst },
		{ "--mode", .text = &opt.mode },
		{ "--bytes", .bytes = &opt.bytes },
		{ "--rounds", .number = &opt.rounds },
		{ "--bound-ms", .number = &opt.bound_ms },
		{ "--seed", .number = &opt.seed },
		{},
	};

	t_options(argc, argv, options, usage);
	if (!opt.src || t_mode_flags(opt.mode) < 0)
		t_die("%s", usage);
	if (!opt.dst)
		opt.dst = opt.src;
	opt.flags = t_mode_flags(opt.mode);
}

static void open_devices(void)
{
	bool same = !strcmp(opt.src, opt.dst);
	u32 unit;

	t_dev_open(&src_dev, opt.src);
	t_dev_open(&dst_dev, opt.dst);
	unit = src_dev.lbs > dst_dev.lbs ? src_dev.lbs : dst_dev.lbs;
	nr = opt.bytes / unit;
	stamped_init(&src, &src_dev, unit, opt.seed);
	stamped_write(&src, 0, src.nr, 1, generation);
	if (same) {
		dst = &src;
		to = nr;
	} else {
		stamped_init(dst, &dst_dev, unit, opt.seed);
		stamped_write(dst, 0, dst->nr, 2, generation);
	}
	if (!nr || nr > src.nr || to + nr > dst->nr)
		t_die("--bytes %llu: the devices are too small for it",
		      opt.bytes);
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		t_die("mmap: %s", strerror(errno));
	open_devices();
	test_kill(measure());
	test_other_signals();
	return t_exit();
}
