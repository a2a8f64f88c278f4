// SPDX-License-Identifier: GPL-2.0
/*
 * Claim the work of the next copy that is queued, as cancel_work() does for a
 * moment: while it holds the bit that says that the work is pending, nobody
 * else can queue it.  Here the moment is @ms long, so that a test meets it.
 */
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static unsigned int ms = 20;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "how long, 1 to 1000 (default 20)");

static unsigned int claimed;
module_param(claimed, uint, 0444);
MODULE_PARM_DESC(claimed, "works that were claimed: 1 at most");

static struct work_struct *work;
static struct hrtimer timer;
static atomic_t left = ATOMIC_INIT(1);

static enum hrtimer_restart let_go(struct hrtimer *t)
{
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
	return HRTIMER_NORESTART;
}

static bool is_copy(struct work_struct *w)
{
	char name[KSYM_SYMBOL_LEN];

	scnprintf(name, sizeof(name), "%ps", w->func);
	return !strcmp(name, "blk_copy_work");
}

/* queue_work_on(cpu, wq, work) begins. */
static int before_queue(struct kprobe *probe, struct pt_regs *regs)
{
	struct work_struct *w = (void *)regs_get_kernel_argument(regs, 2);

	if (!atomic_read(&left) || !is_copy(w) || !atomic_dec_and_test(&left))
		return 0;
	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(w)))
		return 0;
	work = w;
	claimed = 1;
	hrtimer_start(&timer, ms_to_ktime(ms), HRTIMER_MODE_REL_HARD);
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "queue_work_on",
	.pre_handler = before_queue,
};

static int __init work_claim_init(void)
{
	if (!in_range(ms, 1, 1000))
		return -EINVAL;
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer.function = let_go;
	return register_kprobe(&probe);
}

static void __exit work_claim_exit(void)
{
	unregister_kprobe(&probe);
	/* Who waits for the work must not wait for ever. */
	while (hrtimer_active(&timer))
		cpu_relax();
}

module_init(work_claim_init);
module_exit(work_claim_exit);
MODULE_DESCRIPTION("Claims the work of a copy for a moment, for tests");
MODULE_LICENSE("GPL");
