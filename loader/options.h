/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The options of every verb, in one table.
 *
 * Parser, --help, manual page and completion are all made from it, and an
 * option means the same in every verb that has it.
 */
#ifndef BPFCOPY_OPTIONS_H
#define BPFCOPY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rows.h"

/* One bit per verb; the options of a verb are those that have its bit. */
enum verb_bit {
	V_DEV_LIST = 1 << 0,
	V_DEV_SHOW = 1 << 1,
	V_LOAD = 1 << 2,
	V_UNLOAD = 1 << 3,
	V_STATUS = 1 << 4,
	V_COPY = 1 << 5,
	V_TRACE = 1 << 6,
	V_POLICY_CHECK = 1 << 7,
	V_POLICY_EXPLAIN = 1 << 8,
	V_POLICY_SHOW = 1 << 9,
	V_POLICY_APPLY = 1 << 10,
	V_POLICY_REVERT = 1 << 11,
	V_TOKENS = 1 << 12,
	V_HIST = 1 << 13,
	V_STATS = 1 << 14,
	V_TOP = 1 << 15,
	V_POLICY_TEST = 1 << 16,
	V_ALL = (1 << 17) - 1,
};

/* Indexes of the words of --mode. */
enum copy_mode {
	MODE_AUTO,
	MODE_OFFLOAD,
	MODE_EMULATE,
};

#define OPTIONS_ARGS_MAX 64

/**
 * struct options - what was on the command line; 0 is "not given"
 * @output: enum rows_format
 * @dev: --dev, as written
 * @all: --all
 * @empty: --empty
 * @global: --global
 * @dry_run: --dry-run
 * @mode: enum copy_mode
 * @verify: --verify
 * @ranges: --ranges, a file name or "-"
 * @step_bytes: --step
 * @tokens: --tokens
 * @errors: --errors
 * @fail_on_loss: --fail-on-loss
 * @pid: --pid
 * @path: --path; 1 + index of its word, which is enum blk_copy_path
 * @origin: --origin; 1 + index of its word, which is enum blk_copy_origin
 * @reason: --reason; 1 + index of its word, which is enum blk_copy_reason
 * @comm: --comm
 * @cgroup: --cgroup, as written
 * @wide: --wide
 * @split: --split
 * @stack: --stack
 * @buffer_bytes: --buffer
 * @record: --record, a file name
 * @replay: --replay, a file name or "-"
 * @perfetto: --perfetto, a file name
 * @count: --count
 * @duration_ns: --duration
 * @by: --by; a bit per word, which is enum hist_by
 * @max_series: --max-series
 * @heatmap: --heatmap, a file name
 * @collect: --collect; 1 + index of its word
 * @textfile: --textfile, a file name
 * @min_latency_ns: --min-latency
 * @min_bytes: --min-size
 * @watch: --watch
 * @batch: --batch
 * @interval_ns: --interval
 * @leaks: --leaks
 * @older_than_ns: --older-than
 * @root: --root
 * @config: --config
 * @snapshot: --snapshot, a file name or "-"
 * @key: --key
 * @cases: --case, in order
 * @nr_cases: how many of them
 * @args: what is not an option, in order
 * @nr_args: how many of them
 */
struct options {
	uint64_t output;
	const char *dev;
	bool all;
	bool empty;
	bool global;
	bool dry_run;
	uint64_t mode;
	bool verify;
	const char *ranges;
	uint64_t step_bytes;
	bool tokens;
	bool errors;
	bool fail_on_loss;
	uint64_t pid;
	uint64_t path;
	uint64_t origin;
	uint64_t reason;
	const char *comm;
	const char *cgroup;
	bool wide;
	bool split;
	bool stack;
	uint64_t buffer_bytes;
	const char *record;
	const char *replay;
	const char *perfetto;
	uint64_t count;
	uint64_t duration_ns;
	uint64_t by;
	uint64_t max_series;
	const char *heatmap;
	uint64_t collect;
	const char *textfile;
	uint64_t min_latency_ns;
	uint64_t min_bytes;
	bool watch;
	bool batch;
	uint64_t interval_ns;
	bool leaks;
	uint64_t older_than_ns;
	const char *root;
	const char *config;
	const char *snapshot;
	const char *key;
	const char *cases[OPTIONS_ARGS_MAX];
	size_t nr_cases;
	const char *args[OPTIONS_ARGS_MAX];
	size_t nr_args;
};

enum option_kind {
	OPTION_FLAG,  /* bool */
	OPTION_TEXT,  /* const char * */
	OPTION_TEXTS, /* const char *[OPTIONS_ARGS_MAX], and size_t behind it */
	OPTION_WORD,  /* uint64_t: index of the word in @arg, "a|b|c" */
	OPTION_WORDS, /* uint64_t: a bit per word in @arg; given as "a,c" */
	OPTION_NUMBER, /* uint64_t, not 0 */
	OPTION_SIZE,   /* uint64_t, bytes */
	OPTION_TIME,   /* uint64_t, nanoseconds */
};

/**
 * struct option_def - one option
 * @name: long name
 * @key: short name; above 255 if there is none; unique
 * @kind: what its argument is
 * @arg: name of the argument in --help, or the words; NULL for a flag
 * @help: what it does; the default if there is one
 * @offset: of its member in struct options
 * @verbs: enum verb_bit, ored
 */
struct option_def {
	const char *name;
	int key;
	enum option_kind kind;
	const char *arg;
	const char *help;
	size_t offset;
	unsigned int verbs;
};

/* The table, ended by an entry without name. */
extern const struct option_def option_table[];

/**
 * struct verb - one verb, defined beside the code that does it
 * @name: one word or two ("dev list")
 * @args: arguments as in --help; NULL for none
 * @min_args: fewer are a usage error
 * @max_args: more are a usage error
 * @summary: one line, for the list of verbs
 * @doc: what it does, in a few sentences
 * @examples: lines for the end of --help, each a command that ends, or that
 *	Ctrl-C ends; a suite runs them all
 * @overhead: what it costs while it runs, and what is left when it ended
 * @units: of what it prints or reads, where they are not bytes and times; or
 *	NULL
 * @bit: enum verb_bit
 * @run: does it; returns enum exit_status
 */
struct verb {
	const char *name;
	const char *args;
	size_t min_args;
	size_t max_args;
	const char *summary;
	const char *doc;
	const char *examples;
	const char *overhead;
	const char *units;
	enum verb_bit bit;
	int (*run)(const struct options *opts);
};

/* How options_parse() behaves on an error. */
enum options_errors {
	OPTIONS_EXIT,	/* say what is wrong and exit with EXIT_USAGE */
	OPTIONS_RETURN, /* return it, print nothing */
};

/**
 * options_parse() - parse what follows a verb
 * @verb: the verb
 * @argc: length of @argv
 * @argv: its first entry is skipped
 * @opts: added to; the caller has cleared it
 * @errors: what to do when something is wrong
 *
 * --help and --version print and exit.
 *
 * Return: 0 or -EINVAL.
 */
int options_parse(const struct verb *verb, int argc, char **argv,
		  struct options *opts, enum options_errors errors);

/**
 * options_parse_global() - parse the options before the verb
 * @verbs: all verbs, ended by NULL, for --help
 * @argc: length of @argv
 * @argv: from main()
 * @opts: cleared, then filled
 *
 * Exits on an error, --help and --version.
 *
 * Return: index in @argv of the verb, or @argc if there is none.
 */
int options_parse_global(const struct verb *const *verbs, int argc, char **argv,
			 struct options *opts);

/**
 * options_usage() - say what is wrong with the arguments of a verb
 * @verb: the verb, or NULL for the program
 * @fmt: as for printf(), without newline
 *
 * Return: EXIT_USAGE.
 */
int options_usage(const struct verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * options_word() - index of a word in a list
 * @words: "a|b|c"
 * @word: what to look for
 *
 * Return: its index, or -EINVAL.
 */
int options_word(const char *words, const char *word);

/**
 * options_kind_hint() - the unit of an option, for --help
 * @kind: of the option
 *
 * Return: text in static storage, "" if there is no unit.
 */
const char *options_kind_hint(enum option_kind kind);

#endif /* BPFCOPY_OPTIONS_H */
