#ifndef NVB_PLAN_CLAIMS_H
#define NVB_PLAN_CLAIMS_H

/*
 * What an engine's command line already brings into the container: nvbind adds none of it a second
 * time, and the user's word wins.
 */

#include <stdbool.h>

#include "cdi/spec.h"
#include "plan/plan.h"

struct nvb_claims {
    struct nvb_strv mounts;      /* destinations: --volume, --mount, --tmpfs; cleaned paths */
    struct nvb_strv devices;     /* paths on the host: --device /dev/x:/dev/y, the first; cleaned */
    struct nvb_strv places;      /* paths in the container: the second */
    struct nvb_strv cdi;         /* --device VENDOR/CLASS=NAME, in full */
    struct nvb_strv environment; /* names: --env, --unsetenv */
    struct nvb_strv ports;       /* in the container, with protocol: "8888/tcp" */
    struct nvb_strv limits;      /* names: --ulimit */
};

#define _cleanup_claims_ _cleanup_(nvb_claims_done)

/* Appends what LINE brings. ENGINE_VERSION (403) tells how Podman reads lists; 0 for Docker. */
void nvb_claims_read(const struct nvb_plan_line *line, unsigned engine_version,
                     struct nvb_claims *ret);
void nvb_claims_done(struct nvb_claims *claims);

/* Whether both bring the same mount destination, device, variable, port or limit. */
bool nvb_claims_overlap(const struct nvb_claims *a, const struct nvb_claims *b);

/* Takes out of EDITS what CLAIMS already has. Returns how many nodes and
 * mounts were taken out. */
size_t nvb_claims_filter(const struct nvb_claims *claims, struct nvb_cdi_edits *edits);

/* Whether WORD is the name of a CDI device: VENDOR/CLASS=NAME. */
bool nvb_claims_is_cdi_name(const char *word);

/* Splits one line of CSV (RFC 4180 quotes) and appends its fields; what is not well quoted is taken
 * as it stands. */
void nvb_claims_split_csv(const char *text, struct nvb_strv *ret);

/* The value of the last --env NAME=VALUE in LINE, borrowed; "--env NAME" takes it from ENVIRONMENT.
 * NULL where there is none. */
const char *nvb_claims_env_value(const struct nvb_plan_line *line, const char *name,
                                 char *const *environment);

#endif
