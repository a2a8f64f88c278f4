// SPDX-License-Identifier: GPL-2.0
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "units.h"

#define BAR_WIDTH   30
#define INTERVAL_NS 100000000ULL

static struct {
	const char *what;
	bool shown;
	uint64_t started;
	uint64_t drawn;
} bar;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void progress_start(const char *what)
{
	bar.what = isatty(STDERR_FILENO) ? what : NULL;
	bar.shown = false;
	bar.started = now_ns();
	bar.drawn = 0;
}

static void draw(uint64_t done, uint64_t total, uint64_t ns)
{
	double part = total ? (double)done / (double)total : 1;
	double rate = ns ? (double)done * 1e9 / (double)ns : 0;
	double left = rate > 0 ? (double)(total - done) / rate : 0;
	int full = (int)(part * BAR_WIDTH);
	char size[UNITS_TEXT_MAX], speed[UNITS_TEXT_MAX];

	fprintf(stderr, "\r%s [", bar.what);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '=' : ' ', stderr);
	fprintf(stderr, "] %3d%% of %s, %s/s, %d:%02d left ", (int)(part * 100),
		units_format_size(size, total),
		units_format_size(speed, (uint64_t)rate), (int)left / 60,
		(int)left % 60);
}

void progress_show(uint64_t done, uint64_t total)
{
	uint64_t now = now_ns();

	if (!bar.what || now - bar.drawn < INTERVAL_NS)
		return;
	bar.drawn = now;
	bar.shown = true;
	draw(done, total, now - bar.started);
}

void progress_end(void)
{
	/* ESC [ K: erase to the end of the line. */
	if (bar.shown)
		fputs("\r\033[K", stderr);
	bar.shown = false;
}
