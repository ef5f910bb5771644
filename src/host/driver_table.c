#include "host/driver_table.h"

#include <string.h>

/*
 * Sources. Names, SONAMEs and who opens what: the files of Debian's 550.163.01-2 packages
 * (readelf -d, and the names in their string tables) and published file lists of the .run
 * installer, 550.54 to 550.100; names of other branches, and the places of configuration: NVIDIA's
 * libnvidia-container (nvc_info.c) and container toolkit. Capabilities: those that
 * libnvidia-container gives, and for what it does not know those of the library that loads it.
 */

#define COMPUTE  NVB_CAP_COMPUTE
#define GRAPHICS NVB_CAP_GRAPHICS
#define UTILITY  NVB_CAP_UTILITY
#define VIDEO    NVB_CAP_VIDEO
#define DISPLAY  NVB_CAP_DISPLAY
#define NGX      NVB_CAP_NGX

#if defined(__aarch64__)
#define NATIVE_ARCH      "aarch64"
#define NATIVE_MULTIARCH "aarch64-linux-gnu"
#define OTHER_MULTIARCH  "x86_64-linux-gnu"
#define COMPAT_MULTIARCH "arm-linux-gnueabihf"
#define COMPAT_ARCH      "armv7l"
#else
#define NATIVE_ARCH      "x86_64"
#define NATIVE_MULTIARCH "x86_64-linux-gnu"
#define OTHER_MULTIARCH  "aarch64-linux-gnu"
#define COMPAT_MULTIARCH "i386-linux-gnu"
#define COMPAT_ARCH      "i686"
#endif

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

#define LIBRARY(stem_, soname_, capabilities_, ...)                                                \
    {                                                                                              \
        .stem = stem_, .soname = soname_, .capabilities = capabilities_ __VA_OPT__(, ) __VA_ARGS__ \
    }

const struct nvb_driver_library nvb_driver_libraries[] = {
    /* Management. */
    LIBRARY("libnvidia-ml", ".so.1", UTILITY, .devnames = NAMES("libnvidia-ml.so")),
    LIBRARY("libnvidia-cfg", ".so.1", UTILITY, .devnames = NAMES("libnvidia-cfg.so")),
    LIBRARY("libnvidia-nscq", ".so.2", UTILITY, .devnames = NAMES("libnvidia-nscq.so"),
            .optional = true),

    /* CUDA and OpenCL. */
    LIBRARY("libcuda", ".so.1", COMPUTE, .devnames = NAMES("libcuda.so"), .is_checked = true),
    LIBRARY("libcudadebugger", ".so.1", COMPUTE),
    LIBRARY("libnvidia-ptxjitcompiler", ".so.1", COMPUTE,
            .devnames = NAMES("libnvidia-ptxjitcompiler.so")),
    LIBRARY("libnvidia-fatbinaryloader", NULL, COMPUTE, .optional = true),
    /* libnvidia-opencl opens it by its whole file name. */
    LIBRARY("libnvidia-nvvm", ".so.4", COMPUTE, .devnames = NAMES("libnvidia-nvvm.so"),
            .by_file_name = true),
    LIBRARY("libnvidia-nvvm70", ".so.4", COMPUTE, .own_version = true, .optional = true),
    LIBRARY("libnvidia-compiler", NULL, COMPUTE, .optional = true),
    LIBRARY("libnvidia-opencl", ".so.1", COMPUTE),
    LIBRARY("libnvidia-tileiras", NULL, COMPUTE, .optional = true),
    LIBRARY("libnvidia-pkcs11", NULL, COMPUTE),
    LIBRARY("libnvidia-pkcs11-openssl3", NULL, COMPUTE),
    LIBRARY("libnvidia-sandboxutils", ".so.1", UTILITY, .optional = true),
    /* The shader compiler: glcore and eglcore are linked with it. */
    LIBRARY("libnvidia-gpucomp", NULL, COMPUTE | GRAPHICS),
    LIBRARY("libnvidia-allocator", ".so.1", COMPUTE | GRAPHICS,
            .devnames = NAMES("libnvidia-allocator.so"),
            .module_paths = NAMES("/usr/lib/@multiarch@/gbm/nvidia-drm_gbm.so",
                                  "/usr/@libdir@/gbm/nvidia-drm_gbm.so")),

    /* Video. libvdpau looks in its own module folder first, then opens the development name by
     * the loader's path. */
    LIBRARY("libvdpau_nvidia", ".so.1", VIDEO, .devnames = NAMES("libvdpau_nvidia.so"),
            .subfolder = "vdpau"),
    LIBRARY("libnvcuvid", ".so.1", VIDEO, .devnames = NAMES("libnvcuvid.so")),
    LIBRARY("libnvidia-encode", ".so.1", VIDEO, .devnames = NAMES("libnvidia-encode.so")),
    LIBRARY("libnvidia-opticalflow", ".so.1", VIDEO, .devnames = NAMES("libnvidia-opticalflow.so")),

    /* OpenGL, EGL, Vulkan, OptiX. */
    LIBRARY("libGLX_nvidia", ".so.0", GRAPHICS, .devnames = NAMES("libGLX_indirect.so.0")),
    LIBRARY("libEGL_nvidia", ".so.0", GRAPHICS),
    LIBRARY("libGLESv1_CM_nvidia", ".so.1", GRAPHICS),
    LIBRARY("libGLESv2_nvidia", ".so.2", GRAPHICS),
    LIBRARY("libnvidia-glcore", NULL, GRAPHICS),
    LIBRARY("libnvidia-eglcore", NULL, GRAPHICS),
    LIBRARY("libnvidia-glsi", NULL, GRAPHICS),
    LIBRARY("libnvidia-tls", NULL, GRAPHICS),
    LIBRARY("libnvidia-glvkspirv", NULL, GRAPHICS),
    LIBRARY("libnvidia-cbl", NULL, GRAPHICS, .optional = true),
    LIBRARY("libnvidia-rtcore", NULL, GRAPHICS),
    LIBRARY("libnvoptix", ".so.1", GRAPHICS),
    LIBRARY("libnvidia-fbc", ".so.1", GRAPHICS, .devnames = NAMES("libnvidia-fbc.so")),
    LIBRARY("libnvidia-ifr", ".so.1", GRAPHICS, .devnames = NAMES("libnvidia-ifr.so"),
            .optional = true),
    LIBRARY("libnvidia-vulkan-producer", NULL, GRAPHICS,
            .devnames = NAMES("libnvidia-vulkan-producer.so"), .optional = true),
    LIBRARY("libnvidia-present", NULL, GRAPHICS, .optional = true),
    LIBRARY("libnvidia-vksc-core", ".so.1", GRAPHICS, .optional = true),
    LIBRARY("libnvidia-egl-gbm", ".so.1", GRAPHICS | DISPLAY, .own_version = true),
    LIBRARY("libnvidia-egl-wayland", ".so.1", GRAPHICS | DISPLAY, .own_version = true),
    LIBRARY("libnvidia-egl-wayland2", ".so.1", GRAPHICS | DISPLAY, .own_version = true,
            .optional = true),
    LIBRARY("libnvidia-egl-xcb", ".so.1", GRAPHICS | DISPLAY, .own_version = true,
            .optional = true),
    LIBRARY("libnvidia-egl-xlib", ".so.1", GRAPHICS | DISPLAY, .own_version = true,
            .optional = true),

    /* NGX: DLSS and its like. */
    LIBRARY("libnvidia-ngx", ".so.1", NGX),
    LIBRARY("libnvidia-api", ".so.1", NGX | GRAPHICS, .own_version = true),

    /* What nvidia-settings draws with. */
    LIBRARY("libnvidia-gtk2", NULL, DISPLAY),
    LIBRARY("libnvidia-gtk3", NULL, DISPLAY),
    LIBRARY("libnvidia-wayland-client", NULL, DISPLAY),
};
const size_t nvb_driver_library_count = NVB_COUNT(nvb_driver_libraries);

/* Programs: as PATH has them, then where Debian's alternatives and others keep them. */
static const char *const program_folders[] = {
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib/nvidia/current",
    "/usr/local/bin",
    "/usr/local/nvidia/bin",
    "/run/current-system/sw/bin",
    NULL,
};

/* Configuration: the search paths of libglvnd, the Vulkan loader and ocl-icd, then NixOS and the
 * drivers that a cluster's node image brings. */
static const char *const share_folders[] = {
    "/usr/share", "/etc", "/usr/local/share", "/run/opengl-driver/share", "/usr/local/nvidia", NULL,
};
static const char *const etc_folders[] = {
    "/etc",
    "/usr/share",
    "/run/opengl-driver/etc",
    NULL,
};

/* X.Org's module folders: its own, then those that a driver's snippet adds as ModulePath. */
#define UBUNTU_XORG "/usr/lib/" NATIVE_MULTIARCH "/nvidia/xorg"
static const char *const xorg_extension_folders[] = {
    "/usr/lib/xorg/modules/extensions",
    "/usr/lib64/xorg/modules/extensions",
    UBUNTU_XORG,
    "/usr/lib/nvidia/xorg",
    "/usr/lib64/nvidia/xorg",
    "/usr/lib/xorg/modules/nvidia/extensions",
    "/usr/lib/xorg/modules/updates/extensions",
    "/usr/lib64/xorg/modules/updates/extensions",
    NULL,
};
static const char *const xorg_driver_folders[] = {
    "/usr/lib/xorg/modules/drivers",         "/usr/lib64/xorg/modules/drivers",         UBUNTU_XORG,
    "/usr/lib/xorg/modules/updates/drivers", "/usr/lib64/xorg/modules/updates/drivers", NULL,
};

/* Where Debian keeps both, for when no alternative brings them into X.Org's folders. */
static const char *const debian_xorg_folders[] = {"/usr/lib/nvidia/current", NULL};

/* Daemons' sockets. Where there is a /var/run as well, it leads there. */
static const char *const socket_folders[] = {"/run", NULL};

#define GLXSERVER "libglxserver_nvidia.so"

#define PLACE(kind_, capabilities_, name_, folders_, container_folder_, ...)                  \
    {                                                                                         \
        .kind = NVB_FILE_##kind_, .capabilities = capabilities_, .name = name_,               \
        .folders = folders_, .container_folder = container_folder_ __VA_OPT__(, ) __VA_ARGS__ \
    }

const struct nvb_driver_place nvb_driver_places[] = {
    PLACE(BINARY, UTILITY, "nvidia-smi", program_folders, "/usr/bin", .apart_folder = "/bin"),
    PLACE(BINARY, UTILITY, "nvidia-debugdump", program_folders, "/usr/bin", .apart_folder = "/bin"),
    PLACE(BINARY, UTILITY, "nvidia-persistenced", program_folders, "/usr/bin",
          .apart_folder = "/bin"),
    PLACE(BINARY, UTILITY, "nv-fabricmanager", program_folders, "/usr/bin", .apart_folder = "/bin"),
    PLACE(BINARY, COMPUTE, "nvidia-cuda-mps-control", program_folders, "/usr/bin",
          .apart_folder = "/bin"),
    PLACE(BINARY, COMPUTE, "nvidia-cuda-mps-server", program_folders, "/usr/bin",
          .apart_folder = "/bin"),
    PLACE(BINARY, DISPLAY, "nvidia-xconfig", program_folders, "/usr/bin"),

    /* libglvnd and its EGL platforms. */
    PLACE(CONFIG, GRAPHICS | DISPLAY, "glvnd/egl_vendor.d/10_nvidia.json", share_folders,
          "/usr/share"),
    PLACE(CONFIG, GRAPHICS | DISPLAY, "egl/egl_external_platform.d/09_nvidia_wayland2.json",
          share_folders, "/usr/share"),
    PLACE(CONFIG, GRAPHICS | DISPLAY, "egl/egl_external_platform.d/10_nvidia_wayland.json",
          share_folders, "/usr/share"),
    PLACE(CONFIG, GRAPHICS | DISPLAY, "egl/egl_external_platform.d/15_nvidia_gbm.json",
          share_folders, "/usr/share"),
    PLACE(CONFIG, GRAPHICS | DISPLAY, "egl/egl_external_platform.d/20_nvidia_xcb.json",
          share_folders, "/usr/share"),
    PLACE(CONFIG, GRAPHICS | DISPLAY, "egl/egl_external_platform.d/20_nvidia_xlib.json",
          share_folders, "/usr/share"),

    /* The Vulkan loader reads /etc whatever XDG_DATA_DIRS says. RPM packages put the architecture
     * into the name. Node images of clusters have a "vulkan" right in the driver's root, with the
     * layer beside the driver. */
    PLACE(CONFIG, GRAPHICS, "vulkan/icd.d/nvidia_icd.json", share_folders, "/etc",
          .apart_folder = "/"),
    PLACE(CONFIG, GRAPHICS, "vulkan/icd.d/nvidia_icd." NATIVE_ARCH ".json", share_folders, "/etc"),
    PLACE(CONFIG, GRAPHICS, "vulkan/icd.d/nvidia_icd." COMPAT_ARCH ".json", share_folders, "/etc",
          .is_32bit = true),
    PLACE(CONFIG, GRAPHICS, "vulkan/implicit_layer.d/nvidia_layers.json", share_folders, "/etc",
          .apart_folder = "/"),
    PLACE(CONFIG, GRAPHICS, "vulkan/icd.d/nvidia_layers.json", share_folders, "/etc",
          .apart_folder = "/", .container_name = "vulkan/implicit_layer.d/nvidia_layers.json"),
    PLACE(CONFIG, GRAPHICS, "vulkansc/icd.d/nvidia_icd_vksc.json", share_folders, "/etc"),
    PLACE(CONFIG, GRAPHICS, "vulkansc/icd.d/nvidia_icd." NATIVE_ARCH ".json", share_folders,
          "/etc"),

    PLACE(CONFIG, GRAPHICS, "nvidia/nvoptix.bin", share_folders, "/usr/share"),
    PLACE(CONFIG, GRAPHICS, "nvidia/nvidia-application-profiles-@version@-rc", share_folders,
          "/usr/share"),
    PLACE(CONFIG, COMPUTE, "OpenCL/vendors/nvidia.icd", etc_folders, "/etc"),

    /* The X server. Its snippets name module folders of the host, so these stay where they are.
     * nvidia_drv.so does not tell its version; the other module, found before, does. */
    PLACE(MODULE, DISPLAY | GRAPHICS, GLXSERVER, xorg_extension_folders, NULL,
          .version_suffix = ".@version@"),
    PLACE(MODULE, DISPLAY | GRAPHICS, GLXSERVER, debian_xorg_folders,
          "/usr/lib/xorg/modules/extensions", .version_suffix = ".@version@"),
    PLACE(MODULE, DISPLAY | GRAPHICS, "nvidia_drv.so", xorg_driver_folders, NULL,
          .needs = GLXSERVER),
    PLACE(MODULE, DISPLAY | GRAPHICS, "nvidia_drv.so", debian_xorg_folders,
          "/usr/lib/xorg/modules/drivers", .needs = GLXSERVER),

    PLACE(SOCKET, UTILITY, "nvidia-persistenced/socket", socket_folders, "/run"),
    PLACE(SOCKET, COMPUTE | UTILITY, "nvidia-fabricmanager/socket", socket_folders, "/run"),
};
const size_t nvb_driver_place_count = NVB_COUNT(nvb_driver_places);

const struct nvb_library_folder nvb_library_folders[] = {
    /* Debian, Ubuntu and the .run installer on both. */
    {"/usr/lib/" NATIVE_MULTIARCH "/nvidia/current", true, false, false},
    {"/usr/lib/" NATIVE_MULTIARCH, false, false, false},
    /* Fedora, RHEL, SUSE; Arch and others. */
    {"/usr/lib64", false, false, false},
    {"/usr/lib", false, false, false},
    /* Node images of clusters, NixOS. */
    {"/usr/local/nvidia/lib64", true, false, false},
    {"/run/opengl-driver/lib", true, false, false},
    {"/usr/lib/" OTHER_MULTIARCH "/nvidia/current", true, false, false},
    {"/usr/lib/" OTHER_MULTIARCH, false, false, false},

    {"/usr/lib/" COMPAT_MULTIARCH "/nvidia/current", true, true, false},
    {"/usr/lib/" COMPAT_MULTIARCH, false, true, false},
    {"/usr/lib32", false, true, false},
    {"/usr/local/nvidia/lib", true, true, false},
    {"/run/opengl-driver-32/lib", true, true, false},

    /* A driver's root that holds nothing else: node images of clusters again. */
    {"/lib64", false, false, true},
};
const size_t nvb_library_folder_count = NVB_COUNT(nvb_library_folders);

/* The kernel's own search path (Documentation/driver-api/firmware/fw_search_path.rst). What lies
 * in two of these is the same file by its version, so the ones that packages of the driver use come
 * first, and the others are asked only where those have nothing. */
const char *const nvb_firmware_folders[] = {
    "/lib/firmware/updates/nvidia/@version@",
    "/lib/firmware/nvidia/@version@",
    NULL,
};
const char *const nvb_firmware_other_folders[] = {
    "@firmware@/nvidia/@version@",
    "/lib/firmware/updates/@release@/nvidia/@version@",
    "/lib/firmware/@release@/nvidia/@version@",
    NULL,
};

/* Every distribution has another name for them: 10-nvidia.conf, nvidia.conf,
 * nvidia-drm-outputclass.conf, 10-nvidia-drm-outputclass.conf. */
const char *const nvb_xorg_snippet_folders[] = {
    "/usr/share/X11/xorg.conf.d",
    "/etc/X11/xorg.conf.d",
    NULL,
};

const struct nvb_driver_library *nvb_driver_library_find(const char *stem, size_t len)
{
    for (size_t i = 0; i < nvb_driver_library_count; i++) {
        const struct nvb_driver_library *row = &nvb_driver_libraries[i];
        if (strncmp(row->stem, stem, len) == 0 && row->stem[len] == '\0')
            return row;
    }
    return NULL;
}

bool nvb_driver_library_is_likely(const char *stem, size_t len)
{
    static const char prefix[] = "libnvidia-";
    static const char suffix[] = "_nvidia";
    if (len > sizeof(prefix) - 1 && memcmp(stem, prefix, sizeof(prefix) - 1) == 0)
        return true;
    return len > sizeof(suffix) + 2 && memcmp(stem, "lib", 3) == 0 &&
           memcmp(stem + len - (sizeof(suffix) - 1), suffix, sizeof(suffix) - 1) == 0;
}
