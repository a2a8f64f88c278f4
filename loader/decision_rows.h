/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows about what policies decided.
 */
#ifndef BPFCOPY_DECISION_ROWS_H
#define BPFCOPY_DECISION_ROWS_H

#include <stdbool.h>

#include "policy.h"
#include "rows.h"

/** decision_rows_part() - a part for them; as rows_part() */
struct rows_part *decision_rows_part(struct rows *rows);

/**
 * decision_rows_add() - a row for each reason of a policy
 * @all: also those that never were one; people are spared them
 */
void decision_rows_add(struct rows_part *part, const struct policy_info *policy,
		       bool all);

#endif /* BPFCOPY_DECISION_ROWS_H */
