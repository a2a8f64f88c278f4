/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of kernel addresses, from /proc/kallsyms.
 *
 * $BPFCOPY_KALLSYMS is read instead, for tests.
 */
#ifndef BPFCOPY_KSYMS_H
#define BPFCOPY_KSYMS_H

#include <stddef.h>
#include <stdint.h>

#define KSYMS_NAME_MAX 128

struct ksyms;

/**
 * ksyms_load() - read the names of the functions that the kernel has now
 * @out: for ksyms_free(); NULL on failure
 *
 * A kernel that hides its addresses (kernel.kptr_restrict=2) has none to give:
 * that is no failure, ksyms_name() then prints numbers.
 *
 * Return: 0, -ENOMEM or another errno of reading.
 */
int ksyms_load(struct ksyms **out);

/**
 * ksyms_name() - "blk_copy_token_alloc+0x5c", "nvme_queue_rq+0x10 [nvme_core]"
 * @syms: from ksyms_load(), or NULL
 * @address: in a function
 * @buf: filled; with the number if there is no function
 * @size: of @buf, KSYMS_NAME_MAX is enough
 *
 * Return: @buf.
 */
char *ksyms_name(const struct ksyms *syms, uint64_t address, char *buf,
		 size_t size);

/**
 * ksyms_free() - free them
 * @syms: from ksyms_load(), or NULL
 */
void ksyms_free(struct ksyms *syms);

#endif /* BPFCOPY_KSYMS_H */
