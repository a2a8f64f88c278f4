// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/blkdev.h>

#include "ring.h"

static size_t sq_size(const struct ring *r)
{
	return r->p.sq_off.array + r->p.sq_entries * sizeof(u32);
}

static size_t cq_size(const struct ring *r)
{
	return r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe);
}

static void *map(const struct ring *r, size_t size, off_t what)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, r->fd, what);

	if (mem == MAP_FAILED)
		t_die("io_uring: mmap: %s", strerror(errno));
	return mem;
}

void ring_init(struct ring *r, unsigned int entries, unsigned int flags)
{
	*r = (struct ring){ .p.flags = flags };
	r->fd = syscall(__NR_io_uring_setup, entries, &r->p);
	if (r->fd < 0)
		t_die("io_uring_setup: %s", strerror(errno));
	r->sq = map(r, sq_size(r), IORING_OFF_SQ_RING);
	r->cq = map(r, cq_size(r), IORING_OFF_CQ_RING);
	r->sqes = map(r, r->p.sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
}

void ring_exit(struct ring *r)
{
	munmap(r->sqes, r->p.sq_entries * sizeof(*r->sqes));
	munmap(r->cq, cq_size(r));
	munmap(r->sq, sq_size(r));
	close(r->fd);
}

static u32 *sq_at(struct ring *r, u32 offset)
{
	return (u32 *)(r->sq + offset);
}

static u32 *cq_at(struct ring *r, u32 offset)
{
	return (u32 *)(r->cq + offset);
}

struct io_uring_sqe *ring_next(struct ring *r)
{
	u32 *tail = sq_at(r, r->p.sq_off.tail);
	u32 head =
		__atomic_load_n(sq_at(r, r->p.sq_off.head), __ATOMIC_ACQUIRE);
	u32 i = *tail & (r->p.sq_entries - 1);

	if (*tail - head == r->p.sq_entries)
		t_die("io_uring: no room for another entry");
	memset(&r->sqes[i], 0, sizeof(r->sqes[i]));
	sq_at(r, r->p.sq_off.array)[i] = i;
	return &r->sqes[i];
}

static void publish(struct ring *r)
{
	u32 *tail = sq_at(r, r->p.sq_off.tail);

	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

int ring_submit(struct ring *r, unsigned int wait)
{
	u32 head =
		__atomic_load_n(sq_at(r, r->p.sq_off.head), __ATOMIC_ACQUIRE);
	u32 flags = wait ? IORING_ENTER_GETEVENTS : 0;
	u32 nr = *sq_at(r, r->p.sq_off.tail) - head;
	int ret;

	if (r->p.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	do {
		ret = syscall(__NR_io_uring_enter, r->fd, nr, wait, flags, NULL,
			      0);
	} while (ret < 0 && errno == EINTR && !nr);
	return ret < 0 ? -errno : ret;
}

bool ring_done(struct ring *r, struct io_uring_cqe *cqe)
{
	u32 *head = cq_at(r, r->p.cq_off.head);
	u32 tail =
		__atomic_load_n(cq_at(r, r->p.cq_off.tail), __ATOMIC_ACQUIRE);
	struct io_uring_cqe *cqes = (void *)(r->cq + r->p.cq_off.cqes);

	if (*head == tail)
		return false;
	memcpy(cqe, &cqes[*head & (r->p.cq_entries - 1)], sizeof(*cqe));
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

struct io_uring_sqe *ring_copy(struct ring *r, int fd,
			       const struct blk_copy_args *args, u64 id)
{
	struct io_uring_sqe *sqe = ring_next(r);

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = BLOCK_URING_CMD_COPY;
	sqe->addr = (uintptr_t)args;
	sqe->user_data = id;
	publish(r);
	return sqe;
}

void ring_read_write(struct ring *r, u8 opcode, int fd, void *buf, u32 bytes,
		     u64 at, u64 id)
{
	struct io_uring_sqe *sqe = ring_next(r);

	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)buf;
	sqe->len = bytes;
	sqe->off = at;
	sqe->user_data = id;
	publish(r);
}

struct io_uring_sqe *ring_poll_linked(struct ring *r, int fd, u64 id)
{
	struct io_uring_sqe *sqe = ring_next(r);

	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->flags = IOSQE_IO_LINK;
	sqe->fd = fd;
	sqe->poll32_events = POLLIN;
	sqe->user_data = id;
	publish(r);
	return sqe;
}
