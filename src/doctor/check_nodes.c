/* The driver's device nodes: there, and the kernel's own. */

#include <string.h>

#include "doctor/check.h"

static void add_missing(const struct nvb_nodes *nodes, unsigned roles, struct nvb_str *missing,
                        size_t *seen)
{
    nvb_vec_foreach (node, nodes) {
        if (!(roles & 1u << node->role))
            continue;
        ++*seen;
        if (!node->present)
            nvb_str_addf(missing, "%s%s", missing->len ? ", " : "", node->path);
    }
}

/* Nodes of ROLES: those of the driver, and those of each GPU. Returns how many there should be. */
static size_t find_missing(struct nvb_doctor *d, unsigned roles, struct nvb_str *ret)
{
    size_t seen = 0;
    add_missing(nvb_doctor_nodes(d), roles, ret, &seen);
    nvb_vec_foreach (gpu, nvb_doctor_gpus(d))
        add_missing(&gpu->nodes, roles, ret, &seen);
    return seen;
}

static void check_control(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_str_ struct nvb_str missing = NVB_STR_INIT;
    size_t count = find_missing(d, 1u << NVB_NODE_CTL | 1u << NVB_NODE_GPU, &missing);
    if (!missing.len) {
        nvb_finding_ok(f, "/dev/nvidiactl and the nodes of %zu GPU%s", count - 1,
                       count == 2 ? "" : "s");
        return;
    }
    nvb_finding_fail(f, "missing: %s", missing.data);
    struct nvb_fix_step *step = nvb_fix_root(f, "nvidia-modprobe", NULL);
    nvb_vec_foreach (gpu, nvb_doctor_gpus(d))
        if (gpu->minor >= 0)
            nvb_strv_addf(&step->argv, "-c%d", gpu->minor);
}

static void check_one(struct nvb_doctor *d, struct nvb_finding *f, enum nvb_node_role role,
                      const char *needed, const char *option, const char *second)
{
    _cleanup_str_ struct nvb_str missing = NVB_STR_INIT;
    (void)find_missing(d, 1u << role, &missing);
    if (!missing.len) {
        nvb_finding_ok(f, "/dev/nvidia-%s is there", role == NVB_NODE_UVM ? "uvm" : "modeset");
        return;
    }
    nvb_finding_fail(f, "%s is missing: %s", missing.data, needed);
    (void)nvb_fix_root(f, "nvidia-modprobe", option, second, NULL);
}

static void check_uvm(struct nvb_doctor *d, struct nvb_finding *f)
{
    check_one(d, f, NVB_NODE_UVM, "CUDA does not start without it", "-u", "-c0");
}

static void check_uvm_tools(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_str_ struct nvb_str missing = NVB_STR_INIT;
    (void)find_missing(d, 1u << NVB_NODE_UVM_TOOLS, &missing);
    if (!missing.len) {
        nvb_finding_ok(f, "/dev/nvidia-uvm-tools is there");
        return;
    }
    nvb_finding_warn(f, "%s is missing: profilers need it", missing.data);
    (void)nvb_fix_root(f, "nvidia-modprobe", "-u", "-c0", NULL);
}

static void check_modeset(struct nvb_doctor *d, struct nvb_finding *f)
{
    check_one(d, f, NVB_NODE_MODESET, "Vulkan and EGL do not start without it", "-m", NULL);
}

static void check_dri(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_str_ struct nvb_str missing = NVB_STR_INIT;
    size_t count = find_missing(d, 1u << NVB_NODE_CARD | 1u << NVB_NODE_RENDER, &missing);
    if (missing.len) {
        nvb_finding_fail(f, "missing: %s", missing.data);
        (void)nvb_fix_root(f, "modprobe", "nvidia-drm", "modeset=1", NULL);
        (void)nvb_fix_root(f, "udevadm", "trigger", "--subsystem-match=drm", NULL);
    } else if (count == 0) {
        nvb_finding_warn(f, "the driver made no /dev/dri node: nvidia-drm is not loaded, so no "
                            "Wayland and no GBM in containers");
        (void)nvb_fix_root(f, "modprobe", "nvidia-drm", "modeset=1", NULL);
    } else {
        nvb_finding_ok(f, "%zu nodes in /dev/dri", count);
    }
}

/* ---- numbers ---- */

/* The major number that the kernel gave NAME (proc_devices(5)), or -1. */
static long find_major(const char *devices, const char *name)
{
    for (const char *line = devices; *line; line += *line == '\n') {
        const char *digits = line + strspn(line, " ");
        size_t len = strcspn(line, "\n");
        size_t n = strspn(digits, "0123456789");
        const char *word = digits + n + (digits[n] == ' ');
        size_t word_len = (size_t)(line + len - word);
        uint64_t major;
        if (strncmp(line, "Block", 5) == 0)
            break;
        if (n && word_len == strlen(name) && memcmp(word, name, word_len) == 0 &&
            nvb_parse_u64(digits, n, 10, &major) == 0)
            return (long)major;
        line += len;
    }
    return -1;
}

static long major_of(const char *devices, enum nvb_node_role role)
{
    if (role == NVB_NODE_UVM || role == NVB_NODE_UVM_TOOLS)
        return find_major(devices, "nvidia-uvm");
    if (role == NVB_NODE_CARD || role == NVB_NODE_RENDER)
        return find_major(devices, "drm");
    long major = find_major(devices, "nvidia");
    return major >= 0 ? major : find_major(devices, "nvidia-frontend");
}

/* A module that is loaded again may get another major number, and nodes stay as they were. */
static void find_wrong(const struct nvb_nodes *nodes, const char *devices, size_t *seen,
                       const struct nvb_node **ret)
{
    nvb_vec_foreach (node, nodes) {
        long major = major_of(devices, node->role);
        if (!node->present || !node->is_device || major < 0)
            continue;
        ++*seen;
        if (node->major != (unsigned long)major)
            *ret = node;
    }
}

static void check_major(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *devices = nvb_doctor_read(d, "/proc/devices");
    const struct nvb_node *wrong = NULL;
    size_t seen = 0;
    if (!devices) {
        nvb_finding_skip(f, "there is no /proc/devices");
        return;
    }
    find_wrong(nvb_doctor_nodes(d), devices, &seen, &wrong);
    nvb_vec_foreach (gpu, nvb_doctor_gpus(d))
        find_wrong(&gpu->nodes, devices, &seen, &wrong);
    if (wrong) {
        nvb_finding_fail(f,
                         "%s has the major number %u and the kernel's is %ld: the module was "
                         "loaded anew since",
                         wrong->path, wrong->major, major_of(devices, wrong->role));
        (void)nvb_fix_root(f, "rm", "-f", wrong->path, NULL);
        if (wrong->role == NVB_NODE_UVM || wrong->role == NVB_NODE_UVM_TOOLS)
            (void)nvb_fix_root(f, "nvidia-modprobe", "-u", "-c0", NULL);
        else
            (void)nvb_fix_root(f, "nvidia-modprobe", "-c0", "-m", NULL);
    } else if (seen == 0) {
        nvb_finding_skip(f, "the nodes are stand-ins of a simulated or recorded host");
    } else {
        nvb_finding_ok(f, "%zu nodes have the numbers that the kernel gave", seen);
    }
}

const struct nvb_check nvb_checks_nodes[] = {
    NVB_CHECK("node-control", "nodes", "/dev/nvidiactl and /dev/nvidia0 …", "driver-module",
              check_control),
    NVB_CHECK("node-uvm", "nodes", "/dev/nvidia-uvm", "driver-module", check_uvm),
    NVB_CHECK("node-uvm-tools", "nodes", "/dev/nvidia-uvm-tools", "driver-module", check_uvm_tools),
    NVB_CHECK("node-modeset", "nodes", "/dev/nvidia-modeset", "driver-module", check_modeset),
    NVB_CHECK("node-dri", "nodes", "the GPUs' nodes in /dev/dri", "driver-module", check_dri),
    NVB_CHECK("node-numbers", "nodes", "the nodes' major numbers against /proc/devices",
              "driver-module", check_major),
    {0},
};
