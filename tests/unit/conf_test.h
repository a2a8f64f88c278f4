/* SPDX-License-Identifier: GPL-2.0 */
/* Rules from a string, for the suites about the configuration. */
#ifndef BPFCOPY_TESTS_CONF_H
#define BPFCOPY_TESTS_CONF_H

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"

/* What TEXT says, as the file FILE. */
__attribute__((unused)) static void add_text(struct conf *conf,
					     const char *file, const char *text)
{
	CU_ASSERT_EQUAL_FATAL(conf_parse(conf, file, text, strlen(text)), 0);
}

__attribute__((unused)) static struct conf *parse_text(const char *text)
{
	struct conf *conf = conf_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	add_text(conf, "a.conf", text);
	return conf;
}

__attribute__((unused)) static struct conf_resolved *
resolve(const struct conf *conf, const struct conf_identity *id)
{
	struct conf_resolved *out = NULL;

	CU_ASSERT_EQUAL_FATAL(conf_errors(conf), 0);
	CU_ASSERT_EQUAL_FATAL(conf_resolve(conf, id, &out), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	return out;
}

#endif /* BPFCOPY_TESTS_CONF_H */
