// SPDX-License-Identifier: GPL-2.0
#include "params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"

int params_parse(const struct verb *verb, const struct options *opts,
		 struct params *params)
{
	for (size_t i = 1; i < opts->nr_args; i++) {
		char *text = strdup(opts->args[i]);
		char *equals = text ? strchr(text, '=') : NULL;

		if (!text)
			return exit_error(IN_GENERAL, -ENOMEM, "%s",
					  verb->name);
		params->text[params->nr] = text;
		if (!equals || equals == text) {
			params->nr++;
			return options_usage(
				verb, "`%s' is no parameter: want KEY=VALUE",
				opts->args[i]);
		}
		*equals = '\0';
		params->list[params->nr++] =
			(struct policy_param){ text, equals + 1 };
	}
	return EXIT_OK;
}

void params_free(struct params *params)
{
	for (size_t i = 0; i < params->nr; i++)
		free(params->text[i]);
	params->nr = 0;
}
