#ifndef NVB_SELFTEST_IMPORT_H
#define NVB_SELFTEST_IMPORT_H

/* The root as an image: Docker takes no folder for a container's root, and Podman gives one that is
 * a folder less than an image gets. */

#include "base/str.h"
#include "selftest/root.h"

/*
 * Imports ROOT under a name that begins with NAME and ends with this process's number. ENGINE are
 * the words that call it, the first one an absolute path ("/usr/bin/sudo", "-n",
 * "/usr/bin/podman"). *ret is that name, owned, also on failure, for the next function.
 * ENVIRONMENT is borrowed. Returns 0 or -1.
 */
int nvb_selftest_import(const struct nvb_selftest_root *root, const struct nvb_strv *engine,
                        const char *name, char *const *environment, char **ret,
                        struct nvb_error **err);

/* Removes the image; does nothing where IMAGE is NULL. Best effort. */
void nvb_selftest_forget(const struct nvb_strv *engine, const char *image,
                         char *const *environment);

#endif
