/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copy policies: attach them to the kernel, replace, list, detach.
 *
 * This is the only door to libbpf's struct_ops for the rest of the program.
 * A policy stays attached when the process exits, because its link is pinned:
 *
 *	/sys/fs/bpf/bpfcopy/<major>:<minor>/	a disk
 *	/sys/fs/bpf/bpfcopy/global/		the global slot
 *
 * Every function returns 0 or a negative errno, and on failure writes one
 * line (or a few, when the verifier has something to say) for people into
 * struct policy_error.  It says what is wrong with the policy or with the place
 * for it, and names the file, but not the disk: that is for the caller to do.
 */
#ifndef BPFCOPY_POLICY_H
#define BPFCOPY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "../bpf/policy_counters.h"

#define POLICY_NAME_MAX	    64 /* a shipped name, with the NUL */
#define POLICY_PIN_MAX	    128
#define POLICY_COUNTERS_MAX 32
#define POLICY_SETTINGS_MAX 32
#define POLICY_VALUE_MAX    128
#define POLICY_ERROR_MAX    4096
#define POLICY_SHA256_MAX   65 /* in hexadecimal, with the NUL */

/* The value of policy_spec.dev and policy_info.dev for the global slot. */
#define POLICY_DEV_GLOBAL 0U

/** struct policy_param - one key=value; both strings belong to the caller */
struct policy_param {
	const char *key;
	const char *value;
};

/**
 * struct policy_spec - what to attach where
 * @policy: a shipped name ("threshold"), or the path of an object: anything
 *	that contains '/' or ends in ".o".  Names are looked for as
 *	policy_NAME.bpf.o in $BPFCOPY_LIB, by default /usr/lib/bpfcopy.
 * @dev: whole disk as in the kernel's MKDEV() (major << 20 | minor), or
 *	POLICY_DEV_GLOBAL
 * @diskseq: refuse if the disk has another sequence number; 0 takes any
 * @params: variables of the policy to set before it is loaded
 * @nr_params: entries in @params
 * @strict: rules want it: an object that others than root can change, or whose
 *	hash is in no list, is refused, and BPFCOPY_LIB is not looked at
 * @sha256: the object has to have this hash; NULL or "" takes any
 * @dry_run: everything up to the verifier; attach nothing, leave nothing
 */
struct policy_spec {
	const char *policy;
	bool strict;
	const char *sha256;
	uint32_t dev;
	uint64_t diskseq;
	const struct policy_param *params;
	size_t nr_params;
	bool dry_run;
};

/**
 * struct policy_counter - decisions of a policy for one reason
 * @reason: a word of bpf/policy_counters.h, static storage
 * @path: "offload", "emulate" or "default", static storage
 * @count: chunks decided so
 * @bytes: their bytes
 */
struct policy_counter {
	const char *reason;
	const char *path;
	uint64_t count;
	uint64_t bytes;
};

/**
 * struct policy_setting - a parameter of an attached policy
 * @key: its name, cut to fit
 * @value: as policy_load() takes it ("64KiB"), exact
 */
struct policy_setting {
	char key[POLICY_NAME_MAX];
	char value[POLICY_VALUE_MAX];
};

/**
 * struct policy_info - one attached policy
 * @name: how it was asked for when loaded, the basename without policy_ and
 *	.bpf.o for a path
 * @dev: its disk, POLICY_DEV_GLOBAL for the global slot
 * @link_id: bpf link id; this and the ids below are 0 after a dry run
 * @map_id: id of the struct_ops map behind the link
 * @prog_id: id of the program that decides
 * @pin: path of the pinned link; "" if some other program holds the link
 * @replaced: policy_load() only: another policy was there before
 * @nr_counters: entries in @counters; 0 if the policy does not count
 * @counters: since this policy was attached
 * @observe: it decides and counts, but none of it is in force
 * @nr_settings: entries in @settings
 * @settings: its parameters, but for observe
 * @nr_trips: entries in @trips
 * @trips: the last times that it made chunks smaller for others, by number
 */
struct policy_info {
	char name[POLICY_NAME_MAX];
	uint32_t dev;
	uint32_t link_id;
	uint32_t map_id;
	uint32_t prog_id;
	char pin[POLICY_PIN_MAX];
	bool replaced;
	size_t nr_counters;
	struct policy_counter counters[POLICY_COUNTERS_MAX];
	bool observe;
	size_t nr_settings;
	struct policy_setting settings[POLICY_SETTINGS_MAX];
	size_t nr_trips;
	struct policy_trip trips[POLICY_NR_TRIPS];
};

/**
 * struct policy_doc - a parameter that a policy has
 * @key: its name
 * @type: "bool", "number", "size", "time" or "set", static storage
 * @values: what it can be set to: a range, words
 * @fallback: what it is if it is not set, as policy_load() takes it
 * @doc: a sentence; "" if the object has none
 */
struct policy_doc {
	char key[POLICY_NAME_MAX];
	const char *type;
	char values[POLICY_VALUE_MAX];
	char fallback[POLICY_VALUE_MAX];
	char doc[256];
};

/** struct policy_error - what went wrong, for people; "" if nothing did */
struct policy_error {
	char text[POLICY_ERROR_MAX];
};

/**
 * policy_load() - attach a policy, or replace the one that is there
 * @spec: what and where
 * @out: what is attached now, or would be
 * @err: filled on failure
 *
 * Replacement is atomic: every chunk is decided by the old or the new policy.
 *
 * Return: 0, or
 *	-ENOENT	   no such policy (object not found)
 *	-ENOEXEC   the object is not a BPF object
 *	-ENOMSG	   it has no struct blk_copy_ops
 *	-EACCES	   the verifier refused it
 *	-EBADMSG   a parameter does not exist, or its value is wrong
 *	-ENODEV	   no such disk
 *	-ENOTBLK   @dev is a partition
 *	-ESTALE	   diskseq differs
 *	-EBUSY	   the slot is held by a link that is not ours
 *	-EPERM	   not privileged
 *	-EKEYREJECTED with @strict: the object is not to be trusted
 *	-EAGAIN	   the object has another hash than @sha256
 *	-EOPNOTSUPP the kernel has no struct blk_copy_ops
 *	or another errno as it came
 */
int policy_load(const struct policy_spec *spec, struct policy_info *out,
		struct policy_error *err);

/**
 * policy_hash() - the hash of the object that rules get
 * @policy: as in struct policy_spec, with @strict
 * @sha256: set; "" on failure
 *
 * Return: 0, or as policy_load(); no message is written.
 */
int policy_hash(const char *policy, char sha256[POLICY_SHA256_MAX]);

/**
 * policy_show() - the parameters of a policy
 * @policy: as in struct policy_spec
 * @out: array for the caller to free(), NULL if there are none
 * @nr: its length
 * @err: filled on failure
 *
 * The kernel is not asked.
 *
 * Return: 0, -ENOENT, -ENOEXEC or -ENOMSG as policy_load(), or another errno.
 */
int policy_show(const char *policy, struct policy_doc **out, size_t *nr,
		struct policy_error *err);

/**
 * struct policy_case - a chunk of a copy that a policy is asked about
 * @bytes: of the whole copy
 * @chunk_bytes: of the chunk
 * @src_bytes: where it begins, and
 * @dst_bytes: where it goes
 * @ranges: of the source
 * @origin: enum blk_copy_origin
 * @cannot_offload: there is nothing to choose
 * @inflight: chunks in flight on the disk
 * @max_bytes: the most that a command of the device copies
 * @max_range_bytes: the most in a range of it
 * @max_ranges: ranges that it may have
 * @cgroup: id of the cgroup that is charged
 */
struct policy_case {
	uint64_t bytes;
	uint64_t chunk_bytes;
	uint64_t src_bytes;
	uint64_t dst_bytes;
	uint64_t ranges;
	uint64_t origin;
	uint64_t cannot_offload;
	uint64_t inflight;
	uint64_t max_bytes;
	uint64_t max_range_bytes;
	uint64_t max_ranges;
	uint64_t cgroup;
};

/**
 * struct policy_answer - what it said
 * @verdict: enum blk_copy_verdict, or what the kernel would not take
 * @reason: word of what it counted, static storage; "" for nothing
 * @chunk_bytes: as cut by it; 0: not at all
 * @max_depth: chunks of this copy in flight; 0: it does not mind
 */
struct policy_answer {
	int verdict;
	const char *reason;
	uint32_t chunk_bytes;
	uint32_t max_depth;
};

/**
 * policy_test() - ask a policy without attaching it
 * @spec: as for policy_load(); for no disk in particular @spec->dev is not 0 either
 * @cases: about what, one after the other: it may learn on the way
 * @nr: how many
 * @answers: as many, filled
 * @err: filled on failure
 *
 * Its decide function runs in the kernel as a program of its own, with its
 * parameters and maps.  Functions beside it, as for what is complete, do not.
 *
 * Return: 0, -ENOMSG if the object has no such program, or as policy_load().
 */
int policy_test(const struct policy_spec *spec, const struct policy_case *cases,
		size_t nr, struct policy_answer *answers,
		struct policy_error *err);

/**
 * policy_unload() - detach what is attached and remove its pins
 * @dev: disk, or POLICY_DEV_GLOBAL
 * @err: filled on failure
 *
 * When it returns 0 no program of the policy runs any more.
 *
 * Return: 0, -ESRCH if nothing is attached there, or another errno.
 */
int policy_unload(uint32_t dev, struct policy_error *err);

/**
 * policy_detach() - policy_unload() of a certain policy of a certain disk
 * @dev: disk
 * @diskseq: of it; 0 takes any
 * @map_id: of the policy
 * @err: filled on failure
 *
 * Return: as policy_unload(), -EBUSY if another policy is attached by now, -ENODEV
 * if the disk is gone.
 */
int policy_detach(uint32_t dev, uint64_t diskseq, uint32_t map_id,
		  struct policy_error *err);

/**
 * policy_list() - every attached policy, ours and those of others
 * @out: array for the caller to free(), NULL if there are none
 * @nr: its length
 * @err: filled on failure
 *
 * Return: 0, -EPERM, -EOPNOTSUPP, or another errno.
 */
int policy_list(struct policy_info **out, size_t *nr, struct policy_error *err);

/**
 * policy_sweep() - remove the pins of policies whose disk was removed
 * @err: filled on failure
 *
 * Removing a disk detaches its policy, but what is pinned stays in bpffs. What
 * is attached is left alone.
 *
 * Return: 0, -EPERM, -ENOTDIR if there is no bpffs, or another errno.
 */
int policy_sweep(struct policy_error *err);

/**
 * policy_link_open() - the link that holds a policy of ours
 * @dev: disk, or POLICY_DEV_GLOBAL
 *
 * poll() reports POLLHUP when the policy was detached or its disk is gone.
 *
 * Return: a descriptor for close(), -ENOENT if none is pinned, or another errno.
 */
int policy_link_open(uint32_t dev);

struct policy_hold;

/**
 * policy_hold() - keep what is attached now, to put it back later
 * @dev: disk, or POLICY_DEV_GLOBAL
 * @diskseq: of it; 0 takes any
 * @hold: for policy_release(); holding nothing if nothing of ours is attached
 * @err: filled on failure
 *
 * While it is held its programs, maps and other pins live on, whatever happens
 * to the slot.
 *
 * Return: 0, -EPERM, -ENOTDIR if there is no bpffs, -ENODEV if the disk is gone, or
 * another errno.
 */
int policy_hold(uint32_t dev, uint64_t diskseq, struct policy_hold **hold,
		struct policy_error *err);

/**
 * policy_put_back() - what was held is attached again
 * @hold: from policy_hold()
 * @map_id: what was attached since; 0 for nothing
 * @err: filled on failure
 *
 * Return: 0, -ESRCH if nothing was held and nothing is attached, -ENODEV if the
 * disk is gone, -EBUSY if something else than @map_id is attached, which stays, or
 * another errno.
 */
int policy_put_back(struct policy_hold *hold, uint32_t map_id,
		    struct policy_error *err);

/** policy_release() - keep it no longer; NULL is nothing */
void policy_release(struct policy_hold *hold);

#endif /* BPFCOPY_POLICY_H */
