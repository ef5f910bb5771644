#ifndef NVB_PLAN_DEVICE_GROUP_H
#define NVB_PLAN_DEVICE_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether UID may open a node of DEVICE (HOST[:CONTAINER][:PERMISSIONS], a node or a folder of
 * nodes) only by one of the process's further groups: without root a container has none of them
 * unless the engine is told to keep them.
 */
bool nvb_device_needs_groups(const char *device, uid_t uid);

#endif
