#ifndef NVB_CLI_PREFLIGHT_H
#define NVB_CLI_PREFLIGHT_H

/* What would fail in the engine, told before it is called: the doctor's own rows, those of them
 * that take microseconds. */

#include "cli/planning.h"

/*
 * For Podman without root: sub-ids, user namespaces and who may make them; what fails there is an
 * error with the row's fix. Where SELinux keeps containers from the GPUs' nodes and nothing was
 * said about labels, a warning in planning->notes with the boolean that lets them; labels are never
 * turned off. A dry run, a service and a process that is in a user namespace already are not looked
 * at. Returns 0 or -1.
 */
int nvb_cli_preflight(struct nvb_cli_planning *planning, const struct nvb_request *request,
                      const struct nvb_plan *plan, struct nvb_error **err);

#endif
