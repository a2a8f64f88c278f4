// SPDX-License-Identifier: GPL-2.0
#include "verbs.h"

#include <stddef.h>

const struct verb *const verbs[] = {
	&verb_dev_list,	      &verb_dev_show,	   &verb_load,
	&verb_unload,	      &verb_status,	   &verb_copy,
	&verb_trace,	      &verb_tokens,	   &verb_top,
	&verb_hist,	      &verb_stats,	   &verb_policy_check,
	&verb_policy_explain, &verb_policy_show,   &verb_policy_test,
	&verb_policy_apply,   &verb_policy_revert, NULL,
};
