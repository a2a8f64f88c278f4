/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files behind conf.h share.
 *
 *	ini.c		text -> sections and pairs
 *	conf.c		a struct conf: memory, life
 *	conf_diag.c	what is wrong, and what was probably meant
 *	conf_file.c	which files there are, and whether to trust them
 *	conf_key.c	the keys, and what their values look like
 *	conf_parse.c	pairs -> rules
 *	conf_check.c	policies and parameters, asked of their objects
 *	conf_match.c	does a rule match a device?
 *	conf_resolve.c	rules and a device -> settings
 *
 * Functions return 0 or a negative errno.  What users did wrong is no errno
 * but a struct conf_diag; -ENOMEM is the only thing that ends a load.
 */
#ifndef BPFCOPY_CONF_INTERNAL_H
#define BPFCOPY_CONF_INTERNAL_H

#include "conf.h"
#include "ini.h"

#define CONF_VALUE_MAX	    4096 /* bytes of a value */
#define CONF_NAME_LEN	    64	 /* bytes of the name of a rule */
#define CONF_KEYS_NR	    17	 /* entries of conf_keys */
#define CONF_PRIORITY_USUAL 100
#define CONF_PRIORITY_MAX   1000

/* Frees itself with the struct conf. */
struct conf_memory {
	struct conf_memory *next;
};

enum conf_kind {
	KEY_PRIORITY,
	KEY_MATCH,
	KEY_MATCH_ALL,
	KEY_MODE,
	KEY_POLICY,
	KEY_PARAM,
	KEY_BYTES,
};

/**
 * struct conf_key - a key of the language
 * @name: as written; NULL for KEY_PARAM, whose names are not known here
 * @kind: what its value is
 * @offset: KEY_MATCH: of what it matches in struct conf_identity
 * @list: KEY_MATCH: that is a char **
 */
struct conf_key {
	const char *name;
	enum conf_kind kind;
	size_t offset;
	bool list;
};

/* KEY_MATCH: any of @globs, or none of them. */
struct conf_pattern {
	const struct conf_key *key;
	bool negate;
	const char **globs;
	size_t nr_globs;
};

enum conf_op {
	OP_DEFAULT, /* an empty value */
	OP_SET,
	OP_AT_MOST,
	OP_AT_LEAST,
};

/**
 * struct conf_assign - a rule sets a key
 * @key: which
 * @name: its name, "threshold.min_bytes" for KEY_PARAM
 * @value: as written
 * @op: of a KEY_BYTES; OP_DEFAULT and OP_SET of others
 * @number: of KEY_BYTES, bytes or percent; of KEY_MODE, enum conf_mode
 * @percent: @number is one, of the hardware limit
 * @rule: that says it
 * @at_key: for messages
 * @at_value: for messages
 */
struct conf_assign {
	const struct conf_key *key;
	const char *name;
	const char *value;
	enum conf_op op;
	uint64_t number;
	bool percent;
	const struct conf_rule *rule;
	struct ini_text at_key;
	struct ini_text at_value;
};

/**
 * struct conf_rule - [policy.NAME]
 * @name: NAME
 * @file: index of its file
 * @priority: highest wins
 * @match_all: it says so
 * @patterns: all have to match
 * @assigns: in the order of the file
 * @at: the section, for messages
 * @line: where each entry of conf_keys is set; 0: it is not
 */
struct conf_rule {
	const char *name;
	size_t file;
	unsigned int priority;
	bool match_all;
	struct conf_pattern *patterns;
	size_t nr_patterns;
	struct conf_assign *assigns;
	size_t nr_assigns;
	struct ini_text at;
	unsigned int line[CONF_KEYS_NR];
};

struct conf {
	struct conf_memory *memory;
	const char **files;
	size_t nr_files;
	struct conf_rule **rules;
	size_t nr_rules;
	struct conf_diag *diags;
	size_t nr_diags;
	size_t nr_errors;
};

/* conf.c */

/** conf_new() - an empty one; NULL without memory */
struct conf *conf_new(void);

/** conf_alloc() - zeroed memory that lives as long as @conf; or NULL */
void *conf_alloc(struct conf *conf, size_t size);

/** conf_copy() - a string that lives as long as @conf; or NULL */
char *conf_copy(struct conf *conf, const char *text, size_t len);

/**
 * conf_grow() - one more entry in an array
 * @array: of NULL or from malloc(); may move
 * @nr: its length, counted up
 * @size: of an entry
 *
 * Return: the new entry, zeroed, or NULL.
 */
void *conf_grow(void *array, size_t *nr, size_t size);

/**
 * conf_parse() - add the rules of a file
 * @conf: added to
 * @name: for messages
 * @text: its content; has to live as long as @conf
 * @len: bytes
 *
 * Return: 0 or -ENOMEM.
 */
int conf_parse(struct conf *conf, const char *name, const char *text,
	       size_t len);

/* conf_diag.c */

#define CONF_HINT_MAX  256
#define CONF_QUOTE_MAX 80

/**
 * conf_quote() - text from a file, to be shown
 * @buf: filled: printable ASCII; what does not fit ends with "..."
 * @text: any bytes
 * @len: how many
 *
 * Return: @buf.
 */
char *conf_quote(char buf[CONF_QUOTE_MAX], const char *text, size_t len);

/**
 * conf_say() - add a message
 * @severity: of it
 * @file: where
 * @at: where in it; NULL: all of it
 * @text: what; copied
 * @hint: what to do; copied
 *
 * Return: 0 or -ENOMEM.
 */
int conf_say(struct conf *conf, enum conf_severity severity, const char *file,
	     const struct ini_text *at, const char *text, const char *hint);

/** conf_sayf() - conf_say() with a text that is put together */
__attribute__((format(printf, 6, 7))) int
conf_sayf(struct conf *conf, enum conf_severity severity, const char *file,
	  const struct ini_text *at, const char *hint, const char *fmt, ...);

/** conf_sort_diags() - by file, line and column */
void conf_sort_diags(struct conf *conf);

/**
 * struct conf_near - the best guess so far at what was meant
 * @best: a candidate, or NULL
 * @distance: of it
 */
struct conf_near {
	const char *best;
	unsigned int distance;
};

/** conf_near_try() - is @candidate nearer to @word than what we have? */
void conf_near_try(struct conf_near *near, const char *word, size_t len,
		   const char *candidate);

/** conf_near_hint() - write: did you mean "BEST"?  Or @other, if nothing is */
const char *conf_near_hint(const struct conf_near *near,
			   char hint[CONF_HINT_MAX], const char *other);

/* conf_file.c */

/**
 * conf_read_files() - find and parse all files
 * @conf: added to
 * @from: where from
 *
 * Return: 0 or -ENOMEM.
 */
int conf_read_files(struct conf *conf, const struct conf_from *from);

/* conf_key.c */

extern const struct conf_key conf_keys[];
extern const struct conf_key conf_key_param;

/** conf_key_find() - by name; NULL if there is none */
const struct conf_key *conf_key_find(const char *name, size_t len);

/**
 * conf_value() - understand the value of a key that is no match
 * @assign: @key and @value are set; the rest is filled
 * @why: set on failure: what is wrong
 * @hint: on failure, what to do; "" if @why says it
 *
 * Return: 0 or -EINVAL.
 */
int conf_value(struct conf_assign *assign, const char **why,
	       char hint[CONF_HINT_MAX]);

/** conf_priority() - "0" to "1000"; -EINVAL if it is not */
int conf_priority(const char *text, unsigned int *priority);

/* conf_check.c */

/**
 * conf_check_objects() - are there these policies, with these parameters?
 * @conf: all files are parsed
 * @objects: whom to ask
 *
 * Return: 0 or -ENOMEM.
 */
int conf_check_objects(struct conf *conf, const struct conf_objects *objects);

/* conf_match.c */

/** conf_glob_wrong() - what is wrong with a pattern; NULL if nothing is */
const char *conf_glob_wrong(const char *glob);

/** conf_rule_matches() - does it? */
bool conf_rule_matches(const struct conf_rule *rule,
		       const struct conf_identity *id);

#endif /* BPFCOPY_CONF_INTERNAL_H */
