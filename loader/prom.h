/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Metrics as text: OpenMetrics 1.0, or the format that Prometheus had before and
 * that node_exporter's textfile collector still reads.
 *
 * They differ in what the names of counters and of "info" are declared as, in the
 * unit, and in the last line.
 */
#ifndef BPFCOPY_PROM_H
#define BPFCOPY_PROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum prom_type {
	PROM_GAUGE,
	PROM_COUNTER,
	PROM_HISTOGRAM,
	PROM_INFO, /* 1, for its labels */
};

/** struct prom_label - one label; its value may be any text */
struct prom_label {
	const char *name;
	const char *value;
};

#define PROM_LABELS_MAX 8

/**
 * struct prom - metrics that are being written
 * @out: where to; look at ferror() afterwards
 * @openmetrics: which of the formats
 * @name: of the family that is being written
 * @type: its type
 */
struct prom {
	FILE *out;
	bool openmetrics;
	const char *name;
	enum prom_type type;
};

/**
 * prom_family() - what follows are samples of this
 * @name: without "_total" or "_info"; ends with the unit, if there is one;
 *	static storage
 * @unit: "seconds", "bytes" or NULL
 * @help: a sentence
 */
void prom_family(struct prom *p, const char *name, enum prom_type type,
		 const char *unit, const char *help);

/**
 * prom_number() - a sample
 * @labels: ended by one without name
 */
void prom_number(struct prom *p, const struct prom_label *labels,
		 uint64_t value);

/** prom_seconds() - a sample, in seconds to the nanosecond */
void prom_seconds(struct prom *p, const struct prom_label *labels, uint64_t ns);

/**
 * prom_buckets() - a sample of a histogram of durations
 * @labels: as above
 * @edges_ns: where its buckets end, growing; there is one more without an end
 * @counts: in each of them, not cumulated; @nr + 1 of them
 * @nr: how many edges
 * @sum_ns: of all durations
 */
void prom_buckets(struct prom *p, const struct prom_label *labels,
		  const uint64_t *edges_ns, const uint64_t *counts, size_t nr,
		  uint64_t sum_ns);

/** prom_end() - that was all */
void prom_end(struct prom *p);

#endif /* BPFCOPY_PROM_H */
