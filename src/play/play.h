#ifndef NVB_PLAY_PLAY_H
#define NVB_PLAY_PLAY_H

/*
 * A cluster's YAML on Podman: what its containers ask of GPUs, who gets which, and how that is said
 * so that "podman kube play" brings them.
 *
 * Podman knows nothing of a cluster's device plugins: "nvidia.com/gpu: 1" is dropped without a
 * word. From 5.4 on it takes CDI's names in their place, and every Podman makes a device of a
 * hostPath volume of the type CharDevice, and a mount of one of the type File. The steps:
 *
 *     nvb_play_read()       finds the pods in documents, and each container's requests
 *     nvb_play_unwrap()     makes a container whose command is "nvbind run …" the one inside
 *     nvb_play_choose()     gives each request GPUs that nobody holds
 *     nvb_play_lay()        puts a container's plan (plan/plan.h) into its place in the document
 *     nvb_play_label()      says on the pod which GPUs it holds
 */

#include "base/notes.h"
#include "data/yaml.h"
#include "plan/parse.h"
#include "plan/plan.h"
#include "plan/selection.h"

/* The first Podman whose kube play takes CDI's names as limits. */
#define NVB_PLAY_CDI_SINCE 504

/* On a pod and its containers, beside NVB_PLAN_GPU_LABEL: the GPUs that it may share with others.
 */
#define NVB_PLAY_SHARED_LABEL NVB_PLAN_GPU_LABEL ".shared"

enum nvb_play_kind {
    NVB_PLAY_GPU,      /* nvidia.com/gpu: whole GPUs, which nobody else has */
    NVB_PLAY_SHARED,   /* nvidia.com/gpu.shared: one that others may have as well */
    NVB_PLAY_MIG,      /* nvidia.com/mig-1g.5gb: MIG devices of a profile */
    NVB_PLAY_FOREIGN,  /* amd.com/gpu: devices of that CDI kind */
    NVB_PLAY_NAMED,    /* nvidia.com/gpu=0: Podman's own form */
    NVB_PLAY_SELECTED, /* --gpu of an unwrapped nvbind run */
    NVB_PLAY_OTHER,    /* nothing of ours: it stays as it is */
};

struct nvb_play_request {
    enum nvb_play_kind kind;
    char *resource; /* the key, as written */
    char *what;     /* MIG: the profile; FOREIGN: CDI's kind; SELECTED: the selection; else NULL */
    uint64_t count;
    char *claim; /* of which claim of the pod's it is: who names the same gets the same; or NULL */
    unsigned line, column;
};

struct nvb_play_requests NVB_VEC(struct nvb_play_request);

struct nvb_play_container {
    struct nvb_doc *doc; /* in the documents; stays where it is. Borrowed */
    char *name;
    bool is_init;
    struct nvb_play_requests requests;
    struct nvb_strv own;    /* of an unwrapped nvbind run: further words for its plan */
    bool has_profile;       /* one of them is a profile */
    struct nvb_strv chosen; /* units and CDI names, as --gpu takes them */
    struct nvb_strv held;   /* the same as labels have them */
    bool shares;            /* others may have what was chosen */
};

struct nvb_play_pod {
    const char *file;         /* its name in messages; borrowed */
    const char *kind;         /* "Deployment"; borrowed from the document */
    struct nvb_doc *template; /* the map with metadata and spec; stays where it is. Borrowed */
    char *name;               /* that Podman gives the pod */
    struct nvb_play_containers NVB_VEC(struct nvb_play_container) containers; /* init ones last */
};

struct nvb_play_pods NVB_VEC(struct nvb_play_pod);

#define _cleanup_play_pods_ _cleanup_(nvb_play_pods_done)

void nvb_play_pods_done(struct nvb_play_pods *pods);
void nvb_play_request_done(struct nvb_play_request *request);

/*
 * Appends the pods of DOCS (of the file FILE) that have requests or may be unwrapped, with all
 * their containers. VERSION is Podman's: a kind that it does not play is an error where GPUs are
 * asked for in it. Both borrow DOCS. Errors are of the kind CONFIG, at their places. Returns 0 or
 * -1.
 */
int nvb_play_read(struct nvb_docs *docs, const char *file, unsigned version,
                  struct nvb_play_pods *ret, struct nvb_error **err);

/* Whether anything in PODS asks for GPUs. */
bool nvb_play_wants(const struct nvb_play_pods *pods);

/* ---- nvbind in a container's command ---- */

/* Whether CONTAINER's command is "nvbind run …". */
bool nvb_play_is_wrapped(const struct nvb_play_container *container);

struct nvb_play_unwrap {
    const struct nvb_parse *parse;   /* for its words */
    const struct nvb_engine *engine; /* Podman */
    const char *folder;              /* absolute: the file's, for relative paths */
    char *const *environment;
};

/*
 * Makes such a CONTAINER of POD the one inside: its image, its command, its options where a pod has
 * a place for them (writer/kube.h), and its selection of GPUs as a request, within the limit that
 * is there. An option without a place is an error that names it, at the command's place. One
 * warning in NOTES, with the lines that say the same. Returns 0 or -1.
 */
int nvb_play_unwrap(const struct nvb_play_unwrap *how, struct nvb_play_pod *pod,
                    struct nvb_play_container *container, struct nvb_notes *notes,
                    struct nvb_error **err);

/*
 * Adds to CONTAINER what a profile of its nvbind run brings, which are PLAN's defaults. Returns 0
 * or -1.
 */
int nvb_play_add_profile(const struct nvb_play_unwrap *how, const struct nvb_plan *plan,
                         struct nvb_play_pod *pod, struct nvb_play_container *container,
                         struct nvb_notes *notes, struct nvb_error **err);

/* ---- who gets which ---- */

/* A container that holds GPUs, as its labels say it. */
struct nvb_play_holder {
    char *name;             /* the container's */
    struct nvb_strv gpus;   /* its own alone, or its pod's … */
    struct nvb_strv shared; /* … or shared with others */
    struct nvb_strv own;    /* of both, those of this container of the pod */
};

struct nvb_play_holders NVB_VEC(struct nvb_play_holder);

#define _cleanup_play_holders_ _cleanup_(nvb_play_holders_done)

void nvb_play_holders_done(struct nvb_play_holders *holders);

/*
 * Reads what "podman ps --pod --format json" says of containers with NVB_PLAN_GPU_LABEL. Those of
 * the pods named in GONE, which are about to be replaced, are left out. Returns 0 or -1.
 */
int nvb_play_read_holders(const char *json, size_t len, const struct nvb_strv *gone,
                          struct nvb_play_holders *ret, struct nvb_error **err);

/* What there is to choose from. All borrowed. */
struct nvb_play_stock {
    const struct nvb_gpus *gpus;
    const struct nvb_allowed *allowed;
    const char *no_profiles;        /* why MIG devices' profiles are not known; or NULL */
    const struct nvb_strv *foreign; /* CDI names of other kinds that are in force */
    const struct nvb_play_holders *holders;
    bool share; /* --share: containers of a pod have its GPUs together, and others' if none is free
                 */
};

/*
 * Fills chosen, held and shares of PODS' containers. Containers of one pod get different GPUs
 * unless they may share; init containers, which run before, get those of the pod. What does not fit
 * is an error at the request that says what is free and who holds the rest; what nothing here gives
 * and is no GPU of anybody's is left as it is, with a warning. Returns 0 or -1.
 */
int nvb_play_choose(const struct nvb_play_stock *stock, struct nvb_play_pods *pods,
                    struct nvb_notes *notes, struct nvb_error **err);

/* ---- into the document ---- */

/* The words by which nvb_parse_run() makes a plan for CONTAINER: what its document brings already
 * (variables, mounts) and the GPUs that it gets. */
void nvb_play_words(const struct nvb_play_container *container, struct nvb_strv *ret);

/*
 * Puts what PLAN brings into CONTAINER of POD: CDI's names as limits, else devices and files as
 * volumes. Requests that are met this way go. VERSION is Podman's. Returns 0 or -1.
 */
int nvb_play_lay(const struct nvb_plan *plan, unsigned version, struct nvb_play_pod *pod,
                 struct nvb_play_container *container, struct nvb_error **err);

/* Adds the labels that say what POD's containers hold. */
void nvb_play_label(struct nvb_play_pod *pod);

/* ---- the way back ---- */

/*
 * Makes DOCS, what Podman says of containers that are there, ask for the GPUs that HOLDERS' labels
 * name: as limits, in the place of what nvbind laid into them (EDITS: of all GPUs of this machine,
 * directly). GPUS may tell MIG devices' profiles; one that is not known is asked for by its CDI
 * name.
 */
void nvb_play_restore(struct nvb_docs *docs, const struct nvb_play_holders *holders,
                      const struct nvb_cdi_edits *edits, const struct nvb_gpus *gpus);

#endif
