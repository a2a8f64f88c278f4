// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "daemon.h"

#define NR_FIELDS 5

static bool to_journal;

/* systemd says which file is the journal's; stderr may have been redirected. */
void log_start(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	to_journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
		     !fstat(2, &st) && st.st_dev == dev && st.st_ino == ino;
}

static void add_field(struct iovec *fields, int *nr, const char *name,
		      const char *value)
{
	char *text;

	if (!value || asprintf(&text, "%s=%s", name, value) < 0)
		return;
	fields[(*nr)++] = (struct iovec){ text, strlen(text) };
}

static void send_fields(int priority, const char *message, const char *disk,
			const char *policy, const char *reason)
{
	const char digit[] = { '0' + priority, '\0' };
	struct iovec fields[NR_FIELDS];
	int nr = 0;

	add_field(fields, &nr, "MESSAGE", message);
	add_field(fields, &nr, "PRIORITY", digit);
	add_field(fields, &nr, "DEVICE", disk);
	add_field(fields, &nr, "POLICY", policy);
	add_field(fields, &nr, "REASON", reason);
	sd_journal_sendv(fields, nr);
	while (nr--)
		free(fields[nr].iov_base);
}

void log_text(int priority, const char *disk, const char *policy,
	      const char *reason, const char *text)
{
	if (to_journal)
		send_fields(priority, text, disk, policy, reason);
	else
		fprintf(stderr, "bpfcopyd: %s\n", text);
}

void log_line(int priority, const char *disk, const char *policy,
	      const char *reason, const char *fmt, ...)
{
	char *text, *message;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	len = asprintf(&message, "%s%s%s%s%s%s", disk ? disk : "",
		       disk ? ": " : "", text, reason ? " (" : "",
		       reason ? reason : "", reason ? ")" : "");
	free(text);
	if (len < 0)
		return;
	log_text(priority, disk, policy, reason, message);
	free(message);
}
