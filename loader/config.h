/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration, for the verbs that need it.
 */
#ifndef BPFCOPY_CONFIG_H
#define BPFCOPY_CONFIG_H

#include "conf.h"
#include "options.h"

/**
 * config_load() - load what --root or @paths say, or the standard places
 * @opts: the options
 * @paths: files and folders; with none, the standard places
 * @nr_paths: how many
 * @conf: set for 0 and -EINVAL; for conf_free()
 *
 * Return: as conf_load().
 */
int config_load(const struct options *opts, const char *const *paths,
		size_t nr_paths, struct conf **conf);

/**
 * config_open() - load the configuration that --config or --root name
 * @opts: the options
 * @conf: for conf_free(); NULL on failure
 *
 * Errors and warnings are printed on stderr.
 *
 * Return: EXIT_OK, or another exit status after a message.
 */
int config_open(const struct options *opts, struct conf **conf);

#endif /* BPFCOPY_CONFIG_H */
