// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-debug: attributes, and module parameters: how values are read, refused,
 * shown and changed, all by the rows of attrs.h.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/align.h>
#include <linux/ctype.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "control.h"

const struct ndbg_name ndbg_all[] = { { "all", U64_MAX }, { } };

/**
 * ndbg_refuse - say what is wrong with a value
 * @dir: directory it is in, or NULL
 * @name: parameter or attribute
 * @s: value; what follows a newline, or is long, is not shown
 * @what: what to give instead
 *
 * Return: -EINVAL
 */
int ndbg_refuse(const char *dir, const char *name, const char *s,
		const char *what)
{
	int len = min_t(size_t, strcspn(s, "\n"), 48);

	pr_err("%s%s%s=%*pE refused: give %s\n", dir ?: "", dir ? "/" : "",
	       name, len, s, what);
	return -EINVAL;
}

/**
 * ndbg_busy - say that something cannot change now
 * @item: directory
 * @name: attribute
 * @first: what to do first
 *
 * Return: -EBUSY
 */
int ndbg_busy(struct config_item *item, const char *name, const char *first)
{
	pr_err("%s/%s refused: in use, %s first\n", config_item_name(item),
	       name, first);
	return -EBUSY;
}

/* Reading. */

static unsigned int ndbg_suffix_shift(char c)
{
	static const char suffixes[] = "KMGT";
	const char *p = c ? strchr(suffixes, c) : NULL;

	return p ? 10 * (p - suffixes + 1) : 0;
}

/* Like memparse(), but what does not fit in 64 bits is an error. */
static int ndbg_scan_bytes(const char *s, u64 *val)
{
	char digits[24];
	size_t len = strcspn(s, "\n");
	unsigned int shift = len ? ndbg_suffix_shift(s[len - 1]) : 0;
	u64 v;

	if (shift)
		len--;
	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (kstrtou64(digits, 0, &v) || check_shl_overflow(v, shift, val))
		return -EINVAL;
	return 0;
}

static bool ndbg_allows(const struct ndbg_attr *attr, u64 val)
{
	u64 min, max;

	/* Those of attrs.h can be read. */
	if (ndbg_scan_bytes(attr->min, &min) || ndbg_scan_bytes(attr->max, &max))
		return false;
	if (attr->kind == NDBG_EITHER)
		return val == min || val == max;
	if (attr->kind == NDBG_BITS)
		return !(val & ~max);
	return val >= min && val <= max &&
	       (attr->kind != NDBG_BYTES || IS_ALIGNED(val, SZ_4K));
}

static bool ndbg_find_name(const struct ndbg_attr *attr, const char *s, u64 *val)
{
	const struct ndbg_name *name = attr->names;

	for (; name && name->name; name++) {
		if (!sysfs_streq(s, name->name))
			continue;
		*val = name->val;
		return true;
	}
	return false;
}

static bool ndbg_scan(const struct ndbg_attr *attr, const char *s, u64 *val)
{
	if (ndbg_find_name(attr, s, val))
		return true;
	switch (attr->kind) {
	case NDBG_WORD:
		return false;
	case NDBG_BYTES:
		return !ndbg_scan_bytes(s, val) && ndbg_allows(attr, *val);
	default:
		return !kstrtou64(s, 0, val) && ndbg_allows(attr, *val);
	}
}

/* What a value may be, for a message. */
static void ndbg_describe(const struct ndbg_attr *attr, char *buf, size_t size)
{
	const struct ndbg_name *name = attr->names;
	int len = 0;

	if (attr->kind != NDBG_WORD)
		len = scnprintf(buf, size, "%s %s %s%s", attr->min,
				attr->kind == NDBG_EITHER ? "or" : "to",
				attr->max, attr->unit);
	for (; name && name->name; name++)
		len += scnprintf(buf + len, size - len, "%s%s",
				 len ? " or " : "", name->name);
}

static int ndbg_refuse_value(const char *dir, const struct ndbg_attr *attr,
			     const char *s)
{
	char what[160];

	ndbg_describe(attr, what, sizeof(what));
	return ndbg_refuse(dir, attr->ca.ca_name, s, what);
}

/**
 * ndbg_attr_parse - read a value that is not text
 * @dir: directory it is in, or NULL for a module parameter
 * @attr: what it is
 * @s: value, may end with a newline
 * @val: set when it is good
 *
 * Return: 0, or -EINVAL after saying what to give.
 */
int ndbg_attr_parse(const char *dir, const struct ndbg_attr *attr,
		    const char *s, u64 *val)
{
	u64 v;

	if (!ndbg_scan(attr, s, &v))
		return ndbg_refuse_value(dir, attr, s);
	*val = v;
	return 0;
}

/**
 * ndbg_defaults - what a directory's object is at first
 * @attrs: attributes of the directory, all of them struct ndbg_attr
 * @config: filled in
 */
void ndbg_defaults(struct configfs_attribute **attrs, void *config)
{
	for (; *attrs; attrs++) {
		const struct ndbg_attr *attr = container_of(*attrs,
							    struct ndbg_attr, ca);
		void *field = config + attr->offset;

		if (!attr->def)
			continue;
		if (attr->kind == NDBG_TEXT)
			memcpy(field, attr->def, strlen(attr->def) + 1);
		else
			WARN_ON(ndbg_attr_parse(NULL, attr, attr->def, field));
	}
}

/* Showing. */

/**
 * ndbg_attr_print - show a value
 * @attr: what it is
 * @field: where it is
 * @page: to write to, a page
 *
 * Return: bytes written.
 */
ssize_t ndbg_attr_print(const struct ndbg_attr *attr, const void *field,
			char *page)
{
	const struct ndbg_name *name = attr->names;
	u64 val;

	if (attr->kind == NDBG_TEXT)
		return sysfs_emit(page, "%s\n", (const char *)field);
	val = *(const u64 *)field;
	for (; name && name->name; name++)
		if (name->val == val)
			return sysfs_emit(page, "%s\n", name->name);
	return sysfs_emit(page, attr->kind == NDBG_HEX || attr->kind == NDBG_BITS ?
			  "%#llx\n" : "%llu\n", val);
}

static void *ndbg_field(struct config_item *item, const struct ndbg_attr *attr)
{
	return (void *)item + attr->dir->config + attr->offset;
}

/**
 * ndbg_attr_show - configfs: what is it?
 * @item: directory
 * @page: to write to, a page
 * @attr: which
 *
 * Return: bytes written.
 */
ssize_t ndbg_attr_show(struct config_item *item, char *page,
		       const struct ndbg_attr *attr)
{
	ssize_t len;

	mutex_lock(&ndbg_lock);
	len = ndbg_attr_print(attr, ndbg_field(item, attr), page);
	mutex_unlock(&ndbg_lock);
	return len;
}

/* Changing. */

static bool ndbg_printable(const char *s, size_t len)
{
	while (len--)
		if (!isascii(*s) || !isprint(*s++))
			return false;
	return true;
}

static void ndbg_change(struct config_item *item, const struct ndbg_attr *attr,
			const char *text, u64 val)
{
	void *field = ndbg_field(item, attr);

	if (attr->kind == NDBG_TEXT)
		strscpy(field, text, val + 1);
	else if (attr->dir->change)
		attr->dir->change(item, field, val);
	else
		*(u64 *)field = val;
}

/* For text, @val is how long it is. */
static int ndbg_set(struct config_item *item, const struct ndbg_attr *attr,
		    const char *text, u64 val)
{
	int ret = 0;

	mutex_lock(&ndbg_lock);
	if (attr->set)
		ret = attr->set(item, val);
	else if (attr->when == NDBG_IDLE && attr->dir->busy(item))
		ret = ndbg_busy(item, attr->ca.ca_name, attr->dir->first);
	else
		ndbg_change(item, attr, text, val);
	mutex_unlock(&ndbg_lock);
	return ret;
}

static bool ndbg_read(const struct ndbg_attr *attr, const char *page,
		      size_t count, u64 *val)
{
	if (strlen(page) != count)
		return false;
	if (attr->kind != NDBG_TEXT)
		return ndbg_scan(attr, page, val);
	*val = count && page[count - 1] == '\n' ? count - 1 : count;
	return ndbg_allows(attr, *val) && ndbg_printable(page, *val);
}

/**
 * ndbg_attr_store - configfs: this is what it is to be
 * @item: directory
 * @page: value
 * @count: its length
 * @attr: which
 *
 * Return: @count; or after saying why not, -EINVAL if it is never good, -EBUSY
 * if it is at another time.
 */
ssize_t ndbg_attr_store(struct config_item *item, const char *page,
			size_t count, const struct ndbg_attr *attr)
{
	u64 val;

	if (!ndbg_read(attr, page, count, &val))
		return ndbg_refuse_value(config_item_name(item), attr, page);
	return ndbg_set(item, attr, page, val) ?: count;
}
