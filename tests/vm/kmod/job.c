// SPDX-License-Identifier: GPL-2.0
/*
 * The copies of a job: made, submitted, judged when they end, freed.
 */
#include <linux/blk-copy.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "copy_client.h"

#define POISON 0x5a

/* What is kept of a copy when it is gone. */
struct item {
	struct job *job;
	struct blk_copy *copy;
	u8 *area; /* a page, the caller's buffer, a page */
	u64 calls;
	bool over;
};

static atomic_t in_flight = ATOMIC_INIT(0);

static size_t area_size(const struct job *job)
{
	return 2 * PAGE_SIZE + PAGE_ALIGN(job->buf_at + job->buf);
}

/* Not a byte around the buffer may change; if one of it did, it is used. */
static void look_at_buffer(struct item *item)
{
	struct job *job = item->job;
	size_t start = PAGE_SIZE + job->buf_at;
	u8 *end = item->area + start + job->buf;
	bool used, hurt;

	used = memchr_inv(item->area + start, POISON, job->buf);
	hurt = memchr_inv(item->area, POISON, start) ||
	       memchr_inv(end, POISON, item->area + area_size(job) - end);

	spin_lock(&job->lock);
	job->buf_used += used;
	job->overrun += hurt;
	spin_unlock(&job->lock);
}

static void free_item(struct item *item)
{
	struct blk_copy *copy = item->copy;

	if (item->area)
		free_pages_exact(item->area, area_size(item->job));
	item->area = NULL;
	item->copy = NULL;
	if (!copy)
		return;
	/* Whoever still uses it shall notice, with KASAN or without. */
	kvfree(copy->ranges);
	memset(copy, POISON, sizeof(*copy));
	kfree(copy);
}

static void put_in_flight(struct job *job)
{
	unsigned int now = atomic_inc_return(&in_flight);

	spin_lock(&job->lock);
	job->most = max(job->most, now);
	spin_unlock(&job->lock);
}

static void count_error(struct job *job, int error)
{
	unsigned int i;

	job->failed++;
	for (i = 0; i < JOB_ERRORS && job->errors[i] != error; i++) {
		if (job->errors[i])
			continue;
		job->errors[i] = error;
		break;
	}
}

/* True if the copy ends with this call. */
static bool record(struct item *item, const struct blk_copy *copy, bool broken)
{
	struct job *job = item->job;
	bool was_over, ends;

	spin_lock(&job->lock);
	job->calls++;
	job->broken += broken;
	job->offloaded += copy->offloaded;
	job->emulated += copy->emulated;
	if (copy->error)
		count_error(job, copy->error);
	else
		job->good++;
	was_over = item->over;
	item->over |= copy->error || ++item->calls >= job->rounds;
	ends = item->over && !was_over;
	spin_unlock(&job->lock);
	return ends;
}

static void end_item(struct item *item)
{
	struct job *job = item->job;
	bool last;

	if (item->area)
		look_at_buffer(item);
	if (!job->keep)
		free_item(item);
	spin_lock(&job->lock);
	last = !--job->left;
	spin_unlock(&job->lock);
	if (last)
		complete(&job->done);
}

/* What the caller is while it calls. */
struct scope {
	unsigned int noio;
	bool fails;
};

static void enter_scope(const struct job *job, struct scope *scope)
{
	if (job->noio)
		scope->noio = memalloc_noio_save();
	if (job->reclaim)
		fs_reclaim_acquire(GFP_KERNEL);
#ifdef CONFIG_FAULT_INJECTION
	scope->fails = current->make_it_fail;
	current->make_it_fail = job->fail;
#endif
}

static void leave_scope(const struct job *job, struct scope *scope)
{
#ifdef CONFIG_FAULT_INJECTION
	current->make_it_fail = scope->fails;
#endif
	if (job->reclaim)
		fs_reclaim_release(GFP_KERNEL);
	if (job->noio)
		memalloc_noio_restore(scope->noio);
}

static void submit(struct item *item)
{
	struct job *job = item->job;
	struct scope scope;

	put_in_flight(job);
	enter_scope(job, &scope);
	blkdev_submit_copy(item->copy);
	leave_scope(job, &scope);
}

static void client_end_io(struct blk_copy *copy)
{
	struct item *item = copy->private;
	struct job *job = item->job;
	bool broken = current == job->submitter || !in_task() ||
		      irqs_disabled() || !(current->flags & PF_WQ_WORKER);

	atomic_dec(&in_flight);
	/* If it may not sleep, the kernel complains. */
	usleep_range(100, 200);
	/* After end_item() there may be no item, unless copies are kept. */
	if (record(item, copy, broken))
		end_item(item);
	else if (!item->over)
		submit(item);
}

static struct blk_copy_range *make_ranges(const struct job *job, u64 first)
{
	u64 i, all = job->copies * job->ranges;
	struct blk_copy_range *ranges;

	ranges = kvcalloc(max(job->ranges, 1), sizeof(*ranges), GFP_KERNEL);
	for (i = 0; ranges && i < job->ranges; i++)
		ranges[i] = (struct blk_copy_range){
			.src = (job->src_at +
				(all - 1 - first - i) * job->bytes) >>
			       SECTOR_SHIFT,
			.dst = (job->dst_at + (first + i) * job->stride) >>
			       SECTOR_SHIFT,
			.nr_sects = job->bytes >> SECTOR_SHIFT,
		};
	return ranges;
}

static int make_item(struct job *job, unsigned int nr, struct block_device *src,
		     struct block_device *dst)
{
	struct item *item = &job->items[nr];
	struct blk_copy *copy = kmalloc(sizeof(*copy), GFP_KERNEL);

	item->job = job;
	item->copy = copy;
	if (!copy)
		return -ENOMEM;
	/* What the results were before must not matter. */
	memset(copy, POISON, sizeof(*copy));
	copy->src = src;
	copy->dst = dst;
	copy->ranges = make_ranges(job, nr * job->ranges);
	copy->nr_ranges = job->ranges;
	copy->flags = job->flags;
	copy->origin = BLK_COPY_ORIGIN_KERNEL;
	copy->stop = false;
	copy->killable = false;
	copy->buf = NULL;
	copy->buf_size = 0;
	copy->may_fail = false;
	copy->wq = NULL;
	copy->end_io = client_end_io;
	copy->private = item;
	if (!copy->ranges)
		return -ENOMEM;
	if (!job->buf)
		return 0;
	item->area = alloc_pages_exact(area_size(job), GFP_KERNEL);
	if (!item->area)
		return -ENOMEM;
	memset(item->area, POISON, area_size(job));
	copy->buf = item->area + PAGE_SIZE + job->buf_at;
	copy->buf_size = job->buf;
	return 0;
}

static void issue(struct item *item)
{
	struct scope scope;
	bool last = false;
	int err;

	while (!last) {
		put_in_flight(item->job);
		enter_scope(item->job, &scope);
		err = blkdev_issue_copy(item->copy);
		leave_scope(item->job, &scope);
		atomic_dec(&in_flight);
		last = record(item, item->copy, err != item->copy->error);
		cond_resched();
	}
	end_item(item);
}

/* False if nothing ended for 100 seconds. */
static bool wait_for_all(struct job *job)
{
	unsigned int before = 0, now, idle = 0;

	/* In steps: a long sleep would be a hung task. */
	while (!wait_for_completion_timeout(&job->done, 10 * HZ)) {
		now = READ_ONCE(job->calls);
		idle = now == before ? idle + 1 : 0;
		if (idle == 10)
			return false;
		before = now;
	}
	return true;
}

static void free_items(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->copies; i++)
		free_item(&job->items[i]);
	kvfree(job->items);
}

/**
 * job_run - do the copies of a job
 * @job:	its words, the rest 0
 * @src:	device to read
 * @dst:	device to write
 *
 * Return: 0 when all copies ended, whatever became of them; -ENOMEM if they
 *	could not be made; -ETIMEDOUT if one did not end: what it may still use,
 *	the job and the devices among it, is left to it, and the module stays.
 */
int job_run(struct job *job, struct block_device *src, struct block_device *dst)
{
	unsigned int i;
	int err = 0;

	job->items = kvcalloc(job->copies, sizeof(*job->items), GFP_KERNEL);
	if (!job->items)
		return -ENOMEM;
	job->submitter = current;
	job->left = job->copies;
	init_completion(&job->done);
	spin_lock_init(&job->lock);
	for (i = 0; i < job->copies && !err; i++)
		err = make_item(job, i, src, dst);
	if (err)
		goto out;
	for (i = 0; i < job->copies; i++) {
		if (job->issue)
			issue(&job->items[i]);
		else
			submit(&job->items[i]);
	}
	if (!wait_for_all(job)) {
		__module_get(THIS_MODULE);
		pr_err("copy_client: %u of %llu copies never ended, after %u calls\n",
		       job->left, job->copies, job->calls);
		return -ETIMEDOUT;
	}
	/* Time for a call that should not come. */
	if (job->keep)
		msleep(50);
out:
	free_items(job);
	return err;
}
