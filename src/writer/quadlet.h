#ifndef NVB_WRITER_QUADLET_H
#define NVB_WRITER_QUADLET_H

/* A plan as a Quadlet .container file (podman-systemd.unit(5)). */

#include "plan/plan.h"

/* The first Podman with Quadlet, as major * 100 + minor. */
#define NVB_QUADLET_SINCE 404

/* How a key's values are read by Quadlet's generator: that decides how they are written. */
enum nvb_quadlet_form {
    NVB_QUADLET_VALUE, /* one value, the last one counts */
    NVB_QUADLET_LIST,  /* one value a line */
    NVB_QUADLET_WORDS, /* lines of words */
    NVB_QUADLET_FLAG,  /* true or false */
    NVB_QUADLET_OWN,   /* Quadlet says it itself: left out */
    NVB_QUADLET_NEVER, /* contradicts a service: an error */
    NVB_QUADLET_SPLIT, /* by its value: --security-opt, --restart … */
};

struct nvb_quadlet_key {
    const char *option; /* canonical name of "podman run"'s option */
    const char *key;    /* in [Container]; NULL where the form needs none */
    unsigned since;     /* the Podman whose generator takes it; older ones get PodmanArgs= */
    enum nvb_quadlet_form form;
};

/* The row of an option, or NULL: it has no key and goes into PodmanArgs=. */
const struct nvb_quadlet_key *nvb_quadlet_find(const char *option);

/* Where a key depends on the value: "label=disable" of --security-opt. Returns the row, NULL for
 * PodmanArgs=, and what stands behind the key. */
const struct nvb_quadlet_key *nvb_quadlet_find_security(const char *value, const char **ret_rest);

struct nvb_quadlet_options {
    unsigned version;               /* of the Podman that will read the file */
    bool is_user;                   /* for a user's systemd */
    const char *description;        /* of the unit; borrowed */
    const struct nvb_strv *devices; /* CDI names that bring the GPUs; borrowed */
    bool refreshed;      /* nvbind-cdi-refresh.service of the same systemd writes them down */
    const char *awaited; /* or: the file in which root's writes them at boot; borrowed */
};

/*
 * Appends the file. PLAN must be one that outlives the command and brings its GPUs by CDI names or
 * not at all. Returns 0, or -1 with an error that names the option which a Quadlet cannot have.
 */
int nvb_writer_quadlet(const struct nvb_plan *plan, const struct nvb_quadlet_options *options,
                       struct nvb_str *ret, struct nvb_error **err);

#endif
