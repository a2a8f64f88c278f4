// SPDX-License-Identifier: GPL-2.0
/*
 * Leak copy tokens: the next @tokens calls of blk_copy_token_free() return at
 * once.  What was not freed is freed when the module goes.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/spinlock.h>

#define MAX_TOKENS 20000

/* block/blk-copy.h, exported for tests */
struct blk_copy_token;
void blk_copy_token_free(struct blk_copy_token *token);

static unsigned int tokens = 1;
module_param(tokens, uint, 0444);
MODULE_PARM_DESC(tokens, "how many to leak, 1 to 20000");

static struct blk_copy_token *leaked[MAX_TOKENS];
static unsigned int nr_leaked;
static DEFINE_SPINLOCK(lock); /* the two above */

/* Where the probed function goes on: to its caller. */
static noinline void just_return(void)
{
	asm volatile("");
}

static int before_free(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long flags;
	bool leak;

	spin_lock_irqsave(&lock, flags);
	leak = nr_leaked < tokens;
	if (leak)
		leaked[nr_leaked++] = (void *)regs_get_kernel_argument(regs, 0);
	spin_unlock_irqrestore(&lock, flags);
	if (leak)
		instruction_pointer_set(regs, (unsigned long)just_return);
	return leak;
}

static struct kprobe probe = {
	.symbol_name = "blk_copy_token_free",
	.pre_handler = before_free,
};

static int __init token_leak_init(void)
{
	if (!in_range(tokens, 1, MAX_TOKENS))
		return -EINVAL;
	return register_kprobe(&probe);
}

static void __exit token_leak_exit(void)
{
	unregister_kprobe(&probe);
	while (nr_leaked)
		blk_copy_token_free(leaked[--nr_leaked]);
}

module_init(token_leak_init);
module_exit(token_leak_exit);
MODULE_DESCRIPTION("Leaks copy tokens, for tests");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("GPL");
