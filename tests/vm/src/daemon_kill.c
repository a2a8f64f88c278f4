// SPDX-License-Identifier: GPL-2.0
/*
 * daemon_kill: SIGKILL at any moment, to who applies rules to disks.
 *
 *	daemon_kill KILLS SEED DISK OTHER daemon WORD...	a daemon that is started so
 *	daemon_kill KILLS SEED DISK OTHER command WORD...	a command that applies them
 *
 * The rules change between two sets that have nothing in common.  At each kill, each disk has a
 * policy and a limit of one of both.  What is started afterwards makes it whole: the policies, the
 * limit, and no pin too few or too many.  A third disk comes and goes meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "slots.h"

#define RULES	   "/etc/bpfcopy/bpfcopy.conf"
#define STATE_DIR  "/run/bpfcopy"
#define PATIENCE_S 180
#define SHOWN	   5 /* of what is wrong, so many are told in full */
#define LOG_MAX	   16384

/* What a set of rules wants. */
struct want {
	const char *disk;
	const char *other;
	u64 limit;
};

static const struct want wants[2] = {
	{ "never", "always", 32 << 10 },
	{ "always", "never", 16 << 10 },
};

static struct {
	u64 kills;
	struct t_rng rng;
	const char *disk;
	const char *other;
	u32 dev;
	u32 other_dev;
	char **argv; /* of the victim */
} opt;

static int set;
static u64 kills, bad;
/* Found at a kill: nothing done yet, some of it, all of it. */
static u64 found[3];
/* What one takes, as measured last; and of a change, what it takes once it has begun. */
static u64 start_ns = 1, change_ns = 1, steps_ns = 1;
/* Hears when it begins: what is going to be done is noted first. */
static int noted_fd;

static void watch_notes(void)
{
	mkdir(STATE_DIR, 0755);
	noted_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify_add_watch(noted_fd, STATE_DIR, IN_MOVED_TO) < 0)
		t_die(STATE_DIR ": %s", strerror(errno));
}

static void forget_notes(void)
{
	char events[4096];

	while (read(noted_fd, events, sizeof(events)) > 0)
		;
}

/* A change has begun, or so much time is over. */
static void wait_noted(u64 ns)
{
	struct pollfd p = { .fd = noted_fd, .events = POLLIN };

	poll(&p, 1, ns / 1000000 + 1);
}

static void write_rules(void)
{
	const struct want *want = &wants[set = !set];
	FILE *f = fopen(RULES ".next", "we");

	forget_notes();
	if (!f)
		t_die(RULES ".next: %s", strerror(errno));
	fprintf(f,
		"[policy.first]\nmatch_name = %s\npolicy = %s\ncopy_max_bytes = %lluB\n"
		"[policy.second]\nmatch_name = %s\npolicy = %s\n"
		"[policy.debug]\nmatch_transport = debug\npolicy = threshold\n",
		opt.disk, want->disk, want->limit, opt.other, want->other);
	if (fclose(f) || rename(RULES ".next", RULES))
		t_die(RULES ": %s", strerror(errno));
}

/*
 * What is
 */

struct now {
	struct slot slots[SLOTS_MAX];
	size_t nr;
	const char *disk;
	const char *other;
	u64 limit;
};

static const char *policy_of(const struct now *now, u32 dev)
{
	const struct slot *slot = slots_find(now->slots, now->nr, dev);

	return slot ? slot->policy : "none";
}

static u64 read_limit(void)
{
	char path[PATH_MAX];
	u64 limit = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/copy_max_bytes",
		 opt.disk);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%llu", &limit) != 1)
		t_die("%s: %s", path, strerror(errno));
	fclose(f);
	return limit;
}

static void look(struct now *now)
{
	now->nr = slots_list(now->slots);
	now->disk = policy_of(now, opt.dev);
	now->other = policy_of(now, opt.other_dev);
	now->limit = read_limit();
}

/* How many of the three things that a set of rules wants are so. */
static int agrees(const struct now *now, const struct want *want)
{
	return !strcmp(now->disk, want->disk) +
	       !strcmp(now->other, want->other) + (now->limit == want->limit);
}

static bool others_have(const struct now *now, const char *policy)
{
	for (size_t i = 0; i < now->nr; i++)
		if (now->slots[i].dev != opt.dev &&
		    now->slots[i].dev != opt.other_dev &&
		    strcmp(now->slots[i].policy, policy))
			return false;
	return true;
}

/* As the sets have nothing in common, each of the three is of one of them. */
static bool is_old_or_new(const struct now *now)
{
	return agrees(now, &wants[0]) + agrees(now, &wants[1]) == 3 &&
	       others_have(now, "threshold");
}

/* Does the disk that comes and goes have its policy, if it is here? */
static bool all_have_one(const struct now *now)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	size_t disks = 0;

	while (dir && (entry = readdir(dir))) {
		u32 dev = strncmp(entry->d_name, "nvme", 4) ?
				  0 :
				  slots_dev(entry->d_name);

		if (!dev)
			continue;
		disks++;
		if (!slots_find(now->slots, now->nr, dev))
			disks = SLOTS_MAX + 1;
	}
	if (dir)
		closedir(dir);
	return disks == now->nr;
}

static void tell(const char *when, const struct now *now, const char *why)
{
	if (++bad > SHOWN)
		return;
	t_note("kill %llu, %s: %s=%s %s=%s limit %llu, %zu policies; want set %d; %s",
	       kills, when, opt.disk, now->disk, opt.other, now->other,
	       now->limit, now->nr, set, why);
}

static void check_killed(const char *when)
{
	struct now now;
	int done;

	look(&now);
	done = agrees(&now, &wants[set]);
	found[done == 0 ? 0 : done == 3 ? 2 : 1]++;
	if (!is_old_or_new(&now))
		tell(when, &now, "neither old nor new");
}

static const char *not_whole(struct now *now)
{
	look(now);
	if (agrees(now, &wants[set]) != 3)
		return "not what the rules want";
	if (!others_have(now, "threshold") || !all_have_one(now))
		return "nor has every disk its policy";
	return slots_check_pins(now->slots, now->nr);
}

static void sleep_ns(u64 ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&t, NULL);
}

/* Return: is it? */
static bool wait_whole(const char *when)
{
	u64 deadline = t_now_ns() + PATIENCE_S * 1000000000ULL;
	struct now now;
	const char *why;

	while ((why = not_whole(&now)) && t_now_ns() < deadline)
		sleep_ns(2000000);
	if (why)
		tell(when, &now, why);
	return !why;
}

/*
 * The victim
 */

static char said[LOG_MAX];
static size_t nr_said;
static int said_fd = -1;

static pid_t spawn(void)
{
	int pipe_fd[2];
	pid_t pid;

	if (said_fd >= 0)
		close(said_fd);
	if (pipe2(pipe_fd, O_CLOEXEC) || (pid = fork()) < 0)
		t_die("cannot start %s: %s", *opt.argv, strerror(errno));
	if (!pid) {
		dup2(pipe_fd[1], STDERR_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execvp(*opt.argv, opt.argv);
		_exit(127);
	}
	close(pipe_fd[1]);
	said_fd = pipe_fd[0];
	nr_said = 0;
	return pid;
}

/* Read what it says, until it has said @what; NULL: to its end.  Return: has it? */
static bool hear(const char *what)
{
	struct pollfd p = { .fd = said_fd, .events = POLLIN };
	ssize_t n = 1;

	while (n > 0 && nr_said < sizeof(said) - 1 &&
	       poll(&p, 1, PATIENCE_S * 1000) > 0) {
		n = read(said_fd, said + nr_said, sizeof(said) - 1 - nr_said);
		nr_said += n > 0 ? n : 0;
		said[nr_said] = '\0';
		if (what && strstr(said, what))
			return true;
	}
	return false;
}

/*
 * At a moment of what takes so long, or a little later.  Most of it is to get ready: so every
 * other moment is one of the steps.
 */
static void kill_within(pid_t pid, u64 ns, const char *when)
{
	if (t_below(&opt.rng, 2)) {
		wait_noted(ns * 2);
		ns = steps_ns;
	}
	sleep_ns(t_below(&opt.rng, ns + ns / 8 + 1));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kills++;
	check_killed(when);
}

/*
 * A disk comes or goes
 */

static bool plugged;
static pid_t plugging;

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		t_die("%s: %s", path, strerror(errno));
	close(fd);
}

static void pull(void)
{
	char path[PATH_MAX], nqn[256];

	for (int i = 0; i < 100; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/nvme/nvme%d/subsysnqn",
			 i);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (!fgets(nqn, sizeof(nqn), f))
			*nqn = '\0';
		fclose(f);
		if (strcmp(nqn, "nqn.test:come\n"))
			continue;
		strcpy(strrchr(path, '/'), "/delete_controller");
		write_to(path, "1");
		return;
	}
	t_die("the disk that came is not here");
}

/* Goes on while others are killed. */
static void plug_or_pull(void)
{
	plugging = fork();
	if (plugging < 0)
		t_die("fork: %s", strerror(errno));
	plugged = !plugged;
	if (plugging)
		return;
	if (plugged)
		write_to("/dev/nvme-fabrics",
			 "transport=debug,traddr=come,nqn=nqn.test:come");
	else
		pull();
	_exit(0);
}

static void wait_plug(void)
{
	int status = 0;

	if (plugging && waitpid(plugging, &status, 0) == plugging && status)
		t_die("the disk neither came nor went");
	plugging = 0;
}

/*
 * A daemon
 */

static pid_t start_daemon(void)
{
	u64 began = t_now_ns();
	pid_t pid = spawn();

	if (!hear("ready, with"))
		t_die("the daemon does not start after %llu kills: %s", kills,
		      said);
	start_ns = t_now_ns() - began;
	wait_plug();
	wait_whole("started again");
	return pid;
}

static void measure_change(pid_t pid)
{
	u64 began = t_now_ns(), noted;

	write_rules();
	kill(pid, SIGHUP);
	wait_noted(PATIENCE_S * 1000000000ULL);
	noted = t_now_ns();
	wait_whole("before any kill");
	steps_ns = t_now_ns() - noted;
	change_ns = t_now_ns() - began;
}

static void kill_while_it_starts(void)
{
	write_rules();
	kill_within(spawn(), start_ns, "while it starts");
}

static void kill_while_it_changes(pid_t pid)
{
	write_rules();
	if (kills % 3 == 2)
		plug_or_pull();
	kill(pid, SIGHUP);
	kill_within(pid, change_ns, "while it changes");
}

static void kill_daemons(void)
{
	pid_t pid;
	int status;

	write_rules();
	pid = start_daemon();
	measure_change(pid);
	while (kills < opt.kills) {
		kill_while_it_changes(pid);
		while (kills < opt.kills && t_below(&opt.rng, 2))
			kill_while_it_starts();
		pid = start_daemon();
	}
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid || status)
		t_die("the last daemon ends with status %d", status);
}

/*
 * A command
 */

static void apply(void)
{
	u64 began = t_now_ns(), noted;
	pid_t pid = spawn();
	int status;

	wait_noted(change_ns);
	noted = t_now_ns();
	hear(NULL);
	steps_ns = t_now_ns() - noted;
	if (waitpid(pid, &status, 0) != pid || status)
		t_die("%s ends with status %d after %llu kills: %s", *opt.argv,
		      status, kills, said);
	change_ns = t_now_ns() - began;
	wait_whole("applied again");
}

static void kill_commands(void)
{
	write_rules();
	apply();
	write_rules();
	apply();
	while (kills < opt.kills) {
		write_rules();
		kill_within(spawn(), change_ns, "the command");
		if (kills % 4 == 0 || kills == opt.kills)
			apply();
	}
}

int main(int argc, char **argv)
{
	char name[128];
	u64 began;

	if (argc < 7)
		t_die("usage: daemon_kill KILLS SEED DISK OTHER daemon|command WORD...");
	opt.kills = t_number(argv[1], "KILLS");
	opt.rng.state = t_number(argv[2], "SEED");
	opt.disk = argv[3];
	opt.other = argv[4];
	opt.argv = argv + 6;
	opt.dev = slots_dev(opt.disk);
	opt.other_dev = slots_dev(opt.other);
	slots_init();
	watch_notes();
	began = t_now_ns();
	if (!strcmp(argv[5], "daemon"))
		kill_daemons();
	else
		kill_commands();
	snprintf(
		name, sizeof(name),
		"%llu kills of the %s: the old policy or the new, and whole after it",
		kills, argv[5]);
	if (bad)
		t_not_ok(name, "%llu times not", bad);
	else
		t_ok(name);
	t_note("in %llu ms; a start takes %llu ms, a change %llu ms, its steps %llu ms",
	       (t_now_ns() - began) / 1000000, start_ns / 1000000,
	       change_ns / 1000000, steps_ns / 1000000);
	t_note("found: not begun %llu times, half done %llu, done %llu",
	       found[0], found[1], found[2]);
	return t_exit();
}
