// SPDX-License-Identifier: GPL-2.0
#include "stop.h"

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
