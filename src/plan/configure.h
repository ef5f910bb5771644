#ifndef NVB_PLAN_CONFIGURE_H
#define NVB_PLAN_CONFIGURE_H

/* What the configuration adds to a plan, before the user's words are laid over it. */

#include "config/config.h"
#include "host/host.h"
#include "plan/parse.h"

/* A library of the host, by path or name. */
struct nvb_plan_library {
    char *text;             /* owned */
    struct nvb_place place; /* borrowed from the configuration */
};

/* The configuration as the resolver takes it. Owned. */
struct nvb_plan_defaults {
    struct nvb_plan_line line;   /* default_args, environment, security_opts */
    struct nvb_strv gpu_devices; /* additional_devices: for containers with GPUs */
    struct nvb_plan_libraries NVB_VEC(struct nvb_plan_library) libraries; /* so too */
    const char *selection; /* borrowed from the configuration; or NULL */
    struct nvb_place selection_place;
    struct nvb_place visible_place; /* of NVIDIA_VISIBLE_DEVICES; all zero: not there */
    struct nvb_place granted_place; /* of NVIDIA_DRIVER_CAPABILITIES */
    unsigned capabilities;          /* 0: not set */
    bool isolate;                   /* enable_isolation */
    bool restrict_devices;
    bool refuses_rootless; /* allow_rootless = false */
    struct nvb_place rootless_place;
    struct nvb_plan_spec cookie; /* a profile's X11 cookie */
    struct nvb_plan_spec said;   /* a warning that is not to be said again */
};

#define _cleanup_plan_defaults_ _cleanup_(nvb_plan_defaults_done)

void nvb_plan_defaults_done(struct nvb_plan_defaults *defaults);

/*
 * Reads CONFIG, which must outlive *ret. Values are expanded now: an option whose variable is unset
 * is left out whole, and NOTES says so. ROOTLESS: options that a rootless engine cannot have and
 * does not need are left out with one warning. Faults name the file, the line and the column.
 * Returns 0 or -1.
 */
int nvb_plan_configure(const struct nvb_config *config, bool rootless,
                       struct nvb_plan_defaults *ret, struct nvb_notes *notes,
                       struct nvb_error **err);

/*
 * Checks what only the option table and the grammar of selections know about CONFIG: default_args,
 * default_selection, NVIDIA_VISIBLE_DEVICES. Returns 0, or -1 with the first fault at its place.
 */
int nvb_plan_check_config(const struct nvb_config *config, struct nvb_error **err);

/*
 * The characters that begin another field in the value of OPTION (":" in a volume, "," in a list):
 * what nvb_config_expand() must keep a variable from bringing in. Owned.
 */
char *nvb_plan_find_separators(const struct nvb_plan_option *option);

/* The engine that the configuration names, one bit of enum nvb_engine_kind; 0: none. */
unsigned nvb_plan_configured_engine(const struct nvb_config *config);

#endif
