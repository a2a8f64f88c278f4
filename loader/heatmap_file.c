// SPDX-License-Identifier: GPL-2.0
#include "heatmap_file.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"

/* Columns of a run of unknown length begin fine, and get coarser. */
#define COLUMN_NS     100000000ULL
#define COLUMN_MIN_NS 10000000ULL

static bool ends_in(const char *name, const char *end)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, end);
}

bool heatmap_file_fits(const char *name)
{
	return ends_in(name, ".svg") || ends_in(name, ".html");
}

int heatmap_file_begin(struct heatmap_file *hf, const char *name)
{
	int err;

	*hf = (struct heatmap_file){ .name = name };
	if (!name)
		return EXIT_OK;
	err = replace_begin(&hf->file, name);
	if (err)
		return exit_error(IN_FILE, err, "%s", name);
	/* A reader that goes away must not keep the file from being removed. */
	signal(SIGPIPE, SIG_IGN);
	hf->map = heatmap_new(0, COLUMN_NS);
	if (hf->map)
		return EXIT_OK;
	return exit_error(IN_FILE, replace_end(&hf->file, -ENOMEM), "%s", name);
}

void heatmap_file_start(struct heatmap_file *hf, uint64_t now_ns,
			uint64_t column_ns)
{
	if (!hf->map)
		return;
	hf->map->start_ns = now_ns;
	hf->map->end_ns = now_ns;
	if (column_ns)
		hf->map->column_ns = column_ns > COLUMN_MIN_NS ? column_ns :
								 COLUMN_MIN_NS;
	hf->to_ns = now_ns;
}

uint64_t heatmap_file_next(const struct heatmap_file *hf)
{
	return hf->map ? heatmap_next_ns(hf->map, hf->to_ns) : UINT64_MAX;
}

int heatmap_file_column(struct heatmap_file *hf, struct hist_set *now,
			uint64_t now_ns)
{
	struct hist_set part;
	int err = hist_set_since(now, &hf->last, &part);

	if (!err)
		heatmap_add(hf->map, hf->to_ns, now_ns, &part);
	hist_set_free(&part);
	hist_set_free(&hf->last);
	hf->last = *now;
	hf->to_ns = now_ns;
	return err;
}

void heatmap_file_skip(struct heatmap_file *hf, uint64_t now_ns)
{
	uint64_t begin = heatmap_next_ns(hf->map, now_ns) - hf->map->column_ns;

	if (begin > hf->to_ns)
		hf->to_ns = begin;
}

int heatmap_file_end(struct heatmap_file *hf, const char *about, bool keep)
{
	int err = keep ? 0 : -ECANCELED;

	if (!hf->map)
		return EXIT_OK;
	if (keep)
		heatmap_write(hf->map, hf->file.out, about,
			      ends_in(hf->name, ".html"));
	err = replace_end(&hf->file, err);
	free(hf->map);
	hist_set_free(&hf->last);
	if (keep && err)
		return exit_error(IN_FILE, err, "%s", hf->name);
	return EXIT_OK;
}
