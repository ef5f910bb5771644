#ifndef NVB_HOOK_COMPAT_H
#define NVB_HOOK_COMPAT_H

/*
 * CUDA forward compatibility: an image may bring a newer libcuda than the host's driver has, in a
 * folder of its own, for GPUs on which that is supported (CUDA Compatibility, "Forward
 * Compatibility"). Which GPUs those are was settled before the hook was called.
 */

#include <stdint.h>

#include "hook/root.h"

#define HOOK_COMPAT_FOLDER "/usr/local/cuda/compat"

/*
 * Appends the names of the libraries of that folder that are to come before the driver's, none
 * where the folder is not there or does not fit DRIVER_VERSION ("550.163.01").
 */
void hook_find_compat(struct hook_root *root, const char *driver_version, struct nvb_strv *ret);

/* The flags of those libraries in the cache: of the machine's own class. */
uint32_t hook_compat_flags(void);

#endif
