// SPDX-License-Identifier: GPL-2.0
/*
 * nvme_pass DEV NSID FORMAT SNSID
 *
 * A Copy of block 8 of namespace SNSID to block 64 of DEV, whose namespace is NSID, by
 * pass-through: what whoever may write to DEV can do beside the kernel.  Prints the
 * status of the command, or the errno of the ioctl.  nvme-cli opens for reading only,
 * which the kernel refuses for another reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define NVME_COPY 0x19
#define FROM	  8
#define TO	  64

/* Entry of the descriptor formats 0, where snsid is reserved, and 2. */
struct entry {
	uint32_t snsid;
	uint32_t reserved4;
	uint64_t slba;
	uint16_t nlb; /* less one */
	uint8_t reserved18[14];
};

int main(int argc, char **argv)
{
	struct entry entry = { .slba = FROM };
	struct nvme_passthru_cmd cmd = {
		.opcode = NVME_COPY,
		.addr = (uintptr_t)&entry,
		.data_len = sizeof(entry),
		.cdw10 = TO,
	};
	int fd, ret;

	if (argc != 5) {
		fprintf(stderr, "usage: nvme_pass DEV NSID FORMAT SNSID\n");
		return 2;
	}
	cmd.nsid = strtoul(argv[2], NULL, 0);
	cmd.cdw12 = strtoul(argv[3], NULL, 0) << 8;
	entry.snsid = strtoul(argv[4], NULL, 0);
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		fprintf(stderr, "nvme_pass: %s: %s\n", argv[1],
			strerror(errno));
		return 2;
	}
	ret = ioctl(fd, NVME_IOCTL_IO_CMD, &cmd);
	if (ret < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("%#x\n", ret);
	return 0;
}
