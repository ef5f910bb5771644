#ifndef NVB_KUBE_REQUEST_H
#define NVB_KUBE_REQUEST_H

/* A container's requests. Private to src/kube. */

#include "kube/kube.h"

/*
 * Appends the requests among CONTAINER's resources: limits and requests by a device plugin's names
 * (NVIDIA's, AMD's, Intel's, and any kind of CDI's), and CDI's own names. FILE is for errors.
 * Returns 0 or -1.
 */
int nvb_kube_read_requests(struct nvb_doc *container, const char *file,
                           struct nvb_kube_requests *ret, struct nvb_error **err);

#endif
