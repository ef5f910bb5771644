#include "host/node.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * Who needs which node: as libnvidia-container has it for compute and display (nvc_mount.c), but
 * wider where a library of another capability was seen to open the node: encoders and OptiX go
 * through CUDA and with it through UVM, Vulkan and EGL through the mode setting.
 */
static unsigned capabilities_of(enum nvb_node_role role)
{
    switch (role) {
    case NVB_NODE_UVM:
        return NVB_CAP_COMPUTE | NVB_CAP_VIDEO | NVB_CAP_GRAPHICS | NVB_CAP_NGX;
    case NVB_NODE_UVM_TOOLS:
        return NVB_CAP_COMPUTE;
    case NVB_NODE_MODESET:
    case NVB_NODE_CARD:
        return NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY;
    case NVB_NODE_RENDER:
        return NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY | NVB_CAP_VIDEO;
    case NVB_NODE_CTL:
    case NVB_NODE_GPU:
    case NVB_NODE_MIG_GI:
    case NVB_NODE_MIG_CI:
    case NVB_NODE_MIG_CONFIG:
    case NVB_NODE_MIG_MONITOR:
        break;
    }
    return 0;
}

static int open_folder(const struct nvb_host *host, const char *path, int *ret_fd,
                       struct nvb_error **err)
{
    int fd = nvb_root_openat(&host->dev, path, O_PATH | O_DIRECTORY);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd < 0) {
        _cleanup_free_ char *name = nvb_root_outside(&host->dev, path);
        return nvb_error_make(err, nvb_error_kind_of(-fd), -fd, "cannot open '%s'", name);
    }
    *ret_fd = fd;
    return 0;
}

int nvb_dev_folders_open(const struct nvb_host *host, struct nvb_dev_folders *ret,
                         struct nvb_error **err)
{
    _cleanup_dev_folders_ struct nvb_dev_folders folders = NVB_DEV_FOLDERS_INIT;
    if (open_folder(host, "/dev", &folders.dev, err) < 0 ||
        (folders.dev >= 0 && open_folder(host, "/dev/dri", &folders.dri, err) < 0))
        return -1;
    ret->dev = TAKE_FD(folders.dev);
    ret->dri = TAKE_FD(folders.dri);
    return 0;
}

int nvb_dev_folders_open_caps(const struct nvb_host *host, struct nvb_dev_folders *folders,
                              struct nvb_error **err)
{
    return folders->caps < 0 ? open_folder(host, "/dev/nvidia-caps", &folders->caps, err) : 0;
}

void nvb_dev_folders_done(struct nvb_dev_folders *folders)
{
    nvb_close_p(&folders->dev);
    nvb_close_p(&folders->dri);
    nvb_close_p(&folders->caps);
    *folders = (struct nvb_dev_folders)NVB_DEV_FOLDERS_INIT;
}

/* One call for a node that is no link; a link is followed inside the root. Returns 0 or a negative
 * errno. */
static int look(const struct nvb_host *host, const struct nvb_dev_folders *folders,
                const char *path, struct stat *ret)
{
    static const char dri[] = "/dev/dri/";
    static const char caps[] = "/dev/nvidia-caps/";
    int fd = folders->dev;
    const char *name = path + sizeof("/dev/") - 1;
    if (nvb_has_prefix(path, dri)) {
        fd = folders->dri;
        name = path + sizeof(dri) - 1;
    } else if (nvb_has_prefix(path, caps)) {
        fd = folders->caps;
        name = path + sizeof(caps) - 1;
    }
    if (fd < 0)
        return -ENOENT;
    if (fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISLNK(ret->st_mode) ? nvb_root_stat(&host->dev, path, ret) : 0;
}

int nvb_node_look(const struct nvb_host *host, const struct nvb_dev_folders *folders,
                  enum nvb_node_role role, const char *path, struct nvb_nodes *ret,
                  struct nvb_error **err)
{
    struct nvb_node node = {.role = role, .capabilities = capabilities_of(role)};
    struct stat st;
    int r = look(host, folders, path, &st);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR) {
        _cleanup_free_ char *name = nvb_root_outside(&host->dev, path);
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot look at '%s'", name);
    }
    if (r == 0 && S_ISCHR(st.st_mode)) {
        node.is_device = true;
        node.major = major(st.st_rdev);
        node.minor = minor(st.st_rdev);
    }
    /* On a machine of its own a regular file called nvidia0 is an accident, not a stand-in. */
    node.present =
        r == 0 && (node.is_device || (S_ISREG(st.st_mode) && !nvb_root_is_host(&host->dev)));
    if (node.present) {
        node.mode = st.st_mode & 07777;
        node.uid = st.st_uid;
        node.gid = st.st_gid;
    }
    node.path = nvb_strdup(path);
    nvb_vec_push(ret, node);
    return 0;
}

int nvb_host_find_control_nodes(const struct nvb_host *host, struct nvb_nodes *ret,
                                struct nvb_error **err)
{
    static const struct {
        enum nvb_node_role role;
        const char *path;
    } wanted[] = {
        {NVB_NODE_CTL, "/dev/nvidiactl"},
        {NVB_NODE_UVM, "/dev/nvidia-uvm"},
        {NVB_NODE_UVM_TOOLS, "/dev/nvidia-uvm-tools"},
        {NVB_NODE_MODESET, "/dev/nvidia-modeset"},
    };

    _cleanup_dev_folders_ struct nvb_dev_folders folders = NVB_DEV_FOLDERS_INIT;
    if (open_folder(host, "/dev", &folders.dev, err) < 0)
        return -1;
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    for (size_t i = 0; i < NVB_COUNT(wanted); i++)
        if (nvb_node_look(host, &folders, wanted[i].role, wanted[i].path, &nodes, err) < 0)
            return -1;
    *ret = TAKE_STRUCT(nodes);
    return 0;
}

void nvb_nodes_done(struct nvb_nodes *nodes)
{
    nvb_vec_foreach (node, nodes)
        free(node->path);
    nvb_vec_release(nodes);
}
