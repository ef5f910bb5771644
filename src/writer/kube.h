#ifndef NVB_WRITER_KUBE_H
#define NVB_WRITER_KUBE_H

/* A plan as objects of Kubernetes (core/v1 Pod, apps/v1 Deployment, batch/v1 Job), for a cluster or
 * for "podman kube play". */

#include "data/doc.h"
#include "plan/plan.h"

/* The first Podman whose "kube play" takes CDI names as limits, as major * 100 + minor. */
#define NVB_KUBE_CDI_SINCE 504

/* Who reads it, a set. Podman reads annotations and mount options of its own; a cluster checks
 * names, and expands "$(NAME)" in more places. */
enum nvb_kube_target {
    NVB_KUBE_PODMAN = 1 << 0,
    NVB_KUBE_CLUSTER = 1 << 1,
};

enum nvb_kube_kind {
    NVB_KUBE_POD,
    NVB_KUBE_DEPLOYMENT,
    NVB_KUBE_JOB,
};

struct nvb_kube_options {
    enum nvb_kube_target target;
    enum nvb_kube_kind kind;
    unsigned version;         /* of the Podman that will read it, as major * 100 + minor */
    const char *container;    /* the container's name, which annotations of Podman's bear */
    const char *folder;       /* absolute: what relative paths are relative to */
    char *const *environment; /* where "--env NAME" finds its value; NULL: it is refused */
};

/* Where the plan's options go: parts of objects that may hold something already. */
struct nvb_kube_place {
    struct nvb_doc *meta;      /* the pod's metadata (of a template: the template's) */
    struct nvb_doc *pod;       /* its spec */
    struct nvb_doc *container; /* an item of its containers */
};

/*
 * Adds what PLAN's options say, its defaults first, to PLACE. GPUs, image, command and the pod's
 * name are not among it. Where both have a value the option's counts; lists get more items, and a
 * variable, label or annotation that is there is replaced. NOTES, which may be NULL, gets what
 * holds only by halves. Returns 0, or -1 with an error that names the option which has no place.
 */
int nvb_kube_add_options(const struct nvb_plan *plan, const struct nvb_kube_options *options,
                         const struct nvb_kube_place *place, struct nvb_notes *notes,
                         struct nvb_error **err);

/* Sets command and args by PLAN's --entrypoint and the words behind IMAGE. Returns 0 or -1. */
int nvb_kube_add_command(const struct nvb_plan *plan, const struct nvb_kube_options *options,
                         struct nvb_doc *container, struct nvb_error **err);

/*
 * The first text of DOC that Podman (4.3 to 6.1) would misread, borrowed, or NULL: it writes a file
 * of kube play's anew before it reads it, and texts of several lines that begin with a blank come
 * out broken, or without it (gopkg.in/yaml.v3, block scalars with an indentation indicator).
 */
const char *nvb_kube_find_misread(const struct nvb_doc *doc);

/* GPUs as an object asks for them. All borrowed. */
struct nvb_kube_limit {
    const char *name; /* "nvidia.com/gpu", or a CDI name */
    uint64_t count;
};

struct nvb_kube_limits NVB_VEC(struct nvb_kube_limit);

/* Dynamic resource allocation: what NVIDIA's DRA driver is asked for. */
struct nvb_kube_claim {
    const char *version;  /* of resource.k8s.io: "v1", "v1beta1", "v1beta2"; NULL: no claim */
    const char *class;    /* the device class: "gpu.nvidia.com", "mig.nvidia.com" */
    uint64_t count;       /* 0: all of a node */
    const char *selector; /* a CEL expression, or NULL */
};

struct nvb_kube_gpus {
    struct nvb_kube_limits limits;
    struct nvb_kube_claim claim;
    const char *product;       /* the node's label nvidia.com/gpu.product, or NULL */
    const char *runtime_class; /* or NULL */
};

/*
 * Appends the objects as YAML, NAME being theirs (a label of RFC 1123). Returns 0, or -1 with an
 * error that names what they cannot hold.
 */
int nvb_writer_kube(const struct nvb_plan *plan, const struct nvb_kube_options *options,
                    const char *name, const struct nvb_kube_gpus *gpus, struct nvb_str *ret,
                    struct nvb_notes *notes, struct nvb_error **err);

#endif
