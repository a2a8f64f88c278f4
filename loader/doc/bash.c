// SPDX-License-Identifier: GPL-2.0
/*
 * The tables as functions of bash, for completion.bash.
 */
#include <string.h>

#include "conf_internal.h"
#include "doc.h"

static void list_verbs(FILE *out)
{
	fputs("_bpfcopy_verbs='", out);
	for (const struct verb *const *v = verbs; *v; v++)
		fprintf(out, "%s%s", v == verbs ? "" : "\n", (*v)->name);
	fputs("'\n\n", out);
}

static void list_options(FILE *out, unsigned int bits)
{
	for (const struct option_def *def = option_table; def->name; def++)
		if ((def->verbs & bits) == bits)
			fprintf(out, "--%s%s ", def->name, def->arg ? "=" : "");
}

static void options(FILE *out)
{
	fputs("# _bpfcopy_options VERB: its options.\n"
	      "_bpfcopy_options() {\n"
	      "\techo --help --usage --version\n"
	      "\tcase $1 in\n",
	      out);
	for (const struct verb *const *v = verbs; *v; v++) {
		fprintf(out, "\t'%s') echo '", (*v)->name);
		list_options(out, (*v)->bit);
		fputs("' ;;\n", out);
	}
	fputs("\t*) echo '", out);
	list_options(out, V_ALL);
	fputs("' ;;\n\tesac\n}\n\n", out);
}

static void values(FILE *out)
{
	fputs("# _bpfcopy_value OPTION: the name of its argument; none for a "
	      "flag.\n"
	      "_bpfcopy_value() {\n"
	      "\tcase $1 in\n",
	      out);
	for (const struct option_def *def = option_table; def->name; def++) {
		if (!def->arg)
			continue;
		fputs("\t", out);
		if (def->key < 256)
			fprintf(out, "-%c | ", def->key);
		fprintf(out, "--%s) echo '%s' ;;\n", def->name, def->arg);
	}
	fputs("\tesac\n}\n\n", out);
}

static void arguments(FILE *out)
{
	fputs("# _bpfcopy_arguments VERB: names of its arguments.\n"
	      "_bpfcopy_arguments() {\n"
	      "\tcase $1 in\n",
	      out);
	for (const struct verb *const *v = verbs; *v; v++) {
		const char *args = (*v)->args;
		struct doc_arg arg;

		if (!args)
			continue;
		fprintf(out, "\t'%s') echo '", (*v)->name);
		while (doc_next_arg(&args, &arg))
			fprintf(out, "%s%s ", arg.name,
				arg.repeats ? "..." : "");
		fputs("' ;;\n", out);
	}
	fputs("\tesac\n}\n\n", out);
}

static void keys(FILE *out)
{
	fputs("# Keys that `policy explain' tells of.\n"
	      "_bpfcopy_keys() {\n\techo '",
	      out);
	for (const struct conf_key *key = conf_keys; key->name; key++)
		if (key->kind > KEY_MATCH_ALL)
			fprintf(out, "%s ", key->name);
	fputs("'\n}\n\n", out);
}

void doc_bash(FILE *out)
{
	list_verbs(out);
	options(out);
	values(out);
	arguments(out);
	keys(out);
}
