// SPDX-License-Identifier: GPL-2.0
/* One description, three formats. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "rows.h"
#include "tap.h"

struct row {
	const char *name;
	char text[8];
	char **list;
	uint64_t count;
	uint64_t bytes;
	uint64_t ns;
	uint64_t error;
	bool yes;
};

static const struct row_col cols[] = {
	ROW_COL(struct row, name, "name", "NAME", ROW_TEXT, 6),
	ROW_COL(struct row, text, "text", "TEXT", ROW_CHARS, 6),
	ROW_COL(struct row, list, "list", "LIST", ROW_LIST, 6),
	ROW_COL(struct row, count, "count", "COUNT", ROW_NUM, 6),
	ROW_COL(struct row, bytes, "bytes", "BYTES", ROW_SIZE, 6),
	ROW_COL(struct row, ns, "ns", "TIME", ROW_TIME, 6),
	ROW_COL(struct row, error, "error", "ERROR", ROW_ERRNO, 6),
	ROW_COL(struct row, yes, "yes", "YES", ROW_BOOL, 4),
	ROW_COL(struct row, count, "again", NULL, ROW_NUM, 6),
	{},
};

static const struct row_desc list_desc = { "thing", "things", cols, false };
static const struct row_desc one_desc = { "sum", NULL, cols, false };
static const struct row_desc tall_desc = { "thing", "things", cols, true };

static char *names[] = { (char *)"sda", (char *)"sdb", NULL };

static const struct row full = { "a\"b/", "text", names, 7,
				 1536,	  412332, 5,	 true };
static const struct row blank = { NULL,	     "",	NULL, ROWS_NONE,
				  ROWS_NONE, ROWS_NONE, 0,    false };

/* Prints @nr rows; the caller frees the text. */
static char *print(enum rows_format format, const struct row_desc *desc,
		   bool live, const struct row *row, size_t nr)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct rows *rows = rows_open(out, format, "test", live);
	struct rows_part *part = rows_part(rows, desc);

	while (nr--)
		CU_ASSERT_EQUAL(rows_add(part, row++), 0);
	CU_ASSERT_EQUAL(rows_close(rows), 0);
	fclose(out);
	return text;
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	CU_ASSERT_TRUE(json_object_object_get_ex(o, key, &v));
	return v;
}

static void check_full(struct json_object *o)
{
	CU_ASSERT_STRING_EQUAL(json_object_get_string(get(o, "name")), "a\"b/");
	CU_ASSERT_STRING_EQUAL(json_object_get_string(get(o, "text")), "text");
	CU_ASSERT_EQUAL(json_object_array_length(get(o, "list")), 2);
	CU_ASSERT_EQUAL(json_object_get_uint64(get(o, "count")), 7);
	CU_ASSERT_EQUAL(json_object_get_uint64(get(o, "again")), 7);
	CU_ASSERT_EQUAL(json_object_get_uint64(get(o, "bytes")), 1536);
	CU_ASSERT_EQUAL(json_object_get_uint64(get(o, "ns")), 412332);
	CU_ASSERT_STRING_EQUAL(json_object_get_string(get(o, "error")), "EIO");
	CU_ASSERT_TRUE(json_object_get_boolean(get(o, "yes")));
}

static void json_document(void)
{
	const struct row rows[] = { full, blank };
	char *text = print(ROWS_JSON, &list_desc, false, rows, 2);
	struct json_object *doc = json_tokener_parse(text), *list;

	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	CU_ASSERT_STRING_EQUAL(json_object_get_string(get(doc, "schema")),
			       "bpfcopy.test/1");
	list = get(doc, "things");
	CU_ASSERT_EQUAL_FATAL(json_object_array_length(list), 2);
	check_full(json_object_array_get_idx(list, 0));
	json_object_put(doc);
	free(text);
}

static void json_unknown_is_null(void)
{
	char *text = print(ROWS_JSON, &one_desc, false, &blank, 1);
	struct json_object *doc = json_tokener_parse(text), *sum;

	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	sum = get(doc, "sum");
	CU_ASSERT_PTR_NULL(get(sum, "name"));
	CU_ASSERT_PTR_NULL(get(sum, "text"));
	CU_ASSERT_PTR_NULL(get(sum, "count"));
	CU_ASSERT_PTR_NULL(get(sum, "bytes"));
	CU_ASSERT_PTR_NULL(get(sum, "error"));
	CU_ASSERT_EQUAL(json_object_array_length(get(sum, "list")), 0);
	CU_ASSERT_FALSE(json_object_get_boolean(get(sum, "yes")));
	json_object_put(doc);
	free(text);
}

static void json_without_rows(void)
{
	char *text = print(ROWS_JSON, &list_desc, false, NULL, 0);
	struct json_object *doc = json_tokener_parse(text);

	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	CU_ASSERT_EQUAL(json_object_array_length(get(doc, "things")), 0);
	json_object_put(doc);
	free(text);
}

static void ndjson_lines(void)
{
	const struct row rows[] = { full, blank };
	char *text = print(ROWS_NDJSON, &list_desc, true, rows, 2);
	char *newline = strchr(text, '\n');
	struct json_object *first, *second;

	CU_ASSERT_PTR_NOT_NULL_FATAL(newline);
	*newline = '\0';
	first = json_tokener_parse(text);
	second = json_tokener_parse(newline + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	CU_ASSERT_EQUAL(strncmp(text, "{\"schema\":\"bpfcopy.test/1\"", 26), 0);
	CU_ASSERT_STRING_EQUAL(json_object_get_string(get(first, "type")),
			       "thing");
	check_full(first);
	CU_ASSERT_PTR_NULL(get(second, "count"));
	/* One row, one line. */
	CU_ASSERT_PTR_EQUAL(strchr(newline + 1, '\n'),
			    newline + strlen(newline + 1));
	json_object_put(first);
	json_object_put(second);
	free(text);
}

static void table(void)
{
	const struct row rows[] = { full, blank };
	char *text = print(ROWS_TABLE, &list_desc, false, rows, 2);

	CU_ASSERT_STRING_EQUAL(
		text, "NAME TEXT LIST    COUNT  BYTES  TIME ERROR YES\n"
		      "a\"b/ text sda,sdb     7 1.5KiB 412us EIO   yes\n"
		      "-    -    -           -      -     - -     no\n");
	free(text);
}

static void tall_table(void)
{
	char *text = print(ROWS_TABLE, &tall_desc, false, &full, 1);

	CU_ASSERT_STRING_EQUAL(text, "name  a\"b/\n"
				     "text  text\n"
				     "list  sda,sdb\n"
				     "count 7\n"
				     "bytes 1.5KiB\n"
				     "ns    412us\n"
				     "error EIO\n"
				     "yes   yes\n"
				     "again 7\n");
	free(text);
}

static void live_table(void)
{
	struct row long_name = full;
	char *text;

	long_name.name = "too long\033";
	text = print(ROWS_TABLE, &list_desc, true,
		     (struct row[]){ full, long_name }, 2);
	CU_ASSERT_STRING_EQUAL(
		text,
		"NAME   TEXT   LIST    COUNT  BYTES   TIME ERROR  YES\n"
		"a\"b/   text   sda,sdb      7 1.5KiB  412us EIO    yes\n"
		"too long? text   sda,sdb      7 1.5KiB  412us EIO    yes\n");
	free(text);
}

static void full_disk_is_an_error(void)
{
	FILE *out = fopen("/dev/full", "w");
	struct rows *rows;

	if (!out) {
		tap_skip("no /dev/full");
		return;
	}
	rows = rows_open(out, ROWS_NDJSON, "test", true);
	CU_ASSERT_EQUAL(rows_add(rows_part(rows, &list_desc), &full), -ENOSPC);
	CU_ASSERT_EQUAL(rows_close(rows), -ENOSPC);
	fclose(out);
}

/* What is read is what was written. */

struct read_row {
	const char *name;
	char **list;
	uint64_t count;
	uint64_t error;
	bool yes;
};

static const struct row_col read_cols[] = {
	ROW_COL(struct read_row, name, "name", NULL, ROW_TEXT, 0),
	ROW_COL(struct read_row, list, "list", NULL, ROW_LIST, 0),
	ROW_COL(struct read_row, count, "count", NULL, ROW_NUM, 0),
	ROW_COL(struct read_row, error, "error", NULL, ROW_ERRNO, 0),
	ROW_COL(struct read_row, yes, "yes", NULL, ROW_BOOL, 0),
	{},
};

static void read_back(void)
{
	struct read_row row = { "a\"b/", names, UINT64_MAX - 1, 5, true }, got;
	struct json_object *o = rows_object(read_cols, &row);
	const char *key;

	CU_ASSERT_EQUAL_FATAL(rows_read(read_cols, o, &got, &key), 0);
	CU_ASSERT_STRING_EQUAL(got.name, "a\"b/");
	CU_ASSERT_STRING_EQUAL(got.list[1], "sdb");
	CU_ASSERT_PTR_NULL(got.list[2]);
	CU_ASSERT_EQUAL(got.count, UINT64_MAX - 1);
	CU_ASSERT_EQUAL(got.error, 5);
	CU_ASSERT_TRUE(got.yes);
	rows_read_free(read_cols, &got);
	json_object_put(o);
}

static void read_unknown(void)
{
	struct json_object *o = json_tokener_parse("{\"count\":null}");
	struct read_row got = { "x", names, 1, 1, true };
	const char *key;

	CU_ASSERT_EQUAL_FATAL(rows_read(read_cols, o, &got, &key), 0);
	CU_ASSERT_PTR_NULL(got.name);
	CU_ASSERT_PTR_NULL(got.list);
	CU_ASSERT_EQUAL(got.count, ROWS_NONE);
	CU_ASSERT_EQUAL(got.error, 0);
	CU_ASSERT_FALSE(got.yes);
	json_object_put(o);
}

static void read_other_types(void)
{
	static const char *const texts[] = {
		"{\"name\":1}",		 "{\"list\":\"a\"}",
		"{\"list\":[\"a\",1]}",	 "{\"count\":\"1\"}",
		"{\"count\":-1}",	 "{\"count\":1.5}",
		"{\"error\":\"EWHAT\"}", "{\"error\":5}",
		"{\"yes\":1}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct json_object *o = json_tokener_parse(texts[i]);
		const char *key = NULL;
		struct read_row got;

		CU_ASSERT_EQUAL(rows_read(read_cols, o, &got, &key), -EBADMSG);
		CU_ASSERT_EQUAL(strncmp(key, texts[i] + 2, strlen(key)), 0);
		json_object_put(o);
	}
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("rows", NULL, NULL);
	CU_ADD_TEST(suite, json_document);
	CU_ADD_TEST(suite, json_unknown_is_null);
	CU_ADD_TEST(suite, json_without_rows);
	CU_ADD_TEST(suite, ndjson_lines);
	CU_ADD_TEST(suite, table);
	CU_ADD_TEST(suite, tall_table);
	CU_ADD_TEST(suite, live_table);
	CU_ADD_TEST(suite, full_disk_is_an_error);
	CU_ADD_TEST(suite, read_back);
	CU_ADD_TEST(suite, read_unknown);
	CU_ADD_TEST(suite, read_other_types);
	return tap_run();
}
