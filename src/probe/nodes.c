#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "probe/probe.h"

static bool is_gpu(const char *name)
{
    size_t prefix = strlen("nvidia");

    return nvb_has_prefix(name, "nvidia") && name[prefix] != '\0' &&
           strspn(name + prefix, "0123456789") == strlen(name + prefix);
}

/* Compute work needs these; the others serve some programs only, and often for some users only. */
static bool is_needed(const char *name)
{
    return is_gpu(name) || strcmp(name, "nvidiactl") == 0 || strcmp(name, "nvidia-uvm") == 0;
}

static void judge(struct nvb_probe_node *node, bool needed)
{
    if (node->type == NVB_PROBE_OTHER) {
        node->level = NVB_PROBE_FAILED;
        node->remark = nvb_strdup("neither a device nor a stand-in for one");
    } else if (node->errnum == 0) {
        node->level = NVB_PROBE_OK;
    } else {
        node->level = needed ? NVB_PROBE_FAILED : NVB_PROBE_NOTE;
        if (node->errnum == ENXIO || node->errnum == ENODEV)
            node->remark = nvb_strdup("no driver behind it");
        else if (node->errnum == EACCES)
            node->remark = nvb_strdupf("its mode, owner %u or group %u keep this user out",
                                       node->uid, node->gid);
        else if (node->errnum == EPERM)
            node->remark = nvb_strdup("the container may not use it: it was mounted or made, "
                                      "not given as a device");
    }
}

static void probe_node(const char *folder, const char *name, struct nvb_probe_nodes *ret)
{
    struct nvb_probe_node *node = nvb_vec_add(ret);
    bool top = strcmp(folder, "/dev") == 0;
    struct stat st = {0};

    node->path = nvb_strdupf("%s/%s", folder, name);
    node->type = NVB_PROBE_OTHER;
    if (stat(node->path, &st) == 0) {
        node->mode = st.st_mode & 07777;
        node->uid = st.st_uid;
        node->gid = st.st_gid;
        if (S_ISCHR(st.st_mode))
            node->type = NVB_PROBE_DEVICE;
        else if (S_ISREG(st.st_mode))
            node->type = NVB_PROBE_STAND_IN;
    }
    if (node->type == NVB_PROBE_DEVICE) {
        node->major = major(st.st_rdev);
        node->minor = minor(st.st_rdev);
    }
    node->is_gpu = top && is_gpu(name) && node->type != NVB_PROBE_OTHER;
    if (node->type != NVB_PROBE_OTHER) {
        int fd = open(node->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

        node->errnum = fd < 0 ? errno : 0;
        nvb_close_p(&fd);
    }
    judge(node, top && is_needed(name));
}

static void probe_folder(const char *folder, bool (*wanted)(const char *name),
                         struct nvb_probe_nodes *ret)
{
    DIR *dir = opendir(folder);

    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (wanted(entry->d_name))
            probe_node(folder, entry->d_name, ret);
    }
    closedir(dir);
}

static bool wanted_top(const char *name)
{
    return nvb_has_prefix(name, "nvidia") && strcmp(name, "nvidia-caps") != 0 &&
           strcmp(name, "nvidia-caps-imex-channels") != 0;
}

static bool wanted_capability(const char *name)
{
    return nvb_has_prefix(name, "nvidia-cap");
}

static bool wanted_dri(const char *name)
{
    return nvb_has_prefix(name, "card") || nvb_has_prefix(name, "renderD");
}

/* nvidia10 comes behind nvidia9. */
static int by_path(const void *a, const void *b)
{
    return strverscmp(((const struct nvb_probe_node *)a)->path,
                      ((const struct nvb_probe_node *)b)->path);
}

void nvb_probe_find_nodes(struct nvb_probe_nodes *ret)
{
    probe_folder("/dev", wanted_top, ret);
    probe_folder("/dev/nvidia-caps", wanted_capability, ret);
    probe_folder("/dev/dri", wanted_dri, ret);
    if (ret->count > 1)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_path);
}

void nvb_probe_nodes_done(struct nvb_probe_nodes *nodes)
{
    nvb_vec_foreach (node, nodes) {
        free(node->path);
        free(node->remark);
    }
    nvb_vec_release(nodes);
}
