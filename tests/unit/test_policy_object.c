// SPDX-License-Identifier: GPL-2.0
/*
 * What is said about objects and parameters that are wrong: all that is found out before
 * the kernel is asked.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy_internal.h"
#include "tap.h"

#define BPF TOP "/build/bpf/"

static struct policy_error error;

/* Return: what loading @policy with @key=@value, if there is one, fails with. */
static int load(const char *policy, const char *key, const char *value)
{
	struct policy_param param = { key, value };
	struct policy_spec spec = {
		.policy = policy,
		.params = &param,
		.nr_params = !!key,
	};
	struct policy_object po;
	int err;

	error.text[0] = '\0';
	err = policy_object_load(&spec, &po, &error);
	CU_ASSERT_NOT_EQUAL_FATAL(err, 0);
	return err;
}

/* The error is @want, and the message says @text, and @path exactly once. */
static void object_refused(const char *path, int want, const char *text)
{
	const char *found;

	CU_ASSERT_EQUAL(load(path, NULL, NULL), want);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
	found = strstr(error.text, path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	CU_ASSERT_PTR_NULL(strstr(found + 1, path));
}

static void file_refused(const void *data, size_t size)
{
	char path[] = "/tmp/test_policy_object.XXXXXX.o";
	int fd = mkstemps(path, strlen(".o"));

	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	CU_ASSERT_EQUAL(write(fd, data, size), (ssize_t)size);
	close(fd);
	object_refused(path, -ENOEXEC, "not a BPF object");
	unlink(path);
}

static void no_such_file(void)
{
	object_refused("/nowhere/x.bpf.o", -ENOENT,
		       "/nowhere/x.bpf.o: No such file");
	object_refused("x.o", -ENOENT, "x.o: No such file");
}

static void no_such_policy(void)
{
	setenv("BPFCOPY_LIB", BPF, 1);
	CU_ASSERT_EQUAL(load("nosuch", NULL, NULL), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no policy \"nosuch\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "threshold"));
}

static void not_an_object(void)
{
	file_refused("", 0);
	file_refused("hello\n", 6);
	/* An ELF header without anything behind it. */
	file_refused("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\367\0\1\0\0\0", 24);
	object_refused("/proc/self/exe", -ENOEXEC, "not a BPF object");
	object_refused("/usr/lib/", -ENOEXEC, "not a BPF object");
}

static void not_a_policy(void)
{
	object_refused(BPF "test_nopolicy.bpf.o", -ENOMSG,
		       "no struct blk_copy_ops");
	object_refused(BPF "test_two.bpf.o", -ENOMSG, "more than one policy");
	object_refused(BPF "test_nodecide.bpf.o", -ENOMSG,
		       "no decide function");
	object_refused(BPF "test_nolink.bpf.o", -ENOMSG, ".struct_ops.link");
}

static void param_refused(const char *key, const char *value, const char *text)
{
	CU_ASSERT_EQUAL(load(BPF "test_params.bpf.o", key, value), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
}

static void bad_parameters(void)
{
	param_refused("nosuch", "1", "no parameter \"nosuch\"; it has: ");
	param_refused("size_bytes", "4096", "size_bytes=4096: want a whole");
	param_refused("size_bytes", "4096", "like 64KiB");
	param_refused("size_bytes", "4K", "like 64KiB");
	param_refused("pause_ns", "5", "like 500us");
	param_refused("small", "x", "small=x: write a whole number");
	param_refused("small", "", "write a whole number");
	param_refused("small", "-1", "write a whole number");
	param_refused("small", "256", "small=256: too large");
	param_refused("below", "-32769", "too large");
	param_refused("wanted", "2", "write yes or no");
	param_refused("huge", "1", "no parameter \"huge\"; it has: ");
	param_refused(
		"words", "second,fourth",
		"words=second,fourth: write all, none, or some of first,");
	param_refused("words", "", "write all");
	param_refused("words", "first,", "write all");
	param_refused("words", ",first", "write all");
	param_refused("words", "fir", "write all");
}

/* A policy that learns about its disk says no to the global slot. */
static void needs_disk(void)
{
	CU_ASSERT_EQUAL(load(BPF "test_needsdisk.bpf.o", NULL, NULL), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "learns about its disk"));
	param_refused("policy_dev", "1", "no parameter \"policy_dev\"");
}

static const struct policy_doc *doc_of(const struct policy_doc *docs, size_t nr,
				       const char *key)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(docs[i].key, key))
			return &docs[i];
	CU_FAIL_FATAL("no such parameter");
	return NULL;
}

static void shown(const struct policy_doc *doc, const char *type,
		  const char *values, const char *fallback, const char *text)
{
	CU_ASSERT_STRING_EQUAL(doc->type, type);
	CU_ASSERT_STRING_EQUAL(doc->values, values);
	CU_ASSERT_STRING_EQUAL(doc->fallback, fallback);
	CU_ASSERT_STRING_EQUAL(doc->doc, text);
}

static void show(void)
{
	struct policy_doc *docs;
	size_t nr;

	CU_ASSERT_EQUAL_FATAL(
		policy_show(BPF "test_params.bpf.o", &docs, &nr, &error), 0);
	CU_ASSERT_EQUAL(nr, 7);
	shown(doc_of(docs, nr, "observe"), "bool", "yes, no", "no",
	      "decide and count, but change nothing");
	shown(doc_of(docs, nr, "small"), "number", "0 to 255", "0",
	      "eight bits");
	shown(doc_of(docs, nr, "below"), "number", "-32768 to 32767", "-7",
	      "sixteen bits and a sign");
	shown(doc_of(docs, nr, "size_bytes"), "size",
	      "0 to 18446744073709551615B", "1536KiB", "a size");
	shown(doc_of(docs, nr, "pause_ns"), "time", "0 to 4294967295ns",
	      "1500us", "a time");
	shown(doc_of(docs, nr, "words"), "set", "all, none, first,second,third",
	      "first,third", "three bits");
	free(docs);
	CU_ASSERT_EQUAL(policy_show("/nowhere.o", &docs, &nr, &error), -ENOENT);
	CU_ASSERT_EQUAL(policy_show(BPF "test_nopolicy.bpf.o", &docs, &nr,
				    &error),
			-ENOMSG);
}

#define HASH_A \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B \
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static enum policy_listed find(const char *list, const char *path)
{
	unsigned int line;

	return policy_list_find(list, "/usr/lib/x", path, HASH_A, &line);
}

static void listed(void)
{
	static const char path[] = "/usr/lib/x/p.o";
	unsigned int line;

	CU_ASSERT_EQUAL(find("", path), POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find("\n# a list\n", path), POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  p.o\n", path), POLICY_LISTED);
	CU_ASSERT_EQUAL(find(HASH_A " *p.o", path), POLICY_LISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  /usr/lib/x/p.o\n", path), POLICY_LISTED);
	CU_ASSERT_EQUAL(find(HASH_B "  p.o\n" HASH_A "  p.o\n", path),
			POLICY_LISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  p.o\n" HASH_B "  p.o\n", path),
			POLICY_LISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  p.o\nhello\n", path), POLICY_BAD_LIST);
	CU_ASSERT_EQUAL(find(HASH_B "  p.o\n", path), POLICY_CHANGED);
	/* The right hash of something else. */
	CU_ASSERT_EQUAL(find(HASH_A "  q.o\n", path), POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  pp.o\n", path), POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  .o\n", path), POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  p.o\n", "/usr/lib/y/p.o"),
			POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find(HASH_A "  p.o\n", "p.o"), POLICY_UNLISTED);
	CU_ASSERT_EQUAL(find("hello\n", path), POLICY_BAD_LIST);
	CU_ASSERT_EQUAL(find(HASH_A "  \n", path), POLICY_BAD_LIST);
	CU_ASSERT_EQUAL(policy_list_find("#\n" HASH_B "  q.o\n" HASH_B,
					 "/usr/lib/x", path, HASH_A, &line),
			POLICY_BAD_LIST);
	CU_ASSERT_EQUAL(line, 3);
}

static void refused(const struct policy_spec *spec, const char *text)
{
	struct policy_object po;

	CU_ASSERT_EQUAL(policy_object_load(spec, &po, &error), -EKEYREJECTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
}

/* The file of a rule, here one of ours that no list has. */
static void strict(void)
{
	char dir[] = "/tmp/test_policy_object.XXXXXX", path[64], link[64];
	struct policy_spec spec = { .policy = path, .strict = true };
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/p.o", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	refused(&spec, "its hash is in no list");
	fchmod(fd, 0660);
	refused(&spec, "p.o: can be written by a group");
	fchmod(fd, 0602);
	refused(&spec, "p.o: can be written by everybody");
	fchmod(fd, 0600);
	chmod(dir, 0777);
	refused(&spec, "a folder above it can be written by everybody");
	chmod(dir, 0700);
	spec.policy = link;
	CU_ASSERT_EQUAL(symlink(path, link), 0);
	refused(&spec, "is a symbolic link");
	unlink(link);
	/* On the way, too. */
	CU_ASSERT_EQUAL(symlink(dir, link), 0);
	strcat(link, "/p.o");
	refused(&spec, "is a symbolic link");
	link[strlen(link) - strlen("/p.o")] = '\0';
	unlink(link);
	close(fd);
	unlink(path);
	rmdir(dir);
}

/* What was looked at is what is loaded, or nothing is. */
static void other_hash(void)
{
	struct policy_spec spec = { .policy = BPF "test_params.bpf.o",
				    .sha256 = HASH_A };
	struct policy_object po;

	CU_ASSERT_EQUAL(policy_object_load(&spec, &po, &error), -EAGAIN);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "changed at this moment"));
}

/* Only what is named by hand may come from anywhere. */
static void lib_of_rules(void)
{
	struct policy_spec spec = { .policy = "params", .strict = true };
	struct policy_object po;

	setenv("BPFCOPY_LIB", BPF, 1);
	CU_ASSERT_NOT_EQUAL(policy_object_load(&spec, &po, &error), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/usr/lib/bpfcopy"));
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("policy_object", NULL, NULL);
	CU_ADD_TEST(suite, no_such_file);
	CU_ADD_TEST(suite, no_such_policy);
	CU_ADD_TEST(suite, not_an_object);
	CU_ADD_TEST(suite, not_a_policy);
	CU_ADD_TEST(suite, bad_parameters);
	CU_ADD_TEST(suite, needs_disk);
	CU_ADD_TEST(suite, show);
	CU_ADD_TEST(suite, listed);
	CU_ADD_TEST(suite, strict);
	CU_ADD_TEST(suite, other_hash);
	CU_ADD_TEST(suite, lib_of_rules);
	return tap_run();
}
