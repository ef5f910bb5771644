/* The driver's services, and GPUs that are cut into parts. */

#include <string.h>

#include "doctor/check.h"

#define CAPABILITIES "/proc/driver/nvidia/capabilities"

static void check_persistenced(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_gpu *asleep = NULL;
    nvb_vec_foreach (gpu, nvb_doctor_gpus(d))
        if (!gpu->uuid)
            asleep = gpu;
    if (nvb_doctor_exists(d, "/run/nvidia-persistenced/socket")) {
        nvb_finding_ok(f, "nvidia-persistenced keeps the GPUs initialised");
    } else if (!asleep) {
        nvb_finding_ok(f, "the GPUs are initialised");
    } else {
        nvb_finding_warn(f,
                         "GPU %s is not initialised, so the first program on it waits for seconds",
                         asleep->pci);
        if (nvb_doctor_exists(d, "/usr/bin/nvidia-persistenced"))
            (void)nvb_fix_root(f, "systemctl", "enable", "--now", "nvidia-persistenced", NULL);
        else
            nvb_fix_install(f, d, NVB_PACKAGE_PERSISTENCED, "nvidia-persistenced");
    }
}

static bool has_switches(struct nvb_doctor *d)
{
    nvb_vec_foreach (pci, nvb_doctor_pci(d))
        if (pci->vendor == 0x10de && pci->class >> 8 == 0x0680)
            return true;
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_doctor_list(d, "/proc/driver/nvidia-nvswitch/devices", NULL, &names);
    return names.count > 0;
}

static void check_fabric(struct nvb_doctor *d, struct nvb_finding *f)
{
    if (!has_switches(d)) {
        nvb_finding_skip(f, "this machine has no NVSwitch");
    } else if (nvb_doctor_exists(d, "/run/nvidia-fabricmanager/socket") ||
               nvb_doctor_exists(d, "/run/nvidia-fabricmanager/fm_ipc.socket")) {
        nvb_finding_ok(f, "the fabric manager runs");
    } else {
        nvb_finding_fail(f, "this machine has NVSwitches and no fabric manager: CUDA ends with "
                            "'system not yet initialized'");
        if (nvb_doctor_exists(d, "/usr/bin/nv-fabricmanager"))
            (void)nvb_fix_root(f, "systemctl", "enable", "--now", "nvidia-fabricmanager", NULL);
        else
            nvb_fix_install(f, d, NVB_PACKAGE_FABRIC_MANAGER,
                            "the fabric manager of the driver's "
                            "version");
    }
}

/* ---- MIG (NVIDIA Multi-Instance GPU User Guide, "Device Nodes and Capabilities") ---- */

/* The minor that an access file gives for /dev/nvidia-caps, or -1. */
static long read_minor(struct nvb_doctor *d, const char *folder)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/access", folder);
    _cleanup_free_ char *text = nvb_doctor_read(d, path);
    const char *at = text ? strstr(text, "DeviceFileMinor:") : NULL;
    uint64_t n;
    if (!at)
        return -1;
    at += strlen("DeviceFileMinor:");
    at += strspn(at, " \t");
    return nvb_parse_u64(at, strspn(at, "0123456789"), 10, &n) < 0 || n > 65535 ? -1 : (long)n;
}

struct mig {
    size_t instances, parts; /* GPU instances, compute instances */
    char *lone;              /* an instance without a compute instance */
    char *missing;           /* a node that is not there */
};

static void look_at_node(struct nvb_doctor *d, const char *folder, struct mig *mig)
{
    long minor = read_minor(d, folder);
    struct stat st;
    if (minor < 0 || mig->missing)
        return;
    _cleanup_free_ char *node = nvb_strdupf("/dev/nvidia-caps/nvidia-cap%ld", minor);
    if (nvb_root_stat(&d->host.dev, node, &st) < 0)
        mig->missing = TAKE_PTR(node);
}

static void look_at_instance(struct nvb_doctor *d, const char *folder, struct mig *mig)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    size_t parts = 0;
    nvb_doctor_list(d, folder, NULL, &names);
    look_at_node(d, folder, mig);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *part = nvb_strdupf("%s/%s", folder, names.items[i]);
        if (!nvb_has_prefix(names.items[i], "ci"))
            continue;
        look_at_node(d, part, mig);
        parts++;
    }
    mig->instances++;
    mig->parts += parts;
    if (parts == 0 && !mig->lone)
        mig->lone = nvb_strdup(folder + strlen(CAPABILITIES) + 1);
}

static void look_at_gpus(struct nvb_doctor *d, struct mig *mig)
{
    _cleanup_strv_ struct nvb_strv gpus = {0};
    nvb_doctor_list(d, CAPABILITIES, NULL, &gpus);
    for (size_t i = 0; i < gpus.count; i++) {
        _cleanup_free_ char *folder = nvb_strdupf(CAPABILITIES "/%s/mig", gpus.items[i]);
        _cleanup_strv_ struct nvb_strv instances = {0};
        if (!nvb_has_prefix(gpus.items[i], "gpu"))
            continue;
        nvb_doctor_list(d, folder, NULL, &instances);
        for (size_t k = 0; k < instances.count; k++) {
            _cleanup_free_ char *instance = nvb_strdupf("%s/%s", folder, instances.items[k]);
            if (nvb_has_prefix(instances.items[k], "gi"))
                look_at_instance(d, instance, mig);
        }
    }
}

static void check_mig(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct mig mig = {0};
    look_at_gpus(d, &mig);
    if (mig.instances == 0) {
        nvb_finding_skip(f, "no GPU is cut into MIG instances");
    } else if (mig.lone) {
        nvb_finding_fail(f, "MIG is half configured: %s has no compute instance", mig.lone);
        (void)nvb_fix_root(f, "nvidia-smi", "mig", "-cci", NULL);
    } else if (mig.missing) {
        nvb_finding_fail(f, "%s is missing: a MIG device cannot be opened without it", mig.missing);
        struct nvb_fix_step *step = nvb_fix_root(f, "nvidia-modprobe", "-f", NULL);
        nvb_strv_add(&step->argv, CAPABILITIES "/mig/config");
        nvb_strv_add(&step->argv, "-f");
        nvb_strv_add(&step->argv, CAPABILITIES "/mig/monitor");
        (void)nvb_fix_text(f, "nvidia-smi makes the nodes of all instances when root starts it: "
                              "sudo nvidia-smi -L");
    } else {
        nvb_finding_ok(f, "%zu GPU instances, %zu compute instances, with their nodes",
                       mig.instances, mig.parts);
    }
    free(mig.lone);
    free(mig.missing);
}

static void check_mps(struct nvb_doctor *d, struct nvb_finding *f)
{
    const char *folder = nvb_doctor_env(d, "CUDA_MPS_PIPE_DIRECTORY");
    _cleanup_free_ char *control = nvb_strdupf("%s/control", folder ? folder : "/tmp/nvidia-mps");
    if (nvb_doctor_exists(d, control)) {
        nvb_finding_ok(f, "MPS listens at %s", control);
        return;
    }
    nvb_finding_warn(f, "no MPS control daemon: there is no %s", control);
    (void)nvb_fix_user(f, "nvidia-cuda-mps-control", "-d", NULL);
}

const struct nvb_check nvb_checks_service[] = {
    NVB_CHECK("persistenced", "driver", "initialised GPUs, nvidia-persistenced's socket",
              "driver-module", check_persistenced),
    NVB_CHECK("fabric-manager", "driver", "NVSwitches and the fabric manager's socket",
              "driver-module", check_fabric),
    NVB_CHECK("mig", "driver", "GPU and compute instances and their nodes in /dev/nvidia-caps",
              "driver-module", check_mig),
    NVB_CHECK_ON_REQUEST("mps", "driver", "the control daemon of CUDA's multi-process service",
                         "driver-module", check_mps),
    {0},
};
