// SPDX-License-Identifier: GPL-2.0
#include "words.h"

#include <string.h>

#define NR(words) (sizeof(words) / sizeof(*(words)))

static const char *const paths[] = { "none", "offload", "emulate", "mixed" };
static const char *const reasons[] = {
	"builtin",  "policy",	    "global-policy", "caller", "unsupported",
	"disabled", "cross-device", "stale",	     "failed", "nomem",
};
static const char *const origins[] = { "kernel",	  "ioctl",  "io_uring",
				       "copy_file_range", "kcopyd", "nvmet" };

const char *word_of(const char *const *words, size_t nr, uint32_t index)
{
	return index < nr ? words[index] : "unknown";
}

const char *word_of_path(uint32_t path)
{
	return word_of(paths, NR(paths), path);
}

const char *word_of_reason(uint32_t reason)
{
	return word_of(reasons, NR(reasons), reason);
}

const char *word_of_origin(uint32_t origin)
{
	return word_of(origins, NR(origins), origin);
}

uint32_t of_word(const char *const *words, size_t nr, const char *word)
{
	uint32_t index = 0;

	while (index < nr && (!word || strcmp(words[index], word)))
		index++;
	return index;
}

uint32_t path_of_word(const char *word)
{
	return of_word(paths, NR(paths), word);
}

uint32_t reason_of_word(const char *word)
{
	return of_word(reasons, NR(reasons), word);
}

uint32_t origin_of_word(const char *word)
{
	return of_word(origins, NR(origins), word);
}
