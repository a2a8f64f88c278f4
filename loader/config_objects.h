/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy objects of this machine, asked by the configuration.  Files are
 * read, the kernel is not.
 */
#ifndef BPFCOPY_CONFIG_OBJECTS_H
#define BPFCOPY_CONFIG_OBJECTS_H

#include "conf.h"

struct config_objects;

/**
 * config_objects_new() - for config_objects_free(); NULL without memory
 * @strict: as in struct policy_spec: one that would not be loaded is wrong
 */
struct config_objects *config_objects_new(bool strict);

/** config_objects_free() - close what is open; NULL is nothing */
void config_objects_free(struct config_objects *objects);

/** config_objects() - for struct conf_from; belongs to @objects */
const struct conf_objects *config_objects(const struct config_objects *objects);

#endif /* BPFCOPY_CONFIG_OBJECTS_H */
