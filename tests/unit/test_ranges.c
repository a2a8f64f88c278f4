// SPDX-License-Identifier: GPL-2.0
/* Ranges: files, checks, steps. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "ranges.h"
#include "tap.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)

static char error[RANGES_ERROR_MAX];

/*
 * Files
 */

static int read_text(struct ranges *ranges, const char *text)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	int err;

	memset(ranges, 0, sizeof(*ranges));
	*error = '\0';
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	err = ranges_read(ranges, in, "list", error);
	fclose(in);
	return err;
}

static void file_is_read(void)
{
	struct ranges r;

	CU_ASSERT_EQUAL(read_text(&r, "# a comment\n\n0 1MiB 4KiB\n"
				      "\t8KiB  2MiB 512B # another\r\n"
				      "1GiB 0 1MiB"),
			0);
	CU_ASSERT_EQUAL_FATAL(r.nr, 3);
	CU_ASSERT_EQUAL(r.v[0].src, 0);
	CU_ASSERT_EQUAL(r.v[0].dst, MIB);
	CU_ASSERT_EQUAL(r.v[0].len, 4 * KIB);
	CU_ASSERT_EQUAL(r.v[1].src, 8 * KIB);
	CU_ASSERT_EQUAL(r.v[1].len, 512);
	CU_ASSERT_EQUAL(r.v[1].line, 4);
	CU_ASSERT_EQUAL(r.v[2].src, 1024 * MIB);
	CU_ASSERT_EQUAL(r.v[2].line, 5);
	CU_ASSERT_EQUAL(ranges_bytes(&r), MIB + 4 * KIB + 512);
	ranges_free(&r);
}

static void file_of_many_lines(void)
{
	static char text[64 * 5000];
	struct ranges r;
	size_t len = 0;

	for (int i = 0; i < 5000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%dKiB %dGiB 1KiB\n", i * 4, i + 1);
	CU_ASSERT_EQUAL(read_text(&r, text), 0);
	CU_ASSERT_EQUAL_FATAL(r.nr, 5000);
	CU_ASSERT_EQUAL(r.v[4999].src, 4999 * 4 * KIB);
	ranges_free(&r);
}

static void refused_at(const char *text, const char *where, const char *what)
{
	struct ranges r;

	CU_ASSERT_EQUAL(read_text(&r, text), -EINVAL);
	CU_ASSERT_EQUAL(strncmp(error, where, strlen(where)), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, what));
	ranges_free(&r);
}

static void file_errors_say_where(void)
{
	refused_at("0 4KiB\n", "list:1:7:", "no length");
	refused_at("0\n", "list:1:2:", "no destination");
	refused_at("0 1MiB 4KiB\n0 64 4KiB\n", "list:2:3:", "`64'");
	refused_at("#\n\n0 1MiB 4KiB 8\n", "list:3:13:", "more than");
	refused_at("x 1MiB 4KiB\n", "list:1:1:", "source `x'");
	refused_at("0 1MiB 999999999999TiB", "list:1:8:", "too large");
	refused_at("0 1MiB 00000000000000000000000000000000000000000000000000"
		   "00000000000000000000004KiB",
		   "list:1:8:", "too long");
}

/*
 * Checks
 */

static struct ranges_limits limits(bool same_disk)
{
	return (struct ranges_limits){
		.block_bytes = 4 * KIB,
		.src_bytes = 1024 * MIB,
		.dst_bytes = 512 * MIB,
		.same_disk = same_disk,
	};
}

static int check(const struct ranges_limits *l, const struct range *v,
		 size_t nr)
{
	struct ranges r = { .v = (struct range *)v, .nr = nr };

	*error = '\0';
	return ranges_check(&r, l, error);
}

static void one_ok(struct range range)
{
	struct ranges_limits l = limits(false);

	CU_ASSERT_EQUAL(check(&l, &range, 1), 0);
}

static void one_refused(struct range range, const char *what)
{
	struct ranges_limits l = limits(false);

	CU_ASSERT_EQUAL(check(&l, &range, 1), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, what));
}

static void bounds(void)
{
	one_ok((struct range){ 0, 0, 512 * MIB, 0 });
	one_ok((struct range){ 1020 * MIB, 508 * MIB, 4 * MIB, 0 });
	one_refused((struct range){ 0, 0, 0, 0 }, "length is 0");
	one_refused((struct range){ 512, 0, 4 * KIB, 0 }, "multiples");
	one_refused((struct range){ 0, 512, 4 * KIB, 0 }, "multiples");
	one_refused((struct range){ 0, 0, 512, 0 }, "multiples");
	one_refused((struct range){ 1020 * MIB, 0, 4 * MIB + 4 * KIB, 0 },
		    "end of the source");
	one_refused((struct range){ 0, 508 * MIB, 4 * MIB + 4 * KIB, 0 },
		    "end of the destination");
	one_refused((struct range){ UINT64_MAX - 4 * KIB + 1, 0, 4 * KIB, 0 },
		    "end of the source");
	one_refused((struct range){ 4 * KIB, 0, UINT64_MAX - 4 * KIB + 1, 0 },
		    "end of the source");
}

static void overlap_of_source_and_destination(void)
{
	static const struct range v[] = {
		{ 0, 64 * MIB, MIB, 1 },
		{ 8 * MIB, 80 * MIB, MIB, 2 },
		{ 65 * MIB - 4 * KIB, 96 * MIB, MIB, 3 },
	};
	struct ranges_limits l = limits(true);

	/* The third reads the end of what the first writes. */
	CU_ASSERT_EQUAL(check(&l, v, 2), 0);
	CU_ASSERT_EQUAL(check(&l, v, 3), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "overlaps the source"));
	l.same_disk = false;
	CU_ASSERT_EQUAL(check(&l, v, 3), 0);
}

static void touching_is_not_overlapping(void)
{
	static const struct range v[] = {
		{ 0, 8 * MIB, 8 * MIB, 1 },
		{ 24 * MIB, 16 * MIB, 8 * MIB, 2 },
	};
	struct ranges_limits l = limits(true);

	CU_ASSERT_EQUAL(check(&l, v, 2), 0);
}

static void overlap_of_destinations(void)
{
	static const struct range v[] = {
		{ 0, 64 * MIB, MIB, 1 },
		{ 8 * MIB, 65 * MIB - 4 * KIB, MIB, 2 },
	};
	struct ranges_limits l = limits(false);

	CU_ASSERT_EQUAL(check(&l, v, 2), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "write the same place"));
}

static void overlap_of_partitions(void)
{
	static const struct range v = { 0, 0, MIB, 1 };
	struct ranges_limits l = limits(true);

	l.dst_start = 256 * MIB;
	CU_ASSERT_EQUAL(check(&l, &v, 1), 0);
	/* Both partitions hold this place of the disk. */
	l.src_start = 256 * MIB;
	CU_ASSERT_EQUAL(check(&l, &v, 1), -EINVAL);
}

static void many_sources_may_be_one_place(void)
{
	static const struct range v[] = {
		{ 0, 64 * MIB, MIB, 1 },
		{ 0, 65 * MIB, MIB, 2 },
		{ 4 * KIB, 66 * MIB, MIB, 3 },
	};
	struct ranges_limits l = limits(true);

	CU_ASSERT_EQUAL(check(&l, v, 3), 0);
}

/*
 * Steps
 */

static void steps_cover_everything(void)
{
	static const struct range v[] = {
		{ 0, 64 * MIB, 10 * KIB, 0 },
		{ 100 * KIB, 65 * MIB, 3 * KIB, 0 },
		{ 200 * KIB, 66 * MIB, 1 * KIB, 0 },
	};
	const struct ranges r = { .v = (struct range *)v, .nr = 3 };
	struct blk_copy_ioc_range out[8];
	struct ranges_pos pos = {};

	CU_ASSERT_EQUAL_FATAL(ranges_step(&r, &pos, 8 * KIB, out, 8), 1);
	CU_ASSERT_EQUAL(out[0].len, 8 * KIB);
	CU_ASSERT_EQUAL_FATAL(ranges_step(&r, &pos, 8 * KIB, out, 8), 3);
	CU_ASSERT_EQUAL(out[0].src, 8 * KIB);
	CU_ASSERT_EQUAL(out[0].dst, 64 * MIB + 8 * KIB);
	CU_ASSERT_EQUAL(out[0].len, 2 * KIB);
	CU_ASSERT_EQUAL(out[1].len, 3 * KIB);
	CU_ASSERT_EQUAL(out[2].src, 200 * KIB);
	CU_ASSERT_EQUAL(ranges_step(&r, &pos, 8 * KIB, out, 8), 0);
}

static void steps_keep_to_the_room(void)
{
	static const struct range v[5] = {
		{ 0, 1 * MIB, KIB, 0 }, { 0, 2 * MIB, KIB, 0 },
		{ 0, 3 * MIB, KIB, 0 }, { 0, 4 * MIB, KIB, 0 },
		{ 0, 5 * MIB, KIB, 0 },
	};
	const struct ranges r = { .v = (struct range *)v, .nr = 5 };
	struct blk_copy_ioc_range out[2];
	struct ranges_pos pos = {};

	CU_ASSERT_EQUAL(ranges_step(&r, &pos, MIB, out, 2), 2);
	CU_ASSERT_EQUAL(ranges_step(&r, &pos, MIB, out, 2), 2);
	CU_ASSERT_EQUAL(out[1].dst, 4 * MIB);
	CU_ASSERT_EQUAL(ranges_step(&r, &pos, MIB, out, 2), 1);
	CU_ASSERT_EQUAL(ranges_step(&r, &pos, MIB, out, 2), 0);
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("ranges", NULL, NULL);
	CU_ADD_TEST(suite, file_is_read);
	CU_ADD_TEST(suite, file_of_many_lines);
	CU_ADD_TEST(suite, file_errors_say_where);
	CU_ADD_TEST(suite, bounds);
	CU_ADD_TEST(suite, overlap_of_source_and_destination);
	CU_ADD_TEST(suite, touching_is_not_overlapping);
	CU_ADD_TEST(suite, overlap_of_destinations);
	CU_ADD_TEST(suite, overlap_of_partitions);
	CU_ADD_TEST(suite, many_sources_may_be_one_place);
	CU_ADD_TEST(suite, steps_cover_everything);
	CU_ADD_TEST(suite, steps_keep_to_the_room);
	return tap_run();
}
