#ifndef NVB_CLI_FULL_IMAGE_H
#define NVB_CLI_FULL_IMAGE_H

#include "cli/planning.h"

/*
 * For a file that is used without nvbind: where run would have given Podman Docker's registry to
 * search for PLAN's image (plan/short_name.h), which no file can say, the image gets the name of
 * what run would start: a local image of that name, whose name Podman is asked, else Docker's
 * registry's. EXEC is made anew; a note says the name. Returns 0 or -1.
 */
int nvb_cli_name_image(struct nvb_cli_planning *planning, struct nvb_plan *plan,
                       struct nvb_exec *exec, struct nvb_error **err);

#endif
