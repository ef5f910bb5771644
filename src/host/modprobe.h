#ifndef NVB_HOST_MODPROBE_H
#define NVB_HOST_MODPROBE_H

/*
 * nvidia-modprobe, the driver's own helper: a setuid program of root's that loads the kernel's
 * module and makes the device nodes, which nobody does on a machine without a desktop until the
 * first program wants its GPU (nvidia-modprobe(1)). libcuda calls it by the same path.
 */

#include "base/notes.h"
#include "host/host.h"

#define NVB_MODPROBE_PATH "/usr/bin/nvidia-modprobe"

/*
 * What HOST with GPUS, for CAPABILITIES, is without although the helper brings it: the module,
 * every GPU's node, nvidiactl, nvidia-uvm. Appends a text a call, such as "-u -c0", to *ret. That a
 * few GPUs have no node while others do is somebody's will, and stays so.
 */
void nvb_modprobe_find_missing(const struct nvb_host *host, const struct nvb_gpus *gpus,
                               unsigned capabilities, struct nvb_strv *ret);

/*
 * True where HOST is the machine itself, not another tree, and the helper is installed: root's, out
 * of others' reach, and setuid unless the caller is root.
 */
bool nvb_modprobe_is_there(const struct nvb_host *host);

/*
 * Finds the GPUs as nvb_host_find_gpus() does, and where something is missing and the helper is
 * there, calls it, once for each thing, and finds them again. What it did is an INFO note, what it
 * could not do a warning; neither is an error: whether the result is enough is the caller's
 * question. Takes half a minute a call at most.
 */
int nvb_modprobe_find_gpus(const struct nvb_host *host, unsigned capabilities, struct nvb_gpus *ret,
                           struct nvb_notes *notes, struct nvb_error **err);

#endif
