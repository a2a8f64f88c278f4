/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BPFCOPY_RLIMIT_H
#define BPFCOPY_RLIMIT_H

/**
 * raise_limits() - may have as many files open as the hard limit allows
 *
 * A transaction holds a few descriptors for each of its changes until it ends.
 * Nobody calls select() here, for which the soft limit is low.
 */
void raise_limits(void);

#endif /* BPFCOPY_RLIMIT_H */
