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

/**
 * of_word() - the way back
 * @words: by number
 * @nr: how many
 * @word: one of them, or NULL
 *
 * Return: its number; @nr if it is none of them, for which word_of() says "unknown".
 */
uint32_t of_word(const char *const *words, size_t nr, const char *word);

/** path_of_word() - an enum blk_copy_path, or one that has no word */
uint32_t path_of_word(const char *word);

/** reason_of_word() - an enum blk_copy_reason, or one that has no word */
uint32_t reason_of_word(const char *word);

/** origin_of_word() - an enum blk_copy_origin, or one that has no word */
uint32_t origin_of_word(const char *word);

#endif /* BPFCOPY_WORDS_H */
