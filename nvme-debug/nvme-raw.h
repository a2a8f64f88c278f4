/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nvme-raw: a command as it is, to any NVMe controller, for tests. What the
 * NVMe driver's own pass-through refuses or rewrites (namespace ids, fused
 * operations, features that are the driver's) gets through here.
 */
#ifndef NVME_RAW_H
#define NVME_RAW_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define NVME_RAW_MAX_BYTES	0x100000

/**
 * struct nvme_raw - argument of NVME_RAW_SEND
 * @ctrl_fd:	an open controller device, such as /dev/nvme0
 * @via:	namespace whose I/O queue it goes by, 0 = the admin queue
 * @sqe:	the command; command id, SGL bits and data pointer are the driver's
 * @data:	address of its data, to or from the controller as the opcode says
 * @len:	size of that, bytes, at most NVME_RAW_MAX_BYTES
 * @status:	out: status code, status code type, DNR: 0x4183 is 1/83h with DNR
 * @result:	out: DW0 and DW1 of the completion
 */
struct nvme_raw {
	__s32	ctrl_fd;
	__u32	via;
	__u8	sqe[64];
	__u64	data;
	__u32	len;
	__u32	status;
	__u64	result;
};

#define NVME_RAW_SEND	_IOWR('N', 0xe0, struct nvme_raw)

#endif /* NVME_RAW_H */
