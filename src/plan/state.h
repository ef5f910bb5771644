#ifndef NVB_PLAN_STATE_H
#define NVB_PLAN_STATE_H

/* A plan while it is resolved. Private to src/plan. */

#include "host/host.h"
#include "plan/claims.h"
#include "plan/resolve.h"
#include "plan/selection.h"

#define NVB_OWN_KIND "nvidia.com/gpu="
#define NVB_VISIBLE  "NVIDIA_VISIBLE_DEVICES"

struct nvb_plan_state {
    const struct nvb_plan_input *input;
    struct nvb_plan *plan;
    struct nvb_notes *notes;
    struct nvb_wish wish;
    struct nvb_host host;
    struct nvb_gpus gpus;
    struct nvb_allowed allowed;
    struct nvb_choice choice;
    struct nvb_claims claims;
    struct nvb_cdi_spec spec;
    size_t claimed; /* edits that the user's words bring already */
};

/* How Podman reads lists depends on its version; Docker never has another way: 0. */
static inline unsigned nvb_plan_list_version(const struct nvb_engine *engine)
{
    return engine->kind == NVB_ENGINE_PODMAN ? engine->version : 0;
}

/* Decides between CDI and direct, and fills in what that takes. Returns 0 or -1. */
int nvb_plan_settle_mode(struct nvb_plan_state *s, struct nvb_error **err);

#endif
