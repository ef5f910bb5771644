#ifndef NVB_PLAY_REQUEST_H
#define NVB_PLAY_REQUEST_H

/* A container's requests. Private to src/play. */

#include "play/play.h"

/* A container's requests are held against each other, and its claims against a document's. */
#define NVB_PLAY_MAX_REQUESTS 256

/*
 * Appends the requests among CONTAINER's resources: limits and requests by a device plugin's names
 * (NVIDIA's, AMD's, Intel's, and any kind of CDI's), and CDI's own names. FILE is for errors.
 * Returns 0 or -1.
 */
int nvb_play_read_requests(struct nvb_doc *container, const char *file,
                           struct nvb_play_requests *ret, struct nvb_error **err);

#endif
