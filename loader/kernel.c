// SPDX-License-Identifier: GPL-2.0
#include "kernel.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/blk-copy.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "device.h"
#include "exit.h"
#include "policy_internal.h"
#include "rows.h"

static void answer(struct kernel_check *check, enum kernel_answer answer,
		   const char *detail)
{
	check->answer = answer;
	snprintf(check->detail, sizeof(check->detail), "%s", detail);
}

static void probe_limits(struct kernel_check *check, const struct device *disks,
			 size_t nr)
{
	if (!nr) {
		answer(check, KERNEL_UNKNOWN, "there is no disk to look at");
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		if (disks[i].copy_max_bytes == ROWS_NONE)
			continue;
		answer(check, KERNEL_PRESENT, "queue/copy_max_bytes");
		return;
	}
	answer(check, KERNEL_MISSING,
	       "no disk has queue/copy_max_bytes in sysfs");
}

/*
 * Without an argument struct, a kernel that knows the ioctl says EFAULT, or
 * EBADF because the descriptor cannot write. One that does not passes it to
 * the driver, which may say anything else.
 */
static enum kernel_answer try_ioctl(const struct device *disk)
{
	char path[DEVICE_NAME_MAX + sizeof("/dev/")];
	enum kernel_answer answer;
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", disk->name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return KERNEL_UNKNOWN;
	answer = KERNEL_MISSING;
	if (ioctl(fd, BLKCOPY, NULL) && (errno == EFAULT || errno == EBADF))
		answer = KERNEL_PRESENT;
	close(fd);
	return answer;
}

static void probe_ioctl(struct kernel_check *check, const struct device *disks,
			size_t nr)
{
	static const char *const details[] = {
		[KERNEL_MISSING] =
			"block devices do not know the ioctl BLKCOPY",
		[KERNEL_PRESENT] = "ioctl BLKCOPY",
		[KERNEL_UNKNOWN] = "no disk could be opened to try",
	};
	enum kernel_answer found = KERNEL_UNKNOWN;

	for (size_t i = 0; i < nr && found == KERNEL_UNKNOWN; i++)
		found = try_ioctl(&disks[i]);
	answer(check, found, details[found]);
}

static void probe_btf(struct kernel_check *check, const struct btf *btf,
		      const char *type, __u32 kind)
{
	int id = btf ? btf__find_by_name_kind(btf, type, kind) : -ENOENT;

	if (id > 0)
		answer(check, KERNEL_PRESENT, type);
	else if (!btf)
		answer(check, KERNEL_MISSING,
		       "the kernel has no BTF (/sys/kernel/btf/vmlinux)");
	else
		snprintf(check->detail, sizeof(check->detail),
			 "the kernel's BTF has no %s %s",
			 kind == BTF_KIND_STRUCT ? "struct" : "tracepoint type",
			 type);
}

void kernel_probe(struct kernel_check checks[KERNEL_NR_FEATURES])
{
	static const struct kernel_check blank[KERNEL_NR_FEATURES] = {
		{ KERNEL_LIMITS, "copy limits in sysfs", "dev", 0, "" },
		{ KERNEL_IOCTL, "copy ioctl", "copy", 0, "" },
		{ KERNEL_POLICY, "copy policies", "load, unload, status", 0,
		  "" },
		{ KERNEL_TRACE, "copy tracepoints", "trace", 0, "" },
	};
	struct device *disks;
	struct btf *btf;
	size_t nr;

	memcpy(checks, blank, sizeof(blank));
	device_list(&disks, &nr);
	btf = btf__load_vmlinux_btf();
	if (libbpf_get_error(btf))
		btf = NULL;
	else
		policy_types_learn(btf);
	probe_limits(&checks[0], disks, nr);
	probe_ioctl(&checks[1], disks, nr);
	probe_btf(&checks[2], btf, "blk_copy_ops", BTF_KIND_STRUCT);
	probe_btf(&checks[3], btf, "btf_trace_blk_copy_end", BTF_KIND_TYPEDEF);
	btf__free(btf);
	device_list_free(disks, nr);
}

int kernel_report(const struct kernel_check checks[KERNEL_NR_FEATURES],
		  unsigned int features)
{
	struct utsname uts;
	bool said = false;

	uname(&uts);
	for (int i = 0; i < KERNEL_NR_FEATURES; i++) {
		const struct kernel_check *c = &checks[i];

		if (!(c->feature & features) || c->answer != KERNEL_MISSING)
			continue;
		if (!said)
			exit_message(EXIT_KERNEL,
				     "this kernel (%s) lacks copy offload:",
				     uts.release);
		said = true;
		fprintf(stderr, "  %s (for %s): %s\n", c->name, c->wanted_for,
			c->detail);
	}
	if (said)
		fputs("A kernel with the bpfcopy patches has them; see "
		      "kernel-patches/ in its source.\n",
		      stderr);
	return said ? EXIT_KERNEL : EXIT_OK;
}

int kernel_need(unsigned int features)
{
	struct kernel_check checks[KERNEL_NR_FEATURES];

	kernel_probe(checks);
	return kernel_report(checks, features);
}
