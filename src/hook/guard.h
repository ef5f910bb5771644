#ifndef NVB_HOOK_GUARD_H
#define NVB_HOOK_GUARD_H

#include "base/error.h"

/*
 * What bounds the hook, whatever the image makes it do. hook_guard_limits() is called first: no
 * new privileges, time, memory and file size, and standard descriptors that exist. Then, before the
 * image is touched, hook_guard_calls() leaves only the system calls that the rest needs; any other
 * ends the process.
 */
void hook_guard_limits(void);
int hook_guard_calls(struct nvb_error **err);

#endif
