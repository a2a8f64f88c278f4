// SPDX-License-Identifier: GPL-2.0
/*
 * An object with a policy in it: find its file, open what is in there, set its device and its
 * parameters (policy_param.c), have it verified.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "policy_internal.h"

#define PREFIX	 "policy_"
#define SUFFIX	 ".bpf.o"
#define OPS_TYPE "blk_copy_ops"

static const char *lib_dir(bool strict)
{
	const char *dir = strict ? NULL : secure_getenv("BPFCOPY_LIB");

	return dir && *dir ? dir : POLICY_LIB_DIR;
}

bool policy_has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && !strcmp(text + len - tail, suffix);
}

static bool is_path(const char *policy)
{
	return strchr(policy, '/') || policy_has_suffix(policy, ".o");
}

/* "dir/policy_NAME.bpf.o" to "NAME", cut to what fits. */
static void name_of_path(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base ? base + 1 : path;
	if (!strncmp(base, PREFIX, strlen(PREFIX)))
		base += strlen(PREFIX);
	len = strlen(base);
	if (policy_has_suffix(base, SUFFIX))
		len -= strlen(SUFFIX);
	else if (policy_has_suffix(base, ".o"))
		len -= strlen(".o");
	snprintf(name, size, "%.*s", (int)len, base);
}

void policy_shipped(char *list)
{
	char pattern[PATH_MAX], name[POLICY_NAME_MAX];
	glob_t found;

	list[0] = '\0';
	snprintf(pattern, sizeof(pattern), "%s/" PREFIX "*" SUFFIX,
		 lib_dir(false));
	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			name_of_path(found.gl_pathv[i], name, sizeof(name));
			policy_add_word(list, name);
		}
		globfree(&found);
	}
	if (!*list)
		policy_add_word(list, "none");
}

/* Where the object is. */
static int find_object(const char *policy, bool strict, char path[PATH_MAX],
		       struct policy_error *err)
{
	char list[POLICY_LIST_TEXT];
	int len;

	if (is_path(policy))
		len = snprintf(path, PATH_MAX, "%s", policy);
	else
		len = snprintf(path, PATH_MAX, "%s/" PREFIX "%s" SUFFIX,
			       lib_dir(strict), policy);
	if (len >= PATH_MAX)
		return policy_fail(err, -ENAMETOOLONG, "%s: name too long",
				   policy);
	if (is_path(policy) || !access(path, F_OK) || errno != ENOENT)
		return 0;
	policy_shipped(list);
	return policy_fail(
		err, -ENOENT,
		"no policy \"%s\" in %s (there: %s; a path has a '/' or ends in .o)",
		policy, lib_dir(strict), list);
}

/* Names of maps begin with that of the object, which libbpf cuts the same way. */
static struct bpf_object *open_object(const char *path,
				      const struct policy_file *file,
				      struct policy_error *err)
{
	const char *base = strrchr(path, '/');
	char name[POLICY_NAME_MAX];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	struct bpf_object *obj;

	base = base ? base + 1 : path;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(base, "."), base);
	policy_log_start();
	obj = bpf_object__open_mem(file->data, file->size, &opts);
	if (!obj)
		policy_fail(err, -ENOEXEC,
			    "%s: not a BPF object that can be loaded: %s", path,
			    policy_log_first());
	return obj;
}

/* libbpf ignores what follows three underscores, and so do we. */
static bool is_ops_map(const struct bpf_object *obj, const struct bpf_map *map)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *t;
	const char *name;
	size_t len = strlen(OPS_TYPE);

	if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
		return false;
	t = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
	name = t ? btf__name_by_offset(btf, t->name_off) : "";
	return !strncmp(name, OPS_TYPE, len) &&
	       (!name[len] || !strncmp(name + len, "___", 3));
}

static int find_ops(struct policy_object *po, const char *path,
		    struct policy_error *err)
{
	struct bpf_map *map;

	po->ops = NULL;
	bpf_object__for_each_map(map, po->obj) {
		if (!is_ops_map(po->obj, map))
			continue;
		if (po->ops)
			return policy_fail(
				err, -ENOMSG,
				"%s has more than one policy (%s, %s): one per object, please",
				path, bpf_map__name(po->ops),
				bpf_map__name(map));
		po->ops = map;
	}
	if (!po->ops)
		return policy_fail(
			err, -ENOMSG,
			"%s is not a copy policy: it has no struct " OPS_TYPE,
			path);
	if (!(bpf_map__map_flags(po->ops) & BPF_F_LINK))
		return policy_fail(
			err, -ENOMSG,
			"%s: policy %s is not in section .struct_ops.link; BLK_COPY_POLICY() puts it there",
			path, bpf_map__name(po->ops));
	return 0;
}

/* A member of the policy as it is in the file; NULL if it has none so large. */
static void *ops_member(const struct policy_object *po, const char *name,
			size_t want)
{
	const struct btf *btf = bpf_object__btf(po->obj);
	const struct btf_type *t;
	const struct btf_member *m;
	char *value;
	size_t size;

	t = btf__type_by_id(btf, bpf_map__btf_value_type_id(po->ops));
	value = bpf_map__initial_value(po->ops, &size);
	for (int i = 0; value && i < btf_vlen(t); i++) {
		m = btf_members(t) + i;
		if (strcmp(btf__name_by_offset(btf, m->name_off), name))
			continue;
		if (btf__resolve_size(btf, m->type) != (__s64)want)
			return NULL;
		return value + m->offset / 8;
	}
	return NULL;
}

#define OPS_NAME_LEN 16

/* "status" and the kernel's log call the policy so; the kernel is choosy. */
static void set_name(char *to, const char *from)
{
	memset(to, 0, OPS_NAME_LEN);
	for (int i = 0; i < OPS_NAME_LEN - 1 && from[i]; i++) {
		bool ok = isalnum((unsigned char)from[i]) || from[i] == '.';

		to[i] = ok ? from[i] : '_';
	}
	if (!*to)
		strcpy(to, "unnamed");
}

static int set_ops(const struct policy_object *po,
		   const struct policy_spec *spec, const char *path,
		   struct policy_error *err)
{
	__u32 *dev = ops_member(po, "dev", sizeof(*dev));
	__u64 *diskseq = ops_member(po, "diskseq", sizeof(*diskseq));
	char *name = ops_member(po, "name", OPS_NAME_LEN);
	void **decide = ops_member(po, "decide", sizeof(*decide));

	if (!dev || !diskseq || !name || !decide)
		return policy_fail(
			err, -ENOMSG,
			"%s: its struct " OPS_TYPE
			" is not that of this kernel: compile it again",
			path);
	if (!*decide)
		return policy_fail(err, -ENOMSG,
				   "%s: policy %s has no decide function", path,
				   bpf_map__name(po->ops));
	*dev = spec->dev;
	*diskseq = spec->diskseq;
	set_name(name, po->name);
	return 0;
}

static int set_up(struct policy_object *po, const struct policy_spec *spec,
		  const char *path, struct policy_error *err)
{
	int error = find_ops(po, path, err);
	struct bpf_map *test;

	if (!error)
		error = set_ops(po, spec, path, err);
	if (!error)
		error = policy_object_set_dev(po, spec->dev, err);
	for (size_t i = 0; !error && i < spec->nr_params; i++)
		error = policy_object_set(po, &spec->params[i], err);
	/* Only policy_test() has a use for it. */
	test = bpf_object__find_map_by_name(po->obj, POLICY_TEST_SECTION);
	if (test)
		bpf_map__set_autocreate(test, false);
	return error;
}

/* Find the object of @policy, read it, open what was read. */
static int open_policy(const char *policy, bool strict,
		       struct policy_object *po, char path[PATH_MAX],
		       struct policy_error *err)
{
	int error = find_object(policy, strict, path, err);
	struct policy_file file;

	if (!error)
		error = policy_file_read(path, strict, &file, err);
	if (error)
		return error;
	name_of_path(policy, po->name, sizeof(po->name));
	memcpy(po->sha256, file.sha256, sizeof(po->sha256));
	po->obj = open_object(path, &file, err);
	policy_file_free(&file);
	return po->obj ? 0 : -ENOEXEC;
}

int policy_hash(const char *policy, char sha256[POLICY_SHA256_MAX])
{
	struct policy_error err = {};
	struct policy_file file;
	char path[PATH_MAX];
	int error = find_object(policy, true, path, &err);

	*sha256 = '\0';
	if (!error)
		error = policy_file_read(path, true, &file, &err);
	if (error)
		return error;
	memcpy(sha256, file.sha256, POLICY_SHA256_MAX);
	policy_file_free(&file);
	return 0;
}

int policy_object_open(const char *policy, bool strict,
		       struct policy_object *po, struct policy_error *err)
{
	char path[PATH_MAX];
	int error = open_policy(policy, strict, po, path, err);

	if (error)
		return error;
	error = find_ops(po, path, err);
	if (error)
		policy_object_close(po);
	return error;
}

static int check_hash(const struct policy_object *po,
		      const struct policy_spec *spec, const char *path,
		      struct policy_error *err)
{
	if (!spec->sha256 || !*spec->sha256 ||
	    !strcmp(spec->sha256, po->sha256))
		return 0;
	return policy_fail(err, -EAGAIN,
			   "%s: was changed at this moment: try again", path);
}

int policy_object_prepare(const struct policy_spec *spec,
			  struct policy_object *po, struct policy_error *err)
{
	char path[PATH_MAX];
	int error = open_policy(spec->policy, spec->strict, po, path, err);

	if (error)
		return error;
	error = check_hash(po, spec, path, err);
	if (!error)
		error = set_up(po, spec, path, err);
	if (error)
		policy_object_close(po);
	return error;
}

int policy_object_load(const struct policy_spec *spec, struct policy_object *po,
		       struct policy_error *err)
{
	int error = policy_object_prepare(spec, po, err);

	if (error)
		return error;
	policy_log_start();
	error = bpf_object__load(po->obj);
	if (!error)
		return 0;
	error = policy_fail_load(err, spec->policy, error);
	policy_object_close(po);
	return error;
}

void policy_object_close(struct policy_object *po)
{
	bpf_object__close(po->obj);
	po->obj = NULL;
}
