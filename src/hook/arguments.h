#ifndef NVB_HOOK_ARGUMENTS_H
#define NVB_HOOK_ARGUMENTS_H

/* The hook's command line, taken apart. Its words are in hook/words.h, their author is hook/args.c.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* A name beside a library: the link's target, and the cache's entry. Owned. */
struct hook_library {
    uint32_t flags;        /* of the cache */
    char *folder;          /* "/usr/lib/x86_64-linux-gnu" */
    char *file;            /* the file that is mounted there */
    struct nvb_strv names; /* the SONAME, then development names */
};

struct hook_link {
    char *target;
    char *path;
};

/* A file or folder of the machine's that the hook itself brings. */
struct hook_mount {
    char *source; /* as the hook sees it, before the runtime changes to the container's root */
    char *path;   /* in the container */
};

struct hook_libraries NVB_VEC(struct hook_library);
struct hook_links NVB_VEC(struct hook_link);
struct hook_mounts NVB_VEC(struct hook_mount);

struct hook_arguments {
    struct hook_libraries libraries;
    struct hook_links links;
    struct hook_mounts mounts;
    char *driver_version; /* forward compatibility may be used against this driver; or NULL */
    bool no_links;
    bool no_cache;
    bool no_device_files;
    bool no_openat2; /* "--no-openat2", for tests of the walk in user space */
};

/* Takes them apart, those of a file that they name ("--arguments=") as well. */
int hook_arguments_parse(int argc, char **argv, struct hook_arguments *ret, struct nvb_error **err);
void hook_arguments_done(struct hook_arguments *arguments);

#endif
