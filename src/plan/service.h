#ifndef NVB_PLAN_SERVICE_H
#define NVB_PLAN_SERVICE_H

/* Engines whose containers a service makes. Private to src/plan but for the first function. */

#include "host/endpoint.h"
#include "plan/plan.h"
#include "plan/state.h"

/* Where ENGINE will make the container, by the plan's globals, ENVIRONMENT and its own files. */
void nvb_plan_find_endpoint(const struct nvb_plan *plan, const struct nvb_engine *engine,
                            char *const *environment, const struct nvb_user *user,
                            struct nvb_endpoint *ret);

/*
 * The plan for a service that may be on another machine: the GPUs by their CDI names there, and a
 * warning that says so. Returns 0, or -1 where the selection has no such names.
 */
int nvb_plan_leave_to_remote(struct nvb_plan_state *s, struct nvb_error **err);

/*
 * Sets s->service_folder where a specification for this container alone can be written where
 * Docker's daemon reads them: as root, for a container that goes with the command. Returns 0 or -1.
 */
int nvb_plan_find_service_folder(struct nvb_plan_state *s, struct nvb_error **err);

/* CDI by such a file: one device that is all of the plan's edits, of a kind and a name that no
 * other file has. Returns 0 or -1. */
int nvb_plan_use_service_folder(struct nvb_plan_state *s, struct nvb_error **err);

#endif
