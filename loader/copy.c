// SPDX-License-Identifier: GPL-2.0
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define VERIFY_BYTES (1U << 20)
/* O_DIRECT wants memory aligned to the logical block, which is at most this. */
#define VERIFY_ALIGN 65536U

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void report(const struct copy_job *job, uint64_t done, uint64_t total)
{
	if (job->progress)
		job->progress(done, total);
}

/*
 * Copying
 */

/* Not an errno: the kernel overwrites it, if it knows the ioctl. */
#define UNTOUCHED 1

static int copy_step(const struct copy_job *job, struct blk_copy_ioc_range *v,
		     size_t nr, struct copy_result *result)
{
	struct blk_copy_args args = {
		.size = sizeof(args),
		.flags = job->flags,
		.src_fd = job->src_fd,
		.nr_ranges = (uint32_t)nr,
		.ranges = (uintptr_t)v,
		.error = UNTOUCHED,
	};
	uint64_t start = now_ns();
	int err;

	err = ioctl(job->dst_fd, BLKCOPY, &args) ? -errno : 0;
	/* Some drivers say EINVAL to what they do not know. */
	if (err && args.error == UNTOUCHED)
		err = -ENOTTY;
	result->latency_ns += now_ns() - start;
	result->calls++;
	result->copied += args.copied;
	result->offloaded += args.offloaded;
	result->emulated += args.emulated;
	return err;
}

int copy_run(const struct copy_job *job, struct copy_result *result)
{
	uint64_t total = ranges_bytes(job->ranges);
	struct blk_copy_ioc_range *v;
	struct ranges_pos pos = {};
	int err = 0;
	size_t nr;

	memset(result, 0, sizeof(*result));
	v = calloc(BLK_COPY_MAX_RANGES, sizeof(*v));
	if (!v)
		return -ENOMEM;
	while (!err && (nr = ranges_step(job->ranges, &pos, job->step_bytes, v,
					 BLK_COPY_MAX_RANGES))) {
		if (*job->stop)
			err = -EINTR;
		else
			err = copy_step(job, v, nr, result);
		report(job, result->copied, total);
	}
	free(v);
	return err;
}

/*
 * Comparing
 */

struct verify {
	int src_fd;
	int dst_fd;
	char *src;
	char *dst;
};

static int read_all(int fd, char *buf, size_t len, uint64_t pos)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf += n;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t first_difference(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

static int compare(const struct verify *v, const struct blk_copy_ioc_range *r,
		   struct range *where)
{
	int err;

	err = read_all(v->src_fd, v->src, r->len, r->src);
	if (!err)
		err = read_all(v->dst_fd, v->dst, r->len, r->dst);
	if (err || !memcmp(v->src, v->dst, r->len))
		return err;
	where->len = r->len;
	where->src = r->src + first_difference(v->src, v->dst, r->len);
	where->dst = r->dst + (where->src - r->src);
	return -EILSEQ;
}

static int compare_all(const struct copy_job *job, const struct verify *v,
		       struct range *where)
{
	uint64_t done = 0, total = ranges_bytes(job->ranges);
	struct blk_copy_ioc_range r;
	struct ranges_pos pos = {};
	int err = 0;

	while (!err && ranges_step(job->ranges, &pos, VERIFY_BYTES, &r, 1)) {
		if (*job->stop)
			return -EINTR;
		err = compare(v, &r, where);
		done += r.len;
		report(job, done, total);
	}
	return err;
}

static int open_direct(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int copy_verify(const struct copy_job *job, const char *src, const char *dst,
		struct range *where)
{
	struct verify v;
	int err = -ENOMEM;

	v.src = aligned_alloc(VERIFY_ALIGN, VERIFY_BYTES);
	v.dst = aligned_alloc(VERIFY_ALIGN, VERIFY_BYTES);
	if (!v.src || !v.dst)
		goto free_buffers;
	v.src_fd = err = open_direct(src);
	if (err < 0)
		goto free_buffers;
	v.dst_fd = err = open_direct(dst);
	if (err < 0)
		goto close_src;
	err = compare_all(job, &v, where);
	close(v.dst_fd);
close_src:
	close(v.src_fd);
free_buffers:
	free(v.dst);
	free(v.src);
	return err;
}
