// SPDX-License-Identifier: GPL-2.0
/*
 * The tables as functions of zsh, for completion.zsh.
 */
#include <string.h>

#include "conf_internal.h"
#include "doc.h"

/* Text between single quotes, in a specification that [, ] and : take apart. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		else if (strchr("[]:\\", *text))
			putc('\\', out);
		putc(*text, out);
	}
}

/* A closed list, or nothing that could be known. */
static void put_words(FILE *out, const char *words)
{
	if (!strchr(words, '|')) {
		putc(' ', out);
		return;
	}
	putc('(', out);
	for (; *words; words++)
		putc(*words == '|' ? ' ' : *words, out);
	putc(')', out);
}

/* What completes an argument of this name. */
static void put_action(FILE *out, const char *name)
{
	static const struct {
		const char *name;
		const char *action;
	} actions[] = { { "DEV", "_bpfcopy_devices" },
			{ "SRC", "_bpfcopy_devices" },
			{ "DST", "_bpfcopy_devices" },
			{ "POLICY", "_bpfcopy_policies" },
			{ "KEY=VALUE", "_bpfcopy_parameters" },
			{ "KEY", "_bpfcopy_keys" },
			{ "FILE", "_files" },
			{ "FILE|FOLDER", "_files" },
			{ "FOLDER", "_files -/" },
			{ "PID", "_pids" } };

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, name))
			continue;
		fputs(actions[i].action, out);
		return;
	}
	put_words(out, name);
}

/* ":NAME:ACTION" */
static void put_argument(FILE *out, const char *name)
{
	putc(':', out);
	put_text(out, name);
	putc(':', out);
	put_action(out, name);
}

static void put_option(FILE *out, const struct option_def *def)
{
	const char *glue = def->arg ? "=" : "";

	fputs("\t\t", out);
	if (def->key < 256)
		fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}", def->key, def->name,
			def->key, def->arg ? "+" : "", def->name, glue);
	else
		fprintf(out, "--%s%s", def->name, glue);
	fputs("'[", out);
	put_text(out, def->help);
	putc(']', out);
	if (def->arg)
		put_argument(out, def->arg);
	fputs("' \\\n", out);
}

static void put_options(FILE *out, unsigned int bits)
{
	for (const struct option_def *def = option_table; def->name; def++)
		if ((def->verbs & bits) == bits)
			put_option(out, def);
	fputs("\t\t'(- *)'{-\\?,--help}'[explain]' \\\n"
	      "\t\t'(- *)--usage[list the options]' \\\n"
	      "\t\t'(- *)'{-V,--version}'[tell the version]'",
	      out);
}

static void put_verb(FILE *out, const struct verb *verb)
{
	const char *args = verb->args;
	struct doc_arg arg;

	fprintf(out, "\t('%s')\n\t\t_arguments -s -S : \\\n", verb->name);
	put_options(out, verb->bit);
	while (doc_next_arg(&args, &arg)) {
		fprintf(out, " \\\n\t\t'%s",
			arg.repeats  ? "*" :
			arg.optional ? ":" :
				       "");
		put_argument(out, arg.name);
		putc('\'', out);
	}
	fputs("\n\t\t;;\n", out);
}

static void verb_functions(FILE *out)
{
	fputs("# _bpfcopy_verb VERB: its options and arguments.\n"
	      "_bpfcopy_verb() {\n\tcase $1 in\n",
	      out);
	for (const struct verb *const *v = verbs; *v; v++)
		put_verb(out, *v);
	fputs("\tesac\n}\n\n"
	      "# Before the verb.\n"
	      "_bpfcopy_global=( \\\n",
	      out);
	put_options(out, V_ALL);
	fputs("\n)\n\n", out);
}

static void verb_list(FILE *out)
{
	fputs("_bpfcopy_verbs=(\n", out);
	for (const struct verb *const *v = verbs; *v; v++) {
		fprintf(out, "\t'%s:", (*v)->name);
		put_text(out, (*v)->summary);
		fputs("'\n", out);
	}
	fputs(")\n\n", out);
}

void doc_zsh(FILE *out)
{
	fputs("#compdef bpfcopy\n", out);
	verb_list(out);
	verb_functions(out);
	fputs("_bpfcopy_keys() {\n\tcompadd --", out);
	for (const struct conf_key *key = conf_keys; key->name; key++)
		if (key->kind > KEY_MATCH_ALL)
			fprintf(out, " %s", key->name);
	fputs("\n}\n\n", out);
}
