// SPDX-License-Identifier: GPL-2.0
/* The control socket's lines and requests, whatever comes. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "tap.h"

static struct control_request request;
static const char *why;

static int parse(const char *text)
{
	/* Exactly so much memory, for the sanitizer to see more being read. */
	size_t len = strlen(text);
	char *line = strdup(text);
	int err = control_parse(line, len, &request, &why);

	free(line);
	return err;
}

static void good_requests(void)
{
	CU_ASSERT_EQUAL(parse("{\"bpfcopy\":1,\"verb\":\"status\"}"), 0);
	CU_ASSERT_EQUAL(request.verb, CONTROL_STATUS);
	CU_ASSERT_EQUAL(parse(" { \"verb\" : \"apply\", \"bpfcopy\" : 1 }\r"),
			0);
	CU_ASSERT_EQUAL(request.verb, CONTROL_APPLY);
	CU_ASSERT_FALSE(request.dry_run);
	CU_ASSERT_EQUAL(parse("{\"bpfcopy\":1,\"verb\":\"revert\","
			      "\"dry_run\":true}"),
			0);
	CU_ASSERT_EQUAL(request.verb, CONTROL_REVERT);
	CU_ASSERT(request.dry_run);
}

static void refused(const char *text, const char *want)
{
	CU_ASSERT_EQUAL(parse(text), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, want));
}

static void bad_requests(void)
{
	static const char *const no_json[] = {
		"",
		" ",
		"x",
		"{",
		"}",
		"{}x",
		"[1]",
		"1",
		"null",
		"\"status\"",
		"{\"bpfcopy\":1,\"verb\":\"status\"",

		"{\"bpfcopy\":1,\"verb\":\"status\"}{}",
		"{\"bpfcopy\":1,\"verb\":\"sta\xfftus\"}",
		"{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}",
		"/* */{}",
	};

	for (size_t i = 0; i < sizeof(no_json) / sizeof(*no_json); i++)
		refused(no_json[i], "not a JSON object");
	refused("{}", "version is missing");
	refused("{\"bpfcopy\":\"1\",\"verb\":\"status\"}", "version");
	refused("{\"bpfcopy\":2,\"verb\":\"status\"}", "another version");
	refused("{\"bpfcopy\":18446744073709551617,\"verb\":\"status\"}",
		"another version");
	refused("{\"bpfcopy\":1}", "no such verb");
	refused("{\"bpfcopy\":1,\"verb\":1}", "no such verb");
	refused("{\"bpfcopy\":1,\"verb\":\"stat\"}", "no such verb");
	refused("{\"bpfcopy\":1,\"verb\":\"apply\",\"dry_run\":1}", "dry_run");
	refused("{\"bpfcopy\":1,\"verb\":\"status\",\"dry_run\":true}",
		"dry_run");
	refused("{\"bpfcopy\":1,\"verb\":\"apply\",\"force\":true}",
		"unknown key");
}

static void nul_inside(void)
{
	static const char text[] = "{\"bpfcopy\":1,\"verb\":\"status\"}\0 ";

	CU_ASSERT_EQUAL(control_parse(text, sizeof(text) - 1, &request, &why),
			-EINVAL);
}

static struct control_lines *lines;

static void feed(const char *text, size_t len)
{
	size_t size;
	char *space = control_space(lines, &size);

	CU_ASSERT_FATAL(len <= size);
	memcpy(space, text, len);
	lines->len += len;
}

static void next_is(const char *want)
{
	char *line;
	size_t len;

	CU_ASSERT_EQUAL_FATAL(control_next(lines, &line, &len), 0);
	CU_ASSERT_EQUAL(len, strlen(want));
	CU_ASSERT_STRING_EQUAL(line, want);
}

static void next_fails(int want)
{
	char *line;
	size_t len;

	CU_ASSERT_EQUAL(control_next(lines, &line, &len), want);
}

static void pieces(void)
{
	lines = calloc(1, sizeof(*lines));
	next_fails(-EAGAIN);
	feed("ab", 2);
	next_fails(-EAGAIN);
	feed("c\n\nde", 5);
	next_is("abc");
	next_is("");
	next_fails(-EAGAIN);
	feed("\nf\n", 3);
	next_is("de");
	next_is("f");
	next_fails(-EAGAIN);
	free(lines);
}

static void long_lines(void)
{
	static char text[CONTROL_LINE_MAX];

	lines = calloc(1, sizeof(*lines));
	memset(text, 'x', sizeof(text));
	feed("y\n", 2);
	next_is("y");
	/* The longest that may be. */
	feed(text, sizeof(text) - 1);
	next_fails(-EAGAIN);
	feed("\n", 1);
	text[sizeof(text) - 1] = '\0';
	next_is(text);
	text[sizeof(text) - 1] = 'x';
	feed(text, sizeof(text));
	next_fails(-EMSGSIZE);
	free(lines);
}

static void describes_itself(void)
{
	char text[128];

	for (int i = 0; i < CONTROL_NR_VERBS; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(control_verbs[i].name);
		CU_ASSERT_PTR_NOT_NULL(control_verbs[i].about);
		snprintf(text, sizeof(text), "{\"bpfcopy\":1,\"verb\":\"%s\"}",
			 control_verbs[i].name);
		CU_ASSERT_EQUAL(parse(text), 0);
		CU_ASSERT_EQUAL(request.verb, i);
	}
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("control", NULL, NULL);
	CU_ADD_TEST(suite, good_requests);
	CU_ADD_TEST(suite, bad_requests);
	CU_ADD_TEST(suite, nul_inside);
	CU_ADD_TEST(suite, pieces);
	CU_ADD_TEST(suite, long_lines);
	CU_ADD_TEST(suite, describes_itself);
	return tap_run();
}
