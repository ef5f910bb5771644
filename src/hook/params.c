/*
 * Theory of operation. The mount is made by descriptors alone: the container's /proc is opened
 * without following a link and must be the root of a procfs; below it no path leads out and no link
 * is followed; what is laid over the file is a file of a new tmpfs that nothing else leads to.
 * Whatever the image or a volume put elsewhere, the mount cannot land on another file. It belongs
 * to the container's mount namespace and goes with it: where /proc is a volume whose mounts the
 * host shares ("/proc:/proc:shared"), the container's is first made one that only receives.
 */
#include "hook/params.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "hook/say.h"

#define PARAMS        "driver/nvidia/params"
#define KEY           "ModifyDeviceFiles:"
#define MAX_PARAMS    ((size_t)64 << 10)
#define PROC_ROOT_INO 1 /* include/linux/proc_fs.h, enum PROC_ROOT_INO */
#define COPY_NAME     "params"

static int open_proc(const struct hook_root *root)
{
    struct stat st;
    struct statfs fs;
    _cleanup_close_ int fd = nvb_path_open_in(root->fd, "/proc", O_PATH | O_DIRECTORY, 0,
                                              NVB_RESOLVE_NO_SYMLINKS | root->resolve);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    if ((unsigned long)fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INO)
        return -ENOENT;
    return TAKE_FD(fd);
}

int hook_change_params(const struct nvb_str *text, struct nvb_str *ret)
{
    const char *line = text->data;
    while (*line && !nvb_has_prefix(line, KEY)) {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (*line == '\0')
        return 1;
    const char *value = line + strlen(KEY);
    value += strspn(value, " \t");
    const char *end = value + strcspn(value, "\n");
    if (end - value == 1 && *value == '0')
        return 1;
    nvb_str_addn(ret, text->data, (size_t)(value - text->data));
    nvb_str_addc(ret, '0');
    nvb_str_add(ret, end);
    return 0;
}

/* A tmpfs that is mounted nowhere yet, with the file in it. Returns its descriptor or an errno. */
static int make_copy(const struct nvb_str *text)
{
    static const struct stat like = {.st_mode = 0444};
    _cleanup_close_ int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -errno;
    if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
        syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
        syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    _cleanup_close_ int mount = (int)syscall(
        SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (mount < 0)
        return -errno;
    int r = hook_write_file(mount, COPY_NAME, text, &like);
    if (r < 0)
        return r;
    return TAKE_FD(mount);
}

/* Lays the file of the detached mount COPY over TARGET, read-only. */
static int cover(int copy, int target)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    _cleanup_close_ int tree =
        (int)syscall(SYS_open_tree, copy, COPY_NAME, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -errno;
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    if (syscall(SYS_move_mount, tree, "", target, "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return -errno;
    return 0;
}

int hook_lay_over(int mount, int target, const struct nvb_str *text)
{
    struct mount_attr attr = {.propagation = MS_SLAVE};
    _cleanup_close_ int copy = make_copy(text);
    if (copy < 0)
        return copy;
    if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    return cover(copy, target);
}

void hook_hide_params(struct hook_root *root)
{
    _cleanup_str_ struct nvb_str old = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str new = NVB_STR_INIT;
    const unsigned resolve = NVB_RESOLVE_NO_XDEV | NVB_RESOLVE_NO_SYMLINKS | root->resolve;
    _cleanup_close_ int proc = open_proc(root);
    if (proc < 0)
        return;
    _cleanup_close_ int target = nvb_path_open_in(proc, PARAMS, O_PATH, 0, resolve);
    if (target == -ENOENT)
        return;
    _cleanup_close_ int fd = nvb_path_open_in(proc, PARAMS, O_RDONLY | O_NONBLOCK, 0, resolve);
    int r = target < 0 ? target : fd;
    if (r >= 0)
        r = hook_read_all(fd, MAX_PARAMS, &old);
    if (r == 0 && hook_change_params(&old, &new) == 1)
        return;
    if (r == 0)
        r = hook_lay_over(proc, target, &new);
    if (r < 0)
        hook_say("programs inside may make device nodes: /proc/%s: %s", PARAMS, hook_reason(r));
}
