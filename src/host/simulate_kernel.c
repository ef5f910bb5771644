#include <inttypes.h>

#include "host/simulate_parts.h"

/* A data centre GPU that a PCI database knows, and the display chip of a server's management
 * controller: a card node that no GPU container may be given. */
#define GPU_MODEL  "NVIDIA A100-SXM4-40GB"
#define GPU_DEVICE 0x20b0
#define GPU_CLASS  0x030200
#define BMC_PCI    "0000:03:00.0"
#define BMC_VENDOR 0x1a03
#define BMC_DEVICE 0x2000
#define VGA_CLASS  0x030000

#if defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#define ARCHITECTURE "x86_64"
#endif

static const char stand_in[] = "A stand-in for a device node of a simulated host.\n";

static const char char_devices[] = "Character devices:\n"
                                   "  1 mem\n"
                                   "  4 tty\n"
                                   "  5 /dev/tty\n"
                                   " 10 misc\n"
                                   "136 pts\n"
                                   "195 nvidia\n"
                                   "195 nvidia-modeset\n"
                                   "195 nvidiactl\n"
                                   "226 drm\n"
                                   "234 nvidia-uvm\n"
                                   "235 nvidia-caps\n"
                                   "\n"
                                   "Block devices:\n"
                                   "  8 sd\n"
                                   "259 blkext\n";

static const char params[] = "ResmanDebugLevel: 4294967295\n"
                             "RmLogonRC: 1\n"
                             "ModifyDeviceFiles: 1\n"
                             "DeviceFileUID: 0\n"
                             "DeviceFileGID: 0\n"
                             "DeviceFileMode: 438\n"
                             "InitializeSystemMemoryAllocations: 1\n"
                             "UsePageAttributeTable: 4294967295\n"
                             "EnableMSI: 1\n"
                             "EnablePCIeGen3: 0\n"
                             "MemoryPoolSize: 0\n"
                             "KMallocHeapMaxSize: 0\n"
                             "VMallocHeapMaxSize: 0\n"
                             "IgnoreMMIOCheck: 0\n"
                             "EnableStreamMemOPs: 0\n"
                             "EnableUserNUMAManagement: 1\n"
                             "NvLinkDisable: 0\n"
                             "RmProfilingAdminOnly: 1\n"
                             "PreserveVideoMemoryAllocations: 0\n"
                             "EnableS0ixPowerManagement: 0\n"
                             "EnableGpuFirmware: 18\n"
                             "EnableDbgBreakpoint: 0\n"
                             "RegistryDwords: \"\"\n"
                             "TemporaryFilePath: \"\"\n"
                             "ExcludedGpus: \"\"\n";

/* Every second bus, as behind switches; 64 of them stay below bus 0x90. */
static char *gpu_pci(unsigned index)
{
    return nvb_strdupf("0000:%02x:00.0", 0x10 + 2 * index);
}

/* Every bit of the result depends on every bit of VALUE (MurmurHash3's last step): neighbours'
 * UUIDs then differ from the first digit on, as those of real GPUs do. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

/* The same for an index in every tree, and different for every index. */
static char *gpu_uuid(unsigned index)
{
    uint64_t high = mix(2 * (uint64_t)index + 1), low = mix(high);

    return nvb_strdupf("GPU-%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64,
                       high >> 32, high >> 16 & 0xffff, high & 0xfff, low >> 48 & 0xfff,
                       low & UINT64_C(0xffffffffffff));
}

/* ---- small files ---------------------------------------------------------------------------- */

static int put_node(const struct nvb_tree *tree, const char *path, struct nvb_error **err)
{
    return nvb_tree_put(tree, path, stand_in, strlen(stand_in), 0666, err);
}

/* FOLDER/NAME with a formatted text. */
static int put_attribute(const struct nvb_tree *tree, const char *folder, const char *name,
                         struct nvb_error **err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static int put_attribute(const struct nvb_tree *tree, const char *folder, const char *name,
                         struct nvb_error **err, const char *format, ...)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    va_list args;

    va_start(args, format);
    nvb_str_addv(&text, format, args);
    va_end(args);
    return nvb_tree_put(tree, path, text.data, text.len, 0444, err);
}

/* ---- sys and dev/dri ------------------------------------------------------------------------ */

struct pci_device {
    const char *address;
    unsigned vendor, device, class;
    unsigned card;
    int render; /* -1: none */
};

static int put_drm(const struct nvb_tree *tree, const struct pci_device *device, const char *folder,
                   const char *kind, unsigned minor, struct nvb_error **err)
{
    const char *label =
        device->render >= 0 && minor == (unsigned)device->render ? "render" : "card";
    _cleanup_free_ char *drm = nvb_strdupf("%s/drm/%s%u", folder, kind, minor);
    _cleanup_free_ char *node = nvb_strdupf("dev/dri/%s%u", kind, minor);
    _cleanup_free_ char *link = nvb_strdupf("dev/dri/by-path/pci-%s-%s", device->address, label);
    _cleanup_free_ char *target = nvb_strdupf("../%s%u", kind, minor);

    if (put_attribute(tree, drm, "dev", err, "226:%u\n", minor) || put_node(tree, node, err))
        return -1;
    return nvb_tree_link(tree, link, target, err);
}

static int put_pci_device(const struct nvb_tree *tree, const struct pci_device *device,
                          struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_strdupf("sys/devices/pci0000:00/%s", device->address);
    _cleanup_free_ char *link = nvb_strdupf("sys/bus/pci/devices/%s", device->address);
    _cleanup_free_ char *target = nvb_strdupf("../../../devices/pci0000:00/%s", device->address);

    if (put_attribute(tree, folder, "vendor", err, "0x%04x\n", device->vendor) ||
        put_attribute(tree, folder, "device", err, "0x%04x\n", device->device) ||
        put_attribute(tree, folder, "class", err, "0x%06x\n", device->class) ||
        put_attribute(tree, folder, "numa_node", err, "0\n") ||
        nvb_tree_link(tree, link, target, err) ||
        put_drm(tree, device, folder, "card", device->card, err))
        return -1;
    if (device->render < 0)
        return 0;
    return put_drm(tree, device, folder, "renderD", (unsigned)device->render, err);
}

/* ---- one GPU -------------------------------------------------------------------------------- */

static int put_information(const struct nvb_tree *tree, unsigned index, const char *pci,
                           const char *version, struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_strdupf("proc/driver/nvidia/gpus/%s", pci);
    _cleanup_free_ char *uuid = gpu_uuid(index);

    return put_attribute(tree, folder, "information", err,
                         "Model: \t\t " GPU_MODEL "\n"
                         "IRQ:   \t\t %u\n"
                         "GPU UUID: \t %s\n"
                         "Video BIOS: \t 92.00.45.00.03\n"
                         "Bus Type: \t PCIe\n"
                         "DMA Size: \t 47 bits\n"
                         "DMA Mask: \t 0x7fffffffffff\n"
                         "Bus Location: \t %s\n"
                         "Device Minor: \t %u\n"
                         "GPU Firmware: \t %s\n"
                         "GPU Excluded:\t No\n",
                         100 + index, uuid, pci, index, version);
}

static int put_gpu(const struct nvb_tree *tree, unsigned index, const char *version,
                   struct nvb_error **err)
{
    _cleanup_free_ char *pci = gpu_pci(index);
    _cleanup_free_ char *node = nvb_strdupf("dev/nvidia%u", index);
    struct pci_device device = {
        .address = pci,
        .vendor = 0x10de,
        .device = GPU_DEVICE,
        .class = GPU_CLASS,
        .card = index + 1,
        .render = 128 + (int)index,
    };

    if (put_information(tree, index, pci, version, err) || put_node(tree, node, err))
        return -1;
    return put_pci_device(tree, &device, err);
}

/* ---- what all GPUs share -------------------------------------------------------------------- */

int nvb_simulate_capability(const struct nvb_tree *tree, const char *name, unsigned minor,
                            unsigned mode, struct nvb_error **err)
{
    _cleanup_free_ char *node = nvb_strdupf("dev/nvidia-caps/nvidia-cap%u", minor);

    if (put_attribute(tree, "proc/driver/nvidia/capabilities", name, err,
                      "DeviceFileMinor: %u\nDeviceFileMode: %u\nDeviceFileModify: 1\n", minor,
                      mode))
        return -1;
    return nvb_tree_put(tree, node, stand_in, strlen(stand_in), (mode_t)mode, err);
}

static int put_shared(const struct nvb_tree *tree, const char *version, struct nvb_error **err)
{
    static const char *const nodes[] = {
        "dev/nvidiactl", "dev/nvidia-uvm", "dev/nvidia-uvm-tools", "dev/nvidia-modeset", NULL,
    };

    for (size_t i = 0; nodes[i]; i++) {
        if (put_node(tree, nodes[i], err))
            return -1;
    }
    if (nvb_tree_put_text(tree, "proc/devices", char_devices, err) ||
        nvb_tree_put_text(tree, "proc/driver/nvidia/params", params, err) ||
        put_attribute(tree, "sys/module/nvidia", "version", err, "%s\n", version))
        return -1;
    return put_attribute(tree, "proc/driver/nvidia", "version", err,
                         "NVRM version: NVIDIA UNIX " ARCHITECTURE
                         " Kernel Module  %s  Tue Apr  8 12:41:17 UTC 2025\n"
                         "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14) \n",
                         version);
}

int nvb_simulate_kernel(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                        struct nvb_error **err)
{
    const struct pci_device display = {
        .address = BMC_PCI,
        .vendor = BMC_VENDOR,
        .device = BMC_DEVICE,
        .class = VGA_CLASS,
        .card = 0,
        .render = -1,
    };

    if (put_shared(tree, options->version, err) || put_pci_device(tree, &display, err) ||
        nvb_simulate_mig(tree, options, err))
        return -1;
    for (unsigned i = 0; i < options->gpus; i++) {
        if (put_gpu(tree, i, options->version, err))
            return -1;
    }
    return 0;
}
