// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopyd: start, signals, the end; see daemon.h.
 *
 * It may be killed at any moment.  What it attached stays attached, and the next
 * one goes on from there; so does an update of the package.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "../control.h"
#include "../exit.h"
#include "../kernel.h"
#include "../rlimit.h"
#include "../rules.h"
#include "daemon.h"

const char *argp_program_version = "bpfcopyd " BPFCOPY_VERSION;

static const struct argp argp = {
	.doc = "Keep copy policies and limits of disks what the rules say.\v"
	       "Rules are read from /usr/lib/bpfcopy/*.conf, "
	       "/etc/bpfcopy/bpfcopy.conf and "
	       "/etc/bpfcopy/bpfcopy.conf.d/*.conf. SIGHUP reads them again and "
	       "applies them, all or nothing. When it ends, what it attached "
	       "stays; `bpfcopy policy revert' takes it away.\n"
	       "\nExit status: as of bpfcopy.",
};

/*
 * One daemon
 */

static int fail_second(int fd)
{
	char pid[32] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[len > 0 ? strcspn(pid, "\n") : 0] = '\0';
	log_line(LOG_ERR, NULL, NULL,
		 "another bpfcopyd runs already, as process %s",
		 *pid ? pid : "unknown");
	return -EEXIST;
}

/* Who looks whether a daemon runs holds the lock for a moment, too. */
static int lock_alone(int fd)
{
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (i == 20)
			return fail_second(fd);
		usleep(20000);
	}
	return 0;
}

/* Return: a descriptor that says so as long as it is open, or an errno. */
static int be_the_only_one(void)
{
	int fd, err;

	if (mkdir(STATE_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = open(CONTROL_PID_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return -errno;
	/* Who can open it can lock it, and then no daemon starts. */
	err = fchmod(fd, 0600) ? -errno : lock_alone(fd);
	if (err) {
		close(fd);
		return err;
	}
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/*
 * Signals
 */

static int on_reload(sd_event_source *source,
		     const struct signalfd_siginfo *info, void *data)
{
	uint64_t now;

	(void)source;
	(void)info;
	sd_event_now(((struct daemon *)data)->event, CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)now);
	server_groups(((struct daemon *)data)->server);
	daemon_apply(data, false, NULL, NULL);
	sd_notify(0, "READY=1");
	return 0;
}

static int watch_signals(struct daemon *d)
{
	sd_event_source *hangup;
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	err = sd_event_add_signal(d->event, &hangup, SIGHUP, on_reload, d);
	if (err >= 0)
		err = sd_event_source_set_priority(hangup, PRIORITY_EVENTS);
	if (err >= 0)
		err = sd_event_source_set_floating(hangup, true);
	/* Without a handler the loop ends. */
	if (err >= 0)
		err = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL);
	if (err >= 0)
		err = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL);
	return err;
}

/*
 * Start
 */

static void on_diag(void *data, const struct conf_diag *diag)
{
	(void)data;
	log_line(diag->severity == CONF_ERROR ? LOG_ERR : LOG_WARNING, NULL,
		 NULL, "%s:%u:%u: %s: %s%s%s", diag->file, diag->line,
		 diag->col, diag->severity == CONF_ERROR ? "error" : "warning",
		 diag->text, *diag->hint ? "; " : "", diag->hint);
}

/* Then any user's programs are on the same kernel as the policies of root. */
static void check_unprivileged(void)
{
	FILE *f = fopen("/proc/sys/kernel/unprivileged_bpf_disabled", "re");

	if (!f)
		return;
	if (fgetc(f) == '0')
		log_line(LOG_WARNING, NULL, NULL,
			 "every user may load BPF programs: set "
			 "kernel.unprivileged_bpf_disabled to 1 or 2");
	fclose(f);
}

/* What would only fail again and again, for every disk. */
static int check_machine(void)
{
	struct policy_error err;
	struct policy_info *infos = NULL;
	int status = kernel_need(KERNEL_POLICY | KERNEL_LIMITS), error;
	size_t nr;

	if (status != EXIT_OK)
		return status;
	error = policy_sweep(&err);
	/* Takes the rights that everything takes. */
	if (!error)
		error = policy_list(&infos, &nr, &err);
	free(infos);
	if (!error)
		return EXIT_OK;
	log_line(LOG_ERR, NULL, NULL, "%s", err.text);
	return exit_status_of(IN_POLICY, error);
}

static int start(struct daemon *d)
{
	int err;

	check_unprivileged();
	d->links = links_new(d);
	err = d->links ? watch_signals(d) : -ENOMEM;
	/* From here on no disk that comes is missed. */
	if (err >= 0)
		err = uevent_start(d);
	if (err < 0)
		return err;
	d->breaker = breaker_new(d);
	/* Who asks from now on waits, and does nothing behind our back. */
	err = server_start(d, &d->server);
	if (err < 0) {
		log_line(LOG_ERR, NULL, NULL, "%s/control: %s", STATE_DIR,
			 strerror(-err));
		return err;
	}
	daemon_look(d);
	return sd_event_set_watchdog(d->event, true);
}

static int run(struct daemon *d)
{
	int err = sd_event_default(&d->event);

	if (err >= 0)
		err = start(d);
	if (err >= 0) {
		sd_notify(0, "READY=1");
		log_line(LOG_INFO, NULL, NULL, "ready, with %zu rules",
			 conf_rules(d->conf));
		err = sd_event_loop(d->event);
		sd_notify(0, "STOPPING=1");
	}
	server_free(d->server);
	breaker_free(d->breaker);
	links_free(d->links);
	daemon_rules_free(d);
	sd_event_unref(d->event);
	return err < 0 ? exit_status_of(IN_GENERAL, err) : EXIT_OK;
}

static int run_checked(struct daemon *d)
{
	int status = check_machine(), err;
	struct conf *conf;

	if (status != EXIT_OK)
		return status;
	err = rules_load(&conf, on_diag, NULL);
	if (err)
		return err == -EINVAL ? EXIT_CONFIG : EXIT_FAILED;
	daemon_take(d, conf);
	return run(d);
}

/* What helps tests of the command must not steer a daemon. */
static void forget_environment(void)
{
	unsetenv("BPFCOPY_LIB");
	unsetenv("BPFCOPY_SYSFS");
	unsetenv("BPFCOPY_BY_ID");
}

int main(int argc, char **argv)
{
	struct daemon d = { .retry_usec = RETRY_FIRST_USEC };
	int lock, status;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	umask(022);
	log_start();
	forget_environment();
	raise_limits();
	lock = be_the_only_one();
	if (lock < 0) {
		if (lock != -EEXIST)
			log_line(LOG_ERR, NULL, NULL, "%s: %s", STATE_DIR,
				 strerror(-lock));
		return exit_status_of(IN_GENERAL, lock);
	}
	status = run_checked(&d);
	/* The lock is given back last. */
	close(lock);
	return status;
}
