#ifndef NVB_HOST_USER_H
#define NVB_HOST_USER_H

/* The caller: who it is, and the folders that are its own. */

#include <sys/types.h>

#include "base/error.h"

struct nvb_user {
    uid_t uid;   /* the effective one: what files are written as */
    char *home;  /* owned; NULL when nothing tells it */
    char *cache; /* owned; nvbind's folder for what can be made again, not yet made; or NULL */
    char *state; /* owned; nvbind's folder for what it remembers, not yet made; or NULL */
    char *kept;  /* owned; its folder for files that containers go on using, the same. For root it
                    is /var/lib/nvbind, whatever HOME says; or NULL */
    char *runtime_dir; /* owned copy of $XDG_RUNTIME_DIR, unchecked; or NULL */
};

#define _cleanup_user_ _cleanup_(nvb_user_done)

/*
 * The value of NAME in ENVIRONMENT ("NAME=value" words, NULL-terminated), borrowed, or NULL. An
 * empty value is returned as "".
 */
const char *nvb_environment_get(char *const *environment, const char *name);

/*
 * Reads the caller from the process and ENVIRONMENT (XDG Base Directory Specification: relative
 * paths in the XDG variables are ignored). The user database is asked only where HOME is not set.
 */
void nvb_user_read(char *const *environment, struct nvb_user *ret);
void nvb_user_done(struct nvb_user *user);

#endif
