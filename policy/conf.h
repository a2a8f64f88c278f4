/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration: rules that say which policy, parameters and limits a
 * device gets.  docs/policies.md is the manual of the language.
 *
 *	conf_load()	files -> rules, or everything that is wrong with them
 *	conf_resolve()	rules and one device -> what it gets, and why
 *
 * Nothing here opens a device, asks the kernel or prints.  There are no
 * globals: a struct conf owns all that was loaded, a struct conf_resolved
 * points into it and has to be freed before it.
 */
#ifndef BPFCOPY_CONF_H
#define BPFCOPY_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A number that is not known or not set; the same as ROWS_NONE. */
#define CONF_NONE UINT64_MAX

/*
 * Devices
 */

/**
 * struct conf_identity - what rules know a device by
 *
 * Strings may be NULL or "", which is "not known" and matched by no pattern.
 * They belong to the identity and are freed by conf_identity_free().
 *
 * @name: kernel name of the whole disk
 * @model: without trailing blanks, as the other texts
 * @serial: of the disk
 * @firmware: its revision
 * @transport: "pcie", "tcp", "loop", "debug"
 * @driver: "nvme", "virtio_blk", "sd"
 * @subsysnqn: NVMe subsystem NQN
 * @uuid: NVMe namespace or device mapper
 * @nguid: NVMe namespace
 * @eui: NVMe namespace
 * @stack: "dm", "multipath", "md", "nvme-mpath" or "none"
 * @by_id: names of the links in /dev/disk/by-id, ended by NULL; or NULL
 * @block_bytes: logical block size, 0 if not known
 * @copy_max_hw_bytes: see queue/copy_max_hw_bytes; CONF_NONE if not known
 */
struct conf_identity {
	char *name;
	char *model;
	char *serial;
	char *firmware;
	char *transport;
	char *driver;
	char *subsysnqn;
	char *uuid;
	char *nguid;
	char *eui;
	char *stack;
	char **by_id;
	uint64_t block_bytes;
	uint64_t copy_max_hw_bytes;
};

/** conf_identity_free() - free what is in an identity, and clear it */
void conf_identity_free(struct conf_identity *id);

/*
 * What is wrong
 */

enum conf_severity {
	CONF_ERROR,   /* nothing is loaded */
	CONF_WARNING, /* it is, but somebody should look */
};

/**
 * struct conf_diag - one thing to say about the files
 * @severity: how bad
 * @file: as it was opened
 * @line: from 1; 0 if it is about the whole file
 * @col: from 1, in bytes
 * @len: bytes it is about, for the tildes after the caret
 * @text: what is wrong
 * @hint: what to do, like: did you mean "mode"?; "" for none
 * @source: the line without its end, unprintable bytes replaced; "" for none
 */
struct conf_diag {
	enum conf_severity severity;
	const char *file;
	unsigned int line;
	unsigned int col;
	unsigned int len;
	char *text;
	char *hint;
	char *source;
};

/**
 * conf_diag_print() - print FILE:LINE:COL: error: TEXT, the line, a caret
 * @out: where to
 * @diag: what
 */
void conf_diag_print(FILE *out, const struct conf_diag *diag);

/*
 * Files
 */

/**
 * struct conf_objects - what the loader knows about policy objects
 * @check: is there a policy (@param is NULL), has it this parameter (@value is
 *	NULL), does the parameter take this value?  0 or
 *	-ENOENT	no; what there is instead is in *@names, an array ended by
 *		NULL which, with its strings, the caller frees; NULL: none
 *	-EINVAL	the value is wrong, and *@why, which the next
 *		call may overwrite, says why
 *	-EAGAIN	cannot tell, as the object is not here
 * @data: for @check
 */
struct conf_objects {
	int (*check)(void *data, const char *policy, const char *param,
		     const char *value, char ***names, const char **why);
	void *data;
};

/**
 * struct conf_from - where rules come from
 * @paths: files, and folders whose *.conf are meant; NULL: the standard places,
 *	later ones winning over earlier ones of the same priority:
 *	/usr/lib/bpfcopy/[*].conf
 *	/etc/bpfcopy/bpfcopy.conf
 *	/etc/bpfcopy/bpfcopy.conf.d/[*].conf
 *	where a file of the last folder masks one of the same name in the first
 *	(a link to /dev/null, too).  Files there, and their folders, must belong
 *	to root or to the process's own user and not be writable by others.
 * @nr_paths: entries in @paths
 * @root: the standard places are below this folder; NULL is "/"
 * @objects: to check policies and their parameters; NULL does not check them
 */
struct conf_from {
	const char *const *paths;
	size_t nr_paths;
	const char *root;
	const struct conf_objects *objects;
};

struct conf;

/**
 * conf_load() - read all files
 * @from: which
 * @conf: set for 0 and -EINVAL; for conf_free()
 *
 * Nothing configured at all is no error: there are no rules then.
 *
 * Return: 0; -EINVAL if there are errors, see conf_diags(), and then @conf
 *	cannot be resolved; or -ENOMEM.
 */
int conf_load(const struct conf_from *from, struct conf **conf);

/** conf_free() - free everything; NULL is nothing */
void conf_free(struct conf *conf);

/**
 * conf_diags() - errors and warnings, in the order of files and lines
 * @conf: from conf_load()
 * @nr: how many there are
 */
const struct conf_diag *conf_diags(const struct conf *conf, size_t *nr);

/** conf_errors() - how many of conf_diags() are errors */
size_t conf_errors(const struct conf *conf);

/**
 * conf_files() - the files that were read, in order
 * @conf: from conf_load()
 * @nr: how many there are
 */
const char *const *conf_files(const struct conf *conf, size_t *nr);

/** conf_rules() - how many rules there are */
size_t conf_rules(const struct conf *conf);

/*
 * What a device gets
 */

enum conf_mode {
	CONF_OFF,     /* no policy, and limits are left alone */
	CONF_OBSERVE, /* the policy counts but decides nothing; limits likewise */
	CONF_ENFORCE,
};

/** conf_mode_name() - "off", "observe" or "enforce" */
const char *conf_mode_name(enum conf_mode mode);

enum conf_verdict {
	CONF_WON,      /* this is the value */
	CONF_PRIORITY, /* another rule has a higher priority */
	CONF_ORDER,    /* same priority, but another one comes later */
	CONF_BOUND,    /* <= or >= of a value that was within the bound */
	CONF_OTHER,    /* parameter of a policy that is not taken */
};

/**
 * struct conf_said - what one rule says about one key of a device
 * @file: of the line
 * @line: from 1
 * @rule: NAME of [policy.NAME]
 * @priority: of the rule
 * @value: as written, with its operator; "" is "as if no rule said anything"
 * @verdict: what came of it
 */
struct conf_said {
	const char *file;
	unsigned int line;
	const char *rule;
	unsigned int priority;
	const char *value;
	enum conf_verdict verdict;
};

/**
 * struct conf_setting - one key of a device
 * @key: "mode", "policy", "threshold.min_bytes", "copy_max_bytes"
 * @value: what it is in the end; NULL: the default
 * @bytes: the same as a number, for keys in bytes; else CONF_NONE
 * @said: what all matching rules say, the winner (if any) first, then the
 *	others from the highest priority down
 * @nr_said: at least 1
 * @tie: the winner won by its place alone, over another file of the same
 *	priority that wants something else
 * @clamp: why @value is not what the winner says: "hardware limit 8MiB",
 *	"multiple of 4KiB"; or ""
 */
struct conf_setting {
	const char *key;
	const char *value;
	uint64_t bytes;
	struct conf_said *said;
	size_t nr_said;
	bool tie;
	const char *clamp;
};

/**
 * struct conf_param - a parameter; the same as struct policy_param
 * @key: without the name of the policy
 * @value: as written
 */
struct conf_param {
	const char *key;
	const char *value;
};

/**
 * struct conf_resolved - what one device gets
 * @mode: CONF_ENFORCE if no rule says anything
 * @policy: name or path; NULL: none, as always if @mode is CONF_OFF
 * @params: of @policy, those that rules set
 * @nr_params: entries in @params
 * @copy_max_bytes: to write to queue/copy_max_bytes, a multiple of the block
 *	size and no more than the hardware limit; CONF_NONE: leave it, or give
 *	back what it was.  Set only if @mode is CONF_ENFORCE
 * @settings: every key that any matching rule mentions, and how it was
 *	decided; mode, policy, limits, parameters
 * @nr_settings: entries in @settings
 */
struct conf_resolved {
	enum conf_mode mode;
	const char *policy;
	struct conf_param *params;
	size_t nr_params;
	uint64_t copy_max_bytes;
	struct conf_setting *settings;
	size_t nr_settings;
};

/**
 * conf_resolve() - what a device gets, and why
 * @conf: loaded without errors
 * @id: the device
 * @out: for conf_resolved_free(), before @conf is freed
 *
 * Every key is decided by itself: among the rules that match, the highest
 * priority wins, then the later file, then the later line.  <= and >= only
 * bound what the rules below say, or the hardware limit if there are none.
 *
 * Return: 0, or -ENOMEM.
 */
int conf_resolve(const struct conf *conf, const struct conf_identity *id,
		 struct conf_resolved **out);

/** conf_resolved_free() - free it; NULL is nothing */
void conf_resolved_free(struct conf_resolved *resolved);

#define CONF_POLICY_MAX 64 /* bytes of the name of a policy */

/** conf_policy_name() - name of a policy: of a path, what `status' calls it */
const char *conf_policy_name(const char *policy, char name[CONF_POLICY_MAX]);

/** conf_setting_find() - the setting of a key, NULL if no rule mentions it */
const struct conf_setting *
conf_setting_find(const struct conf_resolved *resolved, const char *key);

#endif /* BPFCOPY_CONF_H */
