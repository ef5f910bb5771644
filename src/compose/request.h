#ifndef NVB_COMPOSE_REQUEST_H
#define NVB_COMPOSE_REQUEST_H

/* What a service asks for, in the words of "nvbind run". */

#include "compose/model.h"

struct nvb_compose_wish {
    struct nvb_place place; /* who asks: the first place that does. Its file is the model's */
    struct nvb_strv gpu;    /* "--gpu=0,2", "--capabilities=…"; none: the other words say it */
};

#define _cleanup_compose_wish_ _cleanup_(nvb_compose_wish_done)

void nvb_compose_wish_done(struct nvb_compose_wish *wish);

/*
 * Who decides, the first that is there: gpus: and deploy…devices: (all GPUs that any of them names;
 * of several counts the greatest, because a second file's list is added to the first's); GPUs among
 * devices:; mounts of /dev/null and NVIDIA_VISIBLE_DEVICES, as NVIDIA's runtime reads them;
 * "runtime: nvidia" alone means all. Returns 0; 1 where SERVICE asks for none; or -1: a request
 * that cannot be one, named by file, line and column.
 *
 * A device request whose driver is another vendor's is left to the engine (Docker Compose); where
 * the tool drops it without a word (podman-compose) it is an error.
 */
int nvb_compose_wish_read(const struct nvb_compose_service *service,
                          enum nvb_compose_flavour flavour, struct nvb_compose_wish *ret,
                          struct nvb_error **err);

/* Whether REQUEST is for a GPU that nvbind gives, and not a device of another kind. */
bool nvb_compose_request_is_gpu(const struct nvb_compose_request *request);

/* Whether the device DEVICE of a service is a CDI name of NVIDIA's GPUs. */
bool nvb_compose_is_cdi_gpu(const char *device);

/* Whether the service's runtime is NVIDIA's, or nvbind by name. */
bool nvb_compose_has_gpu_runtime(const struct nvb_compose_service *service);

/*
 * Appends the words of "nvbind create" for a container with SERVICE's devices, mounts, variables
 * and users, and WISH's: what they bring is not brought again.
 */
void nvb_compose_wish_words(const struct nvb_compose_service *service,
                            const struct nvb_compose_wish *wish, struct nvb_strv *ret);

#endif
