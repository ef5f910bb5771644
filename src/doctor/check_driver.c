/* The GPU itself and the driver on the host: everything else stands on these. */

#include <string.h>

#include "doctor/check.h"
#include "host/driver_table.h"

#define NVIDIA 0x10de
#define AMD    0x1002
#define INTEL  0x8086

/* NVSwitches are bridges; a GPU is a display (03) or an accelerator (12). */
static bool is_gpu(const struct nvb_doctor_pci *pci)
{
    return pci->class >> 16 == 0x03 || pci->class >> 16 == 0x12;
}

static const struct nvb_doctor_pci *find_vendor(struct nvb_doctor *d, unsigned vendor)
{
    nvb_vec_foreach (pci, nvb_doctor_pci(d))
        if (is_gpu(pci) && pci->vendor == vendor)
            return pci;
    return NULL;
}

static size_t count_gpus(struct nvb_doctor *d)
{
    size_t count = 0;
    nvb_vec_foreach (pci, nvb_doctor_pci(d))
        count += is_gpu(pci) && pci->vendor == NVIDIA;
    return count;
}

/* Windows' own kernel has no NVIDIA PCI device: the GPU is behind one node for all. */
static bool is_wsl(struct nvb_doctor *d)
{
    _cleanup_free_ char *version = nvb_doctor_read_line(d, "/proc/version");
    return version && (strstr(version, "microsoft") || strstr(version, "Microsoft"));
}

static void check_wsl(struct nvb_doctor *d, struct nvb_finding *f)
{
    if (!is_wsl(d)) {
        nvb_finding_skip(f, "this is not Windows' subsystem");
    } else if (!nvb_doctor_exists(d, "/dev/dxg")) {
        nvb_finding_fail(f, "Windows' subsystem without /dev/dxg: no GPU reaches it");
        (void)nvb_fix_text(f, "install NVIDIA's driver for Windows and run, in Windows: "
                              "wsl --update && wsl --shutdown");
    } else if (!nvb_doctor_exists(d, "/usr/lib/wsl/lib/libcuda.so.1")) {
        nvb_finding_fail(f, "/dev/dxg is there, the driver's /usr/lib/wsl/lib/libcuda.so.1 is not");
        (void)nvb_fix_text(f, "install NVIDIA's driver for Windows; none inside Linux");
    } else {
        nvb_finding_warn(f, "Windows' subsystem: the GPU is /dev/dxg, which nvbind does not bring "
                            "by itself");
        (void)nvb_fix_text(f, "nvbind run --device /dev/dxg -v /usr/lib/wsl:/usr/lib/wsl:ro "
                              "-e LD_LIBRARY_PATH=/usr/lib/wsl/lib IMAGE");
    }
}

static void check_gpu(struct nvb_doctor *d, struct nvb_finding *f)
{
    size_t on_bus = count_gpus(d);
    size_t of_driver = nvb_doctor_gpus(d)->count;
    if (d->gpu_trouble) {
        nvb_finding_fail(f, "%s", d->gpu_trouble);
        (void)nvb_fix_text(f, "reboot: the driver's own files are not as a driver writes them");
    } else if (of_driver && on_bus > of_driver) {
        nvb_finding_warn(f, "%zu NVIDIA GPUs on the PCI bus, and the driver has %zu", on_bus,
                         of_driver);
        (void)nvb_fix_text(f, "sudo dmesg | grep NVRM  tells why the driver left one alone");
    } else if (of_driver) {
        nvb_finding_ok(f, "%zu NVIDIA GPU%s", of_driver, of_driver == 1 ? "" : "s");
    } else if (on_bus) {
        nvb_finding_ok(f, "%zu NVIDIA GPU%s on the PCI bus, first %s", on_bus,
                       on_bus == 1 ? "" : "s", find_vendor(d, NVIDIA)->address);
    } else if (find_vendor(d, AMD)) {
        nvb_finding_fail(f, "no NVIDIA GPU in this machine, but AMD's at %s",
                         find_vendor(d, AMD)->address);
        (void)nvb_fix_text(f, "nvbind run --gpu amd.com/gpu=all IMAGE, once AMD's tool has written "
                              "a CDI specification");
    } else if (is_wsl(d)) {
        nvb_finding_skip(f, "Windows' subsystem shows no GPU on a bus");
    } else {
        const char *also = find_vendor(d, INTEL) ? ", only Intel's graphics" : "";
        nvb_finding_fail(f, "no NVIDIA GPU in this machine%s", also);
        (void)nvb_fix_text(f, "to try nvbind without one: nvbind simulate /tmp/gpus --gpus 2 && "
                              "nvbind --host-root /tmp/gpus doctor");
    }
}

/* Nouveau, and vfio for virtual machines: a GPU has one driver at a time. */
static void check_bound(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_pci *other = NULL;
    nvb_vec_foreach (pci, nvb_doctor_pci(d))
        if (is_gpu(pci) && pci->vendor == NVIDIA && pci->driver &&
            strcmp(pci->driver, "nvidia") != 0)
            other = pci;
    if (other && strcmp(other->driver, "nouveau") == 0) {
        nvb_finding_fail(f, "GPU %s has the driver nouveau, so NVIDIA's cannot take it",
                         other->address);
        (void)nvb_fix_write(f, true, "/etc/modprobe.d/nvbind-nouveau.conf",
                            "blacklist nouveau\noptions nouveau modeset=0\n");
        if (nvb_doctor_distribution(d)->manager == NVB_MANAGER_APT)
            (void)nvb_fix_root(f, "update-initramfs", "-u", NULL);
        else if (nvb_doctor_distribution(d)->manager == NVB_MANAGER_PACMAN)
            (void)nvb_fix_root(f, "mkinitcpio", "-P", NULL);
        else
            (void)nvb_fix_root(f, "dracut", "--force", NULL);
        nvb_fix_root(f, "systemctl", "reboot", NULL)->by_hand = true;
    } else if (other) {
        nvb_finding_warn(f, "GPU %s has the driver %s: no container can use it", other->address,
                         other->driver);
        (void)nvb_fix_text(f, "nothing, where it is meant for virtual machines; else take it out "
                              "of their configuration (vfio-pci.ids) and reboot");
    } else if (nvb_doctor_exists(d, "/sys/module/nouveau") && !nvb_doctor_module(d)) {
        nvb_finding_warn(f, "the module nouveau is loaded");
        (void)nvb_fix_write(f, true, "/etc/modprobe.d/nvbind-nouveau.conf",
                            "blacklist nouveau\noptions nouveau modeset=0\n");
    } else {
        nvb_finding_ok(f, "no other driver has a GPU of NVIDIA's");
    }
}

static const struct nvb_driver_file *find_library(const struct nvb_driver *driver,
                                                  const char *soname)
{
    nvb_vec_foreach (file, &driver->files)
        if (file->kind == NVB_FILE_LIBRARY && !file->is_32bit && file->soname &&
            strcmp(file->soname, soname) == 0)
            return file;
    return NULL;
}

/*
 * The version of the libcuda that programs find, whatever module is loaded: discovery looks for the
 * module's. Owned, or NULL.
 */
static char *cuda_version(struct nvb_doctor *d)
{
    for (size_t i = 0; i < nvb_library_folder_count; i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/libcuda.so.1", nvb_library_folders[i].path);
        _cleanup_free_ char *real = NULL;
        if (nvb_library_folders[i].is_32bit ||
            nvb_root_resolve(&d->host.driver, path, -1, &real) < 0)
            continue;
        const char *at = strstr(nvb_path_base(real), ".so.");
        if (at && strcmp(at, ".so.1") != 0)
            return nvb_strdup(at + strlen(".so."));
    }
    return NULL;
}

static void check_libraries(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_driver *driver = nvb_doctor_driver(d);
    const bool cuda = find_library(driver, "libcuda.so.1") != NULL;
    const bool ml = find_library(driver, "libnvidia-ml.so.1") != NULL;
    _cleanup_free_ char *other = cuda ? NULL : cuda_version(d);
    if (d->driver_trouble) {
        nvb_finding_fail(f, "%s", d->driver_trouble);
        nvb_fix_install(f, d, NVB_PACKAGE_DRIVER, "the NVIDIA driver");
    } else if (other && nvb_doctor_module(d)) {
        nvb_finding_ok(f, "libcuda.so.1 of %s, which is not the module's version", other);
    } else if (!cuda && !ml && !nvb_doctor_module(d)) {
        nvb_finding_fail(f, "the NVIDIA driver is not installed: neither its libraries nor its "
                            "kernel module are there");
        nvb_fix_install(f, d, NVB_PACKAGE_DRIVER, "the NVIDIA driver");
    } else if (!cuda || !ml) {
        nvb_finding_fail(f, "the driver's %s is not installed",
                         cuda ? "libnvidia-ml.so.1" : "libcuda.so.1");
        nvb_fix_install(f, d, NVB_PACKAGE_DRIVER, "the NVIDIA driver's libraries");
    } else {
        nvb_finding_ok(f, "libcuda.so.1 and libnvidia-ml.so.1 of %s", driver->version);
    }
}

static void check_module(struct nvb_doctor *d, struct nvb_finding *f)
{
    const char *version = nvb_doctor_module(d);
    if (d->version_trouble) {
        nvb_finding_fail(f, "%s", d->version_trouble);
        (void)nvb_fix_root(f, "modprobe", "nvidia", NULL);
    } else if (version) {
        nvb_finding_ok(f, "the kernel module nvidia %s is loaded", version);
    } else {
        nvb_finding_fail(f, "the kernel module nvidia is not loaded");
        (void)nvb_fix_root(f, "modprobe", "nvidia", NULL);
        nvb_fix_text(f, "where modprobe says that there is none: the driver's module was not built "
                        "for this kernel (dkms status)");
    }
}

/* efivarfs puts four bytes of attributes before the value. */
static void check_secure_boot(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char variable[] =
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    _cleanup_str_ struct nvb_str value = NVB_STR_INIT;
    if (nvb_doctor_module(d)) {
        nvb_finding_ok(f, "the module is loaded, so its signature was accepted");
    } else if (nvb_root_read(&d->host.root, variable, 64, &value, NULL) != 0 || value.len < 5) {
        nvb_finding_skip(f, "this machine did not start by UEFI");
    } else if (value.data[4] == 0) {
        nvb_finding_ok(f, "Secure Boot is off");
    } else {
        nvb_finding_warn(f, "Secure Boot is on and the module is not loaded: the kernel refuses "
                            "one that is not signed by a key it knows");
        if (nvb_doctor_distribution(d)->manager == NVB_MANAGER_APT)
            nvb_fix_root(f, "mokutil", "--import", "/var/lib/dkms/mok.pub", NULL)->by_hand = true;
        (void)nvb_fix_text(f, "sudo dmesg | grep -i 'nvidia.*signature'  says whether it is that");
    }
}

static void check_version(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_free_ char *library = cuda_version(d);
    const char *module = nvb_doctor_module(d);
    if (!module || !library) {
        nvb_finding_skip(f, "there are no two versions to compare");
        return;
    }
    if (strcmp(library, module) == 0) {
        nvb_finding_ok(f, "module and libraries are %s", module);
        return;
    }
    nvb_finding_fail(f,
                     "the kernel module is %s and libcuda is %s: a driver was upgraded and the "
                     "old module is still loaded",
                     module, library);
    nvb_fix_root(f, "systemctl", "reboot", NULL)->by_hand = true;
    (void)nvb_fix_text(f, "or, with no program on the GPU: sudo rmmod nvidia_drm nvidia_modeset "
                          "nvidia_uvm nvidia && sudo modprobe nvidia");
}

const struct nvb_check nvb_checks_driver[] = {
    NVB_CHECK("wsl2", "driver", "/proc/version, /dev/dxg, /usr/lib/wsl/lib", NULL, check_wsl),
    NVB_CHECK("gpu", "driver", "display devices on the PCI bus, /proc/driver/nvidia/gpus", NULL,
              check_gpu),
    NVB_CHECK("driver-bound", "driver", "which kernel driver has each GPU", "gpu", check_bound),
    NVB_CHECK("driver-libraries", "driver", "libcuda and libnvidia-ml, by the loader's cache",
              "gpu", check_libraries),
    NVB_CHECK("driver-module", "driver", "/proc/driver/nvidia/version", "gpu", check_module),
    NVB_CHECK("driver-secure-boot", "driver", "the firmware's variable SecureBoot", "gpu",
              check_secure_boot),
    NVB_CHECK("driver-version", "driver", "the module's version and libcuda's", "driver-module",
              check_version),
    {0},
};
