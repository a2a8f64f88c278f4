// SPDX-License-Identifier: GPL-2.0
/*
 * Ask a policy without attaching it.
 *
 * The kernel runs no struct_ops on demand.  So bpfcopy.bpf.h makes a second program
 * of every decide function, of a type that it does run, and may call the same
 * helpers.  Its struct blk_copy_ctx is in a map that is mapped here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf.h>

#include "policy_internal.h"

/*
 * An object that is loaded for this.
 * @type: struct blk_copy_ctx as this kernel has it
 */
struct test {
	struct policy_object po;
	int prog_fd;
	const struct btf *btf;
	const struct btf_type *type;
	struct policy_test_chunk *chunk;
};

static int find_type(struct test *test, const struct btf *btf,
		     struct policy_error *err)
{
	int id = btf__find_by_name_kind(btf, "blk_copy_ctx", BTF_KIND_STRUCT);

	test->btf = btf;
	test->type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	if (!test->type || test->type->size > sizeof(*test->chunk))
		return policy_fail(
			err, -EOPNOTSUPP,
			"struct blk_copy_ctx of this kernel is not known or too large");
	return 0;
}

/* Where a member is, and how large; NULL if this kernel does not have it. */
static char *member(const struct test *test, const char *name, size_t *size)
{
	for (int i = 0; i < btf_vlen(test->type); i++) {
		const struct btf_member *m = btf_members(test->type) + i;

		if (strcmp(btf__name_by_offset(test->btf, m->name_off), name))
			continue;
		*size = btf__resolve_size(test->btf, m->type);
		return (char *)test->chunk + m->offset / 8;
	}
	return NULL;
}

static void put(const struct test *test, const char *name, uint64_t value)
{
	size_t size;
	char *at = member(test, name, &size);

	/* Little endian, as the objects are. */
	if (at && size <= sizeof(value))
		memcpy(at, &value, size);
}

static uint32_t get(const struct test *test, const char *name)
{
	uint32_t value = 0;
	size_t size;
	const char *at = member(test, name, &size);

	if (at && size == sizeof(value))
		memcpy(&value, at, size);
	return value;
}

static void fill(const struct test *test, const struct policy_case *c,
		 uint32_t dev)
{
	*test->chunk = (struct policy_test_chunk){};
	put(test, "copy_bytes", c->bytes);
	put(test, "src_sector", c->src_bytes >> 9);
	put(test, "dst_sector", c->dst_bytes >> 9);
	put(test, "nr_bytes", c->chunk_bytes);
	put(test, "cgroup_id", c->cgroup);
	put(test, "src_dev", dev);
	put(test, "dst_dev", dev);
	put(test, "nr_ranges", c->ranges);
	put(test, "origin", c->origin);
	put(test, "can_offload", !c->cannot_offload);
	put(test, "max_bytes", c->max_bytes);
	put(test, "max_range_bytes", c->max_range_bytes);
	put(test, "max_ranges", c->max_ranges);
	put(test, "inflight", c->inflight);
}

/*
 * Asking
 */

static int read_counters(const struct policy_object *po,
			 struct policy_info *info)
{
	struct bpf_map *map =
		bpf_object__find_map_by_name(po->obj, POLICY_COUNTERS_MAP);

	info->nr_counters = 0;
	return map ? policy_read_counters(bpf_map__fd(map),
					  bpf_map__max_entries(map), info) :
		     0;
}

/* What it counted since. */
static const char *find_reason(const struct policy_info *before,
			       const struct policy_info *after)
{
	for (size_t i = 0; i < after->nr_counters; i++)
		if (after->counters[i].count > before->counters[i].count)
			return after->counters[i].reason;
	return "";
}

static int ask(const struct test *test, struct policy_answer *answer)
{
	/* Its type wants a packet, and an Ethernet header is the shortest. */
	static const char packet[ETH_HLEN];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));
	struct policy_info before = {}, after = {};
	int error = read_counters(&test->po, &before);

	if (!error)
		error = bpf_prog_test_run_opts(test->prog_fd, &opts);
	if (!error)
		error = read_counters(&test->po, &after);
	if (error)
		return error;
	*answer = (struct policy_answer){
		.verdict = (int)opts.retval,
		.reason = find_reason(&before, &after),
		.chunk_bytes = get(test, "chunk_bytes"),
		.max_depth = get(test, "max_depth"),
	};
	return 0;
}

/*
 * Loading
 */

static bool is_for_tests(const struct bpf_program *prog)
{
	return bpf_program__type(prog) == BPF_PROG_TYPE_SCHED_CLS &&
	       !bpf_program__autoload(prog) &&
	       policy_has_suffix(bpf_program__name(prog), "_test");
}

/* Only the program for tests, and its map; NULL if there is none. */
static struct bpf_program *choose(const struct policy_object *po,
				  struct bpf_map *chunk)
{
	struct bpf_program *prog, *found = NULL;

	bpf_map__set_autocreate(po->ops, false);
	bpf_map__set_autocreate(chunk, true);
	bpf_object__for_each_program(prog, po->obj) {
		bool wanted = is_for_tests(prog);

		bpf_program__set_autoload(prog, wanted);
		if (wanted)
			found = prog;
	}
	return found;
}

static int load_chosen(struct test *test, const char *policy,
		       struct policy_error *err)
{
	struct bpf_map *chunk =
		bpf_object__find_map_by_name(test->po.obj, POLICY_TEST_SECTION);
	struct bpf_program *prog = chunk ? choose(&test->po, chunk) : NULL;
	size_t size;
	int error;

	if (!prog)
		return policy_fail(
			err, -ENOMSG,
			"%s: has no program for tests: compile it with the bpfcopy.bpf.h of this version",
			policy);
	policy_log_start();
	error = bpf_object__load(test->po.obj);
	if (error)
		return policy_fail_load(err, policy, error);
	test->prog_fd = bpf_program__fd(prog);
	test->chunk = bpf_map__initial_value(chunk, &size);
	if (!test->chunk || size != sizeof(*test->chunk))
		return policy_fail(err, -ENOMSG,
				   "%s: its %s is not as in bpfcopy.bpf.h",
				   policy, POLICY_TEST_SECTION);
	return 0;
}

static int load(struct test *test, const struct policy_spec *spec,
		struct policy_error *err)
{
	int error = policy_object_prepare(spec, &test->po, err);

	if (error)
		return error;
	error = load_chosen(test, spec->policy, err);
	if (error)
		policy_object_close(&test->po);
	return error;
}

int policy_test(const struct policy_spec *spec, const struct policy_case *cases,
		size_t nr, struct policy_answer *answers,
		struct policy_error *err)
{
	struct btf *btf;
	struct test test;
	int error;

	err->text[0] = '\0';
	error = policy_kernel_btf(&btf, err);
	if (error)
		return error;
	error = find_type(&test, btf, err);
	if (!error)
		error = load(&test, spec, err);
	if (error)
		goto free_btf;
	for (size_t i = 0; !error && i < nr; i++) {
		fill(&test, &cases[i], spec->dev);
		error = ask(&test, &answers[i]);
	}
	policy_object_close(&test.po);
	if (error)
		policy_fail(err, error, "%s: cannot be run: %s", spec->policy,
			    strerror(-error));

free_btf:
	btf__free(btf);
	return error;
}
