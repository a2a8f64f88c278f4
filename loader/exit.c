// SPDX-License-Identifier: GPL-2.0
#include "exit.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *const exit_meanings[EXIT_STATUSES] = {
	[EXIT_OK] = "done",
	[EXIT_FAILED] = "failed",
	[EXIT_USAGE] = "wrong usage",
	[EXIT_CONFIG] = "configuration not valid",
	[EXIT_NOT_FOUND] = "no such device or policy",
	[EXIT_NO_PERM] = "no permission",
	[EXIT_KERNEL] = "the kernel lacks something",
	[EXIT_LOST] = "done, but events were lost",
};

struct meaning {
	enum exit_context context;
	int err;
	enum exit_status status;
	const char *reason; /* NULL: strerror() says it well */
};

/* IN_GENERAL is asked last, whatever the context. */
static const struct meaning meanings[] = {
	{ IN_DEVICE, EPERM, EXIT_NO_PERM, "permission denied (try as root)" },
	{ IN_DEVICE, EACCES, EXIT_NO_PERM, "permission denied (try as root)" },
	{ IN_DEVICE, ENOTBLK, EXIT_NOT_FOUND, "not a block device" },
	{ IN_DEVICE, EROFS, EXIT_FAILED, "the device is read-only" },
	{ IN_DEVICE, ENOENT, EXIT_NOT_FOUND,
	  "no such device (`bpfcopy dev list' shows what there is)" },
	{ IN_DEVICE, ENODEV, EXIT_NOT_FOUND,
	  "no such device (`bpfcopy dev list' shows what there is)" },
	{ IN_DEVICE, ENXIO, EXIT_NOT_FOUND,
	  "the device node is there but no device is behind it" },

	{ IN_COPY, EPERM, EXIT_FAILED, "the destination is read-only" },
	{ IN_COPY, EBUSY, EXIT_FAILED,
	  "the destination is in use (mounted, or a part of another device)" },
	{ IN_COPY, EOPNOTSUPP, EXIT_FAILED,
	  "the devices cannot do this by themselves, as --mode=offload wants" },
	{ IN_COPY, EINVAL, EXIT_FAILED,
	  "the kernel refused the ranges (alignment, end of device or overlap)" },
	{ IN_COPY, ENOTTY, EXIT_KERNEL,
	  "this kernel has no BLKCOPY (`bpfcopy status' tells more)" },
	{ IN_COPY, EINTR, EXIT_FAILED, "interrupted" },
	{ IN_COPY, ENODEV, EXIT_NOT_FOUND, "the device went away" },
	{ IN_COPY, ENXIO, EXIT_NOT_FOUND, "the device went away" },

	{ IN_VERIFY, EILSEQ, EXIT_FAILED, "source and destination differ" },
	{ IN_VERIFY, EINTR, EXIT_FAILED, "interrupted" },

	{ IN_POLICY, ENOENT, EXIT_NOT_FOUND, "no such policy" },
	{ IN_POLICY, ESRCH, EXIT_NOT_FOUND, "no policy is attached" },
	{ IN_POLICY, ENOEXEC, EXIT_FAILED, "not a BPF object" },
	{ IN_POLICY, ENOMSG, EXIT_FAILED, "has no struct blk_copy_ops" },
	{ IN_POLICY, EACCES, EXIT_FAILED, "the verifier refused the policy" },
	{ IN_POLICY, EBADMSG, EXIT_USAGE, "bad parameter" },
	{ IN_POLICY, ENOTBLK, EXIT_USAGE, "a partition has no policy" },
	{ IN_POLICY, ESTALE, EXIT_NOT_FOUND, "the disk was replaced" },
	{ IN_POLICY, EBUSY, EXIT_FAILED, "another program holds this slot" },
	{ IN_POLICY, EOPNOTSUPP, EXIT_KERNEL,
	  "this kernel has no copy policies" },

	{ IN_TRACE, EOPNOTSUPP, EXIT_KERNEL,
	  "this kernel has no copy tracepoints" },
	{ IN_TRACE, EACCES, EXIT_FAILED, "the verifier refused the tracer" },
	{ IN_TRACE, EPIPE, EXIT_FAILED, "nobody reads the output any more" },

	{ IN_FILE, ENOENT, EXIT_FAILED, "no such file" },
	{ IN_FILE, EACCES, EXIT_NO_PERM, NULL },
	{ IN_FILE, EBADFD, EXIT_FAILED, "not a regular file" },

	{ IN_GENERAL, EPERM, EXIT_NO_PERM, "permission denied (try as root)" },
	{ IN_GENERAL, EACCES, EXIT_NO_PERM, "permission denied (try as root)" },
	{ IN_GENERAL, ENODEV, EXIT_NOT_FOUND, NULL },
	{ IN_GENERAL, ENXIO, EXIT_NOT_FOUND, NULL },
	{ IN_GENERAL, ENOSYS, EXIT_KERNEL, NULL },
	{ IN_GENERAL, ENOTTY, EXIT_KERNEL, NULL },
};

static const struct meaning *find(enum exit_context context, int err)
{
	const struct meaning *m = meanings;

	for (; m < meanings + sizeof(meanings) / sizeof(*meanings); m++)
		if (m->err == -err &&
		    (m->context == context || m->context == IN_GENERAL))
			return m;
	return NULL;
}

enum exit_status exit_status_of(enum exit_context context, int err)
{
	const struct meaning *m = find(context, err);

	if (!err)
		return EXIT_OK;
	return m ? m->status : EXIT_FAILED;
}

const char *exit_reason(enum exit_context context, int err)
{
	const struct meaning *m = find(context, err);

	return m && m->reason ? m->reason : strerror(-err);
}

static void say(const char *fmt, va_list ap, const char *reason)
{
	/* Keeps the order of the two streams when both are one terminal. */
	fflush(stdout);
	fputs("bpfcopy: ", stderr);
	vfprintf(stderr, fmt, ap);
	if (reason)
		fprintf(stderr, ": %s", reason);
	fputc('\n', stderr);
}

int exit_error(enum exit_context context, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, exit_reason(context, err));
	va_end(ap);
	return exit_status_of(context, err);
}

int exit_because(enum exit_context context, int err, const char *what,
		 const char *reason)
{
	return exit_message(exit_status_of(context, err), "%s: %s", what,
			    *reason ? reason : exit_reason(context, err));
}

int exit_message(enum exit_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, NULL);
	va_end(ap);
	return status;
}

int exit_output(int err, int status)
{
	static bool said;

	if (!err)
		return status;
	if (err != -EPIPE && !said)
		exit_message(EXIT_FAILED, "cannot write the output: %s",
			     strerror(-err));
	said = true;
	return EXIT_FAILED;
}

int exit_flush(int status)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return exit_output(errno ? -errno : -EIO, status);
}
