// SPDX-License-Identifier: GPL-2.0
/*
 * Names end with the unit, and with what OpenMetrics wants for the type.  Labels
 * are words of closed lists, but for devices and policies.
 */
#include "stats.h"

#include "rows.h"
#include "target.h"
#include "words.h"

#define NR(array) (sizeof(array) / sizeof(*(array)))

/*
 * The machine
 */

static void put_build(struct prom *p)
{
	const struct prom_label labels[] = { { "version", BPFCOPY_VERSION },
					     {} };

	prom_family(p, "bpfcopy_build", PROM_INFO, NULL,
		    "The program that wrote this");
	prom_number(p, labels, 1);
}

static void put_features(struct prom *p, const struct stats *stats)
{
	prom_family(p, "bpfcopy_kernel_feature", PROM_GAUGE, NULL,
		    "Does the kernel have it: 0 no, 1 yes or not known");
	for (size_t i = 0; i < KERNEL_NR_FEATURES; i++) {
		const struct kernel_check *check = &stats->checks[i];
		const struct prom_label labels[] = { { "feature", check->name },
						     {} };

		prom_number(p, labels, check->answer != KERNEL_MISSING);
	}
}

/* What cannot copy anything, like a loop device without a file, is left out. */
static bool is_shown(const struct device *device)
{
	return device->size_bytes && device->copy_max_bytes != ROWS_NONE;
}

static void put_devices(struct prom *p, const struct stats *stats)
{
	prom_family(p, "bpfcopy_device", PROM_INFO, NULL,
		    "Who a device is: kernel names change between boots");
	for (size_t i = 0; i < stats->nr_devices; i++) {
		const struct device *d = &stats->devices[i];
		const struct prom_label labels[] = {
			{ "device", d->name },	       { "model", d->model },
			{ "serial", d->serial },       { "wwid", d->wwid },
			{ "transport", d->transport }, {},
		};

		if (is_shown(d))
			prom_number(p, labels, 1);
	}
}

static void put_limit(struct prom *p, const struct stats *stats,
		      const char *name, const char *unit, const char *help,
		      size_t offset)
{
	prom_family(p, name, PROM_GAUGE, unit, help);
	for (size_t i = 0; i < stats->nr_devices; i++) {
		const struct device *d = &stats->devices[i];
		const struct prom_label labels[] = { { "device", d->name },
						     {} };

		if (is_shown(d))
			prom_number(
				p, labels,
				*(const uint64_t *)((const char *)d + offset));
	}
}

static void put_limits(struct prom *p, const struct stats *stats)
{
	put_limit(p, stats, "bpfcopy_device_copy_max_bytes", "bytes",
		  "Most that is copied by one command, 0: never",
		  offsetof(struct device, copy_max_bytes));
	put_limit(p, stats, "bpfcopy_device_copy_max_hw_bytes", "bytes",
		  "Most that the hardware copies by one command, 0: it cannot",
		  offsetof(struct device, copy_max_hw_bytes));
	put_limit(p, stats, "bpfcopy_device_copy_max_range_hw_bytes", "bytes",
		  "Most of one source range of a command",
		  offsetof(struct device, copy_max_range_hw_bytes));
	put_limit(p, stats, "bpfcopy_device_copy_max_ranges", NULL,
		  "Most source ranges of a command",
		  offsetof(struct device, copy_max_ranges));
}

/*
 * Policies
 */

static const char *mode_of(const struct policy_info *policy)
{
	return policy->observe ? "observe" : "enforce";
}

static void put_policies(struct prom *p, const struct stats *stats)
{
	prom_family(p, "bpfcopy_policy", PROM_INFO, NULL,
		    "Policies that are attached");
	for (size_t i = 0; i < stats->nr_policies; i++) {
		const struct policy_info *policy = &stats->policies[i];
		struct target target;
		const struct prom_label labels[] = {
			{ "device", target.name },
			{ "policy", policy->name },
			{ "mode", mode_of(policy) },
			{},
		};

		target_of_number(policy->dev, &target);
		prom_number(p, labels, 1);
	}
}

static void put_counters(struct prom *p, const struct policy_info *policy,
			 bool bytes)
{
	struct target target;

	target_of_number(policy->dev, &target);
	for (size_t i = 0; i < policy->nr_counters; i++) {
		const struct policy_counter *c = &policy->counters[i];
		const struct prom_label labels[] = {
			{ "device", target.name },   { "policy", policy->name },
			{ "mode", mode_of(policy) }, { "reason", c->reason },
			{ "path", c->path },	     {},
		};

		prom_number(p, labels, bytes ? c->bytes : c->count);
	}
}

static void put_decisions(struct prom *p, const struct stats *stats)
{
	prom_family(p, "bpfcopy_policy_decisions", PROM_COUNTER, NULL,
		    "Decisions on chunks of copies; in mode observe what they "
		    "would have been");
	for (size_t i = 0; i < stats->nr_policies; i++)
		put_counters(p, &stats->policies[i], false);
	prom_family(p, "bpfcopy_policy_decided_bytes", PROM_COUNTER, "bytes",
		    "Bytes that the decisions were about");
	for (size_t i = 0; i < stats->nr_policies; i++)
		put_counters(p, &stats->policies[i], true);
}

/*
 * Copies
 */

/*
 * Every power of two from 16 us to 17 s, edges of buckets in the kernel.  One that
 * is exactly as long is counted in the next bucket, a nanosecond off.
 */
#define FIRST_EDGE 14
#define LAST_EDGE  34
#define NR_EDGES   (LAST_EDGE - FIRST_EDGE + 1)

static void put_histogram(struct prom *p, const struct prom_label *labels,
			  const struct hist_value *value)
{
	uint64_t edges[NR_EDGES], counts[NR_EDGES + 1] = {};
	size_t bucket = 0;

	for (size_t i = 0; i < NR_EDGES; i++)
		edges[i] = 1ULL << (FIRST_EDGE + i);
	for (uint32_t slot = 0; slot < HIST_LATENCY_SLOTS; slot++) {
		while (bucket < NR_EDGES &&
		       latency_slot_low(slot) >= edges[bucket])
			bucket++;
		counts[bucket] += value->latency[slot];
	}
	prom_buckets(p, labels, edges, counts, NR_EDGES, value->latency_ns);
}

/* Bytes by who moved them: of a mixed copy each its part. */
static void put_bytes(struct prom *p, const struct hist_series *series,
		      size_t nr)
{
	uint64_t offloaded = 0, emulated = 0;
	struct prom_label labels[] = { { "device", series->device },
				       { "by", "device" },
				       {} };

	for (size_t i = 0; i < nr; i++) {
		offloaded += series[i].value.offloaded;
		emulated += series[i].value.emulated;
	}
	prom_number(p, labels, offloaded);
	labels[1].value = "kernel";
	prom_number(p, labels, emulated);
}

static void put_all_bytes(struct prom *p, const struct hist_set *set)
{
	size_t nr;

	prom_family(p, "bpfcopy_copied_bytes", PROM_COUNTER, "bytes",
		    "Bytes copied to a device: by a device itself, or read and "
		    "written by the kernel");
	/* Series are in the order of their devices. */
	for (size_t i = 0; i < set->nr; i += nr) {
		const struct hist_series *s = &set->series[i];

		for (nr = 1; i + nr < set->nr; nr++)
			if (s[nr].key.dev != s->key.dev)
				break;
		put_bytes(p, s, nr);
	}
}

static void put_copies(struct prom *p, const struct hist_set *set)
{
	prom_family(
		p, "bpfcopy_copy_seconds", PROM_HISTOGRAM, "seconds",
		"Duration of copies to a device, by the path that they took");
	for (size_t i = 0; i < set->nr; i++) {
		const struct hist_series *s = &set->series[i];
		const struct prom_label labels[] = {
			{ "device", s->device },
			{ "path", word_of_path(s->key.path) },
			{},
		};

		put_histogram(p, labels, &s->value);
	}
}

static void put_errors(struct prom *p, const struct hist_set *set)
{
	prom_family(
		p, "bpfcopy_copy_errors", PROM_COUNTER, NULL,
		"Copies to a device that failed, by the path that they took");
	for (size_t i = 0; i < set->nr; i++) {
		const struct hist_series *s = &set->series[i];
		const struct prom_label labels[] = {
			{ "device", s->device },
			{ "path", word_of_path(s->key.path) },
			{},
		};

		prom_number(p, labels, s->value.errors);
	}
}

static void put_collected(struct prom *p, const struct stats *stats)
{
	prom_family(p, "bpfcopy_collecting", PROM_GAUGE, NULL,
		    "Are copies counted (bpfcopy stats --collect=start): 0 no, "
		    "1 yes");
	prom_number(p, NULL, stats->collected);
	if (!stats->collected)
		return;
	put_copies(p, &stats->copies);
	put_all_bytes(p, &stats->copies);
	put_errors(p, &stats->copies);
	prom_family(p, "bpfcopy_lost_copies", PROM_COUNTER, NULL,
		    "Copies that could not be counted");
	prom_number(p, NULL, stats->copies.lost);
}

/*
 * What it costs
 */

static void put_program(struct prom *p, const struct stats_program *program,
			bool seconds)
{
	const struct prom_label labels[] = { { "device", program->device },
					     { "program", program->name },
					     {} };

	if (seconds)
		prom_seconds(p, labels, program->ns);
	else
		prom_number(p, labels, program->runs);
}

static void put_programs(struct prom *p, const struct stats *stats)
{
	if (!stats->nr_programs)
		return;
	prom_family(p, "bpfcopy_program_runs", PROM_COUNTER, NULL,
		    "Runs of BPF programs: policies that decide, and the "
		    "counters of copies");
	for (size_t i = 0; i < stats->nr_programs; i++)
		put_program(p, &stats->programs[i], false);
	prom_family(p, "bpfcopy_program_run_seconds", PROM_COUNTER, "seconds",
		    "Time that these runs took");
	for (size_t i = 0; i < stats->nr_programs; i++)
		put_program(p, &stats->programs[i], true);
}

void stats_prom(const struct stats *stats, struct prom *p)
{
	put_build(p);
	put_features(p, stats);
	put_devices(p, stats);
	put_limits(p, stats);
	put_policies(p, stats);
	put_decisions(p, stats);
	put_collected(p, stats);
	put_programs(p, stats);
	prom_end(p);
}
