#ifndef NVB_HOOK_STATE_H
#define NVB_HOOK_STATE_H

/* The container's state, as the OCI runtime gives it (runtime-spec, runtime.md, "State"). */

#include <stddef.h>

#include "base/error.h"

/*
 * Reads a state from FD and finds the absolute path of the container's root, as the runtime sees
 * it: the state's own "root" (crun), else that of config.json in its "bundle" (runc). Owned.
 * Returns 0, 1 when only the reader's rights to that file are missing (no error set), or -1.
 */
int hook_state_read(int fd, char **ret_root, struct nvb_error **err);

/* The two texts by themselves. *ret_root or *ret_bundle is NULL where the state has none. */
int hook_state_parse(const char *text, size_t len, char **ret_root, char **ret_bundle,
                     struct nvb_error **err);
int hook_config_parse(const char *text, size_t len, char **ret_root, struct nvb_error **err);

/* Looks for the whole number NUMBER in the list that is the member KEY (in any case) of the object
 * TEXT. Returns 1 when it is there, 0 when not, -1 when TEXT is no such object. */
int hook_list_has(const char *text, size_t len, const char *key, unsigned long number);

#endif
