// SPDX-License-Identifier: GPL-2.0
#include "tracer.h"

#include <errno.h>
#include <linux/membarrier.h>
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
int tracer_check_kernel(struct policy_error *err)
{
	struct btf *btf;
	int id;

	policy_log_start();
	btf = btf__load_vmlinux_btf();
	id = btf ? btf__find_by_name_kind(btf, "btf_trace_blk_copy_end",
					  BTF_KIND_TYPEDEF) :
		   -ENOENT;
	btf__free(btf);
	if (id > 0)
		return 0;
	return policy_fail(
		err, -EOPNOTSUPP,
		"this kernel cannot trace copies (no tracepoint blk_copy_end in its BTF): it takes the kernel patches of bpfcopy");
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
