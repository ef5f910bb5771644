#ifndef NVB_BASE_PATH_H
#define NVB_BASE_PATH_H

/*
 * Everything is opened under a root.
 *
 * A struct nvb_root is a folder that plays the part of "/": the machine itself, a recorded host, a
 * containerised driver, a container's root file system. A path given to these functions is resolved
 * inside it: absolute symbolic links start at the root again and ".." stops there, so no path leads
 * out (openat2(2), RESOLVE_IN_ROOT). Magic links (/proc/PID/fd, exe, cwd …) are never followed.
 *
 * Kernels before 5.6 and some system call filters have no openat2. Then the same walk is made in
 * user space, component by component with O_NOFOLLOW, just as strict. Which of the two is used is
 * asked once, of the kernel, on a fixed path: never decided by an errno that a path gave.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* For nvb_path_open_in(); both walks honour them. */
enum nvb_resolve {
    NVB_RESOLVE_NO_XDEV = 1 << 0,     /* a component on another mount is refused: EXDEV */
    NVB_RESOLVE_NO_SYMLINKS = 1 << 1, /* any symbolic link is refused: ELOOP */
    NVB_RESOLVE_FALLBACK = 1 << 2,    /* use the walk in user space, for its tests */
};

/*
 * Opens PATH inside ROOT_FD. FLAGS are open(2)'s; O_CLOEXEC is always added. A last component that
 * does not exist is made where FLAGS has O_CREAT. Returns the descriptor, or a negative errno.
 */
int nvb_path_open_in(int root_fd, const char *path, int flags, mode_t mode, unsigned resolve);

/* Asks the kernel now which walk it is, for who wants that settled before touching hostile files.
 */
void nvb_path_probe(void);

struct nvb_root {
    int fd;     /* O_PATH on the folder */
    char *path; /* its absolute path without links, "/" for the machine itself; owned */
};

#define NVB_ROOT_INIT \
    {                 \
        .fd = -1      \
    }
#define _cleanup_root_ _cleanup_(nvb_root_done)

/* Opens the folder PATH (relative to the working folder) as a root. */
int nvb_root_open(const char *path, struct nvb_root *ret, struct nvb_error **err);
void nvb_root_done(struct nvb_root *root);

/* True where the root is the machine itself. */
bool nvb_root_is_host(const struct nvb_root *root);

/* Opens PATH inside ROOT; as nvb_path_open_in() without mode. */
int nvb_root_openat(const struct nvb_root *root, const char *path, int flags);

/* Status of what PATH leads to inside ROOT, all links followed. Returns 0 or a negative errno. */
int nvb_root_stat(const struct nvb_root *root, const char *path, struct stat *ret);

/* The text of the link PATH itself. Returns 0 or a negative errno (-EINVAL: not a link). */
int nvb_root_readlink(const struct nvb_root *root, const char *path, char **ret);

/*
 * The path without links, seen from ROOT, that PATH leads to ("/usr/lib/x.so.1"). Owned by the
 * caller. FD, if not negative, is already open on it and spares opening it again.
 * Returns 0 or a negative errno.
 */
int nvb_root_resolve(const struct nvb_root *root, const char *path, int fd, char **ret);

/*
 * Reads the regular file PATH inside ROOT whole and appends it to *ret. Anything but a regular file
 * is refused without waiting (a FIFO does not hang it), and so is a file of more than MAX bytes.
 * Returns 0, 1 when it is not there (no error set), or -1.
 */
int nvb_root_read(const struct nvb_root *root, const char *path, size_t max, struct nvb_str *ret,
                  struct nvb_error **err);

/* ROOT's own path and PATH put together: what the machine itself calls it. Owned by the caller. */
char *nvb_root_outside(const struct nvb_root *root, const char *path);

/* The folder part of PATH ("/" for "/x", "." for "x") as an owned copy; the last part, borrowed. */
char *nvb_path_dir(const char *path);
const char *nvb_path_base(const char *path);

#endif
