/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file of a heatmap, while copies are counted: hist --heatmap.
 */
#ifndef BPFCOPY_HEATMAP_FILE_H
#define BPFCOPY_HEATMAP_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "heatmap.h"
#include "replace.h"

/**
 * struct heatmap_file - none if @map is NULL, and then there is nothing to do
 * @name: where it goes
 * @map: what is drawn
 * @file: takes the place of an older one at the end
 * @to_ns: end of the last column, nanoseconds since the epoch
 * @last: what was counted by then
 */
struct heatmap_file {
	const char *name;
	struct heatmap *map;
	struct replace file;
	uint64_t to_ns;
	struct hist_set last;
};

/** heatmap_file_fits() - does the name end as one of a picture or a page? */
bool heatmap_file_fits(const char *name);

/**
 * heatmap_file_begin() - begin the file: that there can be none should not be news at the end
 * @hf: filled
 * @name: NULL for none
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int heatmap_file_begin(struct heatmap_file *hf, const char *name);

/**
 * heatmap_file_start() - counting begins
 * @now_ns: nanoseconds since the epoch
 * @column_ns: of a column, if that is not too little; 0 if nobody knows how many there will be
 */
void heatmap_file_start(struct heatmap_file *hf, uint64_t now_ns,
			uint64_t column_ns);

/** heatmap_file_next() - when the next column is complete; UINT64_MAX if there is none */
uint64_t heatmap_file_next(const struct heatmap_file *hf);

/**
 * heatmap_file_column() - what was counted in a column
 * @now: counted since the beginning; belongs to @hf afterwards
 * @now_ns: when it was read
 *
 * Return: 0 or -ENOMEM.
 */
int heatmap_file_column(struct heatmap_file *hf, struct hist_set *now,
			uint64_t now_ns);

/** heatmap_file_skip() - nothing happened until @now_ns */
void heatmap_file_skip(struct heatmap_file *hf, uint64_t now_ns);

/**
 * heatmap_file_end() - draw it, and free everything
 * @about: which copies, a few words
 * @keep: false: what there was before stays
 *
 * Return: EXIT_OK, or the exit status after a message.
 */
int heatmap_file_end(struct heatmap_file *hf, const char *about, bool keep);

#endif /* BPFCOPY_HEATMAP_FILE_H */
