// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: asynchronous events, from what has changed to who is told.
 *
 * A notice becomes pending when something changes and the host has asked for
 * such notices (feature 0Bh). It is told as soon as there is an event request.
 * From then on until the host reads the notice's log page, more changes of the
 * kind are not told: the host will find them in the log. So whoever changes
 * something does that first, and whoever reads a log clears the notice first.
 */
#include <linux/nvme.h>
#include <linux/spinlock.h>

#include "nvme-debug.h"

struct ndbg_notice {
	u32	feature;	/* bit of feature 0Bh */
	u8	lid;		/* log page to read */
};

static const struct ndbg_notice ndbg_notices[] = {
	[NVME_AER_NOTICE_NS_CHANGED]	= {
		.feature	= NVME_AEN_CFG_NS_ATTR,
		.lid		= NVME_LOG_CHANGED_NS,
	},
	[NVME_AER_NOTICE_ANA]		= {
		.feature	= NVME_AEN_CFG_ANA_CHANGE,
		.lid		= NVME_LOG_ANA,
	},
};

/* Nothing to tell, nobody to tell it to. */
void ndbg_events_init(struct ndbg_ctrl *ctrl)
{
	spin_lock_init(&ctrl->events.lock);
	INIT_LIST_HEAD(&ctrl->events.held);
	INIT_LIST_HEAD(&ctrl->aer.entry);
}

/* Does the NVMe core's event request wait already? */
bool ndbg_event_is_held(struct ndbg_ctrl *ctrl)
{
	bool held;

	spin_lock(&ctrl->events.lock);
	held = !list_empty(&ctrl->aer.entry);
	spin_unlock(&ctrl->events.lock);
	return held;
}

static void ndbg_release(struct ndbg_events *events, struct ndbg_cmd *cmd,
			 u16 status)
{
	list_del_init(&cmd->entry);
	events->nr_held--;
	ndbg_complete(cmd, status);
}

/* The notices that the host wants. */
static unsigned long ndbg_wanted(struct ndbg_ctrl *ctrl)
{
	u32 feature = READ_ONCE(ctrl->features[NVME_FEAT_ASYNC_EVENT]);
	unsigned long wanted = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ndbg_notices); i++)
		if (feature & ndbg_notices[i].feature)
			__set_bit(i, &wanted);
	return wanted;
}

/*
 * Requests complete under the lock, so that ndbg_events_drop() leaves none on
 * its way to the host.
 */
static void ndbg_tell(struct ndbg_ctrl *ctrl)
{
	struct ndbg_events *events = &ctrl->events;
	unsigned long now;

	lockdep_assert_held(&events->lock);
	while ((now = events->pending & ndbg_wanted(ctrl)) && events->nr_held) {
		unsigned int notice = __ffs(now);
		struct ndbg_cmd *cmd = list_first_entry(&events->held,
							struct ndbg_cmd, entry);

		__clear_bit(notice, &events->pending);
		__set_bit(notice, &events->told);
		cmd->result.u32 = cpu_to_le32(NVME_AER_NOTICE | notice << 8 |
					      ndbg_notices[notice].lid << 16);
		ndbg_release(events, cmd, NVME_SC_SUCCESS);
	}
}

static void ndbg_event_raise(struct ndbg_ctrl *ctrl, unsigned int notice)
{
	struct ndbg_events *events = &ctrl->events;

	if (!(ndbg_wanted(ctrl) & BIT(notice)) ||
	    test_bit(notice, &events->told))
		return;
	__set_bit(notice, &events->pending);
	ndbg_tell(ctrl);
}

/**
 * ndbg_event_ns_changed - a namespace came, went or is another
 * @ctrl: controller it is attached to
 * @nsid: which; done before this call
 */
void ndbg_event_ns_changed(struct ndbg_ctrl *ctrl, u32 nsid)
{
	spin_lock(&ctrl->events.lock);
	__set_bit(nsid, ctrl->events.changed);
	ndbg_event_raise(ctrl, NVME_AER_NOTICE_NS_CHANGED);
	spin_unlock(&ctrl->events.lock);
}

/* The ANA state is another, as of before this call. */
void ndbg_event_ana_changed(struct ndbg_ctrl *ctrl)
{
	spin_lock(&ctrl->events.lock);
	ctrl->events.ana_changes++;
	ndbg_event_raise(ctrl, NVME_AER_NOTICE_ANA);
	spin_unlock(&ctrl->events.lock);
}

/**
 * ndbg_event_clear - the host is about to read a log page, and retains nothing
 * @ctrl: controller
 * @notice: whose log page that is
 */
void ndbg_event_clear(struct ndbg_ctrl *ctrl, unsigned int notice)
{
	spin_lock(&ctrl->events.lock);
	__clear_bit(notice, &ctrl->events.pending);
	__clear_bit(notice, &ctrl->events.told);
	spin_unlock(&ctrl->events.lock);
}

/**
 * ndbg_changed_list - the changed namespace list
 * @ctrl: controller
 * @list: NVME_MAX_CHANGED_NAMESPACES zeroes; if more have changed, the list
 *	has one entry that says so
 * @clear: the host retains nothing
 */
void ndbg_changed_list(struct ndbg_ctrl *ctrl, __le32 *list, bool clear)
{
	struct ndbg_events *events = &ctrl->events;
	unsigned int nsid, i = 0;

	spin_lock(&events->lock);
	if (bitmap_weight(events->changed, NDBG_MAX_NSID + 1) >
	    NVME_MAX_CHANGED_NAMESPACES)
		list[0] = cpu_to_le32(NVME_NSID_ALL);
	else
		for_each_set_bit(nsid, events->changed, NDBG_MAX_NSID + 1)
			list[i++] = cpu_to_le32(nsid);
	if (clear) {
		bitmap_zero(events->changed, NDBG_MAX_NSID + 1);
		__clear_bit(NVME_AER_NOTICE_NS_CHANGED, &events->pending);
		__clear_bit(NVME_AER_NOTICE_NS_CHANGED, &events->told);
	}
	spin_unlock(&events->lock);
}

/**
 * ndbg_event_request - execute Asynchronous Event Request
 * @cmd: the command
 *
 * Return: NDBG_HELD, and @cmd may have completed by then; or NVMe status.
 */
u16 ndbg_event_request(struct ndbg_cmd *cmd)
{
	struct ndbg_ctrl *ctrl = ndbg_cmd_ctrl(cmd);
	struct ndbg_events *events = &ctrl->events;
	u16 status = NDBG_HELD;

	spin_lock(&events->lock);
	if (events->nr_held > ctrl->subsys->config.aerl) {
		status = NVME_SC_ASYNC_LIMIT | NVME_STATUS_DNR;
	} else {
		list_add_tail(&cmd->entry, &events->held);
		events->nr_held++;
		ndbg_tell(ctrl);
	}
	spin_unlock(&events->lock);
	return status;
}

/**
 * ndbg_event_cancel - abort an event request
 * @ctrl: controller
 * @cid: its command id
 *
 * Return: whether there was one, which has completed by now.
 */
bool ndbg_event_cancel(struct ndbg_ctrl *ctrl, u16 cid)
{
	struct ndbg_events *events = &ctrl->events;
	struct ndbg_cmd *cmd;
	bool found = false;

	spin_lock(&events->lock);
	list_for_each_entry(cmd, &events->held, entry) {
		if (cmd->sqe.common.command_id != cid)
			continue;
		ndbg_release(events, cmd, NVME_SC_ABORT_REQ);
		found = true;
		break;
	}
	spin_unlock(&events->lock);
	return found;
}

/**
 * ndbg_events_drop - a controller level reset: forget everything
 * @ctrl: controller
 *
 * The NVMe core's own request is forgotten with the rest, as it expects; those
 * that came through a queue end with an error.
 */
void ndbg_events_drop(struct ndbg_ctrl *ctrl)
{
	struct ndbg_events *events = &ctrl->events;
	struct ndbg_cmd *cmd, *next;

	spin_lock(&events->lock);
	list_for_each_entry_safe(cmd, next, &events->held, entry) {
		if (cmd != &ctrl->aer)
			ndbg_release(events, cmd, NVME_SC_ABORT_QUEUE);
		else
			list_del_init(&cmd->entry);
	}
	events->nr_held = 0;
	events->pending = 0;
	events->told = 0;
	bitmap_zero(events->changed, NDBG_MAX_NSID + 1);
	spin_unlock(&events->lock);
}
