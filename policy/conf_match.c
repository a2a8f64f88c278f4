// SPDX-License-Identifier: GPL-2.0
/*
 * Does a rule match a device?
 *
 * fnmatch() does the globs.  It is anchored on both sides, upper and lower case
 * are the same, and a backslash is a backslash: [*] is how to write a star.
 */
#include <fnmatch.h>
#include <string.h>

#include "conf_internal.h"

/* fnmatch() takes a [ without ] for itself: more likely, a ] is missing. */
const char *conf_glob_wrong(const char *glob)
{
	const char *close;

	while ((glob = strchr(glob, '['))) {
		glob += glob[1] == '!' ? 2 : 1;
		/* A ] in the first place is one of the characters. */
		close = *glob ? strchr(glob + 1, ']') : NULL;
		if (!close)
			return "[ without ]";
		glob = close + 1;
	}
	return NULL;
}

static bool any_glob(const struct conf_pattern *p, const char *text)
{
	if (!text || !*text)
		return false;
	for (size_t i = 0; i < p->nr_globs; i++)
		if (!fnmatch(p->globs[i], text, FNM_CASEFOLD | FNM_NOESCAPE))
			return true;
	return false;
}

static bool any_of_list(const struct conf_pattern *p, char *const *list)
{
	for (; list && *list; list++)
		if (any_glob(p, *list))
			return true;
	return false;
}

static bool pattern_matches(const struct conf_pattern *p,
			    const struct conf_identity *id)
{
	const char *member = (const char *)id + p->key->offset;
	bool found;

	if (p->key->list)
		found = any_of_list(p, *(char *const *const *)member);
	else
		found = any_glob(p, *(char *const *)member);
	return found != p->negate;
}

bool conf_rule_matches(const struct conf_rule *rule,
		       const struct conf_identity *id)
{
	for (size_t i = 0; i < rule->nr_patterns; i++)
		if (!pattern_matches(&rule->patterns[i], id))
			return false;
	return true;
}
