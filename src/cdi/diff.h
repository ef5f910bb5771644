#ifndef NVB_CDI_DIFF_H
#define NVB_CDI_DIFF_H

#include "cdi/spec.h"

/*
 * Appends to *ret, in words and a line each, what NOW has otherwise than OLD: nothing where both
 * mean the same to a container. The order of devices, nodes, mounts and variables means nothing;
 * that of hooks does. Where both bring an NVIDIA driver's files of one version each, that is one
 * line, and files that differ in the version alone are not told again. OLD is changed by that.
 */
void nvb_cdi_diff(struct nvb_cdi_spec *old, const struct nvb_cdi_spec *now, struct nvb_strv *ret);

#endif
