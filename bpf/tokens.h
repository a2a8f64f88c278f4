/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tokens.bpf.c keeps for user space.  Fixed-width members only; whoever
 * includes this has __u64 and friends already (vmlinux.h or <linux/types.h>).
 *
 * Devices are dev_t as in MKDEV(), sizes bytes, times nanoseconds of
 * CLOCK_MONOTONIC.
 */
#ifndef BPFCOPY_TOKENS_MAPS_H
#define BPFCOPY_TOKENS_MAPS_H

#define TOKENS_COMM_LEN	 16
#define TOKENS_STACK_MAX 32 /* return addresses */

/* Entries of the maps "alive" and "copies". */
#define TOKENS_ALIVE_MAX  16384
#define TOKENS_COPIES_MAX 16384

/* No stack was asked for, or it could not be kept. */
#define TOKENS_NO_STACK	 (-1)
/* The start of the copy was not seen. */
#define TOKENS_NO_ORIGIN (~0U)

/*
 * Who holds a token.  Value of "copies", by id of the copy, from its start to
 * its end.  @pid and @comm are those of the task that asked for the copy.
 */
struct token_holder {
	__u32 src_dev;
	__u32 dst_dev;
	__u32 origin; /* enum blk_copy_origin, or TOKENS_NO_ORIGIN */
	__u32 pid;
	char comm[TOKENS_COMM_LEN];
};

/*
 * Value of "alive", by id of the token, from its alloc to its free.  A token
 * that was there before is found by its next step: @bytes is 0 then.  Bytes may
 * be counted on several CPUs at a time.
 */
struct token_alive {
	__u64 copy_id;
	__u64 alloc_ns;
	__u64 bytes;
	__u64 filled;	/* the source said where they are */
	__u64 consumed; /* went into commands */
	__u64 done;	/* by commands that succeeded */
	__u64 failed;	/* of commands that did not */
	__u64 end_sector;
	__u32 end_offset; /* of what was filled last, with @end_sector */
	__u32 extents;	  /* contiguous on the disk of the source */
	__u32 rejects;
	__u32 disk; /* whole disk of the last step, at the bottom */
	__s32 stack;
	__u32 freed; /* is about to be deleted */
	struct token_holder holder;
};

/* Value of the per-CPU array "counts", key 0. */
struct token_counts {
	__u64 created;
	__u64 freed;
	__u64 found;	   /* were there before, until their next step */
	__u64 lost_tokens; /* no room in "alive" */
	__u64 lost_copies; /* no room in "copies": their holder is not known */
	__u64 lost_stacks; /* no room in "stacks" */
};

#endif /* BPFCOPY_TOKENS_MAPS_H */
