/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tokens that are alive, and how long those lived that are not.
 *
 * bpf/tokens.bpf.c keeps them from alloc to free.  One that was there before it
 * was attached is found by its next step; until then nobody knows of it.
 */
#ifndef BPFCOPY_TOKENS_H
#define BPFCOPY_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

#include <linux/types.h>

#include "../bpf/tokens.h"

struct latency_hist; /* bpf/trace_copy.h */

/* How far a token got. */
enum token_state {
	TOKEN_STATE_ALLOCATED, /* the ledger is empty */
	TOKEN_STATE_FILLED,    /* the source said where its data is */
	TOKEN_STATE_CONSUMED,  /* commands of it are on their way */
	TOKEN_STATE_REJECTED,  /* the destination refused some of it */
	TOKEN_STATE_FAILED,    /* a command failed */
	TOKEN_STATE_DONE,      /* its commands are over */
	TOKEN_STATE_LEAKED,    /* its copy is over, and it is not freed */
};

/**
 * struct token - one that is alive
 * @id: of the token
 * @age_ns: since it was allocated
 * @state: enum token_state
 * @stack: return addresses of its alloc, innermost first
 * @nr_stack: how many of them
 * @kept: what the program knows
 */
struct token {
	uint64_t id;
	uint64_t age_ns;
	enum token_state state;
	uint64_t stack[TOKENS_STACK_MAX];
	size_t nr_stack;
	struct token_alive kept;
};

/**
 * struct tokens_totals - since tokens_open()
 * @created: tokens allocated
 * @freed: tokens freed, also such as were there before
 * @found: were there before and were found by their next step
 * @lost: tokens or holders that there was no room for, stacks that were not
 *	kept, and runs of programs that the kernel skipped
 */
struct tokens_totals {
	uint64_t created;
	uint64_t freed;
	uint64_t found;
	uint64_t lost;
};

struct tokens_view;

/**
 * tokens_open() - start to watch
 * @stacks: keep the stacks of allocs
 * @out: for tokens_close(); NULL on failure
 * @err: filled on failure
 *
 * Return: 0, -EPERM, -EOPNOTSUPP if the kernel has no such tracepoints, or
 *	another errno.
 */
int tokens_open(bool stacks, struct tokens_view **out,
		struct policy_error *err);

/**
 * tokens_detach() - stop to watch; what was seen can still be asked for
 * @view: from tokens_open()
 */
void tokens_detach(struct tokens_view *view);

/**
 * tokens_alive() - who is alive?
 * @view: from tokens_open()
 * @min_age_ns: leave younger ones out, unless they are leaked
 * @list: array, oldest first; valid until the next call
 * @nr: its length
 *
 * Each one that is alive all the while is in the list.
 *
 * Return: 0 or a negative errno.
 */
int tokens_alive(struct tokens_view *view, uint64_t min_age_ns,
		 const struct token **list, size_t *nr);

/** tokens_progress() - how far a token got that is not leaked */
enum token_state tokens_progress(const struct token_alive *kept);

/**
 * tokens_totals() - what was counted
 * @view: from tokens_open()
 * @out: filled
 *
 * Return: 0 or a negative errno.
 */
int tokens_totals(struct tokens_view *view, struct tokens_totals *out);

/**
 * tokens_lifetimes() - how long those lived that were freed
 * @view: from tokens_open()
 * @out: filled, summed over all CPUs
 *
 * Return: 0 or a negative errno.
 */
int tokens_lifetimes(struct tokens_view *view, struct latency_hist *out);

/**
 * tokens_close() - detach and free everything
 * @view: from tokens_open(), or NULL
 */
void tokens_close(struct tokens_view *view);

#endif /* BPFCOPY_TOKENS_H */
