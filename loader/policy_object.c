// SPDX-License-Identifier: GPL-2.0
/*
 * An object file with a policy in it: find it, open it, set its parameters and
 * its device, have it verified.
 *
 * Nothing here knows any policy: parameters are found by name in the BTF of the
 * object, so that every object that was compiled with bpfcopy.bpf.h can be
 * loaded.
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
#include "units.h"

#define LIB_DIR	  "/usr/lib/bpfcopy"
#define PREFIX	  "policy_"
#define SUFFIX	  ".bpf.o"
#define OPS_TYPE  "blk_copy_ops"
#define LIST_TEXT 512

static const char *lib_dir(void)
{
	const char *dir = getenv("BPFCOPY_LIB");

	return dir && *dir ? dir : LIB_DIR;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && !strcmp(text + len - tail, suffix);
}

static bool is_path(const char *policy)
{
	return strchr(policy, '/') || has_suffix(policy, ".o");
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
	if (has_suffix(base, SUFFIX))
		len -= strlen(SUFFIX);
	else if (has_suffix(base, ".o"))
		len -= strlen(".o");
	snprintf(name, size, "%.*s", (int)len, base);
}

/* Add a word to a list for people; what does not fit is left out. */
static void add_word(char *list, const char *word)
{
	size_t used = strlen(list);

	snprintf(list + used, LIST_TEXT - used, "%s%s", used ? ", " : "", word);
}

static void shipped_policies(char *list)
{
	char pattern[PATH_MAX], name[POLICY_NAME_MAX];
	glob_t found;

	list[0] = '\0';
	snprintf(pattern, sizeof(pattern), "%s/" PREFIX "*" SUFFIX, lib_dir());
	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			name_of_path(found.gl_pathv[i], name, sizeof(name));
			add_word(list, name);
		}
		globfree(&found);
	}
	if (!*list)
		add_word(list, "none");
}

/* Where the object is. */
static int find_object(const char *policy, char *path, size_t size,
		       struct policy_error *err)
{
	char list[LIST_TEXT];
	int len, error;

	if (is_path(policy))
		len = snprintf(path, size, "%s", policy);
	else
		len = snprintf(path, size, "%s/" PREFIX "%s" SUFFIX, lib_dir(),
			       policy);
	if (len >= (int)size)
		return policy_fail(err, -ENAMETOOLONG, "%s: name too long",
				   policy);
	if (!access(path, R_OK))
		return 0;
	error = -errno;
	if (error != -ENOENT || is_path(policy))
		return policy_fail(err, error == -EACCES ? -EPERM : error,
				   "%s: %s", path, strerror(-error));
	shipped_policies(list);
	return policy_fail(
		err, -ENOENT,
		"no policy \"%s\" in %s (there: %s; a path has a '/' or ends in .o)",
		policy, lib_dir(), list);
}

static struct bpf_object *open_object(const char *path,
				      struct policy_error *err)
{
	struct bpf_object *obj;
	const char *why;
	bool named;

	policy_log_start();
	obj = bpf_object__open_file(path, NULL);
	if (obj)
		return obj;
	/* Most of what libbpf says here names the file. */
	why = policy_log_first();
	named = strstr(why, path);
	policy_fail(err, -ENOEXEC,
		    "%s%snot a BPF object that can be loaded: %s",
		    named ? "" : path, named ? "" : ": ", why);
	return NULL;
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

/* struct param - a parameter: a global constant of the object */
struct param {
	const char *name;
	const struct btf_type *type;
	__u32 offset;
};

/*
 * The @i-th variable of .rodata, if it can be a parameter: global, and an
 * integer or a bool.
 */
static bool get_param(const struct btf *btf, const struct btf_type *sec, int i,
		      struct param *p)
{
	const struct btf_var_secinfo *vsi = btf_var_secinfos(sec) + i;
	const struct btf_type *var = btf__type_by_id(btf, vsi->type);
	int type_id;

	if (!btf_is_var(var) || btf_var(var)->linkage == BTF_VAR_STATIC)
		return false;
	type_id = btf__resolve_type(btf, var->type);
	if (type_id < 0)
		return false;
	p->name = btf__name_by_offset(btf, var->name_off);
	p->type = btf__type_by_id(btf, type_id);
	p->offset = vsi->offset;
	return btf_is_int(p->type);
}

/* Without a match, @list says what there is. */
static bool find_param(const struct btf *btf, const char *key, struct param *p,
		       char *list)
{
	const struct btf_type *sec;
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);

	list[0] = '\0';
	sec = id > 0 ? btf__type_by_id(btf, id) : NULL;
	for (int i = 0; sec && i < btf_vlen(sec); i++) {
		if (!get_param(btf, sec, i, p))
			continue;
		if (!strcmp(p->name, key))
			return true;
		add_word(list, p->name);
	}
	return false;
}

static int parse_bool(const char *text, uint64_t *value, const char **why)
{
	static const char *const words[] = { "no",    "yes",  "off", "on",
					     "false", "true", "0",   "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i])) {
			*value = i % 2;
			return 0;
		}
	}
	*why = "write yes or no";
	return -EINVAL;
}

/* A plain whole number; negative only if @is_signed. */
static int parse_number(const char *text, bool is_signed, uint64_t *value,
			const char **why)
{
	char *end;

	*why = "write a whole number";
	if (!isdigit((unsigned char)*text) &&
	    !(is_signed && text[0] == '-' && isdigit((unsigned char)text[1])))
		return -EINVAL;
	errno = 0;
	*value = is_signed ? (uint64_t)strtoll(text, &end, 0) :
			     strtoull(text, &end, 0);
	if (*end)
		return -EINVAL;
	if (errno) {
		*why = "too large";
		return -ERANGE;
	}
	return 0;
}

/* Does @value fit in an integer of @size bytes? */
static bool fits(uint64_t value, uint32_t size, bool is_signed)
{
	int64_t v = value;
	int bits = size * 8;

	if (size >= sizeof(value))
		return true;
	if (is_signed)
		return v >= -(1LL << (bits - 1)) && v < 1LL << (bits - 1);
	return value < 1ULL << bits;
}

static int parse_param(const struct param *p, const char *text, uint64_t *value,
		       const char **why)
{
	int encoding = btf_int_encoding(p->type);
	bool is_signed = encoding & BTF_INT_SIGNED;
	int error;

	if (encoding & BTF_INT_BOOL)
		return parse_bool(text, value, why);
	if (has_suffix(p->name, "_bytes"))
		error = units_parse_size(text, value, why);
	else if (has_suffix(p->name, "_ns"))
		error = units_parse_time(text, value, why);
	else
		error = parse_number(text, is_signed, value, why);
	if (!error && !fits(*value, p->type->size, is_signed)) {
		*why = "too large";
		error = -ERANGE;
	}
	return error;
}

static int set_param(const struct policy_object *po,
		     const struct policy_param *param, struct policy_error *err)
{
	const struct btf *btf = bpf_object__btf(po->obj);
	struct bpf_map *rodata;
	char list[LIST_TEXT];
	const char *why = "";
	struct param p;
	size_t size;
	char *data;
	uint64_t value;

	if (!find_param(btf, param->key, &p, list))
		return policy_fail(
			err, -EBADMSG,
			"policy %s has no parameter \"%s\"; it has: %s",
			po->name, param->key, *list ? list : "none");
	if (parse_param(&p, param->value, &value, &why))
		return policy_fail(err, -EBADMSG, "%s=%s: %s", param->key,
				   param->value, why);

	rodata = bpf_object__find_map_by_name(po->obj, ".rodata");
	data = rodata ? bpf_map__initial_value(rodata, &size) : NULL;
	if (!data || p.offset + p.type->size > size)
		return policy_fail(err, -EBADMSG,
				   "policy %s: parameter %s cannot be set",
				   po->name, param->key);
	/* Little endian only, as the objects are. */
	memcpy(data + p.offset, &value, p.type->size);
	return 0;
}

static int set_up(struct policy_object *po, const struct policy_spec *spec,
		  const char *path, struct policy_error *err)
{
	int error = find_ops(po, path, err);

	if (!error)
		error = set_ops(po, spec, path, err);
	for (size_t i = 0; !error && i < spec->nr_params; i++)
		error = set_param(po, &spec->params[i], err);
	return error;
}

int policy_object_load(const struct policy_spec *spec, struct policy_object *po,
		       struct policy_error *err)
{
	char path[PATH_MAX];
	int error = find_object(spec->policy, path, sizeof(path), err);

	if (error)
		return error;
	name_of_path(spec->policy, po->name, sizeof(po->name));
	po->obj = open_object(path, err);
	if (!po->obj)
		return -ENOEXEC;
	error = set_up(po, spec, path, err);
	if (error)
		goto close_object;

	policy_log_start();
	error = bpf_object__load(po->obj);
	if (error) {
		error = policy_fail_load(err, path, error);
		goto close_object;
	}
	return 0;

close_object:
	policy_object_close(po);
	return error;
}

void policy_object_close(struct policy_object *po)
{
	bpf_object__close(po->obj);
	po->obj = NULL;
}
