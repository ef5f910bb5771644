#include "hook/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The mount's own flag or the file system's. */
static bool is_read_only(int fd)
{
    struct statvfs v;
    return fstatvfs(fd, &v) == 0 && (v.f_flag & ST_RDONLY);
}

/*
 * crun makes a read-only root read-only before createContainer hooks run, runc after them. What
 * "--read-only" promises is that the container cannot write, so the hook writes through a copy of
 * the root's mount that no path leads to and that goes with the hook. Only the mount's flag is
 * lifted: where the file system itself is read-only, or the kernel keeps the flag (a mount of a
 * more privileged namespace), it stays so. The copy is of that one mount: nothing that is mounted
 * inside the root is in it.
 */
static int open_writable(int fd)
{
    struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
    _cleanup_close_ int copy =
        (int)syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (copy < 0)
        return -errno;
    if (syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    return is_read_only(copy) ? -EROFS : TAKE_FD(copy);
}

int hook_root_open(const char *path, struct hook_root *root)
{
    struct stat st, own;
    root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0 || fstat(root->fd, &st) < 0 || stat("/", &own) < 0)
        return -errno;
    if (is_same_file(&st, &own))
        return -EXDEV;
    root->write_fd = root->fd;
    if (is_read_only(root->fd)) {
        int fd = open_writable(root->fd);
        if (fd >= 0)
            root->write_fd = fd;
    }
    return 0;
}

int hook_root_open_here(struct hook_root *root)
{
    struct statx sx;
    int r = hook_root_open(".", root);
    if (r < 0)
        return r;
    if (statx(root->fd, "", AT_EMPTY_PATH, 0, &sx) < 0)
        return -errno;
    return sx.stx_attributes & STATX_ATTR_MOUNT_ROOT ? 0 : -ENOENT;
}

void hook_root_done(struct hook_root *root)
{
    if (root->write_fd != root->fd)
        nvb_close_p(&root->write_fd);
    nvb_close_p(&root->fd);
    nvb_close_p(&root->dev_fd);
}

/*
 * The container's /dev is a tmpfs of its own. Where it is the host's (a volume of "/dev"), it is
 * left alone: what the hook would write is the host's business, and already there.
 */
static int open_dev(struct hook_root *root)
{
    struct stat st, host;
    struct statfs fs;
    if (root->dev_fd == -2)
        return -ENODEV;
    if (root->dev_fd >= 0)
        return 0;
    root->dev_fd = -2;
    _cleanup_close_ int fd = nvb_path_open_in(root->fd, "/dev", O_PATH | O_DIRECTORY, 0,
                                              NVB_RESOLVE_NO_SYMLINKS | root->resolve);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    if ((unsigned long)fs.f_type != TMPFS_MAGIC ||
        (stat("/dev", &host) == 0 && host.st_dev == st.st_dev))
        return -ENODEV;
    root->dev_fd = TAKE_FD(fd);
    return 0;
}

static bool is_in_dev(const char *path)
{
    return strcmp(path, "/dev") == 0 || nvb_has_prefix(path, "/dev/");
}

/* Opens PATH, to be looked at, below the descriptor that is responsible for it. */
static int open_below(struct hook_root *root, const char *path, int flags)
{
    unsigned resolve = NVB_RESOLVE_NO_XDEV | root->resolve;
    if (!is_in_dev(path))
        return nvb_path_open_in(root->fd, path, flags, 0, resolve);
    int r = open_dev(root);
    if (r < 0)
        return r;
    return nvb_path_open_in(root->dev_fd, path[4] ? path + 4 : "/", flags, 0,
                            resolve | NVB_RESOLVE_NO_SYMLINKS);
}

/* The folder PATH; LOOK wants no writable copy. */
static int open_folder(struct hook_root *root, const char *path, bool look)
{
    int fd = open_below(root, path, O_PATH | O_DIRECTORY);
    if (fd < 0 || look || is_in_dev(path) || root->write_fd == root->fd)
        return fd;
    /* It is on the root's own mount, as the container sees it; now the same place in the copy. */
    (void)close(fd);
    return nvb_path_open_in(root->write_fd, path, O_PATH | O_DIRECTORY, 0,
                            NVB_RESOLVE_NO_XDEV | root->resolve);
}

bool hook_root_has(struct hook_root *root, const char *path)
{
    _cleanup_close_ int fd = open_below(root, path, O_PATH | O_NOFOLLOW);
    return fd >= 0 || fd == -EXDEV;
}

int hook_root_look(struct hook_root *root, const char *path, int *ret_fd)
{
    int fd = open_folder(root, path, true);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int hook_root_enter(struct hook_root *root, const char *path, bool make, int *ret_fd)
{
    int fd = open_folder(root, path, false);
    if (fd == -ENOENT && make && strcmp(path, "/") != 0) {
        _cleanup_free_ char *above = nvb_path_dir(path);
        _cleanup_close_ int dir = -1;
        int r = hook_root_enter(root, above, true, &dir);
        if (r < 0)
            return r;
        if (mkdirat(dir, nvb_path_base(path), 0755) < 0 && errno != EEXIST)
            return -errno;
        fd = open_folder(root, path, false);
    }
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int hook_open_regular(const struct hook_root *root, int dir, const char *name, int *ret_fd,
                      struct stat *ret_st)
{
    struct stat first;
    const unsigned resolve = NVB_RESOLVE_NO_XDEV | root->resolve;
    /* Looked at before it is opened: opening a device node can already do something. */
    _cleanup_close_ int look = nvb_path_open_in(dir, name, O_PATH | O_NOFOLLOW, 0, resolve);
    if (look < 0)
        return look;
    if (fstat(look, &first) < 0)
        return -errno;
    if (!S_ISREG(first.st_mode))
        return -EINVAL;
    _cleanup_close_ int fd =
        nvb_path_open_in(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, resolve);
    if (fd < 0)
        return fd == -ELOOP ? -EINVAL : fd;
    if (fstat(fd, ret_st) < 0)
        return -errno;
    if (!S_ISREG(ret_st->st_mode) || !is_same_file(&first, ret_st))
        return -EINVAL;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int hook_read_all(int fd, size_t max, struct nvb_str *ret)
{
    size_t start = ret->len;
    size_t want = 4096;
    for (;;) {
        nvb_str_grow(ret, want);
        ssize_t n = read(fd, ret->data + ret->len, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
        ret->data[ret->len] = '\0';
        if (ret->len - start > max)
            return -EFBIG;
        if ((size_t)n == want && want < (size_t)1 << 18)
            want *= 2;
    }
}

int hook_write_file(int dir, const char *name, const struct nvb_str *text, const struct stat *like)
{
    struct stat st;
    (void)unlinkat(dir, HOOK_TEMPORARY, 0);
    _cleanup_close_ int fd =
        openat(dir, HOOK_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = nvb_write_all(fd, text->data, text->len);
    if (r == 0 && fstat(fd, &st) < 0)
        r = -errno;
    if (r == 0 && (st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
        fchown(fd, like->st_uid, like->st_gid) < 0)
        r = -errno;
    /* Not the image's word on set-user-id bits. */
    if (r == 0 && fchmod(fd, like->st_mode & 0777) < 0)
        r = -errno;
    if (r == 0 && renameat(dir, HOOK_TEMPORARY, dir, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir, HOOK_TEMPORARY, 0);
    return r;
}

int hook_make_link(int dir, const char *name, const char *target)
{
    _cleanup_free_ char *text = NULL;
    int r = nvb_readlinkat(dir, name, &text);
    if (r == 0 && strcmp(text, target) == 0)
        return 1;
    if (r == -EINVAL)
        return -EEXIST;
    if (r == -ENOENT)
        return symlinkat(target, dir, name) < 0 ? -errno : 0;
    if (r < 0)
        return r;
    (void)unlinkat(dir, HOOK_TEMPORARY, 0);
    if (symlinkat(target, dir, HOOK_TEMPORARY) < 0)
        return -errno;
    if (renameat(dir, HOOK_TEMPORARY, dir, name) < 0) {
        r = -errno;
        (void)unlinkat(dir, HOOK_TEMPORARY, 0);
        return r;
    }
    return 0;
}

bool hook_is_refused(struct hook_root *root, int r)
{
    if (r != -EROFS)
        return false;
    root->refused = true;
    return true;
}

const char *hook_reason(int r)
{
    switch (-r) {
    case EXDEV:
    case EBUSY:
        return "another mount covers it (a volume?)";
    case ENODEV:
        return "it is not a /dev of the container's own";
    case EEXIST:
        return "something that is not a link is there";
    case EINVAL:
        return "it is not a regular file";
    case EFBIG:
        return "it is far too large";
    default:
        return strerror(-r);
    }
}
