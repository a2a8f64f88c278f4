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

#define NR_FIELDS 6

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
			const char *policy, const char *reason,
			const char *sha256)
{
	const char digit[] = { '0' + priority, '\0' };
	struct iovec fields[NR_FIELDS];
	int nr = 0;

	add_field(fields, &nr, "MESSAGE", message);
	add_field(fields, &nr, "PRIORITY", digit);
	add_field(fields, &nr, "DEVICE", disk);
	add_field(fields, &nr, "POLICY", policy);
	add_field(fields, &nr, "REASON", reason);
	add_field(fields, &nr, "SHA256", sha256);
	sd_journal_sendv(fields, nr);
	while (nr--)
		free(fields[nr].iov_base);
}

static void send_line(int priority, const char *message, const char *disk,
		      const char *policy, const char *reason,
		      const char *sha256)
{
	if (to_journal)
		send_fields(priority, message, disk, policy, reason, sha256);
	else
		fprintf(stderr, "bpfcopyd: %s\n", message);
}

void log_text(int priority, const char *disk, const char *text)
{
	send_line(priority, text, disk, NULL, NULL, NULL);
}

/* "DISK: TEXT (REASON)" */
static void send_about(int priority, const char *disk, const char *policy,
		       const char *reason, const char *sha256, const char *fmt,
		       va_list ap)
{
	char *text, *message;
	int len;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	len = asprintf(&message, "%s%s%s%s%s%s", disk ? disk : "",
		       disk ? ": " : "", text, reason ? " (" : "",
		       reason ? reason : "", reason ? ")" : "");
	free(text);
	if (len < 0)
		return;
	send_line(priority, message, disk, policy, reason, sha256);
	free(message);
}

void log_policy(const char *disk, const char *policy, const char *sha256,
		const char *reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_about(LOG_INFO, disk, policy, reason, *sha256 ? sha256 : NULL, fmt,
		   ap);
	va_end(ap);
}

void log_line(int priority, const char *disk, const char *reason,
	      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_about(priority, disk, NULL, reason, NULL, fmt, ap);
	va_end(ap);
}
