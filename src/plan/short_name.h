#ifndef NVB_PLAN_SHORT_NAME_H
#define NVB_PLAN_SHORT_NAME_H

/*
 * Images named as Docker's users name them: "steam:latest", "pytorch/pytorch". Docker means its own
 * registry. Podman looks at home, then among the registries that registries.conf(5) lists as
 * unqualified-search-registries; where it lists none, such a name is an error. There, for this one
 * start, Podman is given a registries.conf of its own: the one that it would read, and Docker's
 * registry to search. The word on the command line stays, so a local image of that name still wins.
 */

#include "plan/resolve.h"

/* Docker's registry, as image names spell it. */
#define NVB_DOCKER_REGISTRY "docker.io"

/*
 * Whether IMAGE names no registry: no "host.name/", "host:port/" or "localhost/" before it, no
 * transport ("oci:", "docker://"), no path and no image's ID.
 */
bool nvb_image_is_short(const char *image);

/*
 * What becomes of the text of a registries.conf (NULL: there is none) so that Docker's registry is
 * searched. Returns 0 with an owned text, or 1 where it says itself what is searched, even if that
 * is nothing. Version 1 of the format has a table of its own for that.
 */
int nvb_registries_extend(const char *text, char **ret);

/* Whether the text of a registries.conf or a file of aliases has an alias for the name IMAGE. */
bool nvb_registries_has_alias(const char *text, const char *image);

/*
 * Fills plan->registries and plan->added_environment where INPUT's Podman would not know where to
 * look for PLAN's image, and says so in NOTES. No engine is asked.
 */
void nvb_plan_name_registry(const struct nvb_plan_input *input, struct nvb_plan *plan,
                            struct nvb_notes *notes);

#endif
