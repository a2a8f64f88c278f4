/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A progress bar on a terminal.
 */
#ifndef BPFCOPY_PROGRESS_H
#define BPFCOPY_PROGRESS_H

#include <stdint.h>

/**
 * progress_start() - start over
 * @what: shown before the bar; static storage
 *
 * Nothing is shown if stderr is not a terminal.
 */
void progress_start(const char *what);

/**
 * progress_show() - draw it, at most ten times a second
 * @done: bytes
 * @total: bytes
 */
void progress_show(uint64_t done, uint64_t total);

/** progress_end() - wipe it away */
void progress_end(void);

#endif /* BPFCOPY_PROGRESS_H */
