#ifndef NVB_HOOK_PARAMS_H
#define NVB_HOOK_PARAMS_H

#include "hook/root.h"

/*
 * Lays a copy of /proc/driver/nvidia/params that says "ModifyDeviceFiles: 0" over the container's,
 * so that the driver's libraries inside make no device nodes. Where there is no such file, or it
 * says so already, nothing is done.
 */
void hook_hide_params(struct hook_root *root);

/* TEXT with that line changed, appended to *ret. Returns 1 when it needs no change. */
int hook_change_params(const struct nvb_str *text, struct nvb_str *ret);

/* Lays a read-only file with TEXT over what the descriptor TARGET is open on, in this process's
 * mount namespace alone: MOUNT, the root of the mount that TARGET is on, passes no mounts on from
 * then. Returns 0 or a negative errno. */
int hook_lay_over(int mount, int target, const struct nvb_str *text);

#endif
