// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of policy.h and trace.h.
 *
 * libbpf explains itself, and hands on what the verifier says, through one
 * print function for the whole process.  It is kept here and not shown: most of
 * it is only of interest when something failed, and then a few lines of it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_internal.h"

/* Of a verifier log the reason is at the end. */
#define VERIFIER_LINES 8

static const char log_begin[] = "-- BEGIN PROG LOAD LOG --\n";
static const char log_end[] = "-- END PROG LOAD LOG --";

static struct {
	char *text;
	size_t len;
} libbpf_log;

int policy_fail(struct policy_error *err, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return error;
}

/* Returns what it is told to, but libbpf does not look. */
static int keep(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *line, *text;
	int len;

	if (level != LIBBPF_WARN)
		return 0;
	len = vasprintf(&line, fmt, args);
	if (len < 0)
		return 0;
	text = realloc(libbpf_log.text, libbpf_log.len + len + 1);
	if (text) {
		memcpy(text + libbpf_log.len, line, len + 1);
		libbpf_log.text = text;
		libbpf_log.len += len;
	}
	free(line);
	return len;
}

void policy_log_start(void)
{
	free(libbpf_log.text);
	libbpf_log.text = NULL;
	libbpf_log.len = 0;
	libbpf_set_print(keep);
}

/* Where the line before @end begins; @end is behind its newline. */
static const char *line_before(const char *text, const char *end)
{
	if (end > text)
		end--;
	while (end > text && end[-1] != '\n')
		end--;
	return end;
}

const char *policy_log_first(void)
{
	static char first[256];
	const char *line = libbpf_log.text ? libbpf_log.text : "";

	if (!strncmp(line, "libbpf: ", 8))
		line += 8;
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(line, "\n"), line);
	return first;
}

/* The name in "libbpf: prog 'NAME': -- BEGIN PROG LOAD LOG --". */
static void program_name(const char *begin, char *name, size_t size)
{
	const char *line = line_before(libbpf_log.text, begin);
	const char *quote = memchr(line, '\'', begin - line);
	size_t len;

	name[0] = '\0';
	if (!quote++)
		return;
	len = strcspn(quote, "'");
	snprintf(name, size, "%.*s", (int)len, quote);
}

/* The last lines of the log, without the statistics that end it. */
static const char *verifier_tail(const char *begin, const char **end)
{
	const char *line = line_before(begin, *end);

	if (!strncmp(line, "processed ", strlen("processed ")))
		*end = line;
	line = *end;
	for (int i = 0; i < VERIFIER_LINES && line > begin; i++)
		line = line_before(begin, line);
	return line;
}

/* Every line of @from up to @to, indented. */
static void append_lines(struct policy_error *err, const char *from,
			 const char *to)
{
	size_t used = strlen(err->text);

	while (from < to && used < sizeof(err->text)) {
		int len = strcspn(from, "\n");

		used += snprintf(err->text + used, sizeof(err->text) - used,
				 "\n    %.*s", len, from);
		from += len + 1;
	}
}

int policy_fail_load(struct policy_error *err, const char *what, int error)
{
	const char *begin = NULL, *end, *tail;
	char program[64];

	if (libbpf_log.text)
		begin = strstr(libbpf_log.text, log_begin);
	end = begin ? strstr(begin, log_end) : NULL;
	if (end) {
		program_name(begin, program, sizeof(program));
		policy_fail(err, 0, "%s: the kernel refused program %s:", what,
			    program);
		tail = verifier_tail(begin + strlen(log_begin), &end);
		append_lines(err, tail, end);
		return -EACCES;
	}
	if (error == -EPERM || error == -EACCES)
		return policy_fail(
			err, -EPERM,
			"%s: loading BPF programs takes root (CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN)",
			what);
	return policy_fail(err, error, "%s: cannot load it: %s (%s)", what,
			   strerror(-error), policy_log_first());
}
