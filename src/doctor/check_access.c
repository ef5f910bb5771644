/* Who may use the nodes, and what gives or takes that right. */

#include <string.h>

#include "doctor/check.h"

#define PROPER_OPTIONS                                                            \
    "# Made by nvidia-modprobe and the driver with these owners and this mode.\n" \
    "options nvidia NVreg_DeviceFileUID=0 NVreg_DeviceFileGID=0 NVreg_DeviceFileMode=0666\n"
#define PROPER_RULES                                                                        \
    "# The nodes are made by the driver's own program, which sets the driver's own mode.\n" \
    "ACTION==\"add\", KERNEL==\"nvidia\", SUBSYSTEM==\"module\", "                          \
    "RUN+=\"/usr/bin/nvidia-modprobe -c0\"\n"                                               \
    "ACTION==\"add\", KERNEL==\"nvidia_uvm\", SUBSYSTEM==\"module\", "                      \
    "RUN+=\"/usr/bin/nvidia-modprobe -u -c0\"\n"

enum reach {
    REACH_NONE,
    REACH_GROUP, /* by one of the caller's further groups alone */
    REACH_OWN,   /* by owner, own group or as anybody */
};

static enum reach reach_of(const struct nvb_caller *caller, const struct nvb_node *node)
{
    const mode_t mode = node->mode;
    if (caller->uid == 0)
        return REACH_OWN;
    if (node->uid == caller->uid)
        return (mode & 0600) == 0600 ? REACH_OWN : REACH_NONE;
    if (node->gid == caller->gid)
        return (mode & 060) == 060 ? REACH_OWN : REACH_NONE;
    for (size_t i = 0; i < caller->group_count; i++)
        if (caller->groups[i] == node->gid)
            return (mode & 060) != 060 ? REACH_NONE : (mode & 06) == 06 ? REACH_OWN : REACH_GROUP;
    return (mode & 06) == 06 ? REACH_OWN : REACH_NONE;
}

typedef bool node_test(struct nvb_doctor *d, const struct nvb_node *node);

/* The first node that is there and for which TEST holds: the driver's, then each GPU's. */
static const struct nvb_node *find_node(struct nvb_doctor *d, node_test *test)
{
    nvb_vec_foreach (node, nvb_doctor_nodes(d))
        if (node->present && test(d, node))
            return node;
    nvb_vec_foreach (gpu, nvb_doctor_gpus(d))
        nvb_vec_foreach (node, &gpu->nodes)
            if (node->present && test(d, node))
                return node;
    return NULL;
}

static bool is_dri(const struct nvb_node *node)
{
    return node->role == NVB_NODE_CARD || node->role == NVB_NODE_RENDER;
}

static bool is_closed(struct nvb_doctor *d, const struct nvb_node *node)
{
    return !is_dri(node) && reach_of(&d->options->caller, node) == REACH_NONE;
}

static bool is_closed_dri(struct nvb_doctor *d, const struct nvb_node *node)
{
    return is_dri(node) && reach_of(&d->options->caller, node) == REACH_NONE;
}

static bool is_by_group(struct nvb_doctor *d, const struct nvb_node *node)
{
    return reach_of(&d->options->caller, node) == REACH_GROUP;
}

/* The name of group GID in /etc/group, owned; its number where it has none. */
static char *group_name(struct nvb_doctor *d, gid_t gid)
{
    _cleanup_free_ char *text = nvb_doctor_read(d, "/etc/group");
    char *name = text ? nvb_doctor_find_name(text, gid) : NULL;
    if (name)
        return name;
    return nvb_strdupf("%u", (unsigned)gid);
}

static void fix_group(struct nvb_doctor *d, struct nvb_finding *f, const char *group)
{
    (void)nvb_fix_root(f, "usermod", "-aG", group, nvb_doctor_user_name(d), NULL);
    (void)nvb_fix_text(f, "log out and in again, so that the session has the group");
}

static void fix_mode(struct nvb_finding *f)
{
    (void)nvb_fix_write(f, true, "/etc/modprobe.d/nvbind-nodes.conf", PROPER_OPTIONS);
    (void)nvb_fix_root(f, "chmod", "0666", "/dev/nvidiactl", "/dev/nvidia-uvm",
                       "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", NULL);
}

static void check_access(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_node *node = find_node(d, is_closed);
    if (!node) {
        nvb_finding_ok(f, d->options->caller.uid == 0 ? "root may use them all"
                                                      : "the caller may use them all");
        return;
    }
    _cleanup_free_ char *group = group_name(d, node->gid);
    nvb_finding_fail(f, "%s is closed to %s (mode %04o, group %s)", node->path,
                     nvb_doctor_user_name(d), (unsigned)node->mode, group);
    if ((node->mode & 060) == 060 && node->gid != 0) {
        fix_group(d, f, group);
        return;
    }
    fix_mode(f);
    struct nvb_fix_step *chmod = &f->fix.items[f->fix.count - 1];
    nvb_vec_foreach (gpu, nvb_doctor_gpus(d))
        nvb_vec_foreach (own, &gpu->nodes)
            if (own->role == NVB_NODE_GPU && own->present)
                nvb_strv_add(&chmod->argv, own->path);
}

static void check_groups(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_node *node = find_node(d, is_closed_dri);
    if (!node) {
        nvb_finding_ok(f, "no node in /dev/dri asks for a group that the caller lacks");
        return;
    }
    _cleanup_free_ char *group = group_name(d, node->gid);
    nvb_finding_warn(f, "%s belongs to group %s, which %s is not in: no graphics in containers",
                     node->path, group, nvb_doctor_user_name(d));
    if ((node->mode & 060) == 060)
        fix_group(d, f, group);
    else
        (void)nvb_fix_root(f, "udevadm", "trigger", "--subsystem-match=drm", NULL);
}

/* A rootless container has the caller's groups only where crun is told to keep them. */
static void check_kept(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_node *node;
    const char *runtime;
    if (!nvb_doctor_wants_rootless(d, f))
        return;
    node = find_node(d, is_by_group);
    runtime = nvb_doctor_oci_runtime(d);
    if (!node) {
        nvb_finding_ok(f, "no node is reached by a further group alone");
        return;
    }
    _cleanup_free_ char *group = group_name(d, node->gid);
    if (runtime && strcmp(runtime, "crun") == 0) {
        nvb_finding_ok(f, "%s needs group %s, which crun keeps with '--group-add keep-groups'",
                       node->path, group);
        return;
    }
    nvb_finding_warn(f, "%s needs group %s, and %s gives up a rootless caller's groups", node->path,
                     group, runtime ? runtime : "an OCI runtime other than crun");
    nvb_fix_install(f, d, NVB_PACKAGE_CRUN, "crun");
    (void)nvb_fix_text(f, "nvbind run --runtime crun --group-add keep-groups IMAGE");
}

/* ---- what the driver was told ---- */

static int read_parameter(const char *params, const char *name, uint64_t *ret)
{
    const char *at = strstr(params, name);
    if (!at || at[strlen(name)] != ':')
        return 1;
    at += strlen(name) + 1;
    at += strspn(at, " \t");
    return nvb_parse_u64(at, strspn(at, "0123456789"), 10, ret) < 0;
}

static void check_mode(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *params = nvb_doctor_read(d, "/proc/driver/nvidia/params");
    uint64_t mode;
    if (!params || read_parameter(params, "DeviceFileMode", &mode) != 0) {
        nvb_finding_skip(f, "there is no /proc/driver/nvidia/params");
        return;
    }
    nvb_vec_foreach (node, nvb_doctor_nodes(d)) {
        if (!node->present || !node->is_device || node->mode == mode)
            continue;
        nvb_finding_warn(f,
                         "%s has mode %04o and the driver was told %04o: the next one who starts "
                         "it sets that again",
                         node->path, (unsigned)node->mode, (unsigned)mode);
        (void)nvb_fix_write(f, true, "/etc/modprobe.d/nvbind-nodes.conf", PROPER_OPTIONS);
        return;
    }
    nvb_finding_ok(f, "the driver makes its nodes with mode %04o", (unsigned)mode);
}

static bool repairs_by_chmod(const char *rules)
{
    for (const char *line = rules; *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        _cleanup_free_ char *copy = nvb_strndup(line, len);
        if (copy[strspn(copy, " \t")] != '#' && strstr(copy, "nvidia") && strstr(copy, "RUN") &&
            strstr(copy, "chmod"))
            return true;
        line += len;
    }
    return false;
}

static void check_udev(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char *const folders[] = {"/etc/udev/rules.d", "/run/udev/rules.d",
                                          "/usr/local/lib/udev/rules.d"};
    size_t seen = 0;
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        _cleanup_strv_ struct nvb_strv names = {0};
        nvb_doctor_list(d, folders[i], ".rules", &names);
        for (size_t k = 0; k < names.count; k++) {
            _cleanup_free_ char *path = nvb_strdupf("%s/%s", folders[i], names.items[k]);
            _cleanup_free_ char *text = nvb_doctor_read(d, path);
            seen += text && strstr(text, "nvidia");
            if (!text || !repairs_by_chmod(text))
                continue;
            nvb_finding_warn(f,
                             "%s repairs permissions by chmod: it runs after programs have "
                             "looked, and opens what it was not meant for",
                             path);
            _cleanup_free_ char *kept = nvb_strdupf("%s.before-nvbind", path);
            (void)nvb_fix_root(f, "cp", "-p", path, kept, NULL);
            (void)nvb_fix_write(f, true, path, PROPER_RULES);
            (void)nvb_fix_write(f, true, "/etc/modprobe.d/nvbind-nodes.conf", PROPER_OPTIONS);
            (void)nvb_fix_root(f, "udevadm", "control", "--reload-rules", NULL);
            return;
        }
    }
    nvb_finding_ok(f, seen ? "the rules for the driver run no chmod" : "no rule of one's own");
}

const struct nvb_check nvb_checks_access[] = {
    NVB_CHECK("node-access", "nodes", "owner, group and mode of the driver's nodes",
              "driver-module", check_access),
    NVB_CHECK("node-groups", "nodes", "groups of the nodes in /dev/dri against the caller's",
              "driver-module", check_groups),
    NVB_CHECK("groups-kept", "nodes", "nodes that only a further group opens, and the OCI runtime",
              "driver-module", check_kept),
    NVB_CHECK("node-mode", "nodes", "the nodes' mode against /proc/driver/nvidia/params",
              "driver-module", check_mode),
    NVB_CHECK("udev-rules", "nodes", "udev rules that repair permissions by chmod", NULL,
              check_udev),
    {0},
};
