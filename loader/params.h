/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KEY=VALUE on the command line: parameters of a policy.
 */
#ifndef BPFCOPY_PARAMS_H
#define BPFCOPY_PARAMS_H

#include "options.h"
#include "policy.h"

/** struct params - zeroed is none */
struct params {
	struct policy_param list[OPTIONS_ARGS_MAX];
	size_t nr;
	char *text[OPTIONS_ARGS_MAX]; /* what @list points into */
};

/**
 * params_parse() - the arguments of a verb, but for the first
 * @verb: for the message
 * @opts: the arguments
 * @params: filled; for params_free(), also on failure
 *
 * Return: EXIT_OK, or another exit status after a message.
 */
int params_parse(const struct verb *verb, const struct options *opts,
		 struct params *params);
void params_free(struct params *params);

#endif /* BPFCOPY_PARAMS_H */
