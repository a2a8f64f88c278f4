/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does the running kernel have what bpfcopy needs?
 */
#ifndef BPFCOPY_KERNEL_H
#define BPFCOPY_KERNEL_H

#include <stddef.h>

/* What can be missing, one bit each. */
enum kernel_feature {
	KERNEL_LIMITS = 1 << 0, /* queue/copy_max_bytes in sysfs */
	KERNEL_IOCTL = 1 << 1,	/* BLKCOPY */
	KERNEL_POLICY = 1 << 2, /* struct blk_copy_ops in BTF */
	KERNEL_TRACE = 1 << 3,	/* tracepoints of copies in BTF */
	KERNEL_ALL = (1 << 4) - 1,
};

enum kernel_answer {
	KERNEL_MISSING,
	KERNEL_PRESENT,
	KERNEL_UNKNOWN, /* no permission to find out, or no disk to ask */
};

/**
 * struct kernel_check - what was found out about one feature
 * @feature: which
 * @name: for people, static storage
 * @wanted_for: verbs that need it
 * @answer: is it there
 * @detail: what was looked at and found
 */
struct kernel_check {
	enum kernel_feature feature;
	const char *name;
	const char *wanted_for;
	enum kernel_answer answer;
	char detail[128];
};

#define KERNEL_NR_FEATURES 4

/**
 * kernel_probe() - look at the running kernel
 * @checks: filled, one entry per feature
 */
void kernel_probe(struct kernel_check checks[KERNEL_NR_FEATURES]);

/**
 * kernel_need() - make sure that features are there
 * @features: enum kernel_feature, ored
 *
 * Says on stderr exactly what is missing. What cannot be found out is taken
 * for present: what is tried next will fail with a better message.
 *
 * Return: EXIT_OK or EXIT_KERNEL.
 */
int kernel_need(unsigned int features);

/**
 * kernel_report() - say on stderr what is missing
 * @checks: from kernel_probe()
 * @features: enum kernel_feature, ored
 *
 * Return: EXIT_OK if nothing is, or EXIT_KERNEL.
 */
int kernel_report(const struct kernel_check checks[KERNEL_NR_FEATURES],
		  unsigned int features);

#endif /* BPFCOPY_KERNEL_H */
