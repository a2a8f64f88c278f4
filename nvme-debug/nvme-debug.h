/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-debug: an NVMe controller simulated in memory.
 *
 * A subsystem (struct ndbg_subsys) has namespaces (struct ndbg_ns), whose blocks
 * live in pages, and controllers (struct ndbg_ctrl), which share them. One
 * struct ndbg_ctrl is both ends of a wire. Its host side is a fabrics transport
 * ("debug") for the NVMe core; its controller side is a register file, queues
 * and events. They meet in struct ndbg_cmd: the host side fills the submission
 * queue entry, the controller side returns a status and a result, and nothing
 * else is shared.
 *
 * Who may touch what:
 * - ndbg_lock (a mutex) orders everything that changes the shape of things:
 *   configfs, connect, disconnect, Set Features 84h. Who holds it may wait for
 *   ndbg_ctrl.media, so inside of that nobody takes it.
 * - A command runs inside ndbg_ctrl.media (SRCU). Under it, it finds namespaces
 *   and reads their shape with READ_ONCE(). Whoever takes something away waits
 *   for the commands of all controllers, see ndbg_subsys_sync().
 * - ndbg_ctrl.regs_lock (a mutex) orders registers, features and Connect. Who
 *   holds it may wait for ndbg_ctrl.media, so inside of that nobody takes it.
 * - ndbg_ns.zones_lock (a mutex) orders what is written to a zoned namespace, and
 *   the states of its zones; it is taken inside of ndbg_ctrl.media.
 * - ndbg_events.lock and ndbg_ctrl.running_lock are innermost; the latter may be
 *   taken inside of ndbg_subsys.faults_lock. ndbg_time.lock is innermost, too.
 * - A command that waits (ndbg_park()) holds none of these.
 */
#ifndef NVME_DEBUG_H
#define NVME_DEBUG_H

#include <linux/bitmap.h>
#include <linux/blk-mq.h>
#include <linux/configfs.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/nvme.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "nvme.h"
#include "fabrics.h"
#include "config.h"
#include "fault.h"
#include "pi.h"
#include "store.h"
#include "time.h"

#define NDBG_NAME		"nvme-debug"
#define NDBG_FIRMWARE		"1.0"
#define NDBG_VERSION		NVME_VS(2, 0, 0)

#define NDBG_MAX_NSID		8192	/* of a subsystem made by mkdir */
#define NDBG_ANA_GROUP		1	/* all namespaces are in it */
#define NDBG_MAX_IO_QUEUES	128
#define NDBG_MDTS		8	/* 2^8 * 4 KiB = 1 MiB per transfer */
#define NDBG_WZSL		13	/* 2^13 * 4 KiB = 32 MiB per Write Zeroes */
#define NDBG_VSL		16	/* 2^16 * 4 KiB = 256 MiB per Verify */
#define NDBG_PAGE_SHIFT		12	/* CAP.MPSMIN, the unit of all three above */
#define NDBG_FEAT_CMD_SETS	0x19	/* I/O Command Set Profile */
#define NDBG_NR_FEATURES	(NDBG_FEAT_CMD_SETS + 1)
#define NDBG_KAS_MS		100	/* granularity of the keep-alive timeout */

/* Largest list a command has: 256 of struct ndbg_source. */
#define NDBG_LIST_BYTES		(NVME_COPY_MAX_RANGES * 32)

#define NDBG_DULBE		BIT(16)	/* of feature 05h */
#define NDBG_WCE		BIT(0)	/* of feature 06h */

enum ndbg_ns_state {
	NDBG_NS_OFF,		/* allocated, not active: no command finds it */
	NDBG_NS_ON,
	NDBG_NS_FORMAT,		/* active, but all is being erased */
};

/* What is counted of the I/O commands of a namespace, by kind. */
enum ndbg_op {
	NDBG_OP_OTHER,
	NDBG_OP_FLUSH,
	NDBG_OP_WRITE,
	NDBG_OP_READ,
	NDBG_OP_WRITE_UNCOR,
	NDBG_OP_COMPARE,
	NDBG_OP_VERIFY,
	NDBG_OP_WRITE_ZEROES,
	NDBG_OP_DSM,
	NDBG_OP_COPY,
	NDBG_OP_ZONE_SEND,
	NDBG_OP_ZONE_RECEIVE,
	NDBG_OP_ZONE_APPEND,
	NDBG_NR_OPS,
};

struct ndbg_op_stats {
	atomic64_t	commands;
	atomic64_t	errors;
	atomic64_t	bytes;
	atomic64_t	ranges;
};

/**
 * struct ndbg_ns - a namespace
 * @group:	its configfs directory, if it has one
 * @subsys:	whose it is
 * @nsid:	namespace id
 * @state:	enum ndbg_ns_state
 * @config:	its shape; changes as it runs, under ndbg_lock. Size and block
 *		size are consistent for a command: while the latter changes,
 *		none runs
 * @shift:	log2 of the logical block size
 * @write_protect: one of NVME_NS_NO_WRITE_PROTECT ..., feature 84h; changes
 *		under ndbg_lock
 * @err_recovery: feature 05h
 * @uuid:	UUID and NGUID
 * @store:	its data
 * @zones_lock:	@zones, and the right to write to them
 * @zones:	struct ndbg_zone by index, see zoned.c
 * @stats:	by enum ndbg_op
 */
struct ndbg_ns {
	struct config_group	group;
	struct ndbg_subsys	*subsys;
	u32			nsid;
	enum ndbg_ns_state	state;
	struct ndbg_ns_config	config;
	unsigned int		shift;
	u8			write_protect;
	u32			err_recovery;
	uuid_t			uuid;
	struct ndbg_store	store;
	/* also held while a zone is written */
	struct mutex		zones_lock;
	struct xarray		zones;
	struct ndbg_op_stats	stats[NDBG_NR_OPS];
};

/**
 * struct ndbg_subsys - a subsystem
 * @group:	its configfs directory, unless @implicit
 * @namespaces_group: "namespaces"
 * @controllers_group: "controllers"
 * @faults_group: "faults"
 * @entry:	in ndbg_subsystems
 * @ref:	the directory has one, each controller has one
 * @implicit:	made by a connect and gone with its one controller
 * @max_nsid:	the largest valid namespace id
 * @config:	see struct ndbg_subsys_config
 * @namespaces:	all that are allocated, by NSID; those that are active have
 *		NDBG_NS_ACTIVE
 * @ctrls:	controllers, by controller id
 * @paths:	struct ndbg_path, what is to be of controllers by address
 * @faults_lock: @faults and what is in them; is taken around running_lock
 * @faults:	struct ndbg_fault, oldest first
 * @faults_enabled: how many of them are
 * @time:	how long commands take
 * @nqn:	its name
 */
struct ndbg_subsys {
	struct config_group	group;
	struct config_group	namespaces_group;
	struct config_group	controllers_group;
	struct config_group	faults_group;
	struct list_head	entry;
	struct kref		ref;
	bool			implicit;
	u32			max_nsid;
	struct ndbg_subsys_config config;
	struct xarray		namespaces;
	struct xarray		ctrls;
	struct list_head	paths;
	/* taken in process context */
	spinlock_t		faults_lock;
	struct list_head	faults;
	unsigned int		faults_enabled;
	struct ndbg_time	time;
	char			nqn[NVMF_NQN_SIZE];
};

#define NDBG_NS_ACTIVE		XA_MARK_1

/**
 * struct ndbg_path - what the controller with one address is, or will be
 * @group:	its configfs directory, named after the address
 * @entry:	in ndbg_subsys.paths
 * @subsys:	whose it is
 * @config:	see struct ndbg_path_config
 */
struct ndbg_path {
	struct config_group	group;
	struct list_head	entry;
	struct ndbg_subsys	*subsys;
	struct ndbg_path_config	config;
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
	NDBG_CMD_TIMED_OUT,	/* by the host, which has seen it time out */
	NDBG_CMD_ABORT,		/* by an Abort command, which has said so */
	NDBG_CMD_PARKED,	/* waits, whoever clears this executes it */
	NDBG_CMD_LOST,		/* waits for ever */
	NDBG_CMD_EXECUTED,	/* has nothing left to do but complete */
	NDBG_CMD_DONE,		/* the controller is through with it */
};

/* Instead of a status: who has taken the command will complete it. */
#define NDBG_HELD		0xffff

/**
 * struct ndbg_cmd - a command on its way, the request's driver data
 * @nvme_req:	must be first, see struct nvme_request
 * @sqe:	the command as the controller sees it
 * @queue:	the queue it came by
 * @work:	carries commands that may take long (ndbg_io_is_long(),
 *		ndbg_admin_is_long()) or have waited
 * @timer:	ends a wait, or completes
 * @entry:	in ndbg_ctrl.running or ndbg_events.held
 * @flags:	enum ndbg_cmd_flags
 * @plan:	what a fault has in store for it
 * @arrived:	when it was sent, ns since boot, if it is to take time
 * @modelled:	how long it is to take, ns
 * @status:	how it has ended, NDBG_CMD_EXECUTED
 * @range:	of a Copy that has waited: the source range it goes on with
 * @block:	and where in that
 * @ns:		namespace of an I/O command
 * @bytes:	media bytes read, written or freed so far
 * @ranges:	ranges a list had
 * @result:	completion queue entry, DW0 and DW1
 */
struct ndbg_cmd {
	struct nvme_request	nvme_req;
	struct nvme_command	sqe;
	struct ndbg_queue	*queue;
	struct work_struct	work;
	struct hrtimer		timer;
	struct list_head	entry;
	unsigned long		flags;
	struct ndbg_plan	plan;
	u64			arrived;
	u64			modelled;
	u16			status;
	u32			range;
	u32			block;
	struct ndbg_ns		*ns;
	u64			bytes;
	u32			ranges;
	union nvme_result	result;
};

/**
 * struct ndbg_data - a cursor over the host memory of one command
 * @bvecs:	segments being walked
 * @iter:	place in @bvecs
 * @bio:	whose segments these are; NULL for a driver's special payload
 * @tuples:	they are those of its integrity payload
 */
struct ndbg_data {
	const struct bio_vec	*bvecs;
	struct bvec_iter	iter;
	struct bio		*bio;
	bool			tuples;
};

/**
 * struct ndbg_host - a cursor over the blocks of one command
 * @data:	where they are
 * @apart:	where their tuples are, if it is elsewhere
 * @tuples:	which of both has the tuples, NULL: none are transferred
 * @pi:		what the command says of these, NULL: the namespace has none
 */
struct ndbg_host {
	struct ndbg_data	data;
	struct ndbg_data	apart;
	struct ndbg_data	*tuples;
	const struct ndbg_pi	*pi;
};

/* The defined part of feature 16h, Host Behavior Support. */
struct ndbg_host_behavior {
	u8	acre;
	u8	etdas;
	u8	lbafee;
	u8	hdisns;
	__le16	cdfe;
};

/* SMART counters, NVMe units are derived when the log is read. */
struct ndbg_smart {
	atomic64_t	reads;
	atomic64_t	writes;
	atomic64_t	bytes_read;
	atomic64_t	bytes_written;
};

/**
 * struct ndbg_events - what a controller has to tell
 * @lock:	all of it; also held while event requests complete
 * @held:	event requests that wait, oldest first
 * @nr_held:	number of these
 * @pending:	notices to tell as soon as there is a request, BIT(subtype)
 * @told:	notices told, whose log page the host has not read yet: until it
 *		has, they are not told again
 * @changed:	NSIDs of the changed namespace list
 * @ana_changes: ANA change count
 */
struct ndbg_events {
	/* innermost, taken in process context */
	spinlock_t		lock;
	struct list_head	held;
	unsigned int		nr_held;
	unsigned long		pending;
	unsigned long		told;
	DECLARE_BITMAP(changed, NDBG_MAX_NSID + 1);
	u64			ana_changes;
};

/**
 * struct ndbg_ctrl - one controller
 * @ctrl:	what the NVMe core knows of it
 * @up:		connect has succeeded, so the options are ours
 * @subsys:	whose it is
 * @joined:	is among the controllers of @subsys
 * @cntlid:	controller id
 * @max_io_queues: I/O queues it grants
 * @ana_state:	enum nvme_ana_state, of all its namespaces
 * @queues:	queue 0 is the admin queue
 * @nr_io_queues: I/O queues the host uses
 * @admin_tag_set: host side
 * @tag_set:	host side
 * @wq:		runs commands that may take long
 * @media:	held (SRCU) while a command may touch media; whoever disables
 *		the controller waits for it, so that nothing stale gets through
 * @lists:	buffers for range lists, so that I/O needs no allocation
 * @bounce:	pairs of pages, for Copy; taken by who has one of @lists
 * @running_lock: @running
 * @running:	commands that may take long, or wait
 * @aer:	the NVMe core's event request, which is no block layer request
 * @events:	see struct ndbg_events
 * @smart:	SMART counters
 * @regs_lock:	@cc, @csts, @kato, @features, @behavior, Connect
 * @cc:		Controller Configuration
 * @csts:	Controller Status
 * @fatal:	a fault has it answer nothing but fabrics commands; with CSTS.CFS
 * @kato:	keep-alive timeout in ms, 0 = off
 * @kato_work:	fires when the host has been silent for too long
 * @features:	current values of features 01h..19h
 * @behavior:	feature 16h
 */
struct ndbg_ctrl {
	struct nvme_ctrl	ctrl;
	bool			up;

	struct ndbg_subsys	*subsys;
	bool			joined;
	u16			cntlid;
	u32			max_io_queues;
	u8			ana_state;

	struct ndbg_queue	*queues;
	unsigned int		nr_io_queues;
	struct blk_mq_tag_set	admin_tag_set;
	struct blk_mq_tag_set	tag_set;

	struct workqueue_struct	*wq;
	struct srcu_struct	media;
	mempool_t		lists;
	mempool_t		bounce;

	/* innermost, taken in process context */
	spinlock_t		running_lock;
	struct list_head	running;

	struct ndbg_cmd		aer;
	struct ndbg_events	events;
	struct ndbg_smart	smart;

	/* the registers below, and the order of Connect */
	struct mutex		regs_lock;
	u32			cc;
	u32			csts;
	bool			fatal;
	u32			kato;
	struct delayed_work	kato_work;
	u32			features[NDBG_NR_FEATURES];
	struct ndbg_host_behavior behavior;
};

static inline struct ndbg_ctrl *to_ndbg_ctrl(struct nvme_ctrl *ctrl)
{
	return container_of(ctrl, struct ndbg_ctrl, ctrl);
}

static inline struct ndbg_ctrl *ndbg_cmd_ctrl(const struct ndbg_cmd *cmd)
{
	return cmd->queue->ctrl;
}

/**
 * ndbg_cmd_dead - must a running command stop?
 * @cmd: an I/O command being executed
 *
 * True once the host has given up on @cmd (timeout, Abort), the controller has
 * been disabled or the namespace taken away. Copy asks between pieces.
 */
static inline bool ndbg_cmd_dead(struct ndbg_cmd *cmd)
{
	return test_bit(NDBG_CMD_ABORTED, &cmd->flags) ||
	       !test_bit(NDBG_Q_CONNECTED, &cmd->queue->flags) ||
	       READ_ONCE(cmd->ns->state) != NDBG_NS_ON;
}

/* Does a namespace consist of zones? That does not change while it is active. */
static inline bool ndbg_is_zoned(const struct ndbg_ns *ns)
{
	return ns->config.zone_size;
}

/**
 * ndbg_ns_bytes - size of a namespace
 * @ns: namespace
 *
 * Return: bytes, of whole zones if it has any.
 */
static inline u64 ndbg_ns_bytes(const struct ndbg_ns *ns)
{
	u64 size = READ_ONCE(ns->config.size), rem;

	if (!ndbg_is_zoned(ns))
		return size;
	div64_u64_rem(size, ns->config.zone_size, &rem);
	return size - rem;
}

/**
 * ndbg_ns_blocks - size of a namespace in logical blocks
 * @ns: namespace
 */
static inline u64 ndbg_ns_blocks(const struct ndbg_ns *ns)
{
	return ndbg_ns_bytes(ns) >> READ_ONCE(ns->shift);
}

/* control.c: configfs */
int ndbg_control_init(void);
void ndbg_control_exit(void);
int ndbg_control_pin(struct ndbg_subsys *subsys);
void ndbg_control_unpin(struct ndbg_subsys *subsys);

/* subsys.c: the life of subsystems, and who is in them */
extern struct mutex ndbg_lock;
struct ndbg_subsys *ndbg_subsys_create(const char *nqn);
void ndbg_subsys_remove(struct ndbg_subsys *subsys);
void ndbg_subsys_put(struct ndbg_subsys *subsys);
void ndbg_subsys_defaults(struct ndbg_subsys *subsys);
void ndbg_subsys_sync(struct ndbg_subsys *subsys);
void ndbg_subsys_power_cut(struct ndbg_subsys *subsys, u32 seed);
void ndbg_path_add(struct ndbg_subsys *subsys, struct ndbg_path *path);
void ndbg_path_remove(struct ndbg_path *path);
void ndbg_path_set_ana(struct ndbg_path *path, u8 state);
struct ndbg_ctrl *ndbg_find_ctrl(struct ndbg_subsys *subsys,
				 const char *traddr);
int ndbg_join(struct ndbg_ctrl *ctrl);
void ndbg_leave(struct ndbg_ctrl *ctrl);

/* ns.c: the life of namespaces */
struct ndbg_ns *ndbg_ns_create(struct ndbg_subsys *subsys, u32 nsid,
			       const char *salt);
void ndbg_ns_remove(struct ndbg_ns *ns);
void ndbg_ns_free(struct ndbg_ns *ns);
void ndbg_ns_enable(struct ndbg_ns *ns);
void ndbg_ns_disable(struct ndbg_ns *ns);
void ndbg_ns_defaults(struct ndbg_ns *ns);
void ndbg_ns_change(struct ndbg_ns *ns, u64 *field, u64 val);
void ndbg_ns_reshaped(struct ndbg_ns *ns);
struct ndbg_ns *ndbg_ns_find(struct ndbg_subsys *subsys, u32 nsid);
bool ndbg_nsid_valid(const struct ndbg_subsys *subsys, u32 nsid);
void ndbg_ns_count(struct ndbg_cmd *cmd, u16 status);
ssize_t ndbg_ns_show_stats(struct ndbg_ns *ns, char *page);
void ndbg_ns_clear_stats(struct ndbg_ns *ns);

/* protect.c: what may be written */
u16 ndbg_ns_writable(const struct ndbg_ns *ns, u64 slba, u64 nlb);
u16 ndbg_ns_protect(struct ndbg_ns *ns, u32 state);
void ndbg_ns_power_cycle(struct ndbg_ns *ns, u32 seed);

/* cmd.c: host side; the life of commands */
extern const struct blk_mq_ops ndbg_mq_ops;
void ndbg_submit_async_event(struct nvme_ctrl *nctrl);
void ndbg_complete(struct ndbg_cmd *cmd, u16 status);
void ndbg_complete_all(struct blk_mq_tag_set *set);
bool ndbg_abort(struct ndbg_ctrl *ctrl, u16 sqid, u16 cid);
bool ndbg_park(struct ndbg_cmd *cmd, u64 ns);
bool ndbg_hold(struct ndbg_cmd *cmd);
void ndbg_wake_all(struct ndbg_ctrl *ctrl, unsigned int first);
unsigned int ndbg_count_held(struct ndbg_ctrl *ctrl,
			     const struct ndbg_fault *fault);
unsigned int ndbg_release_held(struct ndbg_ctrl *ctrl,
			       const struct ndbg_fault *fault, unsigned int nr);

/* data.c: host memory */
size_t ndbg_data_len(struct ndbg_cmd *cmd);
void ndbg_data_init(struct ndbg_data *data, struct ndbg_cmd *cmd);
void ndbg_data_put(struct ndbg_data *data, const void *from, size_t len);
void ndbg_data_get(struct ndbg_data *data, void *to, size_t len);
void ndbg_data_zero(struct ndbg_data *data, size_t len);
bool ndbg_data_equal(struct ndbg_data *data, const void *from, size_t len);
void ndbg_data_flip(struct ndbg_data *data, size_t offset);
u16 ndbg_data_crc(struct ndbg_data *data, size_t len);
void ndbg_host_init(struct ndbg_host *host, struct ndbg_cmd *cmd,
		    const struct ndbg_pi *pi);

/* fabrics.c: controller side; registers, Connect, keep-alive */
void ndbg_fabrics_init(struct ndbg_ctrl *ctrl);
void ndbg_fabrics_stop(struct ndbg_ctrl *ctrl);
void ndbg_disconnect_queues(struct ndbg_ctrl *ctrl, unsigned int first);
bool ndbg_io_connected(struct ndbg_ctrl *ctrl);
void ndbg_set_kato(struct ndbg_ctrl *ctrl, u32 kato);
void ndbg_keep_alive(struct ndbg_ctrl *ctrl);
u16 ndbg_fabrics_cmd(struct ndbg_cmd *cmd);

/* events.c: controller side; asynchronous events */
void ndbg_events_init(struct ndbg_ctrl *ctrl);
bool ndbg_event_is_held(struct ndbg_ctrl *ctrl);
u16 ndbg_event_request(struct ndbg_cmd *cmd);
bool ndbg_event_cancel(struct ndbg_ctrl *ctrl, u16 cid);
void ndbg_events_drop(struct ndbg_ctrl *ctrl);
void ndbg_event_clear(struct ndbg_ctrl *ctrl, unsigned int notice);
void ndbg_event_ns_changed(struct ndbg_ctrl *ctrl, u32 nsid);
void ndbg_event_ana_changed(struct ndbg_ctrl *ctrl);
void ndbg_changed_list(struct ndbg_ctrl *ctrl, __le32 *list, bool clear);

/* admin.c: controller side; admin commands */
u16 ndbg_admin_cmd(struct ndbg_cmd *cmd);
bool ndbg_admin_is_long(const struct ndbg_cmd *cmd);
u16 ndbg_in_media(struct ndbg_cmd *cmd, u16 (*execute)(struct ndbg_cmd *));
void ndbg_pad(char *to, size_t size, const char *from);

/* features.c: controller side; Set and Get Features */
void ndbg_features_reset(struct ndbg_ctrl *ctrl);
u16 ndbg_set_features(struct ndbg_cmd *cmd);
u16 ndbg_get_features(struct ndbg_cmd *cmd);

/* identify.c: controller side; what it says of itself and its namespaces */
u16 ndbg_identify(struct ndbg_cmd *cmd);

/* log.c: controller side; log pages */
u16 ndbg_get_log(struct ndbg_cmd *cmd);

/* io.c: controller side; the NVM command set */
u16 ndbg_io_cmd(struct ndbg_cmd *cmd);
bool ndbg_io_is_long(const struct ndbg_cmd *cmd);
void ndbg_flush_all(struct ndbg_subsys *subsys);
u16 ndbg_flush_subsys(struct ndbg_cmd *cmd);
unsigned long ndbg_max_cached(const struct ndbg_cmd *cmd);
bool ndbg_range_ok(const struct ndbg_ns *ns, u64 slba, u64 nlb);
u16 ndbg_check_readable(struct ndbg_ns *ns, u64 slba, u64 nlb);
u16 ndbg_media_status(int err);

/* zoned.c: controller side; zones */
void ndbg_zones_init(struct ndbg_ns *ns);
void ndbg_zones_forget(struct ndbg_ns *ns, u64 pos);
void ndbg_zones_power_cycle(struct ndbg_ns *ns);
int ndbg_zone_break(struct ndbg_ns *ns, u64 pos, bool offline);
u16 ndbg_zones_identify(const struct ndbg_ns *ns, struct nvme_id_ns_zns *id);
u16 ndbg_zones_readable(struct ndbg_ns *ns, u64 slba, u64 nlb);
void ndbg_zones_lock(struct ndbg_ns *ns);
void ndbg_zones_unlock(struct ndbg_ns *ns);
u16 ndbg_zone_place(struct ndbg_ns *ns, u64 zslba, u64 *slba);
u16 ndbg_zone_may_write(struct ndbg_ns *ns, u64 slba, u64 nlb);
void ndbg_zone_wrote(struct ndbg_ns *ns, u64 slba, u64 nlb);
u16 ndbg_zone_send(struct ndbg_cmd *cmd);
u16 ndbg_zone_receive(struct ndbg_cmd *cmd);

/* copy.c: controller side; the Copy command */
u16 ndbg_copy(struct ndbg_cmd *cmd);
u64 ndbg_copy_blocks(struct ndbg_cmd *cmd);

#endif /* NVME_DEBUG_H */
