// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy policy show: the parameters of a policy.
 */
#include <stdlib.h>

#include "exit.h"
#include "policy.h"
#include "rows.h"
#include "verbs.h"

static const struct row_col cols[] = {
	ROW_COL(struct policy_doc, key, "parameter", "PARAMETER", ROW_CHARS, 0),
	ROW_COL(struct policy_doc, type, "type", "TYPE", ROW_TEXT, 0),
	ROW_COL(struct policy_doc, fallback, "default", "DEFAULT", ROW_CHARS,
		0),
	ROW_COL(struct policy_doc, values, "values", NULL, ROW_CHARS, 0),
	ROW_COL(struct policy_doc, doc, "doc", "WHAT IT DOES", ROW_CHARS, 0),
	{},
};

static const struct row_desc desc = { "parameter", "parameters", cols, false };

static int show(const struct options *opts)
{
	struct policy_error error = {};
	struct policy_doc *docs;
	struct rows_part *part;
	struct rows *rows;
	size_t nr;
	int err;

	err = policy_show(opts->args[0], &docs, &nr, &error);
	if (err)
		return exit_because(IN_POLICY, err, opts->args[0], error.text);
	rows = rows_open(stdout, opts->output, "policy_show", false);
	part = rows_part(rows, &desc);
	for (size_t i = 0; i < nr; i++)
		rows_add(part, &docs[i]);
	err = rows_close(rows);
	free(docs);
	return exit_output(err, EXIT_OK);
}

const struct verb verb_policy_show = {
	.name = "policy show",
	.args = "POLICY",
	.min_args = 1,
	.max_args = 1,
	.summary = "the parameters of a policy",
	.doc = "POLICY is as for load. A size takes a unit (64KiB), a time too "
	       "(500us), a bool yes or no, a set words with commas between "
	       "them, or all or none. JSON also tells the range of each.",
	.examples = "  bpfcopy policy show threshold\n"
		    "  bpfcopy policy show ./mine.bpf.o -o json\n",
	.overhead = "None: it reads one file.",
	.bit = V_POLICY_SHOW,
	.run = show,
};
