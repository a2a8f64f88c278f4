// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "units.h"

#define OPT(member) offsetof(struct options, member)

/* Keys of options that have no short name. */
enum long_only {
	KEY_EMPTY = 256,
	KEY_GLOBAL,
	KEY_DRY_RUN,
	KEY_VERIFY,
	KEY_RANGES,
	KEY_STEP,
	KEY_TOKENS,
	KEY_ERRORS,
	KEY_FAIL_ON_LOSS,
	KEY_MIN_LATENCY,
	KEY_MIN_SIZE,
	KEY_PATH,
	KEY_ORIGIN,
	KEY_BY,
	KEY_MAX_SERIES,
	KEY_HEATMAP,
	KEY_COLLECT,
	KEY_TEXTFILE,
	KEY_REASON,
	KEY_COMM,
	KEY_CGROUP,
	KEY_SPLIT,
	KEY_STACK,
	KEY_BUFFER,
	KEY_RECORD,
	KEY_PERFETTO,
	KEY_ROOT,
	KEY_CONFIG,
	KEY_SNAPSHOT,
	KEY_KEY,
	KEY_WATCH,
	KEY_LEAKS,
	KEY_OLDER_THAN,
	KEY_CASE,
};

const struct option_def option_table[] = {
	{ "output", 'o', OPTION_WORD, "table|json|ndjson|prom",
	  "how to print (default: table); prom is for stats", OPT(output),
	  V_ALL },
	{ "dev", 'd', OPTION_TEXT, "DEV",
	  "this device: a name, a path in /dev, a by-id link", OPT(dev),
	  V_LOAD | V_UNLOAD | V_TRACE | V_HIST | V_TOP },
	{ "all", 'a', OPTION_FLAG, NULL,
	  "every disk; load takes those that can copy by themselves, unload "
	  "those with a policy, and the global slot",
	  OPT(all), V_LOAD | V_UNLOAD },
	{ "empty", KEY_EMPTY, OPTION_FLAG, NULL,
	  "also disks of size 0, like loop devices without a file", OPT(empty),
	  V_DEV_LIST },
	{ "global", KEY_GLOBAL, OPTION_FLAG, NULL,
	  "the global slot: asked when the policy of a disk has no opinion",
	  OPT(global), V_LOAD | V_UNLOAD },
	{ "dry-run", KEY_DRY_RUN, OPTION_FLAG, NULL,
	  "check everything, the verifier included, and change nothing",
	  OPT(dry_run), V_LOAD | V_POLICY_APPLY | V_POLICY_REVERT },
	{ "mode", 'm', OPTION_WORD, "auto|offload|emulate",
	  "who may copy: whoever policy and kernel choose, only the device, "
	  "only the kernel (default: auto)",
	  OPT(mode), V_COPY },
	{ "verify", KEY_VERIFY, OPTION_FLAG, NULL,
	  "afterwards read both sides past the page cache and compare",
	  OPT(verify), V_COPY },
	{ "ranges", KEY_RANGES, OPTION_TEXT, "FILE",
	  "take ranges from FILE (- is stdin), one `SRC DST LENGTH' a line",
	  OPT(ranges), V_COPY },
	{ "step", KEY_STEP, OPTION_SIZE, "SIZE",
	  "ask the kernel for at most so much at once (default: 64MiB)",
	  OPT(step_bytes), V_COPY },
	{ "tokens", KEY_TOKENS, OPTION_FLAG, NULL,
	  "also a row per step in the life of a token", OPT(tokens), V_TRACE },
	{ "errors", KEY_ERRORS, OPTION_FLAG, NULL, "only copies that failed",
	  OPT(errors), V_TRACE | V_HIST },
	{ "fail-on-loss", KEY_FAIL_ON_LOSS, OPTION_FLAG, NULL,
	  "exit with 7 if events were lost", OPT(fail_on_loss),
	  V_TRACE | V_HIST | V_TOKENS | V_STATS | V_TOP },
	{ "pid", 'p', OPTION_NUMBER, "PID", "only copies of this process",
	  OPT(pid), V_TRACE | V_HIST },
	{ "path", KEY_PATH, OPTION_WORD, "offload|emulate|mixed",
	  "only copies that took this path", OPT(path), V_TRACE | V_HIST },
	{ "origin", KEY_ORIGIN, OPTION_WORD,
	  "kernel|ioctl|io_uring|copy_file_range|kcopyd|nvmet",
	  "only copies that were asked for this way", OPT(origin),
	  V_TRACE | V_HIST },
	{ "reason", KEY_REASON, OPTION_WORD,
	  "builtin|policy|global-policy|caller|unsupported|disabled|"
	  "cross-device|stale|failed|nomem",
	  "only copies that took their path for this reason", OPT(reason),
	  V_TRACE },
	{ "comm", KEY_COMM, OPTION_TEXT, "NAME",
	  "only copies of tasks of this name", OPT(comm), V_TRACE },
	{ "cgroup", KEY_CGROUP, OPTION_TEXT, "PATH",
	  "only copies of tasks in or below this cgroup; PATH may begin at "
	  "/sys/fs/cgroup",
	  OPT(cgroup), V_TRACE },
	{ "min-latency", KEY_MIN_LATENCY, OPTION_TIME, "TIME",
	  "only copies that took at least so long", OPT(min_latency_ns),
	  V_TRACE | V_HIST },
	{ "min-size", KEY_MIN_SIZE, OPTION_SIZE, "SIZE",
	  "only copies of at least so many bytes", OPT(min_bytes),
	  V_TRACE | V_HIST },
	{ "count", 'n', OPTION_NUMBER, "N",
	  "end after N copies; tokens: after N leaks or screens; top: "
	  "after N screens",
	  OPT(count), V_TRACE | V_TOKENS | V_TOP },
	{ "wide", 'w', OPTION_FLAG, NULL,
	  "more columns: who asked, who decided", OPT(wide), V_TRACE },
	{ "split", KEY_SPLIT, OPTION_FLAG, NULL,
	  "tell where the time went: deciding, tokens, queue, device, emulation",
	  OPT(split), V_TRACE },
	{ "stack", KEY_STACK, OPTION_FLAG, NULL,
	  "tell from where in the kernel each copy was asked for", OPT(stack),
	  V_TRACE },
	{ "buffer", KEY_BUFFER, OPTION_SIZE, "SIZE",
	  "room for events that are not read yet, made a power of two "
	  "(default: 4MiB)",
	  OPT(buffer_bytes), V_TRACE },
	{ "record", KEY_RECORD, OPTION_TEXT, "FILE",
	  "write everything to FILE, for --replay, and print no rows",
	  OPT(record), V_TRACE },
	{ "replay", 'r', OPTION_TEXT, "FILE",
	  "read what `trace --record' wrote (- is stdin) instead of watching",
	  OPT(replay), V_TRACE | V_HIST | V_TOP | V_TOKENS },
	{ "perfetto", KEY_PERFETTO, OPTION_TEXT, "FILE",
	  "write FILE for ui.perfetto.dev or chrome://tracing, with other "
	  "I/O beside the copies, and print no rows",
	  OPT(perfetto), V_TRACE },
	{ "root", KEY_ROOT, OPTION_TEXT, "FOLDER",
	  "the machine whose files are meant is below FOLDER", OPT(root),
	  V_POLICY_CHECK | V_POLICY_EXPLAIN },
	{ "config", KEY_CONFIG, OPTION_TEXT, "FILE|FOLDER",
	  "this configuration instead of the one of the machine", OPT(config),
	  V_POLICY_EXPLAIN },
	{ "snapshot", KEY_SNAPSHOT, OPTION_TEXT, "FILE",
	  "devices as `dev show -o json' printed them to FILE (- is stdin)",
	  OPT(snapshot), V_POLICY_EXPLAIN },
	{ "key", KEY_KEY, OPTION_TEXT, "KEY", "only this key", OPT(key),
	  V_POLICY_EXPLAIN },
	{ "case", KEY_CASE, OPTION_TEXTS, "KEY=VALUE,...",
	  "ask about this chunk of a copy; may be said again, and is then asked "
	  "afterwards",
	  OPT(cases), V_POLICY_TEST },
	{ "duration", 't', OPTION_TIME, "TIME", "end after so long",
	  OPT(duration_ns), V_TRACE | V_HIST | V_TOKENS | V_TOP },
	{ "interval", 'i', OPTION_TIME, "TIME",
	  "from one screen to the next (default: 1s; hist: only at the end)",
	  OPT(interval_ns), V_HIST | V_TOKENS | V_TOP },
	{ "batch", 'b', OPTION_FLAG, NULL,
	  "screens as text, one after the other", OPT(batch), V_TOP },
	{ "watch", KEY_WATCH, OPTION_FLAG, NULL,
	  "again and again, in place on a terminal", OPT(watch), V_TOKENS },
	{ "leaks", KEY_LEAKS, OPTION_FLAG, NULL,
	  "a row for each token that gets too old or outlives its copy, with "
	  "the stack that made it",
	  OPT(leaks), V_TOKENS },
	{ "older-than", KEY_OLDER_THAN, OPTION_TIME, "TIME",
	  "only tokens of this age and more (default: 0; with --leaks: 10s)",
	  OPT(older_than_ns), V_TOKENS },
	{ "by", KEY_BY, OPTION_WORDS, "dev|path|policy|origin",
	  "tell copies apart by these, separated by commas; policy is who "
	  "decided (default: dev,path)",
	  OPT(by), V_HIST },
	{ "max-series", KEY_MAX_SERIES, OPTION_NUMBER, "N",
	  "room for so many combinations of what copies are told apart by "
	  "(default: 64 to 1024, by the number of processors)",
	  OPT(max_series), V_HIST | V_STATS },
	{ "heatmap", KEY_HEATMAP, OPTION_TEXT, "FILE",
	  "at the end draw latency over time to FILE, a .svg or .html",
	  OPT(heatmap), V_HIST },
	{ "collect", KEY_COLLECT, OPTION_WORD, "start|stop",
	  "count copies from now on, or no longer", OPT(collect), V_STATS },
	{ "textfile", KEY_TEXTFILE, OPTION_TEXT, "FILE",
	  "write metrics to FILE, which is replaced as a whole", OPT(textfile),
	  V_STATS },
	{},
};

#define NR_OPTIONS (sizeof(option_table) / sizeof(*option_table))

const char *argp_program_version = "bpfcopy " BPFCOPY_VERSION;

/* Given to the parser of one verb as argp's input. */
struct parse {
	const struct verb *verb;
	const struct verb *const *verbs;
	struct options *opts;
	int verb_index;
};

int options_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	int index;

	for (index = 0; words; index++) {
		size_t n = strcspn(words, "|");

		if (n == len && !strncmp(words, word, n))
			return index;
		words = words[n] ? words + n + 1 : NULL;
	}
	return -EINVAL;
}

const char *options_kind_hint(enum option_kind kind)
{
	switch (kind) {
	case OPTION_SIZE:
		return "; unit: B, KiB, MiB, GiB, TiB";
	case OPTION_TIME:
		return "; unit: ns, us, ms, s, min, h";
	default:
		return "";
	}
}

static int parse_number(const char *arg, uint64_t *value, const char **why)
{
	char *end;

	errno = 0;
	*value = strtoull(arg, &end, 10);
	if (!errno && *value && !*end && *arg >= '0' && *arg <= '9')
		return 0;
	*why = "want a whole number above 0";
	return -EINVAL;
}

static int parse_word(const struct option_def *def, const char *arg,
		      uint64_t *value, const char **why)
{
	int index = options_word(def->arg, arg);

	if (index < 0) {
		*why = def->arg;
		return index;
	}
	/* 0 is "not given"; the others have a default, which comes first. */
	*value = (uint64_t)index +
		 (def->key == KEY_PATH || def->key == KEY_ORIGIN ||
		  def->key == KEY_COLLECT || def->key == KEY_REASON);
	return 0;
}

static int parse_words(const struct option_def *def, const char *arg,
		       uint64_t *value, const char **why)
{
	char word[32];
	int index;

	*value = 0;
	for (;; arg++) {
		size_t len = strcspn(arg, ",");

		snprintf(word, sizeof(word), "%.*s", (int)len, arg);
		index = options_word(def->arg, word);
		if (index < 0) {
			*why = def->arg;
			return index;
		}
		*value |= 1ULL << index;
		arg += len;
		if (!*arg)
			return 0;
	}
}

/* 0 is "not given", so whoever asks for no time at all would get the opposite. */
static int parse_time(const struct option_def *def, const char *arg,
		      uint64_t *value, const char **why)
{
	int err = units_parse_time(arg, value, why);

	if (err || *value || (def->key != 't' && def->key != 'i'))
		return err;
	*why = "want a time above 0";
	return -EINVAL;
}

/* One more. */
static int add_text(const char **texts, const char *arg, const char **why)
{
	size_t *nr = (size_t *)&texts[OPTIONS_ARGS_MAX];

	if (*nr == OPTIONS_ARGS_MAX) {
		*why = "too many of them";
		return -E2BIG;
	}
	texts[(*nr)++] = arg;
	return 0;
}

/* Stores the value of an option. Sets @why when it is refused. */
static int set_option(struct options *opts, const struct option_def *def,
		      const char *arg, const char **why)
{
	void *member = (char *)opts + def->offset;

	switch (def->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)member = arg;
		return 0;
	case OPTION_TEXTS:
		return add_text(member, arg, why);
	case OPTION_WORD:
		return parse_word(def, arg, member, why);
	case OPTION_WORDS:
		return parse_words(def, arg, member, why);
	case OPTION_NUMBER:
		return parse_number(arg, member, why);
	case OPTION_SIZE:
		return units_parse_size(arg, member, why);
	case OPTION_TIME:
		return parse_time(def, arg, member, why);
	}
	return -EINVAL;
}

static const struct option_def *find_option(int key)
{
	const struct option_def *def;

	for (def = option_table; def->name; def++)
		if (def->key == key)
			return def;
	return NULL;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	const struct option_def *def = find_option(key);
	const char *why = NULL;

	if (!def)
		return ARGP_ERR_UNKNOWN;
	if (set_option(parse->opts, def, arg, &why)) {
		argp_error(state, "--%s=%s: %s%s", def->name, arg,
			   why == def->arg ? "want one of " : "", why);
		return EINVAL;
	}
	return 0;
}

static error_t parse_argument(struct parse *parse, char *arg,
			      struct argp_state *state)
{
	struct options *opts = parse->opts;

	if (opts->nr_args >= parse->verb->max_args ||
	    opts->nr_args >= OPTIONS_ARGS_MAX) {
		argp_error(state, "unexpected argument `%s'", arg);
		return EINVAL;
	}
	opts->args[opts->nr_args++] = arg;
	return 0;
}

static error_t parse_verb(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;

	if (key == ARGP_KEY_ARG)
		return parse_argument(parse, arg, state);
	if (key == ARGP_KEY_END &&
	    parse->opts->nr_args < parse->verb->min_args) {
		argp_error(state, "want %s", parse->verb->args);
		return EINVAL;
	}
	return parse_option(key, arg, state);
}

static error_t parse_before_verb(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;

	if (key != ARGP_KEY_ARG)
		return parse_option(key, arg, state);
	/* The verb: what follows it is parsed by options_parse(). */
	parse->verb_index = state->next - 1;
	state->next = state->argc;
	return 0;
}

/* A list of words that leaves no room for help beside it. */
static bool is_long_list(const struct option_def *def)
{
	return def->kind == OPTION_WORD && strlen(def->arg) > 50;
}

/* argp shows help text as it is, so units and long lists are appended here. */
static char *full_help(const struct option_def *def)
{
	bool list = is_long_list(def);
	char *text, *c;

	if (asprintf(&text, "%s%s%s%s", def->help, options_kind_hint(def->kind),
		     list ? ": " : "", list ? def->arg : "") < 0)
		return NULL;
	/* Lines are broken at blanks. */
	while (list && (c = strchr(text, '|')))
		*c = ' ';
	return text;
}

static void fill_argp(struct argp_option *out, unsigned int verbs)
{
	const struct option_def *def;

	for (def = option_table; def->name; def++) {
		if ((def->verbs & verbs) != verbs)
			continue;
		out->name = def->name;
		out->key = def->key;
		out->arg = is_long_list(def) ? "WORD" : def->arg;
		out->doc = full_help(def);
		out++;
	}
}

static void free_argp(struct argp_option *options)
{
	for (; options->name; options++)
		free((char *)options->doc);
}

static char *verb_help(const struct verb *verb)
{
	char *text;

	if (asprintf(&text, "\n%s\vExamples:\n%s", verb->doc, verb->examples) <
	    0)
		return NULL;
	return text;
}

/* Called by argp_error(): the exit status of a usage error is ours. */
static void set_usage_status(void)
{
	argp_err_exit_status = EXIT_USAGE;
}

int options_parse(const struct verb *verb, int argc, char **argv,
		  struct options *opts, enum options_errors errors)
{
	struct argp_option options[NR_OPTIONS] = {};
	struct parse parse = { .verb = verb, .opts = opts };
	struct argp argp = { .options = options,
			     .parser = parse_verb,
			     .args_doc = verb->args };
	unsigned int flags = errors == OPTIONS_RETURN ? ARGP_SILENT : 0;
	char *doc = verb_help(verb);
	char name[64], *first = argv[0];
	error_t err;

	set_usage_status();
	snprintf(name, sizeof(name), "bpfcopy %s", verb->name);
	argv[0] = name;
	argp.doc = doc;
	fill_argp(options, verb->bit);
	err = argp_parse(&argp, argc, argv, flags, NULL, &parse);
	argv[0] = first;
	free_argp(options);
	free(doc);
	return err ? -EINVAL : 0;
}

/* The list of verbs, for the end of `bpfcopy --help'. */
static char *list_verbs(int key, const char *text, void *input)
{
	const struct parse *parse = input;
	const struct verb *const *verb;
	char *out = NULL;
	size_t size;
	FILE *f;

	if (key != ARGP_KEY_HELP_POST_DOC || !parse)
		return (char *)text;
	f = open_memstream(&out, &size);
	if (!f)
		return (char *)text;
	fputs("Verbs:\n", f);
	for (verb = parse->verbs; *verb; verb++)
		fprintf(f, "  %-14s  %s\n", (*verb)->name, (*verb)->summary);
	fputs("\n`bpfcopy VERB --help' tells more and ends with examples.\n"
	      "\nExit status:",
	      f);
	for (int status = 0; status < EXIT_STATUSES; status++)
		fprintf(f, "\n  %d  %s", status, exit_meanings[status]);
	fclose(f);
	return out;
}

int options_parse_global(const struct verb *const *verbs, int argc, char **argv,
			 struct options *opts)
{
	struct argp_option options[NR_OPTIONS] = {};
	struct parse parse = { .verbs = verbs,
			       .opts = opts,
			       .verb_index = argc };
	struct argp argp = {
		.options = options,
		.parser = parse_before_verb,
		.args_doc = "VERB [ARGUMENT...]",
		.doc = "\nCopy inside storage devices, decide when, and watch."
		       "\v ",
		.help_filter = list_verbs,
	};

	set_usage_status();
	memset(opts, 0, sizeof(*opts));
	fill_argp(options, V_ALL);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &parse);
	free_argp(options);
	return parse.verb_index;
}

int options_usage(const struct verb *verb, const char *fmt, ...)
{
	const char *name = verb ? verb->name : "";
	va_list ap;

	fprintf(stderr, "bpfcopy%s%s: ", *name ? " " : "", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry `bpfcopy%s%s --help' for more information.\n",
		*name ? " " : "", name);
	return EXIT_USAGE;
}
