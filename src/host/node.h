#ifndef NVB_HOST_NODE_H
#define NVB_HOST_NODE_H

#include "host/host.h"

/* The dev root's /dev, /dev/dri and /dev/nvidia-caps, open; -1 where they are not there. */
struct nvb_dev_folders {
    int dev, dri, caps;
};

#define NVB_DEV_FOLDERS_INIT             \
    {                                    \
        .dev = -1, .dri = -1, .caps = -1 \
    }
#define _cleanup_dev_folders_ _cleanup_(nvb_dev_folders_done)

/* Opens what there is of the first two. Returns 0 or -1. */
int nvb_dev_folders_open(const struct nvb_host *host, struct nvb_dev_folders *ret,
                         struct nvb_error **err);
void nvb_dev_folders_done(struct nvb_dev_folders *folders);

/* Opens the third where it is there: only hosts with MIG devices need it. Returns 0 or -1. */
int nvb_dev_folders_open_caps(const struct nvb_host *host, struct nvb_dev_folders *folders,
                              struct nvb_error **err);

/* Appends the node PATH ("/dev/nvidia0", "/dev/dri/card0", "/dev/nvidia-caps/nvidia-cap3") of ROLE
 * to *ret, with what is at that place under the dev root. Returns 0 or -1. */
int nvb_node_look(const struct nvb_host *host, const struct nvb_dev_folders *folders,
                  enum nvb_node_role role, const char *path, struct nvb_nodes *ret,
                  struct nvb_error **err);

#endif
