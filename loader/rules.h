/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of this machine, for those who apply them.
 */
#ifndef BPFCOPY_RULES_H
#define BPFCOPY_RULES_H

#include "../policy/conf.h"

/**
 * rules_load() - read the files in the standard places
 * @conf: set for 0, for conf_free()
 * @tell: called for every error and warning; its @diag does not outlive the call
 * @data: for @tell
 *
 * Return: 0, -EINVAL if the files are not valid, or -ENOMEM.
 */
int rules_load(struct conf **conf,
	       void (*tell)(void *data, const struct conf_diag *diag),
	       void *data);

#endif /* BPFCOPY_RULES_H */
