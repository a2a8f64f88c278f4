/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Manual pages and completion, made from the tables that the command itself
 * uses.
 *
 *	main.c	what is wanted
 *	page.c	the pages of the verbs, and bpfcopy(1)
 *	roff.c	text as man(7) wants it
 *	bash.c	tables for completion.bash
 *	zsh.c	tables for completion.zsh
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

/** doc_bash() - print what stands before completion.bash */
void doc_bash(FILE *out);

/** doc_zsh() - print what stands before completion.zsh */
void doc_zsh(FILE *out);

/**
 * struct doc_arg - an argument of a verb
 * @name: "DEV", "FILE|FOLDER"
 * @optional: it need not be there
 * @repeats: there may be more of it
 */
struct doc_arg {
	char name[DOC_NAME_MAX];
	bool optional;
	bool repeats;
};

/**
 * doc_next_arg() - take verb->args apart
 * @args: what is left of it; moves on
 * @arg: filled
 *
 * Of several ways to call a verb, the first counts.
 *
 * Return: false if there is no more.
 */
bool doc_next_arg(const char **args, struct doc_arg *arg);

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
