#ifndef NVB_COMPOSE_VARIABLES_H
#define NVB_COMPOSE_VARIABLES_H

/*
 * Variables of a Compose file: where they come from and how they stand in a value (Compose
 * specification, "Interpolation"; the .env file's grammar is Docker Compose's).
 */

#include "base/error.h"
#include "base/str.h"

/* The caller's environment, then NAME=VALUE words of files, of which a later one counts, then those
 * of PARENT. */
struct nvb_compose_variables {
    char *const *environment;                   /* borrowed */
    struct nvb_strv words;                      /* owned */
    size_t size;                                /* of all of these */
    const struct nvb_compose_variables *parent; /* borrowed, or NULL */
};

#define _cleanup_compose_variables_ _cleanup_(nvb_compose_variables_done)

void nvb_compose_variables_done(struct nvb_compose_variables *variables);

/* NAME's value, borrowed, or NULL. */
const char *nvb_compose_variables_get(const struct nvb_compose_variables *variables,
                                      const char *name);

/*
 * Adds the variables of the file PATH: a regular file of at most 1 MiB, whose values come to no
 * more either. Variables in its values are put in from what is known so far. Returns 0, 1 where
 * there is no such file, or -1.
 */
int nvb_compose_variables_read(struct nvb_compose_variables *variables, const char *path,
                               struct nvb_error **err);

/*
 * TEXT with its variables put in: $$, $NAME, ${NAME}, and ${NAME:-default}, -, :?, ?, :+, + with
 * further ones inside. What is not set is empty. Errors (NVB_ERROR_CONFIG) have no place: a form
 * that is none of these, a variable that must be there, a result of more than 1 MiB. *ret is owned.
 */
int nvb_compose_interpolate(const struct nvb_compose_variables *variables, const char *text,
                            char **ret, struct nvb_error **err);

/* Appends TEXT so that a Compose file's reader takes it for just that: $ is doubled. */
void nvb_compose_escape(const char *text, struct nvb_str *ret);

#endif
