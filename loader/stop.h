/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A clean end on SIGINT, SIGTERM and SIGHUP alike.
 */
#ifndef BPFCOPY_STOP_H
#define BPFCOPY_STOP_H

#include <signal.h>
#include <stdint.h>

/**
 * stop_on_signals() - from now on these signals only set a flag
 *
 * Blocking system calls return EINTR. A second signal ends the process.
 *
 * Return: the flag, 0 until a signal comes.
 */
const volatile sig_atomic_t *stop_on_signals(void);

/**
 * stop_sleep_until() - wait for a time, or for a signal that shall end it all
 * @then_ns: CLOCK_MONOTONIC, nanoseconds
 */
void stop_sleep_until(uint64_t then_ns);

#endif /* BPFCOPY_STOP_H */
