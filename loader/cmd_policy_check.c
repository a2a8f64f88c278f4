// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy policy check: all that is wrong with the configuration.
 */
#include <errno.h>

#include "config.h"
#include "exit.h"
#include "rows.h"
#include "verbs.h"

struct diag_row {
	const char *severity;
	const char *file;
	uint64_t line;
	uint64_t col;
	uint64_t len;
	const char *text;
	const char *hint;
	const char *source;
};

#define COL(member, key, head, type) \
	ROW_COL(struct diag_row, member, key, head, type, 0)

static const struct row_col diag_cols[] = {
	COL(severity, "severity", "SEVERITY", ROW_TEXT),
	COL(file, "file", "FILE", ROW_TEXT),
	COL(line, "line", "LINE", ROW_NUM),
	COL(col, "column", "COLUMN", ROW_NUM),
	COL(len, "length", "LENGTH", ROW_NUM),
	COL(text, "text", "TEXT", ROW_TEXT),
	COL(hint, "hint", "HINT", ROW_TEXT),
	COL(source, "source", "SOURCE", ROW_TEXT),
	{},
};

struct sum_row {
	uint64_t errors;
	uint64_t warnings;
	uint64_t files;
	uint64_t rules;
};

static const struct row_col sum_cols[] = {
	ROW_COL(struct sum_row, errors, "errors", "ERRORS", ROW_NUM, 0),
	ROW_COL(struct sum_row, warnings, "warnings", "WARNINGS", ROW_NUM, 0),
	ROW_COL(struct sum_row, files, "files", "FILES", ROW_NUM, 0),
	ROW_COL(struct sum_row, rules, "rules", "RULES", ROW_NUM, 0),
	{},
};

static const struct row_desc diag_desc = { "diagnostic", "diagnostics",
					   diag_cols, false };
static const struct row_desc sum_desc = { "summary", NULL, sum_cols, false };

static uint64_t known(unsigned int value)
{
	return value ? value : ROWS_NONE;
}

static void add_diag(struct rows_part *part, const struct conf_diag *d)
{
	struct diag_row row = {
		.severity = d->severity == CONF_ERROR ? "error" : "warning",
		.file = d->file,
		.line = known(d->line),
		.col = known(d->col),
		.len = known(d->len),
		.text = d->text,
		.hint = d->hint,
		.source = d->source,
	};

	rows_add(part, &row);
}

static struct sum_row sum_up(const struct conf *conf)
{
	struct sum_row sum = { .errors = conf_errors(conf),
			       .rules = conf_rules(conf) };
	const struct conf_diag *diags;
	size_t nr, files;

	diags = conf_diags(conf, &nr);
	for (size_t i = 0; i < nr; i++)
		sum.warnings += diags[i].severity == CONF_WARNING;
	conf_files(conf, &files);
	sum.files = files;
	return sum;
}

static int print_rows(const struct conf *conf, enum rows_format format)
{
	struct rows *rows = rows_open(stdout, format, "policy_check", false);
	struct rows_part *part = rows_part(rows, &diag_desc);
	struct sum_row sum = sum_up(conf);
	const struct conf_diag *diags;
	size_t nr;

	diags = conf_diags(conf, &nr);
	for (size_t i = 0; i < nr; i++)
		add_diag(part, &diags[i]);
	rows_add(rows_part(rows, &sum_desc), &sum);
	return rows_close(rows);
}

static void print_count(const char *before, uint64_t nr, const char *what)
{
	printf("%s%llu %s%s", before, (unsigned long long)nr, what,
	       nr == 1 ? "" : "s");
}

static int print_text(const struct conf *conf)
{
	struct sum_row sum = sum_up(conf);
	const struct conf_diag *diags;
	size_t nr;

	diags = conf_diags(conf, &nr);
	for (size_t i = 0; i < nr; i++)
		conf_diag_print(stdout, &diags[i]);
	print_count("", sum.errors, "error");
	print_count(", ", sum.warnings, "warning");
	print_count(" in ", sum.files, "file");
	print_count(", ", sum.rules, "rule");
	return putchar('\n') == EOF ? -errno : 0;
}

static int policy_check(const struct options *opts)
{
	int status = EXIT_OK, err;
	struct conf *conf;

	if (opts->root && opts->nr_args)
		return options_usage(&verb_policy_check,
				     "--root and files exclude each other");
	err = config_load(opts, opts->args, opts->nr_args, &conf);
	if (err && err != -EINVAL)
		return exit_error(IN_GENERAL, err, "policy check");
	if (err)
		status = EXIT_CONFIG;
	if (opts->output == ROWS_TABLE)
		err = print_text(conf);
	else
		err = print_rows(conf, opts->output);
	conf_free(conf);
	return exit_output(err, status);
}

const struct verb verb_policy_check = {
	.name = "policy check",
	.args = "[FILE|FOLDER...]",
	.max_args = OPTIONS_ARGS_MAX,
	.summary = "all that is wrong with the configuration",
	.doc = "Read these files, and the *.conf in these folders, or the "
	       "files that bpfcopyd reads, and print everything that is wrong "
	       "with them. Nothing else is done. Exit with 3 if there are "
	       "errors; warnings do not count.",
	.examples = "  bpfcopy policy check\n"
		    "  bpfcopy policy check new.conf -o json\n"
		    "  bpfcopy policy check --root /mnt/image\n",
	.overhead = "None: it reads files, and no device.",
	.bit = V_POLICY_CHECK,
	.run = policy_check,
};
