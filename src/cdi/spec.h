#ifndef NVB_CDI_SPEC_H
#define NVB_CDI_SPEC_H

/*
 * A CDI specification in memory (tags.cncf.io/container-device-interface, SPEC.md). The same struct
 * is what a file is written from, what a file of any vendor is read into, and what direct mode lays
 * into the plan where an engine has no CDI.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct nvb_cdi_node {
    char *path;           /* in the container; required */
    char *host_path;      /* on the host, or NULL: the same (0.5) */
    char *type;           /* "b", "c", "u", "p" or NULL: the engine stats the node */
    char *permissions;    /* "rwm" or NULL */
    int64_t major, minor; /* -1: not given */
    int64_t file_mode;    /* -1: not given */
    int64_t uid, gid;     /* -1: not given */
};

struct nvb_cdi_mount {
    char *host_path;
    char *container_path;
    char *type; /* or NULL (0.4) */
    struct nvb_strv options;
};

struct nvb_cdi_hook {
    char *hook_name; /* "createContainer", … */
    char *path;
    struct nvb_strv args;
    struct nvb_strv env;
    int64_t timeout; /* seconds, -1: not given */
};

struct nvb_cdi_net {
    char *host_name;
    char *container_name;
};

struct nvb_cdi_rdt {
    char *clos_id;
    char *l3_schema;
    char *mem_schema;
    struct nvb_strv schemata;   /* 1.1 */
    int enable_cmt, enable_mbm; /* -1: not given; up to 1.0 */
    int enable_monitoring;      /* -1: not given; 1.1 */
};

struct nvb_cdi_edits {
    struct nvb_strv env; /* "NAME=value" */
    struct nvb_cdi_nodes NVB_VEC(struct nvb_cdi_node) nodes;
    struct nvb_cdi_mounts NVB_VEC(struct nvb_cdi_mount) mounts;
    struct nvb_cdi_hooks NVB_VEC(struct nvb_cdi_hook) hooks;
    struct nvb_cdi_nets NVB_VEC(struct nvb_cdi_net) nets;
    struct nvb_cdi_gids NVB_VEC(uint32_t) gids; /* 0.7 */
    struct nvb_cdi_rdt *rdt;                    /* 0.7; owned, or NULL */
};

struct nvb_cdi_annotation {
    char *key;
    char *value;
};
struct nvb_cdi_annotations NVB_VEC(struct nvb_cdi_annotation);

struct nvb_cdi_device {
    char *name;
    struct nvb_cdi_annotations annotations; /* 0.6 */
    struct nvb_cdi_edits edits;
};

struct nvb_cdi_spec {
    char *version; /* "0.5.0" */
    char *kind;    /* "nvidia.com/gpu" */
    struct nvb_cdi_annotations annotations;
    struct nvb_cdi_devices NVB_VEC(struct nvb_cdi_device) devices;
    struct nvb_cdi_edits edits; /* for whichever device is asked for */
};

#define _cleanup_cdi_spec_ _cleanup_(nvb_cdi_spec_done)

/*
 * Append to EDITS a device node or a mount with copies of what is given and nothing else set, and
 * return it, borrowed: good until the next one is added. OPTIONS may be NULL: no options.
 */
struct nvb_cdi_node *nvb_cdi_edits_add_node(struct nvb_cdi_edits *edits, const char *path);
struct nvb_cdi_mount *nvb_cdi_edits_add_mount(struct nvb_cdi_edits *edits, const char *host_path,
                                              const char *container_path,
                                              const char *const *options);

/* Whether there is nothing in EDITS. */
bool nvb_cdi_edits_is_empty(const struct nvb_cdi_edits *edits);

void nvb_cdi_spec_done(struct nvb_cdi_spec *spec);
void nvb_cdi_edits_done(struct nvb_cdi_edits *edits);

/* The device of that name, borrowed, or NULL. */
const struct nvb_cdi_device *nvb_cdi_spec_find_device(const struct nvb_cdi_spec *spec,
                                                      const char *name);

/*
 * Appends copies of FROM's edits to INTO, leaving out what is there already: the same environment
 * variable, node path, mount destination, interface name or group id, and a hook that is the same
 * in every part (the first one stays).
 */
void nvb_cdi_edits_merge(struct nvb_cdi_edits *into, const struct nvb_cdi_edits *from);

#endif
