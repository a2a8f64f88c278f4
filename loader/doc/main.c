// SPDX-License-Identifier: GPL-2.0
/*
 * generate: print what is made from the tables; see doc.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"
#include "doc.h"

bool doc_next_arg(const char **args, struct doc_arg *arg)
{
	const char *word;
	size_t len;

	if (!*args)
		return false;
	word = *args + strspn(*args, " ");
	len = strcspn(word, " \n");
	*args = word + len;
	if (!len)
		return false;
	arg->optional = *word == '[';
	arg->repeats = memmem(word, len, "...", 3);
	word += arg->optional;
	snprintf(arg->name, sizeof(arg->name), "%.*s",
		 (int)strcspn(word, "[]. \n"), word);
	return true;
}

static int usage(void)
{
	fputs("usage: generate pages|bash|zsh|examples|options|keys\n"
	      "       generate page NAME DATE\n"
	      "\n"
	      "  pages     names of the manual pages\n"
	      "  page      one of them\n"
	      "  bash, zsh tables for completion\n"
	      "  examples  VERB, tab, command: one a line\n"
	      "  options   VERB, tab, option: one a line\n"
	      "  keys      of the configuration\n",
	      stderr);
	return EXIT_FAILURE;
}

static void pages(FILE *out)
{
	char name[DOC_NAME_MAX];

	fprintf(out, "%s\n", doc_page_name(NULL, name));
	for (const struct verb *const *v = verbs; *v; v++)
		fprintf(out, "%s\n", doc_page_name(*v, name));
}

static int page(FILE *out, const char *wanted, const char *date)
{
	char name[DOC_NAME_MAX];
	const struct verb *const *v = verbs;

	if (!strcmp(wanted, doc_page_name(NULL, name))) {
		doc_page(out, NULL, date);
		return EXIT_SUCCESS;
	}
	while (*v && strcmp(wanted, doc_page_name(*v, name)))
		v++;
	if (!*v)
		return usage();
	doc_page(out, *v, date);
	return EXIT_SUCCESS;
}

static void examples(FILE *out)
{
	for (const struct verb *const *v = verbs; *v; v++) {
		const char *line = (*v)->examples;

		while (*line) {
			size_t len;

			line += strspn(line, " ");
			len = strcspn(line, "\n");
			fprintf(out, "%s\t%.*s\n", (*v)->name, (int)len, line);
			line += len + (line[len] == '\n');
		}
	}
}

static void options(FILE *out)
{
	for (const struct verb *const *v = verbs; *v; v++)
		for (const struct option_def *d = option_table; d->name; d++)
			if (d->verbs & (*v)->bit)
				fprintf(out, "%s\t--%s\n", (*v)->name, d->name);
}

static void keys(FILE *out)
{
	for (const struct conf_key *key = conf_keys; key->name; key++)
		fprintf(out, "%s\n", key->name);
}

static const struct {
	const char *name;
	void (*print)(FILE *out);
} things[] = { { "pages", pages },     { "bash", doc_bash },
	       { "zsh", doc_zsh },     { "examples", examples },
	       { "options", options }, { "keys", keys } };

static int print(FILE *out, int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "page"))
		return page(out, argv[2], argv[3]);
	for (size_t i = 0; argc == 2 && i < sizeof(things) / sizeof(*things);
	     i++) {
		if (strcmp(argv[1], things[i].name))
			continue;
		things[i].print(out);
		return EXIT_SUCCESS;
	}
	return usage();
}

int main(int argc, char **argv)
{
	int status = print(stdout, argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		perror("generate");
		return EXIT_FAILURE;
	}
	return status;
}
