#ifndef NVB_COMPOSE_RELOCATE_H
#define NVB_COMPOSE_RELOCATE_H

/*
 * Copies of a project's files for podman-compose, which takes its project's folder from the first
 * file's: they lie elsewhere, so every relative path in them becomes absolute.
 */

#include "compose/model.h"

/*
 * Whether podman-compose (1.1 to 1.6) would break off at a request: it takes a count that is text,
 * as every variable is, for no number. Returns 1 where it would, 0, or -1 with an error where that
 * stands in a file that another one names, which is not copied.
 */
int nvb_compose_must_relocate(const struct nvb_compose_model *model, struct nvb_error **err);

/*
 * Makes those counts numbers and the paths absolute, in MODEL itself, and appends the text of each
 * of the project's own files to *ret_texts, in their order. Returns 0 or -1.
 */
int nvb_compose_relocate(struct nvb_compose_model *model, const struct nvb_compose_project *project,
                         struct nvb_strv *ret_texts, struct nvb_error **err);

/* The name that podman-compose gives a project which nothing names: its folder's. Owned; NULL where
 * a file or a variable names it. */
char *nvb_compose_relocate_name(const struct nvb_compose_model *model,
                                const struct nvb_compose_project *project);

#endif
