// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy: find the verb, parse its options, run it.
 */
#include <locale.h>
#include <string.h>

#include "exit.h"
#include "verbs.h"

/* How many words of @argv the name of @verb takes up; 0 if it is another. */
static int match(const struct verb *verb, int argc, char **argv)
{
	const char *second = strchr(verb->name, ' ');
	size_t len = second ? (size_t)(second - verb->name) :
			      strlen(verb->name);

	if (strlen(argv[0]) != len || strncmp(argv[0], verb->name, len))
		return 0;
	if (!second)
		return 1;
	return argc > 1 && !strcmp(argv[1], second + 1) ? 2 : 0;
}

/* The second words that go with a first one, as "list or show". */
static void second_words(const char *first, char *buf, size_t size)
{
	size_t len = strlen(first), used = 0;

	*buf = '\0';
	for (const struct verb *const *v = verbs; *v; v++) {
		if (strncmp((*v)->name, first, len) || (*v)->name[len] != ' ')
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
					 used ? " or " : "",
					 (*v)->name + len + 1);
		if (used >= size)
			return;
	}
}

/* "dev" without its second word is a different mistake from "foo". */
static int no_such_verb(int argc, char **argv)
{
	char words[64];

	second_words(argv[0], words, sizeof(words));
	if (!*words)
		return options_usage(NULL, "no verb `%s'", argv[0]);
	if (argc == 1)
		return options_usage(NULL, "`%s' wants a second word: %s",
				     argv[0], words);
	return options_usage(NULL, "no verb `%s %s': want %s %s", argv[0],
			     argv[1], argv[0], words);
}

static int run(int argc, char **argv, struct options *opts)
{
	for (const struct verb *const *v = verbs; *v; v++) {
		int words = match(*v, argc, argv);

		if (!words)
			continue;
		/* The last word stands where a parser expects the program. */
		options_parse(*v, argc - words + 1, argv + words - 1, opts,
			      OPTIONS_EXIT);
		if (opts->output == ROWS_PROM && (*v)->bit != V_STATS)
			return options_usage(*v, "only stats prints metrics");
		return (*v)->run(opts);
	}
	return no_such_verb(argc, argv);
}

int main(int argc, char **argv)
{
	struct options opts;
	int verb;

	/* Widths of characters, but numbers as everywhere. */
	setlocale(LC_CTYPE, "");
	verb = options_parse_global(verbs, argc, argv, &opts);
	if (verb == argc)
		return options_usage(NULL, "what shall it do? want a verb");
	return exit_flush(run(argc - verb, argv + verb, &opts));
}
