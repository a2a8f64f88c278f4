// SPDX-License-Identifier: GPL-2.0
/* A fine BPF object, but no copy policy. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("syscall")
int nothing(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
