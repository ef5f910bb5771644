#ifndef NVB_HOST_CONTAINERS_CONF_H
#define NVB_HOST_CONTAINERS_CONF_H

/*
 * Podman's own configuration, containers.conf(5), as far as it is asked for here: which files there
 * are, not what Podman makes of them. CONTAINERS_CONF and CONTAINERS_CONF_OVERRIDE, then in
 * /usr/share/containers, /etc/containers and the caller's folder every file whose name begins with
 * "containers." and ends with ".conf", and those in folders of such a name
 * (containers.conf.d, containers.rootless.conf.d/UID …).
 */

#include "base/str.h"
#include "host/user.h"

/* Adds the paths of these files, in the order above and in each folder by name: in a folder's own
 * order the later one counts. */
void nvb_containers_conf_list(char *const *environment, const struct nvb_user *user,
                              struct nvb_strv *ret);

/*
 * The first of these files in which a line that is no comment speaks of KEY, however it is spelled
 * around that; a file that cannot be read may. Owned, or NULL.
 */
char *nvb_containers_conf_find(char *const *environment, const struct nvb_user *user,
                               const char *key);

#endif
