#ifndef NVB_HOOK_ROOT_H
#define NVB_HOOK_ROOT_H

/*
 * The container's root, and the few things the hook does in it. Paths are absolute, as the
 * container sees them. Every function returns 0 or a negative errno unless it says otherwise, and
 * none prints.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/str.h"

struct hook_root {
    int fd;           /* O_PATH on the root */
    int write_fd;     /* the same, or a detached writable copy of its mount */
    int dev_fd;       /* O_PATH on the container's /dev, -1: not opened yet, -2: unusable */
    unsigned resolve; /* of enum nvb_resolve, added to what the hook asks for itself */
    bool refused;     /* something could not be written because the file system is read-only */
};

#define HOOK_ROOT_INIT                         \
    {                                          \
        .fd = -1, .write_fd = -1, .dev_fd = -1 \
    }

/* The one name under which new things are made before they are renamed. */
#define HOOK_TEMPORARY ".nvbind-hook.tmp"

/* Opens PATH, which the OCI runtime gave. -EXDEV: it is the root of the hook itself. */
int hook_root_open(const char *path, struct hook_root *root);

/* The same for the working folder, which must be the root of a mount; -ENOENT: it is not. */
int hook_root_open_here(struct hook_root *root);
void hook_root_done(struct hook_root *root);

/*
 * Opens the folder PATH (O_PATH) on the root's own mount, to be looked at. -EXDEV: another mount
 * covers it. Paths at and below /dev are opened in the container's own /dev, which must be a tmpfs
 * and not the host's.
 */
int hook_root_look(struct hook_root *root, const char *path, int *ret_fd);

/* The same folder, to be written to; with MAKE, missing ones are made (0755). */
int hook_root_enter(struct hook_root *root, const char *path, bool make, int *ret_fd);

/* Whether something is at PATH, be it a mount of its own (rootless engines mount device nodes). */
bool hook_root_has(struct hook_root *root, const char *path);

/*
 * Opens the regular file NAME of the folder DIR for reading, without following a link and without
 * waiting. -EINVAL: it is something else; -EXDEV: it is a mount of its own.
 */
int hook_open_regular(const struct hook_root *root, int dir, const char *name, int *ret_fd,
                      struct stat *ret_st);

/* Reads FD, at most MAX bytes (-EFBIG beyond), and appends them to *ret. */
int hook_read_all(int fd, size_t max, struct nvb_str *ret);

/* Replaces or makes the regular file NAME in DIR, whole, with the mode and owner of *LIKE. */
int hook_write_file(int dir, const char *name, const struct nvb_str *text, const struct stat *like);

/*
 * Makes NAME in DIR a link to TARGET. 1: it was one already. A link to elsewhere is replaced.
 * -EEXIST: something that is no link is there and was left.
 */
int hook_make_link(int dir, const char *name, const char *target);

/* True where R says that the file system is read-only. That is said once, at the end, and not for
 * each link; what is right already needs no writing and no word. */
bool hook_is_refused(struct hook_root *root, int r);

/* What an errno of these functions means for PATH, in words. */
const char *hook_reason(int r);

#endif
