// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-raw: /dev/nvme-raw, see nvme-raw.h. A module of its own: it is for
 * controllers of any kind, and whatever is wrong with a command is for the
 * controller to say.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "nvme.h"
#include "nvme-raw.h"

static int nvme_raw_submit(struct request_queue *q, struct nvme_raw *raw,
			   void *data)
{
	struct nvme_command cmd;
	union nvme_result result = { };
	int ret;

	memcpy(&cmd, raw->sqe, sizeof(cmd));
	ret = __nvme_submit_sync_cmd(q, &cmd, &result, data, raw->len,
				     NVME_QID_ANY, 0);
	if (ret < 0)
		return ret;
	raw->status = ret;
	raw->result = le64_to_cpu(result.u64);
	return 0;
}

static int nvme_raw_to_ctrl(struct nvme_ctrl *ctrl, struct nvme_raw *raw,
			    void *data)
{
	struct nvme_ns *ns;
	int ret;

	if (!raw->via)
		return nvme_raw_submit(ctrl->admin_q, raw, data);
	ns = nvme_find_get_ns(ctrl, raw->via);
	if (!ns)
		return -ENODEV;
	ret = nvme_raw_submit(ns->queue, raw, data);
	nvme_put_ns(ns);
	return ret;
}

static int nvme_raw_to_file(struct nvme_raw *raw, void *data)
{
	struct file *file = fget(raw->ctrl_fd);
	struct nvme_ctrl *ctrl;
	int ret = -ENOTTY;

	if (!file)
		return -EBADF;
	ctrl = nvme_ctrl_from_file(file);
	if (ctrl)
		ret = nvme_raw_to_ctrl(ctrl, raw, data);
	fput(file);
	return ret;
}

static int nvme_raw_send(struct nvme_raw *raw)
{
	bool to_ctrl = nvme_is_write((const struct nvme_command *)raw->sqe);
	void __user *user = u64_to_user_ptr(raw->data);
	void *data = NULL;
	int ret;

	if (raw->len > NVME_RAW_MAX_BYTES)
		return -EINVAL;
	if (raw->len)
		data = vmemdup_user(user, raw->len);
	if (IS_ERR(data))
		return PTR_ERR(data);
	ret = nvme_raw_to_file(raw, data);
	if (!ret && raw->len && !to_ctrl && copy_to_user(user, data, raw->len))
		ret = -EFAULT;
	kvfree(data);
	return ret;
}

static long nvme_raw_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct nvme_raw raw;
	int ret;

	if (cmd != NVME_RAW_SEND)
		return -ENOTTY;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&raw, user, sizeof(raw)))
		return -EFAULT;
	ret = nvme_raw_send(&raw);
	if (!ret && copy_to_user(user, &raw, sizeof(raw)))
		ret = -EFAULT;
	return ret;
}

static const struct file_operations nvme_raw_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= nvme_raw_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice nvme_raw_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "nvme-raw",
	.fops	= &nvme_raw_fops,
	.mode	= 0600,
};

module_misc_device(nvme_raw_device);

MODULE_DESCRIPTION("Sends any NVMe command to any controller, for tests");
MODULE_LICENSE("GPL");
MODULE_INFO(test, "Y");
MODULE_IMPORT_NS(NVME_TARGET_PASSTHRU);
