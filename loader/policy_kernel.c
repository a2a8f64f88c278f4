// SPDX-License-Identifier: GPL-2.0
/*
 * What copy policies are attached, asked of the kernel itself: links lead to
 * struct_ops maps, their values to programs, and those to the counters.
 *
 * So policies are seen whoever attached them, pinned or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf.h>

#include "policy_internal.h"

#define OPS_NAME_LEN  16
#define MAX_PROG_MAPS 64

static const struct {
	const char *word;
	const char *path;
} counter_words[] = {
#define PATH_OFFLOAD			 "offload"
#define PATH_EMULATE			 "emulate"
#define PATH_DEFAULT			 "default"
#define COUNTER_WORDS(id, word, verdict) { word, PATH_##verdict },
	POLICY_COUNTERS(COUNTER_WORDS)
#undef COUNTER_WORDS
};

_Static_assert(POLICY_NR_COUNTERS <= POLICY_COUNTERS_MAX,
	       "struct policy_info has room for every counter");

static const struct btf_member *
find_member(const struct btf *btf, const struct btf_type *t, const char *name)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;

		if (!strcmp(btf__name_by_offset(btf, m->name_off), name))
			return m;
	}
	return NULL;
}

/*
 * The value of a struct_ops map is a struct around the one that programs fill:
 *
 *	struct bpf_struct_ops_blk_copy_ops {
 *		struct bpf_struct_ops_common_value common;
 *		struct blk_copy_ops data;
 *	};
 */
static int find_offsets(const struct btf *btf, struct policy_types *types)
{
	const struct btf_member *data, *dev, *name, *decide;
	const struct btf_type *value, *ops;
	int id;

	id = btf__find_by_name_kind(btf, "bpf_struct_ops_blk_copy_ops",
				    BTF_KIND_STRUCT);
	if (id < 0)
		return -EOPNOTSUPP;
	value = btf__type_by_id(btf, id);
	data = find_member(btf, value, "data");
	if (!data)
		return -EOPNOTSUPP;
	ops = btf__type_by_id(btf, data->type);
	dev = find_member(btf, ops, "dev");
	name = find_member(btf, ops, "name");
	decide = find_member(btf, ops, "decide");
	if (!dev || !name || !decide)
		return -EOPNOTSUPP;
	types->value_id = id;
	types->dev_off = (data->offset + dev->offset) / 8;
	types->name_off = (data->offset + name->offset) / 8;
	types->decide_off = (data->offset + decide->offset) / 8;
	return 0;
}

int policy_kernel_btf(struct btf **btf, struct policy_error *err)
{
	int error;

	policy_log_start();
	*btf = btf__load_vmlinux_btf();
	if (*btf)
		return 0;
	error = errno;
	return policy_fail(
		err, error == EACCES ? -EPERM : -EOPNOTSUPP,
		"this kernel shows no BTF (/sys/kernel/btf/vmlinux): %s",
		strerror(error));
}

/* The kernel's types are as they are for as long as it runs. */
static struct policy_types known;

int policy_types_learn(const struct btf *btf)
{
	return known.value_id ? 0 : find_offsets(btf, &known);
}

int policy_types_get(struct policy_types *types, struct policy_error *err)
{
	struct btf *btf = NULL;
	int error = 0;

	policy_log_start();
	/* To read them takes longer than all else that is asked of the kernel. */
	if (!known.value_id)
		error = policy_kernel_btf(&btf, err);
	if (error)
		return error;
	error = policy_types_learn(btf);
	btf__free(btf);
	if (error)
		return policy_fail(
			err, error,
			"this kernel has no copy policies (no struct blk_copy_ops in its BTF): it takes the kernel patches of bpfcopy and CONFIG_BLK_COPY_BPF");
	*types = known;
	return 0;
}

int policy_link_map(int link_fd, uint32_t *link_id, uint32_t *map_id)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	int error = bpf_link_get_info_by_fd(link_fd, &info, &len);

	if (error)
		return error;
	if (info.type != BPF_LINK_TYPE_STRUCT_OPS)
		return -ENOMSG;
	*link_id = info.id;
	*map_id = info.struct_ops.map_id;
	return 0;
}

/* Read the value of a struct_ops map if it is that of a copy policy. */
static int read_value(const struct policy_types *types, __u32 map_id,
		      struct policy_info *info)
{
	struct bpf_map_info map = { 0 };
	__u32 len = sizeof(map), key = 0;
	char *value = NULL;
	int fd, error;

	fd = bpf_map_get_fd_by_id(map_id);
	if (fd < 0)
		return fd;
	error = bpf_map_get_info_by_fd(fd, &map, &len);
	if (error)
		goto close_fd;
	error = -ENOMSG;
	if (map.btf_vmlinux_value_type_id != types->value_id)
		goto close_fd;
	error = -ENOMEM;
	value = calloc(1, map.value_size);
	if (!value)
		goto close_fd;
	error = bpf_map_lookup_elem(fd, &key, value);
	if (error)
		goto free_value;
	memcpy(&info->dev, value + types->dev_off, sizeof(info->dev));
	memcpy(info->name, value + types->name_off, OPS_NAME_LEN);
	info->name[OPS_NAME_LEN - 1] = '\0';
	/* Instead of a pointer a callback has the id of its program. */
	memcpy(&info->prog_id, value + types->decide_off,
	       sizeof(info->prog_id));

free_value:
	free(value);
close_fd:
	close(fd);
	return error;
}

static bool is_counters(const struct bpf_map_info *map)
{
	return map->type == BPF_MAP_TYPE_PERCPU_ARRAY &&
	       map->value_size == sizeof(struct policy_count) &&
	       !strcmp(map->name, POLICY_COUNTERS_MAP);
}

static int read_counter(int fd, __u32 row, struct policy_counter *out)
{
	struct policy_count *percpu;
	int cpus = libbpf_num_possible_cpus();
	int error;

	if (cpus < 0)
		return cpus;
	percpu = calloc(cpus, sizeof(*percpu));
	if (!percpu)
		return -ENOMEM;
	error = bpf_map_lookup_elem(fd, &row, percpu);
	if (error)
		goto free_percpu;
	*out = (struct policy_counter){
		.reason = counter_words[row].word,
		.path = counter_words[row].path,
	};
	for (int i = 0; i < cpus; i++) {
		out->count += percpu[i].count;
		out->bytes += percpu[i].bytes;
	}

free_percpu:
	free(percpu);
	return error;
}

/* Rows that we have no word for come from a newer header: leave them out. */
int policy_read_counters(int fd, uint32_t rows, struct policy_info *info)
{
	int error;

	if (rows > POLICY_NR_COUNTERS)
		rows = POLICY_NR_COUNTERS;
	for (__u32 i = 0; i < rows; i++) {
		error = read_counter(fd, i, &info->counters[i]);
		if (error)
			return error;
	}
	info->nr_counters = rows;
	return 0;
}

/* The constants of a policy, which its parameters are among. */
static int read_rodata(int fd, const struct bpf_map_info *map,
		       struct policy_info *info)
{
	struct btf *btf = btf__load_from_kernel_by_id(map->btf_id);
	int error;

	if (!btf)
		return -errno;
	error = policy_read_settings(fd, btf, map->btf_value_type_id, info);
	btf__free(btf);
	return error;
}

static bool is_trips(const struct bpf_map_info *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY &&
	       map->value_size == sizeof(struct policy_trip) &&
	       !strcmp(map->name, "policy_trips");
}

static int by_number(const void *a, const void *b)
{
	const struct policy_trip *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int read_trips(int fd, __u32 rows, struct policy_info *info)
{
	int error = 0;

	for (__u32 i = 0; !error && i < rows && i < POLICY_NR_TRIPS; i++) {
		struct policy_trip *t = &info->trips[info->nr_trips];

		error = bpf_map_lookup_elem(fd, &i, t);
		info->nr_trips += !error && t->number;
	}
	qsort(info->trips, info->nr_trips, sizeof(*info->trips), by_number);
	return error;
}

/* What one of its maps tells about a policy; most of them tell nothing. */
static int read_map(int fd, struct policy_info *info)
{
	struct bpf_map_info map = { 0 };
	__u32 len = sizeof(map);
	int error = bpf_map_get_info_by_fd(fd, &map, &len);

	if (error)
		return error;
	if (is_counters(&map))
		return policy_read_counters(fd, map.max_entries, info);
	if (is_trips(&map))
		return read_trips(fd, map.max_entries, info);
	if (policy_has_suffix(map.name, ".rodata") && map.btf_id)
		return read_rodata(fd, &map, info);
	return 0;
}

/* A policy without counters or parameters is fine: finding none is no error. */
static int read_maps(struct policy_info *info)
{
	__u32 ids[MAX_PROG_MAPS], len;
	struct bpf_prog_info prog = { 0 };
	int fd, error;

	fd = bpf_prog_get_fd_by_id(info->prog_id);
	if (fd < 0)
		return fd;
	prog.map_ids = (__u64)(unsigned long)ids;
	prog.nr_map_ids = MAX_PROG_MAPS;
	len = sizeof(prog);
	error = bpf_prog_get_info_by_fd(fd, &prog, &len);
	close(fd);
	/* The kernel says how many there are, not how many it wrote. */
	if (prog.nr_map_ids > MAX_PROG_MAPS)
		prog.nr_map_ids = MAX_PROG_MAPS;
	for (__u32 i = 0; !error && i < prog.nr_map_ids; i++) {
		fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0)
			continue;
		error = read_map(fd, info);
		close(fd);
	}
	return error;
}

static int read_policy(const struct policy_types *types,
		       struct policy_info *info)
{
	int error = read_value(types, info->map_id, info);

	return error ? error : read_maps(info);
}

int policy_describe(const struct policy_types *types, int link_fd,
		    struct policy_info *info)
{
	int error;

	memset(info, 0, sizeof(*info));
	error = policy_link_map(link_fd, &info->link_id, &info->map_id);
	if (error)
		return error;
	if (!info->map_id)
		return -ENOLINK;
	return read_policy(types, info);
}

int policy_of_map(const struct policy_types *types, uint32_t map_id,
		  struct policy_info *info)
{
	memset(info, 0, sizeof(*info));
	info->map_id = map_id;
	return read_policy(types, info);
}

/*
 * The next link after *@id that is a copy policy, described.  Links and
 * policies come and go while we look: what vanished is passed over.
 *
 * Return: 0, -ENOENT after the last, or another errno.
 */
static int next_policy(const struct policy_types *types, __u32 *id,
		       struct policy_info *info)
{
	int fd, error;

	for (;;) {
		error = bpf_link_get_next_id(*id, id);
		if (error)
			return error;
		fd = bpf_link_get_fd_by_id(*id);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		error = policy_describe(types, fd, info);
		close(fd);
		if (error != -ENOENT && error != -ENOLINK && error != -ENOMSG)
			return error;
	}
}

int policy_find(const struct policy_types *types, uint32_t dev,
		struct policy_info *info)
{
	__u32 id = 0;
	int error;

	do {
		error = next_policy(types, &id, info);
	} while (!error && info->dev != dev);
	return error == -ENOENT ? -ESRCH : error;
}

int policy_find_all(const struct policy_types *types,
		    struct policy_info **infos, size_t *nr)
{
	struct policy_info info, *more;
	__u32 id = 0;
	int error;

	*infos = NULL;
	*nr = 0;
	while (!(error = next_policy(types, &id, &info))) {
		more = reallocarray(*infos, *nr + 1, sizeof(info));
		if (!more) {
			error = -ENOMEM;
			break;
		}
		*infos = more;
		more[(*nr)++] = info;
	}
	if (error == -ENOENT)
		return 0;
	free(*infos);
	*infos = NULL;
	*nr = 0;
	return error;
}
