// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: host side. The module, the transport "debug" it registers, and
 * the life of a controller from connect to disconnect.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "nvme-debug.h"

/* Queues: up on connect and reset, down on reset and removal. */

static void ndbg_stop_admin(struct ndbg_ctrl *ctrl, bool remove)
{
	struct nvme_ctrl *nctrl = &ctrl->ctrl;

	nvme_stop_keep_alive(nctrl);
	nvme_quiesce_admin_queue(nctrl);
	blk_sync_queue(nctrl->admin_q);
	clear_bit(NDBG_Q_LIVE, &ctrl->queues[0].flags);
	ndbg_fabrics_stop(ctrl);
	flush_workqueue(ctrl->wq);
	/* It is not to send an event request after the next start has. */
	flush_work(&nctrl->async_event_work);
	nvme_cancel_admin_tagset(nctrl);
	if (remove) {
		nvme_unquiesce_admin_queue(nctrl);
		nvme_remove_admin_tag_set(nctrl);
	}
}

static int ndbg_start_admin(struct ndbg_ctrl *ctrl, bool new)
{
	struct nvme_ctrl *nctrl = &ctrl->ctrl;
	int ret;

	if (new) {
		ret = nvme_alloc_admin_tag_set(nctrl, &ctrl->admin_tag_set,
					       &ndbg_mq_ops,
					       sizeof(struct ndbg_cmd));
		if (ret)
			return ret;
	}
	ret = nvmf_connect_admin_queue(nctrl);
	if (ret)
		goto stop;
	set_bit(NDBG_Q_LIVE, &ctrl->queues[0].flags);
	ret = nvme_enable_ctrl(nctrl);
	if (ret)
		goto stop;
	nvme_unquiesce_admin_queue(nctrl);
	ret = nvme_init_ctrl_finish(nctrl, false);
	if (ret)
		goto stop;
	return 0;

stop:
	ndbg_stop_admin(ctrl, new);
	return ret;
}

/* Ends with no command of the I/O queues in flight, on either side. */
static void ndbg_stop_io(struct ndbg_ctrl *ctrl, bool remove)
{
	struct nvme_ctrl *nctrl = &ctrl->ctrl;
	unsigned int i;

	if (!nctrl->tagset)
		return;
	nvme_quiesce_io_queues(nctrl);
	nvme_sync_io_queues(nctrl);
	for (i = 1; i <= ctrl->nr_io_queues; i++)
		clear_bit(NDBG_Q_LIVE, &ctrl->queues[i].flags);
	ndbg_disconnect_queues(ctrl, 1);
	flush_workqueue(ctrl->wq);
	ndbg_complete_all(nctrl->tagset);
	nvme_cancel_tagset(nctrl);
	if (remove) {
		nvme_unquiesce_io_queues(nctrl);
		nvme_remove_io_tag_set(nctrl);
		nctrl->tagset = NULL;
	}
}

static int ndbg_connect_io_queues(struct ndbg_ctrl *ctrl)
{
	unsigned int i;
	int ret;

	for (i = 1; i <= ctrl->nr_io_queues; i++) {
		ret = nvmf_connect_io_queue(&ctrl->ctrl, i);
		if (ret)
			return ret;
		set_bit(NDBG_Q_LIVE, &ctrl->queues[i].flags);
	}
	return 0;
}

/*
 * How many queues there are is settled when @new; afterwards tag set and
 * hardware contexts count on it.
 */
static int ndbg_set_queue_count(struct ndbg_ctrl *ctrl, bool new)
{
	unsigned int count = ctrl->nr_io_queues;
	int ret;

	ret = nvme_set_queue_count(&ctrl->ctrl, &count);
	if (ret)
		return ret;
	if (!count || (!new && count != ctrl->nr_io_queues)) {
		dev_err(ctrl->ctrl.device, "%u I/O queues instead of %u\n",
			count, ctrl->nr_io_queues);
		return -ENODEV;
	}
	ctrl->nr_io_queues = count;
	ctrl->ctrl.queue_count = count + 1;
	return 0;
}

static int ndbg_start_io(struct ndbg_ctrl *ctrl, bool new)
{
	int ret;

	ret = ndbg_set_queue_count(ctrl, new);
	if (ret)
		return ret;
	if (new) {
		ret = nvme_alloc_io_tag_set(&ctrl->ctrl, &ctrl->tag_set,
					    &ndbg_mq_ops, 1,
					    sizeof(struct ndbg_cmd));
		if (ret)
			return ret;
	}
	ret = ndbg_connect_io_queues(ctrl);
	if (ret)
		ndbg_stop_io(ctrl, new);
	return ret;
}

static void ndbg_clamp_queue_size(struct nvme_ctrl *nctrl)
{
	if (nctrl->sqsize + 1 > nctrl->maxcmd)
		nctrl->sqsize = nctrl->maxcmd - 1;
	if (nctrl->opts->queue_size > nctrl->sqsize + 1)
		dev_info(nctrl->device, "queue size %zu lowered to %u\n",
			 nctrl->opts->queue_size, nctrl->sqsize + 1);
}

static int ndbg_start(struct ndbg_ctrl *ctrl, bool new)
{
	struct nvme_ctrl *nctrl = &ctrl->ctrl;
	int ret;

	ret = ndbg_start_admin(ctrl, new);
	if (ret)
		return ret;
	ndbg_clamp_queue_size(nctrl);
	ret = ndbg_start_io(ctrl, new);
	if (ret)
		goto stop_admin;
	/* Can only fail when someone has begun to delete it. */
	if (!nvme_change_ctrl_state(nctrl, NVME_CTRL_LIVE)) {
		ret = -ENODEV;
		goto stop_io;
	}
	nvme_start_ctrl(nctrl);
	return 0;

stop_io:
	ndbg_stop_io(ctrl, new);
stop_admin:
	ndbg_stop_admin(ctrl, new);
	return ret;
}

static void ndbg_stop(struct ndbg_ctrl *ctrl, bool remove)
{
	ndbg_stop_io(ctrl, remove);
	nvme_quiesce_admin_queue(&ctrl->ctrl);
	if (test_bit(NDBG_Q_LIVE, &ctrl->queues[0].flags))
		nvme_disable_ctrl(&ctrl->ctrl, remove);
	ndbg_stop_admin(ctrl, remove);
}

static void ndbg_reset_work(struct work_struct *work)
{
	struct ndbg_ctrl *ctrl = container_of(work, struct ndbg_ctrl,
					      ctrl.reset_work);
	int ret;

	nvme_stop_ctrl(&ctrl->ctrl);
	ndbg_stop(ctrl, false);
	/* Can only fail when someone has begun to delete it. */
	if (nvme_change_ctrl_state(&ctrl->ctrl, NVME_CTRL_CONNECTING)) {
		ret = ndbg_start(ctrl, false);
		if (!ret)
			return;
		dev_err(ctrl->ctrl.device, "reset failed (%d), removing\n", ret);
		nvme_delete_ctrl(&ctrl->ctrl);
	}
	/*
	 * The queues stay dead. Let what waits in them fail now: a removal
	 * waits for scans, and a scan may wait for an admin command.
	 */
	nvme_unquiesce_admin_queue(&ctrl->ctrl);
}

/*
 * Until they were dropped, events could start works of the NVMe core that it
 * has waited for before. They find a controller that is not live and end.
 */
static void ndbg_flush_events(struct nvme_ctrl *nctrl)
{
	nvme_stop_ctrl(nctrl);
	flush_work(&nctrl->scan_work);
}

/*
 * The first thing in a removal, which waits for commands: none is to wait any
 * more. A reset ends waits by itself, when it disconnects the queues.
 */
static void ndbg_stop_waits(struct nvme_ctrl *nctrl)
{
	if (nvme_state_terminal(nctrl))
		ndbg_wake_all(to_ndbg_ctrl(nctrl), 0);
}

static void ndbg_delete_ctrl(struct nvme_ctrl *nctrl)
{
	struct ndbg_ctrl *ctrl = to_ndbg_ctrl(nctrl);

	ndbg_stop(ctrl, true);
	ndbg_flush_events(nctrl);
	ndbg_leave(ctrl);
}

/* Controllers. */

static void ndbg_free(struct ndbg_ctrl *ctrl)
{
	ndbg_leave(ctrl);
	if (ctrl->subsys)
		ndbg_subsys_put(ctrl->subsys);
	mempool_exit(&ctrl->bounce);
	mempool_exit(&ctrl->lists);
	cleanup_srcu_struct(&ctrl->media);
	if (ctrl->wq)
		destroy_workqueue(ctrl->wq);
	kfree(ctrl->queues);
	kfree(ctrl);
}

/*
 * A controller keeps the module. What runs after module_put() is out of the
 * module before module removal, which waits for RCU readers and for
 * nvme_delete_wq, can free it.
 */
static void ndbg_free_ctrl(struct nvme_ctrl *nctrl)
{
	struct ndbg_ctrl *ctrl = to_ndbg_ctrl(nctrl);

	/* If connect has failed the options are the caller's. */
	if (ctrl->up)
		nvmf_free_options(nctrl->opts);
	ndbg_free(ctrl);
	rcu_read_lock();
	module_put(THIS_MODULE);
	rcu_read_unlock();
}

static const struct nvme_ctrl_ops ndbg_ctrl_ops = {
	.name			= "debug",
	.module			= THIS_MODULE,
	.flags			= NVME_F_FABRICS | NVME_F_METADATA_SUPPORTED |
				  NVME_F_BLOCKING,
	.reg_read32		= nvmf_reg_read32,
	.reg_read64		= nvmf_reg_read64,
	.reg_write32		= nvmf_reg_write32,
	.free_ctrl		= ndbg_free_ctrl,
	.submit_async_event	= ndbg_submit_async_event,
	.stop_ctrl		= ndbg_stop_waits,
	.delete_ctrl		= ndbg_delete_ctrl,
	.get_address		= nvmf_get_address,
};

static int ndbg_init_queues(struct ndbg_ctrl *ctrl)
{
	unsigned int i;

	ctrl->nr_io_queues = min(ctrl->ctrl.opts->nr_io_queues,
				 NDBG_MAX_IO_QUEUES);
	ctrl->queues = kcalloc(ctrl->nr_io_queues + 1, sizeof(*ctrl->queues),
			       GFP_KERNEL);
	if (!ctrl->queues)
		return -ENOMEM;
	for (i = 0; i <= ctrl->nr_io_queues; i++) {
		ctrl->queues[i].ctrl = ctrl;
		ctrl->queues[i].qid = i;
	}
	return 0;
}

static int ndbg_init_resources(struct ndbg_ctrl *ctrl)
{
	int ret;

	ret = ndbg_init_queues(ctrl);
	if (ret)
		return ret;
	ret = mempool_init_kmalloc_pool(&ctrl->lists, 2, NDBG_LIST_BYTES);
	if (ret)
		return ret;
	ret = mempool_init_page_pool(&ctrl->bounce, 1, 1);
	if (ret)
		return ret;
	ctrl->wq = alloc_workqueue(NDBG_NAME "-%.10s",
				   WQ_UNBOUND | WQ_MEM_RECLAIM, 0,
				   ctrl->ctrl.opts->traddr);
	return ctrl->wq ? 0 : -ENOMEM;
}

static struct ndbg_ctrl *ndbg_alloc(struct nvmf_ctrl_options *opts)
{
	struct ndbg_ctrl *ctrl;
	int ret;

	ctrl = kzalloc(sizeof(*ctrl), GFP_KERNEL);
	if (!ctrl)
		return ERR_PTR(-ENOMEM);
	ret = init_srcu_struct(&ctrl->media);
	if (ret) {
		kfree(ctrl);
		return ERR_PTR(ret);
	}
	INIT_LIST_HEAD(&ctrl->running);
	spin_lock_init(&ctrl->running_lock);
	INIT_WORK(&ctrl->ctrl.reset_work, ndbg_reset_work);
	ctrl->ctrl.opts = opts;
	ctrl->ctrl.sqsize = opts->queue_size - 1;
	ctrl->ctrl.kato = opts->kato;
	ctrl->ctrl.max_integrity_segments = USHRT_MAX;
	ndbg_fabrics_init(ctrl);
	ndbg_events_init(ctrl);
	ret = ndbg_init_resources(ctrl);
	if (!ret)
		ret = ndbg_join(ctrl);
	if (ret) {
		ndbg_free(ctrl);
		return ERR_PTR(ret);
	}
	return ctrl;
}

static int ndbg_check_options(const struct nvmf_ctrl_options *opts)
{
	if (opts->discovery_nqn) {
		pr_err("there is no discovery controller, connect to any other NQN\n");
		return -EINVAL;
	}
	if (!*opts->traddr) {
		pr_err("empty address, give each controller a name of its own\n");
		return -EINVAL;
	}
	return 0;
}

/* From here on the last nvme_put_ctrl() frees @ctrl and lets the module go. */
static int ndbg_bring_up(struct ndbg_ctrl *ctrl)
{
	int ret;

	/* Before it can be found, for a new one could be reset. */
	nvme_change_ctrl_state(&ctrl->ctrl, NVME_CTRL_CONNECTING);
	ret = nvme_add_ctrl(&ctrl->ctrl);
	if (ret)
		goto put;
	ret = ndbg_start(ctrl, true);
	if (!ret) {
		ctrl->up = true;
		return 0;
	}
	nvme_uninit_ctrl(&ctrl->ctrl);

put:
	/* Whoever still holds it: the options go now. */
	ndbg_leave(ctrl);
	nvme_put_ctrl(&ctrl->ctrl);
	return ret > 0 ? -EIO : ret;
}

static void ndbg_announce(struct ndbg_ctrl *ctrl)
{
	dev_info(ctrl->ctrl.device,
		 NDBG_NAME " %s: controller %u of %s, copy %s\n",
		 ctrl->ctrl.opts->traddr, ctrl->cntlid, ctrl->subsys->nqn,
		 ctrl->subsys->config.copy ? "on" : "off");
}

static struct nvme_ctrl *ndbg_create_ctrl(struct device *dev,
					  struct nvmf_ctrl_options *opts)
{
	struct ndbg_ctrl *ctrl;
	int ret;

	ret = ndbg_check_options(opts);
	if (ret)
		return ERR_PTR(ret);
	ctrl = ndbg_alloc(opts);
	if (IS_ERR(ctrl))
		return ERR_CAST(ctrl);
	ret = nvme_init_ctrl(&ctrl->ctrl, dev, &ndbg_ctrl_ops, 0);
	if (ret) {
		ndbg_free(ctrl);
		return ERR_PTR(ret);
	}
	__module_get(THIS_MODULE);
	ret = ndbg_bring_up(ctrl);
	if (ret)
		return ERR_PTR(ret);
	ndbg_announce(ctrl);
	return &ctrl->ctrl;
}

/*
 * nvme-cli sends a ctrl_loss_tmo to every transport but "loop". Here no
 * connection is ever lost, so it has no effect.
 */
static struct nvmf_transport_ops ndbg_transport = {
	.name		= "debug",
	.module		= THIS_MODULE,
	.required_opts	= NVMF_OPT_TRADDR,
	.allowed_opts	= NVMF_OPT_TRADDR | NVMF_OPT_CTRL_LOSS_TMO,
	.create_ctrl	= ndbg_create_ctrl,
};

static int __init ndbg_init(void)
{
	int ret;

	ret = ndbg_params_check();
	if (ret)
		return ret;
	ret = ndbg_control_init();
	if (ret)
		return ret;
	ret = nvmf_register_transport(&ndbg_transport);
	if (ret)
		ndbg_control_exit();
	return ret;
}

static void __exit ndbg_exit(void)
{
	nvmf_unregister_transport(&ndbg_transport);
	ndbg_control_exit();
	flush_workqueue(nvme_delete_wq);
	synchronize_rcu();
	WARN_ON(ndbg_store_pages());
}

module_init(ndbg_init);
module_exit(ndbg_exit);

MODULE_DESCRIPTION("NVMe controller simulated in memory, with Copy, for tests");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");
