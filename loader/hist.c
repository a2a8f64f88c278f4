// SPDX-License-Identifier: GPL-2.0
#include "hist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "hist_copy.skel.h"

#include "policy_internal.h"
#include "tracer.h"

#define MIN_SERIES 64
#define MAX_SERIES 1024

/* A disk that goes takes its name with it. */
struct known {
	uint64_t diskseq;
	uint32_t dev;
	bool gone;
	char name[DEVICE_NAME_MAX];
};

/**
 * struct hist - counters that are attached
 * @skel: the program and its maps; NULL if they were pinned by somebody else,
 *	and then the next three are ours to close
 * @series_fd: see bpf/hist_copy.bpf.c
 * @lost_fd: the same
 * @prog_fd: the program
 * @cpus: each of which has counters
 * @values: of one series, one per CPU
 * @known: devices that were seen
 * @nr_known: how many
 */
struct hist {
	struct hist_copy *skel;
	int series_fd;
	int lost_fd;
	int prog_fd;
	size_t cpus;
	struct hist_value *values;
	struct known *known;
	size_t nr_known;
};

static uint32_t room(size_t cpus, uint64_t max_series)
{
	uint64_t fit = HIST_MEMORY_BYTES / (cpus * sizeof(struct hist_value));

	/* More than the kernel takes it will refuse. */
	if (max_series)
		return max_series < UINT32_MAX ? (uint32_t)max_series :
						 UINT32_MAX;
	if (fit < MIN_SERIES)
		return MIN_SERIES;
	return fit > MAX_SERIES ? MAX_SERIES : (uint32_t)fit;
}

static int load(struct hist *hist, const struct copy_filter *filter,
		unsigned int by, uint64_t max_series, struct policy_error *err)
{
	int error;

	policy_log_start();
	hist->skel = hist_copy__open();
	if (!hist->skel)
		return policy_fail(err, -errno, "cannot open the counters: %s",
				   strerror(errno));
	filter_set(hist->skel->rodata, filter);
	hist->skel->rodata->by_dev = by & HIST_BY_DEV;
	hist->skel->rodata->by_path = by & HIST_BY_PATH;
	hist->skel->rodata->by_reason = by & HIST_BY_POLICY;
	hist->skel->rodata->by_origin = by & HIST_BY_ORIGIN;
	bpf_map__set_max_entries(hist->skel->maps.series,
				 room(hist->cpus, max_series));
	error = hist_copy__load(hist->skel);
	if (error) {
		error = policy_fail_load(err, "counters", error);
		return tracer_check_kernel(err) ?: error;
	}
	hist->series_fd = bpf_map__fd(hist->skel->maps.series);
	hist->lost_fd = bpf_map__fd(hist->skel->maps.lost);
	hist->prog_fd = bpf_program__fd(hist->skel->progs.hist_copy_end);
	return 0;
}

static int attach(struct hist *hist, struct policy_error *err)
{
	LIBBPF_OPTS(bpf_test_run_opts, once);
	int error;

	bpf_prog_test_run_opts(bpf_program__fd(hist->skel->progs.find_slots),
			       &once);
	error = hist_copy__attach(hist->skel);
	if (!error)
		return 0;
	return policy_fail(err, error, "cannot attach the counters: %s",
			   strerror(-error));
}

static int hist_new(struct hist **out)
{
	int cpus = libbpf_num_possible_cpus();
	struct hist *hist;

	if (cpus < 0)
		return cpus;
	hist = calloc(1, sizeof(*hist));
	if (!hist)
		return -ENOMEM;
	hist->series_fd = hist->lost_fd = hist->prog_fd = -1;
	hist->cpus = (size_t)cpus;
	hist->values = calloc(hist->cpus, sizeof(*hist->values));
	*out = hist;
	if (hist->values)
		return 0;
	hist_end(hist);
	return -ENOMEM;
}

int hist_start(const struct copy_filter *filter, unsigned int by,
	       uint64_t max_series, struct hist **out, struct policy_error *err)
{
	struct hist *hist;
	int error;

	err->text[0] = '\0';
	*out = NULL;
	error = hist_new(&hist);
	if (error)
		return policy_fail(err, error, "%s", strerror(-error));
	error = load(hist, filter, by, max_series, err);
	if (!error)
		error = attach(hist, err);
	if (error)
		hist_end(hist);
	else
		*out = hist;
	return error;
}

/*
 * Counters that nobody has to stay for
 */

int hist_pin(struct hist *hist, const char *dir, struct policy_error *err)
{
	char path[POLICY_PIN_MAX];
	int error;

	snprintf(path, sizeof(path), "%s/" HIST_PIN_SERIES, dir);
	error = bpf_obj_pin(hist->series_fd, path);
	if (error)
		return policy_fail_pin(err, path, error);
	snprintf(path, sizeof(path), "%s/" HIST_PIN_LOST, dir);
	error = bpf_obj_pin(hist->lost_fd, path);
	if (error)
		return policy_fail_pin(err, path, error);
	/* Last: if it is there, so is the rest. */
	snprintf(path, sizeof(path), "%s/" HIST_PIN_LINK, dir);
	error = bpf_obj_pin(bpf_link__fd(hist->skel->links.hist_copy_end),
			    path);
	return error ? policy_fail_pin(err, path, error) : 0;
}

static int get_pin(const char *dir, const char *name)
{
	char path[POLICY_PIN_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

static int program_behind(int link_fd)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int error = bpf_link_get_info_by_fd(link_fd, &info, &len);

	return error ? error : bpf_prog_get_fd_by_id(info.prog_id);
}

/* Those of another version of this program would be read wrongly. */
static int check_layout(const struct hist *hist)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int error = bpf_map_get_info_by_fd(hist->series_fd, &info, &len);

	if (error)
		return error;
	if (info.key_size != sizeof(struct hist_key) ||
	    info.value_size != sizeof(struct hist_value))
		return -EPROTO;
	return 0;
}

static int get_pins(struct hist *hist, const char *dir)
{
	int link_fd = get_pin(dir, HIST_PIN_LINK);

	if (link_fd < 0)
		return link_fd;
	hist->prog_fd = program_behind(link_fd);
	close(link_fd);
	if (hist->prog_fd < 0)
		return hist->prog_fd;
	hist->series_fd = get_pin(dir, HIST_PIN_SERIES);
	if (hist->series_fd < 0)
		return hist->series_fd;
	hist->lost_fd = get_pin(dir, HIST_PIN_LOST);
	return hist->lost_fd < 0 ? hist->lost_fd : check_layout(hist);
}

int hist_open(const char *dir, struct hist **out)
{
	int error = hist_new(out);

	if (error)
		return error;
	error = get_pins(*out, dir);
	if (!error)
		return 0;
	hist_end(*out);
	*out = NULL;
	return error;
}

/*
 * Names
 */

/* The disk that has the number now may be another one. */
static bool is_there(const struct hist_key *key, const char *name)
{
	struct device device;
	bool same;

	if (device_find(name, &device))
		return false;
	same = device.dev == key->dev && device.diskseq == key->diskseq;
	device_free(&device);
	return same;
}

static void find_name(struct known *known, const struct hist_key *key)
{
	known->dev = key->dev;
	known->diskseq = key->diskseq;
	device_name(key->dev, known->name);
	known->gone = !is_there(key, known->name);
	if (known->gone)
		snprintf(known->name, sizeof(known->name), "%u:%u",
			 dev_major(key->dev), dev_minor(key->dev));
}

static struct known *find_known(const struct hist *hist,
				const struct hist_key *key)
{
	for (size_t i = 0; i < hist->nr_known; i++)
		if (hist->known[i].dev == key->dev &&
		    hist->known[i].diskseq == key->diskseq)
			return &hist->known[i];
	return NULL;
}

/* Looked for once, when its first copy is seen.  Returns NULL without memory. */
static const struct known *know(struct hist *hist, const struct hist_key *key)
{
	struct known *known = find_known(hist, key);

	if (known)
		return known;
	known = reallocarray(hist->known, hist->nr_known + 1, sizeof(*known));
	if (!known)
		return NULL;
	hist->known = known;
	known += hist->nr_known++;
	find_name(known, key);
	return known;
}

int hist_look(struct hist *hist)
{
	struct hist_key key, *last = NULL;

	while (!bpf_map_get_next_key(hist->series_fd, last, &key)) {
		if (key.dev && !know(hist, &key))
			return -ENOMEM;
		last = &key;
	}
	return 0;
}

/*
 * Reading
 */

static void sum_value(const struct hist_value *values, size_t cpus,
		      struct hist_value *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < cpus; i++)
		hist_value_add(sum, &values[i]);
}

static int read_one(struct hist *hist, const struct hist_key *key,
		    struct hist_set *set)
{
	const struct known *known = key->dev ? know(hist, key) : NULL;
	struct hist_series *series;
	int error;

	if (key->dev && !known)
		return -ENOMEM;
	error = bpf_map_lookup_elem(hist->series_fd, key, hist->values);
	if (error)
		return error;
	series = reallocarray(set->series, set->nr + 1, sizeof(*series));
	if (!series)
		return -ENOMEM;
	set->series = series;
	series += set->nr++;
	*series = (struct hist_series){ .key = *key };
	if (known) {
		memcpy(series->device, known->name, sizeof(series->device));
		series->gone = known->gone;
	}
	sum_value(hist->values, hist->cpus, &series->value);
	return 0;
}

static int read_all(struct hist *hist, struct hist_set *set)
{
	struct hist_key key, *last = NULL;
	int fd = hist->series_fd, error = 0;

	while (!error && !(error = bpf_map_get_next_key(fd, last, &key))) {
		error = read_one(hist, &key, set);
		last = &key;
	}
	return error == -ENOENT ? 0 : error;
}

static int read_lost(const struct hist *hist, uint64_t *lost)
{
	struct bpf_prog_info info = {};
	__u32 key = 0, len = sizeof(info);
	int error;

	error = bpf_map_lookup_elem(hist->lost_fd, &key, lost);
	if (!error)
		error = bpf_prog_get_info_by_fd(hist->prog_fd, &info, &len);
	*lost += info.recursion_misses;
	return error;
}

int hist_read(struct hist *hist, struct hist_set *set)
{
	int error;

	*set = (struct hist_set){};
	error = read_all(hist, set);
	if (!error)
		error = read_lost(hist, &set->lost);
	if (error)
		hist_set_free(set);
	else
		hist_set_sort(set);
	return error;
}

void hist_forget(struct hist *hist, struct hist_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->nr; i++) {
		if (set->series[i].gone)
			bpf_map_delete_elem(hist->series_fd,
					    &set->series[i].key);
		else
			set->series[kept++] = set->series[i];
	}
	set->nr = kept;
}

int hist_cost(const struct hist *hist, uint64_t *runs, uint64_t *ns)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int error = bpf_prog_get_info_by_fd(hist->prog_fd, &info, &len);

	*runs = info.run_cnt;
	*ns = info.run_time_ns;
	return error;
}

void hist_stop(struct hist *hist)
{
	hist_copy__detach(hist->skel);
	tracer_settle();
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void hist_end(struct hist *hist)
{
	if (!hist)
		return;
	if (hist->skel) {
		hist_copy__destroy(hist->skel);
	} else {
		close_if_open(hist->series_fd);
		close_if_open(hist->lost_fd);
		close_if_open(hist->prog_fd);
	}
	free(hist->known);
	free(hist->values);
	free(hist);
}
