// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: module parameters, and how their values and those of configfs
 * attributes are read.
 *
 * A subsystem and a namespace take their shape from these when they are made:
 * by a connect, or by mkdir, whose attributes then change it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "nvme-debug.h"

static struct ndbg_config ndbg_params = {
	.ns = {
		.size		= SZ_256M,
		.memory		= 0,
		.block_size	= 512,
		.physical_block_size = 512,
		.mssrl		= 8192,
		.mcl		= 65536,
		.msrc		= 127,
		.ro_start	= 0,
		.ro_size	= 0,
	},
	/* The serial number is the subsystem's own. */
	.subsys = {
		.queue_depth	= 128,
		.io_queues	= NDBG_MAX_IO_QUEUES,
		.anatt		= 10,
		.aerl		= 3,
		.copy_formats	= BIT(0) | BIT(2),
		.fast_copy	= NDBG_FAST_ALWAYS,
		.copy		= 1,
		.multipath	= 1,
		.model		= NDBG_NAME,
	},
};

/**
 * ndbg_refuse - say what is wrong with a value
 * @name: parameter or attribute
 * @s: value; what follows a newline, or is long, is not shown
 * @what: what to give instead
 *
 * Return: -EINVAL
 */
int ndbg_refuse(const char *name, const char *s, const char *what)
{
	int len = min_t(size_t, strcspn(s, "\n"), 48);

	pr_err("%s=%*pE refused: give %s\n", name, len, s, what);
	return -EINVAL;
}

/**
 * ndbg_parse_number - read a number
 * @name: parameter or attribute
 * @s: value, may end with a newline
 * @n: what it may be
 * @val: set when it is good
 *
 * Return: 0, or -EINVAL after saying what to give.
 */
int ndbg_parse_number(const char *name, const char *s,
		      const struct ndbg_number *n, u32 *val)
{
	u32 v;

	if (kstrtouint(s, 0, &v) || v < n->min || v > n->max ||
	    (n->ok && !n->ok(v)))
		return ndbg_refuse(name, s, n->what);
	*val = v;
	return 0;
}

static int ndbg_set_number(const char *s, const struct kernel_param *kp)
{
	const struct ndbg_number *n = kp->arg;

	return ndbg_parse_number(kp->name, s, n, n->val);
}

static int ndbg_get_number(char *buf, const struct kernel_param *kp)
{
	const struct ndbg_number *n = kp->arg;

	return sysfs_emit(buf, "%u\n", *n->val);
}

static const struct kernel_param_ops ndbg_number_ops = {
	.set	= ndbg_set_number,
	.get	= ndbg_get_number,
};

static unsigned int ndbg_suffix_shift(char c)
{
	static const char suffixes[] = "KMGT";
	const char *p = c ? strchr(suffixes, c) : NULL;

	return p ? 10 * (p - suffixes + 1) : 0;
}

/* Like memparse(), but what does not fit in 64 bits is an error. */
static int ndbg_scan_bytes(const char *s, u64 *val)
{
	char digits[24];
	size_t len = strcspn(s, "\n");
	unsigned int shift = len ? ndbg_suffix_shift(s[len - 1]) : 0;
	u64 v;

	if (shift)
		len--;
	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (kstrtou64(digits, 0, &v) || check_shl_overflow(v, shift, val))
		return -EINVAL;
	return 0;
}

/**
 * ndbg_parse_bytes - read a number of bytes, with or without suffix
 * @name: parameter or attribute
 * @s: value, may end with a newline
 * @b: what it may be
 * @val: set when it is good
 *
 * Return: 0, or -EINVAL after saying what to give.
 */
int ndbg_parse_bytes(const char *name, const char *s,
		     const struct ndbg_bytes *b, u64 *val)
{
	u64 v;

	if (ndbg_scan_bytes(s, &v) || v > b->max ||
	    (v < b->min && !(b->zero_ok && !v)) || !IS_ALIGNED(v, SZ_4K))
		return ndbg_refuse(name, s, b->what);
	*val = v;
	return 0;
}

static int ndbg_set_bytes(const char *s, const struct kernel_param *kp)
{
	const struct ndbg_bytes *b = kp->arg;

	return ndbg_parse_bytes(kp->name, s, b, b->val);
}

static int ndbg_get_bytes(char *buf, const struct kernel_param *kp)
{
	const struct ndbg_bytes *b = kp->arg;

	return sysfs_emit(buf, "%llu\n", *b->val);
}

static const struct kernel_param_ops ndbg_bytes_ops = {
	.set	= ndbg_set_bytes,
	.get	= ndbg_get_bytes,
};

static bool i_know;
module_param(i_know, bool, 0400);
MODULE_PARM_DESC(i_know, "Must be 1, or the module does not load: it makes disks that forget everything, for tests only (default 0)");

const struct ndbg_bytes ndbg_size = {
	.val	= &ndbg_params.ns.size,
	.min	= SZ_1M,
	.max	= SZ_1T * 16,
	.what	= "bytes with suffix K, M, G or T, a multiple of 4096 from 1M to 16T",
};
module_param_cb(size, &ndbg_bytes_ops, (void *)&ndbg_size, 0644);
MODULE_PARM_DESC(size, "Namespace size in bytes with suffix K, M, G or T, a multiple of 4096, 1M..16T (default 256M)");

const struct ndbg_bytes ndbg_memory = {
	.val	= &ndbg_params.ns.memory,
	.min	= SZ_4K,
	.max	= SZ_1T * 16,
	.zero_ok = true,
	.what	= "bytes with suffix K, M, G or T, a multiple of 4096 up to 16T, or 0",
};
module_param_cb(memory, &ndbg_bytes_ops, (void *)&ndbg_memory, 0644);
MODULE_PARM_DESC(memory, "Most bytes of data one namespace keeps in memory, with suffix K, M, G or T, 4K..16T; beyond it writes end with Capacity Exceeded; 0 = as much as its size (default 0)");

/* Of a namespace alone: no parameters. */
const struct ndbg_bytes ndbg_ro_start = {
	.max	= SZ_1T * 16,
	.what	= "bytes with suffix K, M, G or T, a multiple of 4096 up to 16T",
};

const struct ndbg_bytes ndbg_ro_size = {
	.max	= SZ_1T * 16,
	.what	= "bytes with suffix K, M, G or T, a multiple of 4096 up to 16T, 0 for none",
};

static bool ndbg_block_size_ok(u32 val)
{
	return val == SZ_512 || val == SZ_4K;
}

const struct ndbg_number ndbg_block_size = {
	.val	= &ndbg_params.ns.block_size,
	.min	= SZ_512,
	.max	= SZ_4K,
	.ok	= ndbg_block_size_ok,
	.what	= "a logical block size in bytes, 512 or 4096",
};
module_param_cb(block_size, &ndbg_number_ops, (void *)&ndbg_block_size, 0644);
MODULE_PARM_DESC(block_size, "Logical block size in bytes, 512 or 4096 (default 512)");

const struct ndbg_number ndbg_physical_block_size = {
	.val	= &ndbg_params.ns.physical_block_size,
	.min	= SZ_512,
	.max	= SZ_4K,
	.ok	= ndbg_block_size_ok,
	.what	= "a physical block size in bytes, 512 or 4096",
};
module_param_cb(physical_block_size, &ndbg_number_ops,
		(void *)&ndbg_physical_block_size, 0644);
MODULE_PARM_DESC(physical_block_size, "Physical block size in bytes, 512 or 4096: 4096 with block_size=512 is what is called 512e (default 512; where block_size is larger, that counts)");

const struct ndbg_number ndbg_copy_on = {
	.val	= &ndbg_params.subsys.copy,
	.max	= 1,
	.what	= "0 or 1",
};
module_param_cb(copy, &ndbg_number_ops, (void *)&ndbg_copy_on, 0644);
MODULE_PARM_DESC(copy, "Whether the controller has the Copy command, 0 or 1 (default 1)");

const struct ndbg_number ndbg_copy_formats = {
	.val	= &ndbg_params.subsys.copy_formats,
	.min	= 1,
	.max	= 15,
	.what	= "a sum of 1 (descriptor format 0), 2 (1), 4 (2) and 8 (3), from 1 to 15",
};
module_param_cb(copy_formats, &ndbg_number_ops, (void *)&ndbg_copy_formats, 0644);
MODULE_PARM_DESC(copy_formats, "Copy: descriptor formats, the sum of 1 for format 0, 2 for 1, 4 for 2, 8 for 3, 1..15 (default 5)");

const struct ndbg_number ndbg_fast_copy = {
	.val	= &ndbg_params.subsys.fast_copy,
	.max	= NDBG_FAST_ELSEWHERE,
	.what	= "0 (a copy is never fast), 1 (always) or 2 (through another controller)",
};
module_param_cb(fast_copy, &ndbg_number_ops, (void *)&ndbg_fast_copy, 0644);
MODULE_PARM_DESC(fast_copy, "Copy: what becomes of Fast Copy Only; 0: refused with DNR, 1: copied, 2: refused without DNR (default 1)");

const struct ndbg_number ndbg_mssrl = {
	.val	= &ndbg_params.ns.mssrl,
	.min	= 1,
	.max	= U16_MAX,
	.what	= "a number of logical blocks from 1 to 65535",
};
module_param_cb(mssrl, &ndbg_number_ops, (void *)&ndbg_mssrl, 0644);
MODULE_PARM_DESC(mssrl, "Copy: most logical blocks in one source range (MSSRL), 1..65535 (default 8192)");

const struct ndbg_number ndbg_mcl = {
	.val	= &ndbg_params.ns.mcl,
	.min	= 1,
	.max	= U32_MAX,
	.what	= "a number of logical blocks from 1 to 4294967295",
};
module_param_cb(mcl, &ndbg_number_ops, (void *)&ndbg_mcl, 0644);
MODULE_PARM_DESC(mcl, "Copy: most logical blocks in one command (MCL), 1..4294967295 (default 65536)");

const struct ndbg_number ndbg_msrc = {
	.val	= &ndbg_params.ns.msrc,
	.min	= 0,
	.max	= NVME_COPY_MAX_RANGES - 1,
	.what	= "a number of source ranges less one, from 0 (one range) to 255",
};
module_param_cb(msrc, &ndbg_number_ops, (void *)&ndbg_msrc, 0644);
MODULE_PARM_DESC(msrc, "Copy: most source ranges in one command less one (MSRC is 0's based), 0..255 (default 127)");

const struct ndbg_number ndbg_queue_depth = {
	.val	= &ndbg_params.subsys.queue_depth,
	.min	= 3,
	.max	= NVMF_MAX_QUEUE_SIZE,
	.what	= "a number of queue entries from 3 to 1024",
};
module_param_cb(queue_depth, &ndbg_number_ops, (void *)&ndbg_queue_depth, 0644);
MODULE_PARM_DESC(queue_depth, "Entries in an I/O queue (MQES + 1); one stays empty and one is kept for Connect, so n entries hold n - 2 commands, 3..1024 (default 128)");

static int ndbg_set_pages(const char *s, const struct kernel_param *kp)
{
	pr_err("%s is read-only\n", kp->name);
	return -EPERM;
}

static int ndbg_get_pages(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%ld\n", ndbg_store_pages());
}

static const struct kernel_param_ops ndbg_pages_ops = {
	.set	= ndbg_set_pages,
	.get	= ndbg_get_pages,
};
module_param_cb(pages, &ndbg_pages_ops, NULL, 0444);
MODULE_PARM_DESC(pages, "Read-only: memory pages that hold data now, of all namespaces");

/**
 * ndbg_params_check - may the module load?
 *
 * Return: 0, or -EPERM after saying why.
 */
int ndbg_params_check(void)
{
	if (i_know)
		return 0;
	pr_err("a simulated controller for tests: load it with i_know=1 if that is what you want\n");
	return -EPERM;
}

/**
 * ndbg_params_get - take the shape of the next subsystem and namespace
 * @config: filled in
 *
 * The parameters do not change half way through.
 */
void ndbg_params_get(struct ndbg_config *config)
{
	kernel_param_lock(THIS_MODULE);
	*config = ndbg_params;
	kernel_param_unlock(THIS_MODULE);
}
