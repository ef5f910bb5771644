#ifndef NVB_HOOK_CACHE_H
#define NVB_HOOK_CACHE_H

#include "hook/arguments.h"
#include "hook/root.h"

/* Adds the libraries, and before them those of a forward compatibility folder, to the linker cache,
 * and says in ld.so.conf.d what an ldconfig inside would not know. Says what it leaves. */
void hook_update_cache(struct hook_root *root, const struct hook_arguments *arguments);

#endif
