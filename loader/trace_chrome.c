// SPDX-License-Identifier: GPL-2.0
#include "trace_chrome.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

/* Kinds of threads; each has a range of thread numbers, for what overlaps. */
enum kind {
	NONE,
	OFFLOAD,
	EMULATE,
	MIXED,
	TOKENS,
	COMMANDS,
	OTHER_IO,
	NR_KINDS,
};

#define KIND_LANES 1000

static const char *const kind_names[] = { "no path",  "offload", "emulate",
					  "mixed",    "tokens",	 "commands",
					  "other I/O" };

/* Until when each thread of a kind is taken. */
struct lanes {
	uint64_t *busy_ns;
	size_t nr;
};

struct process {
	struct process *next;
	int number;
	bool has_id; /* its steady name is told */
	char name[DEVICE_NAME_MAX];
	struct lanes kinds[NR_KINDS];
};

/* What has begun: tokens (@sector 0, no @device) and commands. */
struct begun {
	uint64_t token_id;
	uint64_t sector;
	char device[DEVICE_NAME_MAX];
	uint64_t ts_ns;
	uint64_t ranges;
};

struct trace_chrome {
	FILE *out;
	int err;
	bool any; /* an event is written */
	uint64_t start_ns;
	struct process *processes;
	int nr_processes;
	void *tokens;	/* tree of struct begun; device is where it is used */
	void *commands; /* tree of struct begun */
};

/* One slice of a thread. */
struct slice {
	const char *device;
	const char *device_id;
	enum kind kind;
	const char *name;
	uint64_t start_ns;
	uint64_t end_ns;
};

/*
 * Writing
 */

static int keep(struct trace_chrome *chrome, int err)
{
	if (err && !chrome->err)
		chrome->err = err;
	return chrome->err;
}

/* Takes @event over. */
static int write_event(struct trace_chrome *chrome, struct json_object *event)
{
	const char *text = json_object_to_json_string_ext(
		event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	int err = 0;

	errno = 0;
	if (!text)
		err = -ENOMEM;
	else if (fprintf(chrome->out, "%s\n%s", chrome->any ? "," : "", text) <
		 0)
		err = errno ? -errno : -EIO;
	chrome->any = true;
	json_object_put(event);
	return keep(chrome, err);
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, int number)
{
	json_object_object_add(o, key, json_object_new_int(number));
}

/* Microseconds, exactly. */
static void add_time(struct json_object *o, const char *key, uint64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", ns / 1000,
		 (unsigned int)(ns % 1000));
	json_object_object_add(
		o, key, json_object_new_double_s((double)ns / 1000, text));
}

static struct json_object *new_event(const char *phase, const char *name,
				     int pid, int tid)
{
	struct json_object *event = json_object_new_object();

	add_text(event, "ph", phase);
	add_text(event, "name", name);
	add_number(event, "pid", pid);
	add_number(event, "tid", tid);
	return event;
}

/* The name of a process or a thread. */
static void write_name(struct trace_chrome *chrome, const char *what, int pid,
		       int tid, const char *name)
{
	struct json_object *event = new_event("M", what, pid, tid);
	struct json_object *args = json_object_new_object();

	add_text(args, "name", name);
	json_object_object_add(event, "args", args);
	write_event(chrome, event);
}

/*
 * Processes and threads
 */

static struct process *add_process(struct trace_chrome *chrome,
				   const char *device)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	snprintf(p->name, sizeof(p->name), "%s", device);
	p->number = ++chrome->nr_processes;
	p->next = chrome->processes;
	chrome->processes = p;
	write_name(chrome, "process_name", p->number, 0, device);
	return p;
}

/* Tokens and commands do not tell the steady name of their disk: copies do. */
static void tell_id(struct trace_chrome *chrome, struct process *p,
		    const char *id)
{
	char name[DEVICE_NAME_MAX + DEVICE_TEXT_MAX];

	if (p->has_id || !id || !*id)
		return;
	p->has_id = true;
	snprintf(name, sizeof(name), "%s (%s)", p->name, id);
	write_name(chrome, "process_name", p->number, 0, name);
}

static struct process *find_process(struct trace_chrome *chrome,
				    const char *device, const char *id)
{
	struct process *p = chrome->processes;

	while (p && strcmp(p->name, device))
		p = p->next;
	if (!p)
		p = add_process(chrome, device);
	if (p)
		tell_id(chrome, p, id);
	return p;
}

static int add_lane(struct trace_chrome *chrome, struct process *p,
		    enum kind kind)
{
	struct lanes *lanes = &p->kinds[kind];
	size_t n = lanes->nr;
	uint64_t *more;
	char name[32];

	if (n + 1 == KIND_LANES)
		return (int)n - 1;
	more = reallocarray(lanes->busy_ns, n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	lanes->busy_ns = more;
	lanes->nr++;
	snprintf(name, sizeof(name), n ? "%s %zu" : "%s", kind_names[kind],
		 n + 1);
	write_name(chrome, "thread_name", p->number,
		   (int)kind * KIND_LANES + (int)n + 1, name);
	return (int)n;
}

/* A thread on which nothing is that overlaps; slices come in the order of ends. */
static int find_lane(struct trace_chrome *chrome, struct process *p,
		     const struct slice *s)
{
	struct lanes *lanes = &p->kinds[s->kind];
	int lane = 0;

	while (lane < (int)lanes->nr && lanes->busy_ns[lane] > s->start_ns)
		lane++;
	if (lane == (int)lanes->nr)
		lane = add_lane(chrome, p, s->kind);
	if (lane >= 0)
		lanes->busy_ns[lane] = s->end_ns;
	return lane;
}

/* Takes @args over. */
static int write_slice(struct trace_chrome *chrome, const struct slice *s,
		       struct json_object *args)
{
	struct process *p = find_process(
		chrome, s->device ? s->device : "unknown", s->device_id);
	int lane = p ? find_lane(chrome, p, s) : -ENOMEM;
	struct json_object *event;

	if (lane < 0) {
		json_object_put(args);
		return keep(chrome, lane);
	}
	event = new_event("X", s->name, p->number,
			  (int)s->kind * KIND_LANES + lane + 1);
	add_text(event, "cat", kind_names[s->kind]);
	add_time(event, "ts", s->start_ns);
	add_time(event, "dur", s->end_ns - s->start_ns);
	json_object_object_add(event, "args", args);
	return write_event(chrome, event);
}

/* What began before the trace begins with it. */
static void set_times(const struct trace_chrome *chrome, struct slice *s,
		      uint64_t ts_ns, uint64_t lasted_ns)
{
	uint64_t end = ts_ns > chrome->start_ns ? ts_ns - chrome->start_ns : 0;

	s->end_ns = end;
	s->start_ns = end > lasted_ns ? end - lasted_ns : 0;
}

/*
 * Rows
 */

int trace_chrome_hello(struct trace_chrome *chrome,
		       const struct trace_hello *row)
{
	struct json_object *other = rows_object(trace_hello_desc.cols, row);

	chrome->start_ns = row->ts_ns;
	errno = 0;
	if (fprintf(chrome->out,
		    "{\"displayTimeUnit\":\"ns\",\"otherData\":%s,"
		    "\"traceEvents\":[",
		    json_object_to_json_string_ext(other,
						   JSON_C_TO_STRING_PLAIN)) < 0)
		keep(chrome, errno ? -errno : -EIO);
	json_object_put(other);
	return chrome->err;
}

static enum kind kind_of_path(const char *path)
{
	for (enum kind kind = OFFLOAD; kind <= MIXED; kind++)
		if (path && !strcmp(path, kind_names[kind]))
			return kind;
	return NONE;
}

int trace_chrome_copy(struct trace_chrome *chrome, const struct trace_copy *row)
{
	struct slice s = {
		.device = row->device,
		.device_id = row->device_id,
		.kind = kind_of_path(row->path),
		.name = row->reason ? row->reason : "copy",
	};

	set_times(chrome, &s, row->ts_ns, row->latency_ns);
	return write_slice(chrome, &s, rows_object(trace_copy_desc.cols, row));
}

static int compare(const void *a, const void *b)
{
	const struct begun *x = a, *y = b;

	if (x->token_id != y->token_id)
		return x->token_id < y->token_id ? -1 : 1;
	if (x->sector != y->sector)
		return x->sector < y->sector ? -1 : 1;
	return strcmp(x->device, y->device);
}

static int by_token(const void *a, const void *b)
{
	const struct begun *x = a, *y = b;

	return x->token_id < y->token_id ? -1 : x->token_id > y->token_id;
}

/* The entry like @key, made of it if there is none; NULL without memory. */
static struct begun *enter(void **tree, const struct begun *key,
			   int (*order)(const void *, const void *))
{
	struct begun *fresh = malloc(sizeof(*fresh)), **found;

	if (!fresh)
		return NULL;
	*fresh = *key;
	found = tsearch(fresh, tree, order);
	if (!found || *found != fresh)
		free(fresh);
	return found ? *found : NULL;
}

static bool take(void **tree, struct begun *key,
		 int (*order)(const void *, const void *))
{
	struct begun **found = tfind(key, tree, order), *entry;

	if (!found)
		return false;
	entry = *found;
	tdelete(key, tree, order);
	*key = *entry;
	free(entry);
	return true;
}

/* A token lives where it is used, or else where it was filled. */
static int place_token(struct trace_chrome *chrome,
		       const struct trace_token *row)
{
	struct begun key = { .token_id = row->token_id }, *entry;

	entry = enter(&chrome->tokens, &key, by_token);
	if (!entry)
		return keep(chrome, -ENOMEM);
	if (row->device && (!*entry->device || strcmp(row->step, "fill")))
		snprintf(entry->device, sizeof(entry->device), "%s",
			 row->device);
	return 0;
}

static int end_token(struct trace_chrome *chrome, const struct trace_token *row)
{
	struct begun key = { .token_id = row->token_id };
	struct slice s = { .kind = TOKENS, .name = "token" };

	take(&chrome->tokens, &key, by_token);
	s.device = *key.device ? key.device : NULL;
	set_times(chrome, &s, row->ts_ns, row->age_ns);
	return write_slice(chrome, &s, rows_object(trace_token_desc.cols, row));
}

static struct begun command_of(const struct trace_token *row)
{
	struct begun key = { .token_id = row->token_id,
			     .sector = row->sector,
			     .ts_ns = row->ts_ns,
			     .ranges = row->ranges };

	snprintf(key.device, sizeof(key.device), "%s",
		 row->device ? row->device : "unknown");
	return key;
}

static int begin_command(struct trace_chrome *chrome,
			 const struct trace_token *row)
{
	struct begun key = command_of(row);
	struct begun *entry = enter(&chrome->commands, &key, compare);

	if (!entry)
		return keep(chrome, -ENOMEM);
	/* Sent again, it begins anew. */
	entry->ts_ns = row->ts_ns;
	return 0;
}

static int end_command(struct trace_chrome *chrome,
		       const struct trace_token *row)
{
	struct begun key = command_of(row);
	struct trace_token args = *row;
	struct slice s = { .device = key.device,
			   .kind = COMMANDS,
			   .name = "copy" };

	if (!take(&chrome->commands, &key, compare))
		return 0;
	args.ranges = key.ranges;
	set_times(chrome, &s, row->ts_ns,
		  row->ts_ns > key.ts_ns ? row->ts_ns - key.ts_ns : 0);
	return write_slice(chrome, &s,
			   rows_object(trace_token_desc.cols, &args));
}

int trace_chrome_token(struct trace_chrome *chrome,
		       const struct trace_token *row)
{
	if (!row->step)
		return 0;
	if (!strcmp(row->step, "free"))
		return end_token(chrome, row);
	place_token(chrome, row);
	if (!strcmp(row->step, "dispatch"))
		begin_command(chrome, row);
	if (!strcmp(row->step, "complete"))
		end_command(chrome, row);
	return chrome->err;
}

int trace_chrome_io(struct trace_chrome *chrome, const struct trace_io *row)
{
	struct slice s = {
		.device = row->device,
		.kind = OTHER_IO,
		.name = row->op ? row->op : "other",
	};

	set_times(chrome, &s, row->ts_ns, row->latency_ns);
	return write_slice(chrome, &s, rows_object(trace_io_desc.cols, row));
}

int trace_chrome_lost(struct trace_chrome *chrome, const struct trace_lost *row)
{
	struct slice s = {};
	struct json_object *event;
	char name[64];

	snprintf(name, sizeof(name), "%" PRIu64 " events were lost", row->lost);
	event = new_event("i", name, 0, 0);
	add_text(event, "s", "g");
	set_times(chrome, &s, row->ts_ns, 0);
	add_time(event, "ts", s.end_ns);
	return write_event(chrome, event);
}

/*
 * Begin and end
 */

struct trace_chrome *trace_chrome_new(FILE *out)
{
	struct trace_chrome *chrome = calloc(1, sizeof(*chrome));

	if (chrome)
		chrome->out = out;
	return chrome;
}

static void free_process(struct process *p)
{
	for (int i = 0; i < NR_KINDS; i++)
		free(p->kinds[i].busy_ns);
	free(p);
}

int trace_chrome_end(struct trace_chrome *chrome)
{
	struct process *p;
	int err;

	if (!chrome)
		return -ENOMEM;
	errno = 0;
	if (fputs("\n]}\n", chrome->out) == EOF || fflush(chrome->out))
		keep(chrome, errno ? -errno : -EIO);
	while ((p = chrome->processes)) {
		chrome->processes = p->next;
		free_process(p);
	}
	tdestroy(chrome->tokens, free);
	tdestroy(chrome->commands, free);
	err = chrome->err;
	free(chrome);
	return err;
}
