#ifndef NVB_HOOK_MOUNTS_H
#define NVB_HOOK_MOUNTS_H

#include "hook/arguments.h"
#include "hook/root.h"

/*
 * Brings the machine's files that ARGUMENTS name into the container: what an engine would have
 * mounted from a CDI specification, where the container was started without one. Read-only, without
 * device nodes and set-user-id bits. What cannot be brought is said, and left out.
 */
void hook_make_mounts(struct hook_root *root, const struct hook_arguments *arguments);

#endif
