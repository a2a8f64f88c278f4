// SPDX-License-Identifier: GPL-2.0
#include "stop.h"

#include <time.h>

/* A signal may come just before it is slept. */
#define NAP_NS 100000000ULL

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	(void)signo;
	stop = 1;
}

const volatile sig_atomic_t *stop_on_signals(void)
{
	/* No SA_RESTART: whoever waits shall look at the flag. */
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	return &stop;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void stop_sleep_until(uint64_t then_ns)
{
	uint64_t now;

	while (!stop && (now = now_ns()) < then_ns) {
		uint64_t ns = then_ns - now < NAP_NS ? then_ns - now : NAP_NS;
		struct timespec ts = { 0, (long)ns };

		nanosleep(&ts, NULL);
	}
}
