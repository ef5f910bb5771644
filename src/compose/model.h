#ifndef NVB_COMPOSE_MODEL_H
#define NVB_COMPOSE_MODEL_H

/*
 * What the files of a Compose project say that has to do with GPUs, service by service: merged over
 * several files, through extends, include, anchors and variables, as the tools do it (Compose
 * specification). Everything knows where it is written. What has nothing to do with GPUs is not
 * read: it stays the tool's.
 */

#include "compose/project.h"
#include "config/keys.h"
#include "data/yaml.h"

struct nvb_compose_text {
    char *text; /* owned, variables put in */
    struct nvb_place place;
};

struct nvb_compose_texts NVB_VEC(struct nvb_compose_text);

/* One request for devices: an item of gpus: or of deploy.resources.reservations.devices. */
struct nvb_compose_request {
    struct nvb_place place;
    bool by_gpus; /* it stands in gpus: */
    char *driver; /* owned, or NULL */
    bool has_count;
    bool all; /* count: all, -1 */
    uint64_t count;
    struct nvb_strv ids;
    struct nvb_strv capabilities;
    const struct nvb_doc *raw; /* as it is written; borrowed from the model */
};

struct nvb_compose_requests NVB_VEC(struct nvb_compose_request);

struct nvb_compose_service {
    char *name;
    struct nvb_place place;
    struct nvb_compose_requests requests;
    struct nvb_compose_text runtime;      /* text is NULL where there is none */
    struct nvb_compose_text user, userns; /* the same */
    struct nvb_compose_texts devices;     /* "SOURCE[:TARGET[:MODE]]", or a CDI name */
    struct nvb_compose_texts volumes;     /* "[SOURCE:]TARGET" */
    struct nvb_compose_texts environment; /* "NAME=VALUE", of a name the last one counts */
    struct nvb_compose_texts groups;      /* group_add */
    struct nvb_strv profiles;
    bool privileged;
};

struct nvb_compose_file {
    char *path;
    char *folder;         /* what its relative paths are relative to. Owned */
    struct nvb_docs docs; /* one document */
    bool is_top;          /* one of the project's, not one that another names */
};

struct nvb_compose_model {
    struct NVB_VEC(struct nvb_compose_file *) files;
    struct NVB_VEC(struct nvb_compose_service) services;
    struct nvb_strv elsewhere; /* what is included from another place than this machine's files */
};

#define _cleanup_compose_model_ _cleanup_(nvb_compose_model_done)

/* At most this many files, services, and bytes of values after variables, anchors and extends. */
#define NVB_COMPOSE_MAX_FILES    128
#define NVB_COMPOSE_MAX_SERVICES 4096
#define NVB_COMPOSE_MAX_BYTES    ((size_t)8 << 20)

/*
 * Reads PROJECT's files and those that they extend or include. Errors (NVB_ERROR_CONFIG) name file,
 * line and column; what the tool alone could find wrong is left to it. Returns 0 or -1.
 */
int nvb_compose_model_read(const struct nvb_compose_project *project,
                           enum nvb_compose_flavour flavour, struct nvb_compose_model *ret,
                           struct nvb_error **err);
void nvb_compose_model_done(struct nvb_compose_model *model);

/* The service NAME, borrowed, or NULL. */
const struct nvb_compose_service *nvb_compose_model_find(const struct nvb_compose_model *model,
                                                         const char *name);

/* The value of NAME in the service's environment, borrowed, or NULL; *ret_place unless NULL. */
const char *nvb_compose_service_variable(const struct nvb_compose_service *service,
                                         const char *name, const struct nvb_place **ret_place);

/* ---- one layer, for the model's reader ---- */

/* What a layer is read with. */
struct nvb_compose_layer {
    const char *file;
    const char *folder;
    const struct nvb_compose_variables *variables;
    size_t *budget; /* how many bytes of values may still be taken: a short file can say much */
};

/* Lays MAP, a service as one file has it, over SERVICE. "extends" is not looked at. */
int nvb_compose_layer_add(const struct nvb_compose_layer *layer, const struct nvb_doc *map,
                          struct nvb_compose_service *service, struct nvb_error **err);

/* DOC's text with its variables put in, owned; NULL for a null. A list or map is an error. */
int nvb_compose_layer_text(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                           char **ret, struct nvb_error **err);

/* PATH as seen from the layer's folder: absolute, owned. */
char *nvb_compose_layer_path(const struct nvb_compose_layer *layer, const char *path);

void nvb_compose_service_done(struct nvb_compose_service *service);

#endif
