// SPDX-License-Identifier: GPL-2.0
#include "tracer.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "policy_internal.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t tracer_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Between two readings of one clock, the other was read. */
uint64_t tracer_clock_offset(void)
{
	uint64_t before = clock_ns(CLOCK_MONOTONIC);
	uint64_t real = clock_ns(CLOCK_REALTIME);
	uint64_t after = clock_ns(CLOCK_MONOTONIC);

	return real - (before + (after - before) / 2);
}

uint64_t tracer_clock_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* A tracepoint NAME has a typedef btf_trace_NAME. */
static bool has_tracepoint(const struct btf *btf, const char *name)
{
	char type[128];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf && btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

int tracer_check_kernel(struct policy_error *err)
{
	struct btf *btf;
	bool has;

	policy_log_start();
	btf = btf__load_vmlinux_btf();
	has = has_tracepoint(btf, "blk_copy_end");
	btf__free(btf);
	if (has)
		return 0;
	return policy_fail(
		err, -EOPNOTSUPP,
		"this kernel cannot trace copies (no tracepoint blk_copy_end in its BTF): it takes the kernel patches of bpfcopy");
}

const char *tracer_lacks(const struct bpf_object *obj)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct bpf_program *prog = NULL;
	const char *lacks = NULL;

	while (!lacks && (prog = bpf_object__next_program(
				  obj, (struct bpf_program *)prog))) {
		const char *section = bpf_program__section_name(prog);

		if (!strncmp(section, "tp_btf/", 7) &&
		    !has_tracepoint(btf, section + 7))
			lacks = section + 7;
	}
	btf__free(btf);
	return lacks;
}

int tracer_sum_percpu(const struct bpf_map *map, const void *key, uint64_t *sum)
{
	size_t size = bpf_map__value_size(map), nr = size / sizeof(*sum);
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int error;

	memset(sum, 0, size);
	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, size);
	if (!values)
		return -ENOMEM;
	error = bpf_map__lookup_elem(map, key, bpf_map__key_size(map), values,
				     (size_t)cpus * size, 0);
	for (size_t i = 0; !error && i < (size_t)cpus * nr; i++)
		sum[i % nr] += values[i];
	free(values);
	return error;
}

static bool get_info(const struct bpf_program *prog, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);
	int fd = bpf_program__fd(prog);

	*info = (struct bpf_prog_info){ 0 };
	return fd >= 0 && !bpf_prog_get_info_by_fd(fd, info, &len);
}

uint64_t tracer_skipped_runs(const struct bpf_object *obj)
{
	struct bpf_prog_info info;
	struct bpf_program *prog;
	uint64_t sum = 0;

	bpf_object__for_each_program(prog, obj)
		if (get_info(prog, &info))
			sum += info.recursion_misses;
	return sum;
}

uint64_t tracer_run_time(const struct bpf_object *obj)
{
	struct bpf_prog_info info;
	struct bpf_program *prog;
	uint64_t sum = 0;

	bpf_object__for_each_program(prog, obj)
		if (get_info(prog, &info))
			sum += info.run_time_ns;
	return sum;
}

void tracer_settle(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}
