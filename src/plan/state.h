#ifndef NVB_PLAN_STATE_H
#define NVB_PLAN_STATE_H

/* A plan while it is resolved. Private to src/plan. */

#include "cdi/build.h"
#include "host/host.h"
#include "plan/claims.h"
#include "plan/resolve.h"
#include "plan/selection.h"
#include "plan/visible.h"

#define NVB_OWN_KIND "nvidia.com/gpu="

enum nvb_isolation {
    NVB_ISOLATION_NONE,
    NVB_ISOLATION_DEVICE, /* nothing of the GPUs that were not chosen */
    NVB_ISOLATION_STRICT, /* and little of the machine */
};

struct nvb_plan_state {
    const struct nvb_plan_input *input;
    struct nvb_plan *plan;
    struct nvb_notes *notes;
    struct nvb_wish wish;
    struct nvb_host host;
    struct nvb_gpus gpus;
    unsigned mig_management; /* what its variables ask for: enum nvb_cdi_mig_management */
    struct nvb_nvml nvml;
    bool nvml_asked;
    struct nvb_allowed allowed;
    struct nvb_choice choice;
    struct nvb_claims claims;
    struct nvb_cdi_spec spec;
    struct nvb_driver_files libraries; /* additional_libraries of the configuration */
    struct nvb_strv channels;          /* nodes that NVIDIA_IMEX_CHANNELS asks for */
    char *runtime;        /* the caller's private folder; NULL: no specification of his own */
    char *service_folder; /* where a service reads the specification from; NULL: nowhere */
    char *hook_runtime;   /* the same as runtime, for a hook without CDI; NULL: none without CDI */
    enum nvb_isolation isolation;
    bool dri;       /* the chosen GPUs' card and render nodes, whatever the capabilities */
    size_t claimed; /* edits that the user's words bring already */
};

/* Opens the host and fills s->gpus, s->choice and the plan's GPUs. Returns 0 or -1. */
int nvb_plan_choose_gpus(struct nvb_plan_state *s, struct nvb_error **err);

/* Builds s->spec, with the hook where something can bring it, and lays the chosen devices' edits
 * into the plan. Returns 0 or -1. */
int nvb_plan_lay_in(struct nvb_plan_state *s, struct nvb_error **err);

/* Fills s->libraries. A library that cannot be used is an error at its place. Returns 0 or -1. */
int nvb_plan_find_libraries(struct nvb_plan_state *s, struct nvb_error **err);
void nvb_plan_done_libraries(struct nvb_driver_files *libraries);

/* Sets s->mig_management, once GPUs are chosen. Returns 0, or -1 where that cannot be together. */
int nvb_plan_find_mig_management(struct nvb_plan_state *s, struct nvb_error **err);

/* How Podman reads lists depends on its version; Docker never has another way: 0. */
static inline unsigned nvb_plan_list_version(const struct nvb_engine *engine)
{
    return engine->kind == NVB_ENGINE_PODMAN ? engine->version : 0;
}

/*
 * Sets s->runtime where this engine and this container may use a specification of the caller's own,
 * as far as that is known before one has been built. Returns 0 or -1.
 */
int nvb_plan_find_runtime(struct nvb_plan_state *s, struct nvb_error **err);

/* Sets s->hook_runtime where this engine and this container may have the hook without CDI. */
void nvb_plan_find_hook_folder(struct nvb_plan_state *s);

/*
 * For a plan in direct mode whose edits have the hook: the folders of hooks, the annotation and the
 * file that bring it. Returns 0 or -1.
 */
int nvb_plan_lay_hook(struct nvb_plan_state *s, struct nvb_error **err);

/*
 * The hook for that specification, owned, or NULL: there is none, or it could not be run by whom
 * the container's root is.
 */
char *nvb_plan_find_hook(const struct nvb_plan_state *s);

/* Whether the container's root may be a user whom the file system does not know. */
bool nvb_plan_has_strange_root(const struct nvb_plan *plan);

/* Whether what was built shows that it has to be passed directly after all. */
bool nvb_plan_must_be_direct(const struct nvb_plan_state *s);

/* Takes the user's own names of our devices out: what they mean is laid in otherwise. */
void nvb_plan_drop_own_names(struct nvb_plan_line *line);

/*
 * s->spec, built from the host, or what the last run built where that is still the same
 * (plan/recall.c). Returns 0 or -1.
 */
int nvb_plan_build_spec(struct nvb_plan_state *s, const struct nvb_cdi_build_options *options,
                        struct nvb_error **err);

/*
 * Adds devices of other vendors, by their CDI names where the engine takes these, else what their
 * specifications say to the plan's edits: the mode is then NVB_PLAN_DIRECT. Returns 0 or -1.
 */
int nvb_plan_add_foreign(struct nvb_plan_state *s, const struct nvb_strv *names,
                         struct nvb_error **err);

/* Decides between CDI and direct, and fills in what that takes. Returns 0 or -1. */
int nvb_plan_settle_mode(struct nvb_plan_state *s, struct nvb_error **err);

#endif
