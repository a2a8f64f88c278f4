// SPDX-License-Identifier: GPL-2.0
#include "hist_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"

struct hello_row {
	uint64_t ts_ns;
	const char *kernel;
};

static const struct row_col hello_cols[] = {
	ROW_COL(struct hello_row, ts_ns, "ts_ns", NULL, ROW_CLOCK, 0),
	ROW_COL(struct hello_row, kernel, "kernel", NULL, ROW_TEXT, 0),
	{},
};

struct bye_row {
	uint64_t ts_ns;
	uint64_t copies;
	uint64_t errors;
	uint64_t lost;
};

static const struct row_col bye_cols[] = {
	ROW_COL(struct bye_row, ts_ns, "ts_ns", NULL, ROW_CLOCK, 0),
	ROW_COL(struct bye_row, copies, "copies", NULL, ROW_NUM, 0),
	ROW_COL(struct bye_row, errors, "errors", NULL, ROW_NUM, 0),
	ROW_COL(struct bye_row, lost, "lost", NULL, ROW_NUM, 0),
	{},
};

static const struct row_desc hello_desc = { "hello", NULL, hello_cols, false };
static const struct row_desc bye_desc = { "bye", NULL, bye_cols, false };

/*
 * A block
 */

static void print_time(FILE *out, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[16];

	localtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(out, "%s.%03u", text, (unsigned int)(ns / 1000000 % 1000));
}

static int print_block(FILE *out, const struct hist_block *block)
{
	int err;

	print_time(out, block->from_ns);
	fputs(" to ", out);
	print_time(out, block->to_ns);
	fprintf(out, ", %" PRIu64 " copies, lost %" PRIu64 "\n\n",
		hist_copies(&block->set), block->set.lost);
	err = hist_view_print(out, block);
	if (block->set.nr)
		fputc('\n', out);
	return err;
}

/* As many lines as the terminal has, but for the one that the cursor is in. */
static void print_lines(const char *text)
{
	struct winsize size = {};
	unsigned int lines;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	lines = size.ws_row > 1 ? size.ws_row - 1U : 24;
	while (*text && lines--) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, len + (text[len] == '\n'), stdout);
		text += len + (text[len] == '\n');
	}
}

static int print_in_place(const struct hist_block *block)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return -ENOMEM;
	err = print_block(out, block);
	if (fclose(out) && !err)
		err = -ENOMEM;
	/* ESC [ H: to the top; ESC [ J: erase what is below. */
	fputs("\033[H\033[J", stdout);
	if (!err)
		print_lines(text);
	free(text);
	return err;
}

static int show(struct hist_run *run, struct hist_block *block)
{
	int err;

	if (run->rows)
		err = hist_rows_add(&run->parts, block);
	else if (run->in_place)
		err = print_in_place(block);
	else
		err = print_block(stdout, block);
	if (!err && fflush(stdout))
		err = errno ? -errno : -EIO;
	return err;
}

/* What was counted since @before, which was read at @from_ns; @now is newer. */
static int show_since(struct hist_run *run, const struct hist_set *now,
		      const struct hist_set *before, uint64_t from_ns)
{
	struct hist_block block = {
		.by = run->by,
		.from_ns = from_ns,
		.to_ns = run->shown_ns,
	};
	int err = hist_set_since(now, before, &block.set);

	if (err)
		return err;
	hist_set_group(&block.set, run->by);
	err = show(run, &block);
	hist_set_free(&block.set);
	return err;
}

static int show_block(struct hist_run *run, uint64_t now_ns)
{
	uint64_t interval = run->opts->interval_ns, from_ns = run->shown_ns;
	struct hist_set now;
	int err = run->read(run->source, &now);

	if (err)
		return err;
	run->shown_ns = now_ns;
	err = show_since(run, &now, &run->last, from_ns);
	hist_set_free(&run->last);
	run->last = now;
	/* Who prints slowly gets fewer blocks, not several at once. */
	run->next_ns += interval * ((now_ns - run->next_ns) / interval + 1);
	return err;
}

static int add_column(struct hist_run *run, uint64_t now_ns)
{
	struct hist_set now;
	int err = run->read(run->source, &now);

	return err ?: heatmap_file_column(&run->map, &now, now_ns);
}

/*
 * The run
 */

/* Of the picture; the last one may come late.  To read a recording often costs little. */
static uint64_t column_ns(const struct options *opts)
{
	return opts->replay ? 1 : opts->duration_ns / (HEATMAP_COLUMNS - 8);
}

int hist_run_begin(struct hist_run *run, uint64_t now_ns, const char *kernel)
{
	const struct hello_row row = { .ts_ns = now_ns, .kernel = kernel };
	uint64_t interval = run->opts->interval_ns;
	struct rows_part *hello;

	run->begun = true;
	run->start_ns = run->shown_ns = now_ns;
	run->next_ns = interval ? now_ns + interval : UINT64_MAX;
	heatmap_file_start(&run->map, now_ns, column_ns(run->opts));
	if (run->opts->output == ROWS_TABLE)
		return 0;
	run->rows = rows_open(stdout, run->opts->output, "hist", true);
	hello = rows_part(run->rows, &hello_desc);
	hist_rows_open(&run->parts, run->rows);
	run->bye = rows_part(run->rows, &bye_desc);
	return rows_add(hello, &row);
}

uint64_t hist_run_next(const struct hist_run *run)
{
	uint64_t column = heatmap_file_next(&run->map);

	return column < run->next_ns ? column : run->next_ns;
}

int hist_run_show(struct hist_run *run, uint64_t now_ns)
{
	int err = 0;

	if (now_ns >= heatmap_file_next(&run->map))
		err = add_column(run, now_ns);
	if (!err && now_ns >= run->next_ns)
		err = show_block(run, now_ns);
	return err;
}

static int columns_until(struct hist_run *run, uint64_t now_ns)
{
	uint64_t next = heatmap_file_next(&run->map);
	int err = 0;

	if (now_ns < next)
		return 0;
	err = add_column(run, next);
	if (!err)
		heatmap_file_skip(&run->map, now_ns);
	return err;
}

static int blocks_until(struct hist_run *run, uint64_t now_ns)
{
	uint64_t interval = run->opts->interval_ns;
	int err = 0;

	if (now_ns >= run->next_ns)
		err = show_block(run, run->next_ns);
	if (!err && now_ns >= run->next_ns)
		err = show_block(run,
				 now_ns - (now_ns - run->next_ns) % interval);
	return err;
}

int hist_run_until(struct hist_run *run, uint64_t now_ns)
{
	int err = columns_until(run, now_ns);

	return err ?: blocks_until(run, now_ns);
}

/* What is not shown yet; in place, the whole run. */
static int last_block(struct hist_run *run, uint64_t now_ns)
{
	struct hist_set now, before = {};
	uint64_t from_ns = run->in_place ? run->start_ns : run->shown_ns;
	int err = run->read(run->source, &now);

	if (err)
		return err;
	run->shown_ns = now_ns;
	err = show_since(run, &now, run->in_place ? &before : &run->last,
			 from_ns);
	hist_set_free(&run->last);
	run->last = now;
	return err;
}

static int say_bye(struct hist_run *run)
{
	struct bye_row row = {
		.ts_ns = run->shown_ns,
		.copies = hist_copies(&run->last),
		.errors = hist_errors(&run->last),
		.lost = run->last.lost,
	};
	uint64_t all = row.copies + row.lost;

	if (run->rows)
		return rows_add(run->bye, &row);
	fflush(stdout);
	fprintf(stderr,
		"%" PRIu64 " copies, %" PRIu64 " failed; lost %" PRIu64
		" (%.2f %%)\n",
		row.copies, row.errors, row.lost,
		all ? 100.0 * (double)row.lost / (double)all : 0.0);
	return 0;
}

int hist_run_end(struct hist_run *run, uint64_t now_ns)
{
	int err = 0;

	if (run->map.map)
		err = add_column(run, now_ns);
	if (!err)
		err = last_block(run, now_ns);
	return err ?: say_bye(run);
}

/* Whether it was printing that failed, the rows know. */
int hist_run_finish(struct hist_run *run, int err)
{
	int output = run->rows ? rows_close(run->rows) : 0;
	uint64_t lost = run->last.lost;

	hist_set_free(&run->last);
	if (output || ferror(stdout))
		return exit_output(output ? output : err, EXIT_FAILED);
	if (err)
		return exit_error(IN_TRACE, err, "cannot read the counters");
	run->shown = true;
	if (lost && run->opts->fail_on_loss)
		return exit_message(EXIT_LOST, "%" PRIu64 " %s were lost", lost,
				    run->events);
	return EXIT_OK;
}
