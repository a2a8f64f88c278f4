/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: an NVMe controller simulated in memory.
 *
 * One struct ndbg_ctrl is both ends of the wire. Its host side is a fabrics
 * transport ("debug") for the NVMe core; its controller side is a register
 * file, queues and one namespace whose blocks live in pages. They meet in
 * struct ndbg_cmd: the host side fills the submission queue entry, the
 * controller side returns a status and a result, and nothing else is shared.
 */
#ifndef NVME_DEBUG_H
#define NVME_DEBUG_H

#include <linux/blk-mq.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/nvme.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "nvme.h"
#include "fabrics.h"

#define NDBG_NAME		"nvme-debug"
#define NDBG_FIRMWARE		"1.0"
#define NDBG_VERSION		NVME_VS(2, 0, 0)

#define NDBG_NSID		1
#define NDBG_MAX_IO_QUEUES	128
#define NDBG_MDTS		8	/* 2^8 * 4 KiB = 1 MiB per transfer */
#define NDBG_WZSL		13	/* 2^13 * 4 KiB = 32 MiB per Write Zeroes */
#define NDBG_PAGE_SHIFT		12	/* CAP.MPSMIN, the unit of both above */
#define NDBG_STORE_LOCKS	64
#define NDBG_NR_FEATURES	(NVME_FEAT_KATO + 1)

/* Largest list a command fetches from the host: 256 Copy ranges of 32 bytes. */
#define NDBG_LIST_BYTES		(NVME_COPY_MAX_RANGES * \
				 sizeof(struct nvme_copy_range))

/**
 * struct ndbg_config - what one controller is, fixed when it is connected
 * @size:	namespace size, bytes
 * @memory:	most bytes of data kept in memory, 0 = as much as @size
 * @block_size:	logical block size, bytes (512 or 4096)
 * @physical_block_size: what is best written as a whole, and is written as a
 *		whole or not at all, bytes (512 or 4096); no less than
 *		@block_size is meant
 * @mssrl:	most blocks in one Copy source range
 * @mcl:	most blocks in one Copy command
 * @msrc:	most Copy source ranges, 0's based as in Identify Namespace
 * @queue_depth: entries in a queue (CAP.MQES + 1)
 * @copy:	whether the controller has the Copy command
 */
struct ndbg_config {
	u64	size;
	u64	memory;
	u32	block_size;
	u32	physical_block_size;
	u32	mssrl;
	u32	mcl;
	u32	msrc;
	u32	queue_depth;
	bool	copy;
};

/**
 * struct ndbg_store - sparse bytes, all zero until written
 * @pages:	page index to struct page; an absent page reads as zeroes
 * @max_pages:	bound on @nr_pages
 * @nr_pages:	pages present
 * @locks:	content of page i is only touched under
 *		locks[i % NDBG_STORE_LOCKS]; the last one is spare, see
 *		ndbg_store_copy()
 */
struct ndbg_store {
	struct xarray	pages;
	unsigned long	max_pages;
	atomic_long_t	nr_pages;
	/* page content and presence, striped by page index */
	spinlock_t	locks[NDBG_STORE_LOCKS + 1];
};

/**
 * struct ndbg_ns - the namespace
 * @store:	its data
 * @shift:	log2 of the logical block size
 * @nsze:	size in logical blocks
 * @uuid:	derived from the address and the subsystem NQN, so that it
 *		survives a reconnect
 */
struct ndbg_ns {
	struct ndbg_store	store;
	unsigned int		shift;
	u64			nsze;
	uuid_t			uuid;
};

enum ndbg_queue_flags {
	NDBG_Q_CONNECTED,	/* controller side: Connect has succeeded */
	NDBG_Q_LIVE,		/* host side: may be used */
};

struct ndbg_queue {
	struct ndbg_ctrl	*ctrl;
	u16			qid;
	unsigned long		flags;
};

enum ndbg_cmd_flags {
	NDBG_CMD_ABORTED,	/* stop, touch no more media */
	NDBG_CMD_DONE,		/* the controller is through with it */
};

/**
 * struct ndbg_cmd - a command on its way, the request's driver data
 * @nvme_req:	must be first, see struct nvme_request
 * @sqe:	the command as the controller sees it
 * @queue:	the queue it came by
 * @work:	carries commands that may take long (ndbg_io_is_long())
 * @flags:	enum ndbg_cmd_flags
 * @result:	completion queue entry, DW0 and DW1
 */
struct ndbg_cmd {
	struct nvme_request	nvme_req;
	struct nvme_command	sqe;
	struct ndbg_queue	*queue;
	struct work_struct	work;
	unsigned long		flags;
	union nvme_result	result;
};

/**
 * struct ndbg_data - a cursor over the host memory of one command
 * @bvecs:	segments being walked
 * @iter:	place in @bvecs
 * @bio:	whose segments these are; NULL for a driver's special payload
 */
struct ndbg_data {
	const struct bio_vec	*bvecs;
	struct bvec_iter	iter;
	struct bio		*bio;
};

/* SMART counters, NVMe units are derived when the log is read. */
struct ndbg_stats {
	atomic64_t	reads;
	atomic64_t	writes;
	atomic64_t	bytes_read;
	atomic64_t	bytes_written;
};

/**
 * struct ndbg_ctrl - one controller
 * @ctrl:	what the NVMe core knows of it
 * @entry:	in the list of all controllers
 * @queues:	queue 0 is the admin queue
 * @nr_io_queues: I/O queues the host uses
 * @admin_tag_set: host side
 * @tag_set:	host side
 * @wq:		runs commands that may take long
 * @media:	held (SRCU) while a command may touch media; whoever disables
 *		the controller waits for it, so that nothing stale gets through
 * @lists:	buffers for range lists, so that I/O needs no allocation
 * @config:	see struct ndbg_config
 * @ns:		the namespace
 * @stats:	SMART counters
 * @regs_lock:	@cc, @csts, @kato, @features, Connect
 * @cntlid:	controller id
 * @cc:		Controller Configuration
 * @csts:	Controller Status
 * @kato:	keep-alive timeout in ms, 0 = off
 * @kato_work:	fires when the host has been silent for too long
 * @features:	current values of features 01h..0Fh
 */
struct ndbg_ctrl {
	struct nvme_ctrl	ctrl;
	struct list_head	entry;

	struct ndbg_queue	*queues;
	unsigned int		nr_io_queues;
	struct blk_mq_tag_set	admin_tag_set;
	struct blk_mq_tag_set	tag_set;

	struct workqueue_struct	*wq;
	struct srcu_struct	media;
	mempool_t		lists;

	struct ndbg_config	config;
	struct ndbg_ns		ns;
	struct ndbg_stats	stats;

	/* the registers below, and the order of Connect */
	struct mutex		regs_lock;
	u16			cntlid;
	u32			cc;
	u32			csts;
	u32			kato;
	struct delayed_work	kato_work;
	u32			features[NDBG_NR_FEATURES];
};

static inline struct ndbg_ctrl *to_ndbg_ctrl(struct nvme_ctrl *ctrl)
{
	return container_of(ctrl, struct ndbg_ctrl, ctrl);
}

static inline struct ndbg_ctrl *ndbg_cmd_ctrl(struct ndbg_cmd *cmd)
{
	return cmd->queue->ctrl;
}

/**
 * ndbg_cmd_dead - must a running command stop?
 * @cmd: a command being executed
 *
 * True once the host has given up on @cmd (timeout) or the controller has been
 * disabled. Long loops ask between pieces.
 */
static inline bool ndbg_cmd_dead(struct ndbg_cmd *cmd)
{
	return test_bit(NDBG_CMD_ABORTED, &cmd->flags) ||
	       !test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags);
}

/* params.c: module parameters */
int ndbg_params_check(void);
void ndbg_params_get(struct ndbg_config *config);

/* core.c: host side; the life of the module and of controllers */

/* cmd.c: host side; the life of commands */
extern const struct blk_mq_ops ndbg_mq_ops;
extern const struct blk_mq_ops ndbg_admin_mq_ops;

/* data.c: host memory */
size_t ndbg_data_len(struct ndbg_cmd *cmd);
void ndbg_data_init(struct ndbg_data *data, struct ndbg_cmd *cmd);
void ndbg_data_put(struct ndbg_data *data, const void *from, size_t len);
void ndbg_data_get(struct ndbg_data *data, void *to, size_t len);
void ndbg_data_zero(struct ndbg_data *data, size_t len);

/* fabrics.c: controller side; registers, Connect, keep-alive */
void ndbg_fabrics_init(struct ndbg_ctrl *ctrl);
void ndbg_fabrics_stop(struct ndbg_ctrl *ctrl);
void ndbg_disconnect_queues(struct ndbg_ctrl *ctrl, unsigned int first);
bool ndbg_io_connected(struct ndbg_ctrl *ctrl);
void ndbg_set_kato(struct ndbg_ctrl *ctrl, u32 kato);
void ndbg_keep_alive(struct ndbg_ctrl *ctrl);
u16 ndbg_fabrics_cmd(struct ndbg_cmd *cmd);

/* admin.c: controller side; Identify, features, logs, events */
u16 ndbg_admin_cmd(struct ndbg_cmd *cmd);

/* io.c: controller side; the NVM command set */
u16 ndbg_io_cmd(struct ndbg_cmd *cmd);
bool ndbg_io_is_long(const struct ndbg_cmd *cmd);
bool ndbg_range_ok(const struct ndbg_ns *ns, u64 slba, u64 nlb);
u16 ndbg_media_status(int err);

/* copy.c: controller side; the Copy command */
u16 ndbg_copy(struct ndbg_cmd *cmd);

/* store.c: media */
void ndbg_store_init(struct ndbg_store *store, u64 max_bytes);
void ndbg_store_exit(struct ndbg_store *store);
void ndbg_store_read(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data);
int ndbg_store_write(struct ndbg_store *store, u64 pos, size_t len,
		     struct ndbg_data *data);
void ndbg_store_zero(struct ndbg_store *store, u64 pos, u64 len);
int ndbg_store_copy(struct ndbg_store *store, u64 dst, u64 src, u64 len);
long ndbg_store_pages(void);

#endif /* NVME_DEBUG_H */
