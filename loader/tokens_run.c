// SPDX-License-Identifier: GPL-2.0
/*
 * Run bpf/tokens.bpf.c and read its maps; see tokens.h.
 *
 * A map is read bucket by bucket while tokens come and go, so what is read is
 * no moment.  What is said of a token is nevertheless true: its age is that
 * before it was read, and it is called leaked only if it is still there after
 * its copy was seen to be over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf.h>

#include "tokens.skel.h"

#include "latency.h"
#include "policy_internal.h"
#include "tokens.h"
#include "tracer.h"

struct tokens_view {
	struct tokens *skel;
	/* Room for all that a map can have. */
	uint64_t *ids;
	struct token_alive *kept;
	struct token *list;
};

static int allocate(struct tokens_view *view)
{
	view->ids = calloc(TOKENS_ALIVE_MAX, sizeof(*view->ids));
	view->kept = calloc(TOKENS_ALIVE_MAX, sizeof(*view->kept));
	view->list = calloc(TOKENS_ALIVE_MAX, sizeof(*view->list));
	return view->ids && view->kept && view->list ? 0 : -ENOMEM;
}

/* Without one of its steps, what is said of a token would be wrong. */
static int fail_load(const struct bpf_object *obj, int error,
		     struct policy_error *err)
{
	const char *lacks = tracer_lacks(obj);

	if (!lacks)
		return policy_fail_load(err, "tracer", error);
	return policy_fail(
		err, -EOPNOTSUPP,
		"this kernel cannot tell of tokens (no tracepoint %s in its BTF): it takes the kernel patches of bpfcopy",
		lacks);
}

static int load(struct tokens_view *view, bool stacks, struct policy_error *err)
{
	int error;

	policy_log_start();
	view->skel = tokens__open();
	if (!view->skel)
		return policy_fail(err, -errno, "cannot open the tracer: %s",
				   strerror(errno));
	view->skel->rodata->keep_stacks = stacks;
	if (!stacks)
		bpf_map__set_max_entries(view->skel->maps.stacks, 1);
	error = tokens__load(view->skel);
	if (error)
		return fail_load(view->skel->obj, error, err);
	error = tokens__attach(view->skel);
	if (error)
		return policy_fail(err, error, "cannot attach the tracer: %s",
				   strerror(-error));
	return 0;
}

int tokens_open(bool stacks, struct tokens_view **out, struct policy_error *err)
{
	struct tokens_view *view;
	int error;

	*out = NULL;
	err->text[0] = '\0';
	view = calloc(1, sizeof(*view));
	error = view ? allocate(view) : -ENOMEM;
	if (!error)
		error = load(view, stacks, err);
	if (error)
		tokens_close(view);
	else
		*out = view;
	return error;
}

void tokens_detach(struct tokens_view *view)
{
	tokens__detach(view->skel);
	tracer_settle();
}

/* All of the map, whatever its order: as many as there are in *@nr. */
static int read_alive(struct tokens_view *view, uint32_t *nr)
{
	uint64_t batch;
	int error;

	*nr = TOKENS_ALIVE_MAX;
	error = bpf_map_lookup_batch(bpf_map__fd(view->skel->maps.alive), NULL,
				     &batch, view->ids, view->kept, nr, NULL);
	/* -ENOENT is the end, and a full map has it in the next batch. */
	return error == -ENOENT ? 0 : error;
}

static bool in_map(const struct bpf_map *map, uint64_t key, void *value,
		   size_t size)
{
	return !bpf_map__lookup_elem(map, &key, sizeof(key), value, size, 0);
}

/* Its copy is over, and then it is still there. */
static bool is_leaked(const struct tokens_view *view, uint64_t id,
		      const struct token_alive *kept)
{
	struct token_holder holder;
	struct token_alive now;

	if (kept->holder.origin == TOKENS_NO_ORIGIN ||
	    in_map(view->skel->maps.copies, kept->copy_id, &holder,
		   sizeof(holder)))
		return false;
	return in_map(view->skel->maps.alive, id, &now, sizeof(now)) &&
	       !now.freed;
}

enum token_state tokens_progress(const struct token_alive *kept)
{
	if (kept->consumed > kept->done + kept->failed)
		return TOKEN_STATE_CONSUMED;
	if (kept->rejects)
		return TOKEN_STATE_REJECTED;
	if (kept->failed)
		return TOKEN_STATE_FAILED;
	if (kept->done)
		return TOKEN_STATE_DONE;
	return kept->filled ? TOKEN_STATE_FILLED : TOKEN_STATE_ALLOCATED;
}

static void read_stack(const struct tokens_view *view, struct token *token)
{
	uint32_t key = (uint32_t)token->kept.stack;

	token->nr_stack = 0;
	memset(token->stack, 0, sizeof(token->stack));
	if (token->kept.stack == TOKENS_NO_STACK ||
	    bpf_map__lookup_elem(view->skel->maps.stacks, &key, sizeof(key),
				 token->stack, sizeof(token->stack), 0))
		return;
	while (token->nr_stack < TOKENS_STACK_MAX &&
	       token->stack[token->nr_stack])
		token->nr_stack++;
}

/* Fills @token and says if it is wanted. */
static bool look_at(const struct tokens_view *view, uint32_t i, uint64_t now,
		    uint64_t min_age_ns, struct token *token)
{
	const struct token_alive *kept = &view->kept[i];

	if (kept->freed)
		return false;
	token->id = view->ids[i];
	token->age_ns = now > kept->alloc_ns ? now - kept->alloc_ns : 0;
	token->kept = *kept;
	token->state = is_leaked(view, token->id, kept) ? TOKEN_STATE_LEAKED :
							  tokens_progress(kept);
	if (token->age_ns < min_age_ns && token->state != TOKEN_STATE_LEAKED)
		return false;
	read_stack(view, token);
	return true;
}

static int oldest_first(const void *a, const void *b)
{
	const struct token *l = a, *r = b;

	if (l->kept.alloc_ns != r->kept.alloc_ns)
		return l->kept.alloc_ns < r->kept.alloc_ns ? -1 : 1;
	return l->id < r->id ? -1 : l->id > r->id;
}

int tokens_alive(struct tokens_view *view, uint64_t min_age_ns,
		 const struct token **list, size_t *nr)
{
	uint64_t now = tracer_now_ns();
	uint32_t kept;
	int error;

	*nr = 0;
	*list = view->list;
	error = read_alive(view, &kept);
	if (error)
		return error;
	for (uint32_t i = 0; i < kept; i++)
		*nr += look_at(view, i, now, min_age_ns, &view->list[*nr]);
	qsort(view->list, *nr, sizeof(*view->list), oldest_first);
	return 0;
}

int tokens_totals(struct tokens_view *view, struct tokens_totals *out)
{
	struct token_counts counts;
	const uint32_t key = 0;
	int error;

	error = tracer_sum_percpu(view->skel->maps.counts, &key,
				  (uint64_t *)&counts);
	if (error)
		return error;
	out->created = counts.created;
	out->freed = counts.freed;
	out->found = counts.found;
	out->lost = counts.lost_tokens + counts.lost_copies +
		    counts.lost_stacks + tracer_skipped_runs(view->skel->obj);
	return 0;
}

int tokens_lifetimes(struct tokens_view *view, struct latency_hist *out)
{
	const uint32_t key = 0;

	return tracer_sum_percpu(view->skel->maps.lifetimes, &key,
				 (uint64_t *)out->slots);
}

void tokens_close(struct tokens_view *view)
{
	if (!view)
		return;
	tokens__destroy(view->skel);
	free(view->ids);
	free(view->kept);
	free(view->list);
	free(view);
}
