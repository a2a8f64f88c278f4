// SPDX-License-Identifier: GPL-2.0
/*
 * policy_raw WORD...
 *
 * Attaches policies as the words say, in their order, with nothing between them and the
 * kernel: what "bpfcopy load" would refuse, too.
 *
 *   OBJECT.bpf.o    opens an object; the words that follow are about it
 *   NAME=VALUE      sets a member of its struct blk_copy_ops (dev is MAJOR:MINOR or a
 *                   number) or one of its parameters, before it is loaded
 *   load            has it verified now rather than when it is attached
 *   use N           the words that follow are about the Nth object
 *   attach          "attach RESULT": a new link
 *   update          "update RESULT": the newest link changes to this object
 *   detach          "detach RESULT": the newest link, which then stays as a dead one
 *   poll SECONDS    "poll EPOLLHUP", "poll nothing": what happens to the newest link
 *   counts N        "counts 1 5 5 0 0": the map of this name of the Nth object
 *   calls N         its map of this name, a line "call MEMBER=VALUE..." for each entry
 *   run COMMAND     "run STATUS", of a shell command; what it prints comes before
 *
 * RESULT is 0 or the name of an errno. Links are gone when the program ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "t.h"

#define OBJECTS_MAX 4
#define LINKS_MAX   4

static struct {
	struct bpf_object *obj;
	struct bpf_map *ops;
	bool loaded;
} objects[OBJECTS_MAX], *current;

static struct bpf_link *links[LINKS_MAX];
static int nr_objects, nr_links;

static int quiet(enum libbpf_print_level level, const char *format,
		 va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static struct bpf_map *find_ops(struct bpf_object *obj, const char *path)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	t_die("%s: has no policy", path);
}

static void open_object(const char *path)
{
	if (nr_objects == OBJECTS_MAX)
		t_die("%s: that is more than %d objects", path, OBJECTS_MAX);
	current = &objects[nr_objects++];
	current->obj = bpf_object__open_file(path, NULL);
	if (!current->obj)
		t_die("%s: cannot open: %s", path, strerror(errno));
	current->ops = find_ops(current->obj, path);
}

/* A place for a value: somewhere in the initial value of a map. */
struct place {
	char *at;
	const struct btf_type *type;
};

static bool find_member(const char *name, struct place *p)
{
	const struct btf *btf = bpf_object__btf(current->obj);
	const struct btf_type *t;
	size_t size;

	t = btf__type_by_id(btf, bpf_map__btf_value_type_id(current->ops));
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;

		if (strcmp(btf__name_by_offset(btf, m->name_off), name))
			continue;
		p->at = bpf_map__initial_value(current->ops, &size);
		p->at += m->offset / 8;
		p->type = btf__type_by_id(btf, btf__resolve_type(btf, m->type));
		return true;
	}
	return false;
}

static bool find_parameter(const char *name, struct place *p)
{
	const struct btf *btf = bpf_object__btf(current->obj);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, id) : NULL;
	struct bpf_map *map;
	size_t size;

	map = bpf_object__find_map_by_name(current->obj, ".rodata");
	for (int i = 0; map && sec && i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *v = btf_var_secinfos(sec) + i;
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), name))
			continue;
		p->at = bpf_map__initial_value(map, &size);
		p->at += v->offset;
		p->type =
			btf__type_by_id(btf, btf__resolve_type(btf, var->type));
		return true;
	}
	return false;
}

/* A device number as the kernel keeps it. */
static u64 device_number(const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		return t_number(text, "dev");
	return strtoull(text, NULL, 10) << 20 | t_number(colon + 1, "dev");
}

static void set_value(char *word)
{
	char *text = strchr(word, '=');
	struct place p;
	u64 value;

	*text++ = '\0';
	if (!current || current->loaded)
		t_die("%s: there is no object to set it in", word);
	if (!find_member(word, &p) && !find_parameter(word, &p))
		t_die("%s: neither a member nor a parameter", word);
	if (btf_is_array(p.type)) {
		strncpy(p.at, text, btf_array(p.type)->nelems);
		return;
	}
	if (!strcmp(word, "dev"))
		value = device_number(text);
	else if (*text == '-')
		value = -t_number(text + 1, word);
	else
		value = t_number(text, word);
	/* Little endian only, as the objects are. */
	memcpy(p.at, &value, p.type->size);
}

static void load(const char *none)
{
	(void)none;
	if (!current)
		t_die("there is no object");
	if (current->loaded)
		return;
	if (bpf_object__load(current->obj))
		t_die("%s: cannot load: %s (bpfcopy load shows why)",
		      bpf_object__name(current->obj), strerror(errno));
	current->loaded = true;
}

static struct bpf_link *newest_link(void)
{
	if (!nr_links)
		t_die("there is no link");
	return links[nr_links - 1];
}

static void attach(const char *none)
{
	struct bpf_link *link;

	(void)none;
	load(NULL);
	if (nr_links == LINKS_MAX)
		t_die("that is more than %d links", LINKS_MAX);
	link = bpf_map__attach_struct_ops(current->ops);
	printf("attach %s\n", t_errname(link ? 0 : errno));
	if (link)
		links[nr_links++] = link;
}

static void update(const char *none)
{
	int error;

	(void)none;
	load(NULL);
	error = bpf_link__update_map(newest_link(), current->ops);
	printf("update %s\n", t_errname(error));
}

static void detach(const char *none)
{
	int fd = bpf_link__fd(newest_link());

	(void)none;
	printf("detach %s\n", t_errname(bpf_link_detach(fd)));
}

static void wait_for_hangup(const char *seconds)
{
	struct pollfd p = { .fd = bpf_link__fd(newest_link()) };
	int timeout = t_number(seconds, "poll") * 1000;

	if (poll(&p, 1, timeout) < 0)
		t_die("cannot poll: %s", strerror(errno));
	printf("poll %s\n", p.revents & POLLHUP ? "EPOLLHUP" : "nothing");
}

/* A map of the Nth object, which is loaded. */
static struct bpf_map *map_of(const char *number, const char *name)
{
	u64 i = t_number(number, name) - 1;
	struct bpf_map *map;

	if (i >= (u64)nr_objects || !objects[i].loaded)
		t_die("%s %s: there is no such object", name, number);
	map = bpf_object__find_map_by_name(objects[i].obj, name);
	if (!map)
		t_die("%s %s: it has no such map", name, number);
	return map;
}

static void print_counts(const char *number)
{
	struct bpf_map *map = map_of(number, "counts");
	u64 value;

	printf("counts");
	for (u32 key = 0; key < bpf_map__max_entries(map); key++) {
		if (bpf_map__lookup_elem(map, &key, sizeof(key), &value,
					 sizeof(value), 0))
			t_die("counts: cannot read: %s", strerror(errno));
		printf(" %llu", value);
	}
	printf("\n");
}

/* The members of a struct, those of structs in it too. */
static void print_members(const struct btf *btf, const struct btf_type *t,
			  const char *value)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const struct btf_type *type;
		long long number = 0;

		type = btf__type_by_id(btf, btf__resolve_type(btf, m->type));
		if (btf_is_struct(type)) {
			print_members(btf, type, value + m->offset / 8);
			continue;
		}
		memcpy(&number, value + m->offset / 8, type->size);
		printf(" %s=%lld", btf__name_by_offset(btf, m->name_off),
		       number);
	}
}

/* Keys count from 0. */
static void print_calls(const char *number)
{
	struct bpf_map *map = map_of(number, "calls");
	size_t size = bpf_map__value_size(map);
	char *value = t_alloc(size);
	const struct btf *btf;
	const struct btf_type *t;

	btf = bpf_object__btf(objects[t_number(number, "calls") - 1].obj);
	t = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
	for (u64 key = 0;
	     !bpf_map__lookup_elem(map, &key, sizeof(key), value, size, 0);
	     key++) {
		printf("call");
		print_members(btf, t, value);
		printf("\n");
	}
	free(value);
}

static void use(const char *number)
{
	u64 i = t_number(number, "use") - 1;

	if (i >= (u64)nr_objects)
		t_die("use %s: there is no such object", number);
	current = &objects[i];
}

static void run(const char *command)
{
	int status = system(command);

	printf("run %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static const struct {
	const char *word;
	void (*act)(const char *argument);
	bool has_argument;
} actions[] = {
	{ "load", load, false },
	{ "use", use, true },
	{ "attach", attach, false },
	{ "update", update, false },
	{ "detach", detach, false },
	{ "poll", wait_for_hangup, true },
	{ "counts", print_counts, true },
	{ "calls", print_calls, true },
	{ "run", run, true },
};

/* One word, or one with its argument: how many that were. */
static int step(char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		bool has_argument = actions[i].has_argument;

		if (strcmp(argv[0], actions[i].word))
			continue;
		if (has_argument && !argv[1])
			t_die("%s: its argument is missing", argv[0]);
		actions[i].act(has_argument ? argv[1] : NULL);
		return 1 + has_argument;
	}
	if (strchr(argv[0], '='))
		set_value(argv[0]);
	else if (strstr(argv[0], ".bpf.o"))
		open_object(argv[0]);
	else
		t_die("%s: what does that mean?", argv[0]);
	return 1;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(quiet);
	for (int i = 1; i < argc;)
		i += step(argv + i);
	while (nr_links)
		bpf_link__destroy(links[--nr_links]);
	while (nr_objects)
		bpf_object__close(objects[--nr_objects].obj);
	return 0;
}
