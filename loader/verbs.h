/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The verbs. Each is defined beside the code that does it.
 *
 * Command, manual pages and completion are made from this list.
 */
#ifndef BPFCOPY_VERBS_H
#define BPFCOPY_VERBS_H

#include "options.h"

extern const struct verb verb_dev_list;
extern const struct verb verb_dev_show;
extern const struct verb verb_load;
extern const struct verb verb_unload;
extern const struct verb verb_status;
extern const struct verb verb_policy_show;
extern const struct verb verb_copy;
extern const struct verb verb_trace;
extern const struct verb verb_tokens;
extern const struct verb verb_top;
extern const struct verb verb_hist;
extern const struct verb verb_stats;
extern const struct verb verb_policy_check;
extern const struct verb verb_policy_explain;
extern const struct verb verb_policy_apply;
extern const struct verb verb_policy_revert;
extern const struct verb verb_policy_test;

/* All of them in the order of --help, ended by NULL. */
extern const struct verb *const verbs[];

#endif /* BPFCOPY_VERBS_H */
