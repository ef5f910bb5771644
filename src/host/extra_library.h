#ifndef NVB_HOST_EXTRA_LIBRARY_H
#define NVB_HOST_EXTRA_LIBRARY_H

/* A library that is not the driver's and is to come along with it. */

#include "host/host.h"

/*
 * Finds the library NAME in HOST's driver root: an absolute path, or a key of the linker cache, of
 * the machine's own class where there are two. *ret is as nvb_host_find_driver() would give it:
 * without links in its path, with its SONAME. Not there, no regular file, no shared library or one
 * of another machine: an error that says so. Returns 0 or -1.
 */
int nvb_host_find_library(const struct nvb_host *host, const char *name,
                          struct nvb_driver_file *ret, struct nvb_error **err);

#endif
