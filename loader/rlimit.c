// SPDX-License-Identifier: GPL-2.0
#include "rlimit.h"

#include <sys/resource.h>

void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
