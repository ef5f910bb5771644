#ifndef NVB_BASE_NEAREST_H
#define NVB_BASE_NEAREST_H

/* "Did you mean": the known word that a misspelt one was probably meant to be. */

#include <stddef.h>

/*
 * Insertions, deletions, replacements and swaps of neighbours between A and B (optimal string
 * alignment). Words longer than 64 bytes are never near: SIZE_MAX.
 */
size_t nvb_edit_distance(const char *a, const char *b);

/*
 * The word of WORDS (NULL-terminated) nearest to WORD, borrowed, or NULL when none is near: at most
 * a third of its letters wrong, or WORD is its beginning (three letters at least).
 */
const char *nvb_nearest(const char *word, const char *const *words);

#endif
