#ifndef NVB_HOST_NODE_H
#define NVB_HOST_NODE_H

#include "host/host.h"

/*
 * Appends the node PATH ("/dev/nvidia0") of ROLE to *ret, with what is at that place under the dev
 * root. DEV_FD is open on the dev root's /dev, or negative where there is none. Returns 0 or -1.
 */
int nvb_node_look(const struct nvb_host *host, int dev_fd, enum nvb_node_role role,
                  const char *path, struct nvb_nodes *ret, struct nvb_error **err);

/* Opens the dev root's /dev. Returns 0, 1 when there is none (*ret_fd is then -1), or -1. */
int nvb_node_open_dev(const struct nvb_host *host, int *ret_fd, struct nvb_error **err);

#endif
