// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#include "t.h"

static atomic_int passed, failed, skipped;

static void say(const char *text, size_t len)
{
	if (write(STDOUT_FILENO, text, len) != (ssize_t)len)
		_exit(2);
}

static void vline(const char *prefix, const char *fmt, va_list args)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), "%s", prefix);

	len += vsnprintf(text + len, sizeof(text) - len, fmt, args);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	say(text, len);
}

static void line(const char *fmt, ...) T_PRINTF(1, 2);
static void line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vline("", fmt, args);
	va_end(args);
}

void t_ok(const char *name)
{
	passed++;
	line("ok %s", name);
}

void t_not_ok(const char *name, const char *fmt, ...)
{
	va_list args;

	failed++;
	line("not ok %s", name);
	va_start(args, fmt);
	vline("#   ", fmt, args);
	va_end(args);
}

void t_skip(const char *name, const char *why)
{
	skipped++;
	line("skip %s # %s", name, why);
}

void t_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vline("# ", fmt, args);
	va_end(args);
}

int t_exit(void)
{
	return failed || !(passed + skipped);
}

void t_die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

u64 t_mix(u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

u64 t_rand(struct t_rng *rng)
{
	return t_mix(rng->state += 0x9e3779b97f4a7c15ull);
}

u64 t_below(struct t_rng *rng, u64 n)
{
	return t_rand(rng) % n;
}

u64 t_log_below(struct t_rng *rng, u64 n)
{
	unsigned int bits = 64 - __builtin_clzll(n);
	u64 top = 1ull << t_below(rng, bits);
	u64 value = top + t_below(rng, top);

	/* Limits of devices are powers of 2: try what is just below and above. */
	if (t_below(rng, 3) == 0)
		value = top - 1 + t_below(rng, 3);
	if (value < 1)
		return 1;
	return value < n ? value : n;
}

u64 t_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void *t_alloc(size_t bytes)
{
	size_t size = (bytes + 4095) & ~(size_t)4095;
	void *mem = aligned_alloc(4096, size ? size : 4096);

	if (!mem)
		t_die("no memory for %zu bytes", bytes);
	return mem;
}

void t_dev_open(struct t_dev *dev, const char *path)
{
	int lbs;

	dev->path = path;
	dev->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (dev->fd < 0)
		t_die("%s: cannot open: %s", path, strerror(errno));
	if (ioctl(dev->fd, BLKGETSIZE64, &dev->bytes) ||
	    ioctl(dev->fd, BLKSSZGET, &lbs))
		t_die("%s: not a block device: %s", path, strerror(errno));
	dev->lbs = lbs;
}

void t_poison(struct blk_copy_args *args, struct blk_copy_ioc_range *range,
	      u32 nr)
{
	args->copied = args->offloaded = args->emulated = ~0ull;
	args->error = T_POISON;
	args->error_range = T_POISON;
	for (u32 i = 0; i < nr; i++)
		range[i].copied = ~0ull;
}

static const char *check_ranges(const struct blk_copy_args *args,
				const struct blk_copy_ioc_range *range)
{
	u64 left = args->copied;
	u32 end = args->nr_ranges;

	for (u32 i = 0; i < args->nr_ranges; i++) {
		u64 want = left < range[i].len ? left : range[i].len;

		if (range[i].copied != want)
			return "copied of the ranges is not what copied in total says";
		if (want < range[i].len && end == args->nr_ranges)
			end = i;
		left -= want;
	}
	if (left)
		return "copied is more than was asked for";
	if (args->error && end == args->nr_ranges)
		return "an error, but everything is copied";
	if (!args->error && end != args->nr_ranges)
		return "success, but not everything is copied";
	if (args->error_range != end)
		return "error_range is not the first range that is not complete";
	return NULL;
}

const char *t_result(const struct blk_copy_args *args,
		     const struct blk_copy_ioc_range *range, int ret)
{
	if (args->error != ret)
		return "error is not what was returned";
	if (args->offloaded + args->emulated != args->copied)
		return "offloaded + emulated is not copied";
	if (args->flags & BLK_COPY_OFFLOAD_ONLY && args->emulated)
		return "offload only, but some was emulated";
	if (args->flags & BLK_COPY_EMULATE_ONLY && args->offloaded)
		return "emulate only, but some was offloaded";
	return check_ranges(args, range);
}

const char *t_errname(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : "unknown";
}

u64 t_number(const char *text, const char *what)
{
	char *end;
	u64 value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		t_die("%s: \"%s\" is not a number", what, text);
	return value;
}

u64 t_bytes(const char *text, const char *what)
{
	static const struct {
		const char *name;
		unsigned int shift;
	} suffix[] = {
		{ "", 0 },     { "B", 0 },    { "KiB", 10 },
		{ "MiB", 20 }, { "GiB", 30 },
	};
	char *end;
	u64 value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		t_die("%s: \"%s\" is not a size", what, text);
	for (size_t i = 0; i < ARRAY_SIZE(suffix); i++)
		if (!strcmp(end, suffix[i].name) &&
		    value <= UINT64_MAX >> suffix[i].shift)
			return value << suffix[i].shift;
	t_die("%s: \"%s\" is not a size: use B, KiB, MiB or GiB", what, text);
}

int t_mode_flags(const char *mode)
{
	if (!strcmp(mode, "auto"))
		return 0;
	if (!strcmp(mode, "offload"))
		return BLK_COPY_OFFLOAD_ONLY;
	if (!strcmp(mode, "emulate"))
		return BLK_COPY_EMULATE_ONLY;
	return -1;
}
