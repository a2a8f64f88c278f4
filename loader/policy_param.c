// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters of policies: global constants of the object, found in its BTF, so
 * that every object that was compiled with bpfcopy.bpf.h can be set up and
 * nothing here knows any policy.
 *
 * The name of a parameter tells its unit.  More is in declaration tags, which
 * BLK_COPY_PARAM() writes: "bpfcopy:doc:SENTENCE", and "bpfcopy:words:A,B" for a
 * set of words, a bit each.  What is attached shows the same to whoever asks the
 * kernel for the map and its BTF.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "policy_internal.h"
#include "units.h"

#define RODATA	".rodata"
#define DEV	"policy_dev"
#define OBSERVE "observe"

/**
 * struct param - a parameter
 * @words: of a set, or NULL
 * @doc: or NULL
 * @offset: in .rodata
 */
struct param {
	const char *name;
	const struct btf_type *type;
	const char *words;
	const char *doc;
	uint32_t offset;
};

void policy_add_word(char *list, const char *word)
{
	size_t used = strlen(list);

	snprintf(list + used, POLICY_LIST_TEXT - used, "%s%s", used ? ", " : "",
		 word);
}

/* What a declaration tag of a variable says behind @prefix; NULL without one. */
static const char *find_tag(const struct btf *btf, uint32_t var,
			    const char *prefix)
{
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *text;

		if (!btf_is_decl_tag(t) || t->type != var)
			continue;
		text = btf__name_by_offset(btf, t->name_off);
		if (!strncmp(text, prefix, strlen(prefix)))
			return text + strlen(prefix);
	}
	return NULL;
}

/* The @i-th variable of .rodata, if it is a global integer or bool of up to 64 bits. */
static bool get_var(const struct btf *btf, const struct btf_type *sec, int i,
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
	p->words = find_tag(btf, vsi->type, "bpfcopy:words:");
	p->doc = find_tag(btf, vsi->type, "bpfcopy:doc:");
	p->offset = vsi->offset;
	/* An object says of itself how large its integers are: anything. */
	return btf_is_int(p->type) && p->type->size >= 1 &&
	       p->type->size <= sizeof(uint64_t);
}

static bool get_param(const struct btf *btf, const struct btf_type *sec, int i,
		      struct param *p)
{
	return get_var(btf, sec, i, p) && strcmp(p->name, DEV) != 0;
}

/* NULL if the object has no constants. */
static const struct btf_type *rodata_of(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, RODATA, BTF_KIND_DATASEC);

	return id > 0 ? btf__type_by_id(btf, id) : NULL;
}

static bool find_var(const struct btf *btf, const char *name, struct param *p)
{
	const struct btf_type *sec = rodata_of(btf);

	for (int i = 0; sec && i < btf_vlen(sec); i++)
		if (get_var(btf, sec, i, p) && !strcmp(p->name, name))
			return true;
	return false;
}

static void list_params(const struct btf *btf, char *list)
{
	const struct btf_type *sec = rodata_of(btf);
	struct param p;

	list[0] = '\0';
	for (int i = 0; sec && i < btf_vlen(sec); i++)
		if (get_param(btf, sec, i, &p))
			policy_add_word(list, p.name);
	if (!*list)
		policy_add_word(list, "none");
}

/*
 * From text.
 */

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

/* Index of a word of @len characters in "a,b,c"; negative if it is not there. */
static int find_word(const char *words, const char *word, size_t len)
{
	for (int i = 0; *words; i++) {
		size_t n = strcspn(words, ",");

		if (n == len && !strncmp(words, word, n))
			return i;
		words += n + (words[n] == ',');
	}
	return -EINVAL;
}

static int parse_set(const char *text, const char *words, uint64_t *value,
		     const char **why)
{
	static char hint[256];

	snprintf(hint, sizeof(hint), "write all, none, or some of %s", words);
	*why = hint;
	*value = strcmp(text, "all") ? 0 : UINT32_MAX;
	if (*value || !strcmp(text, "none"))
		return 0;
	do {
		size_t n = strcspn(text, ",");
		int bit = find_word(words, text, n);

		if (bit < 0)
			return bit;
		*value |= 1ULL << bit;
		text += n;
	} while (*text++);
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

static const char *type_of(const struct param *p)
{
	if (btf_int_encoding(p->type) & BTF_INT_BOOL)
		return "bool";
	if (p->words)
		return "set";
	if (policy_has_suffix(p->name, "_bytes"))
		return "size";
	return policy_has_suffix(p->name, "_ns") ? "time" : "number";
}

static bool is_signed(const struct param *p)
{
	return btf_int_encoding(p->type) & BTF_INT_SIGNED;
}

static int parse(const struct param *p, const char *text, uint64_t *value,
		 const char **why)
{
	const char *type = type_of(p);
	int error;

	switch (*type) {
	case 'b':
		return parse_bool(text, value, why);
	case 's':
		if (p->words)
			return parse_set(text, p->words, value, why);
		error = units_parse_size(text, value, why);
		break;
	case 't':
		error = units_parse_time(text, value, why);
		break;
	default:
		error = parse_number(text, is_signed(p), value, why);
	}
	if (!error && !fits(*value, p->type->size, is_signed(p))) {
		*why = "too large";
		error = -ERANGE;
	}
	return error;
}

/*
 * To text.
 */

static uint64_t get_value(const struct param *p, const char *data)
{
	uint64_t value = 0;
	int unused = 64 - 8 * p->type->size;

	/* Little endian only, as the objects are. */
	memcpy(&value, data + p->offset, p->type->size);
	if (is_signed(p))
		return (uint64_t)((int64_t)(value << unused) >> unused);
	return value;
}

static void format_set(uint64_t value, const char *words, char *text)
{
	size_t used = 0;

	if (value == UINT32_MAX || !value) {
		snprintf(text, POLICY_VALUE_MAX, value ? "all" : "none");
		return;
	}
	for (int i = 0; *words && used < POLICY_VALUE_MAX; i++) {
		int n = strcspn(words, ",");

		if (value >> i & 1)
			used += snprintf(text + used, POLICY_VALUE_MAX - used,
					 "%s%.*s", used ? "," : "", n, words);
		words += n + (words[n] == ',');
	}
}

/* As parse() takes it. */
static void format(const struct param *p, uint64_t value, char *text)
{
	const char *type = type_of(p);

	text[0] = '\0';
	if (!strcmp(type, "bool"))
		snprintf(text, POLICY_VALUE_MAX, value ? "yes" : "no");
	else if (p->words)
		format_set(value, p->words, text);
	else if (!strcmp(type, "size"))
		units_exact_size(text, value);
	else if (!strcmp(type, "time"))
		units_exact_time(text, value);
	else if (is_signed(p))
		snprintf(text, POLICY_VALUE_MAX, "%" PRId64, (int64_t)value);
	else
		snprintf(text, POLICY_VALUE_MAX, "%" PRIu64, value);
}

/* What can be written, for people. */
static void describe_values(const struct param *p, char *text)
{
	int bits = 8 * p->type->size - is_signed(p);
	uint64_t max = UINT64_MAX >> (64 - bits);
	char most[POLICY_VALUE_MAX];

	format(p, max, most);
	if (!strcmp(type_of(p), "bool"))
		snprintf(text, POLICY_VALUE_MAX, "yes, no");
	else if (p->words)
		snprintf(text, POLICY_VALUE_MAX, "all, none, %s", p->words);
	else if (is_signed(p))
		snprintf(text, POLICY_VALUE_MAX, "%" PRId64 " to %" PRIu64,
			 -(int64_t)max - 1, max);
	else
		snprintf(text, POLICY_VALUE_MAX, "0 to %.*s",
			 POLICY_VALUE_MAX - 6, most);
}

/*
 * Of an object.
 */

/* Where a constant is in an object that is not loaded yet; NULL if nowhere. */
static char *place_of(const struct policy_object *po, const struct param *p)
{
	struct bpf_map *map = bpf_object__find_map_by_name(po->obj, RODATA);
	size_t size = 0;
	char *data = map ? bpf_map__initial_value(map, &size) : NULL;

	return data && p->offset + p->type->size <= size ? data + p->offset :
							   NULL;
}

int policy_object_set(const struct policy_object *po,
		      const struct policy_param *param,
		      struct policy_error *err)
{
	const struct btf *btf = bpf_object__btf(po->obj);
	char list[POLICY_LIST_TEXT], *place;
	const char *why = "";
	struct param p;
	uint64_t value;

	if (!strcmp(param->key, DEV) || !find_var(btf, param->key, &p)) {
		list_params(btf, list);
		return policy_fail(
			err, -EBADMSG,
			"policy %s has no parameter \"%s\"; it has: %s",
			po->name, param->key, list);
	}
	if (parse(&p, param->value, &value, &why))
		return policy_fail(err, -EBADMSG, "%s=%s: %s", param->key,
				   param->value, why);
	place = place_of(po, &p);
	if (!place)
		return policy_fail(err, -EBADMSG,
				   "policy %s: parameter %s cannot be set",
				   po->name, param->key);
	memcpy(place, &value, p.type->size);
	return 0;
}

int policy_object_set_dev(const struct policy_object *po, uint32_t dev,
			  struct policy_error *err)
{
	struct param p;
	char *place;

	if (!find_var(bpf_object__btf(po->obj), DEV, &p))
		return 0;
	place = place_of(po, &p);
	if (!place || p.type->size != sizeof(dev))
		return policy_fail(err, -ENOMSG,
				   "policy %s: its " DEV " is no __u32",
				   po->name);
	if (dev == POLICY_DEV_GLOBAL)
		return policy_fail(
			err, -EBADMSG,
			"policy %s learns about its disk: load it with --dev or --all",
			po->name);
	memcpy(place, &dev, sizeof(dev));
	return 0;
}

static void fill_doc(const struct param *p, const char *data,
		     struct policy_doc *doc)
{
	snprintf(doc->key, sizeof(doc->key), "%s", p->name);
	doc->type = type_of(p);
	describe_values(p, doc->values);
	format(p, get_value(p, data), doc->fallback);
	snprintf(doc->doc, sizeof(doc->doc), "%s", p->doc ? p->doc : "");
}

int policy_object_docs(const struct policy_object *po, struct policy_doc **out,
		       size_t *nr)
{
	const struct btf *btf = bpf_object__btf(po->obj);
	const struct btf_type *sec = rodata_of(btf);
	struct param p;
	char *place;

	*nr = 0;
	*out = sec ? calloc(btf_vlen(sec) + 1, sizeof(**out)) : NULL;
	for (int i = 0; *out && i < btf_vlen(sec); i++) {
		if (!get_param(btf, sec, i, &p) || !(place = place_of(po, &p)))
			continue;
		fill_doc(&p, place - p.offset, &(*out)[(*nr)++]);
	}
	return sec && !*out ? -ENOMEM : 0;
}

int policy_show(const char *policy, struct policy_doc **out, size_t *nr,
		struct policy_error *err)
{
	struct policy_object po;
	int error;

	*out = NULL;
	*nr = 0;
	err->text[0] = '\0';
	error = policy_object_open(policy, false, &po, err);
	if (error)
		return error;
	error = policy_object_docs(&po, out, nr);
	policy_object_close(&po);
	return error;
}

/*
 * Of what is attached.
 */

static void add_setting(const struct param *p, uint64_t value,
			struct policy_info *info)
{
	struct policy_setting *s = &info->settings[info->nr_settings];

	if (!strcmp(p->name, OBSERVE)) {
		info->observe = value;
	} else if (info->nr_settings < POLICY_SETTINGS_MAX) {
		snprintf(s->key, sizeof(s->key), "%s", p->name);
		format(p, value, s->value);
		info->nr_settings++;
	}
}

int policy_read_settings(int map_fd, const struct btf *btf, uint32_t type_id,
			 struct policy_info *info)
{
	const struct btf_type *sec = btf__type_by_id(btf, type_id);
	struct param p;
	__u32 key = 0;
	char *data;
	int error;

	if (!sec || !btf_is_datasec(sec))
		return 0;
	data = calloc(1, sec->size);
	if (!data)
		return -ENOMEM;
	error = bpf_map_lookup_elem(map_fd, &key, data);
	for (int i = 0; !error && i < btf_vlen(sec); i++)
		if (get_param(btf, sec, i, &p) &&
		    p.offset + p.type->size <= sec->size)
			add_setting(&p, get_value(&p, data), info);
	free(data);
	return error;
}
