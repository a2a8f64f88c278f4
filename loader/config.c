// SPDX-License-Identifier: GPL-2.0
#include "config.h"

#include <errno.h>

#include "config_objects.h"
#include "exit.h"

int config_load(const struct options *opts, const char *const *paths,
		size_t nr_paths, struct conf **conf)
{
	/* Of other machines, only what is in the files is looked at. */
	struct config_objects *objects =
		config_objects_new(!nr_paths && !opts->root);
	struct conf_from from = {
		.paths = nr_paths ? paths : NULL,
		.nr_paths = nr_paths,
		.root = opts->root,
	};
	int err;

	if (!objects)
		return -ENOMEM;
	from.objects = config_objects(objects);
	err = conf_load(&from, conf);
	config_objects_free(objects);
	return err;
}

int config_open(const struct options *opts, struct conf **conf)
{
	const struct conf_diag *diags;
	size_t nr;
	int err = config_load(opts, &opts->config, !!opts->config, conf);

	if (err && err != -EINVAL)
		return exit_error(IN_GENERAL, err, "configuration");
	diags = conf_diags(*conf, &nr);
	for (size_t i = 0; i < nr; i++)
		conf_diag_print(stderr, &diags[i]);
	if (!err)
		return EXIT_OK;
	conf_free(*conf);
	*conf = NULL;
	return exit_message(EXIT_CONFIG, "the configuration is not valid");
}
