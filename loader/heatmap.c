// SPDX-License-Identifier: GPL-2.0
#include "heatmap.h"

#include <stdlib.h>
#include <string.h>

struct heatmap *heatmap_new(uint64_t start_ns, uint64_t column_ns)
{
	struct heatmap *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->start_ns = start_ns;
	map->end_ns = start_ns;
	map->column_ns = column_ns;
	return map;
}

static void add_column(uint64_t *sum, const uint64_t *column)
{
	for (size_t i = 0; i < HIST_LATENCY_SLOTS; i++)
		sum[i] += column[i];
}

static void halve(struct heatmap *map)
{
	const size_t half = HEATMAP_COLUMNS / 2;

	map->column_ns *= 2;
	for (size_t path = 0; path < HEATMAP_PATHS; path++) {
		uint64_t(*columns)[HIST_LATENCY_SLOTS] = map->cells[path];

		for (size_t i = 0; i < half; i++) {
			memmove(columns[i], columns[2 * i], sizeof(*columns));
			add_column(columns[i], columns[2 * i + 1]);
		}
		memset(columns[half], 0, half * sizeof(*columns));
	}
}

void heatmap_add(struct heatmap *map, uint64_t from_ns, uint64_t to_ns,
		 const struct hist_set *set)
{
	uint64_t ns = from_ns + (to_ns - from_ns) / 2 - map->start_ns;

	while (ns / map->column_ns >= HEATMAP_COLUMNS)
		halve(map);
	map->end_ns = to_ns;
	for (size_t i = 0; i < set->nr; i++) {
		const struct hist_series *s = &set->series[i];

		if (s->key.path >= HEATMAP_PATHS)
			continue;
		for (size_t j = 0; j < HIST_LATENCY_SLOTS; j++)
			map->cells[s->key.path][ns / map->column_ns][j] +=
				s->value.latency[j];
	}
}

uint64_t heatmap_next_ns(const struct heatmap *map, uint64_t now_ns)
{
	uint64_t column = (now_ns - map->start_ns) / map->column_ns;

	return map->start_ns + (column + 1) * map->column_ns;
}
