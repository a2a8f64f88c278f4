// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any bytes come through the control socket, in pieces of any size.  The
 * pieces must make no difference, and what is taken for a request is one.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(bool promise)
{
	if (!promise)
		abort();
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 0x100000001b3ULL;
}

static void check_request(const struct control_request *request)
{
	want(request->verb < CONTROL_NR_VERBS);
	want(!request->dry_run || control_verbs[request->verb].dry_run);
}

/* As the daemon does: every line is a request, or there is a reason. */
static uint64_t take_lines(struct control_lines *lines, uint64_t sum, int *err)
{
	struct control_request request;
	const char *why;
	size_t len;
	char *line;

	while (!(*err = control_next(lines, &line, &len))) {
		want(len < CONTROL_LINE_MAX && !line[len]);
		if (control_parse(line, len, &request, &why)) {
			want(why && *why);
			sum = mix(sum, strlen(why));
			continue;
		}
		check_request(&request);
		sum = mix(sum, 1000 + request.verb * 2 + request.dry_run);
	}
	return sum;
}

/* What came of it, as a number. */
static uint64_t feed(const uint8_t *data, size_t size, size_t step)
{
	struct control_lines *lines = calloc(1, sizeof(*lines));
	uint64_t sum = 0;
	int err = -EAGAIN;

	want(lines);
	while (size && err == -EAGAIN) {
		size_t room, n = size < step ? size : step;
		char *space = control_space(lines, &room);

		want(room);
		n = n < room ? n : room;
		memcpy(space, data, n);
		lines->len += n;
		data += n;
		size -= n;
		sum = take_lines(lines, sum, &err);
	}
	want(err == -EAGAIN || err == -EMSGSIZE);
	free(lines);
	return mix(sum, (uint64_t)-err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size ? data[0] + 1 : 1;

	want(feed(data, size, step) == feed(data, size, SIZE_MAX));
	return 0;
}
