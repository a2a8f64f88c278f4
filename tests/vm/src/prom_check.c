// SPDX-License-Identifier: GPL-2.0
/*
 * prom_check [--text] [--names] <METRICS; prom_check --self-test
 *
 * Is it OpenMetrics, or with --text the older format, to the letter, and as this project wants
 * it: all names begin with bpfcopy_, have help and base units? --names then prints the names of
 * all samples. Exit status 1 and LINE: WHAT on stderr if not.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX  20000
#define LABELS_MAX 16
#define TEXT_MAX   512

struct label {
	char name[64];
	char value[256];
};

struct sample {
	char name[128];
	struct label labels[LABELS_MAX];
	int nr_labels;
	char value[64];
};

/* What is known of the family that is being read. */
struct family {
	char name[128];
	char type[16];
	bool help, unit;
};

/* The histogram whose samples are being read. */
struct histogram {
	char labels[TEXT_MAX * 2]; /* without le */
	double le, count;
	bool open, inf, counted;
};

static struct {
	bool text, ended;
	struct family family;
	struct histogram hist;
	char *families[LINES_MAX], *samples[LINES_MAX];
	int nr_families, nr_samples;
	const char *wrong;
} check;

static bool bad(const char *what)
{
	if (!check.wrong)
		check.wrong = what;
	return false;
}

/*
 * Words
 */

static size_t name_length(const char *s, bool colon)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s))
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_' ||
	       (colon && s[n] == ':'))
		n++;
	return n;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && !strcmp(s + len - n, end);
}

static bool take_name(const char **s, char *out, size_t size, bool colon)
{
	size_t n = name_length(*s, colon);

	if (!n || n >= size)
		return bad("not a name");
	memcpy(out, *s, n);
	out[n] = '\0';
	*s += n;
	return true;
}

static bool take_value(const char **s, char *out, size_t size)
{
	size_t n = 0;

	while (**s != '"') {
		if (!**s || n + 1 >= size)
			return bad("label value does not end");
		if (**s == '\\' && !strchr("\\\"n", (*s)[1]))
			return bad("no such escape");
		if (**s == '\\')
			out[n++] = *(*s)++;
		out[n++] = *(*s)++;
	}
	out[n] = '\0';
	(*s)++;
	return true;
}

static bool take_label(const char **s, struct sample *sample)
{
	struct label *label = &sample->labels[sample->nr_labels];

	if (sample->nr_labels == LABELS_MAX)
		return bad("too many labels");
	if (!take_name(s, label->name, sizeof(label->name), false))
		return false;
	if (!strncmp(label->name, "__", 2))
		return bad("label name is reserved");
	for (int i = 0; i < sample->nr_labels; i++)
		if (!strcmp(sample->labels[i].name, label->name))
			return bad("label twice");
	if (strncmp(*s, "=\"", 2) != 0)
		return bad("want =\" behind a label name");
	*s += 2;
	sample->nr_labels++;
	return take_value(s, label->value, sizeof(label->value));
}

static bool take_labels(const char **s, struct sample *sample)
{
	sample->nr_labels = 0;
	if (**s != '{')
		return true;
	do {
		(*s)++;
		if (!take_label(s, sample))
			return false;
	} while (**s == ',');
	if (**s != '}')
		return bad("labels do not end");
	(*s)++;
	return true;
}

static bool number(const char *text, double *value)
{
	char *end;

	if (!strcmp(text, "+Inf")) {
		*value = 1e300;
		return true;
	}
	if (!isdigit((unsigned char)*text) && *text != '-')
		return bad("not a number");
	*value = strtod(text, &end);
	return !*end || bad("not a number");
}

/* Once each. */
static bool remember(char **seen, int *nr, const char *text, const char *twice)
{
	for (int i = 0; i < *nr; i++)
		if (!strcmp(seen[i], text))
			return bad(twice);
	if (*nr == LINES_MAX)
		return bad("too much");
	seen[(*nr)++] = strdup(text);
	return true;
}

/*
 * Families
 */

static bool close_histogram(void)
{
	bool whole = !check.hist.open || (check.hist.inf && check.hist.counted);

	check.hist.open = false;
	return whole || bad("histogram without +Inf, count or sum");
}

static bool begin_family(const char *name)
{
	if (!strcmp(check.family.name, name))
		return true;
	if (!close_histogram())
		return false;
	if (*check.family.name && !check.family.help)
		return bad("family without help");
	if (strncmp(name, "bpfcopy_", 8) != 0)
		return bad("name does not begin with bpfcopy_");
	memset(&check.family, 0, sizeof(check.family));
	strcpy(check.family.name, name);
	return remember(check.families, &check.nr_families, name,
			"family is there already");
}

static bool check_type(const char *type)
{
	static const char *const types[] = { "gauge", "counter", "histogram",
					     "info" };

	if (*check.family.type)
		return bad("type twice");
	for (int i = 0; i < 4; i++)
		if (!strcmp(types[i], type) && (i < 3 || !check.text)) {
			strcpy(check.family.type, type);
			return true;
		}
	return bad("no such type");
}

static bool check_unit(const char *unit)
{
	char end[32];

	if (check.text || check.family.unit)
		return bad("unit twice, or in the older format");
	if (strcmp(unit, "seconds") != 0 && strcmp(unit, "bytes") != 0)
		return bad("not a base unit");
	snprintf(end, sizeof(end), "_%s", unit);
	check.family.unit = true;
	return ends_with(check.family.name, end) ||
	       bad("name does not end with the unit");
}

static bool check_help(const char *text)
{
	if (check.family.help || !*text)
		return bad("help twice, or empty");
	check.family.help = true;
	return true;
}

static bool meta_line(const char *line)
{
	char name[128], word[8];
	const char *s = line + 2;

	if (!strcmp(line, "# EOF")) {
		check.ended = true;
		return !check.text || bad("EOF in the older format");
	}
	if (!take_name(&s, word, sizeof(word), false) || *s++ != ' ' ||
	    !take_name(&s, name, sizeof(name), true) || *s++ != ' ')
		return bad("want # HELP, TYPE or UNIT, a name, a text");
	if (!begin_family(name))
		return false;
	if (!strcmp(word, "TYPE"))
		return check_type(s);
	if (!strcmp(word, "UNIT"))
		return check_unit(s);
	return strcmp(word, "HELP") ? bad("no such line") : check_help(s);
}

/*
 * Samples
 */

static const char *find_label(const struct sample *sample, const char *name)
{
	for (int i = 0; i < sample->nr_labels; i++)
		if (!strcmp(sample->labels[i].name, name))
			return sample->labels[i].value;
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name,
		      ((const struct label *)b)->name);
}

/* The same for the same labels in another order. */
static void print_labels(struct sample *sample, bool le, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	qsort(sample->labels, (size_t)sample->nr_labels,
	      sizeof(*sample->labels), by_name);
	for (int i = 0; i < sample->nr_labels; i++)
		if (n < size && (le || strcmp(sample->labels[i].name, "le")))
			n += (size_t)snprintf(out + n, size - n, "%s=\"%s\",",
					      sample->labels[i].name,
					      sample->labels[i].value);
}

static bool in_histogram(struct sample *sample)
{
	struct histogram *h = &check.hist;
	char labels[sizeof(h->labels)];

	print_labels(sample, false, labels, sizeof(labels));
	if (h->open && !strcmp(h->labels, labels))
		return true;
	if (!close_histogram())
		return false;
	memset(h, 0, sizeof(*h));
	strcpy(h->labels, labels);
	h->open = true;
	h->le = -1;
	return true;
}

static bool check_bucket(const struct sample *sample, double value)
{
	struct histogram *h = &check.hist;
	const char *le = find_label(sample, "le");
	double edge;

	if (!le || !number(le, &edge))
		return bad("bucket without edge");
	if (edge <= h->le || value < h->count || h->inf)
		return bad("buckets or their counts do not grow");
	h->le = edge;
	h->count = value;
	h->inf = !strcmp(le, "+Inf");
	return true;
}

static bool check_histogram(struct sample *sample, const char *end,
			    double value)
{
	if (!in_histogram(sample))
		return false;
	if (!strcmp(end, "_bucket"))
		return check_bucket(sample, value);
	if (find_label(sample, "le"))
		return bad("edge where there is no bucket");
	if (!strcmp(end, "_count"))
		return (check.hist.inf && value == check.hist.count) ||
		       bad("count is not that of +Inf");
	check.hist.counted = true;
	return !strcmp(end, "_sum") || bad("no such sample of a histogram");
}

static bool check_value(struct sample *sample, const char *end)
{
	const char *type = check.family.type;
	double value;

	if (!number(sample->value, &value))
		return false;
	if (!strcmp(type, "histogram"))
		return check_histogram(sample, end, value);
	if (!strcmp(type, "info"))
		return (!strcmp(end, "_info") && value == 1) ||
		       bad("info is _info and 1");
	if (strcmp(type, "counter") != 0)
		return !*end || bad("name is not the family's");
	if (value < 0)
		return bad("counter below 0");
	if (check.text)
		return (!*end && ends_with(check.family.name, "_total")) ||
		       bad("counter is not _total");
	return !strcmp(end, "_total") || bad("counter is not _total");
}

static bool sample_line(const char *line)
{
	char key[TEXT_MAX * 4], labels[TEXT_MAX * 2];
	size_t len = strlen(check.family.name);
	struct sample sample;
	const char *s = line;

	if (!take_name(&s, sample.name, sizeof(sample.name), true) ||
	    !take_labels(&s, &sample))
		return false;
	if (*s++ != ' ' || !*s || strlen(s) >= sizeof(sample.value))
		return bad("want one blank and a number");
	strcpy(sample.value, s);
	if (!len || !*check.family.type ||
	    strncmp(sample.name, check.family.name, len) != 0)
		return bad("sample of no family, or of another, or of no type");
	print_labels(&sample, true, labels, sizeof(labels));
	snprintf(key, sizeof(key), "%s{%s}", sample.name, labels);
	if (!remember(check.samples, &check.nr_samples, key, "sample twice"))
		return false;
	return check_value(&sample, sample.name + len);
}

static bool one_line(const char *line)
{
	if (check.ended)
		return bad("something behind # EOF");
	if (!*line)
		return bad("empty line");
	return *line == '#' ? meta_line(line) : sample_line(line);
}

/* Returns the number of the first wrong line, or 0. */
static int run(FILE *in)
{
	static char line[1 << 16];
	int nr = 0;

	for (int i = 0; i < check.nr_families; i++)
		free(check.families[i]);
	for (int i = 0; i < check.nr_samples; i++)
		free(check.samples[i]);
	check.nr_families = check.nr_samples = 0;
	check.ended = false;
	check.wrong = NULL;
	memset(&check.family, 0, sizeof(check.family));
	memset(&check.hist, 0, sizeof(check.hist));
	while (fgets(line, sizeof(line), in)) {
		size_t len = strlen(line);

		nr++;
		if (!len || line[len - 1] != '\n') {
			bad("line does not end");
			return nr;
		}
		line[len - 1] = '\0';
		if (!one_line(line))
			return nr;
	}
	if (!close_histogram() ||
	    (*check.family.name && !check.family.help &&
	     !bad("family without help")) ||
	    (!check.text && !check.ended && !bad("no # EOF")) ||
	    (!nr && !bad("nothing")))
		return nr + 1;
	return 0;
}

/*
 * Would it notice?
 */

#define META(type)                                                      \
	"# HELP bpfcopy_a_seconds text\n# TYPE bpfcopy_a_seconds " type \
	"\n# UNIT bpfcopy_a_seconds seconds\n"
#define BUCKET(le, n) "bpfcopy_a_seconds_bucket{le=\"" le "\"} " n "\n"
#define REST(n)	      "bpfcopy_a_seconds_count " n "\nbpfcopy_a_seconds_sum 1.5\n"

static const char *const good[] = {
	META("gauge") "bpfcopy_a_seconds 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{b=\"\\\\ \\\" \\n\",c=\"\"} 0.5\n# EOF\n",
	META("counter") "bpfcopy_a_seconds_total 1\n# EOF\n",
	META("histogram") BUCKET("1.0", "2") BUCKET("+Inf", "3")
		REST("3") "# EOF\n",
};

static const char *const wrong[] = {
	"",
	"# EOF",
	META("gauge") "bpfcopy_a_seconds 1\n",
	META("gauge") "bpfcopy_a_seconds 1\n# EOF\n\n",
	META("gauge") "\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds  1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds 1 \n# EOF\n",
	META("gauge") "bpfcopy_a_seconds one\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds_total 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds 1\nbpfcopy_a_seconds 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{b=\"\",c=\"\"} 1\nbpfcopy_a_seconds{c=\"\",b=\"\"} 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{b=\"\\t\"} 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{b=\"\",b=\"\"} 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{1=\"\"} 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{} 1\n# EOF\n",
	META("gauge") "bpfcopy_a_seconds{b=\"} 1\n# EOF\n",
	META("gauge") "bpfcopy_b 1\n# EOF\n",
	META("gauges") "bpfcopy_a_seconds 1\n# EOF\n",
	META("gauge") META("gauge") "# EOF\n",
	META("counter") "bpfcopy_a_seconds 1\n# EOF\n",
	META("counter") "bpfcopy_a_seconds_total -1\n# EOF\n",
	META("info") "bpfcopy_a_seconds_info 2\n# EOF\n",
	META("histogram") BUCKET("1.0", "2") BUCKET("+Inf", "1")
		REST("1") "# EOF\n",
	META("histogram") BUCKET("1.0", "2") BUCKET("0.5", "2") "# EOF\n",
	META("histogram") BUCKET("1.0", "2") REST("2") "# EOF\n",
	META("histogram") BUCKET("1.0", "2") BUCKET("+Inf", "3")
		REST("2") "# EOF\n",
	META("histogram") BUCKET("+Inf", "3") "# EOF\n",
	"# TYPE bpfcopy_a gauge\nbpfcopy_a 1\n# HELP bpfcopy_b b\n# EOF\n",
	"# HELP bpfcopy_a a\nbpfcopy_a 1\n# EOF\n",
	"# TYPE bpfcopy_a gauge\nbpfcopy_a 1\n# EOF\n",
	"# HELP other a\n# TYPE other gauge\nother 1\n# EOF\n",
	"# HELP bpfcopy_a_ms a\n# TYPE bpfcopy_a_ms gauge\n# UNIT bpfcopy_a_ms ms\n# EOF\n",
	"# HELP bpfcopy_a a\n# TYPE bpfcopy_a gauge\n# UNIT bpfcopy_a bytes\n# EOF\n",
};

static bool try_one(const char *text, bool want)
{
	FILE *in = *text ? fmemopen((void *)text, strlen(text), "r") :
			   fopen("/dev/null", "r");
	int line = run(in);

	fclose(in);
	if (!line == want)
		return true;
	printf("not ok prom_check %s\n#   %s\n",
	       want ? "refuses what is right" : "takes what is wrong",
	       want ? check.wrong : text);
	return false;
}

static int self_test(void)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		failed += !try_one(good[i], true);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		failed += !try_one(wrong[i], false);
	if (!failed)
		printf("ok prom_check refuses %zu kinds of mistakes\n",
		       sizeof(wrong) / sizeof(*wrong));
	return failed > 0;
}

int main(int argc, char **argv)
{
	bool names = false;
	int line;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--self-test"))
			return self_test();
		check.text |= !strcmp(argv[i], "--text");
		names |= !strcmp(argv[i], "--names");
	}
	line = run(stdin);
	if (line) {
		fprintf(stderr, "%d: %s\n", line, check.wrong);
		return 1;
	}
	for (int i = 0; names && i < check.nr_samples; i++)
		printf("%.*s\n", (int)strcspn(check.samples[i], "{"),
		       check.samples[i]);
	return 0;
}
