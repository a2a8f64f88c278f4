// SPDX-License-Identifier: GPL-2.0
/*
 * The manual pages of the verbs, and bpfcopy(1).
 */
#include <ctype.h>
#include <string.h>

#include "doc.h"
#include "exit.h"

/* Verbs that use BPF, those that change disks, and those that read rules. */
#define V_BPF	(V_LOAD | V_UNLOAD | V_STATUS | V_POLICY_APPLY | V_POLICY_REVERT)
#define V_RULES (V_POLICY_CHECK | V_POLICY_EXPLAIN | V_POLICY_APPLY)
#define V_DEVICES                                                         \
	(V_DEV_LIST | V_DEV_SHOW | V_COPY | V_TRACE | V_LOAD | V_UNLOAD | \
	 V_STATUS | V_POLICY_EXPLAIN | V_POLICY_APPLY | V_POLICY_REVERT)

static const struct {
	const char *path;
	const char *text;
	unsigned int verbs;
} files[] = {
	{ "/usr/lib/bpfcopy/policy_NAME.bpf.o", "the shipped policies",
	  V_LOAD | V_POLICY_SHOW | V_POLICY_TEST | V_POLICY_CHECK |
		  V_POLICY_APPLY },
	{ "/usr/lib/bpfcopy/objects.sha256, /etc/bpfcopy/objects.sha256",
	  "hashes of the objects that rules may name, as sha256sum writes them",
	  V_POLICY_CHECK | V_POLICY_APPLY },
	{ "/usr/lib/bpfcopy/*.conf", "rules that ship; not to be edited",
	  V_RULES },
	{ "/etc/bpfcopy/bpfcopy.conf, /etc/bpfcopy/bpfcopy.conf.d/*.conf",
	  "rules of the administrator", V_RULES },
	{ "/run/bpfcopy/state.json",
	  "what rules attached, and limits as they were before them",
	  V_POLICY_APPLY | V_POLICY_REVERT },
	{ "/run/bpfcopy/control", "the socket of bpfcopyd",
	  V_POLICY_APPLY | V_POLICY_REVERT },
	{ "/sys/fs/bpf/bpfcopy/MAJOR:MINOR/",
	  "attached policies: what keeps them when the command has ended",
	  V_BPF },
	{ "/sys/fs/bpf/bpfcopy/hist/",
	  "counters of copies, from --collect=start on", V_STATS },
	{ "/sys/block/DEV/queue/copy_max_bytes",
	  "the most that one command may copy; 0 turns offload off",
	  V_DEVICES },
	{ "/sys/kernel/btf/vmlinux", "where the kernel says what it has",
	  V_POLICY_TEST | V_BPF | V_TRACE | V_TOKENS | V_HIST | V_STATS |
		  V_TOP },
	{ "/proc/kallsyms", "names of the functions in stacks", V_TOKENS },
};

#define NR_FILES (sizeof(files) / sizeof(*files))

char *doc_page_name(const struct verb *verb, char name[DOC_NAME_MAX])
{
	snprintf(name, DOC_NAME_MAX, "bpfcopy%s%s", verb ? "-" : "",
		 verb ? verb->name : "");
	for (char *c = name; *c; c++)
		if (*c == ' ')
			*c = '-';
	return name;
}

static void section(FILE *out, const char *name)
{
	fprintf(out, ".SH %s\n", name);
}

/* A paragraph, beginning with a capital and ending with a full stop. */
static void sentence(FILE *out, const char *text, const char *more)
{
	size_t len = strlen(text);

	if (islower((unsigned char)*text)) {
		putc(toupper((unsigned char)*text), out);
		text++;
		len--;
	}
	roff_text(out, text);
	roff_text(out, more);
	fputs(*more || !len || text[len - 1] != '.' ? ".\n" : "\n", out);
}

static void head(FILE *out, const struct verb *verb, const char *date)
{
	char name[DOC_NAME_MAX], upper[DOC_NAME_MAX] = "";

	doc_page_name(verb, name);
	for (size_t i = 0; name[i]; i++)
		upper[i] = (char)toupper((unsigned char)name[i]);
	fputs(".\\\" Made from the tables of the command; do not edit.\n", out);
	fprintf(out, ".TH %s 1 %s \"bpfcopy %s\" \"bpfcopy\"\n", upper, date,
		BPFCOPY_VERSION);
	section(out, "NAME");
	roff_literal(out, name, strlen(name));
	fputs(" \\- ", out);
	roff_text(out, verb ? verb->summary :
			      "copy inside storage devices, decide when, and "
			      "watch");
	putc('\n', out);
}

/*
 * The command line
 */

/* One line per way to call it. */
static void synopsis(FILE *out, const struct verb *verb)
{
	const char *args = verb->args ? verb->args : "";

	section(out, "SYNOPSIS");
	for (;;) {
		size_t len = strcspn(args, "\n");

		fprintf(out, ".B bpfcopy %s\n[\\fIOPTION\\fR]...\n",
			verb->name);
		roff_args(out, args, len);
		if (len)
			putc('\n', out);
		if (!args[len])
			return;
		fputs(".br\n", out);
		args += len + 1;
	}
}

static void option(FILE *out, const struct option_def *def)
{
	fputs(".TP\n", out);
	if (def->key < 256)
		fprintf(out, "\\fB\\-%c\\fR, ", def->key);
	fputs("\\fB\\-\\-", out);
	roff_literal(out, def->name, strlen(def->name));
	fputs("\\fR", out);
	if (def->arg) {
		putc('=', out);
		roff_args(out, def->arg, strlen(def->arg));
	}
	putc('\n', out);
	sentence(out, def->help, options_kind_hint(def->kind));
}

static void options(FILE *out, unsigned int verbs)
{
	section(out, "OPTIONS");
	for (const struct option_def *def = option_table; def->name; def++)
		if ((def->verbs & verbs) == verbs)
			option(out, def);
	fputs(".TP\n\\fB\\-?\\fR, \\fB\\-\\-help\\fR\n"
	      "Explain the options, and give examples.\n"
	      ".TP\n\\fB\\-\\-usage\\fR\n"
	      "List the options.\n"
	      ".TP\n\\fB\\-V\\fR, \\fB\\-\\-version\\fR\n"
	      "Tell the version.\n",
	      out);
}

/*
 * What is the same on every page
 */

static void exit_status(FILE *out)
{
	section(out, "EXIT STATUS");
	for (int status = 0; status < EXIT_STATUSES; status++) {
		fprintf(out, ".TP 4\n.B %d\n", status);
		sentence(out, exit_meanings[status], "");
	}
}

static bool has_kind(unsigned int verbs, enum option_kind kind)
{
	for (const struct option_def *def = option_table; def->name; def++)
		if (def->kind == kind && def->verbs & verbs)
			return true;
	return false;
}

static void units(FILE *out, unsigned int verbs, const char *more)
{
	bool sizes = has_kind(verbs, OPTION_SIZE);
	bool times = has_kind(verbs, OPTION_TIME);

	section(out, "UNITS");
	if (more)
		sentence(out, more, "");
	if (sizes)
		fputs("A size is a whole number and\n.BR B ,\n.BR KiB ,\n"
		      ".BR MiB ,\n.BR GiB ,\nor\n.BR TiB ,\nas in 64KiB.\n",
		      out);
	if (times)
		fputs("A time is a whole number and\n.BR ns ,\n.BR us ,\n"
		      ".BR ms ,\n.BR s ,\n.BR min ,\nor\n.BR h ,\n"
		      "as in 500us.\n",
		      out);
	if (sizes || times)
		fputs("Without a unit only 0 is taken.\n", out);
	roff_text(out, "Tables round: sizes to one decimal, times to three "
		       "digits; 1KiB is 1024B. JSON does not: keys that end in "
		       "`bytes' are bytes, those in `_ns' nanoseconds.");
	putc('\n', out);
}

static void files_of(FILE *out, unsigned int verbs)
{
	bool first = true;

	for (size_t i = 0; i < NR_FILES; i++) {
		if (!(files[i].verbs & verbs))
			continue;
		if (first)
			section(out, "FILES");
		first = false;
		fputs(".TP\n.I ", out);
		roff_literal(out, files[i].path, strlen(files[i].path));
		putc('\n', out);
		sentence(out, files[i].text, "");
	}
}

/* The first @most of these lines. */
static void examples(FILE *out, const char *lines, size_t most)
{
	while (*lines && most--) {
		size_t len;

		lines += strspn(lines, " ");
		len = strcspn(lines, "\n");
		roff_literal(out, lines, len);
		putc('\n', out);
		lines += len + (lines[len] == '\n');
	}
}

/* Verbs of the same first word; of the command, all. */
static bool related(const struct verb *a, const struct verb *b)
{
	size_t len = a ? strcspn(a->name, " ") : 0;

	return !a || (a != b && a->name[len] == ' ' &&
		      !strncmp(a->name, b->name, len + 1));
}

static void see_also(FILE *out, const struct verb *verb)
{
	char name[DOC_NAME_MAX];

	section(out, "SEE ALSO");
	if (verb)
		fputs(".BR bpfcopy (1),\n", out);
	for (const struct verb *const *v = verbs; *v; v++) {
		if (!related(verb, *v))
			continue;
		fputs(".BR ", out);
		doc_page_name(*v, name);
		roff_literal(out, name, strlen(name));
		fputs(" (1),\n", out);
	}
	fputs(".BR bpfcopy.conf (5),\n.BR bpfcopyd (8)\n", out);
}

/*
 * Pages
 */

static void verb_page(FILE *out, const struct verb *verb)
{
	synopsis(out, verb);
	section(out, "DESCRIPTION");
	roff_text(out, verb->doc);
	putc('\n', out);
	options(out, verb->bit);
	exit_status(out);
	units(out, verb->bit, verb->units);
	if (verb->overhead) {
		section(out, "OVERHEAD");
		sentence(out, verb->overhead, "");
	}
	files_of(out, verb->bit);
	section(out, "EXAMPLES");
	fputs(".EX\n", out);
	examples(out, verb->examples, SIZE_MAX);
	fputs(".EE\n", out);
}

static void list_verbs(FILE *out)
{
	section(out, "VERBS");
	for (const struct verb *const *v = verbs; *v; v++) {
		fprintf(out, ".TP 16\n.B %s\n", (*v)->name);
		sentence(out, (*v)->summary, "");
	}
}

static void command_page(FILE *out)
{
	section(out, "SYNOPSIS");
	fputs(".B bpfcopy\n[\\fIOPTION\\fR]...\n"
	      "\\fIVERB\\fR [\\fIARGUMENT\\fR]...\n",
	      out);
	section(out, "DESCRIPTION");
	roff_text(out,
		  "Storage devices can copy data inside themselves (offload), "
		  "and where they cannot, or should not, the kernel reads and "
		  "writes (emulation). `bpfcopy' copies, shows what became of "
		  "every copy, and attaches policies: BPF programs that decide "
		  "which of the two each part of a copy takes. A policy "
		  "chooses the path, never the data. A kernel with the series "
		  "of this project is needed; `bpfcopy status' tells what the "
		  "running one lacks. Each verb has a page of its own, like "
		  "`bpfcopy-dev-list'(1).");
	putc('\n', out);
	list_verbs(out);
	options(out, V_ALL);
	exit_status(out);
	units(out, V_ALL, NULL);
	section(out, "OVERHEAD");
	roff_text(out,
		  "Where no policy is attached and nothing is traced, copies "
		  "cost nothing more: the kernel patches the calls out. What a "
		  "policy costs is told in `bpfcopy-load'(1), what watching "
		  "costs in `bpfcopy-trace'(1).");
	putc('\n', out);
	section(out, "ENVIRONMENT");
	fputs(".TP\n.B BPFCOPY_LIB\n"
	      "Where shipped policies are, instead of\n"
	      ".IR /usr/lib/bpfcopy .\n",
	      out);
	files_of(out, V_ALL);
	section(out, "EXAMPLES");
	fputs(".EX\n", out);
	for (const struct verb *const *v = verbs; *v; v++)
		examples(out, (*v)->examples, 1);
	fputs(".EE\n", out);
}

void doc_page(FILE *out, const struct verb *verb, const char *date)
{
	head(out, verb, date);
	if (verb)
		verb_page(out, verb);
	else
		command_page(out);
	see_also(out, verb);
}
