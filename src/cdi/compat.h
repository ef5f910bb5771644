#ifndef NVB_CDI_COMPAT_H
#define NVB_CDI_COMPAT_H

#include <stdbool.h>

#include "host/host.h"

/*
 * Whether CUDA forward compatibility is supported on every one of GPUS (none: it is not): a newer
 * user-space driver of the image's on the host's older kernel driver. NVIDIA supports it on its
 * data centre GPUs and not on the others (CUDA Compatibility, "Forward Compatibility"), which are
 * told by their model. What is not in the table is not supported.
 */
bool nvb_cdi_has_forward_compat(const struct nvb_gpus *gpus);

#endif
