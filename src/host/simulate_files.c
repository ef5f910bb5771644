#include "host/elf_write.h"
#include "host/simulate_parts.h"

/* "%s" in a path stands for the driver's version. */
struct file {
    const char *path;   /* as the .run installer has it */
    const char *debian; /* as Debian's packages have it; NULL: the same */
    const char *text;
};

#define ICD(version, library)                     \
    "{\n    \"file_format_version\" : \"" version \
    "\",\n    \"ICD\" : {\n        \"library_path\" : \"" library "\"\n    }\n}\n"

static const struct file configs[] = {
    {"usr/share/glvnd/egl_vendor.d/10_nvidia.json", NULL, ICD("1.0.0", "libEGL_nvidia.so.0")},
    {"usr/share/egl/egl_external_platform.d/10_nvidia_wayland.json", NULL,
     ICD("1.0.0", "libnvidia-egl-wayland.so.1")},
    {"usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json", NULL,
     ICD("1.0.0", "libnvidia-egl-gbm.so.1")},
    {"etc/vulkan/icd.d/nvidia_icd.json", "usr/share/vulkan/icd.d/nvidia_icd.json",
     "{\n    \"file_format_version\" : \"1.0.1\",\n    \"ICD\": {\n"
     "        \"library_path\": \"libGLX_nvidia.so.0\",\n"
     "        \"api_version\" : \"1.3.277\"\n    }\n}\n"},
    {"etc/vulkan/implicit_layer.d/nvidia_layers.json",
     "usr/share/vulkan/implicit_layer.d/nvidia_layers.json",
     "{\n    \"file_format_version\" : \"1.0.0\",\n    \"layer\": {\n"
     "        \"name\": \"VK_LAYER_NV_optimus\",\n        \"type\": \"INSTANCE\",\n"
     "        \"library_path\": \"libGLX_nvidia.so.0\",\n"
     "        \"api_version\" : \"1.3.277\",\n        \"implementation_version\" : \"1\",\n"
     "        \"description\" : \"NVIDIA Optimus layer\",\n"
     "        \"enable_environment\": {\"__NV_PRIME_RENDER_OFFLOAD\": \"1\"},\n"
     "        \"disable_environment\": {\"DISABLE_LAYER_NV_OPTIMUS_1\": \"\"}\n    }\n}\n"},
    {"etc/OpenCL/vendors/nvidia.icd", NULL, "libnvidia-opencl.so.1\n"},
    {"usr/share/nvidia/nvoptix.bin", "usr/lib/" MULTIARCH "/nvidia/current/nvoptix.bin",
     "Weights of a simulated driver.\n"},
    {"usr/share/nvidia/nvidia-application-profiles-%s-rc", NULL, "{\"rules\": []}\n"},
    {"usr/share/nvidia/nvidia-application-profiles-%s-key-documentation", NULL, "{}\n"},
    {"usr/share/X11/xorg.conf.d/nvidia-drm-outputclass.conf", NULL,
     "Section \"OutputClass\"\n    Identifier \"nvidia\"\n    MatchDriver \"nvidia-drm\"\n"
     "    Driver \"nvidia\"\nEndSection\n"},
    {"usr/lib/firmware/nvidia/%s/gsp_ga10x.bin", NULL, "Firmware of a simulated driver.\n"},
    {"usr/lib/firmware/nvidia/%s/gsp_tu10x.bin", NULL, "Firmware of a simulated driver.\n"},
    {"etc/os-release", NULL,
     "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n"
     "VERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"},
};

/* nvidia-smi ends as the real one without a kernel driver. */
static const struct {
    const char *folder, *name;
    uint8_t status;
} programs[] = {
    {"usr/bin", "nvidia-smi", 9},
    {"usr/bin", "nvidia-debugdump", 1},
    {"usr/bin", "nvidia-persistenced", 1},
    {"usr/bin", "nvidia-cuda-mps-control", 1},
    {"usr/bin", "nvidia-cuda-mps-server", 1},
};

static int put_config(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                      const struct file *file, struct nvb_error **err)
{
    bool debian = options->layout == NVB_SIMULATE_DEBIAN && file->debian;
    const char *pattern = debian ? file->debian : file->path;
    const char *mark = strstr(pattern, "%s");

    if (!mark)
        return nvb_tree_put_text(tree, pattern, file->text, err);

    _cleanup_free_ char *path = nvb_strdupf("%.*s%s%s", (int)(mark - pattern), pattern,
                                            options->version, mark + strlen("%s"));

    return nvb_tree_put_text(tree, path, file->text, err);
}

static int put_programs(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                        struct nvb_error **err)
{
    for (size_t i = 0; i < NVB_COUNT(programs); i++) {
        const char *name = programs[i].name;
        bool behind_link =
            options->layout == NVB_SIMULATE_DEBIAN && strcmp(name, "nvidia-smi") == 0;
        _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
        _cleanup_free_ char *text =
            nvb_strdupf("%s: simulated driver %s: no GPU answers\n", name, options->version);
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", programs[i].folder, name);

        nvb_elf_write_program(nvb_elf_write_native(), text, programs[i].status, &elf);
        if (nvb_tree_put(tree, behind_link ? "usr/lib/nvidia/current/nvidia-smi" : path, elf.data,
                         elf.len, 0755, err))
            return -1;
    }
    return 0;
}

/* ---- X.Org, alternatives
 * ---------------------------------------------------------------------------------- */

static int put_module(const struct nvb_tree *tree, const char *path, const char *soname,
                      struct nvb_error **err)
{
    const struct nvb_elf_function function = {.name = NVB_SIMULATED_SYMBOL, .result = 1};
    const struct nvb_elf_library library = {
        .machine = nvb_elf_write_native(),
        .soname = soname,
        .functions = &function,
        .function_count = 1,
    };
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;

    nvb_elf_write_library(&library, &elf);
    return nvb_tree_put(tree, path, elf.data, elf.len, 0644, err);
}

static int put_xorg_as_run(const struct nvb_tree *tree, const char *version, struct nvb_error **err)
{
    static const char folder[] = "usr/lib/xorg/modules/extensions/";
    _cleanup_free_ char *glx = nvb_strdupf("libglxserver_nvidia.so.%s", version);
    _cleanup_free_ char *path = nvb_strdupf("%s%s", folder, glx);
    _cleanup_free_ char *link = nvb_strdupf("%slibglxserver_nvidia.so", folder);

    if (put_module(tree, "usr/lib/xorg/modules/drivers/nvidia_drv.so", "nvidia_drv.so", err) ||
        put_module(tree, path, "libglxserver_nvidia.so", err))
        return -1;
    return nvb_tree_link(tree, link, glx, err);
}

/* The other names that lead through the alternatives; those of libraries are made with them. */
static int put_alternatives(const struct nvb_tree *tree, const char *version,
                            struct nvb_error **err)
{
    static const struct {
        const char *path, *target;
    } links[] = {
        {"usr/share/nvidia/nvoptix.bin", "/etc/alternatives/nvidia--nvoptix.bin"},
        {"etc/alternatives/nvidia--nvoptix.bin",
         "/usr/lib/" MULTIARCH "/nvidia/current/nvoptix.bin"},
        {"usr/bin/nvidia-smi", "/etc/alternatives/nvidia--nvidia-smi"},
        {"etc/alternatives/nvidia--nvidia-smi", "/usr/lib/nvidia/current/nvidia-smi"},
        {"usr/lib/xorg/modules/drivers/nvidia_drv.so", "/etc/alternatives/glx--nvidia_drv.so"},
        {"etc/alternatives/glx--nvidia_drv.so", "/usr/lib/nvidia/nvidia_drv.so"},
        {"usr/lib/nvidia/nvidia_drv.so", "/etc/alternatives/nvidia--nvidia_drv.so"},
        {"etc/alternatives/nvidia--nvidia_drv.so", "/usr/lib/nvidia/current/nvidia_drv.so"},
        {"usr/lib/xorg/modules/extensions/libglxserver_nvidia.so",
         "/etc/alternatives/glx--libglxserver_nvidia.so"},
        {"etc/alternatives/glx--libglxserver_nvidia.so", "/usr/lib/nvidia/libglxserver_nvidia.so"},
        {"usr/lib/nvidia/libglxserver_nvidia.so",
         "/etc/alternatives/nvidia--libglxserver_nvidia.so"},
        {"etc/alternatives/nvidia--libglxserver_nvidia.so",
         "/usr/lib/nvidia/current/libglxserver_nvidia.so"},
    };
    _cleanup_free_ char *glx = nvb_strdupf("libglxserver_nvidia.so.%s", version);
    _cleanup_free_ char *path = nvb_strdupf("usr/lib/nvidia/current/%s", glx);

    if (put_module(tree, "usr/lib/nvidia/current/nvidia_drv.so", "nvidia_drv.so", err) ||
        put_module(tree, path, "libglxserver_nvidia.so", err) ||
        nvb_tree_link(tree, "usr/lib/nvidia/current/libglxserver_nvidia.so", glx, err))
        return -1;
    for (size_t i = 0; i < NVB_COUNT(links); i++) {
        if (nvb_tree_link(tree, links[i].path, links[i].target, err))
            return -1;
    }
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

int nvb_simulate_files(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                       struct nvb_error **err)
{
    /* A machine whose /usr is merged, as every current distribution has it. */
    static const struct {
        const char *path, *target;
    } links[] = {{"bin", "usr/bin"}, {"sbin", "usr/sbin"}, {"lib", "usr/lib"}};

    for (size_t i = 0; i < NVB_COUNT(links); i++) {
        if (nvb_tree_link(tree, links[i].path, links[i].target, err))
            return -1;
    }
    if (nvb_tree_folder(tree, "usr/sbin", err) || nvb_tree_folder(tree, "run", err))
        return -1;
    for (size_t i = 0; i < NVB_COUNT(configs); i++) {
        if (put_config(tree, options, &configs[i], err))
            return -1;
    }
    if (put_programs(tree, options, err))
        return -1;
    if (options->layout == NVB_SIMULATE_DEBIAN)
        return put_alternatives(tree, options->version, err);
    return put_xorg_as_run(tree, options->version, err);
}
