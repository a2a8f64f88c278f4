// SPDX-License-Identifier: GPL-2.0
/*
 * A caller of blkdev_submit_copy() and blkdev_issue_copy() that does all that
 * <linux/blk-copy.h> allows, for tests.  What is written to /dev/copy_client is
 * one job, KEY=VALUE words; the write returns when the last copy of it ended, a
 * read of the same file then says how.  Jobs of several files run at a time.
 *
 *   src, dst	block devices
 *   copies	how many, all submitted before the first is waited for
 *   ranges	of each copy
 *   bytes	of each range
 *   src_at, dst_at, stride
 *		bytes.  Range i of the job goes to dst_at + i * stride, and the
 *		last one in the source is the first: every range is a piece of
 *		its own.
 *   flags	of struct blk_copy
 *   buf, buf_at	bytes of a caller's buffer, and how far off a page it is
 *   rounds	end_io submits the copy again until it was done so often, or failed
 *   keep	end_io does not free the copy, so a second call is survived
 *   issue	blkdev_issue_copy(), one after the other
 *   noio, reclaim	call as somebody does who must not start I/O to get
 *		memory, or who is lockdep's idea of memory reclaim
 *   fail	faults of memory (fail_page_alloc, failslab) hit the call
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "copy_client.h"

#define MAX_COPIES 1024
#define MAX_RANGES 8192
#define MAX_BUF	   SZ_2M

/* The state of an open file. */
struct client {
	struct mutex lock; /* one job at a time */
	char report[256];
	size_t len;
};

/*
 * The job's words.
 */

/* clang-format off */
#define KEY(name) { #name, offsetof(struct job, name) }
/* clang-format on */

static const struct {
	const char *name;
	size_t offset;
} keys[] = {
	KEY(copies), KEY(ranges), KEY(bytes), KEY(src_at),  KEY(dst_at),
	KEY(stride), KEY(flags),  KEY(buf),   KEY(buf_at),  KEY(rounds),
	KEY(keep),   KEY(issue),  KEY(noio),  KEY(reclaim), KEY(fail),
};

static u64 *number_of(struct job *job, const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i].name))
			return (u64 *)((u8 *)job + keys[i].offset);
	return NULL;
}

static int parse_word(struct job *job, char *word)
{
	char *value = word;
	const char *key = strsep(&value, "=");
	u64 *number = number_of(job, key);

	if (value && !strcmp(key, "src"))
		job->src = value;
	else if (value && !strcmp(key, "dst"))
		job->dst = value;
	else if (!value || !number || kstrtou64(value, 0, number))
		goto bad;
	return 0;
bad:
	pr_err("copy_client: %s=%s: no such key, or no number\n", key,
	       value ?: "");
	return -EINVAL;
}

static int parse(struct job *job, char *text)
{
	char *word;
	int err;

	*job = (struct job){ .copies = 1, .ranges = 1, .rounds = 1 };
	while ((word = strsep(&text, "\n "))) {
		err = *word ? parse_word(job, word) : 0;
		if (err)
			return err;
	}
	if (!job->stride)
		job->stride = job->bytes;
	if (!job->src || !job->dst || !in_range(job->copies, 1, MAX_COPIES) ||
	    job->ranges > MAX_RANGES || job->buf > MAX_BUF ||
	    job->buf_at >= PAGE_SIZE || !job->rounds ||
	    ((job->bytes | job->stride | job->src_at | job->dst_at) &
	     (SECTOR_SIZE - 1))) {
		pr_err("copy_client: no src, no dst, or a number out of bounds\n");
		return -EINVAL;
	}
	return 0;
}

static int run_on_devices(struct job *job)
{
	struct file *src, *dst;
	int err;

	src = bdev_file_open_by_path(job->src, BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(src))
		return PTR_ERR(src);
	/* Not for writing: that is refused to a read-only disk here already. */
	dst = bdev_file_open_by_path(job->dst, BLK_OPEN_READ, NULL, NULL);
	err = PTR_ERR_OR_ZERO(dst);
	if (!err) {
		err = job_run(job, file_bdev(src), file_bdev(dst));
		/* A copy that did not end needs its devices. */
		if (err == -ETIMEDOUT)
			return err;
		bdev_fput(dst);
	}
	bdev_fput(src);
	return err;
}

static void report(struct client *client, const struct job *job)
{
	const size_t size = sizeof(client->report);
	char *text = client->report;
	unsigned int i;
	int len;

	len = scnprintf(text, size, "calls=%u good=%u failed=%u errors=%s",
			job->calls, job->good, job->failed,
			job->errors[0] ? "" : "0");
	for (i = 0; i < JOB_ERRORS && job->errors[i]; i++)
		len += scnprintf(text + len, size - len, "%s%d", i ? "," : "",
				 -job->errors[i]);
	len += scnprintf(text + len, size - len,
			 " offloaded=%llu emulated=%llu broken=%u",
			 job->offloaded, job->emulated, job->broken);
	len += scnprintf(text + len, size - len,
			 " overrun=%u buf_used=%u most=%u\n", job->overrun,
			 job->buf_used, job->most);
	client->len = len;
}

static int run_text(struct client *client, char *text)
{
	struct job *job = kmalloc(sizeof(*job), GFP_KERNEL);
	int err;

	if (!job)
		return -ENOMEM;
	err = parse(job, text);
	if (err)
		goto out;
	err = run_on_devices(job);
	if (!err)
		report(client, job);
	if (err == -ETIMEDOUT)
		return err;
out:
	kfree(job);
	return err;
}

/*
 * The device.
 */

static ssize_t client_write(struct file *file, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	struct client *client = file->private_data;
	char *text;
	int err;

	if (count >= PAGE_SIZE)
		return -EINVAL;
	text = memdup_user_nul(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&client->lock);
	client->len = 0;
	err = run_text(client, text);
	mutex_unlock(&client->lock);
	kfree(text);
	/* The position stays: what is read next is the report. */
	return err ? err : count;
}

static ssize_t client_read(struct file *file, char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct client *client = file->private_data;
	ssize_t ret;

	mutex_lock(&client->lock);
	ret = simple_read_from_buffer(buf, count, ppos, client->report,
				      client->len);
	mutex_unlock(&client->lock);
	return ret;
}

static int client_open(struct inode *inode, struct file *file)
{
	struct client *client = kzalloc(sizeof(*client), GFP_KERNEL);

	if (!client)
		return -ENOMEM;
	mutex_init(&client->lock);
	file->private_data = client;
	return 0;
}

static int client_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations client_fops = {
	.owner = THIS_MODULE,
	.open = client_open,
	.read = client_read,
	.write = client_write,
	.release = client_release,
	.llseek = noop_llseek,
};

static struct miscdevice client_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "copy_client",
	.fops = &client_fops,
	.mode = 0600,
};

static int __init client_init(void)
{
	return misc_register(&client_device);
}
module_init(client_init);

static void __exit client_exit(void)
{
	misc_deregister(&client_device);
	/* The last lines of client_end_io() run after the job is over. */
	synchronize_rcu_tasks();
}
module_exit(client_exit);

MODULE_DESCRIPTION("A caller of the block layer's copy functions, for tests");
MODULE_LICENSE("GPL");
