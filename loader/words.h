/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The closed lists of words that stand for the kernel's numbers, for people and
 * in JSON.
 */
#ifndef BPFCOPY_WORDS_H
#define BPFCOPY_WORDS_H

#include <stddef.h>
#include <stdint.h>

/**
 * word_of() - a word by its number
 * @words: by number
 * @nr: how many
 * @index: the number
 *
 * Return: static storage; "unknown" for a number that has none.
 */
const char *word_of(const char *const *words, size_t nr, uint32_t index);

/** word_of_path() - of an enum blk_copy_path */
const char *word_of_path(uint32_t path);

/** word_of_reason() - of an enum blk_copy_reason */
const char *word_of_reason(uint32_t reason);

/** word_of_origin() - of an enum blk_copy_origin */
const char *word_of_origin(uint32_t origin);

#endif /* BPFCOPY_WORDS_H */
