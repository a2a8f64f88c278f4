/* SPDX-License-Identifier: GPL-2.0 */
/* An io_uring, by its system calls: just what copies need. */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>

#include "t.h"

/**
 * struct ring - an io_uring
 * @fd:    of it
 * @p:     its parameters, as the kernel has set them
 * @sq:    mapping of the submission queue
 * @cq:    mapping of the completion queue
 * @sqes:  mapping of its entries
 */
struct ring {
	int fd;
	struct io_uring_params p;
	char *sq;
	char *cq;
	struct io_uring_sqe *sqes;
};

/* IORING_SETUP_* in @flags. Ends the program if it cannot be had. */
void ring_init(struct ring *r, unsigned int entries, unsigned int flags);
void ring_exit(struct ring *r);

/* The next entry, all zero. There must be room: submit before. */
struct io_uring_sqe *ring_next(struct ring *r);

/* Submit all new entries and wait for @wait completions: how many were taken, or -errno. */
int ring_submit(struct ring *r, unsigned int wait);

/* The oldest completion, which goes; false if there is none. */
bool ring_done(struct ring *r, struct io_uring_cqe *cqe);

/* ring_next() as a BLOCK_URING_CMD_COPY to @fd. */
struct io_uring_sqe *ring_copy(struct ring *r, int fd,
			       const struct blk_copy_args *args, u64 id);

/* ring_next() as an IORING_OP_READ or IORING_OP_WRITE of @bytes at byte @at of @fd. */
void ring_read_write(struct ring *r, u8 opcode, int fd, void *buf, u32 bytes,
		     u64 at, u64 id);

/* ring_next() as a wait until @fd can be read; the entry after it begins only then. */
struct io_uring_sqe *ring_poll_linked(struct ring *r, int fd, u64 id);

#endif
