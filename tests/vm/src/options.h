/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options of a test program, as a table. Each has a value, each may be left out, and
 * there is nothing but options.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>

#include "t.h"

#define T_OPTIONS_MAX 16

/* One option: its name, with the dashes, and the one place that its value goes to. */
struct t_option {
	const char *name;
	const char **text;
	u64 *number;
	u64 *bytes;
};

/* @table ends with an entry that has no name. What it does not allow ends the program. */
static inline void t_options(int argc, char **argv,
			     const struct t_option *table, const char *usage)
{
	struct option options[T_OPTIONS_MAX + 1] = {};
	int c;

	for (int i = 0; i < T_OPTIONS_MAX && table[i].name; i++)
		options[i] = (struct option){ table[i].name + 2, 1, NULL, i };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const struct t_option *o = &table[c];

		if (c == '?')
			t_die("%s", usage);
		else if (o->text)
			*o->text = optarg;
		else if (o->number)
			*o->number = t_number(optarg, o->name);
		else
			*o->bytes = t_bytes(optarg, o->name);
	}
	if (optind != argc)
		t_die("%s", usage);
}

#endif
