/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Manual pages, made from the tables that the command itself uses.
 *
 *	main.c	what is wanted
 *	page.c	the pages of the verbs, and bpfcopy(1)
 *	roff.c	text as man(7) wants it
 *
 * This is a program of the build (build/loader/doc/generate), not installed.
 */
#ifndef BPFCOPY_DOC_H
#define BPFCOPY_DOC_H

#include <stdbool.h>
#include <stdio.h>

#include "../verbs.h"

#define DOC_NAME_MAX 64

/**
 * doc_page_name() - "dev list" to "bpfcopy-dev-list"
 * @verb: the verb; NULL for the page of the command
 * @name: filled
 *
 * Return: @name.
 */
char *doc_page_name(const struct verb *verb, char name[DOC_NAME_MAX]);

/**
 * doc_page() - print a manual page
 * @verb: the verb; NULL for the page of the command
 * @date: of the page, as 2024-12-31
 */
void doc_page(FILE *out, const struct verb *verb, const char *date);

/**
 * roff_text() - print running text
 * @text: `words' become bold, and so do --options
 */
void roff_text(FILE *out, const char *text);

/** roff_literal() - print text in which nothing is special, up to @len bytes */
void roff_literal(FILE *out, const char *text, size_t len);

/** roff_args() - print arguments: NAMES in italics, the rest as it is */
void roff_args(FILE *out, const char *args, size_t len);

#endif /* BPFCOPY_DOC_H */
