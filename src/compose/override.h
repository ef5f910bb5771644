#ifndef NVB_COMPOSE_OVERRIDE_H
#define NVB_COMPOSE_OVERRIDE_H

/*
 * The file that is laid over the user's by Docker Compose: each service's GPUs as its plan has
 * them, and !reset or !override (Compose 2.24) for what it asks by, which this engine would refuse
 * or drop.
 */

#include "compose/request.h"
#include "plan/plan.h"

struct nvb_compose_override {
    struct nvb_doc doc;
    struct nvb_place removed; /* the first place that is taken away by a tag; file is NULL: none */
};

#define _cleanup_compose_override_ _cleanup_(nvb_compose_override_done)

void nvb_compose_override_done(struct nvb_compose_override *override);

/*
 * Adds SERVICE with what PLAN brings. An error (NVB_ERROR_ENGINE) where a Compose file cannot say
 * something of it. Returns 0 or -1.
 */
int nvb_compose_override_add(struct nvb_compose_override *override,
                             const struct nvb_compose_service *service, const struct nvb_plan *plan,
                             struct nvb_error **err);

/* Adds SERVICE, which asks for none, so that its image's variables ask for none either: for a
 * Docker whose default runtime is NVIDIA's. Nothing happens where the service sets that variable
 * itself. */
void nvb_compose_override_close(struct nvb_compose_override *override,
                                const struct nvb_compose_service *service);

/* Appends it as YAML. */
int nvb_compose_override_write(const struct nvb_compose_override *override, struct nvb_str *ret,
                               struct nvb_error **err);

#endif
