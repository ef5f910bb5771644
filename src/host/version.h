#ifndef NVB_HOST_VERSION_H
#define NVB_HOST_VERSION_H

#include <stddef.h>

/* How many bytes at TEXT are a driver version, "550.163.01": numbers with at least one dot between
 * them. 0: none. */
size_t nvb_version_span(const char *text);

#endif
