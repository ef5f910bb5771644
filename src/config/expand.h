#ifndef NVB_CONFIG_EXPAND_H
#define NVB_CONFIG_EXPAND_H

/*
 * Variables in values, expanded when a container is run, never when a file is read:
 *
 *   $VAR ${VAR}     the variable; where it is unset, the entry that uses it is left out
 *   ${VAR:-text}    text where the variable is unset or empty; text may hold variables again
 *   ${VAR:?text}    an error with that text where the variable is unset or empty
 *   $$              a dollar sign. One before anything else than a name or "{" stands for itself
 *
 * What a variable brings in is one piece of the field it stands in: it is never expanded again,
 * never split at spaces, and refused where it holds a character that would begin another field.
 */

#include "base/error.h"
#include "base/notes.h"
#include "base/str.h"

/* The value of NAME (LEN bytes) in ENVIRONMENT ("NAME=VALUE" …, NULL), borrowed, or NULL. */
const char *nvb_environment_find(const char *const *environment, const char *name, size_t len);

/* True where TEXT takes something from a variable. */
bool nvb_expand_has_variable(const char *text);

/* Checks the form alone. Returns 0, or -1 with a configuration error that has no place. */
int nvb_expand_check(const char *text, struct nvb_error **err);

/*
 * Expands TEXT. SEPARATORS (may be NULL) are the characters that part the fields of the argument
 * that TEXT goes into; line ends count as such always. Returns 0 with an owned text in *ret; 1
 * where a variable is unset, with its owned name in *ret_unset; or -1.
 */
int nvb_expand(const char *text, const char *const *environment, const char *separators, char **ret,
               char **ret_unset, struct nvb_error **err);

#endif
