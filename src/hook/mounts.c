/*
 * Theory of operation. The source is the machine's, named by who wrote the arguments, and seen here
 * because runtimes start hooks before they change the root. The place is the image's to prepare, so
 * it is opened beneath the container's root, on that root's own mount, its last component without
 * following a link; the mount is then made by the two descriptors. Nothing can turn it elsewhere in
 * between. Mount points are made as engines make them, new or not at all; what is there and is no
 * file (or folder, where a folder is brought) is left. The root is first made one that only
 * receives mounts: where it is shared with the machine's own namespace, what is laid here must not
 * show there.
 */
#include "hook/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "hook/say.h"

/* A detached mount of the machine's SOURCE. Returns its descriptor or an errno. */
static int open_source(const char *source)
{
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        .propagation = MS_PRIVATE,
    };
    _cleanup_close_ int tree =
        (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -errno;
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    return TAKE_FD(tree);
}

/* Makes the mount point PATH where nothing is there. */
static int make_point(struct hook_root *root, const char *path, bool is_folder)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_close_ int dir = -1;
    const char *name = nvb_path_base(path);
    int r = hook_root_enter(root, folder, true, &dir);
    if (r < 0)
        return r;
    if (is_folder)
        return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
    _cleanup_close_ int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd < 0 && errno != EEXIST ? -errno : 0;
}

/* Opens PATH as it is, in the container's own view. */
static int open_point(struct hook_root *root, const char *path)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_close_ int dir = -1;
    int r = hook_root_look(root, folder, &dir);
    if (r < 0)
        return r;
    return nvb_path_open_in(dir, nvb_path_base(path), O_PATH | O_NOFOLLOW, 0,
                            NVB_RESOLVE_NO_XDEV | root->resolve);
}

/* Whether what another mount shows at PATH is SOURCE itself: the engine brought it. */
static bool is_there(struct hook_root *root, const char *path, const struct stat *source)
{
    struct stat st;
    _cleanup_close_ int fd =
        nvb_path_open_in(root->fd, path, O_PATH | O_NOFOLLOW, 0, root->resolve);
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == source->st_dev &&
           st.st_ino == source->st_ino;
}

static int lay(struct hook_root *root, int tree, const char *path)
{
    struct stat source, st;
    if (fstat(tree, &source) < 0)
        return -errno;
    const bool is_folder = S_ISDIR(source.st_mode);
    _cleanup_close_ int point = open_point(root, path);
    if (point == -ENOENT) {
        int r = make_point(root, path, is_folder);
        if (r < 0)
            return r;
        point = open_point(root, path);
    }
    if (point == -EXDEV && is_there(root, path, &source))
        return 0;
    if (point < 0)
        return point;
    if (fstat(point, &st) < 0)
        return -errno;
    if (is_folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        return -EINVAL;
    if (syscall(SYS_move_mount, tree, "", point, "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return -errno;
    return 0;
}

void hook_make_mounts(struct hook_root *root, const struct hook_arguments *arguments)
{
    struct mount_attr attr = {.propagation = MS_SLAVE};
    if (arguments->mounts.count == 0)
        return;
    if (syscall(SYS_mount_setattr, root->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        hook_say("nothing is brought into the container: its root is no mount of its own: %s",
                 strerror(errno));
        return;
    }
    nvb_vec_foreach (mount, &arguments->mounts) {
        _cleanup_close_ int tree = open_source(mount->source);
        if (tree < 0) {
            hook_say("'%s' of the machine is not brought: %s", mount->source, strerror(-tree));
            continue;
        }
        int r = lay(root, tree, mount->path);
        if (r < 0 && !hook_is_refused(root, r))
            hook_say("'%s' is not brought: %s", mount->path, hook_reason(r));
    }
}
