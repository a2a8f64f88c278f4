/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files behind policy.h and trace.h share.  Every function that takes
 * a struct policy_error and fails has written into it.
 *
 *	policy_error.c	 messages, and what libbpf and the verifier said
 *	policy_file.c	 an object file: read, believed or not
 *	policy_object.c	 what is in it: open, load
 *	policy_param.c	 its parameters: list, set, read
 *	policy_kernel.c	 what is attached: links, values, counters
 *	policy_probe.c	 what a policy has beside the function that decides
 *	policy_slot.c	 where pins are, and who may change them
 *	policy_load.c	 attach, replace, detach, pins
 *	policy_test.c	 ask it without attaching it
 */
#ifndef BPFCOPY_POLICY_INTERNAL_H
#define BPFCOPY_POLICY_INTERNAL_H

#include <dirent.h>
#include <stdint.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "policy.h"

#define POLICY_COUNTERS_MAP "policy_counters"

/* The kernel's dev_t, as opposed to that of stat(2). */
static inline unsigned int dev_major(uint32_t dev)
{
	return dev >> 20;
}

static inline unsigned int dev_minor(uint32_t dev)
{
	return dev & ((1U << 20) - 1);
}

/* policy_error.c */

/**
 * policy_fail() - write a message
 * @error: negative errno, returned
 */
__attribute__((format(printf, 3, 4))) int
policy_fail(struct policy_error *err, int error, const char *fmt, ...);

/** policy_log_start() - from now on keep what libbpf says, forget what it said */
void policy_log_start(void);

/**
 * policy_log_first() - the first line libbpf said: what follows is consequence
 *
 * Return: static storage until the next call, "" if it said nothing.
 */
const char *policy_log_first(void);

/**
 * policy_fail_load() - explain why bpf_object__load() failed
 * @what: the policy or program, for the message
 * @error: what it returned
 *
 * Return: -EACCES if the verifier refused a program, -EPERM if we may not, or
 * @error.
 */
int policy_fail_load(struct policy_error *err, const char *what, int error);

/* policy_file.c */

#define POLICY_LIB_DIR "/usr/lib/bpfcopy"

/**
 * struct policy_file - what is in a file
 * @data: freed by policy_file_free(); a NUL is behind it
 * @size: bytes
 * @sha256: of them
 */
struct policy_file {
	char *data;
	size_t size;
	char sha256[POLICY_SHA256_MAX];
};

/**
 * policy_file_read() - read an object
 * @path: of it
 * @strict: it, and the folders above it, have to be root's, its hash in a list
 * @file: filled on success; for policy_file_free()
 *
 * Return: 0, -ENOEXEC if it is no file, -EKEYREJECTED if it is not trusted, -EPERM
 * if it may not be read, or another errno.
 */
int policy_file_read(const char *path, bool strict, struct policy_file *file,
		     struct policy_error *err);
void policy_file_free(struct policy_file *file);

/* What a list says about a file. */
enum policy_listed {
	POLICY_LISTED,
	POLICY_UNLISTED,
	POLICY_CHANGED, /* it has another hash there */
	POLICY_BAD_LIST,
};

/**
 * policy_list_find() - is this hash of this file in a list?
 * @list: as sha256sum writes it
 * @folder: that names in it are below
 * @path: of the file
 * @sha256: of the file
 * @line: set to the line that is not of a list, for POLICY_BAD_LIST
 */
enum policy_listed policy_list_find(const char *list, const char *folder,
				    const char *path, const char *sha256,
				    unsigned int *line);

/* policy_object.c */

/**
 * struct policy_object - an object file and the policy in it
 * @obj: freed by policy_object_close()
 * @ops: its struct_ops map
 * @name: as in struct policy_info
 * @sha256: of the file
 */
struct policy_object {
	struct bpf_object *obj;
	struct bpf_map *ops;
	char name[POLICY_NAME_MAX];
	char sha256[POLICY_SHA256_MAX];
};

/**
 * policy_object_load() - open @spec->policy, set it up and verify it
 * @po: filled on success; for policy_object_close()
 *
 * Nothing is attached.  Return: as policy_load().
 */
int policy_object_load(const struct policy_spec *spec, struct policy_object *po,
		       struct policy_error *err);

/** policy_object_prepare() - the same, but for what asks the verifier */
int policy_object_prepare(const struct policy_spec *spec,
			  struct policy_object *po, struct policy_error *err);
void policy_object_close(struct policy_object *po);

/** policy_object_id() - of its struct_ops map, once it is loaded; 0 if unknown */
uint32_t policy_object_id(const struct policy_object *po);

/**
 * policy_object_open() - find @policy, open it, set nothing up
 * @strict: as in struct policy_spec
 * @po: filled on success; for policy_object_close()
 *
 * Return: -ENOENT, -ENOEXEC, -ENOMSG or -EKEYREJECTED as policy_load().
 */
int policy_object_open(const char *policy, bool strict,
		       struct policy_object *po, struct policy_error *err);

/** policy_shipped() - names of the shipped policies, as policy_add_word() does */
void policy_shipped(char *list);

/* Does @text end with @suffix? */
bool policy_has_suffix(const char *text, const char *suffix);

/* policy_param.c */

#define POLICY_LIST_TEXT 512

/** policy_add_word() - add to a list of POLICY_LIST_TEXT; cut if it is full */
void policy_add_word(char *list, const char *word);

/** policy_object_set() - set a parameter before the object is loaded */
int policy_object_set(const struct policy_object *po,
		      const struct policy_param *param,
		      struct policy_error *err);

/**
 * policy_object_docs() - the parameters that it has
 * @out: array for the caller to free(), NULL if there are none
 *
 * Return: 0 or -ENOMEM.
 */
int policy_object_docs(const struct policy_object *po, struct policy_doc **out,
		       size_t *nr);

/**
 * policy_object_set_dev() - tell a policy its disk, if it wants to know
 *
 * Return: 0, or -EBADMSG if it needs one and @dev is the global slot.
 */
int policy_object_set_dev(const struct policy_object *po, uint32_t dev,
			  struct policy_error *err);

/**
 * policy_read_settings() - the parameters that an attached policy has
 * @map_fd: its .rodata
 * @btf: of that map
 * @type_id: of its values
 * @info: observe, settings and nr_settings are filled
 *
 * Return: 0 or a negative errno; no message is written.
 */
int policy_read_settings(int map_fd, const struct btf *btf, uint32_t type_id,
			 struct policy_info *info);

/* policy_probe.c */

/**
 * policy_probes_pin() - attach what is not struct_ops, and pin the links
 * @po: loaded
 * @dir: of the slot
 *
 * On failure some may be pinned: policy_probes_sweep().  Return: 0, or an errno.
 */
int policy_probes_pin(const struct policy_object *po, const char *dir,
		      struct policy_error *err);

/**
 * policy_probes_sweep() - detach those of other policies than this
 * @keep: id of its struct_ops map; 0 for none
 */
void policy_probes_sweep(const char *dir, uint32_t keep);

/* policy_slot.c */

#define POLICY_PINS  "/sys/fs/bpf/bpfcopy"
#define POLICY_PROBE "probe-" /* and more, see policy_probe.c */

/**
 * struct policy_slot - where a policy goes, and the names of its pins
 * @dev: disk, or POLICY_DEV_GLOBAL
 * @sysfs: folder of the disk; "" for the global slot
 * @dir: folder of all pins of this slot, and of nothing else
 * @link: what holds the policy
 * @counters: its counters
 */
struct policy_slot {
	uint32_t dev;
	char sysfs[48];
	char dir[64];
	char link[POLICY_PIN_MAX];
	char counters[POLICY_PIN_MAX];
};

void policy_slot_init(struct policy_slot *slot, uint32_t dev);

/** policy_slot_gone() - is the disk gone, or another one?  @diskseq: 0 is any */
bool policy_slot_gone(const struct policy_slot *slot, uint64_t diskseq);

/** policy_fail_pin() - write what went wrong with a pin.  Return: an errno. */
int policy_fail_pin(struct policy_error *err, const char *path, int error);

/**
 * policy_lock_slots() - wait for the right to change slots
 *
 * Return: a descriptor that holds the lock until it is closed, or an errno.
 */
int policy_lock_slots(struct policy_error *err);

/**
 * policy_unpin() - remove all pins of a slot, and what a process that was killed
 * while it made them has left
 */
void policy_unpin(const struct policy_slot *slot);

/** policy_open_pins() - opendir() that follows no symbolic link */
DIR *policy_open_pins(const char *path);

/** policy_is_pin() - is it a name of ours in the folder of a slot? */
bool policy_is_pin(const char *name);

/* policy_kernel.c */

/**
 * struct policy_types - the kernel's idea of struct blk_copy_ops
 * @value_id: type id of the values of its struct_ops maps
 * @dev_off: where members are in such a value
 */
struct policy_types {
	uint32_t value_id;
	uint32_t dev_off;
	uint32_t name_off;
	uint32_t decide_off;
};

/**
 * policy_types_get() - look for struct blk_copy_ops in the running kernel
 *
 * Return: 0, -EOPNOTSUPP if there is none, or another errno.
 */
int policy_types_get(struct policy_types *types, struct policy_error *err);

/**
 * policy_types_learn() - who has the kernel's types at hand saves policy_types_get()
 * the time to read them
 *
 * Return: 0, or -EOPNOTSUPP if the kernel has no policies.
 */
int policy_types_learn(const struct btf *btf);

/**
 * policy_kernel_btf() - the types of the running kernel
 * @btf: set on success, for btf__free()
 *
 * Return: 0, -EOPNOTSUPP if it shows none, or -EPERM.
 */
int policy_kernel_btf(struct btf **btf, struct policy_error *err);

/**
 * policy_link_map() - the policy behind a link
 * @map_id: its struct_ops map; 0 if the link was detached, for instance
 *	because the disk is gone
 *
 * Return: 0, or a negative errno; no message is written.
 */
int policy_link_map(int link_fd, uint32_t *link_id, uint32_t *map_id);

/**
 * policy_read_counters() - the map "policy_counters"
 * @rows: that it has
 * @info: counters and nr_counters are filled
 *
 * Return: 0 or a negative errno; no message is written.
 */
int policy_read_counters(int fd, uint32_t rows, struct policy_info *info);

/**
 * policy_describe() - fill in what the kernel knows about an attached policy
 * @info: all but pin and replaced
 *
 * Return: 0, -ENOLINK if the link is detached, -ENOMSG if it is not that of a
 * copy policy, or another errno; no message is written.
 */
int policy_describe(const struct policy_types *types, int link_fd,
		    struct policy_info *info);

/**
 * policy_of_map() - policy_describe() by the struct_ops map, attached or not
 * @info: all but link_id, pin and replaced
 *
 * Return: 0, -ENOENT if there is no such map, -ENOMSG if it is not that of a copy
 * policy, or another errno; no message is written.
 */
int policy_of_map(const struct policy_types *types, uint32_t map_id,
		  struct policy_info *info);

/**
 * policy_find() - the attached policy of a slot, whoever attached it
 * @info: as from policy_describe()
 *
 * Return: 0, -ESRCH, or another errno; no message is written.
 */
int policy_find(const struct policy_types *types, uint32_t dev,
		struct policy_info *info);

/**
 * policy_find_all() - every attached policy
 * @infos: for the caller to free()
 *
 * Return: 0, or another errno; no message is written.
 */
int policy_find_all(const struct policy_types *types,
		    struct policy_info **infos, size_t *nr);

#endif /* BPFCOPY_POLICY_INTERNAL_H */
