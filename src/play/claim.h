#ifndef NVB_PLAY_CLAIM_H
#define NVB_PLAY_CLAIM_H

/* Dynamic resource allocation (kubernetes.io/docs/concepts/scheduling-eviction/
 * dynamic-resource-allocation): a pod's claims, which its containers may share. Private to
 * src/play. */

#include "play/play.h"

/*
 * Appends to CONTAINER the requests of the claims that its resources name. A claim's contents are a
 * ResourceClaim or ResourceClaimTemplate among DOCS; one that is not there, a class of devices that
 * is not known and a selector are errors at their places. *LOOKED counts over all containers of a
 * file what is looked through for this, which has a limit. Returns 0 or -1.
 */
int nvb_play_read_claims(struct nvb_docs *docs, struct nvb_play_pod *pod,
                         struct nvb_play_container *container, size_t *looked,
                         struct nvb_error **err);

#endif
