// SPDX-License-Identifier: GPL-2.0
/*
 * bpfcopy copy: do a copy and tell what became of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "device.h"
#include "exit.h"
#include "kernel.h"
#include "progress.h"
#include "ranges.h"
#include "stop.h"
#include "units.h"
#include "verbs.h"

#define DEFAULT_STEP (64ULL << 20)

/* Everything about one run of the verb. */
struct run {
	const struct options *opts;
	char *src_path;
	char *dst_path;
	struct range range; /* from the command line */
	struct ranges ranges;
	struct device src;
	struct device dst;
	struct copy_job job;
};

struct copy_row {
	struct copy_result r;
	const char *src;
	const char *dst;
	uint64_t bytes;
	uint64_t ranges;
	uint64_t error;
	const char *verified;
};

static const struct row_col cols[] = {
	ROW_COL(struct copy_row, src, "source", "SOURCE", ROW_TEXT, 0),
	ROW_COL(struct copy_row, dst, "destination", "DESTINATION", ROW_TEXT,
		0),
	ROW_COL(struct copy_row, ranges, "ranges", "RANGES", ROW_NUM, 0),
	ROW_COL(struct copy_row, bytes, "bytes", "WANTED", ROW_SIZE, 0),
	ROW_COL(struct copy_row, r.copied, "copied_bytes", "COPIED", ROW_SIZE,
		0),
	ROW_COL(struct copy_row, r.offloaded, "offloaded_bytes", "OFFLOADED",
		ROW_SIZE, 0),
	ROW_COL(struct copy_row, r.emulated, "emulated_bytes", "EMULATED",
		ROW_SIZE, 0),
	ROW_COL(struct copy_row, r.latency_ns, "latency_ns", "LATENCY",
		ROW_TIME, 0),
	ROW_COL(struct copy_row, r.calls, "calls", "CALLS", ROW_NUM, 0),
	ROW_COL(struct copy_row, verified, "verified", "VERIFIED", ROW_TEXT, 0),
	ROW_COL(struct copy_row, error, "error", "ERROR", ROW_ERRNO, 0),
	{},
};

static const struct row_desc desc = { "copy", NULL, cols, false };

/*
 * Arguments
 */

/* Cuts "@OFFSET" off the end of a device name. */
static int split_offset(char *text, uint64_t *offset)
{
	char *at = strrchr(text, '@');
	const char *why;

	/* A name may have one too. */
	if (!at || !access(text, F_OK))
		return EXIT_OK;
	*at++ = '\0';
	if (!units_parse_size(at, offset, &why))
		return EXIT_OK;
	return options_usage(&verb_copy, "offset `%s' of %s: %s", at, text,
			     why);
}

static int parse_range(struct run *run)
{
	const struct options *opts = run->opts;
	const char *why;

	if (opts->ranges && opts->nr_args == 3)
		return options_usage(&verb_copy,
				     "LENGTH and --ranges exclude each other");
	if (opts->ranges && (run->range.src || run->range.dst))
		return options_usage(&verb_copy,
				     "@OFFSET and --ranges exclude each other");
	if (opts->ranges)
		return EXIT_OK;
	if (opts->nr_args < 3)
		return options_usage(&verb_copy,
				     "want LENGTH, or --ranges=FILE");
	if (units_parse_size(opts->args[2], &run->range.len, &why))
		return options_usage(&verb_copy, "length `%s': %s",
				     opts->args[2], why);
	return EXIT_OK;
}

static int parse_arguments(struct run *run)
{
	int status;

	run->src_path = strdup(run->opts->args[0]);
	run->dst_path = strdup(run->opts->args[1]);
	if (!run->src_path || !run->dst_path)
		return exit_error(IN_GENERAL, -ENOMEM, "copy");
	status = split_offset(run->src_path, &run->range.src);
	if (status == EXIT_OK)
		status = split_offset(run->dst_path, &run->range.dst);
	if (status == EXIT_OK)
		status = parse_range(run);
	return status;
}

static int read_file(struct run *run, const char *name)
{
	char error[RANGES_ERROR_MAX] = "";
	bool from_stdin = !strcmp(name, "-");
	FILE *in = from_stdin ? stdin : fopen(name, "re");
	int err;

	if (!in)
		return exit_error(IN_FILE, -errno, "%s", name);
	err = ranges_read(&run->ranges, in, name, error);
	if (!from_stdin)
		fclose(in);
	if (err == -EINVAL)
		return options_usage(&verb_copy, "%s", error);
	if (err)
		return exit_error(IN_FILE, err, "%s", name);
	if (!run->ranges.nr)
		return options_usage(&verb_copy, "%s: no range in it", name);
	return EXIT_OK;
}

static int get_ranges(struct run *run)
{
	if (run->opts->ranges)
		return read_file(run, run->opts->ranges);
	if (ranges_add(&run->ranges, &run->range))
		return exit_error(IN_GENERAL, -ENOMEM, "copy");
	return EXIT_OK;
}

/*
 * Devices
 */

static int find_devices(struct run *run)
{
	int err;

	err = device_find(run->src_path, &run->src);
	if (err)
		return exit_error(IN_DEVICE, err, "source %s", run->src_path);
	err = device_find(run->dst_path, &run->dst);
	if (err)
		return exit_error(IN_DEVICE, err, "destination %s",
				  run->dst_path);
	return EXIT_OK;
}

static int check_step(struct run *run, uint64_t block)
{
	uint64_t step = run->opts->step_bytes;

	run->job.step_bytes = step ? step : DEFAULT_STEP;
	if (step % block)
		return options_usage(&verb_copy,
				     "--step must be a multiple of the logical "
				     "block, %" PRIu64 "B",
				     block);
	return EXIT_OK;
}

static int check_ranges(struct run *run)
{
	const struct device *src = &run->src, *dst = &run->dst;
	struct ranges_limits limits = {
		.block_bytes = src->block_bytes > dst->block_bytes ?
				       src->block_bytes :
				       dst->block_bytes,
		.src_bytes = src->size_bytes,
		.dst_bytes = dst->size_bytes,
		.same_disk = src->disk_dev == dst->disk_dev,
		.src_start = src->start_bytes,
		.dst_start = dst->start_bytes,
	};
	char error[RANGES_ERROR_MAX] = "";
	int err;

	err = ranges_check(&run->ranges, &limits, error);
	if (err == -EINVAL)
		return options_usage(&verb_copy, "%s", error);
	if (err)
		return exit_error(IN_GENERAL, err, "copy");
	return check_step(run, limits.block_bytes);
}

/* sysfs may know a device by a name that is no path: "nvme0n1". */
static int open_device(char **path, const struct device *dev, int flags)
{
	int fd;

	if (!strchr(*path, '/')) {
		char *node;

		if (asprintf(&node, "/dev/%s", dev->name) < 0)
			return -ENOMEM;
		free(*path);
		*path = node;
	}
	fd = open(*path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_devices(struct run *run)
{
	run->job.src_fd = open_device(&run->src_path, &run->src, O_RDONLY);
	if (run->job.src_fd < 0)
		return exit_error(IN_DEVICE, run->job.src_fd, "source %s",
				  run->src_path);
	run->job.dst_fd = open_device(&run->dst_path, &run->dst, O_WRONLY);
	if (run->job.dst_fd < 0)
		return exit_error(IN_DEVICE, run->job.dst_fd, "destination %s",
				  run->dst_path);
	return EXIT_OK;
}

/*
 * Copying
 */

static uint32_t mode_flags(enum copy_mode mode)
{
	if (mode == MODE_OFFLOAD)
		return BLK_COPY_OFFLOAD_ONLY;
	return mode == MODE_EMULATE ? BLK_COPY_EMULATE_ONLY : 0;
}

static int do_copy(struct run *run, struct copy_row *row)
{
	int err;

	run->job.flags = mode_flags(run->opts->mode);
	run->job.ranges = &run->ranges;
	run->job.progress = progress_show;
	run->job.stop = stop_on_signals();
	progress_start("copy");
	err = copy_run(&run->job, &row->r);
	progress_end();
	row->error = (uint64_t)-err;
	if (!err)
		return EXIT_OK;
	if (err == -ENOTTY && kernel_need(KERNEL_IOCTL))
		return EXIT_KERNEL;
	return exit_error(IN_COPY, err,
			  "%s to %s, after %" PRIu64 " of %" PRIu64 " bytes",
			  run->src_path, run->dst_path, row->r.copied,
			  row->bytes);
}

static int do_verify(struct run *run, struct copy_row *row)
{
	struct range where = {};
	int err;

	progress_start("verify");
	err = copy_verify(&run->job, run->src_path, run->dst_path, &where);
	progress_end();
	row->verified = err == -EILSEQ ? "differs" : err ? NULL : "equal";
	row->error = (uint64_t)-err;
	if (!err)
		return EXIT_OK;
	if (err != -EILSEQ)
		return exit_error(IN_VERIFY, err, "verifying");
	return exit_error(IN_VERIFY, err,
			  "byte %" PRIu64 " of %s and byte %" PRIu64 " of %s",
			  where.src, run->src_path, where.dst, run->dst_path);
}

/* A copy that failed has a result too. */
static int print_result(const struct run *run, const struct copy_row *row,
			int status)
{
	struct rows *rows = rows_open(stdout, run->opts->output, "copy", false);
	int err;

	rows_add(rows_part(rows, &desc), row);
	err = rows_close(rows);
	return exit_output(err, status);
}

static int copy_and_print(struct run *run)
{
	struct copy_row row = {
		.src = run->src.name,
		.dst = run->dst.name,
		.bytes = ranges_bytes(&run->ranges),
		.ranges = run->ranges.nr,
	};
	int status;

	status = do_copy(run, &row);
	if (status == EXIT_KERNEL)
		return status;
	if (status == EXIT_OK && run->opts->verify)
		status = do_verify(run, &row);
	return print_result(run, &row, status);
}

static void close_run(struct run *run)
{
	if (run->job.dst_fd >= 0)
		close(run->job.dst_fd);
	if (run->job.src_fd >= 0)
		close(run->job.src_fd);
	device_free(&run->dst);
	device_free(&run->src);
	ranges_free(&run->ranges);
	free(run->dst_path);
	free(run->src_path);
}

static int copy(const struct options *opts)
{
	struct run run = { .opts = opts,
			   .job = { .src_fd = -1, .dst_fd = -1 } };
	int status;

	status = parse_arguments(&run);
	if (status == EXIT_OK)
		status = find_devices(&run);
	if (status == EXIT_OK)
		status = get_ranges(&run);
	if (status == EXIT_OK)
		status = check_ranges(&run);
	if (status == EXIT_OK)
		status = open_devices(&run);
	if (status == EXIT_OK)
		status = copy_and_print(&run);
	close_run(&run);
	return status;
}

const struct verb verb_copy = {
	.name = "copy",
	.args = "SRC[@OFFSET] DST[@OFFSET] LENGTH\n"
		"--ranges=FILE SRC DST",
	.min_args = 2,
	.max_args = 3,
	.summary = "copy from one block device to another, or within one",
	.doc = "Copy LENGTH bytes, or the ranges in FILE, over what is in DST, "
	       "which must not be mounted or otherwise in use. Offsets and "
	       "lengths are sizes like 64KiB. Everything is checked before "
	       "the first byte is written. The result tells how much the "
	       "device copied and how much the kernel read and wrote.",
	.examples =
		"  bpfcopy copy nvme0n1 nvme0n1@2GiB 256MiB\n"
		"  bpfcopy copy --verify --mode=emulate nvme0n1p1 nvme1n1p1 "
		"64MiB\n"
		"  echo '0 1GiB 64KiB' | bpfcopy copy --ranges=- nvme0n1 "
		"nvme0n1\n",
	.overhead = "Offloaded, the host spends some 17000 instructions on a "
		    "command, whatever that copies; emulated, it reads and "
		    "writes all of the bytes. --verify reads both sides once "
		    "more.",
	.units = "OFFSET and LENGTH, and the columns in a file of ranges, "
		 "are sizes with a unit, and multiples of the logical "
		 "block size.",
	.bit = V_COPY,
	.run = copy,
};
