#ifndef NVB_PLAN_PROFILE_H
#define NVB_PLAN_PROFILE_H

/* From profiles (config/profile.h) to options that lie below the user's own. */

#include "config/profile.h"
#include "host/engine.h"
#include "plan/configure.h"

/* All borrowed. */
struct nvb_plan_profiles {
    const char *words; /* --profile, by commas; NULL: the configuration's profiles */
    const struct nvb_config *config;
    struct nvb_profile_options options;
    const char *runtime_dir; /* $XDG_RUNTIME_DIR, unchecked; or NULL */
    const struct nvb_engine *engine;
    const struct nvb_plan_line *user; /* the user's words: what they replace is not looked at */
    bool rootless;                    /* the engine runs without root */
    bool isolate; /* the chosen GPUs' nodes and no others: folders of nodes are left out */
};

/*
 * Adds what the profiles bring to DEFAULTS: profiles that the command line names lie over what the
 * configuration says, those that the configuration names lie under it. Conditions are asked and
 * variables expanded now. A limit above the caller's own hard limit, which an engine without root
 * (or without CAP_SYS_RESOURCE) cannot set, is lowered to that, and one note says so. Faults name
 * the file, the line and the column. Returns 0 or -1.
 */
int nvb_plan_add_profiles(const struct nvb_plan_profiles *profiles,
                          struct nvb_plan_defaults *defaults, struct nvb_notes *notes,
                          struct nvb_error **err);

#endif
