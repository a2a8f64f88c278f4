// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: module parameters. A subsystem and a namespace take their shape
 * from these when they are made: by a connect, or by mkdir, whose attributes
 * then change it. Which there are, and what they may be: attrs.h.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "control.h"

static struct ndbg_config ndbg_params;
static bool ndbg_params_ready;

/* Parameters are set before the module is initialized. */
static void ndbg_params_prepare(void)
{
	if (ndbg_params_ready)
		return;
	ndbg_defaults(ndbg_ns_attrs, &ndbg_params.ns);
	ndbg_defaults(ndbg_subsys_attrs, &ndbg_params.subsys);
	ndbg_params_ready = true;
}

struct ndbg_param {
	const struct ndbg_attr	*attr;
	u64			*val;
};

static int ndbg_set_param(const char *s, const struct kernel_param *kp)
{
	const struct ndbg_param *param = kp->arg;

	ndbg_params_prepare();
	return ndbg_attr_parse(NULL, param->attr, s, param->val);
}

static int ndbg_get_param(char *buf, const struct kernel_param *kp)
{
	const struct ndbg_param *param = kp->arg;

	return ndbg_attr_print(param->attr, param->val, buf);
}

static const struct kernel_param_ops ndbg_param_ops = {
	.set	= ndbg_set_param,
	.get	= ndbg_get_param,
};

/* The rows of attrs.h that are parameters, too. */
#define NDBG_PARAM_RW(...)
#define NDBG_PARAM_WO(...)
#define NDBG_PARAM_OWN(...)
#define NDBG_PARAM_PARAM(_dir, _name, _kind, _min, _max, _def, _when, _unit, \
			 _doc)						\
static const struct ndbg_param ndbg_param_##_name = {			\
	.attr	= &ndbg_attr_##_dir##_##_name,				\
	.val	= &ndbg_params._dir._name,				\
};									\
module_param_cb(_name, &ndbg_param_ops, (void *)&ndbg_param_##_name, 0644); \
MODULE_PARM_DESC(_name, _doc ": " _min NDBG_AND_##_kind _max _unit	\
		 " (default " _def ")");
#define NDBG_AND_NUMBER " to "
#define NDBG_AND_BYTES	" to "
#define NDBG_AND_EITHER " or "

#define NDBG_SUBSYS(_how, ...) NDBG_PARAM_##_how(subsys, __VA_ARGS__)
#define NDBG_NS(_how, ...) NDBG_PARAM_##_how(ns, __VA_ARGS__)
#include "attrs.h"

static bool i_know;
module_param(i_know, bool, 0400);
MODULE_PARM_DESC(i_know, "Must be 1, or the module does not load, because its disks forget everything: 0 or 1 (default 0)");

static int ndbg_set_pages(const char *s, const struct kernel_param *kp)
{
	pr_err("%s is read-only\n", kp->name);
	return -EPERM;
}

static int ndbg_get_pages(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%ld\n", ndbg_store_pages());
}

static const struct kernel_param_ops ndbg_pages_ops = {
	.set	= ndbg_set_pages,
	.get	= ndbg_get_pages,
};
module_param_cb(pages, &ndbg_pages_ops, NULL, 0444);
MODULE_PARM_DESC(pages, "Read-only: memory pages that hold data now, of all namespaces");

/**
 * ndbg_params_check - may the module load?
 *
 * Return: 0, or -EPERM after saying why.
 */
int ndbg_params_check(void)
{
	ndbg_params_prepare();
	if (i_know)
		return 0;
	pr_err("a simulated controller for tests: load it with i_know=1 if that is what you want\n");
	return -EPERM;
}

/**
 * ndbg_params_get - take the shape of the next subsystem and namespace
 * @config: filled in
 *
 * The parameters do not change half way through.
 */
void ndbg_params_get(struct ndbg_config *config)
{
	kernel_param_lock(THIS_MODULE);
	*config = ndbg_params;
	kernel_param_unlock(THIS_MODULE);
}
