#ifndef NVB_HOST_CRUN_H
#define NVB_HOST_CRUN_H

/* The OCI runtime crun, asked about itself. */

#include "base/error.h"

/*
 * The version of the crun that RUNTIME names (an absolute path, or "crun" or NULL for the one that
 * Podman takes by itself), as major * 100 + minor: 1.21 is 121. It is started for that, which takes
 * a millisecond or two, and not kept: ask only where the answer decides something.
 * Returns 0, 1 when there is no crun, or -1 when it does not answer.
 */
int nvb_crun_find_version(const char *runtime, char *const *environment, unsigned *ret,
                          struct nvb_error **err);

#endif
