/* SPDX-License-Identifier: GPL-2.0 */
#ifndef COPY_CLIENT_H
#define COPY_CLIENT_H

#include <linux/completion.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define JOB_ERRORS 3

struct block_device;
struct item;

/**
 * struct job - what one write to the device asked for, and what became of it
 * @submitter:	who called
 * @items:	one for each copy
 * @done:	the last copy ended
 * @lock:	protects all below
 * @left:	copies that did not end yet
 * @calls:	of end_io, or returns of blkdev_issue_copy()
 * @good:	of them without error
 * @failed:	of them with one
 * @most:	copies in flight at a time, those of other jobs included
 * @broken:	calls of end_io out of a wrong context, and return values that
 *		are not the error of the copy
 * @overrun:	buffers around which something was written
 * @buf_used:	buffers that were written to
 * @errors:	different ones, in the order in which they came
 * @offloaded:	bytes, of all copies
 * @emulated:	bytes, of all copies
 *
 * The members that come first are the words that device.c explains.
 */
struct job {
	char *src;
	char *dst;
	u64 copies, ranges, bytes, src_at, dst_at, stride, flags, buf, buf_at;
	u64 rounds, keep, issue, noio, reclaim, fail;

	struct task_struct *submitter;
	struct item *items;
	struct completion done;
	spinlock_t lock; /* all below */
	unsigned int left;
	unsigned int calls, good, failed, most, broken, overrun, buf_used;
	int errors[JOB_ERRORS];
	u64 offloaded, emulated;
};

int job_run(struct job *job, struct block_device *src,
	    struct block_device *dst);

#endif /* COPY_CLIENT_H */
