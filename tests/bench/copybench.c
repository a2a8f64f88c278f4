// SPDX-License-Identifier: GPL-2.0
/*
 * What one copy costs its caller: the same small operation over and over, timed
 * in batches.
 *
 *	copybench KIND DEVICE [OPERATIONS [BATCHES [BYTES]]]
 *
 * KIND is what an operation does with BYTES (4096 if not given) in the first
 * half of DEVICE and as many in the second, of which it goes round 16 places:
 *
 *	fill		pwrite() to both; once before the others, so that none
 *			is the first to touch its place
 *	offload		BLKCOPY; whoever decides has to say "offload"
 *	gather		the same with 8 ranges, the last part of the source first
 *	emulate		BLKCOPY that asks for emulation
 *	pair		pread() and pwrite() with O_DIRECT
 *	read		pread() alone, from the first half
 *	write		pwrite() alone, to the second half
 *	passthrough	an NVMe Copy through the driver's own ioctl, beside the
 *			block layer's copies: driver and device alone
 *	nothing		an ioctl that fails at once: system call and loop
 *
 * Prints one JSON object: nanoseconds per operation in the cheapest, the median
 * and the dearest batch, and on average.  A clock that counts instructions
 * (qemu -icount shift=0) makes nanoseconds instructions.  A copy that did not
 * go the way it should is an error, as its cost would be that of another thing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/blk-copy.h>
#include <linux/fs.h>
#include <linux/nvme_ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SLOTS	       16U
#define PARTS	       8U
#define PAGE	       4096U
#define MAX_BYTES      (1U << 20)
#define NVME_COPY      0x19
#define MAX_BATCHES    100000
#define MAX_OPERATIONS 100000

/* Where the operations take place. */
struct bench {
	int fd;
	unsigned int nsid;
	unsigned int block_bytes;
	uint64_t bytes; /* of one operation */
	uint64_t half;	/* bytes: where destinations start */
	void *buf;	/* @bytes, aligned for O_DIRECT */
};

/* Descriptor format 0 of the NVMe Copy command. */
struct copy_descriptor {
	uint64_t reserved0;
	uint64_t slba;
	uint16_t nlb; /* less one */
	uint16_t reserved18;
	uint32_t reserved20;
	uint64_t reserved24;
};

static int blkcopy(struct bench *b, uint64_t slot, uint32_t flags,
		   unsigned int parts)
{
	struct blk_copy_ioc_range ranges[PARTS];
	struct blk_copy_args args = {
		.size = sizeof(args),
		.flags = flags,
		.src_fd = b->fd,
		.nr_ranges = parts,
		.ranges = (uintptr_t)ranges,
	};
	__u64 *as_asked = flags ? &args.emulated : &args.offloaded;
	uint64_t place = slot * b->bytes, len = b->bytes / parts;

	for (unsigned int i = 0; i < parts; i++)
		ranges[i] = (struct blk_copy_ioc_range){
			.src = place + (parts - 1 - i) * len,
			.dst = b->half + place + i * len,
			.len = len,
		};
	if (ioctl(b->fd, BLKCOPY, &args))
		return -errno;
	return *as_asked == b->bytes ? 0 : -EXDEV;
}

static int op_offload(struct bench *b, uint64_t slot)
{
	return blkcopy(b, slot, 0, 1);
}

static int op_gather(struct bench *b, uint64_t slot)
{
	return blkcopy(b, slot, 0, PARTS);
}

static int op_emulate(struct bench *b, uint64_t slot)
{
	return blkcopy(b, slot, BLK_COPY_EMULATE_ONLY, 1);
}

/* What pread() and pwrite() have to return is everything. */
static int whole(struct bench *b, ssize_t n)
{
	if (n < 0)
		return -errno;
	return (uint64_t)n == b->bytes ? 0 : -EIO;
}

static int op_read(struct bench *b, uint64_t slot)
{
	off_t src = (off_t)(slot * b->bytes);

	return whole(b, pread(b->fd, b->buf, b->bytes, src));
}

static int op_write(struct bench *b, uint64_t slot)
{
	off_t dst = (off_t)(b->half + slot * b->bytes);

	return whole(b, pwrite(b->fd, b->buf, b->bytes, dst));
}

static int op_pair(struct bench *b, uint64_t slot)
{
	int err = op_read(b, slot);

	return err ? err : op_write(b, slot);
}

static int op_fill(struct bench *b, uint64_t slot)
{
	off_t src = (off_t)(slot * b->bytes), dst = (off_t)b->half + src;
	int err = whole(b, pwrite(b->fd, b->buf, b->bytes, src));

	return err ? err : whole(b, pwrite(b->fd, b->buf, b->bytes, dst));
}

static int op_passthrough(struct bench *b, uint64_t slot)
{
	struct copy_descriptor from = {
		.slba = slot * b->bytes / b->block_bytes,
		.nlb = (uint16_t)(b->bytes / b->block_bytes - 1),
	};
	uint64_t to = (b->half + slot * b->bytes) / b->block_bytes;
	struct nvme_passthru_cmd cmd = {
		.opcode = NVME_COPY,
		.nsid = b->nsid,
		.addr = (uintptr_t)&from,
		.data_len = sizeof(from),
		.cdw10 = (uint32_t)to,
		.cdw11 = (uint32_t)(to >> 32),
	};
	int status = ioctl(b->fd, NVME_IOCTL_IO_CMD, &cmd);

	if (status < 0)
		return -errno;
	return status ? -EREMOTEIO : 0;
}

static int op_nothing(struct bench *b, uint64_t slot)
{
	struct blk_copy_args args = { .size = (uint32_t)(slot & 0) };

	return ioctl(b->fd, BLKCOPY, &args) && errno == EINVAL ? 0 : -EPROTO;
}

static const struct kind {
	const char *name;
	int (*op)(struct bench *b, uint64_t slot);
} kinds[] = {
	{ "offload", op_offload }, { "emulate", op_emulate },
	{ "pair", op_pair },	   { "passthrough", op_passthrough },
	{ "nothing", op_nothing }, { "fill", op_fill },
	{ "read", op_read },	   { "write", op_write },
	{ "gather", op_gather },
};

static void die(const char *what, int err)
{
	fprintf(stderr, "copybench: %s: %s\n", what,
		err == EXDEV ? "the copy did not go the way it should have" :
			       strerror(err));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void open_device(struct bench *b, const char *path, const char *kind)
{
	uint64_t bytes;
	int nsid;

	b->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (b->fd < 0 || ioctl(b->fd, BLKGETSIZE64, &bytes) ||
	    ioctl(b->fd, BLKSSZGET, &b->block_bytes))
		die(path, errno);
	if (!strcmp(kind, "passthrough")) {
		nsid = ioctl(b->fd, NVME_IOCTL_ID);
		if (nsid < 0)
			die(path, errno);
		b->nsid = (unsigned int)nsid;
	}
	if (bytes < 2 * SLOTS * b->bytes)
		die(path, ENOSPC);
	b->half = bytes / 2 / PAGE * PAGE;
	b->buf = aligned_alloc(PAGE, b->bytes);
	if (!b->buf)
		die(path, ENOMEM);
	memset(b->buf, 0x5a, b->bytes);
}

static uint64_t run_batch(struct bench *b, const struct kind *kind,
			  unsigned long operations)
{
	uint64_t start = now_ns();

	for (unsigned long i = 0; i < operations; i++) {
		int err = kind->op(b, i % SLOTS);

		if (err)
			die(kind->name, -err);
	}
	return now_ns() - start;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(const struct kind *kind, uint64_t *ns, unsigned long batches,
		   unsigned long operations)
{
	double ops = (double)operations, sum = 0;

	qsort(ns, batches, sizeof(*ns), compare);
	for (unsigned long i = 0; i < batches; i++)
		sum += (double)ns[i];
	printf("{\"kind\":\"%s\",\"operations\":%lu,\"batches\":%lu,"
	       "\"min\":%.1f,\"median\":%.1f,\"max\":%.1f,\"mean\":%.1f}\n",
	       kind->name, operations, batches, (double)ns[0] / ops,
	       (double)ns[batches / 2] / ops, (double)ns[batches - 1] / ops,
	       sum / (double)batches / ops);
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static unsigned long number(const char *arg, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*end || !n || n > max) {
		fprintf(stderr,
			"copybench: want a number from 1 to %lu, not "
			"'%s'\n",
			max, arg);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long operations, batches;
	const struct kind *kind = argc >= 3 ? find_kind(argv[1]) : NULL;
	struct bench b = {};
	uint64_t *ns;

	if (!kind || argc > 6) {
		fprintf(stderr, "usage: copybench "
				"fill|offload|gather|emulate|pair|read|write|"
				"passthrough|nothing "
				"DEVICE [OPERATIONS [BATCHES [BYTES]]]\n");
		return 2;
	}
	operations = argc > 3 ? number(argv[3], MAX_OPERATIONS) : 100;
	batches = argc > 4 ? number(argv[4], MAX_BATCHES) : 100;
	b.bytes = argc > 5 ? number(argv[5], MAX_BYTES) : PAGE;
	if (b.bytes % PAGE) {
		fprintf(stderr, "copybench: BYTES is no multiple of %u\n",
			PAGE);
		return 2;
	}
	ns = calloc(batches, sizeof(*ns));
	if (!ns)
		die("memory", ENOMEM);
	open_device(&b, argv[2], kind->name);
	run_batch(&b, kind, operations); /* warm up */
	for (unsigned long i = 0; i < batches; i++)
		ns[i] = run_batch(&b, kind, operations);
	report(kind, ns, batches, operations);
	return 0;
}
